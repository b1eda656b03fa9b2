//! Work that is tried again when it failed for a passing reason: deadlocks, lock wait timeouts, lost connections.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::db::{Database, Passed, Session};
use crate::error::{Error, Result};
use crate::signals;

/// How often a piece of work is tried in all.
const TRIES: u32 = 5;

/// Pause after the first try; each further one is three times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause, the last of five tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(5400);

/// What a run may wait between tries in all: long enough for a server to be started again.
const WAIT_BUDGET: Duration = Duration::from_secs(60);

const BEGINNING: &str = "début de transaction";

/// What a transaction sees of what others commit meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Nothing, from its first read on; what it changes is locked with its neighbours.
    Snapshot,
    /// All of it; only the rows that it changes are locked.
    Committed,
}

impl Database {
    /// Runs `work` in one transaction on a connection of its own: committed when it returns `Ok` and the guard of the run lets it
    /// pass ([`Database::guard`]), else rolled back. Deadlocks, lock wait timeouts and lost connections are retried with a new connection, so `work` must not keep what a failed try gave it.
    ///
    /// # Errors
    /// Those of `work` and of the commit.
    pub(crate) fn transaction<T>(&self, work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        self.transaction_that(Reads::Snapshot, work)
    }

    /// The same, of which one chooses what it sees.
    ///
    /// # Errors
    /// Those of `work` and of the commit.
    pub(crate) fn transaction_that<T>(
        &self,
        reads: Reads,
        mut work: impl FnMut(&mut Session) -> Result<T>,
    ) -> Result<T> {
        // What a commit stands for whose answer was lost. Rows that are there already may be its own, where no guard tells.
        let doubt: RefCell<Option<(T, Option<Passed>)>> = RefCell::default();
        let may_pass = |error: &Error| doubt.borrow().is_some() && error.is_conflict();
        self.retried_while(may_pass, || {
            let mut session = self.session()?;
            let _turn = self.nodes.room.turn();
            let passed = doubt.borrow().as_ref().and_then(|(_, passed)| *passed);
            if let Some(passed) = passed
                && self.was_committed(&mut session, passed)?
                && let Some((value, _)) = doubt.take()
            {
                self.give_back(session);
                return Ok(value);
            }
            if let Reads::Committed = reads {
                session.exec_aside(BEGINNING, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", ())?;
            }
            session.exec(BEGINNING, "START TRANSACTION", ())?;
            // Dropping the session closes the connection; the server rolls back.
            let value = work(&mut session)?;
            signals::check()?;
            let passed = self.pass(&mut session)?;
            match session.exec("validation de la transaction", "COMMIT", ()) {
                Ok(_) => {
                    self.give_back(session);
                    Ok(value)
                }
                Err(error) => {
                    if error.leaves_doubt() {
                        doubt.replace(Some((value, passed)));
                    }
                    Err(error)
                }
            }
        })
    }

    /// Runs `work` on a connection that is kept for the next one, as often as [`Database::retried`] does. Outside a transaction: each
    /// statement stands for itself.
    ///
    /// # Errors
    /// The last error of `work`.
    pub(crate) fn with_session<T>(&self, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        self.retried(|| {
            let mut session = self.session()?;
            let _turn = self.nodes.room.turn();
            let value = work(&mut session)?;
            self.give_back(session);
            Ok(value)
        })
    }

    /// Runs `again` what has failed with `error` on the node `at`, as often as [`Database::retried`] does; within work that is itself
    /// retried, not at all.
    ///
    /// # Errors
    /// The last one.
    pub(super) fn read_again<T>(&self, at: usize, error: Error, mut again: impl FnMut() -> Result<T>) -> Result<T> {
        if TRYING.get() {
            return Err(error);
        }
        // Where the node was left meanwhile, it is not the next one that has failed.
        let mut first = Some(error).filter(|_| at == self.node());
        self.retried(|| first.take().map_or_else(&mut again, Err))
    }

    /// Runs `work` again while it fails for a passing reason, with a growing pause. Within work that is itself retried it runs once:
    /// it is the whole that is tried again, and tries are not multiplied.
    ///
    /// # Errors
    /// The last error of `work`.
    pub(crate) fn retried<T>(&self, work: impl FnMut() -> Result<T>) -> Result<T> {
        self.retried_while(|_| false, work)
    }

    /// The same where `may_pass` knows of more failures that pass.
    fn retried_while<T>(&self, may_pass: impl Fn(&Error) -> bool, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        let node = Cell::new(self.node());
        let passes = |error: &Error| {
            // Where another node can take over, or is being elected, one is worth waiting for as long as the run may wait. A commit that
            // was refused by a member that is none any more was not too large.
            let failed = error.is_of_node() || (error.is_refused_commit() && !self.is_fit(node.get()));
            if failed && self.may_move() {
                self.leave(node.get());
                return Passing::InTime;
            }
            if error.is_transient() || may_pass(error) { Passing::Soon } else { Passing::Never }
        };
        let work = || {
            node.set(self.node());
            work()
        };
        retried(&self.budget, |pause| Ok(signals::sleep(pause)?), passes, work)
    }
}

/// What a run has waited between tries, all its threads together, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    /// Takes a pause out of the budget; `false` where that is more than is left: a server that is down for good is not waited for
    /// again by every file of a run.
    fn take(&self, pause: Duration) -> bool {
        let pause = pause.as_millis() as u64;
        let fits = |spent: u64| Some(spent + pause).filter(|sum| *sum <= WAIT_BUDGET.as_millis() as u64);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

thread_local! {
    /// Whether this thread is within work that will be tried again.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// Within [`retried`] while it lives.
struct Trying;

impl Trying {
    /// `None` where the thread is within already.
    fn enter() -> Option<Self> {
        if TRYING.replace(true) { None } else { Some(Self) }
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        TRYING.set(false);
    }
}

/// Whether a failure is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    Never,
    /// A few tries, seconds in all.
    Soon,
    /// As many as the budget of the run allows.
    InTime,
}

fn retried<T>(
    budget: &Budget,
    mut sleep: impl FnMut(Duration) -> Result<()>,
    mut passes: impl FnMut(&Error) -> Passing,
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    let Some(_trying) = Trying::enter() else { return work() };
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        signals::check()?;
        let error = match work() {
            Err(error) => error,
            result => return result,
        };
        let passing = passes(&error);
        let again = passing == Passing::InTime || (passing == Passing::Soon && attempt < TRIES);
        if !again || !budget.take(pause) {
            return Err(error);
        }
        log::warn!("{error} ; nouvel essai dans {} ms ({attempt})", pause.as_millis());
        sleep(pause)?;
        pause = (pause * 3).min(LONGEST_PAUSE);
    }
    Err(Error::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Error {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        Error::Sql { doing: "essai".into(), source: Box::new(mysql::Error::IoError(lost)) }
    }

    fn soon(error: &Error) -> Passing {
        if error.is_transient() { Passing::Soon } else { Passing::Never }
    }

    /// What is waited, in milliseconds, and how often `work` is done, when each try of it fails.
    fn failing(budget: &Budget, work: impl Fn() -> Result<()>) -> (Vec<u64>, u32) {
        let (mut pauses, mut runs) = (Vec::new(), 0);
        let result = retried(
            budget,
            |pause| {
                pauses.push(pause.as_millis() as u64);
                Ok(())
            },
            soon,
            || {
                runs += 1;
                work()
            },
        );
        assert!(result.is_err());
        (pauses, runs)
    }

    #[test]
    fn five_tries_with_growing_pauses_and_one_for_what_does_not_pass() {
        let (pauses, runs) = failing(&Budget::default(), || Err(lost()));
        assert_eq!((pauses, runs), (vec![200, 600, 1800, 5400], 5));
        let (pauses, runs) = failing(&Budget::default(), || Err(Error::Invariant(String::new())));
        assert_eq!((pauses, runs), (vec![], 1));
    }

    #[test]
    fn what_passes_is_no_failure_and_leaves_the_thread_free_for_the_next() {
        for fails in [0, 4] {
            let mut runs = 0;
            let result = retried(
                &Budget::default(),
                |_| Ok(()),
                soon,
                || {
                    runs += 1;
                    if runs > fails { Ok(runs) } else { Err(lost()) }
                },
            );
            assert_eq!(result.unwrap(), fails + 1);
        }
    }

    #[test]
    fn tries_within_tries_are_not_multiplied() {
        let budget = Budget::default();
        let inner = Cell::new(0);
        let within = || {
            retried(
                &budget,
                |_| panic!("it is the outer work that waits"),
                soon,
                || {
                    inner.set(inner.get() + 1);
                    Err(lost())
                },
            )
        };
        let (pauses, runs) = failing(&budget, within);
        assert_eq!((pauses.len(), runs, inner.get()), (4, 5, 5));
        // The same work by itself is tried five times.
        let (pauses, runs) = failing(&Budget::default(), || Err(lost()));
        assert_eq!((pauses.len(), runs), (4, 5));
    }

    #[test]
    fn an_election_is_waited_for_as_long_as_the_run_may_wait() {
        let mut pauses = Vec::new();
        let sleep = |pause: Duration| {
            pauses.push(pause.as_millis() as u64);
            Ok(())
        };
        let result = retried(&Budget::default(), sleep, |_| Passing::InTime, || Err::<(), _>(lost()));
        assert!(result.is_err());
        assert_eq!(pauses[..5], [200, 600, 1800, 5400, 5400]);
        // 2.6 seconds, then ten times 5.4; one more would be over a minute.
        assert_eq!((pauses.len(), pauses.iter().sum::<u64>()), (13, 56_600));
    }

    #[test]
    fn ten_files_together_wait_no_longer_than_a_minute() {
        let budget = Budget::default();
        // Ten times eight seconds would be more.
        let waited: Vec<u64> = (0..10).map(|_| failing(&budget.clone(), || Err(lost())).0.iter().sum()).collect();
        assert_eq!(waited[..7], [8000; 7]);
        // 4 seconds are left: 0.2 + 0.6 + 1.8, then 0.2 + 0.6, then 0.2.
        assert_eq!(waited[7..], [2600, 800, 200]);
    }
}
