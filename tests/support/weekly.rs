//! A home with a small database of its own, whose ids are known by heart, for tests of the weekly workflow.

use std::sync::OnceLock;

use flux_test::{Home, Outcome, Template, TestDb, Tool};
use serde_json::Value;

/// The base columns of the delivery, and those of each breakdown.
pub const BASE: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n";
pub const FR: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;Volume\n";
pub const INT: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Pays;Volume\n";
pub const MOBILITY: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;ZoneMobilite;Volume\n";
pub const STAY: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;DureeSejour;Volume\n";
pub const STAY_FR: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;DureeSejour;Volume\n";
pub const STAY_INT: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Pays;DureeSejour;Volume\n";

/// The ten files of the delivery with their temporary and main tables, from domain.md §1.
pub const FILES: [(&str, &str, &str); 10] = [
    ("frequentation_nuitee.csv", "fact_nuitees_temp", "fact_nuitees"),
    ("frequentation_nuitee_fr.csv", "fact_nuitees_departements_temp", "fact_nuitees_departements"),
    ("frequentation_nuitee_int.csv", "fact_nuitees_pays_temp", "fact_nuitees_pays"),
    ("frequentation_journee.csv", "fact_diurnes_temp", "fact_diurnes"),
    ("frequentation_journee_fr.csv", "fact_diurnes_departements_temp", "fact_diurnes_departements"),
    ("frequentation_journee_int.csv", "fact_diurnes_pays_temp", "fact_diurnes_pays"),
    ("export_mobilite.csv", "fact_lieu_activite_soir_temp", "fact_lieu_activite_soir"),
    ("duree_sejour.csv", "fact_sejours_duree_temp", "fact_sejours_duree"),
    ("duree_sejour_fr.csv", "fact_sejours_duree_departements_temp", "fact_sejours_duree_departements"),
    ("duree_sejour_int.csv", "fact_sejours_duree_pays_temp", "fact_sejours_duree_pays"),
];

/// Eight of the nine zones below, as the files of the delivery write them.
pub const ZONES: [&str; 8] =
    ["Cantal", "Pays d'Aurillac", "Haut Cantal", "Hautes Terres", "Lioran", "Val Truyère", "Pays Salers", "Carlades"];

/// Zones of a newer database; ids from 1 in this order. `dim_*` rows that the tests count on.
const DIMENSIONS: &str = "
INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CANTAL'), (2, 'PAYS D''AURILLAC'), (3, 'HAUT CANTAL'),
  (4, 'HAUTES TERRES'), (5, 'LIORAN'), (6, 'CHÂTAIGNERAIE'), (7, 'VAL TRUYÈRE'), (8, 'PAYS SALERS'), (9, 'CARLADES');
INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL'), (3, 'ETRANGER');
INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE'), (2, 'RESIDENT'),
  (3, 'HABITUELLEMENT PRESENT'), (4, 'EXCURSIONNISTE'), (5, 'EXCURSIONNISTE RECURRENT');
INSERT INTO dim_departements (id_departement, nom_departement) VALUES (1, 'CANTAL'), (2, 'PUY-DE-DÔME'), (3, 'AVEYRON'),
  (4, 'CÔTES-D''ARMOR'), (5, 'AUTRE 97'), (6, 'AUTRE 98'), (7, 'CHARENTE'), (8, 'LOIRE');
INSERT INTO dim_pays (id_pays, nom_pays) VALUES (1, 'ESPAGNE'), (2, 'ROYAUME-UNI'), (3, 'CORÉE, RÉPUBLIQUE DE'), (4, 'PAYS-BAS');
INSERT INTO dim_durees_sejour (id_duree, libelle, nb_nuits, ordre) VALUES (1, '1 NUIT', 1, 1), (2, '2 NUITS', 2, 2),
  (3, '3 NUITS', 3, 3), (4, '4 NUITS', 4, 4), (5, '5 NUITS', 5, 5), (6, '6 NUITS', 6, 6), (7, '7 NUITS', 7, 7), (8, '8 NUITS', 8, 8),
  (9, '9 NUITS', 9, 9), (10, '10 NUITS', 10, 10), (11, '11 NUITS', 11, 11), (12, '12 NUITS', 12, 12), (13, '13 NUITS ET PLUS', 13, 13);
INSERT INTO dim_epci (id_epci, nom_epci) VALUES (1, 'CA DU BASSIN D''AURILLAC'), (2, 'SAINT-FLOUR COMMUNAUTÉ');
INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement, id_epci) VALUES
  (1, 'AURILLAC', '15014', 1, 1), (2, 'SAINT-FLOUR', '15187', 1, 2), (3, 'SAINT-GEORGES', '15188', 1, 2),
  (4, 'SAINT-GEORGES', '16321', 7, NULL), (5, 'SAINT-AFFRIQUE', '12208', 3, NULL), (6, 'SAINT-AFFRIQUE', '16351', 7, NULL),
  (7, 'SAINT-PARGOIRE', '12998', 3, NULL), (8, 'SAINT-PARGOIRE', '63998', 2, NULL), (9, 'SAINTE-COLOMBE', '35294', NULL, NULL),
  (10, 'SAINTE-COLOMBE', '08390', NULL, NULL);
";

/// A database with tables and [`DIMENSIONS`], and a home for its tools.
pub struct World {
    pub home: Home,
    pub db: TestDb,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// With what an import needs: dimensions and temporary tables.
    pub fn new() -> Self {
        static MADE: OnceLock<Template> = OnceLock::new();
        Self::copied(MADE.get_or_init(|| Template::new(|db| prepare(db, &["dims", "temp"]), &[])))
    }

    /// With all tables.
    pub fn whole() -> Self {
        static MADE: OnceLock<Template> = OnceLock::new();
        Self::copied(MADE.get_or_init(|| Template::new(|db| prepare(db, &["all"]), &[])))
    }

    /// With all tables, in this database.
    pub fn on(db: TestDb) -> Self {
        prepare(&db, &["all"]);
        Self { home: Home::new(&db), db }
    }

    /// With all tables and the reference data instead of those rows.
    pub fn seeded() -> Self {
        static MADE: OnceLock<Template> = OnceLock::new();
        Self::copied(MADE.get_or_init(|| Template::new(seed, &[])))
    }

    /// The same, in this database.
    pub fn seeded_on(db: TestDb) -> Self {
        seed(&db);
        Self { home: Home::new(&db), db }
    }

    fn copied(template: &Template) -> Self {
        let db = template.copy();
        Self { home: Home::new(&db), db }
    }

    pub fn tool(&self, name: &str) -> Tool {
        self.home.tool(name)
    }

    /// Writes a file of the delivery from its header and its lines.
    pub fn csv(&self, name: &str, header: &str, lines: &[&str]) {
        self.home.write_csv(name, text(header, lines));
    }

    /// Writes `frequentation_nuitee.csv`.
    pub fn nights(&self, lines: &[&str]) {
        self.csv("frequentation_nuitee.csv", BASE, lines);
    }

    /// Writes the nine other files, a line of 7 July 2025 in each.
    pub fn others(&self) {
        for (name, header, cells) in [
            ("frequentation_nuitee_fr.csv", FR, "NonLocal;Touriste;Aveyron"),
            ("frequentation_nuitee_int.csv", INT, "Etranger;Touriste;Espagne"),
            ("frequentation_journee.csv", BASE, "Local;Excursionniste"),
            ("frequentation_journee_fr.csv", FR, "NonLocal;Excursionniste;Aveyron"),
            ("frequentation_journee_int.csv", INT, "Etranger;Excursionniste;Espagne"),
            ("export_mobilite.csv", MOBILITY, "NonLocal;Touriste;Aurillac"),
            ("duree_sejour.csv", STAY, "NonLocal;Touriste;2 nuits"),
            ("duree_sejour_fr.csv", STAY_FR, "NonLocal;Touriste;Aveyron;2 nuits"),
            ("duree_sejour_int.csv", STAY_INT, "Etranger;Touriste;Espagne;2 nuits"),
        ] {
            self.csv(name, header, &[&format!("2025-07-07;Cantal;{cells};3")]);
        }
    }

    /// An import of `frequentation_nuitee.csv` alone with these further arguments.
    pub fn import_nights(&self, args: &[&str]) -> Outcome {
        self.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--json"]).args(args).run().sane()
    }

    /// An import of the files that `only` names.
    pub fn import(&self, only: &str, args: &[&str]) -> Outcome {
        self.tool("update-temp-tables").args(["--only", only, "--json"]).args(args).run().sane()
    }

    /// `date zone provenance category volume` of each row of `fact_nuitees_temp`.
    pub fn stored(&self) -> Vec<String> {
        self.keys("fact_nuitees_temp", "date, id_zone, id_provenance, id_categorie")
    }

    /// Key and volume of each row of a fact table, in key order.
    pub fn keys(&self, table: &str, columns: &str) -> Vec<String> {
        self.db.column(&format!("SELECT CONCAT_WS(' ', {columns}, volume) FROM {table} ORDER BY {columns}"))
    }

    /// Everything of a table as text, in the order of its columns.
    pub fn dump(&self, table: &str) -> Vec<Vec<String>> {
        let columns = self.db.column(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' \
             AND column_name NOT IN ('id', 'created_at', 'updated_at') ORDER BY ordinal_position"
        ));
        let columns = columns.join(", ");
        self.db.rows(&format!("SELECT {columns} FROM {table} ORDER BY {columns}"))
    }

    /// The reject files, oldest first, as text.
    pub fn reject_files(&self) -> Vec<String> {
        self.home.list("logs/rejets").into_iter().map(|name| self.home.read(format!("logs/rejets/{name}"))).collect()
    }
}

/// As `ensure-schema` makes it, with [`DIMENSIONS`].
pub fn prepare(db: &TestDb, presets: &[&str]) {
    for preset in presets {
        Home::new(db).tool("ensure-schema").args(["--preset", preset]).run().sane().expect_code(0);
    }
    db.exec(DIMENSIONS);
}

fn seed(db: &TestDb) {
    Home::new(db).tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
}

/// What every outcome must satisfy, whatever it is.
pub trait Sane {
    fn sane(self) -> Self;
}

impl Sane for Outcome {
    #[track_caller]
    fn sane(self) -> Self {
        assert!(!self.stderr.contains("panicked"), "a panic\n{self}");
        assert!((0..=4).contains(&self.code), "an exit code of its own\n{self}");
        let Ok(json) = serde_json::from_str::<Value>(&self.stdout) else { return self };
        let status = match self.code {
            0 => "ok",
            3 => "attention",
            _ => "error",
        };
        assert_eq!(json["status"], status, "{self}");
        assert_eq!(json["exit_code"], self.code, "{self}");
        assert!(json["duration_s"].is_number() && json["tool"].is_string(), "{self}");
        for file in json["files"].as_array().into_iter().flatten().filter(|file| file["lines_read"].is_u64()) {
            let count = |name: &str| file[name].as_u64().unwrap_or_else(|| panic!("{name} of {file}"));
            let sum: u64 = ["stored", "duplicates", "conflicts", "rejected", "filtered"].map(count).iter().sum();
            if file["status"] == "loaded" {
                assert_eq!(count("lines_read"), sum, "lines are lost: {file}");
            } else {
                assert_eq!(count("stored"), 0, "{file}");
            }
        }
        self
    }
}

/// A file's text.
pub fn text(header: &str, lines: &[&str]) -> String {
    let mut text = header.to_owned();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The entry of a file in the JSON of an import.
#[track_caller]
pub fn file<'a>(json: &'a Value, name: &str) -> &'a Value {
    let files = json["files"].as_array().expect("files");
    files.iter().find(|file| file["file"] == name).unwrap_or_else(|| panic!("{name} in {json}"))
}

/// The entry of a table in the JSON of a migration, a verification or a cleanup, by its temporary table.
#[track_caller]
pub fn table<'a>(json: &'a Value, temp: &str) -> &'a Value {
    let tables = json["tables"].as_array().expect("tables");
    tables.iter().find(|row| row["temp"] == temp || row["table"] == temp).unwrap_or_else(|| panic!("{temp} in {json}"))
}

/// `[lines_read, stored, deleted, duplicates, conflicts, rejected, filtered]` of a file.
#[track_caller]
pub fn counts(file: &Value) -> [u64; 7] {
    ["lines_read", "stored", "deleted", "duplicates", "conflicts", "rejected", "filtered"]
        .map(|name| file[name].as_u64().unwrap_or_else(|| panic!("{name} in {file}")))
}
