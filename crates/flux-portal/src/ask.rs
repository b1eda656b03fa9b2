//! What a request asks for: its parameters, each judged before anything else is done with it.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use flux_core::figures::period::Asked;
use flux_core::figures::scope::Question;

use crate::failure::Failure;

/// Characters of a parameter.
const LONGEST: usize = 255;
/// Years that can be asked for.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;
/// Rows of a ranking.
const LIMITS: std::ops::RangeInclusive<usize> = 1..=500;

/// All parameters. What else an address carries (a number against caches, a mark of who linked to it) asks for nothing: it is dropped,
/// so that it makes no answer of its own.
pub(crate) const NAMES: [&str; 26] = [
    "action",
    "annee",
    "annee_a",
    "annee_b",
    "compare_annee",
    "compare_annee_a",
    "compare_annee_b",
    "debut",
    "debut_a",
    "debut_b",
    "embed",
    "fin",
    "fin_a",
    "fin_b",
    "format",
    "limit",
    "offset",
    "onglet",
    "periode",
    "periode_a",
    "periode_b",
    "type",
    "visiteurs",
    "zone",
    "zone_a",
    "zone_b",
];

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Json,
    Csv,
    Xlsx,
}

/// The parameters of a request, in the order of their names. An empty one is as good as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// # Errors
    /// [`Failure::BadRequest`] for a parameter that is given twice, too long, or no text.
    pub(crate) fn parse(query: &str) -> Result<Self, Failure> {
        let mut parameters = Self::read(query, LONGEST, true)?;
        parameters.0.retain(|name, _| NAMES.contains(&name.as_str()));
        Ok(parameters)
    }

    /// The same where a value may hold a whole address.
    ///
    /// # Errors
    /// As [`Parameters::parse`].
    pub(crate) fn parse_long(query: &str) -> Result<Self, Failure> {
        Self::read(query, 4_096, true)
    }

    /// A form: values as they were typed, passwords with their spaces.
    ///
    /// # Errors
    /// As [`Parameters::parse`].
    pub(crate) fn parse_form(form: &str) -> Result<Self, Failure> {
        Self::read(form, 4_096, false)
    }

    fn read(query: &str, longest: usize, trimmed: bool) -> Result<Self, Failure> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = if trimmed { value.trim().to_owned() } else { value.into_owned() };
            if value.is_empty() {
                continue;
            }
            if value.chars().count() > longest || name.len() > LONGEST {
                return Err(bad("un paramètre est trop long"));
            }
            // What is no UTF-8 comes as this character.
            if value.contains('\u{fffd}') || name.contains('\u{fffd}') {
                return Err(bad("un paramètre n'est pas du texte"));
            }
            if value.chars().any(|c| c.is_control()) || name.chars().any(|c| c.is_control()) {
                return Err(bad("un paramètre contient un caractère de contrôle"));
            }
            if parameters.insert(name.clone().into_owned(), value).is_some() {
                return Err(Failure::BadRequest(format!("le paramètre {name} est donné deux fois")));
            }
        }
        Ok(Self(parameters))
    }

    /// The same with others in place of those of these names.
    pub(crate) fn with(&self, others: &[(&str, &str)]) -> Self {
        let mut all = self.0.clone();
        all.extend(others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self(all)
    }

    /// Those of these names.
    pub(crate) fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// As an address holds them.
    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// # Errors
    /// [`Failure::BadRequest`] where it is missing.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Failure> {
        self.text(name).ok_or_else(|| Failure::BadRequest(format!("le paramètre {name} manque")))
    }

    /// # Errors
    /// [`Failure::BadRequest`] for anything but a year from 2000 to 2100.
    pub(crate) fn year(&self, name: &str) -> Result<Option<i32>, Failure> {
        let year = |text: &str| number(text).filter(|year| text.len() == 4 && YEARS.contains(year));
        let wrong = || Failure::BadRequest(format!("{name} : une année de 2000 à 2100 est attendue"));
        self.text(name).map(|text| year(text).ok_or_else(wrong)).transpose()
    }

    /// # Errors
    /// [`Failure::BadRequest`] for anything but a date `AAAA-MM-JJ` of these years.
    pub(crate) fn day(&self, name: &str) -> Result<Option<NaiveDate>, Failure> {
        let day = |text: &str| {
            let parsed = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            parsed.filter(|day| text.len() == 10 && YEARS.contains(&day.year()))
        };
        let wrong = || Failure::BadRequest(format!("{name} : une date AAAA-MM-JJ est attendue"));
        self.text(name).map(|text| day(text).ok_or_else(wrong)).transpose()
    }

    /// `limit`.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for anything but a number from 1 to 500.
    pub(crate) fn limit(&self, usual: usize) -> Result<usize, Failure> {
        let Some(text) = self.text("limit") else { return Ok(usual) };
        number(text)
            .filter(|limit| LIMITS.contains(limit))
            .ok_or_else(|| bad("limit : un nombre de 1 à 500 est attendu"))
    }

    /// `format`.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for a format that there is not.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        match self.text("format") {
            None | Some("json") => Ok(Format::Json),
            Some("csv") => Ok(Format::Csv),
            Some("xlsx") => Ok(Format::Xlsx),
            Some(_) => Err(bad("format : json, csv ou xlsx est attendu")),
        }
    }

    /// `annee` and `periode`, or `debut` and `fin`; `zone`; `compare_annee`. The dates win where both are given, and every answer says
    /// which days it used.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for what is missing or makes no sense.
    pub(crate) fn question(&self) -> Result<Question, Failure> {
        self.question_of("")
    }

    /// Two of them that are held face to face: `annee_a`…, `annee_b`…
    ///
    /// # Errors
    /// As [`Parameters::question`].
    pub(crate) fn two_questions(&self) -> Result<(Question, Question), Failure> {
        Ok((self.question_of("_a")?, self.question_of("_b")?))
    }

    /// The same with a suffix on each name: `annee_a`.
    fn question_of(&self, suffix: &str) -> Result<Question, Failure> {
        let name = |name: &str| format!("{name}{suffix}");
        let year = self.year(&name("annee"))?;
        let (period, year) = match (self.day(&name("debut"))?, self.day(&name("fin"))?) {
            (Some(debut), Some(fin)) if debut > fin => {
                return Err(Failure::BadRequest(format!("le début ({debut}) est après la fin ({fin})")));
            }
            (Some(debut), Some(fin)) => (Asked::Days(debut, fin), debut.year()),
            (None, None) => {
                let year = year.ok_or_else(|| Failure::BadRequest(format!("le paramètre {} manque", name("annee"))))?;
                (Asked::Named { name: self.needed(&name("periode"))?.to_owned(), year }, year)
            }
            _ => return Err(bad("le début (debut) et la fin (fin) vont ensemble")),
        };
        let compare = self.year(&name("compare_annee"))?;
        let zone = self.needed(&name("zone"))?.to_owned();
        if compare == Some(year) {
            return Err(bad("compare_annee : une autre année que celle demandée est attendue"));
        }
        Ok(Question { period, compare, zone })
    }
}

/// Digits and nothing else: no sign.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bad(message: &str) -> Failure {
    Failure::BadRequest(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(query: &str) -> Result<Question, Failure> {
        Parameters::parse(query)?.question()
    }

    #[test]
    fn a_period_by_name_or_by_dates() {
        let named = question("annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC").unwrap();
        assert!(matches!(named.period, Asked::Named { ref name, year: 2025 } if name == "vacances_ete"));
        assert_eq!((named.zone.as_str(), named.compare), ("PAYS D'AURILLAC", None));
        let dates =
            question("annee=2025&periode=ete&debut=2024-07-01&fin=2024-07-01&zone=x&compare_annee=2019").unwrap();
        assert!(matches!(dates.period, Asked::Days(debut, fin) if debut == fin && debut.year() == 2024));
        assert_eq!(dates.compare, Some(2019));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for query in [
            "",
            "annee=2025&periode=x",
            "annee=2025&zone=x",
            "periode=x&zone=x",
            "annee=25&periode=x&zone=x",
            "annee=2025.0&periode=x&zone=x",
            "annee=%2B2025&periode=x&zone=x",
            "annee=02025&periode=x&zone=x",
            "annee=%EF%BC%92025&periode=x&zone=x",
            "annee=2025&periode=x&zone=%C0%AF",
            "annee=2025&periode=x&zone=%ED%A0%80",
            "annee=2025&periode=x&zone=x&%FF=1",
            "annee=2025&periode=x&zone=",
            "debut=2025-07-01&zone=x&annee=2025&periode=x",
            "debut=2025-07-02&fin=2025-07-01&zone=x",
            "debut=01/07/2025&fin=2025-07-02&zone=x",
            "debut=2025-7-1&fin=2025-07-02&zone=x",
            "debut=2025-02-30&fin=2025-03-01&zone=x",
            "debut=1999-01-01&fin=2025-03-01&zone=x",
            "annee=2025&annee=2024&periode=x&zone=x",
            "annee=2025&periode=x&zone=%00",
            "annee=2025&periode=a%0d%0aX:y&zone=x",
            "annee=2025&periode=x&zone=x&compare_annee=2025",
            "annee=2025&periode=x&zone=x&compare_annee=x",
        ] {
            assert!(matches!(question(query), Err(Failure::BadRequest(_))), "{query}: {:?}", question(query));
        }
        let long = format!("annee=2025&periode=x&zone={}", "é".repeat(256));
        assert!(matches!(question(&long), Err(Failure::BadRequest(_))));
        for limit in ["0", "501", "-1", "x", "1e2", "%2B5", "%D9%A1"] {
            assert!(Parameters::parse(&format!("limit={limit}")).unwrap().limit(10).is_err(), "{limit}");
        }
        assert_eq!(Parameters::parse("limit=500").unwrap().limit(10), Ok(500));
        let bare = Parameters::parse("zone=x&limit=3").unwrap();
        assert_eq!(Parameters::parse("limit=3&_=1732650000&utm_source=a&zone=x").unwrap(), bare);
        assert_eq!(Parameters::parse("").unwrap().limit(15), Ok(15));
    }
}
