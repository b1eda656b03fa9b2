//! What the table behind an answer holds of its period.

use chrono::NaiveDate;
use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::Result;
use crate::figures::change::share;
use crate::figures::period::{Period, optional_day_text};

/// What a table holds of a period, as far as it is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Days with data.
    pub(crate) days: u64,
    pub(crate) volume: u64,
    /// Part of the volume.
    pub(crate) provisional: u64,
}

/// Days of a period for which `table` has rows of any of these zones, provenances and categories: the index is asked day by day whether
/// there is one, so that the rows, which are summed anyway, are not read a second time to count their days.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn days_with_data(session: &mut Session, table: &str, period: &Period, keys: &[[u32; 3]]) -> Result<u64> {
    let days: Vec<String> = period.iter().map(|day| format!("\"{day}\"")).collect();
    // One value of each column at a time: that leads to one place of the index.
    let any = format!(
        "EXISTS (SELECT 1 FROM {table} f WHERE f.date = d.day AND f.id_zone = ? AND f.id_provenance = ? AND f.id_categorie = ?)"
    );
    let sql = format!(
        "SELECT COUNT(*) FROM JSON_TABLE(?, '$[*]' COLUMNS (day DATE PATH '$')) d WHERE {}",
        vec![any; keys.len()].join(" OR ")
    );
    let days = Value::from(format!("[{}]", days.join(",")));
    let params: Vec<Value> = std::iter::once(days).chain(keys.iter().flatten().map(Value::from)).collect();
    Ok(session.first(&format!("jours de {table}"), &sql, params)?.unwrap_or_default())
}

/// One table behind an answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Source {
    /// Fact table that the figure was read from.
    pub table: &'static str,
    /// Days of the period with data.
    pub jours_avec_donnees: u64,
    /// Days of the reference period with data; none where there is no such period.
    pub jours_avec_donnees_n1: Option<u64>,
    /// Last date in the table.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
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
        let last = session.once(
            &format!("{table} dates"),
            |_| 0,
            |session| {
                let sql = format!("SELECT CAST(MAX(date) AS CHAR) FROM {table}");
                let last: Option<Option<String>> = session.first(&format!("dates de {table}"), &sql, ())?;
                Ok(last.flatten().and_then(|day| day.parse::<NaiveDate>().ok()))
            },
        )?;
        Ok(Self {
            table,
            jours_avec_donnees: now.days,
            jours_avec_donnees_n1: before.map(|before| before.days),
            donnees_jusqu_au: *last,
            provisoire_pct: (now.volume > 0).then(|| share(now.provisional, now.volume)),
        })
    }
}
