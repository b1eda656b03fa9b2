//! Removal of what was proved, and of nothing that has taken its name since.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::ErrorKind;

use crate::error::{Error, Result};
use crate::files::Folder;

/// Removes the file `name` of a folder, provided that it `is` the one that was proved. It is judged under a name of ours, where nobody
/// else puts a file; what is another one goes back to its place.
///
/// # Errors
/// [`Error::FileChanged`] where it is another one; [`Error::Io`]; those of `is`. The file then stays.
pub(crate) fn remove_proved(folder: &Folder, name: &OsStr, is: impl FnOnce(File) -> Result<bool>) -> Result<()> {
    let path = folder.path().join(name);
    let wrap = || Error::io("suppression de", &path);
    // A folder of ours: a name in it is nobody else's.
    let (own, aside) = aside(folder).map_err(wrap())?;
    let taken = folder.give(name, &aside, name).map_err(wrap());
    let judged = taken.and_then(|()| is(aside.file(name).map_err(wrap())?));
    if let Ok(true) = judged {
        aside.remove_file(name).map_err(wrap())?;
    } else if aside.look(name).is_ok()
        // Nothing that has come meanwhile is replaced.
        && let Err(error) = aside.give(name, folder, name)
    {
        log::error!(
            "{} n'est pas celui qui a été prouvé et n'a pu reprendre son nom ({error}) : il est {}",
            path.display(),
            aside.path().join(name).display()
        );
        return judged.and(Err(Error::FileChanged));
    }
    folder.remove_folder(&own).map_err(wrap())?;
    if judged? { Ok(()) } else { Err(Error::FileChanged) }
}

/// A new folder in `folder`, with its name.
fn aside(folder: &Folder) -> std::io::Result<(OsString, Folder)> {
    let mut number = 0u32;
    loop {
        let name = OsString::from(format!(".flux-{}-{number}", std::process::id()));
        match folder.make(&name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|made| (name, made)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    fn holds(text: &'static [u8]) -> impl Fn(File) -> Result<bool> + Copy {
        move |mut file| {
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            Ok(content == text)
        }
    }

    #[test]
    fn only_what_was_proved_goes_and_a_newcomer_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, name) = (Folder::open(dir.path()).unwrap(), OsStr::new("frequentation.csv"));
        let path = dir.path().join(name);
        let is = holds(b"proved");
        fs::write(&path, "proved").unwrap();
        remove_proved(&folder, name, is).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(remove_proved(&folder, name, is).is_err(), "nothing of that name");
        fs::write(&path, "another").unwrap();
        assert!(matches!(remove_proved(&folder, name, is), Err(Error::FileChanged)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // A third one comes while the second is being judged: both are kept.
        let result = remove_proved(&folder, name, |_| {
            fs::write(&path, "third").unwrap();
            Ok(false)
        });
        assert!(result.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        let kept = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
        assert_eq!(fs::read_to_string(kept.join("frequentation.csv")).unwrap(), "another");
    }

    #[test]
    fn a_link_in_the_place_of_the_folder_or_of_the_file_leads_to_no_removal() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = OsStr::new("duree.csv");
        let inside = dir.path().join("in");
        fs::create_dir(&inside).unwrap();
        for place in [&inside, &outside.path().to_owned()] {
            fs::write(place.join(name), "same").unwrap();
        }
        let folder = Folder::open(&inside).unwrap();
        fs::rename(&inside, dir.path().join("away")).unwrap();
        symlink(outside.path(), &inside).unwrap();
        remove_proved(&folder, name, holds(b"same")).unwrap();
        assert!(outside.path().join(name).exists() && !dir.path().join("away").join(name).exists());
        symlink(outside.path().join(name), dir.path().join("away").join(name)).unwrap();
        assert!(remove_proved(&folder, name, holds(b"same")).is_err());
        assert!(outside.path().join(name).exists() && folder.look(name).unwrap().is_symlink());
        assert_eq!(folder.names().unwrap(), [name]);
    }
}
