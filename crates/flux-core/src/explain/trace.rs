//! From a key to what is known of it: its rows and their changes in the database, then the deliveries that speak of it.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs;

use chrono::{DateTime, Utc};
use mysql::Row;

use crate::db::{Session, marks};
use crate::domain::catalogue::{Dataset, Dim, Space};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::explain::evidence::{Delivery, Known, Load, StoredRow, Writing};
use crate::explain::key::{Key, Names};
use crate::explain::places::{Place, Places};
use crate::explain::report::ExplainReport;
use crate::explain::scan::{self, Scan};
use crate::ledger::dates::{self, DateCounts};
use crate::ledger::history::{self, Past};
use crate::ledger::rows::{self, Change};
use crate::load::OnConflict;
use crate::migrate::Pair;
use crate::progress::Progress;
use crate::report::Finding;
use crate::schema::{self, Existing};
use crate::settings::Settings;
use crate::signals;

/// Explains keys of one table, each file being read once for all of them.
///
/// # Errors
/// [`Error::Sql`], [`Error::Interrupted`]. A file that cannot be read is in the reports.
pub(crate) fn traces(
    settings: &Settings,
    session: &mut Session,
    keys: &[Key],
    names: &Names,
    progress: &Progress,
) -> Result<Vec<ExplainReport>> {
    let Some(dataset) = keys.first().map(|key| key.dataset) else { return Ok(Vec::new()) };
    let existing = schema::existing(session)?;
    let (main, temp) = (dataset.main_table(Space::Production), dataset.temp_table(Space::Production));
    let pasts = history::of_tables(session, [&main, &temp])?;
    let mut days: BTreeMap<Cell<'_>, OfDay> = BTreeMap::new();
    let mut reports = Vec::with_capacity(keys.len());
    for key in keys {
        let of_day = match days.entry(cell(key)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(OfDay::read(session, &existing, key, &pasts)?),
        };
        reports.push(ExplainReport::of_key(key, known(session, &existing, key, names, of_day)?));
    }
    let mut loads: HashMap<String, Vec<Past>> = HashMap::new();
    for past in pasts {
        loads.entry(past.hash.clone()).or_default().push(past);
    }
    let places = Places::find(settings, dataset)?;
    for path in places.unreadable {
        reports.iter_mut().for_each(|report| report.unreadable.push((path.clone(), "dossier illisible".to_owned())));
    }
    let undated = dates::undated(session, &temp)?;
    let bar = progress.count("fichiers", places.files.len() as u64);
    for place in places.files {
        signals::check()?;
        bar.inc(1);
        let pasts = place.hash.as_ref().and_then(|hash| loads.get(hash)).map_or(&[][..], Vec::as_slice);
        let excluded = |key: &Key| {
            let brought = &days[&cell(key)].brought;
            !pasts.is_empty() && pasts.iter().all(|past| excludes(past, key, brought, &undated))
        };
        let (skipped, wanted): (Vec<usize>, Vec<usize>) = (0..keys.len()).partition(|at| excluded(&keys[*at]));
        skipped.into_iter().for_each(|at| reports[at].skipped += 1);
        if wanted.is_empty() {
            continue;
        }
        let asked: Vec<&Key> = wanted.iter().map(|at| &keys[*at]).collect();
        match scan::scan(&place.path, (dataset, &asked), place.raw, names) {
            Ok((hash, scans)) => {
                for (at, scan) in wanted.into_iter().zip(scans) {
                    reports[at].add(delivery(&place, &hash, scan, (dataset, &loads, &days[&cell(&keys[at])].brought)));
                }
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                let text = error.to_string();
                wanted.into_iter().for_each(|at| reports[at].unreadable.push((place.path.clone(), text.clone())));
            }
        }
    }
    bar.finish_and_clear();
    reports.iter_mut().zip(keys).for_each(|(report, key)| report.conclude(key));
    Ok(reports)
}

/// Explains one key.
///
/// # Errors
/// As [`traces`].
pub(crate) fn trace(
    settings: &Settings,
    session: &mut Session,
    key: Key,
    names: &Names,
    progress: &Progress,
) -> Result<ExplainReport> {
    let mut reports = traces(settings, session, &[key], names, progress)?;
    reports.pop().ok_or_else(|| Error::Invariant("une clé sans explication".into()))
}

/// The day and the zones of a key, by which several are alike.
type Cell<'a> = (Day, &'a [u32]);

fn cell(key: &Key) -> Cell<'_> {
    (key.day, key.zones())
}

/// What the database knows of a day and its zones, whatever the rest of the key.
struct OfDay {
    /// Definitive rows: they replace what is provisional there.
    definitive: u64,
    /// What the next migration would leave aside.
    aside: Vec<Finding>,
    /// What each load brought of the day, by its id.
    brought: BTreeMap<u64, DateCounts>,
    /// The load whose rows of the day the temporary table has.
    waiting: Option<Writing>,
}

impl OfDay {
    fn read(session: &mut Session, existing: &HashMap<String, Existing>, key: &Key, pasts: &[Past]) -> Result<Self> {
        let pair = Pair::new(key.dataset, Space::Production);
        let date = key.day.to_string();
        let is_weekly = key.dataset.weekly_file.is_some();
        let brought = dates::of_date(session, &pair.temp, &date)?;
        let has_rows =
            |past: &&Past| past.status == "loaded" && brought.get(&past.id).is_some_and(|counts| counts.stored > 0);
        let waiting = pasts.iter().rev().find(has_rows).map(|past| Writing {
            at: past.finished_at.clone(),
            tool: Some(past.tool.clone()),
            run: Some(past.run.clone()),
            undone: false,
        });
        Ok(Self {
            definitive: definitive_of_zone(session, existing, key)?,
            aside: match pair.require(Space::Production, existing) {
                Ok(()) if is_weekly => pair.aside_of(session, &date, key.zones())?,
                _ => Vec::new(),
            },
            brought,
            waiting,
        })
    }
}

/// What the database knows of a key.
fn known(
    session: &mut Session,
    existing: &HashMap<String, Existing>,
    key: &Key,
    names: &Names,
    of_day: &OfDay,
) -> Result<Known> {
    let main = key.dataset.main_table(Space::Production);
    let ids: Vec<&[u32]> = key.parts.iter().map(|part| &*part.ids).collect();
    let changes = rows::changes(session, &main, &key.day.to_string(), &ids)?;
    Ok(Known {
        stored: stored(session, existing, (key, names), (&changes, of_day))?,
        definitive_of_zone: of_day.definitive,
        changes,
        aside: of_day.aside.clone(),
    })
}

/// Whether what is remembered of a load shows that its file does not speak of the key's date: by its dates, where these are known, else
/// by the first and the last one, if every line was stored.
fn excludes(past: &Past, key: &Key, brought: &BTreeMap<u64, DateCounts>, undated: &BTreeMap<u64, u64>) -> bool {
    if past.status == "failed" || past.filtered > 0 {
        return false;
    }
    if let Some(undated) = undated.get(&past.id) {
        return *undated == 0 && !brought.contains_key(&past.id);
    }
    let day = key.day.to_string();
    past.rejected == 0 && past.dates.as_ref().is_some_and(|(first, last)| day < *first || day > *last)
}

/// What a file says of a key, by the loads of its content and what they brought of the date.
fn delivery(
    place: &Place,
    hash: &str,
    scan: Scan,
    (dataset, loads, brought): (&Dataset, &HashMap<String, Vec<Past>>, &BTreeMap<u64, DateCounts>),
) -> Delivery {
    let pasts = loads.get(hash).map(Vec::as_slice).unwrap_or_default();
    let own = if place.raw { dataset.main_table(Space::Production) } else { dataset.temp_table(Space::Production) };
    let pasts: Vec<&Past> = pasts.iter().filter(|past| past.table == own).collect();
    // The last load that counts decides; of a file that was never loaded, the usual rule.
    let loaded = pasts.iter().rev().find(|past| past.status == "loaded");
    let policy = loaded.and_then(|past| OnConflict::of_load(&past.options)).unwrap_or_default();
    let modified = fs::metadata(&place.path).and_then(|metadata| metadata.modified());
    let of_date = loaded.and_then(|past| brought.get(&past.id));
    Delivery {
        kept_back: of_date.is_some_and(|counts| counts.stored == 0 && counts.held > 0),
        raw: place.raw,
        archived: place.archived,
        modified: modified.map(DateTime::<Utc>::from).unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string(),
        first_load: pasts.first().map(|past| past.id),
        last_load: loaded.map(|past| past.id),
        loads: pasts.iter().map(|past| Load::of(past)).collect(),
        blake3: hash.to_owned(),
        volume: scan.volume(policy),
        contradictory: scan.is_contradictory(),
        policy,
        lines: scan.lines,
        of_day_and_zone: scan.of_day_and_zone,
        hits: scan.hits,
        refused_lines: scan.refused_lines,
        refused_of_day: scan.refused_of_day,
        refused: scan.refused,
        places: vec![place.path.clone()],
    }
}

/// The rows of the key in the main and the temporary table.
fn stored(
    session: &mut Session,
    existing: &HashMap<String, Existing>,
    (key, names): (&Key, &Names),
    (changes, of_day): (&[Change], &OfDay),
) -> Result<Vec<StoredRow>> {
    let (condition, values) = key.condition();
    let temp = key.dataset.weekly_file.map(|_| key.dataset.temp_table(Space::Production));
    let mut stored = Vec::new();
    for table in std::iter::once(key.dataset.main_table(Space::Production)).chain(temp) {
        let Some(shape) = existing.get(&table) else { continue };
        let optional = |column: &str| if shape.has(column) { format!("CAST({column} AS CHAR)") } else { "NULL".into() };
        let epci = if shape.has("id_epci") { "CAST(id_epci AS SIGNED)" } else { "NULL" };
        let sql = format!(
            "SELECT CAST(volume AS SIGNED) AS volume, {} AS provisional, {} AS created, {} AS updated, {epci} AS epci, \
             CAST(id_zone AS SIGNED) AS zone FROM {table} WHERE {condition} ORDER BY 6, 5 LIMIT 100",
            optional("is_provisional"),
            optional("created_at"),
            optional("updated_at"),
        );
        let rows: Vec<Row> = session.rows(&format!("lecture de {table}"), &sql, values.clone())?;
        for row in rows {
            let text =
                |column: &str| row.get_opt::<Option<String>, _>(column).and_then(std::result::Result::ok).flatten();
            let number =
                |column: &str| row.get_opt::<Option<i64>, _>(column).and_then(std::result::Result::ok).flatten();
            let id = |column: &str| number(column).and_then(|id| u32::try_from(id).ok());
            let is_group = key.zones().len() > 1;
            let main = !table.ends_with("_temp");
            let (created_at, updated_at) = (text("created"), text("updated"));
            let (zone, epci) = (id("zone"), id("epci"));
            let own = |change: &&Change| {
                zone == Some(change.of.0) && (epci.is_none() || change.of.1.is_none() || change.of.1 == epci)
            };
            let last_change = if main {
                Writing::last(changes.iter().filter(own), created_at.as_deref(), updated_at.as_deref())
            } else {
                of_day.waiting.clone()
            };
            stored.push(StoredRow {
                main,
                table: table.clone(),
                volume: number("volume").unwrap_or_default(),
                provisional: text("provisional").map(|mark| mark != "0"),
                created_at,
                updated_at,
                last_change,
                epci: epci.and_then(|id| names.name_of(Dim::Epci, id)),
                zone: zone.filter(|_| is_group).and_then(|id| names.name_of(Dim::Zone, id)),
            });
        }
    }
    Ok(stored)
}

/// Definitive rows of the key's date and zone: they replace what is provisional there.
fn definitive_of_zone(session: &mut Session, existing: &HashMap<String, Existing>, key: &Key) -> Result<u64> {
    let table = key.dataset.main_table(Space::Production);
    if !existing.get(&table).is_some_and(|shape| shape.has("is_provisional")) {
        return Ok(0);
    }
    let sql = format!(
        "SELECT COUNT(*) FROM {table} WHERE date = ? AND id_zone IN {} AND is_provisional = 0",
        marks(1, key.zones().len())
    );
    let mut params = vec![mysql::Value::from(key.day.to_string())];
    params.extend(key.zones().iter().map(mysql::Value::from));
    Ok(session.first(&format!("lecture de {table}"), &sql, params)?.unwrap_or_default())
}
