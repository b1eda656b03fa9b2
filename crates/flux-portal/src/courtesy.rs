//! Manners beside a run that writes to the database: one answer at a time, and after each look at the rows a rest, so that the run keeps
//! the server nearly to itself and readers wait a little.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flux_core::db::{Database, Session};
use flux_core::ledger;

/// So many times what it has worked, an answer rests.
const REST: u32 = 6;
/// The longest rest at a time.
const LONGEST: Duration = Duration::from_secs(2);
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
    begun: Instant,
    rested: Mutex<Duration>,
}

impl Pace {
    pub(crate) fn new(courtesy: Arc<Courtesy>) -> Self {
        Self { courtesy, begun: Instant::now(), rested: Mutex::default() }
    }

    /// Rests where courtesy is due; for a thread that may wait.
    pub(crate) fn give_way(&self, session: &mut Session) {
        if self.courtesy.look(session) {
            let rest = self.owed();
            std::thread::sleep(rest);
            *self.rested.lock().unwrap_or_else(PoisonError::into_inner) += rest;
        }
    }

    /// The rest that is still due; none where no run writes.
    pub(crate) fn owed(&self) -> Duration {
        if !self.courtesy.is_due() {
            return Duration::ZERO;
        }
        let rested = *self.rested.lock().unwrap_or_else(PoisonError::into_inner);
        owed(self.begun.elapsed(), rested)
    }
}

/// What is due of so much time, of which so much was rest.
fn owed(elapsed: Duration, rested: Duration) -> Duration {
    (elapsed.saturating_sub(rested) * REST).saturating_sub(rested).min(LONGEST)
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
        assert_eq!((owed(ms(60_000), ms(0)), owed(ms(5), ms(10))), (LONGEST, ms(0)));
    }
}
