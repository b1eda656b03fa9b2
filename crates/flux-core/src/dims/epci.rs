//! The EPCI of a place: under which one a commune's rows stand, and rows of one visit that stand under two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::Session;
use crate::domain::catalogue::{Dataset, Dim};
use crate::error::{Error, Result};
use crate::report::{Code, Finding, plural, some_of};
use crate::schema::Existing;

/// Communes named in a message.
const NAMED: usize = 5;

/// EPCI of the newest definitive rows of each commune, by the commune's id.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn stored(session: &mut Session) -> Result<HashMap<u32, u32>> {
    // An older base may have neither the table nor the columns, and then knows no EPCI.
    let told = Error::or_nothing(told(session, "fact_lieu_activite_soir", true))?;
    Ok(newest(told))
}

/// What [`stored`] tells, asked once a run: it is a walk over the whole table, however small the delivery is.
#[derive(Debug, Default)]
pub(crate) struct StoredEpcis(Mutex<Option<Arc<HashMap<u32, u32>>>>);

impl StoredEpcis {
    /// Held while the server is asked, so that files read side by side ask one time together.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(super) fn get(&self, session: &mut Session) -> Result<Arc<HashMap<u32, u32>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        Ok(known.insert(Arc::new(stored(session)?)).clone())
    }
}

/// The last day on which a commune stands under an EPCI: day, EPCI, commune.
pub(crate) type Told = (Option<String>, u32, u32);

/// What a table tells, of its definitive rows alone where it marks the others.
///
/// # Errors
/// [`Error::Sql`], [`Error::MissingTable`].
pub(crate) fn told(session: &mut Session, table: &str, marked: bool) -> Result<Vec<Told>> {
    // No bare column: the index of the mark alone would be taken, which then fetches row by row, five times as slow as the dashboards'
    // index, where everything asked for here stands.
    let definitive = if marked { " AND is_provisional + 0 = 0" } else { "" };
    let sql = format!(
        "SELECT CAST(MAX(date) AS CHAR), id_epci, id_commune FROM {table} WHERE id_commune <> 0 AND id_epci <> 0{definitive} \
         GROUP BY id_commune, id_epci"
    );
    session.rows(&format!("EPCI des communes de {table}"), &sql, ())
}

/// The EPCI of each commune's newest day, the larger id where two are told of it.
pub(crate) fn newest(mut told: Vec<Told>) -> HashMap<u32, u32> {
    told.sort_unstable();
    told.into_iter().map(|(_, epci, commune)| (commune, epci)).collect()
}

/// Whether a dataset tells commune and EPCI.
pub(crate) fn concerns(dataset: &Dataset) -> bool {
    [Dim::Epci, Dim::Commune].iter().all(|dim| dataset.breakdown.contains(dim))
}

/// Whether a table has both columns: an older one may have neither.
pub(crate) fn is_told(existing: &Existing) -> bool {
    existing.has(Dim::Epci.spec().id) && existing.has(Dim::Commune.spec().id)
}

/// The columns of the key without the EPCI: what makes two rows one visit.
pub(crate) fn visit(dataset: &Dataset) -> Vec<&'static str> {
    dataset.key().into_iter().filter(|column| *column != Dim::Epci.spec().id).collect()
}

/// Keys of one table that stand under several EPCIs: the same visitors, counted as often.
#[derive(Debug)]
pub(crate) struct Doubled {
    pub(crate) table: String,
    pub(crate) keys: u64,
    /// Rows beyond the first of each key.
    pub(crate) surplus: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    /// The communes, those with most keys first.
    pub(crate) communes: Vec<String>,
    /// The ids of all communes that stand under several EPCIs, be it on different days.
    pub(crate) suspects: Vec<u32>,
}

/// First and last day that are looked at.
pub(crate) type Period = (String, String);

/// Looks for doubled keys of a table, in a period or everywhere. One pass over the key tells that there are none, as nearly always; only
/// the communes that stand under several EPCIs are looked at closely.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn doubled(
    session: &mut Session,
    table: &str,
    dataset: &Dataset,
    period: Option<&Period>,
) -> Result<Option<Doubled>> {
    let suspects = suspects(session, table, period)?;
    if suspects.is_empty() {
        return Ok(None);
    }
    let (days, values) = within(period);
    let sql = format!(
        "SELECT d.id_commune, COUNT(*), CAST(SUM(d.n - 1) AS UNSIGNED), CAST(MIN(d.date) AS CHAR), CAST(MAX(d.date) AS CHAR) FROM \
         (SELECT date, id_commune, COUNT(*) AS n FROM {table} WHERE id_commune IN ({}){days} GROUP BY {} HAVING COUNT(*) > 1) d \
         GROUP BY d.id_commune ORDER BY COUNT(*) DESC, d.id_commune",
        list(&suspects),
        visit(dataset).join(", ")
    );
    let rows: Vec<(u32, u64, u64, String, String)> =
        session.rows(&format!("EPCI des communes de {table}"), &sql, values)?;
    let Some((first, last)) =
        rows.iter().map(|row| row.3.clone()).min().zip(rows.iter().map(|row| row.4.clone()).max())
    else {
        return Ok(None);
    };
    Ok(Some(Doubled {
        table: table.to_owned(),
        keys: rows.iter().map(|row| row.1).sum(),
        surplus: rows.iter().map(|row| row.2).sum(),
        first,
        last,
        communes: named(session, &rows.iter().map(|row| row.0).collect::<Vec<_>>())?,
        suspects,
    }))
}

/// The communes of a table that stand under several EPCIs, be it on different days.
fn suspects(session: &mut Session, table: &str, period: Option<&Period>) -> Result<Vec<u32>> {
    let (days, values) = within(period);
    let sql = format!(
        "SELECT id_commune FROM {table} WHERE id_commune <> 0{days} GROUP BY id_commune HAVING MIN(id_epci) <> MAX(id_epci) \
         ORDER BY id_commune"
    );
    session.rows(&format!("EPCI des communes de {table}"), &sql, values)
}

/// The condition of a period, to be put behind another one, with its values.
pub(super) fn within(period: Option<&Period>) -> (&'static str, mysql::Params) {
    match period {
        Some((first, last)) => (" AND date BETWEEN ? AND ?", (first, last).into()),
        None => ("", mysql::Params::Empty),
    }
}

/// Numbers as a list in SQL.
pub(crate) fn list(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn named(session: &mut Session, communes: &[u32]) -> Result<Vec<String>> {
    let spec = Dim::Commune.spec();
    let sql = format!(
        "SELECT {id}, {name} FROM {} WHERE {id} IN ({})",
        spec.table,
        list(communes),
        id = spec.id,
        name = spec.name
    );
    let names: Vec<(u32, Option<String>)> = session.rows("lecture des communes", &sql, ())?;
    let names: HashMap<u32, Option<String>> = names.into_iter().collect();
    let name = |id: &u32| names.get(id).cloned().flatten().unwrap_or_else(|| format!("#{id}"));
    Ok(communes.iter().map(name).collect())
}

impl Doubled {
    /// What was found, and what mends it.
    pub(crate) fn finding(&self) -> Finding {
        let message = format!(
            "{} sous plusieurs EPCI ({} → {}) : {} de trop, des visiteurs comptés deux fois à {}",
            plural(self.keys, "clé d'une commune est", "clés d'une commune sont"),
            self.first,
            self.last,
            plural(self.surplus, "ligne", "lignes"),
            some_of(&self.communes, NAMED)
        );
        Finding::attention(Code::EpciDoubled, &self.table, message).action(MEND)
    }
}

/// The command that makes one row of several.
const MEND: &str = "merge-dimension --dim epci --doubles montre ce qui serait réuni, puis --yes";
