//! One connection: statements, reads, one snapshot for several of them; what runs is cancelled by a signal.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, FromRowError, Params, Row};

use crate::db::node::Node;
use crate::db::watch::{self, Busy, Known};
use crate::db::{Database, Linked, exclusive, identity};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::progress;
use crate::signals;

/// A value of some type.
pub type Kept = Arc<dyn Any + Send + Sync>;

/// What was worked out of one state of the data, for whoever asks for the same while it lasts.
pub trait Memory: fmt::Debug + Send + Sync {
    /// What is kept under this key.
    fn recall(&self, key: &str) -> Option<Kept>;

    /// Keeps a value that takes about so many bytes, perhaps.
    fn keep(&self, key: &str, value: Kept, bytes: usize);

    /// Comes after each reading of what was not kept: the moment to let others go first.
    fn give_way(&self, session: &mut Session);
}

/// One connection with our session settings. Closed on drop; an open transaction is then rolled back by the server.
#[derive(Debug)]
pub struct Session {
    /// Before the connection: it is forgotten first, for its socket may then be another's.
    known: Known,
    conn: Conn,
    packet: usize,
    /// Which of the nodes it leads to.
    node: usize,
    /// Where a read goes on when this node fails; `None` where it must fail with it.
    home: Option<Database>,
    /// Statements of the snapshot with their rows, where they are remembered.
    read: Option<HashMap<String, Vec<Row>>>,
    /// What was worked out of the state that is read here, where it is remembered.
    memory: Option<Arc<dyn Memory>>,
}

/// Whether this is one of our connections.
fn is_ours(id: u64) -> bool {
    watch::busy().keys().any(|(_, own)| u64::from(*own) == id)
}

/// Asks each server to cancel what our connections are doing; their transactions then roll back.
fn cancel_statements() {
    let busy: Vec<_> = watch::busy().iter().map(|(place, busy)| (place.clone(), busy.clone())).collect();
    for ((server, id), way) in busy {
        if let Err(error) = cancel(&server, id, way) {
            log::debug!("annulation de la requête {id} : {error}");
        }
    }
}

/// Cancels a statement, unless the way leads to another server now, as through a proxy, or the number is somebody else's.
fn cancel(server: &str, id: u32, way: Busy) -> mysql::Result<()> {
    let mut conn = watch::connect(way.opts)?;
    let there = identity(&mut conn, way.flavour)?;
    if *there != *server {
        log::debug!("annulation de la requête {id} laissée : {there} a répondu au lieu de {server}");
        return Ok(());
    }
    if watch::is_own(&mut conn, id)? {
        conn.query_drop(format!("KILL QUERY {id}"))?;
    }
    Ok(())
}

impl Session {
    pub(super) fn new(linked: Linked, node: &Node) -> Self {
        signals::on_stop(cancel_statements);
        let Linked { conn, server } = linked;
        let known = Known::new((server, conn.connection_id()), &node.opts, node.flavour, conn.as_raw_fd());
        Self { known, conn, packet: node.packet, node: node.at, home: None, read: None, memory: None }
    }

    /// From now on what only reads goes on through the next node when this one fails.
    pub(super) fn roam(mut self, home: &Database) -> Self {
        self.home = Some(home.clone());
        self
    }

    /// What this connection holds is lost with it, and is not to be missed unawares.
    pub(crate) fn stay(&mut self) {
        self.home = None;
    }

    /// Runs what reads and stands for itself, a statement or a snapshot; where the node fails, again on the next one. Within work that is
    /// itself retried, such as a transaction, it is the whole that is tried again.
    fn moving<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let home = self.home.take();
        let at = self.node;
        let result = read(self);
        let result = match (&home, result) {
            (Some(database), Err(error)) if error.is_of_node() => database.read_again(at, error, || {
                *self = database.session()?;
                self.stay();
                read(self)
            }),
            (_, result) => result,
        };
        self.home = home;
        result
    }

    /// Changes the structure of tables, which no transaction holds; where the node fails, on the next one, unless `is_done` finds there that
    /// the lost connection has done it.
    ///
    /// # Errors
    /// The last one of `change`, those of `is_done`.
    pub(crate) fn restructure(
        &mut self,
        mut is_done: impl FnMut(&mut Self) -> Result<bool>,
        mut change: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let mut again = false;
        self.moving(|session| {
            if std::mem::replace(&mut again, true) && is_done(session)? {
                return Ok(());
            }
            change(session)?;
            failpoint::hit("db.changed")
        })
    }

    /// [`Session::restructure`] by one statement that may as well be said twice.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done, [`Error::TableBusy`].
    pub(crate) fn exec_again(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<()> {
        let params = params.into();
        self.restructure(|_| Ok(false), |session| session.exec(doing, sql, params.clone()).map(|_| ()))
    }

    pub(super) fn node(&self) -> usize {
        self.node
    }

    pub(super) fn into_linked(self) -> Linked {
        Linked { server: self.known.place.0.clone(), conn: self.conn }
    }

    /// Whether the server still answers here.
    pub(super) fn is_alive(&mut self) -> bool {
        self.watched(|conn| conn.ping()).is_ok()
    }

    /// Runs what waits for the server, so that a frozen one is not waited for without end.
    fn watched<T>(&mut self, work: impl FnOnce(&mut Conn) -> mysql::Result<T>) -> mysql::Result<T> {
        self.known.begin();
        let result = work(&mut self.conn);
        self.known.end();
        result
    }

    /// Which server answers here, in words that tell it from all others.
    pub(crate) fn server(&self) -> &str {
        &self.known.place.0
    }

    /// The driver's connection, for what this handle does not offer.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        // Until the next statement of this handle: what is asked of a server that answers does no harm.
        self.known.begin();
        &mut self.conn
    }

    /// As many rows of `bytes` each, text and values together, as one message to this server may hold; at most `most`.
    pub(crate) fn fitting(&self, most: usize, bytes: usize) -> usize {
        (self.packet / 2 / bytes).clamp(1, most)
    }

    /// Runs a statement; returns the rows that it changed. One that needs a table for itself waits some seconds for those who use it.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done, [`Error::TableBusy`].
    pub(crate) fn exec(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<u64> {
        let commit = sql == "COMMIT";
        failpoint::hit(if commit { "db.commit" } else { "db.statement" })?;
        progress::doing(doing);
        match params.into() {
            Params::Empty if exclusive::is_exclusive(sql) => exclusive::run(&mut self.conn, doing, sql, is_ours)?,
            params => {
                self.exec_aside(doing, sql, params)?;
            }
        }
        if commit {
            failpoint::hit("db.committed")?;
        }
        Ok(self.conn.affected_rows())
    }

    /// Runs a statement that keeps order among runs and stores nothing of theirs: no test makes a run die there.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub(crate) fn exec_aside(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<u64> {
        match params.into() {
            Params::Empty => self.watched(|conn| conn.query_drop(sql)),
            params => self.watched(|conn| conn.exec_drop(sql, params)),
        }
        .map_err(Error::sql(doing))?;
        Ok(self.conn.affected_rows())
    }

    /// Whether the server's log keeps this session's statements rather than the rows that they change.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn logs_statements(&mut self) -> Result<bool> {
        let sql = "SELECT @@SESSION.binlog_format FROM DUAL WHERE @@GLOBAL.log_bin = 1";
        Ok(self.first::<String>("lecture des réglages", sql, ())?.is_some_and(|format| format == "STATEMENT"))
    }

    /// What the last statement has handed to `LAST_INSERT_ID`, or the first id that it gave.
    pub(crate) fn last_id(&self) -> u64 {
        self.conn.last_insert_id()
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub(crate) fn rows<T: FromRow>(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<Vec<T>> {
        let params = params.into();
        let rows: std::result::Result<Vec<T>, _> = if self.read.is_some() {
            self.recalled(doing, sql, params)?.into_iter().map(T::from_row_opt).collect()
        } else {
            self.fetch(doing, sql, params)?.into_iter().collect()
        };
        // A value that does not fit its type, such as a NULL in an older table, is an error; the plain `query` would panic.
        rows.map_err(|_| {
            Error::Invariant(format!("{doing} : une valeur inattendue dans la base (NULL ou hors limites)"))
        })
    }

    /// The rows that the statement has had in this snapshot, else those that it has.
    fn recalled(&mut self, doing: &str, sql: &str, params: Params) -> Result<Vec<Row>> {
        let known = remembered(sql, &params);
        if let Some(rows) = self.read.as_ref().and_then(|read| read.get(&known)) {
            return Ok(rows.clone());
        }
        // Every row fits into a row.
        let rows: Vec<Row> = self.fetch::<Row>(doing, sql, params)?.into_iter().flatten().collect();
        if let Some(read) = &mut self.read {
            read.insert(known, rows.clone());
        }
        Ok(rows)
    }

    fn fetch<T: FromRow>(
        &mut self,
        doing: &str,
        sql: &str,
        params: Params,
    ) -> Result<Vec<std::result::Result<T, FromRowError>>> {
        self.moving(|session| {
            failpoint::hit("db.read")?;
            progress::doing(doing);
            let rows = match params.clone() {
                // The text protocol gives every value as bytes, which `FromRow` of numbers reads as well.
                Params::Empty => session.watched(|conn| conn.query_opt(sql)),
                params => session.watched(|conn| conn.exec_opt(sql, params)),
            };
            rows.map_err(Error::sql(doing))
        })
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// [`Error::Sql`] that says what was being done.
    pub(crate) fn first<T: FromRow>(&mut self, doing: &str, sql: &str, params: impl Into<Params>) -> Result<Option<T>> {
        Ok(self.rows(doing, sql, params)?.into_iter().next())
    }

    /// Runs `read`, within a snapshot, and remembers what was read: a statement that comes again has the rows that it had, whoever asks,
    /// and what `memory` has of this state of the data is not read at all. For answers that are put together from parts which look at
    /// the same figures.
    pub fn remembering<T>(&mut self, memory: Arc<dyn Memory>, read: impl FnOnce(&mut Self) -> T) -> T {
        (self.read, self.memory) = (Some(HashMap::new()), Some(memory));
        let result = read(self);
        (self.read, self.memory) = (None, None);
        result
    }

    /// What `read` works out, unless the memory has it under this key, which names all that it hangs on beside the data. `bytes` says
    /// about how much a value takes.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn once<T: Any + Send + Sync>(
        &mut self,
        key: &str,
        bytes: impl FnOnce(&T) -> usize,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Arc<T>> {
        let Some(memory) = self.memory.clone() else { return read(self).map(Arc::new) };
        if let Some(known) = memory.recall(key).and_then(|known| known.downcast().ok()) {
            return Ok(known);
        }
        // Of its statements nothing else is left to ask.
        let statements = self.read.take();
        let result = read(self);
        memory.give_way(self);
        self.read = statements;
        let value = Arc::new(result?);
        memory.keep(key, value.clone(), bytes(&value));
        Ok(value)
    }

    /// Runs `read` in one snapshot that nothing can write to: all its statements see the rows of one moment. It is run again, from its
    /// beginning, where the node fails and another takes over.
    ///
    /// # Errors
    /// That of `read`, even where it has cost the connection, so that the snapshot cannot be ended in order either; else
    /// [`Error::Sql`].
    pub fn snapshot<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        self.moving(|session| {
            session.exec("début de l'instantané", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", ())?;
            let result = read(session);
            let ended = session.exec("fin de l'instantané", "ROLLBACK", ());
            result.and_then(|value| ended.map(|_| value))
        })
    }
}

/// A statement with its values.
fn remembered(sql: &str, params: &Params) -> String {
    let mut text = sql.to_owned();
    if let Params::Positional(values) = params {
        for value in values {
            text.push('\n');
            text.push_str(&value.as_sql(false));
        }
    }
    text
}
