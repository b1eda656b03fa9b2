//! Clean stop on SIGINT and SIGTERM: work in progress is rolled back, the second signal ends at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Whether what runs comes to its end when a stop is asked for.
static FINISHES: AtomicBool = AtomicBool::new(false);

/// What cancels work that waits for somebody else, such as a statement of the server.
static CANCEL: OnceLock<fn()> = OnceLock::new();

/// A stop was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted;

/// From now on a stop lets what runs come to its end: for a program that answers others. It is told so in its own words.
pub fn finish_first() {
    FINISHES.store(true, Ordering::Relaxed);
}

/// Whether a stop was asked for.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Fails once a stop was asked for; long loops call it.
pub fn check() -> Result<(), Interrupted> {
    if requested() { Err(Interrupted) } else { Ok(()) }
}

/// Waits, but no longer than until a stop is asked for.
///
/// # Errors
/// [`Interrupted`] as soon as it is.
pub fn sleep(time: Duration) -> Result<(), Interrupted> {
    let until = Instant::now() + time;
    loop {
        check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// Calls `cancel` when a stop is asked for. The first caller wins.
pub(crate) fn on_stop(cancel: fn()) {
    CANCEL.get_or_init(|| cancel);
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
            if FINISHES.load(Ordering::Relaxed) {
                continue;
            }
            log::warn!("arrêt demandé : le travail en cours est annulé proprement");
            // Apart from this thread, which has the next signal to hear: a server that is frozen answers no cancellation.
            if let Some(cancel) = CANCEL.get()
                && let Err(error) = std::thread::Builder::new().name("annulation".into()).spawn(*cancel)
            {
                log::debug!("annulation : {error}");
            }
        }
    })?;
    Ok(())
}
