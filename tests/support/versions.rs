//! Deliveries that can be told apart: all rows of one have the same volume, so that a table shows which of them it holds, or a mixture.

use std::collections::BTreeMap;

use flux_test::Tool;

use crate::weekly::{BASE, FR, World, ZONES};

const DAYS: u32 = 60;
const ONLY: [&str; 2] = ["--only", "frequentation_nuitee,frequentation_nuitee_fr,frequentation_journee"];
pub const TEMPS: [&str; 3] = ["fact_nuitees_temp", "fact_nuitees_departements_temp", "fact_diurnes_temp"];
pub const MAINS: [&str; 3] = ["fact_nuitees", "fact_nuitees_departements", "fact_diurnes"];

/// Three files of [`DAYS`] days; every volume is `volume`. Odd versions lack the last zone, so that rows are withdrawn as well.
pub fn deliver(world: &World, volume: u32) {
    let departements = ["Cantal", "Loire", "Aveyron", "Charente", "Puy-de-Dôme"];
    let zones = &ZONES[..8 - (volume % 2) as usize];
    let mut base = BASE.to_owned();
    let mut fr = FR.to_owned();
    for day in 0..DAYS {
        let date = format!("{}-{:02}-{:02}", 2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        for zone in zones {
            for provenance in ["Local", "NonLocal", "Etranger"] {
                base.push_str(&format!("{date};{zone};{provenance};Touriste;{volume}\n"));
                for departement in departements {
                    fr.push_str(&format!("{date};{zone};{provenance};Touriste;{departement};{volume}\n"));
                }
            }
        }
    }
    world.home.write_csv("frequentation_nuitee.csv", &base);
    world.home.write_csv("frequentation_journee.csv", &base);
    world.home.write_csv("frequentation_nuitee_fr.csv", &fr);
}

/// Rows of three tables by volume.
pub type Tables = [BTreeMap<String, String>; 3];

/// Rows of a table by volume: one entry is one version of the delivery, two are a mixture.
fn versions(world: &World, table: &str) -> BTreeMap<String, String> {
    world
        .db
        .rows(&format!("SELECT volume, COUNT(*) FROM {table} GROUP BY volume"))
        .into_iter()
        .map(|r| (r[0].clone(), r[1].clone()))
        .collect()
}

/// What the three temporary tables hold when they hold the delivery of this volume and nothing else.
pub fn full(volume: u32) -> Tables {
    let rows = DAYS * 3 * (8 - volume % 2);
    [rows, rows * 5, rows].map(|rows| BTreeMap::from([(volume.to_string(), rows.to_string())]))
}

pub fn temps(world: &World) -> Tables {
    TEMPS.map(|temp| versions(world, temp))
}

pub fn mains(world: &World) -> Tables {
    MAINS.map(|main| versions(world, main))
}

/// Each table is as in `before` or as in `after`.
#[track_caller]
pub fn each_whole(found: &Tables, before: &Tables, after: &Tables, place: &str) {
    for index in 0..3 {
        let found = &found[index];
        assert!(*found == before[index] || *found == after[index], "{} at {place}: {found:?}", TEMPS[index]);
    }
}

/// How many imports of a table the history calls loaded.
pub fn loads(world: &World, table: &str) -> u32 {
    let sql = format!("SELECT COUNT(*) FROM flux_import_history WHERE table_name = '{table}' AND status = 'loaded'");
    world.db.scalar(&sql).parse().unwrap()
}

pub fn import(world: &World) -> Tool {
    world.tool("update-temp-tables").args(ONLY).args(["--jobs", "1"])
}
