//! The one database handle: connection, retries, the named lock, and what the server is able to do.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, Opts, OptsBuilder, Params};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::settings::{Connection, Settings, TlsMode};
use crate::signals;

/// How often a transaction is tried in all.
const TRIES: u32 = 5;

/// What a run may wait between tries in all: long enough for a server to be started again.
const WAIT_BUDGET: Duration = Duration::from_secs(60);

/// Which of the two families of servers this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// MySQL 8 or later.
    MySql,
    /// MariaDB 10.6 or later.
    MariaDb,
}

/// The tools that take the lock of the writers.
const WRITERS: [&str; 20] = [
    "add-missing-zones",
    "archive-csv",
    "cleanup-temp",
    "cleanup-year",
    "ensure-schema",
    "import-optimized",
    "import-sejours-duree-fr",
    "import-sejours-duree-int",
    "improve-response",
    "merge-zones",
    "migrate-optimized",
    "migrate-sejours-duree",
    "migrate-temp-to-main",
    "populate-facts-full-production",
    "populate-facts-optimized",
    "reset-saisons",
    "restore-critical",
    "update-saisons",
    "update-temp-tables",
    "verifier-saisons",
];

/// A way to the database. Cheap to share between threads; each takes its own [`Session`].
#[derive(Debug, Clone)]
pub struct Database {
    opts: Opts,
    tool: &'static str,
    target: String,
    name: String,
    version: String,
    flavour: Flavour,
    packet: usize,
    /// Milliseconds that this run has waited between tries, all threads and nested retries together.
    waited: Arc<AtomicU64>,
    /// Connections with nothing but our settings on them, see [`Database::give_back`].
    idle: Arc<Mutex<Vec<Conn>>>,
}

impl Database {
    /// Connects once, to learn about the server and to fail early with a clear message.
    ///
    /// # Errors
    /// [`Error::Config`] for missing settings, [`Error::Connect`] when the server refuses or does not answer.
    pub fn connect(settings: &Settings, tool: &'static str) -> Result<Self> {
        let connection = settings.connection()?;
        let (opts, mut conn) = open(&connection)?;
        let (version, packet): (String, usize) = conn
            .query_first("SELECT VERSION(), @@max_allowed_packet")
            .map_err(Error::sql("lecture de la version du serveur"))?
            .unwrap_or_default();
        let flavour = if version.to_ascii_lowercase().contains("mariadb") { Flavour::MariaDb } else { Flavour::MySql };
        log::debug!("connecté à {}, serveur {version}", connection.target);
        Ok(Self {
            opts,
            tool,
            target: connection.target,
            name: connection.database,
            version,
            flavour,
            packet,
            waited: Arc::default(),
            idle: Arc::default(),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Name of the database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Version string of the server.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// A connection with the session settings that all tools rely on: strict mode, UTC, utf8mb4. One that was given back and is
    /// still alive, else a new one.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn session(&self) -> Result<Session> {
        while let Some(mut conn) = self.idle().pop() {
            if conn.ping().is_ok() {
                return Ok(Session::new(conn, &self.opts, self.packet));
            }
        }
        let wrap = |source| Error::Connect { target: self.target.clone(), source: Box::new(source) };
        let mut conn = Conn::new(self.opts.clone()).map_err(wrap)?;
        conn.query_drop(
            "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, SESSION time_zone = '+00:00', SESSION autocommit = 1, \
             SESSION completion_type = 'NO_CHAIN', \
             SESSION sql_select_limit = 18446744073709551615, SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
             NO_ENGINE_SUBSTITUTION'",
        )
        .map_err(wrap)?;
        // Proofs read one snapshot, whatever the server's default is. The variable of this name is not the same on every server.
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").map_err(wrap)?;
        Ok(Session::new(conn, &self.opts, self.packet))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection for the next [`Database::session`]: for those who work through many files, to whom a connection with its
    /// prepared statements each time would be a cost. Only for sessions that have no transaction open and hold no lock, and whose
    /// settings were left alone.
    pub(crate) fn give_back(&self, session: Session) {
        self.idle().push(session.conn);
    }

    /// Runs `work` in one transaction on a connection of its own: committed when it returns `Ok`, else rolled back. Deadlocks, lock
    /// wait timeouts and lost connections are retried with a new connection, so `work` must not keep what a failed try gave it.
    ///
    /// # Errors
    /// Those of `work` and of the commit.
    pub(crate) fn transaction<T>(&self, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        self.retried(|| {
            let mut session = self.session()?;
            session.exec("début de transaction", "START TRANSACTION", ())?;
            match work(&mut session) {
                Ok(value) => {
                    signals::check()?;
                    session.exec("validation de la transaction", "COMMIT", ())?;
                    self.give_back(session);
                    Ok(value)
                }
                // Dropping the session closes the connection; the server rolls back.
                Err(error) => Err(error),
            }
        })
    }

    /// Takes a pause out of the run's budget; `false` once it is spent: a server that is down for good is not waited for again by
    /// every file of a run.
    fn may_wait(&self, pause: Duration) -> bool {
        let pause = pause.as_millis() as u64;
        self.waited.fetch_add(pause, Ordering::Relaxed) + pause <= WAIT_BUDGET.as_millis() as u64
    }

    /// Runs `work` again while it fails for a passing reason, with a growing pause.
    ///
    /// # Errors
    /// The last error of `work`.
    pub(crate) fn retried<T>(&self, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            signals::check()?;
            match work() {
                Err(error) if error.is_transient() && attempt < TRIES && self.may_wait(pause) => {
                    log::warn!("{error} ; nouvel essai dans {} ms ({attempt}/{})", pause.as_millis(), TRIES - 1);
                    signals::sleep(pause)?;
                    pause *= 3;
                }
                result => return result,
            }
        }
        Err(Error::Interrupted)
    }

    /// Runs `work` on a connection that is kept for the next one, as often as [`Database::retried`] does. Outside a transaction: each
    /// statement stands for itself.
    ///
    /// # Errors
    /// The last error of `work`.
    pub(crate) fn with_session<T>(&self, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        self.retried(|| {
            let mut session = self.session()?;
            let value = work(&mut session)?;
            self.give_back(session);
            Ok(value)
        })
    }

    /// Takes the named server lock of the writers on this database.
    ///
    /// # Errors
    /// [`Error::Locked`] at once when another run holds it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        Lock::take(self.session()?, &self.name, self.tool)
    }

    /// Connection that holds the named lock of the writers; `None` while it is free.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn lock_holder(&self, session: &mut Session) -> Result<Option<u64>> {
        let id: Option<Option<u64>> =
            session.first("lecture du verrou", "SELECT IS_USED_LOCK(?)", (lock_name(&self.name),))?;
        Ok(id.flatten())
    }

    /// Which tool the connection that holds the lock runs for: it holds a second lock, of the tool's name. `None` for programs that
    /// take none.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn lock_tool(&self, session: &mut Session, holder: u64) -> Result<Option<&'static str>> {
        lock_tool(session, &self.name, holder)
    }

    /// Tables and views of the database, by name.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn tables(&self, session: &mut Session) -> Result<HashSet<String>> {
        let names: Vec<String> = session.rows(
            "liste des tables",
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()",
            (),
        )?;
        Ok(names.into_iter().collect())
    }
}

fn open(connection: &Connection) -> Result<(Opts, Conn)> {
    let wrap = |source| Error::Connect { target: connection.target.clone(), source: Box::new(source) };
    // A server may accept connections and answer none: the first one has a time limit for answers too. The others have none, for a
    // statement may take its time.
    let connect = |opts: &Opts| {
        let limit = opts.get_tcp_connect_timeout();
        Conn::new(OptsBuilder::from_opts(opts.clone()).read_timeout(limit).write_timeout(limit))
    };
    if connection.tls == TlsMode::Disabled {
        let opts = connection.opts(false);
        return Ok((opts.clone(), connect(&opts).map_err(wrap)?));
    }
    let opts = connection.opts(true);
    match connect(&opts) {
        Ok(conn) => Ok((opts, conn)),
        Err(mysql::Error::DriverError(mysql::DriverError::TlsNotSupported)) if connection.tls == TlsMode::Preferred => {
            log::warn!("le serveur ne propose pas TLS : connexion en clair (DB_SSL_MODE=REQUIRED pour l'interdire)");
            let opts = connection.opts(false);
            Ok((opts.clone(), connect(&opts).map_err(wrap)?))
        }
        Err(source) => Err(wrap(source)),
    }
}

/// Names of server locks are at most 64 characters long, and global to the server.
fn lock_name(database: &str) -> String {
    let name = format!("flux:{database}");
    if name.chars().count() <= 64 {
        name
    } else {
        format!("flux:{}", &blake3::hash(database.as_bytes()).to_hex()[..32])
    }
}

/// Name of the lock that says which tool has the lock of the writers.
fn tool_lock_name(database: &str, tool: &str) -> String {
    format!("flux:{}", &blake3::hash(format!("{database} {tool}").as_bytes()).to_hex()[..32])
}

fn lock_tool(session: &mut Session, database: &str, holder: u64) -> Result<Option<&'static str>> {
    let branches: String = (0..WRITERS.len()).map(|index| format!(" WHEN IS_USED_LOCK(?) THEN {index}")).collect();
    let names = WRITERS.iter().map(|tool| tool_lock_name(database, tool).into());
    let params: Vec<mysql::Value> = std::iter::once(holder.into()).chain(names).collect();
    let index: Option<Option<usize>> =
        session.first("lecture du verrou", &format!("SELECT CASE ?{branches} END"), params)?;
    Ok(index.flatten().and_then(|index| WRITERS.get(index).copied()))
}

/// One connection with our session settings. Closed on drop; an open transaction is then rolled back by the server.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    packet: usize,
    _busy: Busy,
}

/// Connections that may be busy with a statement: server connection id → how to reach that server again.
static BUSY: LazyLock<Mutex<HashMap<u32, Opts>>> = LazyLock::new(Mutex::default);

/// Makes a connection known to [`cancel_statements`] while it lives.
#[derive(Debug)]
struct Busy(u32);

impl Busy {
    fn new(id: u32, opts: &Opts) -> Self {
        signals::on_stop(cancel_statements);
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).insert(id, opts.clone());
        Self(id)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Asks each server to cancel what our connections are doing; their transactions then roll back.
fn cancel_statements() {
    let busy: Vec<_> =
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(id, opts)| (*id, opts.clone())).collect();
    for (id, opts) in busy {
        if let Err(error) = Conn::new(opts).and_then(|mut conn| conn.query_drop(format!("KILL QUERY {id}"))) {
            log::debug!("annulation de la requête {id} : {error}");
        }
    }
}

impl Session {
    fn new(conn: Conn, opts: &Opts, packet: usize) -> Self {
        let busy = Busy::new(conn.connection_id(), opts);
        Self { conn, packet, _busy: busy }
    }

    /// The driver's connection, for what this handle does not offer.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// As many rows of `bytes` each, text and values together, as one message to this server may hold; at most `most`.
    pub(crate) fn fitting(&self, most: usize, bytes: usize) -> usize {
        (self.packet / 2 / bytes).clamp(1, most)
    }

    /// Runs a statement; returns the rows that it changed.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub(crate) fn exec(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<u64> {
        let commit = sql == "COMMIT";
        failpoint::hit(if commit { "db.commit" } else { "db.statement" })?;
        let result = match params.into() {
            Params::Empty => self.conn.query_drop(sql),
            params => self.conn.exec_drop(sql, params),
        };
        result.map_err(Error::sql(doing))?;
        if commit {
            failpoint::hit("db.committed")?;
        }
        Ok(self.conn.affected_rows())
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub fn rows<T: FromRow>(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<Vec<T>> {
        // A value that does not fit its type, such as a NULL in an older table, is an error; the plain `query` would panic.
        let rows = match params.into() {
            // The text protocol gives every value as bytes, which `FromRow` of numbers reads as well.
            Params::Empty => self.conn.query_opt(sql),
            params => self.conn.exec_opt(sql, params),
        };
        let rows: std::result::Result<Vec<T>, _> = rows.map_err(Error::sql(doing))?.into_iter().collect();
        rows.map_err(|_| {
            Error::Invariant(format!("{doing} : une valeur inattendue dans la base (NULL ou hors limites)"))
        })
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub fn first<T: FromRow>(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<Option<T>> {
        Ok(self.rows(doing, sql, params)?.into_iter().next())
    }
}

/// The named lock; released on drop, and by the server when the connection ends.
#[derive(Debug)]
pub struct Lock {
    session: Session,
    database: String,
    name: String,
    tool_name: String,
}

impl Drop for Lock {
    /// Gives the lock back before the process ends: the server may take a moment to notice a closed connection, and the next command
    /// of a script would find the lock taken.
    fn drop(&mut self) {
        let names = (&self.tool_name, &self.name);
        if let Err(error) = self.session.exec("retour du verrou", "DO RELEASE_LOCK(?), RELEASE_LOCK(?)", names) {
            log::debug!("{error}");
        }
    }
}

impl Lock {
    /// Waits a second at most, for a run that was killed just now leaves its lock to the server to clear away.
    fn take(mut session: Session, database: &str, tool: &str) -> Result<Self> {
        let name = lock_name(database);
        let got: Option<Option<i64>> = session.first("prise du verrou", "SELECT GET_LOCK(?, 1)", (&name,))?;
        if got.flatten() != Some(1) {
            let holder = holder(&mut session, database, &name);
            return Err(Error::Locked { name, holder });
        }
        let tool_name = tool_lock_name(database, tool);
        session.exec("prise du verrou", "DO GET_LOCK(?, 0)", (&tool_name,))?;
        Ok(Self { session, database: database.to_owned(), name, tool_name })
    }

    /// Proves that the lock is still ours; to be called before each commit, for a lost connection loses it silently.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run took it, [`Error::Sql`] when it was lost with the connection.
    pub(crate) fn verify(&mut self) -> Result<()> {
        let mine: Option<Option<i64>> =
            self.session.first("contrôle du verrou", "SELECT IS_USED_LOCK(?) = CONNECTION_ID()", (&self.name,))?;
        if mine.flatten() == Some(1) {
            return Ok(());
        }
        let holder = holder(&mut self.session, &self.database, &self.name);
        Err(Error::Locked { name: self.name.clone(), holder })
    }

    /// [`Lock::verify`], but takes the lock again on a new connection when the old one is gone.
    ///
    /// # Errors
    /// [`Error::Locked`] when another run took it meanwhile.
    pub(crate) fn ensure(&mut self, database: &Database) -> Result<()> {
        match self.verify() {
            Err(error) if error.is_transient() => {
                log::warn!("verrou perdu avec la connexion, repris");
                *self = database.retried(|| database.lock())?;
                Ok(())
            }
            result => result,
        }
    }
}

/// Who holds the lock, as far as this user may see.
fn holder(session: &mut Session, database: &str, name: &str) -> String {
    let id: Option<Option<u64>> = session.first("verrou", "SELECT IS_USED_LOCK(?)", (name,)).ok().flatten();
    let Some(id) = id.flatten() else { return "libéré à l'instant".into() };
    let tool = lock_tool(session, database, id).ok().flatten();
    let tool = tool.map_or_else(String::new, |tool| format!("{tool}, "));
    let sql = "SELECT user, time FROM information_schema.processlist WHERE id = ?";
    match session.first::<(String, i64)>("verrou", sql, (id,)) {
        Ok(Some((user, seconds))) => format!("{tool}connexion {id} de {user}, inactive depuis {seconds} s"),
        _ => format!("{tool}connexion {id}"),
    }
}

/// `(?, ?), (?, ?)` for `rows` rows of `columns` values.
pub(crate) fn marks(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
