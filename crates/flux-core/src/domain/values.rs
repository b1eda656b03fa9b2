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

/// Today. A debug build takes `FLUX_TODAY` for it, so that tests do not depend on the day on which they run.
pub(crate) fn today() -> NaiveDate {
    #[cfg(debug_assertions)]
    if let Some(day) = std::env::var("FLUX_TODAY").ok().and_then(|text| text.parse().ok()) {
        return day;
    }
    chrono::Local::now().date_naive()
}

/// Reason for rejecting a date that is still to come.
pub(crate) const FUTURE: &str = "date à venir (--allow-future l'admet)";
/// The same in a raw export: what is definitive before it is over would stand above every weekly delivery to come.
pub(crate) const FUTURE_RAW: &str = "date à venir, dans un export définitif";

/// Which of the two numbers before the year is the day, in dates with slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DateOrder {
    /// `DD/MM/YYYY`, as the French write it.
    #[default]
    DayFirst,
    /// `MM/DD/YYYY`.
    MonthFirst,
}

/// What the dates of one file say about the order of day and month in those with slashes: the first line that only one of the two can
/// read, and the period that the file has in each.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateOrders {
    day_first: Option<(u64, String)>,
    month_first: Option<(u64, String)>,
    /// The first date that both orders read, each as another day.
    unclear: Option<(u64, String)>,
    /// First and last day, day first and month first.
    periods: [Option<(Day, Day)>; 2],
}

/// Both orders, the usual one first.
pub(crate) const ORDERS: [DateOrder; 2] = [DateOrder::DayFirst, DateOrder::MonthFirst];

/// A date of a file that both orders can read, its line, and the first and last day of the file in each order.
struct Doubtful<'a> {
    line: u64,
    text: &'a str,
    day_first: (Day, Day),
    month_first: (Day, Day),
}

impl DateOrders {
    /// Takes one date into account.
    pub(crate) fn note(&mut self, text: &str, line: u64) {
        let text = text.trim();
        let days = ORDERS.map(|order| parse_date(text, order).ok());
        for (period, day) in self.periods.iter_mut().zip(days) {
            let Some(day) = day else { continue };
            *period = Some(period.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        }
        let [a, b, b'/', c, d, b'/', ..] = text.as_bytes() else { return };
        let written = || Some((line, text.chars().take(10).collect()));
        if days[0] != days[1] && days.iter().all(Option::is_some) && self.unclear.is_none() {
            self.unclear = written();
        }
        let number = |tens: &u8, units: &u8| match (tens, units) {
            (b'0'..=b'9', b'0'..=b'9') => (tens - b'0') * 10 + units - b'0',
            _ => 0,
        };
        let place = match (number(a, b), number(c, d)) {
            (13..=31, 1..=12) => &mut self.day_first,
            (1..=12, 13..=31) => &mut self.month_first,
            _ => return,
        };
        if place.is_none() {
            *place = written();
        }
    }

    /// Of a file whose dates both orders can read: one of them, where month first makes days follow each other that day first spreads
    /// over months.
    fn doubtful(&self) -> Option<Doubtful<'_>> {
        let [Some(day_first), Some(month_first)] = self.periods else { return None };
        let length = |(first, last): (Day, Day)| first.0.abs_diff(last.0);
        let (line, text) = self.unclear.as_ref()?;
        (length(month_first) < length(day_first)).then_some(Doubtful { line: *line, text, day_first, month_first })
    }

    /// The order of the file; day first where nothing speaks against it.
    ///
    /// # Errors
    /// Both orders are there, or nothing proves which is: why the file is refused, in French, with the lines.
    pub(crate) fn order(&self) -> Result<DateOrder, String> {
        match (&self.day_first, &self.month_first) {
            (Some((line, day_first)), Some((other, month_first))) => Err(format!(
                "deux écritures de dates se contredisent : {day_first} (ligne {line}) est JJ/MM/AAAA, {month_first} \
                 (ligne {other}) est MM/JJ/AAAA ; les autres dates seraient devinées"
            )),
            (None, Some(_)) => Ok(DateOrder::MonthFirst),
            (Some(_), None) => Ok(DateOrder::DayFirst),
            (None, None) => match self.doubtful() {
                None => Ok(DateOrder::DayFirst),
                Some(Doubtful { line, text, day_first, month_first }) => Err(format!(
                    "des dates comme {text} (ligne {line}) se lisent JJ/MM/AAAA (le fichier irait du {} au {}) ou MM/JJ/AAAA (du {} \
                     au {}), et rien ne tranche : écrivez-les AAAA-MM-JJ",
                    day_first.0, day_first.1, month_first.0, month_first.1
                )),
            },
        }
    }
}

const UNREADABLE_DATE: &str = "date illisible (attendu : AAAA-MM-JJ ou JJ/MM/AAAA)";
const INVISIBLE: &str = "caractère invisible";

/// Characters that show nothing, and that a copy from a web page or a word processor leaves in a field.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// A text with its invisible characters shown as their code, so that one sees what is wrong with it.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_invisible(c) => shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c if c.is_control() => shown.push('·'),
            c => shown.push(c),
        }
    }
    shown
}

/// Reads `YYYY-MM-DD`, or `DD/MM/YYYY` (`MM/DD/YYYY`, as `order` says) as spreadsheets leave it.
///
/// # Errors
/// The reason, in French.
pub(crate) fn parse_date(text: &str, order: DateOrder) -> Result<Day, &'static str> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        bytes.get(from..to)?.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
    };
    let parts = match (bytes, order) {
        ([_, _, _, _, b'-', _, _, b'-', _, _], _) => (number(0, 4), number(5, 7), number(8, 10)),
        ([_, _, b'/', _, _, b'/', _, _, _, _], DateOrder::DayFirst) => (number(6, 10), number(3, 5), number(0, 2)),
        ([_, _, b'/', _, _, b'/', _, _, _, _], DateOrder::MonthFirst) => (number(6, 10), number(0, 2), number(3, 5)),
        _ => return Err(why_no_date(text)),
    };
    let (Some(year), Some(month), Some(day)) = parts else { return Err(why_no_date(text)) };
    let date = NaiveDate::from_ymd_opt(year as i32, month, day).ok_or("date qui n'existe pas")?;
    Day::from_date(date).ok_or("année hors de la plage 2000–2100")
}

/// Whether a field is the name of the column of dates, with the mark that begins a file.
fn is_header(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_matches(['"', ' ']).eq_ignore_ascii_case("date")
}

/// What people and spreadsheets write in the place of a date, each with its own reason.
fn why_no_date(text: &str) -> &'static str {
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split(['/', '-', '.']).collect();
    let starts_as_date = text.len() > 10
        && text.is_char_boundary(10)
        && [DateOrder::DayFirst, DateOrder::MonthFirst].iter().any(|order| parse_date(&text[..10], *order).is_ok());
    match parts.as_slice() {
        _ if text.is_empty() => "date vide",
        _ if is_header(text) => "en-tête répété (des fichiers mis bout à bout ?)",
        _ if text.chars().any(is_invisible) => INVISIBLE,
        _ if text.chars().all(|c| matches!(c, '-' | '–' | '—')) => "tiret à la place d'une date",
        _ if starts_as_date && text[10..].starts_with([' ', 'T']) => {
            "date suivie d'une heure (attendu : la date seule)"
        }
        [only] if digits(only, 5..=5) => "numéro de jour d'un tableur (mettez la colonne au format date)",
        [day, month, year] if digits(day, 1..=2) && digits(month, 1..=2) && digits(year, 2..=2) => {
            "année à deux chiffres (attendu : quatre)"
        }
        _ => UNREADABLE_DATE,
    }
}

/// Reads a whole number ≥ 0 that fits the column `INT`: `1234`, `1 234` (plain or no-break spaces between groups of three),
/// `1234.0`, `1234,00`.
///
/// # Errors
/// The reason, in French.
pub(crate) fn parse_volume(text: &str) -> Result<u32, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("volume vide");
    }
    if text.chars().all(|c| matches!(c, '-' | '–' | '—')) {
        return Err("tiret à la place d'un volume");
    }
    if text.chars().any(is_invisible) {
        return Err(INVISIBLE);
    }
    if text.starts_with('-') {
        return Err("volume négatif");
    }
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    match fraction {
        // `1.000` or `1,000` may as well be a thousand or one: only a mark before one or two zeros is clear.
        None | Some("0" | "00") => {}
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            return Err("volume décimal");
        }
        Some(_) => return Err(why_no_volume(text)),
    }
    let value = if whole.bytes().all(|b| b.is_ascii_digit()) { digits(whole) } else { grouped(whole) };
    match value {
        Some(value) if value <= i32::MAX as u64 => Ok(value as u32),
        Some(_) => Err("volume trop grand (au plus 2 147 483 647)"),
        None => Err(why_no_volume(text)),
    }
}

fn why_no_volume(text: &str) -> &'static str {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent))
            if !mantissa.is_empty()
                && mantissa.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
                && exponent.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit())
                && exponent.bytes().any(|b| b.is_ascii_digit()) =>
        {
            "notation scientifique d'un tableur : le nombre exact est perdu"
        }
        _ => "volume qui n'est pas un nombre",
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

    fn parse_date(text: &str) -> Result<Day, &'static str> {
        super::parse_date(text, DateOrder::DayFirst)
    }

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
            ("812,00", 812),
            ("0,0", 0),
            ("9 876,0", 9876),
            ("1\u{202f}234,00", 1234),
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
            "1.234,00",
            "1,234.00",
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

    #[test]
    fn what_spreadsheets_leave_has_a_reason_of_its_own() {
        let reason = |text: &str| parse_date(text).unwrap_err();
        assert!(reason("03/11/24").contains("deux chiffres") && reason("3/1/24").contains("deux chiffres"));
        assert!(reason("45612").contains("tableur"));
        assert!(reason("DATE").contains("répété") && reason("\u{feff}\"Date\"").contains("répété"));
        assert!(reason("2024-11-03 00:00:00").contains("heure") && reason("2024-11-03T10:00").contains("heure"));
        assert!(reason("2024-11-03\u{200b}").contains("invisible"));
        assert!(reason("—").contains("tiret"));
        let reason = |text: &str| parse_volume(text).unwrap_err();
        assert!(reason("3,4E+06").contains("scientifique") && reason("2e5").contains("scientifique"));
        assert!(reason("-").contains("tiret") && reason("–").contains("tiret"));
        assert!(reason("\u{feff}12").contains("invisible"));
        assert!(reason("E+06").contains("pas un nombre") && reason("12 e").contains("pas un nombre"));
        assert_eq!(shown("1\u{200b}2\t3"), "1⟨U+200B⟩2·3");
    }

    #[test]
    fn the_order_of_a_date_is_the_one_of_its_file() {
        let order = |dates: &[&str]| {
            let mut orders = DateOrders::default();
            dates.iter().zip(2..).for_each(|(date, line)| orders.note(date, line));
            orders.order()
        };
        assert_eq!(order(&["2024-11-03", "03/11/2024", "31/02/2024"]), Ok(DateOrder::DayFirst));
        assert_eq!(order(&["03/11/2024", "11/23/2024", "99/99/2024"]), Ok(DateOrder::MonthFirst));
        // A week of July: read day first, it is the 7th of seven months.
        let week = ["07/01/2026", "07/02/2026", "07/05/2026", "07/07/2026"];
        let doubtful = order(&week).unwrap_err();
        assert!(
            doubtful.contains("07/01/2026 (ligne 2)") && doubtful.contains("du 2026-07-01 au 2026-07-07"),
            "{doubtful}"
        );
        assert_eq!(order(&[&week[..], &["2026-07-06", "07/13/2026"]].concat()), Ok(DateOrder::MonthFirst));
        assert_eq!(order(&[&week[..], &["13/01/2026"]].concat()), Ok(DateOrder::DayFirst));
        assert_eq!(order(&["01/07/2026", "02/07/2026", "07/07/2026"]), Ok(DateOrder::DayFirst));
        assert_eq!(order(&["08/07/2026"]), Ok(DateOrder::DayFirst));
        // The other dates of the file speak too.
        assert!(
            order(&["2026-07-06", "08/07/2026"]) == Ok(DateOrder::DayFirst)
                && order(&["2026-07-06", "07/08/2026"]).is_err()
        );
        let both = order(&["11/23/2024", "03/11/2024", "24/11/2024", "25/11/2024"]).unwrap_err();
        assert!(both.contains("24/11/2024 (ligne 4)") && both.contains("11/23/2024 (ligne 2)"), "{both}");
        let month_first = super::parse_date("11/03/2024", DateOrder::MonthFirst).unwrap();
        assert_eq!(month_first.to_string(), "2024-11-03");
    }

    proptest! {
        #[test]
        fn every_volume_that_fits_survives_its_spelling(volume in 0u32..=2_147_483_647) {
            prop_assert_eq!(parse_volume(&volume.to_string()), Ok(volume));
            prop_assert_eq!(parse_volume(&format!("{volume}.0")), Ok(volume));
            prop_assert_eq!(parse_volume(&format!("{volume},00")), Ok(volume));
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
