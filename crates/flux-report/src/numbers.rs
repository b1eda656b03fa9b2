//! Numbers, units, dates and lists as French operators write them.

use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use serde::Serializer;

/// What stands before a negative number: wider than a hyphen, and no line breaks behind it.
const MINUS: char = '\u{2212}';

/// `1 234 567`, `−12`
pub fn number(value: impl TryInto<i128>) -> String {
    let value: i128 = value.try_into().unwrap_or_default();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        text.push(MINUS);
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 ligne`, `2 lignes`; in French, zero is singular.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count < 2 { one } else { many })
}

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// `14 juillet`, `1er mai`
pub fn day_of_month(day: NaiveDate) -> String {
    let number = if day.day() == 1 { "1er".to_owned() } else { day.day().to_string() };
    format!("{number} {}", MONTHS[day.month0() as usize % 12])
}

/// `14 juillet 2025`, as it is read in a sentence.
pub fn date_in_words(day: NaiveDate) -> String {
    format!("{} {}", day_of_month(day), day.year())
}

/// An instant of the history, `2025-08-04 06:12:03` in UTC, as the clock of this machine shows it (`TZ`); any other text as it is.
pub fn local_time(utc: &str) -> String {
    let parsed = chrono::NaiveDateTime::parse_from_str(utc.get(..19).unwrap_or(utc), "%Y-%m-%d %H:%M:%S");
    parsed.map_or_else(
        |_| utc.to_owned(),
        |instant| instant.and_utc().with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// Seconds as `0,3 s`, `12 s`, `3 min 05 s`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s").replace('.', ","),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{} min {:02} s", s as u64 / 60, s as u64 % 60),
    }
}

/// A path in a JSON document: a name that is no text is shown with U+FFFD, where serde would give the whole document up.
pub fn path_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// [`path_text`] of a path that may be none.
pub fn path_text_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => path_text(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// Bytes as `12 o`, `3,4 Mio`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["o", "Kio", "Mio", "Gio", "Tio"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} o") } else { format!("{value:.1} {}", UNITS[unit]).replace('.', ",") }
}

/// A bar of at most `width` blocks, an eighth of a block being the smallest step.
pub fn bar(value: f64, most: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most <= 0.0 || value <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// `12,3 %`; `100,0 %` only for the whole.
pub fn percent(part: f64, whole: f64) -> String {
    if whole == 0.0 {
        return "–".into();
    }
    let percent = part * 100.0 / whole;
    let shown = if part < whole { percent.min(99.9) } else { percent };
    format!("{shown:.1} %").replace('.', ",")
}

/// `+12,3 %`, `−1 203,2 %`, `0,0 %`: by how many percent something has changed.
pub fn change(percent: f64) -> String {
    let text = format!("{:.1}", percent.abs());
    let (whole, tenths) = text.split_once('.').unwrap_or((&text, "0"));
    let sign = match percent {
        _ if text == "0.0" => String::new(),
        less if less < 0.0 => MINUS.to_string(),
        _ => "+".to_owned(),
    };
    format!("{sign}{},{tenths} %", number(whole.parse().unwrap_or(0_i128)))
}

/// The first `most` of `items`, and how many more there are.
pub fn some_of(items: &[String], most: usize) -> String {
    first_of(items, most, items.len() as u64)
}

/// The first `most` of `items`, and how many more there are of `all` that these are examples of.
pub fn first_of(items: &[String], most: usize, all: u64) -> String {
    let more = all.saturating_sub(items.len().min(most) as u64);
    let list = items.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} … et {} de plus", number(more)) }
}

/// Days as ranges: `2025-07-07 → 2025-07-09, 2025-07-12`.
pub fn ranges(days: impl IntoIterator<Item = chrono::NaiveDate>) -> Vec<String> {
    let mut spans: Vec<(chrono::NaiveDate, chrono::NaiveDate)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(day) => *last = day,
            _ => spans.push((day, day)),
        }
    }
    let text = |(first, last): (chrono::NaiveDate, chrono::NaiveDate)| {
        if first == last { first.to_string() } else { format!("{first} → {last}") }
    };
    spans.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_plurals_and_units_are_french() {
        assert_eq!(number(1_234_567u64), "1 234 567");
        assert_eq!(number(-1234i64), "−1 234");
        assert_eq!(number(999u32), "999");
        assert_eq!(plural(0, "ligne", "lignes"), "0 ligne");
        assert_eq!(plural(2, "ligne", "lignes"), "2 lignes");
        assert_eq!(duration(0.34), "0,3 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(bytes(1536), "1,5 Kio");
    }

    #[test]
    fn bars_grow_by_eighths_and_never_leave_their_width() {
        assert_eq!(bar(1.0, 1.0, 4), "████");
        assert_eq!(bar(0.5, 1.0, 3), "█▌");
        assert_eq!(bar(0.0, 1.0, 3), "");
        assert_eq!(bar(9.0, 1.0, 2), "██");
        assert_eq!(bar(1.0, 0.0, 2), "");
    }

    #[test]
    fn a_hundred_percent_is_all_of_it() {
        assert_eq!(percent(104_634.0, 104_635.0), "99,9 %");
        assert_eq!(percent(1.0, 1.0), "100,0 %");
        assert_eq!(percent(1.0, 8.0), "12,5 %");
        assert_eq!(percent(0.0, 0.0), "–");
    }

    #[test]
    fn a_change_has_its_sign_and_none_has_none() {
        // A sign of its own, not the hyphen of words.
        assert_eq!(
            [12.34, -7.8, -1203.25, 0.04, -0.04].map(change),
            ["+12,3 %", "−7,8 %", "−1 203,2 %", "0,0 %", "0,0 %"]
        );
    }

    #[test]
    fn days_in_a_row_are_one_range() {
        let days = ["2025-02-27", "2025-02-28", "2025-03-01", "2025-03-05"].map(|day| day.parse().unwrap());
        assert_eq!(ranges(days), ["2025-02-27 → 2025-03-01", "2025-03-05"]);
    }
}
