//! Files of our own, opened without waiting: whoever puts a pipe in their place makes no tool hang, and whoever puts a link there makes
//! none write to what it leads to.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file to read it.
///
/// # Errors
/// That of the system; one of its own for a pipe, a device or a socket.
pub(crate) fn open(path: &Path) -> Result<File> {
    regular(File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// The content of a regular file.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a regular file to write at its end, made where there is none: a log, a lock.
///
/// # Errors
/// As [`open`]; one of its own for a link, which is not followed.
pub fn append(path: &Path) -> Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let opened = File::options().create(true).append(true).custom_flags(flags).open(path);
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            Err(Error::new(ErrorKind::InvalidInput, "c'est un lien, qui n'est pas suivi : remplacez-le par un fichier"))
        }
        Ok(found) if !found.is_file() && !found.is_dir() => Err(irregular()),
        _ => regular(opened?),
    }
}

/// A file that is open, provided that it is a regular one.
pub(super) fn regular(file: File) -> Result<File> {
    let kind = file.metadata()?;
    if kind.is_file() {
        Ok(file)
    } else if kind.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        Err(irregular())
    }
}

fn irregular() -> Error {
    Error::new(ErrorKind::InvalidInput, "ce n'est pas un fichier ordinaire (tube, périphérique…) : retirez-le")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_refused_at_once_and_a_link_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(place("pipe")).status().unwrap().success());
        fs::write(place("plain"), "a").unwrap();
        std::os::unix::fs::symlink(place("plain"), place("link")).unwrap();
        std::os::unix::fs::symlink(place("nowhere"), place("dangling")).unwrap();
        assert_eq!(read(&place("pipe")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(append(&place("pipe")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(append(&place("link")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(append(&place("dangling")).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(!place("nowhere").exists());
        assert!(append(Path::new("/dev/null")).is_err());
        use std::io::Write as _;
        append(&place("plain")).unwrap().write_all(b"b").unwrap();
        append(&place("new")).unwrap().write_all(b"c").unwrap();
        assert_eq!((read(&place("link")).unwrap(), read(&place("new")).unwrap()), (b"ab".to_vec(), b"c".to_vec()));
    }
}
