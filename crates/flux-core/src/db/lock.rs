//! Locks that the server keeps by name: held by a connection, gone with it.

use crate::db::{Database, Session};
use crate::error::Result;

/// A lock that this process holds; given back on drop, and by the server when the connection ends.
#[derive(Debug)]
pub(crate) struct NamedLock {
    session: Session,
    name: String,
    connection: u64,
}

impl NamedLock {
    /// Takes the lock on a connection of its own; `None` when another connection holds it. Waits a second at most, for a run that
    /// was killed just now leaves its lock to the server to clear away.
    ///
    /// # Errors
    /// [`crate::error::Error::Connect`], [`crate::error::Error::Sql`].
    pub(crate) fn take(database: &Database, name: String) -> Result<Option<Self>> {
        let mut session = database.session()?;
        session.stay();
        let sql = "SELECT COALESCE(GET_LOCK(?, 1), 0), CONNECTION_ID()";
        let got: Option<(i64, u64)> = session.first("prise du verrou", sql, (&name,))?;
        Ok(match got {
            Some((1, connection)) => Some(Self { session, name, connection }),
            _ => {
                database.give_back(session);
                None
            }
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's number of the connection that holds it.
    pub(crate) fn connection(&self) -> u64 {
        self.connection
    }

    /// The connection that holds it: whatever it writes comes before the lock is given back.
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether it is held on the node that the run is on: on one that was left it keeps nobody out any more.
    pub(crate) fn is_on_node_of(&self, database: &Database) -> bool {
        self.session.node() == database.node()
    }

    /// Whether the lock is still held here.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`] when it was lost with its connection.
    pub(crate) fn is_held(&mut self) -> Result<bool> {
        let sql = "SELECT IS_USED_LOCK(?) = CONNECTION_ID()";
        let mine: Option<Option<i64>> = self.session.first("contrôle du verrou", sql, (&self.name,))?;
        Ok(mine.flatten() == Some(1))
    }
}

impl Drop for NamedLock {
    /// Gives the lock back before the process ends: the server may take a moment to notice a closed connection, and the next command
    /// of a script would find the lock taken.
    fn drop(&mut self) {
        if let Err(error) = self.session.exec("retour du verrou", "DO RELEASE_LOCK(?)", (&self.name,)) {
            log::debug!("{error}");
        }
    }
}

/// Number of the connection that holds a lock; `None` while it is free.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn holder(session: &mut Session, name: &str) -> Result<Option<u64>> {
    let id: Option<Option<u64>> = session.first("lecture du verrou", "SELECT IS_USED_LOCK(?)", (name,))?;
    Ok(id.flatten())
}
