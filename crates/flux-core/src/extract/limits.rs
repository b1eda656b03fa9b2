//! How much an archive may hold.

/// What an archive may not exceed; one that does is refused as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes unpacked from one archive, inner ones included.
    pub(super) total: u64,
    /// Unpacked bytes for each packed one, once more than 16 MiB were unpacked.
    pub(super) ratio: u64,
    /// Archives within archives, in levels.
    pub(super) depth: u32,
    /// Entries, inner ones included.
    pub(super) entries: u64,
}

/// Small files compress well without being a bomb.
pub(super) const RATIO_FROM: u64 = 16 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self { total: 50 << 30, ratio: 200, depth: 3, entries: 100_000 }
    }
}
