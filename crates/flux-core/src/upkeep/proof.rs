//! The proof that a weekly file is in the main table: the file is read once more by the engine of the import, with the names as they
//! are now, and row by row held against what is stored. Nothing is written; memory holds one date of the table.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mysql::Row;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims::{self, epci::StoredEpcis};
use crate::domain::catalogue::Dataset;
use crate::domain::names::Locality;
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::load::{self, Kept, OnConflict};
use crate::migrate::Pair;
use crate::report::{number, plural};
use crate::settings::Settings;

/// What history says of the load that is to be proved.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) hash: &'a str,
    /// The options it was loaded with.
    pub(crate) options: &'a str,
    /// Lines rejected then; so many may be missing now.
    pub(crate) rejected: u64,
}

/// What was proved of a file.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Proof {
    /// Dates of the file.
    pub(crate) dates: u64,
    /// Rows of the file that are in the main table with the same volume.
    pub(crate) rows: u64,
    /// Rows of the file whose date and zone a definitive export has replaced.
    pub(crate) superseded: u64,
    /// Lines of the file that are not stored, no more than the import rejected.
    pub(crate) rejected: u64,
}

impl Proof {
    /// In short, for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} en base", plural(self.rows, "ligne", "lignes"));
        for (count, what) in [(self.superseded, "remplacées par du définitif"), (self.rejected, "rejetées")] {
            if count > 0 {
                text = format!("{text}, {} {what}", number(count));
            }
        }
        text
    }
}

#[derive(Debug)]
pub(crate) struct Prover {
    locality: Locality,
    epcis: StoredEpcis,
    scratch: PathBuf,
}

/// What the main table holds of one date.
pub(super) struct Stored {
    /// Volume of the provisional rows, by the ids of their key.
    pub(super) provisional: HashMap<Vec<u32>, i64>,
    /// Zones with definitive rows: an export has replaced all that was provisional there.
    pub(super) definitive: HashSet<u32>,
}

impl Prover {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            locality: dims::locality(&settings.departement()),
            epcis: StoredEpcis::default(),
            scratch: load::scratch_folder(settings),
        }
    }

    /// The rows of a file, with the names as they are now.
    ///
    /// # Errors
    /// Those of the file and of the dimensions.
    pub(super) fn read(&self, session: &mut Session, dataset: &'static Dataset, path: &Path) -> Result<Kept> {
        Kept::read(path, dataset, &self.scratch, |dim, may_be_empty| {
            dims::load_weekly(session, dim, &self.locality, &self.epcis, may_be_empty).map(Arc::new)
        })
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Holds a file against the main table; gives what is proved, or why it is not.
    ///
    /// # Errors
    /// [`Error::FileChanged`] when the file is not the one of `claim`; those of the file and of the database.
    pub(crate) fn prove(
        &self,
        session: &mut Session,
        pair: &Pair,
        path: &Path,
        claim: &Claim<'_>,
    ) -> Result<std::result::Result<Proof, String>> {
        let policy = policy_of(claim.options)?;
        let kept = self.read(session, pair.dataset, path)?;
        if kept.hash.to_hex().as_str() != claim.hash {
            return Err(Error::FileChanged);
        }
        let mut proof = Proof { rejected: kept.rejected, ..Proof::default() };
        let mut first_gap: Option<Day> = None;
        for day in kept.days(policy)? {
            crate::signals::check()?;
            let mut stored = stored(session, pair.dataset, &pair.main, day)?;
            let before = proof.rejected;
            let mut replaced = proof.superseded;
            kept.for_each_row(day, policy, |ids, volume, lines| {
                if stored.definitive.contains(&ids[0]) {
                    proof.superseded += 1;
                } else if volume.is_some() && stored.provisional.remove(ids) == volume.map(i64::from) {
                    proof.rows += 1;
                } else if volume.is_some() {
                    proof.rejected += lines;
                }
            })?;
            replaced = proof.superseded - replaced;
            proof.dates += 1;
            if proof.rejected > before {
                first_gap.get_or_insert(day);
            }
            // Beside the rows of a file that was stored whole there are none.
            if claim.rejected == 0 && replaced == 0 && !stored.provisional.is_empty() {
                first_gap.get_or_insert(day);
            }
        }
        let gap = first_gap.filter(|_| claim.rejected == 0 || proof.rejected > claim.rejected);
        Ok(match gap {
            Some(day) => Err(format!(
                "{day} : ce que dit le fichier n'est pas ce que contient {} ({} à retrouver en tout, {} au chargement)",
                pair.main,
                plural(proof.rejected, "ligne", "lignes"),
                plural(claim.rejected, "rejetée", "rejetées")
            )),
            None if proof.rejected > claim.rejected => Err(format!(
                "{} du fichier n'ont plus leur place, {} au chargement",
                plural(proof.rejected, "ligne", "lignes"),
                plural(claim.rejected, "rejetée", "rejetées")
            )),
            None => Ok(proof),
        })
    }
}

/// Which volume a load of these options took where lines contradict each other.
pub(super) fn policy_of(options: &str) -> Result<OnConflict> {
    OnConflict::of_load(options)
        .ok_or_else(|| Error::Invariant(format!("options « {options} » inconnues dans l'historique des imports")))
}

pub(super) fn stored(session: &mut Session, dataset: &Dataset, table: &str, day: Day) -> Result<Stored> {
    let doing = format!("lecture de {table}");
    let ids: Vec<&str> = dataset.dims().map(|dim| dim.spec().id).collect();
    let sql = format!("SELECT volume, is_provisional, {} FROM {table} WHERE date = ?", ids.join(", "));
    let rows: Vec<Row> = session.rows(&doing, &sql, (day.to_string(),))?;
    let unexpected =
        || Error::Invariant(format!("{doing} : une valeur inattendue dans la base (NULL ou hors limites)"));
    let mut stored = Stored { provisional: HashMap::with_capacity(rows.len()), definitive: HashSet::new() };
    for row in rows {
        let id = |at: usize| row.get_opt::<u32, _>(at).and_then(std::result::Result::ok).ok_or_else(unexpected);
        let key = (2..2 + ids.len()).map(id).collect::<Result<Vec<u32>>>()?;
        let volume = row.get_opt::<i64, _>(0).and_then(std::result::Result::ok).ok_or_else(unexpected)?;
        match row.get_opt::<u8, _>(1).and_then(std::result::Result::ok) {
            Some(0) => {
                stored.definitive.insert(key[0]);
            }
            _ => {
                stored.provisional.insert(key, volume);
            }
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_one_of_the_load() {
        assert_eq!(policy_of("on_conflict=last year=2025").unwrap(), OnConflict::Last);
        assert_eq!(policy_of("on_conflict=sum departement=63 | max_shrink=80").unwrap(), OnConflict::Sum);
        assert!(policy_of("year=2025").is_err());
    }
}
