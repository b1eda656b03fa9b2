//! Files that the tools keep for themselves: memories and locks.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};

/// The content of a file of ours; None where there is none. A pipe in its place would be waited for without end: it is refused.
///
/// # Errors
/// [`Error::Config`] for what is no regular file, [`Error::Io`].
pub(crate) fn read_own(path: &Path) -> Result<Option<Vec<u8>>> {
    if !is_there(path)? {
        return Ok(None);
    }
    fs::read(path).map(Some).map_err(Error::io("lecture de", path))
}

/// Keeps two runs apart; released when dropped, or by the system when the process ends.
///
/// # Errors
/// [`Error::Locked`] when another run holds it, `holder` says which; those of [`read_own`].
pub(crate) fn lock(path: &Path, holder: &str) -> Result<File> {
    is_there(path)?;
    let wrap = || Error::io("ouverture de", path);
    let file = File::options().create(true).append(true).open(path).map_err(wrap())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Error::Locked { name: path.display().to_string(), holder: holder.into() })
        }
        Err(fs::TryLockError::Error(error)) => Err(wrap()(error)),
    }
}

fn is_there(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(Error::Config {
            message: format!("{} n'est pas un fichier ordinaire", path.display()),
            hint: "déplacez-le : l'outil en a besoin pour lui".into(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("lecture de", path)(error)),
    }
}
