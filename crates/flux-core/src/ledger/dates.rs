//! `flux_import_dates`: what a load brought for each date of its file, and what it could not read of it, written with its rows.
//!
//! It is the ground on which a migration decides whether a row that is not there was withdrawn by the supplier.

use std::collections::BTreeMap;

use mysql::Value;

use crate::db::{MANY_DATES, Session, marks};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::schema::{TableSpec, column, key, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_import_dates";

/// What a load brought for one date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DateCounts {
    /// Rows stored, and the sum of their volumes.
    pub(crate) stored: u64,
    pub(crate) volume: u64,
    /// Lines that are no rows, those of the file whose date cannot be read included.
    pub(crate) rejected: u64,
    /// Lines kept back: of a date that would lose too much, or that contradict each other where none of them is taken.
    pub(crate) held: u64,
}

/// The table as it should be.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("history", "BIGINT NOT NULL"),
            column("table_name", "VARCHAR(64) NOT NULL"),
            column("date", "DATE NOT NULL"),
            column("rows_stored", "BIGINT NOT NULL"),
            column("volume", "BIGINT NOT NULL"),
            column("rejected", "BIGINT NOT NULL"),
            column("held", "BIGINT NOT NULL"),
            column("cleaned_at", "DATETIME(3) NULL"),
        ],
        indexes: vec![primary(vec!["history", "date"]), key("k_table_date", vec!["table_name", "date"])],
    }
}

/// Whether `table` still holds, of each date that the load `history` stored and no cleanup took, its rows and their volume. What a
/// load of before this table brought is in step as long as the table holds anything.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn is_in_step(session: &mut Session, history: u64, table: &str) -> Result<bool> {
    let doing = format!("lecture de {table}");
    let sql = "SELECT CAST(date AS CHAR), rows_stored, volume FROM flux_import_dates \
               WHERE history = ? AND rows_stored > 0 AND cleaned_at IS NULL ORDER BY date";
    let brought: Vec<(String, u64, u64)> = known(session.rows(READING, sql, (history,)))?;
    if brought.is_empty() {
        let any_date = "SELECT 1 FROM flux_import_dates WHERE history = ? LIMIT 1";
        let is_known = !known(session.rows::<u8>(READING, any_date, (history,)))?.is_empty();
        let nothing = "SELECT 1 FROM flux_import_history WHERE id = ? AND rows_stored = 0";
        let is_nothing = session.first::<u8>("lecture de l'historique des imports", nothing, (history,))?.is_some();
        let any = session.first::<u8>(&doing, &format!("SELECT 1 FROM {table} LIMIT 1"), ())?.is_some();
        return Ok(is_known || is_nothing || any);
    }
    for chunk in brought.chunks(MANY_DATES) {
        let sql = format!(
            "SELECT CAST(date AS CHAR), COUNT(*), CAST(SUM(volume) AS UNSIGNED) FROM {table} WHERE date IN {} \
             GROUP BY date ORDER BY date",
            marks(1, chunk.len())
        );
        let params: Vec<Value> = chunk.iter().map(|(date, ..)| Value::from(date.as_str())).collect();
        let held: Vec<(String, u64, u64)> = session.rows(&doing, &sql, params)?;
        if held != chunk {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Dates that the load `history` brought, that a cleanup took once they were migrated, and of which `main` has no row any more: other
/// hands, or a tool that clears whole dates, took them away. In order; none where nothing is known of the dates.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn gone_from(session: &mut Session, history: u64, main: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT CAST(d.date AS CHAR) FROM flux_import_dates d WHERE d.history = ? AND d.rows_stored > 0 AND d.cleaned_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM {main} m WHERE m.date = d.date) ORDER BY d.date"
    );
    known(session.rows(READING, &sql, (history,)))
}

/// Dates whose newest load into `table` a restoration made count as undone, so that `main` may not hold what it brought; none of those of
/// which main has just that, or definitive rows. In order.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undone_of(session: &mut Session, table: &str, main: &str) -> Result<Vec<String>> {
    let restored = "= 'undone' AND {}.message LIKE 'annulé par la restauration %'";
    // Nearly never: servers would look each date up in the main table first.
    let any = format!(
        "SELECT 1 FROM flux_import_history h WHERE h.table_name = ? AND h.status {} LIMIT 1",
        restored.replace("{}", "h")
    );
    if known(session.rows::<u8>(READING, &any, (table,)))?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT CAST(d.date AS CHAR) FROM flux_import_dates d JOIN flux_import_history h ON h.id = d.history \
         WHERE d.table_name = ? AND d.rows_stored > 0 AND h.status {} \
         AND NOT EXISTS (SELECT 1 FROM flux_import_dates n JOIN flux_import_history l ON l.id = n.history \
           WHERE n.table_name = d.table_name AND n.date = d.date AND n.rows_stored > 0 AND l.id > h.id \
           AND (l.status = 'loaded' OR (l.status {}))) \
         AND NOT EXISTS (SELECT 1 FROM {main} m WHERE m.date = d.date AND m.is_provisional = 0) \
         AND NOT ((SELECT COUNT(*) FROM {main} m WHERE m.date = d.date) = d.rows_stored \
           AND (SELECT SUM(m.volume) FROM {main} m WHERE m.date = d.date) = d.volume) ORDER BY d.date",
        restored.replace("{}", "h"),
        restored.replace("{}", "l")
    );
    known(session.rows(READING, &sql, (table,)))
}

/// Writes the dates of the load `history` of `table`, in its transaction.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn insert(
    session: &mut Session,
    history: u64,
    table: &str,
    dates: &BTreeMap<Day, DateCounts>,
) -> Result<()> {
    let dates: Vec<(&Day, &DateCounts)> = dates.iter().collect();
    for chunk in dates.chunks(session.fitting(500, 120)) {
        let sql = format!(
            "INSERT INTO flux_import_dates (history, table_name, date, rows_stored, volume, rejected, held) VALUES {}",
            marks(chunk.len(), 7)
        );
        let mut params: Vec<Value> = Vec::with_capacity(chunk.len() * 7);
        for (day, counts) in chunk {
            params.extend([Value::from(history), table.into(), day.to_string().into()]);
            params.extend([counts.stored, counts.volume, counts.rejected, counts.held].map(Value::from));
        }
        session.exec("écriture de flux_import_dates", &sql, params)?;
    }
    Ok(())
}

/// Is done with the dates of which the loads of `table` up to `newest` brought no row: what main holds of them is to stay.
///
/// # Errors
/// [`Error::MissingTable`] on an older schema, [`Error::Sql`].
pub(crate) fn close_unread(session: &mut Session, table: &str, newest: u64) -> Result<()> {
    let sql = "UPDATE flux_import_dates SET cleaned_at = UTC_TIMESTAMP(3) \
               WHERE table_name = ? AND history <= ? AND rows_stored = 0 AND cleaned_at IS NULL";
    session.exec("écriture de flux_import_dates", sql, (table, newest)).map(drop)
}

/// What each load, by its id, brought of a date. Nothing is known on an older schema.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn of_date(session: &mut Session, table: &str, date: &str) -> Result<BTreeMap<u64, DateCounts>> {
    let sql =
        "SELECT history, rows_stored, volume, rejected, held FROM flux_import_dates WHERE table_name = ? AND date = ?";
    let rows: Vec<(u64, u64, u64, u64, u64)> = known(session.rows(READING, sql, (table, date)))?;
    let counts = |(history, stored, volume, rejected, held)| (history, DateCounts { stored, volume, rejected, held });
    Ok(rows.into_iter().map(counts).collect())
}

/// For each load of `table` whose dates are known, by its id: the lines at most whose date could not be read, for they count against each of
/// its dates.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn undated(session: &mut Session, table: &str) -> Result<BTreeMap<u64, u64>> {
    let sql = "SELECT history, MIN(rejected) FROM flux_import_dates WHERE table_name = ? GROUP BY history";
    let rows: Vec<(u64, u64)> = known(session.rows(READING, sql, (table,)))?;
    Ok(rows.into_iter().collect())
}

/// What the history knows of a date of a temporary table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The newest load that speaks of the date.
    pub(crate) history: u64,
    /// The newest load that brought rows of it, 0 for none.
    pub(crate) brought: u64,
    /// How many rows it brought, and their volume; `None` for loads of before this table.
    pub(crate) stored: Option<(u64, i64)>,
    /// Lines of it that the newest load could not read, and those that it kept back.
    pub(crate) rejected: u64,
    pub(crate) held: u64,
    /// Reject file that holds these lines, relative to the home.
    pub(crate) reject_file: Option<String>,
    /// Whether the newest load still counts, and no cleanup was done with the date.
    pub(crate) open: bool,
}

impl Evidence {
    /// Lines that may be what a row that is gone has become.
    pub(crate) fn missing_lines(&self) -> u64 {
        self.rejected + self.held
    }
}

/// A load in the order of the history: its dates, or only the span of a load of before this table.
struct Told {
    history: u64,
    dates: (String, String),
    stored: Option<(u64, i64)>,
    rejected: u64,
    held: u64,
    reject_file: Option<String>,
    open: bool,
}

/// What the loads whose rows are still in `table` say of its dates. A load that was undone for what was cleaned of it still brought the
/// rest. Nothing is known where the history's tables are not there.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn evidence(session: &mut Session, table: &str) -> Result<BTreeMap<String, Evidence>> {
    gathered(session, table, "h.status <> 'failed' AND cleaned_at IS NULL")
}

/// [`evidence`] of all loads, those included whose rows are no longer in the temporary table.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn all(session: &mut Session, table: &str) -> Result<BTreeMap<String, Evidence>> {
    gathered(session, table, "h.status = 'loaded'")
}

fn gathered(session: &mut Session, table: &str, which: &str) -> Result<BTreeMap<String, Evidence>> {
    let mut told = spans(session, table, which)?;
    told.extend(dated(session, table, which)?);
    told.sort_by(|a, b| (a.history, &a.dates).cmp(&(b.history, &b.dates)));
    let mut known: BTreeMap<String, Evidence> = BTreeMap::new();
    for one in told {
        for date in days(&one.dates) {
            let evidence = known.entry(date).or_default();
            (evidence.history, evidence.rejected, evidence.held) = (one.history, one.rejected, one.held);
            evidence.reject_file.clone_from(&one.reject_file);
            evidence.open = one.open;
            if one.stored.is_none_or(|(rows, _)| rows > 0) {
                (evidence.brought, evidence.stored) = (one.history, one.stored);
            }
        }
    }
    Ok(known)
}

/// The days from the first to the last.
fn days((first, last): &(String, String)) -> Vec<String> {
    let parse = |text: &str| text.parse::<chrono::NaiveDate>().ok();
    match (first == last, parse(first).zip(parse(last))) {
        (false, Some((first, last))) => {
            first.iter_days().take_while(|day| *day <= last).map(|day| day.to_string()).collect()
        }
        _ => vec![first.clone()],
    }
}

const READING: &str = "lecture de flux_import_dates";

fn dated(session: &mut Session, table: &str, which: &str) -> Result<Vec<Told>> {
    type Fields = (String, u64, u64, i64, u64, u64, Option<String>, bool);
    let which = which.replace("cleaned_at", "d.cleaned_at");
    let sql = format!(
        "SELECT CAST(d.date AS CHAR), d.history, d.rows_stored, d.volume, d.rejected, d.held, h.reject_file, \
               h.status = 'loaded' AND d.cleaned_at IS NULL \
               FROM flux_import_dates d JOIN flux_import_history h ON h.id = d.history \
               WHERE d.table_name = ? AND {which}"
    );
    let rows: Vec<Fields> = known(session.rows(READING, &sql, (table,)))?;
    let told = |(date, history, rows, volume, rejected, held, reject_file, open): Fields| Told {
        history,
        dates: (date.clone(), date),
        stored: Some((rows, volume)),
        rejected,
        held,
        reject_file,
        open,
    };
    Ok(rows.into_iter().map(told).collect())
}

/// Loads that have no dates: of before this table.
fn spans(session: &mut Session, table: &str, which: &str) -> Result<Vec<Told>> {
    type Fields = (u64, String, String, u64, Option<String>);
    let which = which.replace("cleaned_at", "h.cleaned_at");
    let columns = format!(
        "SELECT h.id, CAST(h.first_date AS CHAR), CAST(h.last_date AS CHAR), h.rejected, h.reject_file \
                   FROM flux_import_history h WHERE h.table_name = ? AND {which} \
                   AND h.rows_stored > 0 AND h.first_date IS NOT NULL AND h.last_date IS NOT NULL"
    );
    let dateless = format!("{columns} AND NOT EXISTS (SELECT 1 FROM flux_import_dates d WHERE d.history = h.id)");
    let rows: Vec<Fields> = match session.rows(READING, &dateless, (table,)) {
        Err(Error::MissingTable { .. }) => known(session.rows(READING, &columns, (table,)))?,
        result => result?,
    };
    let told = |(history, first, last, rejected, reject_file): Fields| Told {
        history,
        dates: (first, last),
        stored: None,
        rejected,
        held: 0,
        reject_file,
        // Of which dates its lines were is not known.
        open: false,
    };
    Ok(rows.into_iter().map(told).collect())
}

/// Nothing, where the table is not there.
fn known<T>(rows: Result<Vec<T>>) -> Result<Vec<T>> {
    match rows {
        Err(Error::MissingTable { .. }) => Ok(Vec::new()),
        rows => rows,
    }
}
