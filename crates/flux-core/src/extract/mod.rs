//! `extract-only`: zip deliveries unpacked under `data/data_extracted/`, each archive wholly or not at all.
//!
//! An archive is a stranger's: names that lead out of the folder, links, and sizes beyond the limits refuse the whole archive.

mod directory;
mod limits;
mod memory;
mod names;
mod unpack;
mod weekly;
pub(crate) mod whole;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use memory::Remembered;
pub(crate) use weekly::{holds_weekly_files, names_within, plain_name};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::{self, Entry, hash};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, bytes, plural, some_of};
use crate::settings::Settings;
use crate::signals;
use crate::task::{Context, Task};
use limits::Limits;
use memory::Memory;

/// What to unpack and where.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Archives, or folders to search for them; the home's usual ones when empty.
    pub sources: Vec<PathBuf>,
    /// Where to, instead of the home's.
    pub output: Option<PathBuf>,
    /// Bytes unpacked that an archive may not exceed.
    pub max_size: u64,
    /// Unpacked bytes for each packed one that it may not exceed.
    pub max_ratio: u64,
    /// Unpacks archives that were unpacked before, too.
    pub force: bool,
    /// Only the files of the weekly delivery, put where the import looks.
    pub weekly: bool,
    /// Checks everything, leaves nothing.
    pub dry_run: bool,
}

/// What became of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// Unpacked (on a dry run: would be).
    Extracted,
    /// Its content was unpacked before.
    Known,
    /// Refused or unreadable; nothing of it was kept.
    Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ArchiveReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    pub(crate) archive: PathBuf,
    /// What became of it.
    pub(crate) status: Outcome,
    /// Hash of its content.
    pub(crate) blake3: Option<String>,
    /// Folder that it was unpacked into.
    #[serde(serialize_with = "crate::report::path_text_if_any")]
    #[schemars(with = "Option<String>")]
    pub(crate) folder: Option<PathBuf>,
    /// Files unpacked, those of inner archives included.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Entries that were left out as of no use (`__MACOSX` and the like).
    pub(crate) left_out: u64,
    /// Where it lies now, if it lay among the files that the import takes, where it would be in the way.
    #[serde(serialize_with = "crate::report::path_text_if_any", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) moved_to: Option<PathBuf>,
    /// Other files of its folder, relative to it: of an earlier delivery or put there by hand. They are left alone.
    pub(crate) left_behind: Vec<String>,
    /// Which kind of failure, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ExtractReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    pub(crate) output: PathBuf,
    /// Files and folders that were looked at, those below included.
    searched: Vec<String>,
    /// Whether nothing was left.
    #[serde(rename = "dry_run")]
    pub(crate) done: Done,
    pub(crate) archives: Vec<ArchiveReport>,
}

/// Name of the hidden folder that an archive is unpacked into before it is moved to its place.
const SCRATCH: &str = ".extraction";

impl Task for ExtractOptions {
    /// Unpacks archives.
    ///
    /// # Errors
    /// Those that concern the run as a whole. What concerns one archive is in its report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let usual = if self.weekly { context.settings.home.deliveries() } else { context.settings.home.extracted() };
        let output = self.output.clone().unwrap_or(usual);
        // A dry run leaves no trace: no folder, no lock, no memory, and it does not tidy up after others either.
        let _lock = if self.dry_run {
            None
        } else {
            fs::create_dir_all(&output).map_err(Error::io("création du dossier", &output))?;
            Some(memory::lock(&output)?)
        };
        let mut memory = Memory::read(&output)?;
        let Found { mut archives, searched } = find(&context.settings, &self.sources, self.weekly)?;
        if self.weekly && self.sources.is_empty() {
            // The raw deliveries beside them are for another run.
            archives.retain(|archive| weekly::plain_name(archive).is_some() || weekly::holds_weekly_files(archive));
        }
        let scratch = if self.dry_run { None } else { Some(output.join(SCRATCH)) };
        let scratch = scratch.as_deref();
        let bar = context.progress.count("archives", archives.len() as u64);
        let mut reports = Vec::new();
        for archive in archives {
            signals::check()?;
            // What a run that was killed has left.
            clear(scratch)?;
            let mut report = ArchiveReport {
                archive: archive.clone(),
                status: Outcome::Failed,
                blake3: None,
                folder: None,
                files: 0,
                bytes: 0,
                left_out: 0,
                moved_to: None,
                left_behind: Vec::new(),
                code: None,
                error: None,
            };
            let downloads = context.settings.home.downloads();
            let done = one(&archive, scratch, &self, &mut memory, &mut report);
            match done.and_then(|()| self.put_away(&archive, &output, &downloads, &mut report)) {
                Ok(()) => {}
                Err(Error::Interrupted) => {
                    clear(scratch)?;
                    return Err(Error::Interrupted);
                }
                Err(error) => {
                    log::info!("{} : {error}", archive.display());
                    report.code = Some(Code::from(&error));
                    report.error = Some(error.to_string());
                }
            }
            bar.inc(1);
            reports.push(report);
        }
        bar.finish_and_clear();
        clear(scratch)?;
        let searched = searched.iter().map(|path| path.display().to_string()).collect();
        Ok(ExtractReport { output, searched, done: Done::unless(self.dry_run), archives: reports })
    }
}

impl ExtractOptions {
    /// Moves an archive out of the folder of the deliveries, where it would be told of, and hold the week up, for as long as it lies there.
    fn put_away(&self, archive: &Path, output: &Path, downloads: &Path, report: &mut ArchiveReport) -> Result<()> {
        let real = |path: &Path| fs::canonicalize(path).map_err(Error::io("lecture de", path));
        if !self.weekly || self.dry_run || !is_zip(archive) || !real(archive)?.starts_with(real(output)?) {
            return Ok(());
        }
        fs::create_dir_all(downloads).map_err(Error::io("création du dossier", downloads))?;
        let name = archive.file_name().unwrap_or_default();
        let mut target = downloads.join(name);
        if target.exists() {
            let (stem, hash) = (archive.file_stem().unwrap_or_default(), report.blake3.as_deref().unwrap_or_default());
            target = downloads.join(format!("{}_{:.8}.zip", stem.to_string_lossy(), hash));
        }
        fs::rename(archive, &target).map_err(Error::io("déplacement de l'archive vers", &target))?;
        report.moved_to = Some(target);
        Ok(())
    }
}

/// Hashes (BLAKE3, hexadecimal) of what was unpacked into the home, or taken to where the import looks.
///
/// # Errors
/// [`Error::Io`] when the memory cannot be read.
pub(crate) fn unpacked_hashes(settings: &Settings) -> Result<HashSet<String>> {
    let memories = [Memory::read(&settings.home.extracted())?, Memory::read(&settings.home.deliveries())?];
    Ok(memories.iter().flat_map(Memory::hashes).map(str::to_owned).collect())
}

/// What was unpacked into the home, or taken to where the import looks, by hash; each with its folder.
///
/// # Errors
/// [`Error::Io`] when the memory cannot be read.
pub(crate) fn remembered(settings: &Settings) -> Result<Vec<(String, Remembered)>> {
    let mut all = Vec::new();
    for output in [settings.home.extracted(), settings.home.deliveries()] {
        for (hash, one) in Memory::read(&output)?.into_archives() {
            all.push((hash, Remembered { folder: output.join(&one.folder), ..one }));
        }
    }
    Ok(all)
}

/// The archives that lie where a run without arguments looks for them.
///
/// # Errors
/// [`Error::Io`] for a folder that cannot be read, [`Error::Interrupted`].
pub(crate) fn lying(settings: &Settings) -> Result<Vec<PathBuf>> {
    Ok(find(settings, &[], false)?.archives)
}

/// Unpacks one archive; on a dry run, without `scratch`, it is read to its end all the same.
fn one(
    archive: &Path,
    scratch: Option<&Path>,
    options: &ExtractOptions,
    memory: &mut Memory,
    report: &mut ArchiveReport,
) -> Result<()> {
    let output = memory.output().to_owned();
    let hash = hash::blake3(archive)?.to_hex().to_string();
    report.blake3 = Some(hash.clone());
    let stem = archive.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.trim_start_matches('.');
    let folder = output.join(if stem.is_empty() { &hash[..16] } else { stem });
    if let Some(before) = memory.get(&hash).filter(|_| !options.force) {
        report.status = Outcome::Known;
        report.folder = Some(output.join(&before.folder));
        return Ok(());
    }
    let place = folder.strip_prefix(&output).unwrap_or(&folder).to_owned();
    if let Some(rival) = memory.rival(&hash, archive, &place)? {
        let (rival, folder) = (rival.display(), folder.display());
        return Err(Error::BadFile(format!(
            "refusée : {rival}, une autre archive de ce nom, est extraite dans {folder} ; renommez l'une des deux"
        )));
    }
    if let Some(scratch) = scratch {
        fs::create_dir_all(scratch).map_err(Error::io("création du dossier", scratch))?;
    }
    let plain = if options.weekly { weekly::plain_name(archive) } else { None };
    let unpacked = match plain {
        Some(name) => weekly::copy(archive, scratch, name)?,
        None => {
            let limits = Limits { total: options.max_size, ratio: options.max_ratio, ..Limits::default() };
            unpack::unpack(archive, scratch, limits)?
        }
    };
    if hash::blake3(archive)?.to_hex().as_str() != hash {
        return Err(Error::FileChanged);
    }
    report.files = unpacked.files.len() as u64;
    report.bytes = unpacked.bytes;
    report.left_out = unpacked.left_out;
    if options.weekly {
        let placed = weekly::deposit(scratch, &unpacked.files, &output, options.force)?;
        report.left_out += report.files - placed.len() as u64;
        report.files = placed.len() as u64;
        report.folder = Some(output.clone());
        if scratch.is_some() {
            memory.add(&hash, archive, Path::new(""), placed.len())?;
        }
        report.status = Outcome::Extracted;
        return Ok(());
    }
    report.folder = Some(folder.clone());
    report.left_behind = others(&folder, &unpacked.files)?;
    if let Some(scratch) = scratch {
        put_in_place(scratch, &folder, &unpacked.files)?;
        memory.add(&hash, archive, &place, unpacked.files.len())?;
    } else {
        memory.note(&hash, archive, &place, unpacked.files.len());
    }
    report.status = Outcome::Extracted;
    Ok(())
}

/// A new folder is there whole or not at all: the ETL would load a part of it. Into one that is there, files go one by one.
fn put_in_place(scratch: &Path, folder: &Path, files: &[PathBuf]) -> Result<()> {
    let is_new = fs::symlink_metadata(folder).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_new && !files.is_empty() {
        failpoint::hit("file.publish")?;
        return fs::rename(scratch, folder).map_err(Error::io("dépôt de", folder));
    }
    files.iter().try_for_each(|place| move_into(scratch, folder, place))
}

/// Moves one unpacked file to its place, over an earlier one of that name. No folder on the way may be a link.
fn move_into(scratch: &Path, folder: &Path, place: &Path) -> Result<()> {
    let target = folder.join(place);
    let mut parent = folder.to_path_buf();
    let inner = place.parent().unwrap_or(Path::new(""));
    for component in std::iter::once(Path::new("")).chain(inner.components().map(|c| Path::new(c.as_os_str()))) {
        if component != Path::new("") {
            parent.push(component);
        }
        match fs::symlink_metadata(&parent) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(Error::BadFile(format!("{} n'est pas un dossier : rien n'y est déposé", parent.display())));
            }
            Err(_) => fs::create_dir_all(&parent).map_err(Error::io("création du dossier", &parent))?,
        }
    }
    failpoint::hit("file.publish")?;
    fs::rename(scratch.join(place), &target).map_err(Error::io("dépôt de", &target))
}

/// Files below `folder` that are none of `own`, relative to it. Those that begin with a dot are no business of the ETL either.
fn others(folder: &Path, own: &[PathBuf]) -> Result<Vec<String>> {
    let own: HashSet<&Path> = own.iter().map(PathBuf::as_path).collect();
    let mut found = Vec::new();
    files::walk(folder, &|path| !is_hidden(path), &mut |entry| {
        match entry {
            Entry::File(path, _) | Entry::Other(path) if !is_hidden(&path) => {
                let place = path.strip_prefix(folder).unwrap_or(&path);
                if !own.contains(place) {
                    found.push(place.to_string_lossy().into_owned());
                }
            }
            Entry::Unreadable(path, error) => return Err(Error::io("lecture de", path)(error)),
            _ => {}
        }
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn clear(scratch: Option<&Path>) -> Result<()> {
    let Some(scratch) = scratch else { return Ok(()) };
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("suppression de", scratch)(error)),
        _ => Ok(()),
    }
}

/// The archives of the named files and folders; without any, those under `data/` and `ftp_downloads/`. With them, on a run for the weekly
/// files, those that lie plain in `ftp_downloads/`: elsewhere they are what the import has, or copies of it.
fn find(settings: &Settings, sources: &[PathBuf], weekly: bool) -> Result<Found> {
    let mut archives = Vec::new();
    let root = &settings.home.root;
    let downloads = settings.home.downloads();
    let usual = [root.join("data"), downloads.clone()];
    let usual: Vec<PathBuf> = usual.into_iter().filter(|folder| folder.is_dir()).collect();
    let own = fs::canonicalize(&downloads).ok();
    let mut searched = if sources.is_empty() { usual } else { sources.to_vec() };
    for source in &searched {
        let kind = fs::metadata(source).map_err(Error::io("lecture de", source))?;
        if !kind.is_dir() {
            archives.push(source.clone());
            continue;
        }
        let takes_plain = weekly && own.is_some() && fs::canonicalize(source).ok() == own;
        let wanted = |path: &Path| is_zip(path) || takes_plain && weekly::plain_name(path).is_some();
        search(source, root, &wanted, &mut archives)?;
    }
    // Where the usual folders hold none, the place that older scripts used.
    let legacy = root.join("fluxvision_automation/data/data_zip");
    if sources.is_empty() && archives.is_empty() && legacy.is_dir() {
        search(&legacy, root, &is_zip, &mut archives)?;
        searched.push(legacy);
    }
    archives.sort();
    archives.dedup();
    Ok(Found { archives, searched })
}

/// Archives, and where they were looked for.
struct Found {
    archives: Vec<PathBuf>,
    searched: Vec<PathBuf>,
}

pub(crate) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

fn search(folder: &Path, root: &Path, wanted: &dyn Fn(&Path) -> bool, archives: &mut Vec<PathBuf>) -> Result<()> {
    // What the tools have put away themselves is no delivery.
    let put_away = ["archive", "backups"].map(|name| root.join("data").join(name));
    files::walk(folder, &|path| !is_hidden(path) && !put_away.iter().any(|dir| dir == path), &mut |entry| {
        match entry {
            Entry::File(path, _) if !is_hidden(&path) && wanted(&path) => archives.push(path),
            Entry::Unreadable(path, error) => return Err(Error::io("lecture de", path)(error)),
            _ => {}
        }
        Ok(())
    })
}

impl Report for ExtractReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["archive", "état", ">fichiers", ">taille"]);
        for archive in &self.archives {
            let is_plain = weekly::plain_name(&archive.archive).is_some();
            let (sign, state) = match (archive.status, is_plain) {
                (Outcome::Extracted, false) => (Verdict::Ok, self.done.say("extraite", "à extraire")),
                (Outcome::Extracted, true) => (Verdict::Ok, self.done.say("déposé", "à déposer")),
                (Outcome::Known, false) => (Verdict::Ok, "déjà extraite"),
                (Outcome::Known, true) => (Verdict::Ok, "déjà déposé"),
                (Outcome::Failed, false) => (Verdict::Error, "refusée"),
                (Outcome::Failed, true) => (Verdict::Error, "refusé"),
            };
            let name = archive.archive.file_name().unwrap_or(archive.archive.as_os_str()).to_string_lossy();
            table.row([
                name.into_owned(),
                format!("{} {state}", sign.sign()),
                archive.files.to_string(),
                bytes(archive.bytes),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        for archive in &self.archives {
            if let Some(error) = &archive.error {
                page.finding(&Finding::error(
                    archive.code.unwrap_or(Code::Invariant),
                    archive.archive.display().to_string(),
                    error,
                ));
            }
        }
        for (archive, place) in self.archives.iter().filter_map(|archive| Some((archive, archive.moved_to.as_ref()?))) {
            let name = archive.archive.file_name().unwrap_or_default().to_string_lossy();
            page.line(format!("{name} : rangée, {}", place.display()));
        }
        for archive in &self.archives {
            archive.render_left_behind(page);
        }
        let (plain, zips): (Vec<_>, Vec<_>) =
            self.archives.iter().partition(|archive| weekly::plain_name(&archive.archive).is_some());
        let share = |list: &[&ArchiveReport], of: [&'static str; 2], done: [&'static str; 2]| {
            let extracted = list.iter().filter(|archive| archive.status == Outcome::Extracted).count() as u64;
            format!("{} sur {}", self.done.count(extracted, of, done), list.len())
        };
        let mut text = Vec::new();
        if !zips.is_empty() || plain.is_empty() {
            text.push(share(&zips, ["archive", "archives"], ["extraite", "extraites"]));
        }
        if !plain.is_empty() {
            text.push(share(&plain, ["fichier", "fichiers"], ["déposé", "déposés"]));
        }
        page.conclude(self.verdict(), format!("{}, vers {}", text.join(", "), self.output.display()));
        if self.archives.is_empty() {
            let places = some_of(&self.searched, 4);
            page.line(format!(
                "  cherché dans {}",
                if places.is_empty() { "aucun dossier : data/ n'est pas là" } else { &places }
            ));
            page.action("déposez l'archive dans data/ ou ftp_downloads/, ou nommez-la : `extract-only ARCHIVE`");
        }
    }

    fn verdict(&self) -> Verdict {
        let failed = self.archives.iter().any(|archive| archive.status == Outcome::Failed);
        let look = self.archives.iter().any(|archive| !archive.left_behind.is_empty());
        match (failed, look) {
            (true, _) => Verdict::Error,
            (_, true) => Verdict::Attention,
            _ => Verdict::Ok,
        }
    }

    fn done(&self) -> Done {
        self.done
    }
}

/// Files that the text lists one by one; the JSON has them all.
const LISTED: usize = 10;

impl ArchiveReport {
    fn render_left_behind(&self, page: &mut Page) {
        let (Some(folder), false) = (&self.folder, self.left_behind.is_empty()) else { return };
        let count = plural(self.left_behind.len() as u64, "autre fichier", "autres fichiers");
        page.verdict(Verdict::Attention, format!("{} contient {count}, que l'ETL chargera aussi", folder.display()));
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let names: Vec<String> = self.left_behind.iter().take(LISTED).map(|name| quoted(name)).collect();
        page.action(&format!(
            "s'ils sont périmés : cd {} && rm -- {}",
            quoted(&folder.display().to_string()),
            names.join(" ")
        ));
        if self.left_behind.len() > LISTED {
            let others = plural((self.left_behind.len() - LISTED) as u64, "autre", "autres");
            page.line(format!("… et {others} (--json les donne tous)"));
        }
    }
}
