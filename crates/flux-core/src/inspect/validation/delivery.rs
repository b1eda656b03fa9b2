//! Files, conservation of their lines by the last import, and how many of their names resolve.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{self, DIMS, Dim, Space};
use crate::domain::names::Resolution;
use crate::error::{Error, Result};
use crate::inspect::scan::FileScan;
use crate::inspect::validation::Reason;
use crate::ledger::dates;
use crate::ledger::history::{self, Counts};
use crate::load::{self, missed};
use crate::report::{Code, Finding, Verdict, number, plural, some_of};

/// State of a file whose load was migrated, proved and cleaned.
pub(crate) const CLEANED: &str = "migré et nettoyé";

/// One expected file and its last import.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileCheck {
    pub(crate) file: String,
    pub table: String,
    /// Records of the file.
    pub(crate) lines: u64,
    /// The worst that is told of it, in the file or of its import.
    #[serde(skip)]
    pub(crate) sign: Verdict,
    /// Whether this content is what was loaded last.
    pub(crate) state: &'static str,
    /// The accounting of the last import.
    pub(crate) imported: Option<Counts>,
}

/// How the names of one dimension resolve.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Resolved {
    /// Dimension, as options spell it.
    pub(crate) dimension: String,
    /// As people spell it.
    #[serde(skip)]
    pub(crate) label: &'static str,
    pub(crate) names: usize,
    /// Lines that hold one.
    pub(crate) lines: u64,
    /// Lines whose name leads to exactly one row.
    pub(crate) resolved: u64,
    /// Names that do not, with their lines.
    pub(crate) unresolved: Vec<String>,
}

pub(crate) fn files(
    session: &mut Session,
    tables: &HashSet<String>,
    scans: &[FileScan],
    space: Space,
    findings: &mut Vec<Finding>,
) -> Result<(Vec<FileCheck>, Counts)> {
    let with_history = tables.contains(history::TABLE);
    if !with_history {
        findings
            .push(Finding::error(Code::TableMissing, history::TABLE, "n'existe pas").action("lancez `ensure-schema`"));
    }
    let mut checks = Vec::new();
    let mut totals = Counts::default();
    for dataset in catalogue::weekly() {
        let told = findings.len();
        let scan = scans.iter().find(|scan| scan.dataset.main == dataset.main);
        let table = dataset.temp_table(space);
        let file = dataset.weekly_file.unwrap_or_default();
        if let Some(scan) = scan {
            look(scan, findings);
        }
        let mut check = FileCheck {
            file: file.into(),
            lines: scan.map_or(0, |s| s.lines),
            sign: scan.map_or(Verdict::Attention, FileScan::sign),
            state: "jamais chargé",
            imported: None,
            table,
        };
        if with_history && tables.contains(&check.table) {
            conserve(session, (&mut check, &dataset.main_table(space)), scan, findings)?;
        }
        check.sign = check.sign.max(crate::report::verdict(&findings[told..]));
        if let Some(counts) = &check.imported {
            totals.add(counts);
        }
        checks.push(check);
    }
    findings.extend(unended(scans));
    if with_history {
        excuse(session, &mut checks, scans, findings)?;
    }
    Ok((checks, totals))
}

/// Files that lack the last line end where most of their delivery have it: what was cut within the last volume is a sound line with a
/// smaller number.
fn unended(scans: &[FileScan]) -> Vec<Finding> {
    let read = || scans.iter().filter(|scan| scan.lines > 0 && scan.error.is_none());
    let (without, with): (Vec<&FileScan>, Vec<&FileScan>) = read().partition(|scan| scan.unended);
    if without.len() >= with.len() {
        return Vec::new();
    }
    let told = |scan: &&FileScan| {
        let message = format!(
            "la dernière ligne ({}) n'a pas de fin de ligne, les autres fichiers en ont une : fichier tronqué ?",
            scan.last_line
        );
        let action =
            "comparez la fin du fichier à l'original, ou redemandez-le ; une fin de ligne ajoutée le dit complet";
        Finding::attention(Code::FileTruncated, scan.file(), message).action(action)
    };
    without.iter().filter(|scan| !scan.truncated).map(told).collect()
}

/// Files that are not there because they are archived: what is there of their delivery had to be mended.
fn excuse(
    session: &mut Session,
    checks: &mut [FileCheck],
    scans: &[FileScan],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let is_there = |file: &str| scans.iter().any(|scan| scan.file() == file && !scan.paths.is_empty());
    let there: Vec<String> =
        checks.iter().filter(|check| is_there(&check.file)).map(|check| check.table.clone()).collect();
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    for check in checks.iter_mut().filter(|check| !is_there(&check.file)) {
        if history::is_done_beside(session, &check.table, &there)? {
            check.state = CLEANED;
            check.sign = Verdict::Ok;
            findings.retain(|finding| finding.code != Code::FileMissing || finding.place != check.file);
        }
    }
    Ok(())
}

fn look(scan: &FileScan, findings: &mut Vec<Finding>) {
    let file = scan.file();
    findings.extend(scan.finding());
    for problem in &scan.problems {
        findings.push(Finding::attention(
            Code::RejectedLines,
            file,
            format!(
                "{} ({}) : {}",
                plural(problem.lines, "ligne rejetée", "lignes rejetées"),
                problem.reason,
                problem.examples.join(" | ")
            ),
        ));
    }
}

fn conserve(
    session: &mut Session,
    (check, main): (&mut FileCheck, &str),
    scan: Option<&FileScan>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let last = history::last(session, &check.table)?;
    let failed = history::failure_since_load(session, &check.table)?;
    if let Some(message) = failed {
        findings.push(
            Finding::error(
                Code::ImportFailed,
                check.file.as_str(),
                format!("le dernier import a échoué : {}", message.unwrap_or_default()),
            )
            .action("corrigez la cause, puis relancez `update-temp-tables`"),
        );
    }
    let Some(history::Last { id, file_hash: hash, counts, reject_file, cleaned_at, .. }) = last else {
        if scan.is_some_and(|scan| scan.lines > 0) {
            findings.push(
                Finding::attention(Code::FileNotImported, check.file.as_str(), "jamais importé")
                    .action("lancez `update-temp-tables`"),
            );
        }
        return Ok(());
    };
    let Counts { lines_read, stored, conflicts, rejected, .. } = counts;
    check.imported = Some(counts);
    let same = scan.and_then(|scan| scan.hash.as_ref()).map(|found| *found == hash);
    check.state = match (same, cleaned_at.is_some()) {
        (Some(true), true) => CLEANED,
        (Some(true), false) => "chargé",
        (Some(false), _) => "autre contenu",
        (None, _) => "sans fichier",
    };
    if same == Some(false) {
        findings.push(
            Finding::attention(
                Code::FileNotImported,
                check.file.as_str(),
                "le fichier n'est pas celui qui a été importé",
            )
            .action("lancez `update-temp-tables`"),
        );
    }
    if !counts.balance() {
        findings.push(
            Finding::error(
                Code::LinesUnaccounted,
                check.file.as_str(),
                format!("lignes lues {} ≠ enregistrées + doublons + conflits + rejets + filtrées", number(lines_read)),
            )
            .action("rechargez le fichier : `update-temp-tables --force`"),
        );
    }
    let place = reject_file.map_or_else(String::new, |path| format!(", voir {path}"));
    if rejected > 0 {
        let lines = plural(rejected, "ligne rejetée", "lignes rejetées");
        findings.push(
            Finding::attention(Code::RejectedLines, check.file.as_str(), format!("{lines} à l'import{place}"))
                .action("corrigez ces lignes dans le CSV, puis relancez `update-temp-tables`"),
        );
    }
    if conflicts > 0 {
        let lines = plural(conflicts, "ligne écartée car contraire", "lignes écartées car contraires");
        findings.push(Finding::attention(
            Code::ConflictingLines,
            check.file.as_str(),
            format!("{lines} à une autre de même clé"),
        ).action("demandez au fournisseur quel volume est juste ; `update-temp-tables --force --on-conflict last` (ou sum, reject) choisit"));
    }
    if let Some(finding) = load::gone(session, id, main, &check.file)?.filter(|_| same == Some(true)) {
        check.state = "chargé, puis disparu";
        findings.push(
            finding
                .action("relancez `update-temp-tables`, qui les recharge, puis la migration ; ou `restore-critical`"),
        );
    }
    // Dates that a cleanup took are where they belong.
    if cleaned_at.is_none() && !dates::is_in_step(session, id, &check.table)? {
        findings.push(
            Finding::error(
                Code::RowsUnrecorded,
                check.table.as_str(),
                format!("n'a plus ce que l'import y a enregistré ({})", plural(stored, "ligne", "lignes")),
            )
            .action("d'autres mains l'ont changée depuis : relancez `update-temp-tables`, qui la recharge"),
        );
    }
    Ok(())
}

/// The plural that options are spelt with, as people spell it.
fn in_french(plural: &'static str) -> &'static str {
    match plural {
        "categories" => "catégories",
        "departements" => "départements",
        "durees" => "durées",
        other => other,
    }
}

pub(crate) fn resolution(
    session: &mut Session,
    scans: &[FileScan],
    departement: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Resolved>> {
    let mut all = Vec::new();
    for spec in DIMS.iter().filter(|spec| spec.dim != Dim::Epci) {
        let mut lines_of: BTreeMap<&str, u64> = BTreeMap::new();
        for used in
            scans.iter().flat_map(|scan| &scan.names).filter(|(dim, _)| *dim == spec.dim).flat_map(|(_, uses)| uses)
        {
            *lines_of.entry(&used.name).or_default() += used.lines;
        }
        if lines_of.is_empty() {
            continue;
        }
        let resolver = match dims::load(session, spec.dim, &dims::locality(departement), false) {
            Ok(resolver) => resolver,
            Err(error @ (Error::EmptyDimension { .. } | Error::MissingTable { .. })) => {
                findings.push(
                    Finding::error(Code::from(&error), spec.table, error.to_string())
                        .action("lancez `ensure-schema --seed`"),
                );
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut resolved = Resolved {
            dimension: spec.plural.to_owned(),
            label: in_french(spec.plural),
            names: lines_of.len(),
            lines: lines_of.values().sum(),
            resolved: 0,
            unresolved: Vec::new(),
        };
        // Unknown ones, then ambiguous ones: what helps against one does not against the other.
        let mut unresolved: [Vec<(u64, &str)>; 2] = Default::default();
        for (name, lines) in lines_of {
            match resolver.resolve(name) {
                Resolution::Found(_) => resolved.resolved += lines,
                Resolution::Unknown => unresolved[0].push((lines, name)),
                Resolution::Ambiguous(_) => unresolved[1].push((lines, name)),
            }
        }
        let kinds = [
            (Code::NameUnknown, "sans ligne de", missed::unknown_hint(spec.dim)),
            (Code::NameAmbiguous, "avec plusieurs lignes possibles de", missed::ambiguous_hint(spec.dim)),
        ];
        for ((code, what, hint), mut names) in kinds.into_iter().zip(unresolved) {
            if names.is_empty() {
                continue;
            }
            names.sort_by_key(|(lines, name)| (std::cmp::Reverse(*lines), *name));
            let lost = plural(names.iter().map(|(lines, _)| lines).sum::<u64>(), "ligne", "lignes");
            let names: Vec<String> = names.iter().map(|(lines, name)| format!("{name} ({})", number(*lines))).collect();
            let message = format!("{lost} {what} {} : {}", spec.table, some_of(&names, 5));
            findings
                .push(Finding::attention(code, format!("noms de {}", in_french(spec.plural)), message).action(hint));
            resolved.unresolved.extend(names);
        }
        all.push(resolved);
    }
    Ok(all)
}

/// Lines that cannot be stored, by reason, most first.
pub(crate) fn reasons(scans: &[FileScan], resolution: &[Resolved]) -> Vec<Reason> {
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for problem in scans.iter().flat_map(|scan| &scan.problems) {
        *lines.entry(problem.reason.clone()).or_default() += problem.lines;
    }
    for resolved in resolution.iter().filter(|resolved| resolved.resolved < resolved.lines) {
        *lines.entry(format!("nom inconnu : {}", resolved.label)).or_default() += resolved.lines - resolved.resolved;
    }
    let mut reasons: Vec<Reason> = lines.into_iter().map(|(reason, lines)| Reason { reason, lines }).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.lines));
    reasons
}
