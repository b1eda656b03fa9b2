//! Paths under the home folder: nothing here follows `..` or a symbolic link out of it.

use std::fs::{self, Metadata};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::signals;

/// A folder that work must not leave.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    root: PathBuf,
}

impl Fence {
    /// A fence around `root`, which must exist.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn new(root: &Path) -> Result<Self> {
        Ok(Self { root: fs::canonicalize(root).map_err(Error::io("accès au dossier", root))? })
    }

    /// The folder, without links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `relative` inside the fence. What exists of it must not lead out of it; what does not may be created.
    ///
    /// # Errors
    /// [`Error::Config`] for an absolute path, `..`, or a link that leads out; [`Error::Io`] when it cannot be looked at.
    pub(crate) fn path(&self, relative: &Path) -> Result<PathBuf> {
        if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(escapes(relative));
        }
        let mut path = self.root.clone();
        for part in relative.components().filter(|part| matches!(part, Component::Normal(_))) {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("accès à", &path)(error)),
                Ok(metadata) if metadata.is_symlink() => {
                    let target = fs::canonicalize(&path).map_err(Error::io("lecture du lien", &path))?;
                    if !target.starts_with(&self.root) {
                        return Err(escapes(&path));
                    }
                    path = target;
                }
                Ok(_) => {}
            }
        }
        Ok(path)
    }
}

fn escapes(path: &Path) -> Error {
    Error::Config {
        message: format!("{} mène hors du dossier de travail : rien n'y est touché", path.display()),
        hint: "remplacez le lien par un vrai dossier ou un point de montage".into(),
    }
}

/// Creates a folder, and those above it, that only its owner may enter; a folder that is there keeps its rights.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("création du dossier", path))
}

/// Creates a file that only its owner may read; there must be none of that name.
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

/// Permission bits of a file.
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}

/// What a walk meets.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A regular file.
    File(PathBuf, Metadata),
    /// A folder, after what is in it.
    Folder(PathBuf, Metadata),
    /// A symbolic link, which is not followed, or a special file.
    Other(PathBuf),
    /// Something that cannot be read.
    Unreadable(PathBuf, std::io::Error),
}

/// Visits everything under `dir`, in the order of names, without following links. `enter` says which folders to visit.
///
/// # Errors
/// Those of `visit`; [`Error::Interrupted`].
pub(crate) fn walk(
    dir: &Path,
    enter: &dyn Fn(&Path) -> bool,
    visit: &mut dyn FnMut(Entry) -> Result<()>,
) -> Result<()> {
    signals::check()?;
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        // Gone since its parent was read: somebody else tidies up too.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return visit(Entry::Unreadable(dir.to_owned(), error)),
    };
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => visit(Entry::Unreadable(path, error))?,
            Ok(metadata) if metadata.is_dir() => {
                if enter(&path) {
                    walk(&path, enter, visit)?;
                    visit(Entry::Folder(path, metadata))?;
                }
            }
            Ok(metadata) if metadata.is_file() => visit(Entry::File(path, metadata))?,
            Ok(_) => visit(Entry::Other(path))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_fence() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("in"), dir.path().join("link")).unwrap();
        let fence = Fence::new(dir.path()).unwrap();
        for bad in ["../x", "/etc/passwd", "in/../../x", "out", "out/file"] {
            assert!(fence.path(Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(fence.path(Path::new("in/new/file")).unwrap(), fence.root().join("in/new/file"));
        assert_eq!(fence.path(Path::new("link/file")).unwrap(), fence.root().join("in/file"));
    }

    #[test]
    fn a_walk_does_not_follow_links() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        fs::write(dir.path().join("a"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("b")).unwrap();
        let mut seen = Vec::new();
        walk(dir.path(), &|_| true, &mut |entry| {
            seen.push(match entry {
                Entry::File(path, _) => format!("file {}", path.file_name().unwrap().to_string_lossy()),
                Entry::Other(path) => format!("other {}", path.file_name().unwrap().to_string_lossy()),
                other => format!("{other:?}"),
            });
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["file a", "other b"]);
    }
}
