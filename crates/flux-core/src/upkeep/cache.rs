//! The portal's JSON caches under `cache/`: what is there, and removing it by age or category.
//!
//! Paths never leave the folder, symbolic links are neither followed nor removed, and only files that are caches by their name are
//! touched: whatever else lies there (`.htaccess`, `index.php`) is not ours.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::{self, Entry, Fence};
use crate::report::{self, Code, Done, Finding, Page, Report, Table, Verdict, bytes, duration, number, plural};
use crate::report::{render_findings, some_of};

/// What to do with the files of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheAction {
    /// Counts files and bytes, removes nothing.
    Stats,
    /// Removes what is older than the limit.
    Cleanup,
    /// Removes all files of the cache.
    Purge,
}

/// How `cache-admin` and `cleanup-old-cache` do it.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// What to do with the files.
    pub action: CacheAction,
    /// Only this category; all when `None`.
    pub category: Option<String>,
    /// Age from which a file is old.
    pub max_age: Duration,
    /// Counts what would go, removes nothing.
    pub dry_run: bool,
}

/// What `clear-cache-midnight` empties.
#[derive(Debug, Clone, Default)]
pub struct ClearOptions {
    /// Only these categories, the folders of `cache/`; all if empty.
    pub only: Vec<String>,
    /// Only files that were not written for this long.
    pub older_than: Option<Duration>,
    /// Counts what would go, removes nothing.
    pub dry_run: bool,
}

/// A category: a subfolder of `cache/`, or what lies right in it.
#[derive(Debug, Default, Serialize)]
struct Category {
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

/// Category of what lies in `cache/` itself.
const ROOT: &str = "(racine)";
/// Larger files are not parsed when JSON that was cut short is looked for.
const PARSED: u64 = 16 << 20;

/// One walk through the caches, for either report.
struct Sweep<'a> {
    root: &'a Path,
    action: CacheAction,
    max_age: Duration,
    wanted: &'a dyn Fn(&str) -> bool,
    dry_run: bool,
    now: SystemTime,
    categories: BTreeMap<String, Category>,
    /// Links and special files.
    others: Vec<PathBuf>,
    /// Folders, each after what is in it.
    folders: Vec<PathBuf>,
    /// Files that are no caches by their name.
    strangers: u64,
    findings: Vec<Finding>,
}

impl<'a> Sweep<'a> {
    fn new(
        root: &'a Path,
        action: CacheAction,
        max_age: Duration,
        wanted: &'a dyn Fn(&str) -> bool,
        dry_run: bool,
    ) -> Self {
        Self {
            root,
            action,
            max_age,
            wanted,
            dry_run,
            now: SystemTime::now(),
            categories: BTreeMap::new(),
            others: Vec::new(),
            folders: Vec::new(),
            strangers: 0,
            findings: Vec::new(),
        }
    }

    fn walk(mut self) -> Result<Self> {
        let (root, wanted) = (self.root, self.wanted);
        files::walk(root, &|path| path.parent() != Some(root) || wanted(&category(root, path, true)), &mut |entry| {
            match entry {
                Entry::File(path, data) if is_cache_file(&path) => self.file(&path, &data),
                Entry::File(..) => self.strangers += 1,
                Entry::Other(path) => self.others.push(path),
                Entry::Closed(path) => {
                    self.categories.entry(category(root, &path, true)).or_default();
                }
                Entry::Folder(path, _) => {
                    self.categories.entry(category(root, &path, true)).or_default();
                    self.folders.push(path);
                }
                Entry::Unreadable(path, error) => self.cannot(&path, &Error::io("lecture de", &path)(error)),
            }
            Ok(())
        })?;
        Ok(self)
    }

    fn cannot(&mut self, path: &Path, error: &Error) {
        self.findings.push(
            Finding::attention(Code::of(error), path.display().to_string(), error.to_string())
                .action("vérifiez les droits de l'utilisateur qui lance l'outil"),
        );
    }

    fn file(&mut self, path: &Path, data: &Metadata) {
        let name = category(self.root, path, false);
        let wanted = (self.wanted)(&name);
        // A date in the future (a clock that was set back) is no age.
        let age = data.modified().ok().and_then(|time| self.now.duration_since(time).ok()).unwrap_or_default();
        let old = age >= self.max_age;
        if wanted && self.action == CacheAction::Stats && is_broken(path, data.len()) {
            self.findings.push(
                Finding::attention(
                    Code::CacheDamaged,
                    path.display().to_string(),
                    "n'est pas du JSON entier : le portail peut le servir tel quel",
                )
                .action("`cache-admin purge` le retire ; le portail le refera"),
            );
        }
        let remove = wanted && (self.action == CacheAction::Purge || (self.action == CacheAction::Cleanup && old));
        let removed = match if remove && !self.dry_run { fs::remove_file(path) } else { Ok(()) } {
            Ok(()) => remove,
            // Somebody else has removed it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                self.cannot(path, &Error::io("suppression de", path)(error));
                false
            }
        };
        let entry = self.categories.entry(name).or_default();
        entry.files += 1;
        entry.bytes += data.len();
        entry.oldest_s = entry.oldest_s.max(age.as_secs());
        if old {
            entry.old += 1;
            entry.old_bytes += data.len();
        }
        if removed {
            entry.removed += 1;
            entry.freed_bytes += data.len();
        }
    }
}

/// The folder of `root` that a path is (a folder) or lies in.
fn category(root: &Path, path: &Path, is_folder: bool) -> String {
    let mut inside = path.strip_prefix(root).unwrap_or(path).components();
    let first = inside.next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.filter(|_| is_folder || inside.next().is_some()).unwrap_or_else(|| ROOT.into())
}

/// Whether a file is one that the portal writes again by itself.
fn is_cache_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    !name.starts_with('.') && [".json", ".cache", ".ser", ".tmp", ".etag"].iter().any(|end| name.ends_with(end))
}

fn is_broken(path: &Path, size: u64) -> bool {
    if path.extension().is_none_or(|ending| ending != "json") || size > PARSED {
        return false;
    }
    fs::read(path).is_ok_and(|bytes| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err())
}

#[derive(Debug, Serialize)]
pub(crate) struct ClearReport {
    #[serde(rename = "dry_run")]
    done: Done,
    #[serde(serialize_with = "crate::report::path_text")]
    path: PathBuf,
    files: u64,
    bytes: u64,
    folders: u64,
    kept: u64,
    categories: Vec<Cleared>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Cleared {
    category: String,
    files: u64,
    bytes: u64,
}

impl ClearReport {
    /// Files and bytes that went, or would go.
    pub(crate) fn freed(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }

    /// What could not be done.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Empties the caches of the home folder `root`. Folders that become empty go too, those of the categories stay.
///
/// # Errors
/// [`Error::Config`] when `cache/` leads out of the home folder, [`Error::Usage`] for an unknown category.
pub fn clear_cache(root: &Path, options: &ClearOptions) -> Result<impl Report + use<>> {
    cleared(root, options)
}

/// As [`clear`], for a tool that empties the caches among other things.
pub(crate) fn cleared(root: &Path, options: &ClearOptions) -> Result<ClearReport> {
    let fence = Fence::new(root)?;
    let dir = fence.path(Path::new("cache"))?;
    if dir.exists() && !dir.is_dir() {
        return Err(Error::Config {
            message: format!("{} n'est pas un dossier", dir.display()),
            hint: "le portail attend un dossier cache/".into(),
        });
    }
    for name in &options.only {
        if !fence.path(&Path::new("cache").join(name))?.is_dir() {
            return Err(Error::Usage(format!("cache/{name} n'existe pas")));
        }
    }
    let wanted = |category: &str| {
        options.only.is_empty() || options.only.iter().any(|name| Path::new(name).starts_with(category))
    };
    let action = if options.older_than.is_some() { CacheAction::Cleanup } else { CacheAction::Purge };
    let sweep = Sweep::new(&dir, action, options.older_than.unwrap_or_default(), &wanted, options.dry_run).walk()?;
    let mut findings = sweep.findings;
    findings.extend(sweep.others.iter().map(|path| {
        Finding::attention(
            Code::LinkNotFollowed,
            path.display().to_string(),
            "lien ou fichier spécial, ni suivi ni supprimé",
        )
        .action("retirez-le s'il n'a rien à faire dans cache/")
    }));
    // Only empty ones go; the portal may just have written into one.
    let deep = sweep.folders.iter().filter(|path| !options.dry_run && path.parent() != Some(&dir));
    let folders = deep.filter(|path| fs::remove_dir(path).is_ok()).count() as u64;
    let kept: u64 = sweep.categories.values().map(|category| category.files - category.removed).sum();
    let cleared = sweep.categories.into_iter().filter(|(_, category)| category.removed > 0);
    let categories: Vec<Cleared> = cleared
        .map(|(name, category)| Cleared {
            category: if name == ROOT { ".".into() } else { name },
            files: category.removed,
            bytes: category.freed_bytes,
        })
        .collect();
    Ok(ClearReport {
        done: Done::unless(options.dry_run),
        files: categories.iter().map(|category| category.files).sum(),
        bytes: categories.iter().map(|category| category.bytes).sum(),
        folders,
        kept: kept + sweep.strangers,
        categories,
        findings,
        path: dir,
    })
}

impl Report for ClearReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["catégorie", ">fichiers", ">taille"]);
        for category in &self.categories {
            table.row([category.category.clone(), number(category.files), bytes(category.bytes)]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        let removed = self.done.count(self.files, ["fichier", "fichiers"], ["supprimé", "supprimés"]);
        page.verdict(Verdict::Ok, format!("{removed}, {} de moins", bytes(self.bytes)));
        for finding in &self.findings {
            page.finding(finding);
        }
    }

    fn verdict(&self) -> Verdict {
        report::verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}

/// Report of `cache-admin` and `cleanup-old-cache`.
#[derive(Debug, Serialize)]
struct CacheReport {
    #[serde(serialize_with = "crate::report::path_text")]
    folder: PathBuf,
    action: CacheAction,
    #[serde(rename = "dry_run")]
    done: Done,
    max_age_s: u64,
    categories: BTreeMap<String, Category>,
    removed: u64,
    freed_bytes: u64,
    /// Files that are no caches by their name, and links: left alone.
    left: u64,
    findings: Vec<Finding>,
}

/// Looks at, or cleans, the caches of a home folder.
///
/// # Errors
/// [`Error::Usage`] for a category that is not there, [`Error::Interrupted`]; a file that cannot be removed is a finding.
pub fn administer_cache(home: &Path, options: &CacheOptions) -> Result<impl Report + use<>> {
    let folder = home.join("cache");
    let wanted = |category: &str| options.category.as_deref().is_none_or(|only| only == category);
    let mut sweep = Sweep::new(&folder, options.action, options.max_age, &wanted, options.dry_run);
    if folder.is_symlink() {
        sweep.findings.push(
            Finding::attention(
                Code::LinkNotFollowed,
                folder.display().to_string(),
                "est un lien symbolique : il n'est pas suivi",
            )
            .action("remplacez-le par un vrai dossier, ou lancez l'outil avec --home sur sa cible"),
        );
    } else {
        sweep = sweep.walk()?;
    }
    let Sweep { mut categories, others, strangers, findings, .. } = sweep;
    if let Some(only) = &options.category {
        if !categories.contains_key(only) {
            let known: Vec<String> = categories.into_keys().collect();
            let known = if known.is_empty() { "aucune".into() } else { some_of(&known, 10) };
            return Err(Error::Usage(format!("la catégorie « {only} » n'existe pas (présentes : {known})")));
        }
        categories.retain(|name, _| name == only);
    }
    Ok(CacheReport {
        action: options.action,
        done: Done::unless(options.dry_run && options.action != CacheAction::Stats),
        max_age_s: options.max_age.as_secs(),
        removed: categories.values().map(|category| category.removed).sum(),
        freed_bytes: categories.values().map(|category| category.freed_bytes).sum(),
        categories,
        left: strangers + others.len() as u64,
        findings,
        folder,
    })
}

impl Report for CacheReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Caches : {}", self.folder.display()));
        let removed = self.done.say(">supprimés", ">à supprimer");
        let mut table =
            Table::new(&["catégorie", ">fichiers", ">taille", ">anciens", ">taille", "le plus ancien", removed]);
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
            page.line(format!("  {} mis à part : ce ne sont pas des caches", plural(self.left, "fichier", "fichiers")));
        }
        let files: u64 = self.categories.values().map(|category| category.files).sum();
        let size: u64 = self.categories.values().map(|category| category.bytes).sum();
        let text = match self.action {
            CacheAction::Stats => format!("{}, {}", plural(files, "fichier", "fichiers"), bytes(size)),
            _ => {
                let removed = self.done.count(self.removed, ["fichier", "fichiers"], ["supprimé", "supprimés"]);
                format!("{removed}, {} de moins", bytes(self.freed_bytes))
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

    fn done(&self) -> Done {
        self.done
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

    #[test]
    fn only_what_the_portal_writes_again_is_cache() {
        for name in ["a.json", "A.JSON", "a.json.gz", "a.cache", "a.tmp"] {
            assert!(is_cache_file(Path::new(name)), "{name}");
        }
        for name in [".htaccess", "index.php", ".gitkeep", "readme.md", "a.sql.gz", ".json"] {
            assert!(!is_cache_file(Path::new(name)), "{name}");
        }
    }
}
