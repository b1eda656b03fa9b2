//! `explain-volume`: where a figure comes from. From a key of a fact table to the deliveries, lines and loads that say something of it,
//! and from a line of a CSV to its row.

mod evidence;
mod key;
mod places;
mod report;
mod scan;
mod verdict;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use mysql::Row;

use crate::db::{Database, Session};
use crate::domain::catalogue::{Dataset, Dim, Space};
use crate::error::{Error, Result};
use crate::explain::evidence::{Delivery, Load, StoredRow};
use crate::explain::key::{Key, Names};
use crate::explain::places::{Place, Places};
use crate::explain::report::{ExplainReport, LineReport};
use crate::explain::scan::{Found, Scan};
use crate::ledger::history::{self, Past};
use crate::load::OnConflict;
use crate::progress::Progress;
use crate::report::Report;
use crate::schema;
use crate::settings::Settings;
use crate::signals;

/// What is to be explained.
#[derive(Debug, Clone)]
pub enum Asked {
    /// A stored or missing figure.
    Figure {
        /// Main or temporary table, family or weekly file.
        table: String,
        /// The date.
        date: NaiveDate,
        /// A name for each dimension of the table; the EPCI may be left out.
        names: Vec<(Dim, String)>,
    },
    /// A line of a delivery, compressed or not.
    Line {
        /// The file; relative to the home where it is not found as it is.
        file: PathBuf,
        /// Its number, 1 being the header.
        line: u64,
    },
}

/// Finds where a figure comes from. Reads only.
///
/// # Errors
/// [`Error::Usage`] and [`Error::Config`] for a key that leads nowhere; [`Error::Sql`], [`Error::Interrupted`]. A file that cannot be
/// read is in the report.
pub fn explain(
    settings: &Settings,
    database: &Database,
    asked: &Asked,
    progress: &Progress,
) -> Result<impl Report + use<>> {
    let mut session = database.session()?;
    match asked {
        Asked::Figure { table, date, names: given } => {
            let dataset = key::dataset(table)?;
            let names = Names::load(&mut session, settings, dataset)?;
            let key = Key::of_names(dataset, *date, given, &names)?;
            figure(settings, &mut session, &key, &names, progress)
        }
        Asked::Line { file, line } => {
            let path = if file.exists() { file.clone() } else { settings.home.root().join(file) };
            let (dataset, raw) = places::dataset_of(&path).ok_or_else(|| {
                Error::Usage(format!(
                    "« {} » n'est ni un fichier de la livraison hebdomadaire ni un export brut",
                    file.display()
                ))
            })?;
            let names = Names::load(&mut session, settings, dataset)?;
            match scan::line(&path, *line, dataset, raw, &names)? {
                Found::Refused(refused) => Ok(ExplainReport::of_refused(dataset, &path, refused)),
                Found::Row(key, volume) => {
                    let report = figure(settings, &mut session, &key, &names, progress)?;
                    Ok(report.with_line(LineReport::stored(&path, *line, volume)))
                }
            }
        }
    }
}

fn figure(
    settings: &Settings,
    session: &mut Session,
    key: &Key,
    names: &Names,
    progress: &Progress,
) -> Result<ExplainReport> {
    let mut report = ExplainReport::of_key(key);
    report.stored = stored(session, key, names)?;
    report.definitive_of_zone = definitive_of_zone(session, key)?;
    let main = key.dataset.main_table(Space::Production);
    let temp = key.dataset.temp_table(Space::Production);
    let mut loads: HashMap<String, Vec<Past>> = HashMap::new();
    for past in history::of_tables(session, [&main, &temp])? {
        loads.entry(past.hash.clone()).or_default().push(past);
    }
    let places = Places::find(settings, key.dataset)?;
    report.unreadable.extend(places.unreadable.iter().map(|path| (path.clone(), "dossier illisible".to_owned())));
    let bar = progress.count("fichiers", places.files.len() as u64);
    for place in places.files {
        signals::check()?;
        bar.inc(1);
        if place
            .hash
            .as_ref()
            .and_then(|hash| loads.get(hash))
            .is_some_and(|pasts| pasts.iter().all(|past| excludes(past, key)))
        {
            report.skipped += 1;
            continue;
        }
        match scan::scan(&place.path, key, place.raw, names) {
            Ok(scan) => report.add(delivery(key.dataset, place, scan, &loads)),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => report.unreadable.push((place.path, error.to_string())),
        }
    }
    bar.finish_and_clear();
    report.conclude(key);
    Ok(report)
}

/// Whether a load that stored every line of its file shows that the file does not speak of the date.
fn excludes(past: &Past, key: &Key) -> bool {
    let day = key.day.to_string();
    let beyond = past.dates.as_ref().is_some_and(|(first, last)| day < *first || day > *last);
    past.status != "failed" && past.left_out == 0 && beyond
}

fn delivery(dataset: &Dataset, place: Place, scan: Scan, loads: &HashMap<String, Vec<Past>>) -> Delivery {
    let pasts = loads.get(&scan.hash).map(Vec::as_slice).unwrap_or_default();
    let own = if place.raw { dataset.main_table(Space::Production) } else { dataset.temp_table(Space::Production) };
    let pasts: Vec<&Past> = pasts.iter().filter(|past| past.table == own).collect();
    // The last load that counts decides; of a file that was never loaded, the usual rule.
    let loaded = pasts.iter().rev().find(|past| past.status == "loaded");
    let policy = loaded.and_then(|past| OnConflict::of_load(&past.options)).unwrap_or_default();
    let modified = fs::metadata(&place.path).and_then(|metadata| metadata.modified());
    Delivery {
        raw: place.raw,
        archived: place.archived,
        modified: modified.map(DateTime::<Utc>::from).unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string(),
        first_load: pasts.first().map(|past| past.id),
        last_load: loaded.map(|past| past.id),
        loads: pasts.iter().map(|past| Load::of(past)).collect(),
        blake3: scan.hash.clone(),
        volume: scan.volume(policy),
        contradictory: scan.is_contradictory(),
        policy,
        lines: scan.lines,
        of_day_and_zone: scan.of_day_and_zone,
        hits: scan.hits,
        refused_lines: scan.refused_lines,
        refused: scan.refused,
        places: vec![place.path],
    }
}

/// The rows of the key in the main and the temporary table.
fn stored(session: &mut Session, key: &Key, names: &Names) -> Result<Vec<StoredRow>> {
    let existing = schema::existing(session)?;
    let (condition, values) = key.condition();
    let temp = key.dataset.weekly_file.map(|_| key.dataset.temp_table(Space::Production));
    let mut stored = Vec::new();
    for table in std::iter::once(key.dataset.main_table(Space::Production)).chain(temp) {
        let Some(shape) = existing.get(&table) else { continue };
        let has = |column: &str| shape.columns.iter().any(|own| own == column);
        let optional = |column: &str| if has(column) { format!("CAST({column} AS CHAR)") } else { "NULL".into() };
        let epci = if has("id_epci") { "CAST(id_epci AS SIGNED)" } else { "NULL" };
        let sql = format!(
            "SELECT CAST(volume AS SIGNED) AS volume, {} AS provisional, {} AS created, {} AS updated, {epci} AS epci \
             FROM {table} WHERE {condition} ORDER BY 5 LIMIT 100",
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
            let id_epci = number("epci").and_then(|id| u32::try_from(id).ok());
            stored.push(StoredRow {
                main: !table.ends_with("_temp"),
                table: table.clone(),
                volume: number("volume").unwrap_or_default(),
                provisional: text("provisional").map(|mark| mark != "0"),
                created_at: text("created"),
                updated_at: text("updated"),
                epci: id_epci.and_then(|id| names.name_of(Dim::Epci, id)),
            });
        }
    }
    Ok(stored)
}

/// Definitive rows of the key's date and zone: they replace what is provisional there.
fn definitive_of_zone(session: &mut Session, key: &Key) -> Result<u64> {
    let table = key.dataset.main_table(Space::Production);
    let existing = schema::existing(session)?;
    if !existing.get(&table).is_some_and(|shape| shape.columns.iter().any(|column| column == "is_provisional")) {
        return Ok(0);
    }
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE date = ? AND id_zone = ? AND is_provisional = 0");
    let params = (key.day.to_string(), key.parts[0].id);
    Ok(session.first(&format!("lecture de {table}"), &sql, params)?.unwrap_or_default())
}
