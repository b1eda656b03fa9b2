//! A bounded way to the database for many visitors: the driver waits, so that its work is done on threads of its own, a few at a time.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flux_core::db::{Database, Session};
use flux_core::figures::version::Version;
use tokio::sync::{Mutex, Semaphore};

use crate::failure::Failure;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the state of the data is taken for known.
const FRESH: Duration = Duration::from_secs(1);

/// The state of the data, as far as caches care: a server that was started again may have forgotten when its tables changed, so that
/// what was known before is not compared with what is known after.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    pub(crate) version: Version,
    /// Counts the connections on which the state was read.
    generation: u64,
}

/// What is known of the state.
#[derive(Default)]
struct Known {
    session: Option<Session>,
    generation: u64,
}

/// The way to the database.
pub(crate) struct Pool {
    pub(crate) database: Database,
    turns: Arc<Semaphore>,
    stamp: RwLock<Option<(Instant, Stamp)>>,
    known: Arc<Mutex<Known>>,
}

impl Pool {
    pub(crate) fn new(database: Database, connections: usize) -> Self {
        Self { database, turns: Arc::new(Semaphore::new(connections)), stamp: RwLock::default(), known: Arc::default() }
    }

    /// Runs `work` on a connection, when its turn comes.
    ///
    /// # Errors
    /// Those of `work`; [`Failure::Unavailable`] when no turn comes, or no connection.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let busy = || Failure::Unavailable("le portail est saturé".into());
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let database = self.database.clone();
        blocking(move || {
            let _turn = turn;
            let mut session = database.session()?;
            let result = work(&mut session);
            if !result.as_ref().is_err_and(Failure::is_of_database) {
                database.give_back(session);
            }
            result
        })
        .await
    }

    /// The state of the data, not older than a second.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] without the database.
    pub(crate) async fn stamp(&self) -> Result<Stamp, Failure> {
        if let Some(stamp) = self.fresh() {
            return Ok(stamp);
        }
        let mut known = self.known.clone().lock_owned().await;
        // Whoever had the lock before has read it.
        if let Some(stamp) = self.fresh() {
            return Ok(stamp);
        }
        let database = self.database.clone();
        let read = blocking(move || {
            let mut session = match known.session.take() {
                Some(session) => session,
                None => {
                    known.generation += 1;
                    database.session()?
                }
            };
            let version = Version::read(&mut session)?;
            known.session = Some(session);
            Ok(Stamp { version, generation: known.generation })
        });
        let stamp = match read.await {
            Ok(stamp) => stamp,
            Err(failure) => {
                *self.stamp.write().unwrap_or_else(PoisonError::into_inner) = None;
                return Err(failure);
            }
        };
        *self.stamp.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), stamp.clone()));
        Ok(stamp)
    }

    fn fresh(&self) -> Option<Stamp> {
        let stamp = self.stamp.read().unwrap_or_else(PoisonError::into_inner);
        stamp.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, stamp)| stamp.clone())
    }
}

/// Runs `work` where waiting holds nobody up.
///
/// # Errors
/// Those of `work`; [`Failure::Internal`] when it panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            log::error!("une tâche s'est arrêtée : {error}");
            Err(Failure::Internal)
        }
    }
}
