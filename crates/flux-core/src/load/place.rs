//! The commune of a raw export: INSEE code, name and département together, for many communes share a name.

use std::sync::Arc;

use crate::csv::{Fields, Header, decode};
use crate::domain::catalogue::{Dataset, Dim, INSEE_COLUMNS};
use crate::domain::communes;
use crate::domain::names::{Resolution, Row, fold, normalise};
use crate::domain::reference;

use crate::load::missed::Missed;
use crate::load::naming::{Named, Naming, first_filled};

/// Columns beside the name that tell which commune is meant.
#[derive(Debug)]
pub(crate) struct Place {
    insee: Vec<usize>,
    departement: Vec<usize>,
}

/// A stored commune without INSEE code that a file has told the code of.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub id: u32,
    pub(crate) insee: String,
}

impl Place {
    pub(crate) fn new(dataset: &Dataset, header: &Header) -> Self {
        // Where visitors are broken down by département, `NomDepartement` is where they come from.
        let first = usize::from(dataset.breakdown.contains(&Dim::Departement));
        Self {
            insee: header.find_all(INSEE_COLUMNS),
            departement: header.find_all(&Dim::Departement.spec().csv[first..]),
        }
    }

    /// Code, name and département with a NUL between them, which no field holds.
    #[inline]
    pub(crate) fn gather(&self, fields: &Fields, line: &[u8], names: &[usize], into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(first_filled(fields, line, &self.insee));
        into.push(0);
        into.extend_from_slice(first_filled(fields, line, names));
        into.push(0);
        into.extend_from_slice(first_filled(fields, line, &self.departement));
    }
}

/// Resolves what [`Place::gather`] put together.
pub(crate) fn resolve(
    naming: &mut Naming<'_>,
    gathered: &[u8],
    (completions, missed): (&mut Vec<Completion>, &mut Missed),
) -> Named {
    let mut pieces = gathered.split(|byte| *byte == 0).map(|piece| decode(piece).0);
    let code = pieces.next().and_then(|text| insee(&text));
    let name = pieces.next().unwrap_or_default();
    if code.is_none() && name.trim().is_empty() {
        return Named::Blank;
    }
    let known = code.as_deref().and_then(communes::name_of);
    let departement = match &code {
        Some(code) => Some(reference::departement_of_insee(code).to_owned()),
        None => pieces.next().and_then(|text| departement(&text)),
    };
    match naming.resolver.resolve_commune(code.as_deref(), &name, departement.as_deref()) {
        Resolution::Found(row) => {
            let found = &naming.resolver.rows()[row as usize];
            if let Some(code) =
                code.as_deref().filter(|_| !name.trim().is_empty() && !naming.resolver.answers_to(row, &name))
            {
                missed.note_contradicted(code, name.trim(), &found.name);
            }
            if let (Some(code), Some(id), None) = (code, found.id, &found.insee) {
                Arc::make_mut(naming.resolver).learn_code(row, &code);
                completions.push(Completion { id, insee: code });
            }
            Named::Row(row)
        }
        Resolution::Ambiguous(names) => naming.ambiguous(&names),
        Resolution::Unknown => {
            let name = known.map_or_else(|| naming.resolver.creatable(&name), |nom| Some(normalise(Dim::Commune, nom)));
            match name.filter(|name| naming.may_create(name)) {
                Some(name) => naming.create(Row { departement, insee: code, ..Row::to_create(name) }),
                None => naming.unknown(),
            }
        }
    }
}

/// Code of a département by its name, or by itself.
fn departement(text: &str) -> Option<String> {
    let name = fold(&normalise(Dim::Departement, text));
    let by_itself = || reference::departement_of(&name).map(|known| known.code);
    reference::departement_code(&name).or_else(by_itself).map(str::to_owned)
}

/// An INSEE code as it is stored: five characters. A spreadsheet takes the leading zero of the first nine départements; what has
/// not the form of a code is none, and the name decides.
fn insee(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let code = if code.len() == 4 { format!("0{code}") } else { code };
    let bytes = code.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
    let formed = bytes.len() == 5
        && bytes[0].is_ascii_digit()
        && (bytes[1].is_ascii_digit() || (bytes[0] == b'2' && matches!(bytes[1], b'A' | b'B')))
        && digits(2..5)
        && !code.starts_with("00");
    formed.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_zero_and_what_is_none_is_left_out() {
        assert_eq!(insee(" 15014 "), Some("15014".into()));
        assert_eq!(insee("1001"), Some("01001".into()));
        assert_eq!(insee("2a004"), Some("2A004".into()));
        for none in ["", "15", "Z_Autre", "00000", "0", "150140", "1501A", "é5014"] {
            assert_eq!(insee(none), None, "{none}");
        }
    }

    #[test]
    fn a_departement_is_known_by_name_or_code() {
        assert_eq!(departement("Puy-de-Dôme").as_deref(), Some("63"));
        assert_eq!(departement("PUY DE DOME").as_deref(), Some("63"));
        assert_eq!(departement("15").as_deref(), Some("15"));
        assert_eq!(departement("Atlantide"), None);
    }
}
