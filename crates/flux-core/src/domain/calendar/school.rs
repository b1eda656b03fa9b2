//! The school holidays of zones A, B and C, from the ministry's calendar that is embedded at build time.
//!
//! Source: Ministère de l'Éducation nationale, Licence Ouverte 2.0. The ministry publishes a few years ahead; outside
//! the days it covers the answer is "unknown", never a guess.

use std::sync::LazyLock;

use chrono::NaiveDate;

const SOURCE: &str = include_str!("../../../../../reference/vacances_scolaires.csv");

/// One of the three zones of the school calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SchoolZone {
    /// Zone A (Clermont-Ferrand, Lyon, Bordeaux …).
    A,
    /// Zone B (Lille, Nantes, Aix-Marseille …).
    B,
    /// Zone C (Paris, Toulouse, Montpellier …).
    C,
}

/// Which holidays these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SchoolHolidayKind {
    Hiver,
    /// Vacances de printemps (de Pâques).
    Printemps,
    /// Pont de l'Ascension, in the years in which the ministry grants it.
    Ascension,
    Ete,
    /// Vacances de la Toussaint.
    Toussaint,
    /// Vacances de Noël, which run into the next year.
    Noel,
}

/// The holidays of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchoolHoliday {
    pub zone: SchoolZone,
    pub kind: SchoolHolidayKind,
    /// First day without school.
    pub(crate) start: NaiveDate,
    /// Last day without school.
    pub(crate) end: NaiveDate,
}

/// The zones on holiday on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ZonesOnHoliday {
    /// Zone A is on holiday.
    pub(crate) a: bool,
    /// Zone B is on holiday.
    pub(crate) b: bool,
    /// Zone C is on holiday.
    pub(crate) c: bool,
}

// A line that does not parse is left out here; a test proves that every line of the embedded file parses.
static CALENDAR: LazyLock<Vec<SchoolHoliday>> =
    LazyLock::new(|| SOURCE.lines().skip(1).filter_map(parse_line).collect());

fn parse_line(line: &str) -> Option<SchoolHoliday> {
    let mut fields = line.split(';');
    let zone = match fields.next()? {
        "A" => SchoolZone::A,
        "B" => SchoolZone::B,
        "C" => SchoolZone::C,
        _ => return None,
    };
    let kind = match fields.next()? {
        "Vacances d'hiver" => SchoolHolidayKind::Hiver,
        "Vacances de printemps" => SchoolHolidayKind::Printemps,
        "Pont de l'Ascension" => SchoolHolidayKind::Ascension,
        "Vacances d'été" => SchoolHolidayKind::Ete,
        "Vacances de la Toussaint" => SchoolHolidayKind::Toussaint,
        "Vacances de Noël" => SchoolHolidayKind::Noel,
        _ => return None,
    };
    let start = fields.next()?.parse().ok()?;
    let end = fields.next()?.parse().ok()?;
    (start <= end && fields.next().is_none()).then_some(SchoolHoliday { zone, kind, start, end })
}

/// Every known school holiday, in the order of the file (by start).
pub(crate) fn school_holidays() -> &'static [SchoolHoliday] {
    &CALENDAR
}

/// The first and the last day for which the school calendar is known; `None` if the calendar is empty.
pub(crate) fn known_span() -> Option<(NaiveDate, NaiveDate)> {
    let first = CALENDAR.iter().map(|holiday| holiday.start).min()?;
    let last = CALENDAR.iter().map(|holiday| holiday.end).max()?;
    Some((first, last))
}

/// The zones on holiday on `date`; `None` where the school calendar is not known.
pub(crate) fn zones_on_holiday(date: NaiveDate) -> Option<ZonesOnHoliday> {
    let (first, last) = known_span()?;
    if date < first || last < date {
        return None;
    }
    let on = |zone| CALENDAR.iter().any(|h| h.zone == zone && h.start <= date && date <= h.end);
    Some(ZonesOnHoliday { a: on(SchoolZone::A), b: on(SchoolZone::B), c: on(SchoolZone::C) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn zones(text: &str) -> Option<(bool, bool, bool)> {
        zones_on_holiday(day(text)).map(|z| (z.a, z.b, z.c))
    }

    #[test]
    fn every_line_of_the_file_parses() {
        assert_eq!(SOURCE.lines().next(), Some("zone;nom;debut;fin"));
        for (index, line) in SOURCE.lines().enumerate().skip(1) {
            assert!(parse_line(line).is_some(), "line {}: {line}", index + 1);
        }
        assert_eq!(school_holidays().len(), 249);
    }

    #[test]
    fn damaged_lines_are_refused() {
        for line in ["", "D;Vacances d'été;2025-07-05;2025-08-31", "A;Vacances;2025-07-05;2025-08-31"] {
            assert_eq!(parse_line(line), None, "{line}");
        }
        assert_eq!(parse_line("A;Vacances d'été;2025-08-31;2025-07-05"), None);
        assert_eq!(parse_line("A;Vacances d'été;2025-02-30;2025-08-31"), None);
        assert_eq!(parse_line("A;Vacances d'été;2025-07-05;2025-08-31;"), None);
    }

    #[test]
    fn holidays_of_a_zone_never_overlap() {
        for zone in [SchoolZone::A, SchoolZone::B, SchoolZone::C] {
            let mut spans: Vec<_> = school_holidays().iter().filter(|h| h.zone == zone).collect();
            spans.sort_by_key(|h| h.start);
            assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start), "{zone:?}");
        }
    }

    /// Read off the ministry's printed calendars 2023–2024 to 2025–2026.
    #[test]
    fn zones_by_day() {
        assert_eq!(zones("2024-02-09"), Some((false, false, false)));
        assert_eq!(zones("2024-02-10"), Some((false, false, true)));
        assert_eq!(zones("2024-02-17"), Some((true, false, true)));
        assert_eq!(zones("2024-02-24"), Some((true, true, true)));
        assert_eq!(zones("2024-02-26"), Some((true, true, false)));
        assert_eq!(zones("2024-03-10"), Some((false, true, false)));
        assert_eq!(zones("2024-03-11"), Some((false, false, false)));
        assert_eq!(zones("2025-12-31"), Some((true, true, true)));
        assert_eq!(zones("2026-01-04"), Some((true, true, true)));
        assert_eq!(zones("2026-01-05"), Some((false, false, false)));
    }

    #[test]
    fn outside_the_calendar_nothing_is_known() {
        assert_eq!(known_span(), Some((day("2014-12-20"), day("2028-08-31"))));
        assert_eq!(zones("2014-12-19"), None);
        assert_eq!(zones("2014-12-20"), Some((true, true, true)));
        assert_eq!(zones("2015-02-06"), Some((false, false, false)));
        assert_eq!(zones("2028-08-31"), Some((true, true, true)));
        assert_eq!(zones("2028-09-01"), None);
    }
}
