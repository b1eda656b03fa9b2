//! `dim_saisons`, `dim_periodes` and `dim_dates` in the database: what they hold, what the calendar says, and the plan
//! that leads from one to the other.
//!
//! Periods that people entered or changed are kept. To tell them from our own of an earlier run, the days that were
//! written last stand in `flux_periodes`: a row that still has them is ours and follows a corrected calendar, a row
//! that has others is theirs.

pub mod check;
pub mod dates;
pub(crate) mod plan;
pub mod report;
pub mod reset;
pub(crate) mod store;
pub mod update;

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};

use crate::domain::calendar::paris;
use crate::domain::calendar::saisons::{Saison, YEARS};
use crate::error::{Error, Result};

/// First year that the tools fill unless told otherwise: the observatory's first complete one.
const FIRST_YEAR: i32 = 2019;

/// Year that the tools fill at least, unless told otherwise.
const LAST_YEAR: i32 = 2030;

/// Years ahead of the present one that the tools fill, unless told otherwise.
const YEARS_AHEAD: i32 = 4;

/// Season of one year, as the unique key of `dim_saisons` names it.
pub(crate) type SaisonKey = (i32, Saison);

/// The years that `--from` and `--to` name; where one is not given, the one of `default`, or the other one where that
/// would leave no year.
///
/// # Errors
/// [`Error::Usage`] when they are in the wrong order or beyond [`YEARS`].
pub fn years(from: Option<i32>, to: Option<i32>, default: (i32, i32)) -> Result<RangeInclusive<i32>> {
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

/// The years of a tool that was not told which, at the instant `now`.
pub fn default_years(now: DateTime<Utc>) -> (i32, i32) {
    let this_year = paris::civil_time(now).year();
    (FIRST_YEAR, (this_year + YEARS_AHEAD).clamp(LAST_YEAR, *YEARS.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_in_the_wrong_order_or_out_of_range_are_bad_usage() {
        for (from, to) in [(Some(2030), Some(2019)), (Some(1899), Some(1950)), (None, Some(2101)), (Some(-1), None)] {
            assert_eq!(years(from, to, (2019, 2030)).unwrap_err().code(), 2, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_bound_that_is_not_given_never_empties_the_years() {
        let of = |from, to| years(from, to, (2019, 2030)).unwrap();
        assert_eq!(of(None, None), 2019..=2030);
        assert_eq!(of(Some(2025), None), 2025..=2030);
        assert_eq!(of(Some(2040), None), 2040..=2040);
        assert_eq!(of(None, Some(1990)), 1990..=1990);
    }
}
