//! Backup of the critical tables in one consistent snapshot, and its restoration.
//!
//! A backup is a folder of `data/backups/`: one compressed file per table, `manifest.json`, `SHA256SUMS`. It is written under
//! `<name>.partial` and renamed when all of it is on the disk, so that a folder without that end is complete.

mod carry;
mod ddl;
mod dump;
mod load;
mod manifest;
mod restore;
mod rows;
mod snapshot;
mod under;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use schemars::JsonSchema;
use serde::Serialize;

pub use manifest::Kind;
pub use restore::{RestoreAction, RestoreOptions};

use crate::db::{Database, NamedLock, Session};
use crate::domain::catalogue::{self, DIMS, Space};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::{self, Fence, Folder};
use crate::ledger::{lease, sessions};
use crate::progress::Progress;
use crate::report::{self, Code, Done, Finding, Page, Report, Table, Verdict, bytes, number, plural};
use crate::schema::{self, IS_TABLE};
use crate::settings::Settings;
use crate::task::{Context, Task};
use manifest::{Found, Manifest, OpenKey, PARTIAL, TableEntry, is_name_of, list, safe};

/// How often a backup is begun again when a table's structure changes under it.
const TRIES: u32 = 3;

/// Who else holds a folder.
const ANOTHER: &str = "une autre sauvegarde";

/// What to back up, and where.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Which tables are saved, and in which form.
    pub kind: Kind,
    /// Folder of the backups, `data/backups/` of the home folder if `None`.
    pub dir: Option<PathBuf>,
    /// How many complete backups of this kind and database to keep; all if `None`.
    pub keep: Option<u32>,
    /// Only say what would be done.
    pub dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BackupReport {
    #[serde(rename = "dry_run")]
    done: Done,
    kind: Kind,
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    path: PathBuf,
    snapshot_at: Option<String>,
    server_version: String,
    rows: u64,
    volume: i64,
    bytes: u64,
    tables: Vec<TableLine>,
    removed: Vec<String>,
    /// Tables whose history, which MariaDB keeps by itself, is not in the backup: only the rows of the moment are.
    without_history: Vec<String>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TableLine {
    table: String,
    rows: Option<u64>,
    volume: Option<i64>,
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// The folder of the backups: the one that was named, else `data/backups/`, which must not lead out of the home folder.
///
/// # Errors
/// [`Error::Config`], [`Error::Io`].
fn folder(settings: &Settings, named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(dir) => Ok(dir.to_owned()),
        None => Fence::new(&settings.home.root)?.path(Path::new("data/backups")),
    }
}

impl Task for BackupOptions {
    /// Takes a backup.
    ///
    /// # Errors
    /// Those of the connection and the disk, [`Error::Locked`] while another backup runs; backups that are there stay as they are.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let dir = folder(&context.settings, self.dir.as_deref())?;
        let mut session = database.session()?;
        // Imports have another lock and go on.
        let name = lock_name(database.name());
        let _lock =
            NamedLock::take(database, name.clone())?.ok_or_else(|| Error::Locked { name, holder: ANOTHER.into() })?;
        let mut findings = Vec::new();
        let mut tables = tables(database, &mut session, self.kind, &mut findings)?;
        let open = if self.kind == Kind::Dump { Vec::new() } else { close(&mut session, &mut tables)? };
        let mut without_history = versioned(&mut session)?;
        without_history.retain(|table| self.kind == Kind::Dump || tables.contains(table));
        // What an account may hold few of is not kept while another works.
        drop(session);
        findings.extend(open.iter().map(OpenKey::finding));
        let mut report = BackupReport {
            done: Done::unless(self.dry_run),
            kind: self.kind,
            path: dir.clone(),
            snapshot_at: None,
            server_version: database.version().to_owned(),
            rows: 0,
            volume: 0,
            bytes: 0,
            tables: Vec::new(),
            removed: Vec::new(),
            without_history,
            findings,
        };
        if self.dry_run {
            report.tables = tables.into_iter().map(TableLine::planned).collect();
            report.removed = surplus(&dir, database.name(), &self, 1)?.into_iter().map(|found| found.name).collect();
            return Ok(report);
        }
        files::create_private_dir(&dir)?;
        // What is removed is so in this folder, whatever takes the place of its path.
        let home = opened(&context.settings, &self, &dir)?;
        sweep(&home, database.name())?;
        let target = free_name(&dir, self.kind, database.name());
        let partial = with_suffix(&target, PARTIAL);
        let empty = Manifest { open, ..Manifest::new(self.kind, database.name(), database.version(), String::new()) };
        let written = write(&context.settings, database, &empty, (&tables, &home), &partial, &context.progress);
        let manifest = match written.and_then(|(manifest, _lock)| publish(&partial, &target, &dir).map(|()| manifest)) {
            Ok(manifest) => manifest,
            Err(error) => {
                // Half a backup is worth nothing, and the room may be what is lacking.
                if let Err(error) = discard(&home, partial.file_name().unwrap_or_default()) {
                    log::debug!("{} : {error}", partial.display());
                }
                return Err(error);
            }
        };
        report.path = target;
        report.snapshot_at = Some(manifest.snapshot_at.clone());
        report.rows = manifest.rows;
        report.volume = manifest.volume;
        report.bytes = manifest.bytes();
        report.tables = manifest.tables.iter().map(TableLine::written).collect();
        sweep_old((&dir, &home), database.name(), &self, &manifest.snapshot_at, &mut report)?;
        Ok(report)
    }
}

/// The folder of the backups, without a link on the way from the home folder to the one that is there.
fn opened(settings: &Settings, options: &BackupOptions, dir: &Path) -> Result<Folder> {
    let fence = Fence::new(&settings.home.root)?;
    match dir.strip_prefix(fence.root()) {
        Ok(inside) if options.dir.is_none() => Folder::under(fence.root(), inside),
        _ => Folder::open(dir),
    }
    .map_err(Error::io("ouverture du dossier", dir))
}

/// Removes a folder and all that is in it.
fn discard(home: &Folder, name: &OsStr) -> std::io::Result<()> {
    home.enter(name)?.clear()?;
    home.remove_folder(name)
}

/// Removes what `keep` has no room for, unless a clock that was set back makes the newest pass for the oldest.
fn sweep_old(
    (dir, home): (&Path, &Folder),
    database: &str,
    options: &BackupOptions,
    now: &str,
    report: &mut BackupReport,
) -> Result<()> {
    let old = surplus(dir, database, options, 0)?;
    let is_later = |found: &Found| found.manifest.as_ref().is_ok_and(|manifest| manifest.snapshot_at.as_str() > now);
    if let Some(later) = list(dir)?.iter().find(|found| !old.is_empty() && is_later(found)) {
        let what = "datée d'après celle-ci : l'horloge a été reculée, aucune ancienne sauvegarde n'est retirée";
        let finding = Finding::attention(Code::BackupDoubtful, &later.name, what);
        report.findings.push(finding.action("contrôlez l'heure du serveur, puis retirez vous-même ce qui est de trop"));
        return Ok(());
    }
    for found in old.into_iter().filter(|found| found.path != report.path) {
        match remove(home, &found) {
            Ok(()) => report.removed.push(found.name),
            Err(error) => report.findings.push(Finding::attention(Code::from(&error), found.name, error.to_string())),
        }
    }
    Ok(())
}

/// Name of the server lock that one backup of a database holds.
fn lock_name(database: &str) -> String {
    format!("flux-backup:{}", &blake3::hash(database.as_bytes()).to_hex()[..32])
}

/// The tables of a kind that are there; those that should be and are not are findings.
fn tables(database: &Database, session: &mut Session, kind: Kind, findings: &mut Vec<Finding>) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT table_name AS t FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND {IS_TABLE} ORDER BY table_name"
    );
    let present: Vec<String> = session.rows("liste des tables", &sql, ())?;
    let dims = DIMS.iter().map(|spec| spec.table).chain(["dim_dates", "dim_saisons", "dim_periodes"]);
    let expected: Vec<String> =
        dims.map(str::to_owned).chain(catalogue::weekly().map(|set| set.main_table(Space::Production))).collect();
    let mut chosen: Vec<String> = Vec::new();
    for table in expected {
        if present.contains(&table) {
            chosen.push(table);
        } else {
            let finding =
                Finding::attention(Code::TableMissing, &table, "la table n'existe pas : elle n'est pas sauvegardée");
            findings.push(finding.action("lancez `ensure-schema`"));
        }
    }
    let prefixes: &[&str] = if kind == Kind::Critique { &["flux_"] } else { &["dim_", "fact_", "flux_"] };
    for table in present {
        let wanted = prefixes.iter().any(|prefix| table.starts_with(prefix));
        // Who holds the lock or looks at the portal is nothing to keep, and a restoration holds the lock itself.
        let passing = [lease::TABLE, sessions::TABLE].contains(&table.as_str());
        if wanted && !passing && !ddl::is_beside(&table) && !chosen.contains(&table) {
            chosen.push(table);
        }
    }
    if kind == Kind::Dump {
        findings.clear();
    } else if chosen.is_empty() {
        return Err(Error::Config {
            message: format!("la base {} n'a aucune table à sauvegarder", database.name()),
            hint: "vérifiez DB_DATABASE, ou lancez `ensure-schema`".into(),
        });
    }
    Ok(chosen)
}

/// Tables that keep their own history (`WITH SYSTEM VERSIONING`).
fn versioned(session: &mut Session) -> Result<Vec<String>> {
    let sql = "SELECT table_name AS t FROM information_schema.tables \
               WHERE table_schema = DATABASE() AND table_type = 'SYSTEM VERSIONED' ORDER BY table_name";
    session.rows("liste des tables", sql, ())
}

/// Adds the tables of ours that foreign keys tie to those chosen, for a restoration replaces both or neither; gives the keys that tie
/// tables of others.
fn close(session: &mut Session, chosen: &mut Vec<String>) -> Result<Vec<OpenKey>> {
    let sql = "SELECT DISTINCT table_name AS t, referenced_table_name AS r FROM information_schema.referential_constraints \
               WHERE constraint_schema = DATABASE() ORDER BY 1, 2";
    let keys: Vec<(String, String)> = session.rows("lecture des clés étrangères", sql, ())?;
    loop {
        let open: Vec<&(String, String)> =
            keys.iter().filter(|(table, parent)| chosen.contains(table) != chosen.contains(parent)).collect();
        let ours = open.iter().flat_map(|(table, parent)| [table, parent]).find(|name| {
            let beside = ddl::is_beside(name) || name.as_str() == lease::TABLE;
            schema::is_ours(name) && !beside && !chosen.contains(name)
        });
        match ours {
            Some(table) => chosen.push(table.clone()),
            None => {
                let key = |(table, parent): &(String, String)| OpenKey { table: table.clone(), parent: parent.clone() };
                return Ok(open.into_iter().map(key).collect());
            }
        }
    }
}

fn write(
    settings: &Settings,
    database: &Database,
    empty: &Manifest,
    (tables, home): (&[String], &Folder),
    partial: &Path,
    progress: &Progress,
) -> Result<(Manifest, fs::File)> {
    for attempt in 1.. {
        let lock = begin(partial)?;
        let empty = empty.clone();
        let result = if empty.kind == Kind::Dump {
            dump::take(settings, database, partial, progress, empty)
        } else {
            let mut session = database.session()?;
            // The files that were begun go with the snapshot.
            session.stay();
            snapshot::take(&mut session, database.flavour(), tables, partial, progress, empty)
        };
        match result {
            Err(error) if attempt < TRIES && (is_redefinition(&error) || error.is_transient()) => {
                log::warn!("{error} ; la sauvegarde est recommencée ({attempt}/{})", TRIES - 1);
                discard(home, partial.file_name().unwrap_or_default()).map_err(Error::io("suppression de", partial))?;
            }
            result => return result.map(|manifest| (manifest, lock)),
        }
    }
    Err(Error::Interrupted)
}

/// Whether a table's structure changed after the snapshot had begun.
fn is_redefinition(error: &Error) -> bool {
    const TABLE_DEF_CHANGED: u16 = 1412;
    match error {
        Error::Sql { source, .. } => {
            matches!(&**source, mysql::Error::MySqlError(server) if server.code == TABLE_DEF_CHANGED)
        }
        Error::MissingTable { .. } => true,
        _ => false,
    }
}

fn publish(partial: &Path, target: &Path, dir: &Path) -> Result<()> {
    failpoint::hit("file.publish")?;
    let whole = Folder::open(partial).map_err(Error::io("ouverture du dossier", partial))?;
    if !Manifest::read_in(&whole)?.sizes_match(&whole) {
        return Err(Error::Invariant(format!("{} n'est plus entière", partial.display())));
    }
    fs::rename(partial, target).map_err(Error::io("renommage de", partial))?;
    files::sync_dir(dir)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A name that no backup has; two in one second, or after the clock was set back, differ by a number.
fn free_name(dir: &Path, kind: Kind, database: &str) -> PathBuf {
    let stem = format!("{}_{}_{}", kind.prefix(), safe(database), Utc::now().format("%Y%m%dT%H%M%SZ"));
    let mut path = dir.join(&stem);
    let mut next = 2u32;
    while path.exists() {
        path = dir.join(format!("{stem}-{next}"));
        next += 1;
    }
    path
}

/// A folder that is being written, locked while it is: a run on another server, whose database has the same name, leaves it alone.
fn begin(partial: &Path) -> Result<fs::File> {
    files::create_private_dir(partial)?;
    let folder = fs::File::open(partial).map_err(Error::io("ouverture du dossier", partial))?;
    files::hold(folder, partial, ANOTHER)
}

/// Removes what runs that were killed have left; what somebody holds the lock of is being written.
fn sweep(home: &Folder, database: &str) -> Result<()> {
    for name in home.names().map_err(Error::io("lecture de", home.path()))? {
        let text = name.to_string_lossy();
        let Some(stem) = text.strip_suffix(PARTIAL) else { continue };
        let is_ours =
            [Kind::Critique, Kind::Complet, Kind::Dump].into_iter().any(|kind| is_name_of(stem, kind, database));
        // A link of such a name is not one of ours.
        if !is_ours || !home.look(&name).is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let path = home.path().join(&name);
        let wrap = || Error::io("suppression de", &path);
        match home.enter(&name).map_err(wrap())?.hold(ANOTHER) {
            Ok(_lock) => {
                log::warn!("reste d'une sauvegarde interrompue supprimé : {text}");
                discard(home, &name).map_err(wrap())?;
            }
            Err(Error::Locked { .. }) => log::info!("{text} est en cours d'écriture : laissée"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The complete backups that `keep` has no room for, `more` new ones aside. Damaged ones and those of which anything is not as we name
/// and date it neither count nor go.
fn surplus(dir: &Path, database: &str, options: &BackupOptions, more: usize) -> Result<Vec<Found>> {
    let Some(keep) = options.keep else { return Ok(Vec::new()) };
    let mut complete: Vec<Found> = list(dir)?
        .into_iter()
        .filter(|found| is_name_of(&found.name, options.kind, database) && found.is_complete())
        .filter(|found| found.manifest.as_ref().is_ok_and(|m| m.kind == options.kind && m.database == database))
        .collect();
    let count = (complete.len() + more).saturating_sub(keep as usize);
    complete.truncate(count);
    Ok(complete)
}

/// Renamed first, so that what is left of a removal that is cut short does not pass for a backup, and judged once more there: what
/// has taken the place of the one that was found stays.
fn remove(home: &Folder, found: &Found) -> Result<()> {
    let name = OsStr::new(&found.name);
    let partial = OsString::from(format!("{}{PARTIAL}", found.name));
    let wrap = || Error::io("suppression de", &found.path);
    home.rename(name, &partial).map_err(wrap())?;
    let inner = home.enter(&partial).map_err(wrap());
    let is_found = |inner: &Folder| {
        let found = found.manifest.as_ref();
        found.is_ok_and(|found| Manifest::read_in(inner).is_ok_and(|there| there == *found) && found.sizes_match(inner))
    };
    let is_found = inner.as_ref().is_ok_and(is_found);
    if !is_found {
        home.rename(&partial, name).map_err(wrap())?;
        return Err(Error::FileChanged);
    }
    inner?.clear().map_err(wrap())?;
    home.remove_folder(&partial).map_err(wrap())
}

impl TableLine {
    fn planned(table: String) -> Self {
        Self { table, rows: None, volume: None, bytes: None, sha256: None }
    }

    fn written(entry: &TableEntry) -> Self {
        Self {
            table: entry.table.clone(),
            rows: Some(entry.rows),
            volume: entry.volume,
            bytes: Some(entry.bytes),
            sha256: Some(entry.sha256.clone()),
        }
    }
}

impl Report for BackupReport {
    fn render(&self, page: &mut Page) {
        if !self.done.really() {
            let saved = ["sauvegardée", "sauvegardées"];
            let what = match self.kind {
                Kind::Dump => format!("toute la base {}", self.done.verb(1, saved)),
                _ => self.done.count(self.tables.len() as u64, ["table", "tables"], saved),
            };
            page.conclude(Verdict::Ok, format!("{what} dans {}", self.path.display()));
            for line in &self.tables {
                page.line(format!("  {}", line.table));
            }
        } else {
            let mut table = Table::new(&["table", ">lignes", ">volume", ">taille"]);
            for line in &self.tables {
                table.row([
                    line.table.clone(),
                    line.rows.map(number).unwrap_or_default(),
                    line.volume.map(number).unwrap_or_default(),
                    line.bytes.map(bytes).unwrap_or_default(),
                ]);
            }
            if !table.is_empty() {
                page.table(&table);
                page.gap();
            }
            let rows = match self.kind {
                Kind::Dump => "export complet".to_owned(),
                _ => format!("{}, volume {}", plural(self.rows, "ligne", "lignes"), number(self.volume)),
            };
            let line = format!("{} : {rows}, {}", self.path.display(), bytes(self.bytes));
            page.conclude(Verdict::Ok, line);
        }
        if !self.without_history.is_empty() {
            let tables = report::some_of(&self.without_history, 5);
            page.line(format!("  sans l'historique que MariaDB tient de {tables} : seules les lignes du moment"));
        }
        for name in &self.removed {
            let would = self.done.verb(1, ["retirée", "retirées"]);
            page.line(format!("  ancienne sauvegarde {would} : {name}"));
        }
        for finding in &self.findings {
            page.finding(finding);
        }
    }

    fn verdict(&self) -> Verdict {
        report::verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
