//! Which date × zone × category the temporary tables hold, and which dates would lose rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims::{self, epci};
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::names::Locality;
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::inspect::scan::FileScan;
use crate::inspect::validation::{ValidationOptions, day};
use crate::load::guards;
use crate::load::repeated::{Span, cells, crossed};
use crate::load::tally::Cells;
use crate::report::{Code, Finding, number, plural};
use crate::report::{ranges, some_of};

/// What one temporary table holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) dataset: &'static Dataset,
    pub table: String,
    pub(crate) cells: Cells,
}

/// Names of zones and categories by id.
#[derive(Debug)]
pub(crate) struct Names {
    zones: HashMap<u32, String>,
    categories: HashMap<u32, String>,
    provenances: HashMap<u32, String>,
}

impl Names {
    pub(crate) fn load(session: &mut Session) -> Result<Self> {
        let mut names = |dim| -> Result<HashMap<u32, String>> {
            let resolver = dims::load(session, dim, &Locality::default(), true)?;
            Ok(resolver.rows().iter().filter_map(|row| Some((row.id?, row.name.clone()))).collect())
        };
        Ok(Self { zones: names(Dim::Zone)?, categories: names(Dim::Categorie)?, provenances: names(Dim::Provenance)? })
    }

    pub(crate) fn zone(&self, id: u32) -> String {
        self.zones.get(&id).cloned().unwrap_or_else(|| format!("id_zone {id}"))
    }

    pub(crate) fn category(&self, id: u32) -> String {
        self.categories.get(&id).cloned().unwrap_or_else(|| format!("id_categorie {id}"))
    }

    pub(crate) fn provenance(&self, id: u32) -> String {
        self.provenances.get(&id).cloned().unwrap_or_else(|| format!("id_provenance {id}"))
    }
}

/// Coverage of one table.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TableCoverage {
    pub table: String,
    /// What is looked at: `jour × zone × catégorie`, or `jour × zone` for tables with a breakdown.
    pub(crate) by: &'static str,
    pub(crate) expected: u64,
    pub(crate) present: u64,
    /// The missing ones, grouped.
    pub(crate) missing: Vec<String>,
}

/// Coverage of all tables.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Coverage {
    /// First and last date of all tables.
    pub(crate) span: Option<(String, String)>,
    /// Days of the span.
    pub(crate) days: Vec<String>,
    /// Zones of all tables.
    pub(crate) zones: Vec<String>,
    pub(crate) tables: Vec<TableCoverage>,
    /// Zone by zone, day by day: tables that hold it, of those that hold anything.
    pub(crate) calendar: Vec<(String, Vec<(u64, u64)>)>,
}

/// A date that has far fewer rows than the main table holds for it provisionally: definitive rows are not a delivery's to lose.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shrunk {
    pub table: String,
    pub(crate) date: String,
    pub(crate) rows: u64,
    /// Provisional rows of the main table.
    pub(crate) before: u64,
}

pub(crate) fn content(session: &mut Session, dataset: &'static Dataset, table: String) -> Result<Content> {
    let cells = cells(session, &table, None)?;
    Ok(Content { dataset, table, cells })
}

impl Content {
    pub(crate) fn span(&self) -> Option<Span> {
        let (((first, ..), _), ((last, ..), _)) = self.cells.first_key_value().zip(self.cells.last_key_value())?;
        Some((*first, *last))
    }
}

/// What the temporary tables hold, and the tables that are there to compare it with.
#[derive(Debug)]
pub(crate) struct Delivered<'a> {
    pub(crate) tables: &'a HashSet<String>,
    pub(crate) contents: &'a [Content],
    pub(crate) scans: &'a [FileScan],
    pub(crate) options: &'a ValidationOptions,
}

impl Delivered<'_> {
    /// Each content that has rows, with the name of its main table, which is there, and its span.
    pub(crate) fn beside_main(&self) -> impl Iterator<Item = (&Content, String, Span)> {
        self.contents.iter().filter_map(|content| {
            let main = content.dataset.main_table(self.options.space);
            let span = content.span().filter(|_| self.tables.contains(&main))?;
            Some((content, main, span))
        })
    }

    /// Days of what is to be migrated: those of the file where it is there, for the table may hold dates that wait for something else.
    pub(crate) fn days(&self, content: &Content) -> Vec<Day> {
        let scan = self.scans.iter().find(|scan| scan.dataset.main == content.dataset.main);
        if let Some(scan) = scan.filter(|scan| !scan.dates.is_empty()) {
            return scan.dates.keys().copied().collect();
        }
        let stored: BTreeSet<NaiveDate> = content.cells.keys().map(|(date, ..)| *date).collect();
        stored.into_iter().filter_map(Day::from_date).collect()
    }
}

/// Date, zone, category.
type Key = (NaiveDate, u32, u32);

/// What a table holds, and of it what is to be covered.
type About<'a> = (&'a Content, Vec<&'a Key>);

/// What is to be covered: of the days that the files are about, where they are there. A date of an earlier week that waits in a table says
/// nothing of the days between the two.
fn about<'a>(contents: &'a [Content], scans: &[FileScan]) -> Vec<About<'a>> {
    let days = || scans.iter().flat_map(|scan| scan.dates.keys().map(|day| day.date()));
    let span = days().min().zip(days().max());
    let of = |is_about: &dyn Fn(NaiveDate) -> bool| -> Vec<About<'a>> {
        let keys = |content: &'a Content| content.cells.keys().filter(|(date, ..)| is_about(*date)).collect();
        contents.iter().map(|content| (content, keys(content))).collect()
    };
    let covered = of(&|date| span.is_none_or(|(first, last)| first <= date && date <= last));
    // Of files that were not imported yet, the tables hold nothing.
    if covered.iter().any(|(_, keys)| !keys.is_empty()) { covered } else { of(&|_| true) }
}

fn days_of((first, last): Span) -> Vec<NaiveDate> {
    first.iter_days().take_while(|day| *day <= last).collect()
}

pub(crate) fn cover(contents: &[Content], scans: &[FileScan], names: &Names, findings: &mut Vec<Finding>) -> Coverage {
    let is_filled: HashSet<&str> =
        contents.iter().filter(|content| !content.cells.is_empty()).map(|content| content.table.as_str()).collect();
    let contents = about(contents, scans);
    let keys = || contents.iter().flat_map(|(_, keys)| keys.iter().copied());
    let dates = || keys().map(|(date, ..)| *date);
    let Some(span) = dates().min().zip(dates().max()) else {
        findings.push(
            Finding::attention(Code::TablesEmpty, "tables temporaires", "toutes sont vides : rien à valider")
                .action("lancez `update-temp-tables`"),
        );
        return Coverage::default();
    };
    let days = days_of(span);
    let zones: BTreeSet<u32> = keys().map(|(_, zone, _)| *zone).collect();
    let mut tables = Vec::new();
    for about @ (content, keys) in &contents {
        if keys.is_empty() {
            // What holds nothing of these days but other ones is told where its file is.
            if is_filled.contains(content.table.as_str()) {
                continue;
            }
            findings.push(
                Finding::attention(
                    Code::TablesEmpty,
                    content.table.as_str(),
                    "vide, alors que d'autres tables ont des données",
                )
                .action("vérifiez le fichier (`etat-csv-complet`), puis `update-temp-tables`"),
            );
            continue;
        }
        let covered = cover_table(about, &days, &zones, names);
        if !covered.missing.is_empty() {
            let count = plural(covered.expected - covered.present, "combinaison absente", "combinaisons absentes");
            findings.push(
                Finding::attention(
                    Code::CoverageIncomplete,
                    covered.table.as_str(),
                    format!("{count} ({}) : {}", covered.by, some_of(&covered.missing, 4)),
                )
                .action("comparez au CSV (`etat-csv-complet`, `analyse-zones-csv`) ; s'il ne les a pas, redemandez-le"),
            );
        }
        tables.push(covered);
    }
    let filled: Vec<HashSet<(NaiveDate, u32)>> = contents
        .iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(_, keys)| keys.iter().map(|(date, zone, _)| (*date, *zone)).collect())
        .collect();
    let calendar = zones
        .iter()
        .map(|zone| {
            let cell = |day: &NaiveDate| {
                (filled.iter().filter(|set| set.contains(&(*day, *zone))).count() as u64, filled.len() as u64)
            };
            (names.zone(*zone), days.iter().map(cell).collect())
        })
        .collect();
    Coverage {
        span: Some((span.0.to_string(), span.1.to_string())),
        days: days.iter().map(NaiveDate::to_string).collect(),
        zones: zones.iter().map(|zone| names.zone(*zone)).collect(),
        tables,
        calendar,
    }
}

/// Sparse breakdowns lack categories by nature: those tables are held to their zones and days only.
fn cover_table((content, keys): &About<'_>, days: &[NaiveDate], zones: &BTreeSet<u32>, names: &Names) -> TableCoverage {
    let by_category = content.dataset.breakdown.is_empty();
    let key = |(date, zone, category): &&Key| (*date, *zone, if by_category { *category } else { 0 });
    let present: HashSet<Key> = keys.iter().map(key).collect();
    let categories: BTreeSet<u32> = present.iter().map(|(_, _, category)| *category).collect();
    let mut covered = TableCoverage {
        table: content.table.clone(),
        by: if by_category { "jour × zone × catégorie" } else { "jour × zone" },
        expected: (days.len() * zones.len() * categories.len()) as u64,
        present: present.len() as u64,
        missing: Vec::new(),
    };
    for zone in zones {
        // Days on which the zone is not there at all, then categories that are missing on others.
        let absent: Vec<NaiveDate> = days
            .iter()
            .copied()
            .filter(|day| categories.iter().all(|c| !present.contains(&(*day, *zone, *c))))
            .collect();
        if !absent.is_empty() {
            covered.missing.push(format!("{} : {}", names.zone(*zone), describe(&absent, days)));
        }
        for category in categories.iter().filter(|_| by_category) {
            let lacking: Vec<NaiveDate> = days
                .iter()
                .copied()
                .filter(|day| !absent.contains(day) && !present.contains(&(*day, *zone, *category)))
                .collect();
            if !lacking.is_empty() {
                let name = names.category(*category);
                covered.missing.push(format!("{} / {name} : {}", names.zone(*zone), describe(&lacking, days)));
            }
        }
    }
    covered
}

fn describe(missing: &[NaiveDate], days: &[NaiveDate]) -> String {
    if missing.len() == days.len() { "aucun jour".into() } else { some_of(&ranges(missing.iter().copied()), 3) }
}

/// Periods that do not follow what the main tables hold; one finding for all tables of which it says the same.
pub(crate) fn periods(session: &mut Session, delivered: &Delivered<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (content, main, _) in delivered.beside_main() {
        let base = guards::last_day(session, &main)?;
        if let Some(message) = base.and_then(|base| guards::unexpected(&delivered.days(content), base)) {
            told.entry(message).or_default().push(content.table.clone());
        }
    }
    for (message, tables) in told {
        let place = match tables.as_slice() {
            [only] => only.clone(),
            several => plural(several.len() as u64, "table", "tables"),
        };
        let finding = Finding::attention(Code::PeriodUnexpected, place, message);
        findings.push(finding.action("vérifiez que c'est la livraison attendue ; sinon, remplacez ses fichiers"));
    }
    let span = |scan: &'_ FileScan| Some((*scan.dates.first_key_value()?.0, *scan.dates.last_key_value()?.0));
    let spans = delivered
        .scans
        .iter()
        .filter_map(|scan| span(scan).map(|(first, last)| (scan.dataset.short_name(), first, last)));
    findings.extend(crossed(spans));
    Ok(())
}

/// Rows of a date and their volume.
pub(crate) type Sums = BTreeMap<NaiveDate, (u64, u64)>;

/// What waits in a table, beside the provisional rows that the main table holds of the same period.
pub(crate) struct Beside {
    pub(crate) table: String,
    pub(crate) now: Sums,
    pub(crate) before: Sums,
}

/// What waits and what is there already, by date. An older main table knows no provisional rows: there is nothing to compare with.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn beside(session: &mut Session, delivered: &Delivered<'_>) -> Result<Vec<Beside>> {
    let mut all = Vec::new();
    for (content, main, (first, last)) in delivered.beside_main() {
        let sql = format!(
            "SELECT CAST(date AS CHAR), COUNT(*), CAST(SUM(volume) AS UNSIGNED) FROM {main} \
             WHERE date BETWEEN ? AND ? AND is_provisional <> 0 GROUP BY date"
        );
        let period = (first.to_string(), last.to_string());
        let before: Vec<(String, u64, u64)> = match session.rows(&format!("volumes de {main}"), &sql, period) {
            Err(Error::MissingColumn { .. }) => continue,
            before => before?,
        };
        let mut now = Sums::new();
        for ((date, ..), (rows, volume)) in &content.cells {
            let sum = now.entry(*date).or_default();
            *sum = (sum.0 + rows, sum.1 + volume);
        }
        let before =
            before.into_iter().filter_map(|(date, rows, volume)| Some((day(&date)?, (rows, volume)))).collect();
        all.push(Beside { table: content.table.clone(), now, before });
    }
    Ok(all)
}

/// Dates that would lose more than `max_shrink` percent of their rows.
pub(crate) fn shrunk(beside: &[Beside], max_shrink: f64, findings: &mut Vec<Finding>) -> Vec<Shrunk> {
    let mut all = Vec::new();
    for Beside { table, now, before } in beside {
        let shrunk: Vec<Shrunk> = before
            .iter()
            .filter_map(|(date, &(before, _))| {
                let (rows, _) = *now.get(date)?;
                let lost = before.saturating_sub(rows) as f64;
                (lost * 100.0 > max_shrink * before as f64).then(|| Shrunk {
                    table: table.clone(),
                    date: date.to_string(),
                    rows,
                    before,
                })
            })
            .collect();
        if !shrunk.is_empty() {
            let text: Vec<String> = shrunk
                .iter()
                .map(|date| {
                    format!(
                        "{} : {} au lieu de {}",
                        date.date,
                        plural(date.rows, "ligne", "lignes"),
                        number(date.before)
                    )
                })
                .collect();
            let count = plural(shrunk.len() as u64, "date a rétréci", "dates ont rétréci");
            findings.push(
                Finding::attention(Code::DateShrunk, table.as_str(), format!("{count} : {}", some_of(&text, 4)))
                    .action("la migration n'y changerait rien : demandez au fournisseur si la livraison est entière"),
            );
        }
        all.extend(shrunk);
    }
    all
}

/// Places under several EPCIs, in the main and the temporary table, on the dates of the latter.
pub(crate) fn doubled(session: &mut Session, delivered: &Delivered<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for content in delivered.contents.iter().filter(|content| epci::concerns(content.dataset)) {
        let Some((first, last)) = content.span() else { continue };
        let period = (first.to_string(), last.to_string());
        for table in [content.dataset.main_table(delivered.options.space), content.table.clone()] {
            if delivered.tables.contains(&table) {
                findings.extend(
                    epci::doubled(session, &table, content.dataset, Some(&period))?.map(|found| found.finding()),
                );
            }
        }
    }
    Ok(())
}

/// The days before `date` on the same weekday, nearest first.
pub(crate) fn same_weekdays(date: NaiveDate, weeks: u32) -> impl Iterator<Item = NaiveDate> {
    (1..=u64::from(weeks)).filter_map(move |week| date.checked_sub_days(Days::new(7 * week)))
}
