//! What was fetched, and what is half fetched, beside the files. Each has a file of its own: the one grows with the years, the other
//! is written at the beginning of every download.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{self, Durability};

const FILES: &str = ".telechargements.json";
const PARTS: &str = ".telechargements.en-cours.json";

/// A file that is here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fetched {
    /// Its name in the folder.
    pub(crate) file: String,
    /// The supplier's date of this version.
    pub(crate) modified: String,
    pub(crate) bytes: u64,
    pub(crate) blake3: String,
    pub(crate) at: String,
    /// Its time of change here, in nanoseconds since 1970: while it stays, the content need not be read again.
    pub(crate) mtime: i64,
}

/// A file of which a part is here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Half {
    /// Name of the part in the folder.
    pub(crate) part: String,
    /// The supplier's date of this version.
    pub(crate) modified: String,
    /// What the server calls this version.
    pub(crate) validator: Option<String>,
    pub(crate) total: Option<u64>,
}

/// Both: the files on disk when [`Memory::save`] returns, the parts as soon as they change.
#[derive(Debug)]
pub(crate) struct Memory {
    folder: PathBuf,
    files: BTreeMap<String, Fetched>,
    parts: BTreeMap<String, Half>,
    /// Keys of files that are not saved yet.
    unsaved: Vec<String>,
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<BTreeMap<String, T>> {
    let Some(bytes) = files::read_own(path)? else { return Ok(BTreeMap::new()) };
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        log::warn!("{} illisible ({error}) : les fichiers seront comparés à nouveau", path.display());
        BTreeMap::new()
    }))
}

fn write<T: Serialize>(path: &Path, content: &BTreeMap<String, T>, durability: Durability) -> Result<()> {
    let text = serde_json::to_vec_pretty(content).map_err(|error| Error::Invariant(error.to_string()))?;
    files::put(path, &text, durability)
}

impl Memory {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let (files, parts) = (read(&folder.join(FILES))?, read(&folder.join(PARTS))?);
        Ok(Self { folder: folder.to_owned(), files, parts, unsaved: Vec::new() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn into_files(self) -> Vec<Fetched> {
        self.files.into_values().collect()
    }

    pub(crate) fn fetched(&self, key: &str) -> Option<&Fetched> {
        self.files.get(key)
    }

    pub(crate) fn half(&self, key: &str) -> Option<&Half> {
        self.parts.get(key)
    }

    /// Whether another file has this name here.
    pub(crate) fn claims(&self, name: &str, key: &str) -> bool {
        let name = name.to_lowercase();
        self.files.iter().any(|(other, file)| other != key && file.file.to_lowercase() == name)
    }

    pub(crate) fn set_half(&mut self, key: &str, half: Half) -> Result<()> {
        self.parts.insert(key.to_owned(), half);
        self.write_parts()
    }

    /// The part is of no use any more.
    pub(crate) fn drop_half(&mut self, key: &str) -> Result<()> {
        let Some(half) = self.parts.remove(key) else { return Ok(()) };
        let path = self.folder.join(half.part);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("suppression de", path)(error));
            }
            _ => {}
        }
        self.write_parts()
    }

    /// Parts of files that the supplier does not offer any more.
    pub(crate) fn drop_orphans(&mut self, offered: &dyn Fn(&str) -> bool) -> Result<()> {
        let gone: Vec<String> = self.parts.keys().filter(|key| !offered(key)).cloned().collect();
        gone.iter().try_for_each(|key| self.drop_half(key))
    }

    /// The file is here, whole, once [`Memory::save`] has said so.
    pub(crate) fn set_fetched(&mut self, key: &str, file: Fetched) {
        self.files.insert(key.to_owned(), file);
        self.unsaved.push(key.to_owned());
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        write(&self.folder.join(FILES), &self.files, Durability::Data)?;
        // Last: what a crash leaves in between is a part that is not there, which is fetched by nobody.
        let known = self.parts.len();
        for key in self.unsaved.drain(..) {
            self.parts.remove(&key);
        }
        if self.parts.len() < known { self.write_parts() } else { Ok(()) }
    }

    /// Not waited for: a part that is lost with the machine's power is fetched anew.
    fn write_parts(&self) -> Result<()> {
        write(&self.folder.join(PARTS), &self.parts, Durability::Cache)
    }
}
