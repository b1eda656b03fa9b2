//! How many entries an archive says it has, before its directory is read into memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::error::{Error, Result};

use crate::extract::limits::Limits;

/// End of the central directory: its record is at most this long, comment included (APPNOTE 4.3.16).
const LONGEST_END: u64 = 22 + 65_535;
const END: &[u8; 4] = b"PK\x05\x06";
/// Of the same in zip64, and of the pointer to it that comes before [`END`].
const END_64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR_64: &[u8; 4] = b"PK\x06\x07";
/// Of an entry in the directory, and of the same before its bytes.
const LISTED: &[u8; 4] = b"PK\x01\x02";
const ENTRY: &[u8; 4] = b"PK\x03\x04";
/// Bytes of the directory for each entry: a name, a date or two, sizes.
const BYTES_AN_ENTRY: u64 = 160;

fn too_many(limits: Limits) -> Error {
    Error::BadFile(format!("refusée : plus de {} entrées", limits.entries))
}

/// Refuses an archive that speaks of more entries than `limits`, or of a directory that is larger than so many could make it. A
/// hostile one may have several ends; all of them count. Returns what the last one says, which has to be the end of this very archive:
/// one that was cut shows the end of an archive within it, and would pass for that one.
pub(crate) fn check(file: &File, limits: Limits) -> Result<u64> {
    let unreadable = |error: io::Error| Error::BadFile(format!("archive zip illisible : {error}"));
    let length = file.metadata().map_err(unreadable)?.len();
    let from = length.saturating_sub(LONGEST_END);
    let mut tail = vec![0; (length - from) as usize];
    file.read_exact_at(&mut tail, from).map_err(unreadable)?;
    let mut last = None;
    for at in (0..tail.len().saturating_sub(21)).filter(|at| tail[*at..].starts_with(END)) {
        let (mut entries, mut size) = (u64::from(half(&tail, at + 10)), u64::from(word(&tail, at + 12)));
        let mut begins = u64::from(word(&tail, at + 16));
        if at >= 20 && tail[at - 20..].starts_with(LOCATOR_64) {
            let mut end = [0; 56];
            let place = long(&tail, at - 20 + 8);
            if file.read_exact_at(&mut end, place).is_ok() && end.starts_with(END_64) {
                (entries, size, begins) = (long(&end, 32), long(&end, 40), long(&end, 48));
            }
        }
        // Without zip64 this says that the number is elsewhere: the archive is then none, and the reader will say so.
        let unsaid = size == u64::from(u32::MAX);
        if entries > limits.entries || (size > limits.entries * BYTES_AN_ENTRY && !unsaid) {
            return Err(too_many(limits));
        }
        last = Some((at, entries, begins));
    }
    let Some((at, entries, begins)) = last else {
        return Err(Error::BadFile("archive zip illisible : sa fin est introuvable (fichier tronqué ?)".into()));
    };
    if is_last(&tail, at) && is_own(file, entries, begins) { Ok(entries) } else { Err(cut()) }
}

fn cut() -> Error {
    Error::BadFile(
        "archive zip coupée ou abîmée : la fin qu'on y trouve est celle d'une archive qu'elle contient ; redemandez-la"
            .into(),
    )
}

/// Whether nothing follows an end but its comment, and zeros, with which some transfers fill up a block.
fn is_last(tail: &[u8], at: usize) -> bool {
    let after = at + 22 + usize::from(half(tail, at + 20));
    tail.get(after..).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

/// Whether the directory lies where an end says. What comes before a program that unpacks itself shifts it; before an archive there is nothing.
fn is_own(file: &File, entries: u64, begins: u64) -> bool {
    let starts = |at: u64, mark: &[u8; 4]| {
        let mut found = [0; 4];
        file.read_exact_at(&mut found, at).is_ok() && found == *mark
    };
    entries == 0 || begins == u64::from(u32::MAX) || starts(begins, LISTED) || !starts(0, ENTRY)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

/// A file of which no more may be read than a directory within the limits takes, until [`Bounded::release`]: whatever it is that an
/// archive calls its directory.
#[derive(Debug)]
pub(crate) struct Bounded {
    file: File,
    left: Rc<Cell<u64>>,
}

/// Lifts the bound of a [`Bounded`].
#[derive(Debug)]
pub(crate) struct Bound(Rc<Cell<u64>>);

impl Bounded {
    pub(crate) fn new(file: File, limits: Limits) -> (Self, Bound) {
        let left = Rc::new(Cell::new(limits.entries * BYTES_AN_ENTRY + 4 * LONGEST_END));
        (Self { file, left: left.clone() }, Bound(left))
    }
}

impl Bound {
    pub(crate) fn release(&self) {
        self.0.set(u64::MAX);
    }

    /// What is wrong where the archive cannot be opened: the bound, or whatever the reader says.
    pub(crate) fn reason(&self, limits: Limits, otherwise: Error) -> Error {
        if self.0.get() == 0 { too_many(limits) } else { otherwise }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("répertoire trop grand"));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..most])?;
        if left != u64::MAX {
            self.left.set(left - read as u64);
        }
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_a_directory_is_read_until_the_bound_is_lifted() {
        let limits = Limits { entries: 10, ..Limits::default() };
        let most = 10 * BYTES_AN_ENTRY + 4 * LONGEST_END;
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * most).unwrap();
        let (mut bounded, bound) = Bounded::new(file, limits);
        let other = || Error::BadFile("autre".into());
        assert!(bound.reason(limits, other()).to_string().contains("autre"));
        assert!(io::copy(&mut bounded, &mut io::sink()).is_err());
        assert!(bound.reason(limits, other()).to_string().contains("plus de 10 entrées"));
        // Going back does not help.
        bounded.rewind().unwrap();
        assert!(bounded.read(&mut [0; 10]).is_err());
        bound.release();
        assert_eq!(io::copy(&mut bounded, &mut io::sink()).unwrap(), 2 * most);
    }
}
