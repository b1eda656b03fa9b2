//! A bounded way to the database for many visitors: the driver waits, so that its work is done on threads of its own, a few at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flux_core::db::{Database, Session};
use flux_core::figures::version::Version;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::courtesy::{Courtesy, Pace};
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
    /// Turns of answers, which look at many rows.
    answers: Arc<Semaphore>,
    /// How many there are.
    all: u32,
    /// Turns of what takes no time, sessions and accounts, so that it never waits behind an answer.
    brief: Arc<Semaphore>,
    courtesy: Arc<Courtesy>,
    /// Those who wait for the turn of an answer.
    waiting: Arc<AtomicUsize>,
    stamp: RwLock<Option<(Instant, Stamp)>>,
    known: Arc<Mutex<Known>>,
}

impl Pool {
    pub(crate) fn new(database: Database, connections: usize) -> Self {
        let all = u32::try_from(connections.saturating_sub(1).max(1)).unwrap_or(1);
        let answers = Arc::new(Semaphore::new(all as usize));
        let brief = if connections > 1 { Arc::new(Semaphore::new(1)) } else { answers.clone() };
        let courtesy = Arc::new(Courtesy::new(database.clone()));
        Self {
            database,
            answers,
            all,
            brief,
            courtesy,
            waiting: Arc::default(),
            stamp: RwLock::default(),
            known: Arc::default(),
        }
    }

    /// Runs `work`, which takes no time, on a connection, when its turn comes.
    ///
    /// # Errors
    /// Those of `work`; [`Failure::Unavailable`] when no turn comes, or no connection.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (turn, database) = (turn(&self.brief, 1).await?, self.database.clone());
        blocking(move || {
            let _turn = turn;
            on(&database, work)
        })
        .await
    }

    /// Works an answer out, when its turn comes: beside a run that writes to the database, when nobody else works one out.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session, &Arc<Pace>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let asked = Instant::now();
        let turn = {
            let _waits = Waits::new(&self.waiting);
            turn(&self.answers, if self.courtesy.is_due() { self.all } else { 1 }).await?
        };
        let (database, waiting) = (self.database.clone(), self.waiting.clone());
        let pace = Arc::new(Pace::new(self.courtesy.clone(), asked));
        // The turn lasts until the work is done, whether or not somebody still waits for it, and until the rest after it is over.
        blocking(move || {
            let result = on(&database, |session| work(session, &pace));
            tokio::spawn(async move {
                pace.rest(&waiting).await;
                drop(turn);
            });
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
        let (database, courtesy) = (self.database.clone(), self.courtesy.clone());
        let read = blocking(move || {
            let mut session = match known.session.take() {
                Some(session) => session,
                None => {
                    known.generation += 1;
                    database.session()?
                }
            };
            let version = Version::read(&mut session)?;
            courtesy.look(&mut session);
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

/// One of those who wait, until it is dropped: by its turn, or by a visitor who has gone.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs `work` on a connection, which is kept for the next one unless it may have come to harm.
fn on<T>(database: &Database, work: impl FnOnce(&mut Session) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut session = database.session()?;
    let result = work(&mut session);
    if !result.as_ref().is_err_and(Failure::is_of_database) {
        database.give_back(session);
    }
    result
}

/// So many turns at once, when they come.
async fn turn(turns: &Arc<Semaphore>, count: u32) -> Result<OwnedSemaphorePermit, Failure> {
    let busy = || Failure::Unavailable("le portail est saturé".into());
    let turn = tokio::time::timeout(PATIENCE, turns.clone().acquire_many_owned(count));
    turn.await.map_err(|_| busy())?.map_err(|_| busy())
}

/// Runs `work` where waiting holds nobody up.
///
/// # Errors
/// Those of `work`; [`Failure::Internal`] when it panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::within("une tâche s'est arrêtée"))?
}
