//! The tools of the calendar, one call each.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};

use crate::db::Database;
use crate::domain::calendar::paris;
use crate::domain::calendar::saisons::YEARS;
use crate::error::{Error, Result};
use crate::ledger;
use crate::report::Report;
use crate::saisons::report::{InstantsReport, StatusReport, UpdateReport, VerificationReport};
use crate::saisons::store::{self, Stored};
use crate::saisons::{check, dates};

/// First year that the tools fill without `--from`: the observatory's first complete one.
const FIRST_YEAR: i32 = 2019;

/// Year that the tools fill at least, without `--to`.
const LAST_YEAR: i32 = 2030;

/// Years ahead of the present one that the tools fill, without `--to`.
const YEARS_AHEAD: i32 = 4;

/// First and last year as `--from` and `--to` give them; a side that is `None` is left to the tool.
pub(crate) type Bounds = (Option<i32>, Option<i32>);

/// `scrap-date`: the computed equinoxes and solstices of the years, as a table or as CSV for people.
///
/// # Errors
/// [`Error::Usage`] for years that are not computed.
pub fn instants(bounds: Bounds, csv: bool) -> Result<impl Report + use<>> {
    Ok(InstantsReport::new(years(bounds, default_years(Utc::now()))?, csv))
}

/// `status-saisons`: the state of seasons, periods and days in one line; writes nothing.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub fn status(database: &Database) -> Result<impl Report + use<>> {
    Ok(StatusReport::from(check::verify(database, Utc::now())?))
}

/// `verifier-saisons`: all findings on seasons, periods and days; with `repair`, `dim_dates` is corrected before, or on a
/// dry run it is only counted what would be.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
pub fn verify(database: &Database, repair: bool, dry_run: bool) -> Result<impl Report + use<>> {
    let repaired = match repair && !dry_run {
        true => {
            let _lock = ledger::lock(database)?;
            Some(dates::repair(database)?)
        }
        false => None,
    };
    Ok(VerificationReport::new(check::verify(database, Utc::now())?, repair, repaired.as_ref()))
}

/// `update-saisons`: fills `dim_saisons` and `dim_periodes`, all or nothing, under the lock; `overwrite` replaces computed
/// periods that people changed. Years that are not given are those of the facts and of the periods; without
/// any, the usual ones.
///
/// # Errors
/// [`Error::Usage`] for years that are not computed, [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
pub fn update(database: &Database, bounds: Bounds, overwrite: bool, dry_run: bool) -> Result<impl Report + use<>> {
    let years = years_or_needed(database, bounds, Utc::now())?;
    let plan = if dry_run {
        crate::saisons::update::plan(database, years.clone(), overwrite)?
    } else {
        let _lock = ledger::lock(database)?;
        crate::saisons::update::apply(database, years.clone(), overwrite)?
    };
    Ok(UpdateReport::new(&plan, &years, dry_run))
}

/// `reset-saisons`: empties `dim_saisons` for the years, all where none is given, and with `periodes` deletes the computed
/// periods too. On a dry run it only reports what would go.
///
/// # Errors
/// [`Error::Usage`] for years that are not computed, [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
pub fn reset(database: &Database, bounds: Bounds, periodes: bool, dry_run: bool) -> Result<impl Report + use<>> {
    let given = years(bounds, (*YEARS.start(), *YEARS.end()))?;
    // A side that is not given leaves nothing out, not even rows outside the computed years.
    let years = bounds.0.map_or(i32::MIN, |_| *given.start())..=bounds.1.map_or(i32::MAX, |_| *given.end());
    crate::saisons::reset::reset(database, &years, periodes, dry_run)
}

/// The years that `bounds` names; where a side is not given, the one of `default`, or the other side where that would
/// leave no year.
fn years(bounds: Bounds, default: (i32, i32)) -> Result<RangeInclusive<i32>> {
    let (from, to) = bounds;
    for year in [from, to].into_iter().flatten() {
        if !YEARS.contains(&year) {
            let (first, last) = (YEARS.start(), YEARS.end());
            return Err(Error::Usage(format!("l'année {year} n'est pas calculée : choisissez de {first} à {last}")));
        }
    }
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Error::Usage(format!("--from {from} vient après --to {to}"))),
        (Some(from), Some(to)) => Ok(from..=to),
        (Some(from), None) => Ok(from..=default.1.max(from)),
        (None, Some(to)) => Ok(default.0.min(to)..=to),
        (None, None) => Ok(default.0..=default.1),
    }
}

fn default_years(now: DateTime<Utc>) -> (i32, i32) {
    let this_year = paris::civil_time(now).year();
    (FIRST_YEAR, (this_year + YEARS_AHEAD).clamp(LAST_YEAR, *YEARS.end()))
}

/// [`years`], where the default are the years of the facts and of the periods, if there are any.
fn years_or_needed(database: &Database, bounds: Bounds, now: DateTime<Utc>) -> Result<RangeInclusive<i32>> {
    let default = default_years(now);
    if let (Some(_), Some(_)) = bounds {
        return years(bounds, default);
    }
    let mut session = database.session()?;
    let tables = database.tables(&mut session)?;
    let mut needed = Stored::load(&mut session, &tables)?.years_of_periodes();
    needed.extend(store::years_of(&store::days_of_facts(database, &mut session)?));
    let first = needed.first().copied().unwrap_or(default.0);
    let last = needed.last().copied().unwrap_or(default.1);
    years(bounds, (first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_in_the_wrong_order_or_out_of_range_are_bad_usage() {
        for bounds in [(Some(2030), Some(2019)), (Some(1899), Some(1950)), (None, Some(2101)), (Some(-1), None)] {
            assert_eq!(years(bounds, (2019, 2030)).unwrap_err().code(), 2, "{bounds:?}");
        }
    }

    #[test]
    fn a_bound_that_is_not_given_never_empties_the_years() {
        let of = |from, to| years((from, to), (2019, 2030)).unwrap();
        assert_eq!(of(None, None), 2019..=2030);
        assert_eq!(of(Some(2025), None), 2025..=2030);
        assert_eq!(of(Some(2040), None), 2040..=2040);
        assert_eq!(of(None, Some(1990)), 1990..=1990);
    }
}
