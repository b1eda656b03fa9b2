//! The defects that a delivery can be given, and what each does to an import.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::{Layout, named};
use flux_core::domain::catalogue::{Dataset, Dim};

named! {
    /// Something wrong with a delivery. Names are those of `--defect`.
    Defect {
        /// A zone that no list knows.
        ZoneInconnue = "zone-inconnue",
        /// Zones of which every line bears a name that no list knows.
        ZonesRenommees = "zones-renommees",
        /// A commune name that several neighbouring départements share and the observatory's own has not.
        CommuneAmbigue = "commune-ambigue",
        /// `-12`
        VolumeNegatif = "volume-negatif",
        /// `12.5`
        VolumeDecimal = "volume-decimal",
        /// `beaucoup`
        VolumeTextuel = "volume-textuel",
        /// A whole number that no INT holds.
        VolumeEnorme = "volume-enorme",
        /// Nothing.
        VolumeVide = "volume-vide",
        /// `0`, which the raw families do not store.
        VolumeNul = "volume-nul",
        /// `1 234`, `1 234` with a no-break space, `1234.0`: the same whole number, to be stored.
        VolumesFormates = "volumes-formates",
        /// The same line again.
        LignesDoubles = "lignes-doubles",
        /// The same key again with another volume.
        LignesContradictoires = "lignes-contradictoires",
        /// A field too few, or one too many.
        LignesIrregulieres = "lignes-irregulieres",
        /// A quote that opens and never closes.
        GuillemetOuvert = "guillemet-ouvert",
        /// NUL bytes within a name.
        OctetsNuls = "octets-nuls",
        /// A line of 10 MB.
        LigneGeante = "ligne-geante",
        /// An accented letter as U+FFFD or `?`, an apostrophe missing: the name still resolves.
        AccentsAbimes = "accents-abimes",
        /// Lines in Windows-1252 within an UTF-8 file: the name still resolves.
        EncodagesMeles = "encodages-meles",
        /// 30 February.
        TrenteFevrier = "30-fevrier",
        /// 1 January of the year 1.
        AnUn = "an-0001",
        /// The last day holds a fifth of its lines.
        DateTronquee = "date-tronquee",
        /// No `Volume` column.
        ColonneManquante = "colonne-manquante",
        /// `Volume` twice.
        ColonneDouble = "colonne-double",
        /// No byte.
        FichierVide = "fichier-vide",
        /// The header alone.
        EnteteSeul = "entete-seul",
        /// Bytes that are no text.
        FichierBinaire = "fichier-binaire",
        /// A folder in place of the file.
        Dossier = "dossier",
        /// No file.
        FichierAbsent = "fichier-absent",
    }
}

/// What an import is expected to do about a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The line is stored all the same.
    Stored,
    /// The line counts as a duplicate.
    Duplicate,
    /// The line counts as a conflict, the first of its key being kept.
    Conflict,
    /// The line is rejected.
    Rejected,
    /// The line is read and, by rule, not stored.
    Zero,
    /// Lines that should be there are not.
    Missing,
    /// Nothing of the file can be loaded.
    Unusable,
}

/// How a defect comes into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A line more, which leaves the sound ones as they are.
    Added,
    /// A sound line written otherwise.
    Altered,
    /// The file as a whole.
    File,
}

impl Defect {
    /// What an import is expected to do about it.
    pub fn effect(self, layout: Layout) -> Effect {
        use Defect::*;
        match self {
            VolumesFormates | AccentsAbimes | EncodagesMeles => Effect::Stored,
            LignesDoubles => Effect::Duplicate,
            LignesContradictoires => Effect::Conflict,
            VolumeNul => Effect::Zero,
            VolumeNegatif if layout == Layout::Raw => Effect::Zero,
            DateTronquee | FichierAbsent => Effect::Missing,
            ColonneManquante | ColonneDouble | FichierVide | EnteteSeul | FichierBinaire | Dossier => Effect::Unusable,
            _ => Effect::Rejected,
        }
    }

    /// Whether a dataset can have it: the raw families create the names that they meet, and say 0 where there is nothing.
    pub(super) fn applies(self, layout: Layout, dataset: &Dataset) -> bool {
        match self {
            Defect::ZoneInconnue | Defect::ZonesRenommees => layout == Layout::Weekly,
            Defect::CommuneAmbigue => layout == Layout::Weekly && dataset.breakdown.contains(&Dim::Commune),
            Defect::VolumeNul => layout == Layout::Raw,
            _ => true,
        }
    }

    pub(super) fn place(self) -> Place {
        match self.effect(Layout::Weekly) {
            _ if self.is_of_rows() => Place::File,
            Effect::Stored => Place::Altered,
            Effect::Missing | Effect::Unusable => Place::File,
            Effect::Duplicate | Effect::Conflict | Effect::Rejected | Effect::Zero => Place::Added,
        }
    }

    /// Whether the rows of a file tell by themselves that they have it.
    pub(super) fn is_of_rows(self) -> bool {
        matches!(self, Defect::DateTronquee | Defect::ZonesRenommees)
    }

    /// The weekly file that takes a defect of the whole file where none is named: each its own, so that one delivery
    /// can hold several and leave others sound.
    pub(super) fn default_file(self) -> Option<&'static str> {
        use Defect::*;
        Some(match self {
            ColonneManquante => "duree_sejour.csv",
            ColonneDouble => "duree_sejour_fr.csv",
            FichierVide => "duree_sejour_int.csv",
            EnteteSeul => "frequentation_journee_int.csv",
            FichierBinaire => "frequentation_journee_fr.csv",
            Dossier => "frequentation_nuitee_int.csv",
            FichierAbsent => "frequentation_nuitee_fr.csv",
            LigneGeante => "frequentation_nuitee.csv",
            _ => return None,
        })
    }

    fn default_count(self) -> u64 {
        match self {
            Defect::LigneGeante | Defect::GuillemetOuvert => 1,
            Defect::ZonesRenommees => 2,
            _ if self.place() == Place::File => 1,
            _ => 3,
        }
    }
}

/// A defect as asked for: `NAME[:COUNT][@FILE]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which.
    pub defect: Defect,
    /// Lines per file, or zones; without meaning for a defect of the whole file.
    pub count: u64,
    /// File of the weekly delivery, or raw family, that alone gets it.
    pub file: Option<String>,
}

impl From<Defect> for Planned {
    fn from(defect: Defect) -> Self {
        Planned { defect, count: defect.default_count(), file: None }
    }
}

impl Planned {
    /// Whether the files of a dataset get the defect.
    pub(super) fn concerns(&self, dataset: &Dataset) -> bool {
        let bare = |name: &str| name.trim_end_matches(".csv").to_lowercase();
        let is = |wanted: &str| [dataset.family, dataset.short_name()].iter().any(|name| bare(name) == bare(wanted));
        self.file.as_deref().or(self.defect.default_file()).is_none_or(is)
    }
}

impl FromStr for Planned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, file) = match text.split_once('@') {
            Some((rest, file)) => (rest, Some(file.to_owned())),
            None => (text, None),
        };
        let (name, count) = match rest.split_once(':') {
            Some((name, count)) => {
                let count = count.parse().map_err(|_| format!("« {count} » n'est pas un nombre de lignes"))?;
                (name, Some(count))
            }
            None => (rest, None),
        };
        let defect: Defect = name.parse()?;
        Ok(Planned { defect, count: count.unwrap_or_else(|| defect.default_count()), file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concerns(planned: &Planned, family: &str) -> bool {
        planned
            .concerns(flux_core::domain::catalogue::DATASETS.iter().find(|dataset| dataset.family == family).unwrap())
    }

    #[test]
    fn a_defect_is_read_with_its_count_and_its_file() {
        let planned: Planned = "volume-negatif:20@Duree_Sejour.csv".parse().unwrap();
        assert_eq!((planned.defect, planned.count), (Defect::VolumeNegatif, 20));
        assert!(concerns(&planned, "SejourDuree") && !concerns(&planned, "SejourDuree_Pays"));
        assert_eq!("Volume_Negatif".parse::<Planned>().unwrap(), Defect::VolumeNegatif.into());
        assert!("volume-negatif:x".parse::<Planned>().unwrap_err().contains("nombre de lignes"));
        assert!("volume-positif".parse::<Planned>().unwrap_err().contains("volume-negatif"));
    }

    #[test]
    fn a_defect_of_lines_concerns_every_file_and_one_of_files_its_own() {
        assert!(concerns(&Defect::ZoneInconnue.into(), "LieuActivite_Soir"));
        let directory = Planned::from(Defect::Dossier);
        assert!(concerns(&directory, "Nuitee_Pays") && !concerns(&directory, "LieuActivite_Soir"));
    }
}
