//! How a natural key is packed into one number that sorts like the key in the database.

use std::io::Write;

use crate::error::{Error, Result};
use crate::values::Day;

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
    pub(super) fn new(rows: impl Iterator<Item = usize>, created: usize, by_zone: bool) -> Result<Self> {
        let widths: Vec<u32> = rows.map(|rows| usize::BITS - (rows + created).leading_zeros()).collect();
        let total: u32 = widths.iter().sum();
        if 16 + total > 128 {
            return Err(Error::Invariant("les dimensions ont trop de lignes pour la clé de tri".into()));
        }
        let zone = if by_zone { widths.first().copied().unwrap_or_default() } else { 0 };
        Ok(Self { widths, total, below_slice: total - zone })
    }

    /// Packs a key.
    #[inline]
    pub(super) fn pack(&self, day: Day, rows: &[u32]) -> u128 {
        let mut key = u128::from(day.0);
        for (row, width) in rows.iter().zip(&self.widths) {
            key = key << width | u128::from(*row);
        }
        key
    }

    /// Unpacks a key.
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

/// A date as text, remembered from row to row.
#[derive(Debug)]
pub(super) struct DateText {
    day: Day,
    text: String,
}

impl DateText {
    pub(super) fn new() -> Self {
        Self { day: Day(0), text: Day(0).to_string() }
    }

    /// `YYYY-MM-DD`.
    pub(super) fn of(&mut self, day: Day) -> &str {
        if self.day != day {
            *self = Self { day, text: day.to_string() };
        }
        &self.text
    }
}

/// Appends a number and a separator.
#[inline]
pub(super) fn push_number(buffer: &mut Vec<u8>, number: u32, then: u8) {
    let mut digits = [0u8; 11];
    let mut at = digits.len() - 1;
    digits[at] = then;
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    // Writing to a Vec cannot fail.
    let _ = buffer.write_all(&digits[at..]);
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
        fn numbers_are_written_like_the_standard_library_does(number: u32) {
            let mut buffer = Vec::new();
            push_number(&mut buffer, number, b'\n');
            prop_assert_eq!(String::from_utf8(buffer).unwrap(), format!("{number}\n"));
        }
    }
}
