//! `merge-dimension`: two rows of one thing become one in any dimension, with every visitor; what cannot be decided is refused.

use flux_test::{Home, TestDb};
use support::{diag, weekly::Sane};

/// RHÔNE in two rows (3 and 9) that share one key; communes of both; facts of a département (50) that is gone.
fn split() -> TestDb {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_departements (id_departement, nom_departement) VALUES (9, 'RH?NE');
         INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement) VALUES (20, 'LYON', '69123', 9);
         INSERT INTO fact_nuitees_departements (date, id_zone, id_provenance, id_categorie, id_departement, volume, is_provisional, updated_at) VALUES
         ('2025-07-01', 1, 2, 1, 3, 10, 0, NULL), ('2025-07-01', 1, 2, 1, 9, 4, 1, NULL), ('2025-07-02', 1, 2, 1, 9, 7, 1, '2025-08-01 00:00:00'),
         ('2025-07-03', 1, 2, 1, 50, 8, 0, NULL);
         INSERT INTO fact_sejours_duree_departements_temp (date, id_zone, id_provenance, id_categorie, id_departement, id_duree, volume) VALUES
         ('2025-07-01', 1, 2, 1, 9, 1, 5)",
    );
    db
}

const FACTS: &str =
    "SELECT date, id_departement, volume, is_provisional, updated_at FROM fact_nuitees_departements ORDER BY 1, 2";

/// legacy.md, 5.
#[test]
fn the_twins_are_found_and_every_visitor_moves() {
    let db = split();
    let home = Home::new(&db);
    let merge =
        |args: &[&str]| home.tool("merge-dimension").args(["--json", "--dim", "departements"]).args(args).run().sane();
    let before = db.rows(FACTS);
    let plan = merge(&["--on-conflict", "sum"]).expect_code(0).json();
    assert_eq!(plan["merges"][0]["from"], serde_json::json!([9, "RH?NE"]));
    assert_eq!(plan["merges"][0]["into"], serde_json::json!([3, "RHÔNE"]));
    assert_eq!(db.rows(FACTS), before);
    merge(&["--yes"]).expect_code(3);
    assert_eq!(db.rows(FACTS), before, "a key on both sides is not decided by itself");
    merge(&["--yes", "--on-conflict", "sum"]).expect_code(0);
    let expected = [
        ["2025-07-01", "3", "14", "1", "NULL"],
        ["2025-07-02", "3", "7", "1", "2025-08-01 00:00:00"],
        ["2025-07-03", "50", "8", "0", "NULL"],
    ];
    assert_eq!(db.rows(FACTS), expected);
    assert_eq!(db.scalar("SELECT id_departement FROM fact_sejours_duree_departements_temp"), "3");
    assert_eq!(db.scalar("SELECT id_departement FROM dim_communes WHERE id_commune = 20"), "3");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_departements WHERE id_departement = 9"), "0");
    let again = merge(&["--yes"]).expect_code(0).json();
    assert_eq!(again["merges"], serde_json::json!([]));
}

#[test]
fn facts_whose_row_is_gone_are_attached_to_one_that_is_there() {
    let db = split();
    let home = Home::new(&db);
    let args = ["--dim", "departements", "--from-id", "50", "--into", "Paris", "--yes"];
    home.tool("merge-dimension").args(args).run().sane().expect_code(0);
    assert_eq!(db.column("SELECT volume FROM fact_nuitees_departements WHERE id_departement = 2"), ["8"]);
    db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 77, 1, 1, 6)");
    home.tool("merge-zones").args(["--from-id", "77", "--into", "CABA", "--yes"]).run().sane().expect_code(0);
    assert_eq!(db.rows("SELECT id_zone, volume FROM fact_nuitees"), [["2", "6"]]);
    home.tool("merge-zones").args(["--from-id", "1", "--into", "CABA", "--yes"]).run().sane().expect_code(2);
    // Once more there is nothing to attach, and nothing is told as done.
    let again = |tool: &str, args: &[&str]| {
        let json = home.tool(tool).args(args).args(["--yes", "--json"]).run().sane().expect_code(0).json();
        (json["applied"].as_bool().unwrap(), json["merges"].as_array().unwrap().len())
    };
    assert_eq!(again("merge-zones", &["--from-id", "77", "--into", "CABA"]), (false, 0));
    assert_eq!(again("merge-dimension", &["--dim", "departements", "--from-id", "50", "--into", "Paris"]), (false, 0));
    let args = ["--from-id", "77", "--into", "CABA", "--yes"];
    home.tool("merge-zones").args(args).run().sane().expect_code(0).expect_stdout("numéro 77");
}

#[test]
fn what_a_load_remembers_of_a_zone_goes_with_it() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 2, 1, 1, 6), ('2025-07-02', 4, 1, 1, 7);
         INSERT INTO flux_etl_progress (table_name, id_zone, date, delivery, run, content) VALUES ('fact_nuitees', 2, '2025-07-01', 1, 'a', 'x'), ('fact_nuitees', 2, '2025-07-02', 1, 'a', 'x'),
           ('fact_nuitees', 4, '2025-07-02', 2, 'b', 'y')",
    );
    let home = Home::new(&db);
    home.tool("merge-zones").arg("--yes").run().sane().expect_code(0);
    assert_eq!(
        db.rows("SELECT id_zone, date, delivery FROM flux_etl_progress ORDER BY date"),
        [["4", "2025-07-01", "1"], ["4", "2025-07-02", "2"]]
    );
}

#[test]
fn rows_that_are_not_told_apart_or_used_by_others_are_refused() {
    let db = split();
    let home = Home::new(&db);
    let merge = |args: &[&str]| home.tool("merge-dimension").args(args).run().sane();
    for args in [
        &["--dim", "departements", "--from", "ATLANTIDE", "--into", "PARIS"][..],
        &["--dim", "departements", "--from", "PARIS"],
        &["--dim", "departements", "--from-id", "3", "--into", "RHÔNE"],
        &["--dim", "departements", "--from-id", "50", "--into-id", "51"],
        &["--dim", "communes", "--from-id", "0", "--into", "AURILLAC"],
        &["--dim", "planetes"],
        &[],
    ] {
        merge(args).expect_code(2);
    }
    // Another's foreign key, under a column of its own name, would let its rows go with the row.
    db.exec(
        "CREATE TABLE objectifs (dep INT NOT NULL, cible INT, FOREIGN KEY (dep) REFERENCES dim_departements (id_departement) ON DELETE CASCADE);
         INSERT INTO objectifs VALUES (9, 100)",
    );
    let args = ["--dim", "departements", "--from-id", "9", "--into-id", "3", "--on-conflict", "target", "--yes"];
    merge(&args).expect_code(3).expect_stdout("objectifs");
    assert_eq!(db.count("objectifs"), 1);
}

#[test]
fn two_rows_of_one_commune_are_found_by_code_or_by_name_and_departement() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_departements (id_departement, nom_departement) VALUES (30, 'AIN'), (31, 'LOZÈRE'), (32, 'LOT');
         INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement) VALUES
           (40, 'AMBERIEU EN BUGEY', '1004', 30), (41, 'AMBÉRIEU-EN-BUGEY', '01004', 30),
           (42, 'ST ALBAN SUR LIMAGNOLE', NULL, 31), (43, 'SAINT-ALBAN-SUR-LIMAGNOLE', '48132', 31),
           (44, 'GRAMAT', NULL, 32), (45, 'GRAMAT', NULL, 32),
           (46, 'LACAPELLE', '46998', 32), (47, 'LACAPELLE', '46999', 32), (48, 'LACAPELLE', NULL, 32),
           (49, 'GRAMAT', NULL, 30), (50, 'SANS PLACE', NULL, NULL), (51, 'SANS PLACE', NULL, NULL);
         INSERT INTO fact_lieu_nuitee_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
           ('2024-03-01', 1, 1, 1, 0, 40, 'vendredi', 3), ('2024-03-02', 1, 1, 1, 0, 41, 'samedi', 4), ('2024-03-01', 1, 1, 1, 0, 45, 'vendredi', 5)",
    );
    let home = Home::new(&db);
    let merge = |args: &[&str]| {
        home.tool("merge-dimension").args(["--dim", "communes", "--json"]).args(args).run().sane().expect_code(0).json()
    };
    let pairs = |json: &serde_json::Value| -> Vec<(u64, u64)> {
        let merges = json["merges"].as_array().unwrap().iter();
        let mut pairs: Vec<_> =
            merges.map(|merge| (merge["from"][0].as_u64().unwrap(), merge["into"][0].as_u64().unwrap())).collect();
        pairs.sort_unstable();
        pairs
    };
    // Two codes are two communes, a third row of their name is nobody's twin, and no département tells nothing.
    assert_eq!(pairs(&merge(&[])), [(40, 41), (42, 43), (45, 44)]);
    let twins = |home: &Home| -> Vec<String> {
        let json = home.tool("adopt-database").arg("--json").run().sane().json();
        let found = json["findings"].as_array().unwrap().iter().filter(|found| found["code"] == "dimension-twins");
        found.map(|found| found["action"].as_str().unwrap().to_owned()).collect()
    };
    let found = twins(&home);
    assert_eq!(found.len(), 3, "{found:?}");
    for mend in ["--dim communes --from-id 40 --into-id 41", "--from-id 42 --into-id 43", "--from-id 45 --into-id 44"] {
        assert!(found.iter().any(|action| action.contains(mend)), "{mend}: {found:?}");
    }
    merge(&["--yes"]);
    assert_eq!(
        db.rows("SELECT date, id_commune, volume FROM fact_lieu_nuitee_soir ORDER BY volume"),
        [["2024-03-01", "41", "3"], ["2024-03-02", "41", "4"], ["2024-03-01", "44", "5"]]
    );
    assert_eq!(pairs(&merge(&[])), []);
    assert_eq!(twins(&home), Vec::<String>::new());
}
