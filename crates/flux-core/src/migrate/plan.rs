//! What a migration may do with each date and zone: a row is withdrawn only on evidence that the supplier withdrew it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::dates::Evidence;
use crate::ledger::migrations::CellDone;
use crate::migrate::compare::{Cells, Comparison, Place};
use crate::migrate::moves::{Fate, Moves, Rules};

/// A date, or a date of a zone, that is left aside as a whole or in part.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) reason: &'static str,
    pub(crate) date: String,
    /// `None` for the whole date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_zone: Option<i64>,
    /// Its name, once it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<String>,
    /// Provisional rows of main and what would be left of them, in rows and volume.
    pub(crate) rows_before: u64,
    pub(crate) rows_after: u64,
    pub(crate) volume_before: i64,
    pub(crate) volume_after: i64,
    /// Rows of main that stay and rows of the temporary table that are not taken.
    pub(crate) rows: u64,
    /// Lines of the date that could not be read, or were kept back.
    pub(crate) rejected: u64,
    pub(crate) held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reject_file: Option<String>,
}

/// Reasons of [`Aside`].
pub(crate) const SUSPENDED: &str = "suspended";
pub(crate) const BLOCKED: &str = "blocked";
pub(crate) const UNRECORDED: &str = "unrecorded";

/// The fate of every cell, and what comes of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) moves: Moves,
    /// Cells that are written to.
    pub(crate) cells: Vec<CellDone>,
    /// What is left aside, by date.
    pub(crate) aside: Vec<Aside>,
    /// Main has none of the rows that are taken.
    pub(crate) all_new: bool,
    /// Dates of the temporary table of which nothing is left to do and nothing is left aside.
    /// Their rows in the temporary table.
    pub(crate) settled: BTreeMap<String, u64>,
    /// The sum of the cells.
    pub(crate) total: Comparison,
}

/// Rows and volume.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    rows: i64,
    volume: i64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.volume += other.volume;
    }

    /// Whether `self` becoming `after` loses more than `most` percent of rows or volume.
    fn loses(self, after: Self, most: f64) -> bool {
        let too_much = |before: i64, after: i64| before > 0 && (before - after) as f64 * 100.0 > most * before as f64;
        too_much(self.rows, after.rows) || too_much(self.volume, after.volume)
    }
}

fn before(cell: &Comparison) -> Size {
    Size { rows: cell.main_provisional as i64, volume: cell.main_provisional_volume }
}

/// The provisional rows of a cell once it is migrated.
fn after(cell: &Comparison, withdraws: bool, rules: &Rules) -> Size {
    let met = cell.different + cell.same;
    let kept = if withdraws { 0 } else { (cell.main_provisional - met) as i64 };
    let kept_volume = if withdraws { 0 } else { cell.main_provisional_volume - cell.matched_volume };
    let (definitive, definitive_volume) =
        if rules.overwrite_definitive { (cell.definitive as i64, cell.definitive_volume) } else { (0, 0) };
    Size {
        rows: (cell.missing + met) as i64 + kept + definitive,
        volume: cell.taken_volume + kept_volume + definitive_volume,
    }
}

/// Makes the plan of the cells of a pair from what the history knows of its dates.
pub(crate) fn plan(cells: &Cells, evidence: &BTreeMap<String, Evidence>, rules: &Rules) -> Plan {
    let mut by_date: BTreeMap<&str, Vec<(&Place, &Comparison)>> = BTreeMap::new();
    for (place, cell) in cells {
        by_date.entry(&place.0).or_default().push((place, cell));
    }
    let mut plan = Plan { all_new: true, ..Plan::default() };
    for (date, cells) in by_date {
        plan.date(date, &cells, evidence.get(date), rules);
    }
    plan
}

/// Whether what the table holds of a date is what a load brought. A row may have been joined with another, where dimensions were
/// merged; its volume stays.
fn is_recorded(known: Option<&Evidence>, total: &Comparison) -> bool {
    known.is_some_and(|known| {
        known.brought > 0
            && known.stored.is_none_or(|(rows, volume)| total.temp_rows <= rows && total.temp_volume == volume)
    })
}

impl Plan {
    fn date(&mut self, date: &str, cells: &[(&Place, &Comparison)], known: Option<&Evidence>, rules: &Rules) {
        let mut total = Comparison::default();
        cells.iter().for_each(|(_, cell)| total.add(cell));
        self.total.add(&total);
        let aside_before = self.aside.len();
        let unrecorded = !rules.include_unrecorded && !is_recorded(known, &total);
        // Rows whose breakdown is not known may be what others have become.
        let doubtful = known.is_some_and(|known| known.missing_lines() > 0) || total.without_breakdown > 0;
        let fate = if unrecorded {
            Fate::Unrecorded
        } else if doubtful {
            Fate::Suspended
        } else {
            Fate::Free
        };
        let withdraws = fate == Fate::Free && !rules.keep_withdrawn;
        let (mut whole, mut rest) = (Size::default(), Size::default());
        for (_, cell) in cells {
            whole.add(before(cell));
            rest.add(after(cell, withdraws, rules));
        }
        let guard = |before: Size, after: Size| {
            fate != Fate::Unrecorded && rules.max_shrink.is_some_and(|most| before.loses(after, most))
        };
        let whole_blocked = guard(whole, rest);
        for (place, cell) in cells {
            let size = (before(cell), after(cell, withdraws, rules));
            let fate = if whole_blocked || guard(size.0, size.1) { Fate::Blocked } else { fate };
            self.cell(place, cell, fate, rules);
            if fate == Fate::Blocked && !whole_blocked {
                self.aside.push(Aside {
                    id_zone: Some(place.1),
                    ..aside(BLOCKED, date, size, Moves::of(cell, fate, rules).blocked)
                });
            }
        }
        let sum = |count: fn(&Comparison) -> u64| cells.iter().map(|(_, cell)| count(cell)).sum::<u64>();
        if whole_blocked {
            self.aside.push(aside(BLOCKED, date, (whole, rest), whole.rows as u64));
        } else if fate == Fate::Unrecorded && sum(|cell| cell.missing + cell.different + cell.surplus) > 0 {
            let rows = sum(|cell| cell.missing + cell.different + cell.surplus);
            self.aside.push(aside(UNRECORDED, date, (whole, rest), rows));
        } else if fate == Fate::Suspended && !rules.keep_withdrawn && sum(|cell| cell.surplus) > 0 {
            let rows = sum(|cell| cell.surplus);
            self.aside.push(Aside {
                rejected: known.map_or(0, |known| known.rejected),
                held: known.map_or(0, |known| known.held),
                reject_file: known.and_then(|known| known.reject_file.clone()),
                ..aside(SUSPENDED, date, (whole, rest), rows)
            });
        }
        // Rows of no recorded import say nothing of what main has beside them.
        let is_settled = self.aside.len() == aside_before || fate == Fate::Unrecorded;
        if is_settled && total.temp_rows > 0 && total.is_migrated() {
            self.settled.insert(date.to_owned(), total.temp_rows);
        }
    }

    fn cell(&mut self, place: &Place, cell: &Comparison, fate: Fate, rules: &Rules) {
        let moves = Moves::of(cell, fate, rules);
        self.moves.add(&moves);
        if !moves.writes() {
            return;
        }
        self.all_new &= moves.inserted + cell.without_breakdown == cell.temp_rows;
        self.cells.push(CellDone {
            date: place.0.clone(),
            zone: place.1,
            is_new: cell.main_provisional == 0 && moves.updated == 0,
            withdraws: moves.removed > 0,
            inserted: moves.inserted,
            inserted_volume: cell.missing_volume,
            inserted_check: cell.missing_check,
            updated: moves.updated,
            removed: moves.removed,
        });
    }

    /// Provisional rows that were inserted where main had some.
    pub(crate) fn inserted_known(&self) -> u64 {
        self.cells.iter().filter(|cell| !cell.is_new).map(|cell| cell.inserted).sum()
    }

    /// First and last date that is written to.
    pub(crate) fn span(&self) -> Option<(String, String)> {
        let dates = || self.cells.iter().map(|cell| &cell.date);
        dates().min().cloned().zip(dates().max().cloned())
    }
}

fn aside(reason: &'static str, date: &str, (before, after): (Size, Size), rows: u64) -> Aside {
    Aside {
        reason,
        date: date.to_owned(),
        id_zone: None,
        zone: None,
        rows_before: before.rows as u64,
        rows_after: after.rows.max(0) as u64,
        volume_before: before.volume,
        volume_after: after.volume,
        rows,
        rejected: 0,
        held: 0,
        reject_file: None,
    }
}
