//! `cleanup-year`: the facts of one year, deleted by bounded batches, or at once where the year is a partition of its own. Running it
//! again goes on where it was stopped.

use std::collections::HashMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session, quote};
use crate::domain::catalogue::{DATASETS, Dataset, Space};
use crate::error::{Error, HostLimit, Result, codes};
use crate::ledger::history::{self, Cleared};
use crate::report::{Done, Page, Report, Table, Verdict, number, plural};
use crate::schema::{self, partitions};
use crate::signals;

use crate::ledger::ownership::{self, PROGRESS};
use crate::task::{Context, Task};

/// Which facts to delete.
#[derive(Debug, Clone)]
pub struct CleanupOptions {
    /// The year whose dates are deleted.
    pub year: i32,
    /// Families; all when empty.
    pub only: Vec<&'static str>,
    /// Rows of one transaction.
    pub batch_size: usize,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Only say what would be deleted.
    pub dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CleanedTable {
    pub table: String,
    /// Rows of the year.
    pub(crate) rows: u64,
    pub(crate) definitive: u64,
    /// Sum of their volumes.
    pub(crate) volume: i64,
    pub(crate) deleted: u64,
    /// The partition that holds this year alone, which is emptied at once; `None` where rows are deleted by batches.
    partition: Option<String>,
    /// Whether the database has it.
    pub(crate) exists: bool,
}

/// The plan, and what was done of it.
#[derive(Debug, Serialize, JsonSchema)]
struct CleanupReport {
    pub(crate) year: i32,
    #[serde(rename = "dry_run")]
    done: Done,
    pub(crate) tables: Vec<CleanedTable>,
    /// Rows of the year in all.
    pub(crate) rows: u64,
    pub(crate) deleted: u64,
    /// Loads of the ETL that count as undone, so that the next run loads their files again.
    pub(crate) forgotten: u64,
}

impl Task for CleanupOptions {
    /// Deletes the facts of one year from the main tables.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Sql`], [`Error::Interrupted`]; what was deleted until then is gone, the rest untouched.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let (first, last) = span(self.year)?;
        let lock = if self.dry_run { None } else { Some(crate::ledger::lock(database)?) };
        let mut session = database.session()?;
        let existing = schema::existing(&mut session)?;
        // What empties a partition is no transaction: in a group of servers it would pass by the one that holds the lease.
        let divisions = if database.is_clustered() { HashMap::new() } else { partitions::divisions(&mut session)? };
        let wanted = |dataset: &&Dataset| self.only.is_empty() || self.only.contains(&dataset.family);
        let mut tables = Vec::new();
        for dataset in DATASETS.iter().filter(wanted) {
            let table = dataset.main_table(self.space);
            tables.push(if existing.contains_key(&table) {
                let partition = divisions.get(&table).and_then(|division| division.of_year(self.year));
                CleanedTable { partition: partition.map(str::to_owned), ..plan(&mut session, table, &first, &last)? }
            } else {
                CleanedTable { exists: false, ..CleanedTable::new(table) }
            });
        }
        let rows = tables.iter().map(|table| table.rows).sum();
        let done = Done::unless(self.dry_run);
        let mut report = CleanupReport { year: self.year, done, tables, rows, deleted: 0, forgotten: 0 };
        let Some(lock) = &lock else { return Ok(report) };
        drop(session);
        let bar = context.progress.count(&format!("année {}", self.year), rows);
        for (dataset, cleaned) in
            DATASETS.iter().filter(wanted).zip(&mut report.tables).filter(|(_, table)| table.exists)
        {
            // First of all: a run that is stopped on the way must not leave files that pass for loaded.
            let names: Vec<&str> =
                [history::TABLE, PROGRESS].into_iter().filter(|name| existing.contains_key(*name)).collect();
            report.forgotten += forget(database, &names, &cleaned.table, (&first, &last), lock.run())?;
            let table = cleaned.table.clone();
            let stored = || database.with_session(|session| schema::dates(session, &table, Some((&first, &last))));
            let mut dates = stored()?;
            let span = dates.first().cloned().zip(dates.last().cloned());
            let cleared = span.filter(|_| names.contains(&history::TABLE)).map(|dates| Cleared {
                attempt: history::unique_id(),
                tool: database.tool(),
                run: lock.run(),
                table: cleaned.table.clone(),
                dates,
            });
            if let Some(partition) = &cleaned.partition {
                let emptied = empty(database, &cleaned.table, partition)?;
                if emptied.is_none() {
                    cleaned.partition = None;
                }
                let deleted = emptied.unwrap_or(0);
                if let Some(cleared) = &cleared {
                    database.transaction(|session| history::note_cleared(session, cleared, deleted))?;
                }
                cleaned.deleted += deleted;
                report.deleted += deleted;
                bar.inc(deleted);
                dates = stored()?;
            }
            let most = self.batch_size.max(1) as u64;
            // Anew as long as there are any: what somebody has written meanwhile goes too.
            while !dates.is_empty() {
                let mut open = dates.as_slice();
                while !open.is_empty() {
                    signals::check()?;
                    let (deleted, done) = database.transaction(|session| {
                        let (deleted, done) = delete_batch(session, dataset, &cleaned.table, open, most)?;
                        if let Some(cleared) = &cleared {
                            history::note_cleared(session, cleared, deleted)?;
                        }
                        Ok((deleted, done))
                    })?;
                    open = &open[done..];
                    cleaned.deleted += deleted;
                    report.deleted += deleted;
                    bar.inc(deleted);
                }
                dates = stored()?;
            }
        }
        bar.finish_and_clear();
        Ok(report)
    }
}

/// Empties a partition at once; gives how many rows went, `None` where that cannot be done and they are to be deleted.
fn empty(database: &Database, table: &str, partition: &str) -> Result<Option<u64>> {
    let (doing, partition) = (format!("vidage de {table}"), quote(partition));
    let sql = format!("SELECT COUNT(*) FROM {table} PARTITION ({partition})");
    let rows: u64 = database.with_session(|session| session.first(&doing, &sql, ()))?.unwrap_or(0);
    if rows == 0 {
        return Ok(Some(0));
    }
    let sql = format!("ALTER TABLE {table} TRUNCATE PARTITION {partition}");
    let done = database.transaction(|session| {
        // No other run can take the lease while this transaction has changed its row.
        database.pass(session)?;
        database.session()?.exec(&doing, &sql, ())
    });
    match done {
        Ok(_) => Ok(Some(rows)),
        Err(error) if is_no_way(&error) => {
            log::info!("{table} : ligne à ligne, car {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether rows can be deleted all the same: somebody reads the table all the time, the account may not drop (a partition that is emptied
/// is made anew) or has no connection left.
fn is_no_way(error: &Error) -> bool {
    matches!(error, Error::TableBusy { .. })
        || error.has_code(codes::ACCESS_DENIED)
        || error.host_limit() == Some(HostLimit::Connections)
}

/// Deletes the first rows of these dates, in the order of the key and at most so many; gives how many, and how many dates are done with.
/// Date by date: an index has the rows of one date in order, while those of a year would be sorted anew for each batch where the table is
/// partitioned.
fn delete_batch(
    session: &mut Session,
    dataset: &Dataset,
    table: &str,
    dates: &[String],
    most: u64,
) -> Result<(u64, usize)> {
    let order: Vec<&str> = dataset.key().into_iter().filter(|column| *column != "date").collect();
    let order = order.join(", ");
    let mut deleted = 0;
    for (done, date) in dates.iter().enumerate() {
        let sql = format!("DELETE FROM {table} WHERE date = ? ORDER BY {order} LIMIT {}", most - deleted);
        deleted += session.exec(&format!("suppression dans {table}"), &sql, (date,))?;
        if deleted == most {
            return Ok((deleted, done));
        }
    }
    Ok((deleted, dates.len()))
}

fn span(year: i32) -> Result<(String, String)> {
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day).map(|date| date.to_string());
    day(1, 1).zip(day(12, 31)).ok_or_else(|| Error::Usage(format!("l'année {year} n'existe pas")))
}

fn plan(session: &mut Session, table: String, first: &str, last: &str) -> Result<CleanedTable> {
    let sql = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(is_provisional = 0), 0) AS SIGNED), CAST(COALESCE(SUM(volume), 0) AS SIGNED) \
         FROM {table} WHERE date BETWEEN ? AND ?"
    );
    let found: Option<(u64, u64, i64)> = session.first(&format!("comptage de {table}"), &sql, (first, last))?;
    let (rows, definitive, volume) = found.unwrap_or_default();
    Ok(CleanedTable { rows, definitive, volume, ..CleanedTable::new(table) })
}

impl CleanedTable {
    fn new(table: String) -> Self {
        Self { table, rows: 0, definitive: 0, volume: 0, deleted: 0, partition: None, exists: true }
    }
}

/// Makes the loads of the year count as undone.
fn forget(database: &Database, own: &[&str], table: &str, (first, last): (&str, &str), run: &str) -> Result<u64> {
    database.transaction(|session| {
        let mut forgotten = 0;
        if own.contains(&history::TABLE) {
            forgotten = history::undo(session, table, (first, last), Some(run))?;
        }
        if own.contains(&PROGRESS) {
            ownership::forget(session, table, first, last)?;
        }
        Ok(forgotten)
    })
}

impl Report for CleanupReport {
    fn render(&self, page: &mut Page) {
        let deleted = self.done.say(">supprimées", ">à supprimer");
        let mut table = Table::new(&["table", ">lignes", ">définitives", ">provisoires", ">volume", deleted]);
        for cleaned in self.tables.iter().filter(|cleaned| cleaned.rows > 0 || cleaned.deleted > 0) {
            table.row([
                cleaned.table.clone(),
                number(cleaned.rows),
                number(cleaned.definitive),
                number(cleaned.rows - cleaned.definitive),
                number(cleaned.volume),
                number(self.done.say(cleaned.deleted, cleaned.rows)),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        let whole = self.tables.iter().filter(|cleaned| cleaned.rows > 0 && cleaned.partition.is_some()).count() as u64;
        if whole > 0 {
            page.line(self.done.count(whole, ["partition", "partitions"], ["vidée d'un coup", "vidées d'un coup"]));
        }
        let missing = self.tables.iter().filter(|cleaned| !cleaned.exists).count() as u64;
        if missing > 0 {
            page.line(plural(missing, "table absente de la base", "tables absentes de la base"));
        }
        if self.rows == 0 && self.deleted == 0 {
            page.conclude(Verdict::Ok, format!("rien à supprimer pour {}", self.year));
        } else if !self.done.really() {
            let rows = self.done.count(self.rows, ["ligne", "lignes"], ["supprimée", "supprimées"]);
            page.conclude(Verdict::Ok, format!("année {} : {rows}", self.year));
            page.confirm(Some("sauvegardez avec `backup-critical`"));
        } else {
            let rows = self.done.count(self.deleted, ["ligne", "lignes"], ["supprimée", "supprimées"]);
            page.conclude(Verdict::Ok, format!("année {} : {rows}", self.year));
            if self.forgotten > 0 {
                page.line(format!(
                    "  {} : `populate-facts-full-production` rechargera ces fichiers s'ils sont encore là",
                    plural(self.forgotten, "chargement oublié", "chargements oubliés")
                ));
            }
        }
    }

    fn done(&self) -> Done {
        self.done
    }
}
