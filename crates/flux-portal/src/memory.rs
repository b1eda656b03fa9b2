//! What was read of the facts, for whoever needs it again while the data do not change: another page of the same zone, another year that
//! is compared with the same one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flux_core::db::{Kept, Memory, Session};
use flux_core::figures::version::Version;
use moka::sync::Cache;

use crate::courtesy::Pace;
use crate::pool::Stamp;

/// Bytes that are remembered.
const ROOM: u64 = 16 * 1_024 * 1_024;
/// How long something is remembered that nobody needs.
const IDLE: Duration = Duration::from_secs(3_600);

/// A value and about how much it takes.
type Entry = (Kept, u32);

/// Of which state of the data, and what.
type Key = (Stamp, String);

/// What is remembered of all states.
pub(crate) struct Remembered(Cache<Key, Entry>);

impl Remembered {
    pub(crate) fn new() -> Self {
        Self(room())
    }

    /// The memory for a snapshot in which the data are in the state `seen`: the shared one where that is surely the state of `stamp`, else
    /// one of its own; and whether it is the shared one.
    pub(crate) fn of(&self, stamp: &Stamp, seen: &Version, pace: &Arc<Pace>) -> (Arc<dyn Memory>, bool) {
        let known = seen.settled && *seen == stamp.version;
        let cache = if known { self.0.clone() } else { room() };
        (Arc::new(OfState { cache, stamp: stamp.clone(), pace: pace.clone() }), known)
    }
}

fn room() -> Cache<Key, Entry> {
    let weigh =
        |key: &Key, (_, bytes): &Entry| u32::try_from(key.1.len() + 128).unwrap_or(u32::MAX).saturating_add(*bytes);
    Cache::builder().max_capacity(ROOM).weigher(weigh).time_to_idle(IDLE).build()
}

/// What is remembered of one state.
struct OfState {
    cache: Cache<Key, Entry>,
    stamp: Stamp,
    pace: Arc<Pace>,
}

impl fmt::Debug for OfState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.stamp)
    }
}

impl Memory for OfState {
    fn recall(&self, key: &str) -> Option<Kept> {
        self.cache.get(&(self.stamp.clone(), key.to_owned())).map(|(value, _)| value)
    }

    fn keep(&self, key: &str, value: Kept, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.cache.insert((self.stamp.clone(), key.to_owned()), (value, bytes));
    }

    fn give_way(&self, session: &mut Session) {
        self.pace.give_way(session);
    }
}
