//! `validation-complete-import`: is what was delivered and imported complete and plausible, before it is migrated?

mod coverage;
mod delivery;
mod page;
mod repeated;
mod scale;
mod usual;
mod vanished;

use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use coverage::{Coverage, Shrunk};
pub(crate) use delivery::{FileCheck, Resolved};
pub(crate) use usual::{Series, Unusual};

use crate::domain::catalogue::{self, Space};
use crate::error::Result;
use crate::files;
use crate::inspect::scan;
use crate::inspect::strangers::strangers;
use crate::ledger::history::Counts;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural, worst};
use crate::report::{render_findings, some_of};
use crate::task::{Context, Task};

/// What to validate, and from where a difference counts as a finding.
#[derive(Debug, Clone)]
pub struct ValidationOptions {
    /// Folder of the delivery, if not the usual one.
    pub data_dir: Option<PathBuf>,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// A date that would lose a larger share of its rows is reported, in percent.
    pub max_shrink: f64,
    /// Weeks that make what is usual.
    pub weeks: u32,
    /// Robust standard deviations from which a volume is unusual.
    pub threshold: f64,
    /// Writes a page there.
    pub html: Option<PathBuf>,
}

/// Lines of one reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Reason {
    reason: String,
    lines: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Validation {
    folder: String,
    conclusion: &'static str,
    files: Vec<FileCheck>,
    totals: Counts,
    resolution: Vec<Resolved>,
    rejects: Vec<Reason>,
    coverage: Coverage,
    shrunk: Vec<Shrunk>,
    unusual: Vec<Unusual>,
    #[serde(serialize_with = "crate::report::path_text_if_any")]
    #[schemars(with = "Option<String>")]
    html: Option<PathBuf>,
    findings: Vec<Finding>,
    #[serde(skip)]
    series: Vec<Series>,
}

impl Task for ValidationOptions {
    /// Validates. Reads only, but for the page that was asked for.
    ///
    /// # Errors
    /// Those of the connection; a table that is missing is a finding.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let settings = &context.settings;
        let folder = context.deliveries(self.data_dir.as_deref());
        let mut session = database.session()?;
        let tables = database.tables(&mut session)?;
        let mut findings = Vec::new();
        let scans = if folder.is_dir() {
            let scans = scan::delivery(&folder, &context.progress)?;
            findings.extend(scan::told(&strangers(&folder)?, &scans));
            scans
        } else {
            findings.push(
                Finding::attention(
                    Code::FolderMissing,
                    folder.display().to_string(),
                    "le dossier de livraison n'existe pas",
                )
                .action("déposez-y les CSV, ou donnez --data-dir"),
            );
            Vec::new()
        };
        let (files, totals) = delivery::files(&mut session, &tables, &scans, self.space, &mut findings)?;
        let resolution = delivery::resolution(&mut session, &scans, &settings.departement(), &mut findings)?;
        let rejects = delivery::reasons(&scans, &resolution);

        let mut contents = Vec::new();
        for dataset in catalogue::weekly() {
            let table = dataset.temp_table(self.space);
            if tables.contains(&table) {
                contents.push(coverage::content(&mut session, dataset, table)?);
            } else {
                findings
                    .push(Finding::error(Code::TableMissing, table, "n'existe pas").action("lancez `ensure-schema`"));
            }
        }
        let names = coverage::Names::load(&mut session)?;
        let coverage = coverage::cover(&contents, &scans, &names, &mut findings);
        // A table whose delivery was migrated, proved and then cleaned has nothing to hold.
        let is_cleaned = |table: &str| files.iter().any(|file| file.table == table && file.state == delivery::CLEANED);
        let all_cleaned = !contents.is_empty() && contents.iter().all(|content| is_cleaned(&content.table));
        findings.retain(|finding| finding.code != Code::TablesEmpty || !(all_cleaned || is_cleaned(&finding.place)));
        let delivered = coverage::Delivered { tables: &tables, contents: &contents, scans: &scans, options: &self };
        coverage::periods(&mut session, &delivered, &mut findings)?;
        vanished::vanished(&mut session, &delivered, &names, &mut findings)?;
        let beside = coverage::beside(&mut session, &delivered)?;
        let shrunk = coverage::shrunk(&beside, self.max_shrink, &mut findings);
        findings.extend(beside.iter().filter_map(scale::scaled));
        findings.extend(scale::new_weeks(&mut session, &delivered)?);
        coverage::doubled(&mut session, &delivered, &mut findings)?;
        repeated::repeated(&mut session, &delivered, &mut findings)?;
        let (series, unusual) = usual::unusual(&mut session, &delivered, &names, &mut findings)?;
        // What keeps the week from being migrated is told first, with its step: days that are missing do not.
        findings.sort_by_key(|finding| finding.code == Code::CoverageIncomplete);
        let conclusion = match worst(&findings) {
            Verdict::Ok if all_cleaned => "déjà migré et nettoyé, rien à migrer",
            Verdict::Ok => "prêt à migrer",
            Verdict::Attention => "à regarder avant de migrer",
            Verdict::Error => "à corriger avant de migrer",
        };
        let report = Validation {
            folder: folder.display().to_string(),
            conclusion,
            files,
            totals,
            resolution,
            rejects,
            coverage,
            shrunk,
            unusual,
            html: self.html.clone(),
            findings,
            series,
        };
        if let Some(path) = &self.html {
            files::output(path, page::page(&report, &settings.observatory()).finish().as_bytes())?;
        }
        Ok(report)
    }
}

/// A date as the server writes it.
fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

impl Report for Validation {
    fn render(&self, page: &mut Page) {
        page.line(format!("Livraison : {}", self.folder));
        let mut table =
            Table::new(&["fichier", ">lignes", ">en base", ">?doublons", ">conflits", ">rejets", ">?filtrées", "état"]);
        for file in &self.files {
            let counts = file.imported.unwrap_or_default();
            table.row([
                format!("{} {}", file.sign.sign(), file.file.trim_end_matches(".csv")),
                number(file.lines),
                number(counts.stored),
                number(counts.duplicates),
                number(counts.conflicts),
                number(counts.rejected),
                number(counts.filtered),
                file.state.to_owned(),
            ]);
        }
        page.table(&table);
        if !self.resolution.is_empty() {
            page.title("Résolution des noms");
            let mut table = Table::new(&["dimension", ">noms", ">lignes", ">résolues", "inconnus ou ambigus"]);
            for resolved in &self.resolution {
                table.row([
                    resolved.label.to_owned(),
                    number(resolved.names as u64),
                    number(resolved.lines),
                    crate::report::percent(resolved.resolved as f64, resolved.lines as f64),
                    some_of(&resolved.unresolved, 3),
                ]);
            }
            page.table(&table);
        }
        if !self.coverage.tables.is_empty() {
            page.title("Couverture");
        }
        if let Some((first, last)) = &self.coverage.span {
            let zones = plural(self.coverage.zones.len() as u64, "zone", "zones");
            page.line(format!(
                "  {first} → {last}, {}, {zones}",
                plural(self.coverage.days.len() as u64, "jour", "jours")
            ));
        }
        let mut table = Table::new(&["table", ">attendues", ">présentes", ">manquantes", "?contrôle"]);
        for covered in &self.coverage.tables {
            table.row([
                covered.table.clone(),
                number(covered.expected),
                number(covered.present),
                number(covered.expected - covered.present),
                covered.by.to_owned(),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
        }
        if let Some(path) = &self.html {
            page.line(format!("  écrit : {}", path.display()));
        }
        render_findings(page, &self.findings, "complet et plausible");
        page.gap();
        page.conclude(self.verdict(), format!("conclusion : {}", self.conclusion));
        if self.findings.is_empty() {
            page.action("`migrate-temp-to-main`");
        }
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
