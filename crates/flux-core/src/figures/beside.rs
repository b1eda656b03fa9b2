//! The totals that stand beside that of a period: of the days just before it, of the same period a year before.

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::Result;
use crate::figures::change::{Comparison, warned};
use crate::figures::mobility::Filter;
use crate::figures::period::{Period, day_text};
use crate::report::{number, plural};

/// A total to hold another one against.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Beside {
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub(crate) from: NaiveDate,
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub(crate) to: NaiveDate,
    pub(crate) days_with_data: u64,
    pub(crate) total: u64,
    /// Of the period against this total.
    pub(crate) evolution_pct: Option<f64>,
    /// Whether the period has as many days with data.
    #[serde(skip)]
    alike: bool,
    #[serde(skip)]
    pub(crate) days: u64,
}

impl Beside {
    /// As many days just before; none where they have no data.
    ///
    /// # Errors
    /// Those of [`Filter::side`].
    pub(crate) fn preceding(
        session: &mut Session,
        filter: &Filter,
        period: &Period,
        now: (Option<u64>, u64),
    ) -> Result<Option<Self>> {
        preceding(period).map_or(Ok(None), |before| Self::of(session, filter, before, now))
    }

    /// The visitors of another period, beside `now` of so many days with data; none where it has no data.
    ///
    /// # Errors
    /// Those of [`Filter::side`].
    pub(crate) fn of(
        session: &mut Session,
        filter: &Filter,
        period: Period,
        (now, days_with_data): (Option<u64>, u64),
    ) -> Result<Option<Self>> {
        let (from, to, days) = (period.debut, period.fin, period.days());
        let side = filter.side(session, period)?;
        Ok(side.total.map(|total| Self {
            from,
            to,
            days_with_data: side.days_with_data,
            total,
            evolution_pct: Comparison { n: now, n_1: Some(total) }.change(),
            alike: days_with_data == side.days_with_data,
            days,
        }))
    }

    /// What it is called: `semaine précédente`, `2 jours précédents`.
    pub(crate) fn preceding_name(&self) -> String {
        match self.days {
            7 => "semaine précédente".into(),
            1 => "jour précédent".into(),
            days => format!("{} jours précédents", number(days)),
        }
    }

    /// Days with data first, the change last, with its warning where the two are not of as many days.
    pub(crate) fn said(&self, name: &str) -> String {
        format!(
            "{name} ({} → {}, {} sur {} avec données) : {}, {}",
            self.from,
            self.to,
            plural(self.days_with_data, "jour", "jours"),
            number(self.days),
            visitor_days(self.total, self.days),
            self.change()
        )
    }

    /// The change, with a warning where the two are not of as many days.
    pub(crate) fn change(&self) -> String {
        warned(self.evolution_pct, self.alike)
    }
}

/// Visitors of one day; those of several days are counted each day anew.
pub(crate) fn visitor_days(total: u64, days: u64) -> String {
    if days == 1 {
        plural(total, "visiteur", "visiteurs")
    } else {
        plural(total, "journée-visiteur", "journées-visiteurs")
    }
}

/// As many days just before.
fn preceding(period: &Period) -> Option<Period> {
    let debut = period.debut.checked_sub_days(Days::new(period.days()))?;
    Some(Period::interval(debut, period.debut.pred_opt()?))
}
