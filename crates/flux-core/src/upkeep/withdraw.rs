//! `withdraw-provisional`: the provisional rows of the main tables taken out, each table in a transaction of its own, and kept, so that
//! it can be undone. Definitive rows are never touched.

use std::collections::HashMap;

use chrono::{NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DATASETS, Dataset, Space};
use crate::error::{Error, Result};
use crate::ledger::history::{self, Counts, Entry};
use crate::ledger::migrations::{self, Migration};
use crate::ledger::rows::{self, Ledgered};
use crate::migrate::{self, Of};
use crate::report::{Code, Done, Finding, OneOf, Page, Report, Table, Verdict, number, plural, verdict};
use crate::schema::{self, Existing};
use crate::signals;
use crate::task::{Context, Task};

/// Which rows to withdraw.
#[derive(Debug, Clone, Default)]
pub struct WithdrawOptions {
    /// Families; all when empty.
    pub only: Vec<&'static str>,
    /// First date, all from the beginning if `None`.
    pub from: Option<NaiveDate>,
    /// Last date, all to the end if `None`.
    pub to: Option<NaiveDate>,
    /// Production tables or those for tests.
    pub space: Space,
    /// Undoes the withdrawal of this run, named whole or by its first characters, instead of withdrawing.
    pub undo: Option<String>,
    /// Only says what would be withdrawn.
    pub dry_run: bool,
}

/// What a table holds of the dates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    provisional: u64,
    volume: i64,
    definitive: u64,
    dates: Option<(String, String)>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct WithdrawnTable {
    table: String,
    /// Provisional rows of the dates, before.
    provisional: u64,
    /// Sum of their volumes.
    volume: i64,
    first_date: Option<String>,
    last_date: Option<String>,
    /// Definitive rows of the dates, which stay.
    definitive_kept: u64,
    withdrawn: u64,
    /// Rows of these dates that the temporary table still holds: the next migration brings them back.
    in_temp: u64,
    /// Loads of the temporary table that count as undone, so that their files can be loaded again.
    forgotten: u64,
    /// Whether the rows are kept and can be put back.
    undoable: bool,
}

/// The plan, and what was done of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WithdrawReport {
    /// `None` where nothing was done.
    run: Option<String>,
    #[serde(rename = "dry_run")]
    done: Done,
    from: Option<String>,
    to: Option<String>,
    tables: Vec<WithdrawnTable>,
    /// Provisional rows in all.
    provisional: u64,
    withdrawn: u64,
    findings: Vec<Finding>,
}

/// The dates of the options as a condition, with its values.
#[derive(Debug)]
struct Dates(String, String);

impl Task for WithdrawOptions {
    /// Withdraws provisional rows, or undoes a withdrawal where [`WithdrawOptions::undo`] names one.
    ///
    /// # Errors
    /// [`Error::Usage`] for dates in the wrong order, or where no run, or more than one, is named so; [`Error::Locked`], [`Error::Sql`],
    /// [`Error::Interrupted`]: tables done until then stay done, the others are untouched.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        match &self.undo {
            Some(run) => migrate::undo(database, run, self.dry_run, Of::Withdrawals).map(OneOf::That),
            None => withdraw(database, &self).map(OneOf::This),
        }
    }
}

/// Withdraws provisional rows from the main tables.
///
/// # Errors
/// [`Error::Usage`] for dates in the wrong order; [`Error::Locked`], [`Error::Sql`], [`Error::Interrupted`]: tables done until then
/// stay done, the others are untouched.
fn withdraw(database: &Database, options: &WithdrawOptions) -> Result<WithdrawReport> {
    if let (Some(from), Some(to)) = (options.from, options.to)
        && from > to
    {
        return Err(Error::Usage(format!("--from {from} vient après --to {to}")));
    }
    let text = |date: Option<NaiveDate>, open: &str| date.map_or_else(|| open.to_owned(), |date| date.to_string());
    let dates = Dates(text(options.from, "1000-01-01"), text(options.to, "9999-12-31"));
    let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let existing = schema::existing(&mut database.session()?)?;
    let needed = [history::TABLE, migrations::TABLE, migrations::CELLS, rows::TABLE];
    if let Some(missing) = needed.into_iter().find(|table| !options.dry_run && !existing.contains_key(*table)) {
        return Err(Error::MissingTable { table: missing.into() });
    }
    let run = lock.as_ref().map_or_else(history::unique_id, |lock| lock.run().to_owned());
    let mut report = WithdrawReport {
        run: (!options.dry_run).then(|| run.clone()),
        done: Done::unless(options.dry_run),
        from: options.from.map(|date| date.to_string()),
        to: options.to.map(|date| date.to_string()),
        tables: Vec::new(),
        provisional: 0,
        withdrawn: 0,
        findings: Vec::new(),
    };
    let wanted = |dataset: &&Dataset| options.only.is_empty() || options.only.contains(&dataset.family);
    for dataset in DATASETS.iter().filter(wanted) {
        signals::check()?;
        let table = dataset.main_table(options.space);
        // Older tables without the mark hold nothing that is told to be provisional.
        if !has_mark(&existing, &table) {
            continue;
        }
        let mut withdrawn = match &lock {
            Some(_) => take_out(database, dataset, options.space, &dates, &run)?,
            None => WithdrawnTable::planned(&table, dataset, &found(&mut database.session()?, &table, &dates)?),
        };
        let temp = dataset.temp_table(options.space);
        if withdrawn.provisional > 0 && dataset.weekly_file.is_some() && existing.contains_key(&temp) {
            withdrawn.in_temp = database.retried(|| in_temp(&mut database.session()?, &temp, &dates))?;
        }
        report.add(withdrawn, &temp);
    }
    Ok(report)
}

fn has_mark(existing: &HashMap<String, Existing>, table: &str) -> bool {
    existing.get(table).is_some_and(|table| table.has("is_provisional"))
}

fn found(session: &mut Session, table: &str, dates: &Dates) -> Result<Found> {
    let sql = format!(
        "SELECT COUNT(CASE WHEN is_provisional <> 0 THEN 1 END), \
         CAST(COALESCE(SUM(CASE WHEN is_provisional <> 0 THEN volume END), 0) AS SIGNED), \
         COUNT(CASE WHEN is_provisional <> 0 THEN NULL ELSE 1 END), \
         CAST(MIN(CASE WHEN is_provisional <> 0 THEN date END) AS CHAR), \
         CAST(MAX(CASE WHEN is_provisional <> 0 THEN date END) AS CHAR) \
         FROM {table} WHERE date BETWEEN ? AND ?"
    );
    type Fields = (u64, i64, u64, Option<String>, Option<String>);
    let row: Option<Fields> = session.first(&format!("comptage de {table}"), &sql, (&dates.0, &dates.1))?;
    let (provisional, volume, definitive, first, last) = row.unwrap_or_default();
    Ok(Found { provisional, volume, definitive, dates: first.zip(last) })
}

fn in_temp(session: &mut Session, temp: &str, dates: &Dates) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {temp} WHERE date BETWEEN ? AND ?");
    Ok(session.first(&format!("comptage de {temp}"), &sql, (&dates.0, &dates.1))?.unwrap_or_default())
}

/// Counts and deletes in one transaction, with the line of history.
fn take_out(database: &Database, dataset: &Dataset, space: Space, dates: &Dates, run: &str) -> Result<WithdrawnTable> {
    let (table, temp) = (dataset.main_table(space), dataset.temp_table(space));
    let (attempt, started_at) = (history::unique_id(), Utc::now());
    database.transaction(|session| {
        let found = found(session, &table, dates)?;
        let mut withdrawn = WithdrawnTable::planned(&table, dataset, &found);
        if found.provisional == 0 {
            return Ok(withdrawn);
        }
        database.announce(&table, found.provisional);
        withdrawn.withdrawn = delete(session, dataset, (&table, &temp), &found, (&attempt, run))?;
        if let (Some((first, last)), true) = (&found.dates, dataset.weekly_file.is_some()) {
            withdrawn.forgotten = history::undo_cleaned(session, &temp, (first, last), run)?;
        }
        let entry = Entry {
            attempt: &attempt,
            run,
            tool: migrations::WITHDRAWAL,
            table: &table,
            file_name: "",
            file_path: "",
            file_size: 0,
            file_hash: "",
            options: &format!("from={} to={}", dates.0, dates.1),
            dims_hash: "",
            status: "withdrawn",
            message: None,
            encoding: "",
            dates: found.dates.clone(),
            counts: Counts { deleted: withdrawn.withdrawn, ..Counts::default() },
            reject_file: None,
            started_at,
        };
        history::insert(session, &entry)?;
        Ok(withdrawn)
    })
}

/// Deletes what was found, and keeps it where its key fits into the history.
fn delete(
    session: &mut Session,
    dataset: &Dataset,
    (table, temp): (&str, &str),
    found: &Found,
    (attempt, run): (&str, &str),
) -> Result<u64> {
    let (key, columns) = (dataset.key(), dataset.columns());
    if Ledgered::fits(&key) {
        let migration = Migration {
            attempt,
            run,
            tool: migrations::WITHDRAWAL,
            temp,
            main: table,
            dates: found.dates.clone(),
            removed: found.provisional,
            ..Migration::default()
        };
        let id = migrations::insert_withdrawal(session, &migration)?;
        let ledgered = Ledgered { id, temp, main: table, key: &key, columns: &columns, whole: "TRUE", dated: false };
        ledgered.withdraw(session, found.provisional)?;
        return Ok(found.provisional);
    }
    let (first, last) = found.dates.clone().unwrap_or_default();
    let sql = format!("DELETE FROM {table} WHERE is_provisional <> 0 AND date BETWEEN ? AND ?");
    let done = session.exec(&format!("retrait dans {table}"), &sql, (first, last))?;
    if done == found.provisional {
        return Ok(done);
    }
    Err(Error::Invariant(format!("{table} : {done} lignes retirées au lieu de {}", found.provisional)))
}

impl WithdrawnTable {
    fn planned(table: &str, dataset: &Dataset, found: &Found) -> Self {
        let (first_date, last_date) = found.dates.clone().unzip();
        Self {
            table: table.to_owned(),
            provisional: found.provisional,
            volume: found.volume,
            first_date,
            last_date,
            definitive_kept: found.definitive,
            withdrawn: 0,
            in_temp: 0,
            forgotten: 0,
            undoable: Ledgered::fits(&dataset.key()),
        }
    }
}

impl WithdrawReport {
    fn add(&mut self, table: WithdrawnTable, temp: &str) {
        self.provisional += table.provisional;
        self.withdrawn += table.withdrawn;
        if table.in_temp > 0 {
            let rows = plural(table.in_temp, "ligne de ces dates y attend", "lignes de ces dates y attendent");
            let finding = Finding::attention(
                Code::ProvisionalPending,
                temp,
                format!("{rows} encore : la prochaine migration les remettrait dans {}", table.table),
            );
            self.findings.push(finding.action(format!("videz-la d'abord : `cleanup-temp --only {}`", table.table)));
        }
        self.tables.push(table);
    }
}

impl Report for WithdrawReport {
    fn render(&self, page: &mut Page) {
        let titles = ["table", ">provisoires", ">?volume", "du", "au", ">définitives gardées", ">retirées"];
        let mut table = Table::new(&titles);
        for row in self.tables.iter().filter(|row| row.provisional > 0) {
            table.row([
                row.table.clone(),
                number(row.provisional),
                number(row.volume),
                row.first_date.clone().unwrap_or_default(),
                row.last_date.clone().unwrap_or_default(),
                number(row.definitive_kept),
                number(self.done.say(row.withdrawn, row.provisional)),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.provisional == 0 {
            page.conclude(self.verdict(), "aucune ligne provisoire pour ces dates");
        } else {
            let rows =
                self.done.count(self.provisional, ["ligne provisoire", "lignes provisoires"], ["retirée", "retirées"]);
            page.conclude(self.verdict(), format!("{rows} ; les lignes définitives ne sont pas touchées"));
            if !self.done.really() {
                page.confirm(Some("sauvegardez avec `backup-critical`"));
            }
        }
        if let (Some(run), true) = (&self.run, self.withdrawn > 0) {
            page.action(&format!("`withdraw-provisional --undo {}` montre ce qu'une annulation ferait", &run[..8]));
        }
        for row in self.tables.iter().filter(|row| row.provisional > 0 && !row.undoable) {
            page.line(format!(
                "  {} : sa clé est trop longue pour l'historique, le retrait ne s'annule pas",
                row.table
            ));
        }
        let forgotten: u64 = self.tables.iter().map(|row| row.forgotten).sum();
        if forgotten > 0 {
            let loads = plural(forgotten, "chargement oublié", "chargements oubliés");
            page.line(format!("  {loads} : `update-temp-tables` rechargera ces fichiers s'ils sont encore là"));
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
