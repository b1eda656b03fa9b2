//! Rotation of the logs, without losing a line of those that are being written.
//!
//! A log is renamed, never copied and cut: a program that has it open goes on writing to the renamed file, the next one
//! starts a new file. A renamed file is compressed by a later run only, when no program that we can see has it open, and
//! it goes only after its compressed copy has been read back and found to be all of it.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{NaiveDateTime, Utc};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::{self, Entry, Fence, gz};
use crate::report::{self, Code, Done, Finding, Page, Report, Table, Verdict, bytes};
use crate::signals;

/// Where logs lie under the home folder.
const FOLDERS: [&str; 3] = ["logs", "api/database/storage/logs", "."];
/// A renamed file rests this long before it is compressed, for writers that we cannot see.
const REST: Duration = Duration::from_secs(60);
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// When to rotate, and what to keep.
#[derive(Debug, Clone)]
pub struct RotateOptions {
    /// From this size on.
    pub size: u64,
    /// Or from this age of the first line on.
    pub age: Duration,
    /// How many rotated files to keep of each log.
    pub keep: usize,
    /// Rotate whatever size and age.
    pub force: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

#[derive(Debug, Serialize)]
struct RotateReport {
    #[serde(rename = "dry_run")]
    done: Done,
    actions: Vec<Action>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Action {
    file: String,
    action: Fate,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Rotated,
    Compressed,
    Removed,
    Waiting,
}

/// Rotates the logs of the home folder `root`.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::Config`] for a folder that leads out; what one file refuses is in the report.
pub fn rotate_logs(root: &Path, options: &RotateOptions) -> Result<impl Report + use<>> {
    let fence = Fence::new(root)?;
    let mut report = RotateReport { done: Done::unless(options.dry_run), actions: Vec::new(), findings: Vec::new() };
    for folder in FOLDERS {
        let dir = match fence.path(Path::new(folder)) {
            Ok(dir) => dir,
            Err(error) => {
                report.findings.push(Finding::attention(Code::of(&error), folder, error.to_string()));
                continue;
            }
        };
        if dir.is_dir() {
            one_folder(&fence, &dir, options, &mut report)?;
        }
    }
    Ok(report)
}

/// A file that was rotated: `<stem>-<time>.log`, compressed or not.
struct Rotated {
    path: PathBuf,
    stem: String,
    at: NaiveDateTime,
    number: u32,
    compressed: bool,
}

fn one_folder(fence: &Fence, dir: &Path, options: &RotateOptions, report: &mut RotateReport) -> Result<()> {
    let entries = match files::list(dir) {
        Ok(entries) => entries,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => {
            report.findings.push(Finding::attention(Code::of(&error), dir.display().to_string(), error.to_string()));
            return Ok(());
        }
    };
    let mut rotated: Vec<Rotated> = Vec::new();
    let mut live: Vec<(PathBuf, Metadata)> = Vec::new();
    for entry in entries {
        let (path, file) = match entry {
            // A name for the same file elsewhere would keep growing, or be changed, behind our back.
            Entry::File(path, metadata) => (path, Some(metadata).filter(|metadata| metadata.nlink() == 1)),
            Entry::Other(path) => (path, None),
            _ => continue,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ![".log", ".log.gz", ".log.gz.partial"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let Some(metadata) = file else {
            let finding = Finding::attention(Code::LinkNotFollowed, show(fence, &path), "lien, ni suivi ni archivé");
            report.findings.push(finding.action("remplacez-le par un vrai fichier"));
            continue;
        };
        if name.ends_with(".partial") {
            // Of a run that was killed; the file that it was made from is still there.
            if !options.dry_run {
                let _ = fs::remove_file(&path);
            }
        } else if let Some(parsed) = parse(&path, &name) {
            rotated.push(parsed);
        } else if name.ends_with(".log") {
            live.push((path, metadata));
        }
    }
    let open = open_files();
    for file in rotated.iter().filter(|file| !file.compressed) {
        signals::check()?;
        record(fence, report, &file.path, |report| compress(fence, &file.path, &open, options, report));
    }
    prune(fence, &rotated, options, report);
    for (path, metadata) in live {
        signals::check()?;
        if metadata.len() > 0 && (options.force || is_due(&path, &metadata, options)) {
            record(fence, report, &path, |report| rename(fence, &path, &metadata, options, report));
        }
    }
    Ok(())
}

fn record(fence: &Fence, report: &mut RotateReport, path: &Path, work: impl FnOnce(&mut RotateReport) -> Result<()>) {
    if let Err(error) = work(report) {
        let finding = Finding::attention(Code::of(&error), show(fence, path), error.to_string());
        let action = error.hint();
        report.findings.push(match action {
            Some(action) => finding.action(action),
            None => finding,
        });
    }
}

fn show(fence: &Fence, path: &Path) -> String {
    path.strip_prefix(fence.root()).unwrap_or(path).display().to_string()
}

fn parse(path: &Path, name: &str) -> Option<Rotated> {
    let (stem, compressed) = match name.strip_suffix(".log.gz") {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(".log")?, false),
    };
    let (stem, stamp) = stem.rsplit_once("-2")?;
    let stamp = format!("2{stamp}");
    let (stamp, number) = stamp.split_once('.').unwrap_or((&stamp, "0"));
    let at = NaiveDateTime::parse_from_str(stamp, STAMP).ok()?;
    Some(Rotated { path: path.into(), stem: stem.into(), at, number: number.parse().ok()?, compressed })
}

fn is_due(path: &Path, metadata: &Metadata, options: &RotateOptions) -> bool {
    metadata.len() >= options.size || begun(path, metadata).is_some_and(|age| age >= options.age)
}

/// Age of a log's first line, by its own time where it begins with one, else of the file. None for a time in the future.
fn begun(path: &Path, metadata: &Metadata) -> Option<Duration> {
    let mut head = [0; 40];
    let read = File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..read]);
    let text = text.trim_start_matches('[');
    let day = text.get(..10).and_then(|day| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    if let Some(day) = day {
        let days = Utc::now().date_naive().signed_duration_since(day).num_days();
        return u64::try_from(days).ok().map(|days| Duration::from_secs(days * 86_400));
    }
    let time = metadata.created().or_else(|_| metadata.modified()).ok()?;
    SystemTime::now().duration_since(time).ok()
}

fn rename(
    fence: &Fence,
    path: &Path,
    metadata: &Metadata,
    options: &RotateOptions,
    report: &mut RotateReport,
) -> Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stamp = Utc::now().format(STAMP);
    let taken = |path: &Path| path.exists() || path.with_extension("log.gz").exists();
    let mut to = path.with_file_name(format!("{stem}-{stamp}.log"));
    let mut number = 1;
    while taken(&to) {
        to = path.with_file_name(format!("{stem}-{stamp}.{number:03}.log"));
        number += 1;
    }
    if !options.dry_run {
        fs::rename(path, &to).map_err(Error::io("renommage de", path))?;
    }
    let to = to.file_name().map(|name| name.to_string_lossy().into_owned());
    report.actions.push(Action { file: show(fence, path), action: Fate::Rotated, bytes: metadata.len(), to });
    Ok(())
}

fn compress(
    fence: &Fence,
    path: &Path,
    open: &HashSet<(u64, u64)>,
    options: &RotateOptions,
    report: &mut RotateReport,
) -> Result<()> {
    let wrap = || Error::io("compression de", path);
    let before = fs::symlink_metadata(path).map_err(wrap())?;
    let mut act = |action, bytes, to| report.actions.push(Action { file: show(fence, path), action, bytes, to });
    // The time of the rename, not of the last line: a writer may be quiet for long.
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(before.ctime()).unwrap_or(0));
    let rested = SystemTime::now().duration_since(changed).map_or(true, |age| age >= REST);
    if open.contains(&(before.dev(), before.ino())) || !(rested || options.force) {
        act(Fate::Waiting, before.len(), None);
        return Ok(());
    }
    let target = path.with_extension("log.gz");
    let to = target.file_name().map(|name| name.to_string_lossy().into_owned());
    if options.dry_run {
        act(Fate::Compressed, before.len(), to);
        return Ok(());
    }
    let partial = path.with_extension("log.gz.partial");
    let (_, size) = gz::compress(path, &partial)?;
    // Somebody may have written since: then the copy is not all of it, and the next run makes another.
    let after = fs::symlink_metadata(path).map_err(wrap())?;
    let busy = open_files().contains(&(after.dev(), after.ino()));
    if busy || after.len() != size || after.mtime_nsec() != before.mtime_nsec() || after.mtime() != before.mtime() {
        fs::remove_file(&partial).map_err(wrap())?;
        act(Fate::Waiting, after.len(), None);
        return Ok(());
    }
    fs::set_permissions(&partial, before.permissions()).map_err(wrap())?;
    fs::rename(&partial, &target).map_err(wrap())?;
    if let Some(dir) = path.parent() {
        files::sync_dir(dir)?;
    }
    fs::remove_file(path).map_err(wrap())?;
    act(Fate::Compressed, before.len(), to);
    Ok(())
}

/// Files that programs have open, as far as this user may see: device and inode.
fn open_files() -> HashSet<(u64, u64)> {
    let mut open = HashSet::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if !process.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        for file in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            if let Ok(metadata) = fs::metadata(file.path())
                && metadata.is_file()
            {
                open.insert((metadata.dev(), metadata.ino()));
            }
        }
    }
    open
}

/// Removes the oldest rotated files of each log that there is no room for; uncompressed ones wait their turn.
fn prune(fence: &Fence, rotated: &[Rotated], options: &RotateOptions, report: &mut RotateReport) {
    let stems: HashSet<&str> = rotated.iter().map(|file| file.stem.as_str()).collect();
    for stem in stems {
        let mut files: Vec<&Rotated> = rotated.iter().filter(|file| file.stem == stem).collect();
        files.sort_by_key(|file| (file.at, file.number));
        let surplus = files.len().saturating_sub(options.keep);
        for file in files.into_iter().take(surplus).filter(|file| file.compressed) {
            record(fence, report, &file.path, |report| {
                let size = fs::symlink_metadata(&file.path).map_or(0, |metadata| metadata.len());
                if !options.dry_run {
                    fs::remove_file(&file.path).map_err(Error::io("suppression de", &file.path))?;
                }
                let action = Action { file: show(fence, &file.path), action: Fate::Removed, bytes: size, to: None };
                report.actions.push(action);
                Ok(())
            });
        }
    }
}

impl Report for RotateReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["journal", "action", ">taille", "vers"]);
        for action in &self.actions {
            let word = match action.action {
                Fate::Rotated => self.done.say("tourné", "à tourner"),
                Fate::Compressed => self.done.say("compressé", "à compresser"),
                Fate::Removed => self.done.say("supprimé", "à supprimer"),
                Fate::Waiting => "en attente (encore ouvert ou trop récent)",
            };
            table.row([action.file.clone(), word.into(), bytes(action.bytes), action.to.clone().unwrap_or_default()]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        let count = |fate: Fate| self.actions.iter().filter(|action| action.action == fate).count() as u64;
        let line = format!(
            "{}, {}, {}",
            self.done.count(count(Fate::Rotated), ["journal", "journaux"], ["tourné", "tournés"]),
            self.done.more(count(Fate::Compressed), ["compressé", "compressés"]),
            self.done.more(count(Fate::Removed), ["supprimé", "supprimés"]),
        );
        page.conclude(self.verdict(), line);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_differ_from_live_ones() {
        let parsed = |name: &str| parse(Path::new(name), name).map(|file| (file.stem, file.number, file.compressed));
        assert_eq!(parsed("import-20250701T120000Z.log"), Some(("import".into(), 0, false)));
        assert_eq!(parsed("import-20250701T120000Z.002.log.gz"), Some(("import".into(), 2, true)));
        assert_eq!(parsed("a-2-20250701T120000Z.log"), Some(("a-2".into(), 0, false)));
        for live in ["import.log", "update-2025.log", "a-20251301T000000Z.log", "b-20250701.log"] {
            assert!(parsed(live).is_none(), "{live}");
        }
    }
}
