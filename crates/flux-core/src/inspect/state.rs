//! `etat-csv-complet`: the state of each expected file, with the database's memory of it where one is reachable.

use std::collections::HashMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Database;
use crate::domain::catalogue::Space;
use crate::error::Result;
use crate::inspect::scan::{self, FileScan, Problem};
use crate::inspect::strangers::{Stranger, strangers};
use crate::ledger::history;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, bytes, number, plural};
use crate::report::{ranges, render_findings, some_of};
use crate::task::{Context, Task};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileState {
    pub(crate) file: String,
    /// Table that it goes to.
    pub table: String,
    /// `present`, `missing` or `unusable`.
    pub(crate) state: &'static str,
    /// Where it was found.
    pub(crate) path: Option<String>,
    #[serde(skip)]
    sign: Verdict,
    pub(crate) size: u64,
    /// When it was written, local time.
    pub(crate) modified: Option<String>,
    pub(crate) encoding: Option<&'static str>,
    /// `;`, `,` or a tab.
    pub(crate) separator: Option<char>,
    /// Columns of the header.
    pub(crate) columns: Vec<String>,
    /// Columns that the import needs and the header lacks.
    pub(crate) missing_columns: Vec<&'static str>,
    pub(crate) lines: u64,
    /// Sum of the volumes.
    pub(crate) volume: u64,
    /// First and last date.
    pub(crate) dates: Option<(String, String)>,
    pub(crate) days: usize,
    /// Days without a line between the first and the last.
    pub(crate) missing_days: Vec<String>,
    /// Lines that an import would reject whatever the dimensions hold.
    pub(crate) problems: Vec<Problem>,
    /// Whether this very content is what was loaded last; absent without a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loaded: Option<bool>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StateReport {
    folder: String,
    files: Vec<FileState>,
    lines: u64,
    /// Files of the folder that the import does not take.
    unexpected: Vec<Stranger>,
    /// Why the database was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    findings: Vec<Finding>,
}

/// `etat-csv-complet`: which delivery to look at.
#[derive(Debug, Clone, Default)]
pub struct DeliveryOptions {
    /// Folder of the delivery, if not the usual one.
    pub data_dir: Option<PathBuf>,
    /// Does not ask the database what is loaded.
    pub no_db: bool,
}

impl Task for DeliveryOptions {
    /// Looks at every expected file of the folder.
    ///
    /// # Errors
    /// When the folder does not exist, or on a stop.
    fn run(self, context: &Context) -> Result<impl Report> {
        let folder = context.deliveries(self.data_dir.as_deref());
        let database = context.optional_database(self.no_db);
        let scans = scan::delivery(&folder, &context.progress)?;
        let (hashes, database) = match database {
            Ok(database) => match loaded_hashes(&database) {
                Ok(hashes) => (Some(hashes), None),
                Err(error) => (None, Some(format!("historique des imports illisible : {error}"))),
            },
            Err(reason) => (None, Some(reason)),
        };
        let mut findings = Vec::new();
        for scan in &scans {
            look(scan, &mut findings);
        }
        compare_spans(&scans, &mut findings);
        let unexpected = strangers(&folder)?;
        findings.extend(scan::told(&unexpected, &scans));
        let files: Vec<FileState> = scans.into_iter().map(|scan| state(scan, hashes.as_ref())).collect();
        let lines = files.iter().map(|file| file.lines).sum();
        Ok(StateReport { folder: folder.display().to_string(), files, lines, unexpected, database, findings })
    }
}

fn loaded_hashes(database: &Database) -> Result<HashMap<String, String>> {
    let mut session = database.session()?;
    let mut hashes = HashMap::new();
    for dataset in crate::domain::catalogue::weekly() {
        let table = dataset.temp_table(Space::Production);
        if let Some(last) = history::last(&mut session, &table)? {
            hashes.insert(table, last.file_hash);
        }
    }
    Ok(hashes)
}

fn state(scan: FileScan, hashes: Option<&HashMap<String, String>>) -> FileState {
    let table = scan.dataset.temp_table(Space::Production);
    let missing_days = ranges(scan.missing_days());
    let loaded =
        hashes.zip(scan.hash.as_ref()).map(|(hashes, hash)| hashes.get(&table).is_some_and(|known| known == hash));
    FileState {
        file: scan.file().to_owned(),
        state: match (scan.paths.is_empty(), scan.error.is_some() || !scan.missing_columns.is_empty()) {
            (true, _) => "missing",
            (false, true) => "unusable",
            (false, false) => "present",
        },
        path: scan.paths.first().map(|path| path.display().to_string()),
        sign: scan.sign(),
        size: scan.size,
        modified: scan.modified.map(|at| at.format("%Y-%m-%d %H:%M").to_string()),
        encoding: scan.encoding,
        separator: scan.separator,
        columns: scan.columns,
        missing_columns: scan.missing_columns,
        lines: scan.lines,
        volume: scan.volume,
        dates: scan
            .dates
            .first_key_value()
            .zip(scan.dates.last_key_value())
            .map(|((first, _), (last, _))| (first.to_string(), last.to_string())),
        days: scan.dates.len(),
        missing_days,
        problems: scan.problems,
        loaded,
        error: scan.error,
        table,
    }
}

fn look(scan: &FileScan, findings: &mut Vec<Finding>) {
    let file = scan.file();
    findings.extend(scan.finding());
    for problem in &scan.problems {
        let lines = plural(problem.lines, "ligne sera rejetée", "lignes seront rejetées");
        findings.push(
            Finding::attention(
                Code::RejectedLines,
                file,
                format!("{lines} : {} ({})", problem.reason, problem.examples.join(" | ")),
            )
            .action("corrigez ces lignes dans le CSV ; l'import garde les autres"),
        );
    }
    let days = scan.missing_days();
    if !days.is_empty() {
        let count = plural(days.len() as u64, "jour sans ligne", "jours sans ligne");
        findings.push(Finding::attention(
            Code::DaysMissing,
            file,
            format!("{count} dans la période : {}", some_of(&ranges(days), 5)),
        ));
    }
}

/// All files of a delivery cover the same days.
fn compare_spans(scans: &[FileScan], findings: &mut Vec<Finding>) {
    let span = |scan: &FileScan| {
        scan.dates.first_key_value().zip(scan.dates.last_key_value()).map(|((first, _), (last, _))| (*first, *last))
    };
    let mut counts: HashMap<_, usize> = HashMap::new();
    for found in scans.iter().filter_map(span) {
        *counts.entry(found).or_default() += 1;
    }
    let Some((usual, _)) = counts.iter().max_by_key(|(span, count)| (**count, **span)) else { return };
    for scan in scans {
        if let Some(found) = span(scan).filter(|found| found != usual) {
            findings.push(Finding::attention(
                Code::PeriodDiffers,
                scan.file(),
                format!("couvre {} → {}, la plupart des fichiers {} → {}", found.0, found.1, usual.0, usual.1),
            ));
        }
    }
}

impl Report for StateReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Livraison : {}", self.folder));
        let mut table = Table::new(&[
            "fichier",
            ">?taille",
            "?écrit le",
            "?encodage",
            "?sép.",
            ">lignes",
            ">?jours",
            "dates",
            ">à rejeter",
            "?chargé",
        ]);
        for file in &self.files {
            let name = format!("{} {}", file.sign.sign(), file.file.trim_end_matches(".csv"));
            if file.state == "missing" {
                let empty = (0..6).map(|_| String::new());
                table.row([name].into_iter().chain(empty).chain(["absent".into(), String::new(), String::new()]));
                continue;
            }
            table.row([
                name,
                bytes(file.size),
                file.modified.clone().unwrap_or_default(),
                file.encoding.unwrap_or("–").to_owned(),
                file.separator.map_or("–".into(), |c| if c == '\t' { "tab".into() } else { c.to_string() }),
                number(file.lines),
                number(file.days as u64),
                file.dates.as_ref().map_or("–".into(), |(first, last)| format!("{first} → {last}")),
                number(file.problems.iter().map(|problem| problem.lines).sum::<u64>()),
                match file.loaded {
                    None => "?".into(),
                    Some(true) => "oui".into(),
                    Some(false) => "non".into(),
                },
            ]);
        }
        page.table(&table);
        if let Some(reason) = &self.database {
            page.line(format!("  {reason}"));
        }
        let nothing = format!("les dix fichiers sont là et lisibles, {}", plural(self.lines, "ligne", "lignes"));
        render_findings(page, &self.findings, &nothing);
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
