//! `flux_import_dates`: what a load brought for each date of its file, and what it could not read of it, written with its rows.
//!
//! It is the ground on which a migration decides whether a row that is not there was withdrawn by the supplier.

use std::collections::BTreeMap;

use mysql::Value;

use crate::db::{Session, marks};
use crate::domain::values::Day;
use crate::error::Result;
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
