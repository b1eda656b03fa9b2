//! `download-deliveries`: what the supplier offers, listed and fetched into `ftp_downloads/`, each file whole or not at all.
//!
//! The server is a stranger's, the files are large and the line breaks: a file is fetched aside, gone on with where it broke, proved
//! (length, directory of the archive), and only then given its name. What is here is never overwritten.

mod fetch;
mod list;
mod memory;
mod names;
mod publish;
mod remote;
mod report;

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

pub use remote::{Failure, Remote, Response};

use crate::download::fetch::Missed;
use crate::download::list::Listed;
pub(crate) use crate::download::memory::Fetched;
use crate::download::memory::Memory;
use crate::download::publish::Waiting;
use crate::download::report::{DownloadReport, FileReport, Outcome};
use crate::error::{Error, Result};
use crate::extract;
use crate::files::{self, hash};
use crate::progress::Progress;
use crate::report::Report;
use crate::settings::Settings;
use crate::signals;
use crate::task::{Context, Task};

/// Larger lists are not read.
const LARGEST_LIST: u64 = 16 << 20;

const LOCK: &str = ".telechargements.lock";

/// `download-deliveries`: where the files come from, which of them, and what to do with them.
pub struct DownloadOptions {
    /// Where they come from.
    pub remote: Box<dyn Remote>,
    /// Code or part of the name of a study.
    pub study: Option<String>,
    /// Year of the delivery's name, else of the file's date.
    pub year: Option<i32>,
    /// So many deliveries, the newest.
    pub latest: Option<usize>,
    /// Patterns of file names.
    pub only: Vec<String>,
    /// Pictures, maps and documents too.
    pub all_kinds: bool,
    /// Only says what there is.
    pub list: bool,
    /// Only says what would be fetched.
    pub dry_run: bool,
    /// Fetches what was fetched before, too.
    pub force: bool,
}

/// What is known of an offered file.
enum State {
    /// Never fetched, or gone since.
    New,
    /// Here, as it is offered.
    Here(Fetched),
    /// Fetched, unpacked, and removed since.
    Unpacked(Fetched),
    /// Here in an earlier version.
    Older(Fetched),
}

impl Task for DownloadOptions {
    /// Lists what is offered and, where wanted, fetches what is new.
    ///
    /// # Errors
    /// Those that concern the run as a whole: the list, credentials, the disk, another run. What concerns one file is in its report.
    fn run(self, context: &Context) -> Result<impl Report> {
        download(&context.settings, &*self.remote, &self, &context.progress)
    }
}

/// What was fetched into the home, ever.
///
/// # Errors
/// [`Error::Io`] when the memory cannot be read.
pub(crate) fn fetched(settings: &Settings) -> Result<Vec<Fetched>> {
    Ok(Memory::read(&settings.home.downloads())?.into_files())
}

fn download(
    settings: &Settings,
    remote: &dyn Remote,
    options: &DownloadOptions,
    progress: &Progress,
) -> Result<DownloadReport> {
    let folder = settings.home.downloads();
    let writes = !options.list && !options.dry_run;
    let _lock = if writes {
        fs::create_dir_all(&folder).map_err(Error::io("création du dossier", &folder))?;
        Some(files::lock(&folder.join(LOCK), "un autre téléchargement vers ce dossier")?)
    } else {
        None
    };
    let listing = list::parse(&read_list(remote)?)?;
    let mut memory = Memory::read(&folder)?;
    if writes {
        let offered: HashSet<String> = listing.files.iter().map(Listed::key).collect();
        memory.drop_orphans(&|key| offered.contains(key))?;
    }
    let listed = listing.files.len();
    let nothing = list::nothing_offered(&listing.files, options);
    let (chosen, other_kinds) = list::choose(listing.files, options);
    let unpacked = extract::unpacked_hashes(settings)?;
    let mut report = DownloadReport::new(remote.list_url(), folder, options);
    report.listed = listed as u64;
    report.unusable = listing.unusable;
    report.findings.extend(nothing);
    report.other_kinds = other_kinds.iter().map(|file| file.file_name.clone()).collect();
    let mut waiting = Waiting::default();
    let each = chosen.iter().try_for_each(|file| {
        signals::check()?;
        let state = if options.force { forced(&memory, file) } else { state(&mut memory, file, &unpacked)? };
        if writes {
            return one(remote, (file, state), &mut memory, &mut waiting, (progress, &mut report.files));
        }
        report.files.push(FileReport::new(file, offered(&state, &memory, file)));
        Ok(())
    });
    // Whatever ended the run: what is here whole is not fetched again.
    let settled = if writes { waiting.settle(&mut memory, &mut report.files) } else { Ok(()) };
    each.and(settled)?;
    report.conclude();
    Ok(report)
}

/// The list, asked for again where it breaks off: it is short, and nothing is known of it that could be gone on with.
fn read_list(remote: &dyn Remote) -> Result<Vec<u8>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match read_list_once(remote)? {
            Ok(body) => return Ok(body),
            Err(_) if attempt < fetch::ATTEMPTS => fetch::pause(attempt, None).map_err(Error::from)?,
            Err(message) => return Err(broken(message)),
        }
    }
}

fn broken(message: String) -> Error {
    Error::Remote { answered: true, message, hint: "réessayez ; si cela dure, signalez-le à Orange".into() }
}

/// The list, or how it broke off.
fn read_list_once(remote: &dyn Remote) -> Result<std::result::Result<Vec<u8>, String>> {
    let response = fetch::get_patiently(remote, remote.list_url())?;
    let mut body = Vec::new();
    if let Err(error) = response.body.take(LARGEST_LIST + 1).read_to_end(&mut body) {
        signals::check()?;
        return Ok(Err(format!("la liste n'est pas arrivée en entier : {error}")));
    }
    if body.len() as u64 > LARGEST_LIST {
        return Err(broken("la liste est démesurée, elle n'est pas lue".into()));
    }
    if response.total.is_some_and(|total| total != body.len() as u64) {
        return Ok(Err("la liste n'est pas arrivée en entier".into()));
    }
    Ok(Ok(body))
}

fn state(memory: &mut Memory, file: &Listed, unpacked: &HashSet<String>) -> Result<State> {
    let Some(known) = memory.fetched(&file.key()).cloned() else { return Ok(State::New) };
    if known.modified != file.modified {
        return Ok(State::Older(known));
    }
    let path = memory.folder().join(&known.file);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == known.bytes => metadata,
        _ if unpacked.contains(&known.blake3) => return Ok(State::Unpacked(known)),
        _ => return Ok(State::New),
    };
    if changed_at(&metadata) == known.mtime {
        return Ok(State::Here(known));
    }
    // Touched: its content tells whether it is still the same.
    if hash::blake3(&path)?.to_hex().as_str() != known.blake3 {
        return Ok(State::New);
    }
    let known = Fetched { mtime: changed_at(&metadata), ..known };
    memory.set_fetched(&file.key(), known.clone());
    Ok(State::Here(known))
}

fn changed_at(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

fn forced(memory: &Memory, file: &Listed) -> State {
    memory.fetched(&file.key()).cloned().map_or(State::New, State::Older)
}

/// What a run would do with the file.
fn offered(state: &State, memory: &Memory, file: &Listed) -> Outcome {
    match state {
        State::Here(known) | State::Unpacked(known) => Outcome::Known { file: known.file.clone(), bytes: known.bytes },
        State::Older(known) => Outcome::Offered { replaces: Some(known.file.clone()), begun: 0 },
        State::New => {
            let part = memory.half(&file.key()).filter(|half| half.modified == file.modified);
            let size = part.and_then(|half| fs::metadata(memory.folder().join(&half.part)).ok());
            Outcome::Offered { replaces: None, begun: size.map_or(0, |metadata| metadata.len()) }
        }
    }
}

/// Fetches a file, unless it is here; a whole one waits for its name.
fn one<'a>(
    remote: &dyn Remote,
    (file, state): (&'a Listed, State),
    memory: &mut Memory,
    waiting: &mut Waiting<'a>,
    (progress, files): (&Progress, &mut Vec<FileReport>),
) -> Result<()> {
    let older = match state {
        State::Here(known) | State::Unpacked(known) => {
            files.push(FileReport::new(file, Outcome::Known { file: known.file, bytes: known.bytes }));
            return Ok(());
        }
        State::Older(known) => Some(known),
        State::New => None,
    };
    match fetch::fetch(remote, file, memory, progress) {
        Ok(whole) => {
            waiting.add(file, older, whole, files);
            if waiting.is_due() { waiting.settle(memory, files) } else { Ok(()) }
        }
        Err(Missed::File { message, action }) => {
            log::info!("{} : {message}", file.file_name);
            files.push(FileReport::new(file, Outcome::Failed { message, action }));
            Ok(())
        }
        Err(Missed::Run(error)) => Err(error),
    }
}
