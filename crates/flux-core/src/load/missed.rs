//! The names of a file that lead to no row, to several, or to a commune far away: each once, with its lines, for the report.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::catalogue::{DIMS, Dim};
use crate::domain::names::Resolver;
use crate::domain::reference;
use crate::report::{Code, Page, Verdict, plural};

/// Different names kept of one dimension of a file; a hostile file cannot make it grow further.
const KEPT: usize = 1000;
/// Names that get their nearest ones: those of most lines. Each is compared with every row of the dimension.
const WITH_NEAR: usize = 20;
/// Names shown to people; the JSON has all that were kept.
const SHOWN: usize = 10;

/// Names of one dimension that the lines of a file were rejected for.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    /// Lines and, for an ambiguous name, the rows that it may mean.
    names: BTreeMap<String, (u64, Option<String>)>,
    /// Communes outside of the own and the neighbouring départements, `NAME (code)`.
    pub(crate) far: BTreeSet<String>,
    /// INSEE codes that came with the name of another commune, `code name → stored name`.
    pub(crate) contradicted: BTreeSet<String>,
}

impl Missed {
    /// Counts a line that was rejected for a name. `rows` are those that an ambiguous name may mean, as the reason gives them.
    pub(crate) fn add(&mut self, name: &str, rows: Option<&str>) {
        if let Some((lines, _)) = self.names.get_mut(name) {
            *lines += 1;
        } else if self.names.len() < KEPT {
            self.names.insert(name.to_owned(), (1, rows.map(str::to_owned)));
        }
    }

    /// Notes a commune that was found far away.
    pub(crate) fn note_far(&mut self, name: &str, departement: &str) {
        if self.far.len() < KEPT {
            self.far.insert(format!("{name} ({departement})"));
        }
    }

    /// Notes a code that leads to a commune of another name than the one beside it.
    pub(crate) fn note_contradicted(&mut self, code: &str, name: &str, stored: &str) {
        if self.contradicted.len() < KEPT {
            self.contradicted.insert(format!("{code} {name} → {stored}"));
        }
    }

    /// The names, those of most lines first, with what they may have meant.
    pub(crate) fn names(&self, dim: Dim, resolver: &Resolver) -> Vec<MissedName> {
        let mut names: Vec<MissedName> = self
            .names
            .iter()
            .map(|(name, (lines, rows))| MissedName {
                code: if rows.is_some() { Code::NameAmbiguous } else { Code::NameUnknown },
                dimension: dim.to_string(),
                name: name.clone(),
                lines: *lines,
                candidates: rows.iter().flat_map(|rows| rows.split(", ").map(str::to_owned)).collect(),
            })
            .collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.lines));
        for missed in names.iter_mut().filter(|name| name.code == Code::NameUnknown).take(WITH_NEAR) {
            missed.candidates = resolver.nearest(&missed.name, 3).into_iter().map(str::to_owned).collect();
        }
        names
    }
}

/// A name that leads to no row of its dimension, or to several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct MissedName {
    /// `name-unknown` or `name-ambiguous`.
    pub(crate) code: Code,
    pub(crate) dimension: String,
    /// As it stands in the file.
    pub(crate) name: String,
    /// Lines that were rejected for it.
    pub(crate) lines: u64,
    /// Unknown: the nearest stored names. Ambiguous: the rows that it may mean.
    pub(crate) candidates: Vec<String>,
}

/// The names of several files together: a zone that was renamed is one name, whatever the number of files.
pub(crate) fn together<'a>(files: impl Iterator<Item = &'a [MissedName]>) -> Vec<MissedName> {
    let mut together: BTreeMap<(&str, &str), MissedName> = BTreeMap::new();
    for missed in files.flatten() {
        let known = together
            .entry((&missed.dimension, &missed.name))
            .or_insert_with(|| MissedName { lines: 0, ..missed.clone() });
        known.lines += missed.lines;
        if known.candidates.is_empty() {
            known.candidates.clone_from(&missed.candidates);
        }
    }
    let mut names: Vec<MissedName> = together.into_values().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.lines));
    names
}

/// Names with what they may have meant.
pub(crate) fn render(page: &mut Page, names: &[MissedName]) {
    if names.is_empty() {
        return;
    }
    page.title("Noms sans correspondance");
    for missed in names.iter().take(SHOWN) {
        let (what, which) = match missed.code {
            Code::NameAmbiguous => ("nom ambigu", "lignes possibles"),
            _ => ("nom inconnu", "noms proches"),
        };
        let lines = plural(missed.lines, "ligne", "lignes");
        page.verdict(Verdict::Attention, format!("{} « {} » : {what}, {lines}", missed.dimension, missed.name));
        if !missed.candidates.is_empty() {
            page.line(format!("    {which} : {}", missed.candidates.join(", ")));
        }
    }
    if names.len() > SHOWN {
        page.line(format!("    … et {} (--json les donne)", plural((names.len() - SHOWN) as u64, "autre", "autres")));
    }
}

/// The next step for each dimension of which names lead nowhere, or to several rows.
pub(crate) fn advise(page: &mut Page, names: &[MissedName]) {
    for dim in DIMS.iter().map(|spec| spec.dim) {
        let of_dim = |code: Code| names.iter().any(|name| name.code == code && name.dimension == dim.to_string());
        if of_dim(Code::NameUnknown) {
            page.action(&unknown_hint(dim));
        }
        if of_dim(Code::NameAmbiguous) {
            page.action(&ambiguous_hint(dim));
        }
    }
}

/// Communes that were found far away: right for most, worth a look for the rest.
pub(crate) fn render_far(page: &mut Page, far: &BTreeSet<&String>) {
    if far.is_empty() {
        return;
    }
    let first: Vec<&str> = far.iter().take(SHOWN).map(|name| name.as_str()).collect();
    let more = if far.len() > SHOWN { ", …" } else { "" };
    let communes =
        plural(far.len() as u64, "commune lointaine, seule de son nom", "communes lointaines, seules de leur nom");
    page.line(format!("  {communes} : {}{more}", first.join(", ")));
}

/// What to do about ambiguous names.
pub(crate) fn ambiguous_hint(dim: Dim) -> String {
    format!("un nom ambigu mène à plusieurs lignes de {} : réunissez-les ou corrigez leurs noms", dim.spec().table)
}

/// What to do about unknown names. Creation is offered only where the list is open.
pub(crate) fn unknown_hint(dim: Dim) -> String {
    match dim {
        Dim::Zone if !reference::has_zones_file() => {
            "`flux init` commence reference/zones.csv d'après les CSV : relisez-le (un nouveau nom va aux équivalents de sa zone), puis \
             `ensure-schema --seed` ; ou, si la zone est nouvelle : `update-temp-tables --create-missing zones`"
                .into()
        }
        Dim::Zone => "zone renommée : ajoutez le nom à reference/zones.csv du dossier de travail ; zone nouvelle : \
                      `update-temp-tables --create-missing zones`"
            .into(),
        Dim::Commune => {
            "lancez `ensure-schema --seed`, qui ajoute les communes de France qui manquent, puis relancez".into()
        }
        Dim::Departement | Dim::Duree | Dim::Provenance | Dim::Categorie => {
            format!(
                "la liste de {} est fermée : corrigez le nom dans le CSV, ou lancez `ensure-schema --seed`",
                dim.spec().plural
            )
        }
        _ => {
            format!(
                "corrigez le nom, ou s'il est nouveau : `update-temp-tables --create-missing {}`",
                dim.spec().plural
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::{Locality, Row};

    #[test]
    fn a_name_is_one_whatever_its_lines_and_files() {
        let mut missed = Missed::default();
        for _ in 0..3 {
            missed.add("Pays de Salerrs", None);
        }
        missed.add("Loir", Some("LOIRE, LOIRÉ"));
        let rows = vec![Row::new(1, "PAYS SALERS"), Row::new(2, "LIORAN")];
        let names = missed.names(Dim::Zone, &Resolver::new(Dim::Zone, rows, &[], Locality::default()));
        assert_eq!((names[0].lines, names[0].candidates.as_slice()), (3, ["PAYS SALERS".to_owned()].as_slice()));
        assert_eq!((names[1].code, names[1].candidates.len()), (Code::NameAmbiguous, 2));
        let all = together([names.as_slice(), &names[..1]].into_iter());
        assert_eq!((all.len(), all[0].lines, all[1].lines), (2, 6, 1));
    }

    #[test]
    fn what_is_kept_is_bounded_and_still_counted() {
        let mut missed = Missed::default();
        for n in 0..KEPT + 10 {
            missed.add(&format!("nom {n}"), None);
        }
        missed.add("nom 3", None);
        assert_eq!((missed.names.len(), missed.names["nom 3"].0), (KEPT, 2));
    }
}
