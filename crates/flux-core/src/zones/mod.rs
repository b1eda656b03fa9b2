//! The zones of observation as the database has them: checked, completed, merged, mapped to the portal's names.

mod add;
mod check;
mod mapping;
mod merge;

/// Rows by date and zone, as a table `(date, id_zone, n)`: both columns lead the keys of every fact table, so the server counts in
/// the order of an index, and what is asked of the few days and zones costs nothing more.
pub(crate) fn days_and_zones(table: &str) -> String {
    format!("(SELECT date, id_zone, COUNT(*) AS n FROM {table} GROUP BY date, id_zone) days_and_zones")
}

pub use add::MissingZones;
pub use check::CheckOptions;
pub use mapping::{MappingReport, map};
pub use merge::{MergeOptions, Rule};
