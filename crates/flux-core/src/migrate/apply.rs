//! The migration: planned by comparison, applied in one transaction per table, every count checked against the plan.

use std::collections::HashMap;

use serde::Serialize;

use crate::db::Database;
use crate::domain::catalogue::Space;
use crate::error::{Error, Result};
use crate::ledger::Lock;
use crate::progress::Progress;
use crate::report::{Code, Done, Page, Report, Table, Verdict};
use crate::schema::{self, Existing};

use crate::migrate::{Dates, Moves, Pair, pairs};

/// Options of a migration.
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// Tables to migrate; all when empty.
    pub only: Vec<String>,
    /// Replaces definitive rows too.
    pub overwrite_definitive: bool,
    /// Leaves provisional rows whose key is gone.
    pub keep_withdrawn: bool,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Counts what would be done, writes nothing.
    pub dry_run: bool,
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Main took what the temporary table holds.
    Migrated,
    /// Main had it all.
    Unchanged,
    /// The temporary table is empty.
    Empty,
    Failed,
}

/// What became of one pair, and of how many rows.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MigratedTable {
    pub(crate) temp: String,
    pub main: String,
    #[serde(flatten)]
    pub(crate) moves: Moves,
    /// What became of it.
    pub(crate) status: Status,
    /// Which kind of failure, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl MigratedTable {
    fn planned(pair: &Pair, moves: Moves) -> Self {
        let status = if moves.temp_rows == 0 {
            Status::Empty
        } else if moves.writes() {
            Status::Migrated
        } else {
            Status::Unchanged
        };
        Self { temp: pair.temp.clone(), main: pair.main.clone(), moves, status, code: None, error: None, hint: None }
    }

    fn failed(pair: &Pair, error: &Error) -> Self {
        log::error!("{} : {error}", pair.main);
        Self {
            status: Status::Failed,
            code: Some(Code::of(error)),
            error: Some(error.to_string()),
            hint: error.hint(),
            ..Self::planned(pair, Moves::default())
        }
    }
}

/// Report of a migration.
#[derive(Debug, Serialize)]
pub struct MigrateReport {
    #[serde(rename = "dry_run")]
    pub(crate) done: Done,
    /// The pairs, in the order of the delivery.
    pub(crate) tables: Vec<MigratedTable>,
}

/// Migrates the temporary tables, each in its own transaction; one that fails does not stop the others.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, unknown name.
pub fn migrate(database: &Database, options: &MigrateOptions, progress: &Progress) -> Result<MigrateReport> {
    let pairs = pairs(options.space, &options.only)?;
    let mut lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
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
    Ok(MigrateReport { done: Done::unless(options.dry_run), tables: migrated })
}

fn migrate_pair(
    database: &Database,
    pair: &Pair,
    options: &MigrateOptions,
    tables: &HashMap<String, Existing>,
    lock: &mut Option<Lock>,
) -> Result<MigratedTable> {
    pair.require(options.space, tables)?;
    let moves = migrate_dates(database, pair, &Dates::All, options, lock)?;
    Ok(MigratedTable::planned(pair, moves))
}

/// Migrates some dates of a pair in one transaction, or plans it on a dry run.
pub(super) fn migrate_dates(
    database: &Database,
    pair: &Pair,
    dates: &Dates<'_>,
    options: &MigrateOptions,
    lock: &mut Option<Lock>,
) -> Result<Moves> {
    if options.dry_run {
        return Ok(Moves::planned(&pair.compare_dates(&mut database.session()?, dates)?, options));
    }
    database.transaction(|session| {
        let moves = Moves::planned(&pair.compare_dates(session, dates)?, options);
        moves.apply(session, pair, dates, options.overwrite_definitive)?;
        if let Some(lock) = lock {
            lock.ensure(database)?;
        }
        Ok(moves)
    })
}

impl Report for MigrateReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[&["table", "état"][..], &Moves::titles(self.done)].concat());
        for row in &self.tables {
            let (sign, state) = match row.status {
                Status::Migrated => (Verdict::Ok, self.done.say("migrée", "à migrer")),
                Status::Unchanged => (Verdict::Ok, "à jour"),
                Status::Empty => (Verdict::Ok, "vide"),
                Status::Failed => (Verdict::Error, "échec"),
            };
            let subject = [row.main.clone(), format!("{} {state}", sign.sign())];
            table.row(subject.into_iter().chain(row.moves.cells()));
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
            if row.moves.kept_withdrawn > 0 {
                let noun = ["ligne retirée par Orange", "lignes retirées par Orange"];
                let lines = self.done.count(row.moves.kept_withdrawn, noun, ["gardée", "gardées"]);
                page.line(format!("  {} : {lines} (--keep-withdrawn)", row.main));
            }
        }
        let sum = |count: fn(&MigratedTable) -> u64| self.tables.iter().map(count).sum::<u64>();
        page.verdict(
            self.verdict(),
            format!(
                "{}, {}, {}",
                self.done.count(sum(|t| t.moves.inserted), ["ligne", "lignes"], ["ajoutée", "ajoutées"]),
                self.done.more(sum(|t| t.moves.updated), ["revue", "revues"]),
                self.done.more(sum(|t| t.moves.removed), ["retirée", "retirées"])
            ),
        );
        if self.verdict() == Verdict::Ok && sum(|t| t.moves.temp_rows) > 0 && self.done.really() {
            page.action("contrôlez avec `verify-migration`, puis videz les tables temporaires avec `cleanup-temp`");
        }
    }

    fn verdict(&self) -> Verdict {
        let failed = self.tables.iter().any(|table| table.status == Status::Failed);
        if failed { Verdict::Error } else { Verdict::Ok }
    }

    fn done(&self) -> Done {
        self.done
    }
}
