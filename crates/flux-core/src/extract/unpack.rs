//! One archive into a folder of its own, inner archives included.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Error, Result};
use crate::report::bytes;
use crate::signals;

use crate::extract::directory::{self, Bounded};
use crate::extract::is_zip;
use crate::extract::limits::{Limits, RATIO_FROM};
use crate::extract::names::{decode, place, shown};

#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// Files, relative to the folder.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bytes: u64,
    pub(crate) left_out: u64,
}

struct Unpacker<'a> {
    /// None on a dry run, which reads everything and keeps nothing.
    folder: Option<&'a Path>,
    limits: Limits,
    packed: u64,
    entries: u64,
    /// Places taken, in lower case: two entries of one name would overwrite each other.
    taken: HashSet<PathBuf>,
    /// Folders that entries lie in, in lower case: none of them may be a file too.
    folders: HashSet<PathBuf>,
    done: Unpacked,
    /// Bytes of inner archives, which are unpacked but not kept.
    inner: u64,
}

/// Unpacks `archive` into `folder`, which is empty, or only reads it to its end.
pub(crate) fn unpack(archive: &Path, folder: Option<&Path>, limits: Limits) -> Result<Unpacked> {
    let file = File::open(archive).map_err(Error::io("lecture de", archive))?;
    let packed = file.metadata().map_err(Error::io("lecture de", archive))?.len();
    let mut unpacker = Unpacker {
        folder,
        limits,
        packed,
        entries: 0,
        taken: HashSet::new(),
        folders: HashSet::new(),
        done: Unpacked::default(),
        inner: 0,
    };
    unpacker.archive(file, Path::new(""), 0)?;
    Ok(unpacker.done)
}

impl Unpacker<'_> {
    fn archive(&mut self, file: File, prefix: &Path, depth: u32) -> Result<()> {
        let announced = directory::check(&file, self.limits)?;
        let (file, bound) = Bounded::new(file, self.limits);
        let mut archive =
            ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| bound.reason(self.limits, bad(&error)))?;
        bound.release();
        // The reader keeps one of several entries of one name, and says nothing.
        if archive.len() as u64 != announced {
            return Err(Error::BadFile(
                "refusée : une entrée y figure deux fois, ou le nombre d'entrées est faux".into(),
            ));
        }
        self.entries += archive.len() as u64;
        if self.entries > self.limits.entries {
            return Err(Error::BadFile(format!("refusée : plus de {} entrées", self.limits.entries)));
        }
        for index in 0..archive.len() {
            signals::check()?;
            let mut entry = archive.by_index(index).map_err(|error| bad(&error))?;
            let as_zip = entry.name().map(std::borrow::Cow::into_owned).map_err(|error| bad(&error))?;
            let name = decode(entry.name_raw(), &as_zip);
            let kind = entry.unix_mode().map(|mode| mode & 0o170_000).filter(|kind| *kind != 0);
            match kind {
                None | Some(0o100_000 | 0o040_000) => {}
                Some(0o120_000) => {
                    return Err(Error::BadFile(format!("entrée « {} » refusée : lien symbolique", shown(&name))));
                }
                Some(_) => {
                    return Err(Error::BadFile(format!("entrée « {} » refusée : fichier spécial", shown(&name))));
                }
            }
            let Some(place) = place(&name).map_err(Error::BadFile)? else { continue };
            if entry.is_dir() || kind == Some(0o040_000) {
                continue;
            }
            if is_junk(&place) {
                self.done.left_out += 1;
                continue;
            }
            let place = prefix.join(place);
            let is_archive = is_zip(&place);
            self.take(&place)
                .map_err(|why| Error::BadFile(format!("entrée « {} » refusée : figure {why}", shown(&name))))?;
            let size = entry.size();
            let mut file = self.create(&place, is_archive)?;
            let written = self.copy(&mut entry, file.as_mut(), &name)?;
            drop(entry);
            if written != size {
                return Err(Error::BadFile(format!(
                    "entrée « {} » illisible : {written} octets au lieu des {size} annoncés",
                    shown(&name)
                )));
            }
            if !is_archive {
                self.done.bytes += written;
                self.done.files.push(place);
                continue;
            }
            self.inner += written;
            if depth + 1 > self.limits.depth {
                return Err(Error::BadFile(format!("refusée : plus de {} archives imbriquées", self.limits.depth)));
            }
            let inner = file.ok_or_else(|| Error::Invariant("une archive imbriquée n'a pas été lue".into()))?;
            self.archive(inner, &place.with_extension(""), depth + 1).map_err(|error| match error {
                Error::BadFile(message) => Error::BadFile(format!("{} : {message}", shown(&name))),
                error => error,
            })?;
        }
        Ok(())
    }

    /// Takes a place for an entry, or says why it cannot: found here, so that a dry run finds it too.
    fn take(&mut self, place: &Path) -> std::result::Result<(), &'static str> {
        let key = PathBuf::from(place.to_string_lossy().to_lowercase());
        let mut above = key.ancestors().skip(1);
        if self.folders.contains(&key) || above.any(|folder| self.taken.contains(folder)) {
            return Err("comme fichier et comme dossier");
        }
        self.folders.extend(key.ancestors().skip(1).map(Path::to_owned));
        if self.taken.insert(key) { Ok(()) } else { Err("deux fois") }
    }

    /// The file that an entry goes to. An inner archive, which is read again and not kept, gets one without a name.
    fn create(&self, place: &Path, is_archive: bool) -> Result<Option<File>> {
        if is_archive {
            let folder = self.folder.map_or_else(std::env::temp_dir, Path::to_owned);
            return tempfile::tempfile_in(&folder).map(Some).map_err(Error::io("écriture dans", &folder));
        }
        let Some(folder) = self.folder else { return Ok(None) };
        let path = folder.join(place);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("création du dossier", parent))?;
        }
        File::options().write(true).create_new(true).open(&path).map(Some).map_err(Error::io("écriture de", &path))
    }

    /// Copies one entry, counting what really comes out of it.
    fn copy(&mut self, entry: &mut impl Read, mut to: Option<&mut File>, name: &str) -> Result<u64> {
        let wrap = || Error::io("écriture de l'entrée", shown(name));
        let mut buffer = vec![0; 128 * 1024];
        let mut written = 0;
        loop {
            let read = entry
                .read(&mut buffer)
                .map_err(|error| Error::BadFile(format!("entrée « {} » illisible : {}", shown(name), why(&error))))?;
            if read == 0 {
                break;
            }
            written += read as u64;
            let total = self.done.bytes + self.inner + written;
            if total > self.limits.total {
                return Err(Error::BadFile(format!(
                    "refusée : plus de {} une fois extraite",
                    bytes(self.limits.total)
                )));
            }
            if total > RATIO_FROM && total / self.packed.max(1) > self.limits.ratio {
                return Err(Error::BadFile(format!(
                    "refusée : plus de {} fois sa taille une fois extraite",
                    self.limits.ratio
                )));
            }
            if let Some(file) = &mut to {
                file.write_all(&buffer[..read]).map_err(wrap())?;
            }
            signals::check()?;
        }
        // What is remembered as unpacked must be on disk.
        if let Some(file) = to {
            file.sync_all().map_err(wrap())?;
        }
        Ok(written)
    }
}

/// What operating systems add to archives.
fn is_junk(place: &Path) -> bool {
    place.components().any(|part| part.as_os_str() == "__MACOSX")
        || place.file_name().is_some_and(|name| name == ".DS_Store" || name == "Thumbs.db" || name == "desktop.ini")
}

pub(crate) fn bad(error: &ZipError) -> Error {
    let text = match error {
        ZipError::InvalidArchive(why) => format!("archive zip illisible : {why}"),
        ZipError::UnsupportedArchive(why) if why.to_lowercase().contains("password") => {
            "archive protégée par un mot de passe".into()
        }
        ZipError::UnsupportedArchive(why) => format!("archive zip d'une forme non reconnue : {why}"),
        ZipError::CompressionMethodNotSupported(method) => unknown_method(*method),
        other => format!("archive zip illisible : {other}"),
    };
    Error::BadFile(text)
}

/// Why an entry cannot be read. Whether its compression is known shows only when it is.
fn why(error: &std::io::Error) -> String {
    let text = error.to_string();
    if text.contains("declared uncompressed size") {
        return "plus longue que la taille annoncée : archive abîmée ou trafiquée, redemandez-la".into();
    }
    let method = text.split_once("method not supported: ").and_then(|(_, method)| method.parse().ok());
    method.map_or(text, unknown_method)
}

/// What a compression that these tools do not read is called, and what to do.
fn unknown_method(method: u16) -> String {
    let name = match method {
        9 => "Deflate64, que l'Explorateur de Windows emploie pour les fichiers de plus de 2 Go",
        12 => "bzip2",
        14 => "LZMA",
        93 => "Zstandard",
        95 => "XZ",
        98 => "PPMd",
        99 => "chiffrement AES",
        _ => "inconnue de ces outils",
    };
    format!(
        "compression n° {method} ({name}) : extrayez l'archive avec 7-Zip et recompressez-la en zip « Deflate », ou déposez les CSV extraits"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::write::SimpleFileOptions;

    /// An archive of files of a kibibyte each, and what unpacking it within `limits` says.
    fn refusal(files: usize, limits: Limits) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        for number in 0..files {
            writer.start_file(format!("{number}.csv"), SimpleFileOptions::default()).unwrap();
            writer.write_all(&[b'0'; 1024]).unwrap();
        }
        writer.finish().unwrap();
        let target = folder.path().join("cible");
        fs::create_dir(&target).unwrap();
        unpack(&path, Some(&target), limits).err().map(|error| error.to_string())
    }

    #[test]
    fn a_size_that_lies_is_told_in_words_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.start_file("duree_sejour.csv", SimpleFileOptions::default()).unwrap();
        writer.write_all(&[b'0'; 4096]).unwrap();
        writer.finish().unwrap();
        // The uncompressed size stands at byte 22 of an entry's own header and at byte 24 of its record in the directory.
        let mut content = fs::read(&path).unwrap();
        let record = content.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        for place in [22, record + 24] {
            content[place..place + 4].copy_from_slice(&7_u32.to_le_bytes());
        }
        fs::write(&path, content).unwrap();
        let refused = unpack(&path, None, Limits::default()).err().unwrap().to_string();
        assert!(refused.contains("plus longue que la taille annoncée"), "{refused}");
    }

    #[test]
    fn size_and_number_are_limited_over_all_entries() {
        let limits = Limits::default();
        assert_eq!(refusal(10, limits), None);
        assert_eq!(refusal(10, Limits { total: 10 * 1024, entries: 10, ..limits }), None);
        assert!(refusal(10, Limits { total: 10 * 1024 - 1, ..limits }).unwrap().contains("une fois extraite"));
        assert!(refusal(10, Limits { entries: 9, ..limits }).unwrap().contains("plus de 9 entrées"));
    }
}
