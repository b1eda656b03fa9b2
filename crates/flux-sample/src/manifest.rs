//! What was written, so that a checker can compare what arrived.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use flux_core::error::{Error, Result};
use flux_core::files;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defect::Effect;

/// Name of the manifest, beside the files.
pub const MANIFEST: &str = "manifest.json";

/// What a generated delivery holds, and what tools must make of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Report {
    /// First day, ISO.
    pub from: String,
    /// Last day, ISO, included.
    pub to: String,
    /// Number of days.
    pub days: u32,
    /// Seed of the random numbers: one seed, one delivery.
    pub seed: u64,
    /// Density of the breakdowns; 1 is that of real deliveries.
    pub scale: f64,
    /// Number of the revision, 0 for a first delivery.
    pub revision: u32,
    /// The files, in the order of the delivery.
    pub files: Vec<FileReport>,
    /// Files that an import of raw families must pass over.
    pub ignored: Vec<Written>,
    /// Sums over the files.
    pub totals: Totals,
    /// Files of earlier deliveries that are still in the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Written>,
}

/// A file by its place under the folder of the delivery and its BLAKE3 hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// Place, with `/` between folders.
    pub file: String,
    /// BLAKE3, in hexadecimal; empty for a folder that stands in place of a file.
    pub blake3: String,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileReport {
    /// Place, with `/` between folders.
    pub file: String,
    /// Raw family.
    pub family: String,
    /// Main table.
    pub table: String,
    /// Encoding.
    pub encoding: String,
    /// Character between fields.
    pub separator: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3, in hexadecimal.
    pub blake3: String,
    /// Lines after the header.
    pub lines: u64,
    /// What a complete import makes of them.
    pub expected: Expected,
    /// Sum of the volumes of the rows to be stored.
    pub volume: u64,
    /// Rows to be stored and their volume, by ISO date.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dates: BTreeMap<String, DayTotal>,
    /// How it differs from the first delivery of the same span; absent from a first delivery.
    pub revision: Option<Revision>,
    /// What is wrong with it.
    pub defects: Vec<DefectReport>,
}

/// What an import makes of the lines of a file: their sum is the number of lines, unless the file is unusable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Whether the file can be loaded at all.
    pub usable: bool,
    /// Rows stored.
    pub stored: u64,
    /// Lines dropped as duplicates.
    pub duplicates: u64,
    /// Lines dropped as conflicts, where the first one of a key is kept.
    pub conflicts: u64,
    /// Lines rejected.
    pub rejected: u64,
    /// Lines of volume 0 or less that the raw families do not store.
    pub zero: u64,
}

/// Rows and volume of one date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayTotal {
    /// Rows to be stored.
    pub rows: u64,
    /// Sum of their volumes.
    pub volume: u64,
}

/// How a revision differs from the first delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// Keys of both with another volume.
    pub revised: u64,
    /// Keys that are gone.
    pub withdrawn: u64,
    /// Keys that are new.
    pub added: u64,
}

/// A defect as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefectReport {
    /// Name.
    pub name: String,
    /// What an import is expected to do about it.
    pub effect: Effect,
    /// Lines concerned (lines that lack, for a truncated day).
    pub count: u64,
    /// Their numbers in the file, the header being line 1; the first thousand.
    pub lines: Vec<u64>,
}

/// Sums over the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Files written.
    pub files: u64,
    /// Lines after the headers.
    pub lines: u64,
    /// Rows to be stored.
    pub stored: u64,
    /// Sum of their volumes.
    pub volume: u64,
    /// Size in bytes.
    pub bytes: u64,
}

impl Report {
    pub(super) fn add_up(&mut self) {
        self.totals = self.files.iter().fold(Totals::default(), |sum, file| Totals {
            files: sum.files + u64::from(!file.blake3.is_empty()),
            lines: sum.lines + file.lines,
            stored: sum.stored + file.expected.stored,
            volume: sum.volume + file.volume,
            bytes: sum.bytes + file.bytes,
        });
    }

    /// Every file of this and of earlier deliveries that the generator wrote.
    pub(super) fn written(&self) -> impl Iterator<Item = Written> {
        let files = self.files.iter().map(|f| Written { file: f.file.clone(), blake3: f.blake3.clone() });
        files.chain(self.ignored.iter().cloned()).chain(self.earlier.iter().cloned())
    }

    /// Takes over the files of an earlier manifest that this delivery has not replaced and that are still there.
    pub(super) fn keep_earlier(&mut self, before: &Report, dir: &Path) {
        let now: HashSet<String> = self.written().map(|written| written.file).collect();
        let still = |old: &Written| !now.contains(&old.file) && dir.join(&old.file).exists();
        self.earlier = before.written().filter(still).collect();
    }

    /// The manifest of a folder; an empty one where there is none.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        match std::fs::read(dir.join(MANIFEST)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Report::default()),
            Err(error) => Err(error),
        }
    }

    /// Whole or not at all: the next run takes what is written here for what it may replace.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| Error::Invariant(error.to_string()))?;
        json.push(b'\n');
        files::replace(&dir.join(MANIFEST), &json)
    }
}
