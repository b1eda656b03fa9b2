//! The cleanup: a temporary table is emptied only when every row of it is proved to be in the main table.

use std::collections::HashMap;

use serde::Serialize;

use crate::db::Database;
use crate::domain::catalogue::Space;
use crate::error::{Error, Result, codes};
use crate::ledger::{Lock, history};
use crate::report::{Code, Done, Page, Report, Table, Verdict, number, plural};
use crate::schema::{self, Existing};

use crate::migrate::{Comparison, Fingerprint, Pair, pairs};

/// Options of a cleanup.
#[derive(Debug, Clone, Default)]
pub struct CleanupOptions {
    /// Tables to empty; all when empty.
    pub only: Vec<String>,
    /// Empties without proof: rows that main lacks are lost.
    pub force: bool,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Proves which tables could be emptied, writes nothing.
    pub dry_run: bool,
}

/// What became of a temporary table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Emptied (on a dry run: would be).
    Cleaned,
    Empty,
    /// Left, for lack of proof.
    Kept,
    /// Could not be looked at or emptied.
    Failed,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct CleanedTable {
    temp: String,
    main: String,
    temp_rows: u64,
    /// Rows that main has, or has a definitive one for.
    proved: u64,
    missing: u64,
    different: u64,
    status: Status,
    /// Which kind of failure, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CleanupReport {
    #[serde(rename = "dry_run")]
    done: Done,
    force: bool,
    tables: Vec<CleanedTable>,
}

/// Empties the temporary tables that are proved to be migrated.
///
/// # Errors
/// Those that concern the run as a whole.
pub fn cleanup(database: &Database, options: &CleanupOptions) -> Result<impl Report + use<>> {
    let pairs = pairs(options.space, &options.only)?;
    let mut lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let existing = schema::existing(&mut database.session()?)?;
    let mut tables = Vec::new();
    for pair in &pairs {
        crate::signals::check()?;
        match clean(database, pair, options, &existing, &mut lock) {
            Ok(table) => tables.push(table),
            Err(error @ (Error::Interrupted | Error::Locked { .. })) => return Err(error),
            Err(error) => {
                log::error!("{} : {error}", pair.temp);
                tables.push(CleanedTable {
                    code: Some(Code::of(&error)),
                    error: Some(error.to_string()),
                    hint: error.hint(),
                    ..CleanedTable::new(pair, &Comparison::default(), Status::Failed)
                });
            }
        }
    }
    Ok(CleanupReport { done: Done::unless(options.dry_run), force: options.force, tables })
}

impl CleanedTable {
    fn new(pair: &Pair, comparison: &Comparison, status: Status) -> Self {
        Self {
            temp: pair.temp.clone(),
            main: pair.main.clone(),
            temp_rows: comparison.temp_rows,
            proved: comparison.same + comparison.definitive,
            missing: comparison.missing,
            different: comparison.different,
            status,
            code: None,
            error: None,
            hint: None,
        }
    }
}

fn clean(
    database: &Database,
    pair: &Pair,
    options: &CleanupOptions,
    existing: &HashMap<String, Existing>,
    lock: &mut Option<Lock>,
) -> Result<CleanedTable> {
    pair.require(options.space, existing)?;
    let print = database.retried(|| pair.fingerprint(&mut database.session()?))?;
    let comparison = database.retried(|| pair.compare(&mut database.session()?))?;
    if comparison.temp_rows == 0 {
        return Ok(CleanedTable::new(pair, &comparison, Status::Empty));
    }
    if !comparison.is_migrated() && !options.force {
        return Ok(CleanedTable::new(pair, &comparison, Status::Kept));
    }
    if !options.dry_run {
        if let Some(lock) = lock {
            lock.ensure(database)?;
        }
        let proved = (!options.force).then_some(&print);
        database.retried(|| empty(database, pair, proved))?;
        // Rows thrown away without proof are nowhere: their file must not count as done.
        if comparison.is_migrated() {
            database.retried(|| history::mark_cleaned(&mut database.session()?, &pair.temp))?;
        }
    }
    Ok(CleanedTable::new(pair, &comparison, Status::Cleaned))
}

/// Seconds to wait for those who are using the table.
const PATIENCE: u32 = 60;

/// Empties a table that nobody else can write to meanwhile, provided that it still holds what was proved.
fn empty(database: &Database, pair: &Pair, proved: Option<&Fingerprint>) -> Result<()> {
    let doing = format!("vidage de {}", pair.temp);
    // The table is free again when this session ends.
    let mut session = database.session()?;
    session.exec(&doing, &format!("SET SESSION lock_wait_timeout = {PATIENCE}"), ())?;
    match session.exec(&doing, &format!("LOCK TABLES {} WRITE", pair.temp), ()) {
        Err(error) if !error.has_code(codes::ACCESS_DENIED) => return Err(error),
        // Without that right the table is looked at just before.
        Err(error) => log::info!("{} sans verrou de table : {error}", pair.temp),
        Ok(_) => {}
    }
    if let Some(proved) = proved
        && pair.fingerprint(&mut session)? != *proved
    {
        let what = format!("{} a changé pendant le contrôle et n'est pas vidée, relancez", pair.temp);
        return Err(Error::Invariant(what));
    }
    match session.exec(&doing, &format!("TRUNCATE TABLE {}", pair.temp), ()) {
        Err(error) if error.has_code(codes::ACCESS_DENIED) => {
            session.exec(&doing, &format!("DELETE FROM {}", pair.temp), ())
        }
        result => result,
    }
    .map(drop)
}

impl Report for CleanupReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["table temporaire", "état", ">lignes", ">prouvées", ">absentes", ">différentes"]);
        for row in &self.tables {
            let (verdict, state) = match row.status {
                Status::Cleaned => (Verdict::Ok, self.done.say("vidée", "à vider")),
                Status::Empty => (Verdict::Ok, "déjà vide"),
                Status::Kept => (Verdict::Attention, self.done.say("gardée", "à garder")),
                Status::Failed => (Verdict::Error, "échec"),
            };
            table.row([
                row.temp.clone(),
                format!("{} {state}", verdict.sign()),
                number(row.temp_rows),
                number(row.proved),
                number(row.missing),
                number(row.different),
            ]);
        }
        page.table(&table);
        page.gap();
        for row in &self.tables {
            match row.status {
                Status::Kept => {
                    let lines = plural(row.missing + row.different, "ligne n'est", "lignes ne sont");
                    let kept = self.done.verb(1, ["gardée", "gardées"]);
                    page.verdict(Verdict::Attention, format!("{} {kept} : {lines} pas dans {}", row.temp, row.main));
                }
                Status::Failed => {
                    page.verdict(
                        Verdict::Error,
                        format!("{} : {}", row.temp, row.error.as_deref().unwrap_or_default()),
                    );
                    if let Some(hint) = &row.hint {
                        page.action(hint);
                    }
                }
                Status::Cleaned | Status::Empty => {}
            }
        }
        if self.tables.iter().any(|row| row.status == Status::Kept) {
            page.action("lancez `migrate-temp-to-main`, puis de nouveau `cleanup-temp` (--force vide sans preuve)");
        }
        let cleaned: Vec<&CleanedTable> = self.tables.iter().filter(|row| row.status == Status::Cleaned).collect();
        let lines = cleaned.iter().map(|row| row.temp_rows).sum();
        page.verdict(
            self.verdict(),
            format!(
                "{}, {}",
                self.done.count(cleaned.len() as u64, ["table", "tables"], ["vidée", "vidées"]),
                plural(lines, "ligne", "lignes")
            ),
        );
    }

    fn verdict(&self) -> Verdict {
        let verdict = |row: &CleanedTable| match row.status {
            Status::Cleaned | Status::Empty => Verdict::Ok,
            Status::Kept => Verdict::Attention,
            Status::Failed => Verdict::Error,
        };
        self.tables.iter().map(verdict).max().unwrap_or(Verdict::Ok)
    }

    fn done(&self) -> Done {
        self.done
    }
}
