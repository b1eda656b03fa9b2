//! What no file shows by itself: one content under two names, and files of two deliveries.
//!
//! Files of the same columns, nights and days, that are taken for each other load without a rejected line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::db::Session;
use crate::domain::catalogue::{Dataset, weekly};
use crate::domain::names::Row;
use crate::domain::values::Day;
use crate::error::Result;
use crate::ledger::dates::{self, Evidence};
use crate::load::options::OnConflict;
use crate::load::report::{FileReport, Status};
use crate::load::run::Run;
use crate::load::store;
use crate::load::tally::Cells;
use crate::load::target::{Created, Found, Guarded};
use crate::report::{Code, Finding, number, plural, some_of};

/// Rows below which two files may well say the same, and different volumes.
const FEWEST: u64 = 50;
const FEWEST_VOLUMES: usize = 10;

/// First and last date.
pub(crate) type Span = (NaiveDate, NaiveDate);

/// Those of a table, or of a span of it.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn cells(session: &mut Session, table: &str, span: Option<Span>) -> Result<Cells> {
    let within = span.map_or_else(String::new, |(first, last)| format!("WHERE date BETWEEN '{first}' AND '{last}'"));
    let sql = format!(
        "SELECT CAST(date AS CHAR), id_zone, id_categorie, COUNT(*), CAST(SUM(volume) AS UNSIGNED) FROM {table} {within} \
         GROUP BY date, id_zone, id_categorie"
    );
    let rows: Vec<(String, u32, u32, u64, u64)> = session.rows(&format!("couverture de {table}"), &sql, ())?;
    let cell = |(date, zone, category, rows, volume): (String, u32, u32, u64, u64)| {
        Some(((date.parse().ok()?, zone, category), (rows, volume)))
    };
    Ok(rows.into_iter().filter_map(cell).collect())
}

/// That a file says the same as its twin on the dates that both hold, zone by zone.
pub(crate) fn repeats(one: &Dataset, twin: &Dataset, here: &Cells, there: &Cells) -> Option<Finding> {
    let days = |cells: &Cells| cells.keys().map(|(date, ..)| *date).collect::<BTreeSet<NaiveDate>>();
    let shared: BTreeSet<NaiveDate> = days(here).intersection(&days(there)).copied().collect();
    let is_shared = |((date, ..), _): &(&(NaiveDate, u32, u32), &(u64, u64))| shared.contains(date);
    let here = || here.iter().filter(is_shared);
    let rows: u64 = here().map(|(_, (rows, _))| rows).sum();
    let volumes: BTreeSet<u64> = here().map(|(_, (_, volume))| *volume).collect();
    if rows < FEWEST || volumes.len() < FEWEST_VOLUMES || !here().eq(there.iter().filter(is_shared)) {
        return None;
    }
    let name = |dataset: &Dataset| dataset.weekly_file.unwrap_or(dataset.main);
    let message = format!("dit la même chose que {} : {} lignes, les mêmes volumes", name(twin), number(rows));
    let finding = Finding::attention(Code::FileRepeated, name(one), message);
    Some(finding.action("demandez au fournisseur lequel des deux est faux, et déposez le bon avant de migrer"))
}

/// Files that end before others of the delivery begin: of two deliveries, a part of each. Names with first and last day.
pub(crate) fn crossed<'a>(files: impl Iterator<Item = (&'a str, Day, Day)>) -> Option<Finding> {
    let files: Vec<_> = files.collect();
    let (_, begin, end) = files.iter().max_by_key(|(_, first, last)| (*last, *first))?;
    let early: Vec<_> = files.iter().filter(|(.., last)| last < begin).collect();
    let last = early.iter().map(|(.., last)| last).max()?;
    let count = plural(early.len() as u64, "fichier s'arrête", "fichiers s'arrêtent");
    let names: Vec<String> = early.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let message = format!(
        "deux livraisons mêlées : {count} au {last} ou avant ({}), alors que d'autres vont du {begin} au {end}",
        some_of(&names, 5)
    );
    let finding = Finding::attention(Code::PeriodUnexpected, "livraison", message);
    Some(finding.action("déposez tous les fichiers d'une même livraison, la plus ancienne d'abord"))
}

/// What the files of a run say together. A file that is there and was loaded before counts: as this week's it is the wrong one.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn look(run: &Run<'_>, files: &[FileReport]) -> Result<Vec<Finding>> {
    let span = |file: &FileReport| Some((file.file.trim_end_matches(".csv").to_owned(), span_of(file)?));
    let of = |status: Status| files.iter().filter(|file| file.status == status).count();
    // One new file beside those of a week that is done comes alone; one old file among new ones is in the place of a new one.
    let is_held = |file: &&FileReport| match file.status {
        Status::Unchanged => of(Status::Unchanged) < of(Status::Loaded),
        status => status == Status::Loaded,
    };
    let spans: Vec<_> = files.iter().filter(is_held).filter_map(span).collect();
    let day = |date: NaiveDate| Day::from_date(date);
    let days = spans.iter().filter_map(|(name, (first, last))| Some((name.as_str(), day(*first)?, day(*last)?)));
    // Who asks for some of the files does not ask about the delivery.
    let mut found: Vec<Finding> = crossed(days).filter(|_| run.options.only.is_empty()).into_iter().collect();
    for (at, one) in weekly().enumerate() {
        for other in weekly().skip(at + 1).filter(|other| other.breakdown == one.breakdown) {
            let of = |dataset: &Dataset| {
                files.iter().find(|file| dataset.weekly_file == Some(file.file.as_str()) && is_taken(file))
            };
            // The one that was just delivered is the doubtful one.
            found.extend(match (of(one), of(other)) {
                (Some(file), twin) => compare(run, (file, twin), (one, other))?,
                (None, Some(file)) => compare(run, (file, None), (other, one))?,
                (None, None) => None,
            });
        }
    }
    Ok(found)
}

fn is_taken(file: &FileReport) -> bool {
    matches!(file.status, Status::Loaded | Status::Unchanged)
}

fn span_of(file: &FileReport) -> Option<Span> {
    let (first, last) = file.dates.as_ref().or(file.known_dates.as_ref())?;
    first.parse().ok().zip(last.parse().ok())
}

/// The cells of a file that was read and is not stored. A name that would be created has no number yet: its letters give it one, the same
/// in each file.
///
/// # Errors
/// [`crate::error::Error::Io`] of the sorter, [`crate::error::Error::BadFile`] of a sum that is too large.
pub(crate) fn cells_of(found: &Found, guarded: &Guarded, policy: OnConflict) -> Result<Cells> {
    let number =
        |row: &Row| u32::from_le_bytes(*blake3::hash(row.name.as_bytes()).as_bytes().first_chunk().unwrap_or(&[0; 4]));
    let created = found.mapper.new_rows();
    let created: Created = created.into_iter().map(|(dim, rows, _)| (dim, rows.iter().map(number).collect())).collect();
    let mut cells = Cells::new();
    store::rows(found, guarded, policy, found.mapper.ids(&created)).for_each(|day, ids, volume| {
        let cell = cells.entry((day.date(), ids[0], ids[2])).or_default();
        *cell = (cell.0 + 1, cell.1 + u64::from(volume));
        Ok(())
    })?;
    Ok(cells)
}

/// Rows and volume by date.
fn by_date(cells: &Cells) -> BTreeMap<NaiveDate, (u64, i64)> {
    let mut dates: BTreeMap<NaiveDate, (u64, i64)> = BTreeMap::new();
    for ((date, ..), (rows, volume)) in cells {
        let of_date = dates.entry(*date).or_default();
        *of_date = (of_date.0 + rows, of_date.1.saturating_add_unsigned(*volume));
    }
    dates
}

/// What a table holds, once a file that was read and not stored has replaced its dates.
fn once_stored(session: &mut Session, table: &str, (first, last): Span, read: &Cells) -> Result<Cells> {
    let mut held = cells(session, table, Some((first, last)))?;
    let replaced: BTreeSet<NaiveDate> = read.keys().map(|(date, ..)| *date).collect();
    held.retain(|(date, ..), _| !replaced.contains(date));
    held.extend(read.iter().filter(|((date, ..), _)| (first..=last).contains(date)).map(|(cell, what)| (*cell, *what)));
    Ok(held)
}

/// Compares what the temporary table holds of a file with what is stored of its twin; on a dry run what both would hold. What the history
/// keeps of each date tells nearly always that they differ, and no row is read.
fn compare(
    run: &Run<'_>,
    files: (&FileReport, Option<&FileReport>),
    (one, twin): (&Dataset, &Dataset),
) -> Result<Option<Finding>> {
    let Some((first, last)) = span_of(files.0) else { return Ok(None) };
    let nothing = Cells::new();
    let (read, read_of_twin) = (&files.0.read, files.1.map_or(&nothing, |file| &file.read));
    let [temp, of_twin] = [one, twin].map(|dataset| dataset.temp_table(run.options.space));
    let main = Some(twin.main_table(run.options.space)).filter(|main| run.tables.contains_key(main));
    run.database.with_session(|session| {
        let stored = |known: BTreeMap<String, Evidence>, read: &Cells| {
            let known = known.into_iter().filter_map(|(date, known)| Some((date.parse().ok()?, known.stored?)));
            let mut stored: BTreeMap<NaiveDate, (u64, i64)> = known.collect();
            stored.extend(by_date(read));
            stored
        };
        let there = stored(dates::all(session, &of_twin)?, read_of_twin);
        let (mut rows, mut differs) = (0, false);
        for (date, known) in stored(dates::evidence(session, &temp)?, read).range(first..=last) {
            if let Some(other) = there.get(date) {
                differs |= known != other;
                rows += known.0;
            }
        }
        if differs || rows < FEWEST {
            return Ok(None);
        }
        let here = once_stored(session, &temp, (first, last), read)?;
        let mut known = once_stored(session, &of_twin, (first, last), read_of_twin)?;
        if known.is_empty()
            && let Some(main) = &main
        {
            known = cells(session, main, Some((first, last)))?;
        }
        Ok(repeats(one, twin, &here, &known))
    })
}
