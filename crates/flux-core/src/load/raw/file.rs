//! One raw export, from disk to its main table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::csv::Source;
use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{DIMS, Dim};
use crate::domain::names::{Resolution, Resolver};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::files::hash;
use crate::ledger::history::{self, Counts, Entry};
use crate::load::file::{conflict, entry, late_rejects, read, remember_failure, write_late_rejects};
use crate::load::layout::Slice;
use crate::load::mapper::{Mapper, Reading, required_raw};
use crate::load::rejects::Rejects;
use crate::load::send::{self, Rows};
use crate::load::tally::{ALL, Tally};
use crate::load::{FileReport, OnConflict, Status};
use crate::report::number;
use crate::schema;
use crate::signals;

use crate::ledger::ownership::{self, Owner};
use crate::load::raw::Etl;
use crate::load::raw::discover::{Delivery, RawFile};
use crate::load::raw::known::Load;
use crate::load::raw::lanes::Turn;
use crate::load::raw::report::RawReport;

/// Loads one file; whatever goes wrong with it stands in its report. `turn` is its place among the files of its table.
pub(crate) fn load(etl: &Etl<'_>, file: &RawFile, turn: &Turn<'_>) -> RawReport {
    let started = Instant::now();
    let begun = Utc::now();
    let table = file.dataset.main_table(etl.run.options.space);
    let mut report = RawReport::new(file, FileReport::new(file.dataset, table));
    if let Err(error) = try_load(etl, file, turn, begun, &mut report) {
        report.file.fail(&error);
        if !etl.run.options.dry_run {
            remember_failure(&etl.run, &report.file, &error, begun);
        }
    }
    report.file.duration_s = started.elapsed();
    report
}

fn try_load(
    etl: &Etl<'_>,
    file: &RawFile,
    turn: &Turn<'_>,
    begun: DateTime<Utc>,
    report: &mut RawReport,
) -> Result<()> {
    let run = &etl.run;
    signals::check()?;
    let source = Source::open(&file.path, &required_raw(file.dataset))?;
    let hash = hash::blake3(&file.path)?;
    let hash_text = hash.to_hex().to_string();
    let table = report.file.table.clone();
    schema::require(&schema::main_table(file.dataset, run.options.space), &run.tables)?;
    let options = format!("{} livraison={}", run.fingerprint(), file.delivery);
    let known = run.database.with_session(|session| known_before(etl, session, &table, file, &hash_text, &options))?;
    if let Some(last) = known.as_ref().filter(|last| last.rejected == 0) {
        unchanged(report, last);
        return Ok(());
    }
    if file.may_be_copy {
        // Which of two copies is loaded must not depend on which worker is faster.
        turn.wait();
    }
    if let Some(twin) = etl.claim(&table, &hash_text, &options, &file.place) {
        report.file.status = Status::Unchanged;
        report.file.note = Some(format!("même contenu que {twin}"));
        return Ok(());
    }
    let create: BTreeSet<Dim> = DIMS.iter().map(|spec| spec.dim).collect();
    let reading =
        Reading { raw: true, create: &create, year: None, strip_accents: etl.options.strip_accents, room: &etl.room };
    let mut mapper = Mapper::new(file.dataset, &source.header, reading, |dim, _| resolver(etl, dim))?;
    if let Some(last) = known.as_ref().filter(|last| last.dims_hash == mapper.dims_hash(&mapper.ids(&[]))) {
        unchanged(report, last);
        return Ok(());
    }
    let reject_folder = (!run.options.dry_run).then_some(run.reject_folder.as_path());
    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut rejects = Rejects::new(&name, reject_folder);
    let sorted = read(run, source, file.size, &hash, &mut mapper, &mut rejects, &mut report.file);
    report.file.reject_file = rejects.path().map(Path::to_path_buf);
    report.file.rejects = rejects.motives();
    report.file.counts.rejected = rejects.count;
    let sorted = sorted?;
    report.not_positive = report.file.counts.filtered;
    if report.file.counts.lines_read == 0 {
        report.file.note = Some("un en-tête et aucune ligne : rien n'est remplacé".to_owned());
    }
    let tally = Tally::of(&sorted, mapper.layout(), run.options.on_conflict)?;
    report.file.conflict_examples = tally.examples.iter().map(|(first, other)| conflict(first, other)).collect();

    turn.wait();
    signals::check()?;
    let owner = Owner {
        delivery: file.delivery.rank(),
        run: run.id.clone(),
        content: blake3::hash(format!("{hash_text} {options}").as_bytes()).to_hex().to_string(),
    };
    let shares = run.database.with_session(|session| {
        let resumable = known.is_none() && !run.options.force && etl.is_filled(session, &table)?;
        share(etl, session, &table, &mapper, &tally, &owner, resumable)
    })?;
    note_shares(report, &shares, file.delivery);
    let total = tally.total(&shares.superseded);
    let superseded = shares.superseded.iter().filter_map(|slice| tally.slices.get(slice));
    report.superseded = superseded.map(|counts| counts.lines).sum();
    let counts = Counts {
        stored: total.rows,
        duplicates: total.duplicates,
        conflicts: total.conflicts,
        filtered: report.not_positive + report.superseded,
        ..report.file.counts
    };
    report.file.counts = counts;
    if !counts.balance() {
        return Err(Error::Invariant(format!("{counts:?} ne fait pas le compte")));
    }
    if run.options.on_conflict == OnConflict::Reject && counts.conflicts > 0 {
        let late = late_rejects(run, &sorted, mapper.layout(), &BTreeSet::new(), &shares.superseded)?;
        let written = write_late_rejects(&file.path, &hash, &late, &mut rejects);
        report.file.reject_file = rejects.path().map(Path::to_path_buf);
        report.file.rejects = rejects.motives();
        written?;
    }
    rejects.finish()?;
    if let Some(max) = run.options.max_rejects.filter(|max| max.is_exceeded(counts.rejected, counts.lines_read)) {
        return Err(Error::TooManyRejects { rejected: counts.rejected, max: max.to_string() });
    }
    // The dates that the file speaks of: those stored, or all where none is.
    let days = |of: &mut dyn Iterator<Item = &Slice>| -> BTreeSet<Day> {
        of.map(|slice| mapper.layout().day(*slice)).collect()
    };
    let stored_days = days(&mut tally.slices.keys().filter(|slice| !shares.superseded.contains(slice)));
    let spoken = if stored_days.is_empty() {
        days(&mut tally.slices.keys().chain(mapper.not_positive_slices()))
    } else {
        stored_days.clone()
    };
    report.file.dates = spoken.first().zip(spoken.last()).map(|(first, last)| (first.to_string(), last.to_string()));
    report.file.created = mapper
        .new_rows()
        .iter()
        .flat_map(|(dim, rows, _)| rows.iter().map(move |row| format!("{dim} {}", row.name)))
        .collect();
    let replaced: Vec<Slice> = tally
        .slices
        .keys()
        .chain(mapper.not_positive_slices())
        .filter(|slice| !shares.superseded.contains(slice) && !shares.done.contains(slice))
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if run.options.dry_run {
        let ids = zone_ids(&mapper, &[]);
        for (zone, days) in by_zone(&mapper, &replaced, &ids) {
            report.file.counts.deleted += run.database.with_session(|session| count(session, &table, zone, &days))?;
            etl.claims
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(days.into_iter().map(|day| ((table.clone(), zone, day), owner.delivery)));
        }
        report.file.status = Status::Loaded;
        return Ok(());
    }
    let calendar: BTreeSet<_> = stored_days.iter().map(|day| day.date()).collect();
    run.database.with_session(|session| dims::fill_dates(session, &calendar))?;
    let bar = run.progress.count(&format!("→ {}", file.dataset.family), counts.stored);
    let left_out: BTreeSet<Slice> = shares.superseded.union(&shares.done).copied().collect();
    let rows = Rows {
        sorted: Arc::new(sorted),
        layout: mapper.layout().clone(),
        policy: run.options.on_conflict,
        kept_back: Arc::new(left_out),
        keys: ALL,
        definitive: true,
        ids: Arc::default(),
        with_weekday: file.dataset.has_weekday(),
        bar: bar.clone(),
    };
    let task =
        Store { etl, file, mapper: &mapper, tally: &tally, owner: &owner, options: &options, hash: &hash_text, begun };
    let result = task.store(rows, &replaced, report);
    bar.finish_and_clear();
    let (deleted, dims_hash) = result?;
    report.file.counts.deleted = deleted;
    report.file.status = Status::Loaded;
    let load = Load {
        hash: hash_text,
        options,
        dims_hash,
        stored: counts.stored,
        rejected: counts.rejected,
        encoding: report.file.encoding.clone().unwrap_or_default(),
        reject_file: report.file.reject_file.as_ref().map(|path| path.display().to_string()),
        first_date: report.file.dates.as_ref().map(|(first, _)| first.clone()),
    };
    let path = file.path.display().to_string();
    etl.known.lock().unwrap_or_else(PoisonError::into_inner).add(&table, &path, load);
    Ok(())
}

/// The resolver of a dimension, shared by the files of the run until one of them changes the dimension.
fn resolver(etl: &Etl<'_>, dim: Dim) -> Result<Arc<Resolver>> {
    let mut cache = etl.resolvers.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(resolver) = cache.get(&dim) {
        return Ok(resolver.clone());
    }
    let database = etl.run.database;
    let resolver = Arc::new(database.with_session(|session| dims::load(session, dim, &etl.run.locality, true))?);
    cache.insert(dim, resolver.clone());
    Ok(resolver)
}

/// The load that makes this one needless, unless its rows are gone.
fn known_before(
    etl: &Etl<'_>,
    session: &mut Session,
    table: &str,
    file: &RawFile,
    hash: &str,
    options: &str,
) -> Result<Option<Load>> {
    if etl.run.options.force {
        return Ok(None);
    }
    let path = file.path.display().to_string();
    let known = etl.known.lock().unwrap_or_else(PoisonError::into_inner).find(table, &path, hash, options).cloned();
    let Some(load) = known else { return Ok(None) };
    if load.stored > 0
        && let Some(first) = &load.first_date
    {
        let sql = format!("SELECT 1 FROM {table} WHERE date = ? LIMIT 1");
        if session.first::<u8>(&format!("lecture de {table}"), &sql, (first,))?.is_none() {
            // Emptied by other hands: what history says is no longer so.
            return Ok(None);
        }
    }
    Ok(Some(load))
}

fn unchanged(report: &mut RawReport, last: &Load) {
    report.file.status = Status::Unchanged;
    report.file.encoding = Some(last.encoding.clone());
    if last.rejected > 0 {
        let place = last.reject_file.as_deref().map_or_else(String::new, |path| format!(", voir {path}"));
        report.file.note = Some(format!("déjà chargé, avec {} lignes rejetées{place}", number(last.rejected)));
    }
}

/// Which slices of a file are not its to store.
#[derive(Debug, Default)]
struct Shares {
    /// Those of a later delivery, or of another file of the same delivery and run.
    superseded: BTreeSet<Slice>,
    /// How many of them, by the delivery that has them.
    by_delivery: BTreeMap<u32, u64>,
    /// Those that a run that was stopped has stored already.
    done: BTreeSet<Slice>,
}

/// Asks who owns the dates and zones of a file.
fn share(
    etl: &Etl<'_>,
    session: &mut Session,
    table: &str,
    mapper: &Mapper,
    tally: &Tally,
    owner: &Owner,
    resumable: bool,
) -> Result<Shares> {
    let mut shares = Shares::default();
    let slices: BTreeSet<Slice> = tally.slices.keys().chain(mapper.not_positive_slices()).copied().collect();
    let ids = current_zone_ids(etl, mapper)?;
    let layout = mapper.layout();
    let mut zones: HashMap<u32, Vec<Slice>> = HashMap::new();
    for slice in &slices {
        zones.entry(layout.zone(*slice)).or_default().push(*slice);
    }
    for (zone, slices) in zones {
        // A zone that is still to be created has no rows.
        let Some(id) = ids.get(zone as usize).copied().filter(|id| *id > 0) else { continue };
        let (Some(first), Some(last)) = (slices.first(), slices.last()) else { continue };
        let mut owners = ownership::owners(session, table, id, (layout.day(*first), layout.day(*last)))?;
        if etl.run.options.dry_run {
            let claims = etl.claims.lock().unwrap_or_else(PoisonError::into_inner);
            for slice in &slices {
                let day = layout.day(*slice);
                if let Some(delivery) = claims.get(&(table.to_owned(), id, day)) {
                    owners.insert(day, Owner { delivery: *delivery, run: owner.run.clone(), content: String::new() });
                }
            }
        }
        for slice in slices {
            let Some(other) = owners.get(&layout.day(slice)) else { continue };
            let is_later = other.delivery > owner.delivery;
            let is_twin = other.delivery == owner.delivery && other.run == owner.run && other.content != owner.content;
            if is_later || is_twin {
                *shares.by_delivery.entry(other.delivery).or_default() += 1;
                shares.superseded.insert(slice);
            } else if resumable && other.content == owner.content {
                shares.done.insert(slice);
            }
        }
    }
    Ok(shares)
}

fn note_shares(report: &mut RawReport, shares: &Shares, own: Delivery) {
    let mut notes = Vec::new();
    for (rank, slices) in &shares.by_delivery {
        let delivery = Delivery::from_rank(*rank);
        if delivery == own {
            report.overlaps = *slices;
            notes.push(format!(
                "{} dates × zones figurent dans un autre fichier de {own}, qui l'emporte",
                number(*slices)
            ));
        } else {
            notes.push(format!("{} dates × zones remplacées par la livraison {delivery}", number(*slices)));
        }
    }
    if !shares.done.is_empty() {
        notes.push(format!("repris : {} dates × zones étaient déjà chargées", number(shares.done.len() as u64)));
    }
    if !notes.is_empty() {
        report.file.note = Some(notes.join(" ; "));
    }
}

/// Ids of the zones by packed value; a zone that is still to be created has none before `created`.
fn zone_ids(mapper: &Mapper, created: &[(Dim, Vec<u32>)]) -> Vec<u32> {
    mapper.ids_of(Dim::Zone, created).unwrap_or_default()
}

/// [`zone_ids`], with those of zones that another file of this run has created since the names were resolved.
fn current_zone_ids(etl: &Etl<'_>, mapper: &Mapper) -> Result<Vec<u32>> {
    let mut ids = zone_ids(mapper, &[]);
    for (_, rows, _) in mapper.new_rows().into_iter().filter(|(dim, _, _)| *dim == Dim::Zone) {
        let stored = resolver(etl, Dim::Zone)?;
        ids.extend(rows.iter().map(|row| match stored.resolve(&row.name) {
            Resolution::Found(found) => stored.rows()[found as usize].id.unwrap_or_default(),
            _ => 0,
        }));
    }
    Ok(ids)
}

/// The dates of each zone, by the zone's id.
fn by_zone(mapper: &Mapper, slices: &[Slice], ids: &[u32]) -> BTreeMap<u32, Vec<Day>> {
    let mut zones: BTreeMap<u32, Vec<Day>> = BTreeMap::new();
    for slice in slices {
        if let Some(id) = ids.get(mapper.layout().zone(*slice) as usize) {
            zones.entry(*id).or_default().push(mapper.layout().day(*slice));
        }
    }
    zones
}

fn count(session: &mut Session, table: &str, zone: u32, days: &[Day]) -> Result<u64> {
    let mut total = 0;
    for chunk in days.chunks(200) {
        let sql =
            format!("SELECT COUNT(*) FROM {table} WHERE id_zone = ? AND date IN {}", crate::db::marks(1, chunk.len()));
        let rows: Option<u64> = session.first(&format!("comptage dans {table}"), &sql, params(zone, chunk))?;
        total += rows.unwrap_or_default();
    }
    Ok(total)
}

fn delete(session: &mut Session, table: &str, zone: u32, days: &[Day]) -> Result<u64> {
    let mut total = 0;
    for chunk in days.chunks(200) {
        let sql = format!("DELETE FROM {table} WHERE id_zone = ? AND date IN {}", crate::db::marks(1, chunk.len()));
        total += session.exec(&format!("remplacement dans {table}"), &sql, params(zone, chunk))?;
    }
    Ok(total)
}

fn params(zone: u32, days: &[Day]) -> Vec<mysql::Value> {
    std::iter::once(zone.into()).chain(days.iter().map(|day| day.to_string().into())).collect()
}

/// What the transactions of one file need.
struct Store<'a> {
    etl: &'a Etl<'a>,
    file: &'a RawFile,
    mapper: &'a Mapper,
    tally: &'a Tally,
    owner: &'a Owner,
    options: &'a str,
    hash: &'a str,
    begun: DateTime<Utc>,
}

impl Store<'_> {
    /// One transaction, or one for each batch; the last one writes the line of history. Returns the rows replaced and the hash of
    /// the names.
    fn store(&self, rows: Rows, slices: &[Slice], report: &RawReport) -> Result<(u64, String)> {
        let creates = !self.mapper.new_rows().is_empty() || !self.mapper.completions().is_empty();
        let guard = creates.then(|| self.etl.creating.lock().unwrap_or_else(PoisonError::into_inner));
        let mut guard = guard;
        let mut created: Option<Vec<(Dim, Vec<u32>)>> = None;
        let batches = self.batches(slices);
        let mut deleted = 0;
        let mut dims_hash = String::new();
        for (index, batch) in batches.iter().enumerate() {
            let last = index + 1 == batches.len();
            let outcome = self.batch(&rows, batch, created.as_deref(), last.then_some((report, deleted)))?;
            deleted += outcome.deleted;
            dims_hash = outcome.dims_hash;
            if created.replace(outcome.created).is_none() && creates {
                let mut cache = self.etl.resolvers.lock().unwrap_or_else(PoisonError::into_inner);
                for (dim, _, _) in self.mapper.new_rows() {
                    cache.remove(&dim);
                }
                // New communes may have brought their département along.
                cache.remove(&Dim::Departement);
                cache.remove(&Dim::Commune);
                guard = None;
            }
        }
        drop(guard);
        Ok((deleted, dims_hash))
    }

    /// Slices by transaction: all at once unless `--batch-size` bounds the rows. A slice is never split.
    fn batches<'s>(&self, slices: &'s [Slice]) -> Vec<&'s [Slice]> {
        let Some(most) = self.etl.options.batch_size else { return vec![slices] };
        let rows = |slice: &Slice| self.tally.slices.get(slice).map_or(0, |counts| counts.rows);
        let mut batches = Vec::new();
        let (mut from, mut held) = (0, 0);
        for (index, slice) in slices.iter().enumerate() {
            if index > from && held + rows(slice) > most as u64 {
                batches.push(&slices[from..index]);
                (from, held) = (index, 0);
            }
            held += rows(slice);
        }
        batches.push(&slices[from..]);
        batches
    }

    fn batch(
        &self,
        rows: &Rows,
        slices: &[Slice],
        known: Option<&[(Dim, Vec<u32>)]>,
        last: Option<(&RawReport, u64)>,
    ) -> Result<Outcome> {
        let run = &self.etl.run;
        let table = self.file.dataset.main_table(run.options.space);
        let attempt = history::unique_id();
        let expected: u64 = slices.iter().filter_map(|slice| self.tally.slices.get(slice)).map(|c| c.rows).sum();
        let mut result = Outcome::default();
        let mut tried = false;
        run.database.transaction(|session| {
            if std::mem::replace(&mut tried, true) && history::was_committed(session, &attempt)? {
                return Ok(());
            }
            let created = match known {
                Some(created) => created.to_vec(),
                None => crate::load::raw::dimensions::create(
                    session,
                    self.mapper,
                    &run.locality,
                    self.etl.options.strip_accents,
                )?,
            };
            let ids = self.mapper.ids(&created);
            let dims_hash = self.mapper.dims_hash(&ids);
            let zones = by_zone(self.mapper, slices, &zone_ids(self.mapper, &created));
            let mut deleted = 0;
            for (zone, days) in &zones {
                deleted += delete(session, &table, *zone, days)?;
            }
            if let (Some(first), Some(end)) = (slices.first(), slices.last()) {
                let rows = Rows { ids: Arc::new(ids), keys: self.mapper.layout().keys(*first, *end), ..rows.clone() };
                let stored = send::send(session, self.file.dataset, &table, &rows, run.method, run.options.batch_size)?;
                if stored != expected {
                    return Err(Error::Invariant(format!(
                        "{table} : {expected} lignes attendues, {stored} enregistrées"
                    )));
                }
            }
            for (zone, days) in &zones {
                ownership::take(session, &table, *zone, days, self.owner)?;
            }
            if let Some((report, before)) = last {
                let path = self.file.path.display().to_string();
                let reject_file = report.file.reject_file.as_ref().map(|path| path.display().to_string());
                let counts = Counts { deleted: before + deleted, ..report.file.counts };
                history::insert(
                    session,
                    &Entry {
                        attempt: &attempt,
                        options: self.options,
                        status: "loaded",
                        dims_hash: &dims_hash,
                        counts,
                        ..entry(run, &report.file, &path, reject_file.as_deref(), self.hash, self.file.size, self.begun)
                    },
                )?;
            }
            result = Outcome { deleted, dims_hash, created };
            match &run.lock {
                Some(lock) => lock.lock().unwrap_or_else(PoisonError::into_inner).ensure(run.database),
                None => Ok(()),
            }
        })?;
        Ok(result)
    }
}

/// What one transaction did.
#[derive(Debug, Default)]
struct Outcome {
    deleted: u64,
    dims_hash: String,
    created: Vec<(Dim, Vec<u32>)>,
}
