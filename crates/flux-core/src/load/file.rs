//! One file, from disk to its temporary table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::csv::{Lines, Source};
use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::files::hash;
use crate::ledger::history::{self, Counts, Entry};
use crate::load::sorter::{Record, Sorted, Sorter};
use crate::report::{bytes, number};
use crate::schema;
use crate::signals;

use crate::load::Run;
use crate::load::layout::{Layout, Slice};
use crate::load::mapper::{Mapper, Outcome, Reading, Room, required};
use crate::load::options::OnConflict;
use crate::load::rejects::{Rejection, Rejects};
use crate::load::report::{ConflictExample, FileReport, ShrunkDate, Status};
use crate::load::send::{self, Rows};
use crate::load::tally::{ALL, Tally};

/// Imports one file; whatever goes wrong with it stands in its report.
pub(crate) fn import(run: &Run<'_>, dataset: &'static Dataset, paths: &[(PathBuf, u64)]) -> FileReport {
    let started = Instant::now();
    let begun = Utc::now();
    let mut report = FileReport::new(dataset, dataset.temp_table(run.options.space));
    if let Err(error) = try_import(run, dataset, paths, begun, &mut report) {
        report.fail(&error);
        if report.path.is_some() && !run.options.dry_run {
            remember_failure(run, &report, &error, begun);
        }
    }
    report.duration_s = started.elapsed();
    report
}

fn try_import(
    run: &Run<'_>,
    dataset: &'static Dataset,
    paths: &[(PathBuf, u64)],
    begun: DateTime<Utc>,
    report: &mut FileReport,
) -> Result<()> {
    let (path, size) = match paths {
        [] => return Ok(()),
        [only] => only,
        several => {
            let list: Vec<String> = several.iter().map(|(path, _)| path.display().to_string()).collect();
            return Err(Error::BadFile(format!(
                "plusieurs fichiers portent ce nom, n'en gardez qu'un : {}",
                list.join(", ")
            )));
        }
    };
    report.path = Some(path.clone());
    if let Some(limit) = run.options.skip_large.filter(|limit| size > limit) {
        report.status = Status::Skipped;
        report.note = Some(format!("écarté : {}, plus que {}", bytes(*size), bytes(limit)));
        return Ok(());
    }
    signals::check()?;
    // Opened first, for its messages about folders and devices.
    let source = Source::open(path, &required(dataset))?;
    let hash = hash::blake3(path)?;
    schema::require(&schema::temp_table(dataset, run.options.space), &run.tables)?;
    let database = run.database;
    let known = database.with_session(|session| known_before(run, session, &report.table, &hash))?;
    if let Some(last) = known.as_ref().filter(|last| last.rejected == 0) {
        return unchanged(report, last);
    }
    let reading = Reading {
        raw: false,
        create: &run.options.create_missing,
        year: run.options.year,
        strip_accents: false,
        room: &Room::default(),
    };
    let mut mapper = Mapper::new(dataset, &source.header, reading, |dim, may_be_empty| {
        database.with_session(|session| dims::load(session, dim, &run.locality, may_be_empty)).map(Arc::new)
    })?;
    // A file with rejected lines is worth another look once the dimensions have changed, or with options that may save them.
    let as_before =
        |last: &history::Last| last.options == options_of(run) && last.dims_hash == mapper.dims_hash(&mapper.ids(&[]));
    if let Some(last) = known.filter(as_before) {
        return unchanged(report, &last);
    }
    let reject_folder = (!run.options.dry_run).then_some(run.reject_folder.as_path());
    let mut rejects = Rejects::new(&report.file, reject_folder);
    let read = read(run, source, *size, &hash, &mut mapper, &mut rejects, report);
    report.reject_file = rejects.path().map(Path::to_path_buf);
    report.rejects = rejects.motives();
    report.counts.rejected = rejects.count;
    let sorted = read?;
    if report.counts.lines_read == 0 {
        report.note = Some("un en-tête et aucune ligne : rien n'est remplacé".to_owned());
    }

    let tally = Tally::of(&sorted, mapper.layout(), run.options.on_conflict)?;
    report.conflict_examples = tally.examples.iter().map(|(first, other)| conflict(first, other)).collect();
    let shrunk = database.with_session(|session| shrunk_dates(run, session, &report.table, &tally, mapper.layout()))?;
    let kept_back: BTreeSet<Slice> = shrunk.iter().map(|(day, _)| mapper.layout().slice_of(*day, 0)).collect();
    report.shrunk_dates = shrunk.into_iter().map(|(_, date)| date).collect();
    if !kept_back.is_empty() || (run.options.on_conflict == OnConflict::Reject && !tally.examples.is_empty()) {
        let late = late_rejects(run, &sorted, mapper.layout(), &kept_back, &BTreeSet::new())?;
        let written = write_late_rejects(path, &hash, &late, &mut rejects);
        report.reject_file = rejects.path().map(Path::to_path_buf);
        report.rejects = rejects.motives();
        written?;
    }
    let total = tally.total(&kept_back);
    let kept_back_lines: u64 =
        kept_back.iter().filter_map(|day| tally.slices.get(day)).map(|counts| counts.lines).sum();
    let counts = Counts {
        stored: total.rows,
        duplicates: total.duplicates,
        conflicts: total.conflicts,
        rejected: report.counts.rejected + kept_back_lines,
        ..report.counts
    };
    report.counts = counts;
    if !counts.balance() {
        return Err(Error::Invariant(format!("{counts:?} ne fait pas le compte")));
    }
    rejects.finish()?;
    if let Some(max) = run.options.max_rejects.filter(|max| max.is_exceeded(counts.rejected, counts.lines_read)) {
        return Err(Error::TooManyRejects { rejected: counts.rejected, max: max.to_string() });
    }

    let dates: Vec<Day> = tally
        .slices
        .iter()
        .filter(|(slice, counts)| counts.rows > 0 && !kept_back.contains(slice))
        .map(|(slice, _)| mapper.layout().day(*slice))
        .collect();
    report.dates = dates.first().zip(dates.last()).map(|(first, last)| (first.to_string(), last.to_string()));
    report.created = mapper
        .to_create()
        .iter()
        .flat_map(|(dim, names)| names.iter().map(move |name| format!("{dim} {name}")))
        .collect();
    if run.options.dry_run {
        let stored = database.with_session(|session| send::stored_by_date(session, &report.table, &dates))?;
        report.counts.deleted = stored.iter().map(|(_, rows)| rows).sum();
        report.status = Status::Loaded;
        return Ok(());
    }
    let bar = run.progress.count(&format!("{} → base", dataset.short_name()), counts.stored);
    let rows = Rows {
        sorted: Arc::new(sorted),
        layout: mapper.layout().clone(),
        policy: run.options.on_conflict,
        kept_back: Arc::new(kept_back),
        keys: ALL,
        definitive: false,
        ids: Arc::default(),
        with_weekday: dataset.has_weekday(),
        bar: bar.clone(),
    };
    let result = store(run, dataset, &mapper, rows, &dates, &hash, *size, begun, report);
    bar.finish_and_clear();
    report.counts.deleted = result?;
    report.status = Status::Loaded;
    Ok(())
}

/// Stands in the history between the options that change what is stored and those that may save rejected lines.
const LENIENCY: &str = " |";

fn options_of(run: &Run<'_>) -> String {
    match run.options.leniency() {
        leniency if leniency.is_empty() => run.fingerprint(),
        leniency => format!("{}{LENIENCY}{leniency}", run.fingerprint()),
    }
}

/// The last load of the table, when it was of this very content with the same options and its rows are still accounted for.
fn known_before(
    run: &Run<'_>,
    session: &mut Session,
    table: &str,
    hash: &blake3::Hash,
) -> Result<Option<history::Last>> {
    let last = history::last(session, table)?;
    let same = |last: &history::Last| {
        let (options, _) = last.options.split_once(LENIENCY).unwrap_or((last.options.as_str(), ""));
        last.file_hash == hash.to_hex().as_str() && options == run.fingerprint() && !run.options.force
    };
    let Some(last) = last.filter(same) else { return Ok(None) };
    if last.stored > 0 && last.cleaned_at.is_none() {
        // Emptied by other hands: what history says is no longer so.
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        if session.first::<u8>(&format!("lecture de {table}"), &sql, ())?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(last))
}

fn unchanged(report: &mut FileReport, last: &history::Last) -> Result<()> {
    report.status = Status::Unchanged;
    report.encoding = Some(last.encoding.clone());
    let mut notes = Vec::new();
    if last.rejected > 0 {
        let place = last.reject_file.as_deref().map_or_else(String::new, |path| format!(", voir {path}"));
        notes.push(format!("déjà chargé, avec {} lignes rejetées{place}", number(last.rejected)));
    }
    if last.cleaned_at.is_some() {
        notes.push("déjà chargé, migré et nettoyé (--force pour le recharger)".to_owned());
    }
    report.note = (!notes.is_empty()).then(|| notes.join(" ; "));
    Ok(())
}

/// Reads, maps and sorts all lines.
pub(crate) fn read(
    run: &Run<'_>,
    source: Source,
    size: u64,
    hash: &blake3::Hash,
    mapper: &mut Mapper,
    rejects: &mut Rejects,
    report: &mut FileReport,
) -> Result<Sorted> {
    let mut lines = source.lines;
    let mut sorter = Sorter::new(&run.scratch, run.sort_limit);
    let bar = run.progress.bytes(&report.file, size);
    let counts = &mut report.counts;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        counts.lines_read += 1;
        let number = line.number;
        if !line.complete {
            let reason = "ligne de plus de 65 536 octets";
            rejects.begin(&Rejection { line: number, reason, column: "", value: "" })?;
            rejects.piece(line.bytes)?;
            reject_rest(&mut lines, rejects)?;
            continue;
        }
        match mapper.map(line.bytes) {
            Outcome::Row { key, volume } => sorter.push(Record { key, volume, line: number })?,
            Outcome::Filtered | Outcome::NotPositive => counts.filtered += 1,
            Outcome::Rejected { reason, column, value } => {
                rejects.add(&Rejection { line: number, reason, column, value: &value }, line.bytes)?;
            }
        }
        if counts.lines_read.is_multiple_of(16_384) {
            signals::check()?;
            bar.set_position(lines.bytes_read());
            run.progress.lines(&report.file, counts.lines_read);
        }
    }
    run.progress.lines(&report.file, counts.lines_read);
    bar.finish_and_clear();
    let (ansi, utf8) = mapper.encodings;
    report.encoding = Some(lines.encoding().name(ansi, utf8).to_owned());
    if lines.into_hash()? != *hash {
        return Err(Error::FileChanged);
    }
    Ok(sorter.finish())
}

/// The bytes of a line that is too long to be looked into go to the reject file piece by piece.
fn reject_rest(lines: &mut Lines, rejects: &mut Rejects) -> Result<()> {
    while let Some(piece) = lines.rest()? {
        rejects.piece(piece)?;
    }
    rejects.end()
}

pub(crate) fn conflict(first: &Record, other: &Record) -> ConflictExample {
    ConflictExample { line: first.line, volume: first.volume, other_line: other.line, other_volume: other.volume }
}

/// Dates that would lose more rows than `--max-shrink` allows.
fn shrunk_dates(
    run: &Run<'_>,
    session: &mut Session,
    table: &str,
    tally: &Tally,
    layout: &Layout,
) -> Result<Vec<(Day, ShrunkDate)>> {
    if run.options.force {
        return Ok(Vec::new());
    }
    let dates: Vec<Day> = tally.slices.keys().map(|slice| layout.day(*slice)).collect();
    let stored = send::stored_by_date(session, table, &dates)?;
    let shrinks = |(day, stored): (Day, u64)| {
        let incoming = tally.slices.get(&layout.slice_of(day, 0)).map_or(0, |counts| counts.rows);
        let lost = stored.saturating_sub(incoming);
        (lost as f64 * 100.0 > run.options.max_shrink * stored as f64)
            .then(|| (day, ShrunkDate { date: day.to_string(), stored, incoming }))
    };
    Ok(stored.into_iter().filter_map(shrinks).collect())
}

/// Reasons of [`late_rejects`], by the volume of their records.
const LATE: [&str; 2] =
    ["date non remplacée : elle perdrait trop de lignes (--max-shrink)", "volumes contradictoires pour une même clé"];

/// Lines that are rejected for what other lines say, in the order of the file: `key` is the line, `volume` the reason. Of the slices
/// in `left_out`, none.
pub(crate) fn late_rejects(
    run: &Run<'_>,
    sorted: &Sorted,
    layout: &Layout,
    kept_back: &BTreeSet<Slice>,
    left_out: &BTreeSet<Slice>,
) -> Result<Sorted> {
    let mut late = Sorter::new(&run.scratch, run.sort_limit / 4);
    let mut reject = |line: u64, reason: u32| late.push(Record { key: u128::from(line), volume: reason, line });
    let policy = run.options.on_conflict;
    // The record before, and whether it opens its key (its rejection then depends on what follows).
    let mut before: Option<(Record, bool)> = None;
    sorted.for_each(|record| {
        if kept_back.contains(&layout.slice(record.key)) {
            before = None;
            return reject(record.line, 0);
        }
        if policy == OnConflict::Reject && !left_out.contains(&layout.slice(record.key)) {
            match &mut before {
                Some((first, pending)) if first.key == record.key => {
                    if first.volume != record.volume {
                        if std::mem::take(pending) {
                            reject(first.line, 1)?;
                        }
                        reject(record.line, 1)?;
                        first.volume = record.volume;
                    }
                }
                _ => before = Some((record, true)),
            }
        }
        Ok(())
    })?;
    Ok(late.finish())
}

/// Reads the file once more for the raw lines of the late rejects.
pub(crate) fn write_late_rejects(path: &Path, hash: &blake3::Hash, late: &Sorted, rejects: &mut Rejects) -> Result<()> {
    let mut lines = Lines::open(path)?;
    late.for_each(|record| {
        loop {
            let Some(line) = lines.next()? else { return Err(Error::FileChanged) };
            if line.number < record.line {
                continue;
            }
            let reason = LATE[record.volume as usize];
            return rejects.add(&Rejection { line: line.number, reason, column: "", value: "" }, line.bytes);
        }
    })?;
    if lines.into_hash()? != *hash { Err(Error::FileChanged) } else { Ok(()) }
}

/// The transaction: new names, dates replaced, rows stored and counted, one line of history. Returns the rows deleted.
#[allow(clippy::too_many_arguments)]
fn store(
    run: &Run<'_>,
    dataset: &Dataset,
    mapper: &Mapper,
    rows: Rows,
    dates: &[Day],
    hash: &blake3::Hash,
    size: u64,
    begun: DateTime<Utc>,
    report: &FileReport,
) -> Result<u64> {
    let table = &report.table;
    let calendar: BTreeSet<_> = dates.iter().map(|day| day.date()).collect();
    run.database.with_session(|session| dims::fill_dates(session, &calendar))?;
    let attempt = history::unique_id();
    let options = options_of(run);
    let path = report.path.as_deref().unwrap_or(Path::new("")).display().to_string();
    let reject_file = report.reject_file.as_ref().map(|path| path.display().to_string());
    let mut replaced = 0;
    let mut tried = false;
    run.database.transaction(|session| {
        if std::mem::replace(&mut tried, true) && history::was_committed(session, &attempt)? {
            return Ok(());
        }
        let mut created: Vec<(Dim, Vec<u32>)> = Vec::new();
        for (dim, names) in mapper.to_create() {
            created.push((dim, create_in_order(session, dim, &names)?));
        }
        let ids = mapper.ids(&created);
        let dims_hash = mapper.dims_hash(&ids);
        let rows = Rows { ids: Arc::new(ids), ..rows.clone() };
        replaced = send::delete_dates(session, table, dates)?;
        let stored = send::send(session, dataset, table, &rows, run.method, run.options.batch_size)?;
        if stored != report.counts.stored {
            return Err(Error::Invariant(format!(
                "{table} : {} lignes attendues, {stored} enregistrées",
                report.counts.stored
            )));
        }
        history::insert(
            session,
            &Entry {
                attempt: &attempt,
                options: &options,
                status: "loaded",
                message: None,
                dims_hash: &dims_hash,
                counts: Counts { deleted: replaced, ..report.counts },
                ..entry(run, report, &path, reject_file.as_deref(), hash.to_hex().as_str(), size, begun)
            },
        )?;
        match &run.lock {
            Some(lock) => lock.lock().unwrap_or_else(PoisonError::into_inner).ensure(run.database),
            None => Ok(()),
        }
    })?;
    Ok(replaced)
}

/// Creates names in alphabetical order, so that parallel transactions wait for each other instead of locking each other out.
fn create_in_order(session: &mut Session, dim: Dim, names: &[&str]) -> Result<Vec<u32>> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| names[*index]);
    let sorted: Vec<&str> = order.iter().map(|index| names[*index]).collect();
    let mut ids = vec![0; names.len()];
    for (index, id) in order.into_iter().zip(dims::create(session, dim, &sorted)?) {
        ids[index] = id;
    }
    Ok(ids)
}

pub(crate) fn entry<'a>(
    run: &'a Run<'_>,
    report: &'a FileReport,
    path: &'a str,
    reject_file: Option<&'a str>,
    hash: &'a str,
    size: u64,
    begun: DateTime<Utc>,
) -> Entry<'a> {
    Entry {
        attempt: "",
        run: &run.id,
        tool: run.tool,
        table: &report.table,
        file_name: report.file.rsplit('/').next().unwrap_or(&report.file),
        file_path: path,
        file_size: size,
        file_hash: hash,
        options: "",
        dims_hash: "",
        status: "failed",
        message: None,
        encoding: report.encoding.as_deref().unwrap_or_default(),
        dates: report.dates.clone(),
        counts: report.counts,
        reject_file,
        started_at: begun,
    }
}

/// Leaves a trace of a failure for `check-status`; that it cannot be written is no further failure.
pub(crate) fn remember_failure(run: &Run<'_>, report: &FileReport, error: &Error, begun: DateTime<Utc>) {
    if matches!(error, Error::Interrupted) {
        return;
    }
    let message = error.to_string();
    let path = report.path.as_deref().unwrap_or(Path::new("")).display().to_string();
    let reject_file = report.reject_file.as_ref().map(|path| path.display().to_string());
    let attempt = history::unique_id();
    let entry = Entry {
        attempt: &attempt,
        message: Some(&message),
        ..entry(run, report, &path, reject_file.as_deref(), "", 0, begun)
    };
    let written = run.database.session().and_then(|mut session| history::insert(&mut session, &entry));
    if let Err(error) = written {
        log::debug!("échec non noté dans l'historique : {error}");
    }
}
