//! CSV files of a stranger: encodings, lines, header, fields, read as a stream in constant memory.
//!
//! A record is one physical line: names never hold a line break, and an unclosed quote then costs its own line, not the rest of the
//! file. Each field is decoded by itself (UTF-8, else Windows-1252), so that files of mixed encodings read right.

mod fields;
mod header;
mod lines;

use std::borrow::Cow;
use std::path::Path;

use indicatif::ProgressBar;

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
    Utf16Le,
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

/// A CSV that is open, its header read: the one way to the records of a file, for those who store them and those who only look.
#[derive(Debug)]
pub(crate) struct Source {
    lines: Lines,
    pub(crate) header: Header,
    fields: Fields,
    records: u64,
    bar: ProgressBar,
}

/// One line after the header that is not blank.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Number of its line in the file, from 1.
    pub(crate) line: u64,
    /// The raw line; of one that is too long, its beginning.
    pub(crate) bytes: &'a [u8],
    /// What can be said of it before any field is looked at.
    pub(crate) shape: Shape<'a>,
}

/// The form of a line.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    /// As many fields as the header has columns.
    Fields(&'a Fields),
    /// Another number of fields.
    Count(usize),
    /// Cannot be split, for this reason.
    Broken(&'static str),
    /// Longer than any line of a delivery: [`Source::rest`] gives its further bytes.
    TooLong,
}

/// Whether a file that begins so is a workbook: a zip, as newer ones are, or a compound file.
pub(crate) fn is_workbook(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0])
}

/// Reason for rejecting a line of [`Shape::TooLong`].
pub(crate) const TOO_LONG: &str = "ligne de plus de 65 536 octets";
/// Reason for rejecting a line of [`Shape::Count`].
pub(crate) const OTHER_COUNT: &str = "nombre de champs différent de l'en-tête";

/// A first line `sep=;`, which tells a spreadsheet the separator and is no header.
fn is_separator_hint(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    (4..=5).contains(&line.len()) && line[..4].eq_ignore_ascii_case(b"sep=")
}

impl Source {
    /// Opens a file and reads its header. `required` are the columns that must be in it, each given by its alternatives.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::BadFile`] when it is not a regular file or its header will not do.
    pub(crate) fn open(path: &Path, required: &[&[&str]]) -> Result<Self> {
        Self::with_header(path, |line| Header::parse(line, required))
    }

    /// [`Source::open`] for those who look at what is there: where a column is missing, any one of `wanted` will do.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub(crate) fn open_incomplete(path: &Path, wanted: &[&str]) -> Result<Self> {
        let each: Vec<&[&str]> = wanted.iter().map(std::slice::from_ref).collect();
        Self::with_header(path, |line| {
            Header::parse(line, &each).or_else(|error| Header::parse(line, &[wanted]).map_err(|_| error))
        })
    }

    fn with_header(path: &Path, parse: impl Fn(&[u8]) -> Result<Header>) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let header = loop {
            match lines.next()? {
                None => return Err(Error::BadFile("le fichier est vide".into())),
                Some(line) if line.is_blank() || is_separator_hint(line.bytes) => {}
                Some(line) if is_workbook(line.bytes) => {
                    return Err(Error::BadFile(
                        "c'est un classeur Excel ou une archive, pas un CSV : enregistrez-le en « CSV UTF-8 »".into(),
                    ));
                }
                Some(line)
                    if line
                        .bytes
                        .split(|byte| *byte == b'\r')
                        .next()
                        .is_some_and(|first| first.len() < line.bytes.len() && parse(first).is_ok()) =>
                {
                    let text = "fins de ligne d'un ancien Mac (CR seul) : enregistrez le fichier avec des fins de ligne LF ou CRLF";
                    return Err(Error::BadFile(text.into()));
                }
                Some(line) if !line.complete => {
                    return Err(Error::BadFile("pas d'en-tête : la première ligne est trop longue".into()));
                }
                Some(line) => break parse(line.bytes)?,
            }
        };
        Ok(Self { lines, header, fields: Fields::default(), records: 0, bar: ProgressBar::hidden() })
    }

    /// Shows on `bar` how far the reading is.
    pub(crate) fn show_on(&mut self, bar: ProgressBar) {
        self.lines.show_on(bar.clone());
        self.bar = bar;
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Interrupted`] after a request to stop.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>> {
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !self.is_no_line() {
                break;
            }
        }
        self.records += 1;
        if self.records.is_multiple_of(16_384) {
            self.bar.set_message(self.records.to_string());
        }
        let line = self.lines.current();
        let shape = if !line.complete {
            Shape::TooLong
        } else if let Err(reason) = split(line.bytes, self.header.separator, &mut self.fields) {
            Shape::Broken(reason)
        } else if self.fields.len() != self.header.columns().len() {
            Shape::Count(self.fields.len())
        } else {
            Shape::Fields(&self.fields)
        };
        Ok(Some(Record { line: line.number, bytes: line.bytes, shape }))
    }

    /// Whether the current line holds nothing: blank, or all its fields empty, as spreadsheets leave below their last row.
    #[inline]
    fn is_no_line(&mut self) -> bool {
        let line = self.lines.current();
        let separator = self.header.separator;
        match line.bytes.first() {
            _ if line.is_blank() => true,
            Some(first) if line.complete && (*first == separator || *first == b'"' || first.is_ascii_whitespace()) => {
                split(line.bytes, separator, &mut self.fields).is_ok() && self.fields.are_blank(line.bytes)
            }
            _ => false,
        }
    }

    /// More bytes of a record that is too long; `None` once it is whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn rest(&mut self) -> Result<Option<&[u8]>> {
        self.lines.rest()
    }

    /// Encoding by the byte order mark.
    pub(crate) fn encoding(&self) -> Encoding {
        self.lines.encoding()
    }

    /// Takes the bar off, and gives the hash of all bytes of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn finish(self) -> Result<blake3::Hash> {
        self.bar.set_message(self.records.to_string());
        self.bar.finish_and_clear();
        self.lines.into_hash()
    }
}
