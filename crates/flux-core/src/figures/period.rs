//! Which days a period has: the one place that turns a code, a name or two dates into days.
//!
//! A name is looked for, in this order, among the codes of `dim_periodes` of the year, among their names, as `annee_complete`, as a
//! season of `dim_saisons`. Anything else is unknown; it is never silently the whole year.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::calendar::saisons::{Saison, days_of};
use crate::domain::names::fold;
use crate::error::{Error, Result};
use crate::figures::unknown::{Named, Unknown};

/// The code of 1 January to 31 December, which needs no row.
const WHOLE_YEAR: &str = "annee_complete";

/// The days asked for, before the database is asked what they are.
#[derive(Debug, Clone)]
pub enum Asked {
    /// A code or a name, and its year.
    Named {
        /// Code or name in `dim_periodes`, or `annee_complete`, which needs no row.
        name: String,
        /// Year of `dim_periodes`.
        year: i32,
    },
    /// First and last day, both included.
    Days(NaiveDate, NaiveDate),
}

impl Asked {
    /// The year that the period belongs to: a winter to the one in which it begins.
    pub(crate) fn year(&self) -> i32 {
        match self {
            Self::Named { year, .. } => *year,
            Self::Days(debut, _) => debut.year(),
        }
    }
}

/// Where the days of a period come from. A comparison stays with one origin: `hiver` of a year is never compared with what `hiver`
/// means elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// A row of `dim_periodes`.
    Periode,
    /// The whole year, without a row.
    Annee,
    /// A season of `dim_saisons`.
    Saison,
    /// The dates that were asked for.
    Intervalle,
}

/// Whole days, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Period {
    /// Code as stored; empty for a free interval.
    pub code: String,
    /// Its name, for people.
    pub label: String,
    /// First day, counted in.
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub debut: NaiveDate,
    /// Last day, counted in.
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub fin: NaiveDate,
    /// Where the days come from.
    pub(crate) origin: Origin,
}

/// A day as JSON holds it: `2025-07-05`.
pub(crate) fn day_text<S: serde::Serializer>(day: &NaiveDate, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// The same of a day that may be absent.
pub(crate) fn optional_day_text<S: serde::Serializer>(
    day: &Option<NaiveDate>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(day),
        None => serializer.serialize_none(),
    }
}

impl Period {
    pub(crate) fn interval(debut: NaiveDate, fin: NaiveDate) -> Self {
        Self { code: String::new(), label: format!("{debut} → {fin}"), debut, fin, origin: Origin::Intervalle }
    }

    /// Number of days, both ends included.
    pub(crate) fn days(&self) -> u64 {
        (self.fin - self.debut).num_days().max(0) as u64 + 1
    }

    /// Its days, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.fin;
        self.debut.iter_days().take_while(move |day| *day <= last)
    }

    /// Its days and nothing else of it, in keys of a memory.
    pub(crate) fn span(&self) -> String {
        format!("{}..{}", self.debut, self.fin)
    }

    /// Code, or the dates of a free interval.
    pub(crate) fn name(&self) -> &str {
        if self.code.is_empty() { &self.label } else { &self.code }
    }
}

/// The days that are asked for.
///
/// # Errors
/// [`Error::Usage`] for an interval that ends before it begins; [`Error::MissingTable`], [`Error::Sql`]; [`Error::Invariant`] for a row
/// without readable dates.
pub(crate) fn find(session: &mut Session, asked: &Asked) -> Result<Named<Period>> {
    match asked {
        Asked::Days(debut, fin) if debut > fin => {
            Err(Error::Usage(format!("l'intervalle se termine le {fin}, avant son début le {debut}")))
        }
        Asked::Days(debut, fin) => Ok(Ok(Period::interval(*debut, *fin))),
        Asked::Named { name, year } => Year::load(session, *year)?.find(name),
    }
}

/// The same period in another year: the same code with its own dates there, or the same dates.
///
/// # Errors
/// As [`find`].
pub(crate) fn in_year(session: &mut Session, period: &Period, (from, to): (i32, i32)) -> Result<Named<Period>> {
    if period.origin != Origin::Intervalle {
        return Year::load(session, to)?.same(period);
    }
    let shift = |day| {
        shifted(day, to - from).ok_or_else(|| Error::Usage(format!("l'année de référence {to} n'est pas possible")))
    };
    Ok(Ok(Period::interval(shift(period.debut)?, shift(period.fin)?)))
}

/// Every period that a year has, in the order in which they begin: rows of `dim_periodes`, the whole year, and the seasons whose name no
/// row bears.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn of_year(session: &mut Session, year: i32) -> Result<Vec<Period>> {
    Ok(Year::load(session, year)?.all())
}

/// The same day of another year; 29 February becomes 28 where there is none.
fn shifted(day: NaiveDate, years: i32) -> Option<NaiveDate> {
    let year = day.year().checked_add(years)?;
    day.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))
}

/// What is stored of a year.
#[derive(Debug, Default)]
struct Year {
    year: i32,
    /// Rows of `dim_periodes`, in the order in which they begin.
    rows: Vec<Row>,
    /// Start and end by the civil time of Paris, of the seasons that begin in this year, and of the spring after its winter.
    seasons: HashMap<(i32, Saison), (NaiveDateTime, NaiveDateTime)>,
}

/// A row of `dim_periodes`; a date is `None` where it is NULL or not a date.
#[derive(Debug)]
struct Row {
    code: String,
    label: String,
    debut: Option<NaiveDate>,
    fin: Option<NaiveDate>,
}

impl Year {
    fn load(session: &mut Session, year: i32) -> Result<Self> {
        type Stored = (String, Option<String>, Option<String>, Option<String>);
        // Whole days, whatever the times of day that older tools wrote.
        let rows: Vec<Stored> = session.rows(
            "lecture de dim_periodes",
            "SELECT code_periode, nom_periode, CAST(DATE(date_debut) AS CHAR), CAST(DATE(date_fin) AS CHAR) \
             FROM dim_periodes WHERE annee = ? AND code_periode IS NOT NULL ORDER BY date_debut, code_periode",
            (year,),
        )?;
        let day = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let row = |(code, label, debut, fin): Stored| Row {
            label: label.unwrap_or_else(|| code.clone()),
            code,
            debut: day(debut),
            fin: day(fin),
        };
        let rows = rows.into_iter().map(row).collect();
        Ok(Self { year, rows, seasons: load_seasons(session, year)? })
    }

    fn find(&self, name: &str) -> Result<Named<Period>> {
        let wanted = folded(name);
        let with = |field: fn(&Row) -> &str| -> Vec<&Row> {
            self.rows.iter().filter(|row| folded(field(row)) == wanted).collect()
        };
        let by_code = with(|row| &row.code);
        let exact = by_code.iter().find(|row| row.code == name).or(by_code.first());
        if let Some(row) = exact {
            return self.days_of_row(row).map(Ok);
        }
        // Two periods of one name are two answers, so that neither is the one.
        if let [row] = with(|row| &row.label).as_slice() {
            return self.days_of_row(row).map(Ok);
        }
        let computed = if wanted == folded(WHOLE_YEAR) { self.whole() } else { self.season(&wanted) };
        Ok(computed.ok_or_else(|| self.unknown(name)))
    }

    fn all(&self) -> Vec<Period> {
        let rows = self.rows.iter().filter_map(|row| self.days_of_row(row).ok());
        let seasons = Saison::ALL.into_iter().filter_map(|saison| self.season(&folded(saison.code())));
        let computed = self.whole().into_iter().chain(seasons);
        // What bears the code or the name of a row is that row.
        let found = |period: &Period| matches!(self.find(&period.code), Ok(Ok(found)) if found == *period);
        let mut all: Vec<Period> = rows.chain(computed.filter(found)).collect();
        all.sort_by_key(|period| (period.debut, std::cmp::Reverse(period.fin)));
        all
    }

    /// What `period` of another year is in this one.
    fn same(&self, period: &Period) -> Result<Named<Period>> {
        let code = folded(&period.code);
        let row = self.rows.iter().find(|row| folded(&row.code) == code);
        if let Some(row) = row.filter(|_| period.origin != Origin::Saison) {
            return self.days_of_row(row).map(Ok);
        }
        let computed = match period.origin {
            Origin::Saison => self.season(&code),
            _ if code == folded(WHOLE_YEAR) => self.whole(),
            _ => None,
        };
        Ok(computed.ok_or_else(|| self.unknown(&period.code)))
    }

    fn days_of_row(&self, row: &Row) -> Result<Period> {
        match (row.debut, row.fin) {
            (Some(debut), Some(fin)) if debut <= fin => {
                Ok(Period { code: row.code.clone(), label: row.label.clone(), debut, fin, origin: Origin::Periode })
            }
            _ => Err(Error::Invariant(format!(
                "dim_periodes : les dates de {} {} ne font pas une période (`verifier-saisons`)",
                row.code, self.year
            ))),
        }
    }

    fn whole(&self) -> Option<Period> {
        Some(Period {
            code: WHOLE_YEAR.into(),
            label: format!("Année {}", self.year),
            debut: NaiveDate::from_ymd_opt(self.year, 1, 1)?,
            fin: NaiveDate::from_ymd_opt(self.year, 12, 31)?,
            origin: Origin::Annee,
        })
    }

    /// From the Paris date of its start to the day before the next one's: the day of the change belongs to the one that begins.
    fn season(&self, folded_code: &str) -> Option<Period> {
        let saison = Saison::ALL.into_iter().find(|saison| folded(saison.code()) == folded_code)?;
        let (start, end) = *self.seasons.get(&(self.year, saison))?;
        // Where the next season is not stored, the end of this one says when it begins.
        let (debut, fin) = match self.seasons.get(&saison.next(self.year)) {
            Some((next, _)) => (start.date(), next.date().pred_opt()?),
            None => days_of(start, end),
        };
        let label = format!("{} {}", saison.label(), self.year);
        (debut <= fin).then(|| Period { code: saison.code().into(), label, debut, fin, origin: Origin::Saison })
    }

    fn unknown(&self, name: &str) -> Unknown {
        let codes = self.rows.iter().map(|row| row.code.clone()).collect();
        Unknown::Period { name: name.to_owned(), year: self.year, codes }
    }
}

fn load_seasons(session: &mut Session, year: i32) -> Result<HashMap<(i32, Saison), (NaiveDateTime, NaiveDateTime)>> {
    type Stored = (i32, String, Option<String>, Option<String>);
    let rows: Result<Vec<Stored>> = session.rows(
        "lecture de dim_saisons",
        "SELECT CAST(annee AS SIGNED), CAST(saison AS CHAR), DATE_FORMAT(date_debut, '%Y-%m-%dT%H:%i:%s'), \
         DATE_FORMAT(date_fin, '%Y-%m-%dT%H:%i:%s') FROM dim_saisons WHERE annee IN (?, ?)",
        (year, year + 1),
    );
    // An older database without seasons still has its periods.
    let rows = match rows {
        Err(Error::MissingTable { .. }) => return Ok(HashMap::new()),
        rows => rows?,
    };
    let span = |(year, code, start, end): Stored| {
        Some(((year, Saison::from_code(&code)?), (start?.parse().ok()?, end?.parse().ok()?)))
    };
    Ok(rows.into_iter().filter_map(span).collect())
}

/// Case, accents, `_`, `-`, spaces and apostrophes folded away.
fn folded(name: &str) -> String {
    fold(name.trim()).replace('_', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row(code: &str, label: &str, debut: &str, fin: &str) -> Row {
        Row { code: code.into(), label: label.into(), debut: debut.parse().ok(), fin: fin.parse().ok() }
    }

    /// Seasons of 2024 by the IMCCE, in the civil time of Paris: 20 March 04:06, 20 June 22:51, 22 September 14:44,
    /// 21 December 10:21, 20 March 2025 10:01.
    fn year() -> Year {
        let seasons = [
            ((2024, Saison::Printemps), ("2024-03-20T04:06:21", "2024-06-20T22:50:58")),
            ((2024, Saison::Ete), ("2024-06-20T22:50:59", "2024-09-22T14:43:39")),
            ((2024, Saison::Automne), ("2024-09-22T14:43:40", "2024-12-21T10:20:33")),
            ((2024, Saison::Hiver), ("2024-12-21T10:20:34", "2025-03-20T10:01:26")),
        ];
        let seasons = seasons.map(|(key, (start, end))| (key, (start.parse().unwrap(), end.parse().unwrap())));
        Year {
            year: 2024,
            rows: vec![
                row("vacances_ete", "Vacances d'été", "2024-07-06", "2024-09-01"),
                row("fete", "Printemps", "2024-05-01", "2024-05-05"),
                row("foire_1", "Foire", "2024-10-01", "2024-10-02"),
                row("foire_2", "Foire", "2024-11-01", "2024-11-02"),
                row("sans_fin", "Sans fin", "2024-11-01", "-"),
                row("envers", "À l'envers", "2024-11-02", "2024-11-01"),
            ],
            seasons: HashMap::from(seasons),
        }
    }

    fn found(name: &str) -> Option<(String, String, Origin)> {
        let period = year().find(name).unwrap().ok()?;
        Some((period.debut.to_string(), period.fin.to_string(), period.origin))
    }

    fn days(debut: &str, fin: &str, origin: Origin) -> Option<(String, String, Origin)> {
        Some((debut.into(), fin.into(), origin))
    }

    #[test]
    fn a_code_or_a_name_in_any_spelling() {
        for name in ["vacances_ete", "Vacances d'été", "VACANCES-ETE", " vacances été ", "vacances dete"] {
            assert_eq!(found(name), days("2024-07-06", "2024-09-01", Origin::Periode), "{name}");
        }
    }

    #[test]
    fn a_row_comes_before_the_whole_year_and_the_seasons() {
        // a row that bears the name of a season is that row, and the whole year needs none
        assert_eq!(found("printemps"), days("2024-05-01", "2024-05-05", Origin::Periode));
        assert_eq!(found("annee_complete"), days("2024-01-01", "2024-12-31", Origin::Annee));
        assert_eq!(found("Année complète"), days("2024-01-01", "2024-12-31", Origin::Annee));
    }

    #[test]
    fn a_season_ends_the_day_before_the_next_one() {
        assert_eq!(found("été"), days("2024-06-20", "2024-09-21", Origin::Saison));
        assert_eq!(found("automne"), days("2024-09-22", "2024-12-20", Origin::Saison));
        // the spring of 2025 is not stored: the end of the winter says when it begins
        assert_eq!(found("hiver"), days("2024-12-21", "2025-03-19", Origin::Saison));
        let mut year = year();
        let spring = (day("2025-03-21").and_hms_opt(0, 0, 0).unwrap(), day("2025-06-21").and_hms_opt(0, 0, 0).unwrap());
        year.seasons.insert((2025, Saison::Printemps), spring);
        assert_eq!(year.find("hiver").unwrap().unwrap().fin, day("2025-03-20"));
    }

    #[test]
    fn what_is_unknown_or_not_one_period_is_no_period() {
        let Err(Unknown::Period { codes, year: 2024, .. }) = year().find("noel").unwrap() else { panic!("unknown") };
        assert_eq!(codes, ["vacances_ete", "fete", "foire_1", "foire_2", "sans_fin", "envers"]);
        assert_eq!((found("foire"), found(""), found("2024")), (None, None, None));
        assert!(Year { year: 2024, ..Year::default() }.find("hiver").unwrap().is_err());
        for name in ["sans_fin", "envers"] {
            assert!(matches!(year().find(name), Err(Error::Invariant(_))), "{name}");
        }
    }

    #[test]
    fn what_a_year_offers_is_what_is_found_by_its_code() {
        let year = year();
        let offered = year.all();
        let codes: Vec<&str> = offered.iter().map(|period| period.code.as_str()).collect();
        // the rows without two dates in order are none, and the row `fete` has the name of the spring
        let expected = ["annee_complete", "fete", "ete", "vacances_ete", "automne", "foire_1", "foire_2", "hiver"];
        assert_eq!(codes, expected);
        for period in &offered {
            assert_eq!(&year.find(&period.code).unwrap().unwrap(), period);
        }
    }

    #[test]
    fn the_reference_year_has_the_same_code_and_the_same_origin() {
        let period = |code: &str, origin| Period {
            code: code.into(),
            origin,
            ..Period::interval(day("2023-01-01"), day("2023-01-02"))
        };
        let same = |code: &str, origin| {
            year().same(&period(code, origin)).unwrap().ok().map(|period| period.debut.to_string())
        };
        assert_eq!(same("vacances_ete", Origin::Periode).as_deref(), Some("2024-07-06"));
        assert_eq!(same("annee_complete", Origin::Annee).as_deref(), Some("2024-01-01"));
        assert_eq!(same("annee_complete", Origin::Periode).as_deref(), Some("2024-01-01"));
        assert_eq!(same("hiver", Origin::Saison).as_deref(), Some("2024-12-21"));
        // a row `hiver` of 2023 is not the season of 2024, and a name is no code
        assert_eq!(same("hiver", Origin::Periode), None);
        assert_eq!(same("printemps", Origin::Periode), None);
    }

    #[test]
    fn the_same_days_of_another_year() {
        assert_eq!(shifted(day("2024-07-06"), -1), Some(day("2023-07-06")));
        assert_eq!(shifted(day("2024-02-29"), -1), Some(day("2023-02-28")));
        assert_eq!(shifted(day("2024-02-29"), -4), Some(day("2020-02-29")));
        assert_eq!(Period::interval(day("2024-02-28"), day("2024-03-01")).days(), 3);
    }
}
