//! What an import did, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::domain::catalogue::Dataset;
use crate::error::{Error, Failed};
use crate::ledger::history::Counts;
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, duration, number, plural, some_of};

use crate::load::missed::{self, MissedName};
use crate::load::options::{ImportOptions, LoadMethod};
use crate::load::rejects::{Motive, Rejects};
use crate::load::sorter::Record;
use crate::load::tally::Cells;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Its rows are in the temporary table (on a dry run: would be).
    Loaded,
    /// The same content was loaded before.
    Unchanged,
    /// Not in the delivery.
    Missing,
    /// Left out by `--skip-large`.
    Skipped,
    /// Read, and nothing of it is stored: every line was rejected or filtered, or there is none.
    Empty,
    /// Nothing of it was loaded.
    Failed,
}

impl Status {
    fn french(self, done: Done) -> &'static str {
        match self {
            Status::Loaded => done.say("chargé", "à charger"),
            Status::Unchanged => "inchangé",
            Status::Missing => "absent",
            Status::Skipped => "écarté",
            Status::Empty => done.say("rien de chargé", "rien à charger"),
            Status::Failed => "échec",
        }
    }
}

/// A date that was not replaced because it would have lost too many rows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ShrunkDate {
    pub(crate) date: String,
    pub(crate) stored: u64,
    /// Rows that the file holds.
    pub(crate) incoming: u64,
}

/// Two lines that contradict each other.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ConflictExample {
    /// Line of the first volume.
    pub(crate) line: u64,
    pub(crate) volume: u32,
    /// Line of the other one.
    pub(crate) other_line: u64,
    pub(crate) other_volume: u32,
}

/// An earlier load of the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    pub(crate) options: String,
    pub(crate) dims_hash: String,
    pub(crate) rejected: u64,
    /// Lines that were left out for contradicting each other, where no policy chose between them.
    pub(crate) refused: u64,
    /// It stored nothing, which is no success that a second look makes.
    pub(crate) is_empty: bool,
    pub(crate) encoding: String,
    pub(crate) reject_file: Option<String>,
    /// First and last date that it stored, where they are known.
    pub(crate) dates: Option<(String, String)>,
    /// A remark of the target.
    pub(crate) note: Option<&'static str>,
}

impl Earlier {
    /// Lines that are missing in the base for what they say.
    pub(crate) fn missing(&self) -> u64 {
        self.rejected + self.refused
    }
}

/// What became of one file of the weekly delivery.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FileReport {
    /// Name, as in the delivery's specification.
    pub(crate) file: String,
    /// Temporary table that it was loaded into.
    pub table: String,
    /// What became of it.
    pub(crate) status: Status,
    pub(crate) encoding: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Where rejected lines are.
    #[serde(serialize_with = "crate::report::path_text_if_any")]
    #[schemars(with = "Option<String>")]
    pub(crate) reject_file: Option<PathBuf>,
    /// Rejected lines that are only counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) rejects_unwritten: u64,
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "f64")]
    pub(crate) duration_s: Duration,
    /// Where the file was found.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "crate::report::path_text_if_any")]
    #[schemars(with = "Option<String>")]
    pub(crate) path: Option<PathBuf>,
    /// First and last date stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dates: Option<(String, String)>,
    /// What a dry run has read of it, and the dates of the load that made this one needless: what it is held against the others with.
    #[serde(skip)]
    pub(crate) read: Cells,
    #[serde(skip)]
    pub(crate) known_dates: Option<(String, String)>,
    /// Why lines were rejected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rejects: Vec<Motive>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conflict_examples: Vec<ConflictExample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) shrunk_dates: Vec<ShrunkDate>,
    /// Names that lines were rejected for, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) missed_names: Vec<MissedName>,
    /// Communes outside of the own and the neighbouring départements, `NAME (code)`: the only ones of their name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) far_communes: Vec<String>,
    /// INSEE codes that came with the name of another commune, `code name → stored name`: the code counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contradicted: Vec<String>,
    /// What else there is to look at, for the findings of the run.
    #[serde(skip)]
    pub(crate) findings: Vec<Finding>,
    /// Names created, `dimension: name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) created: Vec<String>,
    /// A remark for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    #[serde(flatten)]
    pub(crate) failed: Failed,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl FileReport {
    pub(crate) fn new(dataset: &Dataset, table: String) -> Self {
        Self {
            file: dataset.weekly_file.unwrap_or_default().into(),
            table,
            status: Status::Missing,
            encoding: None,
            counts: Counts::default(),
            reject_file: None,
            rejects_unwritten: 0,
            duration_s: Duration::ZERO,
            path: None,
            dates: None,
            read: Cells::new(),
            known_dates: None,
            rejects: Vec::new(),
            conflict_examples: Vec::new(),
            shrunk_dates: Vec::new(),
            missed_names: Vec::new(),
            far_communes: Vec::new(),
            contradicted: Vec::new(),
            findings: Vec::new(),
            created: Vec::new(),
            note: None,
            failed: Failed::default(),
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        log::info!("{} : {error}", self.file);
        self.status = Status::Failed;
        self.failed = Failed::from(error);
        self.counts.stored = 0;
        self.counts.deleted = 0;
    }

    /// An earlier load makes this one needless.
    pub(crate) fn unchanged(&mut self, earlier: &Earlier) {
        self.status = Status::Unchanged;
        self.encoding = Some(earlier.encoding.clone());
        self.known_dates.clone_from(&earlier.dates);
        let mut notes = Vec::new();
        if earlier.missing() > 0 {
            let place = earlier.reject_file.as_deref().map_or_else(String::new, |path| format!(", voir {path}"));
            let counts = [
                (earlier.rejected, ["ligne rejetée", "lignes rejetées"]),
                (
                    earlier.refused,
                    ["ligne écartée car contraire à une autre", "lignes écartées car contraires à d'autres"],
                ),
            ];
            let said =
                counts.iter().filter(|(lines, _)| *lines > 0).map(|(lines, [one, many])| plural(*lines, one, many));
            notes.push(format!("déjà chargé, avec {}{place}", said.collect::<Vec<_>>().join(" et ")));
        }
        notes.extend(earlier.note.map(str::to_owned));
        // What is missing in the base is missing however often one looks.
        self.failed.code = (earlier.missing() > 0).then_some(Code::RejectedLines);
        if earlier.is_empty {
            notes.push("déjà lu : aucune de ses lignes n'est en base".to_owned());
            self.failed.code = Some(Code::NothingStored);
        }
        self.note = (!notes.is_empty()).then(|| notes.join(" ; "));
    }

    /// The file was read to its end, and no row of it is stored.
    pub(crate) fn nothing_stored(&mut self) {
        self.status = Status::Empty;
        self.failed.code = Some(Code::NothingStored);
        let counts = &self.counts;
        if counts.lines_read > 0 {
            let lines = plural(counts.lines_read, "ligne lue", "lignes lues");
            let rejected = plural(counts.rejected, "rejetée", "rejetées");
            let filtered = match counts.filtered {
                0 => String::new(),
                filtered => format!(", {} d'une autre année que --year", number(filtered)),
            };
            self.note = Some(format!("{lines}, aucune en base : {rejected}{filtered}"));
        }
    }

    /// What was rejected so far, and where it is written down.
    pub(crate) fn note_rejects(&mut self, rejects: &Rejects) {
        self.reject_file = rejects.path().map(Path::to_path_buf);
        self.rejects = rejects.motives();
        self.rejects_unwritten = rejects.unwritten;
    }

    /// Pairs of lines that contradict each other.
    pub(crate) fn note_conflicts(&mut self, examples: &[(Record, Record)]) {
        let example = |(first, other): &(Record, Record)| ConflictExample {
            line: first.line,
            volume: first.volume,
            other_line: other.line,
            other_volume: other.volume,
        };
        self.conflict_examples = examples.iter().map(example).collect();
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let look = self.counts.rejected > 0
            || self.counts.conflicts > 0
            || !self.shrunk_dates.is_empty()
            || !self.findings.is_empty()
            || matches!(self.failed.code, Some(Code::NothingStored | Code::RejectedLines));
        match self.status {
            Status::Failed => Verdict::Error,
            Status::Missing | Status::Empty => Verdict::Attention,
            Status::Loaded if self.counts.lines_read == 0 => Verdict::Attention,
            _ if look => Verdict::Attention,
            _ => Verdict::Ok,
        }
    }
}

/// What a run tells of itself as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Header {
    /// Folder that was searched.
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    pub(crate) folder: PathBuf,
    #[serde(rename = "dry_run")]
    pub(crate) done: Done,
    /// How rows reached the server.
    pub(crate) load_method: &'static str,
    #[serde(skip)]
    elapsed: Duration,
}

impl Header {
    pub(crate) fn new(folder: PathBuf, dry_run: bool, method: LoadMethod, elapsed: Duration) -> Self {
        Self { folder, done: Done::unless(dry_run), load_method: method.name(), elapsed }
    }

    /// Titles of the columns of [`columns`].
    pub(crate) fn titles(&self) -> [&'static str; 6] {
        let [stored, deleted] = self.done.say([">en base", ">??remplacées"], [">à charger", ">??à remplacer"]);
        [">lues", stored, deleted, ">?doublons", ">conflits", ">rejets"]
    }

    /// Lines read and stored, time and speed.
    pub(crate) fn summary(&self, counts: &Counts) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let rate = (counts.lines_read as f64 / seconds.max(0.001)) as u64;
        format!(
            "{}, {}, en {} ({} lignes/s)",
            plural(counts.lines_read, "ligne lue", "lignes lues"),
            self.done.count(counts.stored, ["ligne", "lignes"], ["enregistrée", "enregistrées"]),
            duration(seconds),
            number(rate)
        )
    }
}

/// The counts that every import shows.
pub(crate) fn columns(counts: &Counts) -> [u64; 6] {
    [counts.lines_read, counts.stored, counts.deleted, counts.duplicates, counts.conflicts, counts.rejected]
}

/// What a run of the weekly import did, file by file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImportReport {
    #[serde(flatten)]
    header: Header,
    /// The files, in the order of the delivery.
    pub(crate) files: Vec<FileReport>,
    pub(crate) totals: Counts,
    /// What there is to look at beside the numbers of the files.
    findings: Vec<Finding>,
    /// Files of the folder that are none of the ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

impl ImportReport {
    pub(crate) fn new(
        folder: PathBuf,
        options: &ImportOptions,
        method: LoadMethod,
        files: Vec<FileReport>,
        elapsed: Duration,
    ) -> Self {
        let mut totals = Counts::default();
        for file in &files {
            totals.add(&file.counts);
        }
        let findings = grouped(files.iter().flat_map(|file| &file.findings));
        Self {
            findings,
            left_out: Vec::new(),
            header: Header::new(folder, options.dry_run, method, elapsed),
            files,
            totals,
        }
    }
}

impl ImportReport {
    /// Folder that was searched.
    pub(crate) fn folder(&self) -> &Path {
        &self.header.folder
    }

    /// Adds what the files say together.
    pub(crate) fn tell(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
    }

    /// Adds what lay beside the delivery: each file and what there is to say of it.
    pub(crate) fn beside(&mut self, files: impl Iterator<Item = (String, Finding)>) {
        for (file, finding) in files {
            self.left_out.push(file);
            self.findings.push(finding);
        }
    }
}

/// One finding for all files of which it says the same.
fn grouped<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, u64)> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|(other, _)| other.code == finding.code && other.message == finding.message) {
            Some((_, files)) => *files += 1,
            None => groups.push((finding.clone(), 1)),
        }
    }
    let place = |(finding, files)| match files {
        1 => finding,
        files => Finding { place: format!("{files} fichiers"), ..finding },
    };
    groups.into_iter().map(place).collect()
}

impl Report for ImportReport {
    fn render(&self, page: &mut Page) {
        let titles = [&["fichier", "état"][..], &self.header.titles(), &[">?filtrées"]].concat();
        let mut table = Table::new(&titles);
        for file in &self.files {
            let counts = &file.counts;
            let count =
                |count: u64| if file.status == Status::Loaded || count > 0 { number(count) } else { "–".into() };
            let subject = [
                file.file.trim_end_matches(".csv").to_owned(),
                format!("{} {}", file.verdict().sign(), file.status.french(self.header.done)),
            ];
            let filtered = std::iter::once(count(counts.filtered));
            table.row(subject.into_iter().chain(columns(counts).map(count)).chain(filtered));
        }
        page.table(&table);
        page.gap();
        let mut notes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for file in &self.files {
            render_details(page, file, self.header.done);
            if let Some(note) = &file.note {
                notes.entry(note).or_default().push(&file.file);
            }
        }
        let missed = missed::together(self.files.iter().map(|file| file.missed_names.as_slice()));
        missed::render(page, &missed);
        let far: BTreeSet<&String> = self.files.iter().flat_map(|file| &file.far_communes).collect();
        missed::render_far(page, &far);
        page.gap();
        for (note, files) in notes {
            match files.as_slice() {
                [file] => page.line(format!("{file} : {note}")),
                files => page.line(format!("{} fichiers : {note}", files.len())),
            }
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        page.gap();
        let absent = self.files.iter().filter(|file| file.status == Status::Missing).count();
        let missing = format!(
            "{} dans {}",
            plural(absent as u64, "fichier absent", "fichiers absents"),
            self.header.folder.display()
        );
        let unchanged = self.files.iter().filter(|file| file.status == Status::Unchanged).count();
        if absent == self.files.len() {
            page.conclude(self.verdict(), &missing);
        } else if absent + unchanged == self.files.len() {
            let files = plural(unchanged as u64, "fichier déjà chargé", "fichiers déjà chargés");
            page.conclude(self.verdict(), format!("rien de nouveau : {files}"));
        } else {
            page.conclude(self.verdict(), self.header.summary(&self.totals));
        }
        advise(page, self.files.iter(), &missed);
        // Where lines were rejected, their reasons have steps of their own.
        if self.files.iter().any(|file| file.failed.code == Some(Code::NothingStored) && file.rejects.is_empty()) {
            page.action("corrigez, ou redemandez au fournisseur, ce dont rien n'est en base, puis relancez");
        }
        if self.files.iter().any(|file| file.failed.code == Some(Code::RejectedLines)) {
            page.action("corrigez dans les CSV les lignes rejetées au chargement précédent, puis relancez");
        }
        // What lies beside the delivery may hold what is missing.
        let beside = self.findings.iter().find(|finding| finding.code == Code::FileUnexpected);
        match beside.and_then(|finding| finding.action.as_deref()) {
            Some(action) if absent > 0 => page.action(action),
            _ if absent > 0 => {
                page.action(
                    "déposez ce qui manque dans le dossier des livraisons ; `etat-csv-complet` dit ce qui est là",
                );
            }
            _ => {}
        }
        if !self.left_out.is_empty() {
            let files = plural(self.left_out.len() as u64, "fichier laissé", "fichiers laissés");
            page.line(format!("{files} de côté : {}", some_of(&self.left_out, 5)));
        }
        if absent > 0 && absent < self.files.len() {
            page.line(missing);
        }
    }

    fn verdict(&self) -> Verdict {
        let files = self.files.iter().map(FileReport::verdict).max().unwrap_or(Verdict::Ok);
        files.max(crate::report::verdict(&self.findings))
    }

    fn done(&self) -> Done {
        self.header.done
    }
}

/// The next steps: what kept a file from being loaded comes first, unless it is the names themselves.
pub(crate) fn advise<'a>(page: &mut Page, files: impl Iterator<Item = &'a FileReport>, missed: &[MissedName]) {
    let stopped = files.filter(|file| file.failed.code != Some(Code::TooManyRejects) || file.missed_names.is_empty());
    let step = |file: &FileReport| {
        let error = file.failed.error.as_ref()?;
        Some(file.failed.hint.clone().unwrap_or_else(|| format!("voyez d'abord ce qui arrête {} : {error}", file.file)))
    };
    let steps: BTreeSet<String> = stopped.filter_map(step).collect();
    steps.iter().for_each(|step| page.action(step));
    missed::advise(page, missed);
}

/// What there is to look at in a file, by cause for people; `--json` has it as fields of the file.
pub(crate) fn render_details(page: &mut Page, file: &FileReport, done: Done) {
    file.told(done).iter().for_each(|finding| page.finding(finding));
    if !file.created.is_empty() {
        let created = done.verb(file.created.len() as u64, ["créé", "créés"]);
        page.line(format!("{} : {created} : {}", file.file, file.created.join(", ")));
    }
}

impl FileReport {
    /// What to do about rejected lines; nothing where only names are to blame, which have steps of their own.
    fn mend(&self) -> Option<&'static str> {
        let has =
            |words: &[&str]| self.rejects.iter().any(|motive| words.iter().any(|word| motive.reason.contains(word)));
        if self.rejects.is_empty() || self.rejects.iter().all(|motive| motive.reason.starts_with("nom de")) {
            None
        } else if has(&["tableur", "année à deux chiffres"]) {
            Some("un tableur a enregistré ce CSV : reprenez le fichier d'origine, déposez-le à sa place, puis relancez")
        } else {
            Some("corrigez ces lignes dans le CSV livré, puis relancez")
        }
    }

    fn told(&self, done: Done) -> Vec<Finding> {
        let mut told = Vec::from_iter(self.failed.finding(&self.file));
        for motive in &self.rejects {
            let column = if motive.column.is_empty() { String::new() } else { format!(" ({})", motive.column) };
            let lines = plural(motive.lines, "ligne rejetée", "lignes rejetées");
            let said = format!("{lines} : {}{column} : {}", motive.reason, motive.examples.join(" | "));
            told.push(Finding::attention(Code::RejectedLines, &self.file, said));
        }
        // The file of the rejects stands once, behind the last reason; what to do is the same for all files, which are then told together.
        if let Some(path) = &self.reject_file
            && self.failed.code != Some(Code::Io)
            && let Some(last) = told.pop()
        {
            let rest = match self.rejects_unwritten {
                0 => String::new(),
                rest => format!(", sauf {}, seulement comptées", plural(rest, "ligne", "lignes")),
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let said = format!("{} (rejets : logs/rejets/{name}{rest})", last.message);
            told.push(Finding { message: said, ..last });
        }
        if let Some(to_do) = self.mend() {
            let of_rejects = |finding: &Finding| finding.code == Code::RejectedLines;
            let mended = |finding: Finding| if of_rejects(&finding) { finding.action(to_do) } else { finding };
            told = told.into_iter().map(mended).collect();
        }
        if self.counts.conflicts > 0 {
            let lines = plural(self.counts.conflicts, "ligne en contradiction", "lignes en contradiction");
            let example = |example: &ConflictExample| {
                let volumes = [example.volume, example.other_volume].map(number);
                let [one, other] = [example.line, example.other_line];
                format!("ligne {one} : volume {} ; ligne {other} : volume {}", volumes[0], volumes[1])
            };
            let examples: Vec<String> = self.conflict_examples.iter().map(example).collect();
            let said = format!("{lines} avec une autre de même clé : {}", examples.join(" | "));
            told.push(Finding::attention(Code::ConflictingLines, &self.file, said));
        }
        for date in &self.shrunk_dates {
            let said = format!(
                "{} {} : {} dans le fichier contre {} en base",
                date.date,
                done.say("n'est pas remplacé", "ne serait pas remplacé"),
                plural(date.incoming, "ligne", "lignes"),
                number(date.stored)
            );
            let shrunk = Finding::attention(Code::DateShrunk, &self.file, said);
            told.push(shrunk.action("si ces dates sont vraiment réduites, relancez avec --force"));
        }
        told
    }
}
