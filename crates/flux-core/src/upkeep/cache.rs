//! The portal's JSON caches under `cache/`: what is in them, and emptying them.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::paths::{self, Entry, Fence};
use crate::report::{self, Finding, Page, Report, Table, Verdict, bytes, number, plural};

/// What to empty.
#[derive(Debug, Clone, Default)]
pub struct CacheOptions {
    /// Only these categories, the folders of `cache/`; all if empty.
    pub only: Vec<String>,
    /// Only files that were not written for this long.
    pub older_than: Option<Duration>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Report of `clear-cache-midnight`.
#[derive(Debug, Serialize)]
pub struct CacheReport {
    dry_run: bool,
    path: PathBuf,
    files: u64,
    bytes: u64,
    folders: u64,
    kept: u64,
    categories: Vec<Category>,
    findings: Vec<Finding>,
}

#[derive(Debug, Default, Serialize)]
struct Category {
    category: String,
    files: u64,
    bytes: u64,
}

impl CacheReport {
    /// Files and bytes that went, or would go.
    pub(crate) fn freed(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }

    /// What could not be done.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Whether a file is one that the portal writes again by itself. What else lies there (`.htaccess`, `index.php`) stays.
pub(crate) fn is_cache_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    !name.starts_with('.') && [".json", ".cache", ".ser", ".tmp", ".etag"].iter().any(|end| name.ends_with(end))
}

/// Empties the caches of the home folder `root`. Folders that become empty go too, those of the categories stay.
///
/// # Errors
/// [`Error::Config`] when `cache/` leads out of the home folder, [`Error::Usage`] for an unknown category.
pub fn clear(root: &Path, options: &CacheOptions) -> Result<CacheReport> {
    let fence = Fence::new(root)?;
    let dir = fence.path(Path::new("cache"))?;
    let mut report = CacheReport {
        dry_run: options.dry_run,
        path: dir.clone(),
        files: 0,
        bytes: 0,
        folders: 0,
        kept: 0,
        categories: Vec::new(),
        findings: Vec::new(),
    };
    if !dir.is_dir() {
        if dir.exists() {
            return Err(Error::Config {
                message: format!("{} n'est pas un dossier", dir.display()),
                hint: "le portail attend un dossier cache/".into(),
            });
        }
        return Ok(report);
    }
    for name in &options.only {
        if !fence.path(&Path::new("cache").join(name))?.is_dir() {
            return Err(Error::Usage(format!("cache/{name} n'existe pas")));
        }
    }
    let mut categories: BTreeMap<String, Category> = BTreeMap::new();
    let wanted = |path: &Path| {
        let category = category(&dir, path).unwrap_or_else(|| ".".into());
        options.only.is_empty() || options.only.iter().any(|name| Path::new(name).starts_with(&category))
    };
    let now = SystemTime::now();
    paths::walk(&dir, &wanted, &mut |entry| {
        match entry {
            Entry::File(path, metadata) => {
                let old = |limit| age(&metadata, now).is_some_and(|age| age >= limit);
                if !wanted(&path) || !is_cache_file(&path) || !options.older_than.is_none_or(old) {
                    report.kept += 1;
                    return Ok(());
                }
                match remove(&path, options.dry_run) {
                    Ok(false) => {}
                    Ok(true) => {
                        let name = category(&dir, &path).unwrap_or_else(|| ".".into());
                        let category = categories.entry(name.clone()).or_default();
                        category.category = name;
                        category.files += 1;
                        category.bytes += metadata.len();
                    }
                    Err(error) => report
                        .findings
                        .push(Finding::attention("cache", error.to_string()).action("vérifiez les droits du dossier")),
                }
            }
            // Only empty ones go; the portal may just have written into one.
            Entry::Folder(path, _) => {
                let deep = path.parent() != Some(dir.as_path());
                if deep && !options.dry_run && fs::remove_dir(&path).is_ok() {
                    report.folders += 1;
                }
            }
            Entry::Other(path) => {
                let place = path.display().to_string();
                let finding = Finding::attention(place, "lien ou fichier spécial, ni suivi ni supprimé");
                report.findings.push(finding.action("retirez-le s'il n'a rien à faire dans cache/"));
            }
            Entry::Unreadable(path, error) => {
                report.findings.push(Finding::attention(path.display().to_string(), error.to_string()));
            }
        }
        Ok(())
    })?;
    report.categories = categories.into_values().collect();
    report.files = report.categories.iter().map(|category| category.files).sum();
    report.bytes = report.categories.iter().map(|category| category.bytes).sum();
    Ok(report)
}

/// The folder of `dir` that a path is or lies in; files right in it have none.
pub(crate) fn category(dir: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(dir).unwrap_or(path);
    let first = inside.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.filter(|_| inside.components().count() > 1 || path.is_dir())
}

/// Time since a file was written; `None` for a time in the future, after the clock was set back.
pub(crate) fn age(metadata: &Metadata, now: SystemTime) -> Option<Duration> {
    metadata.modified().ok().and_then(|time| now.duration_since(time).ok())
}

/// Whether it is gone, or would be; somebody else may have removed it meanwhile.
pub(crate) fn remove(path: &Path, dry_run: bool) -> Result<bool> {
    match if dry_run { Ok(()) } else { fs::remove_file(path) } {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("suppression de", path)(error)),
    }
}

impl Report for CacheReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["catégorie", ">fichiers", ">taille"]);
        for category in &self.categories {
            table.row([category.category.clone(), number(category.files), bytes(category.bytes)]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        let files = plural(self.files, "fichier", "fichiers");
        if self.dry_run {
            page.line(format!("À blanc : {files} à supprimer, {} à libérer", bytes(self.bytes)));
        } else {
            let removed = plural(self.files, "fichier supprimé", "fichiers supprimés");
            page.verdict(Verdict::Ok, format!("{removed}, {} de moins", bytes(self.bytes)));
        }
        for finding in &self.findings {
            page.finding(finding);
        }
    }

    fn verdict(&self) -> Verdict {
        report::worst(&self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
