//! The public holidays of metropolitan France.
//!
//! The eleven of article L3133-1 of the Code du travail, each from the first year in which the law holds it as a
//! yearly holiday. Alsace and Moselle have two more (Good Friday and 26 December), which are left out.

use chrono::{Datelike, Days, NaiveDate};

use crate::domain::calendar::easter::easter_sunday;

/// A public holiday of one year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicHoliday {
    pub(crate) date: NaiveDate,
    pub name: &'static str,
}

/// How the date of a holiday is found in a year.
enum Place {
    /// A month and a day of the month.
    Fixed(u32, u32),
    /// Days after Easter Sunday.
    AfterEaster(u64),
}

/// A holiday of the law: its name, its place in the year, and the years (both ends included) in which it is one.
struct Rule(&'static str, Place, &'static [(i32, i32)]);

/// Name of the holiday of 1 May.
pub(crate) const FETE_DU_TRAVAIL: &str = "Fête du Travail";
/// Name of the holiday of 8 May.
pub(crate) const VICTOIRE_1945: &str = "Victoire 1945";

const RULES: [Rule; 11] = [
    Rule("Jour de l'An", Place::Fixed(1, 1), &[(1810, i32::MAX)]),
    Rule("Lundi de Pâques", Place::AfterEaster(1), &[(1886, i32::MAX)]),
    Rule(FETE_DU_TRAVAIL, Place::Fixed(5, 1), &[(1947, i32::MAX)]),
    // abolished as a holiday in 1959, brought back by the law of 2 October 1981
    Rule(VICTOIRE_1945, Place::Fixed(5, 8), &[(1953, 1959), (1982, i32::MAX)]),
    Rule("Ascension", Place::AfterEaster(39), &[(1802, i32::MAX)]),
    Rule("Lundi de Pentecôte", Place::AfterEaster(50), &[(1886, i32::MAX)]),
    Rule("Fête nationale", Place::Fixed(7, 14), &[(1880, i32::MAX)]),
    Rule("Assomption", Place::Fixed(8, 15), &[(1802, i32::MAX)]),
    Rule("Toussaint", Place::Fixed(11, 1), &[(1802, i32::MAX)]),
    Rule("Armistice 1918", Place::Fixed(11, 11), &[(1922, i32::MAX)]),
    Rule("Noël", Place::Fixed(12, 25), &[(1802, i32::MAX)]),
];

/// The public holidays of `year`, by date. Two may fall on one day (Ascension on 1 May 2008).
pub(crate) fn public_holidays(year: i32) -> Vec<PublicHoliday> {
    let easter = easter_sunday(year);
    let mut holidays: Vec<PublicHoliday> = RULES
        .iter()
        .filter(|Rule(_, _, spans)| spans.iter().any(|&(from, to)| (from..=to).contains(&year)))
        .filter_map(|Rule(name, place, _)| {
            let date = match *place {
                Place::Fixed(month, day) => NaiveDate::from_ymd_opt(year, month, day),
                Place::AfterEaster(days) => easter.checked_add_days(Days::new(days)),
            };
            date.map(|date| PublicHoliday { date, name })
        })
        .collect();
    holidays.sort_by_key(|holiday| holiday.date);
    holidays
}

/// Whether `date` is a public holiday.
pub(crate) fn is_public_holiday(date: NaiveDate) -> bool {
    public_holidays(date.year()).iter().any(|holiday| holiday.date == date)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn dates(year: i32) -> Vec<(u32, u32)> {
        public_holidays(year).iter().map(|h| (h.date.month(), h.date.day())).collect()
    }

    /// The lists that service-public.fr publishes.
    #[test]
    fn published_years() {
        let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
        for (year, moving) in [
            (2008, [(3, 24), (5, 1), (5, 12)]),
            (2023, [(4, 10), (5, 18), (5, 29)]),
            (2024, [(4, 1), (5, 9), (5, 20)]),
            (2025, [(4, 21), (5, 29), (6, 9)]),
            (2026, [(4, 6), (5, 14), (5, 25)]),
            (2027, [(3, 29), (5, 6), (5, 17)]),
        ] {
            let mut expected: Vec<_> = fixed.iter().chain(&moving).copied().collect();
            expected.sort_unstable();
            assert_eq!(dates(year), expected, "year {year}");
        }
    }

    #[test]
    fn a_holiday_begins_with_its_law() {
        assert!(dates(1959).contains(&(5, 8)));
        assert!(!dates(1960).contains(&(5, 8)) && !dates(1981).contains(&(5, 8)));
        assert!(dates(1982).contains(&(5, 8)));
        assert!(!dates(1921).contains(&(11, 11)) && dates(1922).contains(&(11, 11)));
    }

    proptest! {
        #[test]
        fn eleven_a_year_since_1982(year in 1982..=2100i32) {
            let holidays = public_holidays(year);
            prop_assert_eq!(holidays.len(), 11);
            prop_assert!(holidays.is_sorted_by_key(|h| h.date));
            prop_assert!(holidays.iter().all(|h| h.date.year() == year && is_public_holiday(h.date)));
            let names: BTreeSet<_> = holidays.iter().map(|h| h.name).collect();
            prop_assert_eq!(names.len(), 11);
        }
    }
}
