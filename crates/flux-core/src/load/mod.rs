//! The weekly import: CSV files into their temporary tables, as `domain.md` §4 says.
//!
//! One file goes through: hash (known already?) → read, map, sort → tally (duplicates, conflicts, shrunk dates) → one transaction
//! that replaces its dates and writes its line of history. Memory is bounded by the sorter; the database sees rows in key order.

pub(crate) mod file;
pub(crate) mod layout;
pub(crate) mod mapper;
mod options;
mod place;
pub mod raw;
pub(crate) mod rejects;
pub(crate) mod report;
pub(crate) mod send;
mod sorter;
pub(crate) mod tally;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

pub use options::{ImportOptions, LoadMethod, MaxRejects, OnConflict, default_jobs};
pub use report::{FileReport, ImportReport, Status};

use crate::db::{Database, Lock};
use crate::domain::catalogue::{self, Dataset};
use crate::error::{Error, Result};
use crate::files::{self, Entry};
use crate::ledger::history::unique_id;
use crate::progress::Progress;
use crate::report::Report;
use crate::schema;
use crate::settings::Settings;

/// Everything that the files of one run share.
pub(crate) struct Run<'a> {
    pub(crate) database: &'a Database,
    pub(crate) options: &'a ImportOptions,
    pub(crate) progress: &'a Progress,
    pub(crate) tool: &'static str,
    pub id: String,
    pub(crate) locality: crate::domain::names::Locality,
    pub(crate) tables: HashMap<String, schema::Existing>,
    /// `None` on a dry run.
    pub(crate) lock: Option<Mutex<Lock>>,
    pub(crate) method: LoadMethod,
    pub(crate) reject_folder: PathBuf,
    pub(crate) scratch: PathBuf,
    /// Records that one file may keep in memory.
    pub(crate) sort_limit: usize,
}

/// Memory of the sorters of all files together, in bytes.
const SORT_MEMORY: usize = 20 << 20;

impl<'a> Run<'a> {
    /// Takes the lock, unless on a dry run, and looks at the server. `sort_memory` is what the sorters of all files may take, in bytes.
    pub(crate) fn begin(
        tool: &'static str,
        settings: &Settings,
        database: &'a Database,
        options: &'a ImportOptions,
        progress: &'a Progress,
        sort_memory: usize,
    ) -> Result<Self> {
        let lock = if options.dry_run { None } else { Some(Mutex::new(crate::ledger::lock(database)?)) };
        let (tables, method) = database.with_session(|session| {
            Ok((schema::existing(session)?, send::choose_method(session, options.load_method)?))
        })?;
        Ok(Self {
            database,
            options,
            progress,
            tool,
            id: unique_id(),
            locality: crate::dims::locality(&settings.departement()),
            tables,
            lock,
            method,
            reject_folder: settings.home.rejects(),
            scratch: scratch_folder(settings),
            sort_limit: sort_memory / options.jobs.max(1) / size_of::<crate::load::sorter::Record>(),
        })
    }

    /// What changes what is stored of one and the same file, for the history.
    pub(crate) fn fingerprint(&self) -> String {
        let options = self.options.fingerprint();
        match self.locality.own.as_str() {
            crate::settings::DEPARTEMENT => options,
            other => format!("{options} departement={other}"),
        }
    }
}

/// Imports the weekly delivery.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, folders. What concerns one file stands in its report.
pub fn run(
    tool: &'static str,
    settings: &Settings,
    database: &Database,
    options: &ImportOptions,
    progress: &Progress,
) -> Result<ImportReport> {
    let started = Instant::now();
    let folder = options.data_dir.clone().unwrap_or_else(|| settings.home.deliveries());
    let found = find_files(&folder)?;
    let run = Run::begin(tool, settings, database, options, progress, SORT_MEMORY)?;

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
        crate::ledger::progress::Watch::start(database, &run.tables, progress, tool, &run.id, total)
    };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, FileReport)>> = Mutex::new(Vec::new());
    let work = || {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let dataset = wanted[*index];
            let paths = found.get(&key_of(dataset)).map(Vec::as_slice).unwrap_or_default();
            let report = file::import(&run, dataset, paths);
            progress.settle(&report.file, size(dataset));
            done.lock().unwrap_or_else(PoisonError::into_inner).push((*index, report));
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (1..options.jobs.max(1).min(wanted.len())).map(|_| scope.spawn(work)).collect();
        work();
        handles.into_iter().try_for_each(|handle| handle.join())
    })
    .map_err(|_| Error::Invariant("un fil de travail s'est arrêté".into()))?;
    let mut files = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort_by_key(|(index, _)| *index);
    crate::signals::check()?;
    let files = files.into_iter().map(|(_, file)| file).collect();
    let report = ImportReport::new(folder, options, run.method, files, started.elapsed());
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
    let enter = |path: &Path| !known.contains(&name_of(path).as_str());
    files::walk(folder, &enter, &mut |entry| {
        match entry {
            // A link or a folder of such a name is kept too: reading it says what is wrong with it.
            Entry::File(path, _) | Entry::Other(path) | Entry::Closed(path) if !enter(&path) => {
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

/// Where the sorters may put what does not fit in memory: beside the logs, for `/tmp` may be memory.
pub(crate) fn scratch_folder(settings: &Settings) -> PathBuf {
    let logs = settings.home.logs();
    if fs::create_dir_all(&logs).is_ok() { logs } else { std::env::temp_dir() }
}
