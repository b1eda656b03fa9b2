//! One day as `dim_dates` holds it.

use chrono::{Datelike, NaiveDate};

use crate::domain::calendar::holidays::is_public_holiday;
use crate::domain::calendar::school::zones_on_holiday;

/// French weekday names, Monday first, as `dim_dates.jour_semaine` stores them.
pub(crate) const WEEKDAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// A row of `dim_dates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    pub(crate) date: NaiveDate,
    /// School holiday in zone A; `None` (NULL) where the school calendar is not known.
    pub vacances_a: Option<bool>,
    /// School holiday in zone B; `None` likewise.
    pub vacances_b: Option<bool>,
    /// School holiday in zone C; `None` likewise.
    pub vacances_c: Option<bool>,
    /// Public holiday of metropolitan France.
    pub ferie: bool,
    /// Weekday, `lundi` to `dimanche`.
    pub jour_semaine: &'static str,
    /// Month, 1 to 12.
    pub(crate) mois: u32,
    pub(crate) annee: i32,
    /// Quarter, 1 to 4.
    pub(crate) trimestre: u32,
    /// ISO 8601 week, 1 to 53; near 1 January it may belong to the year before or after.
    pub(crate) semaine: u32,
}

impl Day {
    /// The row of `date`.
    pub fn of(date: NaiveDate) -> Self {
        let zones = zones_on_holiday(date);
        Self {
            date,
            vacances_a: zones.map(|zones| zones.a),
            vacances_b: zones.map(|zones| zones.b),
            vacances_c: zones.map(|zones| zones.c),
            ferie: is_public_holiday(date),
            jour_semaine: weekday_name(date),
            mois: date.month(),
            annee: date.year(),
            trimestre: date.month0() / 3 + 1,
            semaine: date.iso_week().week(),
        }
    }
}

/// The French weekday name of a date, in SQL.
pub(crate) fn weekday_in_sql(date: &str) -> String {
    format!("ELT(WEEKDAY({date}) + 1, '{}')", WEEKDAYS.join("', '"))
}

/// The French weekday name of `date`.
pub(crate) fn weekday_name(date: NaiveDate) -> &'static str {
    WEEKDAYS[date.weekday().num_days_from_monday() as usize]
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Day {
        Day::of(text.parse().unwrap())
    }

    #[test]
    fn all_saints_2025() {
        let expected = Day {
            date: "2025-11-01".parse().unwrap(),
            vacances_a: Some(true),
            vacances_b: Some(true),
            vacances_c: Some(true),
            ferie: true,
            jour_semaine: "samedi",
            mois: 11,
            annee: 2025,
            trimestre: 4,
            semaine: 44,
        };
        assert_eq!(of("2025-11-01"), expected);
    }

    #[test]
    fn winter_zones_differ() {
        let day = of("2025-02-10");
        assert_eq!((day.vacances_a, day.vacances_b, day.vacances_c), (Some(false), Some(true), Some(false)));
        assert_eq!((day.ferie, day.jour_semaine, day.semaine, day.trimestre), (false, "lundi", 7, 1));
    }

    /// Weeks of the years that ISO 8601 itself takes as examples.
    #[test]
    fn iso_weeks_at_the_turn_of_the_year() {
        for (date, week) in
            [("2005-01-01", 53), ("2008-12-30", 1), ("2010-01-03", 53), ("2024-12-30", 1), ("2027-01-01", 53)]
        {
            assert_eq!(of(date).semaine, week, "{date}");
        }
    }

    #[test]
    fn beyond_the_school_calendar_the_flags_are_null_and_the_rest_stands() {
        let day = of("2035-05-01");
        assert_eq!((day.vacances_a, day.vacances_b, day.vacances_c), (None, None, None));
        assert_eq!((day.ferie, day.jour_semaine), (true, "mardi"));
    }

    proptest! {
        #[test]
        fn consecutive_days_follow(offset in 0..73_413u64) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + Days::new(offset);
            let (today, tomorrow) = (Day::of(date), Day::of(date + Days::new(1)));
            let index = |day: &Day| WEEKDAYS.iter().position(|name| *name == day.jour_semaine).unwrap();
            prop_assert_eq!((index(&today) + 1) % 7, index(&tomorrow));
            prop_assert!((1..=53).contains(&today.semaine) && (1..=12).contains(&today.mois));
            prop_assert_eq!(today.trimestre, today.mois.div_ceil(3));
            prop_assert_eq!(today.semaine != tomorrow.semaine, today.jour_semaine == "dimanche");
        }
    }
}
