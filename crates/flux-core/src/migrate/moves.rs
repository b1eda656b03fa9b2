//! What a migration does with the rows of a pair: planned by comparison, carried out by three statements that must do just that.

use serde::Serialize;

use crate::db::Session;
use crate::error::{Error, Result};
use crate::report::{Done, number};

use crate::migrate::{Comparison, Dates, MigrateOptions, Pair};

/// Rows by what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Moves {
    /// Rows of the temporary table = inserted + updated + unchanged + kept definitive.
    pub(crate) temp_rows: u64,
    pub(crate) inserted: u64,
    /// Keys that took the new volume.
    pub(crate) updated: u64,
    /// Keys that were the same.
    pub(crate) unchanged: u64,
    /// Provisional rows removed because their key is gone.
    pub(crate) removed: u64,
    /// Provisional rows whose key is gone, left because of `--keep-withdrawn`.
    pub(crate) kept_withdrawn: u64,
    /// Temporary rows left out, as main has a definitive row of their key.
    pub(crate) kept_definitive: u64,
}

impl Moves {
    /// What the options make of a comparison.
    pub(super) fn planned(comparison: &Comparison, options: &MigrateOptions) -> Self {
        let overwritten = if options.overwrite_definitive { comparison.definitive } else { 0 };
        let withdrawn = comparison.surplus;
        Self {
            temp_rows: comparison.temp_rows,
            inserted: comparison.missing,
            updated: comparison.different + overwritten,
            unchanged: comparison.same,
            removed: if options.keep_withdrawn { 0 } else { withdrawn },
            kept_withdrawn: if options.keep_withdrawn { withdrawn } else { 0 },
            kept_definitive: comparison.definitive - overwritten,
        }
    }

    pub(super) fn titles(done: Done) -> [&'static str; 6] {
        done.say(
            [">temporaires", ">ajoutées", ">revues", ">identiques", ">retirées", ">définitives gardées"],
            [">temporaires", ">à ajouter", ">à revoir", ">identiques", ">à retirer", ">définitives à garder"],
        )
    }

    /// The counts as the columns of a table for people.
    pub(super) fn cells(&self) -> [String; 6] {
        [self.temp_rows, self.inserted, self.updated, self.unchanged, self.removed, self.kept_definitive].map(number)
    }

    pub(super) fn writes(&self) -> bool {
        self.inserted + self.updated + self.removed > 0
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.temp_rows += other.temp_rows;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.removed += other.removed;
        self.kept_withdrawn += other.kept_withdrawn;
        self.kept_definitive += other.kept_definitive;
    }

    /// Carries the plan out, in the transaction in which it was made; each statement must change exactly the rows that were planned.
    pub(super) fn apply(&self, session: &mut Session, pair: &Pair, dates: &Dates<'_>, overwrite: bool) -> Result<()> {
        let (temp, main, on_key, of_dates) = (&pair.temp, &pair.main, pair.on_key(), dates.condition());
        let mut run = |what: &str, planned: u64, sql: String| -> Result<()> {
            if planned == 0 {
                return Ok(());
            }
            let done = session.exec(&format!("{what} dans {main}"), &sql, dates.params())?;
            if done == planned {
                return Ok(());
            }
            Err(Error::Invariant(format!("{main} : {what} de {done} lignes au lieu de {planned}")))
        };
        run(
            "retrait",
            self.removed,
            format!(
                "DELETE m FROM {main} m JOIN {} d ON d.date = m.date LEFT JOIN {temp} t ON {on_key} \
                 WHERE t.date IS NULL AND m.is_provisional <> 0",
                pair.distinct_dates(dates)
            ),
        )?;
        let definitive = if overwrite { "m.is_provisional = 0 OR" } else { "m.is_provisional <> 0 AND" };
        run(
            "mise à jour",
            self.updated,
            format!(
                "UPDATE {main} m JOIN {temp} t ON {on_key} SET m.volume = t.volume, m.is_provisional = 1 \
                 WHERE {of_dates} AND ({definitive} m.volume <> t.volume)"
            ),
        )?;
        let columns = pair.dataset.columns();
        let selected: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
        let new_only = if self.inserted == self.temp_rows {
            format!("WHERE {of_dates}")
        } else {
            format!("LEFT JOIN {main} m ON {on_key} WHERE {of_dates} AND m.date IS NULL")
        };
        run(
            "ajout",
            self.inserted,
            format!(
                "INSERT INTO {main} ({}, is_provisional) SELECT {}, 1 FROM {temp} t {new_only}",
                columns.join(", "),
                selected.join(", ")
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(overwrite_definitive: bool, keep_withdrawn: bool) -> MigrateOptions {
        MigrateOptions { overwrite_definitive, keep_withdrawn, ..MigrateOptions::default() }
    }

    #[test]
    fn a_definitive_row_is_counted_once_whether_kept_or_overwritten() {
        let comparison = Comparison { temp_rows: 5, definitive: 5, ..Comparison::default() };
        let kept = Moves::planned(&comparison, &options(false, false));
        assert_eq!((kept.kept_definitive, kept.updated, kept.writes()), (5, 0, false));
        let overwritten = Moves::planned(&comparison, &options(true, false));
        assert_eq!((overwritten.kept_definitive, overwritten.updated, overwritten.writes()), (0, 5, true));
    }

    #[test]
    fn a_withdrawn_row_alone_is_reason_to_write_unless_it_is_to_be_kept() {
        let comparison = Comparison { temp_rows: 3, same: 3, surplus: 1, ..Comparison::default() };
        assert!(Moves::planned(&comparison, &options(false, false)).writes());
        let kept = Moves::planned(&comparison, &options(false, true));
        assert_eq!((kept.removed, kept.kept_withdrawn, kept.writes()), (0, 1, false));
    }

    proptest! {
        #[test]
        fn every_temporary_row_and_every_surplus_row_has_one_fate(
            counts in [0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000], overwrite: bool, keep: bool
        ) {
            let [missing, different, same, definitive, surplus] = counts;
            let temp_rows = missing + different + same + definitive;
            let comparison = Comparison { temp_rows, missing, different, same, definitive, surplus, ..Comparison::default() };
            let moves = Moves::planned(&comparison, &options(overwrite, keep));
            prop_assert_eq!(moves.inserted + moves.updated + moves.unchanged + moves.kept_definitive, temp_rows);
            prop_assert_eq!(moves.removed + moves.kept_withdrawn, surplus);
            let mut twice = moves;
            twice.add(&moves);
            prop_assert_eq!((twice.temp_rows, twice.removed), (2 * temp_rows, 2 * moves.removed));
        }
    }
}
