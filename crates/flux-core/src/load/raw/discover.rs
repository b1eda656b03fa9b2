//! Which files of a folder are raw exports, by their names alone; the others are listed with the reason.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::catalogue::{DATASETS, Dataset};
use crate::error::{Error, Result};
use crate::files::{self, Entry};

/// A delivery: `2024B1`. A later one replaces an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Delivery {
    pub(crate) year: u16,
    /// Number within the year.
    pub(crate) number: u16,
}

impl Delivery {
    /// One number that sorts like the deliveries, for the database.
    pub(crate) fn rank(self) -> u32 {
        u32::from(self.year) * 10_000 + u32::from(self.number)
    }

    /// The delivery of a [`Delivery::rank`].
    pub(crate) fn from_rank(rank: u32) -> Self {
        Self { year: (rank / 10_000) as u16, number: (rank % 10_000) as u16 }
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}B{}", self.year, self.number)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct RawFile {
    pub(crate) dataset: &'static Dataset,
    pub(crate) delivery: Delivery,
    pub(crate) path: PathBuf,
    /// Under the searched folder, with `/`.
    pub(crate) place: String,
    pub(crate) size: u64,
    /// Whether another file has its table, delivery and size, and so may be a copy of it.
    pub(crate) may_be_copy: bool,
}

/// Reasons that leave open what was passed over.
const UNREADABLE: &str = "dossier illisible";

/// A file that is passed over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Ignored {
    /// Under the searched folder.
    pub(crate) file: String,
    pub(crate) reason: &'static str,
}

impl Ignored {
    /// Whether nobody knows what it is: it may hold exports.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.reason == UNREADABLE
    }
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Raw exports, by place.
    pub(crate) files: Vec<RawFile>,
    /// The others, by place.
    pub(crate) ignored: Vec<Ignored>,
}

/// Family and delivery of a raw export by its name.
///
/// # Errors
/// Why the file is passed over.
pub(crate) fn recognise(name: &str) -> Result<(&'static Dataset, Delivery), &'static str> {
    let lower = name.trim().to_lowercase();
    let Some(stem) = lower.strip_suffix(".csv") else { return Err("n'est pas un CSV") };
    let parts: Vec<&str> = stem.split('_').map(str::trim).collect();
    let holds = |part: &str| parts.contains(&part);
    if lower.contains("semaine") {
        return Err("sommes hebdomadaires (Semaine)");
    }
    if holds("regions") {
        return Err("ventilation par région (Regions)");
    }
    if holds("age") {
        return Err("ventilation par âge (Age)");
    }
    if holds("geolife") {
        return Err("ventilation Geolife");
    }
    let Some(at) = parts.iter().position(|part| delivery(part).is_some()) else {
        return Err("nom sans livraison (attendu : famille_AAAABn_….csv)");
    };
    let family = parts[..at].join("_");
    let dataset = DATASETS.iter().find(|dataset| dataset.family.to_lowercase() == family);
    match (dataset, delivery(parts[at])) {
        (Some(dataset), Some(delivery)) => Ok((dataset, delivery)),
        _ => Err("famille qui n'est pas chargée"),
    }
}

fn delivery(text: &str) -> Option<Delivery> {
    let (year, number) = text.split_once('b')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || number.len() > 4 || !digits(year) || !digits(number) {
        return None;
    }
    Some(Delivery { year: year.parse().ok()?, number: number.parse().ok()? })
}

/// Looks through a folder and its subfolders. What begins with a dot is no delivery; folders behind links are not entered.
///
/// # Errors
/// [`Error::Io`] when the folder itself cannot be read; a subfolder that cannot is listed.
pub(crate) fn search(folder: &Path) -> Result<Found> {
    let mut found = Found::default();
    // The walk takes a folder that is not there for an empty one.
    fs::metadata(folder).map_err(Error::io("lecture du dossier des exports", folder))?;
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_hidden = |path: &Path| name_of(path).starts_with('.');
    let enter = |path: &Path| !is_hidden(path) && recognise(&name_of(path)).is_err();
    files::walk(folder, &enter, &mut |entry| {
        let (path, unreadable) = match entry {
            Entry::Unreadable(path, error) if path == folder => {
                return Err(Error::io("lecture du dossier des exports", folder)(error));
            }
            Entry::Unreadable(path, _) => (path, true),
            Entry::File(path, _) | Entry::Other(path) | Entry::Closed(path) => (path, false),
            Entry::Folder(..) => return Ok(()),
        };
        if is_hidden(&path) {
            return Ok(());
        }
        let place = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        match recognise(&name_of(&path)) {
            _ if unreadable => found.ignored.push(Ignored { file: place, reason: UNREADABLE }),
            Err(_) if path.is_dir() => {
                found.ignored.push(Ignored { file: place, reason: "lien vers un dossier" });
            }
            Ok((dataset, delivery)) => {
                let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                found.files.push(RawFile { dataset, delivery, path, place, size, may_be_copy: false });
            }
            Err(reason) => found.ignored.push(Ignored { file: place, reason }),
        }
        Ok(())
    })?;
    found.files.sort_by(|a, b| a.place.cmp(&b.place));
    let mut sizes: HashMap<(&str, Delivery, u64), u32> = HashMap::new();
    for file in &found.files {
        *sizes.entry((file.dataset.main, file.delivery, file.size)).or_default() += 1;
    }
    for file in &mut found.files {
        file.may_be_copy = sizes.get(&(file.dataset.main, file.delivery, file.size)).is_some_and(|count| *count > 1);
    }
    found.ignored.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_specification() {
        for (name, main, delivery) in [
            ("Nuitee_Departement_2024B1_CABA0.csv", "fact_nuitees_departements", "2024B1"),
            ("Nuitee_2024B1_CABA0.csv", "fact_nuitees", "2024B1"),
            ("LieuNuitee_Soir_Departement_2023B12_Pays_de_Mauriac.CSV", "fact_lieu_nuitee_soir_departement", "2023B12"),
            (" Diurne _2024B1_Val Truyère (1).csv ", "fact_diurnes", "2024B1"),
            ("sejourduree_pays_2022b2.csv", "fact_sejours_duree_pays", "2022B2"),
        ] {
            let (dataset, found) = recognise(name).unwrap();
            assert_eq!((dataset.main, found.to_string().as_str()), (main, delivery), "{name}");
            assert_eq!(Delivery::from_rank(found.rank()), found);
        }
    }

    #[test]
    fn every_other_family_is_passed_over() {
        for name in [
            "Nuitee_Semaine_2024B1_CABA0.csv",
            "NuiteeSemaine_2024B1_CABA0.csv",
            "Diurne_Regions_2024B1_CABA0.csv",
            "Nuitee_Age_2024B1_CABA0.csv",
            "Diurne_Geolife_2024B1_CABA0.csv",
            "Recurrence_2024B1_CABA0.csv",
            "Arrivee_Pays_2024B1_CABA0.csv",
            "DureePresence_2024B1_CABA0.csv",
            "LieuActivite_2024B1_CABA0.csv",
            "Nuitee_CABA0.csv",
            "Nuitee_2024_CABA0.csv",
            "Nuitee_2024B1_CABA0.csv.bak",
            "frequentation_nuitee.csv",
            "manifest.json",
        ] {
            assert!(recognise(name).is_err(), "{name}");
        }
        // The zone's part of the name may hold anything but these words.
        assert!(recognise("Nuitee_2024B1_Village.csv").is_ok());
    }
}
