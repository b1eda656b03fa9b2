//! The manifest of a backup, which marks a complete one, and the files beside it in its folder.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::files::{self, Durability, Entry, Folder, hash};
use crate::report::{Code, Finding};

/// Name of the manifest in its folder; written last.
pub(super) const MANIFEST: &str = "manifest.json";
/// Sums of all files, manifest included, for `sha256sum -c`.
pub(super) const SUMS: &str = "SHA256SUMS";
/// What an unfinished backup's folder ends with.
pub(super) const PARTIAL: &str = ".partial";
/// Largest manifest that is read: some thousand times the usual one.
const LARGEST: u64 = 256 << 20;
/// Version of the format described by this module.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Dimensions, main tables of the weekly delivery, the tools' own tables.
    Critique,
    /// Every dimension and fact table.
    Complet,
    /// The whole database, as the server's own dump tool writes it.
    Dump,
}

impl Kind {
    /// First part of the folder's name.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Kind::Critique => "critique",
            Kind::Complet => "complet",
            Kind::Dump => "dump",
        }
    }
}

/// One table of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub(crate) table: String,
    pub(crate) file: String,
    pub(crate) rows: u64,
    /// Sum of its column `volume`, where there is one.
    pub(crate) volume: Option<i64>,
    /// Size of the compressed file.
    pub(crate) bytes: u64,
    /// SHA-256 of the compressed file.
    pub(crate) sha256: String,
    /// Order-free digest of the rows.
    pub(crate) digest: String,
    /// Columns in the order of the file.
    pub(crate) columns: Vec<String>,
    /// `CREATE TABLE` as the server gave it.
    pub(crate) ddl: String,
}

/// The dump of a whole database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DumpEntry {
    pub(crate) file: String,
    /// Program and version that wrote it.
    pub(crate) program: String,
    /// Size of the compressed file.
    pub(crate) bytes: u64,
    /// SHA-256 of the compressed file.
    pub(crate) sha256: String,
}

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of the format.
    pub(crate) format: u32,
    pub(crate) kind: Kind,
    /// Name of the database.
    pub(crate) database: String,
    /// Version of the server.
    pub(crate) server_version: String,
    /// Version of the tool.
    pub(crate) tool_version: String,
    /// When the snapshot was taken, UTC, by the server's clock.
    pub(crate) snapshot_at: String,
    pub(crate) rows: u64,
    /// Sum of the volumes.
    pub(crate) volume: i64,
    /// Tables, in the order in which they were read.
    pub(crate) tables: Vec<TableEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dump: Option<DumpEntry>,
    /// Foreign keys between a table of the backup and one that is not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) open: Vec<OpenKey>,
}

/// A foreign key that the backup cuts through: a restoration of it would leave the key on the table that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenKey {
    /// The table that refers.
    pub(crate) table: String,
    /// The one that it refers to.
    pub(crate) parent: String,
}

impl OpenKey {
    /// What it means for a restoration, and what to do.
    pub(super) fn finding(&self) -> Finding {
        let message = format!(
            "renvoie à {} par une clé étrangère, et les deux ne sont pas dans la sauvegarde : elle ne pourra pas être restaurée telle quelle",
            self.parent
        );
        Finding::attention(Code::BackupOpen, &self.table, message)
            .action("`backup-critical --dump` prend toute la base ; sinon retirez cette clé avant de restaurer")
    }
}

impl Manifest {
    pub(super) fn new(kind: Kind, database: &str, server_version: &str, snapshot_at: String) -> Self {
        Self {
            format: FORMAT,
            kind,
            database: database.into(),
            server_version: server_version.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            snapshot_at,
            rows: 0,
            volume: 0,
            tables: Vec::new(),
            dump: None,
            open: Vec::new(),
        }
    }

    /// Files with size and SHA-256.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let tables = self.tables.iter().map(|table| (table.file.as_str(), table.bytes, table.sha256.as_str()));
        tables.chain(self.dump.iter().map(|dump| (dump.file.as_str(), dump.bytes, dump.sha256.as_str())))
    }

    /// Size of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().map(|(_, bytes, _)| bytes).sum()
    }

    /// Writes manifest and sums into `dir`, durably.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::Invariant(error.to_string()))?;
        text.push('\n');
        let mut sums: String = self.files().map(|(file, _, sha256)| format!("{sha256}  {file}\n")).collect();
        sums.push_str(&format!("{}  {MANIFEST}\n", hash::hex(&Sha256::digest(&text))));
        for (name, content) in [(SUMS, &sums), (MANIFEST, &text)] {
            files::put(&dir.join(name), content.as_bytes(), Durability::Data)?;
        }
        Ok(())
    }

    /// Reads the manifest of `dir` and proves it against the sums.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::BadFile`].
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        Self::read_in(&Folder::open(dir).map_err(Error::io("lecture de", dir.join(MANIFEST)))?)
    }

    /// [`Manifest::read`] of a folder that is open.
    ///
    /// # Errors
    /// As there.
    pub(super) fn read_in(dir: &Folder) -> Result<Self> {
        let read = |name: &str| text(dir, name).map_err(Error::io("lecture de", dir.path().join(name)));
        let bad = |what: &str| Error::BadFile(format!("sauvegarde {} : {what}", dir.path().display()));
        let text = read(MANIFEST)?;
        let manifest: Self = serde_json::from_str(&text).map_err(|_| bad("le manifeste est illisible"))?;
        if manifest.format != FORMAT {
            return Err(bad(&format!("format {} inconnu de cette version", manifest.format)));
        }
        let sum = hash::hex(&Sha256::digest(&text));
        if !read(SUMS)?.lines().any(|line| line == format!("{sum}  {MANIFEST}")) {
            return Err(bad("le manifeste ne correspond pas à sa somme SHA-256"));
        }
        if manifest.files().next().is_none() {
            return Err(bad("le manifeste ne nomme aucune table"));
        }
        // The servers may not tell the two apart by the case of their names.
        let mut names = HashSet::new();
        if let Some(twice) = manifest.tables.iter().find(|entry| !names.insert(entry.table.to_lowercase())) {
            return Err(bad(&format!("le manifeste nomme deux fois la table {}", twice.table)));
        }
        let plain = |file: &str| !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\0']);
        if manifest.files().any(|(file, ..)| !plain(file)) {
            return Err(bad("un nom de fichier du manifeste sort de son dossier"));
        }
        Ok(manifest)
    }

    /// Whether every file is there with its size; cheap, the sums are for [`hash::sha256`].
    pub(super) fn sizes_match(&self, dir: &Folder) -> bool {
        self.files().all(|(file, bytes, _)| {
            dir.look(file.as_ref()).is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes)
        })
    }
}

fn text(dir: &Folder, name: &str) -> io::Result<String> {
    let mut text = String::new();
    dir.file(name.as_ref())?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether this is a name that a backup of `database` gets here: other databases' names may begin alike, and people give names of
/// their own to backups that they mean to keep.
pub(super) fn is_name_of(name: &str, kind: Kind, database: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let stamped = |rest: &str| {
        let (stamp, number) = rest.split_once('-').unwrap_or((rest, "2"));
        let parts = stamp.strip_suffix('Z').and_then(|stamp| stamp.split_once('T'));
        !number.is_empty()
            && digits(number, number.len())
            && parts.is_some_and(|(day, time)| digits(day, 8) && digits(time, 6))
    };
    name.strip_prefix(&format!("{}_{}_", kind.prefix(), safe(database))).is_some_and(stamped)
}

/// Characters of a database's name that may stand in a file's.
pub(super) fn safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// A folder that is, or claims to be, a backup.
#[derive(Debug)]
pub(super) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    /// Its manifest, or what is wrong with it.
    pub(crate) manifest: Result<Manifest>,
}

impl Found {
    /// Whether manifest and files are all there.
    pub(crate) fn is_complete(&self) -> bool {
        let folder = Folder::open(&self.path);
        self.manifest.as_ref().is_ok_and(|manifest| folder.is_ok_and(|folder| manifest.sizes_match(&folder)))
    }
}

/// The backups in `dir`, oldest first; unfinished ones are not among them. None where there is no such folder.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn list(dir: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in folders(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = [Kind::Critique, Kind::Complet, Kind::Dump].iter().any(|kind| name.starts_with(kind.prefix()));
        if ours && !name.ends_with(PARTIAL) {
            let manifest = Manifest::read(&path);
            found.push(Found { path, name, manifest });
        }
    }
    let time = |found: &Found| found.manifest.as_ref().map(|m| m.snapshot_at.clone()).unwrap_or_default();
    found.sort_by_cached_key(|found| (time(found), found.name.clone()));
    Ok(found)
}

/// Folders in `dir`, links aside; none where there is no such folder.
pub(super) fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let folder = |entry| if let Entry::Closed(path) = entry { Some(path) } else { None };
    Ok(files::list(dir)?.into_iter().filter_map(folder).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_another_database_or_of_people_are_not_ours() {
        let ours = |name| is_name_of(name, Kind::Critique, "flux");
        assert!(ours("critique_flux_20250714T031500Z") && ours("critique_flux_20250714T031500Z-12"));
        assert!(!ours("critique_flux_20250714T031500Z-"));
        for name in [
            "critique_flux_prod_20250714T031500Z",
            "complet_flux_20250714T031500Z",
            "critique_flux_20250714T031500Z-2-avant-travaux",
            "critique_flux_20250714T031500Z\n",
            "critique_flux_avant_migration",
            "critique_flux_20250714",
            "critique_flux_2025071éT031500Z",
        ] {
            assert!(!ours(name), "{name}");
        }
    }
}
