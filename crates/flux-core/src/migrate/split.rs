//! Dates and zones that a migration would count twice: main holds rows of the date under another name of the same zone. All rows of a zone's
//! names are summed wherever a zone is asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::db::{MANY_DATES, Session, on_dates};
use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::Locality;
use crate::error::Result;
use crate::migrate::Pair;
use crate::migrate::compare::{Cells, Place};

/// Places that bring new rows beside those of another name; nearly never any, and then nothing is asked but the names of the zones.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn places(session: &mut Session, pair: &Pair, cells: &Cells) -> Result<BTreeSet<Place>> {
    let mut split = BTreeSet::new();
    if cells.values().all(|cell| cell.missing == 0) {
        return Ok(split);
    }
    let group_of = groups(session)?;
    let brings = |(date, zone): &Place| Some((date.clone(), *group_of.get(zone)?, *zone));
    let brought: Vec<(String, i64, i64)> =
        cells.iter().filter(|(_, cell)| cell.missing > 0).filter_map(|(place, _)| brings(place)).collect();
    if brought.is_empty() {
        return Ok(split);
    }
    let zones = group_of.keys().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let dates: BTreeSet<String> = brought.iter().map(|(date, ..)| date.clone()).collect();
    let mut held: BTreeSet<(String, i64, i64)> = BTreeSet::new();
    for dates in dates.into_iter().collect::<Vec<_>>().chunks(MANY_DATES) {
        let (of_dates, values) = on_dates("m", dates);
        let sql = format!(
            "SELECT DISTINCT CAST(m.date AS CHAR), CAST(m.id_zone AS SIGNED) FROM {} m WHERE {of_dates} AND m.id_zone IN ({zones})",
            pair.main
        );
        let rows: Vec<(String, i64)> =
            session.rows::<(String, i64)>(&format!("lecture de {}", pair.main), &sql, values)?;
        held.extend(rows.into_iter().filter_map(|(date, zone)| Some((date, *group_of.get(&zone)?, zone))));
    }
    for (date, group, zone) in brought {
        let first = (date.clone(), group, i64::MIN);
        let last = (date.clone(), group, i64::MAX);
        if held.range(first..=last).any(|(.., other)| *other != zone) {
            split.insert((date, zone));
        }
    }
    Ok(split)
}

/// The zones that stand in the base under several names, each with the preferred one of them.
fn groups(session: &mut Session) -> Result<BTreeMap<i64, i64>> {
    let zones = dims::load(session, Dim::Zone, &Locality::default(), true)?;
    let leaders: Vec<(i64, i64)> =
        zones.rows().iter().filter_map(|row| Some((row.id?.into(), zones.leader(row).id?.into()))).collect();
    let is_led = |leader: i64| leaders.iter().any(|(zone, of)| *of == leader && *zone != leader);
    Ok(leaders.iter().filter(|(_, leader)| is_led(*leader)).copied().collect())
}
