//! What every transaction of a run must pass before its commit: the proof that the run still may write.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::db::{Database, Session};
use crate::error::Result;

/// A transaction that has passed the guard: how many of the run were committed if it is, and as which one it has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) count: u64,
    pub(crate) turn: usize,
}

/// Who has the last word before a commit.
pub(crate) trait Guard: fmt::Debug + Send + Sync {
    /// Proves within the transaction of `session` that it may be committed; `None` where nothing will tell afterwards whether it was.
    ///
    /// # Errors
    /// Why it may not.
    fn pass(&self, database: &Database, session: &mut Session) -> Result<Option<Passed>>;

    /// Whether a transaction that passed was committed, where the answer was lost. Waits for one that is still being committed.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    fn was_committed(&self, session: &mut Session, passed: Passed) -> Result<bool>;
}

/// The guard of a handle and of all its clones, while there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Guarded(Arc<RwLock<Option<Arc<dyn Guard>>>>);

impl Guarded {
    fn get(&self) -> Option<Arc<dyn Guard>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Database {
    /// From now on every [`Database::transaction`] passes this guard; none with `None`.
    pub(crate) fn guard(&self, guard: Option<Arc<dyn Guard>>) {
        *self.guard.0.write().unwrap_or_else(PoisonError::into_inner) = guard;
    }

    /// Passes the guard, where there is one: before what is done outside of [`Database::transaction`].
    ///
    /// # Errors
    /// Why the run may not write any more.
    pub(crate) fn pass(&self, session: &mut Session) -> Result<Option<Passed>> {
        self.guard.get().map_or(Ok(None), |guard| guard.pass(self, session))
    }

    /// Whether the guard knows that this one was committed.
    pub(super) fn was_committed(&self, session: &mut Session, passed: Passed) -> Result<bool> {
        self.guard.get().map_or(Ok(false), |guard| guard.was_committed(session, passed))
    }
}
