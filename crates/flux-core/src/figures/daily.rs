//! Volumes by day and provenance of one zone: what every total, weekend, Saturday, peak and curve is worked out from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::NaiveDate;
use mysql::Value;

use crate::db::{Session, marks};
use crate::error::Result;
use crate::figures::period::Period;
use crate::figures::scope::{Scope, Visitors};
use crate::figures::source::Coverage;

/// Whom a figure counts. `LOCAL` never counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Total,
    /// `NONLOCAL`
    Francais,
    /// `ETRANGER`
    Internationaux,
}

/// The volumes of a day that has data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) francais: u64,
    pub(crate) internationaux: u64,
    /// Part of the two that is provisional.
    pub(crate) provisoire: u64,
}

impl Volume {
    pub(crate) fn of(&self, origin: Origin) -> u64 {
        match origin {
            Origin::Total => self.francais + self.internationaux,
            Origin::Francais => self.francais,
            Origin::Internationaux => self.internationaux,
        }
    }
}

/// The days that have data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Daily(BTreeMap<NaiveDate, Volume>);

impl Daily {
    /// Reads `days`.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn load(
        session: &mut Session,
        scope: &Scope,
        visitors: Visitors,
        days: &BTreeSet<NaiveDate>,
    ) -> Result<Arc<Self>> {
        if days.is_empty() {
            return Ok(Arc::default());
        }
        let key = format!("{} {} {}", visitors.table(), scope.zone_key(), spans(days));
        session.once(&key, Self::bytes, |session| Self::read(session, scope, visitors, days))
    }

    fn read(session: &mut Session, scope: &Scope, visitors: Visitors, days: &BTreeSet<NaiveDate>) -> Result<Self> {
        let (table, ids) = (visitors.table(), scope.ids);
        // Each day is named, so that the natural key leads to the very rows.
        let sql = format!(
            "SELECT CAST(f.date AS CHAR), f.id_provenance, CAST(SUM(f.volume) AS UNSIGNED), \
             CAST(SUM(f.volume * f.is_provisional) AS UNSIGNED) FROM {table} f WHERE f.date IN {} AND f.id_zone IN {} \
             AND f.id_provenance IN (?, ?) AND f.id_categorie = ? GROUP BY f.date, f.id_provenance",
            marks(1, days.len()),
            marks(1, scope.zone.rows.len())
        );
        let mut params: Vec<Value> = days.iter().map(|day| day.to_string().into()).collect();
        params.extend(scope.zones().map(Value::from));
        params.extend([ids.nonlocal, ids.etranger, ids.category(visitors)].map(Value::from));
        let rows: Vec<(String, u32, u64, u64)> = session.rows(&format!("lecture de {table}"), &sql, params)?;
        let mut daily = BTreeMap::<NaiveDate, Volume>::new();
        for (day, provenance, volume, provisional) in rows {
            let Ok(day) = day.parse() else { continue };
            let of_day = daily.entry(day).or_default();
            if provenance == ids.etranger {
                of_day.internationaux += volume;
            } else {
                of_day.francais += volume;
            }
            of_day.provisoire += provisional;
        }
        Ok(Self(daily))
    }

    /// Memory that it takes, about.
    fn bytes(&self) -> usize {
        self.0.len() * 48
    }

    /// The volume of a day; `None` without data.
    pub(crate) fn get(&self, day: NaiveDate) -> Option<Volume> {
        self.0.get(&day).copied()
    }

    /// Days with data from the first to the last of `period`.
    pub(crate) fn within(&self, period: &Period) -> impl Iterator<Item = (NaiveDate, Volume)> + '_ {
        let days = if period.debut <= period.fin { period.debut..=period.fin } else { period.fin..=period.fin };
        self.0.range(days).map(|(day, volume)| (*day, *volume))
    }

    /// What there is of `period`.
    pub(crate) fn coverage(&self, period: &Period) -> Coverage {
        let mut coverage = Coverage::default();
        for (_, volume) in self.within(period) {
            coverage.days += 1;
            coverage.volume += volume.of(Origin::Total);
            coverage.provisional += volume.provisoire;
        }
        coverage
    }

    /// Sum over a period; `None` where no day has data, which is not 0.
    pub(crate) fn sum(&self, period: &Period, origin: Origin) -> Option<u64> {
        let mut days = self.within(period).map(|(_, volume)| volume.of(origin)).peekable();
        days.peek()?;
        Some(days.sum())
    }

    /// The day with the largest volume, the earliest of equals.
    pub(crate) fn peak(&self, period: &Period, origin: Origin) -> Option<(NaiveDate, u64)> {
        let later_only_if_more = |best: Option<(NaiveDate, u64)>, (day, volume): (NaiveDate, Volume)| {
            let volume = volume.of(origin);
            best.filter(|(_, most)| *most >= volume).or(Some((day, volume)))
        };
        self.within(period).fold(None, later_only_if_more)
    }
}

/// The days as they follow each other: `2025-04-19..2025-04-21,2025-05-01..2025-05-01,`
fn spans(days: &BTreeSet<NaiveDate>) -> String {
    let (mut text, mut last) = (String::new(), None::<NaiveDate>);
    let end = |text: &mut String, day: Option<NaiveDate>| day.map(|day| write!(text, "{day},"));
    for day in days {
        if last.and_then(|last| last.succ_opt()) != Some(*day) {
            end(&mut text, last);
            let _ = write!(text, "{day}..");
        }
        last = Some(*day);
    }
    end(&mut text, last);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_every_day_and_no_other() {
        let of = |days: &[&str]| spans(&days.iter().map(|day| day.parse().unwrap()).collect());
        assert_eq!(of(&[]), "");
        assert_eq!(of(&["2025-02-28", "2025-03-01", "2025-03-03"]), "2025-02-28..2025-03-01,2025-03-03..2025-03-03,");
    }

    fn daily(days: &[(&str, u64, u64)]) -> Daily {
        let volume = |francais, internationaux| Volume { francais, internationaux, provisoire: 0 };
        Daily(days.iter().map(|(day, f, i)| (day.parse().unwrap(), volume(*f, *i))).collect())
    }

    fn july() -> Period {
        Period::interval("2025-07-01".parse().unwrap(), "2025-07-31".parse().unwrap())
    }

    #[test]
    fn a_period_without_data_has_no_sum_and_one_with_zeros_has() {
        let sum = |days: &[(&str, u64, u64)], origin| daily(days).sum(&july(), origin);
        assert_eq!(sum(&[("2025-06-30", 5, 0), ("2025-08-01", 5, 0)], Origin::Total), None);
        assert_eq!(sum(&[("2025-07-31", 5, 0)], Origin::Internationaux), Some(0));
        assert_eq!(sum(&[("2025-07-01", 5, 2), ("2025-07-31", 1, 0)], Origin::Total), Some(8));
    }

    #[test]
    fn the_peak_is_the_earliest_of_the_largest_days() {
        let days = daily(&[("2025-07-02", 5, 1), ("2025-07-09", 6, 0), ("2025-07-10", 1, 1), ("2025-08-01", 99, 0)]);
        assert_eq!(days.peak(&july(), Origin::Total), Some(("2025-07-02".parse().unwrap(), 6)));
        assert_eq!(days.peak(&july(), Origin::Francais), Some(("2025-07-09".parse().unwrap(), 6)));
        assert_eq!(daily(&[]).peak(&july(), Origin::Total), None);
    }
}
