//! Where servers keep their data: in memory where there is room. A database of a test is sixty tables, which a disk takes ten times as
//! long to make and to drop, longer still where others write to it.

use crate::{repository, work_dir};
use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Kept in memory, by size. A run takes a third of it.
const ROOM: u64 = 6 << 30;

/// A private folder, the same for all processes of this checkout: `/dev/shm/flux-test-…`, or `target/flux-test/` where that holds less
/// than six GiB or is not ours.
pub(crate) fn scratch_dir() -> &'static Path {
    static CHOSEN: OnceLock<PathBuf> = OnceLock::new();
    CHOSEN.get_or_init(|| in_memory(Path::new("/dev/shm")).unwrap_or_else(work_dir))
}

/// What all processes find alike decides: the size, not what is free of it at the time.
fn in_memory(place: &Path) -> Option<PathBuf> {
    let whole = rustix::fs::statvfs(place).ok()?;
    if whole.f_blocks.saturating_mul(whole.f_frsize) < ROOM
        || fs::metadata(place).ok()?.dev() == fs::metadata("/").ok()?.dev()
    {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    repository().hash(&mut hasher);
    let dir = place.join(format!("flux-test-{:016x}", hasher.finish()));
    let mine = fs::metadata("/proc/self").ok()?.uid();
    let _ = DirBuilder::new().mode(0o700).create(&dir);
    let found = fs::symlink_metadata(&dir).ok()?;
    (found.is_dir() && found.uid() == mine && found.mode() & 0o077 == 0).then_some(dir)
}
