//! What to generate.

use chrono::{Days, NaiveDate};

use crate::defect::Planned;
use crate::format::{Format, Layout, Order, ZoneStyle};

/// Everything that a delivery depends on: two equal plans write the same bytes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// First day.
    pub from: NaiveDate,
    /// Number of days.
    pub days: u32,
    /// Seed of the volumes and of which keys are delivered.
    pub seed: u64,
    /// Density of the breakdowns: 1 is a usual delivery (about 7 000 lines a day), up to every key there is.
    pub scale: f64,
    /// 0 for the first delivery; `N` for the `N`th revision of the same span: volumes revised, keys withdrawn, keys new.
    pub revision: u32,
    /// Which files: the weekly ten, or raw exports.
    pub layout: Layout,
    /// How zones are named.
    pub zones: ZoneStyle,
    /// Order of the lines.
    pub order: Order,
    /// How the files are written.
    pub format: Format,
    /// What is wrong with them.
    pub defects: Vec<Planned>,
    /// Whether files that the generator did not write may be replaced.
    pub overwrite: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            from: NaiveDate::from_ymd_opt(2025, 7, 7).unwrap_or_default(),
            days: 7,
            seed: 1,
            scale: 1.0,
            revision: 0,
            layout: Layout::Weekly,
            zones: ZoneStyle::New,
            order: Order::Date,
            format: Format::default(),
            defects: Vec::new(),
            overwrite: false,
        }
    }
}

impl Plan {
    /// The days of the span, in order; it stops at the last date that there is.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let from = self.from;
        (0..u64::from(self.days)).map_while(move |n| from.checked_add_days(Days::new(n)))
    }
}
