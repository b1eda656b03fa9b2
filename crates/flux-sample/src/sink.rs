//! Text lines to a file in the encoding asked for, with its size and hash.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use encoding_rs::WINDOWS_1252;

use crate::format::{Encoding, Format};

/// Bytes gathered before they are encoded and written.
const BUFFER: usize = 256 * 1024;

/// A file being written.
pub(super) struct Sink {
    file: File,
    text: String,
    encoded: Vec<u8>,
    encoding: Encoding,
    eol: &'static str,
    hasher: blake3::Hasher,
    bytes: u64,
    lines: u64,
}

impl Sink {
    /// Creates the file, or empties it.
    pub(super) fn create(path: &Path, format: &Format) -> io::Result<Self> {
        Ok(Sink {
            file: File::create(path)?,
            text: String::with_capacity(BUFFER + 4096),
            encoded: Vec::new(),
            encoding: format.encoding,
            eol: if format.crlf { "\r\n" } else { "\n" },
            hasher: blake3::Hasher::new(),
            bytes: 0,
            lines: 0,
        })
    }

    /// Writes the byte order mark, if the encoding has one.
    pub(super) fn mark(&mut self) {
        if matches!(self.encoding, Encoding::Utf8Bom | Encoding::Utf16Le) {
            self.text.push('\u{feff}');
        }
    }

    /// The line being written: what is pushed here belongs to it until [`Sink::end_line`].
    pub(super) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.text.push_str(self.eol);
        self.lines += 1;
        if self.text.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// A whole line as text.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.text.push_str(line);
        self.end_line()
    }

    /// A whole line in Windows-1252, whatever the encoding of the file.
    pub(super) fn foreign_line(&mut self, line: &str) -> io::Result<()> {
        self.flush()?;
        let mut bytes = WINDOWS_1252.encode(line).0.into_owned();
        bytes.extend_from_slice(self.eol.as_bytes());
        self.lines += 1;
        self.raw(&bytes)
    }

    /// Bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Lines written so far, the header included.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.text);
        let mut encoded = std::mem::take(&mut self.encoded);
        let written = match self.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => self.raw(text.as_bytes()),
            Encoding::Windows1252 => self.raw(&WINDOWS_1252.encode(&text).0),
            Encoding::Utf16Le => {
                encoded.clear();
                encoded.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
                self.raw(&encoded)
            }
        };
        text.clear();
        self.text = text;
        self.encoded = encoded;
        written
    }

    /// Writes what is left; the size and the BLAKE3 hash of the file.
    pub(super) fn finish(mut self) -> io::Result<(u64, String)> {
        self.flush()?;
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
    }
}
