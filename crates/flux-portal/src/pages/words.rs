//! Numbers, dates and names as readers of French expect them.

use chrono::{DateTime, Datelike, Local, NaiveDate};
use flux_core::figures::indicators::Figure;
pub(super) use flux_report::date_in_words as date;
use flux_report::day_of_month;

/// The space that stands within numbers and before signs, and never breaks.
const THIN: &str = "\u{202f}";

/// `1 234 567`
pub(super) fn number(value: u64) -> String {
    flux_report::number(value).replace(' ', THIN)
}

/// `–` without data.
pub(super) fn count(value: Option<u64>) -> String {
    value.map_or_else(|| "–".into(), number)
}

pub(super) fn figure(figure: Option<Figure>) -> String {
    match figure {
        None => "–".into(),
        Some(Figure::Count(value)) => number(value),
        Some(Figure::Mean(mean)) => format!("{mean:.2}").replace('.', ","),
    }
}

/// `+12,3 %`, `−3,2 %`
pub(super) fn change(change: Option<f64>) -> String {
    change.map_or_else(|| "–".into(), |change| flux_report::change(change).replace(' ', THIN))
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{}{THIN}%", decimal(share)))
}

fn decimal(value: f64) -> String {
    let text = format!("{value:.1}");
    let (whole, tenths) = text.split_once('.').unwrap_or((&text, "0"));
    format!("{},{tenths}", number(whole.parse().unwrap_or_default()))
}

/// The day of an instant (`2025-08-31T22:30:00Z`) by the clock of this machine.
pub(super) fn local_date(instant: &str) -> String {
    let local = DateTime::parse_from_rfc3339(instant).map(|instant| instant.with_timezone(&Local).date_naive());
    local.map_or_else(|_| "–".into(), date)
}

/// `du 5 juillet au 31 août 2025`, `le 14 juillet 2025`
pub(super) fn dates(first: NaiveDate, last: NaiveDate) -> String {
    if first == last {
        format!("le {}", date(first))
    } else if first.year() == last.year() {
        format!("du {} au {}", day_of_month(first), date(last))
    } else {
        format!("du {} au {}", date(first), date(last))
    }
}

pub(super) fn days(count: u64) -> String {
    if count < 2 { format!("{count} jour") } else { format!("{} jours", number(count)) }
}

/// `12 jours sur 31`
pub(super) fn days_of(with: u64, all: u64) -> String {
    format!("{} sur {}", days(with), number(all))
}

/// Names are stored in capitals: `HAUTE VALLÉE` reads better as `Haute Vallée`. One that is not all capitals stays.
pub(super) fn name(stored: &str) -> String {
    const SMALL: [&str; 19] = [
        "de", "du", "des", "d", "la", "le", "les", "l", "et", "en", "sur", "sous", "aux", "au", "à", "lès", "nuit",
        "nuits", "plus",
    ];
    if stored.chars().any(char::is_lowercase) {
        return stored.to_owned();
    }
    let mut shown = String::with_capacity(stored.len());
    let mut word = String::new();
    let finish = |word: &mut String, shown: &mut String| {
        let lower = word.to_lowercase();
        if SMALL.contains(&lower.as_str()) && !shown.is_empty() {
            shown.push_str(&lower);
        } else {
            let mut characters = lower.chars();
            shown.extend(characters.next().into_iter().flat_map(char::to_uppercase));
            shown.push_str(characters.as_str());
        }
        word.clear();
    };
    for c in stored.chars() {
        if c.is_alphanumeric() {
            word.push(c);
        } else {
            finish(&mut word, &mut shown);
            shown.push(c);
        }
    }
    finish(&mut word, &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_numbers_dates_and_names() {
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(
            (change(Some(-3.25)), change(Some(1234.5)), change(None)),
            ("−3,2\u{202f}%".into(), "+1\u{202f}234,5\u{202f}%".into(), "–".to_owned())
        );
        assert_eq!((change(Some(0.0)), change(Some(-0.04))), ("0,0\u{202f}%".into(), "0,0\u{202f}%".to_owned()));
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(dates(day("2025-07-05"), day("2025-08-31")), "du 5 juillet au 31 août 2025");
        assert_eq!(dates(day("2024-12-21"), day("2025-03-01")), "du 21 décembre 2024 au 1er mars 2025");
        assert_eq!(dates(day("2025-05-01"), day("2025-05-01")), "le 1er mai 2025");
        assert_eq!(
            (days_of(1, 1_096), days_of(2, 31)),
            ("1 jour sur 1\u{202f}096".into(), "2 jours sur 31".to_owned())
        );
        for (stored, shown) in [
            ("PAYS D'AURILLAC", "Pays d'Aurillac"),
            ("AUVERGNE-RHÔNE-ALPES", "Auvergne-Rhône-Alpes"),
            ("ÎLE-DE-FRANCE", "Île-de-France"),
            ("13 NUITS ET PLUS", "13 nuits et plus"),
            ("Val d'Oise", "Val d'Oise"),
            ("=1+1", "=1+1"),
        ] {
            assert_eq!(name(stored), shown);
        }
    }
}
