//! The files of each table, worked through by several workers: each stays with a table as long as there is work, for the server then
//! keeps the table's indexes at hand; and the rows of a table are stored one file after the other, in an order that does not depend on
//! which worker is faster.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The files of one table.
#[derive(Debug)]
struct Lane {
    /// Files that a worker has taken.
    taken: usize,
    done: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Mutex<Vec<Lane>>,
    changed: Condvar,
}

/// A file's place in its lane; counts as done when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    lanes: &'a Lanes,
    pub(crate) lane: usize,
    pub(crate) place: usize,
}

impl Lanes {
    /// Lanes with so many files each.
    pub(crate) fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let lane = |size| Lane { taken: 0, done: vec![false; size] };
        Self { lanes: Mutex::new(sizes.map(lane).collect()), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next file for a worker that was in lane `last`: of that lane, else of one that nobody has begun, else of the one with most
    /// left to do. `None` when all are taken.
    pub(crate) fn next(&self, last: Option<usize>) -> Option<Turn<'_>> {
        let mut lanes = self.lock();
        let left = |lane: &Lane| lane.done.len() - lane.taken;
        let own = last.filter(|index| left(&lanes[*index]) > 0);
        let fresh = || lanes.iter().position(|lane| lane.taken == 0 && left(lane) > 0);
        let longest =
            || (0..lanes.len()).filter(|index| left(&lanes[*index]) > 0).max_by_key(|index| left(&lanes[*index]));
        let lane = own.or_else(fresh).or_else(longest)?;
        let place = lanes[lane].taken;
        lanes[lane].taken += 1;
        Some(Turn { lanes: self, lane, place })
    }
}

impl Turn<'_> {
    /// Waits until all files before this one are done.
    pub(crate) fn wait(&self) {
        let lanes = self.lanes.lock();
        let waiting = |lanes: &mut Vec<Lane>| lanes[self.lane].done[..self.place].contains(&false);
        drop(self.lanes.changed.wait_while(lanes, waiting).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.lanes.lock()[self.lane].done[self.place] = true;
        self.lanes.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_lane_take_their_turns_whatever_the_order_of_arrival() {
        let lanes = Lanes::new([3].into_iter());
        let order = Mutex::new(Vec::new());
        let turns: Vec<Turn<'_>> = std::iter::from_fn(|| lanes.next(Some(0))).collect();
        std::thread::scope(|scope| {
            for turn in turns.into_iter().rev() {
                let order = &order;
                scope.spawn(move || {
                    turn.wait();
                    order.lock().unwrap().push(turn.place);
                });
            }
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2]);
    }

    #[test]
    fn a_worker_stays_in_its_lane_then_opens_another_then_helps() {
        let lanes = Lanes::new([2, 3, 1].into_iter());
        let mut taken = Vec::new();
        let mut take = |last| taken.push(lanes.next(last).map(|turn| (turn.lane, turn.place)));
        take(None); // the first worker opens lane 0
        take(None); // the second one lane 1
        take(Some(0));
        take(Some(0)); // lane 0 is empty: lane 2, that nobody has begun
        take(Some(2)); // nothing is left but lane 1
        take(Some(1));
        take(Some(1));
        let expected = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (1, 2)];
        assert_eq!(taken[..6], expected.map(Some));
        assert_eq!(taken[6], None);
    }
}
