//! The migration: planned by comparison, applied in one transaction per table, every count checked against the plan.

use std::collections::HashMap;

use serde::Serialize;

use crate::catalogue::Space;
use crate::db::{Database, Lock, Session};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::report::{Page, Report, Table, Verdict, number, plural};
use crate::schema::{self, Existing};

use super::{Comparison, Pair, pairs};

/// Options of a migration.
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// Tables to migrate; all when empty.
    pub only: Vec<String>,
    /// Replaces definitive rows too.
    pub overwrite_definitive: bool,
    /// Leaves provisional rows whose key is gone.
    pub keep_withdrawn: bool,
    /// Which tables.
    pub space: Space,
    /// Plans, writes nothing.
    pub dry_run: bool,
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Main took what the temporary table holds.
    Migrated,
    /// Main had it all.
    Unchanged,
    /// The temporary table is empty.
    Empty,
    /// Nothing was changed.
    Failed,
}

/// One table pair.
#[derive(Debug, Clone, Serialize)]
pub struct MigratedTable {
    /// Temporary table.
    pub temp: String,
    /// Main table.
    pub main: String,
    /// Rows of the temporary table = inserted + updated + unchanged + kept definitive.
    pub temp_rows: u64,
    /// New keys.
    pub inserted: u64,
    /// Keys that took the new volume.
    pub updated: u64,
    /// Keys that were the same.
    pub unchanged: u64,
    /// Provisional rows removed because their key is gone.
    pub removed: u64,
    /// Provisional rows whose key is gone, left because of `--keep-withdrawn`.
    pub kept_withdrawn: u64,
    /// Temporary rows that a definitive one stands in for.
    pub kept_definitive: u64,
    /// What became of it.
    pub status: Status,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl MigratedTable {
    fn planned(pair: &Pair, comparison: &Comparison, options: &MigrateOptions) -> Self {
        let overwritten = if options.overwrite_definitive { comparison.definitive } else { 0 };
        let withdrawn = comparison.surplus;
        let mut table = Self {
            temp: pair.temp.clone(),
            main: pair.main.clone(),
            temp_rows: comparison.temp_rows,
            inserted: comparison.missing,
            updated: comparison.different + overwritten,
            unchanged: comparison.same,
            removed: if options.keep_withdrawn { 0 } else { withdrawn },
            kept_withdrawn: if options.keep_withdrawn { withdrawn } else { 0 },
            kept_definitive: comparison.definitive - overwritten,
            status: Status::Migrated,
            error: None,
            hint: None,
        };
        if table.temp_rows == 0 {
            table.status = Status::Empty;
        } else if !table.writes() {
            table.status = Status::Unchanged;
        }
        table
    }

    fn failed(pair: &Pair, error: &Error) -> Self {
        log::error!("{} : {error}", pair.main);
        Self {
            status: Status::Failed,
            error: Some(error.to_string()),
            hint: error.hint(),
            ..Self::planned(pair, &Comparison::default(), &MigrateOptions::default())
        }
    }

    fn writes(&self) -> bool {
        self.inserted + self.updated + self.removed > 0
    }
}

/// Report of a migration.
#[derive(Debug, Serialize)]
pub struct MigrateReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The pairs, in the order of the delivery.
    pub tables: Vec<MigratedTable>,
}

/// Migrates the temporary tables, each in its own transaction; one that fails does not stop the others.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, unknown name.
pub fn migrate(database: &Database, options: &MigrateOptions, progress: &Progress) -> Result<MigrateReport> {
    let pairs = pairs(options.space, &options.only)?;
    let mut lock = if options.dry_run { None } else { Some(database.lock()?) };
    let tables = schema::existing(&mut database.session()?)?;
    let mut migrated = Vec::with_capacity(pairs.len());
    for pair in &pairs {
        crate::signals::check()?;
        let bar = progress.step(&pair.main);
        let result = migrate_pair(database, pair, options, &tables, &mut lock);
        bar.finish_and_clear();
        match result {
            Ok(table) => migrated.push(table),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error @ Error::Locked { .. }) => return Err(error),
            Err(error) => migrated.push(MigratedTable::failed(pair, &error)),
        }
    }
    Ok(MigrateReport { dry_run: options.dry_run, tables: migrated })
}

fn migrate_pair(
    database: &Database,
    pair: &Pair,
    options: &MigrateOptions,
    tables: &HashMap<String, Existing>,
    lock: &mut Option<Lock>,
) -> Result<MigratedTable> {
    pair.require(options.space, tables)?;
    if options.dry_run {
        let comparison = pair.compare(&mut database.session()?)?;
        return Ok(MigratedTable::planned(pair, &comparison, options));
    }
    database.transaction(|session| {
        let plan = MigratedTable::planned(pair, &pair.compare(session)?, options);
        apply(session, pair, &plan, options.overwrite_definitive)?;
        if let Some(lock) = lock {
            lock.ensure(database)?;
        }
        Ok(plan)
    })
}

/// Carries a plan out; each statement must change exactly the rows that were planned.
fn apply(session: &mut Session, pair: &Pair, plan: &MigratedTable, overwrite: bool) -> Result<()> {
    let (temp, main, on_key) = (&pair.temp, &pair.main, pair.on_key());
    let mut run = |what: &str, planned: u64, sql: String| -> Result<()> {
        if planned == 0 {
            return Ok(());
        }
        let done = session.exec(&format!("{what} dans {main}"), &sql, ())?;
        if done == planned {
            return Ok(());
        }
        Err(Error::Invariant(format!("{main} : {what} de {done} lignes au lieu de {planned}")))
    };
    run(
        "retrait",
        plan.removed,
        format!(
            "DELETE m FROM {main} m JOIN (SELECT DISTINCT date FROM {temp}) d ON d.date = m.date \
             LEFT JOIN {temp} t ON {on_key} WHERE t.date IS NULL AND m.is_provisional <> 0"
        ),
    )?;
    let definitive = if overwrite { "m.is_provisional = 0 OR" } else { "m.is_provisional <> 0 AND" };
    run(
        "mise à jour",
        plan.updated,
        format!(
            "UPDATE {main} m JOIN {temp} t ON {on_key} SET m.volume = t.volume, m.is_provisional = 1 \
             WHERE {definitive} m.volume <> t.volume"
        ),
    )?;
    let columns = pair.dataset.columns();
    let selected: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
    let new_only = if plan.inserted == plan.temp_rows {
        String::new()
    } else {
        format!(" LEFT JOIN {main} m ON {on_key} WHERE m.date IS NULL")
    };
    run(
        "ajout",
        plan.inserted,
        format!(
            "INSERT INTO {main} ({}, is_provisional) SELECT {}, 1 FROM {temp} t{new_only}",
            columns.join(", "),
            selected.join(", ")
        ),
    )
}

impl Report for MigrateReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "table",
            "état",
            ">temporaires",
            ">ajoutées",
            ">revues",
            ">identiques",
            ">retirées",
            ">définitives gardées",
        ]);
        for row in &self.tables {
            let (sign, state) = match row.status {
                Status::Migrated if self.dry_run => (Verdict::Ok, "à migrer"),
                Status::Migrated => (Verdict::Ok, "migrée"),
                Status::Unchanged => (Verdict::Ok, "à jour"),
                Status::Empty => (Verdict::Ok, "vide"),
                Status::Failed => (Verdict::Error, "échec"),
            };
            table.row([
                row.main.clone(),
                format!("{} {state}", sign.sign()),
                number(row.temp_rows),
                number(row.inserted),
                number(row.updated),
                number(row.unchanged),
                number(row.removed),
                number(row.kept_definitive),
            ]);
        }
        page.table(&table);
        page.gap();
        for row in &self.tables {
            if let Some(error) = &row.error {
                page.verdict(Verdict::Error, format!("{} : {error}", row.main));
                if let Some(hint) = &row.hint {
                    page.action(hint);
                }
            }
            if row.kept_withdrawn > 0 {
                let lines = plural(
                    row.kept_withdrawn,
                    "ligne retirée par Orange est gardée",
                    "lignes retirées par Orange sont gardées",
                );
                page.line(format!("  {} : {lines} (--keep-withdrawn)", row.main));
            }
        }
        let sum = |count: fn(&MigratedTable) -> u64| self.tables.iter().map(count).sum::<u64>();
        let would = if self.dry_run { " (essai à blanc : rien n'a été écrit)" } else { "" };
        page.verdict(
            self.verdict(),
            format!(
                "{}, {}, {}{would}",
                plural(sum(|t| t.inserted), "ligne ajoutée", "lignes ajoutées"),
                plural(sum(|t| t.updated), "revue", "revues"),
                plural(sum(|t| t.removed), "retirée", "retirées")
            ),
        );
        if self.verdict() == Verdict::Ok && sum(|t| t.temp_rows) > 0 && !self.dry_run {
            page.action("contrôlez avec `verify-migration`, puis videz les tables temporaires avec `cleanup-temp`");
        }
    }

    fn verdict(&self) -> Verdict {
        let failed = self.tables.iter().any(|table| table.status == Status::Failed);
        if failed { Verdict::Error } else { Verdict::Ok }
    }
}
