//! How the rows of a temporary table stand to those of its main table, counted by date and zone.

use std::collections::{BTreeMap, HashMap};

use mysql::prelude::FromRow;
use mysql::{FromRowError, Params, Row, Value};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{MANY_DATES, Session, on_dates};
use crate::domain::catalogue::Dim;
use crate::error::Result;
use crate::ledger::rows::check_of;
use crate::migrate::Pair;

/// Rows of the temporary table that are held at a time: some twelve MiB with those of main.
const AT_A_TIME: u64 = 30_000;

/// How the rows of a temporary table, or of a date and zone of it, stand to those of the main table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Comparison {
    /// Rows of the temporary table.
    pub(crate) temp_rows: u64,
    /// Their volume. Volumes are signed: older databases may hold negative ones.
    pub(crate) temp_volume: i64,
    /// Rows that main does not have.
    pub(crate) missing: u64,
    /// Rows whose provisional counterpart has another volume.
    pub(crate) different: u64,
    /// Rows whose provisional counterpart is the same.
    pub(crate) same: u64,
    /// Rows whose counterpart is definitive.
    pub(crate) definitive: u64,
    /// Rows of the temporary table without their breakdown (département, country, stay): they are not compared.
    pub(crate) without_breakdown: u64,
    /// Provisional main rows of the same dates that the temporary table does not have.
    pub(crate) surplus: u64,
    /// Provisional main rows of the same dates.
    pub(crate) main_provisional: u64,
    pub(crate) main_provisional_volume: i64,
    /// Definitive main rows of the same dates.
    pub(crate) main_definitive: u64,
    pub(crate) main_definitive_volume: i64,
    /// Volume of the missing rows; of those that are missing or have a provisional counterpart; of those with a definitive one.
    #[serde(skip)]
    pub(crate) missing_volume: i64,
    /// [`checksum`] of the missing rows.
    #[serde(skip)]
    pub(crate) missing_check: i64,
    #[serde(skip)]
    pub(crate) taken_volume: i64,
    #[serde(skip)]
    pub(crate) definitive_volume: i64,
    /// Volume of the provisional counterparts in main.
    #[serde(skip)]
    pub(crate) matched_volume: i64,
}

impl Comparison {
    /// Every row of the temporary table is in main, or a definitive one stands in its place.
    pub(crate) fn is_migrated(&self) -> bool {
        self.missing == 0 && self.different == 0 && self.without_breakdown == 0
    }

    /// For every date of the temporary table, main = temporary, definitive keys aside.
    pub(crate) fn invariant_holds(&self) -> bool {
        self.is_migrated() && self.surplus == 0
    }

    /// Counts a row of main.
    fn count_main(&mut self, volume: i64, is_provisional: bool, is_met: bool) {
        if is_provisional {
            self.main_provisional += 1;
            self.main_provisional_volume += volume;
            self.surplus += u64::from(!is_met);
        } else {
            self.main_definitive += 1;
            self.main_definitive_volume += volume;
        }
    }

    /// Counts a row of the temporary table that main has, with the volume that it has on either side.
    fn count_met(&mut self, waiting: i64, in_main: i64, is_provisional: bool) {
        if !is_provisional {
            self.definitive += 1;
            self.definitive_volume += waiting;
            return;
        }
        *(if waiting == in_main { &mut self.same } else { &mut self.different }) += 1;
        self.taken_volume += waiting;
        self.matched_volume += in_main;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.temp_rows += other.temp_rows;
        self.temp_volume += other.temp_volume;
        self.missing += other.missing;
        self.different += other.different;
        self.same += other.same;
        self.definitive += other.definitive;
        self.without_breakdown += other.without_breakdown;
        self.surplus += other.surplus;
        self.main_provisional += other.main_provisional;
        self.main_provisional_volume += other.main_provisional_volume;
        self.main_definitive += other.main_definitive;
        self.main_definitive_volume += other.main_definitive_volume;
        self.missing_volume += other.missing_volume;
        self.missing_check = self.missing_check.wrapping_add(other.missing_check);
        self.taken_volume += other.taken_volume;
        self.definitive_volume += other.definitive_volume;
        self.matched_volume += other.matched_volume;
    }
}

/// A date and the id of a zone.
pub(crate) type Place = (String, i64);

/// A comparison for each date and zone that either side has, of the dates of the temporary table.
pub(crate) type Cells = BTreeMap<Place, Comparison>;

pub(crate) fn total<'a>(cells: impl IntoIterator<Item = &'a Comparison>) -> Comparison {
    let mut total = Comparison::default();
    cells.into_iter().for_each(|cell| total.add(cell));
    total
}

/// Which rows of a temporary table are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dates<'a> {
    All,
    These(&'a [&'a str]),
}

/// Condition on a temporary row `t` that its breakdown is known: a column that was added later holds 0 in the rows of before.
pub(super) fn has_breakdown(pair: &Pair) -> String {
    let key = pair.dataset.key();
    let conditions: Vec<String> = needed(pair).iter().map(|at| format!("t.{} <> 0", key[*at])).collect();
    if conditions.is_empty() { "TRUE".into() } else { format!("({})", conditions.join(" AND ")) }
}

/// Where the key holds the breakdown.
fn needed(pair: &Pair) -> Vec<usize> {
    let is_needed = |column: &str| {
        let mut breakdown = pair.dataset.breakdown.iter().map(|dim| Dim::spec(*dim));
        breakdown.any(|spec| spec.id == column && !spec.optional)
    };
    let key = pair.dataset.key();
    (0..key.len()).filter(|at| is_needed(key[*at])).collect()
}

/// Compares the two tables row by row, a few dates at a time. Both are read through once, in the order of their keys: a join by the server
/// would look each row up by itself, which takes it three times as long.
pub(super) fn compare(session: &mut Session, pair: &Pair, dates: &Dates<'_>) -> Result<Cells> {
    let sizes = sizes(session, pair, dates)?;
    let mut cells = Cells::new();
    let mut rest = sizes.as_slice();
    while !rest.is_empty() {
        let (part, others) = rest.split_at(first_part(rest));
        let dates: Vec<&str> = part.iter().map(|(date, _)| date.as_str()).collect();
        cells.extend(compare_dates(session, pair, &dates)?);
        rest = others;
    }
    Ok(cells)
}

/// The dates to compare, each with its rows in the temporary table.
fn sizes(session: &mut Session, pair: &Pair, dates: &Dates<'_>) -> Result<Vec<(String, u64)>> {
    let doing = format!("comptage de {}", pair.temp);
    let mut counted = |condition: &str, values: Params| -> Result<Vec<(String, u64)>> {
        let sql = format!(
            "SELECT CAST(t.date AS CHAR), COUNT(*) FROM {} t{condition} GROUP BY t.date ORDER BY t.date",
            pair.temp
        );
        session.rows(&doing, &sql, values)
    };
    let Dates::These(dates) = dates else { return counted("", Params::Empty) };
    let mut sizes: BTreeMap<String, u64> = dates.iter().map(|date| ((*date).to_owned(), 0)).collect();
    for dates in dates.chunks(MANY_DATES) {
        let (condition, values) = on_dates("t", dates);
        sizes.extend(counted(&format!(" WHERE {condition}"), values.into())?);
    }
    Ok(sizes.into_iter().collect())
}

/// How many of the dates to take: as many as hold few enough rows, and one in any case.
fn first_part(sizes: &[(String, u64)]) -> usize {
    let mut held = 0;
    let fits = |(_, rows): &&(String, u64)| {
        held += rows;
        held <= AT_A_TIME
    };
    sizes.iter().take(MANY_DATES).take_while(fits).count().max(1)
}

/// A row of either table.
struct Fact {
    key: Key,
    volume: i64,
    is_provisional: bool,
}

/// A date, a zone and the other ids, as far as the table has them.
type Key = [i64; 6];

impl FromRow for Fact {
    fn from_row_opt(row: Row) -> std::result::Result<Self, FromRowError> {
        let mut numbers = [0; 2 + size_of::<Key>() / 8];
        if row.len() > numbers.len() {
            return Err(FromRowError(row));
        }
        for (at, number) in numbers.iter_mut().enumerate().take(row.len()) {
            *number = match row.as_ref(at) {
                Some(Value::Int(number)) => *number,
                Some(Value::UInt(number)) if i64::try_from(*number).is_ok() => *number as i64,
                Some(Value::Date(year, month, day, ..)) => {
                    (i64::from(*year) * 100 + i64::from(*month)) * 100 + i64::from(*day)
                }
                _ => return Err(FromRowError(row)),
            };
        }
        let [volume, is_provisional, key @ ..] = numbers;
        Ok(Self { key, volume, is_provisional: is_provisional != 0 })
    }
}

fn facts(session: &mut Session, pair: &Pair, table: &str, dates: &[&str]) -> Result<Vec<Fact>> {
    let key: Vec<String> = pair.dataset.key().iter().map(|column| format!("f.{column}")).collect();
    let (of_dates, values) = on_dates("f", dates);
    let sql = format!(
        "SELECT CAST(f.volume AS SIGNED), f.is_provisional <> 0, {} FROM {table} f WHERE {of_dates}",
        key.join(", ")
    );
    session.rows(&format!("comparaison de {} et {}", pair.temp, pair.main), &sql, values)
}

fn compare_dates(session: &mut Session, pair: &Pair, dates: &[&str]) -> Result<Cells> {
    let needed = needed(pair);
    let is_whole = |key: &Key| needed.iter().all(|at| key[*at] != 0);
    let mut cells: HashMap<[i64; 2], Comparison> = HashMap::new();
    let mut waiting: HashMap<Key, i64, foldhash::fast::RandomState> = HashMap::default();
    for Fact { key, volume, .. } in facts(session, pair, &pair.temp, dates)? {
        let cell = cells.entry([key[0], key[1]]).or_default();
        cell.temp_rows += 1;
        cell.temp_volume += volume;
        cell.without_breakdown += u64::from(!is_whole(&key));
        waiting.insert(key, volume);
    }
    for Fact { key, volume, is_provisional } in facts(session, pair, &pair.main, dates)? {
        let cell = cells.entry([key[0], key[1]]).or_default();
        let counterpart = waiting.remove(&key);
        cell.count_main(volume, is_provisional, counterpart.is_some());
        if let Some(waiting) = counterpart.filter(|_| is_whole(&key)) {
            cell.count_met(waiting, volume, is_provisional);
        }
    }
    for (key, volume) in waiting.into_iter().filter(|(key, _)| is_whole(key)) {
        let cell = cells.entry([key[0], key[1]]).or_default();
        cell.missing += 1;
        cell.missing_volume += volume;
        cell.taken_volume += volume;
        cell.missing_check = cell.missing_check.wrapping_add(check_of(volume, &key[1..]));
    }
    let date = |day: i64| format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100);
    Ok(cells.into_iter().map(|([day, zone], cell)| ((date(day), zone), cell)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_compared_together_as_long_as_their_rows_are_few() {
        let sizes = |rows: &[u64]| rows.iter().map(|rows| (String::new(), *rows)).collect::<Vec<_>>();
        assert_eq!(first_part(&sizes(&[10_000, 20_000, 1])), 2);
        assert_eq!(first_part(&sizes(&[500_000, 1])), 1);
        assert_eq!(first_part(&sizes(&[0; 300])), MANY_DATES);
        assert_eq!(first_part(&sizes(&[7])), 1);
    }
}
