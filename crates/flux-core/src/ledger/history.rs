//! `flux_import_history`: one line per file that was loaded, written in the transaction of its rows; one line per failure, after it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mysql::prelude::FromValue;
use mysql::{Row, Value};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Session, marks};
use crate::error::{Error, Result};
use crate::ledger::to_second;
use crate::schema;

/// Name of the table.
pub(crate) const TABLE: &str = "flux_import_history";

/// What is remembered of one file.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// Unique to this try; tells after a lost connection whether the commit went through.
    pub(crate) attempt: &'a str,
    /// Shared by all files of one run.
    pub(crate) run: &'a str,
    pub(crate) tool: &'a str,
    /// Table that the rows go to.
    pub table: &'a str,
    /// Name of the file.
    pub(crate) file_name: &'a str,
    pub(crate) file_path: &'a str,
    /// Its size in bytes.
    pub(crate) file_size: u64,
    /// Hash of its content, in hexadecimal.
    pub(crate) file_hash: &'a str,
    /// Options that change what is stored (`year=2025 on_conflict=first`).
    pub(crate) options: &'a str,
    /// Hash of the names that the file was resolved against.
    pub(crate) dims_hash: &'a str,
    pub(crate) status: &'a str,
    pub message: Option<&'a str>,
    pub(crate) encoding: &'a str,
    /// First and last date stored.
    pub(crate) dates: Option<(String, String)>,
    pub(crate) counts: Counts,
    /// Path of the reject file.
    pub(crate) reject_file: Option<&'a str>,
    /// When the file was begun.
    pub(crate) started_at: DateTime<Utc>,
}

/// The accounting of one file: `lines_read = stored + duplicates + conflicts + rejected + filtered`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Counts {
    /// Records after the header, blank lines aside.
    pub(crate) lines_read: u64,
    pub(crate) stored: u64,
    /// Rows of the replaced dates that were there before.
    pub(crate) deleted: u64,
    /// Lines that repeat another one.
    pub(crate) duplicates: u64,
    /// Lines dropped because they contradict another one.
    pub(crate) conflicts: u64,
    /// Lines in the reject file.
    pub(crate) rejected: u64,
    /// Lines of another year than `--year`.
    pub(crate) filtered: u64,
}

impl Counts {
    /// Whether every line is accounted for.
    pub(crate) fn balance(&self) -> bool {
        self.lines_read == self.stored + self.duplicates + self.conflicts + self.rejected + self.filtered
    }

    /// Adds another file's counts.
    pub(crate) fn add(&mut self, other: &Counts) {
        self.lines_read += other.lines_read;
        self.stored += other.stored;
        self.deleted += other.deleted;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
    }
}

/// The last try to import into a table, whatever became of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Attempt {
    pub(crate) status: String,
    pub(crate) finished_at: String,
    pub(crate) file_hash: String,
    #[serde(skip)]
    pub(crate) file_size: u64,
    pub(crate) lines_read: u64,
    pub(crate) stored: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
    pub(crate) rejected: u64,
    pub(crate) reject_file: Option<String>,
    pub(crate) message: Option<String>,
    /// When the temporary table was emptied after migration, in UTC.
    pub(crate) cleaned_at: Option<String>,
}

const READING: &str = "lecture de l'historique des imports";

/// The last attempt on `table`, failed or not.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn last_attempt(session: &mut Session, table: &str) -> Result<Option<Attempt>> {
    let sql = "SELECT CONCAT_WS('\\n', status, CAST(finished_at AS CHAR), file_hash), file_size, lines_read, rows_stored, \
               duplicates, conflicts, rejected, reject_file, message, CAST(cleaned_at AS CHAR) \
               FROM flux_import_history WHERE table_name = ? AND status <> 'emptied' ORDER BY id DESC LIMIT 1";
    // A tuple has twelve fields at most: the three texts that are never NULL come as one.
    type Fields = (String, u64, u64, u64, u64, u64, u64, Option<String>, Option<String>, Option<String>);
    let row: Option<Fields> = session.first(READING, sql, (table,))?;
    Ok(row.map(
        |(texts, file_size, lines_read, stored, duplicates, conflicts, rejected, reject_file, message, cleaned_at)| {
            let mut texts = texts.split('\n').map(str::to_owned);
            let mut text = || texts.next().unwrap_or_default();
            Attempt {
                status: text(),
                finished_at: to_second(&text()),
                file_hash: text(),
                file_size,
                lines_read,
                stored,
                duplicates,
                conflicts,
                rejected,
                reject_file,
                message,
                cleaned_at,
            }
        },
    ))
}

/// When the last delivery of these tables came: the first load of the newest content, in UTC, and how many seconds ago that was by the
/// server's clock. A file that is loaded again is no new delivery; a load that a restoration has undone was one.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn last_delivery(session: &mut Session, tables: &[String]) -> Result<Option<(String, i64)>> {
    if tables.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT CAST(MAX(came) AS CHAR), TIMESTAMPDIFF(SECOND, MAX(came), UTC_TIMESTAMP()) FROM \
         (SELECT MIN(finished_at) AS came FROM flux_import_history \
          WHERE status IN ('loaded', 'undone', 'cleaned') AND table_name IN {} GROUP BY file_hash) first_loads",
        marks(1, tables.len())
    );
    let names: Vec<Value> = tables.iter().map(Value::from).collect();
    let row: Option<(Option<String>, Option<i64>)> = session.first(READING, &sql, names)?;
    Ok(row.and_then(|(came, age)| came.zip(age)).map(|(came, age)| (to_second(&came), age)))
}

/// Why `table` could not be loaded, where that has happened since its last load; the reason itself may be unknown.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn failure_since_load(session: &mut Session, table: &str) -> Result<Option<Option<String>>> {
    let sql = "SELECT message FROM flux_import_history h WHERE table_name = ? AND status = 'failed' AND id > \
               (SELECT COALESCE(MAX(id), 0) FROM flux_import_history WHERE table_name = ? AND status = 'loaded') \
               ORDER BY id DESC LIMIT 1";
    session.first(READING, sql, (table, table))
}

/// What became of a file, for those who watch its run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileDone {
    pub(crate) file: String,
    pub(crate) status: String,
    pub(crate) lines_read: u64,
    pub(crate) stored: u64,
    pub(crate) rejected: u64,
    pub(crate) message: Option<String>,
}

/// The files that a run has finished, in order.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn of_run(session: &mut Session, run: &str) -> Result<Vec<FileDone>> {
    type Fields = (String, String, u64, u64, u64, Option<String>);
    let sql = "SELECT file_name, status, lines_read, rows_stored, rejected, message FROM flux_import_history WHERE run = ? ORDER BY id";
    let rows: Vec<Fields> = session.rows(READING, sql, (run,))?;
    let file = |(file, status, lines_read, stored, rejected, message): Fields| FileDone {
        file,
        status,
        lines_read,
        stored,
        rejected,
        message,
    };
    Ok(rows.into_iter().map(file).collect())
}

/// The last load of a file.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) hash: String,
    pub(crate) options: String,
    pub(crate) dims_hash: String,
    pub(crate) stored: u64,
    pub(crate) rejected: u64,
    pub(crate) conflicts: u64,
    pub(crate) encoding: String,
    pub(crate) reject_file: Option<String>,
    pub(crate) first_date: Option<String>,
}

/// All loads of `table` with the paths of their files, oldest first.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn loads(session: &mut Session, table: &str) -> Result<Vec<(String, Load)>> {
    let sql = "SELECT file_path, file_hash, options, dims_hash, rows_stored, rejected, conflicts, encoding, reject_file, \
               CAST(first_date AS CHAR) FROM flux_import_history WHERE table_name = ? AND status = 'loaded' ORDER BY id";
    type Fields = (String, String, String, String, u64, u64, u64, String, Option<String>, Option<String>);
    let rows: Vec<Fields> = session.rows(READING, sql, (table,))?;
    let load =
        |(path, hash, options, dims_hash, stored, rejected, conflicts, encoding, reject_file, first_date): Fields| {
            (path, Load { hash, options, dims_hash, stored, rejected, conflicts, encoding, reject_file, first_date })
        };
    Ok(rows.into_iter().map(load).collect())
}

/// A line of the history, for those who look for where a figure comes from.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) id: u64,
    pub(crate) table: String,
    pub(crate) run: String,
    pub(crate) tool: String,
    /// `loaded`, `failed`, `cleaned` or `undone` for a load that was undone.
    pub(crate) status: String,
    pub(crate) hash: String,
    pub(crate) options: String,
    /// In UTC.
    pub(crate) finished_at: String,
    /// First and last date stored.
    pub(crate) dates: Option<(String, String)>,
    pub(crate) rejected: u64,
    /// Lines of another year than the one that was asked for.
    pub(crate) filtered: u64,
    pub(crate) reject_file: Option<String>,
}

/// Everything that was ever tried with files of these tables, oldest first; nothing without the history.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn of_tables(session: &mut Session, tables: [&str; 2]) -> Result<Vec<Past>> {
    let sql = "SELECT id, table_name, run, tool, status, file_hash, options, CAST(finished_at AS CHAR) AS finished, \
               CAST(first_date AS CHAR) AS first_day, CAST(last_date AS CHAR) AS last_day, rejected, filtered, \
               reject_file FROM flux_import_history WHERE table_name IN (?, ?) AND file_hash <> '' ORDER BY id";
    let rows = match session.rows::<Row>(READING, sql, (tables[0], tables[1])) {
        Err(Error::MissingTable { .. }) => return Ok(Vec::new()),
        rows => rows?,
    };
    let past = |mut row: Row| {
        let dates: [Option<String>; 2] = [take(&mut row, "first_day")?, take(&mut row, "last_day")?];
        let [first, last] = dates;
        let finished: String = take(&mut row, "finished")?;
        Ok(Past {
            id: take(&mut row, "id")?,
            table: take(&mut row, "table_name")?,
            run: take(&mut row, "run")?,
            tool: take(&mut row, "tool")?,
            status: take(&mut row, "status")?,
            hash: take(&mut row, "file_hash")?,
            options: take(&mut row, "options")?,
            finished_at: to_second(&finished),
            dates: first.zip(last),
            rejected: take(&mut row, "rejected")?,
            filtered: take(&mut row, "filtered")?,
            reject_file: take(&mut row, "reject_file")?,
        })
    };
    rows.into_iter().map(past).collect()
}

/// Whether anything is remembered at all.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn is_empty(session: &mut Session) -> Result<bool> {
    Ok(session.first::<u8>(READING, "SELECT 1 FROM flux_import_history LIMIT 1", ())?.is_none())
}

/// Makes the loads of `table` that brought a date from `first` to `last` count as undone, by `run` where that is told; returns how many.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo(session: &mut Session, table: &str, (first, last): (&str, &str), run: Option<&str>) -> Result<u64> {
    let sql = "UPDATE flux_import_history SET status = 'cleaned', cleaned_at = UTC_TIMESTAMP(3), message = ? \
               WHERE table_name = ? AND status = 'loaded' AND first_date <= ? AND last_date >= ?";
    session.exec("écriture de l'historique des imports", sql, (run.map(withdrawn_by), table, last, first))
}

/// What is noted of a load that a withdrawal, or the cleanup of a year, made count as undone.
fn withdrawn_by(run: &str) -> String {
    format!("retiré par l'exécution {run}")
}

/// The same for loads of which dates were migrated and cleaned, by a withdrawal: what is still in the temporary table stays explained.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_cleaned(session: &mut Session, temp: &str, (first, last): (&str, &str), run: &str) -> Result<u64> {
    let sql = "UPDATE flux_import_history SET status = 'cleaned', message = ? WHERE table_name = ? AND status = 'loaded' \
               AND first_date <= ? AND last_date >= ? AND (cleaned_at IS NOT NULL OR id IN (SELECT d.history FROM flux_import_dates d \
               WHERE d.table_name = ? AND d.cleaned_at IS NOT NULL AND d.date BETWEEN ? AND ?))";
    let params = (withdrawn_by(run), temp, last, first, temp, first, last);
    session.exec("écriture de l'historique des imports", sql, params)
}

/// The loads of which dates that a migration wrote were cleaned since: without it their rows are nowhere.
const OF_MIGRATION: &str = "table_name = ? AND status = 'loaded' AND id IN (SELECT d.history FROM flux_migrations m \
    JOIN flux_migration_cells c ON c.migration = m.id JOIN flux_import_dates d ON d.table_name = m.temp_name AND d.date = c.date \
    WHERE m.id = ? AND d.rows_stored > 0 AND d.cleaned_at >= m.finished_at)";

/// How many loads [`undo_migrated`] concerns.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn migrated_since(session: &mut Session, temp: &str, migration: u64) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM flux_import_history WHERE {OF_MIGRATION}");
    Ok(session.first(READING, &sql, (temp, migration))?.unwrap_or(0))
}

/// Makes the loads whose rows an undone migration took with it count as undone, so that their files can be loaded again.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_migrated(session: &mut Session, temp: &str, migration: u64, run: &str) -> Result<u64> {
    let sql = format!("UPDATE flux_import_history SET status = 'undone', message = ? WHERE {OF_MIGRATION}");
    let message = format!("la migration {run} a été annulée");
    session.exec("écriture de l'historique des imports", &sql, (message, temp, migration))
}

/// Takes back [`undo_cleaned`] and the line of the withdrawal of `main`.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn redo_cleaned(session: &mut Session, temp: &str, main: &str, run: &str) -> Result<()> {
    let doing = "écriture de l'historique des imports";
    let sql = "UPDATE flux_import_history SET status = 'loaded', message = NULL \
               WHERE table_name = ? AND status = 'cleaned' AND message = ?";
    session.exec(doing, sql, (temp, withdrawn_by(run)))?;
    let sql =
        "UPDATE flux_import_history SET status = 'undone' WHERE table_name = ? AND run = ? AND status = 'withdrawn'";
    session.exec(doing, sql, (main, run))?;
    Ok(())
}

/// Which loads a restoration of a main table to an earlier time undoes: those into it, and those of which dates were migrated and cleaned
/// up since. Rows that are still in the temporary table are migrated again, and stay explained.
fn since(dated: bool) -> String {
    let partly = if dated {
        " OR id IN (SELECT d.history FROM flux_import_dates d WHERE d.table_name = ? AND d.cleaned_at > ?)"
    } else {
        ""
    };
    format!(
        "status = 'loaded' AND ((table_name = ? AND finished_at > ?) OR (table_name = ? AND (cleaned_at > ?{partly})))"
    )
}

/// The temporary table of a main one.
fn temp_of(main: &str) -> String {
    match main.strip_suffix("_test") {
        Some(main) => format!("{main}_temp_test"),
        None => format!("{main}_temp"),
    }
}

fn since_params(main: &str, since: &str, dated: bool) -> Vec<Value> {
    let temp = temp_of(main);
    let pairs = [main, &temp, &temp].into_iter().take(if dated { 3 } else { 2 });
    pairs.flat_map(|table| [Value::from(table), since.into()]).collect()
}

/// Files that were loaded for `main`, or migrated into it and cleaned up, since a time in UTC. `dated` where the database keeps the dates
/// of its loads.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn loads_since(session: &mut Session, main: &str, time: &str, dated: bool) -> Result<Vec<String>> {
    let sql = format!("SELECT file_name FROM flux_import_history WHERE {}", since(dated));
    session.rows(READING, &sql, since_params(main, time, dated))
}

/// Files of loads into `tables` since a time in UTC.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn loads_newer(session: &mut Session, tables: &[&str], time: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT file_name FROM flux_import_history WHERE status = 'loaded' AND finished_at > ? AND table_name IN {}",
        marks(1, tables.len())
    );
    let params: Vec<Value> = std::iter::once(&time).chain(tables).map(|text| Value::from(*text)).collect();
    session.rows(READING, &sql, params)
}

/// In `copy`, a history of an earlier time that was completed by what came since: loads into `tables` that the one in place knows and the
/// earlier time did not count as undone by `run`.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_newer(session: &mut Session, copy: &str, carried: &[u64], tables: &[&str], run: &str) -> Result<()> {
    let sql = format!("UPDATE {copy} SET status = 'undone', message = ? WHERE status = 'loaded'");
    let doing = "écriture de l'historique des imports";
    super::mark(session, (doing, &sql), &undone_by(run), (carried, tables))
}

/// What is noted of a load that a restoration made count as undone.
fn undone_by(run: &str) -> String {
    format!("annulé par la restauration {run}")
}

/// Makes the loads of [`loads_since`] count as undone by `run`, and what they owned nobody's: they are loaded again.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_since(session: &mut Session, main: &str, time: &str, dated: bool, run: &str) -> Result<()> {
    let doing = "écriture de l'historique des imports";
    let sql = "DELETE FROM flux_etl_progress WHERE table_name = ? AND run IN \
               (SELECT run FROM flux_import_history WHERE table_name = ? AND status = 'loaded' AND finished_at > ?)";
    session.exec(doing, sql, (main, main, time))?;
    let sql = format!("UPDATE flux_import_history SET status = 'undone', message = ? WHERE {}", since(dated));
    let mut params = vec![undone_by(run).into()];
    params.extend(since_params(main, time, dated));
    session.exec(doing, &sql, params)?;
    Ok(())
}

/// Weekly loads of `main` that the restoration `run` made count as undone are done again, once its rows are back.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn redo(session: &mut Session, main: &str, run: &str) -> Result<()> {
    let sql = "UPDATE flux_import_history SET status = 'loaded', message = NULL \
               WHERE table_name = ? AND status = 'undone' AND message = ?";
    session.exec("écriture de l'historique des imports", sql, (temp_of(main), undone_by(run)))?;
    Ok(())
}

/// Whether the last load of `table` is migrated, cleaned, and of the same run as one of `others` of which lines were rejected and which
/// nothing has replaced and cleaned since: what is still there of that delivery is what had to be mended.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn is_done_beside(session: &mut Session, table: &str, others: &[&str]) -> Result<bool> {
    if others.is_empty() {
        return Ok(false);
    }
    let sql = format!(
        "SELECT 1 FROM flux_import_history h JOIN flux_import_history o ON o.run = h.run AND o.status = 'loaded' AND o.rejected > 0 \
         WHERE h.id = (SELECT MAX(l.id) FROM flux_import_history l WHERE l.table_name = ? AND l.status = 'loaded') \
         AND h.cleaned_at IS NOT NULL AND o.table_name IN {} AND NOT EXISTS (SELECT 1 FROM flux_import_history n \
         WHERE n.table_name = o.table_name AND n.status = 'loaded' AND n.id > o.id AND n.cleaned_at IS NOT NULL) LIMIT 1",
        marks(1, others.len())
    );
    let params: Vec<Value> = std::iter::once(&table).chain(others).map(|name| Value::from(*name)).collect();
    Ok(session.first::<u8>(READING, &sql, params)?.is_some())
}

/// The last load of a table, as remembered.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    pub(crate) id: u64,
    pub(crate) file_hash: String,
    /// Options it was loaded with.
    pub(crate) options: String,
    /// Hash of the names it was resolved against.
    pub(crate) dims_hash: String,
    pub(crate) encoding: String,
    /// Without the rows that it replaced.
    pub(crate) counts: Counts,
    pub(crate) reject_file: Option<String>,
    /// Day on which it ended, in UTC.
    pub(crate) day: String,
    /// When the temporary table was emptied after migration, in UTC.
    pub(crate) cleaned_at: Option<String>,
    /// First and last date that it stored.
    pub(crate) dates: Option<(String, String)>,
}

/// The last successful load of `table`.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn last(session: &mut Session, table: &str) -> Result<Option<Last>> {
    let sql = "SELECT id, file_hash, options, dims_hash, encoding, lines_read, rows_stored, duplicates, conflicts, rejected, filtered, \
               reject_file, CAST(DATE(finished_at) AS CHAR) AS day, CAST(cleaned_at AS CHAR) AS cleaned, \
               CAST(first_date AS CHAR) AS first, CAST(last_date AS CHAR) AS last \
               FROM flux_import_history WHERE table_name = ? AND status = 'loaded' ORDER BY id DESC LIMIT 1";
    let Some(mut row) = session.first::<Row>(READING, sql, (table,))? else { return Ok(None) };
    let counts = Counts {
        lines_read: take(&mut row, "lines_read")?,
        stored: take(&mut row, "rows_stored")?,
        deleted: 0,
        duplicates: take(&mut row, "duplicates")?,
        conflicts: take(&mut row, "conflicts")?,
        rejected: take(&mut row, "rejected")?,
        filtered: take(&mut row, "filtered")?,
    };
    let (first, last): (Option<String>, Option<String>) = (take(&mut row, "first")?, take(&mut row, "last")?);
    Ok(Some(Last {
        dates: first.zip(last),
        id: take(&mut row, "id")?,
        file_hash: take(&mut row, "file_hash")?,
        options: take(&mut row, "options")?,
        dims_hash: take(&mut row, "dims_hash")?,
        encoding: take(&mut row, "encoding")?,
        counts,
        reject_file: take(&mut row, "reject_file")?,
        day: take(&mut row, "day")?,
        cleaned_at: take(&mut row, "cleaned")?,
    }))
}

/// A column of a row that has more of them than a tuple can hold.
fn take<T: FromValue>(row: &mut Row, column: &str) -> Result<T> {
    row.take_opt(column)
        .and_then(std::result::Result::ok)
        .ok_or_else(|| Error::Invariant(format!("{READING} : une valeur inattendue dans {column}")))
}

/// Whether a try that lost its connection had been committed after all.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn was_committed(session: &mut Session, attempt: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM flux_import_history WHERE attempt = ?";
    Ok(session.first::<u8>(READING, sql, (attempt,))?.is_some())
}

/// Writes an entry; gives its id.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn insert(session: &mut Session, entry: &Entry<'_>) -> Result<u64> {
    let sql = "INSERT INTO flux_import_history (attempt, run, tool, table_name, file_name, file_path, file_size, file_hash, \
               options, dims_hash, status, message, encoding, first_date, last_date, lines_read, rows_stored, rows_deleted, duplicates, \
               conflicts, rejected, filtered, reject_file, started_at, finished_at) \
               VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,UTC_TIMESTAMP(3))";
    let counts = &entry.counts;
    let (first, last) = entry.dates.clone().unzip();
    let params: Vec<Value> = vec![
        entry.attempt.into(),
        entry.run.into(),
        entry.tool.into(),
        entry.table.into(),
        entry.file_name.into(),
        entry.file_path.into(),
        entry.file_size.into(),
        entry.file_hash.into(),
        entry.options.into(),
        entry.dims_hash.into(),
        entry.status.into(),
        entry.message.into(),
        entry.encoding.into(),
        first.into(),
        last.into(),
        counts.lines_read.into(),
        counts.stored.into(),
        counts.deleted.into(),
        counts.duplicates.into(),
        counts.conflicts.into(),
        counts.rejected.into(),
        counts.filtered.into(),
        entry.reject_file.into(),
        entry.started_at.format("%Y-%m-%d %H:%M:%S%.3f").to_string().into(),
    ];
    session.exec("écriture de l'historique des imports", sql, params)?;
    Ok(session.conn().last_insert_id())
}

/// Hash and options of the loads of `table`, by id.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn contents(session: &mut Session, table: &str) -> Result<HashMap<u64, (String, String)>> {
    let sql = "SELECT id, file_hash, options FROM flux_import_history WHERE table_name = ? AND status = 'loaded'";
    let rows: Vec<(u64, String, String)> = session.rows(READING, sql, (table,))?;
    Ok(rows.into_iter().map(|(id, hash, options)| (id, (hash, options))).collect())
}

/// A content that was loaded, whatever became of its rows since.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) table: String,
    pub(crate) file_name: String,
    pub(crate) size: u64,
    pub(crate) hash: String,
}

/// All of them.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn taken(session: &mut Session) -> Result<Vec<Taken>> {
    let sql =
        "SELECT DISTINCT table_name, file_name, file_size, file_hash FROM flux_import_history WHERE file_hash <> ''";
    let rows: Vec<(String, String, u64, String)> = session.rows(READING, sql, ())?;
    Ok(rows.into_iter().map(|(table, file_name, size, hash)| Taken { table, file_name, size, hash }).collect())
}

/// Size and hash of each file whose load into `table` was taken back.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undone(session: &mut Session, table: &str) -> Result<Vec<(u64, String)>> {
    let sql = "SELECT file_size, file_hash FROM flux_import_history WHERE table_name = ? AND status = 'undone'";
    session.rows(READING, sql, (table,))
}

/// The newest line of `table`, 0 where there is none.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn newest(session: &mut Session, table: &str) -> Result<u64> {
    let sql = "SELECT COALESCE(MAX(id), 0) FROM flux_import_history WHERE table_name = ?";
    Ok(session.first(READING, sql, (table,))?.unwrap_or(0))
}

/// Remembers that rows of `dates` were taken out of `table` after they were migrated: of the loads up to `newest`, which are those
/// that were proved. A load is cleaned once all its dates are.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn mark_cleaned(session: &mut Session, table: &str, dates: &[&str], newest: u64) -> Result<()> {
    let doing = "écriture de l'historique des imports";
    for dates in dates.chunks(1000) {
        let sql = format!(
            "UPDATE flux_import_dates SET cleaned_at = UTC_TIMESTAMP(3) \
             WHERE table_name = ? AND history <= ? AND cleaned_at IS NULL AND date IN {}",
            marks(1, dates.len())
        );
        let mut params: Vec<Value> = vec![table.into(), newest.into()];
        params.extend(dates.iter().map(|date| Value::from(*date)));
        session.exec(doing, &sql, params)?;
    }
    // A load of before the dates were kept is cleaned once the table holds nothing of its span.
    let sql = format!(
        "UPDATE flux_import_history h SET h.cleaned_at = UTC_TIMESTAMP(3) \
         WHERE h.table_name = ? AND h.id <= ? AND h.status = 'loaded' AND h.cleaned_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM flux_import_dates d WHERE d.history = h.id AND d.rows_stored > 0 AND d.cleaned_at IS NULL) \
         AND (EXISTS (SELECT 1 FROM flux_import_dates d WHERE d.history = h.id) \
         OR NOT EXISTS (SELECT 1 FROM {table} t WHERE t.date BETWEEN h.first_date AND h.last_date))"
    );
    session.exec(doing, &sql, (table, newest))?;
    Ok(())
}

/// Writes down that `rows` rows of `table` were thrown away without proof.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn note_emptied(session: &mut Session, (tool, run): (&str, &str), table: &str, rows: u64) -> Result<()> {
    let (attempt, dates) = (unique_id(), schema::span(session, READING, table)?);
    insert(session, &emptying((&attempt, tool, run), table, "emptied", dates, rows)).map(drop)
}

/// Facts of whole dates that were taken out of a main table on demand.
#[derive(Debug)]
pub(crate) struct Cleared<'a> {
    /// Unique to this table of this run: what goes by parts has one line.
    pub(crate) attempt: String,
    pub(crate) tool: &'a str,
    pub(crate) run: &'a str,
    pub(crate) table: String,
    pub(crate) dates: (String, String),
}

/// Writes down that so many more rows are gone, in their transaction.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn note_cleared(session: &mut Session, cleared: &Cleared<'_>, rows: u64) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let sql = "UPDATE flux_import_history SET rows_deleted = rows_deleted + ?, finished_at = UTC_TIMESTAMP(3) WHERE attempt = ?";
    if session.exec("écriture de l'historique des imports", sql, (rows, &cleared.attempt))? > 0 {
        return Ok(());
    }
    let dates = Some(cleared.dates.clone());
    insert(session, &emptying((&cleared.attempt, cleared.tool, cleared.run), &cleared.table, "cleared", dates, rows))
        .map(drop)
}

/// A line of rows that went without being replaced.
fn emptying<'a>(
    (attempt, tool, run): (&'a str, &'a str, &'a str),
    table: &'a str,
    status: &'a str,
    dates: Option<(String, String)>,
    rows: u64,
) -> Entry<'a> {
    Entry {
        attempt,
        run,
        tool,
        table,
        file_name: "",
        file_path: "",
        file_size: 0,
        file_hash: "",
        options: "",
        dims_hash: "",
        status,
        message: None,
        encoding: "",
        dates,
        counts: Counts { deleted: rows, ..Counts::default() },
        reject_file: None,
        started_at: Utc::now(),
    }
}

/// 32 hexadecimal digits that no other run has: time, process, a counter, and the address of a fresh allocation's hasher keys.
pub(crate) fn unique_id() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let part = || RandomState::new().build_hasher().finish();
    let now = Utc::now().timestamp_nanos_opt().unwrap_or_default();
    let seed = format!("{now} {} {} {}", std::process::id(), part(), part());
    blake3::hash(seed.as_bytes()).to_hex()[..32].to_owned()
}
