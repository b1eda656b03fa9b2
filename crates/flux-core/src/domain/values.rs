//! Dates and volumes as they are written in the CSVs. Nothing is guessed: what is not clearly right is rejected.

use chrono::{Datelike, Days, NaiveDate};

/// First year that a delivery can hold.
pub(crate) const FIRST_YEAR: i32 = 2000;
/// Last year that a delivery can hold.
pub(crate) const LAST_YEAR: i32 = 2100;

/// A day, in days since 1970-01-01. Small, ordered, and cheap to pack into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub u16);

impl Day {
    /// The day of a calendar date between [`FIRST_YEAR`] and [`LAST_YEAR`].
    pub(crate) fn from_date(date: NaiveDate) -> Option<Self> {
        if !(FIRST_YEAR..=LAST_YEAR).contains(&date.year()) {
            return None;
        }
        u16::try_from(date.to_epoch_days()).ok().map(Day)
    }

    pub(crate) fn date(self) -> NaiveDate {
        NaiveDate::default() + Days::new(u64::from(self.0))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.date().fmt(f)
    }
}

/// Reads `YYYY-MM-DD`, or `DD/MM/YYYY` as spreadsheets leave it.
///
/// # Errors
/// The reason, in French.
pub(crate) fn parse_date(text: &str) -> Result<Day, &'static str> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        bytes.get(from..to)?.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
    };
    let parts = match bytes {
        [_, _, _, _, b'-', _, _, b'-', _, _] => (number(0, 4), number(5, 7), number(8, 10)),
        [_, _, b'/', _, _, b'/', _, _, _, _] => (number(6, 10), number(3, 5), number(0, 2)),
        [] => return Err("date vide"),
        _ => return Err("date illisible (attendu : AAAA-MM-JJ ou JJ/MM/AAAA)"),
    };
    let (Some(year), Some(month), Some(day)) = parts else {
        return Err("date illisible (attendu : AAAA-MM-JJ ou JJ/MM/AAAA)");
    };
    let date = NaiveDate::from_ymd_opt(year as i32, month, day).ok_or("date qui n'existe pas")?;
    Day::from_date(date).ok_or("année hors de la plage 2000–2100")
}

/// Reads a whole number ≥ 0 that fits the column `INT`: `1234`, `1 234` (plain or no-break spaces between groups of three),
/// `1234.0`.
///
/// # Errors
/// The reason, in French.
pub(crate) fn parse_volume(text: &str) -> Result<u32, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("volume vide");
    }
    if text.starts_with('-') {
        return Err("volume négatif");
    }
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some((fraction, text.as_bytes()[whole.len()]))),
        None => (text, None),
    };
    match fraction {
        // `1.000` or `1,0` may as well be a thousand or one: only an English decimal point before one or two zeros is clear.
        None | Some(("0" | "00", b'.')) => {}
        Some((digits, _)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            return Err("volume décimal");
        }
        Some(_) => return Err("volume qui n'est pas un nombre"),
    }
    let value = if whole.bytes().all(|b| b.is_ascii_digit()) { digits(whole) } else { grouped(whole) };
    match value {
        Some(value) if value <= i32::MAX as u64 => Ok(value as u32),
        Some(_) => Err("volume trop grand (au plus 2 147 483 647)"),
        None => Err("volume qui n'est pas un nombre"),
    }
}

/// Whether a text is a number below zero (or a zero with a minus sign).
pub(crate) fn is_negative(text: &str) -> bool {
    let Some(rest) = text.trim().strip_prefix('-') else { return false };
    let number = rest.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',');
    number && rest.replace(',', ".").parse::<f64>().is_ok()
}

/// Digits only; saturates far above what is allowed.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes()
        .try_fold(0u64, |sum, b| b.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

/// Groups of three digits (the first may be shorter) with one kind of space between them.
fn grouped(text: &str) -> Option<u64> {
    let mut groups = text.split([' ', '\u{a0}', '\u{202f}', '\u{2009}']);
    let first = groups.next()?;
    let mut value = digits(first).filter(|_| first.len() <= 3)?;
    for group in groups {
        value = value.saturating_mul(1000).saturating_add(digits(group).filter(|_| group.len() == 3)?);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_spellings_of_a_date_are_the_same_day() {
        assert_eq!(parse_date("2025-02-03").unwrap().to_string(), "2025-02-03");
        assert_eq!(parse_date("03/02/2025").unwrap(), parse_date("2025-02-03").unwrap());
        assert_eq!(parse_date(" 1970-01-01 "), Err("année hors de la plage 2000–2100"));
    }

    #[test]
    fn days_that_do_not_exist_are_rejected() {
        for bad in [
            "2025-02-30",
            "30/02/2025",
            "2025-13-01",
            "0001-01-01",
            "2025-1-1",
            "20250101",
            "",
            "2025/01/01",
            "é025-01-01",
        ] {
            assert!(parse_date(bad).is_err(), "{bad}");
        }
        assert!(parse_date("2024-02-29").is_ok());
        assert!(parse_date("2025-02-29").is_err());
    }

    #[test]
    fn whole_numbers_in_the_spellings_met_in_the_field() {
        for (text, expected) in [
            ("0", 0),
            ("1234", 1234),
            ("1 234", 1234),
            ("1\u{a0}234", 1234),
            ("12\u{202f}345\u{202f}678", 12_345_678),
            ("1234.0", 1234),
            (" 7 ", 7),
            ("2147483647", 2_147_483_647),
        ] {
            assert_eq!(parse_volume(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_rejected() {
        for bad in [
            "",
            "-1",
            "-0",
            "abc",
            "1.5",
            "1,5",
            "1.000",
            "1,000",
            "1,0",
            "1e3",
            "12 34",
            "1  234",
            "0x10",
            "+5",
            "2147483648",
            "99999999999999999999999",
            ".0",
            "1234.",
            "NaN",
        ] {
            assert!(parse_volume(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_volume_that_fits_survives_its_spelling(volume in 0u32..=2_147_483_647) {
            prop_assert_eq!(parse_volume(&volume.to_string()), Ok(volume));
            prop_assert_eq!(parse_volume(&format!("{volume}.0")), Ok(volume));
        }

        #[test]
        fn every_date_survives_its_spelling(offset in 10_957u16..47_847) {
            let day = Day(offset);
            let date = day.date();
            prop_assert_eq!(parse_date(&date.to_string()), Ok(day));
            prop_assert_eq!(parse_date(&date.format("%d/%m/%Y").to_string()), Ok(day));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}") {
            let _ = (parse_date(&text), parse_volume(&text));
        }
    }
}
