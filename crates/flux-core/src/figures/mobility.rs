//! What the tools on mobility share: a period, a zone with its equivalents, the visitors that the portal counts.

use chrono::{Datelike, NaiveDate};
use mysql::Value;
use serde::Serialize;

use crate::db::Session;
use crate::dims::{self, marks};
use crate::domain::catalogue::{Dim, Space};
use crate::domain::names::{Locality, Resolution, fold};
use crate::error::{Error, Result};

/// Days, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Period {
    /// Code or `du … au …`.
    pub name: String,
    /// First day.
    #[serde(serialize_with = "as_text")]
    pub(crate) from: NaiveDate,
    /// Last day.
    #[serde(serialize_with = "as_text")]
    pub(crate) to: NaiveDate,
}

fn as_text<S: serde::Serializer>(day: &NaiveDate, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

impl Period {
    /// Number of days.
    pub(crate) fn days(&self) -> u64 {
        (self.to - self.from).num_days().max(0) as u64 + 1
    }
}

/// The table of visitors by place.
pub(crate) fn table(space: Space) -> String {
    match space {
        Space::Production => "fact_lieu_activite_soir".into(),
        Space::Test => "fact_lieu_activite_soir_test".into(),
    }
}

/// The days of a period that a table holds. Where each is named, the server looks up the other parts of the key for each of them
/// instead of reading all rows between the first and the last.
#[derive(Debug, Clone)]
pub(crate) struct StoredDays(Vec<Value>);

impl StoredDays {
    /// Finds them, jumping from day to day in the index.
    pub(crate) fn of(session: &mut Session, table: &str, period: &Period) -> Result<Self> {
        let sql =
            format!("SELECT CAST(date AS CHAR) FROM (SELECT DISTINCT date FROM {table} WHERE date BETWEEN ? AND ?) d");
        let days: Vec<String> =
            session.rows(&format!("dates de {table}"), &sql, (period.from.to_string(), period.to.to_string()))?;
        Ok(Self(days.into_iter().map(Value::from).collect()))
    }

    /// The condition on `date`, with a mark for each of [`StoredDays::params`].
    pub(crate) fn condition(&self) -> String {
        match self.0.len() {
            0 => "FALSE".into(),
            days => format!("date IN {}", marks(1, days)),
        }
    }

    /// Values of the marks, followed by others.
    pub(crate) fn params<T: Into<Value>>(&self, others: impl IntoIterator<Item = T>) -> Vec<Value> {
        self.0.iter().cloned().chain(others.into_iter().map(Into::into)).collect()
    }
}

/// Codes of `dim_periodes` for a year.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn known_periods(session: &mut Session, year: i32) -> Result<Vec<String>> {
    session.rows(
        "lecture de dim_periodes",
        "SELECT code_periode FROM dim_periodes WHERE annee = ? ORDER BY date_debut, code_periode",
        (year,),
    )
}

/// A period of `dim_periodes` by its code or name; `None` when it is not there.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn find_period(session: &mut Session, name: &str, year: i32) -> Result<Option<Period>> {
    let rows: Vec<(String, String, String, String)> = session.rows(
        "lecture de dim_periodes",
        "SELECT code_periode, nom_periode, CAST(DATE(date_debut) AS CHAR), CAST(DATE(date_fin) AS CHAR) FROM dim_periodes \
         WHERE annee = ? ORDER BY date_debut, code_periode",
        (year,),
    )?;
    let wanted = fold(name).replace('_', "");
    let same = |text: &str| fold(text).replace('_', "") == wanted;
    let found = rows.iter().find(|(code, ..)| same(code)).or_else(|| rows.iter().find(|(_, nom, ..)| same(nom)));
    let Some((code, _, from, to)) = found else { return Ok(None) };
    let day = |text: &str| {
        text.parse()
            .map_err(|_| Error::Invariant(format!("dim_periodes : date illisible « {text} » pour {code} {year}")))
    };
    Ok(Some(Period { name: code.clone(), from: day(from)?, to: day(to)? }))
}

/// Like [`find_period`], for a period that must be there.
///
/// # Errors
/// [`Error::Usage`] with the codes that are known.
pub(crate) fn period(session: &mut Session, name: &str, year: i32) -> Result<Period> {
    if let Some(period) = find_period(session, name, year)? {
        return Ok(period);
    }
    let known = known_periods(session, year)?;
    let known = if known.is_empty() {
        format!("aucune n'est connue pour {year} : lancez `update-saisons --from {year} --to {year}`")
    } else {
        format!("connues : {}", known.join(", "))
    };
    Err(Error::Usage(format!("la période « {name} » n'est pas dans dim_periodes pour {year} ({known})")))
}

/// The same days of another year; 29 February becomes 28 where there is none.
pub(crate) fn shifted(day: NaiveDate, years: i32) -> Option<NaiveDate> {
    let year = day.year() + years;
    day.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))
}

/// A zone and every stored row that is the same zone under another name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ZoneRows {
    /// The preferred stored name.
    pub name: String,
    /// Ids and names of its rows.
    pub(crate) rows: Vec<(u32, String)>,
}

/// What a zone's name leads to.
#[derive(Debug)]
pub(crate) enum ZoneFound {
    /// Its rows.
    Rows(ZoneRows),
    /// Nothing; the nearest names.
    Unknown(Vec<String>),
    /// Several different zones.
    Ambiguous(Vec<String>),
}

/// Finds a zone with its equivalents.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::EmptyDimension`], [`Error::Sql`].
pub(crate) fn find_zone(session: &mut Session, name: &str) -> Result<ZoneFound> {
    let resolver = dims::load(session, Dim::Zone, &Locality::default(), false)?;
    Ok(match resolver.resolve(name) {
        Resolution::Found(best) => {
            let same = resolver.rows().iter().filter(|row| resolver.resolve(&row.name) == Resolution::Found(best));
            ZoneFound::Rows(ZoneRows {
                name: resolver.rows()[best as usize].name.clone(),
                rows: same.filter_map(|row| Some((row.id?, row.name.clone()))).collect(),
            })
        }
        Resolution::Unknown => {
            let near = resolver.nearest(name, 3);
            let near = if near.is_empty() {
                resolver.rows().iter().map(|row| row.name.clone()).collect()
            } else {
                near.into_iter().map(str::to_owned).collect()
            };
            ZoneFound::Unknown(near)
        }
        Resolution::Ambiguous(names) => ZoneFound::Ambiguous(names),
    })
}

/// Like [`find_zone`], for a zone that must be there.
///
/// # Errors
/// [`Error::Usage`] with the nearest names.
pub(crate) fn zone(session: &mut Session, name: &str) -> Result<ZoneRows> {
    match find_zone(session, name)? {
        ZoneFound::Rows(rows) => Ok(rows),
        ZoneFound::Unknown(near) => {
            Err(Error::Usage(format!("la zone « {name} » n'existe pas en base (proches : {})", near.join(", "))))
        }
        ZoneFound::Ambiguous(names) => {
            Err(Error::Usage(format!("la zone « {name} » est ambiguë : {}", names.join(", "))))
        }
    }
}

/// Id of the row of a small dimension by name; `None` when it is unknown or ambiguous.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::EmptyDimension`], [`Error::Sql`].
pub(crate) fn id_of(session: &mut Session, dim: Dim, name: &str) -> Result<Option<u32>> {
    let resolver = dims::load(session, dim, &Locality::default(), false)?;
    Ok(match resolver.resolve(name) {
        Resolution::Found(row) => resolver.rows()[row as usize].id,
        Resolution::Unknown | Resolution::Ambiguous(_) => None,
    })
}

/// Like [`id_of`], for a name that must be there.
///
/// # Errors
/// [`Error::Usage`].
pub(crate) fn required_id(session: &mut Session, dim: Dim, name: &str) -> Result<u32> {
    id_of(session, dim, name)?
        .ok_or_else(|| Error::Usage(format!("{dim} « {name} » : inconnue dans {}", dim.spec().table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_days_of_another_year() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(shifted(day("2024-07-06"), -1), Some(day("2023-07-06")));
        assert_eq!(shifted(day("2024-02-29"), -1), Some(day("2023-02-28")));
        let period = Period { name: String::new(), from: day("2024-07-06"), to: day("2024-07-06") };
        assert_eq!(period.days(), 1);
    }
}
