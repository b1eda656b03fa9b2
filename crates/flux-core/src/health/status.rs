//! `check-status`: the state of each weekly table, from the file on disk to the main table, and what to do next.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::catalogue::Space;
use crate::error::{Error, Result};
use crate::files::{self, hash};
use crate::health::facts::{self, Facts, Looked};
use crate::health::watch::{self, Watched};
use crate::inspect::{Stranger, strangers};
use crate::ledger::adoption;
use crate::ledger::history::{self, Attempt};
use crate::load;
use crate::migrate::{Comparison, Pair, Standing, pairs};
use crate::progress::Progress;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, local_time, number, plural, some_of, verdict};
use crate::schema;
use crate::settings::Settings;
use crate::task::{Context, Task};
use crate::threads;

/// State of a file on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum FileState {
    Absent,
    /// There, not loaded yet, or not in this version.
    New,
    /// There, and loaded as it is.
    Loaded,
    /// There, and cannot be read.
    Unreadable,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TableStatus {
    file: &'static str,
    file_state: FileState,
    table: String,
    rows: u64,
    dates: u64,
    first_date: Option<String>,
    last_date: Option<String>,
    last_import: Option<Attempt>,
    to_migrate: u64,
    migrated: bool,
    /// Whether a migration would write.
    #[serde(skip)]
    would_write: bool,
    /// Whether a restoration took back what an older file had brought, and that file is not there again.
    #[serde(skip)]
    waits_for_older: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct StatusReport {
    tables: Vec<TableStatus>,
    /// The facts that were held against their dimensions.
    facts: Option<Looked>,
    unexpected: Vec<Stranger>,
    watched: Vec<Watched>,
    /// When the last delivery came, in UTC.
    last_delivery: Option<String>,
    /// The age from which it is told as overdue.
    max_age_s: Option<u64>,
    findings: Vec<Finding>,
    next: String,
}

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct StatusOptions {
    /// The tables.
    pub space: Space,
    /// Age of the last delivery from which the next one is overdue; never if `None`.
    pub max_age: Option<Duration>,
}

impl Task for StatusOptions {
    /// Looks at files, history and tables. Reads only.
    ///
    /// # Errors
    /// Those that concern the run as a whole.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let space = self.space;
        let existing = schema::existing(&mut database.session()?)?;
        let refusal = adoption::refusal(database, adoption::origin(&mut database.session()?)?);
        if !existing.contains_key(history::TABLE) {
            return Err(refusal.unwrap_or(Error::MissingTable { table: history::TABLE.into() }));
        }
        let mut tables = Vec::new();
        let mut findings = Vec::new();
        let files = deliveries(&context.settings, &mut findings)?;
        let pairs = pairs(space, &[])?;
        let look_at = |pair: &Pair| {
            crate::signals::check()?;
            match pair.require(space, &existing) {
                Ok(()) => database.with_session(|session| look(session, pair, files.as_ref(), &context.progress)),
                Err(error) => Ok((None, vec![error.finding(&pair.temp)])),
            }
        };
        let (looks, facts) = threads::beside(
            || threads::each(&pairs, threads::usual(), look_at),
            || database.with_session(|session| facts::look(session, &existing, space)),
        )?;
        for look in looks? {
            let (table, told) = look?;
            tables.extend(table);
            findings.extend(told);
        }
        let mut session = database.session()?;
        findings.extend(twice(files.as_ref()));
        incomplete(&mut session, &tables, &mut findings)?;
        emptied(&tables, &mut findings);
        let names: Vec<String> = tables.iter().map(|table| table.table.clone()).collect();
        let delivery = history::last_delivery(&mut session, &names)?;
        findings.extend(self.max_age.and_then(|limit| overdue(delivery.as_ref(), limit, &tables)));
        let unexpected = strangers(&context.settings.home.deliveries())?;
        // Before it is adopted no other step is taken.
        let adopt = refusal.as_ref().and_then(Error::hint);
        let next = adopt.unwrap_or_else(|| next_step(&tables, &findings, unexpected.len()));
        let told = |error: Error| Finding { severity: Verdict::Attention, ..error.finding("origine") };
        findings.extend(refusal.map(told));
        findings.extend(unexpected.iter().map(Stranger::finding));
        let watched = watch::watch(&context.settings)?;
        findings.extend(watched.iter().filter_map(Watched::finding));
        let Facts { looked: facts, findings: of_facts } = facts?;
        findings.extend(of_facts);
        // What the main tables have lost comes before what is new.
        findings.sort_by_key(|finding| (finding.severity != Verdict::Error, finding.code != Code::LoadUndone));
        let last_delivery = delivery.map(|(came, _)| came);
        let max_age_s = self.max_age.map(|age| age.as_secs());
        Ok(StatusReport { tables, facts, unexpected, watched, last_delivery, max_age_s, findings, next })
    }
}

/// A table, its file and its main table, and what there is to say of them.
fn look(
    session: &mut Session,
    pair: &Pair,
    files: Option<&Delivery>,
    progress: &Progress,
) -> Result<(Option<TableStatus>, Vec<Finding>)> {
    let mut findings = Vec::new();
    let file = pair.dataset.weekly_file.unwrap_or_default();
    let last = history::last_attempt(session, &pair.temp)?;
    let file_state = files.map_or(FileState::Unreadable, |files| {
        file_state(files.get(file).and_then(|paths| paths.first()), last.as_ref(), progress)
    });
    let Standing { comparison, would_write, findings: aside } = pair.standing(session)?;
    let dates = schema::dates(session, &pair.temp, None)?;
    if file_state == FileState::Unreadable && files.is_some() {
        let finding = Finding::attention(Code::FileUnreadable, file, "illisible");
        findings.push(finding.action("vérifiez que c'est un fichier et ses droits"));
    }
    let undone = load::undone(session, (&pair.temp, &pair.main), file)?;
    let told = look_at(pair, (file, file_state), last.as_ref(), &comparison);
    findings.extend(told.into_iter().filter(|told| undone.is_none() || told.code != Code::LoadUndone));
    let there = files.and_then(|files| files.get(file)?.first());
    let waits_for_older = undone.is_some() && !is_back(session, &pair.temp, there)?;
    findings.extend(undone);
    if last.as_ref().is_some_and(|last| last.status == "loaded" && last.cleaned_at.is_some()) {
        findings.extend(gone(session, pair, file)?);
    }
    // Without any history that is said already.
    findings.extend(aside.into_iter().filter(|finding| last.is_some() || finding.code != Code::RowsUnrecorded));
    let table = TableStatus {
        file,
        file_state,
        table: pair.temp.clone(),
        rows: comparison.temp_rows,
        dates: dates.len() as u64,
        first_date: dates.first().cloned(),
        last_date: dates.last().cloned(),
        last_import: last,
        to_migrate: comparison.missing + comparison.different,
        migrated: comparison.invariant_holds(),
        would_write,
        waits_for_older,
    };
    Ok((Some(table), findings))
}

/// The last delivery is older than `limit`.
fn overdue(delivery: Option<&(String, i64)>, limit: Duration, tables: &[TableStatus]) -> Option<Finding> {
    let message = match delivery {
        None => "aucune n'a encore été chargée".to_owned(),
        Some((came, age)) => {
            // A clock that was set back makes nothing old.
            let age = u64::try_from(*age).ok().filter(|age| *age > limit.as_secs())?;
            let old = if age >= 86_400 {
                plural(age / 86_400, "jour", "jours")
            } else {
                plural(age / 3600, "heure", "heures")
            };
            format!("la dernière a été chargée le {}, il y a {old}", local_time(came))
        }
    };
    let waits = tables.iter().any(|table| table.file_state == FileState::New);
    let action = if waits {
        "des fichiers attendent : `update-temp-tables`, puis la suite de la semaine"
    } else {
        "voyez ce que le fournisseur propose (`download-deliveries`) ou réclamez-la, puis déposez-la dans data/data_temp/"
    };
    Some(Finding::attention(Code::DeliveryOverdue, "livraison en retard", message).action(action))
}

/// Files that are there more than once: the import takes none of them.
fn twice(files: Option<&Delivery>) -> Option<Finding> {
    let mut names: Vec<String> = files?
        .iter()
        .filter(|(_, paths)| paths.len() > 1)
        .map(|(name, paths)| format!("{name} ({})", paths.len()))
        .collect();
    if names.is_empty() {
        return None;
    }
    names.sort();
    let files =
        plural(names.len() as u64, "nom est porté par plusieurs fichiers", "noms sont portés par plusieurs fichiers");
    let finding = Finding::attention(Code::FileUnusable, "livraison", format!("{files} : {}", some_of(&names, 10)));
    Some(finding.action(load::ONE_OF_A_NAME))
}

/// Some of the ten files are there, and others are not.
fn incomplete(session: &mut Session, tables: &[TableStatus], findings: &mut Vec<Finding>) -> Result<()> {
    let is_absent = |table: &&TableStatus| table.file_state == FileState::Absent;
    let there: Vec<&str> = tables.iter().filter(|table| !is_absent(table)).map(|table| table.table.as_str()).collect();
    let mut absent = Vec::new();
    for table in tables.iter().filter(is_absent) {
        // What is archived is not missing beside the files of its delivery that had to be mended.
        if !there.is_empty() && !history::is_done_beside(session, &table.table, &there)? {
            absent.push(table.file.to_owned());
        }
    }
    if absent.is_empty() {
        return Ok(());
    }
    let files = plural(absent.len() as u64, "fichier absent", "fichiers absents");
    let finding = Finding::attention(Code::FileMissing, "livraison", format!("{files} : {}", some_of(&absent, 10)));
    findings.push(finding.action("complétez la livraison (`etat-csv-complet`) avant de migrer"));
    Ok(())
}

/// Tables without the rows that an import put there, and that no cleanup took away.
fn emptied(tables: &[TableStatus], findings: &mut Vec<Finding>) {
    let names: Vec<String> =
        tables.iter().filter(|table| table.is_emptied()).map(|table| table.table.clone()).collect();
    if names.is_empty() {
        return;
    }
    let count = plural(names.len() as u64, "table vidée", "tables vidées");
    let message = format!(
        "{count} hors de `cleanup-temp` : rien ne prouve que leurs lignes ont été migrées : {}",
        some_of(&names, 10)
    );
    let finding = Finding::attention(Code::TablesEmpty, "tables temporaires", message);
    findings.push(finding.action("relancez `update-temp-tables`, qui les recharge des CSV"));
}

/// Dates of the last delivery that were migrated and cleaned, and of which the main table holds nothing any more.
fn gone(session: &mut Session, pair: &Pair, file: &str) -> Result<Option<Finding>> {
    let Some(last) = history::last(session, &pair.temp)? else { return Ok(None) };
    let action = "remettez le CSV dans data/data_temp/ (data/archive/ le garde), puis `update-temp-tables` et la migration ; ou \
                  `restore-critical`";
    Ok(load::gone(session, last.id, &pair.main, file)?.map(|finding| finding.action(action)))
}

impl TableStatus {
    fn is_emptied(&self) -> bool {
        let brought = |last: &Attempt| last.status == "loaded" && last.cleaned_at.is_none() && last.stored > 0;
        self.rows == 0 && self.last_import.as_ref().is_some_and(brought)
    }
}

/// The files of the delivery; none where the folder is not there yet. `None` where it cannot be read to its end, which is a finding:
/// nobody can say then that a file is absent.
fn deliveries(settings: &Settings, findings: &mut Vec<Finding>) -> Result<Option<Delivery>> {
    let folder = settings.home.deliveries();
    match load::find_files(&folder) {
        Ok(files) => Ok(Some(files)),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(_) if !folder.exists() => Ok(Some(Delivery::new())),
        Err(error) => {
            let finding = Finding::attention(Code::from(&error), "livraisons", error.to_string());
            findings.push(finding.action("donnez le droit de lecture à l'utilisateur qui lance les outils"));
            Ok(None)
        }
    }
}

/// Files by name, with their sizes.
type Delivery = HashMap<String, Vec<(PathBuf, u64)>>;

/// Whether the file that is there is one whose load was taken back.
fn is_back(session: &mut Session, table: &str, file: Option<&(PathBuf, u64)>) -> Result<bool> {
    let Some((path, size)) = file else { return Ok(false) };
    let undone = history::undone(session, table)?;
    // Another size is another content.
    if !undone.iter().any(|(of, _)| of == size) {
        return Ok(false);
    }
    let hash = hash::blake3(path).map(|hash| hash.to_hex());
    Ok(undone.iter().any(|(_, of)| hash.as_ref().is_ok_and(|hash| of == hash.as_str())))
}

fn file_state(file: Option<&(PathBuf, u64)>, last: Option<&Attempt>, progress: &Progress) -> FileState {
    let Some((path, size)) = file else { return FileState::Absent };
    // Another size is another content, of however many gigabytes.
    if !last.is_some_and(|last| last.status == "loaded" && last.file_size == *size) {
        return if files::open(path).is_ok() { FileState::New } else { FileState::Unreadable };
    }
    match hash::blake3_shown(path, &progress.bytes(&path.file_name().unwrap_or_default().to_string_lossy(), *size)) {
        Err(_) => FileState::Unreadable,
        Ok(hash) if last.is_some_and(|last| last.status == "loaded" && last.file_hash == hash.to_hex().as_str()) => {
            FileState::Loaded
        }
        Ok(_) => FileState::New,
    }
}

/// What needs a look at one table.
fn look_at(
    pair: &Pair,
    (file, state): (&str, FileState),
    last: Option<&Attempt>,
    comparison: &Comparison,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(last) = last else {
        if comparison.temp_rows > 0 {
            let lines = plural(comparison.temp_rows, "ligne", "lignes");
            findings.push(Finding::attention(
                Code::RowsUnrecorded,
                pair.temp.clone(),
                format!("{lines} sans historique d'import"),
            ));
        }
        return findings;
    };
    if ["undone", "cleaned"].contains(&last.status.as_str()) {
        let why = last.message.as_deref().unwrap_or("par une restauration");
        let finding =
            Finding::attention(Code::LoadUndone, file, format!("son dernier chargement ne compte plus : {why}"));
        findings.push(finding.action(
            "remettez le CSV dans data/data_temp/ (il est peut-être dans data/archive/), puis `update-temp-tables`",
        ));
    } else if last.status != "loaded" {
        let message = last.message.clone().unwrap_or_default();
        findings.push(
            Finding::attention(Code::ImportFailed, file, format!("le dernier import a échoué : {message}"))
                .action("corrigez, puis relancez `update-temp-tables`"),
        );
    }
    if last.status == "loaded" && last.stored == 0 {
        let lines = plural(last.lines_read, "ligne lue", "lignes lues");
        let finding = Finding::attention(Code::NothingStored, file, format!("{lines}, aucune en base"));
        findings.push(finding.action("corrigez le CSV ou l'option --year, puis relancez `update-temp-tables`"));
    }
    let is_done = last.status != "loaded" || last.cleaned_at.is_some();
    // Once its rows are migrated and cleaned, a file that is still there is not done with as long as lines of it were not read.
    if last.status == "loaded" && last.rejected > 0 && (!is_done || state == FileState::Loaded) {
        let name = last.reject_file.as_deref().map(|path| path.rsplit('/').next().unwrap_or(path));
        let place = name.map_or_else(String::new, |name| format!(" (liste : logs/rejets/{name})"));
        let lines = plural(last.rejected, "ligne rejetée", "lignes rejetées");
        findings.push(
            Finding::attention(Code::RejectedLines, file, format!("{lines}{place}"))
                .action("corrigez-les dans le CSV, ou complétez les noms, puis relancez `update-temp-tables`"),
        );
    }
    if !is_done && last.conflicts > 0 {
        let lines = plural(last.conflicts, "ligne en contradiction", "lignes en contradiction");
        findings.push(
            Finding::attention(Code::ConflictingLines, file, lines)
                .action("demandez au fournisseur quel volume est juste"),
        );
    }
    findings
}

fn next_step(tables: &[TableStatus], findings: &[Finding], unexpected: usize) -> String {
    let any = |test: fn(&TableStatus) -> bool| tables.iter().any(test);
    if findings.iter().any(|finding| finding.severity == Verdict::Error) {
        return "lancez `ensure-schema --seed`".into();
    }
    if any(TableStatus::is_emptied) {
        return "rechargez les tables vidées : `update-temp-tables`".into();
    }
    let has = |code: Code| findings.iter().any(|finding| finding.code == code);
    if has(Code::FileUnusable) {
        return load::ONE_OF_A_NAME.into();
    }
    let is_new = |table: &TableStatus| table.file_state == FileState::New;
    if any(|table| table.waits_for_older) && any(is_new) {
        return "mettez de côté les fichiers nouveaux : ceux dont le chargement ne compte plus (ci-dessous) viennent d'abord".into();
    }
    if any(is_new) {
        return "importez les fichiers nouveaux : `update-temp-tables`".into();
    }
    if any(|table| table.would_write) {
        if has(Code::FileMissing) {
            return "complétez la livraison avant de migrer (`etat-csv-complet` dit ce qui manque)".into();
        }
        if has(Code::RejectedLines) || has(Code::ImportFailed) || has(Code::NothingStored) {
            return "corrigez les CSV (rejets, échecs), puis `update-temp-tables` ; ne migrez qu'ensuite".into();
        }
        return "migrez : `migrate-temp-to-main`".into();
    }
    if any(|table| table.rows > 0 && !table.migrated) {
        return "des lignes sont laissées de côté par la migration : suivez les constats ci-dessous".into();
    }
    if any(|table| table.rows > 0) {
        return "tout est migré ; videz les tables temporaires : `cleanup-temp`".into();
    }
    if has(Code::TablesEmpty) {
        return "rechargez ce qui a disparu des tables principales (ci-dessous)".into();
    }
    if any(|table| table.file_state == FileState::Loaded) {
        if has(Code::NothingStored) {
            return "corrigez les CSV dont rien n'est en base (ci-dessous), puis `update-temp-tables`".into();
        }
        if has(Code::RejectedLines) {
            return "corrigez les lignes rejetées, puis `update-temp-tables` ; ou archivez sans elles : `archive-csv --accept-rejects`".into();
        }
        return "tout est migré et nettoyé ; archivez les CSV : `archive-csv`".into();
    }
    if has(Code::LoadUndone) {
        return "remettez en place les CSV dont le chargement ne compte plus (ci-dessous), puis `update-temp-tables`"
            .into();
    }
    if unexpected > 0 {
        return "regardez les fichiers que l'import ne prend pas (ci-dessous)".into();
    }
    if any(|table| table.file_state == FileState::Unreadable) {
        return "rendez la livraison lisible, puis `update-temp-tables`".into();
    }
    if has(Code::DeliveryOverdue) {
        return "réclamez la livraison qui tarde, puis déposez-la dans data/data_temp/".into();
    }
    if tables.iter().all(|table| table.last_import.is_none()) {
        return "rien n'a encore été importé : déposez la première livraison dans data/data_temp/".into();
    }
    "rien à faire : déposez la prochaine livraison dans data/data_temp/".into()
}

impl Report for StatusReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "table",
            "?fichier",
            ">lignes",
            ">??dates",
            "??du",
            "au",
            "??dernier import",
            ">rejets",
            ">à migrer",
        ]);
        for row in &self.tables {
            let file = match row.file_state {
                FileState::Absent => "absent",
                FileState::New => "nouveau",
                FileState::Loaded => "chargé",
                FileState::Unreadable => "illisible",
            };
            let last = row.last_import.as_ref();
            table.row([
                row.table.clone(),
                file.into(),
                number(row.rows),
                number(row.dates),
                row.first_date.clone().unwrap_or_else(|| "–".into()),
                row.last_date.clone().unwrap_or_else(|| "–".into()),
                last.map_or_else(|| "jamais".into(), |last| local_time(&last.finished_at)),
                last.map_or_else(|| "–".into(), |last| number(last.rejected)),
                number(row.to_migrate),
            ]);
        }
        page.table(&table);
        for folder in self.watched.iter().filter(|folder| folder.files > 0) {
            page.line(folder.text());
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        if let Some(facts) = self.facts.as_ref().filter(|facts| !facts.complete) {
            page.line(format!("  faits contrôlés depuis le {} (`adopt-database` les contrôle tous)", facts.from));
        }
        let rows = self.tables.iter().map(|table| table.rows).sum();
        page.conclude(self.verdict(), format!("{} dans les tables temporaires", plural(rows, "ligne", "lignes")));
        page.action(&self.next);
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}
