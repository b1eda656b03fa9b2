//! Files that the tools keep for themselves: memories and locks.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::open::{append, read};

/// The content of a file of ours; None where there is none. A pipe in its place would be waited for without end: it is refused.
///
/// # Errors
/// [`Error::Io`], also for what is no regular file.
pub(crate) fn read_own(path: &Path) -> Result<Option<Vec<u8>>> {
    match read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("lecture de", path)(error)),
    }
}

/// Keeps two runs apart; released when dropped, or by the system when the process ends.
///
/// # Errors
/// [`Error::Locked`] when another run holds it, `holder` says which; [`Error::Io`], also for a link and for what is no regular file.
pub(crate) fn lock(path: &Path, holder: &str) -> Result<File> {
    hold(append(path).map_err(Error::io("ouverture de", path))?, path, holder)
}

/// The same on a file or a folder that is open.
///
/// # Errors
/// [`Error::Locked`], [`Error::Io`].
pub(crate) fn hold(file: File, path: &Path, holder: &str) -> Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Error::Locked { name: path.display().to_string(), holder: holder.into() })
        }
        Err(fs::TryLockError::Error(error)) => Err(Error::io("ouverture de", path)(error)),
    }
}
