//! `flux_lease`: who may write, by numbers that only grow. The server's own lock holds on one server alone; this holds wherever the rows go.
//!
//! Whoever writes holds the newest number and renews its row. Every transaction changes that row before its commit, so that of two
//! writers, on whichever servers, one conflicts with the other; and one whose number is no longer the newest changes no row, and fails.
//! Times are those of the server. A row that is not renewed ends by itself.

use std::time::{Duration, Instant};

use crate::db::Session;
use crate::error::{Error, Result, codes};
use crate::ledger::to_second;
use crate::schema::{TableSpec, column, primary};
use crate::signals;

/// Name of the table.
pub(crate) const TABLE: &str = "flux_lease";

/// Time between two signs of life.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// Seconds without a sign of life after which a lease has ended.
pub(super) const LIFE: u64 = 15;
/// How long one on another server is watched that is silent by this server's clock: two clocks need not agree.
const WATCH: Duration = Duration::from_secs(6);
/// Days for which leases that have ended are told.
const KEPT: u32 = 90;
/// Tries where two take the lease at one moment.
const TRIES: u32 = 5;

const READING: &str = "lecture du bail";
const TAKING: &str = "prise du bail";
const CHECKING: &str = "contrôle du bail";
const RENEWING: &str = "renouvellement du bail";

/// The table as it should be: one row for each time that a run took the lock of the writers.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("number", "BIGINT NOT NULL"),
            column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("tool", "VARCHAR(64) NOT NULL"),
            column("host", "VARCHAR(255) NOT NULL"),
            column("pid", "BIGINT NOT NULL"),
            column("server", "VARCHAR(255) NOT NULL"),
            column("connection", "BIGINT NOT NULL"),
            column("commits", "BIGINT NOT NULL"),
            column("taken_at", "DATETIME(3) NOT NULL"),
            column("beat_at", "DATETIME(3) NOT NULL"),
            column("ended_at", "DATETIME(3) NULL"),
            column("ended", "VARCHAR(16) NULL"),
        ],
        indexes: vec![primary(vec!["number"])],
    }
}

/// Name of this machine; empty where the system does not tell.
pub(super) fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().chars().take(255).collect()
}

/// `processus 1234 sur serveur1`: what an operator needs to find it.
pub(super) fn process(pid: u64, host: &str) -> String {
    let place = if host.is_empty() { String::new() } else { format!(" sur {host}") };
    format!("processus {pid}{place}")
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lease {
    pub(crate) number: u64,
    pub(super) run: String,
    pub(crate) tool: String,
    pub(crate) host: String,
    pub(crate) pid: u64,
    /// Which server its connection leads to, and the connection's number there.
    pub(super) server: String,
    pub(super) connection: u64,
    pub(crate) taken_at: String,
    beat_at: String,
    /// Seconds since the last sign of life, as the server that was asked counts them.
    pub(crate) silent_s: f64,
    /// Whether it was given back, or taken away.
    pub(super) ended: bool,
}

impl Lease {
    /// Whether it is held as far as one can see from here.
    pub(super) fn is_live(&self) -> bool {
        !self.ended && self.silent_s < LIFE as f64
    }

    /// Who, where, since when: for messages.
    pub(super) fn text(&self) -> String {
        let server = self.server.split('#').next().unwrap_or_default();
        format!(
            "{}, {}, par le serveur {server}, depuis {} UTC",
            self.tool,
            process(self.pid, &self.host),
            to_second(&self.taken_at)
        )
    }
}

/// The newest lease; `None` where there never was one, or where the table is not there or not to be seen.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn newest(session: &mut Session) -> Result<Option<Lease>> {
    match read(session, "") {
        Err(Error::MissingTable { .. }) => Ok(None),
        Err(error) if error.has_code(codes::ACCESS_DENIED) => Ok(None),
        result => result,
    }
}

fn read(session: &mut Session, how: &str) -> Result<Option<Lease>> {
    type Fields = (u64, String, String, String, u64, String, u64, String, String, f64, bool);
    let sql = format!(
        "SELECT number, run, tool, host, pid, server, connection, CAST(taken_at AS CHAR), CAST(beat_at AS CHAR), \
         TIMESTAMPDIFF(MICROSECOND, beat_at, UTC_TIMESTAMP(3)) / 1e6, ended_at IS NOT NULL \
         FROM flux_lease ORDER BY number DESC LIMIT 1 {how}"
    );
    let row: Option<Fields> = session.first(READING, &sql, ())?;
    let lease = |(number, run, tool, host, pid, server, connection, taken_at, beat_at, silent_s, ended): Fields| {
        Lease { number, run, tool, host, pid, server, connection, taken_at, beat_at, silent_s, ended }
    };
    Ok(row.map(lease))
}

/// Who takes a lease.
#[derive(Debug)]
pub(super) struct Taker<'a> {
    pub(super) run: &'a str,
    pub(super) tool: &'a str,
    pub(super) host: String,
    pub(super) pid: u32,
}

/// A lease on another server, and since when it was seen to give no sign of life.
struct Watched {
    lease: Lease,
    since: Instant,
}

impl Watched {
    fn from_now(lease: Lease) -> Self {
        Self { lease, since: Instant::now() }
    }

    fn is_unchanged(&self, now: &Lease) -> bool {
        (self.lease.number, &self.lease.beat_at) == (now.number, &now.beat_at)
    }

    /// Whether it has given no sign for so long that there will be none.
    fn is_dead(&self, now: &Lease) -> bool {
        let patience = if now.is_live() { Duration::from_secs(LIFE) } else { WATCH };
        self.is_unchanged(now) && self.since.elapsed() >= patience
    }
}

/// What became of a try.
enum Tried {
    /// Ours, by this number; the one that was taken away for it.
    Taken(u64, Option<Lease>),
    Held(Lease),
}

/// Takes the lease, or says who holds it. `session` holds the server's lock of the writers, so that a holder on this server has lost its
/// connection; one on another server may be dead, which shows within seconds.
///
/// # Errors
/// [`Error::LockLost`] for a run that had a lease and lost it, [`Error::MissingTable`], [`Error::Sql`].
pub(super) fn take(session: &mut Session, taker: &Taker<'_>) -> Result<std::result::Result<u64, Lease>> {
    let mut watched: Option<Watched> = None;
    let mut conflicts = 0;
    loop {
        match attempt(session, taker, watched.as_ref()) {
            Ok(Tried::Taken(number, taken)) => {
                if let Some(lease) = taken {
                    let silent = lease.silent_s.max(0.0).round();
                    log::warn!(
                        "verrou repris : {}, s'est arrêté sans le rendre (dernier signe de vie il y a {silent} s) ; rien n'en est à moitié fait",
                        lease.text()
                    );
                    break_pledge(session, lease.number)?;
                }
                forget(session, number);
                return Ok(Ok(number));
            }
            Ok(Tried::Held(lease)) => {
                if watched.as_ref().is_some_and(|watched| !watched.is_unchanged(&lease)) {
                    return Ok(Err(lease));
                }
                watched.get_or_insert_with(|| Watched::from_now(lease));
                signals::sleep(Duration::from_secs(1))?;
            }
            Err(error) if error.is_conflict() && conflicts < TRIES => {
                conflicts += 1;
                session.exec_aside(TAKING, "ROLLBACK", ())?;
                signals::sleep(Duration::from_millis(200))?;
            }
            Err(error) => {
                // The connection may be gone; what was begun is then rolled back all the same.
                let _ = session.exec_aside(TAKING, "ROLLBACK", ());
                // A transaction of its holder has the row: one that stands still before its COMMIT is still able to commit.
                return match newest(session) {
                    Ok(Some(held)) if error.is_conflict() && !held.ended => Ok(Err(held)),
                    _ => Err(error),
                };
            }
        }
    }
}

fn attempt(session: &mut Session, taker: &Taker<'_>, watched: Option<&Watched>) -> Result<Tried> {
    session.exec_aside(TAKING, "START TRANSACTION", ())?;
    let last = read(session, "FOR UPDATE")?;
    let number = last.as_ref().map_or(1, |last| last.number + 1);
    if let Some(own) = last.as_ref().filter(|last| last.run == taker.run && !last.ended) {
        // Taken again after a lost connection.
        let server = session.server().to_owned();
        let sql = "UPDATE flux_lease SET server = ?, connection = CONNECTION_ID(), beat_at = UTC_TIMESTAMP(3) WHERE number = ?";
        session.exec_aside(TAKING, sql, (server, own.number))?;
        session.exec_aside(TAKING, "COMMIT", ())?;
        return Ok(Tried::Taken(own.number, None));
    }
    let known: Option<u8> = session.first(READING, "SELECT 1 FROM flux_lease WHERE run = ? LIMIT 1", (taker.run,))?;
    if known.is_some() {
        return Err(Error::LockLost { holder: last.map_or_else(String::new, |last| last.text()) });
    }
    let held = last.filter(|last| !last.ended);
    if let Some(held) = &held {
        if held.server != session.server() && !watched.is_some_and(|watched| watched.is_dead(held)) {
            session.exec_aside(TAKING, "ROLLBACK", ())?;
            return Ok(Tried::Held(held.clone()));
        }
        let sql = "UPDATE flux_lease SET ended_at = UTC_TIMESTAMP(3), ended = 'expired' WHERE number = ?";
        session.exec_aside(TAKING, sql, (held.number,))?;
    }
    let sql = "INSERT INTO flux_lease (number, run, tool, host, pid, server, connection, commits, taken_at, beat_at) \
               VALUES (?, ?, ?, ?, ?, ?, CONNECTION_ID(), 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))";
    let server = session.server().to_owned();
    session.exec_aside(TAKING, sql, (number, taker.run, taker.tool, &taker.host, taker.pid, server))?;
    session.exec_aside(TAKING, "COMMIT", ())?;
    Ok(Tried::Taken(number, held))
}

/// Old leases tell nothing any more. That they stay does no harm.
fn forget(session: &mut Session, number: u64) {
    let sql = format!(
        "DELETE FROM flux_lease WHERE number < ? AND beat_at < UTC_TIMESTAMP(3) - INTERVAL {KEPT} DAY LIMIT 100"
    );
    if let Err(error) = session.exec_aside("baux anciens", &sql, (number,)) {
        log::debug!("{error}");
    }
}

/// Proves in a transaction that the lease is still ours, so that it conflicts with any other that does. Returns how many have done so, this
/// one included.
///
/// # Errors
/// [`Error::LockLost`] where it is not; [`Error::Sql`].
pub(super) fn fence(session: &mut Session, number: u64) -> Result<u64> {
    let sql = "UPDATE flux_lease SET commits = LAST_INSERT_ID(commits + 1), beat_at = UTC_TIMESTAMP(3) \
               WHERE number = ? AND ended_at IS NULL";
    if session.exec_aside(CHECKING, sql, (number,))? == 1 {
        return Ok(session.last_id());
    }
    // Not as the transaction's snapshot has it.
    let holder = read(session, "LOCK IN SHARE MODE")?.map_or_else(|| "bail disparu".into(), |lease| lease.text());
    Err(Error::LockLost { holder })
}

/// How many transactions were committed under a lease; waits for one that is just being committed.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn commits(session: &mut Session, number: u64) -> Result<u64> {
    let sql = "SELECT commits FROM flux_lease WHERE number = ? FOR UPDATE";
    Ok(session.first(CHECKING, sql, (number,))?.unwrap_or(0))
}

/// Gives a sign of life.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn beat(session: &mut Session, number: u64) -> Result<()> {
    let sql = "UPDATE flux_lease SET beat_at = UTC_TIMESTAMP(3) WHERE number = ? AND ended_at IS NULL";
    session.exec_aside(RENEWING, sql, (number,))?;
    Ok(())
}

/// Gives the lease back.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn end(session: &mut Session, number: u64) -> Result<()> {
    let sql =
        "UPDATE flux_lease SET ended_at = UTC_TIMESTAMP(3), ended = 'released' WHERE number = ? AND ended_at IS NULL";
    session.exec_aside("retour du bail", sql, (number,))?;
    Ok(())
}

/// Name of a table that stands for a lease where a statement is no transaction: whoever takes the lease away drops it first.
pub(super) fn pledge_name(number: u64) -> String {
    format!("{TABLE}_{number}")
}

/// Makes that table. A RENAME that moves it along is done while the lease is held, or not at all.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn pledge(session: &mut Session, number: u64) -> Result<()> {
    let name = pledge_name(number);
    let sql = format!("CREATE TABLE IF NOT EXISTS {name} (number BIGINT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
    session.exec_aside(&format!("création de {name}"), &sql, ())?;
    Ok(())
}

/// Takes it away, where it was made.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn break_pledge(session: &mut Session, number: u64) -> Result<()> {
    let name = pledge_name(number);
    let doing = format!("suppression de {name}");
    let sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    if session.first::<u8>(&doing, sql, (&name,))?.is_some() {
        session.exec_aside(&doing, &format!("DROP TABLE IF EXISTS {name}"), ())?;
    }
    Ok(())
}

/// A run that has written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) run: String,
    pub(crate) tool: String,
    /// From when to when it held the lease, in UTC with milliseconds.
    from: String,
    to: String,
}

impl Writer {
    /// Whether it held the lease at this moment: no other did.
    pub(crate) fn wrote_at(&self, at: &str) -> bool {
        (self.from.as_str()..=self.to.as_str()).contains(&at)
    }
}

/// The runs that have written since the moment `since`; none on an older schema, or where the table is not to be seen.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn written_since(session: &mut Session, since: &str) -> Result<Vec<Writer>> {
    // One that was killed gave its last sign of life with its last commit.
    let sql = "SELECT run, tool, CAST(taken_at AS CHAR), CAST(IF(ended = 'released', ended_at, beat_at) AS CHAR) FROM flux_lease \
               WHERE commits > 0 AND beat_at >= ?";
    let writer = |(run, tool, from, to)| Writer { run, tool, from, to };
    match session.rows(READING, sql, (since,)) {
        Err(Error::MissingTable { .. }) => Ok(Vec::new()),
        Err(error) if error.has_code(codes::ACCESS_DENIED) => Ok(Vec::new()),
        rows => Ok(rows?.into_iter().map(writer).collect()),
    }
}

/// Machines that have written within so many days, and through which servers, the newest first.
///
/// # Errors
/// [`Error::MissingTable`] on an older schema, [`Error::Sql`].
pub(crate) fn writers(session: &mut Session, days: u32) -> Result<Vec<(String, String)>> {
    let sql = "SELECT host, SUBSTRING_INDEX(server, '#', 1) FROM flux_lease \
               WHERE commits > 0 AND beat_at > UTC_TIMESTAMP(3) - INTERVAL ? DAY \
               GROUP BY host, SUBSTRING_INDEX(server, '#', 1) ORDER BY MAX(number) DESC";
    session.rows(READING, sql, (days,))
}
