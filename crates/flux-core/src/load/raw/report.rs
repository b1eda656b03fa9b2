//! What the ETL did, file by file and family by family.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::catalogue::DATASETS;
use crate::ledger::history::Counts;
use crate::load::missed;
use crate::load::options::LoadMethod;
use crate::load::report::{FileReport, Header, Status, advise, columns, render_details};
use crate::report::{Done, Page, Report, Table, Verdict, number, plural, some_of};

use crate::load::raw::discover::{Ignored, RawFile};
use crate::load::raw::etl::EtlOptions;

/// Files told one by one in the text; the JSON has them all.
const TOLD: usize = 20;
/// Names listed in the text; the JSON has them all.
const NAMED: usize = 20;

/// What became of one raw export.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RawReport {
    /// As any file of an import; `filtered` counts the lines of the two fields below.
    #[serde(flatten)]
    pub(crate) file: FileReport,
    /// Raw family, as in `Nuitee_Departement`.
    pub family: &'static str,
    pub(crate) delivery: String,
    /// Lines with a volume of 0 or less, which are not stored.
    pub(crate) not_positive: u64,
    /// Lines of dates and zones that a later delivery, or another file of this one, has brought.
    pub(crate) superseded: u64,
    /// Dates × zones that another file of the same delivery has brought.
    pub(crate) overlaps: u64,
    /// Rows that the file does not bring and that stay, for lines of their date were rejected.
    pub(crate) suspended: u64,
}

impl RawReport {
    pub(crate) fn new(raw: &RawFile, file: FileReport) -> Self {
        let file = FileReport { file: raw.place.clone(), path: Some(raw.path.clone()), ..file };
        Self {
            file,
            family: raw.dataset.family,
            delivery: raw.delivery.to_string(),
            not_positive: 0,
            superseded: 0,
            overlaps: 0,
            suspended: 0,
        }
    }

    fn verdict(&self) -> Verdict {
        let look = if self.overlaps + self.suspended > 0 { Verdict::Attention } else { Verdict::Ok };
        look.max(self.file.verdict())
    }
}

/// What a run of the ETL did, file by file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EtlReport {
    #[serde(flatten)]
    header: Header,
    /// The exports, by place.
    pub(crate) files: Vec<RawReport>,
    /// Files that are no exports to load.
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) totals: Totals,
}

/// Sums over all files.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) loaded: u64,
    /// Files that were loaded before.
    pub(crate) unchanged: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Part of the filtered lines: volumes of 0 or less.
    pub(crate) not_positive: u64,
    /// Part of the filtered lines: replaced by a later delivery or another file.
    pub(crate) superseded: u64,
    /// Rows that stay for doubt.
    pub(crate) suspended: u64,
}

impl EtlReport {
    pub(crate) fn new(
        folder: PathBuf,
        options: &EtlOptions,
        method: LoadMethod,
        files: Vec<RawReport>,
        ignored: Vec<Ignored>,
        elapsed: Duration,
    ) -> Self {
        let mut totals = Totals { files: files.len() as u64, ignored: ignored.len() as u64, ..Totals::default() };
        for report in &files {
            totals.add(report);
        }
        Self { header: Header::new(folder, options.dry_run, method, elapsed), files, ignored, totals }
    }
}

impl Totals {
    fn add(&mut self, report: &RawReport) {
        match report.file.status {
            Status::Loaded => self.loaded += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Failed => self.failed += 1,
            Status::Missing | Status::Skipped | Status::Empty => {}
        }
        self.counts.add(&report.file.counts);
        self.not_positive += report.not_positive;
        self.superseded += report.superseded;
        self.suspended += report.suspended;
    }
}

impl Report for EtlReport {
    fn render(&self, page: &mut Page) {
        let loaded = self.header.done.say(">chargés", ">à charger");
        let files = ["famille", ">fichiers", loaded, ">?inchangés", ">échecs"];
        let titles = [&files[..], &self.header.titles(), &[">?volume ≤ 0", ">?dépassées"]].concat();
        let mut table = Table::new(&titles);
        for dataset in DATASETS {
            let mut totals = Totals::default();
            for report in self.files.iter().filter(|report| report.family == dataset.family) {
                totals.files += 1;
                totals.add(report);
            }
            if totals.files > 0 {
                let files = [totals.files, totals.loaded, totals.unchanged, totals.failed];
                let more = [totals.not_positive, totals.superseded];
                let counts = files.into_iter().chain(columns(&totals.counts)).chain(more);
                table.row(std::iter::once(dataset.family.to_owned()).chain(counts.map(number)));
            }
        }
        if !table.is_empty() {
            page.table(&table);
        }
        let to_tell = |report: &&RawReport| report.verdict() != Verdict::Ok || report.file.note.is_some();
        let mut told: Vec<&RawReport> = self.files.iter().filter(to_tell).collect();
        told.sort_by_key(|report| std::cmp::Reverse(report.verdict()));
        for report in told.iter().take(TOLD) {
            render_details(page, &report.file, self.header.done);
            if let Some(note) = &report.file.note {
                page.line(format!("{} : {note}", report.file.file));
            }
            if report.suspended > 0 {
                let rows = self.header.done.count(report.suspended, ["ligne", "lignes"], ["gardée", "gardées"]);
                let why = "absentes du fichier, dont des lignes de ces dates ont été rejetées";
                page.line(format!("{} : {rows} dans {} : {why}", report.file.file, report.file.table));
            }
        }
        if told.len() > TOLD {
            let others = plural((told.len() - TOLD) as u64, "autre fichier", "autres fichiers");
            page.line(format!("… et {others} à signaler (--json les donne tous)"));
        }
        let missed = missed::together(self.files.iter().map(|report| report.file.missed_names.as_slice()));
        missed::render(page, &missed);
        self.render_created(page);
        self.render_contradicted(page);
        self.render_ignored(page);
        page.gap();
        let files = plural(self.totals.files, "fichier", "fichiers");
        page.conclude(self.verdict(), format!("{files}, {}", self.header.summary(&self.totals.counts)));
        advise(page, self.files.iter().map(|report| &report.file), &missed);
        if self.files.is_empty() {
            page.action(&format!(
                "aucun export brut dans {} : voyez --data-path ou `extract-only`",
                self.header.folder.display()
            ));
        }
    }

    fn verdict(&self) -> Verdict {
        let blind = self.files.is_empty() || self.ignored.iter().any(Ignored::is_unreadable);
        let none = if blind { Verdict::Attention } else { Verdict::Ok };
        self.files.iter().map(RawReport::verdict).max().unwrap_or(Verdict::Ok).max(none)
    }

    fn done(&self) -> Done {
        self.header.done
    }
}

impl EtlReport {
    /// The names that were created, each once, whatever the number of files that brought it.
    fn render_created(&self, page: &mut Page) {
        let created: BTreeSet<&String> = self.files.iter().flat_map(|report| &report.file.created).collect();
        if created.is_empty() {
            return;
        }
        let names = self.header.done.count(created.len() as u64, ["nom", "noms"], ["créé", "créés"]);
        let list: Vec<String> = created.into_iter().cloned().collect();
        page.line(format!("{names} dans les dimensions : {}", some_of(&list, NAMED)));
    }

    /// Codes and names of communes that disagree.
    fn render_contradicted(&self, page: &mut Page) {
        let told: BTreeSet<&String> = self.files.iter().flat_map(|report| &report.file.contradicted).collect();
        if told.is_empty() {
            return;
        }
        let communes = plural(
            told.len() as u64,
            "commune dont le code et le nom se contredisent (le code vaut)",
            "communes dont le code et le nom se contredisent (le code vaut)",
        );
        let list: Vec<String> = told.into_iter().cloned().collect();
        page.line(format!("{communes} : {}", some_of(&list, NAMED)));
    }

    fn render_ignored(&self, page: &mut Page) {
        if self.ignored.is_empty() {
            return;
        }
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ignored in &self.ignored {
            reasons.entry(ignored.reason).or_default().push(&ignored.file);
        }
        page.gap();
        page.line(plural(self.ignored.len() as u64, "fichier ignoré :", "fichiers ignorés :"));
        for (reason, files) in reasons {
            let first = files.iter().take(3).copied().collect::<Vec<_>>().join(", ");
            let more = if files.len() > 3 { ", …" } else { "" };
            page.line(format!("  {} : {reason} ({first}{more})", number(files.len() as u64)));
        }
    }
}
