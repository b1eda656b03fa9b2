//! What becomes of each key: one row, duplicates, conflicts. Counted by date before anything is sent.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;

use crate::error::{Error, Result};
use crate::load::sorter::{Record, Sorted};

use crate::domain::values::Day;
use crate::load::layout::{Layout, Slice};
use crate::load::options::OnConflict;

/// All lines of one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) key: u128,
    pub(crate) lines: u64,
    /// How many different volumes.
    pub(crate) distinct: u64,
    /// First line of the key, and the first one that disagrees with it.
    pub(crate) first: Record,
    pub(crate) last: Record,
    other: Option<Record>,
    sum: u64,
}

impl Group {
    fn new(record: Record) -> Self {
        Self {
            key: record.key,
            lines: 1,
            distinct: 1,
            first: record,
            last: record,
            other: None,
            sum: u64::from(record.volume),
        }
    }

    fn add(&mut self, record: Record, same_volume: bool) {
        self.lines += 1;
        if !same_volume {
            self.distinct += 1;
            self.sum = self.sum.saturating_add(u64::from(record.volume));
        }
        if record.line < self.first.line {
            self.other = Some(self.first);
            self.first = record;
        } else if record.volume != self.first.volume && self.other.is_none_or(|other| record.line < other.line) {
            self.other = Some(record);
        }
        if record.line > self.last.line {
            self.last = record;
        }
    }

    /// The volume to store; `None` when the policy rejects the key.
    pub(crate) fn volume(&self, policy: OnConflict) -> Result<Option<u32>> {
        if self.distinct == 1 {
            return Ok(Some(self.first.volume));
        }
        match policy {
            OnConflict::First => Ok(Some(self.first.volume)),
            OnConflict::Last => Ok(Some(self.last.volume)),
            OnConflict::Reject => Ok(None),
            OnConflict::Sum => match u32::try_from(self.sum).ok().filter(|sum| *sum <= i32::MAX as u32) {
                Some(sum) => Ok(Some(sum)),
                None => Err(Error::BadFile(format!(
                    "la somme des volumes contradictoires de la ligne {} dépasse la colonne",
                    self.first.line
                ))),
            },
        }
    }
}

pub(crate) const ALL: RangeInclusive<u128> = 0..=u128::MAX;

/// Gives the lines of each key of a range together, in key order.
pub(crate) fn for_each_group(
    sorted: &Sorted,
    keys: RangeInclusive<u128>,
    mut take: impl FnMut(&Group) -> Result<()>,
) -> Result<()> {
    let mut current: Option<(Group, u32)> = None;
    sorted.for_each_in(keys, |record| {
        match &mut current {
            Some((group, volume)) if group.key == record.key => {
                group.add(record, *volume == record.volume);
                *volume = record.volume;
            }
            _ => {
                if let Some((group, _)) = current.replace((Group::new(record), record.volume)) {
                    take(&group)?;
                }
            }
        }
        Ok(())
    })?;
    match current {
        Some((group, _)) => take(&group),
        None => Ok(()),
    }
}

/// Rows and volume by date, zone and category.
pub(crate) type Cells = BTreeMap<(NaiveDate, u32, u32), (u64, u64)>;

/// What one slice holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SliceTally {
    pub(crate) rows: u64,
    /// Sum of the volumes stored.
    pub(crate) volume: u64,
    pub(crate) lines: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
}

/// What the file holds, by slice.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) slices: BTreeMap<Slice, SliceTally>,
    /// Rows by date and row of the first dimension.
    pub(crate) zones: BTreeMap<(Day, u32), u64>,
    /// Two lines of each of the first keys in conflict.
    pub(crate) examples: Vec<(Record, Record)>,
}

/// Examples of conflicts kept for the report.
const EXAMPLES: usize = 5;

impl Tally {
    pub(crate) fn of(sorted: &Sorted, layout: &Layout, policy: OnConflict) -> Result<Self> {
        let mut tally = Self::default();
        let mut current: (Option<Slice>, SliceTally) = (None, SliceTally::default());
        // Keys of one date and zone follow each other.
        let mut zone: Option<((Day, u32), u64)> = None;
        for_each_group(sorted, ALL, |group| {
            let slice = layout.slice(group.key);
            if current.0 != Some(slice)
                && let (Some(slice), counts) = std::mem::replace(&mut current, (Some(slice), SliceTally::default()))
            {
                tally.slices.insert(slice, counts);
            }
            let counts = &mut current.1;
            let volume = group.volume(policy)?;
            let stored = u64::from(volume.is_some());
            let here = layout.date_and_zone(group.key);
            match &mut zone {
                Some((key, rows)) if *key == here => *rows += stored,
                _ => tally.zones.extend(zone.replace((here, stored))),
            }
            counts.rows += stored;
            counts.volume += u64::from(volume.unwrap_or(0));
            counts.lines += group.lines;
            counts.duplicates += group.lines - group.distinct;
            counts.conflicts += group.distinct - stored;
            if let Some(other) = group.other.filter(|_| group.distinct > 1 && tally.examples.len() < EXAMPLES) {
                tally.examples.push((group.first, other));
            }
            Ok(())
        })?;
        tally.zones.extend(zone);
        if let (Some(slice), counts) = current {
            tally.slices.insert(slice, counts);
        }
        Ok(tally)
    }

    /// Sums over the slices that are `wanted`.
    pub(crate) fn total(&self, wanted: impl Fn(&Slice) -> bool) -> SliceTally {
        let mut total = SliceTally::default();
        for (_, counts) in self.slices.iter().filter(|(slice, _)| wanted(slice)) {
            total.rows += counts.rows;
            total.lines += counts.lines;
            total.duplicates += counts.duplicates;
            total.conflicts += counts.conflicts;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::sorter::Sorter;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Groups of (volume, …) in line order under one key.
    fn group(volumes: &[u32]) -> Group {
        let mut sorter = Sorter::new(&std::env::temp_dir(), 1000);
        for (line, volume) in volumes.iter().enumerate() {
            sorter.push(Record { key: 7, volume: *volume, line: line as u64 + 2 }).unwrap();
        }
        let mut found = Vec::new();
        for_each_group(&sorter.finish(), ALL, |group| {
            found.push(*group);
            Ok(())
        })
        .unwrap();
        assert_eq!(found.len(), 1);
        found[0]
    }

    #[test]
    fn each_policy_chooses_its_volume() {
        let group = group(&[7, 5, 5, 9]);
        assert_eq!((group.lines, group.distinct), (4, 3));
        assert_eq!(group.volume(OnConflict::First).unwrap(), Some(7));
        assert_eq!(group.volume(OnConflict::Last).unwrap(), Some(9));
        assert_eq!(group.volume(OnConflict::Sum).unwrap(), Some(21));
        assert_eq!(group.volume(OnConflict::Reject).unwrap(), None);
        assert_eq!(group.other.unwrap().line, 3);
    }

    #[test]
    fn identical_lines_are_no_conflict_under_any_policy() {
        let group = group(&[4, 4]);
        for policy in [OnConflict::First, OnConflict::Last, OnConflict::Sum, OnConflict::Reject] {
            assert_eq!(group.volume(policy).unwrap(), Some(4));
        }
    }

    proptest! {
        #[test]
        fn first_and_last_are_those_of_the_file(volumes in prop::collection::vec(0u32..4, 1..12)) {
            let group = group(&volumes);
            prop_assert_eq!(group.volume(OnConflict::First).unwrap(), volumes.first().copied());
            prop_assert_eq!(group.volume(OnConflict::Last).unwrap(), volumes.last().copied());
            let distinct: BTreeSet<_> = volumes.iter().collect();
            prop_assert_eq!(group.distinct, distinct.len() as u64);
            let disagreeing = volumes.iter().position(|v| *v != volumes[0]).map(|at| at as u64 + 2);
            prop_assert_eq!(group.other.map(|other| other.line).filter(|_| group.distinct > 1), disagreeing);
        }

        #[test]
        fn every_line_becomes_a_row_a_duplicate_or_a_conflict(
            lines in prop::collection::vec((0u16..3, 0u32..2, 0u32..2, 1u32..4), 0..40)
        ) {
            let layout = Layout::new([2, 2].into_iter(), 0, false).unwrap();
            let mut keys: BTreeMap<(u16, u32, u32), Vec<u32>> = BTreeMap::new();
            let mut sorter = Sorter::new(&std::env::temp_dir(), 1000);
            for (line, (day, zone, other, volume)) in (2..).zip(&lines) {
                keys.entry((*day, *zone, *other)).or_default().push(*volume);
                sorter.push(Record { key: layout.pack(Day(*day), &[*zone, *other]), volume: *volume, line }).unwrap();
            }
            let sorted = sorter.finish();
            for policy in [OnConflict::First, OnConflict::Last, OnConflict::Sum, OnConflict::Reject] {
                let tally = Tally::of(&sorted, &layout, policy).unwrap();
                for day in 0..3 {
                    let mut expected = [0u64; 5];
                    let mut by_zone: BTreeMap<u32, u64> = BTreeMap::new();
                    for ((_, zone, _), volumes) in keys.iter().filter(|((of, ..), _)| *of == day) {
                        let distinct: BTreeSet<u32> = volumes.iter().copied().collect();
                        let volume = match policy {
                            OnConflict::First => volumes.first().copied(),
                            OnConflict::Last => volumes.last().copied(),
                            OnConflict::Sum => Some(distinct.iter().sum()),
                            OnConflict::Reject => volumes.first().copied().filter(|_| distinct.len() == 1),
                        };
                        let (lines, distinct) = (volumes.len() as u64, distinct.len() as u64);
                        let row = u64::from(volume.is_some());
                        *by_zone.entry(*zone).or_default() += row;
                        let of_key = [row, u64::from(volume.unwrap_or(0)), lines, lines - distinct, distinct - row];
                        expected.iter_mut().zip(of_key).for_each(|(sum, of_key)| *sum += of_key);
                    }
                    let found = tally.slices.get(&layout.slice_of(Day(day), 0)).copied().unwrap_or_default();
                    let counts = [found.rows, found.volume, found.lines, found.duplicates, found.conflicts];
                    prop_assert_eq!(counts, expected, "{:?}", policy);
                    prop_assert_eq!(found.lines, found.rows + found.duplicates + found.conflicts);
                    let zones = tally.zones.iter().filter(|((of, _), _)| *of == Day(day)).map(|((_, zone), rows)| (*zone, *rows));
                    prop_assert_eq!(zones.collect::<BTreeMap<_, _>>(), by_zone);
                }
            }
        }
    }
}
