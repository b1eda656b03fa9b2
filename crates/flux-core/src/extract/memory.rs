//! Which archives were unpacked, by hash: `.extractions.json` beside what was unpacked.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{self, Durability};

const FILE: &str = ".extractions.json";
const LOCK: &str = ".extractions.lock";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) archive: String,
    /// Under the output folder.
    pub(crate) folder: PathBuf,
    pub(crate) files: usize,
    pub(crate) at: String,
}

/// All of them, by hash.
#[derive(Debug)]
pub(crate) struct Memory {
    output: PathBuf,
    archives: BTreeMap<String, Remembered>,
}

/// Keeps two runs apart.
///
/// # Errors
/// [`Error::Locked`] when another run holds it.
pub(crate) fn lock(output: &Path) -> Result<File> {
    files::lock(&output.join(LOCK), "une autre extraction vers ce dossier")
}

impl Memory {
    /// Reads what is remembered of a folder.
    pub(crate) fn read(output: &Path) -> Result<Self> {
        let path = output.join(FILE);
        let archives = match files::read_own(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                log::warn!("{} illisible ({error}) : les archives seront extraites à nouveau", path.display());
                BTreeMap::new()
            }),
            None => BTreeMap::new(),
        };
        Ok(Self { output: output.to_owned(), archives })
    }

    /// The folder that archives are unpacked into.
    pub(crate) fn output(&self) -> &Path {
        &self.output
    }

    pub(crate) fn get(&self, hash: &str) -> Option<&Remembered> {
        self.archives.get(hash)
    }

    pub(crate) fn hashes(&self) -> impl Iterator<Item = &str> {
        self.archives.keys().map(String::as_str)
    }

    pub(crate) fn into_archives(self) -> BTreeMap<String, Remembered> {
        self.archives
    }

    /// Another archive that is still there and whose content is in `folder`, under the output folder.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read.
    pub(crate) fn rival(&self, hash: &str, archive: &Path, folder: &Path) -> Result<Option<&Path>> {
        for (other_hash, other) in self.archives.iter().filter(|(_, other)| other.folder == folder) {
            let path = Path::new(&other.archive);
            if other_hash != hash
                && path != archive
                && path.is_file()
                && files::hash::blake3(path)?.to_hex().as_str() == other_hash
            {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Remembers an archive, at once and on disk.
    pub(crate) fn add(&mut self, hash: &str, archive: &Path, folder: &Path, files: usize) -> Result<()> {
        self.note(hash, archive, folder, files);
        let text = serde_json::to_vec_pretty(&self.archives).map_err(|error| Error::Invariant(error.to_string()))?;
        files::put(&self.output.join(FILE), &text, Durability::Data)
    }

    /// Remembers an archive for this run.
    pub(crate) fn note(&mut self, hash: &str, archive: &Path, folder: &Path, files: usize) {
        let remembered = Remembered {
            archive: archive.display().to_string(),
            folder: folder.to_path_buf(),
            files,
            at: Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        self.archives.insert(hash.to_owned(), remembered);
    }
}
