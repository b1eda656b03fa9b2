//! The date of Easter, by the computus of the Gregorian calendar.

use chrono::{Days, NaiveDate};

/// Easter Sunday of a Gregorian `year`, by the anonymous method of Meeus, Jones and Butcher (Meeus, *Astronomical
/// Algorithms*, chapter 8). Exact for every year from 1583 on.
///
/// A year beyond what [`NaiveDate`] holds (about ± 262 000) gives [`NaiveDate::MAX`].
pub(crate) fn easter_sunday(year: i32) -> NaiveDate {
    let golden = year.rem_euclid(19);
    let century = year.div_euclid(100);
    let rest = year.rem_euclid(100);
    let moon_shift = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon_shift + 15).rem_euclid(30);
    let weekday = (32 + 2 * century.rem_euclid(4) + 2 * (rest / 4) - epact - rest % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let after_first_of_march = epact + weekday - 7 * late + 21;
    NaiveDate::from_ymd_opt(year, 3, 1)
        .and_then(|first| first.checked_add_days(Days::new(after_first_of_march.unsigned_abs().into())))
        .unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Weekday};
    use proptest::prelude::*;

    use super::*;

    /// Dates of the tables of the Bureau des longitudes and of the Nautical Almanac, with the earliest (22 March) and
    /// the latest (25 April) Easter that are possible, and the examples that Meeus gives.
    #[test]
    fn published_dates() {
        for (year, month, day) in [
            (1583, 4, 10),
            (1818, 3, 22),
            (1886, 4, 25),
            (1900, 4, 15),
            (1943, 4, 25),
            (1954, 4, 18),
            (1961, 4, 2),
            (1981, 4, 19),
            (1991, 3, 31),
            (1992, 4, 19),
            (1993, 4, 11),
            (2000, 4, 23),
            (2008, 3, 23),
            (2015, 4, 5),
            (2016, 3, 27),
            (2019, 4, 21),
            (2020, 4, 12),
            (2021, 4, 4),
            (2022, 4, 17),
            (2023, 4, 9),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2028, 4, 16),
            (2029, 4, 1),
            (2030, 4, 21),
            (2038, 4, 25),
            (2049, 4, 18),
            (2076, 4, 19),
            (2100, 3, 28),
            (2285, 3, 22),
        ] {
            assert_eq!(Some(easter_sunday(year)), NaiveDate::from_ymd_opt(year, month, day), "year {year}");
        }
    }

    #[test]
    fn a_year_out_of_range_does_not_panic() {
        assert_eq!(easter_sunday(300_000), NaiveDate::MAX);
        assert_eq!(easter_sunday(-300_000), NaiveDate::MAX);
    }

    proptest! {
        #[test]
        fn a_sunday_between_22_march_and_25_april(year in 1583..=9999i32) {
            let easter = easter_sunday(year);
            prop_assert_eq!(easter.weekday(), Weekday::Sun);
            prop_assert_eq!(easter.year(), year);
            prop_assert!((3, 22) <= (easter.month(), easter.day()) && (easter.month(), easter.day()) <= (4, 25));
        }
    }
}
