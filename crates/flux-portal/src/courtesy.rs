//! Manners beside a run that writes to the database: one answer at a time, and after each look at the rows a rest, so that the run keeps
//! the server nearly to itself and readers wait a little.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flux_core::db::{Database, Session};
use flux_core::ledger;

/// So many times what it has worked, an answer rests.
const REST: u32 = 4;
/// The most that it rests in all: whoever reads is served in the end, however busy the machine is.
const MOST: Duration = Duration::from_secs(8);
/// How long after it was asked for an answer may still rest before it is given: what is left to rest comes after it, so that whoever asks
/// waits for the work and not for the manners.
const BEFORE: Duration = Duration::from_secs(2);
/// How long a single visitor waits while the answer before theirs rests. A crowd waits for all of it.
const BEHIND: Duration = Duration::from_secs(2);
/// How long it rests before it looks whether the run still writes.
const STEP: Duration = Duration::from_millis(250);
/// How long it is taken for known whether a run writes.
const KNOWN: Duration = Duration::from_millis(50);

/// Whether a run writes.
pub(crate) struct Courtesy {
    database: Database,
    writing: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Courtesy {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, writing: AtomicBool::new(false), looked: Mutex::new(None) }
    }

    /// What was seen last.
    pub(crate) fn is_due(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    /// Looks, unless somebody has done so just now.
    pub(crate) fn look(&self, session: &mut Session) -> bool {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.is_some_and(|at| at.elapsed() < KNOWN) {
                return self.is_due();
            }
            *looked = Some(Instant::now());
        }
        match ledger::is_writing(&self.database, session) {
            Ok(writing) => self.writing.store(writing, Ordering::Relaxed),
            // The answer that is being worked out will say so.
            Err(error) => log::debug!("{error}"),
        }
        self.is_due()
    }
}

/// The pace of an answer.
pub(crate) struct Pace {
    courtesy: Arc<Courtesy>,
    asked: Instant,
    begun: Instant,
    rested: Mutex<Duration>,
}

impl Pace {
    /// Of an answer that begins now and was asked for at `asked`.
    pub(crate) fn new(courtesy: Arc<Courtesy>, asked: Instant) -> Self {
        Self { courtesy, asked, begun: Instant::now(), rested: Mutex::default() }
    }

    /// Rests as long as courtesy is due and whoever asked has not waited for long; for a thread that may wait.
    pub(crate) fn give_way(&self, session: &mut Session) {
        while self.asked.elapsed() < BEFORE
            && self.courtesy.look(session)
            && let Some(step) = self.step()
        {
            std::thread::sleep(step);
        }
    }

    /// The rest that is left, for a task; `waiting` are those who want their turn.
    pub(crate) async fn rest(&self, waiting: &AtomicUsize) {
        let mut alone = Duration::ZERO;
        while alone < BEHIND
            && let Some(step) = self.step()
        {
            tokio::time::sleep(step).await;
            alone = if waiting.load(Ordering::Relaxed) == 1 { alone + step } else { Duration::ZERO };
        }
    }

    /// A part of the rest that is due, which is then taken; none where nothing is due.
    fn step(&self) -> Option<Duration> {
        if !self.courtesy.is_due() {
            return None;
        }
        let mut rested = self.rested.lock().unwrap_or_else(PoisonError::into_inner);
        let step = owed(self.begun.elapsed(), *rested).min(STEP);
        *rested += step;
        (!step.is_zero()).then_some(step)
    }
}

/// What is due of so much time, of which so much was rest.
fn owed(elapsed: Duration, rested: Duration) -> Duration {
    (elapsed.saturating_sub(rested) * REST).min(MOST).saturating_sub(rested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_so_many_times_the_work_and_is_owed_once() {
        let ms = Duration::from_millis;
        assert_eq!(owed(ms(50), ms(0)), ms(50) * REST);
        // 50 of work and all of their rest; then 10 more of work
        assert_eq!(owed(ms(50) * (REST + 1), ms(50) * REST), ms(0));
        assert_eq!(owed(ms(50) * (REST + 1) + ms(10), ms(50) * REST), ms(10) * REST);
        assert_eq!((owed(ms(60_000), ms(0)), owed(ms(60_000), MOST), owed(ms(5), ms(10))), (MOST, ms(0), ms(0)));
    }
}
