//! Rows that a raw export does not bring, on dates of which it has lines that could not be read: they may be those of such a line, so
//! they stay.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mysql::prelude::FromRow;
use mysql::{FromRowError, Row};

use crate::db::Session;
use crate::dims::epci;
use crate::domain::catalogue::{Dataset, Dim};
use crate::error::Result;
use crate::load::layout::Slice;
use crate::load::options::OnConflict;
use crate::load::tally::for_each_group;
use crate::load::target::{Created, Found};

/// Slices whose stored rows are held at a time.
const AT_A_TIME: usize = 200;

/// What stays of each slice of which something does: the ids of its rows, in the order of [`told_apart`].
pub(crate) type Kept = BTreeMap<Slice, BTreeSet<Vec<u32>>>;

/// A fact table, and how the keys that contradict each other are settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) dataset: &'static Dataset,
    pub(crate) policy: OnConflict,
}

/// The dimensions that tell rows of a date and zone apart. Not the EPCI, under which a commune may stand otherwise: both rows would be counted.
fn told_apart(dataset: &Dataset) -> Vec<Dim> {
    let without_epci = epci::concerns(dataset);
    dataset.dims().filter(|dim| *dim != Dim::Zone && !(without_epci && *dim == Dim::Epci)).collect()
}

/// The slices that may lack a line: of their date lines were rejected, or keys of theirs for contradicting each other. A line whose date
/// cannot be read may be of any of them.
fn doubtful(found: &Found, slices: &[Slice], policy: OnConflict) -> Vec<Slice> {
    let day = |slice: &Slice| found.mapper.layout().day(*slice);
    let conflicts = |slice: &Slice| found.tally.slices.get(slice).map_or(0, |counts| counts.conflicts);
    let is_doubtful = |slice: &&Slice| {
        found.rejected.contains_key(&None)
            || found.rejected.contains_key(&Some(day(slice)))
            || policy == OnConflict::Reject && conflicts(slice) > 0
    };
    slices.iter().filter(is_doubtful).copied().collect()
}

/// What the table holds of `slices` beside the rows of the file and may not go; `created` are the ids of names that the file brought.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn kept(
    session: &mut Session,
    place: Place<'_>,
    found: &Found,
    slices: &[Slice],
    created: &Created,
) -> Result<Kept> {
    let mut kept = Kept::new();
    for part in doubtful(found, slices, place.policy).chunks(AT_A_TIME) {
        let mut stored = stored(session, place, found, part, created)?;
        take_brought(&mut stored, place, found, created)?;
        kept.extend(stored.into_iter().filter(|(_, rows)| !rows.is_empty()));
    }
    Ok(kept)
}

/// All rows that the table holds of the slices.
fn stored(session: &mut Session, place: Place<'_>, found: &Found, slices: &[Slice], created: &Created) -> Result<Kept> {
    let zones = found.mapper.ids_of(Dim::Zone, created).unwrap_or_default();
    let layout = found.mapper.layout();
    // A zone that is still to be created has no rows.
    let of_place: HashMap<(String, u32), Slice> = slices
        .iter()
        .filter_map(|slice| Some(((layout.day(*slice).to_string(), *zones.get(layout.zone(*slice) as usize)?), *slice)))
        .collect();
    let (Some(first), Some(last)) = (slices.first(), slices.last()) else { return Ok(Kept::new()) };
    let ids: BTreeSet<u32> = of_place.keys().map(|(_, zone)| *zone).collect();
    if ids.is_empty() {
        return Ok(Kept::new());
    }
    let columns = std::iter::once(Dim::Zone).chain(told_apart(place.dataset));
    let columns: Vec<String> = columns.map(|dim| format!("CAST({} AS UNSIGNED)", dim.spec().id)).collect();
    let sql = format!(
        "SELECT CAST(date AS CHAR), {} FROM {} WHERE date BETWEEN ? AND ? AND id_zone IN ({})",
        columns.join(", "),
        place.table,
        ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    );
    let period = (layout.day(*first).to_string(), layout.day(*last).to_string());
    let mut stored = Kept::new();
    for Stored { date, zone, ids } in session.rows(&format!("lecture de {}", place.table), &sql, period)? {
        if let Some(slice) = of_place.get(&(date, zone)) {
            stored.entry(*slice).or_default().insert(ids);
        }
    }
    Ok(stored)
}

/// A stored row: its date, zone, and the ids of [`told_apart`].
struct Stored {
    date: String,
    zone: u32,
    ids: Vec<u32>,
}

impl FromRow for Stored {
    fn from_row_opt(row: Row) -> std::result::Result<Self, FromRowError> {
        let id = |at: usize| row.get_opt::<u32, _>(at)?.ok();
        let read = || {
            let ids = (2..row.len()).map(id).collect::<Option<Vec<u32>>>()?;
            Some(Self { date: row.get_opt(0)?.ok()?, zone: id(1)?, ids })
        };
        read().ok_or_else(|| FromRowError(row.clone()))
    }
}

/// Takes the rows that the file brings away from those that are stored.
fn take_brought(stored: &mut Kept, place: Place<'_>, found: &Found, created: &Created) -> Result<()> {
    let (Some((first, _)), Some((last, _))) = (stored.first_key_value(), stored.last_key_value()) else {
        return Ok(());
    };
    let layout = found.mapper.layout();
    let (keys, compared) = (layout.keys(*first, *last), told_apart(place.dataset));
    let dims: Vec<Dim> = place.dataset.dims().collect();
    let ids: Vec<(usize, Vec<u32>)> = (0..dims.len())
        .filter(|at| compared.contains(&dims[*at]))
        .map(|at| (at, found.mapper.ids_of(dims[at], created).unwrap_or_default()))
        .collect();
    let mut values = vec![0; dims.len()];
    for_each_group(&found.sorted, keys, |group| {
        let Some(rows) = stored.get_mut(&layout.slice(group.key)) else { return Ok(()) };
        if group.volume(place.policy)?.is_some() {
            layout.unpack(group.key, &mut values);
            let id = |(at, ids): &(usize, Vec<u32>)| ids.get(values[*at] as usize).copied().unwrap_or_default();
            rows.remove(&ids.iter().map(id).collect::<Vec<u32>>());
        }
        Ok(())
    })
}

/// Deletes what the table holds of a slice but for `rows`; returns how many rows.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn delete_others(
    session: &mut Session,
    place: Place<'_>,
    (zone, day): (u32, &str),
    rows: &BTreeSet<Vec<u32>>,
) -> Result<u64> {
    let columns: Vec<&str> = told_apart(place.dataset).iter().map(|dim| dim.spec().id).collect();
    let rows: Vec<String> =
        rows.iter().map(|row| format!("({})", row.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))).collect();
    let sql = format!(
        "DELETE FROM {} WHERE id_zone = ? AND date = ? AND ({}) NOT IN ({})",
        place.table,
        columns.join(", "),
        rows.join(", ")
    );
    session.exec(&format!("remplacement dans {}", place.table), &sql, (zone, day))
}
