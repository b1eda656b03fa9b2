//! Whether an archive is there whole: its directory can be read, and where wanted every byte of every entry.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Error, Result};
use crate::extract::directory::{self, Bounded};
use crate::extract::limits::Limits;
use crate::extract::unpack::bad;
use crate::signals;

/// Proves that an archive is whole. `every_byte` reads its entries to their end and compares their checksums.
///
/// # Errors
/// [`Error::BadFile`] when it is not; [`Error::Io`], [`Error::Interrupted`].
pub(crate) fn check(archive: &Path, every_byte: bool) -> Result<()> {
    let limits = Limits::default();
    let file = File::open(archive).map_err(Error::io("lecture de", archive))?;
    directory::check(&file, limits)?;
    let (file, bound) = Bounded::new(file, limits);
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| bound.reason(limits, bad(&error)))?;
    bound.release();
    let mut buffer = vec![0; 128 * 1024];
    for index in 0..if every_byte { zip.len() } else { 0 } {
        let mut entry = match zip.by_index(index) {
            Ok(entry) => entry,
            // Protected or packed in a way of its own: it cannot be judged here.
            Err(ZipError::UnsupportedArchive(_)) => continue,
            Err(error) => return Err(bad(&error)),
        };
        loop {
            signals::check()?;
            match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::BadFile(format!("archive zip abîmée : {error}"))),
            }
        }
    }
    Ok(())
}
