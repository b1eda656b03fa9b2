//! The main tables held against the archived CSVs: each date against the newest load that brought it, read once more by the engine of
//! the import with the names as they are now. Nothing is written; memory holds one date of a table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{Dim, Space};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::files::gz;
use crate::ledger::dates::{self, Evidence};
use crate::ledger::history;
use crate::ledger::verifications::{self, Verification};
use crate::load::{self, Kept};
use crate::migrate::{self, Pair, VerifyOptions, pairs};
use crate::report::{Code, Finding, OneOf, Page, Report, Table, Verdict, number, plural, ranges, some_of, verdict};
use crate::schema;
use crate::settings::Settings;
use crate::task::{Context, Task};
use crate::upkeep::archive::archived;
use crate::upkeep::proof::{Prover, policy_of, stored};

/// What is wrong with a row.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Offender {
    kind: &'static str,
    /// Date, then the names of the dimensions (`#id` where the row is gone).
    key: Vec<String>,
    archive_volume: Option<u32>,
    main_volume: Option<i64>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct ProvedTable {
    main: String,
    /// Archived files that were read.
    files: u64,
    /// Dates that were held against one.
    dates: u64,
    /// Rows that main has as they are archived.
    rows: u64,
    /// Rows of a date and zone that a definitive export has replaced.
    superseded: u64,
    missing: u64,
    different: u64,
    /// Provisional rows of main that the archive does not have.
    surplus: u64,
    /// The same, of dates of which lines could not be read.
    suspended: u64,
    /// Dates whose newest load is in no archive.
    unarchived: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offenders: Vec<Offender>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ArchivedReport {
    from_archive: bool,
    limit: u32,
    tables: Vec<ProvedTable>,
    findings: Vec<Finding>,
}

impl Task for VerifyOptions {
    /// Verifies the migration of what is in the temporary tables, or the main tables against the archives.
    ///
    /// # Errors
    /// Those that concern the run as a whole.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let report = match &self.archived {
            None => OneOf::This(migrate::verify(database, &self)?),
            Some(dates) => OneOf::That(against_archives(&context.settings, database, &self, dates)?),
        };
        if self.space == Space::Production {
            let whole = self.only.is_empty() && self.archived.as_ref().is_none_or(Vec::is_empty);
            let against = if self.archived.is_some() { "archive" } else { "temp" };
            remember(database, against, whole, report.verdict());
        }
        Ok(report)
    }
}

/// Writes the verdict down, for who asks later whether the tables were verified. An account that only reads, or an older schema,
/// keeps no verdict, and that stops no verification.
fn remember(database: &Database, against: &str, whole: bool, verdict: Verdict) {
    let made = Verification {
        run: history::unique_id(),
        tool: database.tool().to_owned(),
        against: against.to_owned(),
        whole,
        verdict: verdict.name().to_owned(),
        finished_at: String::new(),
    };
    database.trail().follow(&made.run);
    if let Err(error) = database.with_session(|session| verifications::record(session, &made)) {
        log::debug!("verdict non noté : {error}");
    }
}

fn against_archives(
    settings: &Settings,
    database: &Database,
    options: &VerifyOptions,
    asked: &[NaiveDate],
) -> Result<ArchivedReport> {
    let mut session = database.session()?;
    let existing = schema::existing(&mut session)?;
    let archives: HashMap<String, (PathBuf, u64)> =
        archived(settings)?.into_iter().map(|(path, entry)| (entry.blake3, (path, entry.bytes))).collect();
    let mut check = Check { prover: Prover::new(settings), archives, limit: options.limit as usize };
    let (mut tables, mut findings) = (Vec::new(), Vec::new());
    for pair in pairs(options.space, &options.only)? {
        crate::signals::check()?;
        pair.require(options.space, &existing)?;
        let table = check.pair(&mut session, &pair, asked)?;
        findings.extend(findings_of(&pair, &table));
        // No load that counts brought these rows: they are in no date above.
        if asked.is_empty() {
            let file = pair.dataset.weekly_file.unwrap_or_default();
            findings.extend(load::undone(&mut session, (&pair.temp, &pair.main), file)?);
        }
        tables.push(table);
    }
    if tables.iter().all(|table| table.dates == 0 && table.unarchived.is_empty()) {
        let finding =
            Finding::attention(Code::CheckNotDone, "data/archive", "aucune date à comparer : rien n'est prouvé");
        findings.push(finding.action("`archive-csv` archive les CSV migrés"));
    }
    Ok(ArchivedReport { from_archive: true, limit: options.limit, tables, findings })
}

/// Kind, ids after the date, volume of the archive and of main.
type Wrong = (&'static str, Vec<u32>, Option<u32>, Option<i64>);

struct Check {
    prover: Prover,
    archives: HashMap<String, (PathBuf, u64)>,
    limit: usize,
}

impl Check {
    fn pair(&mut self, session: &mut Session, pair: &Pair, asked: &[NaiveDate]) -> Result<ProvedTable> {
        let known = dates::all(session, &pair.temp)?;
        let contents = history::contents(session, &pair.temp)?;
        let asked: BTreeSet<String> = asked.iter().map(ToString::to_string).collect();
        let mut table = ProvedTable { main: pair.main.clone(), ..ProvedTable::default() };
        let mut by_load: BTreeMap<u64, Vec<(&String, &Evidence)>> = BTreeMap::new();
        for (date, evidence) in &known {
            if evidence.brought > 0 && (asked.is_empty() || asked.contains(date)) {
                by_load.entry(evidence.brought).or_default().push((date, evidence));
            }
        }
        let unknown = asked.iter().filter(|date| known.get(*date).is_none_or(|evidence| evidence.brought == 0));
        table.unarchived.extend(unknown.cloned());
        for (load, dates) in by_load {
            crate::signals::check()?;
            let content = contents.get(&load);
            let Some(((hash, options), (path, bytes))) =
                content.and_then(|content| Some((content, self.archives.get(&content.0)?)))
            else {
                table.unarchived.extend(dates.iter().map(|(date, _)| (*date).clone()));
                continue;
            };
            let unpacked = gz::unpack(path, self.prover.scratch(), *bytes)?;
            let kept = self.prover.read(session, pair.dataset, unpacked.path())?;
            if kept.hash.to_hex().as_str() != hash {
                return Err(Error::BadFile(format!("{} n'est pas le fichier qui a été importé", path.display())));
            }
            table.files += 1;
            for (date, evidence) in dates {
                self.date(session, (pair, &kept, options), (date, evidence), &mut table)?;
            }
        }
        table.unarchived.sort();
        Ok(table)
    }

    fn date(
        &self,
        session: &mut Session,
        (pair, kept, options): (&Pair, &Kept, &str),
        (date, evidence): (&str, &Evidence),
        table: &mut ProvedTable,
    ) -> Result<()> {
        let day = date.parse().ok().and_then(Day::from_date);
        let day = day.ok_or_else(|| Error::Invariant(format!("{date} : une date hors limites dans l'historique")))?;
        let mut stored = stored(session, pair.dataset, &pair.main, day)?;
        let mut wrong: Vec<Wrong> = Vec::new();
        let limit = self.limit;
        let mut note = |count: &mut u64, kind, ids: &[u32], archive, main| {
            *count += 1;
            if *count <= limit as u64 {
                wrong.push((kind, ids.to_vec(), archive, main));
            }
        };
        kept.for_each_row(day, policy_of(options)?, |ids, volume, _| {
            let Some(volume) = volume else { return };
            if stored.definitive.contains(&ids[0]) {
                table.superseded += 1;
                return;
            }
            match stored.provisional.remove(ids) {
                Some(main) if main == i64::from(volume) => table.rows += 1,
                Some(main) => note(&mut table.different, "different", ids, Some(volume), Some(main)),
                None => note(&mut table.missing, "missing", ids, Some(volume), None),
            }
        })?;
        let mut left: Vec<(Vec<u32>, i64)> = stored.provisional.into_iter().collect();
        left.sort();
        for (ids, main) in left.iter().filter(|(ids, _)| !stored.definitive.contains(&ids[0])) {
            if evidence.missing_lines() > 0 {
                table.suspended += 1;
            } else {
                note(&mut table.surplus, "surplus", ids, None, Some(*main));
            }
        }
        table.dates += 1;
        for (kind, ids, archive_volume, main_volume) in wrong {
            let mut key = vec![date.to_owned()];
            for (dim, id) in pair.dataset.dims().zip(ids) {
                key.push(name(session, dim, id)?);
            }
            table.offenders.push(Offender { kind, key, archive_volume, main_volume });
        }
        Ok(())
    }
}

fn name(session: &mut Session, dim: Dim, id: u32) -> Result<String> {
    let spec = dim.spec();
    let sql = format!("SELECT {} FROM {} WHERE {} = ?", spec.name, spec.table, spec.id);
    let name: Option<Option<String>> = session.first(&format!("lecture de {}", spec.table), &sql, (id,))?;
    Ok(name.flatten().unwrap_or_else(|| format!("#{id}")))
}

fn findings_of(pair: &Pair, table: &ProvedTable) -> Vec<Finding> {
    let mut findings = Vec::new();
    let wrong = table.missing + table.different + table.surplus;
    if wrong > 0 {
        let rows = plural(wrong, "ligne diffère", "lignes diffèrent");
        let message = format!(
            "{rows} des CSV archivés : {}, {} d'un autre volume, {} en trop",
            plural(table.missing, "absente", "absentes"),
            number(table.different),
            number(table.surplus)
        );
        let action = "une main étrangère a changé la table, ou une dimension : rétablissez ces dates par `restore-critical`, ou \
                      réimportez l'archive";
        findings.push(Finding::attention(Code::ArchiveDiffers, &pair.main, message).action(action));
    }
    if table.suspended > 0 {
        let rows = plural(table.suspended, "ligne provisoire", "lignes provisoires");
        let message = format!("{rows} hors de l'archive, gardées : des lignes de leur date n'avaient pas pu être lues");
        findings.push(Finding::attention(Code::WithdrawalSuspended, &pair.main, message));
    }
    if !table.unarchived.is_empty() {
        let count = table.unarchived.len() as u64;
        let dates = plural(count, "date n'est", "dates ne sont");
        let unproved = if count < 2 { "non prouvée" } else { "non prouvées" };
        let spans = some_of(&ranges(table.unarchived.iter().filter_map(|date| date.parse().ok())), 5);
        let message =
            format!("{dates} dans aucune archive telle que le dernier import l'a apportée ({spans}) : {unproved}");
        let action = "`archive-csv` archive les CSV migrés ; sinon, `verify-migration` compare aux tables temporaires";
        findings.push(Finding::attention(Code::CheckNotDone, &pair.main, message).action(action));
    }
    findings
}

impl Report for ArchivedReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "table",
            ">fichiers",
            ">dates",
            ">identiques",
            ">absentes",
            ">différentes",
            ">en trop",
            ">?remplacées",
            ">non archivées",
        ]);
        for row in &self.tables {
            let counts = [row.files, row.dates, row.rows, row.missing, row.different, row.surplus, row.superseded];
            let counts = counts.into_iter().chain([row.unarchived.len() as u64]).map(number);
            table.row(std::iter::once(row.main.clone()).chain(counts));
        }
        page.table(&table);
        for row in self.tables.iter().filter(|row| !row.offenders.is_empty()) {
            page.title(&format!("{} (au plus {} par date et sorte d'écart)", row.main, self.limit));
            let mut list = Table::new(&["écart", "clé", ">archive", ">principale"]);
            for one in &row.offenders {
                let kind = match one.kind {
                    "missing" => "absente",
                    "different" => "différente",
                    _ => "en trop",
                };
                let archive = one.archive_volume.map_or_else(|| "–".into(), number);
                let main = one.main_volume.map_or_else(|| "–".into(), number);
                list.row([kind.into(), one.key.join(" / "), archive, main]);
            }
            page.table(&list);
        }
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
        let rows: u64 = self.tables.iter().map(|row| row.rows).sum();
        match self.verdict() {
            Verdict::Ok => {
                let proved = plural(rows, "ligne prouvée", "lignes prouvées");
                page.conclude(Verdict::Ok, format!("tables principales : {proved} par les CSV archivés"))
            }
            verdict => {
                let same = plural(rows, "ligne identique", "lignes identiques");
                page.conclude(verdict, format!("{same} aux CSV archivés ; le reste est à regarder"))
            }
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}
