//! Removal of what was proved, and of nothing that has taken its name since.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Removes the file `path`, provided that it `is` the one that was proved. It is judged under a name of ours, where nobody else puts a
/// file; what is another one goes back to its place.
///
/// # Errors
/// [`Error::FileChanged`] where it is another one; [`Error::Io`]; those of `is`. The file then stays.
pub(crate) fn remove_proved(path: &Path, is: impl FnOnce(&Path) -> Result<bool>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wrap = || Error::io("suppression de", path);
    // A folder of ours: a name in it is nobody else's.
    let aside = tempfile::Builder::new().prefix(".flux-").tempdir_in(folder).map_err(wrap())?;
    let inside = aside.path().join(&name);
    fs::rename(path, &inside).map_err(wrap())?;
    let judged = is(&inside);
    if let Ok(true) = judged {
        return fs::remove_file(&inside).map_err(wrap());
    }
    // A link does not replace what has come meanwhile, as a renaming would.
    let back =
        fs::hard_link(&inside, path).or_else(|_| if path.exists() { Err(taken()) } else { fs::rename(&inside, path) });
    if let Err(error) = back {
        let kept = aside.keep().join(&name);
        log::error!(
            "{} n'est pas celui qui a été prouvé et n'a pu reprendre son nom ({error}) : il est {}",
            path.display(),
            kept.display()
        );
    }
    judged.and(Err(Error::FileChanged))
}

fn taken() -> std::io::Error {
    std::io::ErrorKind::AlreadyExists.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_proved_goes_and_a_newcomer_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("frequentation.csv");
        let is = |path: &Path| Ok(fs::read(path).map_err(Error::io("lecture de", path))? == b"proved");
        fs::write(&path, "proved").unwrap();
        remove_proved(&path, is).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(&path, "another").unwrap();
        assert!(matches!(remove_proved(&path, is), Err(Error::FileChanged)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // A third one comes while the second is being judged: both are kept.
        let result = remove_proved(&path, |_| {
            fs::write(&path, "third").unwrap();
            Ok(false)
        });
        assert!(result.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        let kept = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
        assert_eq!(fs::read_to_string(kept.join("frequentation.csv")).unwrap(), "another");
    }
}
