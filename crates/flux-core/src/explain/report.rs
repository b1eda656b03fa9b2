//! What `explain-volume` shows.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::domain::catalogue::{Dataset, Space};
use crate::explain::evidence::{Delivery, Known, short};
use crate::explain::key::{Key, Part};
use crate::explain::scan::Refused;
use crate::explain::verdict::{self, Conclusion};
use crate::ledger::rows::What;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, local_time, number, plural, verdict};

/// The line that was asked about.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LineReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    file: PathBuf,
    line: u64,
    /// `None` for a line that is no row.
    volume: Option<u32>,
    /// Why it is no row.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

impl LineReport {
    pub(crate) fn stored(path: &Path, line: u64, volume: u32) -> Self {
        Self { file: path.to_owned(), line, volume: Some(volume), refused: None }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeyReport {
    table: &'static str,
    temp_table: Option<String>,
    date: String,
    parts: Vec<Part>,
}

/// Report of `explain-volume`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplainReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<LineReport>,
    key: Option<KeyReport>,
    #[serde(skip)]
    text: String,
    #[serde(flatten)]
    known: Known,
    deliveries: Vec<Delivery>,
    /// Files read that say nothing of the date and zone.
    silent: u64,
    /// Archived files that the history shows not to hold the date.
    pub(crate) skipped: u64,
    #[serde(serialize_with = "unreadable")]
    #[schemars(with = "Vec<String>")]
    pub(crate) unreadable: Vec<(PathBuf, String)>,
    /// Whether the state is as it should be, and what explains it.
    explained: bool,
    explanation: String,
    /// Path of the delivery that explains it.
    explained_by: Option<String>,
    findings: Vec<Finding>,
}

fn unreadable<S: Serializer>(files: &[(PathBuf, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(files.iter().map(|(path, error)| format!("{} : {error}", path.display())))
}

impl ExplainReport {
    pub(crate) fn of_key(key: &Key, known: Known) -> Self {
        let dataset = key.dataset;
        let report = KeyReport {
            table: dataset.main,
            temp_table: dataset.weekly_file.map(|_| dataset.temp_table(Space::Production)),
            date: key.day.to_string(),
            parts: key.parts.clone(),
        };
        Self { key: Some(report), text: format!("{} : {}", dataset.main, key.text()), known, ..Self::empty() }
    }

    /// Of a line that is no row: there is no key to look for.
    pub(crate) fn of_refused(dataset: &Dataset, path: &Path, refused: Refused) -> Self {
        let explanation = format!("cette ligne n'est pas enregistrée : {}", refused.reason);
        let finding =
            Finding::attention(Code::RejectedLines, format!("{}:{}", path.display(), refused.line), &explanation)
                .action("corrigez la ligne ou ajoutez le nom à sa dimension, puis relancez l'import");
        let line = LineReport { file: path.to_owned(), line: refused.line, volume: None, refused: Some(refused) };
        let text = dataset.main.to_owned();
        Self { line: Some(line), text, explanation, findings: vec![finding], ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            line: None,
            key: None,
            text: String::new(),
            known: Known::default(),
            deliveries: Vec::new(),
            silent: 0,
            skipped: 0,
            unreadable: Vec::new(),
            explained: false,
            explanation: String::new(),
            explained_by: None,
            findings: Vec::new(),
        }
    }

    pub(crate) fn with_line(mut self, line: LineReport) -> Self {
        if let (Some(volume), Some(row)) = (line.volume, self.known.stored.iter().find(|row| row.main))
            && i64::from(volume) != row.volume
        {
            let message = format!("cette ligne dit {}, la base {}", number(volume), number(row.volume));
            let place = format!("{}:{}", line.file.display(), line.line);
            self.findings.push(Finding::attention(Code::FigureSuperseded, place, message));
        }
        self.line = Some(line);
        self
    }

    /// Adds what a file says; the same content in another place is one delivery.
    pub(crate) fn add(&mut self, delivery: Delivery) {
        if let Some(known) =
            self.deliveries.iter_mut().find(|known| known.blake3 == delivery.blake3 && known.raw == delivery.raw)
        {
            known.places.extend(delivery.places);
            known.archived |= delivery.archived;
        } else if delivery.speaks() {
            self.deliveries.push(delivery);
        } else {
            self.silent += 1;
        }
    }

    /// Orders the deliveries, oldest first, and says what they come to.
    pub(crate) fn conclude(&mut self, key: &Key) {
        // What was never loaded comes last, by the time of the file.
        let order = |delivery: &Delivery| (delivery.first_load.unwrap_or(u64::MAX), delivery.modified.clone());
        self.deliveries.sort_by_key(order);
        let place = key.text();
        let finding = |code, message: &str, action: &str| Finding::attention(code, &place, message).action(action);
        match verdict::conclude(&self.known, &self.deliveries) {
            Conclusion::Explained(at) => {
                let by = self.deliveries[at].name();
                self.explained = true;
                self.explanation = format!("la valeur en base est celle de {by}");
                self.explained_by = Some(by);
            }
            Conclusion::Absent(why) => (self.explained, self.explanation) = (true, why),
            Conclusion::Aside(at) => {
                self.explained_by = Some(self.deliveries[at].name());
                "la livraison la plus récente dit autre chose, mais la migration laisse cette date de côté"
                    .clone_into(&mut self.explanation);
                self.findings.append(&mut self.known.aside);
            }
            Conclusion::Superseded { by, message, action } => {
                self.explained_by = by.map(|at| self.deliveries[at].name());
                self.findings.push(finding(Code::FigureSuperseded, &message, action));
                self.explanation = message;
            }
            Conclusion::Unexplained { message, action } => {
                self.findings.push(Finding::error(Code::FigureUnexplained, &place, &message).action(action));
                self.explanation = message;
            }
        }
        let main = || self.known.stored.iter().filter(|row| row.main);
        if main().any(|row| main().any(|other| other.zone != row.zone)) {
            let message = "cette clé est enregistrée sous plusieurs noms d'une même zone, que le portail additionne";
            self.findings.push(finding(Code::ZoneSplit, message, "lancez `check-zones`, puis `merge-zones`"));
        } else if main().count() > 1 {
            let message = "cette clé est enregistrée sous plusieurs EPCI : les visiteurs y sont comptés plusieurs fois";
            self.findings.push(finding(
                Code::FigureDiffers,
                message,
                "lancez `validation-complete-import`, qui dit comment réparer",
            ));
        }
        for (path, error) in &self.unreadable {
            let finding = Finding::attention(Code::FileUnreadable, path.display().to_string(), error);
            self.findings.push(finding.action("ce fichier peut contenir la clé : rendez-le lisible, puis relancez"));
        }
    }

    fn changes(&self, page: &mut Page) {
        for change in &self.known.changes {
            let volume = |volume: Option<i64>| volume.map_or_else(|| "?".into(), number);
            let what = match change.change {
                What::Added => format!("ajoutée, {}", volume(change.volume_after)),
                What::Changed => format!("{} → {}", volume(change.volume_before), volume(change.volume_after)),
                What::Withdrawn => format!("retirée, valait {}", volume(change.volume_before)),
            };
            let undone =
                change.undone_at.as_ref().map_or_else(String::new, |at| format!(", annulée le {}", local_time(at)));
            let at = local_time(&change.at);
            page.line(format!("  {at} {} ({}) : {what}{undone}", change.tool, short(&change.run)));
        }
        if !self.known.changes.is_empty() {
            page.gap();
        }
    }

    fn deliveries_table(&self) -> Table {
        let mut table = Table::new(&["livraison", "chargée", ">lignes", ">volume", "état"]);
        for delivery in &self.deliveries {
            let load = delivery.loads.iter().rev().find(|load| load.status == "loaded").or(delivery.loads.last());
            let when = load.map_or("jamais".to_owned(), |load| format!("{} ({})", local_time(&load.at), load.tool));
            let state = match load.map(|load| load.status.as_str()) {
                _ if delivery.kept_back => "date retenue à l'import".into(),
                _ if delivery.contradictory => format!("lignes contradictoires ({})", delivery.policy.name()),
                Some("failed") => "échec".into(),
                Some("cleaned") => "chargement annulé".into(),
                _ if delivery.lines == 0 && delivery.refused_lines > 0 => "lignes rejetées".into(),
                _ if delivery.lines == 0 => "sans cette clé".into(),
                _ => String::new(),
            };
            let volume = delivery.volume.map_or("–".to_owned(), number);
            table.row([delivery.name(), when, number(delivery.lines), volume, state]);
        }
        table
    }
}

impl ExplainReport {
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn is_explained(&self) -> bool {
        self.explained
    }

    /// Everything but the findings.
    pub(crate) fn body(&self, page: &mut Page) {
        // The answer first.
        let verdict = if self.explained { Verdict::Ok } else { self.verdict() };
        let sign = if self.findings.iter().any(|finding| finding.code == Code::FigureUnexplained) {
            Verdict::Error
        } else {
            verdict
        };
        page.line(&self.text);
        page.conclude(sign, &self.explanation);
        page.gap();
        if let Some(line) = &self.line {
            let volume = line
                .volume
                .map_or("pas une ligne enregistrable".to_owned(), |volume| format!("volume {}", number(volume)));
            page.line(format!("Ligne {} de {} : {volume}", line.line, line.file.display()));
            if let Some(refused) = &line.refused {
                page.line(format!("  {} {} « {} »", refused.reason, refused.column, refused.value));
                page.line(format!("  {}", refused.raw));
            }
            page.gap();
        }
        let mut table = Table::new(&["en base", ">volume", "état", "créée", "modifiée", "?zone", "?EPCI"]);
        for row in &self.known.stored {
            let state = match row.provisional {
                Some(false) => "définitive",
                Some(true) => "provisoire",
                None => "–",
            };
            let time = |utc: Option<&String>| utc.map_or_else(|| "–".into(), |utc| local_time(utc));
            table.row([
                row.table.clone(),
                number(row.volume),
                state.into(),
                time(row.created_at.as_ref()),
                time(row.last_change.as_ref().map(|last| &last.at)),
                row.zone.clone().unwrap_or_default(),
                row.epci.clone().unwrap_or_default(),
            ]);
        }
        if table.is_empty() && self.key.is_some() {
            page.line("Aucune ligne en base pour cette clé.");
        } else if !table.is_empty() {
            page.table(&table);
        }
        for row in &self.known.stored {
            if let Some((last, by)) = row.last_change.as_ref().and_then(|last| Some((last, last.by()?))) {
                page.line(format!("  {} : écrite en dernier le {} par {by}", row.table, local_time(&last.at)));
            }
        }
        page.gap();
        self.changes(page);
        let deliveries = self.deliveries_table();
        if !deliveries.is_empty() {
            page.table(&deliveries);
            page.gap();
        }
        for delivery in &self.deliveries {
            for hit in &delivery.hits {
                page.line(format!("  {}:{} : {}", delivery.name(), hit.line, hit.raw));
            }
            for refused in delivery.refused.iter().take(5) {
                page.line(format!(
                    "  {}:{} rejetée ({}) : {}",
                    delivery.name(),
                    refused.line,
                    refused.reason,
                    refused.raw
                ));
            }
        }
        if self.silent + self.skipped > 0 {
            let silent = plural(self.silent, "fichier lu sans rien", "fichiers lus sans rien");
            let skipped = plural(self.skipped, "écarté", "écartés");
            page.line(format!("  {silent} de cette date et de cette zone, {skipped} par l'historique"));
        }
    }
}

impl Report for ExplainReport {
    fn render(&self, page: &mut Page) {
        self.body(page);
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}
