//! Files of the delivery's folder that the import does not take: each is told, with what to do. A delivery that is not recognised is no
//! absent delivery.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::catalogue;
use crate::error::Result;
use crate::extract;
use crate::files::{self, Entry};
use crate::load::raw;
use crate::report::{Code, Finding, bytes};

/// What a file that nobody expects is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Another name than the ten.
    Csv,
    /// `frequentation_nuitee (1).csv`: the second copy that a browser makes.
    Copy,
    /// A raw export, which has its own folder.
    Raw,
    /// An archive with weekly files.
    WeeklyArchive,
    /// Another archive: zip, gz, 7z or rar.
    Archive,
    /// A workbook, also under the name of a CSV.
    Workbook,
    /// A download that has not ended.
    Unfinished,
    /// A link, a pipe, a device: nothing that a transfer delivers.
    Special,
    Other,
}

/// A file of the folder that the import does not take.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stranger {
    /// Under the folder.
    pub(crate) file: String,
    pub(crate) kind: Kind,
    pub(crate) bytes: u64,
    #[serde(skip)]
    pub(crate) path: PathBuf,
}

/// Every file of the folder that is none of the ten, hidden ones and our own manifest aside; a weekly file that is a workbook too.
///
/// # Errors
/// [`crate::error::Error::Interrupted`].
pub(crate) fn strangers(folder: &Path) -> Result<Vec<Stranger>> {
    let weekly: Vec<&str> = catalogue::weekly().filter_map(|dataset| dataset.weekly_file).collect();
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut found = Vec::new();
    files::walk(folder, &|path| !hidden(path), &mut |entry| {
        let (path, size) = match entry {
            Entry::File(path, metadata) => (path, Some(metadata.len())),
            Entry::Other(path) => (path, None),
            _ => return Ok(()),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let expected = weekly.contains(&name.as_str());
        // What is no regular file is not opened: a pipe would keep us waiting.
        if hidden(&path) || name == "manifest.json" || (expected && (size.is_none() || !is_workbook(&path))) {
            return Ok(());
        }
        let kind = match size {
            None => Kind::Special,
            Some(_) if expected => Kind::Workbook,
            Some(_) => kind_of(&path, &name, &weekly),
        };
        let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        found.push(Stranger { file, kind, bytes: size.unwrap_or_default(), path });
        Ok(())
    })?;
    Ok(found)
}

fn kind_of(path: &Path, name: &str, weekly: &[&str]) -> Kind {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        _ if is_unfinished(path) => Kind::Unfinished,
        "xlsx" | "xls" | "xlsm" | "ods" => Kind::Workbook,
        "zip" if extract::holds_weekly_files(path) => Kind::WeeklyArchive,
        "zip" | "gz" | "7z" | "rar" => Kind::Archive,
        "csv" | "txt" | "tsv" if is_workbook(path) => Kind::Workbook,
        "csv" if is_copy(name, weekly) => Kind::Copy,
        "csv" if raw::recognise(name).is_ok() => Kind::Raw,
        "csv" | "txt" | "tsv" => Kind::Csv,
        _ => Kind::Other,
    }
}

/// Whether its name is one that programs give to what is still on its way.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["filepart", "part", "partial", "crdownload", "download", "tmp"].contains(&ending.as_str())
}

/// `name (1).csv`, `name - copie.csv`, `name_2.csv` of one of the ten, and not the longer name of another one.
fn is_copy(name: &str, weekly: &[&str]) -> bool {
    weekly.iter().any(|file| {
        let rest = name.strip_suffix(".csv").and_then(|stem| stem.strip_prefix(file.trim_end_matches(".csv")));
        rest.is_some_and(|rest| {
            rest.starts_with([' ', '(', '-']) || rest.trim_start_matches('_').parse::<u32>().is_ok()
        })
    })
}

/// Whether it begins as workbooks do, whatever it is called. An archive is told by its name.
fn is_workbook(path: &Path) -> bool {
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    crate::csv::is_workbook(&head[..read])
}

impl Stranger {
    /// What it is and what to do.
    pub(crate) fn finding(&self) -> Finding {
        let path = self.path.display();
        let (message, action) = match self.kind {
            Kind::Csv => (
                "CSV que personne n'attend : il n'est pas importé".to_owned(),
                "si c'est un des dix fichiers, rendez-lui son nom ; sinon enlevez-le".to_owned(),
            ),
            Kind::Copy => (
                "copie d'un fichier attendu : elle n'est pas importée".into(),
                "gardez la bonne version sous le nom attendu, enlevez l'autre".into(),
            ),
            Kind::Raw => (
                "export brut : `update-temp-tables` ne le lit pas".into(),
                "déplacez-le dans data/data_extracted/, puis `populate-facts-full-production`".into(),
            ),
            Kind::WeeklyArchive => (
                "archive qui contient des fichiers de la livraison hebdomadaire".into(),
                format!("lancez `extract-only --weekly '{path}'`, qui les décompresse ici et range l'archive"),
            ),
            Kind::Archive if extract::is_zip(&self.path) => (
                "archive : l'import ne lit pas dedans".into(),
                "déplacez-la dans ftp_downloads/ ; `extract-only` y prend les exports bruts".into(),
            ),
            Kind::Archive => (
                "archive : l'import ne lit pas dedans".into(),
                "décompressez-la (`gunzip`, `7z x`, `unrar x`), puis enlevez-la d'ici".into(),
            ),
            Kind::Workbook => (
                "classeur Excel ou LibreOffice, pas un CSV".into(),
                "ouvrez-le et enregistrez chaque feuille en « CSV UTF-8 », sous le nom attendu".into(),
            ),
            Kind::Unfinished => (
                "téléchargement inachevé".into(),
                "attendez sa fin ; ne le renommez pas : ce qui manque serait pris pour retiré".into(),
            ),
            Kind::Special => (
                "lien, tube ou périphérique, pas un fichier : il n'est pas importé".into(),
                "mettez le fichier lui-même à sa place, sous le nom attendu, ou enlevez-le".into(),
            ),
            Kind::Other => (
                "fichier d'un genre inconnu : il n'est pas importé".into(),
                "enlevez-le s'il n'a rien à faire ici".into(),
            ),
        };
        let size = if self.kind == Kind::Special { String::new() } else { format!(" ({})", bytes(self.bytes)) };
        Finding::attention(Code::FileUnexpected, &self.file, format!("{message}{size}")).action(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_and_a_socket_are_told_and_the_link_of_an_expected_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("notes.md"), "x").unwrap();
        for name in ["semaine 28.csv", "duree_sejour.csv", ".cache"] {
            std::os::unix::fs::symlink(at("notes.md"), at(name)).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(at("prise.csv")).unwrap();
        let found = strangers(folder.path()).unwrap();
        let told: Vec<_> = found.iter().map(|stranger| (stranger.file.as_str(), stranger.kind)).collect();
        assert_eq!(told, [("notes.md", Kind::Other), ("prise.csv", Kind::Special), ("semaine 28.csv", Kind::Special)]);
    }

    #[test]
    fn second_copies_are_told_from_other_files() {
        let weekly = ["frequentation_nuitee.csv", "frequentation_nuitee_fr.csv"];
        for name in [
            "frequentation_nuitee (1).csv",
            "frequentation_nuitee - copie.csv",
            "frequentation_nuitee_2.csv",
            "frequentation_nuitee_fr(2).csv",
        ] {
            assert!(is_copy(name, &weekly), "{name}");
        }
        for name in
            ["frequentation_nuitee_be.csv", "frequentation_nuitees.csv", "notes.csv", "frequentation_nuitee.csv"]
        {
            assert!(!is_copy(name, &weekly), "{name}");
        }
    }
}
