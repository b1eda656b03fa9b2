//! Names and folders of the raw exports.

use std::collections::BTreeSet;

use chrono::Datelike;

use crate::Job;
use crate::names::ZONES;
use crate::plan::Plan;
use flux_core::domain::catalogue::DATASETS;

/// Families that are delivered beside the 21 and must be passed over.
const IGNORED: &[&str] = &["Nuitee_Semaine", "Diurne_Regions", "Recurrence", "Nuitee_Age"];

fn years(plan: &Plan) -> BTreeSet<i32> {
    plan.dates().map(|date| date.year()).collect()
}

/// `2024B1` for the first delivery of a year, `2024B2` for its first revision.
fn period(plan: &Plan, year: i32) -> String {
    format!("{year}B{}", plan.revision + 1)
}

fn folder(plan: &Plan, period: &str, zone: usize) -> String {
    format!("{period}/{}", ZONES[zone].name(plan.zones))
}

/// A file per year, zone and family.
pub(super) fn jobs(plan: &Plan) -> Vec<Job> {
    let mut jobs = Vec::new();
    for year in years(plan) {
        let period = period(plan, year);
        for (zone, names) in ZONES.iter().enumerate() {
            for dataset in DATASETS {
                let file = format!("{}_{period}_{}.csv", dataset.family, names.code);
                let place = format!("{}/{file}", folder(plan, &period, zone));
                jobs.push(Job { place, dataset, zones: zone..zone + 1, year: Some(year) });
            }
        }
    }
    jobs
}

/// Place and text of the files that an import must pass over.
pub(super) fn ignored(plan: &Plan) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for year in years(plan) {
        let period = period(plan, year);
        for (zone, names) in ZONES.iter().enumerate() {
            for family in IGNORED {
                let place = format!("{}/{family}_{period}_{}.csv", folder(plan, &period, zone), names.code);
                let text = format!(
                    "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n{};{};NonLocal;Touriste;1\n",
                    plan.from,
                    names.name(plan.zones)
                );
                files.push((place, text));
            }
        }
    }
    files
}
