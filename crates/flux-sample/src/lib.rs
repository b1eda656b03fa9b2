//! Realistic deliveries of any length and seed, sound or with chosen defects, and what an import should make of them.
//!
//! Rows are a pure function of the plan (see `rng.rs`), so memory does not grow with the length, and the manifest holds
//! the exact counts and volumes that a checker compares with what was stored.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod axis;
mod defect;
mod file;
mod format;
mod inject;
mod manifest;
mod names;
mod plan;
mod raw;
mod rng;
mod rows;
mod sink;
mod template;
#[cfg(test)]
mod tests;
mod volume;
mod writer;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

pub use defect::{Defect, Effect, Planned};
pub use format::{DateStyle, Encoding, Format, Layout, Order, Separator, ZoneStyle};
pub use manifest::{DayTotal, DefectReport, Expected, FileReport, MANIFEST, Report, Revision, Totals, Written};
pub use plan::Plan;

use axis::Axis;
use flux_core::domain::catalogue::{self, DATASETS, Dataset};
use flux_core::error::{Error, Result};
use flux_core::signals;
use flux_report::plural;
use rows::Rows;

/// One file to write.
struct Job {
    /// Place under the folder of the delivery, with `/` between folders.
    place: String,
    dataset: &'static Dataset,
    zones: std::ops::Range<usize>,
    year: Option<i32>,
}

/// Writes the delivery that `plan` describes into `dir`, with its manifest. Files that the generator wrote before are
/// replaced; others are not touched unless the plan says so.
///
/// # Errors
/// [`Error::Usage`] for a plan that makes no sense, [`Error::Config`] where files would be lost, [`Error::Io`],
/// [`Error::Interrupted`]; the files written until then are whole and in the manifest.
pub fn generate(plan: &Plan, dir: &Path) -> Result<Report> {
    generate_with(plan, dir, |_, _| {})
}

/// As [`generate`]; calls `on_file` after each file with the number of files to come.
///
/// # Errors
/// As [`generate`].
pub fn generate_with(plan: &Plan, dir: &Path, on_file: impl FnMut(&FileReport, usize)) -> Result<Report> {
    check(plan)?;
    let jobs = jobs(plan);
    let ignored = match plan.layout {
        Layout::Weekly => Vec::new(),
        Layout::Raw => raw::ignored(plan),
    };
    let before = Report::read(dir);
    let places = jobs.iter().map(|job| job.place.as_str()).chain(ignored.iter().map(|(place, _)| place.as_str()));
    if !plan.overwrite {
        guard(dir, before.as_ref().ok(), places)?;
    }
    let mut report = Report {
        from: plan.from.to_string(),
        to: plan.dates().last().unwrap_or(plan.from).to_string(),
        days: plan.days,
        seed: plan.seed,
        scale: plan.scale,
        revision: plan.revision,
        ..Report::default()
    };
    fs::create_dir_all(dir).map_err(Error::io("création de", dir))?;
    let outcome = write_files(plan, dir, &jobs, &ignored, &mut report, on_file);
    if let Ok(before) = before {
        report.keep_earlier(&before, dir);
    }
    report.add_up();
    let written = report.write(dir);
    outcome.and(written).map(|()| report)
}

fn write_files(
    plan: &Plan,
    dir: &Path,
    jobs: &[Job],
    ignored: &[(String, String)],
    report: &mut Report,
    mut on_file: impl FnMut(&FileReport, usize),
) -> Result<()> {
    let mut axes: HashMap<&str, Vec<Axis>> = HashMap::new();
    for (index, job) in jobs.iter().enumerate() {
        let axes = axes.entry(job.dataset.family).or_insert_with(|| axis::axes(job.dataset, plan.layout));
        let rows = Rows {
            plan,
            dataset: job.dataset,
            axes,
            zones: job.zones.clone(),
            year: job.year,
            truncated: planned(plan, job.dataset, Defect::DateTronquee).is_some(),
            renamed: planned(plan, job.dataset, Defect::ZonesRenommees).unwrap_or(0),
        };
        let path = dir.join(&job.place);
        let file = match make_way(&path).and_then(|()| file::write(&rows, job.place.clone(), &path)) {
            Ok(file) => file,
            Err(error) => {
                // A walk that a signal stops ends in an error of its own.
                signals::check()?;
                return Err(Error::io("écriture de", path)(error));
            }
        };
        log::info!("{} : {}", file.file, plural(file.lines, "ligne", "lignes"));
        on_file(&file, jobs.len() - index - 1);
        // A file that stands is in the manifest, even where the signal came with its last line.
        report.files.push(file);
        signals::check()?;
    }
    for (place, text) in ignored {
        let path = dir.join(place);
        make_way(&path).and_then(|()| fs::write(&path, text)).map_err(Error::io("écriture de", path))?;
        report
            .ignored
            .push(Written { file: place.clone(), blake3: blake3::hash(text.as_bytes()).to_hex().to_string() });
    }
    Ok(())
}

/// The scale at which `plan` has about `lines` lines, as far as its days can hold so many.
pub fn scale_for(plan: &Plan, lines: u64) -> f64 {
    let axes: Vec<_> = catalogue::weekly().map(|dataset| (dataset, axis::axes(dataset, Layout::Weekly))).collect();
    let lines_at = |scale: f64| -> u64 {
        let day = Plan { days: 1, scale, revision: 0, ..plan.clone() };
        let rows = |(dataset, axes): &(&'static Dataset, Vec<Axis>)| {
            let zones = 0..names::ZONES.len();
            Rows { plan: &day, dataset, axes, zones, year: None, truncated: false, renamed: 0 }.count()
        };
        axes.iter().map(rows).sum::<u64>() * u64::from(plan.days)
    };
    let (mut low, mut high) = (0.01_f64, 100.0_f64);
    for _ in 0..12 {
        let middle = (low * high).sqrt();
        if lines_at(middle) < lines { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

fn jobs(plan: &Plan) -> Vec<Job> {
    match plan.layout {
        Layout::Weekly => catalogue::weekly()
            .filter_map(|dataset| {
                let place = dataset.weekly_file?.to_owned();
                Some(Job { place, dataset, zones: 0..names::ZONES.len(), year: None })
            })
            .collect(),
        Layout::Raw => raw::jobs(plan),
    }
}

/// The count of a defect that the files of a dataset are to have.
fn planned(plan: &Plan, dataset: &Dataset, defect: Defect) -> Option<u64> {
    let mut planned = plan.defects.iter().filter(|planned| planned.defect == defect && planned.concerns(dataset));
    planned.next().map(|planned| planned.count)
}

fn check(plan: &Plan) -> Result<()> {
    let bad = |message: String| Err(Error::Usage(message));
    if plan.days == 0 || plan.dates().count() != plan.days as usize {
        return bad(format!("une période de {} jours à partir du {} n'existe pas", plan.days, plan.from));
    }
    if !(plan.scale.is_finite() && plan.scale > 0.0) {
        return bad(format!("l'échelle {} n'est pas un nombre positif", plan.scale));
    }
    for planned in &plan.defects {
        let delivered = |dataset: &&Dataset| plan.layout == Layout::Raw || dataset.weekly_file.is_some();
        let concerned = |dataset: &Dataset| planned.concerns(dataset) && planned.defect.applies(plan.layout, dataset);
        if !DATASETS.iter().filter(delivered).any(concerned) {
            let place = planned.file.as_deref().unwrap_or("cette livraison");
            return bad(format!("le défaut {} ne s'applique pas à {place}", planned.defect));
        }
    }
    Ok(())
}

/// Refuses to go on where a file that is not the generator's own, as it left it, stands at one of `places`.
fn guard<'a>(dir: &Path, before: Option<&Report>, places: impl Iterator<Item = &'a str>) -> Result<()> {
    let own: HashMap<String, String> =
        before.map(|report| report.written().map(|w| (w.file, w.blake3)).collect()).unwrap_or_default();
    let mut foreign: Vec<&str> = Vec::new();
    for place in places {
        let path = dir.join(place);
        let is_own = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::io("lecture de", path)(error)),
            Ok(metadata) if metadata.is_dir() => own.contains_key(place),
            Ok(_) => own.get(place).is_some_and(|hash| hash_of(&path).is_ok_and(|now| now == *hash)),
        };
        if !is_own {
            foreign.push(place);
        }
    }
    if before.is_none() {
        foreign.push(MANIFEST);
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let list = foreign.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = if foreign.len() > 5 { format!(" et {} autres", foreign.len() - 5) } else { String::new() };
    Err(Error::Config {
        message: format!(
            "{} contient des fichiers qui ne sont pas des échantillons intacts : {list}{more}",
            dir.display()
        ),
        hint: "choisissez un autre dossier avec --output, ou remplacez-les avec --force".to_owned(),
    })
}

fn hash_of(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Makes the folders of a file to write, and takes what is in its way; a folder that holds something stays.
fn make_way(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
