//! Archiving the files of a delivery once they are proved to be stored.
//!
//! Proof of a file: the history's last load of its table is of exactly this content; the temporary table, where it still has rows, is
//! migrated; and every row of the file is in the main table, see [`crate::upkeep::proof`].

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::Session;
use crate::domain::catalogue::{self, Dataset, Space};
use crate::error::{Error, Result};
use crate::files::{self, Durability, Fence, Folder, gz, hash};
use crate::ledger::history::{self, Last};
use crate::load;
use crate::migrate::Pair;
use crate::report::{Done, Page, Report, Table, Verdict, bytes, plural};
use crate::schema;
use crate::settings::Settings;
use crate::signals;
use crate::task::{Context, Task};
use crate::upkeep::proof::{self, Proof, Prover};

/// Which files of the delivery go into the archive.
#[derive(Debug, Clone, Default)]
pub struct ArchiveOptions {
    /// Folder of the deliveries, `data/data_temp/` if `None`.
    pub data_dir: Option<PathBuf>,
    /// Also files of which lines were rejected.
    pub accept_rejects: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ArchiveReport {
    #[serde(rename = "dry_run")]
    done: Done,
    files: Vec<FileLine>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FileLine {
    file: String,
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    path: PathBuf,
    status: Status,
    bytes: u64,
    #[serde(serialize_with = "crate::report::path_text_if_any", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    archive: Option<PathBuf>,
    /// What was proved of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Archived,
    Kept,
    Failed,
}

/// Why a file stays, and what to do.
struct Kept(String, &'static str);

/// One line of an archive folder's `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Archived {
    pub(super) file: String,
    original: String,
    pub(super) bytes: u64,
    pub(super) blake3: String,
    sha256_gz: String,
    rows: u64,
    imported: String,
    /// First and last date that it stored; what earlier versions archived does not say.
    #[serde(default)]
    first_date: Option<String>,
    #[serde(default)]
    last_date: Option<String>,
}

const IMPORT: &str = "lancez `update-temp-tables`, puis `migrate-temp-to-main`";
const AGAIN: &str = "lancez `update-temp-tables --force`, puis `migrate-temp-to-main`";
const MIGRATE: &str = "lancez `migrate-temp-to-main`, puis `verify-migration`";
/// A migration would change nothing: what main lacks is of dates that it leaves aside.
const ASIDE: &str = "voyez `check-status` : il dit ce que la migration laisse de côté, et que faire";

impl Task for ArchiveOptions {
    /// Archives what is proved; everything else stays where it is.
    ///
    /// # Errors
    /// Those of the connection, the lock and the folders; what concerns one file is in the report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let fence = Fence::new(&context.settings.home.root)?;
        let root = fence.path(Path::new("data/archive"))?;
        let folder = context.deliveries(self.data_dir.as_deref());
        let found = load::find_files(&folder)?;
        let _lock = if self.dry_run { None } else { Some(crate::ledger::lock(database)?) };
        let mut session = database.session()?;
        let prover = Prover::new(&context.settings);
        let existing = schema::existing(&mut session)?;
        let mut files = Vec::new();
        for dataset in catalogue::weekly() {
            let Some((name, paths)) = dataset.weekly_file.and_then(|name| found.get_key_value(name)) else { continue };
            for (path, size) in paths {
                signals::check()?;
                let mut line = FileLine {
                    file: name.clone(),
                    path: path.clone(),
                    status: Status::Kept,
                    bytes: *size,
                    archive: None,
                    proof: None,
                    reason: None,
                    action: None,
                };
                let pair = Pair::new(dataset, Space::Production);
                let place = place(&folder, path);
                let proved = if paths.len() > 1 {
                    Ok(Err(Kept(
                        format!("{} fichiers portent ce nom", paths.len()),
                        "gardez le seul qui a été importé",
                    )))
                } else {
                    pair.require(Space::Production, &existing)
                        .and_then(|()| prove(&prover, &mut session, &pair, path, &self))
                };
                let result = proved.and_then(|proof| match proof {
                    Err(kept) => Ok(Err(kept)),
                    Ok((load, proof)) => {
                        line.proof = Some(proof);
                        match self.dry_run {
                            true => Ok(Ok(None)),
                            false => place
                                .and_then(|(place, name)| store(&root, dataset, (&place, name), &load))
                                .map(|to| Ok(Some(to))),
                        }
                    }
                });
                match result {
                    Ok(Ok(to)) => (line.status, line.archive) = (Status::Archived, to),
                    Ok(Err(Kept(reason, action))) => {
                        (line.reason, line.action) = (Some(reason), Some(action.to_owned()));
                    }
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    Err(error) if error.is_locked_out() => return Err(error),
                    Err(error) => {
                        log::info!("{} : {error}", path.display());
                        line.status = Status::Failed;
                        (line.reason, line.action) = (Some(error.to_string()), error.hint());
                    }
                }
                files.push(line);
            }
        }
        Ok(ArchiveReport { done: Done::unless(self.dry_run), files })
    }
}

/// The folder that a file of the delivery lies in, without a link on the way, and its name there.
fn place<'a>(root: &Path, path: &'a Path) -> Result<(Folder, &'a OsStr)> {
    let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let folder = Folder::under(root, folder).map_err(Error::io("ouverture du dossier de", path))?;
    Ok((folder, path.file_name().unwrap_or_default()))
}

fn prove(
    prover: &Prover,
    session: &mut Session,
    pair: &Pair,
    path: &Path,
    options: &ArchiveOptions,
) -> Result<std::result::Result<(Last, Proof), Kept>> {
    let metadata = fs::symlink_metadata(path).map_err(Error::io("lecture de", path))?;
    if !metadata.is_file() {
        return Ok(Err(Kept("ce n'est pas un vrai fichier".into(), "remplacez le lien par le fichier lui-même")));
    }
    let Some(load) = history::last(session, &pair.temp)? else {
        return Ok(Err(Kept("l'historique ne connaît aucun chargement de cette table".into(), IMPORT)));
    };
    if hash::blake3(path)?.to_hex().as_str() != load.file_hash {
        return Ok(Err(Kept("le dernier chargement est celui d'un autre contenu".into(), IMPORT)));
    }
    if load.counts.filtered > 0 {
        let lines = plural(load.counts.filtered, "ligne écartée", "lignes écartées");
        return Ok(Err(Kept(format!("{lines} par --year au chargement"), "rechargez le fichier sans --year")));
    }
    if load.counts.rejected > 0 && !options.accept_rejects {
        let lines = plural(load.counts.rejected, "ligne rejetée", "lignes rejetées");
        let action = "corrigez les lignes rejetées (logs/rejets/), ou `archive-csv --accept-rejects`";
        return Ok(Err(Kept(format!("{lines} au chargement"), action)));
    }
    let comparison = pair.compare(session)?;
    if comparison.temp_rows == 0 && load.counts.stored > 0 && load.cleaned_at.is_none() {
        return Ok(Err(Kept(format!("{} a été vidée sans que ses lignes soient prouvées migrées", pair.temp), IMPORT)));
    }
    if !comparison.is_migrated() {
        let rows = plural(comparison.missing + comparison.different, "ligne n'est pas", "lignes ne sont pas");
        return Ok(Err(Kept(format!("{rows} dans {}", pair.main), left_to_do(session, pair)?)));
    }
    let claim = proof::Claim { hash: &load.file_hash, options: &load.options, rejected: load.counts.rejected };
    Ok(match prover.prove(session, pair, path, &claim)? {
        // With an empty temporary table there is nothing to migrate.
        Err(reason) if comparison.temp_rows == 0 => Err(Kept(reason, AGAIN)),
        Err(reason) => Err(Kept(reason, left_to_do(session, pair)?)),
        Ok(proof) => Ok((load, proof)),
    })
}

/// The next step for a file of which main does not hold everything.
fn left_to_do(session: &mut Session, pair: &Pair) -> Result<&'static str> {
    let standing = pair.standing(session)?;
    Ok(if standing.would_write || standing.findings.is_empty() { MIGRATE } else { ASIDE })
}

/// Compresses, checks, then removes the original; the archive's path. What is put and removed is so in the folders as they were opened.
fn store(root: &Path, dataset: &Dataset, (place, name): (&Folder, &OsStr), load: &Last) -> Result<PathBuf> {
    let path = place.path().join(name);
    let year = load.day.get(..4).unwrap_or("0000");
    let inside = Path::new(year).join(&load.day);
    files::create_private_dir(&root.join(&inside))?;
    let dir = Folder::under(root, &inside).map_err(Error::io("ouverture du dossier", root.join(&inside)))?;
    let file = dataset.weekly_file.unwrap_or(dataset.family);
    let partial = OsString::from(format!("{file}.gz.partial"));
    let wrap = |doing| Error::io(doing, dir.path().join(&partial));
    match dir.remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrap("suppression de")(error)),
        _ => {}
    }
    let copy = dir.create(&partial).map_err(wrap("création de"))?;
    let from = place.file(name).map_err(Error::io("lecture de", &path))?;
    let copied = gz::compress_file(from, &copy, &path).and_then(|(content, bytes)| {
        let same = content.to_hex().as_str() == load.file_hash;
        if same { Ok((content, bytes)) } else { Err(Error::FileChanged) }
    });
    let (content, bytes) = match copied {
        Ok(copied) => copied,
        Err(error) => {
            let _ = dir.remove_file(&partial);
            return Err(error);
        }
    };
    let target = publish(&dir, file, &partial, content)?;
    let file = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let original = name.to_string_lossy().into_owned();
    let sha256_gz = hash::sha256(&target)?;
    let blake3 = content.to_hex().to_string();
    let (first_date, last_date) = load.dates.clone().unzip();
    let (rows, imported) = (load.counts.stored, load.day.clone());
    let entry = Archived { file, original, bytes, blake3, sha256_gz, rows, imported, first_date, last_date };
    remember(dir.path(), entry)?;
    files::remove_proved(place, name, |file| Ok(hash::blake3_file(file, &path)? == content))?;
    Ok(target)
}

/// Gives the archive its name; a file of that name with the same content is it already, of a run that was cut short.
fn publish(dir: &Folder, name: &str, partial: &OsStr, hash: blake3::Hash) -> Result<PathBuf> {
    let mut target = format!("{name}.gz");
    let mut number = 2;
    while dir.look(OsStr::new(&target)).is_ok() {
        let path = dir.path().join(&target);
        let there = dir.file(OsStr::new(&target)).map_err(Error::io("lecture de", &path));
        if there.and_then(|file| gz::content(file, &path)).is_ok_and(|content| content.0 == hash) {
            dir.remove_file(partial).map_err(Error::io("suppression de", dir.path().join(partial)))?;
            return Ok(path);
        }
        target = format!("{}-{number}.csv.gz", name.trim_end_matches(".csv"));
        number += 1;
    }
    let path = dir.path().join(&target);
    dir.rename(partial, OsStr::new(&target)).map_err(Error::io("renommage de", &path))?;
    dir.sync().map_err(Error::io("écriture du dossier", dir.path()))?;
    Ok(path)
}

fn remember(dir: &Path, entry: Archived) -> Result<()> {
    let path = dir.join("manifest.json");
    let mut entries: Vec<Archived> = match files::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|_| Error::BadFile(format!("{} est illisible", path.display())))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("lecture de", &path)(error)),
    };
    entries.retain(|other| other.file != entry.file);
    entries.push(entry);
    let text = serde_json::to_vec_pretty(&entries).map_err(|error| Error::Invariant(error.to_string()))?;
    files::put(&path, &text, Durability::Data)
}

/// The files under `data/archive/`, with what their manifests say of them.
///
/// # Errors
/// [`Error::Io`], [`Error::BadFile`] for a manifest that cannot be read.
pub(super) fn archived(settings: &Settings) -> Result<Vec<(PathBuf, Archived)>> {
    let mut found = Vec::new();
    let root = settings.home.root.join("data/archive");
    for year in folders(&root)? {
        for day in folders(&year)? {
            let manifest = day.join("manifest.json");
            let bytes = match fs::read(&manifest) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                bytes => bytes.map_err(Error::io("lecture de", &manifest))?,
            };
            let entries: Vec<Archived> = serde_json::from_slice(&bytes)
                .map_err(|_| Error::BadFile(format!("{} est illisible", manifest.display())))?;
            // A name that leads elsewhere is none of ours.
            let ours = |entry: &Archived| Path::new(&entry.file).components().count() == 1;
            found.extend(entries.into_iter().filter(ours).map(|entry| (day.join(&entry.file), entry)));
        }
    }
    Ok(found)
}

fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("lecture de", root))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("lecture de", root))?;
        if entry.file_type().map_err(Error::io("lecture de", root))?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

impl Report for ArchiveReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["fichier", "état", ">taille", "?prouvé", "raison"]);
        for line in &self.files {
            let state = match line.status {
                Status::Archived => self.done.say("✓ archivé", "✓ à archiver"),
                Status::Kept => self.done.say("⚠ gardé", "⚠ à garder"),
                Status::Failed => "✗ échec",
            };
            let proof = line.proof.as_ref().map_or_else(String::new, Proof::text);
            table.row([
                line.file.clone(),
                state.into(),
                bytes(line.bytes),
                proof,
                line.reason.clone().unwrap_or_default(),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        // Each keeps its name there.
        let folders: BTreeSet<_> = self.files.iter().filter_map(|line| line.archive.as_ref()?.parent()).collect();
        for folder in folders {
            page.line(format!("  archive : {}", folder.display()));
        }
        let count = |status: Status| self.files.iter().filter(|line| line.status == status).count() as u64;
        let archived = self.done.count(count(Status::Archived), ["fichier", "fichiers"], ["archivé", "archivés"]);
        let kept = self.done.more(count(Status::Kept), ["gardé", "gardés"]);
        page.conclude(self.verdict(), format!("{archived}, {kept}"));
        let mut actions: Vec<&str> = self.files.iter().filter_map(|line| line.action.as_deref()).collect();
        actions.dedup();
        for action in actions {
            page.action(action);
        }
    }

    fn verdict(&self) -> Verdict {
        let verdict = |line: &FileLine| match line.status {
            Status::Archived => Verdict::Ok,
            Status::Kept => Verdict::Attention,
            Status::Failed => Verdict::Error,
        };
        self.files.iter().map(verdict).max().unwrap_or(Verdict::Ok)
    }

    fn done(&self) -> Done {
        self.done
    }
}
