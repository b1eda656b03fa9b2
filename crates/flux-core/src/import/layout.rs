//! How a natural key is packed into one number that sorts like the key in the database.

use std::io::Write;

use crate::error::{Error, Result};
use crate::values::Day;

/// Names that may be created while one file is read.
pub(super) const MAX_CREATED: usize = 8192;

/// Widths of the parts of a packed key: the date, then the position of each dimension's row.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    widths: Vec<u32>,
}

impl Layout {
    /// For dimensions with `rows` rows each, leaving room for those created on the way.
    pub(super) fn new(rows: impl Iterator<Item = usize>) -> Result<Self> {
        let widths: Vec<u32> = rows.map(|rows| usize::BITS - (rows + MAX_CREATED).leading_zeros()).collect();
        if 16 + widths.iter().sum::<u32>() > 128 {
            return Err(Error::Invariant("les dimensions ont trop de lignes pour la clé de tri".into()));
        }
        Ok(Self { widths })
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
    pub(super) fn unpack(&self, mut key: u128, rows: &mut [u32]) -> Day {
        for (row, width) in rows.iter_mut().zip(&self.widths).rev() {
            *row = (key & ((1 << width) - 1)) as u32;
            key >>= width;
        }
        Day(key as u16)
    }

    /// The date of a key.
    #[inline]
    pub(super) fn day(&self, key: u128) -> Day {
        Day((key >> self.widths.iter().sum::<u32>()) as u16)
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
            let layout = Layout::new([12, 3, 40_000].into_iter()).unwrap();
            let pack = |(day, x, y, z): (u16, u32, u32, u32)| layout.pack(Day(day), &[x, y, z]);
            prop_assert_eq!(pack(a).cmp(&pack(b)), a.cmp(&b));
            let mut rows = [0; 3];
            prop_assert_eq!(layout.unpack(pack(a), &mut rows), Day(a.0));
            prop_assert_eq!(rows, [a.1, a.2, a.3]);
            prop_assert_eq!(layout.day(pack(a)), Day(a.0));
        }

        #[test]
        fn numbers_are_written_like_the_standard_library_does(number: u32) {
            let mut buffer = Vec::new();
            push_number(&mut buffer, number, b'\n');
            prop_assert_eq!(String::from_utf8(buffer).unwrap(), format!("{number}\n"));
        }
    }
}
