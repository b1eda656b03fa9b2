//! `dim_saisons`, `dim_periodes` and `dim_dates` in the database: what they hold, what the calendar says, and the plan
//! that leads from one to the other.
//!
//! Periods that people entered or changed are kept. To tell them from our own of an earlier run, the days that were
//! written last stand in `flux_periodes`: a row that still has them is ours and follows a corrected calendar, a row
//! that has others is theirs.

pub mod check;
pub mod dates;
pub mod plan;
pub mod report;
pub mod reset;
pub mod store;
pub mod update;

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};

use crate::calendar::paris;
use crate::calendar::saisons::{Saison, YEARS};
use crate::error::{Error, Result};

/// First year that the tools fill unless told otherwise: the observatory's first complete one.
const FIRST_YEAR: i32 = 2019;

/// Year that the tools fill at least, unless told otherwise.
const LAST_YEAR: i32 = 2030;

/// Years ahead of the present one that the tools fill, unless told otherwise.
const YEARS_AHEAD: i32 = 4;

/// Season of one year, as the unique key of `dim_saisons` names it.
pub type SaisonKey = (i32, Saison);

/// The years that `--from` and `--to` name.
///
/// # Errors
/// [`Error::Usage`] when they are in the wrong order or beyond [`YEARS`].
pub fn years(from: i32, to: i32) -> Result<RangeInclusive<i32>> {
    if from > to {
        return Err(Error::Usage(format!("--from {from} vient après --to {to}")));
    }
    for year in [from, to] {
        if !YEARS.contains(&year) {
            let (first, last) = (YEARS.start(), YEARS.end());
            return Err(Error::Usage(format!("l'année {year} n'est pas calculée : choisissez de {first} à {last}")));
        }
    }
    Ok(from..=to)
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
        assert_eq!(years(2019, 2030).unwrap(), 2019..=2030);
        for (from, to) in [(2030, 2019), (1899, 1950), (2090, 2101)] {
            assert_eq!(years(from, to).unwrap_err().code(), 2, "{from} {to}");
        }
    }
}
