//! The one database handle: how to connect, what the server is able to do, and connections with our settings on them.

mod clear;
mod exclusive;
mod guard;
mod handshake;
mod lock;
mod node;
mod retry;
mod room;
mod session;
mod watch;

use std::collections::HashSet;
use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::settings::{Account, Settings};

use guard::Guarded;
pub(crate) use guard::{Guard, Passed};
pub(crate) use lock::{NamedLock, holder};
use node::Nodes;
pub(crate) use node::{Cluster, offers_tls};
use retry::Budget;
pub(crate) use retry::Reads;
pub use session::{Kept, Memory, Session};

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
pub(crate) struct Trail {
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
    nodes: Arc<Nodes>,
    tool: &'static str,
    trail: Arc<Trail>,
    name: String,
    version: String,
    flavour: Flavour,
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
    /// `limit` is for a program that answers many others and must never hold the server up: under the portal's own account where there is
    /// one, the server ends a read after that time, and an answer that never comes is not waited for.
    ///
    /// # Errors
    /// [`Error::Config`] for missing settings, [`Error::Connect`] when the server refuses or does not answer.
    pub fn connect(settings: &Settings, tool: &'static str, limit: Option<Duration>) -> Result<Self> {
        let account = if limit.is_some() { Account::Portal } else { Account::Tools };
        let connections = settings.connections(account)?;
        let name = connections.first().map(|connection| connection.database.clone()).unwrap_or_default();
        let nodes = Nodes::open(connections, limit)?;
        let node = nodes.current();
        Ok(Self {
            tool,
            trail: Arc::new(Trail { target: node.target.clone(), run: OnceLock::new() }),
            name,
            version: node.version.clone(),
            flavour: node.flavour,
            budget: Budget::default(),
            idle: Arc::default(),
            guard: Guarded::default(),
            nodes: Arc::new(nodes),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.trail.target
    }

    /// Where this run works, for its log.
    pub(crate) fn trail(&self) -> &Arc<Trail> {
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

    /// A connection with the session settings that all tools rely on: strict mode, UTC, utf8mb4, reads that see what was committed on
    /// any node of a cluster. One that was given back and is still alive, else a new one, on the next node where this one fails.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn session(&self) -> Result<Session> {
        let at = self.node();
        let session = match self.link() {
            Err(error) if error.is_passing() && self.leave(at) => {
                log::debug!("{error}");
                self.link()
            }
            result => result,
        }?;
        // Whoever answers others says so at once instead.
        Ok(if self.nodes.is_limited() { session } else { session.roam(self) })
    }

    /// A connection that was given back, else a new one.
    fn link(&self) -> Result<Session> {
        let node = self.nodes.current();
        let wrap = |source| Error::Connect { target: node.target.clone(), source: Box::new(source) };
        let idle = || {
            std::iter::from_fn(|| self.idle().pop())
                .map(|linked| Session::new(linked, &node))
                .find_map(|mut session| session.is_alive().then_some(session))
        };
        let open = || {
            let mut conn = watch::connect(node.opts.clone())?;
            let (dresser, flavour) = (Arc::clone(&node), self.flavour);
            let linked = watch::first_words(&node.opts, move || {
                failpoint::hit("db.dress").map_err(|_| mysql::Error::IoError(ErrorKind::ConnectionAborted.into()))?;
                dresser.dress(&mut conn)?;
                let mut linked = Linked::new(conn, flavour)?;
                watch::end_cut_off(&mut linked.conn, &linked.server)?;
                Ok(linked)
            })?;
            Ok(Session::new(linked, &node))
        };
        self.nodes.room.connect(idle, open).map_err(wrap)
    }

    /// Whether the account may hold so few connections that those which are only of use should be given back.
    pub(crate) fn is_short_of_connections(&self) -> bool {
        self.nodes.room.is_short()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Linked>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection for the next [`Database::session`]: for those who work through many files, to whom a connection with its
    /// prepared statements each time would be a cost. Only for sessions that have no transaction open and hold no lock, and whose
    /// settings were left alone.
    pub fn give_back(&self, session: Session) {
        // One that leads to a node that was left meanwhile is of no use.
        if session.node() == self.node() {
            self.idle().push(session.into_linked());
        }
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

/// An identifier between backticks: for names that the server or a backup gave, which the catalogue does not know.
pub(crate) fn quote(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}

/// Dates that one statement names: fewer than 200, from which on servers no longer look at what there is of each but believe their
/// statistics, which are stale in a table that was emptied and filled again.
pub(crate) const MANY_DATES: usize = 190;

/// `side.date IN (?, …)`, and the values.
pub(crate) fn on_dates(side: &str, dates: &[impl AsRef<str>]) -> (String, Vec<Value>) {
    let values = dates.iter().map(|date| Value::from(date.as_ref())).collect();
    (format!("{side}.date IN {}", marks(1, dates.len())), values)
}

/// `(?, ?), (?, ?)` for `rows` rows of `columns` values.
pub(crate) fn marks(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
