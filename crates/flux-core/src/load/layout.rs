//! How a natural key is packed into one number that sorts like the key in the database.

use crate::domain::values::Day;
use crate::error::{Error, Result};

/// What a file replaces as one: a date, or a date of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slice(pub(crate) u64);

/// Widths of the parts of a packed key: the date, then the position of each dimension's row.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    widths: Vec<u32>,
    total: u32,
    /// Bits of the key below its slice.
    below_slice: u32,
}

impl Layout {
    /// For dimensions with `rows` rows each, leaving room for `created` more. Slices are dates, or with `by_zone` dates of the first
    /// dimension's rows.
    pub(crate) fn new(rows: impl Iterator<Item = usize>, created: usize, by_zone: bool) -> Result<Self> {
        let widths: Vec<u32> = rows.map(|rows| usize::BITS - (rows + created).leading_zeros()).collect();
        let total: u32 = widths.iter().sum();
        if 16 + total > 128 {
            return Err(Error::Invariant("les dimensions ont trop de lignes pour la clé de tri".into()));
        }
        let zone = if by_zone { widths.first().copied().unwrap_or_default() } else { 0 };
        Ok(Self { widths, total, below_slice: total - zone })
    }

    #[inline]
    pub(crate) fn pack(&self, day: Day, rows: &[u32]) -> u128 {
        let mut key = u128::from(day.0);
        for (row, width) in rows.iter().zip(&self.widths) {
            key = key << width | u128::from(*row);
        }
        key
    }

    #[inline]
    pub(crate) fn unpack(&self, mut key: u128, rows: &mut [u32]) -> Day {
        for (row, width) in rows.iter_mut().zip(&self.widths).rev() {
            *row = (key & ((1 << width) - 1)) as u32;
            key >>= width;
        }
        Day(key as u16)
    }

    /// The slice of a key.
    #[inline]
    pub(crate) fn slice(&self, key: u128) -> Slice {
        Slice((key >> self.below_slice) as u64)
    }

    /// The slice of a date and a row of the first dimension.
    pub(crate) fn slice_of(&self, day: Day, zone: u32) -> Slice {
        Slice(u64::from(day.0) << (self.total - self.below_slice) | u64::from(zone))
    }

    /// The date of a key and the row of its first dimension.
    #[inline]
    pub(crate) fn date_and_zone(&self, key: u128) -> (Day, u32) {
        let zone = self.widths.first().copied().unwrap_or_default();
        let top = (key >> (self.total - zone)) as u64;
        (Day((top >> zone) as u16), (top & ((1 << zone) - 1)) as u32)
    }

    /// The date of a slice.
    pub(crate) fn day(&self, slice: Slice) -> Day {
        Day((slice.0 >> (self.total - self.below_slice)) as u16)
    }

    /// The row of the first dimension, where slices have one.
    pub(crate) fn zone(&self, slice: Slice) -> u32 {
        (slice.0 & ((1 << (self.total - self.below_slice)) - 1)) as u32
    }

    /// The keys of the slices from `first` to `last`.
    pub(crate) fn keys(&self, first: Slice, last: Slice) -> std::ops::RangeInclusive<u128> {
        u128::from(first.0) << self.below_slice..=((u128::from(last.0) + 1) << self.below_slice) - 1
    }
}

/// One row as LOAD DATA reads it, put together in place; its first field, the date, is kept from row to row.
#[derive(Debug)]
pub(crate) struct RowText {
    bytes: [u8; 192],
    end: usize,
    day: Option<Day>,
}

/// Bytes of a date and the separator after it.
const DATE: usize = 11;

impl RowText {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; 192], end: 0, day: None }
    }

    /// Begins the next row.
    #[inline]
    pub(crate) fn begin(&mut self, day: Day) {
        if self.day != Some(day) {
            self.day = Some(day);
            self.end = 0;
            self.text(&day.to_string());
        }
        self.end = DATE;
    }

    /// Adds a short ASCII field.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes[self.end..self.end + text.len()].copy_from_slice(text.as_bytes());
        self.end += text.len() + 1;
        self.bytes[self.end - 1] = b'\t';
    }

    #[inline]
    pub(crate) fn number(&mut self, number: u32) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let mut rest = number;
        for digit in self.bytes[self.end..self.end + digits].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.end += digits + 1;
        self.bytes[self.end - 1] = b'\t';
    }

    /// The row with its line end.
    #[inline]
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.bytes[self.end - 1] = b'\n';
        &self.bytes[..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_keys_unpack_and_sort_like_the_keys(
            a in (0u16..60_000, 0u32..12, 0u32..3, 0u32..40_000), b in (0u16..60_000, 0u32..12, 0u32..3, 0u32..40_000)
        ) {
            let layout = Layout::new([12, 3, 40_000].into_iter(), 8192, false).unwrap();
            let pack = |(day, x, y, z): (u16, u32, u32, u32)| layout.pack(Day(day), &[x, y, z]);
            prop_assert_eq!(pack(a).cmp(&pack(b)), a.cmp(&b));
            let mut rows = [0; 3];
            prop_assert_eq!(layout.unpack(pack(a), &mut rows), Day(a.0));
            prop_assert_eq!(rows, [a.1, a.2, a.3]);
            prop_assert_eq!(layout.day(layout.slice(pack(a))), Day(a.0));
            let by_zone = Layout::new([12, 3, 40_000].into_iter(), 8192, true).unwrap();
            let slice = by_zone.slice(by_zone.pack(Day(a.0), &[a.1, a.2, a.3]));
            prop_assert_eq!((by_zone.day(slice), by_zone.zone(slice)), (Day(a.0), a.1));
            prop_assert_eq!(slice, by_zone.slice_of(Day(a.0), a.1));
            let key = by_zone.pack(Day(b.0), &[b.1, b.2, b.3]);
            prop_assert_eq!(by_zone.keys(slice, slice).contains(&key), (a.0, a.1) == (b.0, b.1));
        }

        #[test]
        fn rows_are_written_like_the_standard_library_does(days in prop::collection::vec(10_957u16..47_000, 1..4), numbers: [u32; 8]) {
            let mut row = RowText::new();
            for day in days.into_iter().map(Day) {
                row.begin(day);
                numbers.iter().for_each(|number| row.number(*number));
                row.text("mercredi");
                row.number(0);
                let expected = numbers.map(|number| number.to_string()).join("\t");
                let found = std::str::from_utf8(row.finish()).unwrap();
                prop_assert_eq!(found, format!("{day}\t{expected}\tmercredi\t0\n"));
            }
        }
    }
}
