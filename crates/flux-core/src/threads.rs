//! Work on several things at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use crate::error::{Error, Result};

/// As many things at a time as there are processors, at most four: beyond, the server is what is waited for.
pub(crate) fn usual() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(4)
}

/// Does `work` with each item, `jobs` of them at a time, begun in their order. The results, in that order too.
///
/// # Errors
/// [`Error::Invariant`] where a piece of work panicked.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], jobs: usize, work: impl Fn(&T) -> R + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..jobs.min(items.len())).map(|_| scope.spawn(worker)).collect();
        worker();
        others.into_iter().try_for_each(ScopedJoinHandle::join)
    })
    .map_err(|_| stopped())?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// Does two things at a time.
///
/// # Errors
/// [`Error::Invariant`] where the second one panicked.
pub(crate) fn beside<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> Result<(A, B)> {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        other.join().map(|other| (one, other))
    })
    .map_err(|_| stopped())
}

fn stopped() -> Error {
    Error::Invariant("un fil de travail s'est arrêté".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn two_things_are_done_at_a_time_and_told_in_their_order() {
        // Passed only by two at once.
        let both = Barrier::new(2);
        let doubled = each(&[1, 2, 3, 4], 2, |number| {
            both.wait();
            number * 2
        });
        assert_eq!(doubled.unwrap(), [2, 4, 6, 8]);
        assert_eq!(each(&[1, 2], 0, |number| number + 1).unwrap(), [2, 3]);
        assert!(each(&[0_u8; 0], 4, |number| *number).unwrap().is_empty());
    }
}
