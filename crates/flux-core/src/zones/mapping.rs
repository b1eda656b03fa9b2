//! `test-zone-mapping-api-production`: each zone name that the portal may ask for → the stored row → the rows and dates behind it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::db::Database;
use crate::dims;
use crate::domain::catalogue::{Dim, Space};
use crate::domain::names::{Locality, Resolution};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::report::render_findings;
use crate::report::{Finding, Page, Report, Table, Verdict, number, plural};

/// The tables that the dashboards read by zone.
const TABLES: [&str; 4] = ["fact_nuitees", "fact_diurnes", "fact_sejours_duree", "fact_lieu_activite_soir"];

/// What stands behind a zone in one table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Behind {
    rows: u64,
    dates: (String, String),
}

/// A name of the portal.
#[derive(Debug, Serialize)]
pub(crate) struct Mapping {
    name: String,
    id_zone: Option<u32>,
    stored_as: Option<String>,
    tables: BTreeMap<String, Behind>,
}

/// Report of `test-zone-mapping-api-production`.
#[derive(Debug, Serialize)]
pub struct MappingReport {
    mappings: Vec<Mapping>,
    findings: Vec<Finding>,
}

/// Maps `names`, or every name of the reference where there is none. Reads only.
///
/// # Errors
/// Those of the connection; [`Error::MissingTable`], [`Error::EmptyDimension`].
pub fn map(database: &Database, names: &[String], space: Space) -> Result<MappingReport> {
    let mut session = database.session()?;
    let resolver = dims::load(&mut session, Dim::Zone, &Locality::default(), false)?;
    let mut behind: HashMap<u32, BTreeMap<String, Behind>> = HashMap::new();
    let mut findings = Vec::new();
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
                findings.push(Finding::error(table, "n'existe pas").action("lancez `ensure-schema`"));
            }
            Err(error) => return Err(error),
        }
    }
    let asked: Vec<String> = if names.is_empty() {
        let of_group = |zone: &reference::ZoneGroup| {
            std::iter::once(zone.zone).chain(zone.equivalents.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
        };
        reference::zones().iter().flat_map(of_group).collect()
    } else {
        names.to_vec()
    };
    let mut mappings = Vec::new();
    let mut without: Vec<u32> = Vec::new();
    for name in asked {
        let mut mapping = Mapping { id_zone: None, stored_as: None, tables: BTreeMap::new(), name };
        match resolver.resolve(&mapping.name) {
            Resolution::Found(row) => {
                let row = &resolver.rows()[row as usize];
                mapping.id_zone = row.id;
                mapping.stored_as = Some(row.name.clone());
                mapping.tables = row.id.and_then(|id| behind.get(&id)).cloned().unwrap_or_default();
                if let Some(id) = row.id.filter(|id| mapping.tables.is_empty() && !without.contains(id)) {
                    without.push(id);
                    findings.push(
                        Finding::attention(
                            format!("zone {}", row.name),
                            "aucune ligne dans les tables des tableaux de bord",
                        )
                        .action("`check-zones --details` dit où elle a des données"),
                    );
                }
            }
            Resolution::Unknown => {
                let near = resolver.nearest(&mapping.name, 3).join(", ");
                let near = if near.is_empty() { String::new() } else { format!(" (proches : {near})") };
                findings.push(
                    Finding::attention(format!("nom « {} »", mapping.name), format!("ne mène à aucune zone{near}"))
                        .action("`add-missing-zones` ajoute les zones de la référence"),
                );
            }
            Resolution::Ambiguous(names) => findings.push(Finding::attention(
                format!("nom « {} »", mapping.name),
                format!("ambigu entre {}", names.join(", ")),
            )),
        }
        mappings.push(mapping);
    }
    // A second row of the same zone holds facts that no name leads to.
    for row in resolver.rows() {
        let Resolution::Found(best) = resolver.resolve(&row.name) else { continue };
        let best = &resolver.rows()[best as usize];
        let rows: u64 = row.id.and_then(|id| behind.get(&id)).map_or(0, |tables| tables.values().map(|b| b.rows).sum());
        if best.id != row.id && rows > 0 {
            findings.push(
                Finding::error(
                    format!("zone {}", row.name),
                    format!("{} qu'aucun nom n'atteint : tous mènent à {}", plural(rows, "ligne", "lignes"), best.name),
                )
                .action(format!("`merge-zones --from \"{}\" --into \"{}\"`", row.name, best.name)),
            );
        }
    }
    Ok(MappingReport { mappings, findings })
}

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
        render_findings(page, &self.findings, "chaque nom mène à une zone qui a des données");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
