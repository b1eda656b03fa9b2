//! Folders that are open: a name in one is the name in that very folder, whatever is put in the place of its path meanwhile, and no link is
//! followed. For work that another account's folder must not lead astray, and for paths that are too long to be written.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, mkdirat, openat, renameat, renameat_with, unlinkat};

use crate::files::open::regular;
use crate::files::own::hold;

/// A folder, and how it was come to, for messages.
#[derive(Debug)]
pub(crate) struct Folder {
    file: File,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder as the system finds it.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = openat(rustix::fs::CWD, path, flags, Mode::empty())?;
        Ok(Self { file: file.into(), path: path.to_owned() })
    }

    /// Opens the folder `relative` below `root`, without following a link on the way from there.
    ///
    /// # Errors
    /// Those of the system, also for a link; one of its own for a path that leads upward.
    pub(crate) fn under(root: &Path, relative: &Path) -> Result<Self> {
        let mut folder = Self::open(root)?;
        for part in relative.components() {
            match part {
                Component::Normal(name) => folder = folder.enter(name)?,
                Component::CurDir => {}
                _ => return Err(ErrorKind::InvalidInput.into()),
            }
        }
        Ok(folder)
    }

    /// Its path, as it was when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder in it.
    ///
    /// # Errors
    /// Those of the system, also for a link.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.file, name, flags, Mode::empty())?;
        Ok(Self { file: file.into(), path: self.path.join(name) })
    }

    /// The names in it, in order.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.file)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// What a name in it is; of a link, the link.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn look(&self, name: &OsStr) -> Result<Metadata> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&self.file, name, flags, Mode::empty())?).metadata()
    }

    /// Opens a regular file in it to read it.
    ///
    /// # Errors
    /// Those of the system, also for a link; one of its own for what is no regular file.
    pub(crate) fn file(&self, name: &OsStr) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        regular(openat(&self.file, name, flags, Mode::empty())?.into())
    }

    /// Creates a file in it that only its owner may read; there must be none of that name.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn create(&self, name: &OsStr) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.file, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Makes a folder in it that only its owner may enter, and opens it; there must be nothing of that name.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn make(&self, name: &OsStr) -> Result<Self> {
        mkdirat(&self.file, name, Mode::RWXU)?;
        self.enter(name)
    }

    /// Removes all that is in it; of a link the link, and not what it leads to.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn clear(&self) -> Result<()> {
        for name in self.names()? {
            if self.look(&name)?.is_dir() {
                self.enter(&name)?.clear()?;
                self.remove_folder(&name)?;
            } else {
                self.remove_file(&name)?;
            }
        }
        Ok(())
    }

    /// Removes a file, or a link, from it.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn remove_file(&self, name: &OsStr) -> Result<()> {
        unlinkat(&self.file, name, AtFlags::empty()).map_err(Error::from)
    }

    /// Removes an empty folder from it.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn remove_folder(&self, name: &OsStr) -> Result<()> {
        unlinkat(&self.file, name, AtFlags::REMOVEDIR).map_err(Error::from)
    }

    /// Gives a file in it another name, which nothing in it may have.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        self.give(from, self, to)
    }

    /// Moves a file from it into another folder, where nothing may have the name.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn give(&self, from: &OsStr, other: &Self, to: &OsStr) -> Result<()> {
        match renameat_with(&self.file, from, &other.file, to, RenameFlags::NOREPLACE) {
            // Some file systems cannot promise it.
            Err(rustix::io::Errno::INVAL) if other.look(to).is_err() => renameat(&self.file, from, &other.file, to),
            result => result,
        }
        .map_err(Error::from)
    }

    /// Holds it as a file is locked, until what this gives is dropped.
    ///
    /// # Errors
    /// As [`hold`].
    pub(crate) fn hold(&self, holder: &str) -> crate::error::Result<File> {
        let file = self.file.try_clone().map_err(crate::error::Error::io("ouverture du dossier", &self.path))?;
        hold(file, &self.path, holder)
    }

    /// Puts a file in it in the place of another one, or of none.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn replace(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        renameat(&self.file, from, &self.file, to).map_err(Error::from)
    }

    /// Makes the names in it durable.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn clearing_removes_links_and_not_what_they_lead_to() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        fs::write(dir.path().join("in/deep/a"), "x").unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        symlink(outside.path(), dir.path().join("in/folder")).unwrap();
        symlink(outside.path().join("kept"), dir.path().join("in/file")).unwrap();
        Folder::open(&dir.path().join("in")).unwrap().clear().unwrap();
        assert_eq!(fs::read_dir(dir.path().join("in")).unwrap().count(), 0);
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn names_are_those_of_the_folder_that_was_opened_and_no_link_is_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = OsStr::new("a.json");
        fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        for place in [dir.path().join("in/deep"), outside.path().to_owned()] {
            fs::write(place.join(name), "x").unwrap();
        }
        let folder = Folder::under(dir.path(), Path::new("in/deep")).unwrap();
        // Somebody puts a link in its place.
        fs::rename(dir.path().join("in/deep"), dir.path().join("in/away")).unwrap();
        symlink(outside.path(), dir.path().join("in/deep")).unwrap();
        assert!(Folder::under(dir.path(), Path::new("in/deep")).is_err());
        assert!(Folder::under(dir.path(), Path::new("in/../in")).is_err());
        folder.rename(name, OsStr::new("b.json")).unwrap();
        assert!(dir.path().join("in/away/b.json").exists());
        assert_eq!(folder.names().unwrap(), ["b.json"]);
        folder.create(name).unwrap();
        assert!(folder.rename(name, OsStr::new("b.json")).is_err(), "a name that is taken");
        folder.remove_file(OsStr::new("b.json")).unwrap();
        symlink(outside.path().join(name), dir.path().join("in/away/link")).unwrap();
        assert!(folder.file(OsStr::new("link")).is_err());
        assert!(folder.look(OsStr::new("link")).unwrap().is_symlink());
        assert!(outside.path().join(name).exists());
    }
}
