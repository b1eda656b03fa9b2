//! Reject files: `logs/rejets/<file>_<timestamp>.csv`, one line per rejected line, with the raw line as text.
//!
//! They are read by people, in a spreadsheet: UTF-8 with its mark, `;`, and no cell that acts as a formula. They are bounded: a damaged
//! disk can give a file of which every line is rejected.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::csv::decode;
use crate::domain::values::shown;
use crate::error::{Error, Result};
use crate::report::plural;

/// Examples kept for the report, per motive.
const EXAMPLES: usize = 3;
/// Motives told apart in the report.
const MOTIVES: usize = 50;

/// How much is written down; the rest is counted.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lines: u64,
    bytes: u64,
    /// Of one raw line: what a cell of a spreadsheet can hold.
    cell: usize,
}

const BOUNDS: Bounds = Bounds { lines: 200_000, bytes: 32 << 20, cell: 32_000 };

/// Why lines were rejected.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Motive {
    pub(crate) reason: String,
    /// The column, where one is to blame.
    pub(crate) column: String,
    pub(crate) lines: u64,
    /// `line: value` of the first ones.
    pub(crate) examples: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rejection<'a> {
    pub(crate) line: u64,
    pub(crate) reason: &'a str,
    pub(crate) column: &'a str,
    pub(crate) value: &'a str,
}

/// Counts rejected lines and writes them down, unless on a dry run.
#[derive(Debug)]
pub(crate) struct Rejects {
    file_name: String,
    folder: Option<PathBuf>,
    out: Option<(PathBuf, BufWriter<File>)>,
    motives: BTreeMap<(String, String), Motive>,
    pub(crate) count: u64,
    /// Lines that are only counted.
    pub(crate) unwritten: u64,
    bounds: Bounds,
    bytes: u64,
    /// What may still be written of the line that was begun; `None` where it is only counted.
    left: Option<usize>,
}

impl Rejects {
    /// For the file `file_name`; `folder` is `None` on a dry run.
    pub(crate) fn new(file_name: &str, folder: Option<&Path>) -> Self {
        Self {
            file_name: file_name.to_owned(),
            folder: folder.map(Path::to_path_buf),
            out: None,
            motives: BTreeMap::new(),
            count: 0,
            unwritten: 0,
            bounds: BOUNDS,
            bytes: 0,
            left: None,
        }
    }

    pub(crate) fn add(&mut self, rejection: &Rejection<'_>, raw: &[u8]) -> Result<()> {
        self.begin(rejection)?;
        self.piece(raw)?;
        self.end()
    }

    fn note(&mut self, rejection: &Rejection<'_>) {
        let mut key = (rejection.reason.to_owned(), rejection.column.to_owned());
        if !self.motives.contains_key(&key) && self.motives.len() >= MOTIVES {
            key = ("autres motifs".into(), String::new());
        }
        let motive = self.motives.entry(key.clone()).or_insert_with(|| Motive {
            reason: key.0,
            column: key.1,
            lines: 0,
            examples: Vec::new(),
        });
        motive.lines += 1;
        let value = shortened(rejection.value);
        // The same unknown name on a thousand lines is one example.
        let seen = !value.is_empty() && motive.examples.iter().any(|example| example.ends_with(&format!(" : {value}")));
        if motive.examples.len() < EXAMPLES && !seen {
            let value = if value.is_empty() { value } else { format!(" : {value}") };
            motive.examples.push(format!("ligne {}{value}", rejection.line));
        }
    }

    /// Begins a rejected line, whose raw bytes follow in pieces.
    pub(crate) fn begin(&mut self, rejection: &Rejection<'_>) -> Result<()> {
        self.count += 1;
        self.note(rejection);
        let Some(folder) = &self.folder else { return Ok(()) };
        if self.out.is_none() {
            self.out = Some(create(folder, &self.file_name)?);
        }
        if self.count > self.bounds.lines || self.bytes >= self.bounds.bytes {
            self.unwritten += 1;
            self.left = None;
            return Ok(());
        }
        self.left = Some(self.bounds.cell);
        let mut head = Vec::with_capacity(128);
        let line = rejection.line.to_string();
        for text in [&self.file_name, &line, rejection.reason, rejection.column, &shortened(rejection.value)] {
            quote(&mut head, text);
            head.push(b';');
        }
        head.push(b'"');
        self.write(&head)
    }

    /// More raw bytes of the line that was begun.
    pub(crate) fn piece(&mut self, raw: &[u8]) -> Result<()> {
        let Some(left) = self.left.filter(|left| *left > 0 && !raw.is_empty()) else { return Ok(()) };
        // Never within a character of UTF-8, which would make all of it look like another encoding.
        let cut = (0..=raw.len().min(left)).rev().find(|cut| raw.get(*cut).is_none_or(|byte| byte & 0xC0 != 0x80));
        let (text, is_first) = (decode(&raw[..cut.unwrap_or_default()]).0, left == self.bounds.cell);
        let mut cell = String::with_capacity(text.len() + 8);
        if is_first && is_formula(&text) {
            cell.push('\'');
        }
        for c in text.chars() {
            match c {
                '"' => cell.push_str("\"\""),
                c if c.is_control() && c != '\t' => cell.push('·'),
                c => cell.push(c),
            }
        }
        if raw.len() > left {
            cell.push('…');
        }
        self.left = Some(left.saturating_sub(raw.len()));
        self.write(cell.as_bytes())
    }

    /// Ends the line that was begun.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.left.take().is_some() { self.write(b"\"\n") } else { Ok(()) }
    }

    /// Forgets what was rejected, and takes its file away.
    pub(crate) fn discard(self) -> Result<()> {
        match self.out {
            Some((path, _)) => fs::remove_file(&path).map_err(Error::io("suppression du fichier de rejets", path)),
            None => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        let Some((path, out)) = &mut self.out else { return Ok(()) };
        out.write_all(bytes).map_err(Error::io("écriture du fichier de rejets", path.as_path()))
    }

    /// Puts the file on disk; its path and the motives, most frequent first.
    ///
    /// # Errors
    /// [`Error::Io`]: what cannot be written down must not be dropped.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if self.unwritten > 0 {
            let more = plural(
                self.unwritten,
                "ligne de plus, comptée et non écrite",
                "lignes de plus, comptées et non écrites",
            );
            let rest = format!("{};;… et {more};;;\n", self.file_name);
            self.write(rest.as_bytes())?;
        }
        if let Some((path, out)) = &mut self.out {
            let wrap = |error| Error::io("écriture du fichier de rejets", path.as_path())(error);
            out.flush().map_err(wrap)?;
            out.get_ref().sync_all().map_err(wrap)?;
        }
        Ok(())
    }

    /// Where the lines were written.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.out.as_ref().map(|(path, _)| path.as_path())
    }

    /// The motives, most frequent first.
    pub(crate) fn motives(&self) -> Vec<Motive> {
        let mut motives: Vec<Motive> = self.motives.values().cloned().collect();
        motives.sort_by_key(|motive| std::cmp::Reverse(motive.lines));
        motives
    }
}

/// A new file that no other run writes to.
fn create(folder: &Path, file_name: &str) -> Result<(PathBuf, BufWriter<File>)> {
    fs::create_dir_all(folder).map_err(Error::io("création du dossier", folder))?;
    let stem = file_name.strip_suffix(".csv").unwrap_or(file_name);
    let stamp = chrono::Local::now().format("%Y%m%d-%H%M%S");
    for attempt in 1..1000 {
        let again = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let path = folder.join(format!("{stem}_{stamp}{again}.csv"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => {
                let mut out = BufWriter::with_capacity(64 * 1024, file);
                let head = "\u{feff}fichier;ligne;raison;colonne;valeur;ligne_brute\n";
                out.write_all(head.as_bytes()).map_err(Error::io("écriture du fichier de rejets", &path))?;
                return Ok((path, out));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("création du fichier de rejets", path)(error)),
        }
    }
    Err(Error::Invariant(format!("trop de fichiers de rejets pour {file_name} dans la même seconde")))
}

/// Whether a spreadsheet would compute a cell instead of showing it. A plain number is none.
fn is_formula(text: &str) -> bool {
    let is_number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b',' | b'.' | b' '));
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text)
}

fn quote(out: &mut Vec<u8>, text: &str) {
    let mark = if is_formula(text) { "'" } else { "" };
    if mark.is_empty() && !text.contains(['"', ';', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.extend_from_slice(format!("\"{mark}{}\"", text.replace('"', "\"\"")).as_bytes());
}

/// A value for people: what shows nothing is shown, at most 100 characters.
fn shortened(value: &str) -> String {
    let clean: String = shown(value).chars().take(100).collect();
    if value.chars().nth(100).is_some() { format!("{clean}…") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bounds: Bounds, lines: &[&[u8]]) -> (String, u64) {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects { bounds, ..Rejects::new("a.csv", Some(folder.path())) };
        for (raw, line) in lines.iter().zip(2..) {
            rejects.add(&Rejection { line, reason: "essai", column: "Volume", value: "=1+1" }, raw).unwrap();
        }
        rejects.finish().unwrap();
        (fs::read_to_string(rejects.path().unwrap()).unwrap(), rejects.unwritten)
    }

    #[test]
    fn no_cell_acts_as_a_formula_and_no_byte_spoils_the_file() {
        let (text, unwritten) = written(BOUNDS, &[b"=HYPERLINK(\"x\");1", b"Val Truy\xe8re;-3", b"-3"]);
        let head = "\u{feff}fichier;ligne;raison;colonne;valeur;ligne_brute\n";
        let first = "a.csv;2;essai;Volume;\"'=1+1\";\"'=HYPERLINK(\"\"x\"\");1\"\n";
        let others = "a.csv;3;essai;Volume;\"'=1+1\";\"Val Truyère;-3\"\na.csv;4;essai;Volume;\"'=1+1\";\"-3\"\n";
        assert_eq!((text, unwritten), (format!("{head}{first}{others}"), 0));
    }

    #[test]
    fn what_is_written_is_bounded_and_the_rest_is_counted() {
        let lines = vec![&b"0123456789"[..]; 50];
        let (text, unwritten) = written(Bounds { lines: 4, ..BOUNDS }, &lines);
        assert_eq!((text.lines().count(), unwritten), (1 + 4 + 1, 46));
        assert!(text.lines().last().unwrap().contains("46 lignes"), "{text}");
        let (text, unwritten) = written(Bounds { bytes: 100, ..BOUNDS }, &lines);
        assert!(text.len() < 400 && unwritten > 40, "{text}");
        let (text, _) = written(Bounds { cell: 4, ..BOUNDS }, &lines[..1]);
        assert!(text.contains("\"0123…\""), "{text}");
    }
}
