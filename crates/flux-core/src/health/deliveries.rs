//! Deliveries that the history of imports does not tell: what was fetched or unpacked, as the memories of `download-deliveries` and
//! `extract-only` keep it, and what lies in the folders of the home and waits. Weekly files that wait are read once, for their period; of
//! archives only the names of their files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::DateTime;

use crate::db::Session;
use crate::domain::catalogue::{self, Dataset, Space};
use crate::error::{Error, Result};
use crate::files::hash;
use crate::ledger::events::{self, Event, Filter, Kind};
use crate::ledger::history::{self, Taken};
use crate::load::{self, raw};
use crate::report::{Finding, Verdict};
use crate::settings::Settings;
use crate::task::Context;
use crate::{download, extract, inspect};

/// Weekly files that wait are read up to this size: what is larger says its period when it is imported.
const READ: u64 = 1 << 30;
/// Not taken yet.
const WAITING: &str = "waiting";

/// What there is to say beside the events.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Deliveries that a question about a date leaves out: their period is not known yet.
    pub(super) undated: u64,
    pub(super) findings: Vec<Finding>,
}

/// A delivery, and the tables that it is known to be for.
struct Arrival {
    event: Event,
    tables: Vec<String>,
}

/// Adds to `events` those that the filter lets through, and tells those that are there when they really came.
///
/// # Errors
/// [`Error::Sql`], [`Error::Interrupted`]; what cannot be read of the home is a finding.
pub(super) fn add(context: &Context, session: &mut Session, filter: &Filter, events: &mut Vec<Event>) -> Result<Told> {
    let home = Home { context, taken: Contents::new(history::taken(session)?) };
    let mut told = Told::default();
    let mut found = Vec::new();
    for arrivals in [home.weekly(), home.raw(), home.carried()] {
        match arrivals {
            Ok(arrivals) => found.extend(arrivals),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                told.findings.push(Finding { severity: Verdict::Attention, ..error.finding("livraisons") });
            }
        }
    }
    let mut arrivals: Vec<Arrival> = Vec::new();
    for arrival in found {
        let is_same = |event: &Event| event.hash.is_some() && event.hash == arrival.event.hash;
        let waits = arrivals.iter_mut().map(|known| &mut known.event).filter(|event| is_same(event));
        let taken = events.iter_mut().filter(|event| event.kind == Kind::Delivery && is_same(event));
        let mut known: Vec<&mut Event> = waits.chain(taken).collect();
        if !known.is_empty() {
            known.iter_mut().for_each(|event| came(event, &arrival.event));
        } else if !arrival.event.hash.as_ref().is_some_and(|hash| home.taken.hashes.contains(hash)) {
            arrivals.push(arrival);
        }
    }
    events.extend(arrivals.into_iter().filter_map(|arrival| chosen(arrival, filter, &mut told.undated)));
    Ok(told)
}

/// One file on two ways: it came when it was first seen.
fn came(event: &mut Event, earlier: &Event) {
    if earlier.at < event.at {
        (event.at, event.tool) = (earlier.at.clone(), earlier.tool.clone());
    }
}

fn chosen(Arrival { event, tables }: Arrival, filter: &Filter, undated: &mut u64) -> Option<Event> {
    if filter.since.as_ref().is_some_and(|since| event.at < *since) {
        return None;
    }
    let pair = filter.table.as_deref().map(events::pair_of);
    if pair.is_some_and(|pair| !tables.iter().any(|table| pair.contains(table))) {
        return None;
    }
    let Some(date) = &filter.date else { return Some(event) };
    let Some((first, last)) = event.first_date.as_ref().zip(event.last_date.as_ref()) else {
        *undated += 1;
        return None;
    };
    (first <= date && date <= last).then_some(event)
}

/// What imports have taken.
struct Contents {
    hashes: HashSet<String>,
    /// Names and hashes of the files of a table and size.
    by_size: HashMap<(String, u64), Vec<(String, String)>>,
}

impl Contents {
    fn new(taken: Vec<Taken>) -> Self {
        let mut contents = Self { hashes: HashSet::new(), by_size: HashMap::new() };
        for Taken { table, file_name, size, hash } in taken {
            contents.hashes.insert(hash.clone());
            contents.by_size.entry((table, size)).or_default().push((file_name, hash));
        }
        contents
    }

    /// Whether a file was taken into `table`. Another size is another content; one of that size is read, unless `by_name` its name is enough.
    fn hold(&self, table: &str, (path, size): (&Path, u64), by_name: bool) -> bool {
        let Some(files) = self.by_size.get(&(table.to_owned(), size)) else { return false };
        let name = name_of(path);
        if by_name && files.iter().any(|(known, _)| *known == name) {
            return true;
        }
        let hash = hash::blake3(path).map(|hash| hash.to_hex());
        hash.is_ok_and(|hash| files.iter().any(|(_, known)| known == hash.as_str()))
    }
}

/// Where deliveries lie.
struct Home<'a> {
    context: &'a Context,
    taken: Contents,
}

impl Home<'_> {
    fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// Weekly files that wait for the import.
    fn weekly(&self) -> Result<Vec<Arrival>> {
        let folder = self.settings().home.deliveries();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut arrivals = Vec::new();
        for (name, files) in load::find_files(&folder)? {
            let Some(dataset) = weekly_dataset(&name) else { continue };
            let table = dataset.temp_table(Space::Production);
            for (path, size) in files {
                if self.taken.hold(&table, (&path, size), false) {
                    continue;
                }
                let source = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
                let mut event = Event::delivery((changed(&path), &table), source, WAITING);
                event.files = Some(1);
                if size <= READ {
                    let scan = inspect::scan::one(dataset, (&path, size), &self.context.progress)?;
                    event.first_date = scan.dates.keys().next().map(ToString::to_string);
                    event.last_date = scan.dates.keys().next_back().map(ToString::to_string);
                    (event.rows, event.message, event.hash) = (Some(scan.lines), scan.error, scan.hash);
                }
                arrivals.push(Arrival { event, tables: vec![table.clone()] });
            }
        }
        Ok(arrivals)
    }

    /// Raw exports that wait for the ETL, as the deliveries of their tables. Their names and sizes tell: they are many and large.
    fn raw(&self) -> Result<Vec<Arrival>> {
        let folder = self.settings().home.extracted();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut waiting: BTreeMap<(String, String), (String, u64)> = BTreeMap::new();
        for file in raw::search(&folder)?.files {
            crate::signals::check()?;
            let table = file.dataset.main_table(Space::Production);
            if !self.taken.hold(&table, (&file.path, file.size), true) {
                let (at, files) = waiting.entry((table, file.delivery.to_string())).or_default();
                (*at, *files) = (changed(&file.path).max(std::mem::take(at)), *files + 1);
            }
        }
        let arrival = |((table, delivery), (at, files)): ((String, String), (String, u64))| {
            let event = Event { files: Some(files), ..Event::delivery((at, &table), delivery, WAITING) };
            Arrival { event, tables: vec![table] }
        };
        Ok(waiting.into_iter().map(arrival).collect())
    }

    /// What was fetched and what was unpacked, and archives that nobody has unpacked.
    fn carried(&self) -> Result<Vec<Arrival>> {
        let mut all: Vec<Carried> = Vec::new();
        let mut known: HashMap<PathBuf, String> = HashMap::new();
        for fetched in download::fetched(self.settings())? {
            let path = self.settings().home.downloads().join(&fetched.file);
            let (at, tool) = (seconds(&fetched.at), Some("download-deliveries"));
            known.insert(path.clone(), at.clone());
            all.push(Carried { path, at, tool, hash: fetched.blake3, unpacked: None });
        }
        for (hash, one) in extract::remembered(self.settings())? {
            let (path, at) = (PathBuf::from(&one.archive), seconds(&one.at));
            let since = known.entry(path.clone()).or_default();
            *since = std::mem::take(since).max(at.clone());
            if all.iter().all(|carried| carried.hash != hash) {
                all.push(Carried { path, at, tool: Some("extract-only"), hash: hash.clone(), unpacked: None });
            }
            let same = all.iter_mut().filter(|carried| carried.hash == hash);
            same.for_each(|carried| carried.unpacked = Some((one.folder.clone(), one.files as u64)));
        }
        for path in extract::lying(self.settings())? {
            // What is remembered and was not written since need not be read.
            if known.get(&path).is_some_and(|since| written(&path) <= *since) {
                continue;
            }
            let hash = hash::blake3(&path)?.to_hex().to_string();
            if all.iter().all(|carried| carried.hash != hash) {
                all.push(Carried { at: changed(&path), path, tool: None, hash, unpacked: None });
            }
        }
        Ok(all.into_iter().map(Carried::arrival).collect())
    }
}

/// A file that came by itself: an archive, or a plain file that was fetched.
struct Carried {
    path: PathBuf,
    at: String,
    tool: Option<&'static str>,
    hash: String,
    /// Folder and number of its files.
    unpacked: Option<(PathBuf, u64)>,
}

impl Carried {
    fn arrival(self) -> Arrival {
        let tables = self.tables();
        let name = name_of(&self.path);
        let is_plain = table_of(&name).is_some();
        let status = match &self.unpacked {
            Some(_) if !is_plain => "unpacked",
            _ if self.path.exists() => WAITING,
            Some(_) => "unpacked",
            None => "gone",
        };
        // An archive is of several tables, and of none.
        let table = if is_plain { tables.first().cloned().unwrap_or_default() } else { String::new() };
        let mut event = Event::delivery((self.at, &table), name, status);
        event.tool = self.tool.map(str::to_owned);
        event.files = self.unpacked.map(|(_, files)| files).or(is_plain.then_some(1));
        // The content of an archive is that of none of its files.
        event.hash = is_plain.then_some(self.hash);
        Arrival { event, tables }
    }

    /// The tables that its files are for, as far as their names are still there.
    fn tables(&self) -> Vec<String> {
        let mut names = vec![name_of(&self.path)];
        if extract::is_zip(&self.path) {
            names = if self.path.is_file() { extract::names_within(&self.path) } else { Vec::new() };
        }
        if let (true, Some((folder, _))) = (names.is_empty(), &self.unpacked) {
            let found = raw::search(folder).map(|found| found.files).unwrap_or_default();
            names.extend(found.into_iter().map(|file| file.place));
        }
        let mut tables: Vec<String> =
            names.iter().filter_map(|name| table_of(name.rsplit('/').next().unwrap_or(name))).collect();
        tables.sort();
        tables.dedup();
        tables
    }
}

/// The table that a file is for, by its name.
fn table_of(name: &str) -> Option<String> {
    if let Ok((dataset, _)) = raw::recognise(name) {
        return Some(dataset.main_table(Space::Production));
    }
    let name = extract::plain_name(Path::new(name))?;
    Some(weekly_dataset(name)?.temp_table(Space::Production))
}

fn weekly_dataset(name: &str) -> Option<&'static Dataset> {
    catalogue::weekly().find(|dataset| dataset.weekly_file == Some(name))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// When something last happened to a file: that it came, unless somebody has touched it since.
fn changed(path: &Path) -> String {
    moment(path, |metadata| (metadata.ctime(), metadata.ctime_nsec()))
}

/// When its content was last written.
fn written(path: &Path) -> String {
    moment(path, |metadata| (metadata.mtime(), metadata.mtime_nsec()))
}

fn moment(path: &Path, of: fn(&Metadata) -> (i64, i64)) -> String {
    let at = fs::metadata(path).ok().and_then(|metadata| {
        let (seconds, nanoseconds) = of(&metadata);
        DateTime::from_timestamp(seconds, u32::try_from(nanoseconds).unwrap_or(0))
    });
    at.map(|at| at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()).unwrap_or_default()
}

/// As the database writes it: `2025-07-14T06:30:00Z` is `2025-07-14 06:30:00`.
fn seconds(at: &str) -> String {
    at.replace('T', " ").trim_end_matches('Z').to_owned()
}
