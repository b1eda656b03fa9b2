//! The ETL: raw definitive exports into the main tables, as `domain.md` §2 says, on the engine of the weekly import.
//!
//! A file replaces what is stored for its dates and zones, provisional or of an earlier delivery, in one transaction with its line
//! of history. What a later delivery has brought stays.

mod checkpoint;
mod dimensions;
mod discover;
mod doubt;
mod etl;
mod file;
mod known;
mod lanes;
mod report;
mod shares;

use std::collections::BTreeSet;
use std::time::Instant;

pub(crate) use discover::{RawFile, recognise, search};
pub use etl::EtlOptions;

use crate::domain::catalogue::Dataset;
use crate::error::{Error, Result};
use crate::load::options::ImportOptions;
use crate::load::run::Run;
use crate::report::{Report, plural};
use crate::settings::Settings;
use crate::task::{Context, Task};
use crate::threads;
use checkpoint::Checkpoint;
use etl::Etl;
use known::Known;
use lanes::Lanes;
use report::{EtlReport, RawReport};

/// Memory of the sorters of all files together, in bytes.
const SORT_MEMORY: usize = 32 << 20;

impl Task for EtlOptions {
    /// Loads the raw exports of a folder.
    ///
    /// # Errors
    /// Those that concern the run as a whole: connection, lock, folder. What concerns one file stands in its report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let started = Instant::now();
        let folder = self.data_path.clone().unwrap_or_else(|| context.settings.home.extracted());
        let mut found = search(&folder)?;
        found.files.retain(|file| self.only.is_empty() || self.only.contains(&file.dataset.family));
        let jobs = self.jobs.unwrap_or_else(default_jobs).max(1);
        let import_options = ImportOptions {
            force: self.no_resume,
            jobs,
            on_conflict: self.on_conflict,
            max_rejects: self.max_rejects,
            load_method: self.load_method,
            batch_size: self.batch_size.unwrap_or(2000).min(2000),
            space: self.space,
            dry_run: self.dry_run,
            ..ImportOptions::default()
        };
        let run = Run::begin(context, database, &import_options, SORT_MEMORY)?;
        for table in [crate::ledger::history::TABLE, crate::ledger::ownership::PROGRESS] {
            if !run.tables.contains_key(table) {
                return Err(Error::MissingTable { table: table.into() });
            }
        }
        let lanes = lanes_of(&found.files);
        let targets: BTreeSet<String> = found.files.iter().map(|f| f.dataset.main_table(self.space)).collect();
        let targets: Vec<String> = targets.into_iter().collect();
        let known = database.with_session(|session| Known::read(session, &targets))?;
        let etl = Etl::new(run, &self, known);
        let reports = load_all(&etl, &context.settings, &found.files, &lanes)?;
        crate::signals::check()?;
        Ok(EtlReport::new(folder, &self, etl.run.method, reports, found.ignored, started.elapsed()))
    }
}

/// The files of each table, latest delivery first: what a later one has brought need not be loaded twice.
fn lanes_of(files: &[RawFile]) -> Vec<Vec<usize>> {
    let mut lanes: Vec<(&Dataset, Vec<usize>, u64)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match lanes.iter_mut().find(|(dataset, _, _)| dataset.main == file.dataset.main) {
            Some((_, lane, size)) => {
                lane.push(index);
                *size += file.size;
            }
            None => lanes.push((file.dataset, vec![index], file.size)),
        }
    }
    lanes.sort_by_key(|(_, _, size)| std::cmp::Reverse(*size));
    lanes
        .into_iter()
        .map(|(_, mut lane, _)| {
            lane.sort_by(|a, b| {
                let key = |index: usize| (files[index].delivery, &files[index].place);
                key(*b).cmp(&key(*a))
            });
            lane
        })
        .collect()
}

fn load_all(etl: &Etl<'_>, settings: &Settings, files: &[RawFile], lanes: &[Vec<usize>]) -> Result<Vec<RawReport>> {
    let turns = Lanes::new(lanes.iter().map(Vec::len));
    let checkpoint = (!etl.options.dry_run).then(|| Checkpoint::new(settings, etl.run.tool, &etl.run.id, files.len()));
    let bar = etl
        .run
        .progress
        .bytes(&plural(files.len() as u64, "fichier", "fichiers"), files.iter().map(|file| file.size).sum());
    let workers = vec![(); etl.run.options.jobs.min(files.len())];
    let done = threads::each(&workers, workers.len(), |()| {
        let (mut last, mut done) = (None, Vec::new());
        while let Some(turn) = turns.next(last) {
            if crate::signals::requested() {
                break;
            }
            last = Some(turn.lane);
            let index = lanes[turn.lane][turn.place];
            let report = file::load(etl, &files[index], &turn);
            bar.inc(files[index].size);
            if let Some(checkpoint) = &checkpoint {
                checkpoint.add(&report);
            }
            done.push((index, report));
        }
        done
    });
    bar.finish_and_clear();
    if let Some(checkpoint) = &checkpoint {
        checkpoint.finish(crate::signals::requested());
    }
    let mut reports: Vec<(usize, RawReport)> = done?.into_iter().flatten().collect();
    reports.sort_by_key(|(index, _)| *index);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// Twice as many files at a time as there are processors, at most four: while one waits for the server, another is read.
fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).saturating_mul(2).min(4)
}
