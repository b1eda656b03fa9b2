//! The raw export: it replaces dates of zones of its main table, unless a later delivery or another file of its own owns them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};

use chrono::Utc;
use mysql::Value;

use crate::csv::Header;
use crate::db::Session;
use crate::domain::catalogue::{DIMS, Dim};
use crate::domain::names::Resolution;
use crate::domain::values::{DateOrder, Day, today};
use crate::error::Result;
use crate::ledger::ownership::{self, Owner};
use crate::load::layout::Slice;
use crate::load::mapper::{Mapper, Reading, required_raw};
use crate::load::pipeline;
use crate::load::raw::dimensions;
use crate::load::raw::discover::RawFile;
use crate::load::raw::doubt::{self, Kept};
use crate::load::raw::etl::{Etl, locked};
use crate::load::raw::known::Load;
use crate::load::raw::lanes::Turn;
use crate::load::raw::report::RawReport;
use crate::load::raw::shares::share;
use crate::load::report::{Earlier, FileReport, Status};
use crate::load::target::{Content, Created, Found, Guarded, Job, Plan, Target};
use crate::schema::{self, TableSpec};
use crate::signals;

/// Loads one file; whatever goes wrong with it is in its report. `turn` is its place among the files of its table.
pub(crate) fn load(etl: &Etl<'_>, file: &RawFile, turn: &Turn<'_>) -> RawReport {
    let run = &etl.run;
    let table = file.dataset.main_table(run.options.space);
    let mut report = RawReport::new(file, FileReport::new(file.dataset, table.clone()));
    let job = Job { run, dataset: file.dataset, path: &file.path, size: file.size, begun: Utc::now() };
    let mut target =
        Raw { etl, file, turn, table, not_positive: 0, superseded: 0, overlaps: 0, suspended: Mutex::default() };
    pipeline::load(&job, &mut target, &mut report.file);
    (report.not_positive, report.superseded, report.overlaps) =
        (target.not_positive, target.superseded, target.overlaps);
    if report.file.status == Status::Loaded {
        report.suspended = locked(&target.suspended).values().sum();
    }
    report
}

struct Raw<'a> {
    etl: &'a Etl<'a>,
    file: &'a RawFile,
    turn: &'a Turn<'a>,
    table: String,
    not_positive: u64,
    superseded: u64,
    overlaps: u64,
    /// Rows that stay though the file does not bring them.
    suspended: Mutex<BTreeMap<Slice, u64>>,
}

impl Target for Raw<'_> {
    const DEFINITIVE: bool = true;

    fn required(&self) -> Vec<&'static [&'static str]> {
        required_raw(self.file.dataset)
    }

    fn table(&self) -> TableSpec {
        schema::main_table(self.file.dataset, self.etl.run.options.space)
    }

    fn options(&self) -> String {
        format!("{} livraison={}", self.etl.run.fingerprint(), self.file.delivery)
    }

    /// The load that makes this one needless, unless its rows are gone.
    fn known(&self, content: &Content) -> Result<Option<Earlier>> {
        if self.etl.run.options.force {
            return Ok(None);
        }
        let path = self.file.path.display().to_string();
        let known = locked(&self.etl.known).find(&self.table, &path, &content.hex(), &content.options).cloned();
        let Some(load) = known else { return Ok(None) };
        let owned = self.owner(content).content;
        if !self.etl.run.database.with_session(|session| ownership::is_in_step(session, &self.table, &owned))? {
            log::warn!("{} : des dates × zones de {} n'y sont plus : rechargé", self.table, self.file.place);
            return Ok(None);
        }
        if let Some(first) = load.first_date.as_ref().filter(|_| load.stored > 0) {
            let sql = format!("SELECT 1 FROM {} WHERE date = ? LIMIT 1", self.table);
            let doing = format!("lecture de {}", self.table);
            let found = self.etl.run.database.with_session(|session| session.first::<u8>(&doing, &sql, (first,)))?;
            if found.is_none() {
                // Emptied by other hands: what history says is no longer so.
                return Ok(None);
            }
        }
        Ok(Some(Earlier {
            dates: None,
            options: load.options,
            dims_hash: load.dims_hash,
            rejected: load.rejected,
            refused: self.etl.run.options.on_conflict.refused(load.conflicts),
            is_empty: false,
            encoding: load.encoding,
            reject_file: load.reject_file,
            note: None,
        }))
    }

    fn claim(&self, content: &Content) -> Option<String> {
        if self.file.may_be_copy {
            // Which of two copies is loaded must not depend on which worker is faster.
            self.turn.wait();
        }
        self.etl.claim(&self.table, &content.hex(), &content.options, &self.file.place)
    }

    fn mapper(&self, header: &Header, order: DateOrder) -> Result<Mapper> {
        let create: BTreeSet<Dim> = DIMS.iter().map(|spec| spec.dim).collect();
        let strip_accents = self.etl.options.strip_accents;
        let room = &self.etl.room;
        let latest = Day::from_date(today());
        let reading = Reading { raw: true, create: &create, year: None, latest, order, strip_accents, room };
        Mapper::new(self.file.dataset, header, reading, |dim, _| self.etl.resolver(dim))
    }

    /// Waits for the files of the table that come before, then asks who owns the dates and zones of this one.
    fn guard(&mut self, found: &Found, report: &mut FileReport) -> Result<Guarded> {
        self.not_positive = report.counts.filtered;
        self.turn.wait();
        signals::check()?;
        let owner = self.owner(&found.content);
        let zones = self.zones(found)?;
        let (owners, is_filled) = self.etl.run.database.with_session(|session| {
            Ok((self.owners(session, found, &zones)?, self.etl.is_filled(session, &self.table)?))
        })?;
        let resumable = !found.is_known && !self.etl.run.options.force && is_filled;
        let shares = share(&owners, &owner, resumable);
        if let Some(note) = shares.note(self.file.delivery) {
            report.note = Some(note);
        }
        self.overlaps = shares.overlaps(self.file.delivery);
        self.superseded = found.tally.total(|slice| shares.superseded.contains(slice)).lines;
        Ok(Guarded { foreign: shares.superseded, done: shares.done, ..Guarded::default() })
    }

    fn plan(&self, found: &Found, guarded: &Guarded) -> Plan {
        let layout = found.mapper.layout();
        let day = |slice: &Slice| layout.day(*slice);
        let all: BTreeSet<Slice> =
            found.tally.slices.keys().chain(found.mapper.not_positive_slices()).copied().collect();
        let is_free = |slice: &&Slice| !guarded.foreign.contains(slice);
        let days: BTreeSet<Day> = found.tally.slices.keys().filter(is_free).map(day).collect();
        // A file of which nothing is stored still speaks of its dates.
        let spoken = if days.is_empty() { all.iter().map(day).collect() } else { days.clone() };
        Plan {
            replaced: all.iter().filter(is_free).filter(|slice| !guarded.done.contains(slice)).copied().collect(),
            span: spoken.first().copied().zip(spoken.last().copied()),
            days,
            dates: BTreeMap::new(),
        }
    }

    fn would_replace(&self, found: &Found, plan: &Plan) -> Result<u64> {
        let kept =
            self.etl.run.database.with_session(|session| self.kept(session, found, &plan.replaced, &Vec::new()))?;
        let stays: usize = kept.values().map(BTreeSet::len).sum();
        let mut rows = 0;
        for (zone, days) in by_zone(&found.mapper, &plan.replaced, &zone_ids(&found.mapper, &Vec::new())) {
            rows += self.etl.run.database.with_session(|session| count(session, &self.table, zone, &days))?;
            let rank = self.file.delivery.rank();
            locked(&self.etl.claims).extend(days.into_iter().map(|day| ((self.table.clone(), zone, day), rank)));
        }
        Ok(rows.saturating_sub(stays as u64))
    }

    fn most_rows(&self) -> Option<usize> {
        self.etl.options.batch_size
    }

    fn exclusive(&self, mapper: &Mapper) -> Option<MutexGuard<'_, ()>> {
        creates(mapper).then(|| locked(&self.etl.creating))
    }

    fn create(&self, session: &mut Session, mapper: &Mapper) -> Result<Created> {
        dimensions::create(session, mapper, &self.etl.run.locality, self.etl.options.strip_accents)
    }

    fn created(&self, mapper: &Mapper) {
        if creates(mapper) {
            // New communes may have brought their département along.
            let dims = mapper.new_rows().into_iter().map(|(dim, _, _)| dim);
            self.etl.forget_resolvers(dims.chain([Dim::Departement, Dim::Commune]));
        }
    }

    fn delete(&self, session: &mut Session, found: &Found, slices: &[Slice], created: &Created) -> Result<u64> {
        let kept = self.kept(session, found, slices, created)?;
        let whole: Vec<Slice> = slices.iter().filter(|slice| !kept.contains_key(slice)).copied().collect();
        let (mut deleted, ids) = (0, zone_ids(&found.mapper, created));
        for (zone, days) in by_zone(&found.mapper, &whole, &ids) {
            deleted += delete(session, &self.table, zone, &days)?;
        }
        let layout = found.mapper.layout();
        for (slice, rows) in &kept {
            if let Some(zone) = ids.get(layout.zone(*slice) as usize) {
                let day = layout.day(*slice).to_string();
                deleted += doubt::delete_others(session, self.place(), (*zone, &day), rows)?;
            }
        }
        Ok(deleted)
    }

    fn own(&self, session: &mut Session, found: &Found, slices: &[Slice], created: &Created) -> Result<()> {
        let owner = self.owner(&found.content);
        let ids = zone_ids(&found.mapper, created);
        let layout = found.mapper.layout();
        let mut zones: BTreeMap<u32, Vec<(Day, u64)>> = BTreeMap::new();
        for slice in slices {
            if let Some(id) = ids.get(layout.zone(*slice) as usize) {
                let rows = found.tally.slices.get(slice).map_or(0, |counts| counts.rows);
                zones.entry(*id).or_default().push((layout.day(*slice), rows));
            }
        }
        for (zone, days) in zones {
            ownership::take(session, &self.table, zone, &days, &owner)?;
        }
        Ok(())
    }

    fn is_owned(&self, session: &mut Session, found: &Found, slices: &[Slice], created: &Created) -> Result<bool> {
        let own = self.owner(&found.content);
        let zones = by_zone(&found.mapper, slices, &zone_ids(&found.mapper, created));
        let Some((zone, [day, ..])) = zones.iter().next().map(|(zone, days)| (*zone, days.as_slice())) else {
            return Ok(false);
        };
        let owners = ownership::owners(session, &self.table, zone, (*day, *day))?;
        Ok(owners.get(day).is_some_and(|owner| *owner == own))
    }

    fn stored(&self, content: &Content, dims_hash: &str, report: &FileReport) {
        let load = Load {
            hash: content.hex(),
            options: content.options.clone(),
            dims_hash: dims_hash.to_owned(),
            stored: report.counts.stored,
            rejected: report.counts.rejected,
            conflicts: report.counts.conflicts,
            encoding: report.encoding.clone().unwrap_or_default(),
            reject_file: report.reject_file.as_ref().map(|path| path.display().to_string()),
            first_date: report.dates.as_ref().map(|(first, _)| first.clone()),
        };
        locked(&self.etl.known).add(&self.table, &self.file.path.display().to_string(), load);
    }
}

impl Raw<'_> {
    fn place(&self) -> doubt::Place<'_> {
        let policy = self.etl.run.options.on_conflict;
        doubt::Place { table: &self.table, dataset: self.file.dataset, policy }
    }

    /// What stays of slices that are replaced, which is noted too.
    fn kept(&self, session: &mut Session, found: &Found, slices: &[Slice], created: &Created) -> Result<Kept> {
        let kept = doubt::kept(session, self.place(), found, slices, created)?;
        locked(&self.suspended).extend(kept.iter().map(|(slice, rows)| (*slice, rows.len() as u64)));
        Ok(kept)
    }

    fn owner(&self, content: &Content) -> Owner {
        let text = format!("{} {}", content.hex(), content.options);
        Owner {
            delivery: self.file.delivery.rank(),
            run: self.etl.run.id.clone(),
            content: blake3::hash(text.as_bytes()).to_hex().to_string(),
        }
    }

    /// Ids of the zones by packed value, those included that another file of this run has created since the names were resolved; 0 for
    /// one that is still to be created.
    fn zones(&self, found: &Found) -> Result<Vec<u32>> {
        let mut ids = zone_ids(&found.mapper, &Vec::new());
        for (_, rows, _) in found.mapper.new_rows().into_iter().filter(|(dim, _, _)| *dim == Dim::Zone) {
            let stored = self.etl.resolver(Dim::Zone)?;
            ids.extend(rows.iter().map(|row| match stored.resolve(&row.name) {
                Resolution::Found(found) => stored.rows()[found as usize].id.unwrap_or_default(),
                _ => 0,
            }));
        }
        Ok(ids)
    }

    /// The present owners of the slices of a file. `zones` are the ids of its zones.
    fn owners(&self, session: &mut Session, found: &Found, zones: &[u32]) -> Result<BTreeMap<Slice, Owner>> {
        let layout = found.mapper.layout();
        let slices: BTreeSet<Slice> =
            found.tally.slices.keys().chain(found.mapper.not_positive_slices()).copied().collect();
        let mut by_zone: HashMap<u32, Vec<Slice>> = HashMap::new();
        for slice in slices {
            by_zone.entry(layout.zone(slice)).or_default().push(slice);
        }
        let mut owners = BTreeMap::new();
        for (zone, slices) in by_zone {
            // A zone that is still to be created has no rows.
            let Some(id) = zones.get(zone as usize).copied().filter(|id| *id > 0) else { continue };
            let (Some(first), Some(last)) = (slices.first(), slices.last()) else { continue };
            let mut of_days = ownership::owners(session, &self.table, id, (layout.day(*first), layout.day(*last)))?;
            let claims = locked(&self.etl.claims);
            for slice in slices {
                let day = layout.day(slice);
                let claim = claims.get(&(self.table.clone(), id, day)).map(|delivery| Owner {
                    delivery: *delivery,
                    run: self.etl.run.id.clone(),
                    content: String::new(),
                });
                owners.extend(claim.or_else(|| of_days.remove(&day)).map(|owner| (slice, owner)));
            }
        }
        Ok(owners)
    }
}

/// Whether storing the file changes dimensions.
fn creates(mapper: &Mapper) -> bool {
    !mapper.new_rows().is_empty() || !mapper.completions().is_empty()
}

/// Ids of the zones by packed value; a zone that is still to be created has none before `created`.
fn zone_ids(mapper: &Mapper, created: &Created) -> Vec<u32> {
    mapper.ids_of(Dim::Zone, created).unwrap_or_default()
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

fn params(zone: u32, days: &[Day]) -> Vec<Value> {
    std::iter::once(zone.into()).chain(days.iter().map(|day| day.to_string().into())).collect()
}
