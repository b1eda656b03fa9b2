//! The ETL: raw definitive exports into the main tables, as `domain.md` §2 says, on the engine of the weekly import.
//!
//! A file replaces what is stored for its dates and zones, provisional or of an earlier delivery, in one transaction with its line
//! of history. What a later delivery has brought stays.

mod checkpoint;
mod dimensions;
mod discover;
mod file;
mod known;
mod lanes;
mod report;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub(crate) use discover::{RawFile, search};
pub use report::{EtlReport, RawReport};

use crate::db::{Database, Session};
use crate::domain::catalogue::{Dataset, Dim, Space};
use crate::domain::names::Resolver;
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::load::mapper::Room;
use crate::load::{ImportOptions, LoadMethod, MaxRejects, OnConflict, Run};
use crate::progress::Progress;
use crate::settings::Settings;
use checkpoint::Checkpoint;
use known::Known;
use lanes::Lanes;

/// What the ETL can be told.
#[derive(Debug, Clone)]
pub struct EtlOptions {
    /// Folder to search instead of the home's.
    pub data_path: Option<PathBuf>,
    /// Families to load; all when empty.
    pub only: Vec<&'static str>,
    /// Most rows of one transaction; a whole file when not set.
    pub batch_size: Option<usize>,
    /// Names are created without their accents.
    pub strip_accents: bool,
    /// Loads what was loaded before, too.
    pub no_resume: bool,
    /// Files at a time.
    pub jobs: usize,
    /// What to do about contradicting lines.
    pub on_conflict: OnConflict,
    /// A file with more rejected lines is not loaded.
    pub max_rejects: Option<MaxRejects>,
    /// How rows reach the server.
    pub load_method: LoadMethod,
    /// Which tables.
    pub space: Space,
    /// Reads and checks, writes nothing.
    pub dry_run: bool,
}

/// Everything that the files of one run share.
struct Etl<'a> {
    run: Run<'a>,
    options: &'a EtlOptions,
    known: Mutex<Known>,
    /// Contents that this run is loading: table, hash and options to the file.
    claimed: Mutex<HashMap<(String, String, String), String>>,
    /// On a dry run: what the files before would have stored.
    claims: Mutex<HashMap<(String, u32, Day), u32>>,
    resolvers: Mutex<HashMap<Dim, Arc<Resolver>>>,
    /// For the names that its files bring.
    room: Room,
    /// Held while rows of dimensions are created, so that no two files create one name.
    creating: Mutex<()>,
    /// Tables that hold rows, once asked.
    filled: Mutex<HashMap<String, bool>>,
}

/// Memory of the sorters of all files together, in bytes.
const SORT_MEMORY: usize = 32 << 20;

impl Etl<'_> {
    /// Takes a content for a file; gives the file that has it already.
    fn claim(&self, table: &str, hash: &str, options: &str, place: &str) -> Option<String> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (table.to_owned(), hash.to_owned(), options.to_owned());
        match claimed.get(&key) {
            Some(other) => Some(other.clone()),
            None => {
                claimed.insert(key, place.to_owned());
                None
            }
        }
    }

    /// Whether a table held rows when first asked.
    fn is_filled(&self, session: &mut Session, table: &str) -> Result<bool> {
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filled) = filled.get(table) {
            return Ok(*filled);
        }
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        let is = session.first::<u8>(&format!("lecture de {table}"), &sql, ())?.is_some();
        filled.insert(table.to_owned(), is);
        Ok(is)
    }
}

/// Loads the raw exports of a folder.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, folder. What concerns one file stands in its report.
pub fn run(
    tool: &'static str,
    settings: &Settings,
    database: &Database,
    options: &EtlOptions,
    progress: &Progress,
) -> Result<EtlReport> {
    let started = Instant::now();
    let folder = options.data_path.clone().unwrap_or_else(|| settings.home.extracted());
    let mut found = search(&folder)?;
    found.files.retain(|file| options.only.is_empty() || options.only.contains(&file.dataset.family));
    let jobs = options.jobs.max(1);
    let import_options = ImportOptions {
        force: options.no_resume,
        jobs,
        on_conflict: options.on_conflict,
        max_rejects: options.max_rejects,
        load_method: options.load_method,
        batch_size: options.batch_size.unwrap_or(2000).min(2000),
        space: options.space,
        dry_run: options.dry_run,
        ..ImportOptions::default()
    };
    let run = Run::begin(tool, settings, database, &import_options, progress, SORT_MEMORY)?;
    for table in [crate::ledger::history::TABLE, crate::ledger::ownership::PROGRESS] {
        if !run.tables.contains_key(table) {
            return Err(Error::MissingTable { table: table.into() });
        }
    }
    let lanes = lanes_of(&found.files);
    let targets: BTreeSet<String> = found.files.iter().map(|f| f.dataset.main_table(options.space)).collect();
    let targets: Vec<String> = targets.into_iter().collect();
    let known = database.with_session(|session| Known::read(session, &targets))?;
    let etl = Etl {
        run,
        options,
        known: Mutex::new(known),
        claimed: Mutex::default(),
        claims: Mutex::default(),
        resolvers: Mutex::default(),
        room: Room::default(),
        creating: Mutex::default(),
        filled: Mutex::default(),
    };
    let reports = load_all(&etl, settings, &found.files, &lanes)?;
    crate::signals::check()?;
    Ok(EtlReport::new(folder, options, etl.run.method, reports, found.ignored, started.elapsed()))
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
    let bar = etl.run.progress.bytes(&format!("{} fichiers", files.len()), files.iter().map(|file| file.size).sum());
    let done: Mutex<Vec<(usize, RawReport)>> = Mutex::new(Vec::new());
    let work = || {
        let mut last = None;
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
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, report));
        }
    };
    let joined = std::thread::scope(|scope| {
        let handles: Vec<_> = (1..etl.run.options.jobs.min(files.len())).map(|_| scope.spawn(work)).collect();
        work();
        handles.into_iter().try_for_each(std::thread::ScopedJoinHandle::join)
    });
    bar.finish_and_clear();
    if let Some(checkpoint) = &checkpoint {
        checkpoint.finish(crate::signals::requested());
    }
    joined.map_err(|_| Error::Invariant("un fil de travail s'est arrêté".into()))?;
    let mut reports = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(index, _)| *index);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// Twice as many files at a time as there are processors, at most four: while one waits for the server, another is read.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).saturating_mul(2).min(4)
}
