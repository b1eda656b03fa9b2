//! Servers that answer no more: a statement may take its time, a server that greets nobody is frozen.
//!
//! Where a statement has been running for longer than a connection may take to be made (`DB_TIMEOUT`), a new connection to the same server is
//! tried. Two tries in a row without a greeting, or from a member that was cut off from its group, and the connections to that server are
//! cut: what was waiting fails and is tried again, on another node where there is one.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder};
use nix::sys::socket::{Shutdown, shutdown};

use crate::db::Flavour;
use crate::db::handshake;

/// Tries without a greeting after which a server is frozen.
const TRIES: u32 = 2;

/// What a connection may take to be made where nothing says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server of a connection, and the number it has there.
pub(super) type Place = (Arc<str>, u32);

/// A connection that may be busy with a statement, and how to reach its server again.
#[derive(Debug, Clone)]
pub(super) struct Busy {
    pub(super) opts: Opts,
    pub(super) flavour: Flavour,
    socket: RawFd,
    /// Since when, in milliseconds of this process and one; 0 when it is not.
    since: Arc<AtomicU64>,
}

static BUSY: LazyLock<Mutex<HashMap<Place, Busy>>> = LazyLock::new(Mutex::default);

pub(super) fn busy() -> MutexGuard<'static, HashMap<Place, Busy>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a connection known to the watch, and to whoever cancels statements, while it lives.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) place: Place,
    since: Arc<AtomicU64>,
}

impl Known {
    pub(super) fn new(place: Place, opts: &Opts, flavour: Flavour, socket: RawFd) -> Self {
        static STARTED: OnceLock<()> = OnceLock::new();
        STARTED.get_or_init(|| {
            if let Err(error) = std::thread::Builder::new().name("veille".into()).spawn(watch) {
                log::debug!("veille des serveurs : {error}");
            }
        });
        let since = Arc::default();
        busy().insert(place.clone(), Busy { opts: opts.clone(), flavour, socket, since: Arc::clone(&since) });
        Self { place, since }
    }

    pub(super) fn begin(&self) {
        self.since.store(now(), Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        busy().remove(&self.place);
    }
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64 + 1
}

fn watch() {
    // Last try, and how many in a row were without a greeting.
    let mut tried: HashMap<Arc<str>, (Instant, u32)> = HashMap::new();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let mut waiting: HashMap<Arc<str>, Opts> = HashMap::new();
        for ((server, _), known) in busy().iter() {
            let since = known.since.load(Ordering::Relaxed);
            let limit = patience(&known.opts);
            if since != 0 && now().saturating_sub(since) > limit.as_millis() as u64 {
                waiting.insert(Arc::clone(server), known.opts.clone());
            }
        }
        tried.retain(|server, _| waiting.contains_key(server));
        for (server, opts) in waiting {
            let (last, failures) = tried.get(&server).copied().unwrap_or((Instant::now(), 0));
            if failures == 0 && tried.contains_key(&server) && last.elapsed() < patience(&opts) {
                continue;
            }
            let failures = if greets(&opts) { 0 } else { failures + 1 };
            tried.insert(Arc::clone(&server), (Instant::now(), failures));
            if failures >= TRIES {
                cut(&server);
                tried.remove(&server);
            }
        }
    }
}

fn patience(opts: &Opts) -> Duration {
    opts.get_tcp_connect_timeout().unwrap_or(PATIENCE)
}

/// Whether the server answers a new connection, be it with a refusal, and can bring what it is asked to an end.
fn greets(opts: &Opts) -> bool {
    let opts: Opts = OptsBuilder::from_opts(opts.clone()).init(Vec::<String>::new()).into();
    let limit = patience(&opts);
    let answer = aside(move || handshake::connect(opts).map(|mut conn| !is_outvoted(&mut conn)), limit, || false);
    match answer {
        Ok(greets) => greets,
        Err(error) => !matches!(error, mysql::Error::IoError(_) | mysql::Error::CodecError(_)),
    }
}

/// Whether a member of a MySQL group sees no majority of it: it greets and lets itself be asked, and keeps each COMMIT and each consistent
/// read waiting for as long as that lasts. Not, where the account may not see the members.
fn is_outvoted(conn: &mut Conn) -> bool {
    let states = conn.query::<String, _>("SELECT member_state FROM performance_schema.replication_group_members");
    states.is_ok_and(|states| are_outvoted(states.iter().map(String::as_str)))
}

/// Whether of a group, seen by one of its members, that one reaches no majority.
pub(super) fn are_outvoted<'a>(states: impl Iterator<Item = &'a str>) -> bool {
    let (mut members, mut unreachable) = (0, 0);
    for state in states {
        members += 1;
        unreachable += u32::from(state == "UNREACHABLE");
    }
    members > 0 && unreachable * 2 >= members
}

fn cut(server: &str) {
    let name = server.split('#').next().unwrap_or_default();
    log::warn!("le serveur {name} ne répond plus : les connexions à ce serveur sont coupées");
    for (place, known) in busy().iter().filter(|((name, _), _)| **name == *server) {
        match shutdown(known.socket, Shutdown::Both) {
            Ok(()) => cut_off().push(place.clone()),
            Err(error) => log::debug!("connexion {} : {error}", place.1),
        }
    }
}

/// Connections that were cut from here: what they hold, such as the locks of a transaction, the server may keep for hours.
fn cut_off() -> MutexGuard<'static, Vec<Place>> {
    static CUT: LazyLock<Mutex<Vec<Place>>> = LazyLock::new(Mutex::default);
    CUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends on this server what was cut from here, now that it answers again.
///
/// # Errors
/// Those of the connection.
pub(super) fn end_cut_off(conn: &mut Conn, server: &str) -> mysql::Result<()> {
    let ids: Vec<u32> = cut_off().extract_if(.., |(name, _)| **name == *server).map(|(_, id)| id).collect();
    for id in ids {
        // It may be gone just now.
        if is_own(conn, id)?
            && let Err(error) = conn.query_drop(format!("KILL {id}"))
        {
            log::debug!("connexion {id} : {error}");
        }
    }
    Ok(())
}

/// Whether a number is that of a connection of this account to this database.
///
/// # Errors
/// Those of the connection.
pub(super) fn is_own(conn: &mut Conn, id: u32) -> mysql::Result<bool> {
    let sql = "SELECT 1 FROM information_schema.processlist \
               WHERE id = ? AND user = SUBSTRING_INDEX(USER(), '@', 1) AND db = DATABASE()";
    Ok(conn.exec_first::<u8, _, _>(sql, (id,))?.is_some())
}

/// A new connection, within the time that one may take. The driver itself waits for ever for a greeting.
///
/// # Errors
/// Those of the driver; a time-out.
pub(super) fn connect(opts: Opts) -> mysql::Result<Conn> {
    let limit = patience(&opts);
    aside(move || handshake::connect(opts), limit, || false)
}

/// The first words on a new connection, which is not known to the watch yet: as long as they take, while the server greets others.
///
/// # Errors
/// Those of the driver; a time-out.
pub(super) fn first_words<T: Send + 'static>(
    opts: &Opts,
    words: impl FnOnce() -> mysql::Result<T> + Send + 'static,
) -> mysql::Result<T> {
    aside(words, patience(opts), || greets(opts))
}

/// Does `work` in a thread of its own, and gives up after `limit` unless there is reason to go on.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> mysql::Result<T> + Send + 'static,
    limit: Duration,
    goes_on: impl Fn() -> bool,
) -> mysql::Result<T> {
    let (done, wait) = mpsc::channel();
    let work = move || {
        let _ = done.send(work());
    };
    // A thread that waits for ever ends with the process.
    std::thread::Builder::new().name("connexion".into()).spawn(work)?;
    loop {
        match wait.recv_timeout(limit + Duration::from_secs(1)) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if goes_on() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(mysql::Error::IoError(std::io::ErrorKind::TimedOut.into()));
            }
        }
    }
}
