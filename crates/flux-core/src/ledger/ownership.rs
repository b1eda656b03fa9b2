//! `flux_etl_progress`: which delivery each date of each zone of a table comes from, written with the rows.
//!
//! It is what lets a later delivery (`B2`) stand whatever the order in which files are loaded, and a file that was loaded by parts
//! go on where it was stopped.

use std::collections::HashMap;

use mysql::Value;

use crate::db::Session;
use crate::db::marks;
use crate::domain::values::Day;
use crate::error::Result;

/// Name of the table.
pub(crate) const PROGRESS: &str = "flux_etl_progress";

/// Where the rows of one date and zone come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Rank of the delivery.
    pub(crate) delivery: u32,
    /// The run that loaded it.
    pub(crate) run: String,
    /// Hash of the file and the options.
    pub(crate) content: String,
}

/// The owners of what `table` holds of a zone between two dates. Who has brought rows that are no longer there owns nothing.
pub(crate) fn owners(session: &mut Session, table: &str, zone: u32, span: (Day, Day)) -> Result<HashMap<Day, Owner>> {
    let sql = format!(
        "SELECT CAST(p.date AS CHAR), p.delivery, p.run, p.content FROM {PROGRESS} p \
         WHERE p.table_name = ? AND p.id_zone = ? AND p.date BETWEEN ? AND ? AND (COALESCE(p.rows_stored, 0) = 0 \
         OR EXISTS (SELECT 1 FROM {table} m WHERE m.date = p.date AND m.id_zone = p.id_zone))"
    );
    let params = (table, zone, span.0.to_string(), span.1.to_string());
    let rows: Vec<(String, u32, String, String)> = session.rows("lecture de flux_etl_progress", &sql, params)?;
    let owner = |(date, delivery, run, content): (String, u32, String, String)| {
        Some((Day::from_date(date.parse().ok()?)?, Owner { delivery, run, content }))
    };
    Ok(rows.into_iter().filter_map(owner).collect())
}

/// Forgets who owns the dates from `first` to `last` of a table.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn forget(session: &mut Session, table: &str, first: &str, last: &str) -> Result<()> {
    let sql = "DELETE FROM flux_etl_progress WHERE table_name = ? AND date BETWEEN ? AND ?";
    session.exec("écriture de flux_etl_progress", sql, (table, first, last))?;
    Ok(())
}

/// Gives what is known of a zone to another one, which keeps what it has.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn move_zone(session: &mut Session, from: u32, into: u32) -> Result<()> {
    let doing = "écriture de flux_etl_progress";
    let sql = "DELETE a FROM flux_etl_progress a JOIN flux_etl_progress b ON b.table_name = a.table_name AND b.date = a.date \
               WHERE a.id_zone = ? AND b.id_zone = ?";
    session.exec(doing, sql, (from, into))?;
    session.exec(doing, "UPDATE flux_etl_progress SET id_zone = ? WHERE id_zone = ?", (into, from))?;
    Ok(())
}

/// Whether `table` holds rows of every date and zone that `content` owns and has rows of: it does not where other hands, or a backup
/// that was restored, took them away. One look into the index for each.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn is_in_step(session: &mut Session, table: &str, content: &str) -> Result<bool> {
    let sql = format!(
        "SELECT 1 FROM {PROGRESS} p WHERE p.table_name = ? AND p.content = ? AND p.rows_stored > 0 \
         AND NOT EXISTS (SELECT 1 FROM {table} m WHERE m.date = p.date AND m.id_zone = p.id_zone) LIMIT 1"
    );
    Ok(session.first::<u8>("lecture de flux_etl_progress", &sql, (table, content))?.is_none())
}

/// Makes `owner` the owner of dates of a zone, each with its rows.
pub(crate) fn take(session: &mut Session, table: &str, zone: u32, days: &[(Day, u64)], owner: &Owner) -> Result<()> {
    // A row holds two hashes, a run, the name of a table and their marks.
    for chunk in days.chunks(session.fitting(500, 220)) {
        let sql = format!(
            "INSERT INTO {PROGRESS} (table_name, id_zone, date, rows_stored, delivery, run, content) VALUES {} \
             ON DUPLICATE KEY UPDATE rows_stored = VALUES(rows_stored), delivery = ?, run = ?, content = ?",
            marks(chunk.len(), 7)
        );
        let owner_values = || [owner.delivery.into(), owner.run.as_str().into(), owner.content.as_str().into()];
        let mut params: Vec<Value> = Vec::with_capacity(chunk.len() * 7 + 3);
        for (day, rows) in chunk {
            params.extend([Value::from(table), zone.into(), day.to_string().into(), (*rows).into()]);
            params.extend::<[Value; 3]>(owner_values());
        }
        params.extend::<[Value; 3]>(owner_values());
        session.exec("écriture de flux_etl_progress", &sql, params)?;
    }
    Ok(())
}
