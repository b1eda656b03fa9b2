//! One file: fetched aside, gone on with where it broke, proved, and given its name.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::download::list::Listed;
use crate::download::memory::{Half, Memory};
use crate::download::remote::{Failure, Remote, Response};
use crate::error::{Error, Result};
use crate::extract::whole;
use crate::progress::Progress;
use crate::report::bytes;
use crate::signals;

/// Attempts in a row that bring nothing worth speaking of.
pub(crate) const ATTEMPTS: u32 = 4;
/// What an attempt must bring to be worth another one.
const WORTH: u64 = 1 << 20;
/// The last bytes of a part of a table are asked for again: that they come alike shows that the rest is of the same file.
const OVERLAP: u64 = 256;
/// Longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

/// Why a file is not here. What is here of it is kept for the next run.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The server, the network or the file itself: the others may go on.
    File { message: String, action: String },
    /// No other file will fare better.
    Run(Error),
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        match error {
            Error::BadFile(message) => Missed::file(message, "relancez plus tard, ou signalez-le à Orange"),
            error => Missed::Run(error),
        }
    }
}

impl From<Missed> for Error {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Run(error) => error,
            Missed::File { message, action } => Error::Remote { answered: true, message, hint: action },
        }
    }
}

impl Missed {
    fn file(message: impl Into<String>, action: impl Into<String>) -> Self {
        Missed::File { message: message.into(), action: action.into() }
    }
}

/// A file that is here whole, not yet under its name, and perhaps not on the disk.
pub(crate) struct Whole {
    pub(crate) part: PathBuf,
    pub(crate) bytes: u64,
    /// Bytes that an earlier run had fetched.
    pub(crate) resumed: u64,
}

/// How an attempt ended, short of failing for good.
enum Attempt {
    Done,
    /// Cut, stalled, or told to wait.
    Again {
        message: String,
        action: String,
        wait: Option<Duration>,
    },
}

/// Asks again, after a growing pause, as long as that may help.
///
/// # Errors
/// The last failure.
pub(crate) fn get_patiently(remote: &dyn Remote, url: &str) -> std::result::Result<Response, Missed> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match remote.get(url, 0, None) {
            Ok(response) => return Ok(response),
            Err(failure) if failure.transient && attempt < ATTEMPTS && within(failure.wait) => {
                pause(attempt, failure.wait)?;
            }
            Err(failure) => return Err(general(failure)),
        }
    }
}

fn within(wait: Option<Duration>) -> bool {
    wait.is_none_or(|wait| wait <= LONGEST_WAIT)
}

pub(crate) fn pause(attempt: u32, wait: Option<Duration>) -> std::result::Result<(), Missed> {
    let growing = Duration::from_millis(100 << attempt.min(7));
    // A moment that is past is no leave to ask at once.
    signals::sleep(wait.unwrap_or_default().max(growing)).map_err(|error| Missed::Run(error.into()))
}

/// A failure that concerns every file.
fn general(failure: Failure) -> Missed {
    Missed::Run(Error::Remote { answered: failure.answered, message: failure.message, hint: failure.action })
}

/// Fetches a file into its part, with what an earlier run has left of it.
///
/// # Errors
/// [`Missed`].
pub(crate) fn fetch(
    remote: &dyn Remote,
    file: &Listed,
    memory: &mut Memory,
    progress: &Progress,
) -> std::result::Result<Whole, Missed> {
    let key = file.key();
    let part = format!(".{}.partial", &blake3::hash(key.as_bytes()).to_hex()[..16]);
    let path = memory.folder().join(&part);
    let mut job = Job { remote, file, memory, key, part, path, resumed: 0, pieces: false };
    job.left_over()?;
    let received = job.all(progress);
    if received.is_err() && length(&job.path).is_ok_and(|size| size == 0) {
        // There is nothing to go on with.
        job.memory.drop_half(&job.key)?;
    }
    received?;
    job.prove()?;
    Ok(Whole { bytes: length(&job.path)?, part: job.path, resumed: job.resumed })
}

struct Job<'a> {
    remote: &'a dyn Remote,
    file: &'a Listed,
    memory: &'a mut Memory,
    key: String,
    part: String,
    path: PathBuf,
    /// Bytes of an earlier run that are part of the file.
    resumed: u64,
    /// Whether the file comes in several pieces.
    pieces: bool,
}

impl Job<'_> {
    /// Bytes that an earlier run has left of this very version.
    fn left_over(&mut self) -> Result<()> {
        let same = self.memory.half(&self.key).is_some_and(|half| half.modified == self.file.modified);
        let plain = fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file());
        if !(same && plain) {
            return self.start_over(None, None);
        }
        self.resumed = length(&self.path)?;
        self.pieces = self.resumed > 0;
        Ok(())
    }

    /// An empty part of a version.
    fn start_over(&mut self, validator: Option<String>, total: Option<u64>) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io("suppression de", &self.path)(error));
            }
            _ => {}
        }
        let new = File::options().write(true).create_new(true).open(&self.path);
        new.map_err(Error::io("création de", &self.path))?;
        (self.resumed, self.pieces) = (0, false);
        let half = Half { part: self.part.clone(), modified: self.file.modified.clone(), validator, total };
        self.memory.set_half(&self.key, half)
    }

    /// As many GETs as it takes.
    fn all(&mut self, progress: &Progress) -> std::result::Result<(), Missed> {
        let (mut attempt, mut mark) = (0, self.resumed);
        loop {
            attempt += 1;
            match self.attempt(progress)? {
                Attempt::Done => return Ok(()),
                Attempt::Again { message, action, wait } => {
                    signals::check().map_err(|error| Missed::Run(error.into()))?;
                    let now = length(&self.path)?;
                    if now >= mark + WORTH {
                        (attempt, mark) = (1, now);
                    }
                    if attempt >= ATTEMPTS || !within(wait) {
                        return Err(Missed::file(format!("{message} ({} reçus)", bytes(now)), action));
                    }
                    log::info!("{} : {message}, nouvel essai", self.file.file_name);
                    pause(attempt, wait)?;
                }
            }
        }
    }

    /// One GET, and what it brings.
    fn attempt(&mut self, progress: &Progress) -> std::result::Result<Attempt, Missed> {
        let here = length(&self.path)?;
        let half = self.memory.half(&self.key).cloned();
        let validator = half.as_ref().and_then(|half| half.validator.clone());
        let total = half.as_ref().and_then(|half| half.total);
        // A table has no checksum that would show two versions in one: without a name for its version it is fetched anew.
        let overlap = if is_zip(&self.file.file_name) { 0 } else { OVERLAP };
        let can_resume = here > overlap && (validator.is_some() || overlap == 0);
        if can_resume && total == Some(here) {
            return Ok(Attempt::Done);
        }
        let from = here.saturating_sub(overlap);
        let (begin, version) = if can_resume { (from, validator.as_deref()) } else { (0, None) };
        let response = match self.remote.get(&self.file.url, begin, version) {
            Ok(response) => response,
            Err(failure) if failure.beyond => {
                self.start_over(None, None)?;
                return Ok(again(failure));
            }
            Err(failure) if failure.general => return Err(general(failure)),
            Err(failure) if failure.transient => return Ok(again(failure)),
            Err(failure) => return Err(Missed::file(failure.message, failure.action)),
        };
        // An archive proves itself; some servers call everything a page.
        let proves_itself = is_zip(&self.file.file_name) || is_html(&self.file.file_name);
        if response.content_type == "text/html" && !proves_itself {
            return Err(a_page());
        }
        let same =
            |ours: &Option<String>, theirs: &Option<String>| ours.is_none() || theirs.is_none() || ours == theirs;
        let fits = response.from == from
            && (total.is_none() || response.total.is_none() || response.total == total)
            && same(&validator, &response.validator);
        if response.partial && !fits {
            return self.not_ours();
        }
        if !response.partial {
            self.start_over(response.validator.clone(), response.total)?;
        } else if total.is_none() {
            let half = Half {
                part: self.part.clone(),
                modified: self.file.modified.clone(),
                validator: response.validator.clone().or(validator),
                total: response.total,
            };
            self.memory.set_half(&self.key, half)?;
        }
        self.pieces |= response.partial;
        let total = response.total.or(total.filter(|_| response.partial));
        self.receive(Response { total, ..response }, progress)
    }

    /// A part of something else: of another version, or not the part that was asked for.
    fn not_ours(&mut self) -> std::result::Result<Attempt, Missed> {
        self.start_over(None, None)?;
        Ok(Attempt::Again {
            message: "le serveur a envoyé une partie d'un autre fichier que celui commencé".into(),
            action: "relancez".into(),
            wait: None,
        })
    }

    /// Whether the answer begins with the bytes that the part ends with, which are then read; an answer that ends before is none.
    fn goes_on(&self, response: &mut Response, here: u64) -> Result<bool> {
        use std::os::unix::fs::FileExt;
        let length = here.saturating_sub(response.from).min(OVERLAP) as usize;
        let (mut ours, mut theirs) = (vec![0; length], vec![0; length]);
        let file = File::open(&self.path).map_err(Error::io("lecture de", &self.path))?;
        file.read_exact_at(&mut ours, response.from).map_err(Error::io("lecture de", &self.path))?;
        Ok(response.body.read_exact(&mut theirs).is_err() || ours == theirs)
    }

    fn receive(&mut self, mut response: Response, progress: &Progress) -> std::result::Result<Attempt, Missed> {
        let mut at = length(&self.path)?;
        if response.partial && !self.goes_on(&mut response, at)? {
            return self.not_ours();
        }
        let mut to = File::options().append(true).open(&self.path).map_err(Error::io("écriture de", &self.path))?;
        let bar = progress.bytes(&self.file.file_name, response.total.unwrap_or(0));
        bar.set_position(at);
        bar.reset_eta();
        let mut buffer = vec![0; 256 * 1024];
        let cut = loop {
            if let Err(error) = signals::check() {
                bar.finish_and_clear();
                return Err(Missed::Run(error.into()));
            }
            match response.body.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) if response.total.is_some_and(|total| at + read as u64 > total) => {
                    break Some("le serveur envoie plus que la longueur annoncée".to_owned());
                }
                Ok(read) => {
                    if let Err(error) = to.write_all(&buffer[..read]) {
                        bar.finish_and_clear();
                        // Its room is free only once nobody holds it open.
                        drop(to);
                        return Err(self.unwritable(error));
                    }
                    at += read as u64;
                    bar.inc(read as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(error.to_string()),
            }
        };
        bar.finish_and_clear();
        let short = response.total.is_some_and(|total| at < total);
        if cut.is_none() && !short {
            return Ok(Attempt::Done);
        }
        // What the next attempt, or the next run, goes on from.
        to.sync_all().map_err(Error::io("écriture de", &self.path))?;
        Ok(Attempt::Again {
            message: cut.unwrap_or_else(|| "la connexion a été coupée avant la fin du fichier".into()),
            action: "relancez : le téléchargement reprend là où il s'est arrêté".into(),
            wait: None,
        })
    }

    /// Nothing more can be written. The part goes: what fills the disk stands in everybody's way.
    fn unwritable(&mut self, error: std::io::Error) -> Missed {
        let error = Error::io("écriture de", memory_name(self.memory.folder(), &self.file.file_name))(error);
        match self.memory.drop_half(&self.key) {
            Ok(()) => {}
            Err(second) => log::warn!("{second}"),
        }
        Missed::Run(error)
    }

    /// Whether what is here is the file. A part that is not goes, or the next run would go on with it.
    fn prove(&mut self) -> std::result::Result<(), Missed> {
        let judged = if self.is_a_page()? { Err(a_page()) } else { self.judge().map_err(Missed::from) };
        if let Err(Missed::File { .. }) = &judged {
            self.memory.drop_half(&self.key)?;
        }
        judged
    }

    fn is_a_page(&self) -> Result<bool> {
        Ok(ends(&self.path)?.0 == Some(b'<') && !is_html(&self.file.file_name))
    }

    fn judge(&self) -> Result<()> {
        let size = length(&self.path)?;
        let total = self.memory.half(&self.key).and_then(|half| half.total);
        if let Some(total) = total.filter(|total| *total != size) {
            return Err(Error::BadFile(format!("{size} octets reçus au lieu de {total}")));
        }
        if is_zip(&self.file.file_name) {
            return whole::check(&self.path, self.pieces);
        }
        if size == 0 {
            return Err(Error::BadFile("le fichier est vide".into()));
        }
        if total.is_none() && ends(&self.path)?.1 != Some(b'\n') {
            return Err(Error::BadFile(
                "longueur non annoncée et dernière ligne sans fin : rien ne prouve que le fichier est entier".into(),
            ));
        }
        Ok(())
    }
}

fn a_page() -> Missed {
    Missed::file(
        "le serveur a envoyé une page HTML au lieu du fichier",
        "ouvrez l'adresse dans un navigateur ; si elle demande de s'identifier, vérifiez FLUX_VISION_USER et FLUX_VISION_PASSWORD",
    )
}

fn again(failure: Failure) -> Attempt {
    Attempt::Again { message: failure.message, action: failure.action, wait: failure.wait }
}

fn memory_name(folder: &Path, name: &str) -> PathBuf {
    folder.join(crate::download::names::harmless(name))
}

fn length(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|metadata| metadata.len()).map_err(Error::io("lecture de", path))
}

/// The first byte that is no blank and no mark of the encoding, and the very last one.
fn ends(path: &Path) -> Result<(Option<u8>, Option<u8>)> {
    use std::os::unix::fs::FileExt;
    let wrap = || Error::io("lecture de", path);
    let file = File::open(path).map_err(wrap())?;
    let size = file.metadata().map_err(wrap())?.len();
    let mut head = [0; 64];
    let read = file.read_at(&mut head, 0).map_err(wrap())?;
    let head = head[..read].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[..read]);
    let first = head.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let mut last = [0];
    let some = size > 0 && file.read_at(&mut last, size - 1).map_err(wrap())? == 1;
    Ok((first, some.then_some(last[0])))
}

fn is_zip(name: &str) -> bool {
    name.trim().to_lowercase().ends_with(".zip")
}

fn is_html(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    [".html", ".htm", ".svg", ".xml", ".kml"].iter().any(|ending| name.ends_with(ending))
}
