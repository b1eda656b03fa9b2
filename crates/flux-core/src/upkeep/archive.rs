//! Archiving the files of a delivery once they are proved to be stored.
//!
//! Proof of a file: the history's last load of its table is of exactly this content; the temporary table, where it still has rows, is
//! migrated; and for every date of the file, the main table has as many rows and the same volume as the file itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::csv::{Fields, Source, decode, split};
use crate::db::{Database, Session};
use crate::domain::catalogue::{self, Dataset, Space};
use crate::domain::values::{Day, parse_date, parse_volume};
use crate::error::{Error, Result};
use crate::files::{self, Durability, Fence, gz, hash};
use crate::load;
use crate::migrate::Pair;
use crate::report::{Page, Report, Table, Verdict, bytes, number, plural};
use crate::schema;
use crate::settings::Settings;
use crate::signals;

/// What to archive.
#[derive(Debug, Clone, Default)]
pub struct ArchiveOptions {
    /// Folder of the deliveries, `data/data_temp/` if `None`.
    pub data_dir: Option<PathBuf>,
    /// Also files of which lines were rejected.
    pub accept_rejects: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Report of `archive-csv`.
#[derive(Debug, Serialize)]
struct ArchiveReport {
    dry_run: bool,
    files: Vec<FileLine>,
}

#[derive(Debug, Serialize)]
struct FileLine {
    file: String,
    #[serde(serialize_with = "crate::report::path_text")]
    path: PathBuf,
    status: Status,
    bytes: u64,
    #[serde(serialize_with = "crate::report::path_text_if_any", skip_serializing_if = "Option::is_none")]
    archive: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Archived,
    Kept,
    Failed,
}

/// Why a file stays, and what to do.
struct Kept(String, &'static str);

/// The history's last load of a table.
struct Load {
    hash: String,
    lines: u64,
    stored: u64,
    rejected: u64,
    filtered: u64,
    day: String,
    cleaned: bool,
}

/// One line of an archive folder's `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Archived {
    file: String,
    original: String,
    bytes: u64,
    blake3: String,
    sha256_gz: String,
    rows: u64,
    imported: String,
}

const IMPORT: &str = "lancez `update-temp-tables`, puis `migrate-temp-to-main`";
const MIGRATE: &str = "lancez `migrate-temp-to-main`, puis `verify-migration`";

/// Archives what is proved; everything else stays where it is.
///
/// # Errors
/// Those of the connection, the lock and the folders; what concerns one file is in the report.
pub fn archive(settings: &Settings, database: &Database, options: &ArchiveOptions) -> Result<impl Report + use<>> {
    let fence = Fence::new(settings.home.root())?;
    let root = fence.path(Path::new("data/archive"))?;
    let folder = options.data_dir.clone().unwrap_or_else(|| settings.home.deliveries());
    let found = load::find_files(&folder)?;
    let _lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
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
                reason: None,
                action: None,
            };
            let pair = Pair::new(dataset, Space::Production);
            let proved = if paths.len() > 1 {
                Ok(Err(Kept(format!("{} fichiers portent ce nom", paths.len()), "gardez le seul qui a été importé")))
            } else {
                pair.require(Space::Production, &existing).and_then(|()| prove(&mut session, &pair, path, options))
            };
            let result = proved.and_then(|proof| match proof {
                Err(kept) => Ok(Err(kept)),
                Ok(_) if options.dry_run => Ok(Ok(None)),
                Ok(load) => store(&root, dataset, path, &load).map(|to| Ok(Some(to))),
            });
            match result {
                Ok(Ok(to)) => (line.status, line.archive) = (Status::Archived, to),
                Ok(Err(Kept(reason, action))) => {
                    (line.reason, line.action) = (Some(reason), Some(action.to_owned()));
                }
                Err(error @ (Error::Interrupted | Error::Locked { .. })) => return Err(error),
                Err(error) => {
                    log::error!("{} : {error}", path.display());
                    line.status = Status::Failed;
                    (line.reason, line.action) = (Some(error.to_string()), error.hint());
                }
            }
            files.push(line);
        }
    }
    Ok(ArchiveReport { dry_run: options.dry_run, files })
}

fn last_load(session: &mut Session, table: &str) -> Result<Option<Load>> {
    let sql = "SELECT file_hash, lines_read, rows_stored, rejected, filtered, CAST(DATE(finished_at) AS CHAR), \
               cleaned_at IS NOT NULL FROM flux_import_history WHERE table_name = ? AND status = 'loaded' ORDER BY id DESC LIMIT 1";
    type Row = (String, u64, u64, u64, u64, String, u8);
    let row: Option<Row> = session.first("lecture de l'historique des imports", sql, (table,))?;
    Ok(row.map(|(hash, lines, stored, rejected, filtered, day, cleaned)| Load {
        hash,
        lines,
        stored,
        rejected,
        filtered,
        day,
        cleaned: cleaned != 0,
    }))
}

fn prove(
    session: &mut Session,
    pair: &Pair,
    path: &Path,
    options: &ArchiveOptions,
) -> Result<std::result::Result<Load, Kept>> {
    let metadata = fs::symlink_metadata(path).map_err(Error::io("lecture de", path))?;
    if !metadata.is_file() {
        return Ok(Err(Kept("ce n'est pas un vrai fichier".into(), "remplacez le lien par le fichier lui-même")));
    }
    let Some(load) = last_load(session, &pair.temp)? else {
        return Ok(Err(Kept("l'historique ne connaît aucun chargement de cette table".into(), IMPORT)));
    };
    if hash::blake3(path)?.to_hex().as_str() != load.hash {
        return Ok(Err(Kept("le dernier chargement est celui d'un autre contenu".into(), IMPORT)));
    }
    if load.filtered > 0 {
        let lines = plural(load.filtered, "ligne écartée", "lignes écartées");
        return Ok(Err(Kept(format!("{lines} par --year au chargement"), "rechargez le fichier sans --year")));
    }
    if load.rejected > 0 && !options.accept_rejects {
        let lines = plural(load.rejected, "ligne rejetée", "lignes rejetées");
        let action = "corrigez-les (logs/rejets/), ou --accept-rejects";
        return Ok(Err(Kept(format!("{lines} au chargement"), action)));
    }
    let comparison = pair.compare(session)?;
    if comparison.temp_rows == 0 && load.stored > 0 && !load.cleaned {
        return Ok(Err(Kept(format!("{} a été vidée sans `cleanup-temp`", pair.temp), IMPORT)));
    }
    if !comparison.is_migrated() {
        let rows = plural(comparison.missing + comparison.different, "ligne n'est pas", "lignes ne sont pas");
        return Ok(Err(Kept(format!("{rows} dans {}", pair.main), MIGRATE)));
    }
    Ok(match differs(session, pair, path, &load)? {
        Some(reason) => Err(Kept(reason, MIGRATE)),
        None => Ok(load),
    })
}

/// Rows and volume of each date of a file, as far as its lines can be read.
fn by_date(path: &Path) -> Result<BTreeMap<Day, (u64, u64)>> {
    let mut source = Source::open(path, &[&["Date"], &["Volume"]])?;
    let bad = || Error::BadFile(format!("{} n'a pas ses colonnes", path.display()));
    let date_at = source.header.find(&["Date"]).ok_or_else(bad)?;
    let volume_at = source.header.find(&["Volume"]).ok_or_else(bad)?;
    let mut dates: BTreeMap<Day, (u64, u64)> = BTreeMap::new();
    let mut fields = Fields::default();
    let mut count = 0u64;
    while let Some(line) = source.lines.next()? {
        count += 1;
        if count.is_multiple_of(65_536) {
            signals::check()?;
        }
        if line.is_blank() || !line.complete || split(line.bytes, source.header.separator, &mut fields).is_err() {
            continue;
        }
        let day = parse_date(&decode(fields.get(line.bytes, date_at)).0);
        let volume = parse_volume(&decode(fields.get(line.bytes, volume_at)).0);
        if let (Ok(day), Ok(volume)) = (day, volume) {
            let sums = dates.entry(day).or_default();
            sums.0 += 1;
            sums.1 += u64::from(volume);
        }
    }
    Ok(dates)
}

/// Where the main table does not hold what the file holds.
fn differs(session: &mut Session, pair: &Pair, path: &Path, load: &Load) -> Result<Option<String>> {
    let dates = by_date(path)?;
    let (Some(first), Some(last)) = (dates.keys().next(), dates.keys().next_back()) else { return Ok(None) };
    let sql = format!(
        "SELECT CAST(date AS CHAR), COUNT(*), COALESCE(SUM(volume), 0), SUM(is_provisional = 0) FROM {} \
         WHERE date BETWEEN ? AND ? GROUP BY date",
        pair.main
    );
    let span = (first.date().to_string(), last.date().to_string());
    let rows: Vec<(String, u64, u64, u64)> = session.rows(&format!("lecture de {}", pair.main), &sql, span)?;
    let main: BTreeMap<String, (u64, u64, u64)> =
        rows.into_iter().map(|(date, rows, volume, definitive)| (date, (rows, volume, definitive))).collect();
    // Every line was stored: each date can be held against the file. Else only the number of rows can.
    let exact = load.lines == load.stored;
    let mut total = 0;
    for (day, (lines, volume)) in &dates {
        let date = day.date().to_string();
        let (rows, stored_volume, definitive) = main.get(&date).copied().unwrap_or_default();
        total += rows;
        let differs = match (exact, definitive) {
            (true, 0) => (rows, stored_volume) != (*lines, *volume),
            (true, _) => rows < *lines,
            (false, _) => rows == 0 && load.rejected == 0,
        };
        if differs {
            let (rows, lines) = (number(rows), number(*lines));
            return Ok(Some(format!(
                "{date} : {rows} lignes dans {}, {lines} dans le fichier, ou un autre volume",
                pair.main
            )));
        }
    }
    let short = total < load.stored;
    Ok(short.then(|| format!("{} lignes dans {}, {} chargées", number(total), pair.main, number(load.stored))))
}

/// Compresses, checks, then removes the original; the archive's path.
fn store(root: &Path, dataset: &Dataset, path: &Path, load: &Load) -> Result<PathBuf> {
    let year = load.day.get(..4).unwrap_or("0000");
    let dir = root.join(year).join(&load.day);
    files::create_private_dir(&dir)?;
    let name = dataset.weekly_file.unwrap_or(dataset.family);
    let partial = dir.join(format!("{name}.gz.partial"));
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("suppression de", &partial)(error));
        }
        _ => {}
    }
    let (content, bytes) = gz::compress(path, &partial)?;
    if content.to_hex().as_str() != load.hash {
        let _ = fs::remove_file(&partial);
        return Err(Error::FileChanged);
    }
    let target = publish(&dir, name, &partial, content)?;
    let file = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let original = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let sha256_gz = hash::sha256(&target)?;
    let blake3 = content.to_hex().to_string();
    let entry = Archived { file, original, bytes, blake3, sha256_gz, rows: load.stored, imported: load.day.clone() };
    remember(&dir, entry)?;
    if hash::blake3(path)? != content {
        return Err(Error::FileChanged);
    }
    fs::remove_file(path).map_err(Error::io("suppression de", path))?;
    Ok(target)
}

/// Gives the archive its name; a file of that name with the same content is it already, of a run that was cut short.
fn publish(dir: &Path, name: &str, partial: &Path, hash: blake3::Hash) -> Result<PathBuf> {
    let mut target = dir.join(format!("{name}.gz"));
    let mut number = 2;
    while target.exists() {
        if gz::content(&target).is_ok_and(|content| content.0 == hash) {
            fs::remove_file(partial).map_err(Error::io("suppression de", partial))?;
            return Ok(target);
        }
        target = dir.join(format!("{}-{number}.csv.gz", name.trim_end_matches(".csv")));
        number += 1;
    }
    fs::rename(partial, &target).map_err(Error::io("renommage de", partial))?;
    files::sync_dir(dir)?;
    Ok(target)
}

fn remember(dir: &Path, entry: Archived) -> Result<()> {
    let path = dir.join("manifest.json");
    let mut entries: Vec<Archived> = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|_| Error::BadFile(format!("{} est illisible", path.display())))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("lecture de", &path)(error)),
    };
    entries.retain(|other| other.file != entry.file);
    entries.push(entry);
    let text = serde_json::to_vec_pretty(&entries).map_err(|error| Error::Invariant(error.to_string()))?;
    files::replace(&path, &text, Durability::Data)
}

impl Report for ArchiveReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["fichier", "état", ">taille", "archive ou raison"]);
        for line in &self.files {
            let state = match (line.status, self.dry_run) {
                (Status::Archived, true) => "✓ à archiver",
                (Status::Archived, false) => "✓ archivé",
                (Status::Kept, _) => "⚠ gardé",
                (Status::Failed, _) => "✗ échec",
            };
            let archive = line.archive.as_ref().map(|path| path.display().to_string());
            let detail = line.reason.clone().or(archive).unwrap_or_default();
            table.row([line.file.clone(), state.into(), bytes(line.bytes), detail]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        let count = |status: Status| self.files.iter().filter(|line| line.status == status).count() as u64;
        let would = if self.dry_run { " (essai à blanc : rien n'a été écrit)" } else { "" };
        let archived = plural(count(Status::Archived), "fichier archivé", "fichiers archivés");
        page.verdict(self.verdict(), format!("{archived}, {} gardés{would}", number(count(Status::Kept))));
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
}
