//! The one way in which the tools look through folders.
//!
//! Links are never followed, and a folder that cannot be read is an entry of its own: whoever counts, removes or proves must not take
//! it for an empty one.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::Folder;
use crate::signals;

/// What a walk meets.
#[derive(Debug)]
pub(crate) enum Entry {
    File(PathBuf, Metadata),
    /// A folder, after what is in it.
    Folder(PathBuf, Metadata),
    /// A folder that was not entered.
    Closed(PathBuf),
    /// A symbolic link, which is not followed, or a special file.
    Other(PathBuf),
    /// Something that cannot be read.
    Unreadable(PathBuf, std::io::Error),
}

/// Visits everything under `dir`, in the order of names. `enter` says which folders to look into. What vanishes during the walk is
/// passed over, `dir` itself included: somebody else may be tidying up too.
///
/// # Errors
/// Those of `visit`; [`Error::Interrupted`].
pub(crate) fn walk(
    dir: &Path,
    enter: &dyn Fn(&Path) -> bool,
    visit: &mut dyn FnMut(Entry) -> Result<()>,
) -> Result<()> {
    match Folder::open(dir) {
        Ok(folder) => walk_in(&folder, enter, &mut |_, entry| visit(entry)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => visit(Entry::Unreadable(dir.to_owned(), error)),
    }
}

/// [`walk`] from a folder that is open; `visit` is given the folder that what it visits lies in, under its name there.
///
/// # Errors
/// Those of `visit`; [`Error::Interrupted`].
pub(crate) fn walk_in(
    folder: &Folder,
    enter: &dyn Fn(&Path) -> bool,
    visit: &mut dyn FnMut(&Folder, Entry) -> Result<()>,
) -> Result<()> {
    signals::check()?;
    let names = match folder.names() {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return visit(folder, Entry::Unreadable(folder.path().to_owned(), error)),
    };
    for name in names {
        let path = folder.path().join(&name);
        let metadata = match folder.look(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                visit(folder, Entry::Unreadable(path, error))?;
                continue;
            }
            Ok(metadata) => metadata,
        };
        if metadata.is_file() {
            visit(folder, Entry::File(path, metadata))?;
        } else if !metadata.is_dir() {
            visit(folder, Entry::Other(path))?;
        } else if !enter(&path) {
            visit(folder, Entry::Closed(path))?;
        } else {
            match folder.enter(&name) {
                Ok(inner) => walk_in(&inner, enter, visit)?,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => visit(folder, Entry::Unreadable(path.clone(), error))?,
            }
            visit(folder, Entry::Folder(path, metadata))?;
        }
    }
    Ok(())
}

/// What lies right in `dir`, in the order of names; nothing where there is no such folder.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be read, [`Error::Interrupted`].
pub(crate) fn list(dir: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    walk(dir, &|_| false, &mut |entry| match entry {
        Entry::Unreadable(path, error) => Err(Error::io("lecture de", path)(error)),
        entry => {
            entries.push(entry);
            Ok(())
        }
    })?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_walk_follows_no_link_and_says_what_it_left_out() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "x").unwrap();
        fs::write(dir.path().join("a"), "x").unwrap();
        symlink(outside.path(), dir.path().join("b")).unwrap();
        for folder in ["c", "d"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("e"), "x").unwrap();
        }
        let mut seen = Vec::new();
        walk(dir.path(), &|path| !path.ends_with("d"), &mut |entry| {
            let (kind, path) = match entry {
                Entry::File(path, _) => ("file", path),
                Entry::Folder(path, _) => ("folder", path),
                Entry::Closed(path) => ("closed", path),
                Entry::Other(path) => ("other", path),
                Entry::Unreadable(path, _) => ("unreadable", path),
            };
            seen.push(format!("{kind} {}", path.strip_prefix(dir.path()).unwrap().display()));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["file a", "other b", "file c/e", "folder c", "closed d"]);
    }

    #[test]
    fn what_is_no_folder_is_no_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(&dir.path().join("absent")).unwrap().is_empty());
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(list(&file).is_err());
    }
}
