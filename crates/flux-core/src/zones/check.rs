//! `check-zones`: each zone with its rows per fact table and the years covered; groups split over two rows; orphans; CSV names that
//! lead nowhere. One pass over an index of each fact table, by the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims::numbers;
use crate::domain::catalogue::{Dim, Space, tables_of};
use crate::domain::names::fold;
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::figures::unknown::Unknown;
use crate::figures::zone::Zones;
use crate::inspect::scan;
use crate::inspect::zones_csv;
use crate::progress::Progress;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural};
use crate::report::{render_findings, some_of};
use crate::schema;
use crate::task::{Context, Task};

/// Rows of one zone in one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Presence {
    pub(crate) rows: u64,
    /// First and last date.
    pub(crate) dates: (String, String),
    pub(crate) years: BTreeMap<i32, u64>,
}

/// A zone of the database.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Zone {
    pub(crate) id_zone: u32,
    /// Its name; `None` for an id that facts hold and the dimension lacks.
    pub name: Option<String>,
    /// Rows in all tables.
    pub(crate) rows: u64,
    /// The rows of the zone in each table.
    pub(crate) tables: BTreeMap<String, Presence>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ZonesReport {
    zones: Vec<Zone>,
    /// Fact tables that the database lacks.
    missing_tables: Vec<String>,
    /// CSV names that lead to no zone; absent where there is no delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<Vec<zones_csv::ZoneName>>,
    findings: Vec<Finding>,
    #[serde(skip)]
    details: bool,
}

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Whether the delivery is read as well.
    pub csv: bool,
    /// Whether the text shows every table.
    pub details: bool,
}

impl Task for CheckOptions {
    /// Checks the zones. Reads only.
    ///
    /// # Errors
    /// Those of the connection; [`Error::MissingTable`] without `dim_zones_observation`.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let mut session = database.session()?;
        let tables = database.tables(&mut session)?;
        let spec = Dim::Zone.spec();
        if !tables.contains(spec.table) {
            return Err(Error::MissingTable { table: spec.table.into() });
        }
        let stored = Zones::load(&mut session)?;
        let (present, missing_tables): (Vec<String>, Vec<String>) =
            tables_of(self.space).map(|(table, _)| table).partition(|table| tables.contains(table));

        let zones = count(&mut session, &stored, present, &context.progress)?;
        let mut findings = Vec::new();
        if stored.rows().is_empty() {
            findings.push(
                Finding::error(Code::DimensionEmpty, spec.table, "la table est vide")
                    .action("lancez `ensure-schema --seed`"),
            );
        }
        if zones.iter().all(|zone| zone.rows == 0) {
            findings.push(
                Finding::attention(Code::TablesEmpty, "tables de faits", "aucune ligne : il n'y a rien à contrôler")
                    .action("importez une livraison (`update-temp-tables`) ou les exports bruts (`populate-facts-full-production`)"),
            );
        }
        orphans(&zones, &mut findings);
        // Zones stand above, with their tables and years.
        let others = numbers::orphans(
            &mut session,
            &schema::existing(&mut database.session()?)?,
            |dim| dim != Dim::Zone,
            |_, _, _| false,
        )?;
        findings.extend(others.iter().map(|orphans| orphans.finding(None)));
        splits(&zones, &stored, &mut findings);
        unused(&zones, &stored, &mut findings);
        gaps(&zones, &stored, &mut findings);
        let csv = if self.csv && context.settings.home.deliveries().is_dir() {
            let names = zones_csv::names(
                &scan::delivery(&context.settings.home.deliveries(), &context.progress)?,
                stored.resolver(),
                true,
            );
            findings.extend(zones_csv::findings(&names));
            Some(names.into_iter().filter(|name| name.resolution != "found").collect())
        } else {
            None
        };
        Ok(ZonesReport { zones, missing_tables, csv, findings, details: self.details })
    }
}

/// The stored zones, and the ids that facts alone hold, with their rows in each table.
fn count(session: &mut Session, stored: &Zones, tables: Vec<String>, progress: &Progress) -> Result<Vec<Zone>> {
    let zone = |id_zone, name| Zone { id_zone, name, rows: 0, tables: BTreeMap::new() };
    let named = stored.rows().iter().filter_map(|row| Some((row.id?, zone(row.id?, Some(row.name.clone())))));
    let mut zones: BTreeMap<u32, Zone> = named.collect();
    let bar = progress.count("tables", tables.len() as u64);
    for table in tables {
        for (id_zone, presence) in presence(session, &table)? {
            let zone = zones.entry(id_zone).or_insert_with(|| zone(id_zone, None));
            zone.rows += presence.rows;
            zone.tables.insert(table.clone(), presence);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(zones.into_values().collect())
}

/// Rows by zone and year of one table.
fn presence(session: &mut Session, table: &str) -> Result<HashMap<u32, Presence>> {
    let sql = format!(
        "SELECT id_zone, YEAR(date), CAST(SUM(n) AS UNSIGNED), CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) \
         FROM {} GROUP BY id_zone, YEAR(date)",
        crate::zones::days_and_zones(table)
    );
    let rows: Vec<(u32, i32, u64, String, String)> = session.rows(&format!("zones de {table}"), &sql, ())?;
    let mut found: HashMap<u32, Presence> = HashMap::new();
    for (zone, year, rows, first, last) in rows {
        let entry = found.entry(zone).or_insert_with(|| Presence {
            rows: 0,
            dates: (first.clone(), last.clone()),
            years: BTreeMap::new(),
        });
        entry.rows += rows;
        entry.years.insert(year, rows);
        if first < entry.dates.0 {
            entry.dates.0 = first;
        }
        if last > entry.dates.1 {
            entry.dates.1 = last;
        }
    }
    Ok(found)
}

fn orphans(zones: &[Zone], findings: &mut Vec<Finding>) {
    for zone in zones.iter().filter(|zone| zone.name.is_none()) {
        let tables: Vec<String> =
            zone.tables.iter().map(|(table, found)| format!("{table} ({})", number(found.rows))).collect();
        findings.push(
            Finding::error(
                Code::OrphanRows,
                format!("id_zone {}", zone.id_zone),
                format!(
                    "orphelin : {} sans zone dans dim_zones_observation : {}",
                    plural(zone.rows, "ligne", "lignes"),
                    some_of(&tables, 5)
                ),
            )
            .action(format!(
                "si vous savez quelle zone c'est : merge-zones --from-id {} --into NOM ; sinon retrouvez son nom dans une sauvegarde",
                zone.id_zone
            )),
        );
    }
}

/// Groups of equivalents of which several members are stored.
fn splits(zones: &[Zone], stored: &Zones, findings: &mut Vec<Finding>) {
    for group in stored.groups().into_iter().filter(|group| group.rows.len() > 1) {
        let text = |(id, name): &(u32, String)| {
            let rows = zones.iter().find(|zone| zone.id_zone == *id).map_or(0, |zone| zone.rows);
            format!("{name} (id {id}, {})", plural(rows, "ligne", "lignes"))
        };
        let text: Vec<String> = group.rows.iter().map(text).collect();
        findings.push(
            Finding::attention(
                Code::ZoneSplit,
                format!("zone {}", group.name),
                format!("en plusieurs lignes : {}", text.join(", ")),
            )
            .action("`merge-zones` montre le plan, `merge-zones --yes` les réunit"),
        );
    }
}

fn unused(zones: &[Zone], stored: &Zones, findings: &mut Vec<Finding>) {
    let absent: Vec<String> = reference::zones()
        .iter()
        .filter(|zone| zone.visible && matches!(stored.preferred(zone.zone), Err(Unknown::Name { .. })))
        .map(|zone| zone.zone.to_owned())
        .collect();
    if !absent.is_empty() && !stored.rows().is_empty() {
        findings.push(
            Finding::attention(
                Code::ZoneMissing,
                "dim_zones_observation",
                format!("zones de la référence absentes : {}", absent.join(", ")),
            )
            .action("lancez `add-missing-zones`"),
        );
    }
    // What stands under another name of the zone is told as a split, and no zone without data.
    let used: BTreeSet<&str> = zones.iter().filter(|zone| zone.rows > 0).map(|zone| leader(zone, stored)).collect();
    let hidden = reference::hidden_zones();
    for zone in zones.iter().filter(|zone| !used.is_empty() && !used.contains(leader(zone, stored))) {
        let name = zone.name.as_deref().unwrap_or_default();
        if hidden.contains(&fold(name)) {
            continue;
        }
        findings.push(Finding::attention(
            Code::ZoneWithoutData,
            format!("zone {name}"),
            "aucune ligne dans aucune table de faits",
        ));
    }
}

/// The name that stands for all the rows of a zone.
fn leader<'a>(zone: &'a Zone, stored: &'a Zones) -> &'a str {
    let name = zone.name.as_deref().unwrap_or_default();
    stored.preferred(name).map_or(name, |row| row.name.as_str())
}

/// Tables in which a zone lacks a year that others have; the rows of a split group count as one zone, and one that is no more lacks nothing.
fn gaps(zones: &[Zone], stored: &Zones, findings: &mut Vec<Finding>) {
    let mut years: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    let mut groups: BTreeMap<&str, BTreeMap<&str, BTreeSet<i32>>> = BTreeMap::new();
    for zone in zones {
        for (table, found) in &zone.tables {
            years.entry(table).or_default().extend(found.years.keys());
            if zone.name.is_some() {
                groups.entry(leader(zone, stored)).or_default().entry(table).or_default().extend(found.years.keys());
            }
        }
    }
    let hidden = reference::hidden_zones();
    for (name, tables) in groups.into_iter().filter(|(name, _)| !hidden.contains(&fold(name))) {
        let mut lacking: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for (table, all) in &years {
            let own = tables.get(*table);
            for year in all.iter().filter(|year| own.is_none_or(|own| !own.contains(year))) {
                lacking.entry(*year).or_default().push((*table).to_owned());
            }
        }
        for (year, tables) in lacking {
            findings.push(
                Finding::attention(
                    Code::ZoneWithoutData,
                    format!("zone {name}"),
                    format!("rien en {year}, alors que d'autres zones y sont : {}", some_of(&tables, 4)),
                )
                .action("vérifiez la livraison de cette année (`analyse-zones-csv`), puis rechargez-la"),
            );
        }
    }
}

impl Report for ZonesReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["zone", ">id", ">tables", ">lignes", "années"]);
        for zone in &self.zones {
            let years: BTreeSet<i32> = zone.tables.values().flat_map(|found| found.years.keys().copied()).collect();
            table.row([
                zone.name.clone().unwrap_or_else(|| "✗ orpheline".into()),
                zone.id_zone.to_string(),
                number(zone.tables.len() as u64),
                number(zone.rows),
                years.iter().map(i32::to_string).collect::<Vec<_>>().join(", "),
            ]);
        }
        page.table(&table);
        if self.details {
            self.render_details(page);
        }
        if !self.missing_tables.is_empty() {
            let list = some_of(&self.missing_tables, 6);
            page.line(format!("  tables absentes de la base : {list} (`ensure-schema` les crée)"));
        }
        render_findings(page, &self.findings, "chaque zone est unique, connue et couverte");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}

impl ZonesReport {
    fn render_details(&self, page: &mut Page) {
        page.title("Par table");
        let mut table = Table::new(&["zone", "table", ">lignes", "dates", "lignes par année"]);
        for zone in &self.zones {
            for (name, found) in &zone.tables {
                let years: Vec<String> =
                    found.years.iter().map(|(year, rows)| format!("{year} : {}", number(*rows))).collect();
                table.row([
                    zone.name.clone().unwrap_or_else(|| zone.id_zone.to_string()),
                    name.clone(),
                    number(found.rows),
                    format!("{} → {}", found.dates.0, found.dates.1),
                    years.join(" ; "),
                ]);
            }
        }
        page.table(&table);
    }
}
