//! In which state the data are: whoever changes a table, an import, a migration or a hand, changes the state.

use std::fmt;

use crate::db::Session;
use crate::error::Result;

/// Seconds after a change within which another one could go unseen: the server keeps the time of a change in whole seconds.
const UNSETTLED_S: i64 = 2;

/// A state of the facts and dimensions that answers are worked out from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    stamp: String,
    /// Whether the last change lies so far back that the state is sure to be told from the next one.
    pub settled: bool,
}

impl Version {
    /// Reads it: a question to the server's own books, not to the tables. Temporary tables, which nothing shows, do not count,
    /// nor `dim_dates`, which no answer reads and to which an import adds its days.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub fn read(session: &mut Session) -> Result<Self> {
        type Row = (String, Option<String>, Option<String>, Option<i64>);
        let rows: Vec<Row> = session.rows(
            "état des données",
            "SELECT table_name AS name, CAST(create_time AS CHAR) AS created, CAST(update_time AS CHAR) AS updated, \
             TIMESTAMPDIFF(SECOND, GREATEST(create_time, COALESCE(update_time, create_time)), NOW()) AS age \
             FROM information_schema.tables WHERE table_schema = DATABASE() \
             AND (table_name LIKE 'dim\\_%' OR table_name LIKE 'fact\\_%') AND table_name NOT LIKE '%\\_temp%' \
             AND table_name NOT LIKE '%\\_test' AND table_name <> 'dim_dates' ORDER BY table_name",
            (),
        )?;
        let settled = rows.iter().all(|(_, _, _, age)| age.is_none_or(|age| age >= UNSETTLED_S));
        let mut hasher = blake3::Hasher::new();
        for (name, created, updated, _) in &rows {
            for text in [name, created.as_deref().unwrap_or("-"), updated.as_deref().unwrap_or("-")] {
                hasher.update(text.as_bytes());
                hasher.update(b"\n");
            }
        }
        Ok(Self { stamp: hasher.finalize().to_hex()[..16].to_owned(), settled })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stamp)
    }
}
