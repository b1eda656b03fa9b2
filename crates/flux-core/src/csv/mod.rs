//! CSV files of a stranger: encodings, lines, header, fields, read as a stream in constant memory.
//!
//! A record is one physical line: names never hold a line break, and an unclosed quote then costs its own line, not the rest of the
//! file. Each field is decoded by itself (UTF-8, else Windows-1252), so that files of mixed encodings read right.

mod fields;
mod header;
mod lines;

use std::borrow::Cow;
use std::path::Path;

pub(crate) use fields::{Fields, split};
pub(crate) use header::Header;
pub(crate) use lines::Lines;

use crate::error::{Error, Result};

/// What the first bytes of a file, and its fields, say about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// No byte order mark.
    Bytes,
    /// UTF-8 with byte order mark.
    Utf8Bom,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

impl Encoding {
    /// Name for the report, once the fields were read: `ansi` when some were not UTF-8, `utf8` when some were (beyond ASCII).
    pub(crate) fn name(self, ansi: bool, utf8: bool) -> &'static str {
        match (self, ansi, utf8) {
            (Encoding::Utf16Le, ..) => "UTF-16LE",
            (Encoding::Utf16Be, ..) => "UTF-16BE",
            (Encoding::Bytes, true, false) => "Windows-1252",
            (_, true, _) => "UTF-8 + Windows-1252",
            (Encoding::Utf8Bom, false, _) => "UTF-8 (BOM)",
            (Encoding::Bytes, false, _) => "UTF-8",
        }
    }
}

/// Text of a field, and whether it took Windows-1252 to read it.
pub(crate) fn decode(field: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(field) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (encoding_rs::WINDOWS_1252.decode_without_bom_handling(field).0, true),
    }
}

/// A CSV that is open, its header read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The lines after the header.
    pub(crate) lines: Lines,
    /// The header.
    pub(crate) header: Header,
}

impl Source {
    /// Opens a file and reads its header. `required` are the columns that must stand in it, each given by its alternatives.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::BadFile`] when it is not a regular file or its header will not do.
    pub(crate) fn open(path: &Path, required: &[&[&str]]) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let header = loop {
            match lines.next()? {
                None => return Err(Error::BadFile("le fichier est vide".into())),
                Some(line) if line.is_blank() => {}
                Some(line) if !line.complete => {
                    return Err(Error::BadFile("pas d'en-tête : la première ligne est trop longue".into()));
                }
                Some(line) => break Header::parse(line.bytes, required)?,
            }
        };
        Ok(Self { lines, header })
    }
}
