//! Volumes that come on another scale: ten times as large, in thousands. The guards of the migration measure what would be lost; what
//! grows passes them.
//!
//! Of dates that are in the base already, the mean volume of a row is compared. A new week is compared with the same weekdays of the weeks
//! before, of which one is enough, category by category: a feast multiplies the tourists of some zones, a unit the residents of all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};

use crate::db::Session;
use crate::error::Result;
use crate::inspect::validation::coverage::{Beside, Delivered, same_weekdays};
use crate::inspect::validation::usual::median;
use crate::load::repeated::cells;
use crate::load::tally::Cells;
use crate::report::{Code, Finding, plural, ranges, some_of};

/// How often the mean volume of a row goes into the other one, at least. A revision changes some of the rows; it does not multiply the mean by five.
const SCALE: f64 = 5.0;
/// Rows of a date, or date × zone × category of a week, below which a mean says nothing.
const FEWEST: u64 = 10;
/// Of a new week, how much must have been multiplied: nearly all. What a feast does to tourists leaves residents alone.
const SHARE: f64 = 0.75;

/// Compares the mean volume of what waits with that of the provisional rows of the same dates.
pub(crate) fn scaled(Beside { table, now, before }: &Beside) -> Option<Finding> {
    let pairs = before.iter().filter_map(|(date, before)| Some((*date, factor(*before, *now.get(date)?)?)));
    told(table, &pairs.filter(|(_, factor)| is_other_scale(*factor)).collect())
}

/// By how much the mean volume of a row has been multiplied.
fn factor((rows_before, before): (u64, u64), (rows, now): (u64, u64)) -> Option<f64> {
    let enough = rows_before.min(rows) >= FEWEST && before > 0;
    enough.then(|| (now as f64 / rows as f64) / (before as f64 / rows_before as f64))
}

fn is_other_scale(factor: f64) -> bool {
    !(1.0 / SCALE..=SCALE).contains(&factor)
}

fn told(table: &str, jumped: &BTreeMap<NaiveDate, f64>) -> Option<Finding> {
    let mut factors: Vec<f64> = jumped.values().copied().collect();
    factors.sort_by(f64::total_cmp);
    let times = times(*factors.get(factors.len() / 2)?);
    let days = jumped.keys().copied().collect();
    Some(finding(table, &days, &format!("les volumes déjà en base y seraient {times} en moyenne")))
}

/// By how much volumes were multiplied, or divided.
fn times(factor: f64) -> String {
    let times = match factor < 1.0 {
        true => format!("divisés par {:.1}", 1.0 / factor.max(1e-9)),
        false => format!("multipliés par {factor:.1}"),
    };
    times.replace('.', ",")
}

fn finding(table: &str, days: &BTreeSet<NaiveDate>, what: &str) -> Finding {
    let dates = plural(days.len() as u64, "date change d'échelle", "dates changent d'échelle");
    let message = format!("{dates} : {what} ({})", some_of(&ranges(days.iter().copied()), 3));
    Finding::attention(Code::VolumeScaled, table, message).action(
        "vérifiez l'unité des volumes auprès du fournisseur avant de migrer ; une livraison corrigée se réimporte",
    )
}

/// Compares new weeks with the weeks before them in the main tables.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn new_weeks(session: &mut Session, delivered: &Delivered<'_>) -> Result<Vec<Finding>> {
    let weeks = delivered.options.weeks;
    let mut found = Vec::new();
    for (content, main, (first, last)) in delivered.beside_main() {
        let from = first.checked_sub_days(Days::new(7 * u64::from(weeks))).unwrap_or(first);
        let known = cells(session, &main, Some((from, last)))?;
        for week in by_week(&content.cells, &known).into_values() {
            found.extend(scaled_week(&week, &known, weeks).map(|factor| {
                let days = week.keys().map(|(date, ..)| *date).collect();
                let what = format!("leurs volumes sont {} par rapport aux semaines d'avant", times(factor));
                finding(&content.table, &days, &what)
            }));
        }
    }
    Ok(found)
}

/// What the main table has nothing of, by the Monday of its week.
fn by_week(cells: &Cells, known: &Cells) -> BTreeMap<NaiveDate, Cells> {
    let there: BTreeSet<NaiveDate> = known.keys().map(|(date, ..)| *date).collect();
    let mut weeks: BTreeMap<NaiveDate, Cells> = BTreeMap::new();
    for (key, what) in cells.iter().filter(|((date, ..), _)| !there.contains(date)) {
        let since = Days::new(u64::from(key.0.weekday().num_days_from_monday()));
        weeks.entry(key.0 - since).or_default().insert(*key, *what);
    }
    weeks
}

/// By how much a week was multiplied in the middle, where nearly everything of it was, and the whole too.
fn scaled_week(week: &Cells, known: &Cells, weeks: u32) -> Option<f64> {
    let mut factors = Vec::new();
    let (mut now, mut before) = (0.0, 0.0);
    for ((date, zone, category), (_, volume)) in week {
        let earlier = same_weekdays(*date, weeks).filter_map(|day| known.get(&(day, *zone, *category)));
        let mut earlier: Vec<f64> = earlier.map(|(_, volume)| *volume as f64).collect();
        if earlier.iter().sum::<f64>() == 0.0 {
            continue;
        }
        let usual = median(&mut earlier).max(1.0);
        factors.push(*volume as f64 / usual);
        (now, before) = (now + *volume as f64, before + usual);
    }
    let share =
        |is: &dyn Fn(f64) -> bool| factors.iter().filter(|factor| is(**factor)).count() as f64 / factors.len() as f64;
    let grown = now >= SCALE * before && share(&|factor| factor >= SCALE) >= SHARE;
    let shrunk = now * SCALE <= before && share(&|factor| factor * SCALE <= 1.0) >= SHARE;
    let enough = factors.len() as u64 >= FEWEST;
    (enough && (grown || shrunk)).then(|| median(&mut factors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_that_is_ten_times_as_large_is_on_another_scale_and_few_rows_are_on_none() {
        assert!(is_other_scale(factor((12, 1200), (12, 12_000)).unwrap()));
        assert!(is_other_scale(factor((12, 12_000), (12, 1200)).unwrap()));
        // Twice as many rows of the same kind are no other scale.
        assert!(!is_other_scale(factor((12, 1200), (24, 2600)).unwrap()));
        assert!(!is_other_scale(factor((12, 1200), (12, 5900)).unwrap()));
        assert_eq!((factor((9, 900), (9, 9000)), factor((12, 0), (12, 5))), (None, None));
    }

    /// A week from a Monday: per zone the volumes of residents and of tourists, the same each day.
    fn week(monday: &str, zones: &[(u64, u64)]) -> Cells {
        let monday: NaiveDate = monday.parse().unwrap();
        let mut cells = Cells::new();
        for (day, (zone, (residents, tourists))) in
            (0..7).flat_map(|day| zones.iter().enumerate().map(move |z| (day, z)))
        {
            let date = monday + Days::new(day);
            cells.insert((date, zone as u32, 1), (1, *residents));
            cells.insert((date, zone as u32, 2), (1, *tourists));
        }
        cells
    }

    const JUNE: [(u64, u64); 4] = [(900, 120), (400, 60), (150, 30), (80, 200)];

    #[test]
    fn a_week_ten_times_as_large_is_told_after_one_week() {
        let known = week("2025-06-02", &JUNE);
        let tenfold = JUNE.map(|(residents, tourists)| (10 * residents, 10 * tourists));
        assert_eq!(scaled_week(&week("2025-06-09", &tenfold), &known, 8), Some(10.0));
        // A quiet week on the wrong scale, and one in another unit.
        let quiet = JUNE.map(|(residents, tourists)| (9 * residents, 7 * tourists));
        assert!(scaled_week(&week("2025-06-09", &quiet), &known, 8).is_some());
        let tenth = JUNE.map(|(residents, tourists)| (residents / 10, tourists / 10));
        assert_eq!(scaled_week(&week("2025-06-09", &tenth), &known, 8), Some(0.1));
        assert_eq!(scaled_week(&week("2025-06-09", &JUNE), &known, 8), None);
        // Nine weeks later nobody knows what is usual.
        assert_eq!(scaled_week(&week("2025-08-04", &tenfold), &known, 8), None);
    }

    /// The week of Christmas in the mountains after those before the season, and the one of 14 July: tourists by three to twelve.
    #[test]
    fn a_feast_is_no_other_scale() {
        for times in [[3, 3, 3, 3], [3, 4, 3, 12], [6, 8, 7, 12]] {
            let feast: Vec<(u64, u64)> =
                JUNE.iter().zip(times).map(|((r, t), times)| (r * 11 / 10, t * times)).collect();
            let mut known = week("2025-06-30", &JUNE);
            assert_eq!(scaled_week(&week("2025-07-14", &feast), &known, 8), None, "{times:?}");
            known.extend(week("2025-07-07", &JUNE));
            assert_eq!(scaled_week(&week("2025-07-14", &feast), &known, 8), None, "{times:?}");
            // And the week after it is none either.
            assert_eq!(scaled_week(&week("2025-07-21", &JUNE), &week("2025-07-14", &feast), 8), None, "{times:?}");
        }
    }

    #[test]
    fn of_two_weeks_only_the_one_that_the_base_lacks_is_new() {
        let known = week("2025-06-02", &JUNE);
        let mut both = week("2025-06-02", &JUNE);
        both.extend(week("2025-06-09", &JUNE));
        let weeks = by_week(&both, &known);
        assert_eq!(weeks.keys().map(ToString::to_string).collect::<Vec<_>>(), ["2025-06-09"]);
    }
}
