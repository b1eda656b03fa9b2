//! Values that several tools take, in one style: sizes as `100M`, ages as `7j`, shares as `50%`, names out of a list.

use std::ffi::OsStr;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};

use flux_core::domain::catalogue::{DATASETS, Dataset, weekly, weekly_named};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// `50`, `12,5 %`: a share from 0 to 100, for clap.
///
/// # Errors
/// What is expected.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end().replace(',', ".").parse().unwrap_or(-1.0);
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("attendu : un pourcentage de 0 à 100".into()) }
}

/// `100`, `50k`, `100M`, `2G`, with or without `iB`; multiples of 1024.
///
/// # Errors
/// What is expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    size_in(text, 1)
}

/// As [`parse_size`]; a bare number is Mio, as it was where the option had no unit.
///
/// # Errors
/// What is expected.
pub fn parse_size_mio(text: &str) -> Result<u64, String> {
    size_in(text, 1 << 20)
}

/// As [`parse_size`]; a bare number is Gio, as it was where the option had no unit.
///
/// # Errors
/// What is expected.
pub fn parse_size_gio(text: &str) -> Result<u64, String> {
    size_in(text, 1 << 30)
}

fn size_in(text: &str, bare: u64) -> Result<u64, String> {
    let wrong = || "attendu : une taille, par exemple 500K, 100M ou 2G".to_owned();
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic()).trim_end();
    let factor = match text[digits.len()..].trim() {
        "" => bare,
        "o" | "b" => 1,
        unit => match unit.trim_end_matches(['b', 'o']).trim_end_matches('i') {
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => return Err(wrong()),
        },
    };
    let number: u64 = digits.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    number.checked_mul(factor).ok_or_else(|| "trop grand".to_owned())
}

/// `30`, `90m`, `24h`, `7j` (or `7d`): a bare number is days.
///
/// # Errors
/// What is expected.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || "attendu : un nombre de jours, ou 90m, 24h, 7j".to_owned();
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "j" | "d" => 86_400,
        "h" => 3_600,
        "m" | "min" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// `CATEGORY=AGE`: a lifetime of its own.
///
/// # Errors
/// What is expected.
pub fn parse_lifetime(text: &str) -> Result<(String, Duration), String> {
    let (name, age) = text.split_once('=').ok_or("attendu : CATÉGORIE=ÂGE, par exemple infographie/pays=6h")?;
    Ok((name.trim().to_owned(), parse_age(age)?))
}

/// A value of the core that is one of these words, as documents spell it: the help and the completions list them.
pub fn choice<T>(words: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| value::<T>(&word).map_err(|error| error.to_string()))
}

/// The same for an option whose help tells them in a sentence.
pub fn word<T: DeserializeOwned>(words: &'static [&'static str]) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let known = words.contains(&text).then(|| value(text).ok()).flatten();
        known.ok_or_else(|| format!("choix : {}", words.join(", ")))
    }
}

fn value<T: DeserializeOwned>(word: &str) -> Result<T, serde::de::value::Error> {
    T::deserialize(word.into_deserializer())
}

/// A name that may be written in several ways, of which the completions list one.
#[derive(Debug, Clone)]
struct Named<T> {
    /// What they are names of, in French.
    what: &'static str,
    names: Vec<&'static str>,
    find: fn(&str) -> Option<T>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let (find, wrong) = (self.find, format!("{} possibles : {}", self.what, self.names.join(", ")));
        let parse = move |text: String| find(text.trim()).ok_or_else(|| wrong.clone());
        StringValueParser::new().try_map(parse).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().copied().map(PossibleValue::new)))
    }
}

/// A family of the catalogue, or its main table, without regard to case.
pub fn family() -> impl TypedValueParser<Value = &'static str> {
    let find = |name: &str| {
        let is_named = |d: &&Dataset| d.family.eq_ignore_ascii_case(name) || d.main.eq_ignore_ascii_case(name);
        DATASETS.iter().find(is_named).map(|dataset| dataset.family)
    };
    Named { what: "familles", names: DATASETS.iter().map(|dataset| dataset.family).collect(), find }
}

/// A file of the weekly delivery, or one of its tables.
pub fn weekly_file() -> impl TypedValueParser<Value = String> {
    let find = |name: &str| weekly_named(name).map(|dataset| dataset.short_name().to_owned());
    Named { what: "fichiers", names: weekly().map(Dataset::short_name).collect(), find }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_that_of_its_option() {
        for (text, bytes) in
            [("100", 100), ("1k", 1024), ("100M", 100 << 20), ("2 Gio", 2 << 30), ("3MiB", 3 << 20), ("7o", 7)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert_eq!((parse_size_mio("10"), parse_size_mio("10G")), (Ok(10 << 20), Ok(10 << 30)));
        assert_eq!((parse_size_gio("50"), parse_size_gio("100M")), (Ok(50 << 30), Ok(100 << 20)));
        for wrong in ["", "M", "0", "dix", "10x", "-1", "99999999999999T"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_have_units_and_are_days_without_one() {
        assert_eq!(parse_age("7"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse_age("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_age("2J"), Ok(Duration::from_secs(172_800)));
        assert!(parse_age("-1").is_err() && parse_age("x").is_err() && parse_age("").is_err());
    }
}
