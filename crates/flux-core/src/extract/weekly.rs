//! `extract-only --weekly`: the weekly files of an archive, or those that lie plain, put where the import looks for them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::domain::catalogue;
use crate::error::{Error, Result};
use crate::extract::directory;
use crate::extract::limits::Limits;
use crate::extract::unpack::Unpacked;
use crate::failpoint;
use crate::files::hash;
use crate::load;

/// The weekly file that an entry of an archive is, by its name.
fn weekly_name(place: &Path) -> Option<&'static str> {
    let name = place.file_name()?.to_string_lossy().to_lowercase();
    catalogue::weekly().filter_map(|dataset| dataset.weekly_file).find(|file| *file == name)
}

/// The weekly file that a file is by its name. The download marks what has a name that is taken: `duree_sejour_20250722-060000.csv`.
pub(crate) fn plain_name(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let of_name = |file: &&'static str| {
        let Some((stem, ending)) = file.rsplit_once('.') else { return false };
        let marked = || name.strip_prefix(stem)?.strip_suffix(ending)?.strip_suffix('.');
        marked().is_some_and(|mark| mark.is_empty() || mark.starts_with('_'))
    };
    // `duree_sejour_fr.csv` is no marked `duree_sejour.csv`.
    catalogue::weekly().filter_map(|dataset| dataset.weekly_file).filter(of_name).max_by_key(|file| file.len())
}

/// Copies a plain weekly file into `scratch` under its own name, on disk before it is told; on a dry run, without `scratch`, does not.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn copy(file: &Path, scratch: Option<&Path>, name: &'static str) -> Result<Unpacked> {
    let bytes = match scratch {
        Some(scratch) => {
            let target = scratch.join(name);
            let copied = fs::copy(file, &target).map_err(Error::io("copie de", file))?;
            File::open(&target).and_then(|copy| copy.sync_all()).map_err(Error::io("écriture de", &target))?;
            copied
        }
        None => fs::metadata(file).map_err(Error::io("lecture de", file))?.len(),
    };
    Ok(Unpacked { files: vec![PathBuf::from(name)], bytes, left_out: 0 })
}

type Zip = ZipArchive<std::io::BufReader<File>>;

fn opened(file: File) -> Option<Zip> {
    directory::check(&file, Limits::default()).ok()?;
    ZipArchive::new(std::io::BufReader::new(file)).ok()
}

fn names(zip: &Zip) -> impl Iterator<Item = String> {
    zip.file_names().filter_map(|name| Some(name.ok()?.replace('\\', "/")))
}

/// The names in the directory of an archive. None where it cannot be read: the extraction says why.
pub(crate) fn names_within(archive: &Path) -> Vec<String> {
    File::open(archive).ok().and_then(opened).map_or_else(Vec::new, |zip| names(&zip).collect())
}

/// Bytes of inner archives that are unpacked to see whether weekly files are in them: ten times what a week of a large observatory takes.
const PEEK: u64 = 128 << 20;

/// Whether an archive names weekly files in its directory or in that of an archive within it. False where it cannot be read: the
/// extraction says why.
pub(crate) fn holds_weekly_files(archive: &Path) -> bool {
    let mut left = PEEK;
    File::open(archive).is_ok_and(|file| names_weekly(file, Limits::default().depth, &mut left))
}

fn names_weekly(file: File, depth: u32, left: &mut u64) -> bool {
    let Some(mut zip) = opened(file) else { return false };
    if names(&zip).any(|name| weekly_name(Path::new(&name)).is_some()) {
        return true;
    }
    depth > 0
        && (0..zip.len())
            .any(|index| inner(&mut zip, index, left).is_some_and(|file| names_weekly(file, depth - 1, left)))
}

/// An entry that is an archive itself, unpacked into a file without a name. None where it is no archive or more than `left`.
fn inner(zip: &mut Zip, index: usize, left: &mut u64) -> Option<File> {
    let entry = zip.by_index(index).ok()?;
    let name = entry.name().ok()?.to_lowercase();
    if !name.ends_with(".zip") || entry.size() > *left {
        return None;
    }
    let mut file = tempfile::tempfile().ok()?;
    let copied = std::io::copy(&mut entry.take(*left), &mut file).ok()?;
    *left -= copied;
    Some(file)
}

/// Moves the weekly files among `unpacked` from `scratch` into `folder`; on a dry run, without `scratch`, only checks. Gives their names.
///
/// # Errors
/// [`Error::BadFile`] where there is none, one stands twice, or the folder holds another version: nothing is moved then.
pub(crate) fn deposit(
    scratch: Option<&Path>,
    unpacked: &[PathBuf],
    folder: &Path,
    force: bool,
) -> Result<Vec<PathBuf>> {
    let mut chosen: HashMap<&'static str, &Path> = HashMap::new();
    for place in unpacked {
        let Some(name) = weekly_name(place) else { continue };
        if let Some(twin) = chosen.insert(name, place) {
            let (one, other) = (twin.display(), place.display());
            return Err(Error::BadFile(format!("refusée : {name} y figure deux fois ({one}, {other})")));
        }
    }
    if chosen.is_empty() {
        return Err(Error::BadFile("aucun fichier de la livraison hebdomadaire dans cette archive".into()));
    }
    let here = if folder.is_dir() { load::find_files(folder)? } else { HashMap::new() };
    let mut names: Vec<&'static str> = chosen.keys().copied().collect();
    names.sort_unstable();
    for name in &names {
        for (path, _) in here.get(*name).into_iter().flatten() {
            let own = *path == folder.join(name);
            // Without the content, on a dry run, only the place can be judged.
            let same = match scratch {
                Some(scratch) if own => hash::blake3(path)? == hash::blake3(&scratch.join(chosen[name]))?,
                Some(_) => false,
                None => own,
            };
            if !(same || own && force) {
                return Err(Error::BadFile(format!(
                    "refusée : {} est déjà là, dans une autre version ; archivez-le (`archive-csv`), enlevez-le, ou --force",
                    path.display()
                )));
            }
        }
    }
    let Some(scratch) = scratch else { return Ok(names.into_iter().map(PathBuf::from).collect()) };
    fs::create_dir_all(folder).map_err(Error::io("création du dossier", folder))?;
    for name in &names {
        let target = folder.join(name);
        failpoint::hit("file.publish")?;
        fs::rename(scratch.join(chosen[name]), &target).map_err(Error::io("dépôt de", &target))?;
    }
    Ok(names.into_iter().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_is_known_by_its_name_and_by_what_the_download_makes_of_it() {
        for (name, expected) in [
            ("ftp_downloads/Duree_Sejour.CSV", Some("duree_sejour.csv")),
            ("duree_sejour_20250722-060000.csv", Some("duree_sejour.csv")),
            ("duree_sejour_fr.csv", Some("duree_sejour_fr.csv")),
            ("duree_sejour_fr_Livraison-S29-2.csv", Some("duree_sejour_fr.csv")),
            ("duree_sejours.csv", None),
            ("duree_sejour.csv.zip", None),
            ("duree_sejour_csv", None),
            ("Nuitee_2024B1_X.csv", None),
        ] {
            assert_eq!(plain_name(Path::new(name)), expected, "{name}");
        }
    }
}
