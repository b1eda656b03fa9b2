//! What an operator names to be read: a file, or the pipe into which a keeper of secrets writes.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::signals;

/// How long a pipe may have nobody at its other end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(20);

/// The first `most` bytes of a file. Of a pipe, all that is written into it, however long its writer takes; a pipe that has none, or
/// whose writer has gone without a word, is given up after a while.
///
/// # Errors
/// [`Error::Io`]; [`Error::Config`] for such a pipe; [`Error::Interrupted`].
pub fn read_given(path: &Path, doing: &'static str, most: u64) -> Result<Vec<u8>> {
    read_within(path, doing, most, PATIENCE)
}

fn read_within(path: &Path, doing: &'static str, most: u64, patience: Duration) -> Result<Vec<u8>> {
    let wrong = || Error::io(doing, path);
    // To open a pipe is to wait for its other end, for ever where there is none.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(wrong())?;
    let is_pipe = file.metadata().map_err(wrong())?.file_type().is_fifo();
    let (mut file, mut content, begun) = (file.take(most), Vec::new(), Instant::now());
    loop {
        match file.read_to_end(&mut content) {
            Ok(_) if !is_pipe || !content.is_empty() => return Ok(content),
            Ok(_) if begun.elapsed() > patience => return Err(unwritten(path)),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(wrong()(error)),
            Ok(_) | Err(_) => signals::sleep(TICK)?,
        }
    }
}

fn unwritten(path: &Path) -> Error {
    Error::Config {
        message: format!("{} est un tube où personne n'écrit", path.display()),
        hint: "lancez d'abord ce qui doit y écrire, ou nommez un fichier".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What is read of a pipe into which this thread writes the parts, each after a while.
    fn piped(parts: &'static [&'static str]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("tube");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (tells, told) = std::sync::mpsc::channel();
        let path = pipe.clone();
        std::thread::spawn(move || tells.send(read_within(&path, "lecture de", 9, Duration::from_millis(300))));
        if !parts.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
            let mut writer = File::options().write(true).open(&pipe).unwrap();
            for part in parts {
                writer.write_all(part.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        told.recv_timeout(Duration::from_secs(20)).expect("a pipe is not waited for without end")
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_one_without_a_writer_is_given_up() {
        assert_eq!(piped(&["s3", "cret"]).unwrap(), b"s3cret");
        assert_eq!(piped(&["", "late"]).unwrap(), b"late", "a writer that thinks first");
        let error = piped(&[]).unwrap_err();
        assert!(error.to_string().contains("tube où personne n'écrit") && error.hint().is_some(), "{error}");
    }

    #[test]
    fn a_file_may_be_empty_and_a_device_is_not_read_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(read_given(file.path(), "lecture de", 9).unwrap(), b"");
        assert_eq!(read_given(Path::new("/dev/zero"), "lecture de", 9).unwrap(), [0; 9]);
        assert!(matches!(read_given(Path::new("/absent"), "lecture de", 9), Err(Error::Io { .. })));
    }
}
