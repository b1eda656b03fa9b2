//! Accounts that may hold only a few connections at a time: whoever needs one waits until another piece of work gives its own back.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::error::is_without_room;
use crate::signals;

/// How long to wait where no work of this run will give a connection back: the server may still count those that were just closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

thread_local! {
    /// Pieces of work that this thread is in: it cannot wait for itself.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// What all threads of a run know of the account's room.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Pieces of work that hold a connection and will give it back.
    working: AtomicUsize,
    /// Whether the server has refused a connection for want of room.
    is_short: AtomicBool,
    /// Whether somebody has waited in vain: the next one need not.
    in_vain: AtomicBool,
}

/// A piece of work that holds a connection.
#[derive(Debug)]
pub(super) struct Turn(Arc<Shared>);

impl Room {
    /// Says that this thread holds a connection for a piece of work, until it is dropped.
    pub(super) fn turn(&self) -> Turn {
        self.0.working.fetch_add(1, Ordering::Relaxed);
        MINE.set(MINE.get() + 1);
        Turn(Arc::clone(&self.0))
    }

    /// Whether a connection more than the work needs is one too many.
    pub(super) fn is_short(&self) -> bool {
        self.0.is_short.load(Ordering::Relaxed)
    }

    /// Connects, and waits for room where the account has none left: as long as other work will give its connection back, else some
    /// seconds.
    pub(super) fn connect<T>(
        &self,
        mut idle: impl FnMut() -> Option<T>,
        open: impl Fn() -> mysql::Result<T>,
    ) -> mysql::Result<T> {
        let mut since = Instant::now();
        loop {
            if let Some(conn) = idle() {
                return Ok(conn);
            }
            match open() {
                Err(error) if is_without_room(&error) => {
                    let others = self.0.working.load(Ordering::Relaxed) > MINE.get();
                    if others {
                        since = Instant::now();
                    }
                    if !self.0.is_short.swap(true, Ordering::Relaxed) {
                        log::warn!(
                            "le compte n'a droit qu'à peu de connexions à la fois (MAX_USER_CONNECTIONS) : le travail \
                             continue avec moins, plus lentement"
                        );
                    }
                    let patient = others || !self.0.in_vain.load(Ordering::Relaxed);
                    if !patient || since.elapsed() > PATIENCE || signals::sleep(PAUSE).is_err() {
                        self.0.in_vain.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::Relaxed);
        MINE.set(MINE.get().saturating_sub(1));
    }
}
