//! The zones that CSVs name, whatever the files are called: what a new observatory begins its `zones.csv` from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::csv::{Shape, Source, decode};
use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::{Locality, Resolution, Resolver, Row, fold, is_damaged, normalise};
use crate::domain::reference::ZoneGroup;
use crate::error::{Error, Result};
use crate::files::{self, Entry};
use crate::report::{Code, Finding};

/// More names than this are no zones but another column.
const MOST: usize = 2_000;

/// What the files name.
#[derive(Debug, Default)]
pub(crate) struct ZoneNames {
    /// Names that lead to none of the known zones, each once in its most frequent spelling, as they are stored.
    pub(crate) unknown: Vec<String>,
    /// Damaged names that lead nowhere: what they were is not guessed.
    damaged: Vec<String>,
    /// Files that name zones.
    pub(crate) files: u64,
    unreadable: Vec<(PathBuf, String)>,
}

impl ZoneNames {
    /// What was left out, and why.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> {
        let damaged = self.damaged.iter().map(|name| {
            Finding::attention(Code::NameDamaged, format!("zone « {name} »"), "abîmée dans les CSV : laissée de côté")
                .action("demandez son nom au fournisseur, et ajoutez-le à reference/zones.csv")
        });
        let unreadable = self
            .unreadable
            .iter()
            .map(|(path, reason)| Finding::attention(Code::FileUnreadable, path.display().to_string(), reason));
        damaged.chain(unreadable)
    }
}

/// Reads the zones of every CSV under `folders`, beside those that are `known`.
///
/// # Errors
/// [`Error::Interrupted`].
pub(crate) fn zone_names(folders: &[PathBuf], known: &[ZoneGroup]) -> Result<ZoneNames> {
    let mut found = ZoneNames::default();
    // Lines by spelling.
    let mut spellings: BTreeMap<String, u64> = BTreeMap::new();
    for folder in folders {
        files::walk(folder, &|_| true, &mut |entry| {
            match entry {
                Entry::File(path, _) if is_csv(&path) => match read(&path, &mut spellings) {
                    Ok(named) => found.files += u64::from(named),
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    Err(error) => found.unreadable.push((path, error.to_string())),
                },
                Entry::Unreadable(path, error) => found.unreadable.push((path, error.to_string())),
                _ => {}
            }
            Ok(())
        })?;
    }
    let (damaged, sound): (Vec<_>, Vec<_>) = spellings.into_iter().partition(|(name, _)| is_damaged(name));
    let mut best: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (name, lines) in sound {
        let best = best.entry(fold(&name)).or_default();
        if lines > best.0 {
            *best = (lines, name);
        }
    }
    let mut resolver = resolver(known);
    for (_, name) in best.into_values() {
        if resolver.resolve(&name) == Resolution::Unknown {
            resolver.push_row(Row::to_create(name.clone()));
            found.unknown.push(name);
        }
    }
    let lost = damaged.into_iter().map(|(name, _)| name);
    found.damaged = lost.filter(|name| !matches!(resolver.resolve(name), Resolution::Found(_))).collect();
    Ok(found)
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"))
}

/// The zones of a reference, for when there is no database.
pub(super) fn resolver(known: &[ZoneGroup]) -> Resolver {
    let rows = known.iter().zip(1..).map(|(zone, id)| Row::new(id, normalise(Dim::Zone, zone.zone))).collect();
    Resolver::new(Dim::Zone, rows, &dims::zone_groups(known), Locality::default())
}

/// Counts the names of one file; `false` for a file that has no zones.
fn read(path: &Path, spellings: &mut BTreeMap<String, u64>) -> Result<bool> {
    const COLUMN: &str = "ZoneObservation";
    let mut source = match Source::open(path, &[&[COLUMN]]) {
        Ok(source) => source,
        // A file of another kind.
        Err(Error::BadFile(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let Some(column) = source.header.find(&[COLUMN]) else { return Ok(false) };
    while let Some(record) = source.next()? {
        let Shape::Fields(fields) = record.shape else { continue };
        let name = normalise(Dim::Zone, &decode(fields.get(record.bytes, column)).0);
        if name.is_empty() {
            continue;
        }
        if let Some(lines) = spellings.get_mut(&name) {
            *lines += 1;
        } else if spellings.len() < MOST {
            spellings.insert(name, 1);
        } else {
            return Err(Error::BadFile(format!("plus de {MOST} zones : la colonne {COLUMN} contient autre chose")));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: LOZÈRE is known; GÉVAUDAN stands four times, once without its accent; `G?VAUDAN` is the same, `?????` is nothing.
    #[test]
    fn each_zone_counts_once_in_the_spelling_of_most_lines() {
        let folder = tempfile::tempdir().unwrap();
        let lines = "Date;ZoneObservation;Volume\n2025-07-07;Lozère;1\n2025-07-07;Gévaudan;1\n2025-07-08;Gevaudan;1\n\
                     2025-07-09;Gévaudan;1\n2025-07-09;G?vaudan;1\n2025-07-09;?????;1\n2025-07-09;;1\n2025-07-09;trop;de;champs\n";
        std::fs::write(folder.path().join("a.csv"), lines).unwrap();
        std::fs::write(folder.path().join("b.CSV"), b"ZoneObservation,Volume\nC\xe9vennes,1\nLOZERE,1\n").unwrap();
        std::fs::write(folder.path().join("autre.csv"), "Ville;Code\nMende;48095\n").unwrap();
        let known = [ZoneGroup { zone: "LOZÈRE", equivalents: vec![], visible: true }];
        let found = zone_names(&[folder.path().to_owned()], &known).unwrap();
        assert_eq!((found.unknown.clone(), found.files), (vec!["CÉVENNES".to_owned(), "GÉVAUDAN".to_owned()], 2));
        assert_eq!(found.findings().count(), 1, "{:?}", found.damaged);
    }
}
