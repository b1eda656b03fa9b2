//! The weekly file: it replaces dates of its temporary table, unless a date would lose too many rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{NaiveDate, Utc};

use crate::csv::Header;
use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::values::{DateOrder, Day, today};
use crate::error::{Error, Result};
use crate::ledger::dates::{self, DateCounts};
use crate::ledger::{history, migrations};
use crate::load::guards::{Stored, Tables};
use crate::load::layout::Slice;
use crate::load::mapper::{Mapper, Reading, required};
use crate::load::naming::Room;
use crate::load::options::OnConflict;
use crate::load::pipeline;
use crate::load::report::{Earlier, FileReport, ShrunkDate, Status};
use crate::load::run::Run;
use crate::load::send;
use crate::load::target::{Content, Created, Found, Guarded, Job, Plan, Target};
use crate::report::{Code, Finding, bytes, plural, ranges, some_of};
use crate::schema::{self, TableSpec};

/// Imports one file; whatever goes wrong with it is in its report.
pub(crate) fn import(run: &Run<'_>, dataset: &'static Dataset, paths: &[(PathBuf, u64)]) -> FileReport {
    let mut report = FileReport::new(dataset, dataset.temp_table(run.options.space));
    let (path, size) = match paths {
        [] => return report,
        [only] => only,
        several => {
            let list: Vec<String> = several.iter().map(|(path, _)| path.display().to_string()).collect();
            let list = list.join(", ");
            report.fail(&Error::BadFile(format!("plusieurs fichiers portent ce nom : {list}")));
            report.failed.hint = Some(ONE_OF_A_NAME.to_owned());
            return report;
        }
    };
    report.path = Some(path.clone());
    if let Some(limit) = run.options.skip_large.filter(|limit| size > limit) {
        report.status = Status::Skipped;
        report.note = Some(format!("écarté : {}, plus que {}", bytes(*size), bytes(limit)));
        return report;
    }
    let job = Job { run, dataset, path, size: *size, begun: Utc::now() };
    let mut target = Weekly { run, dataset, table: report.table.clone(), room: Room::default() };
    pipeline::load(&job, &mut target, &mut report);
    report
}

/// What to do about several files of one name.
pub(crate) const ONE_OF_A_NAME: &str = "gardez un seul fichier de chaque nom, puis relancez ; deux livraisons s'importent l'une après l'autre, la plus \
                                        ancienne d'abord";

/// That `main` has nothing any more of dates, or of zones of them, that the load `history` of `file` brought and a cleanup took once they
/// were migrated.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn gone(session: &mut Session, history: u64, main: &str, file: &str) -> Result<Option<Finding>> {
    let gone = dates::gone_from(session, history, main)?;
    let mut what = Vec::new();
    if !gone.is_empty() {
        what.push(some_of(&ranges(gone.iter().filter_map(|date| date.parse().ok())), 5));
    }
    let mut zones: BTreeMap<String, BTreeSet<NaiveDate>> = BTreeMap::new();
    for (date, zone) in migrations::zones_gone_from(session, history, main)? {
        zones.entry(zone).or_default().extend(date.parse::<NaiveDate>());
    }
    what.extend(zones.into_iter().map(|(zone, days)| format!("{zone} {}", some_of(&ranges(days.into_iter()), 3))));
    if what.is_empty() {
        return Ok(None);
    }
    let message = format!("n'a plus aucune ligne de dates que {file} y a apportées ({})", some_of(&what, 5));
    Ok(Some(Finding::attention(Code::TablesEmpty, main, message)))
}

/// That what loads of `file` brought was taken back by a restoration, and that nobody has loaded it again since. Each time it is asked
/// for: a newer delivery does not bring it back.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn undone(session: &mut Session, (temp, main): (&str, &str), file: &str) -> Result<Option<Finding>> {
    let dates = dates::undone_of(session, temp, main)?;
    if dates.is_empty() {
        return Ok(None);
    }
    let days = some_of(&ranges(dates.iter().filter_map(|date| date.parse().ok())), 5);
    let message =
        format!("ce que ce fichier avait apporté a été annulé par une restauration et n'a pas été rechargé ({days})");
    let action = "remettez le CSV de ces dates dans data/data_temp/ (data/archive/ le garde), puis `update-temp-tables` et la suite de la \
                  semaine ; la plus ancienne livraison d'abord";
    Ok(Some(Finding::attention(Code::LoadUndone, file, message).action(action)))
}

/// Dates and rows of what is gone, by its name.
pub(crate) type Vanished = BTreeMap<String, (BTreeSet<NaiveDate>, u64)>;

/// How [`vanished`] tells of zones.
pub(crate) const ZONES_GONE: (Code, &str) = (Code::ZoneVanished, "des zones ont disparu de dates déjà en base");

/// That a delivery has nothing any more of what is stored for its dates.
pub(crate) fn vanished(place: &str, (code, what): (Code, &str), gone: &Vanished) -> Option<Finding> {
    let rows: u64 = gone.values().map(|(_, rows)| rows).sum();
    let days = |days: &BTreeSet<NaiveDate>| some_of(&ranges(days.iter().copied()), 3);
    let list: Vec<String> = gone.iter().map(|(name, (dates, _))| format!("{name} ({})", days(dates))).collect();
    let rows = plural(rows, "ligne en base", "lignes en base");
    let finding = || Finding::attention(code, place, format!("{what} ({rows}) : {}", some_of(&list, 5)));
    (!gone.is_empty()).then(finding)
}

struct Weekly<'a> {
    run: &'a Run<'a>,
    dataset: &'static Dataset,
    table: String,
    room: Room,
}

/// Stands in the history between the options that change what is stored and those that may save rejected lines.
const LENIENCY: &str = " |";

/// The options of a line of history that change what is stored.
fn without_leniency(options: &str) -> &str {
    options.split_once(LENIENCY).map_or(options, |(options, _)| options)
}

impl Target for Weekly<'_> {
    const DEFINITIVE: bool = false;

    fn required(&self) -> Vec<&'static [&'static str]> {
        required(self.dataset)
    }

    fn table(&self) -> TableSpec {
        schema::temp_table(self.dataset, self.run.options.space)
    }

    fn options(&self) -> String {
        match self.run.options.leniency() {
            leniency if leniency.is_empty() => self.run.fingerprint(),
            leniency => format!("{}{LENIENCY}{leniency}", self.run.fingerprint()),
        }
    }

    /// The last load of the table, when its rows are still accounted for.
    fn known(&self, content: &Content) -> Result<Option<Earlier>> {
        if self.run.options.force {
            return Ok(None);
        }
        let last = self.run.database.with_session(|session| {
            let Some(last) = history::last(session, &self.table)? else { return Ok(None) };
            let same = last.file_hash == content.hex()
                && without_leniency(&last.options) == without_leniency(&content.options);
            // Changed by other hands: what history says is no longer so.
            if same && last.cleaned_at.is_none() && !dates::is_in_step(session, last.id, &self.table)? {
                log::warn!("{} n'est plus telle que l'import l'a laissée : le fichier est rechargé", self.table);
                return Ok(None);
            }
            let main = self.dataset.main_table(self.run.options.space);
            let file = self.dataset.weekly_file.unwrap_or_default();
            if same && let Some(gone) = gone(session, last.id, &main, file)? {
                log::warn!("{main} {} : il est rechargé", gone.message);
                return Ok(None);
            }
            Ok(same.then_some(last))
        })?;
        Ok(last.map(|last| Earlier {
            options: last.options,
            dims_hash: last.dims_hash,
            rejected: last.counts.rejected,
            refused: self.run.options.on_conflict.refused(last.counts.conflicts),
            is_empty: last.counts.stored == 0,
            encoding: last.encoding,
            reject_file: last.reject_file,
            dates: last.dates,
            note: last.cleaned_at.map(|_| "déjà en base : chargement, migration et nettoyage faits (--force recharge)"),
        }))
    }

    fn mapper(&self, header: &Header, order: DateOrder) -> Result<Mapper> {
        let latest = if self.run.options.allow_future { None } else { Day::from_date(today()) };
        let reading = Reading {
            raw: false,
            create: &self.run.options.create_missing,
            year: self.run.options.year,
            latest,
            order,
            strip_accents: false,
            room: &self.room,
        };
        let Run { database, locality, epcis, .. } = self.run;
        Mapper::new(self.dataset, header, reading, |dim, may_be_empty| {
            database
                .with_session(|session| dims::load_weekly(session, dim, locality, epcis, may_be_empty))
                .map(Arc::new)
        })
    }

    /// Refuses dates that would lose more rows than `--max-shrink` allows, and tells zones that are gone and a period that was not to be
    /// expected.
    fn guard(&mut self, found: &Found, report: &mut FileReport) -> Result<Guarded> {
        let layout = found.mapper.layout();
        let dates: Vec<Day> = found.tally.slices.keys().map(|slice| layout.day(*slice)).collect();
        if dates.is_empty() {
            return Ok(Guarded::default());
        }
        let tables = Tables::of(self.dataset, self.run.options.space, &self.run.tables);
        let (stored, unexpected) = self
            .run
            .database
            .with_session(|session| Ok((tables.stored(session, &dates)?, tables.unexpected(session, &dates)?)))?;
        if let Some(message) = unexpected {
            let finding = Finding::attention(Code::PeriodUnexpected, &report.file, message);
            report
                .findings
                .push(finding.action("vérifiez que c'est la livraison attendue ; sinon, remplacez ses fichiers"));
        }
        let mut guarded = Guarded::default();
        if self.run.options.force {
            return Ok(guarded);
        }
        for (day, stored) in &stored {
            let (slice, stored) = (layout.slice_of(*day, 0), stored.rows);
            let incoming = found.tally.slices.get(&slice).map_or(0, |counts| counts.rows);
            if is_shrunk(stored, incoming, self.run.options.max_shrink) {
                guarded.refused.insert(slice);
                report.shrunk_dates.push(ShrunkDate { date: day.to_string(), stored, incoming });
            }
        }
        report.findings.extend(self.vanished(found, &guarded, &stored, &report.file)?);
        Ok(guarded)
    }

    fn plan(&self, found: &Found, guarded: &Guarded) -> Plan {
        let slices = found.tally.slices.iter();
        let replaced: Vec<Slice> = slices
            .filter(|(slice, counts)| counts.rows > 0 && !guarded.refused.contains(slice))
            .map(|(slice, _)| *slice)
            .collect();
        let days = days_of(found, &replaced);
        let span = days.first().copied().zip(days.last().copied());
        let dates = dates_of(found, guarded, self.run.options.on_conflict);
        Plan { replaced, days: days.into_iter().collect(), span, dates }
    }

    fn would_replace(&self, found: &Found, plan: &Plan) -> Result<u64> {
        let days = days_of(found, &plan.replaced);
        let stored = self.run.database.with_session(|session| send::stored_by_date(session, &self.table, &days))?;
        Ok(stored.iter().map(|(_, rows)| rows).sum())
    }

    fn create(&self, session: &mut Session, mapper: &Mapper) -> Result<Created> {
        let mut created = Created::new();
        for (dim, rows, _) in mapper.new_rows() {
            let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
            let ids = create_in_order(session, dim, &names)?;
            distinct(dim, &names, &ids, &mapper.ids_of(dim, &[]).unwrap_or_default())?;
            created.push((dim, ids));
        }
        Ok(created)
    }

    fn delete(&self, session: &mut Session, found: &Found, slices: &[Slice], _: &Created) -> Result<u64> {
        send::delete_dates(session, &self.table, &days_of(found, slices))
    }
}

impl Weekly<'_> {
    /// Zones of which rows are stored for a date that is replaced, and of which the file has none.
    fn vanished(
        &self,
        found: &Found,
        guarded: &Guarded,
        stored: &BTreeMap<Day, Stored>,
        file: &str,
    ) -> Result<Option<Finding>> {
        let layout = found.mapper.layout();
        let ids = found.mapper.ids_of(Dim::Zone, &[]).unwrap_or_default();
        let brought: BTreeSet<(Day, u32)> = found
            .tally
            .zones
            .iter()
            .filter_map(|((day, packed), rows)| Some((*day, *ids.get(*packed as usize).filter(|_| *rows > 0)?)))
            .collect();
        let mut gone: Vec<(Day, u32, u64)> = Vec::new();
        for (day, stored) in stored.iter().filter(|(day, _)| !guarded.refused.contains(&layout.slice_of(**day, 0))) {
            let missing = stored.zones.iter().filter(|(zone, _)| !brought.contains(&(*day, **zone)));
            gone.extend(missing.map(|(zone, rows)| (*day, *zone, *rows)));
        }
        if gone.is_empty() {
            return Ok(None);
        }
        let load = |session: &mut Session| dims::load(session, Dim::Zone, &self.run.locality, true);
        let zones = self.run.database.with_session(load)?;
        let name = |id: u32| zones.rows().iter().find(|row| row.id == Some(id)).map(|row| row.name.clone());
        let mut by_zone = Vanished::new();
        for (day, zone, rows) in gone {
            let (dates, of_zone) = by_zone.entry(name(zone).unwrap_or_else(|| format!("id_zone {zone}"))).or_default();
            dates.insert(day.date());
            *of_zone += rows;
        }
        let action = "vérifiez auprès du fournisseur avant de migrer ; un nom rejeté fait aussi disparaître sa zone";
        Ok(vanished(file, ZONES_GONE, &by_zone).map(|finding| finding.action(action)))
    }
}

fn days_of(found: &Found, slices: &[Slice]) -> Vec<Day> {
    slices.iter().map(|slice| found.mapper.layout().day(*slice)).collect()
}

/// What is remembered of each date of the file: rows that are missing here, for whatever reason, are none that the supplier withdrew.
/// A line whose date cannot be read may be of any of them.
fn dates_of(found: &Found, guarded: &Guarded, policy: OnConflict) -> BTreeMap<Day, DateCounts> {
    let layout = found.mapper.layout();
    let undated = found.rejected.get(&None).copied().unwrap_or(0);
    let mut dates: BTreeMap<Day, DateCounts> = BTreeMap::new();
    for (slice, counts) in &found.tally.slices {
        let date = dates.entry(layout.day(*slice)).or_default();
        if guarded.refused.contains(slice) {
            date.held += counts.lines;
            continue;
        }
        date.stored += counts.rows;
        date.volume += counts.volume;
        // Only then does a contradiction leave its key without a row.
        date.held += policy.refused(counts.conflicts);
    }
    for (day, lines) in &found.rejected {
        if let Some(day) = day {
            dates.entry(*day).or_default().rejected += lines;
        }
    }
    dates.values_mut().for_each(|date| date.rejected += undated);
    dates
}

/// Whether a date would lose more than `most` percent of its rows.
fn is_shrunk(stored: u64, incoming: u64, most: f64) -> bool {
    stored.saturating_sub(incoming) as f64 * 100.0 > most * stored as f64
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

/// Proves that each created name is a row of its own: two names that we tell apart may be one to the server.
///
/// # Errors
/// [`Error::BadFile`] that names the name.
fn distinct(dim: Dim, names: &[&str], ids: &[u32], stored: &[u32]) -> Result<()> {
    let mut known: BTreeSet<u32> = stored.iter().copied().collect();
    match names.iter().zip(ids).find(|(_, id)| !known.insert(**id)) {
        None => Ok(()),
        Some((name, id)) => {
            let other = names.iter().zip(ids).find(|(other, own)| own == &id && other != &name);
            let other = other
                .map_or_else(|| format!("la ligne {id} de {}", dim.spec().table), |(other, _)| format!("« {other} »"));
            Err(Error::BadFile(format!(
                "{dim} « {name} » et {other} sont un seul nom pour le serveur : n'en gardez qu'une écriture"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_shrinks_once_it_loses_more_than_its_share() {
        assert!(!is_shrunk(100, 50, 50.0) && is_shrunk(100, 49, 50.0));
        assert!(!is_shrunk(0, 0, 0.0) && !is_shrunk(10, 200, 0.0));
        assert!(is_shrunk(1000, 999, 0.0) && !is_shrunk(1000, 0, 100.0));
    }

    #[test]
    fn options_that_save_lines_do_not_make_another_file() {
        assert_eq!(without_leniency("on_conflict=first | max_shrink=80"), "on_conflict=first");
        assert_eq!(without_leniency("on_conflict=first year=2025"), "on_conflict=first year=2025");
    }
}
