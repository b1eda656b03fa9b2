//! Whole files get their names, several at once: for many small files the disk is waited for once, not for each.
//!
//! In this order, so that a crash at any place leaves nothing named that is not whole, and nothing remembered that is not there: content
//! on the disk, names, the folder on the disk, the memory.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::download::fetch::Whole;
use crate::download::list::Listed;
use crate::download::memory::{Fetched, Memory};
use crate::download::report::{FileReport, Outcome};
use crate::download::{changed_at, names};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::{self, hash};

/// What a crash makes the next run fetch again is bounded by these.
const MOST_FILES: usize = 64;
const MOST_BYTES: u64 = 64 << 20;
const LONGEST: Duration = Duration::from_secs(5);

/// Whole files that wait for their names.
#[derive(Default)]
pub(crate) struct Waiting<'a> {
    files: Vec<Ready<'a>>,
    bytes: u64,
    since: Option<Instant>,
}

struct Ready<'a> {
    /// Its place in the report.
    at: usize,
    file: &'a Listed,
    /// The earlier version.
    older: Option<Fetched>,
    whole: Whole,
}

impl<'a> Waiting<'a> {
    /// Keeps a place in the report for it.
    pub(crate) fn add(&mut self, file: &'a Listed, older: Option<Fetched>, whole: Whole, files: &mut Vec<FileReport>) {
        self.bytes += whole.bytes;
        self.since.get_or_insert_with(Instant::now);
        self.files.push(Ready { at: files.len(), file, older, whole });
        files.push(FileReport::new(file, Outcome::Offered { replaces: None, begun: 0 }));
    }

    pub(crate) fn is_due(&self) -> bool {
        self.files.len() >= MOST_FILES
            || self.bytes >= MOST_BYTES
            || self.since.is_some_and(|since| since.elapsed() >= LONGEST)
    }

    /// Gives all of them their names, and remembers them.
    pub(crate) fn settle(&mut self, memory: &mut Memory, files: &mut [FileReport]) -> Result<()> {
        let ready = std::mem::take(self).files;
        let parts: Vec<&Path> = ready.iter().map(|ready| ready.whole.part.as_path()).collect();
        files::sync_files(&parts)?;
        let any = !ready.is_empty();
        let named = ready.into_iter().try_for_each(|Ready { at, file, older, whole }| {
            let outcome = publish(file, older, whole, memory)?;
            if let Some(place) = files.get_mut(at) {
                *place = FileReport::new(file, outcome);
            }
            Ok(())
        });
        if any {
            files::sync_dir(memory.folder())?;
        }
        // Those that have got their names, whatever became of the others.
        memory.save()?;
        named
    }
}

/// Gives a whole file its name. Where the same content is here already, that file stays and the new one goes.
fn publish(file: &Listed, older: Option<Fetched>, whole: Whole, memory: &mut Memory) -> Result<Outcome> {
    let key = file.key();
    let blake3 = hash::blake3(&whole.part)?.to_hex().to_string();
    let replaces = older.as_ref().map(|older| older.file.clone()).filter(|older| memory.folder().join(older).exists());
    let others = older.map(|older| older.file).into_iter().filter(|_| replaces.is_some());
    let mut name = String::new();
    for candidate in others.chain(names_for(file, replaces.is_some())).filter(|name| !memory.claims(name, &key)) {
        let path = memory.folder().join(&candidate);
        let Ok(found) = fs::symlink_metadata(&path) else {
            name = candidate;
            break;
        };
        if found.is_file() && found.len() == whole.bytes && hash::blake3(&path)?.to_hex().as_str() == blake3 {
            fs::remove_file(&whole.part).map_err(Error::io("suppression de", &whole.part))?;
            remember(memory, file, &candidate, whole.bytes, blake3)?;
            return Ok(Outcome::Known { file: candidate, bytes: whole.bytes });
        }
    }
    let target = memory.folder().join(&name);
    failpoint::hit("file.publish")?;
    fs::rename(&whole.part, &target).map_err(Error::io("dépôt de", &target))?;
    remember(memory, file, &name, whole.bytes, blake3.clone())?;
    Ok(Outcome::Fetched { file: name, bytes: whole.bytes, resumed: whole.resumed, blake3, replaces })
}

fn remember(memory: &mut Memory, file: &Listed, name: &str, bytes: u64, blake3: String) -> Result<()> {
    let path = memory.folder().join(name);
    let mtime = changed_at(&fs::metadata(&path).map_err(Error::io("lecture de", &path))?);
    let at = Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let fetched = Fetched { file: name.to_owned(), modified: file.modified.clone(), bytes, blake3, at, mtime };
    memory.set_fetched(&file.key(), fetched);
    Ok(())
}

/// The names that a file may get: the supplier's, else with the date of its version or the name of its delivery, else with a number.
fn names_for(file: &Listed, is_newer: bool) -> impl Iterator<Item = String> + use<> {
    let plain = names::harmless(&file.file_name);
    let (stem, ending) = names::split(&plain);
    let date = file.moment.map_or_else(|| "revise".to_owned(), |moment| moment.format("%Y%m%d-%H%M%S").to_string());
    let delivery = if file.delivery.is_empty() { &file.delivery_code } else { &file.delivery };
    let mark = if is_newer { date } else { names::harmless(delivery).replace(' ', "-") };
    let (stem, ending) = (stem.to_owned(), ending.to_owned());
    let with = move |mark: &str| names::harmless(&format!("{stem}_{mark}{ending}"));
    let marked = with(&mark);
    [plain, marked].into_iter().chain((2..u32::MAX).map(move |number| with(&format!("{mark}-{number}"))))
}
