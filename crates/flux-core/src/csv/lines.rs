//! Physical lines of a file, with a hash of all its bytes on the way.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use memchr::memchr;

use crate::csv::Encoding;
use crate::error::{Error, Result};
use crate::signals;

/// Longer lines are not looked into.
pub(crate) const MAX_LINE: usize = 64 * 1024;
const BUFFER: usize = 256 * 1024;

/// One line, without its line end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// Its bytes; the beginning only when it is not `complete`.
    pub(crate) bytes: &'a [u8],
    /// Whether these are all its bytes; [`Lines::rest`] gives the others.
    pub(crate) complete: bool,
}

impl Line<'_> {
    /// Whether it holds nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.complete && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Reads a file line by line in a fixed buffer.
#[derive(Debug)]
pub(crate) struct Lines {
    input: Input,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    number: u64,
    /// Where the line given last is in the buffer, and whether that is all of it.
    line: (usize, usize, bool),
    /// The line given last goes on in the buffer and the file.
    in_long_line: bool,
    /// Shows how far the reading is.
    bar: ProgressBar,
}

impl Lines {
    /// Opens a regular file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::BadFile`] for a folder or a device.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let input = Input::open(path)?;
        Ok(Self {
            input,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            number: 0,
            line: (0, 0, true),
            in_long_line: false,
            bar: ProgressBar::hidden(),
        })
    }

    /// Encoding by the byte order mark.
    pub(crate) fn encoding(&self) -> Encoding {
        self.input.encoding
    }

    /// Shows on `bar` how far the reading is.
    pub(crate) fn show_on(&mut self, bar: ProgressBar) {
        self.bar = bar;
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Interrupted`].
    #[allow(clippy::should_implement_trait)]
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        Ok(if self.advance()? { Some(self.current()) } else { None })
    }

    /// The line that [`Lines::advance`] went to; gone once [`Lines::rest`] was called.
    #[inline]
    pub(crate) fn current(&self) -> Line<'_> {
        let (from, to, complete) = self.line;
        let bytes = &self.buffer[from..to];
        Line { number: self.number, bytes: if complete { trimmed(bytes) } else { bytes }, complete }
    }

    /// Goes to the next line; `false` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn advance(&mut self) -> Result<bool> {
        while self.in_long_line {
            self.rest()?;
        }
        let mut searched = 0;
        loop {
            let from = self.start;
            if let Some(at) = memchr(b'\n', &self.buffer[from + searched..self.end]) {
                let to = from + searched + at;
                // Read whole by chance when it is too long: treated as any line of its length.
                let complete = to - from <= MAX_LINE;
                self.start = if complete { to + 1 } else { to };
                return Ok(self.give((from, to, complete)));
            }
            searched = self.end - from;
            if searched > MAX_LINE {
                self.start = self.end;
                return Ok(self.give((from, self.end, false)));
            }
            if self.fill()? == 0 {
                if searched == 0 {
                    return Ok(false);
                }
                let from = self.start;
                self.start = self.end;
                return Ok(self.give((from, self.end, true)));
            }
        }
    }

    fn give(&mut self, line: (usize, usize, bool)) -> bool {
        self.number += 1;
        self.in_long_line = !line.2;
        self.line = line;
        true
    }

    /// More bytes of an incomplete line; `None` once it is whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn rest(&mut self) -> Result<Option<&[u8]>> {
        if !self.in_long_line {
            return Ok(None);
        }
        if self.start == self.end && self.fill()? == 0 {
            self.in_long_line = false;
            return Ok(None);
        }
        let from = self.start;
        match memchr(b'\n', &self.buffer[from..self.end]) {
            Some(at) => {
                self.start = from + at + 1;
                self.in_long_line = false;
                Ok(Some(&self.buffer[from..from + at]))
            }
            None => {
                self.start = self.end;
                Ok(Some(&self.buffer[from..self.end]))
            }
        }
    }

    /// Moves what is left to the front and reads on; 0 at the end of the file.
    fn fill(&mut self) -> Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = self.read(self.end)?;
        self.end += read;
        Ok(read)
    }

    /// Reads on into the buffer, behind `from`. A line may be as long as the file: a stop is heard here, too.
    fn read(&mut self, from: usize) -> Result<usize> {
        signals::check()?;
        let read = self.input.read(&mut self.buffer[from..])?;
        self.bar.set_position(self.input.bytes);
        Ok(read)
    }

    /// Reads to the end of the file and gives the hash of all its bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn into_hash(mut self) -> Result<blake3::Hash> {
        while self.read(0)? > 0 {}
        Ok(self.input.hasher.finalize())
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The file, unpacked when it is compressed and decoded to UTF-8 when it is UTF-16; hashed as it was before it was compressed.
struct Input {
    file: Box<dyn Read + Send>,
    path: PathBuf,
    encoding: Encoding,
    bytes: u64,
    hasher: blake3::Hasher,
    /// Bytes read ahead to look for a byte order mark.
    ahead: Vec<u8>,
    utf16: Option<Utf16>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("path", &self.path).field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

struct Utf16 {
    decoder: Decoder,
    raw: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    finished: bool,
}

impl Input {
    fn open(path: &Path) -> Result<Self> {
        let doing = "lecture de";
        let kind = std::fs::metadata(path).map_err(Error::io(doing, path))?;
        if kind.is_dir() {
            return Err(Error::BadFile("c'est un dossier, pas un fichier".into()));
        }
        if !kind.is_file() {
            return Err(Error::BadFile("ce n'est pas un fichier ordinaire".into()));
        }
        let file = File::open(path).map_err(Error::io(doing, path))?;
        // An archived file is read as what it was: its hash is that of the delivery.
        let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let file: Box<dyn Read + Send> =
            if packed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
        let mut input = Self {
            file,
            path: path.to_path_buf(),
            encoding: Encoding::Bytes,
            bytes: 0,
            hasher: blake3::Hasher::new(),
            ahead: Vec::new(),
            utf16: None,
        };
        let mut first = [0; 3];
        let mut got = 0;
        while got < first.len() {
            match input.read_raw(&mut first[got..])? {
                0 => break,
                read => got += read,
            }
        }
        let (encoding, mark) = match &first[..got] {
            [0xEF, 0xBB, 0xBF] => (Encoding::Utf8Bom, 3),
            [0xFF, 0xFE, ..] => (Encoding::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Encoding::Utf16Be, 2),
            _ => (Encoding::Bytes, 0),
        };
        input.encoding = encoding;
        input.ahead = first[mark..got].to_vec();
        let decoder = match encoding {
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
            _ => None,
        };
        input.utf16 = decoder.map(|decoder| Utf16 {
            decoder,
            raw: vec![0; BUFFER / 4],
            start: 0,
            end: 0,
            at_end: false,
            finished: false,
        });
        Ok(input)
    }

    fn read_raw(&mut self, into: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read(into) {
                Ok(read) => {
                    self.hasher.update(&into[..read]);
                    self.bytes += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("lecture de", &self.path)(error)),
            }
        }
    }

    fn read_ahead(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.ahead.is_empty() {
            return self.read_raw(into);
        }
        let count = self.ahead.len().min(into.len());
        into[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }

    /// Text bytes into `into`; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let Some(mut utf16) = self.utf16.take() else { return self.read_ahead(into) };
        let result = self.read_utf16(&mut utf16, into);
        self.utf16 = Some(utf16);
        result
    }

    fn read_utf16(&mut self, utf16: &mut Utf16, into: &mut [u8]) -> Result<usize> {
        while !utf16.finished {
            if utf16.start == utf16.end && !utf16.at_end {
                utf16.start = 0;
                utf16.end = self.read_ahead(&mut utf16.raw)?;
                utf16.at_end = utf16.end == 0;
            }
            let (result, read, written, _) =
                utf16.decoder.decode_to_utf8(&utf16.raw[utf16.start..utf16.end], into, utf16.at_end);
            utf16.start += read;
            utf16.finished = utf16.at_end && result == CoderResult::InputEmpty;
            if written > 0 || result == CoderResult::OutputFull {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn all(bytes: &[u8]) -> Vec<(u64, String)> {
        let file = file(bytes);
        let mut lines = Lines::open(file.path()).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, String::from_utf8_lossy(line.bytes).into_owned()));
        }
        found
    }

    #[test]
    fn line_ends_marks_and_a_missing_last_line_end() {
        let expected = vec![(1, "a;é".to_owned()), (2, String::new()), (3, "b".to_owned())];
        assert_eq!(all("a;é\n\nb".as_bytes()), expected);
        assert_eq!(all("\u{feff}a;é\r\n\r\nb\r\n".as_bytes()), expected);
        let utf16 = |big: bool| -> Vec<u8> {
            let units = "\u{feff}a;é\r\n\r\nb".encode_utf16();
            units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        assert_eq!(all(&utf16(false)), expected);
        assert_eq!(all(&utf16(true)), expected);
        assert_eq!(all(b""), vec![]);
        assert_eq!(all(b"\xff\xfe"), vec![]);
    }

    #[test]
    fn a_ten_megabyte_line_comes_in_pieces_and_the_next_one_is_whole() {
        let long = vec![b'x'; 10_000_000];
        let file = file(&[b"first\n".as_slice(), &long, b"\nlast\n"].concat());
        let mut lines = Lines::open(file.path()).unwrap();
        assert_eq!(lines.next().unwrap().unwrap().bytes, b"first");
        let line = lines.next().unwrap().unwrap();
        assert!(!line.complete && line.number == 2);
        let mut length = line.bytes.len();
        while let Some(more) = lines.rest().unwrap() {
            length += more.len();
        }
        assert_eq!(length, 10_000_000);
        let last = lines.next().unwrap().unwrap();
        assert_eq!((last.number, last.bytes), (3, b"last".as_slice()));
    }

    #[test]
    fn the_hash_is_the_one_of_the_bytes_on_disk_wherever_reading_stopped() {
        let bytes = "\u{feff}Date;Volume\n2025-01-01;1\n".as_bytes();
        let file = file(bytes);
        let mut lines = Lines::open(file.path()).unwrap();
        lines.next().unwrap();
        assert_eq!(lines.into_hash().unwrap(), blake3::hash(bytes));
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Lines::open(dir.path()), Err(Error::BadFile(_))));
    }
}
