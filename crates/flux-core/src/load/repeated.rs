//! What no file shows by itself: one content under two names, and files of two deliveries.
//!
//! Files of the same columns, nights and days, that are taken for each other load without a rejected line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::db::Session;
use crate::domain::catalogue::{Dataset, weekly};
use crate::domain::values::Day;
use crate::error::Result;
use crate::ledger::dates;
use crate::load::report::{FileReport, Status};
use crate::load::run::Run;
use crate::report::{Code, Finding, number, plural, some_of};

/// Rows below which two files may well say the same, and different volumes.
const FEWEST: u64 = 50;
const FEWEST_VOLUMES: usize = 10;

/// Rows and volume by date, zone and category.
pub(crate) type Cells = BTreeMap<(NaiveDate, u32, u32), (u64, u64)>;

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
                (Some(file), None) => beside_stored(run, file, (one, other))?,
                (None, Some(file)) => beside_stored(run, file, (other, one))?,
                (Some(file), Some(twin)) if run.options.dry_run => same_bytes(file, twin, (one, other)),
                (Some(file), Some(_)) => beside_stored(run, file, (one, other))?,
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

/// Before anything is stored, the bytes alone tell.
fn same_bytes(file: &FileReport, twin: &FileReport, (one, other): (&Dataset, &Dataset)) -> Option<Finding> {
    let same = file.content.is_some() && file.content == twin.content && file.counts.stored >= FEWEST;
    let name = other.weekly_file.unwrap_or(other.main);
    let message = format!("a le même contenu que {name} : {} lignes", number(file.counts.stored));
    let finding = Finding::attention(Code::FileRepeated, one.weekly_file.unwrap_or(one.main), message);
    same.then(|| finding.action("demandez au fournisseur lequel des deux est faux, et déposez le bon avant de migrer"))
}

/// Compares what the temporary table holds of a file with what is stored of its twin. What the history keeps of each date tells nearly
/// always that they differ, and no row is read.
fn beside_stored(run: &Run<'_>, file: &FileReport, (one, twin): (&Dataset, &Dataset)) -> Result<Option<Finding>> {
    let Some((first, last)) = span_of(file).filter(|_| !run.options.dry_run) else { return Ok(None) };
    let [temp, of_twin] = [one, twin].map(|dataset| dataset.temp_table(run.options.space));
    let main = Some(twin.main_table(run.options.space)).filter(|main| run.tables.contains_key(main));
    run.database.with_session(|session| {
        let there = dates::all(session, &of_twin)?;
        let (mut rows, mut differs) = (0, false);
        for (date, known) in dates::evidence(session, &temp)? {
            let is_of_file = date.parse().is_ok_and(|date: NaiveDate| first <= date && date <= last);
            let Some(stored) = known.stored.filter(|_| is_of_file) else { continue };
            if let Some(other) = there.get(&date).and_then(|other| other.stored) {
                differs |= stored != other;
                rows += stored.0;
            }
        }
        if differs || rows < FEWEST {
            return Ok(None);
        }
        let here = cells(session, &temp, Some((first, last)))?;
        let mut known = cells(session, &of_twin, Some((first, last)))?;
        if known.is_empty()
            && let Some(main) = &main
        {
            known = cells(session, main, Some((first, last)))?;
        }
        Ok(repeats(one, twin, &here, &known))
    })
}
