//! The civil time of Paris, with its rules of every year: the local mean time to 1911, the summer times since 1916, the
//! time of Berlin in 1940–1944, the present rules since 1976 (IANA time zone data, built in).

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Europe::Paris;

/// The built-in data ends with this year; from it on the present European rule is applied here.
const FIRST_YEAR_WITHOUT_DATA: i32 = 2100;

/// The civil time of Paris at `instant`.
pub fn civil_time(instant: DateTime<Utc>) -> NaiveDateTime {
    if instant.year() >= FIRST_YEAR_WITHOUT_DATA {
        let hours = if is_european_summer(instant.naive_utc()) { 2 } else { 1 };
        return instant.naive_utc() + TimeDelta::hours(hours);
    }
    instant.with_timezone(&Paris).naive_local()
}

/// Summer time lasts from the last Sunday of March to that of October, both at 01:00 of universal time.
fn is_european_summer(utc: NaiveDateTime) -> bool {
    let change = |month| {
        let last_day = NaiveDate::from_ymd_opt(utc.year(), month, 31)?;
        last_day.week(Weekday::Sun).checked_first_day()?.and_hms_opt(1, 0, 0)
    };
    match (change(3), change(10)) {
        (Some(start), Some(end)) => start <= utc && utc < end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = include_str!("../../../tests-data/equinoxes_1899_2101.csv");

    #[test]
    fn against_zoneinfo() {
        for line in REFERENCE.lines().skip(1) {
            let fields: Vec<&str> = line.split(';').collect();
            let instant: DateTime<Utc> = fields[2].parse().unwrap();
            assert_eq!(civil_time(instant).to_string(), fields[5], "{line}");
        }
    }

    #[test]
    fn around_the_changes_of_2025() {
        for (utc, paris) in [
            ("2025-03-30T00:59:59Z", "2025-03-30 01:59:59"),
            ("2025-03-30T01:00:00Z", "2025-03-30 03:00:00"),
            ("2025-10-26T00:59:59Z", "2025-10-26 02:59:59"),
            ("2025-10-26T01:00:00Z", "2025-10-26 02:00:00"),
        ] {
            assert_eq!(civil_time(utc.parse().unwrap()).to_string(), paris);
        }
    }

    /// The rule of 2100 on gives the same as the data of the years before.
    #[test]
    fn the_rule_without_data() {
        let start: DateTime<Utc> = "2095-01-01T00:30:00Z".parse().unwrap();
        for hour in 0..5 * 366 * 24 {
            let instant = start + TimeDelta::hours(hour);
            if instant.year() < FIRST_YEAR_WITHOUT_DATA {
                let summer = civil_time(instant) - instant.naive_utc() == TimeDelta::hours(2);
                assert_eq!(is_european_summer(instant.naive_utc()), summer, "{instant}");
            }
        }
        for (utc, paris) in [
            ("2100-03-28T00:59:59Z", "2100-03-28 01:59:59"),
            ("2100-03-28T01:00:00Z", "2100-03-28 03:00:00"),
            ("2100-10-31T01:00:00Z", "2100-10-31 02:00:00"),
        ] {
            assert_eq!(civil_time(utc.parse().unwrap()).to_string(), paris);
        }
    }
}
