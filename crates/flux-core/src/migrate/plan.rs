//! What a migration may do with each date and zone: a row is withdrawn only on evidence that the supplier withdrew it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::ledger::dates::Evidence;
use crate::ledger::migrations::CellDone;
use crate::migrate::compare::{Cells, Comparison, Place};
use crate::migrate::moves::{Fate, Moves, Rules};

/// A date, or a date of a zone, that is left aside as a whole or in part.
#[derive(Debug, Clone, Serialize, JsonSchema, PartialEq, Eq)]
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

impl Aside {
    /// A date of which no line could be read, or all were kept back: main keeps these rows and this volume.
    pub(crate) fn unread(date: &str, (rows, volume): (u64, i64), known: &Evidence) -> Self {
        let size = Size { rows: rows as i64, volume };
        aside(SUSPENDED, date, (size, size), rows).with(known)
    }

    fn with(self, known: &Evidence) -> Self {
        let (rejected, held, reject_file) = (known.rejected, known.held, known.reject_file.clone());
        Self { rejected, held, reject_file, ..self }
    }
}

/// Reasons of [`Aside`].
pub(crate) const SUSPENDED: &str = "suspended";
pub(crate) const BLOCKED: &str = "blocked";
pub(crate) const UNRECORDED: &str = "unrecorded";
pub(crate) const SPLIT: &str = "split";

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
    /// Dates of which main has every row, and provisional ones beside them that a migration would withdraw: how many of these.
    pub(crate) to_withdraw: BTreeMap<String, u64>,
    /// The sum of the cells.
    pub(crate) total: Comparison,
}

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

/// Makes the plan of the cells of a pair from what the history knows of its dates; `split` are those that would be counted twice.
pub(crate) fn plan(
    cells: &Cells,
    (evidence, split): (&BTreeMap<String, Evidence>, &BTreeSet<Place>),
    rules: &Rules,
) -> Plan {
    let mut by_date: BTreeMap<&str, Vec<(&Place, &Comparison)>> = BTreeMap::new();
    for (place, cell) in cells {
        by_date.entry(&place.0).or_default().push((place, cell));
    }
    let mut plan = Plan { all_new: true, ..Plan::default() };
    for (date, cells) in by_date {
        plan.date(date, &cells, (evidence.get(date), split), rules);
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
    fn date(
        &mut self,
        date: &str,
        cells: &[(&Place, &Comparison)],
        (known, split): (Option<&Evidence>, &BTreeSet<Place>),
        rules: &Rules,
    ) {
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
            let is_split = fate != Fate::Unrecorded && rules.max_shrink.is_some() && split.contains(*place);
            let fate = if whole_blocked || is_split || guard(size.0, size.1) { Fate::Blocked } else { fate };
            self.cell(place, cell, fate, rules);
            if fate == Fate::Blocked && !whole_blocked {
                let moves = Moves::of(cell, fate, rules);
                let (reason, rows) = if is_split { (SPLIT, moves.held_back) } else { (BLOCKED, moves.blocked) };
                self.aside.push(Aside { id_zone: Some(place.1), ..aside(reason, date, size, rows) });
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
            let aside = aside(SUSPENDED, date, (whole, rest), rows);
            self.aside.push(match known {
                Some(known) => aside.with(known),
                None => aside,
            });
        }
        // Rows of no recorded import say nothing of what main has beside them.
        let is_settled = self.aside.len() == aside_before || fate == Fate::Unrecorded;
        if is_settled && total.temp_rows > 0 && total.is_migrated() {
            match total.surplus {
                surplus if withdraws && surplus > 0 => self.to_withdraw.insert(date.to_owned(), surplus),
                _ => self.settled.insert(date.to_owned(), total.temp_rows),
            };
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

    /// Dates of which rows stay that the delivery no longer has.
    pub(crate) fn kept_dates(&self) -> Vec<String> {
        let kept = self.aside.iter().filter(|aside| aside.reason == SUSPENDED).map(|aside| aside.date.clone());
        kept.collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::moves::MAX_SHRINK;
    use proptest::prelude::*;

    const DATES: [&str; 2] = ["2025-03-03", "2025-03-04"];

    /// A cell whose rows have a volume of 10 in main and of `volume` in the temporary table.
    fn cell([missing, different, same, definitive, surplus, bare]: [u64; 6], volume: i64) -> Comparison {
        let met = different + same;
        Comparison {
            temp_rows: missing + met + definitive + bare,
            temp_volume: (missing + different + bare) as i64 * volume + (same + definitive) as i64 * 10,
            missing,
            different,
            same,
            definitive,
            without_breakdown: bare,
            surplus,
            main_provisional: met + surplus,
            main_provisional_volume: (met + surplus) as i64 * 10,
            missing_volume: missing as i64 * volume,
            taken_volume: (missing + different) as i64 * volume + same as i64 * 10,
            definitive_volume: definitive as i64 * 10,
            matched_volume: met as i64 * 10,
            ..Comparison::default()
        }
    }

    fn known(rejected: u64, held: u64) -> Evidence {
        Evidence { history: 1, brought: 1, rejected, held, ..Evidence::default() }
    }

    fn planned(of: [u64; 6], volume: i64, evidence: Option<Evidence>) -> Plan {
        let cells = Cells::from([((DATES[0].to_owned(), 5), cell(of, volume))]);
        let evidence = evidence.map(|known| (DATES[0].to_owned(), known)).into_iter().collect();
        plan(&cells, (&evidence, &BTreeSet::new()), &Rules::default())
    }

    #[test]
    fn the_fate_of_a_date_follows_from_what_is_known_of_it() {
        // (missing, different, same, definitive, surplus, without breakdown), temporary volume, evidence → reason, removed, inserted.
        let cases = [
            ([1, 1, 7, 0, 2, 0], 11, Some(known(0, 0)), None, 2, 1),
            ([1, 1, 7, 0, 2, 0], 11, Some(known(1, 0)), Some(SUSPENDED), 0, 1),
            ([1, 1, 7, 0, 2, 0], 11, Some(known(0, 3)), Some(SUSPENDED), 0, 1),
            ([1, 1, 7, 0, 2, 0], 11, None, Some(UNRECORDED), 0, 0),
            ([1, 1, 7, 0, 2, 1], 11, Some(known(0, 0)), Some(SUSPENDED), 0, 1),
            // Four rows of nine are left, then just half of them.
            ([0, 0, 4, 0, 5, 0], 11, Some(known(0, 0)), Some(BLOCKED), 0, 0),
            ([0, 0, 4, 0, 4, 0], 11, Some(known(0, 0)), None, 4, 0),
            // No row goes, but six visitors of ten.
            ([0, 5, 0, 0, 0, 0], 4, Some(known(0, 0)), Some(BLOCKED), 0, 0),
            // Rejects where nothing is missing suspend nothing.
            ([0, 2, 3, 0, 0, 0], 11, Some(known(9, 0)), None, 0, 0),
            // What is definitive in main is nobody's loss.
            ([0, 0, 1, 8, 1, 0], 11, Some(known(0, 0)), None, 1, 0),
        ];
        for (of, volume, evidence, reason, removed, inserted) in cases {
            let plan = planned(of, volume, evidence);
            assert_eq!(plan.aside.first().map(|aside| aside.reason), reason, "{of:?}");
            assert_eq!((plan.moves.removed, plan.moves.inserted), (removed, inserted), "{of:?}");
        }
    }

    #[test]
    fn a_load_that_brought_other_rows_than_are_there_is_no_evidence() {
        let brought = |rows, volume| Some(Evidence { stored: Some((rows, volume)), ..known(0, 0) });
        let of = [1, 0, 1, 0, 0, 0];
        for (stored, is_recorded) in [((2, 20), true), ((3, 20), true), ((2, 21), false), ((1, 20), false)] {
            let plan = planned(of, 10, brought(stored.0, stored.1));
            assert_eq!(plan.aside.is_empty(), is_recorded, "{stored:?}");
        }
    }

    #[test]
    fn a_zone_that_is_gone_from_a_whole_date_is_blocked_alone() {
        let place = |zone| (DATES[0].to_owned(), zone);
        let cells = Cells::from([(place(1), cell([0, 0, 20, 0, 1, 0], 10)), (place(2), cell([0, 0, 0, 0, 3, 0], 10))]);
        let evidence = BTreeMap::from([(DATES[0].to_owned(), known(0, 0))]);
        let made = plan(&cells, (&evidence, &BTreeSet::new()), &Rules::default());
        assert_eq!((made.moves.removed, made.moves.blocked), (1, 3));
        assert_eq!(made.aside.iter().map(|aside| aside.id_zone).collect::<Vec<_>>(), [Some(2)]);
        assert!(made.settled.is_empty(), "the date waits");
        let forced = plan(&cells, (&evidence, &BTreeSet::new()), &Rules { max_shrink: None, ..Rules::default() });
        assert_eq!((forced.moves.removed, forced.aside.len()), (4, 0));
    }

    proptest! {
        #[test]
        fn no_row_is_lost_from_the_count_and_a_second_plan_writes_nothing(
            counts in prop::collection::vec(([0u64..9, 0u64..9, 0u64..9, 0u64..9, 0u64..9, 0u64..2], 0i64..30), 4),
            evidence in prop::collection::vec((0u64..2, 0u64..2, any::<bool>()), 2),
            overwrite_definitive: bool, keep_withdrawn: bool, force: bool, include_unrecorded: bool
        ) {
            let max_shrink = (!force).then_some(MAX_SHRINK);
            let rules = Rules { overwrite_definitive, keep_withdrawn, max_shrink, include_unrecorded };
            let place = |at: usize| (DATES[at / 2].to_owned(), at as i64 % 2);
            let cells: Cells = counts.iter().enumerate().map(|(at, (of, volume))| (place(at), cell(*of, *volume))).collect();
            let evidence: BTreeMap<String, Evidence> = DATES.iter().zip(&evidence).filter(|(_, (_, _, is_there))| *is_there)
                .map(|(date, (rejected, held, _))| ((*date).to_owned(), known(*rejected, *held))).collect();
            let made = plan(&cells, (&evidence, &BTreeSet::new()), &rules);
            let moves = made.moves;
            prop_assert_eq!(
                moves.temp_rows,
                moves.inserted + moves.updated + moves.unchanged + moves.kept_definitive + moves.held_back + moves.unrecorded
                    + moves.without_breakdown
            );
            for done in &made.cells {
                let known = evidence.get(&done.date);
                prop_assert!(known.is_some() || include_unrecorded, "written without evidence");
                prop_assert!(done.removed == 0 || known.is_none_or(|known| known.missing_lines() == 0), "withdrawn on doubt");
            }
            // What the plan writes is done; a second one finds nothing to write.
            let mut after = cells.clone();
            for done in &made.cells {
                let cell = after.get_mut(&(done.date.clone(), done.zone)).unwrap();
                let overwritten = if overwrite_definitive { cell.definitive } else { 0 };
                let met = cell.missing + cell.different + cell.same + overwritten;
                let kept = cell.surplus - done.removed;
                let volume = cell.taken_volume + if overwrite_definitive { cell.definitive_volume } else { 0 };
                *cell = Comparison {
                    missing: 0, different: 0, same: met, surplus: kept, definitive: cell.definitive - overwritten,
                    main_provisional: met + kept, main_provisional_volume: volume + kept as i64 * 10,
                    missing_volume: 0, taken_volume: volume, matched_volume: volume,
                    definitive_volume: if overwrite_definitive { 0 } else { cell.definitive_volume },
                    ..*cell
                };
            }
            let again = plan(&after, (&evidence, &BTreeSet::new()), &rules);
            prop_assert!(again.cells.is_empty(), "{:?}", again.cells);
        }
    }
}
