//! Databases for the diagnostics: chosen tables of the schema and a handful of names.

use std::sync::LazyLock;

use flux_test::{Home, TestDb};

/// Header of `frequentation_nuitee.csv`.
pub const NUITEE: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n";

/// A database with all tables.
pub fn database() -> TestDb {
    with_tables(|_| true)
}

/// A database with the tables that `wanted` chooses, dimensions filled with [`dims`] where they are among them.
pub fn with_tables(wanted: impl Fn(&str) -> bool) -> TestDb {
    let db = TestDb::new();
    fill(&db, wanted);
    db
}

/// The same in a database that is there.
pub fn fill(db: &TestDb, wanted: impl Fn(&str) -> bool) {
    let tables: Vec<_> = TABLES.iter().filter(|(name, _)| wanted(name)).collect();
    for (_, sql) in &tables {
        db.exec(sql);
    }
    if tables.iter().any(|(name, _)| name == "flux_schema_version") {
        db.exec("INSERT INTO flux_schema_version (version) VALUES (3)");
    }
    for (table, sql) in NAMES {
        if tables.iter().any(|(name, _)| name == table) {
            db.exec(sql);
        }
    }
}

/// The test tables as well.
pub fn add_test_tables(db: &TestDb) {
    let main = |name: &str| name.starts_with("fact_") && !name.contains("_temp");
    for (_, sql) in definitions(&["--test"]).iter().filter(|(name, _)| main(name)) {
        db.exec(sql);
    }
}

/// The production tables, each with the statement that creates it.
static TABLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| definitions(&[]));

/// What `ensure-schema` would do to an empty database.
fn definitions(args: &[&str]) -> Vec<(String, String)> {
    let empty = TestDb::new();
    let plan =
        Home::new(&empty).tool("ensure-schema").args(args).args(["--dry-run", "--json"]).run().expect_code(0).json();
    let text = |change: &serde_json::Value, field: &str| change[field].as_str().expect("a text").to_owned();
    let changes = plan["changes"].as_array().expect("the plan of an empty database");
    changes.iter().map(|change| (text(change, "table"), text(change, "ddl"))).collect()
}

const NAMES: &[(&str, &str)] = &[
    (
        "dim_zones_observation",
        "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CANTAL'), (2, 'CABA'), (3, 'CHÂTAIGNERAIE')",
    ),
    (
        "dim_provenances",
        "INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL'), (3, 'ETRANGER')",
    ),
    (
        "dim_categories_visiteur",
        "INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE'), (2, 'EXCURSIONNISTE')",
    ),
    (
        "dim_departements",
        "INSERT INTO dim_departements (id_departement, nom_departement, nom_region, nom_nouvelle_region) VALUES \
         (1, 'CANTAL', 'AUVERGNE', 'AUVERGNE-RHÔNE-ALPES'), (2, 'PARIS', 'ÎLE-DE-FRANCE', 'ÎLE-DE-FRANCE'), \
         (3, 'RHÔNE', 'RHÔNE-ALPES', 'AUVERGNE-RHÔNE-ALPES')",
    ),
    ("dim_pays", "INSERT INTO dim_pays (id_pays, nom_pays) VALUES (1, 'BELGIQUE'), (2, 'ESPAGNE')"),
    (
        "dim_durees_sejour",
        "INSERT INTO dim_durees_sejour (id_duree, libelle, nb_nuits, ordre) VALUES (1, '1 NUIT', 1, 1), (2, '2 NUITS', 2, 2)",
    ),
    (
        "dim_communes",
        "INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement) VALUES (1, 'AURILLAC', '15014', 1), \
         (2, 'SAINT-FLOUR', '15187', 1), (3, 'MAURIAC', '15120', 1)",
    ),
];

/// Further columns of each file of the delivery, and their values, that [`database`] knows.
pub const DELIVERY: [(&str, &str, &str); 10] = [
    ("frequentation_nuitee", "", ""),
    ("frequentation_nuitee_fr", "NomDepartement;", "Paris;"),
    ("frequentation_nuitee_int", "Pays;", "Belgique;"),
    ("frequentation_journee", "", ""),
    ("frequentation_journee_fr", "NomDepartement;", "Paris;"),
    ("frequentation_journee_int", "Pays;", "Belgique;"),
    ("export_mobilite", "ZoneMobilite;", "Aurillac;"),
    ("duree_sejour", "DureeSejour;", "1 nuit;"),
    ("duree_sejour_fr", "NomDepartement;DureeSejour;", "Paris;1 nuit;"),
    ("duree_sejour_int", "Pays;DureeSejour;", "Belgique;1 nuit;"),
];

/// The ten files, sound: two days, three zones, one category, six lines each.
pub fn deliver(home: &flux_test::Home) {
    for (name, columns, values) in DELIVERY {
        let mut text = format!("Date;ZoneObservation;Provenance;CategorieVisiteur;{columns}Volume\n");
        for day in ["2025-07-07", "2025-07-08"] {
            for zone in ["Cantal", "Pays d'Aurillac", "Châtaigneraie"] {
                text += &format!("{day};{zone};NonLocal;Touriste;{values}100\n");
            }
        }
        home.write_csv(&format!("{name}.csv"), text);
    }
}
