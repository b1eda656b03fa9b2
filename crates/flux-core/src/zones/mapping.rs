//! `test-zone-mapping-api-production`: each zone name that the portal may ask for → the stored row → the rows and dates behind it.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{Dim, Space};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::figures::zone::{Zone, Zones};
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural, verdict};

/// The tables that the dashboards read by zone.
const TABLES: [&str; 4] = ["fact_nuitees", "fact_diurnes", "fact_sejours_duree", "fact_lieu_activite_soir"];

/// The rows of a zone in one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Behind {
    rows: u64,
    dates: (String, String),
}

/// A name of the portal.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Mapping {
    name: String,
    id_zone: Option<u32>,
    stored_as: Option<String>,
    tables: BTreeMap<String, Behind>,
}

/// Report of `test-zone-mapping-api-production`, without what the portal answered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MappingReport {
    mappings: Vec<Mapping>,
    /// Year of the last date behind any of the names; none without data.
    #[serde(skip)]
    pub last_year: Option<i32>,
    /// What was found; nothing where every name leads to data.
    pub findings: Vec<Finding>,
}

impl MappingReport {
    /// The names, each with the preferred stored name of its zone where it has one.
    pub fn names(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.mappings.iter().map(|mapping| (mapping.name.as_str(), mapping.stored_as.as_deref()))
    }
}

/// The names and what is behind them; what was found is told by whoever asks the portal as well.
impl Report for MappingReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["nom du portail", "zone en base", ">?id", ">lignes", "dates"]);
        for mapping in &self.mappings {
            let first = mapping.tables.values().map(|behind| behind.dates.0.as_str()).min();
            let last = mapping.tables.values().map(|behind| behind.dates.1.as_str()).max();
            table.row([
                mapping.name.clone(),
                mapping.stored_as.clone().unwrap_or_else(|| "⚠ aucune".into()),
                mapping.id_zone.map_or_else(String::new, |id| id.to_string()),
                number(mapping.tables.values().map(|behind| behind.rows).sum::<u64>()),
                first.zip(last).map_or("–".into(), |(first, last)| format!("{first} → {last}")),
            ]);
        }
        page.table(&table);
        page.line(format!("  lignes et dates de {}", TABLES.join(", ")));
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}

/// Maps `names`, or every name of the reference where there is none. Reads only.
///
/// # Errors
/// Those of the connection; [`Error::MissingTable`], [`Error::EmptyDimension`].
pub fn map(database: &Database, names: &[String], space: Space) -> Result<MappingReport> {
    let mut session = database.session()?;
    let zones = Zones::load(&mut session)?;
    if zones.rows().is_empty() {
        return Err(Error::EmptyDimension { table: Dim::Zone.spec().table.into() });
    }
    let mut findings = Vec::new();
    let behind = behind(&mut session, space, &mut findings)?;
    let asked: Vec<String> = if names.is_empty() {
        let of_group = |zone: &reference::ZoneGroup| {
            std::iter::once(zone.zone).chain(zone.equivalents.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
        };
        reference::zones().iter().filter(|zone| zone.visible).flat_map(of_group).collect()
    } else {
        names.to_vec()
    };
    let mut mappings: Vec<Mapping> = Vec::new();
    for name in asked {
        let mut mapping = Mapping { id_zone: None, stored_as: None, tables: BTreeMap::new(), name };
        match zones.find(&mapping.name) {
            Ok(zone) => {
                mapping.id_zone = zone.rows.first().map(|(id, _)| *id);
                mapping.tables = of_zone(&zone, &behind);
                // Several names of one zone are one finding.
                let is_new = !mappings.iter().any(|other| other.id_zone == mapping.id_zone);
                if mapping.tables.is_empty() && is_new {
                    let message = "aucune ligne dans les tables des tableaux de bord";
                    findings.push(
                        Finding::attention(Code::ZoneWithoutData, format!("zone {}", zone.name), message)
                            .action("`check-zones --details` dit où elle a des données"),
                    );
                }
                mapping.stored_as = Some(zone.name);
            }
            Err(unknown) => findings.push(
                Finding::attention(Code::NameUnknown, format!("nom « {} »", mapping.name), unknown.to_string())
                    .action(unknown.hint()),
            ),
        }
        mappings.push(mapping);
    }
    findings.extend(zones.groups().iter().filter_map(|zone| split(zone, &behind)));
    let last = mappings.iter().flat_map(|mapping| mapping.tables.values()).map(|behind| &behind.dates.1).max();
    let last_year = last.and_then(|date| date.get(..4)?.parse().ok());
    Ok(MappingReport { mappings, last_year, findings })
}

/// All stored rows of a zone together, as its figures count them.
fn of_zone(zone: &Zone, behind: &ByZone) -> BTreeMap<String, Behind> {
    let mut tables: BTreeMap<String, Behind> = BTreeMap::new();
    for (table, found) in zone.rows.iter().filter_map(|(id, _)| behind.get(id)).flatten() {
        let sum = tables.entry(table.clone()).or_insert_with(|| Behind { rows: 0, dates: found.dates.clone() });
        sum.rows += found.rows;
        sum.dates.0 = sum.dates.0.clone().min(found.dates.0.clone());
        sum.dates.1 = sum.dates.1.clone().max(found.dates.1.clone());
    }
    tables
}

/// Facts under more than one name of a zone: the figures add them, but whoever looks for one name sees a part.
fn split(zone: &Zone, behind: &ByZone) -> Option<Finding> {
    let rows = |id: &u32| -> u64 { behind.get(id).map_or(0, |tables| tables.values().map(|found| found.rows).sum()) };
    let (id, other) = zone.rows.iter().skip(1).find(|(id, _)| rows(id) > 0)?;
    let message = format!(
        "{} sous le nom {other}, que les chiffres ajoutent à ceux de {}",
        plural(rows(id), "ligne", "lignes"),
        zone.name
    );
    let action = format!("`merge-zones --from \"{other}\" --into \"{}\"`", zone.name);
    Some(Finding::attention(Code::ZoneSplit, format!("zone {}", zone.name), message).action(action))
}

/// By id of the zone, what each table of the dashboards holds of it.
type ByZone = HashMap<u32, BTreeMap<String, Behind>>;

fn behind(session: &mut Session, space: Space, findings: &mut Vec<Finding>) -> Result<ByZone> {
    let mut behind = ByZone::new();
    for main in TABLES {
        let table = if space == Space::Test { format!("{main}_test") } else { main.to_owned() };
        let sql = format!(
            "SELECT id_zone, CAST(SUM(n) AS UNSIGNED), CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) FROM {} \
             GROUP BY id_zone",
            crate::zones::days_and_zones(&table)
        );
        match session.rows::<(u32, u64, String, String)>(&format!("zones de {table}"), &sql, ()) {
            Ok(rows) => {
                for (zone, rows, first, last) in rows {
                    behind.entry(zone).or_default().insert(table.clone(), Behind { rows, dates: (first, last) });
                }
            }
            Err(Error::MissingTable { table }) => {
                findings
                    .push(Finding::error(Code::TableMissing, table, "n'existe pas").action("lancez `ensure-schema`"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(behind)
}
