//! `restore-critical`: proves a backup, loads it beside the live tables, compares, swaps all tables in one statement, and keeps those
//! that it has replaced until asked to drop it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::backup::manifest::{Found, Kind, Manifest, OpenKey, TableEntry, list};
use crate::backup::{carry, ddl, folder, load, snapshot, under};
use crate::db::{Database, Session, quote};
use crate::error::{Error, Result};
use crate::ledger::{Lock, dates, history, migrations, restores, rows};
use crate::progress::Progress;
use crate::report::{
    self, Code, Done, Finding, Page, Report, Table, Verdict, bytes, local_time, number, plural, some_of,
};
use crate::signals;
use crate::task::{Context, Task};

/// What is done with a backup, or with what a restoration left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestoreAction {
    /// Say which backups there are.
    List,
    /// Prove one against its manifest; needs no database.
    Verify,
    /// Put its tables in the place of those that are there.
    Restore,
    /// Put the tables back that the last restoration has replaced.
    Undo,
    /// Drop the tables that the last restoration has replaced.
    DropOld,
}

/// Which backup `restore-critical` works on, and how.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// What is done with a backup, or with what a restoration left.
    pub action: RestoreAction,
    /// Folder of the backups, if not the usual one.
    pub dir: Option<PathBuf>,
    /// Name of the backup; if `None` the last complete one, to restore it of this database.
    pub name: Option<String>,
    /// Only these tables; all if empty.
    pub only: Vec<String>,
    /// Only show the plan, of what changes the database.
    pub dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RestoreReport {
    action: RestoreAction,
    #[serde(rename = "dry_run")]
    done: Done,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backups: Vec<BackupLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<BackupLine>,
    tables: Vec<RestoredTable>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BackupLine {
    name: String,
    complete: bool,
    kind: Option<Kind>,
    database: Option<String>,
    server_version: Option<String>,
    snapshot_at: Option<String>,
    tables: usize,
    rows: u64,
    bytes: u64,
    problem: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RestoredTable {
    table: String,
    rows: Option<u64>,
    volume: Option<i64>,
    /// Rows of the live table before; absent where there was none.
    rows_before: Option<u64>,
    /// Rows that no table holds any more afterwards; absent where nothing is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_lost: Option<u64>,
    kept_as: Option<String>,
}

impl Task for RestoreOptions {
    /// Carries out the action; only those that need the database connect.
    ///
    /// # Errors
    /// [`Error::BadBackup`] for a damaged backup, [`Error::Invariant`] when what was loaded is not what the backup holds, those of the
    /// connection and the lock; the live tables are then as they were.
    fn run(self, context: &Context) -> Result<impl Report> {
        self.act(context).map_err(Error::of_backup)
    }
}

impl RestoreOptions {
    fn act(self, context: &Context) -> Result<RestoreReport> {
        let dir = folder(&context.settings, self.dir.as_deref())?;
        let reads = matches!(self.action, RestoreAction::List | RestoreAction::Verify);
        let mut report = RestoreReport {
            action: self.action,
            done: Done::unless(self.dry_run && !reads),
            backups: Vec::new(),
            backup: None,
            tables: Vec::new(),
            findings: Vec::new(),
        };
        match self.action {
            RestoreAction::List => report.backups = list(&dir)?.iter().map(BackupLine::new).collect(),
            RestoreAction::Verify => {
                let found = choose(&self, &dir, None)?;
                verify_all(&found.path, &mut report)?;
                report.backup = Some(BackupLine::new(&found));
            }
            RestoreAction::Restore => {
                let database = context.database()?;
                let found = choose(&self, &dir, Some(database.name()))?;
                let line = BackupLine::new(&found);
                let Found { path, manifest, .. } = found;
                run(&self, &database, &path, &manifest?, &context.progress, &mut report)?;
                report.backup = Some(line);
            }
            RestoreAction::Undo => undo(&self, &context.database()?, &context.progress, &mut report)?,
            RestoreAction::DropOld => drop_old(&self, &context.database()?, &mut report)?,
        }
        Ok(report)
    }
}

/// The backup that was named, or the last one that is complete and, to be restored into `database`, of this database: another's is
/// restored only by its name.
fn choose(options: &RestoreOptions, dir: &Path, database: Option<&str>) -> Result<Found> {
    let mut backups = list(dir)?;
    let unknown =
        |message: String| Error::Config { message, hint: "voyez `restore-critical --list` et nommez-en une".into() };
    let at = match &options.name {
        Some(name) => backups
            .iter()
            .position(|found| &found.name == name)
            .ok_or_else(|| unknown(format!("pas de sauvegarde « {name} » dans {}", dir.display())))?,
        None => {
            let fit = |found: &Found| {
                let into = |manifest: &Manifest| {
                    database.is_none_or(|name| manifest.kind != Kind::Dump && manifest.database == name)
                };
                found.is_complete() && found.manifest.as_ref().is_ok_and(into)
            };
            let of = database.map_or_else(String::new, |name| format!(" de la base {name}"));
            let last = backups.iter().rposition(fit);
            last.ok_or_else(|| unknown(format!("aucune sauvegarde complète{of} dans {}", dir.display())))?
        }
    };
    Ok(backups.swap_remove(at))
}

fn verify_all(path: &Path, report: &mut RestoreReport) -> Result<()> {
    let manifest = Manifest::read(path)?;
    for entry in &manifest.tables {
        signals::check()?;
        if let Err(error) = load::verify(path, entry) {
            report.findings.push(damaged(&entry.table, error)?);
        } else {
            report.tables.push(RestoredTable::of(entry));
        }
    }
    report.findings.extend(manifest.open.iter().map(OpenKey::finding));
    if let Some(dump) = &manifest.dump
        && let Err(error) = load::verify_file(path, &dump.file, dump.bytes, &dump.sha256)
    {
        report.findings.push(damaged(&dump.file, error)?);
    }
    Ok(())
}

fn damaged(place: &str, error: Error) -> Result<Finding> {
    match error {
        Error::Interrupted => Err(error),
        error => {
            let error = error.of_backup();
            Ok(Finding::attention(Code::from(&error), place, error.to_string())
                .action("gardez une autre sauvegarde, celle-ci est abîmée : `restore-critical --list` les montre"))
        }
    }
}

fn run(
    options: &RestoreOptions,
    database: &Database,
    path: &Path,
    manifest: &Manifest,
    progress: &Progress,
    report: &mut RestoreReport,
) -> Result<()> {
    if let Some(dump) = &manifest.dump {
        return Err(Error::Config {
            message: format!("{} est un export de toute la base", path.display()),
            hint: format!("restaurez-le avec : zcat {} | mariadb BASE", path.join(&dump.file).display()),
        });
    }
    let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let live = database.tables(&mut session)?;
    let entries = select(options, manifest, &mut session, &live)?;
    for entry in &entries {
        signals::check()?;
        load::verify(path, entry)?;
    }
    let names: HashSet<&str> = entries.iter().map(|entry| entry.table.as_str()).collect();
    guard(&mut session, manifest, &names, &live, report)?;
    let kept = under::kept(&mut session, path, &entries, &live)?;
    for kept in &kept {
        let what = format!(
            "{} n'étaient pas dans la sauvegarde, et des tables qui ne sont pas restaurées les utilisent : leurs lignes restent",
            some_of(&kept.names, 5)
        );
        report.findings.push(Finding::attention(Code::DimensionKept, &kept.table, what));
    }
    let known = collations(&mut session)?;
    let mut statements = Vec::new();
    for entry in &entries {
        let (statement, notes) = ddl::adapt(&entry.ddl, &entry.table, &names, &known, database.flavour())?;
        for note in notes {
            log::info!("{} : {note}", entry.table);
        }
        statements.push(statement);
        let mut line = RestoredTable::of(entry);
        if live.contains(&entry.table) {
            line.rows_before = Some(rows(&mut session, &entry.table)?);
            line.kept_as = Some(ddl::old_name(&entry.table));
        }
        report.tables.push(line);
    }
    let undone = undone(&mut session, &live, &entries, manifest)?;
    report.findings.extend(undone.finding(report.done, "la sauvegarde"));
    // What follows takes its time: each step has a connection to the node that serves by then.
    drop(session);
    let Some(lock) = lock else { return Ok(()) };
    let loaded = entries.iter().zip(&statements).try_for_each(|(entry, statement)| {
        log::info!("restauration de {}", entry.table);
        load::load(database, path, entry, &ddl::new_name(&entry.table), statement, progress)
    });
    let mut carried = Vec::new();
    let swapped = loaded.and_then(|()| {
        carried = database.transaction(|session| carry::carry(session, &entries, &live, lock.run()))?;
        for kept in &kept {
            let columns = entries.iter().find(|entry| entry.table == kept.table).map(|entry| entry.columns.as_slice());
            database.transaction(|session| under::keep(session, kept, columns.unwrap_or_default()))?;
        }
        for entry in entries.iter().filter(|entry| live.contains(&entry.table)) {
            database.with_session(|session| under::count_on(session, &entry.table))?;
        }
        // Before the rows are gone: a load that is undone in vain is loaded again, one that is not never comes back.
        database.transaction(|session| undone.write(session, lock.run()))?;
        swap(database, &lock, &entries, &live)
    });
    // Where another run has the lock, they may be its own by now.
    if swapped.as_ref().is_err_and(|error| !error.is_locked_out())
        && let Err(error) = drop_tables(database, entries.iter().map(|entry| ddl::new_name(&entry.table)))
    {
        log::warn!("tables provisoires laissées : {error}");
    }
    swapped?;
    // With what was carried along they are no longer the backup's.
    for line in report.tables.iter_mut().filter(|line| carried.contains(&line.table.as_str())) {
        line.rows = database.with_session(|session| rows(session, &line.table)).ok();
    }
    let as_saved = |table: &str| kept.iter().all(|kept| kept.table != table) && !carried.contains(&table);
    let backup = path.file_name().map(|name| name.to_string_lossy());
    let lines = entries.iter().zip(&report.tables);
    let restored: Vec<restores::Restored<'_>> = lines
        .map(|(entry, line)| restores::Restored {
            backup: backup.as_deref(),
            // With rows that were kept it is another one.
            digest: Some(entry.digest.as_str()).filter(|_| as_saved(&entry.table)),
            ..remembered(&lock, database, "restore", line)
        })
        .collect();
    remember(database, &restored);
    Ok(())
}

/// What is remembered of one table.
fn remembered<'a>(
    lock: &'a Lock,
    database: &Database,
    action: &'a str,
    line: &'a RestoredTable,
) -> restores::Restored<'a> {
    restores::Restored {
        run: lock.run(),
        tool: database.tool(),
        action,
        backup: None,
        table: &line.table,
        rows_before: line.rows_before,
        rows_after: line.rows,
        digest: None,
    }
}

/// The tables are in their place: that it cannot be written down undoes nothing.
fn remember(database: &Database, lines: &[restores::Restored<'_>]) {
    if let Err(error) = database.transaction(|session| restores::insert(session, lines)) {
        log::warn!("{error}");
    }
}

/// Loads of the history whose rows the restored tables will not hold.
#[derive(Debug, Default)]
struct Undone {
    /// Main tables that are restored, each with the time since when its loads are undone.
    mains: Vec<(String, String)>,
    /// Whether the database keeps the dates of its loads.
    dated: bool,
    loads: u64,
    /// Their files, each named once.
    files: Vec<String>,
}

/// What was loaded into a restored table since the snapshot, and what was migrated into it and cleaned up since.
fn undone(
    session: &mut Session,
    live: &HashSet<String>,
    entries: &[&TableEntry],
    manifest: &Manifest,
) -> Result<Undone> {
    if !live.contains(history::TABLE) {
        return Ok(Undone::default());
    }
    // `2025-03-03T10:00:00.123456Z`, as the server compares it.
    let since = manifest.snapshot_at.trim_end_matches('Z').replace('T', " ");
    if entries.iter().any(|entry| entry.table == history::TABLE) {
        return Ok(Undone::default().with(carry::newer(session, entries, &since)?));
    }
    let mains = entries.iter().map(|entry| (entry.table.clone(), since.clone()));
    Undone::of(session, live, mains.collect())
}

/// What was loaded since their restoration into tables that it has replaced.
fn undone_again(session: &mut Session, kept: &[(String, String)]) -> Result<(Undone, Vec<(String, String)>)> {
    let live = crate::schema::names(session)?;
    if !live.contains(history::TABLE) || kept.iter().any(|(table, _)| table == history::TABLE) {
        return Ok((Undone::default(), Vec::new()));
    }
    let (mut mains, mut runs) = (Vec::new(), Vec::new());
    for (table, _) in kept {
        if let Some((run, since)) = restores::last(session, table)? {
            mains.push((table.clone(), since));
            runs.push((table.clone(), run));
        }
    }
    Ok((Undone::of(session, &live, mains)?, runs))
}

impl Undone {
    fn of(session: &mut Session, live: &HashSet<String>, mut mains: Vec<(String, String)>) -> Result<Self> {
        mains.retain(|(table, _)| table.starts_with("fact_"));
        let undone = Self { mains, dated: live.contains(dates::TABLE), ..Self::default() };
        let mut files = Vec::new();
        for (main, since) in &undone.mains {
            files.extend(history::loads_since(session, main, since, undone.dated)?);
        }
        Ok(undone.with(files))
    }

    /// With the file of each load.
    fn with(mut self, mut files: Vec<String>) -> Self {
        self.loads = files.len() as u64;
        files.sort();
        files.dedup();
        Self { files, ..self }
    }

    fn finding(&self, done: Done, what: &str) -> Option<Finding> {
        if self.files.is_empty() {
            return None;
        }
        let count = self.loads;
        let files = plural(count, "chargement plus récent", "chargements plus récents");
        let undone = match count {
            1 => done.say("compte comme annulé", "compterait comme annulé"),
            _ => done.say("comptent comme annulés", "compteraient comme annulés"),
        };
        let message = format!("{files} que {what}, {undone} : {}", report::some_of(&self.files, 10));
        let action = "remettez ces fichiers en place (data/archive/ les garde ; `check-status` dit de quelles dates), la plus ancienne livraison \
             d'abord, et relancez `update-temp-tables` ou l'ETL";
        Some(Finding::attention(Code::LoadUndone, "historique des imports", message).action(action))
    }

    fn write(&self, session: &mut Session, run: &str) -> Result<()> {
        for (main, since) in &self.mains {
            history::undo_since(session, main, since, self.dated, run)?;
            migrations::undo_since(session, main, since, run)?;
        }
        Ok(())
    }
}

/// The tables to restore.
fn select<'a>(
    options: &RestoreOptions,
    manifest: &'a Manifest,
    session: &mut Session,
    live: &HashSet<String>,
) -> Result<Vec<&'a TableEntry>> {
    if !options.only.is_empty() {
        let find = |name: &String| {
            manifest.tables.iter().find(|entry| &entry.table == name).ok_or_else(|| {
                let tables: Vec<&str> = manifest.tables.iter().map(|entry| entry.table.as_str()).collect();
                Error::Usage(format!("--only : la sauvegarde n'a pas « {name} » (elle a : {})", tables.join(", ")))
            })
        };
        return options.only.iter().map(find).collect();
    }
    // What was restored and when is no data of the past.
    let mut entries: Vec<&TableEntry> = manifest.tables.iter().filter(|entry| entry.table != restores::TABLE).collect();
    // The history says what the temporary tables hold: an older one would make the next import pass over a delivery.
    let with_temporary = entries.iter().any(|entry| entry.table.ends_with("_temp"));
    if !with_temporary && live.contains(history::TABLE) && !history::is_empty(session)? {
        // What was migrated since did happen: it counts as undone.
        let kept = [history::TABLE, dates::TABLE, migrations::TABLE, migrations::CELLS, rows::TABLE];
        entries.retain(|entry| !kept.contains(&entry.table.as_str()) || !live.contains(&entry.table));
        log::info!("{} garde son contenu : elle décrit les tables temporaires en place", history::TABLE);
    }
    Ok(entries)
}

/// What would make the swap lose something.
fn guard(
    session: &mut Session,
    manifest: &Manifest,
    names: &HashSet<&str>,
    live: &HashSet<String>,
    report: &mut RestoreReport,
) -> Result<()> {
    if let Some(name) = names.iter().map(|name| ddl::old_name(name)).find(|name| live.contains(name)) {
        return Err(Error::Config {
            message: format!("la table {name} d'une restauration antérieure est encore là"),
            hint: "contrôlez les données, puis `restore-critical --drop-old` (ou `--undo` pour revenir en arrière)"
                .into(),
        });
    }
    let sql = "SELECT table_name AS t, referenced_table_name AS r, constraint_name AS c FROM information_schema.referential_constraints \
               WHERE constraint_schema = DATABASE() ORDER BY table_name";
    let links: Vec<(String, String, String)> = session.rows("lecture des clés étrangères", sql, ())?;
    for (child, parent, key) in links {
        if names.contains(parent.as_str()) && !names.contains(child.as_str()) && !ddl::is_beside(&child) {
            return Err(Error::Config {
                message: format!("la table {child} renvoie à {parent} et n'est pas restaurée avec elle"),
                hint: if manifest.tables.iter().any(|entry| entry.table == child) {
                    format!("ajoutez {child} à --only")
                } else {
                    format!(
                        "la sauvegarde n'a pas {child} : laissez {parent} hors de --only, ou ALTER TABLE `{child}` DROP FOREIGN KEY `{key}`, \
                         que vous remettrez ensuite"
                    )
                },
            });
        }
    }
    let sql = "SELECT event_object_table AS t, trigger_name AS n FROM information_schema.triggers \
               WHERE trigger_schema = DATABASE() ORDER BY event_object_table, trigger_name";
    let triggers: Vec<(String, String)> = session.rows("lecture des déclencheurs", sql, ())?;
    for (table, trigger) in triggers.into_iter().filter(|(table, _)| names.contains(table.as_str())) {
        let finding = Finding::attention(
            Code::TriggerLeft,
            &table,
            format!("le déclencheur {trigger} reste sur l'ancienne table"),
        );
        report.findings.push(finding.action("recréez-le sur la table restaurée"));
    }
    Ok(())
}

/// Collations of the server, in lower case.
fn collations(session: &mut Session) -> Result<HashSet<String>> {
    let sql = "SELECT LOWER(collation_name) AS c FROM information_schema.collations";
    let names: Vec<Option<String>> = session.rows("lecture des classements", sql, ())?;
    let mut known = HashSet::new();
    for name in names.into_iter().flatten() {
        // MariaDB lists its newest ones without the character set that they are used with.
        if name.starts_with("uca1400") {
            known.insert(format!("utf8mb4_{name}"));
            known.insert(format!("utf8mb3_{name}"));
        }
        known.insert(name);
    }
    Ok(known)
}

/// All tables at once, or none.
fn swap(database: &Database, lock: &Lock, entries: &[&TableEntry], live: &HashSet<String>) -> Result<()> {
    let mut moves = Vec::new();
    for entry in entries.iter().filter(|entry| live.contains(&entry.table)) {
        moves.push(format!("{} TO {}", quote(&entry.table), quote(&ddl::old_name(&entry.table))));
    }
    for entry in entries {
        moves.push(format!("{} TO {}", quote(&ddl::new_name(&entry.table)), quote(&entry.table)));
    }
    rename(database, lock, &moves, || entries.first().map(|entry| ddl::new_name(&entry.table)))
}

/// Renames in one statement, which both servers do wholly or not at all, and only while the lock is held; a lost answer is cleared up by
/// looking.
fn rename(database: &Database, lock: &Lock, moves: &[String], gone: impl Fn() -> Option<String>) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    lock.pledged(|pledge| {
        // Away and back: it is there afterwards as before.
        let aside = pledge.map(ddl::new_name);
        let kept = pledge.zip(aside).map(|(name, aside)| format!(", {name} TO {aside}, {aside} TO {name}"));
        let sql = format!("RENAME TABLE {}{}", moves.join(", "), kept.unwrap_or_default());
        renamed(database, &sql, &gone)
    })
}

fn renamed(database: &Database, sql: &str, gone: impl Fn() -> Option<String>) -> Result<()> {
    let mut tried = false;
    database.retried(|| {
        let mut session = database.session()?;
        if tried && gone().is_some_and(|name| database.tables(&mut session).is_ok_and(|tables| !tables.contains(&name)))
        {
            return Ok(());
        }
        tried = true;
        session.exec("échange des tables", sql, ()).map(|_| ())
    })
}

fn drop_tables(database: &Database, names: impl Iterator<Item = String>) -> Result<()> {
    let names: Vec<String> = names.map(|name| quote(&name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("DROP TABLE IF EXISTS {}", names.join(", "));
    database.retried(|| {
        let mut session = database.session()?;
        session.exec("suppression de tables", "SET SESSION foreign_key_checks = 0", ())?;
        session.exec("suppression de tables", &sql, ()).map(|_| ())
    })
}

/// Live table and the one kept aside, for each table that a restoration has replaced.
fn kept(options: &RestoreOptions, database: &Database) -> Result<Vec<(String, String)>> {
    let mut session = database.session()?;
    let tables = database.tables(&mut session)?;
    let wanted = |table: &String| options.only.is_empty() || options.only.contains(table);
    let mut kept: Vec<(String, String)> = tables
        .iter()
        .filter(|table| !ddl::is_beside(table) && wanted(table))
        .map(|table| (table.clone(), ddl::old_name(table)))
        .filter(|(_, old)| tables.contains(old))
        .collect();
    kept.sort();
    // Tables whose live one is gone since.
    for old in tables.iter().filter(|table| ddl::is_old(table) && options.action == RestoreAction::DropOld) {
        if options.only.is_empty() && !kept.iter().any(|(_, name)| name == old) {
            kept.push((old.clone(), old.clone()));
        }
    }
    Ok(kept)
}

/// What `--undo` and `--drop-old` do to each table that is kept.
fn aside(options: &RestoreOptions, database: &Database, kept: &[(String, String)]) -> Result<Vec<RestoredTable>> {
    let mut session = database.session()?;
    let mut lines = Vec::with_capacity(kept.len());
    for (table, old) in kept {
        let old_rows = Some(rows(&mut session, old)?);
        let rows_before = if table == old { None } else { Some(rows(&mut session, table)?) };
        let (rows, rows_lost) = match options.action {
            RestoreAction::Undo => (old_rows, rows_before),
            _ => (rows_before, old_rows),
        };
        let (table, kept_as) = (table.clone(), Some(old.clone()));
        lines.push(RestoredTable { table, rows, volume: None, rows_before, rows_lost, kept_as });
    }
    Ok(lines)
}

fn rows(session: &mut Session, table: &str) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {}", quote(table));
    Ok(session.first(&format!("comptage de {table}"), &sql, ())?.unwrap_or_default())
}

/// Which of the live tables are no longer as they were restored: what was written to them is lost.
fn changed(database: &Database, kept: &[(String, String)], progress: &Progress) -> Result<Vec<Finding>> {
    let mut session = database.session()?;
    snapshot::be_patient(&mut session, database.flavour());
    let mut findings = Vec::new();
    for (table, _) in kept {
        let Some(digest) = restores::digest(&mut session, table)? else { continue };
        let columns = snapshot::columns(&mut session, table)?;
        if snapshot::read(&mut session, table, &columns, progress, |_| Ok(()))?.digest.hex() != digest {
            let what = "la table a été écrite depuis la restauration : ce qui l'a été est perdu";
            let finding = Finding::attention(Code::RowsWrittenSince, table, what);
            findings.push(finding.action("faites d'abord `backup-critical --all`, ou rejouez ensuite les imports"));
        }
    }
    Ok(findings)
}

fn undo(options: &RestoreOptions, database: &Database, progress: &Progress, report: &mut RestoreReport) -> Result<()> {
    let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let kept = kept(options, database)?;
    report.tables = aside(options, database, &kept)?;
    report.findings = changed(database, &kept, progress)?;
    let (undone, restored) = undone_again(&mut database.session()?, &kept)?;
    report.findings.extend(undone.finding(report.done, "la restauration"));
    let Some(lock) = lock else { return Ok(()) };
    // Before the rows are gone, as for a restoration. What that one made count as undone is back with its rows.
    database.transaction(|session| {
        undone.write(session, lock.run())?;
        restored.iter().try_for_each(|(table, run)| {
            history::redo(session, table, run)?;
            migrations::redo(session, table, run)
        })
    })?;
    drop_tables(database, kept.iter().map(|(table, _)| ddl::new_name(table)))?;
    let back = |(table, old): &(String, String)| {
        [format!("{} TO {}", quote(table), quote(&ddl::new_name(table))), format!("{} TO {}", quote(old), quote(table))]
    };
    let moves: Vec<String> = kept.iter().flat_map(back).collect();
    rename(database, &lock, &moves, || kept.first().map(|(_, old)| old.clone()))?;
    let lines: Vec<_> = report.tables.iter().map(|line| remembered(&lock, database, "undo", line)).collect();
    remember(database, &lines);
    drop_tables(database, kept.iter().map(|(table, _)| ddl::new_name(table)))
}

fn drop_old(options: &RestoreOptions, database: &Database, report: &mut RestoreReport) -> Result<()> {
    let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let kept = kept(options, database)?;
    report.tables = aside(options, database, &kept)?;
    let Some(lock) = lock else { return Ok(()) };
    drop_tables(database, kept.into_iter().map(|(_, old)| old))?;
    let lines: Vec<_> = report.tables.iter().map(|line| remembered(&lock, database, "drop-old", line)).collect();
    remember(database, &lines);
    Ok(())
}

impl BackupLine {
    fn new(found: &Found) -> Self {
        let manifest = found.manifest.as_ref().ok();
        let complete = found.is_complete();
        let problem = match &found.manifest {
            Err(error) => Some(error.to_string()),
            Ok(_) if !complete => Some("un fichier manque ou n'a pas sa taille".into()),
            Ok(_) => None,
        };
        Self {
            name: found.name.clone(),
            complete,
            kind: manifest.map(|m| m.kind),
            database: manifest.map(|m| m.database.clone()),
            server_version: manifest.map(|m| m.server_version.clone()),
            snapshot_at: manifest.map(|m| m.snapshot_at.clone()),
            tables: manifest.map_or(0, |m| m.tables.len()),
            rows: manifest.map_or(0, |m| m.rows),
            bytes: manifest.map_or(0, Manifest::bytes),
            problem,
        }
    }
}

impl RestoredTable {
    fn of(entry: &TableEntry) -> Self {
        let TableEntry { table, rows, volume, .. } = entry;
        let (table, rows, volume) = (table.clone(), Some(*rows), *volume);
        Self { table, rows, volume, rows_before: None, rows_lost: None, kept_as: None }
    }
}

impl Report for RestoreReport {
    fn render(&self, page: &mut Page) {
        match self.action {
            RestoreAction::List => self.render_list(page),
            RestoreAction::Verify => self.render_verified(page),
            RestoreAction::Restore => self.render_restored(page),
            RestoreAction::Undo | RestoreAction::DropOld => self.render_aside(page),
        }
        for finding in &self.findings {
            page.finding(finding);
        }
    }

    fn verdict(&self) -> Verdict {
        let damaged = self.backups.iter().any(|backup| !backup.complete);
        report::verdict(&self.findings).max(if damaged { Verdict::Attention } else { Verdict::Ok })
    }

    fn done(&self) -> Done {
        self.done
    }
}

impl RestoreReport {
    fn render_list(&self, page: &mut Page) {
        if self.backups.is_empty() {
            page.line("Aucune sauvegarde.");
            return;
        }
        let mut table =
            Table::new(&["sauvegarde", "?base", "??serveur", "?instantané", ">?tables", ">lignes", ">taille", "état"]);
        for backup in &self.backups {
            table.row([
                backup.name.clone(),
                backup.database.clone().unwrap_or_default(),
                backup.server_version.clone().unwrap_or_default(),
                backup.snapshot_at.as_deref().map(|at| local_time(&at.replace('T', " "))).unwrap_or_default(),
                number(backup.tables as u64),
                number(backup.rows),
                bytes(backup.bytes),
                if backup.complete { "✓ complète" } else { "✗ incomplète" }.into(),
            ]);
        }
        page.table(&table);
        page.gap();
        for backup in &self.backups {
            if let Some(problem) = &backup.problem {
                page.verdict(Verdict::Error, format!("{} : {problem}", backup.name));
            }
        }
    }

    fn render_verified(&self, page: &mut Page) {
        self.render_tables(page, &["table", ">lignes", ">volume"], |line| {
            vec![line.table.clone(), count(line.rows), line.volume.map(number).unwrap_or_default()]
        });
        if self.findings.is_empty() {
            let name = self.name();
            page.conclude(Verdict::Ok, format!("{name} : tailles, sommes et lignes conformes au manifeste"));
        }
    }

    fn render_restored(&self, page: &mut Page) {
        let before = self.done.say(">lignes avant", ">lignes en place");
        let titles = ["table", ">lignes sauvées", ">?volume", before, ">écart", "?ancienne table sous"];
        self.render_tables(page, &titles, |line| {
            let gap = line.rows.zip(line.rows_before).map(|(new, old)| number(i128::from(new) - i128::from(old)));
            vec![
                line.table.clone(),
                count(line.rows),
                line.volume.map(number).unwrap_or_default(),
                count(line.rows_before),
                gap.unwrap_or_default(),
                line.kept_as.clone().unwrap_or_default(),
            ]
        });
        let name = self.name();
        let tables = self.done.count(self.tables.len() as u64, ["table", "tables"], ["restaurée", "restaurées"]);
        let kept = self.tables.iter().any(|line| line.kept_as.is_some());
        if self.done.really() {
            page.conclude(Verdict::Ok, format!("{name} : {tables}, valeurs comparées une à une"));
            if kept {
                page.action(
                    "anciennes tables gardées : `restore-critical --drop-old` les supprime, `--undo` les remet",
                );
            }
            return;
        }
        page.conclude(Verdict::Ok, format!("{name} est intacte : {tables}"));
        if kept {
            page.line(
                "  Ce qui a été écrit depuis la sauvegarde ne serait plus en service ; il serait gardé jusqu'à --drop-old.",
            );
        }
        page.confirm(None);
    }

    fn render_aside(&self, page: &mut Page) {
        if self.tables.is_empty() {
            page.conclude(Verdict::Ok, "aucune table gardée d'une restauration");
            return;
        }
        let lost = self.done.say(">lignes perdues", ">lignes qui seraient perdues");
        let before = self.done.say(">lignes avant", ">lignes en place");
        self.render_tables(page, &["table", "gardée sous", before, ">lignes après", lost], |line| {
            let kept = line.kept_as.clone().unwrap_or_default();
            vec![line.table.clone(), kept, count(line.rows_before), count(line.rows), count(line.rows_lost)]
        });
        let (noun, participle) = match self.action {
            RestoreAction::Undo => (["table d'avant", "tables d'avant"], ["remise en place", "remises en place"]),
            _ => (["ancienne table", "anciennes tables"], ["supprimée", "supprimées"]),
        };
        let lost: u64 = self.tables.iter().filter_map(|line| line.rows_lost).sum();
        let tables = self.done.count(self.tables.len() as u64, noun, participle);
        let lost = self.done.count(lost, ["ligne", "lignes"], ["perdue", "perdues"]);
        page.conclude(Verdict::Ok, format!("{tables}, {lost}"));
        if !self.done.really() {
            page.confirm(None);
        }
    }

    fn render_tables(&self, page: &mut Page, titles: &[&str], cells: impl Fn(&RestoredTable) -> Vec<String>) {
        let mut table = Table::new(titles);
        for line in &self.tables {
            table.row(cells(line));
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
    }

    fn name(&self) -> &str {
        self.backup.as_ref().map(|backup| backup.name.as_str()).unwrap_or_default()
    }
}

fn count(rows: Option<u64>) -> String {
    rows.map(number).unwrap_or_default()
}
