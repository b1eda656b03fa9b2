//! Raw exports for tests of the ETL.

use flux_test::Outcome;
use serde_json::Value;

use crate::weekly::{Sane, World, text};

/// Columns before the breakdowns.
pub const CALENDAR: &str =
    "Date;VacancesA;VacancesB;VacancesC;Ferie;JourDeLaSemaine;ZoneObservation;Provenance;CategorieVisiteur;";

/// `Nuitee` and `Diurne`.
pub const PLAIN: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n";

/// The 21 families and their tables, from domain.md §2 and schema.md.
pub const FAMILIES: [(&str, &str); 21] = [
    ("Nuitee", "fact_nuitees"),
    ("Nuitee_Departement", "fact_nuitees_departements"),
    ("Nuitee_Pays", "fact_nuitees_pays"),
    ("Diurne", "fact_diurnes"),
    ("Diurne_Departement", "fact_diurnes_departements"),
    ("Diurne_Pays", "fact_diurnes_pays"),
    ("SejourDuree", "fact_sejours_duree"),
    ("SejourDuree_Departement", "fact_sejours_duree_departements"),
    ("SejourDuree_Pays", "fact_sejours_duree_pays"),
    ("LieuActivite_Soir", "fact_lieu_activite_soir"),
    ("LieuActivite_Soir_Departement", "fact_lieu_activite_soir_departement"),
    ("LieuActivite_Soir_Pays", "fact_lieu_activite_soir_pays"),
    ("LieuActivite_Veille", "fact_lieu_activite_veille"),
    ("LieuActivite_Veille_Departement", "fact_lieu_activite_veille_departement"),
    ("LieuActivite_Veille_Pays", "fact_lieu_activite_veille_pays"),
    ("LieuNuitee_Soir", "fact_lieu_nuitee_soir"),
    ("LieuNuitee_Soir_Departement", "fact_lieu_nuitee_soir_departement"),
    ("LieuNuitee_Soir_Pays", "fact_lieu_nuitee_soir_pays"),
    ("LieuNuitee_Veille", "fact_lieu_nuitee_veille"),
    ("LieuNuitee_Veille_Departement", "fact_lieu_nuitee_veille_departement"),
    ("LieuNuitee_Veille_Pays", "fact_lieu_nuitee_veille_pays"),
];

impl World {
    /// Writes a raw export from its header and its lines.
    pub fn raw(&self, place: &str, header: &str, lines: &[&str]) {
        self.raw_bytes(place, text(header, lines).as_bytes());
    }

    /// Writes a raw export as it stands.
    pub fn raw_bytes(&self, place: &str, bytes: &[u8]) {
        self.home.write(format!("data/data_extracted/{place}"), bytes);
    }

    /// Runs the ETL.
    #[track_caller]
    pub fn etl(&self, args: &[&str]) -> Outcome {
        let limit = std::time::Duration::from_secs(600);
        self.tool("populate-facts-full-production").arg("--json").args(args).limit(limit).run().sane()
    }

    /// `date zone provenance category is_provisional volume` of `fact_nuitees`.
    pub fn nuitees(&self) -> Vec<String> {
        self.db.column(
            "SELECT CONCAT_WS(' ', date, id_zone, id_provenance, id_categorie, is_provisional, volume) FROM fact_nuitees \
             ORDER BY date, id_zone, id_provenance, id_categorie",
        )
    }

    /// All facts of a table with names in place of ids, so that databases with other ids compare.
    pub fn facts_by_name(&self, table: &str) -> Vec<String> {
        let columns = self.db.column(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"
        ));
        let mut select = vec!["f.date".to_owned(), "f.volume".to_owned(), "f.is_provisional".to_owned()];
        let mut joins = String::new();
        for (id, dim, name) in [
            ("id_zone", "dim_zones_observation", "nom_zone"),
            ("id_provenance", "dim_provenances", "nom_provenance"),
            ("id_categorie", "dim_categories_visiteur", "nom_categorie"),
            ("id_departement", "dim_departements", "nom_departement"),
            ("id_pays", "dim_pays", "nom_pays"),
            ("id_duree", "dim_durees_sejour", "libelle"),
            ("id_epci", "dim_epci", "nom_epci"),
            ("id_commune", "dim_communes", "code_insee"),
        ] {
            if columns.iter().any(|column| column == id) {
                joins.push_str(&format!(" LEFT JOIN {dim} d_{id} ON d_{id}.{id} = f.{id}"));
                select.push(format!("COALESCE(d_{id}.{name}, '-')"));
            }
        }
        if columns.iter().any(|column| column == "jour_semaine") {
            select.push("f.jour_semaine".into());
        }
        let mut rows = self.db.column(&format!("SELECT CONCAT_WS('|', {}) FROM {table} f{joins}", select.join(", ")));
        rows.sort();
        rows
    }
}

/// Every file that history calls loaded is there to the last row, and no other row is.
#[track_caller]
pub fn whole_files_only(world: &World) {
    for (_, table) in FAMILIES {
        let told = world.db.scalar(&format!(
            "SELECT COALESCE(SUM(rows_stored), 0) FROM flux_import_history WHERE table_name = '{table}' AND status = 'loaded'"
        ));
        assert_eq!(told, world.db.count(table).to_string(), "{table}");
    }
}

/// `[lines_read, stored, deleted, duplicates, conflicts, rejected, filtered, not_positive, superseded]` of a file.
#[track_caller]
pub fn raw_counts(file: &Value) -> [u64; 9] {
    ["lines_read", "stored", "deleted", "duplicates", "conflicts", "rejected", "filtered", "not_positive", "superseded"]
        .map(|name| file[name].as_u64().unwrap_or_else(|| panic!("{name} in {file}")))
}
