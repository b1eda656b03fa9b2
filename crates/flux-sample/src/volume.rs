//! How many visitors: season, day of the week, size of the zone, and a noise that the seed decides.
//!
//! Only additions, multiplications and table look-ups, so that a seed gives the same bytes on every machine.

use chrono::{Datelike, NaiveDate};

use crate::names::{Categorie, Zone};
use crate::rng::{keyed, unit};

/// Tourists by month, 1 being the mean of the year.
const SUMMER: [f64; 12] = [0.55, 0.80, 0.60, 0.80, 0.95, 1.0, 1.75, 2.15, 1.0, 0.75, 0.55, 0.75];
/// The same in a ski resort.
const WINTER: [f64; 12] = [1.70, 2.30, 1.40, 0.70, 0.50, 0.70, 1.40, 1.70, 0.60, 0.50, 0.50, 1.30];
/// Tourists by day, from Monday on.
const WEEK: [f64; 7] = [0.86, 0.83, 0.84, 0.89, 1.08, 1.30, 1.20];

/// The part of the year's mean that a date has, between the middles of two months by straight line.
fn season(table: &[f64; 12], date: NaiveDate) -> f64 {
    let month = date.month0() as usize;
    let (before, after, part) = if date.day() >= 15 {
        (month, (month + 1) % 12, f64::from(date.day() - 15) / 31.0)
    } else {
        ((month + 11) % 12, month, f64::from(date.day() + 16) / 31.0)
    };
    table[before] + (table[after] - table[before]) * part
}

/// Visitors of a zone, a provenance and a category on one day; `hash` is that of the slice.
pub(super) fn of_slice(zone: &Zone, categorie: &Categorie, provenance: usize, date: NaiveDate, hash: u64) -> f64 {
    let season = season(if zone.ski { &WINTER } else { &SUMMER }, date);
    let week = WEEK[date.weekday().num_days_from_monday() as usize];
    let moved = 1.0 + categorie.seasonal * (season * week - 1.0);
    let trend = 1.0 + 0.015 * f64::from(date.year() - 2024);
    let noise = 0.94 + 0.12 * unit(hash);
    categorie.base * zone.part * categorie.split[provenance] * moved * trend.max(0.2) * noise
}

/// The share of the member of rank `rank` in its slice: few large ones and a long tail.
pub(super) fn share(rank: usize) -> f64 {
    let rank = u32::try_from(rank).unwrap_or(u32::MAX);
    0.26 / (f64::from(rank) + 2.5)
}

/// A volume as delivered: whole, at least 1, with the row's own noise.
pub(super) fn of_row(expected: f64, hash: u64) -> u64 {
    let noisy = expected * (0.80 + 0.40 * unit(hash));
    (noisy + 0.5).clamp(1.0, 2e9) as u64
}

/// The same row in a later delivery, where it was revised: never the same number.
pub(super) fn revised(volume: u64, hash: u64) -> u64 {
    let step = 1 + volume * (1 + keyed(hash, 1) % 12) / 100;
    if keyed(hash, 2).is_multiple_of(2) || step >= volume { volume + step } else { volume - step }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{NUITEE, ZONES};

    fn tourists(zone: usize, date: &str) -> f64 {
        of_slice(&ZONES[zone], &NUITEE[0], 1, date.parse().unwrap(), u64::MAX / 2)
    }

    #[test]
    fn the_season_is_the_table_in_mid_month_and_half_way_between_at_its_turn() {
        let day = |text: &str| season(&SUMMER, text.parse().unwrap());
        assert_eq!(day("2025-08-15"), 2.15);
        assert_eq!(day("2025-01-15"), 0.55);
        // 31 January is 16 days of 31 after the middle: 0.55 + 0.25 * 16 / 31.
        assert!((day("2025-01-31") - 0.679_032).abs() < 1e-6);
        // 1 January is 17 of 31 between December's 0.75 and January's 0.55.
        assert!((day("2025-01-01") - 0.640_323).abs() < 1e-6);
    }

    #[test]
    fn summer_weekends_fill_the_zones_and_february_the_ski_resort() {
        assert!(tourists(0, "2025-08-16") > 1.4 * tourists(0, "2025-08-12"), "Saturday over Tuesday");
        assert!(tourists(0, "2025-08-12") > 2.5 * tourists(0, "2025-02-11"));
        assert!(tourists(6, "2025-02-11") > tourists(6, "2025-08-12"));
    }

    #[test]
    fn a_revised_volume_differs_and_stays_positive() {
        for volume in 1..500 {
            for hash in 0..20 {
                let after = revised(volume, hash);
                assert!(after != volume && after >= 1, "{volume} → {after}");
            }
        }
    }
}
