//! What a migration may do with the rows of a date and zone, and what it does, counted.

use schemars::JsonSchema;
use serde::Serialize;

use crate::migrate::compare::Comparison;
use crate::report::{Done, number};

/// What may be done with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Free,
    /// Nothing is withdrawn: lines of the date could not be read, or were kept back.
    Suspended,
    /// Nothing: it would lose too much.
    Blocked,
    /// Nothing: no recorded import brought these rows.
    Unrecorded,
}

/// The rules of a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) overwrite_definitive: bool,
    pub(crate) keep_withdrawn: bool,
    /// A date, or a date of a zone, that would lose more than this share of its rows or of its volume, in percent, is left as it is;
    /// `None` for no limit.
    pub(crate) max_shrink: Option<f64>,
    pub(crate) include_unrecorded: bool,
}

/// Share of its rows or of its volume that a date may lose, in percent, unless told otherwise.
pub(crate) const MAX_SHRINK: f64 = 50.0;

impl Default for Rules {
    fn default() -> Self {
        Self {
            overwrite_definitive: false,
            keep_withdrawn: false,
            max_shrink: Some(MAX_SHRINK),
            include_unrecorded: false,
        }
    }
}

/// Rows by what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Moves {
    /// Rows of the temporary table = inserted + updated + unchanged + kept definitive + held back + unrecorded + without breakdown.
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
    /// Provisional rows whose key is gone, left because lines of their date could not be read or were kept back.
    pub(crate) suspended: u64,
    /// Provisional rows of dates and zones that would lose too much and are left as they are.
    pub(crate) blocked: u64,
    /// Temporary rows that are not taken for that reason.
    pub(crate) held_back: u64,
    /// Temporary rows that are not taken because no recorded import brought them.
    pub(crate) unrecorded: u64,
    /// Temporary rows that are not taken because their breakdown is not known.
    pub(crate) without_breakdown: u64,
}

impl Moves {
    /// What becomes of the rows of a cell.
    pub(crate) fn of(cell: &Comparison, fate: Fate, rules: &Rules) -> Self {
        let mut moves = Self {
            temp_rows: cell.temp_rows,
            unchanged: cell.same,
            kept_definitive: cell.definitive,
            without_breakdown: cell.without_breakdown,
            ..Self::default()
        };
        let differing = cell.missing + cell.different;
        match fate {
            Fate::Unrecorded => moves.unrecorded = differing,
            Fate::Blocked => (moves.held_back, moves.blocked) = (differing, cell.main_provisional),
            Fate::Free | Fate::Suspended => {
                let overwritten = if rules.overwrite_definitive { cell.definitive } else { 0 };
                moves.inserted = cell.missing;
                moves.updated = cell.different + overwritten;
                moves.kept_definitive -= overwritten;
                let gone = match fate {
                    _ if rules.keep_withdrawn => &mut moves.kept_withdrawn,
                    Fate::Suspended => &mut moves.suspended,
                    _ => &mut moves.removed,
                };
                *gone = cell.surplus;
            }
        }
        moves
    }

    /// Titles of [`Moves::cells`].
    pub(super) fn titles(done: Done) -> [&'static str; 7] {
        done.say(
            [
                ">temporaires",
                ">ajoutées",
                ">mises à jour",
                ">identiques",
                ">retirées",
                ">définitives gardées",
                ">laissées",
            ],
            [
                ">temporaires",
                ">à ajouter",
                ">à mettre à jour",
                ">identiques",
                ">à retirer",
                ">définitives à garder",
                ">à laisser",
            ],
        )
    }

    /// The counts as the columns of a table for people.
    pub(super) fn cells(&self) -> [String; 7] {
        let left = self.suspended + self.blocked + self.unrecorded + self.without_breakdown;
        [self.temp_rows, self.inserted, self.updated, self.unchanged, self.removed, self.kept_definitive, left]
            .map(number)
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
        self.suspended += other.suspended;
        self.blocked += other.blocked;
        self.held_back += other.held_back;
        self.unrecorded += other.unrecorded;
        self.without_breakdown += other.without_breakdown;
    }
}
