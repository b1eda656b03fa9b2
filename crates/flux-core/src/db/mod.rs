//! The one database handle: how to connect, what the server is able to do, and connections with our settings on them.

mod exclusive;
mod guard;
mod lock;
mod retry;
mod session;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder};

use crate::error::{Error, Result};
use crate::settings::{Account, Connection, Settings, TlsMode};

pub(crate) use guard::Guard;
use guard::Guarded;
pub(crate) use lock::{NamedLock, holder};
use retry::Budget;
pub use session::Session;

/// Which of the two families of servers this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// MySQL 8 or later.
    MySql,
    /// MariaDB 10.6 or later.
    MariaDb,
}

/// Which database a run works on, and under which id it is known there.
#[derive(Debug)]
pub struct Trail {
    /// `user@host:port/database`.
    target: String,
    /// Id of the run, once it has begun to write.
    run: OnceLock<String>,
}

impl Trail {
    /// Says under which id the run is known.
    pub(crate) fn follow(&self, run: &str) {
        self.run.get_or_init(|| run.to_owned());
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "base {}", self.target)?;
        self.run.get().map_or(Ok(()), |run| write!(out, ", exécution {run}"))
    }
}

/// A way to the database. Cheap to share between threads; each takes its own [`Session`].
#[derive(Debug, Clone)]
pub struct Database {
    opts: Opts,
    tool: &'static str,
    trail: Arc<Trail>,
    name: String,
    version: String,
    flavour: Flavour,
    packet: usize,
    budget: Budget,
    /// Connections with nothing but our settings on them, see [`Database::give_back`].
    idle: Arc<Mutex<Vec<Linked>>>,
    guard: Guarded,
}

/// A connection, and the server at its other end: behind a proxy each may have another.
#[derive(Debug)]
struct Linked {
    conn: Conn,
    server: Arc<str>,
}

impl Linked {
    fn new(mut conn: Conn, flavour: Flavour) -> mysql::Result<Self> {
        let server = identity(&mut conn, flavour)?;
        Ok(Self { conn, server })
    }
}

/// Which server this is: `name:port`, and what tells two apart that share these.
fn identity(conn: &mut Conn, flavour: Flavour) -> mysql::Result<Arc<str>> {
    let own = if flavour == Flavour::MySql { "@@server_uuid" } else { "@@server_id" };
    let sql = format!("SELECT CONCAT(@@hostname, ':', @@port), CONCAT_WS('/', {own}, @@datadir)");
    let (name, own): (String, String) = conn.query_first(sql)?.unwrap_or_default();
    let own = blake3::hash(own.as_bytes()).to_hex();
    Ok(format!("{name}#{}", &own[..8]).into())
}

/// What the network may add to the time of a statement.
const NETWORK: Duration = Duration::from_secs(5);

impl Database {
    /// Connects once, to learn about the server and to fail early with a clear message.
    ///
    /// # Errors
    /// [`Error::Config`] for missing settings, [`Error::Connect`] when the server refuses or does not answer.
    pub fn connect(settings: &Settings, tool: &'static str) -> Result<Self> {
        Self::open(settings.connection()?, tool)
    }

    /// For a program that answers many others and must never hold the server up: under the portal's own account where there is one,
    /// the server ends a read after `limit`, and an answer that never comes is not waited for.
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub fn connect_portal(settings: &Settings, tool: &'static str, limit: Duration) -> Result<Self> {
        let database = Self::open(settings.connection_as(Account::Portal)?, tool)?;
        let session = match database.flavour {
            // Statistics of tables are otherwise those of a day ago, and the state of the data is read from them.
            Flavour::MySql => format!(
                "SET SESSION max_execution_time = {}, SESSION information_schema_stats_expiry = 0",
                limit.as_millis()
            ),
            Flavour::MariaDb => format!("SET SESSION max_statement_time = {}", limit.as_secs_f64()),
        };
        let opts = OptsBuilder::from_opts(database.opts.clone())
            .init(vec![session])
            .read_timeout(Some(limit + NETWORK))
            .write_timeout(Some(limit + NETWORK));
        Ok(Self { opts: opts.into(), ..database })
    }

    fn open(connection: Connection, tool: &'static str) -> Result<Self> {
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
            trail: Arc::new(Trail { target: connection.target, run: OnceLock::new() }),
            name: connection.database,
            version,
            flavour,
            packet,
            budget: Budget::default(),
            idle: Arc::default(),
            guard: Guarded::default(),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.trail.target
    }

    /// Where this run works, for its log.
    pub fn trail(&self) -> &Arc<Trail> {
        &self.trail
    }

    /// The tool that this run is.
    pub(crate) fn tool(&self) -> &'static str {
        self.tool
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
        while let Some(mut linked) = self.idle().pop() {
            if linked.conn.ping().is_ok() {
                return Ok(Session::new(linked, &self.opts, self.flavour, self.packet));
            }
        }
        let wrap = |source| Error::Connect { target: self.trail.target.clone(), source: Box::new(source) };
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
        let linked = Linked::new(conn, self.flavour).map_err(wrap)?;
        Ok(Session::new(linked, &self.opts, self.flavour, self.packet))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Linked>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection for the next [`Database::session`]: for those who work through many files, to whom a connection with its
    /// prepared statements each time would be a cost. Only for sessions that have no transaction open and hold no lock, and whose
    /// settings were left alone.
    pub fn give_back(&self, session: Session) {
        self.idle().push(session.into_linked());
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

/// An identifier between backticks: for names that the server or a backup gave, which the catalogue does not know.
pub(crate) fn quote(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}

/// `(?, ?), (?, ?)` for `rows` rows of `columns` values.
pub(crate) fn marks(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
