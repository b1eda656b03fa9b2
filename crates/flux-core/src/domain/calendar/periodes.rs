//! The periods of a year, as `dim_periodes` holds them, and the season that each belongs to.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use crate::domain::calendar::easter::easter_sunday;
use crate::domain::calendar::holidays::{FETE_DU_TRAVAIL, VICTOIRE_1945, is_public_holiday, public_holidays};
use crate::domain::calendar::saisons;
use crate::domain::calendar::school::{SchoolHoliday, SchoolHolidayKind, SchoolZone, school_holidays};

/// What a period is, whatever its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PeriodeKind {
    /// Winter school holidays of the three zones joined.
    VacancesHiver,
    /// Spring school holidays of the three zones joined.
    VacancesPaques,
    VacancesEte,
    VacancesToussaint,
    /// Christmas school holidays; they belong to the year in which they begin.
    VacancesNoel,
    /// Saturday to Easter Monday.
    WeekendPaques,
    /// Ascension Thursday to Sunday.
    WeekendAscension,
    /// Saturday to Whit Monday.
    WeekendPentecote,
    /// From 1 May to 8 May with the weekends and bridges that they make.
    PontDeMai,
    /// 1 January to 31 December.
    AnneeComplete,
}

impl PeriodeKind {
    /// All, in the order of the guide.
    pub(crate) const ALL: [Self; 10] = [
        Self::VacancesHiver,
        Self::VacancesPaques,
        Self::VacancesEte,
        Self::VacancesToussaint,
        Self::VacancesNoel,
        Self::WeekendPaques,
        Self::WeekendAscension,
        Self::WeekendPentecote,
        Self::PontDeMai,
        Self::AnneeComplete,
    ];

    /// The value of `dim_periodes.code_periode`.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::VacancesHiver => "vacances_hiver",
            Self::VacancesPaques => "vacances_paques",
            Self::VacancesEte => "vacances_ete",
            Self::VacancesToussaint => "vacances_toussaint",
            Self::VacancesNoel => "vacances_noel",
            Self::WeekendPaques => "weekend_paques",
            Self::WeekendAscension => "weekend_ascension",
            Self::WeekendPentecote => "weekend_pentecote",
            Self::PontDeMai => "pont_de_mai",
            Self::AnneeComplete => "annee_complete",
        }
    }

    /// The value of `dim_periodes.nom_periode`.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::VacancesHiver => "Vacances d'hiver",
            Self::VacancesPaques => "Vacances de Pâques",
            Self::VacancesEte => "Vacances d'été",
            Self::VacancesToussaint => "Vacances de la Toussaint",
            Self::VacancesNoel => "Vacances de Noël",
            Self::WeekendPaques => "Week-end de Pâques",
            Self::WeekendAscension => "Week-end de l'Ascension",
            Self::WeekendPentecote => "Week-end de la Pentecôte",
            Self::PontDeMai => "Pont de mai",
            Self::AnneeComplete => "Année complète",
        }
    }

    /// The kind of a `code`, as in `dim_periodes.code_periode`.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The school holidays that the period joins, for those that depend on the ministry's calendar.
    pub(crate) const fn school_holiday(self) -> Option<SchoolHolidayKind> {
        match self {
            Self::VacancesHiver => Some(SchoolHolidayKind::Hiver),
            Self::VacancesPaques => Some(SchoolHolidayKind::Printemps),
            Self::VacancesEte => Some(SchoolHolidayKind::Ete),
            Self::VacancesToussaint => Some(SchoolHolidayKind::Toussaint),
            Self::VacancesNoel => Some(SchoolHolidayKind::Noel),
            _ => None,
        }
    }
}

/// A row of `dim_periodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Periode {
    pub kind: PeriodeKind,
    /// Year in which it begins.
    pub(crate) annee: i32,
    pub(crate) premier_jour: NaiveDate,
    pub(crate) dernier_jour: NaiveDate,
}

impl Periode {
    /// `date_debut`: its first day at 00:00:00.
    pub(crate) fn debut(&self) -> NaiveDateTime {
        self.premier_jour.and_time(NaiveTime::MIN)
    }

    /// `date_fin`: its last day at 23:59:59.
    pub(crate) fn fin(&self) -> NaiveDateTime {
        self.dernier_jour.and_hms_opt(23, 59, 59).unwrap_or(self.dernier_jour.and_time(NaiveTime::MIN))
    }
}

/// The periods of one year.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PeriodesOfYear {
    /// Those whose days are known, in the order of [`PeriodeKind::ALL`].
    pub(crate) known: Vec<Periode>,
    /// Those that depend on a school calendar which is not published (or not held) for that year.
    pub(crate) unknown: Vec<PeriodeKind>,
}

/// The periods that begin in `year`. A `pont_de_mai` before 1947, when 1 May became a holiday, is in neither list.
pub(crate) fn periodes_of(year: i32) -> PeriodesOfYear {
    let mut periodes = PeriodesOfYear::default();
    for kind in PeriodeKind::ALL {
        let days = match kind.school_holiday() {
            Some(holiday) => joined_school_holidays(school_holidays(), year, holiday),
            None => computed_days(kind, year),
        };
        match days {
            Some((premier_jour, dernier_jour)) => {
                periodes.known.push(Periode { kind, annee: year, premier_jour, dernier_jour });
            }
            None if kind.school_holiday().is_some() => periodes.unknown.push(kind),
            None => {}
        }
    }
    periodes
}

/// From the first zone's start to the last zone's end; `None` unless the three zones are known.
fn joined_school_holidays(
    calendar: &[SchoolHoliday],
    year: i32,
    kind: SchoolHolidayKind,
) -> Option<(NaiveDate, NaiveDate)> {
    let of_year = || calendar.iter().filter(|holiday| holiday.kind == kind && holiday.start.year() == year);
    let complete = [SchoolZone::A, SchoolZone::B, SchoolZone::C]
        .into_iter()
        .all(|zone| of_year().any(|holiday| holiday.zone == zone));
    if !complete {
        return None;
    }
    Some((of_year().map(|holiday| holiday.start).min()?, of_year().map(|holiday| holiday.end).max()?))
}

fn computed_days(kind: PeriodeKind, year: i32) -> Option<(NaiveDate, NaiveDate)> {
    let easter = easter_sunday(year);
    match kind {
        PeriodeKind::WeekendPaques => Some((easter.pred_opt()?, easter.succ_opt()?)),
        PeriodeKind::WeekendAscension => Some((easter + Days::new(39), easter + Days::new(42))),
        PeriodeKind::WeekendPentecote => Some((easter + Days::new(48), easter + Days::new(50))),
        PeriodeKind::PontDeMai => may_bridge(year),
        PeriodeKind::AnneeComplete => {
            Some((NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?))
        }
        _ => None,
    }
}

/// From 1 May to 8 May (in the years in which they are holidays of their own), each end moved outward over the weekends
/// and holidays that it touches and over a single working day between two days off.
fn may_bridge(year: i32) -> Option<(NaiveDate, NaiveDate)> {
    let holidays = public_holidays(year);
    let date_of = |name| holidays.iter().find(|holiday| holiday.name == name).map(|holiday| holiday.date);
    let first = date_of(FETE_DU_TRAVAIL)?;
    let last = date_of(VICTOIRE_1945).unwrap_or(first);
    Some((extend(first, |date| date.pred_opt())?, extend(last, |date| date.succ_opt())?))
}

fn extend(from: NaiveDate, step: impl Fn(NaiveDate) -> Option<NaiveDate>) -> Option<NaiveDate> {
    let mut end = from;
    loop {
        let next = step(end)?;
        let after = step(next)?;
        end = if is_day_off(next) {
            next
        } else if is_day_off(after) {
            after
        } else {
            return Some(end);
        };
    }
}

fn is_day_off(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun) || is_public_holiday(date)
}

/// The season that a period from `first` to `last` day overlaps by most days; of two with as many, the earlier. The
/// seasons are given as `(date_debut, date_fin)` with whatever identifies them; `None` when none overlaps.
pub(crate) fn season_of<T: Copy>(
    first: NaiveDate,
    last: NaiveDate,
    seasons: impl IntoIterator<Item = (T, NaiveDateTime, NaiveDateTime)>,
) -> Option<T> {
    let mut best: Option<(i64, NaiveDateTime, T)> = None;
    for (key, debut, fin) in seasons {
        let (season_first, season_last) = saisons::days_of(debut, fin);
        let days = (last.min(season_last) - first.max(season_first)).num_days() + 1;
        let better = best.is_none_or(|(most, since, _)| days > most || (days == most && debut < since));
        if days > 0 && better {
            best = Some((days, debut, key));
        }
    }
    best.map(|(_, _, key)| key)
}

#[cfg(test)]
mod tests {
    use super::saisons::{Saison, saisons_of};
    use super::*;

    fn spans(year: i32) -> Vec<(&'static str, String, String)> {
        let known = periodes_of(year).known;
        known.iter().map(|p| (p.kind.code(), p.premier_jour.to_string(), p.dernier_jour.to_string())).collect()
    }

    fn owned(rows: &[(&'static str, &str, &str)]) -> Vec<(&'static str, String, String)> {
        rows.iter().map(|(code, from, to)| (*code, (*from).to_owned(), (*to).to_owned())).collect()
    }

    /// By hand, from the ministry's calendar and from Easter on 20 April 2025 (1 and 8 May are Thursdays).
    #[test]
    fn periods_of_2025() {
        let expected = owned(&[
            ("vacances_hiver", "2025-02-08", "2025-03-09"),
            ("vacances_paques", "2025-04-05", "2025-05-04"),
            ("vacances_ete", "2025-07-05", "2025-08-31"),
            ("vacances_toussaint", "2025-10-18", "2025-11-02"),
            ("vacances_noel", "2025-12-20", "2026-01-04"),
            ("weekend_paques", "2025-04-19", "2025-04-21"),
            ("weekend_ascension", "2025-05-29", "2025-06-01"),
            ("weekend_pentecote", "2025-06-07", "2025-06-09"),
            ("pont_de_mai", "2025-05-01", "2025-05-11"),
            ("annee_complete", "2025-01-01", "2025-12-31"),
        ]);
        assert_eq!(spans(2025), expected);
        assert!(periodes_of(2025).unknown.is_empty());
        let summer = periodes_of(2025).known[2];
        assert_eq!(summer.debut().to_string(), "2025-07-05 00:00:00");
        assert_eq!(summer.fin().to_string(), "2025-08-31 23:59:59");
    }

    /// By hand: weekdays of 1 and 8 May, and Ascension on 9 May 2024.
    #[test]
    fn may_bridges() {
        for (year, from, to) in [
            (2017, "2017-04-29", "2017-05-08"), // Mondays
            (2018, "2018-04-28", "2018-05-13"), // Tuesdays; Thursday 10 is Ascension
            (2019, "2019-05-01", "2019-05-08"), // Wednesdays
            (2020, "2020-05-01", "2020-05-10"), // Fridays
            (2021, "2021-05-01", "2021-05-09"), // Saturdays
            (2022, "2022-04-30", "2022-05-08"), // Sundays
            (2024, "2024-05-01", "2024-05-12"), // Wednesdays; Thursday 9 is Ascension
            (1970, "1970-05-01", "1970-05-03"), // 8 May is not a holiday
        ] {
            let (first, last) = may_bridge(year).unwrap();
            assert_eq!((first.to_string().as_str(), last.to_string().as_str()), (from, to));
        }
        assert_eq!(may_bridge(1946), None);
        // 1 May is Ascension, not yet Labour Day
        assert_eq!(may_bridge(1913), None);
    }

    #[test]
    fn school_holidays_that_are_not_published_are_unknown() {
        use PeriodeKind::{VacancesEte, VacancesHiver, VacancesNoel, VacancesPaques, VacancesToussaint};
        assert_eq!(periodes_of(2028).unknown, [VacancesToussaint, VacancesNoel]);
        assert_eq!(periodes_of(2028).known.len(), 8);
        let all = [VacancesHiver, VacancesPaques, VacancesEte, VacancesToussaint, VacancesNoel];
        assert_eq!(periodes_of(2030).unknown, all);
        assert_eq!(periodes_of(2030).known.len(), 5);
    }

    #[test]
    fn a_zone_that_lacks_makes_the_period_unknown() {
        let without_b: Vec<_> = school_holidays().iter().copied().filter(|h| h.zone != SchoolZone::B).collect();
        assert_eq!(joined_school_holidays(&without_b, 2025, SchoolHolidayKind::Hiver), None);
    }

    fn linked(first: &str, last: &str) -> Option<(i32, Saison)> {
        let seasons: Vec<_> = (2023..=2026).flat_map(saisons_of).collect();
        let rows = seasons.iter().rev().map(|s| ((s.annee, s.saison), s.debut, s.fin));
        season_of(first.parse().unwrap(), last.parse().unwrap(), rows)
    }

    /// Seasons of 2025 begin on 20 March, 21 June, 22 September and 21 December.
    #[test]
    fn the_season_of_most_days() {
        assert_eq!(linked("2025-02-08", "2025-03-09"), Some((2024, Saison::Hiver)));
        assert_eq!(linked("2025-12-20", "2026-01-04"), Some((2025, Saison::Hiver)));
        assert_eq!(linked("2025-07-05", "2025-08-31"), Some((2025, Saison::Ete)));
        // one day of spring and one of summer, then one more of summer
        assert_eq!(linked("2025-06-20", "2025-06-21"), Some((2025, Saison::Printemps)));
        assert_eq!(linked("2025-06-20", "2025-06-22"), Some((2025, Saison::Ete)));
        // 93 days each of spring and summer
        assert_eq!(linked("2025-01-01", "2025-12-31"), Some((2025, Saison::Printemps)));
        assert_eq!(linked("2035-01-01", "2035-12-31"), None);
    }

    #[test]
    fn periods_of_any_year_are_sound() {
        for year in 1900..=2100 {
            let periodes = periodes_of(year);
            let named = periodes.known.len() + periodes.unknown.len();
            assert_eq!(named, if year < 1947 { 9 } else { 10 });
            let seasons: Vec<_> = (year - 1..=year + 1).flat_map(saisons_of).collect();
            for periode in &periodes.known {
                assert!(periode.debut() < periode.fin());
                assert_eq!(periode.premier_jour.year(), year);
                let days = (periode.dernier_jour - periode.premier_jour).num_days() + 1;
                let expected = match periode.kind {
                    PeriodeKind::WeekendPaques | PeriodeKind::WeekendPentecote => 3..=3,
                    PeriodeKind::WeekendAscension => 4..=4,
                    PeriodeKind::PontDeMai => 1..=16,
                    PeriodeKind::AnneeComplete => 365..=366,
                    PeriodeKind::VacancesEte => 50..=70,
                    _ => 12..=40,
                };
                assert!(expected.contains(&days), "{:?}: {} days", periode, days);
                let rows = seasons.iter().map(|s| (s.saison, s.debut, s.fin));
                assert!(season_of(periode.premier_jour, periode.dernier_jour, rows).is_some());
            }
        }
    }
}
