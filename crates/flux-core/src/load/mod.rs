//! The weekly import: CSV files into their temporary tables, as `domain.md` §4 says.
//!
//! `pipeline` is the engine; `weekly` and [`raw`] are its targets, and those who only look at files read through its first stage.

pub(crate) mod guards;
mod kept;
pub(crate) mod layout;
pub(crate) mod mapper;
mod measured;
pub(crate) mod missed;
mod naming;
mod options;
mod pipeline;
mod place;
pub mod raw;
mod read;
pub(crate) mod rejects;
pub(crate) mod repeated;
pub(crate) mod report;
mod run;
pub(crate) mod send;
mod sorter;
mod store;
pub(crate) mod tally;
mod target;
mod weekly;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use kept::Kept;
pub(crate) use mapper::{Mapper, Outcome, Reading, required, required_raw};
pub use measured::Measured;
pub(crate) use naming::{Room, first_filled};
pub use options::{ImportOptions, LoadMethod, MaxRejects, OnConflict, dimensions_named};
pub(crate) use report::ImportReport;
use run::Run;
pub(crate) use run::scratch_folder;
pub(crate) use weekly::{ONE_OF_A_NAME, Vanished, ZONES_GONE, gone, undone, vanished};

use crate::db::Database;
use crate::domain::catalogue::{self, Dataset};
use crate::error::{Error, Result};
use crate::files::{self, Entry};
use crate::report::Report;
use crate::task::Context;
use crate::threads;

/// Memory of the sorters of all files together, in bytes.
const SORT_MEMORY: usize = 20 << 20;

/// Imports the weekly delivery.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, folders. What concerns one file stands in its report.
pub(crate) fn run(context: &Context, database: &Database, options: &ImportOptions) -> Result<ImportReport> {
    let progress = &context.progress;
    let started = Instant::now();
    let folder = context.deliveries(options.data_dir.as_deref());
    let found = find_files(&folder)?;
    let run = Run::begin(context, database, options, SORT_MEMORY)?;

    let wanted: Vec<&'static Dataset> = catalogue::weekly().filter(|dataset| options.wants(dataset)).collect();
    // The largest files first, so that the last one to finish is a small one.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    let size =
        |dataset: &Dataset| found.get(&key_of(dataset)).map_or(0, |paths| paths.iter().map(|f| f.1).sum::<u64>());
    order.sort_by_key(|index| std::cmp::Reverse(size(wanted[*index])));

    let total = wanted.iter().copied().map(size).sum();
    let watch = if options.dry_run {
        None
    } else {
        crate::ledger::progress::Watch::start(database, &run.tables, progress, context.tool, &run.id, total)
    };
    let mut files = threads::each(&order, options.jobs, |index| {
        let dataset = wanted[*index];
        let paths = found.get(&key_of(dataset)).map(Vec::as_slice).unwrap_or_default();
        let report = weekly::import(&run, dataset, paths);
        progress.settle(&report.file, size(dataset));
        (*index, report)
    })?;
    files.sort_by_key(|(index, _)| *index);
    crate::signals::check()?;
    let files = files.into_iter().map(|(_, file)| file).collect();
    let mut report = ImportReport::new(folder, options, run.method, files, started.elapsed());
    // What is stored is told, whatever became of the server since.
    report.tell(repeated::look(&run, &report.files).unwrap_or_else(|error| vec![error.finding("livraison")]));
    if let Some(watch) = watch {
        watch.finish(report.verdict());
    }
    Ok(report)
}

fn key_of(dataset: &Dataset) -> String {
    dataset.weekly_file.unwrap_or_default().to_owned()
}

/// Files of the delivery by their lower-case name, with their sizes, subfolders included.
///
/// # Errors
/// [`Error::Io`] when the folder, or one in it, cannot be read; [`Error::Interrupted`].
pub(crate) fn find_files(folder: &Path) -> Result<HashMap<String, Vec<(PathBuf, u64)>>> {
    if !folder.is_dir() {
        return Err(Error::Io {
            doing: "lecture du dossier des livraisons",
            path: folder.to_path_buf(),
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    let known: Vec<&str> = catalogue::weekly().filter_map(|dataset| dataset.weekly_file).collect();
    let mut found: HashMap<String, Vec<(PathBuf, u64)>> = HashMap::new();
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    // What begins with a dot is no delivery: work of other tools in progress.
    let enter = |path: &Path| !known.contains(&name_of(path).as_str()) && !name_of(path).starts_with('.');
    files::walk(folder, &enter, &mut |entry| {
        match entry {
            // A link or a folder of such a name is kept too: reading it says what is wrong with it.
            Entry::File(path, metadata) if !enter(&path) => {
                found.entry(name_of(&path)).or_default().push((path, metadata.len()));
            }
            Entry::Other(path) | Entry::Closed(path) if !enter(&path) => {
                let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                found.entry(name_of(&path)).or_default().push((path, size));
            }
            // The delivery may lie in there: without it, what was found is not what there is.
            Entry::Unreadable(path, error) => return Err(Error::io("lecture de", path)(error)),
            _ => {}
        }
        Ok(())
    })?;
    for paths in found.values_mut() {
        paths.sort();
    }
    Ok(found)
}
