//! Clean stop on SIGINT and SIGTERM: work in progress is rolled back, the second signal ends at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Connections that are busy with a statement: server connection id → how to reach that server again.
static BUSY: LazyLock<Mutex<HashMap<u32, mysql::Opts>>> = LazyLock::new(Mutex::default);

/// Whether a stop was asked for.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// [`Error::Interrupted`] once a stop was asked for; long loops call it.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn check() -> Result<()> {
    if requested() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Makes a connection known, so that a stop cancels its running statement.
pub(crate) fn register(id: u32, opts: mysql::Opts) {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner).insert(id, opts);
}

/// Forgets a connection.
pub(crate) fn forget(id: u32) {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// Starts the thread that waits for the signals.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn install() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signaux".into()).spawn(move || {
        for signal in signals.forever() {
            if REQUESTED.swap(true, Ordering::Relaxed) {
                std::process::exit(128 + signal);
            }
            log::warn!("arrêt demandé : le travail en cours est annulé proprement");
            cancel_statements();
        }
    })?;
    Ok(())
}

/// Asks each server to cancel what our connections are doing; their transactions then roll back.
fn cancel_statements() {
    let busy: Vec<_> =
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(id, opts)| (*id, opts.clone())).collect();
    for (id, opts) in busy {
        use mysql::prelude::Queryable;
        if let Err(error) = mysql::Conn::new(opts).and_then(|mut conn| conn.query_drop(format!("KILL QUERY {id}"))) {
            log::debug!("annulation de la requête {id} : {error}");
        }
    }
}
