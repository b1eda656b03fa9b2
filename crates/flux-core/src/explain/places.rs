//! Where deliveries lie: the folder of the week, the raw exports, the archive.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::catalogue::Dataset;
use crate::error::Result;
use crate::files::{self, Entry};
use crate::load;
use crate::load::raw;
use crate::settings::Settings;

/// A file that may hold the key.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// A raw export, not a weekly file.
    pub(crate) raw: bool,
    pub(crate) archived: bool,
    /// Hash of the delivery, where the archive's manifest tells it.
    pub(crate) hash: Option<String>,
}

/// What is needed of a line of an archive's manifest.
#[derive(Debug, Deserialize)]
struct Listed {
    file: String,
    blake3: String,
}

/// Files of a dataset, and folders that could not be looked into.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) files: Vec<Place>,
    pub(crate) unreadable: Vec<PathBuf>,
}

impl Places {
    pub(crate) fn find(settings: &Settings, dataset: &Dataset) -> Result<Self> {
        let mut places = Self::default();
        if let Some(name) = dataset.weekly_file {
            let folder = settings.home.deliveries();
            let found = if folder.is_dir() { load::find_files(&folder)? } else { HashMap::new() };
            for (path, _) in found.get(name).into_iter().flatten() {
                places.files.push(Place { path: path.clone(), raw: false, archived: false, hash: None });
            }
            places.archive(&settings.home.root.join("data/archive"), name)?;
        }
        let folder = settings.home.extracted();
        if folder.is_dir() {
            for file in raw::search(&folder)?.files.into_iter().filter(|file| file.dataset.main == dataset.main) {
                places.files.push(Place { path: file.path, raw: true, archived: false, hash: None });
            }
        }
        Ok(places)
    }

    fn archive(&mut self, root: &Path, weekly: &str) -> Result<()> {
        let stem = weekly.trim_end_matches(".csv");
        let mut manifests: HashMap<PathBuf, HashMap<String, String>> = HashMap::new();
        files::walk(root, &|_| true, &mut |entry| {
            match entry {
                Entry::File(path, _) if is_archive_of(&path, stem) => {
                    let folder = path.parent().unwrap_or(root).to_path_buf();
                    let hashes = manifests.entry(folder.clone()).or_insert_with(|| manifest(&folder));
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let hash = hashes.get(&name).cloned();
                    self.files.push(Place { path, raw: false, archived: true, hash });
                }
                Entry::Unreadable(path, error) => {
                    log::warn!("{} : {error}", path.display());
                    self.unreadable.push(path);
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// `frequentation_nuitee.csv.gz`, `frequentation_nuitee-2.csv.gz`, also as they were before they were compressed.
fn is_archive_of(path: &Path, stem: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let Some(rest) = name.strip_suffix(".csv").and_then(|name| name.strip_prefix(stem)) else { return false };
    let number = rest.strip_prefix('-').unwrap_or(rest);
    rest.is_empty() || (number != rest && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The weekly file or raw family that a file is of, by its name, and whether it is raw.
pub(crate) fn dataset_of(path: &Path) -> Option<(&'static Dataset, bool)> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let weekly = crate::domain::catalogue::weekly()
        .find(|dataset| dataset.weekly_file.is_some_and(|file| is_archive_of(path, file.trim_end_matches(".csv"))));
    weekly.map(|dataset| (dataset, false)).or_else(|| Some((raw::recognise(plain).ok()?.0, true)))
}

/// Hashes by name; nothing where there is no manifest that can be read: the files themselves are then read.
fn manifest(folder: &Path) -> HashMap<String, String> {
    let text = fs::read(folder.join("manifest.json")).unwrap_or_default();
    let listed: Vec<Listed> = serde_json::from_slice(&text).unwrap_or_default();
    listed.into_iter().map(|one| (one.file, one.blake3)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_names() {
        let is = |name: &str| is_archive_of(Path::new(name), "frequentation_nuitee");
        assert!(
            is("frequentation_nuitee.csv.gz")
                && is("a/Frequentation_Nuitee-12.CSV.gz")
                && is("frequentation_nuitee.csv")
        );
        assert!(
            !is("frequentation_nuitee_fr.csv.gz")
                && !is("frequentation_nuitee-x.csv.gz")
                && !is("frequentation_nuitee-.csv.gz")
        );
        let of = |name: &str| dataset_of(Path::new(name)).map(|(dataset, raw)| (dataset.main, raw));
        assert_eq!(of("x/duree_sejour_fr-2.csv.gz"), Some(("fact_sejours_duree_departements", false)));
        assert_eq!(of("Nuitee_Pays_2024B1_X.csv"), Some(("fact_nuitees_pays", true)));
        assert_eq!(of("notes.csv"), None);
    }
}
