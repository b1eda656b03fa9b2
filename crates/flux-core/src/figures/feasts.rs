//! The days that have a figure of their own, looked up in each year's own calendar.

use chrono::{Datelike, NaiveDate, Weekday};

use crate::domain::calendar::periodes::{PeriodeKind, periodes_of};
use crate::figures::period::Period;

/// A feast, or a weekend that hangs on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feast {
    /// Saturday to Easter Monday.
    WeekendPaques,
    /// 1 May.
    PremierMai,
    /// Thursday to Sunday.
    WeekendAscension,
    /// Saturday to Whit Monday.
    WeekendPentecote,
    /// 14 July.
    QuatorzeJuillet,
    /// 15 August.
    QuinzeAout,
}

impl Feast {
    /// Its days in a year.
    pub(crate) fn days(self, year: i32) -> Option<Period> {
        let computed = |wanted: PeriodeKind| {
            let found = periodes_of(year).known.into_iter().find(|periode| periode.kind == wanted)?;
            Some(Period::interval(found.premier_jour, found.dernier_jour))
        };
        let day = |month, day| NaiveDate::from_ymd_opt(year, month, day).map(|day| Period::interval(day, day));
        match self {
            Self::WeekendPaques => computed(PeriodeKind::WeekendPaques),
            Self::PremierMai => day(5, 1),
            Self::WeekendAscension => computed(PeriodeKind::WeekendAscension),
            Self::WeekendPentecote => computed(PeriodeKind::WeekendPentecote),
            Self::QuatorzeJuillet => day(7, 14),
            Self::QuinzeAout => day(8, 15),
        }
    }

    /// The year, of those that `period` touches, in which the whole feast lies in it; the first where there are several.
    pub(crate) fn year_within(self, period: &Period) -> Option<i32> {
        let lies_in =
            |year: &i32| self.days(*year).is_some_and(|days| period.debut <= days.debut && days.fin <= period.fin);
        (period.debut.year()..=period.fin.year()).find(lies_in)
    }
}

/// The `rank`th Saturday of a period, from 1.
pub(crate) fn saturday(period: &Period, rank: usize) -> Option<NaiveDate> {
    period.iter().filter(|day| day.weekday() == Weekday::Sat).nth(rank.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(debut: &str, fin: &str) -> Period {
        Period::interval(debut.parse().unwrap(), fin.parse().unwrap())
    }

    /// Easter of 2024 and 2025 are 31 March and 20 April.
    #[test]
    fn a_feast_is_where_its_own_year_has_it() {
        assert_eq!(Feast::WeekendPaques.days(2024), Some(period("2024-03-30", "2024-04-01")));
        assert_eq!(Feast::WeekendPaques.days(2025), Some(period("2025-04-19", "2025-04-21")));
        assert_eq!(Feast::WeekendAscension.days(2025), Some(period("2025-05-29", "2025-06-01")));
        assert_eq!(Feast::WeekendPentecote.days(2025), Some(period("2025-06-07", "2025-06-09")));
        assert_eq!(Feast::QuinzeAout.days(2025), Some(period("2025-08-15", "2025-08-15")));
    }

    #[test]
    fn a_feast_counts_when_all_of_it_lies_in_the_period() {
        let easter = Feast::WeekendPaques;
        assert_eq!(easter.year_within(&period("2025-04-05", "2025-05-04")), Some(2025));
        assert_eq!(easter.year_within(&period("2025-04-05", "2025-04-20")), None);
        // a winter that begins in 2024 holds no Easter, a span of years the first one
        assert_eq!(easter.year_within(&period("2024-12-21", "2025-03-19")), None);
        assert_eq!(easter.year_within(&period("2024-06-01", "2026-06-01")), Some(2025));
    }

    /// 1 July 2025 is a Tuesday.
    #[test]
    fn saturdays_are_counted_from_the_first_day() {
        let july = period("2025-07-01", "2025-07-31");
        assert_eq!(saturday(&july, 2).unwrap().to_string(), "2025-07-12");
        assert_eq!(saturday(&july, 3).unwrap().to_string(), "2025-07-19");
        assert_eq!(saturday(&period("2025-07-05", "2025-07-06"), 1).unwrap().to_string(), "2025-07-05");
        assert_eq!((saturday(&period("2025-07-05", "2025-07-06"), 2), saturday(&july, 0)), (None, None));
    }
}
