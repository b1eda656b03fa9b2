//! The portal's JSON caches under `cache/`: what is there, and removing it by age or category. Paths never leave the folder: symbolic
//! links are neither followed nor removed, and only files that are caches by their name are touched.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::paths::{self, Entry};
use crate::report::{Finding, Page, Report, Table, Verdict, bytes, duration, number, plural};
use crate::report::{render_findings, some_of};
use crate::upkeep::cache::{self, category, is_cache_file};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Only looks.
    Stats,
    /// Removes what is older than the limit.
    Cleanup,
    /// Removes everything.
    Purge,
}

/// How.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to do.
    pub action: Action,
    /// Only this category; all when `None`.
    pub category: Option<String>,
    /// Age from which a file is old.
    pub max_age: Duration,
    /// Removes nothing.
    pub dry_run: bool,
}

/// A category: a subfolder of `cache/`, or its root.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Category {
    files: u64,
    bytes: u64,
    /// Files older than the limit.
    old: u64,
    old_bytes: u64,
    /// Age of the oldest file in seconds.
    oldest_s: u64,
    removed: u64,
    freed_bytes: u64,
}

/// Report of `cache-admin` and `cleanup-old-cache`.
#[derive(Debug, Serialize)]
pub struct CacheReport {
    folder: PathBuf,
    action: Action,
    dry_run: bool,
    max_age_s: u64,
    categories: BTreeMap<String, Category>,
    removed: u64,
    freed_bytes: u64,
    /// Files that are no caches by their name, and links: left alone.
    left: u64,
    findings: Vec<Finding>,
}

/// Category of what lies in `cache/` itself.
const ROOT: &str = "(racine)";

/// Looks at, or cleans, the caches of a home folder.
///
/// # Errors
/// [`Error::Usage`] for a category that is not there, [`Error::Interrupted`]; a file that cannot be removed is a finding.
pub fn administer(home: &Path, options: &Options) -> Result<CacheReport> {
    let folder = home.join("cache");
    let mut report = CacheReport {
        action: options.action,
        dry_run: options.dry_run,
        max_age_s: options.max_age.as_secs(),
        categories: BTreeMap::new(),
        removed: 0,
        freed_bytes: 0,
        left: 0,
        findings: Vec::new(),
        folder: folder.clone(),
    };
    match fs::symlink_metadata(&folder) {
        Err(_) => {}
        Ok(kind) if kind.file_type().is_symlink() => report.findings.push(
            Finding::attention(folder.display().to_string(), "est un lien symbolique : il n'est pas suivi")
                .action("remplacez-le par un vrai dossier, ou lancez l'outil avec --home sur sa cible"),
        ),
        Ok(_) => walk(&folder, options, &mut report)?,
    }
    if let Some(category) = &options.category
        && !report.categories.contains_key(category)
        && !folder.join(category).is_dir()
    {
        let known: Vec<String> = report.categories.keys().cloned().collect();
        let known = if known.is_empty() { "aucune".into() } else { some_of(&known, 10) };
        return Err(Error::Usage(format!("la catégorie « {category} » n'existe pas (présentes : {known})")));
    }
    if let Some(category) = &options.category {
        report.categories.retain(|name, _| name == category);
    }
    report.removed = report.categories.values().map(|category| category.removed).sum();
    report.freed_bytes = report.categories.values().map(|category| category.freed_bytes).sum();
    Ok(report)
}

fn walk(root: &Path, options: &Options, report: &mut CacheReport) -> Result<()> {
    let now = SystemTime::now();
    paths::walk(root, &|_| true, &mut |entry| {
        match entry {
            Entry::File(path, data) if is_cache_file(&path) => one(root, &path, &data, now, options, report),
            Entry::File(..) | Entry::Other(_) => report.left += 1,
            Entry::Folder(path, _) => {
                if let Some(category) = category(root, &path) {
                    report.categories.entry(category).or_default();
                }
            }
            Entry::Unreadable(path, error) => unreadable(&path, &Error::io("lecture de", &path)(error), report),
        }
        Ok(())
    })
}

fn unreadable(path: &Path, error: &Error, report: &mut CacheReport) {
    report.findings.push(
        Finding::attention(path.display().to_string(), error.to_string())
            .action("vérifiez les droits de l'utilisateur qui lance l'outil"),
    );
}

fn one(root: &Path, path: &Path, data: &Metadata, now: SystemTime, options: &Options, report: &mut CacheReport) {
    let category = category(root, path).unwrap_or_else(|| ROOT.into());
    // A date in the future (a clock that was set back) is no age.
    let age = cache::age(data, now).unwrap_or_default();
    let old = age >= options.max_age;
    let wanted = options.category.as_deref().is_none_or(|only| only == category);
    if wanted && options.action == Action::Stats && is_broken(path, data.len()) {
        report.findings.push(
            Finding::attention(
                path.display().to_string(),
                "n'est pas du JSON entier : le portail peut le servir tel quel",
            )
            .action("`cache-admin purge` le retire ; le portail le refera"),
        );
    }
    let entry = report.categories.entry(category).or_default();
    entry.files += 1;
    entry.bytes += data.len();
    entry.oldest_s = entry.oldest_s.max(age.as_secs());
    if old {
        entry.old += 1;
        entry.old_bytes += data.len();
    }
    let remove = match options.action {
        Action::Stats => false,
        Action::Cleanup => old,
        Action::Purge => true,
    };
    if !remove || !wanted {
        return;
    }
    match cache::remove(path, options.dry_run) {
        Ok(false) => {}
        Ok(true) => {
            entry.removed += 1;
            entry.freed_bytes += data.len();
        }
        Err(error) => unreadable(path, &error, report),
    }
}

/// Larger files are not parsed.
const PARSED: u64 = 16 << 20;

fn is_broken(path: &Path, size: u64) -> bool {
    if path.extension().is_none_or(|ending| ending != "json") || size > PARSED {
        return false;
    }
    fs::read(path).is_ok_and(|bytes| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err())
}

impl Report for CacheReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Caches : {}", self.folder.display()));
        let mut table =
            Table::new(&["catégorie", ">fichiers", ">taille", ">anciens", ">taille", "le plus ancien", ">supprimés"]);
        for (name, category) in &self.categories {
            table.row([
                name.clone(),
                number(category.files),
                bytes(category.bytes),
                number(category.old),
                bytes(category.old_bytes),
                if category.files == 0 { "–".into() } else { age(category.oldest_s) },
                number(category.removed),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
        }
        if self.left > 0 {
            page.line(format!("  {} laissés : ce ne sont pas des caches", plural(self.left, "fichier", "fichiers")));
        }
        let files: u64 = self.categories.values().map(|category| category.files).sum();
        let size: u64 = self.categories.values().map(|category| category.bytes).sum();
        let text = match self.action {
            Action::Stats => format!("{}, {}", plural(files, "fichier", "fichiers"), bytes(size)),
            _ => {
                let would = if self.dry_run { " (essai à blanc : rien n'a été supprimé)" } else { "" };
                let removed = plural(self.removed, "fichier supprimé", "fichiers supprimés");
                format!("{removed}, {} de moins{would}", bytes(self.freed_bytes))
            }
        };
        page.gap();
        page.verdict(self.verdict(), text);
        if !self.findings.is_empty() {
            render_findings(page, &self.findings, "");
        }
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}

/// Seconds as days, hours or less.
fn age(seconds: u64) -> String {
    match seconds {
        s if s >= 172_800 => format!("{} jours", s / 86_400),
        s if s >= 7_200 => format!("{} h", s / 3_600),
        s => duration(s as f64),
    }
}

/// `30`, `90m`, `24h`, `7j` (or `7d`): a bare number is days.
///
/// # Errors
/// What is expected.
pub fn parse_age(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || "attendu : un nombre de jours, ou 90m, 24h, 7j".to_owned();
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "j" | "d" => 86_400,
        "h" => 3_600,
        "m" | "min" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units_and_are_days_without_one() {
        assert_eq!(parse_age("7"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse_age("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_age("2J"), Ok(Duration::from_secs(172_800)));
        assert!(parse_age("-1").is_err() && parse_age("x").is_err() && parse_age("").is_err());
    }
}
