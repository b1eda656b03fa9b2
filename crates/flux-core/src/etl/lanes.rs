//! The order of files that go to the same table: their rows are stored one file after the other, in an order that does not depend
//! on which of the parallel workers is faster.

use std::sync::{Condvar, Mutex, PoisonError};

/// Which files of each lane are done.
#[derive(Debug)]
pub(super) struct Lanes {
    done: Mutex<Vec<Vec<bool>>>,
    changed: Condvar,
}

/// A file's place in its lane; counts as done when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    lanes: &'a Lanes,
    lane: usize,
    place: usize,
}

impl Lanes {
    /// Lanes with so many files each.
    pub(super) fn new(sizes: impl Iterator<Item = usize>) -> Self {
        Self { done: Mutex::new(sizes.map(|size| vec![false; size]).collect()), changed: Condvar::new() }
    }

    /// Takes a place, without waiting.
    pub(super) fn enter(&self, lane: usize, place: usize) -> Turn<'_> {
        Turn { lanes: self, lane, place }
    }
}

impl Turn<'_> {
    /// Waits until all files before this one are done.
    pub(super) fn wait(&self) {
        let done = self.lanes.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |done: &mut Vec<Vec<bool>>| done[self.lane][..self.place].contains(&false);
        drop(self.lanes.changed.wait_while(done, waiting).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.lanes.done.lock().unwrap_or_else(PoisonError::into_inner)[self.lane][self.place] = true;
        self.lanes.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_lane_take_their_turns_whatever_the_order_of_arrival() {
        let lanes = Lanes::new([3, 1].into_iter());
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for place in [2, 1, 0] {
                let (lanes, order) = (&lanes, &order);
                scope.spawn(move || {
                    let turn = lanes.enter(0, place);
                    turn.wait();
                    order.lock().unwrap().push(place);
                });
            }
            lanes.enter(1, 0).wait();
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2]);
    }
}
