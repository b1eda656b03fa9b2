//! The tools of the calendar, one task each.

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
use crate::task::{Context, Task};

/// First year that the tools fill without `--from`: the observatory's first complete one.
const FIRST_YEAR: i32 = 2019;

/// Year that the tools fill at least, without `--to`.
const LAST_YEAR: i32 = 2030;

/// Years ahead of the present one that the tools fill, without `--to`.
const YEARS_AHEAD: i32 = 4;

/// First and last year as `--from` and `--to` give them; a side that is `None` is left to the tool.
pub(crate) type Bounds = (Option<i32>, Option<i32>);

/// `scrap-date`: the computed equinoxes and solstices of the years, as a table or as CSV for people.
#[derive(Debug, Clone, Copy)]
pub struct Instants {
    /// First and last year; a side that is `None` is left to the task.
    pub years: Bounds,
    /// As CSV.
    pub csv: bool,
}

impl Task for Instants {
    /// # Errors
    /// [`Error::Usage`] for years that are not computed.
    fn run(self, _: &Context) -> Result<impl Report> {
        Ok(InstantsReport::new(years(self.years, default_years(Utc::now()))?, self.csv))
    }
}

/// `status-saisons`: the state of seasons, periods and days in one line; writes nothing.
#[derive(Debug, Clone, Copy)]
pub struct SaisonsStatus;

impl Task for SaisonsStatus {
    /// # Errors
    /// [`Error::MissingTable`], [`Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        Ok(StatusReport::from(check::verify(&context.database()?, Utc::now())?))
    }
}

/// `verifier-saisons`: all findings on seasons, periods and days.
#[derive(Debug, Clone, Copy)]
pub struct SaisonsCheck {
    /// Corrects `dim_dates` before; on a dry run it is only counted what would be.
    pub repair: bool,
    /// Writes nothing.
    pub dry_run: bool,
}

impl Task for SaisonsCheck {
    /// # Errors
    /// [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let repaired = match self.repair && !self.dry_run {
            true => {
                let _lock = ledger::lock(database)?;
                Some(dates::repair(database)?)
            }
            false => None,
        };
        Ok(VerificationReport::new(check::verify(database, Utc::now())?, self.repair, repaired.as_ref()))
    }
}

/// `update-saisons`: fills `dim_saisons` and `dim_periodes`, all or nothing, under the lock.
#[derive(Debug, Clone, Copy)]
pub struct SaisonsUpdate {
    /// First and last year; those of the facts and of the periods where they are not given, without any the usual ones.
    pub years: Bounds,
    /// Replaces computed periods that people changed.
    pub overwrite: bool,
    /// Only says what would be written.
    pub dry_run: bool,
}

impl Task for SaisonsUpdate {
    /// # Errors
    /// [`Error::Usage`] for years that are not computed, [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let years = years_or_needed(database, self.years, Utc::now())?;
        let plan = if self.dry_run {
            crate::saisons::update::plan(database, years.clone(), self.overwrite)?
        } else {
            let _lock = ledger::lock(database)?;
            crate::saisons::update::apply(database, years.clone(), self.overwrite)?
        };
        Ok(UpdateReport::new(&plan, &years, self.dry_run))
    }
}

/// `reset-saisons`: empties `dim_saisons` for the years.
#[derive(Debug, Clone, Copy)]
pub struct SaisonsReset {
    /// First and last year; all where none is given.
    pub years: Bounds,
    /// Deletes the computed periods too.
    pub periodes: bool,
    /// Only says what would go.
    pub dry_run: bool,
}

impl Task for SaisonsReset {
    /// # Errors
    /// [`Error::Usage`] for years that are not computed, [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let given = years(self.years, (*YEARS.start(), *YEARS.end()))?;
        // A side that is not given leaves nothing out, not even rows outside the computed years.
        let years = self.years.0.map_or(i32::MIN, |_| *given.start())..=self.years.1.map_or(i32::MAX, |_| *given.end());
        crate::saisons::reset::reset(database, &years, self.periodes, self.dry_run)
    }
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
