//! The lock of the writers: the server's own by name, which goes with its connection, and the lease beside it ([`super::lease`]), which
//! holds on other servers too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{self, Database, Guard, NamedLock, Passed, Session};
use crate::error::{Error, Result, codes};
use crate::ledger::adoption;
use crate::ledger::history::unique_id;
use crate::ledger::lease::{self, Lease, Taker};
use crate::ledger::to_second;

/// Names of server locks are at most 64 characters long, and global to the server.
fn server_name(database: &Database) -> String {
    let name = format!("flux:{}", database.name());
    if name.chars().count() <= 64 {
        name
    } else {
        format!("flux:{}", &blake3::hash(database.name().as_bytes()).to_hex()[..32])
    }
}

/// The lock of the writers, held by this run; given back on drop, and by the server when the connection ends. While it is held, every
/// transaction of the database handle proves before its commit that it still is.
#[derive(Debug)]
pub(crate) struct Lock {
    shared: Arc<Shared>,
    database: Database,
    beat: Option<Beat>,
}

/// What the threads of a run share of its lock.
#[derive(Debug)]
struct Shared {
    run: String,
    held: Mutex<Held>,
    /// Connection that holds the server's lock, and the number of the lease, 0 for none.
    connection: AtomicU64,
    number: AtomicU64,
    turns: Turns,
}

/// The counts with which transactions of the run have passed, in their order. One that passes with the same count as an earlier one has
/// found that one rolled back: of each count the last one may be committed.
#[derive(Debug, Default)]
struct Turns(Mutex<Vec<u64>>);

impl Turns {
    fn counts(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, count: u64) -> Passed {
        let mut counts = self.counts();
        counts.push(count);
        Passed { count, turn: counts.len() }
    }

    /// Whether a later one had its count.
    fn is_undone(&self, passed: Passed) -> bool {
        self.counts().iter().skip(passed.turn).any(|count| *count == passed.count)
    }
}

#[derive(Debug)]
struct Held {
    named: NamedLock,
    /// Number of the lease; `None` in a database that has no leases yet.
    number: Option<u64>,
}

impl Lock {
    /// Takes the lock for a new run.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run holds it, [`Error::SchemaVersion`], [`Error::NotAdopted`], [`Error::UnsafeEngine`].
    pub(super) fn take(database: &Database) -> Result<Self> {
        let run = unique_id();
        let held = database.retried(|| Held::take(database, &run))?;
        database.trail().follow(&run);
        let connection = AtomicU64::new(held.named.connection());
        let number = AtomicU64::new(held.number.unwrap_or(0));
        let shared = Arc::new(Shared { run, held: Mutex::new(held), connection, number, turns: Turns::default() });
        database.guard(Some(Arc::clone(&shared) as Arc<dyn Guard>));
        let beat = Beat::start(&shared, database);
        Ok(Self { shared, database: database.clone(), beat })
    }

    /// Id of the run that holds the lock.
    pub(crate) fn run(&self) -> &str {
        &self.shared.run
    }

    /// Proves that the lock is still ours, where something is done that no transaction of the handle does. It is taken again on a new
    /// connection when the old one is gone.
    ///
    /// # Errors
    /// [`Error::Locked`] or [`Error::LockLost`] when another run took it meanwhile.
    pub(crate) fn ensure(&self) -> Result<()> {
        self.database.with_session(|session| self.shared.pass(&self.database, session)).map(drop)
    }

    /// Does `work`, which renames tables, so that it is done while the lock is held or not at all: it is given a table to rename along,
    /// which is not there any more once another run has taken the lock. `None` where there are no leases.
    ///
    /// # Errors
    /// Those of `work`; [`Error::LockLost`].
    pub(crate) fn pledged(&self, work: impl FnOnce(Option<&str>) -> Result<()>) -> Result<()> {
        self.ensure()?;
        let number = self.shared.number.load(Ordering::Acquire);
        if number == 0 {
            return work(None);
        }
        self.database.with_session(|session| lease::pledge(session, number))?;
        let name = lease::pledge_name(number);
        // One that was made after the lease was lost is nobody's to drop.
        let result = self.ensure().and_then(|()| work(Some(&name)));
        match result {
            Err(Error::MissingTable { table }) if table == name => {
                let newest = self.database.with_session(lease::newest)?;
                Err(Error::LockLost { holder: newest.map_or_else(String::new, |lease| lease.text()) })
            }
            result => {
                self.database.with_session(|session| lease::break_pledge(session, number))?;
                result
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.database.guard(None);
        self.beat = None;
        let mut held = self.shared.lock();
        if let Some(number) = held.number
            && let Err(error) = lease::end(held.named.session(), number)
        {
            log::debug!("{error}");
        }
    }
}

impl Held {
    fn take(database: &Database, run: &str) -> Result<Self> {
        let name = server_name(database);
        let mut named = match NamedLock::take(database, name.clone())? {
            Some(named) => named,
            None => Self::take_from_ghost(database, name, run)?,
        };
        let session = named.session();
        super::refuse_later_version(session)?;
        adoption::require(database, session)?;
        // Nobody waits here for a row behind a long commit, which is a sign of life.
        session.exec_aside("réglage du verrou", "SET SESSION innodb_lock_wait_timeout = 1", ())?;
        let taker = Taker { run, tool: database.tool(), host: lease::host(), pid: std::process::id() };
        let number = match lease::take(session, &taker) {
            Ok(Ok(number)) => Some(number),
            Ok(Err(lease)) => {
                return Err(Error::Locked { name: named.name().to_owned(), holder: lease.text() });
            }
            // In a database that `ensure-schema` has not brought up to date, the server's own lock is all there is.
            Err(Error::MissingTable { .. }) if !database.is_clustered() || adoption::is_mender(database) => None,
            Err(error) if error.has_code(codes::ACCESS_DENIED) => {
                log::debug!("verrou pris sans bail : {error}");
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(sql) = database.behind() {
            session.exec_aside("réglage du verrou", sql, ())?;
        }
        Ok(Self { named, number })
    }

    /// Takes the server's lock away from a connection that nobody is at the other end of any more: a machine that went without a word
    /// leaves it for hours. Whoever it was cannot commit once its lease has ended.
    fn take_from_ghost(database: &Database, name: String, run: &str) -> Result<NamedLock> {
        let mut session = database.session()?;
        let holder = db::holder(&mut session, &name)?;
        let lease = lease::newest(&mut session)?;
        let ghost = holder.zip(lease).filter(|(connection, lease)| {
            let gone = lease.run == run || !lease.is_live();
            !lease.ended && gone && lease.connection == *connection && lease.server == session.server()
        });
        if let Some((connection, lease)) = ghost {
            log::warn!("{} ne donne plus signe de vie : sa connexion {connection} est fermée", lease.text());
            session.exec_aside("fin d'une connexion abandonnée", &format!("KILL {connection}"), ())?;
            if let Some(named) = NamedLock::take(database, name.clone())? {
                return Ok(named);
            }
        }
        Err(locked(&mut session, name))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Proves that the server's lock is still ours, for a lost connection loses it silently; takes it again where it is free.
    ///
    /// One thread at a time asks on the connection that holds the lock, which keeps that connection alive too. The others do not wait
    /// for its answer: they ask on their own connections who holds it.
    fn ensure(&self, database: &Database, session: &mut Session) -> Result<()> {
        let mut held = match self.held.try_lock() {
            Ok(held) => held,
            Err(_) => {
                let holder = db::holder(session, &server_name(database))?;
                if holder == Some(self.connection.load(Ordering::Acquire)) {
                    return Ok(());
                }
                self.lock()
            }
        };
        if held.named.is_on_node_of(database) {
            match held.named.is_held() {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let name = held.named.name().to_owned();
                    return Err(locked(held.named.session(), name));
                }
                Err(error) if error.leaves_doubt() => log::warn!("verrou perdu avec la connexion, repris"),
                Err(error) => return Err(error),
            }
        }
        self.take_again(database, &mut held)
    }

    /// The lock on a new connection, on the node that the run is on, with the lease that it has; all threads know it from then on.
    fn take_again(&self, database: &Database, held: &mut Held) -> Result<()> {
        *held = database.retried(|| Held::take(database, &self.run))?;
        self.connection.store(held.named.connection(), Ordering::Release);
        self.number.store(held.number.unwrap_or(0), Ordering::Release);
        Ok(())
    }
}

impl Guard for Shared {
    fn pass(&self, database: &Database, session: &mut Session) -> Result<Option<Passed>> {
        self.ensure(database, session)?;
        let number = self.number.load(Ordering::Acquire);
        if number == 0 {
            return Ok(None);
        }
        Ok(Some(self.turns.take(lease::fence(session, number)?)))
    }

    fn was_committed(&self, session: &mut Session, passed: Passed) -> Result<bool> {
        // In this order: whatever was counted has passed before.
        let committed = lease::commits(session, self.number.load(Ordering::Acquire))?;
        Ok(committed >= passed.count && !self.turns.is_undone(passed))
    }
}

/// The thread that gives signs of life until it is dropped.
#[derive(Debug)]
struct Beat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beat {
    /// `None` where there is nothing to renew, or no thread to be had: transactions renew the lease too.
    fn start(shared: &Arc<Shared>, database: &Database) -> Option<Self> {
        if shared.number.load(Ordering::Acquire) == 0 {
            return None;
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let (shared, database) = (Arc::clone(shared), database.clone());
        let beat = move || {
            while stopped.recv_timeout(lease::BEAT) == Err(RecvTimeoutError::Timeout) {
                let mut held = shared.lock();
                let Some(number) = held.number else { continue };
                // The run may be reading for long before its next transaction, which would find the lock gone.
                let told = database.retried(|| {
                    if held.named.is_on_node_of(&database) {
                        match lease::beat(held.named.session(), number) {
                            Err(error) if error.is_lost_connection() => {}
                            // Whoever has the row renews it.
                            Err(error) if error.is_conflict() => return Ok(()),
                            result => return result,
                        }
                    }
                    shared.take_again(&database, &mut held)
                });
                if let Err(error) = told {
                    log::debug!("{error}");
                }
            }
        };
        let thread = std::thread::Builder::new().name("bail".into()).spawn(beat).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whoever holds the lock of the writers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Holder {
    /// The server's number of its connection.
    pub(crate) connection: u64,
    /// Which tool; `None` where it did not say.
    pub(crate) tool: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<HeldLease>,
}

/// What the lease says of whoever holds it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HeldLease {
    number: u64,
    host: String,
    pid: u64,
    /// Server that it writes through.
    pub(crate) server: String,
    /// In UTC.
    since: String,
    /// Seconds since the last sign of life.
    silent_s: f64,
}

impl From<Lease> for HeldLease {
    fn from(lease: Lease) -> Self {
        Self {
            number: lease.number,
            host: lease.host,
            pid: lease.pid,
            server: lease.server.split('#').next().unwrap_or_default().to_owned(),
            since: to_second(&lease.taken_at),
            silent_s: lease.silent_s.max(0.0),
        }
    }
}

/// The holder of the lock, on this server or on another one; `None` while it is free.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn holder(database: &Database, session: &mut Session) -> Result<Option<Holder>> {
    let lease = lease::newest(session)?.filter(|lease| !lease.ended);
    let Some(connection) = db::holder(session, &server_name(database))? else {
        let elsewhere = lease.filter(|lease| lease.is_live() && lease.server != session.server());
        return Ok(elsewhere.map(Holder::of));
    };
    // A lease of another connection is of a run that ended without giving it back.
    let own = lease.filter(|lease| lease.connection == connection && lease.server == session.server());
    Ok(Some(own.map_or(Holder { connection, tool: None, lease: None }, Holder::of)))
}

impl Holder {
    fn of(lease: Lease) -> Self {
        Self { connection: lease.connection, tool: Some(lease.tool.clone()), lease: Some(lease.into()) }
    }
}

/// The connection that holds the lock; `None` while it is free.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn holding_connection(database: &Database, session: &mut Session) -> Result<Option<u64>> {
    Ok(holder(database, session)?.map(|holder| holder.connection))
}

/// The error that says who holds the lock, as far as this user may see.
fn locked(session: &mut Session, name: String) -> Error {
    let Some(id) = db::holder(session, &name).ok().flatten() else {
        return Error::Locked { name, holder: "libéré à l'instant".into() };
    };
    let who = match lease::newest(session) {
        Ok(Some(lease)) if !lease.ended && lease.connection == id && lease.server == session.server() => {
            format!("{}, {}, ", lease.tool, lease::process(lease.pid, &lease.host))
        }
        _ => String::new(),
    };
    let sql = "SELECT user, time FROM information_schema.processlist WHERE id = ?";
    let holder = match session.first::<(String, i64)>("verrou", sql, (id,)) {
        Ok(Some((user, seconds))) => format!("{who}connexion {id} de {user}, inactive depuis {seconds} s"),
        _ => format!("{who}connexion {id}"),
    };
    Error::Locked { name, holder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_that_passed_with_one_count_the_last_one_counts() {
        let turns = Turns::default();
        let (first, second, third) = (turns.take(1), turns.take(1), turns.take(2));
        assert_eq!([first, second, third].map(|passed| turns.is_undone(passed)), [true, false, false]);
    }
}
