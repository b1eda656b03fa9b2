//! Files that are there whole or not at all.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::{Error, Result};

/// What a file must survive, and who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It can be made again: readable as the file that it replaces or else as the umask allows, and possibly lost with the machine's
    /// power.
    Cache,
    /// Something relies on it: for its owner only, and on the disk when the call returns.
    Data,
}

/// Puts what can be made again in the place of the file `path`, whole or not at all.
///
/// # Errors
/// [`Error::Io`]; the old file is then as it was.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    put(path, content, Durability::Cache)
}

/// Puts `content` in the place of the file `path`. Whoever reads it sees the old file or the new one, never a part; a link of that name
/// is replaced, what it leads to is left alone. The new file is written aside, in the same folder, under a name that nobody can have
/// prepared (`O_EXCL`).
///
/// # Errors
/// [`Error::Io`]; the old file is then as it was.
pub(crate) fn put(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let write = || {
        let mut aside = tempfile::Builder::new();
        let mode = if durability == Durability::Data { 0o600 } else { 0o666 };
        let mut file =
            aside.prefix(".").suffix(".partial").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(content)?;
        // Who may read what can be made again is for its owner to say, once and for all.
        if let Some(old) =
            fs::symlink_metadata(path).ok().filter(|old| old.is_file() && durability == Durability::Cache)
        {
            fs::set_permissions(file.path(), Permissions::from_mode(old.mode() & 0o777))?;
            let new = file.as_file().metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                // Only the superuser can give it back to whom it belonged.
                let _ = std::os::unix::fs::chown(file.path(), Some(old.uid()), Some(old.gid()));
            }
        }
        if durability == Durability::Data {
            file.as_file().sync_all()?;
        }
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().map_err(Error::io("écriture de", path))?;
    // Without this the new name may be lost, although the content is on the disk.
    if durability == Durability::Data { sync_dir(folder) } else { Ok(()) }
}

/// Puts a file where there is none of that name, whole or not at all; `false` where there is one, which stays as it is. A private one is
/// for its owner only.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create(path: &Path, content: &[u8], private: bool) -> Result<bool> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let write = || {
        let mode = if private { 0o600 } else { 0o666 };
        let mut aside = tempfile::Builder::new();
        let mut file =
            aside.prefix(".").suffix(".partial").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    };
    write().map_err(Error::io("écriture de", path))
}

/// Creates a folder, and those above it, that only its owner may enter; a folder that is there keeps its rights.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("création du dossier", path))
}

/// Creates a file that only its owner may read; there must be none of that name. For what grows too large for [`put`]: it is written
/// under another name and renamed once it is proved.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create_private_file(path: &Path) -> Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(Error::io("création de", path))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io("écriture du dossier", path))
}

/// Makes the content of files durable, several at a time: the disk takes hardly longer for many that are asked for together than for one.
///
/// # Errors
/// [`Error::Io`], of the first that fails.
pub(crate) fn sync_files(paths: &[&Path]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            fs::File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("écriture de", path))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others = paths.len().saturating_sub(1).min(15);
        // Where no thread is to be had, this one does it all.
        let others: Vec<_> = (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = work();
        let lost = |_| Err(Error::Invariant("écriture sur le disque interrompue".into()));
        others.into_iter().map(|other| other.join().unwrap_or_else(lost)).fold(own, Result::and)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("precious"), dir.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        put(&link, b"new", Durability::Data).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        let metadata = fs::symlink_metadata(&link).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left aside");
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        // A folder of that name cannot be replaced by a file.
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(replace(&taken, b"new").is_err());
        assert!(replace(&dir.path().join("absent/file"), b"new").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
