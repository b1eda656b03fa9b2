//! Which rows a delivery holds.

use std::io;
use std::ops::Range;

use chrono::{Datelike, NaiveDate};

use crate::axis::Axis;
use crate::format::Order;
use crate::names::{Categorie, DIURNE, LIEU, NUITEE, PROVENANCES, SEJOUR, ZONES};
use crate::plan::Plan;
use crate::rng::{keyed, mix};
use crate::volume;
use flux_core::domain::catalogue::{DATASETS, Dataset, Kind};
use flux_core::signals;

/// The rows of one day, zone, provenance and category.
pub(super) struct Slice {
    pub(super) date: NaiveDate,
    /// Position of the date in the span.
    pub(super) day: usize,
    pub(super) zone: usize,
    /// The zone bears a name that no list knows.
    pub(super) renamed: bool,
    pub(super) provenance: usize,
    pub(super) categorie: &'static Categorie,
}

/// One row that is delivered.
pub(super) struct Row {
    /// Positions in the members of each axis; 0 where there is none.
    pub(super) members: [usize; 2],
    pub(super) volume: u64,
}

/// How a revision differs from the first delivery, and what a truncated day lacks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) revised: u64,
    pub(super) withdrawn: u64,
    pub(super) added: u64,
    pub(super) truncated: u64,
}

/// A dataset's rows for some zones.
pub(super) struct Rows<'a> {
    pub(super) plan: &'a Plan,
    pub(super) dataset: &'static Dataset,
    pub(super) axes: &'a [Axis],
    pub(super) zones: Range<usize>,
    /// Only the dates of this year.
    pub(super) year: Option<i32>,
    /// The last day holds a fifth of its rows.
    pub(super) truncated: bool,
    /// How many zones, the last ones, bear a name that no list knows.
    pub(super) renamed: u64,
}

impl Rows<'_> {
    /// Calls `each` for every row, in the order of the delivery.
    pub(super) fn walk(&self, mut each: impl FnMut(&Slice, &Row) -> io::Result<()>) -> io::Result<Changes> {
        let mut changes = Changes::default();
        match self.plan.order {
            Order::Date => {
                for (day, date) in self.dates() {
                    for zone in self.zones.clone() {
                        self.day_of_zone(day, date, zone, &mut changes, &mut each)?;
                    }
                }
            }
            Order::Zone => {
                for zone in self.zones.clone() {
                    for (day, date) in self.dates() {
                        self.day_of_zone(day, date, zone, &mut changes, &mut each)?;
                    }
                }
            }
        }
        Ok(changes)
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        let mut rows = 0;
        // Only a stop ends it early, and then the walk that follows ends too.
        let _ = self.walk(|_, _| {
            rows += 1;
            Ok(())
        });
        rows
    }

    fn dates(&self) -> impl Iterator<Item = (usize, NaiveDate)> {
        self.plan.dates().enumerate().filter(|(_, date)| self.year.is_none_or(|year| date.year() == year))
    }

    fn day_of_zone(
        &self,
        day: usize,
        date: NaiveDate,
        zone: usize,
        changes: &mut Changes,
        each: &mut impl FnMut(&Slice, &Row) -> io::Result<()>,
    ) -> io::Result<()> {
        if signals::check().is_err() {
            return Err(io::Error::other("arrêt demandé"));
        }
        let (categories, measure) = categories(self.dataset);
        let dataset = DATASETS.iter().position(|d| d.family == self.dataset.family).unwrap_or_default() as u64;
        let seed = keyed(keyed(self.plan.seed, date.num_days_from_ce() as u64), zone as u64);
        let sizes = sizes(self.axes, self.plan.scale);
        let renamed = (ZONES.len() - zone) as u64 <= self.renamed;
        let cut = self.truncated && day + 1 == self.plan.days as usize;
        for (index, categorie) in categories.iter().enumerate() {
            for provenance in 0..PROVENANCES.len() {
                // Siblings (`Nuitee`, `Nuitee_Pays`) share it, so that a breakdown follows its total.
                let hash = keyed(seed, (measure << 16) | ((index as u64) << 8) | provenance as u64);
                let visitors = volume::of_slice(&ZONES[zone], categorie, provenance, date, hash);
                let slice = Slice { date, day, zone, renamed, provenance, categorie };
                let hash = keyed(hash, dataset);
                let first = members(self.axes.first(), zone, provenance, sizes[0]);
                let second = members(self.axes.get(1), zone, provenance, sizes[1]);
                for (i, &m) in first.iter().enumerate() {
                    for (j, &n) in second.iter().enumerate() {
                        let hash = mix(hash ^ ((m as u64) << 32) ^ n as u64);
                        let likely = self.likelihood([i, j], sizes, provenance);
                        // What has no choice has no share: the whole, or the one département that is local.
                        let share = |of: &[usize], rank| if of.len() > 1 { volume::share(rank) } else { 1.0 };
                        let expected = visitors * share(first, i) * share(second, j);
                        if let Some(volume) = self.delivered(expected, likely, hash, changes) {
                            if cut && !hash.is_multiple_of(5) {
                                changes.truncated += 1;
                                continue;
                            }
                            each(&slice, &Row { members: [m, n], volume })?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Chances in 100 that a key is delivered: the frequent ones always are, the totals nearly so.
    fn likelihood(&self, ranks: [usize; 2], sizes: [usize; 2], provenance: usize) -> u64 {
        if self.axes.is_empty() {
            return if provenance == 2 { 97 } else { 100 };
        }
        let frequent = ranks[0] < sizes[0].div_ceil(2) && ranks[1] < sizes[1].div_ceil(2);
        if frequent { 100 } else { 80 }
    }

    /// The volume of a key in this delivery, if it is in it.
    fn delivered(&self, expected: f64, likely: u64, hash: u64, changes: &mut Changes) -> Option<u64> {
        let before = (keyed(hash, 3) % 100 < likely).then(|| volume::of_row(expected, hash));
        if self.plan.revision == 0 {
            return before;
        }
        let hash = keyed(hash, 1000 + u64::from(self.plan.revision));
        match before {
            None if hash % 100 < 6 => {
                changes.added += 1;
                Some(volume::of_row(expected, hash))
            }
            None => None,
            // Totals stay complete: a zone without tourists on a day would be another defect than a revision.
            Some(_) if likely < 100 && hash % 100 < 4 => {
                changes.withdrawn += 1;
                None
            }
            Some(volume) if (20..30).contains(&(hash % 100)) => {
                changes.revised += 1;
                Some(volume::revised(volume, hash))
            }
            Some(volume) => Some(volume),
        }
    }
}

/// The members delivered in a slice, the most frequent first; a single one where there is no such axis.
fn members(axis: Option<&Axis>, zone: usize, provenance: usize, size: usize) -> &[usize] {
    axis.map_or(&[0], |axis| {
        let order = axis.order(zone, provenance);
        &order[..size.min(order.len())]
    })
}

/// How many members of each axis are delivered at `scale`: the first grows until it is whole, then the second.
fn sizes(axes: &[Axis], scale: f64) -> [usize; 2] {
    let mut rest = scale;
    let mut sizes = [1, 1];
    for (size, axis) in sizes.iter_mut().zip(axes) {
        let wanted = axis.usual as f64 * rest;
        *size = (wanted.round() as usize).clamp(1, axis.members.len());
        rest = (wanted / *size as f64).max(1.0);
    }
    sizes
}

/// The categories that a dataset holds, and a number that the datasets of one measure share.
fn categories(dataset: &Dataset) -> (&'static [Categorie], u64) {
    match dataset.kind {
        Kind::Frequentation if dataset.family.starts_with("Nuitee") => (NUITEE, 1),
        Kind::Frequentation => (DIURNE, 2),
        Kind::Sejour => (SEJOUR, 3),
        Kind::Lieu => (LIEU, if dataset.family.starts_with("LieuActivite") { 4 } else { 5 }),
    }
}
