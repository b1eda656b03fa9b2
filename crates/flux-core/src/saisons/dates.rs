//! Checking `dim_dates` against the calendar, and repairing it.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::db::{Database, Session};
use crate::dims;
use crate::domain::calendar::days::Day;
use crate::error::Result;
use crate::saisons::store;

/// A day whose row is wrong, and the columns that are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongDay {
    pub(crate) date: NaiveDate,
    /// Columns of `dim_dates` that differ from the calendar.
    pub(crate) columns: Vec<&'static str>,
}

/// What was found in `dim_dates`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DatesReport {
    pub(crate) rows: usize,
    /// Rows that differ from the calendar, by date.
    pub(crate) wrong: Vec<WrongDay>,
    /// Days of the facts that have no row, by date.
    pub(crate) missing: Vec<NaiveDate>,
    /// Days whose school holidays are not known: their stored flags were not compared, and stay.
    pub(crate) unknown: usize,
}

/// `date`, the three school flags, the public holiday, the weekday, then month, year, quarter, week.
type Row = (String, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<String>, Numbers);
type Numbers = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// Compares `dim_dates` with the calendar, and with `days`, those of the facts.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn inspect(session: &mut Session, days: &BTreeSet<NaiveDate>) -> Result<DatesReport> {
    let mut report = DatesReport::default();
    let mut stored = BTreeSet::new();
    for row in read(session)? {
        report.rows += 1;
        let Ok(date) = row.0.parse::<NaiveDate>() else { continue };
        stored.insert(date);
        let day = Day::of(date);
        report.unknown += usize::from(day.vacances_a.is_none());
        let columns = differences(&row, &day);
        if !columns.is_empty() {
            report.wrong.push(WrongDay { date, columns });
        }
    }
    report.missing = days.difference(&stored).copied().collect();
    Ok(report)
}

/// Corrects the wrong rows and adds the missing ones, in one transaction; returns what it found. School flags that are
/// not known stay as they are.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Locked`], [`crate::error::Error::Sql`].
pub(crate) fn repair(database: &Database) -> Result<DatesReport> {
    database.transaction(|session| {
        let days = store::days_of_facts(database, session)?;
        let report = inspect(session, &days)?;
        for wrong in &report.wrong {
            let mut values = dims::day_values(&Day::of(wrong.date)).to_vec();
            values.rotate_left(1);
            session.exec(
                "correction de dim_dates",
                "UPDATE dim_dates SET vacances_a = COALESCE(?, vacances_a), vacances_b = COALESCE(?, vacances_b), \
                 vacances_c = COALESCE(?, vacances_c), ferie = ?, jour_semaine = ?, mois = ?, annee = ?, \
                 trimestre = ?, semaine = ? WHERE date = ?",
                values,
            )?;
        }
        dims::fill_dates(session, &report.missing.iter().copied().collect())?;
        Ok(report)
    })
}

fn read(session: &mut Session) -> Result<Vec<Row>> {
    type Flat = (
        String,
        Option<i64>,
        Option<i64>,
        Option<i64>,
        Option<i64>,
        Option<String>,
        Option<i64>,
        Option<i64>,
        Option<i64>,
        Option<i64>,
    );
    let rows: Vec<Flat> = session.rows(
        "lecture de dim_dates",
        "SELECT CAST(date AS CHAR), CAST(vacances_a AS SIGNED), CAST(vacances_b AS SIGNED), \
         CAST(vacances_c AS SIGNED), CAST(ferie AS SIGNED), CAST(jour_semaine AS CHAR), CAST(mois AS SIGNED), \
         CAST(annee AS SIGNED), CAST(trimestre AS SIGNED), CAST(semaine AS SIGNED) FROM dim_dates ORDER BY date",
        (),
    )?;
    let row = |(date, a, b, c, ferie, jour, mois, annee, trimestre, semaine): Flat| {
        (date, a, b, c, ferie, jour, (mois, annee, trimestre, semaine))
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Columns of a row that differ from `day`. The case of the weekday does not count; unknown school flags neither.
fn differences(row: &Row, day: &Day) -> Vec<&'static str> {
    let (_, a, b, c, ferie, jour, (mois, annee, trimestre, semaine)) = row;
    let flag = |stored: &Option<i64>| stored.map(|value| value != 0);
    let school = |stored: &Option<i64>, known: Option<bool>| known.is_some() && flag(stored) != known;
    let number = |stored: &Option<i64>, expected: i64| *stored != Some(expected);
    let weekday = jour.as_deref().is_none_or(|name| name.trim().to_lowercase() != day.jour_semaine);
    [
        ("vacances_a", school(a, day.vacances_a)),
        ("vacances_b", school(b, day.vacances_b)),
        ("vacances_c", school(c, day.vacances_c)),
        ("ferie", flag(ferie) != Some(day.ferie)),
        ("jour_semaine", weekday),
        ("mois", number(mois, day.mois.into())),
        ("annee", number(annee, day.annee.into())),
        ("trimestre", number(trimestre, day.trimestre.into())),
        ("semaine", number(semaine, day.semaine.into())),
    ]
    .into_iter()
    .filter_map(|(column, differs)| differs.then_some(column))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(date: &str, school: [Option<i64>; 3], ferie: i64, jour: &str, numbers: [i64; 4]) -> Row {
        let [a, b, c] = school;
        let [mois, annee, trimestre, semaine] = numbers.map(Some);
        (date.into(), a, b, c, Some(ferie), Some(jour.into()), (mois, annee, trimestre, semaine))
    }

    fn wrong(row: &Row) -> Vec<&'static str> {
        differences(row, &Day::of(row.0.parse().unwrap()))
    }

    #[test]
    fn a_right_row_has_no_difference() {
        // Whit Monday 2025, week 24
        let zones = [Some(0), Some(0), Some(0)];
        assert!(wrong(&row("2025-06-09", zones, 1, "lundi", [6, 2025, 2, 24])).is_empty());
        assert!(wrong(&row("2025-06-09", zones, 1, "Lundi", [6, 2025, 2, 24])).is_empty());
    }

    #[test]
    fn each_wrong_column_is_named() {
        let bad = row("2025-02-10", [Some(1), None, Some(0)], 1, "mardi", [3, 2024, 2, 8]);
        let expected = ["vacances_a", "vacances_b", "ferie", "jour_semaine", "mois", "annee", "trimestre", "semaine"];
        assert_eq!(wrong(&bad), expected);
    }

    #[test]
    fn unknown_school_holidays_are_not_compared() {
        let entered = row("2035-05-01", [Some(1), Some(0), None], 1, "mardi", [5, 2035, 2, 18]);
        assert!(wrong(&entered).is_empty());
    }
}
