//! Volumes far from what is usual: the median of the same weekday in the weeks before, give or take a number of robust standard
//! deviations (1.4826 × the median absolute deviation, but at least 5 % of the median and one visitor).

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::Result;
use crate::inspect::validation::coverage::{Content, Delivered, Names, same_weekdays};
use crate::inspect::validation::day;
use crate::report::some_of;
use crate::report::{Code, Finding, number, plural};

/// Weeks below which nothing is usual.
const FEWEST: usize = 4;

/// A volume out of its band.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Unusual {
    pub table: String,
    pub zone: String,
    pub(crate) date: String,
    pub(crate) volume: u64,
    /// Median of the same weekday.
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Weeks that the band rests on.
    pub(crate) weeks: usize,
}

/// A day, its volume, and the usual low and high where they are known.
pub(crate) type SeriesDay = (NaiveDate, Option<u64>, Option<(f64, f64)>);

/// Volumes of one table and zone, day by day, with their bands.
#[derive(Debug)]
pub(crate) struct Series {
    pub table: String,
    pub zone: String,
    pub(crate) days: Vec<SeriesDay>,
}

/// The middle one, or between the two of the middle; there is one at least.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// Median and band of earlier volumes; `None` for fewer than four.
pub(crate) fn band(volumes: &[u64], threshold: f64) -> Option<(f64, f64, f64)> {
    if volumes.len() < FEWEST {
        return None;
    }
    let mut values: Vec<f64> = volumes.iter().map(|volume| *volume as f64).collect();
    let middle = median(&mut values);
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let spread = (1.4826 * median(&mut deviations)).max(0.05 * middle).max(1.0);
    Some((middle, (middle - threshold * spread).max(0.0), middle + threshold * spread))
}

type Volumes = HashMap<(NaiveDate, u32), u64>;

/// Looks at the volume of each day and zone in every table. What the tables without a breakdown tell of a day and zone, those with one do not
/// repeat.
pub(crate) fn unusual(
    session: &mut Session,
    delivered: &Delivered<'_>,
    names: &Names,
    findings: &mut Vec<Finding>,
) -> Result<(Vec<Series>, Vec<Unusual>)> {
    let (mut series, mut all) = (Vec::new(), Vec::new());
    let options = delivered.options;
    let (plain, divided): (Vec<_>, Vec<_>) =
        delivered.beside_main().partition(|(content, ..)| content.dataset.breakdown.is_empty());
    let mut told: HashSet<(NaiveDate, u32)> = HashSet::new();
    for (content, main, (first, last)) in plain.into_iter().chain(divided) {
        let is_plain = content.dataset.breakdown.is_empty();
        let mut now: Volumes = HashMap::new();
        for ((date, zone, _), (_, volume)) in &content.cells {
            *now.entry((*date, *zone)).or_default() += volume;
        }
        let mut known = history(session, &main, first, last, options.weeks)?;
        known.extend(now.iter().map(|(key, volume)| (*key, *volume)));

        let mut by_zone: BTreeMap<u32, Series> = BTreeMap::new();
        let mut found = Vec::new();
        let mut keys: Vec<&(NaiveDate, u32)> = now.keys().collect();
        keys.sort_unstable();
        for (date, zone) in keys.into_iter().copied() {
            let earlier: Vec<u64> =
                same_weekdays(date, options.weeks).filter_map(|day| known.get(&(day, zone)).copied()).collect();
            let volume = now[&(date, zone)];
            let usual = band(&earlier, options.threshold);
            let is_unusual = |(_, low, high): &(f64, f64, f64)| (volume as f64) < *low || volume as f64 > *high;
            if let Some((median, low, high)) =
                usual.filter(is_unusual).filter(|_| is_plain || !told.contains(&(date, zone)))
            {
                if is_plain {
                    told.insert((date, zone));
                }
                found.push(Unusual {
                    table: content.table.clone(),
                    zone: names.zone(zone),
                    date: date.to_string(),
                    volume,
                    median,
                    low,
                    high,
                    weeks: earlier.len(),
                });
            }
            let entry = by_zone.entry(zone).or_insert_with(|| Series {
                table: content.table.clone(),
                zone: names.zone(zone),
                days: Vec::new(),
            });
            entry.days.push((date, Some(volume), usual.map(|(_, low, high)| (low, high))));
        }
        tell(content, &found, findings);
        all.extend(found);
        // The charts are those of the dashboards' volumes, and have room for one zone: the one with most visitors.
        let total = |series: &Series| series.days.iter().filter_map(|(_, volume, _)| *volume).sum::<u64>();
        series.extend(by_zone.into_values().filter(|_| is_plain).max_by_key(total));
    }
    Ok((series, all))
}

/// Volumes of the main table by date and zone, from `weeks` weeks before.
fn history(session: &mut Session, main: &str, first: NaiveDate, last: NaiveDate, weeks: u32) -> Result<Volumes> {
    let from = first.checked_sub_days(Days::new(7 * u64::from(weeks))).unwrap_or(first);
    let sql = format!(
        "SELECT CAST(date AS CHAR), id_zone, CAST(SUM(volume) AS UNSIGNED) FROM {main} WHERE date BETWEEN ? AND ? \
         GROUP BY date, id_zone"
    );
    let rows: Vec<(String, u32, u64)> =
        session.rows(&format!("volumes de {main}"), &sql, (from.to_string(), last.to_string()))?;
    Ok(rows.into_iter().filter_map(|(date, zone, volume)| Some(((day(&date)?, zone), volume))).collect())
}

fn tell(content: &Content, found: &[Unusual], findings: &mut Vec<Finding>) {
    if found.is_empty() {
        return;
    }
    let text: Vec<String> = found
        .iter()
        .map(|unusual| {
            format!(
                "{} {} : {} (d'habitude {} à {})",
                unusual.date,
                unusual.zone,
                number(unusual.volume),
                number(unusual.low as u64),
                number(unusual.high as u64)
            )
        })
        .collect();
    let count = plural(found.len() as u64, "volume inhabituel", "volumes inhabituels");
    findings.push(
        Finding::attention(Code::VolumeUnusual, content.table.as_str(), format!("{count} : {}", some_of(&text, 4)))
            .action("vérifiez s'il y avait un événement ; sinon demandez une nouvelle livraison de ces jours"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_rests_on_the_median_and_its_deviations() {
        // median 105, deviations 5 5 5 15 → median 5 → 7.413; 5 × 7.413 = 37.065
        let (median, low, high) = band(&[100, 110, 100, 120], 5.0).unwrap();
        assert_eq!(median, 105.0);
        assert!((low - 67.935).abs() < 1e-9 && (high - 142.065).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn one_wild_week_does_not_move_it_and_equal_weeks_leave_some_room() {
        // deviations 0 0 0 9900: spread is 5 % of 100
        assert_eq!(band(&[100, 100, 100, 10_000], 2.0), Some((100.0, 90.0, 110.0)));
        assert_eq!(band(&[0, 0, 0, 0], 3.0), Some((0.0, 0.0, 3.0)));
        assert_eq!(band(&[1, 2, 3], 3.0), None);
    }
}
