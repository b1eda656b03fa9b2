//! One connection: statements, reads, one snapshot for several of them; what runs is cancelled by a signal.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, Opts, Params};

use crate::db::{Flavour, Linked, exclusive, identity};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::signals;

/// One connection with our session settings. Closed on drop; an open transaction is then rolled back by the server.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    packet: usize,
    busy: Busy,
}

/// Where a connection that may be busy with a statement leads.
#[derive(Debug, Clone)]
struct Way {
    opts: Opts,
    flavour: Flavour,
}

/// The server of a connection, and the number it has there.
type Place = (Arc<str>, u32);

/// Connections that may be busy with a statement, and how to reach their servers again.
static BUSY: LazyLock<Mutex<HashMap<Place, Way>>> = LazyLock::new(Mutex::default);

/// Makes a connection known to [`cancel_statements`] while it lives.
#[derive(Debug)]
struct Busy(Place);

impl Busy {
    fn new(place: Place, way: Way) -> Self {
        signals::on_stop(cancel_statements);
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), way);
        Self(place)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Whether this is one of our connections.
fn is_ours(id: u64) -> bool {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner).keys().any(|(_, own)| u64::from(*own) == id)
}

/// Asks each server to cancel what our connections are doing; their transactions then roll back.
fn cancel_statements() {
    let busy: Vec<_> = BUSY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .map(|(place, way)| (place.clone(), way.clone()))
        .collect();
    for ((server, id), way) in busy {
        if let Err(error) = cancel(&server, id, way) {
            log::debug!("annulation de la requête {id} : {error}");
        }
    }
}

/// Cancels a statement, unless the way leads to another server now, as through a proxy, or the number is somebody else's.
fn cancel(server: &str, id: u32, way: Way) -> mysql::Result<()> {
    let mut conn = Conn::new(way.opts)?;
    let there = identity(&mut conn, way.flavour)?;
    if *there != *server {
        log::debug!("annulation de la requête {id} laissée : {there} a répondu au lieu de {server}");
        return Ok(());
    }
    let sql = "SELECT 1 FROM information_schema.processlist \
               WHERE id = ? AND user = SUBSTRING_INDEX(USER(), '@', 1) AND db = DATABASE()";
    match conn.exec_first::<u8, _, _>(sql, (id,))? {
        Some(_) => conn.query_drop(format!("KILL QUERY {id}")),
        None => Ok(()),
    }
}

impl Session {
    pub(super) fn new(linked: Linked, opts: &Opts, flavour: Flavour, packet: usize) -> Self {
        let Linked { conn, server } = linked;
        let busy = Busy::new((server, conn.connection_id()), Way { opts: opts.clone(), flavour });
        Self { conn, packet, busy }
    }

    pub(super) fn into_linked(self) -> Linked {
        Linked { server: self.busy.0.0.clone(), conn: self.conn }
    }

    /// Which server answers here, in words that tell it from all others.
    pub(crate) fn server(&self) -> &str {
        &self.busy.0.0
    }

    /// The driver's connection, for what this handle does not offer.
    pub(crate) fn conn(&mut self) -> &mut Conn {
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
        match params.into() {
            Params::Empty if exclusive::is_exclusive(sql) => exclusive::run(&mut self.conn, doing, sql, is_ours)?,
            Params::Empty => self.conn.query_drop(sql).map_err(Error::sql(doing))?,
            params => self.conn.exec_drop(sql, params).map_err(Error::sql(doing))?,
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
            Params::Empty => self.conn.query_drop(sql),
            params => self.conn.exec_drop(sql, params),
        }
        .map_err(Error::sql(doing))?;
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

    /// Runs `read` in one snapshot that nothing can write to: all its statements see the rows of one moment.
    ///
    /// # Errors
    /// That of `read`, even where it has cost the connection, so that the snapshot cannot be ended in order either; else
    /// [`Error::Sql`].
    pub fn snapshot<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.exec("début de l'instantané", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", ())?;
        let result = read(self);
        let ended = self.exec("fin de l'instantané", "ROLLBACK", ());
        result.and_then(|value| ended.map(|_| value))
    }
}
