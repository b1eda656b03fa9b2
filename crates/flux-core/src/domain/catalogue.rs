//! The catalogue: what the weekly files, the raw families and the fact and dimension tables *are*.
//!
//! Everything else (DDL, import, migration SQL, verification, cleanup, sample data) derives from these tables of
//! constants. A new family is one entry in [`DATASETS`]. Source: `domain.md` and `schema.md` of the specification.

use std::fmt;
use std::str::FromStr;

/// A dimension that fact rows refer to by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// Zone of observation, for which visitors are counted.
    Zone,
    /// Provenance of the visitors (local, non local, abroad).
    Provenance,
    /// Visitor category: tourist, resident, excursionist, ….
    Categorie,
    /// French département of residence (or of the place visited, for `Lieu*`).
    Departement,
    /// Country of residence, of visitors from abroad.
    Pays,
    /// Length of stay, by classes of nights.
    Duree,
    /// Intercommunal body of the place.
    Epci,
    /// Commune of the place.
    Commune,
}

/// The table and the columns of one dimension.
#[derive(Debug)]
pub(crate) struct DimSpec {
    /// Which dimension this is.
    pub(crate) dim: Dim,
    /// Singular, as messages say it.
    pub(crate) label: &'static str,
    pub(crate) table: &'static str,
    /// Primary key, also the name of the column in the fact tables.
    pub(crate) id: &'static str,
    /// Column that holds the name.
    pub(crate) name: &'static str,
    /// Plural used in options (`--create-missing zones,pays`) and messages.
    pub(crate) plural: &'static str,
    /// Columns that may hold the name in a CSV; the first present and filled one counts.
    pub(crate) csv: &'static [&'static str],
    /// DDL of the columns after id and name.
    pub(crate) extra: &'static [(&'static str, &'static str)],
    /// Type of the name column.
    pub(crate) name_type: &'static str,
    /// Whether a fact may hold 0, "not known", instead of a row of this dimension.
    pub(crate) optional: bool,
}

macro_rules! dim {
    ($dim:ident, $label:literal, $table:literal, $id:literal, $name:literal, $plural:literal, $csv:expr) => {
        DimSpec {
            dim: Dim::$dim,
            label: $label,
            table: $table,
            id: $id,
            name: $name,
            plural: $plural,
            csv: &$csv,
            extra: &[],
            name_type: "VARCHAR(255) NOT NULL",
            optional: false,
        }
    };
}

/// All dimensions, in the order of [`Dim`].
pub(crate) const DIMS: &[DimSpec] = &[
    dim!(Zone, "zone", "dim_zones_observation", "id_zone", "nom_zone", "zones", ["ZoneObservation"]),
    dim!(Provenance, "provenance", "dim_provenances", "id_provenance", "nom_provenance", "provenances", ["Provenance"]),
    dim!(
        Categorie,
        "catégorie",
        "dim_categories_visiteur",
        "id_categorie",
        "nom_categorie",
        "categories",
        ["CategorieVisiteur"]
    ),
    DimSpec {
        extra: &[("nom_region", "VARCHAR(255) NULL"), ("nom_nouvelle_region", "VARCHAR(255) NULL")],
        ..dim!(
            Departement,
            "département",
            "dim_departements",
            "id_departement",
            "nom_departement",
            "departements",
            [
                "NomDepartement",
                "DeptZoneDiurneSoir",
                "DeptZoneNuiteeSoir",
                "DeptZoneDiurneVeille",
                "DeptZoneNuiteeVeille",
                "Departement",
            ]
        )
    },
    dim!(Pays, "pays", "dim_pays", "id_pays", "nom_pays", "pays", ["Pays"]),
    DimSpec {
        extra: &[("nb_nuits", "INT NOT NULL"), ("ordre", "INT NULL")],
        name_type: "VARCHAR(50) NOT NULL",
        ..dim!(Duree, "durée de séjour", "dim_durees_sejour", "id_duree", "libelle", "durees", ["DureeSejour"])
    },
    DimSpec {
        optional: true,
        ..dim!(
            Epci,
            "EPCI",
            "dim_epci",
            "id_epci",
            "nom_epci",
            "epci",
            [
                "EPCIZoneNuiteeSoir",
                "EPCIZoneDiurneSoir",
                "EPCIZoneNuiteeVeille",
                "EPCIZoneDiurneVeille",
                "EPCI",
                "NomEPCI",
            ]
        )
    },
    DimSpec {
        extra: &[("code_insee", "VARCHAR(10) NULL"), ("id_departement", "INT NULL"), ("id_epci", "INT NULL")],
        optional: true,
        ..dim!(
            Commune,
            "commune",
            "dim_communes",
            "id_commune",
            "nom_commune",
            "communes",
            [
                "ZoneMobilite",
                "ZoneNuiteeSoir",
                "ZoneDiurneSoir",
                "ZoneNuiteeVeille",
                "ZoneDiurneVeille",
                "Zone",
                "Commune",
                "NomCommune",
            ]
        )
    },
];

/// Columns of the raw exports that may hold the INSEE code of the place; the first present and filled one counts.
pub(crate) const INSEE_COLUMNS: &[&str] = &[
    "CodeInseeNuiteeSoir",
    "CodeInseeDiurneSoir",
    "CodeInseeNuiteeVeille",
    "CodeInseeDiurneVeille",
    "CodeInsee",
    "CodeINSEE",
];

/// The columns that may tell the place: INSEE code, commune or EPCI. A raw export of places has one of them at least.
pub(crate) const PLACE_COLUMNS: &[&str] = &[
    "CodeInseeNuiteeSoir",
    "CodeInseeDiurneSoir",
    "CodeInseeNuiteeVeille",
    "CodeInseeDiurneVeille",
    "CodeInsee",
    "CodeINSEE",
    "ZoneNuiteeSoir",
    "ZoneDiurneSoir",
    "ZoneNuiteeVeille",
    "ZoneDiurneVeille",
    "Zone",
    "Commune",
    "NomCommune",
    "EPCIZoneNuiteeSoir",
    "EPCIZoneDiurneSoir",
    "EPCIZoneNuiteeVeille",
    "EPCIZoneDiurneVeille",
    "EPCI",
    "NomEPCI",
];

/// The dimensions that every fact row has.
pub(crate) const BASE: [Dim; 3] = [Dim::Zone, Dim::Provenance, Dim::Categorie];

impl Dim {
    /// The table and columns of this dimension.
    pub(crate) fn spec(self) -> &'static DimSpec {
        &DIMS[self as usize]
    }
}

impl Dim {
    /// The dimension that a column of a fact table refers to.
    pub(crate) fn of_id(column: &str) -> Option<Self> {
        DIMS.iter().find(|spec| spec.id == column).map(|spec| spec.dim)
    }
}

/// By its plural (`departements`, `pays`, …) or its table; the error names those that there are.
impl FromStr for Dim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.trim().to_lowercase();
        let found = DIMS.iter().find(|spec| spec.plural == wanted || spec.table == wanted);
        found.map(|spec| spec.dim).ok_or_else(|| {
            let names: Vec<&str> = DIMS.iter().map(|spec| spec.plural).collect();
            format!("dimensions possibles : {}", names.join(", "))
        })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().label)
    }
}

/// What kind of fact a dataset holds; selects the `ensure-schema` preset and the few columns that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nights and days (`fact_nuitees*`, `fact_diurnes*`).
    Frequentation,
    /// Stays by their length (`fact_sejours_duree*`).
    Sejour,
    /// Places visited; these tables also hold `jour_semaine`.
    Lieu,
}

/// One family of data: its raw export, its weekly file where there is one, its tables, its breakdown.
#[derive(Debug)]
pub struct Dataset {
    /// Name of the raw family, as in `Nuitee_Departement_2024B1_….csv`.
    pub family: &'static str,
    /// File of the weekly delivery, where the family is part of it.
    pub weekly_file: Option<&'static str>,
    /// Main table, without the suffix of a space: `fact_nuitees`.
    pub main: &'static str,
    /// Breakdown dimensions after the base ones, in the order of the natural key.
    pub breakdown: &'static [Dim],
    /// What its rows count.
    pub kind: Kind,
}

use Dim::{Commune, Departement, Duree, Epci, Pays};
use Kind::{Frequentation, Lieu, Sejour};

const fn dataset(
    family: &'static str,
    weekly_file: Option<&'static str>,
    main: &'static str,
    breakdown: &'static [Dim],
    kind: Kind,
) -> Dataset {
    Dataset { family, weekly_file, main, breakdown, kind }
}

/// The families; those that have a weekly file come in the order of the delivery.
#[rustfmt::skip]
pub const DATASETS: &[Dataset] = &[
    dataset("Nuitee",                          Some("frequentation_nuitee.csv"),      "fact_nuitees",                       &[],                     Frequentation),
    dataset("Nuitee_Departement",              Some("frequentation_nuitee_fr.csv"),   "fact_nuitees_departements",          &[Departement],          Frequentation),
    dataset("Nuitee_Pays",                     Some("frequentation_nuitee_int.csv"),  "fact_nuitees_pays",                  &[Pays],                 Frequentation),
    dataset("Diurne",                          Some("frequentation_journee.csv"),     "fact_diurnes",                       &[],                     Frequentation),
    dataset("Diurne_Departement",              Some("frequentation_journee_fr.csv"),  "fact_diurnes_departements",          &[Departement],          Frequentation),
    dataset("Diurne_Pays",                     Some("frequentation_journee_int.csv"), "fact_diurnes_pays",                  &[Pays],                 Frequentation),
    dataset("LieuActivite_Soir",               Some("export_mobilite.csv"),           "fact_lieu_activite_soir",            &[Epci, Commune],        Lieu),
    dataset("SejourDuree",                     Some("duree_sejour.csv"),              "fact_sejours_duree",                 &[Duree],                Sejour),
    dataset("SejourDuree_Departement",         Some("duree_sejour_fr.csv"),           "fact_sejours_duree_departements",    &[Departement, Duree],   Sejour),
    dataset("SejourDuree_Pays",                Some("duree_sejour_int.csv"),          "fact_sejours_duree_pays",            &[Pays, Duree],          Sejour),
    dataset("LieuActivite_Soir_Departement",   None, "fact_lieu_activite_soir_departement",   &[Departement, Epci, Commune], Lieu),
    dataset("LieuActivite_Soir_Pays",          None, "fact_lieu_activite_soir_pays",          &[Pays, Epci, Commune],        Lieu),
    dataset("LieuActivite_Veille",             None, "fact_lieu_activite_veille",             &[Epci, Commune],              Lieu),
    dataset("LieuActivite_Veille_Departement", None, "fact_lieu_activite_veille_departement", &[Departement, Epci, Commune], Lieu),
    dataset("LieuActivite_Veille_Pays",        None, "fact_lieu_activite_veille_pays",        &[Pays, Epci, Commune],        Lieu),
    dataset("LieuNuitee_Soir",                 None, "fact_lieu_nuitee_soir",                 &[Epci, Commune],              Lieu),
    dataset("LieuNuitee_Soir_Departement",     None, "fact_lieu_nuitee_soir_departement",     &[Departement, Epci, Commune], Lieu),
    dataset("LieuNuitee_Soir_Pays",            None, "fact_lieu_nuitee_soir_pays",            &[Pays, Epci, Commune],        Lieu),
    dataset("LieuNuitee_Veille",               None, "fact_lieu_nuitee_veille",               &[Epci, Commune],              Lieu),
    dataset("LieuNuitee_Veille_Departement",   None, "fact_lieu_nuitee_veille_departement",   &[Departement, Epci, Commune], Lieu),
    dataset("LieuNuitee_Veille_Pays",          None, "fact_lieu_nuitee_veille_pays",          &[Pays, Epci, Commune],        Lieu),
];

/// Which set of tables a tool works on: the operators' own, or the `_test` ones beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Space {
    /// The tables of everyday work: `fact_nuitees`, `fact_nuitees_temp`.
    #[default]
    Production,
    /// The tables for trials: `fact_nuitees_test`, `fact_nuitees_temp_test`.
    Test,
}

impl Space {
    fn suffix(self) -> &'static str {
        match self {
            Space::Production => "",
            Space::Test => "_test",
        }
    }
}

impl Dataset {
    /// Name of the main table in `space`.
    pub(crate) fn main_table(&self, space: Space) -> String {
        format!("{}{}", self.main, space.suffix())
    }

    /// Name of the temporary table in `space`; meaningful for weekly datasets only.
    pub(crate) fn temp_table(&self, space: Space) -> String {
        format!("{}_temp{}", self.main, space.suffix())
    }

    /// Dimensions of the natural key after the date, in order.
    pub fn dims(&self) -> impl Iterator<Item = Dim> + Clone + use<> {
        BASE.into_iter().chain(self.breakdown.iter().copied())
    }

    /// Columns of the natural key, in order: `date`, `id_zone`, ….
    pub(crate) fn key(&self) -> Vec<&'static str> {
        std::iter::once("date").chain(self.dims().map(|dim| dim.spec().id)).collect()
    }

    /// Columns that a stored row fills, in the order of the table: key, `jour_semaine` for places, `volume`.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let mut columns = self.key();
        if self.has_weekday() {
            columns.push("jour_semaine");
        }
        columns.push("volume");
        columns
    }

    /// Whether the tables hold the French weekday beside the key.
    pub(crate) fn has_weekday(&self) -> bool {
        self.kind == Lieu
    }

    /// Name of the weekly file without its extension, or of the family where there is none.
    pub fn short_name(&self) -> &'static str {
        self.weekly_file.map_or(self.family, |file| file.trim_end_matches(".csv"))
    }
}

/// The weekly dataset of that file (with or without `.csv`) or of that table, main, temporary or for tests, without regard to case.
pub fn weekly_named(text: &str) -> Option<&'static Dataset> {
    let name = text.trim().to_lowercase();
    let name = name.strip_suffix(".csv").unwrap_or(&name);
    let name = name.strip_suffix("_test").unwrap_or(name);
    let name = name.strip_suffix("_temp").unwrap_or(name);
    weekly().find(|dataset| dataset.short_name() == name || dataset.main == name)
}

/// The ten datasets of the weekly delivery, in its order.
pub fn weekly() -> impl Iterator<Item = &'static Dataset> {
    DATASETS.iter().filter(|dataset| dataset.weekly_file.is_some())
}

/// The fact tables of a space, the main ones first.
pub(crate) fn tables_of(space: Space) -> impl Iterator<Item = (String, &'static Dataset)> {
    let mains = DATASETS.iter().map(move |dataset| (dataset.main_table(space), dataset));
    mains.chain(weekly().map(move |dataset| (dataset.temp_table(space), dataset)))
}

/// Every fact table of the catalogue, test tables included: the dimension is shared.
pub(crate) fn fact_tables() -> impl Iterator<Item = (String, &'static Dataset)> {
    [Space::Production, Space::Test].into_iter().flat_map(tables_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn dims_stand_in_the_order_of_the_enum() {
        for (index, spec) in DIMS.iter().enumerate() {
            assert_eq!(spec.dim as usize, index, "{}", spec.table);
        }
    }

    #[test]
    fn there_are_21_families_ten_of_them_weekly_and_no_name_stands_twice() {
        assert_eq!(DATASETS.len(), 21);
        assert_eq!(weekly().count(), 10);
        let names: HashSet<_> = DATASETS.iter().flat_map(|d| [d.family, d.main]).collect();
        assert_eq!(names.len(), 42);
    }

    #[test]
    fn the_key_of_stays_by_country_is_the_one_of_the_schema() {
        let dataset = DATASETS.iter().find(|d| d.main == "fact_sejours_duree_pays").unwrap();
        let key = ["date", "id_zone", "id_provenance", "id_categorie", "id_pays", "id_duree"];
        assert_eq!(dataset.key(), key);
        assert_eq!(dataset.temp_table(Space::Test), "fact_sejours_duree_pays_temp_test");
    }
}
