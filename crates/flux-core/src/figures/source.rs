//! What the table behind an answer holds of its period.

use chrono::NaiveDate;
use serde::Serialize;

use crate::db::Session;
use crate::error::Result;
use crate::figures::change::share;
use crate::figures::period::optional_day_text;

/// What a table holds of a period, as far as it is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Days with data.
    pub(crate) days: u64,
    pub(crate) volume: u64,
    /// Part of the volume.
    pub(crate) provisional: u64,
}

/// One table behind an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// The table.
    pub table: &'static str,
    /// Days of the period with data.
    pub jours_avec_donnees: u64,
    /// Days of the reference period with data; none where there is no such period.
    pub jours_avec_donnees_n1: Option<u64>,
    /// Last date in the table.
    #[serde(serialize_with = "optional_day_text")]
    pub donnees_jusqu_au: Option<NaiveDate>,
    /// Share of the period's volume that is provisional; none where there is no volume.
    pub provisoire_pct: Option<f64>,
}

impl Source {
    /// Describes a table, of which N and N−1 hold so much.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn new(
        session: &mut Session,
        table: &'static str,
        now: Coverage,
        before: Option<Coverage>,
    ) -> Result<Self> {
        let sql = format!("SELECT CAST(MAX(date) AS CHAR) FROM {table}");
        let last: Option<Option<String>> = session.first(&format!("dates de {table}"), &sql, ())?;
        Ok(Self {
            table,
            jours_avec_donnees: now.days,
            jours_avec_donnees_n1: before.map(|before| before.days),
            donnees_jusqu_au: last.flatten().and_then(|day| day.parse().ok()),
            provisoire_pct: (now.volume > 0).then(|| share(now.provisional, now.volume)),
        })
    }
}
