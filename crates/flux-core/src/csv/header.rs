//! The first line: separator and columns.

use crate::csv::{Fields, decode, split};
use crate::error::{Error, Result};

/// The separators met in the field, the usual one first.
const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// Separator and column names of a file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    /// The separator, one ASCII byte.
    pub(crate) separator: u8,
    /// The first line, unchanged.
    pub(crate) raw: Vec<u8>,
    columns: Vec<String>,
}

impl Header {
    /// Reads the header with the separator that finds most of the `required` columns, each given by its alternatives.
    ///
    /// # Errors
    /// [`Error::BadFile`] that names the columns that are missing or present twice.
    pub(crate) fn parse(line: &[u8], required: &[&[&str]]) -> Result<Self> {
        if line.contains(&0) {
            let text = "pas d'en-tête : octets nuls (fichier binaire, ou UTF-16 sans marque d'ordre des octets)";
            return Err(Error::BadFile(text.into()));
        }
        let mut best: Option<(usize, Self)> = None;
        for separator in SEPARATORS {
            let mut fields = Fields::default();
            if split(line, separator, &mut fields).is_err() {
                continue;
            }
            let columns = (0..fields.len())
                .map(|index| {
                    let text = decode(fields.get(line, index)).0;
                    text.trim().trim_matches('"').trim_start_matches('\u{feff}').to_owned()
                })
                .collect();
            let header = Self { separator, raw: line.to_vec(), columns };
            let found = required.iter().filter(|names| header.find(names).is_some()).count();
            if best.as_ref().is_none_or(|(most, _)| found > *most) {
                best = Some((found, header));
            }
        }
        let Some((found, header)) = best else {
            return Err(Error::BadFile("en-tête illisible : guillemet non fermé".into()));
        };
        if found == 0 {
            let start: String = decode(line).0.chars().take(60).filter(|c| !c.is_control()).collect();
            return Err(Error::BadFile(format!(
                "en-tête ou séparateur non reconnu (attendu : ; ou , ou tabulation) : « {start} »"
            )));
        }
        header.check(required)?;
        Ok(header)
    }

    fn check(&self, required: &[&[&str]]) -> Result<()> {
        let missing: Vec<&str> =
            required.iter().filter(|names| self.find(names).is_none()).map(|names| names[0]).collect();
        match missing.as_slice() {
            [] => {}
            [one] => return Err(Error::BadFile(format!("la colonne {one} manque dans l'en-tête"))),
            several => {
                return Err(Error::BadFile(format!("les colonnes {} manquent dans l'en-tête", several.join(", "))));
            }
        }
        for name in required.iter().copied().flatten() {
            if self.columns.iter().filter(|column| same(column, name)).count() > 1 {
                return Err(Error::BadFile(format!("la colonne {name} figure deux fois dans l'en-tête")));
            }
        }
        Ok(())
    }

    /// Position of the first of `names` that is there.
    pub(crate) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|column| same(column, name)))
    }

    /// Positions of all of `names` that are there, in the order of `names`.
    pub(crate) fn find_all(&self, names: &[&str]) -> Vec<usize> {
        names.iter().filter_map(|name| self.columns.iter().position(|column| same(column, name))).collect()
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }
}

fn same(column: &str, name: &str) -> bool {
    column.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: &[&[&str]] = &[&["Date"], &["ZoneObservation"], &["Volume"]];

    #[test]
    fn the_separator_is_the_one_that_finds_the_columns() {
        for (line, separator) in [
            ("Date;ZoneObservation;Volume", b';'),
            ("\"Date\",\"ZoneObservation\",\"Extra;x\",\"Volume\"", b','),
            ("Volume\tDate\tzoneobservation", b'\t'),
        ] {
            let header = Header::parse(line.as_bytes(), REQUIRED).unwrap();
            assert_eq!(header.separator, separator, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |line: &str| Header::parse(line.as_bytes(), REQUIRED).unwrap_err().to_string();
        assert_eq!(message("Date;Volume"), "la colonne ZoneObservation manque dans l'en-tête");
        assert_eq!(message("Date;ZoneObservation;Volume;date"), "la colonne Date figure deux fois dans l'en-tête");
        assert!(message("Date|ZoneObservation|Volume").contains("séparateur"));
        assert!(message("\u{1}\u{2}").contains("non reconnu"));
    }
}
