//! Reading the stored seasons and periods, and the years that the facts cover.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use crate::db::{Database, Session};
use crate::domain::calendar::periodes::PeriodeKind;
use crate::domain::calendar::saisons::{Saison, YEARS, saison_of};
use crate::domain::catalogue::{DATASETS, Space};
use crate::error::Result;
use crate::ledger::periodes;
use crate::saisons::SaisonKey;

/// A row of `dim_saisons`. A date is `None` when it is NULL or not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SaisonRow {
    pub id: u32,
    pub(crate) key: SaisonKey,
    pub(crate) debut: Option<NaiveDateTime>,
    pub(crate) fin: Option<NaiveDateTime>,
    pub(crate) duree_jours: Option<i64>,
}

/// A row of `dim_periodes`. A date is `None` when it is NULL or not a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeriodeRow {
    pub id: u32,
    pub code: String,
    pub(crate) annee: i32,
    pub(crate) debut: Option<NaiveDateTime>,
    pub(crate) fin: Option<NaiveDateTime>,
    pub(crate) id_saison: Option<u32>,
}

impl PeriodeRow {
    /// First and last day; `None` unless both are dates.
    pub(crate) fn days(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((self.debut?.date(), self.fin?.date()))
    }
}

/// First and last day.
pub(crate) type Days = (NaiveDate, NaiveDate);

/// What the database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// `dim_saisons`, by year and season.
    pub(crate) saisons: Vec<SaisonRow>,
    /// `dim_periodes`, by year and code.
    pub(crate) periodes: Vec<PeriodeRow>,
    /// The days that `update-saisons` wrote last, by code and year; empty before its first run.
    pub(crate) written: HashMap<(String, i32), Days>,
    /// How the table calls its periods: by code, year and name of the newest.
    pub(crate) labels: HashMap<String, (i32, String)>,
    /// Whether `dim_saisons` holds days without their hours, as older databases do.
    pub(crate) days_only: bool,
    /// Whether `dim_periodes` also names the season in a column of its own, as older databases do.
    pub(crate) names_saison: bool,
}

impl Stored {
    /// Reads everything. `tables` are those of the database.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`] without `dim_saisons` or `dim_periodes`, [`crate::error::Error::Sql`].
    pub(crate) fn load(session: &mut Session, tables: &HashSet<String>) -> Result<Self> {
        let written = if tables.contains(periodes::TABLE) { periodes::written(session)? } else { HashMap::new() };
        let columns: Vec<(String, String, String)> = session.rows(
            "colonnes des saisons et des périodes",
            "SELECT table_name AS t, LOWER(column_name) AS c, LOWER(data_type) AS d FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name IN ('dim_saisons', 'dim_periodes')",
            (),
        )?;
        let is = |table: &str, names: &[&str], kind: &str| {
            let found = |(of, name, data): &(String, String, String)| {
                of == table && names.contains(&name.as_str()) && (kind.is_empty() || data == kind)
            };
            columns.iter().any(found)
        };
        Ok(Self {
            saisons: load_saisons(session)?,
            periodes: load_periodes(session)?,
            written,
            labels: load_labels(session)?,
            days_only: is("dim_saisons", &["date_debut", "date_fin"], "date"),
            names_saison: is("dim_periodes", &["saison"], ""),
        })
    }

    /// Name of a new row of a computed period: as the table calls that period in other years, else `usual`.
    pub(crate) fn label(&self, code: &str, annee: i32, usual: &str) -> String {
        match self.labels.get(code) {
            Some((year, label)) => label.replace(&year.to_string(), &annee.to_string()),
            None => usual.to_owned(),
        }
    }

    /// Whether people made the list of periods, and left the whole year out: the portal then adds it by itself.
    pub(crate) fn leaves_whole_year_out(&self) -> bool {
        let whole = PeriodeKind::AnneeComplete.code();
        self.periodes.iter().any(|row| PeriodeKind::from_code(&row.code).is_some())
            && !self.periodes.iter().any(|row| row.code == whole)
            && !self.written.keys().any(|(code, _)| code == whole)
    }

    /// Beginning and end of a stored season, to the second where the table keeps days alone and they are the computed ones.
    pub(crate) fn bounds(&self, row: &SaisonRow) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let stored = (row.debut?, row.fin?);
        match saison_of(row.key.0, row.key.1) {
            Some(span) if self.days_only && self.agrees(stored.0, span.debut) && self.agrees(stored.1, span.fin) => {
                Some((span.debut, span.fin))
            }
            _ => Some(stored),
        }
    }

    /// Whether a stored instant of a season is the computed one, as far as the table can tell.
    pub(crate) fn agrees(&self, stored: NaiveDateTime, computed: NaiveDateTime) -> bool {
        if self.days_only { stored.date() == computed.date() } else { stored == computed }
    }

    /// Years that occur in `dim_periodes`.
    pub(crate) fn years_of_periodes(&self) -> BTreeSet<i32> {
        self.periodes.iter().map(|row| row.annee).filter(|year| YEARS.contains(year)).collect()
    }
}

fn load_saisons(session: &mut Session) -> Result<Vec<SaisonRow>> {
    type Row = (u32, i32, String, Option<String>, Option<String>, Option<i64>);
    let rows: Vec<Row> = session.rows(
        "lecture de dim_saisons",
        "SELECT id, CAST(annee AS SIGNED), CAST(saison AS CHAR), CAST(date_debut AS CHAR), CAST(date_fin AS CHAR), \
         CAST(duree_jours AS SIGNED) FROM dim_saisons ORDER BY annee, saison, id",
        (),
    )?;
    let mut saisons = Vec::with_capacity(rows.len());
    for (id, annee, code, debut, fin, duree_jours) in rows {
        // what MySQL stores for a value outside the ENUM when it is not strict
        let Some(saison) = Saison::from_code(&code.to_lowercase()) else {
            log::warn!("dim_saisons : la ligne {id} a une saison inconnue, « {code} » ; elle est laissée de côté");
            continue;
        };
        let (debut, fin) = (date_time(debut.as_deref()), date_time(fin.as_deref()));
        saisons.push(SaisonRow { id, key: (annee, saison), debut, fin, duree_jours });
    }
    saisons.sort_by_key(|row| row.key);
    Ok(saisons)
}

fn load_labels(session: &mut Session) -> Result<HashMap<String, (i32, String)>> {
    let rows: Vec<(Option<String>, Option<i32>, Option<String>)> = session.rows(
        "lecture de dim_periodes",
        "SELECT code_periode, CAST(annee AS SIGNED), nom_periode FROM dim_periodes ORDER BY annee",
        (),
    )?;
    let known = |(code, annee, label): (Option<String>, Option<i32>, Option<String>)| {
        Some((code?, (annee?, label.filter(|label| !label.trim().is_empty())?)))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

fn load_periodes(session: &mut Session) -> Result<Vec<PeriodeRow>> {
    type Row = (u32, Option<String>, Option<i32>, Option<String>, Option<String>, Option<u32>);
    let rows: Vec<Row> = session.rows(
        "lecture de dim_periodes",
        "SELECT id_periode, code_periode, CAST(annee AS SIGNED), CAST(date_debut AS CHAR), CAST(date_fin AS CHAR), \
         id_saison FROM dim_periodes ORDER BY annee, code_periode, id_periode",
        (),
    )?;
    let row = |(id, code, annee, debut, fin, id_saison): Row| PeriodeRow {
        id,
        code: code.unwrap_or_default(),
        annee: annee.unwrap_or_default(),
        debut: date_time(debut.as_deref()),
        fin: date_time(fin.as_deref()),
        id_saison,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// A DATETIME or a DATE as the server prints it.
fn date_time(text: Option<&str>) -> Option<NaiveDateTime> {
    let text = text?;
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
        .ok()
        .or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(chrono::NaiveTime::MIN)))
}

/// The days that occur in the facts, main and temporary tables together. Reads the indexes on `date` only.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn days_of_facts(database: &Database, session: &mut Session) -> Result<BTreeSet<NaiveDate>> {
    let tables = database.tables(session)?;
    let mut days = BTreeSet::new();
    for table in fact_tables().filter(|table| tables.contains(table)) {
        let sql = format!("SELECT CAST(d.date AS CHAR) FROM (SELECT DISTINCT date FROM {table}) d");
        let found: Vec<Option<String>> = session.rows(&format!("dates de {table}"), &sql, ())?;
        days.extend(found.into_iter().flatten().filter_map(|text| text.parse::<NaiveDate>().ok()));
    }
    Ok(days)
}

fn fact_tables() -> impl Iterator<Item = String> {
    DATASETS.iter().flat_map(|dataset| {
        let temp = dataset.weekly_file.is_some().then(|| dataset.temp_table(Space::Production));
        std::iter::once(dataset.main_table(Space::Production)).chain(temp)
    })
}

/// The years of `days`, those that the calendar computes.
pub(crate) fn years_of(days: &BTreeSet<NaiveDate>) -> BTreeSet<i32> {
    days.iter().map(Datelike::year).filter(|year| YEARS.contains(year)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_servers_print_them() {
        let expected = "2025-03-20T10:01:14".parse().ok();
        assert_eq!(date_time(Some("2025-03-20 10:01:14")), expected);
        assert_eq!(date_time(Some("2025-03-20 10:01:14.000000")), expected);
        assert_eq!(date_time(Some("2025-03-20")), "2025-03-20T00:00:00".parse().ok());
        assert_eq!(date_time(Some("0000-00-00 00:00:00")), None);
        assert_eq!(date_time(None), None);
    }
}
