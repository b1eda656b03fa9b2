//! `analyse-zones-csv`: the zones that a delivery names, how often, and the row that each leads to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::{Locality, Resolution, Resolver, Row};
use crate::domain::reference;
use crate::error::Result;
use crate::inspect::scan::{self, FileScan};
use crate::inspect::zone_names::resolver;
use crate::load::missed;
use crate::report::render_findings;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural};
use crate::task::{Context, Task};

/// A name as the delivery writes it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ZoneName {
    /// The name as the file writes it.
    pub name: String,
    /// The stored (or reference) zone that it leads to.
    pub zone: Option<String>,
    /// Its id, with a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_zone: Option<u32>,
    /// `found`, `unknown` or `ambiguous`.
    pub(crate) resolution: &'static str,
    /// Nearest names, or the candidates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) near: Vec<String>,
    /// Lines in all files.
    pub(crate) lines: u64,
    /// First and last date.
    pub(crate) dates: Option<(String, String)>,
    pub(crate) files: BTreeMap<&'static str, u64>,
    /// File and line where it occurs first.
    pub(crate) first: (&'static str, u64),
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ZonesReport {
    folder: String,
    /// `database` or `reference`: what names were resolved against.
    resolved_against: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    names: Vec<ZoneName>,
    /// Zones of the database or reference that no file names.
    absent: Vec<String>,
    findings: Vec<Finding>,
    #[serde(skip)]
    by_file: bool,
}

/// Gathers the zone names of scanned files and resolves them.
pub(crate) fn names(scans: &[FileScan], resolver: &Resolver, with_ids: bool) -> Vec<ZoneName> {
    let mut names: BTreeMap<String, ZoneName> = BTreeMap::new();
    for scan in scans {
        let uses = scan.names.iter().filter(|(dim, _)| *dim == Dim::Zone).flat_map(|(_, uses)| uses);
        for used in uses {
            let entry = names
                .entry(used.name.clone())
                .or_insert_with(|| resolve(resolver, &used.name, (scan.file(), used.line), with_ids));
            entry.lines += used.lines;
            *entry.files.entry(scan.file()).or_default() += used.lines;
            if let Some((first, last)) = used.days {
                let (first, last) = (first.to_string(), last.to_string());
                entry.dates = Some(match entry.dates.take() {
                    None => (first, last),
                    Some((a, b)) => (a.min(first), b.max(last)),
                });
            }
        }
    }
    names.into_values().collect()
}

fn resolve(resolver: &Resolver, name: &str, first: (&'static str, u64), with_ids: bool) -> ZoneName {
    let mut zone = ZoneName {
        name: name.to_owned(),
        zone: None,
        id_zone: None,
        resolution: "unknown",
        near: Vec::new(),
        lines: 0,
        dates: None,
        files: BTreeMap::new(),
        first,
    };
    match resolver.resolve(name) {
        Resolution::Found(row) => {
            let row = &resolver.rows()[row as usize];
            zone.resolution = "found";
            zone.zone = Some(row.name.clone());
            zone.id_zone = row.id.filter(|_| with_ids);
        }
        Resolution::Unknown => zone.near = resolver.nearest(name, 3).into_iter().map(str::to_owned).collect(),
        Resolution::Ambiguous(names) => {
            zone.resolution = "ambiguous";
            zone.near = names;
        }
    }
    zone
}

/// What is wrong with the names.
pub(crate) fn findings(names: &[ZoneName]) -> Vec<Finding> {
    let bad = names.iter().filter(|name| name.resolution != "found");
    bad.map(|name| {
        let place = format!("zone « {} »", name.name);
        let (file, line) = name.first;
        let where_ = format!("{}, d'abord {file} ligne {line}", plural(name.lines, "ligne", "lignes"));
        if name.resolution == "ambiguous" {
            return Finding::attention(
                Code::NameAmbiguous,
                place,
                format!("ambiguë entre {} ({where_})", name.near.join(", ")),
            )
            .action("corrigez le nom dans le CSV : l'import rejette ces lignes");
        }
        let near = if name.near.is_empty() { String::new() } else { format!(", proche de {}", name.near.join(", ")) };
        Finding::attention(Code::NameUnknown, place, format!("ne mène à aucune zone{near} ({where_})"))
            .action(missed::unknown_hint(Dim::Zone))
    })
    .collect()
}

/// What kept zones from being read. Missing files are the business of `etat-csv-complet`, unless all are.
fn look(scans: &[FileScan], folder: &Path, findings: &mut Vec<Finding>) {
    if scans.iter().all(|scan| scan.paths.is_empty()) {
        let finding =
            Finding::attention(Code::FileMissing, folder.display().to_string(), "aucun des dix fichiers n'y est");
        findings.push(
            finding.action("déposez-y la livraison, ou donnez --data-dir ; `etat-csv-complet` dit ce qui manque"),
        );
        return;
    }
    for scan in scans.iter().filter(|scan| !scan.paths.is_empty()) {
        let zones_are_there = scan.error.is_none() && !scan.missing_columns.contains(&"ZoneObservation");
        findings.extend(scan.finding().filter(|_| !zones_are_there || scan.lines == 0));
        if zones_are_there && scan.zoneless > 0 {
            let lines = plural(scan.zoneless, "ligne dont la zone est illisible", "lignes dont la zone est illisible");
            findings.push(
                Finding::attention(Code::RejectedLines, scan.file(), format!("{lines}, à ajouter aux comptes"))
                    .action("`etat-csv-complet` montre lesquelles et pourquoi"),
            );
        }
    }
}

/// `analyse-zones-csv`: which delivery to analyse, and what to show.
#[derive(Debug, Clone, Default)]
pub struct ZonesCsvOptions {
    /// Folder of the delivery, if not the usual one.
    pub data_dir: Option<PathBuf>,
    /// Does not ask the database for its zones.
    pub no_db: bool,
    /// Shows each file.
    pub by_file: bool,
}

impl Task for ZonesCsvOptions {
    /// Analyses the zones of a delivery.
    ///
    /// # Errors
    /// When the folder does not exist, or on a stop.
    fn run(self, context: &Context) -> Result<impl Report> {
        let folder = context.deliveries(self.data_dir.as_deref());
        let database = context.optional_database(self.no_db);
        let scans = scan::delivery(&folder, &context.progress)?;
        // A database that answers and has no zones is no place to import into: that is more than a remark.
        let mut unread = None;
        let stored = database.and_then(|database| {
            let loaded = database
                .session()
                .and_then(|mut session| dims::load(&mut session, Dim::Zone, &Locality::default(), false));
            loaded.map_err(|error| {
                unread = Some(error.finding("zones de la base"));
                "zones de la base non lues".to_owned()
            })
        });
        let (resolver, resolved_against, database) = match stored {
            Ok(resolver) => (resolver, "database", None),
            Err(reason) => (resolver(reference::zones()), "reference", Some(reason)),
        };
        let names = names(&scans, &resolver, resolved_against == "database");
        let mut findings: Vec<Finding> = unread.into_iter().chain(findings(&names)).collect();
        look(&scans, &folder, &mut findings);
        // A row of a split group is named when the group is.
        let present = |row: &Row| match resolver.resolve(&row.name) {
            Resolution::Found(best) => {
                let best = &resolver.rows()[best as usize].name;
                names.iter().any(|name| name.zone.as_ref() == Some(best))
            }
            Resolution::Unknown | Resolution::Ambiguous(_) => false,
        };
        let absent = resolver.rows().iter().filter(|row| !present(row)).map(|row| row.name.clone()).collect();
        Ok(ZonesReport {
            folder: folder.display().to_string(),
            resolved_against,
            database,
            names,
            absent,
            findings,
            by_file: self.by_file,
        })
    }
}

impl Report for ZonesReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Livraison : {}", self.folder));
        if let Some(reason) = &self.database {
            page.line(format!("  {reason} ; noms comparés à la référence"));
        }
        let mut table = Table::new(&["nom dans les CSV", "zone", ">lignes", ">?fichiers", "dates"]);
        for name in &self.names {
            let zone = match &name.zone {
                Some(zone) => format!("✓ {zone}"),
                None if name.resolution == "ambiguous" => "⚠ ambiguë".into(),
                None => "⚠ inconnue".into(),
            };
            table.row([
                name.name.clone(),
                zone,
                number(name.lines),
                number(name.files.len() as u64),
                name.dates.as_ref().map_or("–".into(), |(first, last)| format!("{first} → {last}")),
            ]);
            if self.by_file {
                for (file, lines) in &name.files {
                    table.row([
                        format!("  {}", file.trim_end_matches(".csv")),
                        String::new(),
                        number(*lines),
                        String::new(),
                        String::new(),
                    ]);
                }
            }
        }
        if !self.names.is_empty() {
            page.table(&table);
        }
        if !self.absent.is_empty() {
            page.line(format!("  zones qu'aucun fichier ne nomme : {}", self.absent.join(", ")));
        }
        render_findings(page, &self.findings, "chaque nom mène à une zone et une seule");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
