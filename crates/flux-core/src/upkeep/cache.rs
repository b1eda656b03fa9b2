//! The portal's JSON caches under `cache/`, `api/cache/`, `cache_test/` and the like: what is there, and removing it by age or category.
//!
//! A category is a folder that holds caches, under its path: `infographie/departements`, `api/infographie/cache_infographie`.
//! Work goes from one open folder to the next, so that it never leaves them, whoever puts a link there meanwhile; links are not
//! removed, and only files that are caches by their name are touched: whatever else lies there (`.htaccess`, `index.php`) is not ours.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::{self, Entry, Fence, Folder};
use crate::report::{self, Code, Done, Finding, Page, Report, Table, Verdict, bytes, duration, number, plural};
use crate::report::{render_findings, some_of};
use crate::task::{Context, Task};

/// What to do with the files of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Only this category and those below it; all when `None`.
    pub category: Option<String>,
    /// Age from which a file is old; each category's own lifetime when `None`.
    pub max_age: Option<Duration>,
    /// Lifetimes that differ from the portal's, by category.
    pub lifetimes: Vec<(String, Duration)>,
    /// Counts what would go, removes nothing.
    pub dry_run: bool,
}

/// What `clear-cache-midnight` empties.
#[derive(Debug, Clone, Default)]
pub struct ClearOptions {
    /// Only these categories and those below them; all if empty.
    pub only: Vec<String>,
    /// Only files that were not written for this long.
    pub older_than: Option<Duration>,
    /// Counts what would go, removes nothing.
    pub dry_run: bool,
}

/// A category: what lies right in one folder.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Category {
    /// Age from which its files are old.
    lifetime_s: u64,
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

/// Where the portal keeps caches, below the home folder: today's place first, then those of its earlier versions and of its tests.
const PLACES: [&str; 5] =
    ["cache", "api/cache", "api/infographie/cache", "api/infographie/cache_infographie", "cache_test"];
/// How long the portal takes a file of a category for fresh, in seconds; longest path first where several fit.
const LIFETIMES: &[(&str, u64)] = &[
    ("infographie/departements", 14_400),
    ("infographie/regions", 14_400),
    ("infographie/pays", 21_600),
    ("infographie/communes_excursion", 14_400),
    ("infographie/indicateurs_cles", 7_200),
    ("infographie/periodes", 86_400),
    ("tableau_bord/age_touristes", 7_200),
    ("tableau_bord/csp_touristes", 7_200),
    ("tableau_bord/age_excursionnistes", 7_200),
    ("tableau_bord/csp_excursionnistes", 7_200),
    ("tableau_bord/comparison", 1_800),
    ("tableau_bord", 3_600),
];
/// Lifetime of a category that the portal does not name.
const USUAL_LIFETIME: Duration = Duration::from_secs(86_400);

/// From which age the files of a category are old.
#[derive(Debug, Default)]
struct Lifetimes<'a> {
    /// One age for all.
    all: Option<Duration>,
    own: &'a [(String, Duration)],
}

impl Lifetimes<'_> {
    fn of(&self, category: &str) -> Duration {
        let own = self.own.iter().filter(|(name, _)| is_within(category, &path_of(name)));
        let own = own.max_by_key(|(name, _)| name.len()).map(|(_, age)| *age);
        let portals = || LIFETIMES.iter().find(|(name, _)| is_within(category, name));
        own.or(self.all)
            .unwrap_or_else(|| portals().map_or(USUAL_LIFETIME, |(_, seconds)| Duration::from_secs(*seconds)))
    }
}

/// Whether a category is `of` or lies below it.
fn is_within(category: &str, of: &str) -> bool {
    Path::new(category).starts_with(of)
}

/// The path of a category, which the portal calls `infographie_pays` or `tdb_pays_touristes`, and who looks at the folders
/// `cache/infographie/pays`.
fn path_of(name: &str) -> String {
    let name = name.trim_matches('/');
    let name = name.strip_prefix("cache/").unwrap_or(name);
    let known = [("infographie_", "infographie/"), ("tdb_", "tableau_bord/")];
    let path = known.iter().find_map(|(key, folder)| Some(format!("{folder}{}", name.strip_prefix(key)?)));
    path.unwrap_or_else(|| name.to_owned())
}

/// One walk through the caches, for either report.
struct Sweep<'a> {
    action: CacheAction,
    lifetimes: Lifetimes<'a>,
    /// Paths of categories; all if empty.
    wanted: Vec<String>,
    dry_run: bool,
    now: SystemTime,
    categories: BTreeMap<String, Category>,
    /// Links and special files.
    others: Vec<PathBuf>,
    /// Whether folders that become empty go, those of the categories aside; how many did.
    tidies: bool,
    folders: u64,
    /// Files that are no caches by their name.
    strangers: u64,
    findings: Vec<Finding>,
}

impl<'a> Sweep<'a> {
    fn new(action: CacheAction, lifetimes: Lifetimes<'a>, wanted: &[String], dry_run: bool) -> Self {
        Self {
            action,
            lifetimes,
            wanted: wanted.iter().map(|name| path_of(name)).collect(),
            dry_run,
            now: SystemTime::now(),
            categories: BTreeMap::new(),
            others: Vec::new(),
            tidies: false,
            folders: 0,
            strangers: 0,
            findings: Vec::new(),
        }
    }

    /// Whether the files of a category are asked for.
    fn wants(&self, category: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| is_within(category, wanted))
    }

    /// Goes through `relative` of the home folder `root`, which is its `place`.
    fn walk(&mut self, root: &Path, relative: &Path, place: &str) -> Result<()> {
        let dir = &root.join(relative);
        let folder = match Folder::under(root, relative) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.cannot(dir, &Error::io("ouverture de", dir)(error));
                return Ok(());
            }
        };
        let wanted = self.wanted.clone();
        let enter = |path: &Path| {
            let folder = category(dir, place, Some(path));
            wanted.is_empty() || wanted.iter().any(|wanted| is_within(&folder, wanted) || is_within(wanted, &folder))
        };
        files::walk_in(&folder, &enter, &mut |folder, entry| {
            match entry {
                Entry::File(path, data) if is_cache_file(&path) => {
                    let name = category(dir, place, path.parent());
                    self.file(folder, &path, &data, name)?;
                }
                Entry::File(..) => self.strangers += 1,
                Entry::Other(path) => self.others.push(path),
                Entry::Closed(path) => {
                    self.category(category(dir, place, Some(&path)));
                }
                Entry::Folder(path, _) => {
                    self.category(category(dir, place, Some(&path)));
                    // Only an empty one goes; the portal may just have written into it.
                    let goes = self.tidies && folder.path() != dir;
                    self.folders += u64::from(goes && folder.remove_folder(name_of(&path)).is_ok());
                }
                Entry::Unreadable(path, error) => self.cannot(&path, &Error::io("lecture de", &path)(error)),
            }
            Ok(())
        })
    }

    fn category(&mut self, name: String) -> &mut Category {
        let lifetime_s = self.lifetimes.of(&name).as_secs();
        self.categories.entry(name).or_insert_with(|| Category { lifetime_s, ..Category::default() })
    }

    fn cannot(&mut self, path: &Path, error: &Error) {
        self.findings.push(
            Finding::attention(Code::from(error), path.display().to_string(), error.to_string())
                .action("vérifiez les droits de l'utilisateur qui lance l'outil"),
        );
    }

    fn file(&mut self, folder: &Folder, path: &Path, data: &Metadata, name: String) -> Result<()> {
        let wanted = self.wants(&name);
        // A date in the future (a clock that was set back) is no age.
        let age = data.modified().ok().and_then(|time| self.now.duration_since(time).ok()).unwrap_or_default();
        let old = age >= self.lifetimes.of(&name);
        if wanted && self.action == CacheAction::Stats && is_broken(folder, path, data.len()) {
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
        let removes = remove && !self.dry_run;
        if removes {
            failpoint::hit("file.remove")?;
        }
        let removed = match if removes { folder.remove_file(name_of(path)) } else { Ok(()) } {
            Ok(()) => remove,
            // Somebody else has removed it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.cannot(path, &Error::io("suppression de", path)(error));
                false
            }
        };
        let entry = self.category(name);
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
        Ok(())
    }
}

/// The last part of a path.
fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// The category that a folder in `dir`, the `place` of the home folder, is.
fn category(dir: &Path, place: &str, folder: Option<&Path>) -> String {
    let inside = folder.and_then(|folder| folder.strip_prefix(dir).ok()).unwrap_or(Path::new(""));
    let inside = inside.to_string_lossy();
    match (place, inside.as_ref()) {
        ("cache", "") => ROOT.into(),
        ("cache", inside) => inside.to_owned(),
        (place, "") => place.to_owned(),
        (place, inside) => format!("{place}/{inside}"),
    }
}

/// Whether a file is one that the portal writes again by itself.
fn is_cache_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    !name.starts_with('.') && [".json", ".cache", ".ser", ".tmp", ".etag"].iter().any(|end| name.ends_with(end))
}

fn is_broken(folder: &Folder, path: &Path, size: u64) -> bool {
    if path.extension().is_none_or(|ending| ending != "json") || size > PARSED {
        return false;
    }
    let mut bytes = Vec::new();
    let read = folder.file(name_of(path)).and_then(|file| file.take(PARSED).read_to_end(&mut bytes));
    read.is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err()
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ClearReport {
    #[serde(rename = "dry_run")]
    done: Done,
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    path: PathBuf,
    files: u64,
    bytes: u64,
    folders: u64,
    kept: u64,
    categories: Vec<Cleared>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
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

impl Task for ClearOptions {
    /// Empties the caches of the home folder `root`. Folders that become empty go too, those of the categories stay.
    ///
    /// # Errors
    /// [`Error::Config`] when `cache/` leads out of the home folder, [`Error::Usage`] for an unknown category.
    fn run(self, context: &Context) -> Result<impl Report> {
        cleared(&context.settings.home.root, &self)
    }
}

/// As [`clear`], for a tool that empties the caches among other things.
pub(crate) fn cleared(root: &Path, options: &ClearOptions) -> Result<ClearReport> {
    let fence = Fence::new(root)?;
    let places = PLACES.map(|place| fence.path(Path::new(place)).map(|dir| (place, dir)));
    let places = places.into_iter().collect::<Result<Vec<_>>>()?;
    if let Some((_, dir)) = places.iter().find(|(_, dir)| dir.exists() && !dir.is_dir()) {
        return Err(Error::Config {
            message: format!("{} n'est pas un dossier", dir.display()),
            hint: "le portail attend un dossier de ce nom, pour ses caches".into(),
        });
    }
    for name in &options.only {
        let name = path_of(name);
        let in_cache = fence.path(&Path::new("cache").join(&name))?.is_dir();
        let in_place = PLACES.iter().any(|place| is_within(&name, place)) && fence.path(Path::new(&name))?.is_dir();
        if !in_cache && !in_place {
            return Err(Error::Usage(format!("la catégorie « {name} » n'existe pas")));
        }
    }
    let action = if options.older_than.is_some() { CacheAction::Cleanup } else { CacheAction::Purge };
    let lifetimes = Lifetimes { all: options.older_than, own: &[] };
    let mut sweep = Sweep::new(action, lifetimes, &options.only, options.dry_run);
    sweep.tidies = !options.dry_run;
    for (place, dir) in &places {
        sweep.walk(fence.root(), dir.strip_prefix(fence.root()).unwrap_or(dir), place)?;
    }
    let dir = root.join(PLACES[0]);
    let mut findings = sweep.findings;
    findings.extend(sweep.others.iter().map(|path| {
        Finding::attention(
            Code::LinkNotFollowed,
            path.display().to_string(),
            "lien ou fichier spécial, ni suivi ni supprimé",
        )
        .action("retirez-le s'il n'a rien à faire dans cache/")
    }));
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
        folders: sweep.folders,
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
        page.conclude(self.verdict(), format!("{removed}, {} de moins", bytes(self.bytes)));
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
#[derive(Debug, Serialize, JsonSchema)]
struct CacheReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    folder: PathBuf,
    action: CacheAction,
    #[serde(rename = "dry_run")]
    done: Done,
    /// One age for all categories, where it was given.
    max_age_s: Option<u64>,
    categories: BTreeMap<String, Category>,
    removed: u64,
    freed_bytes: u64,
    /// Files that are no caches by their name, and links: left alone.
    left: u64,
    findings: Vec<Finding>,
}

impl Task for CacheOptions {
    /// Looks at, or cleans, the caches of a home folder.
    ///
    /// # Errors
    /// [`Error::Usage`] for a category that is not there, [`Error::Interrupted`]; a file that cannot be removed is a finding.
    fn run(self, context: &Context) -> Result<impl Report> {
        let only: Vec<String> = self.category.iter().map(|name| path_of(name)).collect();
        let lifetimes = Lifetimes { all: self.max_age, own: &self.lifetimes };
        let mut sweep = Sweep::new(self.action, lifetimes, &only, self.dry_run);
        for place in PLACES {
            let link = linked(&context.settings.home.root, place);
            if let Some(link) = &link {
                sweep.findings.push(
                    Finding::attention(
                        Code::LinkNotFollowed,
                        link.display().to_string(),
                        "est un lien symbolique : il n'est pas suivi",
                    )
                    .action("remplacez-le par un vrai dossier, ou lancez l'outil avec --home sur sa cible"),
                );
            } else {
                sweep.walk(&context.settings.home.root, Path::new(place), place)?;
            }
        }
        let Sweep { mut categories, others, strangers, findings, .. } = sweep;
        if let Some(only) = only.first() {
            if !categories.keys().any(|name| is_within(name, only)) {
                let known: Vec<String> = categories.into_keys().collect();
                let known = if known.is_empty() { "aucune".into() } else { some_of(&known, 10) };
                return Err(Error::Usage(format!("la catégorie « {only} » n'existe pas (présentes : {known})")));
            }
            categories.retain(|name, _| is_within(name, only));
        }
        let folder = context.settings.home.root.join(PLACES[0]);
        Ok(CacheReport {
            action: self.action,
            done: Done::unless(self.dry_run && self.action != CacheAction::Stats),
            max_age_s: self.max_age.map(|age| age.as_secs()),
            removed: categories.values().map(|category| category.removed).sum(),
            freed_bytes: categories.values().map(|category| category.freed_bytes).sum(),
            categories,
            left: strangers + others.len() as u64,
            findings,
            folder,
        })
    }
}

/// The first part of a place that is a symbolic link.
fn linked(home: &Path, place: &str) -> Option<PathBuf> {
    let mut path = home.to_owned();
    Path::new(place).components().find_map(|part| {
        path.push(part);
        path.is_symlink().then(|| path.clone())
    })
}

impl Report for CacheReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Caches : {}", self.folder.display()));
        page.line(
            "  et api/cache, api/infographie/cache, api/infographie/cache_infographie, cache_test où ils existent",
        );
        let removed = self.done.say(">supprimés", ">à supprimer");
        let mut table =
            Table::new(&["catégorie", ">fichiers", ">taille", ">durée", ">anciens", "le plus ancien", removed]);
        for (name, category) in self.categories.iter().filter(|(_, category)| category.files > 0) {
            table.row([
                name.clone(),
                number(category.files),
                bytes(category.bytes),
                age(category.lifetime_s),
                number(category.old),
                age(category.oldest_s),
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
        page.conclude(self.verdict(), text);
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
        s if s >= 172_800 => plural(s / 86_400, "jour", "jours"),
        s if s >= 7_200 => format!("{} h", s / 3_600),
        s => duration(s as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_its_own_lifetime_unless_one_is_given() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let own = [("infographie/pays/2025".to_owned(), hours(48)), ("tdb_filters".to_owned(), hours(2))];
        let lifetimes = Lifetimes { all: None, own: &own };
        for (category, expected) in [
            ("infographie/pays", hours(6)),
            ("infographie/pays/2024", hours(6)),
            ("infographie/pays/2025", hours(48)),
            ("tableau_bord/filters", hours(2)),
            ("tableau_bord/pays_touristes", hours(1)),
            ("infographie/autre", hours(24)),
            ("api/cache", hours(24)),
        ] {
            assert_eq!(lifetimes.of(category), expected, "{category}");
        }
        assert_eq!(Lifetimes { all: Some(hours(9)), own: &[] }.of("infographie/pays"), hours(9));
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
