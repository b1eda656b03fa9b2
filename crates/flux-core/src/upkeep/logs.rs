//! Rotation of the logs, without losing a line of those that are being written.
//!
//! A log is renamed, never copied and cut: a program that has it open goes on writing to the renamed file, the next one
//! starts a new file. A renamed file is compressed by a later run only, when no program that we can see has it open, and
//! it goes only after its compressed copy has been read back and found to be all of it. A folder is opened once and worked in, so
//! that nobody who may write there, or beside it, leads the work to other files.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{NaiveDateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::{Fence, Folder, gz};
use crate::report::{self, Code, Done, Finding, Page, Report, Table, Verdict, bytes};
use crate::signals;
use crate::task::{Context, Task};

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

#[derive(Debug, Serialize, JsonSchema)]
struct RotateReport {
    #[serde(rename = "dry_run")]
    done: Done,
    actions: Vec<Action>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Action {
    file: String,
    action: Fate,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Rotated,
    Compressed,
    Removed,
    Waiting,
}

impl Task for RotateOptions {
    /// Rotates the logs of the home folder `root`.
    ///
    /// # Errors
    /// [`Error::Interrupted`], [`Error::Config`] for a folder that leads out; what one file refuses is in the report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let fence = Fence::new(&context.settings.home.root)?;
        let mut report = RotateReport { done: Done::unless(self.dry_run), actions: Vec::new(), findings: Vec::new() };
        for folder in FOLDERS {
            let opened = fence.path(Path::new(folder)).and_then(|dir| {
                if !dir.is_dir() {
                    return Ok(None);
                }
                let inside = dir.strip_prefix(fence.root()).unwrap_or(&dir);
                Folder::under(fence.root(), inside).map(Some).map_err(Error::io("ouverture de", &dir))
            });
            match opened {
                Ok(Some(dir)) => Rotation { fence: &fence, dir: &dir, options: &self, report: &mut report }.run()?,
                Ok(None) => {}
                Err(error) => report.findings.push(Finding::attention(Code::from(&error), folder, error.to_string())),
            }
        }
        Ok(report)
    }
}

/// The work in one folder.
struct Rotation<'a> {
    fence: &'a Fence,
    dir: &'a Folder,
    options: &'a RotateOptions,
    report: &'a mut RotateReport,
}

/// A file that was rotated: `<stem>-<time>.log`, compressed or not.
#[derive(Debug, Clone)]
struct Rotated {
    name: OsString,
    stem: String,
    at: NaiveDateTime,
    number: u32,
    compressed: bool,
}

impl Rotation<'_> {
    fn run(&mut self) -> Result<()> {
        let names = match self.dir.names() {
            Ok(names) => names,
            Err(error) => {
                let error = Error::io("lecture de", self.dir.path())(error);
                let place = self.dir.path().display().to_string();
                self.report.findings.push(Finding::attention(Code::from(&error), place, error.to_string()));
                return Ok(());
            }
        };
        let mut rotated: Vec<Rotated> = Vec::new();
        let mut live: Vec<(OsString, Metadata)> = Vec::new();
        for name in names {
            signals::check()?;
            let text = name.to_string_lossy().into_owned();
            if ![".log", ".log.gz", ".log.gz.partial"].iter().any(|end| text.ends_with(end)) {
                continue;
            }
            let metadata = match self.dir.look(&name) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let error = Error::io("lecture de", self.dir.path().join(&name))(error);
                    self.report.findings.push(Finding::attention(
                        Code::from(&error),
                        self.show(&name),
                        error.to_string(),
                    ));
                    continue;
                }
                Ok(metadata) if metadata.is_dir() => continue,
                // A name for the same file elsewhere would keep growing, or be changed, behind our back.
                Ok(metadata) if metadata.is_file() && metadata.nlink() == 1 => metadata,
                Ok(_) => {
                    let what = "lien, ni suivi ni archivé";
                    let finding = Finding::attention(Code::LinkNotFollowed, self.show(&name), what);
                    self.report.findings.push(finding.action("remplacez-le par un vrai fichier"));
                    continue;
                }
            };
            if text.ends_with(".partial") {
                // Of a run that was killed; the file that it was made from is still there.
                if !self.options.dry_run {
                    let _ = self.dir.remove_file(&name);
                }
            } else if let Some(parsed) = parse(&name) {
                rotated.push(parsed);
            } else if text.ends_with(".log") {
                live.push((name, metadata));
            }
        }
        let open = open_files();
        for file in rotated.iter().filter(|file| !file.compressed) {
            signals::check()?;
            let done = self.compress(&file.name, &open);
            self.record(&file.name, done);
        }
        self.prune(&rotated);
        for (name, metadata) in live {
            signals::check()?;
            if metadata.len() > 0 && (self.options.force || self.is_due(&name, &metadata)) {
                let done = self.rename(&name, &metadata);
                self.record(&name, done);
            }
        }
        Ok(())
    }

    fn record(&mut self, name: &OsStr, done: Result<()>) {
        if let Err(error) = done {
            let finding = Finding { severity: Verdict::Attention, ..error.finding(self.show(name)) };
            self.report.findings.push(finding);
        }
    }

    fn act(&mut self, name: &OsStr, action: Fate, bytes: u64, to: Option<&OsStr>) {
        let to = to.map(|name| name.to_string_lossy().into_owned());
        self.report.actions.push(Action { file: self.show(name), action, bytes, to });
    }

    /// A name in the folder, as it is below the home folder.
    fn show(&self, name: &OsStr) -> String {
        let path = self.dir.path().join(name);
        path.strip_prefix(self.fence.root()).unwrap_or(&path).display().to_string()
    }

    fn is_due(&self, name: &OsStr, metadata: &Metadata) -> bool {
        metadata.len() >= self.options.size || self.begun(name, metadata).is_some_and(|age| age >= self.options.age)
    }

    /// Age of a log's first line, by its own time where it begins with one, else of the file. None for a time in the future.
    fn begun(&self, name: &OsStr, metadata: &Metadata) -> Option<Duration> {
        let mut head = [0; 40];
        let read = self.dir.file(name).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
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

    fn rename(&mut self, name: &OsStr, metadata: &Metadata) -> Result<()> {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let stamp = Utc::now().format(STAMP);
        let taken = |to: &str| self.dir.look(to.as_ref()).is_ok() || self.dir.look(format!("{to}.gz").as_ref()).is_ok();
        let mut to = format!("{stem}-{stamp}.log");
        let mut number = 1;
        while taken(&to) {
            to = format!("{stem}-{stamp}.{number:03}.log");
            number += 1;
        }
        if !self.options.dry_run {
            failpoint::hit("file.publish")?;
            let wrap = Error::io("renommage de", self.dir.path().join(name));
            self.dir.rename(name, to.as_ref()).map_err(wrap)?;
        }
        self.act(name, Fate::Rotated, metadata.len(), Some(to.as_ref()));
        Ok(())
    }

    fn compress(&mut self, name: &OsStr, open: &HashSet<(u64, u64)>) -> Result<()> {
        let path = self.dir.path().join(name);
        let wrap = || Error::io("compression de", &path);
        let before = self.dir.look(name).map_err(wrap())?;
        // The time of the rename, not of the last line: a writer may be quiet for long.
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(before.ctime()).unwrap_or(0));
        let rested = SystemTime::now().duration_since(changed).map_or(true, |age| age >= REST);
        if open.contains(&(before.dev(), before.ino())) || !(rested || self.options.force) {
            self.act(name, Fate::Waiting, before.len(), None);
            return Ok(());
        }
        let target = Path::new(name).with_extension("log.gz").into_os_string();
        if self.options.dry_run {
            self.act(name, Fate::Compressed, before.len(), Some(&target));
            return Ok(());
        }
        let partial = Path::new(name).with_extension("log.gz.partial").into_os_string();
        let copy = self.dir.create(&partial).map_err(wrap())?;
        failpoint::hit("file.publish")?;
        let copied = self.dir.file(name).map_err(wrap()).and_then(|from| gz::compress_file(from, &copy, &path));
        let (_, size) = match copied {
            Ok(content) => content,
            Err(error) => {
                let _ = self.dir.remove_file(&partial);
                return Err(error);
            }
        };
        // Somebody may have written since: then the copy is not all of it, and the next run makes another.
        let after = self.dir.look(name).map_err(wrap())?;
        let busy = open_files().contains(&(after.dev(), after.ino()));
        let changed = after.mtime_nsec() != before.mtime_nsec() || after.mtime() != before.mtime();
        if busy || after.len() != size || changed || (after.dev(), after.ino()) != (before.dev(), before.ino()) {
            self.dir.remove_file(&partial).map_err(wrap())?;
            self.act(name, Fate::Waiting, after.len(), None);
            return Ok(());
        }
        copy.set_permissions(before.permissions()).map_err(wrap())?;
        self.dir.replace(&partial, &target).map_err(wrap())?;
        self.dir.sync().map_err(wrap())?;
        self.dir.remove_file(name).map_err(wrap())?;
        self.act(name, Fate::Compressed, before.len(), Some(&target));
        Ok(())
    }

    /// Removes the oldest rotated files of each log that there is no room for; uncompressed ones wait their turn.
    fn prune(&mut self, rotated: &[Rotated]) {
        let stems: HashSet<&str> = rotated.iter().map(|file| file.stem.as_str()).collect();
        for stem in stems {
            let mut files: Vec<&Rotated> = rotated.iter().filter(|file| file.stem == stem).collect();
            files.sort_by_key(|file| (file.at, file.number));
            let surplus = files.len().saturating_sub(self.options.keep);
            for file in files.into_iter().take(surplus).filter(|file| file.compressed) {
                let size = self.dir.look(&file.name).map_or(0, |metadata| metadata.len());
                let removed = if self.options.dry_run { Ok(()) } else { self.dir.remove_file(&file.name) };
                match removed {
                    Ok(()) => self.act(&file.name, Fate::Removed, size, None),
                    Err(error) => {
                        let wrap = Error::io("suppression de", self.dir.path().join(&file.name));
                        self.record(&file.name, Err(wrap(error)));
                    }
                }
            }
        }
    }
}

fn parse(file: &OsStr) -> Option<Rotated> {
    let name = file.to_str()?;
    let (stem, compressed) = match name.strip_suffix(".log.gz") {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(".log")?, false),
    };
    let (stem, stamp) = stem.rsplit_once("-2")?;
    let stamp = format!("2{stamp}");
    let (stamp, number) = stamp.split_once('.').unwrap_or((&stamp, "0"));
    let at = NaiveDateTime::parse_from_str(stamp, STAMP).ok()?;
    Some(Rotated { name: file.into(), stem: stem.into(), at, number: number.parse().ok()?, compressed })
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
        let parsed = |name: &str| parse(name.as_ref()).map(|file| (file.stem, file.number, file.compressed));
        assert_eq!(parsed("import-20250701T120000Z.log"), Some(("import".into(), 0, false)));
        assert_eq!(parsed("import-20250701T120000Z.002.log.gz"), Some(("import".into(), 2, true)));
        assert_eq!(parsed("a-2-20250701T120000Z.log"), Some(("a-2".into(), 0, false)));
        for live in ["import.log", "update-2025.log", "a-20251301T000000Z.log", "b-20250701.log"] {
            assert!(parsed(live).is_none(), "{live}");
        }
    }
}
