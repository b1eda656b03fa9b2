//! Paths under the home folder: nothing here follows `..` or a symbolic link out of it.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

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
}
