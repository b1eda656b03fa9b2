//! The lock of the writers, and `flux_lock`, where whoever holds it says who that is.

use serde::Serialize;

use crate::db::{self, Database, NamedLock, Session};
use crate::error::{Error, Result, codes};
use crate::ledger::adoption;
use crate::ledger::history::unique_id;
use crate::schema::{TableSpec, column, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_lock";

/// Name of the lock in the table; the server knows it by [`server_name`].
const NAME: &str = "writers";

/// The table as it should be: one row per lock, that of the run which holds it.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("name", "VARCHAR(64) CHARACTER SET ascii NOT NULL"),
            column("connection", "BIGINT NOT NULL"),
            column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("tool", "VARCHAR(64) NOT NULL"),
            column("host", "VARCHAR(255) NOT NULL"),
            column("pid", "BIGINT NOT NULL"),
            column("since", "DATETIME(3) NOT NULL"),
        ],
        indexes: vec![primary(vec!["name"])],
    }
}

/// Names of server locks are at most 64 characters long, and global to the server.
fn server_name(database: &Database) -> String {
    let name = format!("flux:{}", database.name());
    if name.chars().count() <= 64 {
        name
    } else {
        format!("flux:{}", &blake3::hash(database.name().as_bytes()).to_hex()[..32])
    }
}

/// Name of this machine; empty where the system does not tell.
pub(super) fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().chars().take(255).collect()
}

/// The lock of the writers, held by this run; given back on drop, and by the server when the connection ends.
#[derive(Debug)]
pub struct Lock {
    held: NamedLock,
    run: String,
}

impl Drop for Lock {
    /// The row goes first, while nobody else can have written one.
    fn drop(&mut self) {
        let sql = "DELETE FROM flux_lock WHERE name = ? AND connection = CONNECTION_ID()";
        if let Err(error) = self.held.session().exec("retour du verrou", sql, (NAME,)) {
            log::debug!("{error}");
        }
    }
}

impl Lock {
    /// Takes the lock for a new run.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run holds it, [`Error::SchemaVersion`], [`Error::NotAdopted`], [`Error::UnsafeEngine`].
    pub(super) fn take(database: &Database) -> Result<Self> {
        Self::take_for(database, unique_id())
    }

    fn take_for(database: &Database, run: String) -> Result<Self> {
        let name = server_name(database);
        let Some(mut held) = NamedLock::take(database, name.clone())? else {
            return Err(locked(&mut database.session()?, name));
        };
        super::refuse_later_version(held.session())?;
        adoption::require(database, held.session())?;
        // The row is for others to read. A run does not fail for want of it: in a database that `ensure-schema` has not brought up
        // to date, or without the right to write there, its tool is unknown to them.
        if let Err(error) = announce(database, held.session(), &run) {
            log::debug!("verrou pris, sans dire par qui : {error}");
        }
        database.trail().follow(&run);
        Ok(Self { held, run })
    }

    /// Id of the run that holds the lock.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The server's number of the connection that holds the lock.
    pub(crate) fn connection(&self) -> u64 {
        self.held.connection()
    }

    /// Proves that the lock is still ours, to be called before each commit, for a lost connection loses it silently. It is taken again
    /// on a new connection when the old one is gone.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run took it meanwhile.
    pub(crate) fn ensure(&mut self, database: &Database) -> Result<()> {
        match self.held.is_held() {
            Ok(true) => Ok(()),
            Ok(false) => {
                let name = self.held.name().to_owned();
                Err(locked(self.held.session(), name))
            }
            Err(error) if error.is_transient() => {
                log::warn!("verrou perdu avec la connexion, repris");
                *self = database.retried(|| Self::take_for(database, self.run.clone()))?;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Says who holds the lock. What the row said before is of a run that ended without giving the lock back.
fn announce(database: &Database, session: &mut Session, run: &str) -> Result<()> {
    session.exec(
        "prise du verrou",
        "REPLACE INTO flux_lock (name, connection, run, tool, host, pid, since) \
         VALUES (?, CONNECTION_ID(), ?, ?, ?, ?, UTC_TIMESTAMP(3))",
        (NAME, run, database.tool(), host(), std::process::id()),
    )?;
    Ok(())
}

/// Whoever holds the lock of the writers.
#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    /// The server's number of its connection.
    pub(crate) connection: u64,
    /// Which tool; `None` where it did not say.
    pub(crate) tool: Option<String>,
}

/// The holder of the lock; `None` while it is free.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn holder(database: &Database, session: &mut Session) -> Result<Option<Holder>> {
    let Some(connection) = holding_connection(database, session)? else { return Ok(None) };
    Ok(Some(Holder { connection, tool: row(session, connection)?.map(|row| row.0) }))
}

/// The connection that holds the lock; `None` while it is free.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn holding_connection(database: &Database, session: &mut Session) -> Result<Option<u64>> {
    db::holder(session, &server_name(database))
}

/// Tool, process and host of this holder. A row of another connection is of a run that ended without giving the lock back.
fn row(session: &mut Session, connection: u64) -> Result<Option<(String, u64, String)>> {
    let sql = "SELECT tool, pid, host FROM flux_lock WHERE name = ? AND connection = ?";
    match session.first("lecture du verrou", sql, (NAME, connection)) {
        Err(Error::MissingTable { .. }) => Ok(None),
        Err(error) if error.has_code(codes::ACCESS_DENIED) => Ok(None),
        result => result,
    }
}

/// The error that says who holds the lock, as far as this user may see.
fn locked(session: &mut Session, name: String) -> Error {
    let Some(id) = db::holder(session, &name).ok().flatten() else {
        return Error::Locked { name, holder: "libéré à l'instant".into() };
    };
    let who = match row(session, id) {
        Ok(Some((tool, pid, host))) => format!("{tool}, {}, ", process(pid, &host)),
        _ => String::new(),
    };
    let sql = "SELECT user, time FROM information_schema.processlist WHERE id = ?";
    let holder = match session.first::<(String, i64)>("verrou", sql, (id,)) {
        Ok(Some((user, seconds))) => format!("{who}connexion {id} de {user}, inactive depuis {seconds} s"),
        _ => format!("{who}connexion {id}"),
    };
    Error::Locked { name, holder }
}

/// `processus 1234 sur serveur1`: what an operator needs to find it.
pub(super) fn process(pid: u64, host: &str) -> String {
    let place = if host.is_empty() { String::new() } else { format!(" sur {host}") };
    format!("processus {pid}{place}")
}
