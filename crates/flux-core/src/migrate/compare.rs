//! How the rows of a temporary table stand to those of its main table, counted by date and zone.

use std::collections::BTreeMap;

use mysql::Row;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{MANY_DATES, Session, on_dates};
use crate::domain::catalogue::Dim;
use crate::error::{Error, Result, codes};
use crate::ledger::rows::checksum;
use crate::migrate::Pair;
use crate::schema;

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
    let needed = pair.dataset.breakdown.iter().map(|dim| Dim::spec(*dim)).filter(|spec| !spec.optional);
    let conditions: Vec<String> = needed.map(|spec| format!("t.{} <> 0", spec.id)).collect();
    if conditions.is_empty() { "TRUE".into() } else { format!("({})", conditions.join(" AND ")) }
}

/// Compares the two tables in two passes, by index: temporary rows against main, then main rows of the same dates. Keys are unique on
/// both sides, so what the second pass counts beyond the matches of the first is surplus.
pub(super) fn compare(session: &mut Session, pair: &Pair, dates: &Dates<'_>) -> Result<Cells> {
    let mut cells = Cells::new();
    let dates: Vec<String> = match dates {
        Dates::These(dates) => dates.iter().map(|date| (*date).to_owned()).collect(),
        Dates::All => schema::dates(session, &pair.temp, None)?,
    };
    for dates in dates.chunks(MANY_DATES) {
        // Each part for itself: what is surplus in it is worked out over all of its cells.
        let mut part = Cells::new();
        compare_dates(session, pair, dates, &mut part)?;
        cells.extend(part);
    }
    Ok(cells)
}

/// The same for those who look and do not write: dates on which both tables hold as many rows, of the same volume and with the same sums
/// of hashes in each zone, are told from two passes, without a look at each pair of rows; the others are compared row by row.
pub(super) fn glance(session: &mut Session, pair: &Pair) -> Result<Cells> {
    let mut cells = Cells::new();
    for dates in schema::dates(session, &pair.temp, None)?.chunks(MANY_DATES) {
        let mut rest = dates.to_vec();
        // Of a delivery that waits nearly every date differs: the first one tells that looking at the others is in vain.
        for look in [&dates[..1], dates] {
            let equal = equal_dates(session, pair, look)?;
            if equal.is_empty() {
                break;
            }
            rest = dates.iter().filter(|date| !equal.contains_key(*date)).cloned().collect();
            cells.extend(equal.into_values().flatten());
        }
        if !rest.is_empty() {
            let mut part = Cells::new();
            compare_dates(session, pair, &rest, &mut part)?;
            cells.extend(part);
        }
    }
    Ok(cells)
}

/// What a table holds of a date and a zone: rows, volume, a sum of hashes of keys and volumes; no sum where a row is of another kind than
/// what is compared.
type Held = BTreeMap<Place, (u64, i64, Option<String>)>;

/// The cells of the dates on which the tables are equal, main without a definitive row.
fn equal_dates(session: &mut Session, pair: &Pair, dates: &[String]) -> Result<BTreeMap<String, Cells>> {
    let of_temp = held(session, (pair, &pair.temp), &has_breakdown(pair), dates)?;
    let of_main = held(session, (pair, &pair.main), "t.is_provisional <> 0", dates)?;
    let of = |held: &Held, date: &String| {
        let cells = held.iter().filter(|((day, _), _)| day == date);
        cells.map(|(place, cell)| cell.2.is_some().then(|| (place.1, cell.clone()))).collect::<Option<Vec<_>>>()
    };
    let is_equal = |date: &String| of(&of_temp, date).is_some_and(|cells| Some(cells) == of(&of_main, date));
    let mut equal = BTreeMap::new();
    for date in dates.iter().filter(|date| is_equal(date)) {
        let of_date = of_temp.iter().filter(|((day, _), _)| day == date);
        let cell = |(place, (rows, volume, _)): (&Place, &(u64, i64, Option<String>))| {
            let (rows, volume) = (*rows, *volume);
            let cell = Comparison {
                temp_rows: rows,
                temp_volume: volume,
                same: rows,
                main_provisional: rows,
                main_provisional_volume: volume,
                taken_volume: volume,
                matched_volume: volume,
                ..Comparison::default()
            };
            (place.clone(), cell)
        };
        equal.insert(date.clone(), of_date.map(cell).collect());
    }
    Ok(equal)
}

fn held(session: &mut Session, (pair, table): (&Pair, &str), condition: &str, dates: &[String]) -> Result<Held> {
    let mut columns: Vec<String> = pair.dataset.key().iter().skip(1).map(|column| format!("t.{column}")).collect();
    columns.push("t.volume".into());
    let forward = columns.join(", ");
    columns.reverse();
    let (of_dates, values) = on_dates("t", dates);
    let sql = format!(
        "SELECT CAST(t.date AS CHAR), CAST(t.id_zone AS SIGNED), COUNT(*), CAST(SUM(t.volume) AS SIGNED), \
         IF(SUM({condition}) = COUNT(*), CAST(SUM(CRC32(CONCAT_WS(',', {forward})) * CRC32(CONCAT_WS(';', {}))) AS CHAR), NULL) \
         FROM {table} t WHERE {of_dates} GROUP BY t.date, t.id_zone",
        columns.join(", ")
    );
    type Fields = (String, i64, u64, i64, Option<String>);
    let rows: Vec<Fields> = session.rows(&format!("comptage de {table}"), &sql, values)?;
    Ok(rows.into_iter().map(|(date, zone, rows, volume, sums)| ((date, zone), (rows, volume, sums))).collect())
}

fn compare_dates(session: &mut Session, pair: &Pair, dates: &[String], cells: &mut Cells) -> Result<()> {
    let doing = format!("comparaison de {} et {}", pair.temp, pair.main);
    let (of_main, values) = on_dates("m", dates);
    let backward = format!(
        "SELECT CAST(m.date AS CHAR), CAST(m.id_zone AS SIGNED), m.is_provisional <> 0, COUNT(*), CAST(SUM(m.volume) AS SIGNED) FROM {} m WHERE {of_main} \
         GROUP BY m.date, m.id_zone, m.is_provisional <> 0",
        pair.main
    );
    let rows: Vec<(String, i64, u8, u64, Option<i64>)> = session.rows(&doing, &backward, values)?;
    let is_new = rows.is_empty();
    for (date, zone, provisional, rows, volume) in rows {
        let (cell, volume) = (cells.entry((date, zone)).or_default(), volume.unwrap_or(0));
        if provisional == 0 {
            (cell.main_definitive, cell.main_definitive_volume) = (rows, volume);
        } else {
            (cell.main_provisional, cell.main_provisional_volume) = (rows, volume);
        }
    }
    if is_new {
        return count_new(session, pair, dates, cells);
    }
    forward(session, pair, dates, cells)
}

/// Nothing of these dates in main, as after each first delivery: counting is enough.
fn count_new(session: &mut Session, pair: &Pair, dates: &[String], cells: &mut Cells) -> Result<()> {
    let (of_temp, values) = on_dates("t", dates);
    let whole = has_breakdown(pair);
    let sql = format!(
        "SELECT CAST(t.date AS CHAR), CAST(t.id_zone AS SIGNED), COUNT(*), CAST(SUM(t.volume) AS SIGNED), \
         CAST(SUM({whole}) AS SIGNED), CAST(SUM(IF({whole}, t.volume, 0)) AS SIGNED), CAST(SUM(IF({whole}, {}, 0)) AS SIGNED) FROM {} t WHERE {of_temp} GROUP BY t.date, t.id_zone",
        checksum("t", &pair.dataset.key()),
        pair.temp
    );
    type Fields = (String, i64, u64, i64, u64, i64, i64);
    let rows: Vec<Fields> = session.rows(&format!("comptage de {}", pair.temp), &sql, values)?;
    for (date, zone, temp_rows, temp_volume, missing, missing_volume, missing_check) in rows {
        let cell = cells.entry((date, zone)).or_default();
        (cell.temp_rows, cell.temp_volume) = (temp_rows, temp_volume);
        (cell.missing, cell.missing_volume, cell.taken_volume) = (missing, missing_volume, missing_volume);
        (cell.missing_check, cell.without_breakdown) = (missing_check, temp_rows - missing);
    }
    Ok(())
}

fn forward(session: &mut Session, pair: &Pair, dates: &[String], cells: &mut Cells) -> Result<()> {
    let doing = format!("comparaison de {} et {}", pair.temp, pair.main);
    let (of_temp, values) = on_dates("t", dates);
    let whole = has_breakdown(pair);
    let sums = [
        "1".to_owned(),
        "t.volume".to_owned(),
        format!("{whole} AND m.date IS NULL"),
        format!("{whole} AND m.is_provisional <> 0 AND m.volume <> t.volume"),
        format!("{whole} AND m.is_provisional <> 0 AND m.volume = t.volume"),
        format!("{whole} AND m.is_provisional = 0"),
        format!("NOT {whole}"),
        "m.is_provisional <> 0".to_owned(),
        format!("IF({whole} AND m.date IS NULL, t.volume, 0)"),
        format!("IF({whole} AND m.is_provisional = 0, t.volume, 0)"),
        format!("IF({whole} AND (m.date IS NULL OR m.is_provisional <> 0), t.volume, 0)"),
        format!("IF({whole} AND m.is_provisional <> 0, m.volume, 0)"),
        format!("IF({whole} AND m.date IS NULL, {}, 0)", checksum("t", &pair.dataset.key())),
    ];
    let sums: Vec<String> = sums.iter().map(|sum| format!("CAST(COALESCE(SUM({sum}), 0) AS SIGNED)")).collect();
    // The unique key finds a row and has to fetch it for its volume; the dashboards' index holds all that is asked for.
    let index = schema::dashboard_index_of(session, &pair.main, pair.dataset)?;
    let index = index.map_or_else(String::new, |name| format!(" USE INDEX FOR JOIN ({name})"));
    let sql = |index: &str| {
        format!(
            "SELECT CAST(t.date AS CHAR), CAST(t.id_zone AS SIGNED), {} FROM {} t LEFT JOIN {} m{index} ON {} WHERE {of_temp} GROUP BY t.date, t.id_zone",
            sums.join(", "),
            pair.temp,
            pair.main,
            pair.on_key()
        )
    };
    let rows: Vec<Row> = match session.rows(&doing, &sql(&index), values.clone()) {
        // Somebody has made it invisible.
        Err(error) if error.has_code(codes::NO_SUCH_INDEX) => session.rows(&doing, &sql(""), values)?,
        rows => rows?,
    };
    let unexpected = || Error::Invariant(format!("{doing} : une valeur inattendue dans la base"));
    for mut row in rows {
        let date: String = row.take(0).ok_or_else(unexpected)?;
        let zone: i64 = row.take(1).ok_or_else(unexpected)?;
        let mut sums = [0i64; 13];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = row.take(at + 2).ok_or_else(unexpected)?;
        }
        let count = |at: usize| u64::try_from(sums[at]).unwrap_or(0);
        let cell = cells.entry((date, zone)).or_default();
        (cell.temp_rows, cell.temp_volume) = (count(0), sums[1]);
        (cell.missing, cell.different, cell.same) = (count(2), count(3), count(4));
        (cell.definitive, cell.without_breakdown) = (count(5), count(6));
        cell.surplus = count(7);
        (cell.missing_volume, cell.definitive_volume) = (sums[8], sums[9]);
        (cell.taken_volume, cell.matched_volume, cell.missing_check) = (sums[10], sums[11], sums[12]);
    }
    // Until here `surplus` is what was met of the provisional rows.
    for cell in cells.values_mut() {
        cell.surplus = cell
            .main_provisional
            .checked_sub(cell.surplus)
            .ok_or_else(|| Error::Invariant(format!("{} a changé pendant la comparaison, relancez", pair.main)))?;
    }
    Ok(())
}
