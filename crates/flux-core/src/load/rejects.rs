//! Reject files: `logs/rejets/<file>_<timestamp>.csv`, one line per rejected line, the raw line untouched.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};

/// Examples kept for the report, per motive.
const EXAMPLES: usize = 3;
/// Motives told apart in the report.
const MOTIVES: usize = 50;

/// Why lines were rejected.
#[derive(Debug, Clone, Serialize)]
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
        let mut head = Vec::with_capacity(128);
        let line = rejection.line.to_string();
        for text in [&self.file_name, &line, rejection.reason, rejection.column, &shortened(rejection.value)] {
            quote(&mut head, text.as_bytes());
            head.push(b';');
        }
        head.push(b'"');
        self.write(&head)
    }

    /// More raw bytes of the line that was begun.
    pub(crate) fn piece(&mut self, raw: &[u8]) -> Result<()> {
        for (index, part) in raw.split(|byte| *byte == b'"').enumerate() {
            if index > 0 {
                self.write(b"\"\"")?;
            }
            self.write(part)?;
        }
        Ok(())
    }

    /// Ends the line that was begun.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.write(b"\"\n")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((path, out)) = &mut self.out else { return Ok(()) };
        out.write_all(bytes).map_err(Error::io("écriture du fichier de rejets", path.as_path()))
    }

    /// Puts the file on disk; its path and the motives, most frequent first.
    ///
    /// # Errors
    /// [`Error::Io`]: what cannot be written down must not be dropped.
    pub(crate) fn finish(&mut self) -> Result<()> {
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
                let head = "fichier;ligne;raison;colonne;valeur;ligne_brute\n";
                out.write_all(head.as_bytes()).map_err(Error::io("écriture du fichier de rejets", &path))?;
                return Ok((path, out));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("création du fichier de rejets", path)(error)),
        }
    }
    Err(Error::Invariant(format!("trop de fichiers de rejets pour {file_name} dans la même seconde")))
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b'"' | b';' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// A value for people: no control characters, at most 100 characters.
fn shortened(value: &str) -> String {
    let clean: String = value.chars().map(|c| if c.is_control() { '·' } else { c }).take(100).collect();
    if value.chars().nth(100).is_some() { format!("{clean}…") } else { clean }
}
