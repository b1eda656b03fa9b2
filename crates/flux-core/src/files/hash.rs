//! Hashes of files: BLAKE3 for what the tools remember, SHA-256 for what operators check with `sha256sum`.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::progress;
use crate::signals;

/// BLAKE3 of a file's content.
///
/// # Errors
/// [`Error::BadFile`] for what is no regular file, [`Error::Io`], [`Error::Interrupted`].
pub(crate) fn blake3(path: &Path) -> Result<blake3::Hash> {
    blake3_shown(path, &ProgressBar::hidden())
}

/// [`blake3`], with how far it is on `bar`.
///
/// # Errors
/// As [`blake3`].
pub(crate) fn blake3_shown(path: &Path, bar: &ProgressBar) -> Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    feed(path, |bytes| {
        hasher.update(bytes);
        bar.inc(bytes.len() as u64);
    })?;
    bar.finish_and_clear();
    Ok(hasher.finalize())
}

/// BLAKE3 of what an open file holds, of which `path` is the name.
///
/// # Errors
/// [`Error::Io`], [`Error::Interrupted`].
pub(crate) fn blake3_file(file: fs::File, path: &Path) -> Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    feed_file(file, path, |bytes| {
        hasher.update(bytes);
    })?;
    Ok(hasher.finalize())
}

/// SHA-256 of a file's content, in hexadecimal digits.
///
/// # Errors
/// As [`blake3`].
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    feed(path, |bytes| hasher.update(bytes))?;
    Ok(hex(&hasher.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn feed(path: &Path, each: impl FnMut(&[u8])) -> Result<()> {
    let wrap = || Error::io("lecture de", path);
    progress::doing_with("lecture de", path);
    // Opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(wrap())?.is_file() {
        return Err(Error::BadFile("ce n'est pas un fichier ordinaire".into()));
    }
    feed_file(super::open(path).map_err(wrap())?, path, each)
}

fn feed_file(mut file: fs::File, path: &Path, mut each: impl FnMut(&[u8])) -> Result<()> {
    let wrap = || Error::io("lecture de", path);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => each(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(wrap()(error)),
        }
        signals::check()?;
    }
}
