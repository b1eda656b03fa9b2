//! Day by day: the volumes of a period with those of the reference period behind them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::calendar::days::{Day, weekday_name};
use crate::domain::calendar::holidays::public_holidays;
use crate::error::Result;
use crate::figures::answer::{Against, Figures, Worked};
use crate::figures::daily::{Daily, Origin, Volume};
use crate::figures::period::{Period, day_text, optional_day_text};
use crate::figures::scope::{Scope, Visitors, same_date};
use crate::figures::source::{Coverage, Source};
use crate::figures::unknown::Named;

/// A day of the period.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Point {
    /// The day, ISO in JSON.
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub date: NaiveDate,
    /// `lundi` … `dimanche`.
    pub jour_semaine: &'static str,
    /// Saturday or Sunday.
    pub weekend: bool,
    /// Name of the public holiday.
    pub ferie: Option<&'static str>,
    /// School zones on holiday: `A`, `B`, `C`.
    pub vacances: Vec<&'static str>,
    /// Both origins; `None` for a day without data.
    pub n: Option<u64>,
    /// French visitors who are not from the zone; `None` without data.
    pub francais: Option<u64>,
    /// Visitors from abroad; `None` without data.
    pub internationaux: Option<u64>,
    /// Whether any of it is provisional.
    pub provisoire: bool,
    /// The day of the reference period that stands behind it.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub date_n1: Option<NaiveDate>,
    /// Its volume in the reference year; `None` without data.
    pub n_1: Option<u64>,
}

impl Against for Vec<Point> {
    /// The same days before those of another period, which stand in the place of N−1: the same date where both begin on one, else the day
    /// of the same place. Days that the other one has beyond these are left out.
    fn against(&self, other: &Self) -> Self {
        let period = |days: &Self| Some(Period::interval(days.first()?.date, days.last()?.date));
        let behind = period(self).zip(period(other)).map(|(now, before)| Behind::new(&now, &before));
        let point = |(place, point): (usize, &Point)| {
            let date_n1 = behind.as_ref().and_then(|behind| behind.day(place, point.date));
            let faced = date_n1.and_then(|day| other.iter().find(|other| other.date == day));
            Point { date_n1, n_1: faced.and_then(|faced| faced.n), ..point.clone() }
        };
        self.iter().enumerate().map(point).collect()
    }
}

/// The volumes of N and N−1 by day: every day, with data or without.
impl Figures for Vec<Point> {
    /// Whose days.
    type Of = Visitors;

    fn work_out(session: &mut Session, scope: &Scope, visitors: Visitors) -> Result<Named<Worked<Self>>> {
        let mut load = |period: &Period| -> Result<(Arc<Daily>, Coverage)> {
            let days: BTreeSet<NaiveDate> = period.iter().collect();
            let daily = Daily::load(session, scope, visitors, &days)?;
            let coverage = daily.coverage(period);
            Ok((daily, coverage))
        };
        let (now, coverage) = load(scope.period())?;
        let before = scope.before().map(&mut load).transpose()?;
        let points = points(scope, &now, before.as_ref().map(|(daily, _)| daily.as_ref()));
        let source = Source::new(session, visitors.table(), coverage, before.map(|(_, coverage)| coverage))?;
        Ok(Ok((points, vec![source], Vec::new())))
    }
}

fn points(scope: &Scope, now: &Daily, before: Option<&Daily>) -> Vec<Point> {
    let behind = scope.before().map(|before| Behind::new(scope.period(), before));
    let point = |(place, date): (usize, NaiveDate)| {
        let volume = now.get(date);
        let of = |origin| volume.map(|volume: Volume| volume.of(origin));
        let date_n1 = behind.as_ref().and_then(|behind| behind.day(place, date));
        let day = Day::of(date);
        let on_holiday = [("A", day.vacances_a), ("B", day.vacances_b), ("C", day.vacances_c)];
        Point {
            date,
            jour_semaine: weekday_name(date),
            weekend: matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
            ferie: public_holidays(date.year()).into_iter().find(|feast| feast.date == date).map(|feast| feast.name),
            vacances: on_holiday.into_iter().filter(|(_, is)| *is == Some(true)).map(|(zone, _)| zone).collect(),
            n: of(Origin::Total),
            francais: of(Origin::Francais),
            internationaux: of(Origin::Internationaux),
            provisoire: volume.is_some_and(|volume| volume.provisoire > 0),
            date_n1,
            n_1: date_n1.and_then(|day| Some(before?.get(day)?.of(Origin::Total))),
        }
    };
    scope.period().iter().enumerate().map(point).collect()
}

/// Which day stands behind which: the same date where both periods begin on one, else the day of the same place.
struct Behind {
    /// Years between the periods, where they begin on the same date.
    years: Option<i32>,
    days: Vec<NaiveDate>,
}

impl Behind {
    fn new(now: &Period, before: &Period) -> Self {
        let years = before.debut.year() - now.debut.year();
        let same = same_date(now.debut, years) == Some(before.debut);
        Self { years: same.then_some(years), days: before.iter().collect() }
    }

    fn day(&self, place: usize, date: NaiveDate) -> Option<NaiveDate> {
        match self.years {
            Some(years) => same_date(date, years).filter(|day| self.days.contains(day)),
            None => self.days.get(place).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(debut: &str, fin: &str) -> Period {
        Period::interval(debut.parse().unwrap(), fin.parse().unwrap())
    }

    fn behind(now: &Period, before: &Period) -> Vec<Option<String>> {
        let behind = Behind::new(now, before);
        now.iter().enumerate().map(|(place, day)| behind.day(place, day).map(|day| day.to_string())).collect()
    }

    #[test]
    fn the_same_dates_stand_behind_each_other_and_a_leap_day_has_none() {
        let found = behind(&period("2024-02-28", "2024-03-01"), &period("2023-02-28", "2023-03-01"));
        assert_eq!(found, [Some("2023-02-28".to_owned()), None, Some("2023-03-01".to_owned())]);
    }

    #[test]
    fn periods_of_other_dates_stand_behind_each_other_day_by_day() {
        let found = behind(&period("2025-07-05", "2025-07-07"), &period("2024-07-06", "2024-07-07"));
        assert_eq!(found, [Some("2024-07-06".to_owned()), Some("2024-07-07".to_owned()), None]);
    }
}
