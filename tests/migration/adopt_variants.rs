//! `adopt-database` on databases that are like none of the four generations: what a server, a script or an administrator has made of
//! tables, numbers, types and names. What loses nothing is mended, the rest is told with its command, and nothing is told ready that is not.

use flux_test::{Home, Outcome, TestDb};
use serde_json::Value;
use support::legacy::{self, codes, everything, found, refused};
use support::weekly::{BASE, FR, Sane, text};

fn adopt(home: &Home, args: &[&str]) -> Outcome {
    home.tool("adopt-database").arg("--json").args(args).run().sane()
}

fn run(home: &Home, tool: &str, args: &[&str]) -> Outcome {
    home.tool(tool).args(args).run().sane()
}

/// The second generation without what asks for a decision, changed by `sql` as a server without strict mode takes it.
fn second(sql: &str) -> (TestDb, Home) {
    let db = legacy::database("v2");
    db.exec("DELETE FROM fact_nuitees_temp; UPDATE fact_nuitees SET is_provisional = 0, updated_at = updated_at WHERE id IN (2, 3)");
    if !sql.is_empty() {
        db.exec(&format!("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; {sql}; SET SESSION sql_mode = DEFAULT"));
    }
    let home = Home::new(&db);
    (db, home)
}

/// Findings of a code: place and command.
fn told(json: &Value, code: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().unwrap().iter().filter(|found| found["code"] == code);
    findings.map(|found| (text(&found["place"]), text(&found["action"]))).collect()
}

fn is_counted(db: &TestDb, table: &str, column: &str) -> bool {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'
         AND column_name = '{column}' AND extra LIKE '%auto_increment%'"
    );
    db.scalar(&sql) == "1"
}

/// `date zone volume provisional` of the nights, by name.
fn nights(db: &TestDb) -> Vec<String> {
    db.column(
        "SELECT CONCAT_WS(' ', f.date, z.nom_zone, f.volume, f.is_provisional) FROM fact_nuitees f
         LEFT JOIN dim_zones_observation z USING (id_zone) ORDER BY f.date, z.nom_zone",
    )
}

/// Without AUTO_INCREMENT no second new name and no second new fact would go in. Zone 7 is number 0, which stays; a table of the portal
/// leads to the zones.
#[test]
fn numbers_that_the_server_does_not_count_are_counted_from_now_on() {
    let (db, home) = second(
        "UPDATE dim_zones_observation SET id_zone = 0 WHERE id_zone = 7;
         ALTER TABLE dim_zones_observation MODIFY id_zone INT NOT NULL; ALTER TABLE fact_nuitees MODIFY id BIGINT NOT NULL;
         CREATE TABLE favoris (id_zone INT NOT NULL, FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone)) ENGINE=InnoDB;
         INSERT INTO favoris VALUES (0), (2)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted");
    assert!(is_counted(&db, "dim_zones_observation", "id_zone") && is_counted(&db, "fact_nuitees", "id"));
    assert_eq!(db.scalar("SELECT nom_zone FROM dim_zones_observation WHERE id_zone = 0"), "VAL TRUYÈRE");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM favoris JOIN dim_zones_observation USING (id_zone)"), "2");
    run(&home, "add-missing-zones", &[]).expect_code(0);
    home.write_csv(
        "frequentation_nuitee.csv",
        text(
            BASE,
            &[
                "2025-07-07;Pays d'Aurillac;NonLocal;Touriste;702",
                "2025-07-07;Cantal;Local;Touriste;712",
                "2025-07-07;Val Truyère;Local;Touriste;31",
                "2025-07-07;Carlades;Local;Touriste;32",
            ],
        ),
    );
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee"]).expect_code(0);
    run(&home, "migrate-temp-to-main", &["--only", "fact_nuitees"]).expect_code(0);
    let expected = [
        "2024-07-01 CABA 500 0",
        "2025-06-01 CABA 610 0",
        "2025-06-01 CANTAL 620 0",
        "2025-07-07 CABA 702 1",
        "2025-07-07 CANTAL 712 1",
        "2025-07-07 CARLADES 32 1",
        "2025-07-07 VAL TRUYÈRE 31 1",
    ];
    assert_eq!(nights(&db), expected);
}

/// Where capitals tell tables apart, an empty `fact_nuitees` beside `FACT_NUITEES` would hide the history.
#[test]
fn tables_in_capitals_are_told_and_nothing_is_made_beside_them() {
    let (db, home) = second("");
    if db.scalar("SELECT @@lower_case_table_names") != "0" {
        return flux_test::skip("this server does not tell capitals apart");
    }
    db.exec("RENAME TABLE fact_nuitees TO FACT_NUITEES, dim_pays TO Dim_Pays");
    let before = everything(&db);
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!((codes(&json["findings"]), &json["origin"]), (vec!["table-unfit".to_owned()], &"foreign".into()));
    let told = told(&json, "table-unfit");
    assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("Dim_Pays", "FACT_NUITEES"));
    assert!(told[1].1.starts_with("RENAME TABLE FACT_NUITEES TO fact_nuitees"), "{told:?}");
    adopt(&home, &["--apply"]).expect_code(3);
    assert_eq!(everything(&db), before);
    db.exec("RENAME TABLE FACT_NUITEES TO fact_nuitees, Dim_Pays TO dim_pays");
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(db.count("fact_nuitees"), 5);

    // Rows under such a name alone are rows of others all the same.
    let db = TestDb::new();
    db.exec("CREATE TABLE FACT_DIURNES (id INT); INSERT INTO FACT_DIURNES VALUES (1)");
    refused(run(&Home::new(&db), "ensure-schema", &["--json"]));
}

/// A view stands for a table of another name; a table is cut by a column that is not of its key. Both wait, the others are mended.
#[test]
fn views_and_partitions_that_allow_no_key_are_told_and_stop_nothing_else() {
    let (db, home) = second(
        "RENAME TABLE fact_diurnes TO diurnes_v1; CREATE VIEW fact_diurnes AS SELECT * FROM diurnes_v1;
         ALTER TABLE fact_nuitees_pays DROP INDEX unique_fact; ALTER TABLE fact_nuitees_pays PARTITION BY HASH (id) PARTITIONS 3;
         INSERT INTO fact_nuitees_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES ('2024-07-01', 1, 3, 1, 2, 6)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["table-unfit"]);
    let told = told(&json, "table-unfit");
    assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("fact_nuitees_pays", "fact_diurnes"));
    assert!(told[0].1.starts_with("ALTER TABLE fact_nuitees_pays REMOVE PARTITIONING"), "{told:?}");
    assert!(db.has_table("fact_lieu_nuitee_veille"), "the others are made");
    db.exec(
        "DROP VIEW fact_diurnes; RENAME TABLE diurnes_v1 TO fact_diurnes; ALTER TABLE fact_nuitees_pays REMOVE PARTITIONING",
    );
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted");
    assert_eq!(db.column("SELECT volume FROM fact_nuitees_pays"), ["6"]);
}

/// Zeros where others have NULL are no mark of a definitive row, and a strict server takes neither them nor a default of them.
#[test]
fn times_of_zeros_are_no_mark_and_become_null() {
    let db = legacy::database("v2");
    db.exec(
        "DELETE FROM fact_nuitees_temp; SET SESSION sql_mode = '';
         ALTER TABLE fact_nuitees MODIFY updated_at TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00' ON UPDATE CURRENT_TIMESTAMP,
           MODIFY created_at TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', ADD relu_le DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00';
         UPDATE fact_nuitees SET updated_at = '0000-00-00 00:00:00' WHERE id NOT IN (2, 3);
         UPDATE fact_nuitees SET created_at = '0000-00-00 00:00:00', updated_at = updated_at WHERE id = 4;
         INSERT INTO dim_dates (date) VALUES ('0000-00-00'); SET SESSION sql_mode = DEFAULT",
    );
    let home = Home::new(&db);
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!(found(&json, "findings", "definitive-marked")["count"], 2);
    adopt(&home, &["--apply", "--definitive-marks"]).expect_code(0);
    assert_eq!(db.column("SELECT id FROM fact_nuitees WHERE is_provisional = 1 ORDER BY 1"), ["4", "5"]);
    assert_eq!(db.column("SELECT id FROM fact_nuitees WHERE updated_at IS NULL ORDER BY 1"), ["1", "4", "5"]);
    assert_eq!(db.column("SELECT updated_at FROM fact_nuitees WHERE id = 2"), ["2025-09-01 10:00:00"]);
    assert_eq!(db.column("SELECT id FROM fact_nuitees WHERE created_at IS NULL"), ["4"]);
    let lines = ["2025-07-07;Pays d'Aurillac;NonLocal;Touriste;702", "2025-07-07;Cantal;Local;Touriste;710"];
    home.write_csv("frequentation_nuitee.csv", text(BASE, &lines));
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee"]).expect_code(0);
    run(&home, "migrate-temp-to-main", &["--only", "fact_nuitees"]).expect_code(0);
    assert_eq!(nights(&db)[3..], ["2025-07-07 CABA 702 1", "2025-07-07 CANTAL 710 1"]);
    // A column that is never NULL says by a later time that a row was changed.
    let db = legacy::database("v2");
    db.exec(
        "DELETE FROM fact_nuitees_temp; UPDATE fact_nuitees SET created_at = '2025-07-01 00:00:00', updated_at = COALESCE(updated_at, '2025-07-01 00:00:00');
         ALTER TABLE fact_nuitees MODIFY updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
    );
    let json = adopt(&Home::new(&db), &[]).expect_code(3).json();
    assert_eq!(found(&json, "findings", "definitive-marked")["count"], 2);
}

/// legacy.md, 2, 20.
#[test]
fn days_stays_and_communes_of_older_tables_get_what_they_lack() {
    let (db, home) = second(
        "ALTER TABLE dim_dates ADD nom_mois VARCHAR(20) NOT NULL, ADD week_end TINYINT(1) NOT NULL;
         ALTER TABLE dim_durees_sejour DROP COLUMN nb_nuits, DROP COLUMN ordre;
         UPDATE dim_communes SET nom_commune = 'AURILLAC' WHERE id_commune = 1;
         UPDATE dim_communes SET nom_commune = 'RIOM-ÈS-MONTAGNES' WHERE id_commune = 2; DELETE FROM dim_communes WHERE id_commune > 2;
         DELETE FROM fact_lieu_activite_soir WHERE id_commune > 2;
         ALTER TABLE dim_communes DROP INDEX code_insee, DROP COLUMN code_insee, DROP COLUMN id_departement",
    );
    adopt(&home, &[]).expect_code(3);
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(
        db.rows("SELECT libelle, nb_nuits, ordre FROM dim_durees_sejour WHERE id_duree < 3 ORDER BY 1"),
        [["1 NUIT", "1", "1"], ["2 NUITS", "2", "2"]]
    );
    assert_eq!(
        db.rows("SELECT id_commune, code_insee FROM dim_communes WHERE nom_commune IN ('AURILLAC', 'RIOM-ÈS-MONTAGNES') ORDER BY 1"),
        [["1", "15014"], ["2", "15162"]]
    );
    home.write_csv("frequentation_nuitee.csv", text(BASE, &["2025-07-08;Cantal;Local;Touriste;9"]));
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee"]).expect_code(0);
    assert_eq!(
        db.rows("SELECT jour_semaine, nom_mois, week_end FROM dim_dates WHERE date = '2025-07-08'"),
        [["mardi", "", "0"]]
    );
}

/// legacy.md, 8: read twice in a wrong code page, in one column of a table that is otherwise as it should be; and one country under
/// two names that only the reference unites, one without its accents.
#[test]
fn names_read_wrong_twice_are_repaired_and_one_thing_under_two_names_is_made_one() {
    let (db, home) = second(
        "INSERT INTO dim_departements (id_departement, nom_departement) VALUES (10, 'FINISTÃƒÂ¨RE'), (11, 'NIÃ¨VRE');
         ALTER TABLE dim_pays MODIFY nom_pays VARCHAR(255) CHARACTER SET latin1 NULL, ROW_FORMAT=COMPACT;
         INSERT INTO dim_pays (id_pays, nom_pays) VALUES (7, 'REPUBLIQUE TCHEQUE'), (8, 'TCHÉQUIE');
         INSERT INTO fact_nuitees_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES
           ('2023-05-01', 1, 3, 1, 7, 4), ('2023-05-02', 1, 3, 1, 8, 5)",
    );
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!(told(&json, "collation-unsafe")[0].0, "dim_pays");
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(
        db.column(
            "SELECT nom_departement FROM dim_departements WHERE id_departement IN (10, 11) ORDER BY id_departement"
        ),
        ["FINISTÈRE", "NIÈVRE"]
    );
    let note = found(&json, "notes", "dimension-twins");
    assert!(note["action"].as_str().unwrap().contains("merge-dimension --dim pays"), "{note}");
    run(&home, "merge-dimension", &["--dim", "pays", "--yes"]).expect_code(0);
    let rows = db.rows(
        "SELECT f.date, p.nom_pays, f.volume FROM fact_nuitees_pays f JOIN dim_pays p USING (id_pays) ORDER BY 1",
    );
    assert_eq!(rows, [["2023-05-01", "TCHÉQUIE", "4"], ["2023-05-02", "TCHÉQUIE", "5"]]);
    assert!(!codes(&adopt(&home, &[]).expect_code(0).json()["notes"]).contains(&"dimension-twins".to_owned()));
}

/// legacy.md, 17: what has no row is 0 for the tools, so that no row may be number 0; and scripts write -1 for what they do not know.
#[test]
fn rows_numbered_0_or_below_are_told_with_the_commands_that_move_them() {
    let (db, home) = second(
        "UPDATE dim_departements SET id_departement = 0 WHERE id_departement = 2;
         UPDATE fact_nuitees_departements SET id_departement = 0, updated_at = updated_at WHERE id_departement = 2;
         DELETE FROM fact_nuitees_departements_temp;
         INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (-1, 'INCONNUE');
         INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2024-07-01', 1, 1, -1, 3);
         INSERT INTO fact_diurnes_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES ('2024-07-01', 1, 1, 1, -7, 3), ('2024-07-01', 1, 1, 1, 2147483647, 3)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["number-unfit"]);
    let told = told(&json, "number-unfit");
    assert_eq!(
        told.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(),
        ["dim_categories_visiteur", "dim_departements"]
    );
    let expected = "UPDATE dim_departements SET id_departement = 4 WHERE id_departement = 0, puis \
                    merge-dimension --dim departements --from-id 0 --into-id 4 --yes";
    assert!(told[1].1.starts_with(expected), "{told:?}");
    // Neither -7 nor the highest number that a script left where one did not fit is what the next country is given.
    assert_eq!(found(&json, "notes", "orphan-rows")["place"], "dim_pays");
    db.exec("UPDATE dim_departements SET id_departement = 4 WHERE id_departement = 0");
    run(&home, "merge-dimension", &["--dim", "departements", "--from-id", "0", "--into-id", "4", "--yes"])
        .expect_code(0);
    db.exec("UPDATE dim_categories_visiteur SET id_categorie = 4 WHERE id_categorie = -1; UPDATE fact_diurnes SET id_categorie = 4, updated_at = updated_at WHERE id_categorie = -1");
    adopt(&home, &["--apply"]).expect_code(0);
    home.write_csv("frequentation_nuitee_fr.csv", text(FR, &["2025-07-07;Pays d'Aurillac;NonLocal;Touriste;Rhône;56"]));
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee_fr"]).expect_code(0);
    run(&home, "migrate-temp-to-main", &["--only", "fact_nuitees_departements"]).expect_code(0);
    let rows = "SELECT f.date, d.nom_departement, f.volume, f.is_provisional FROM fact_nuitees_departements f JOIN dim_departements d USING (id_departement) ORDER BY 1";
    assert_eq!(db.rows(rows), [["2024-07-01", "RHÔNE", "50", "0"], ["2025-07-07", "RHÔNE", "56", "1"]]);
}

/// Our first tools asked for no adoption: what was there before them is still what others made of it.
#[test]
fn a_database_that_our_first_tools_were_given_is_adopted_all_the_same() {
    let ledger = "CREATE TABLE flux_schema_version (version INT NOT NULL PRIMARY KEY, applied_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB;
         INSERT INTO flux_schema_version VALUES (1, '2025-10-01 00:00:00'), (2, '2025-11-01 00:00:00')";
    let db = legacy::database("v2");
    db.exec(&format!(
        "{ledger}; DELETE FROM fact_nuitees_temp; UPDATE fact_nuitees SET created_at = '2025-07-20 00:00:00', updated_at = updated_at;
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, created_at, updated_at, is_provisional) VALUES
           ('2025-10-05', 1, 1, 1, 50, '2025-10-08 00:00:00', '2025-10-15 00:00:00', 1)"
    ));
    let home = Home::new(&db);
    refused(run(&home, "update-temp-tables", &["--json"]));
    let json = adopt(&home, &[]).expect_code(3).json();
    // The row that our migration brought and revised is provisional as it says.
    assert_eq!(
        (&json["origin"], &found(&json, "findings", "definitive-marked")["count"]),
        (&"foreign".into(), &2.into())
    );
    adopt(&home, &["--apply", "--definitive-marks"]).expect_code(0);
    assert_eq!(
        db.column("SELECT date FROM fact_nuitees WHERE is_provisional = 1 ORDER BY 1"),
        ["2025-07-07", "2025-07-07", "2025-10-05"]
    );
    // Facts that came after them are of our own making.
    let db = legacy::database("v2");
    db.exec(&format!("{ledger}; UPDATE fact_nuitees SET created_at = '2025-10-20 00:00:00', updated_at = updated_at"));
    db.exec("UPDATE fact_nuitees_departements SET created_at = NULL; DELETE FROM fact_sejours_duree; DELETE FROM fact_lieu_activite_soir; DELETE FROM fact_lieu_nuitee_soir");
    assert_eq!(adopt(&Home::new(&db), &[]).json()["origin"], "own");
}

/// Numbers in a type without room get it; a type that only its owner can judge is told.
#[test]
fn types_without_room_are_widened_and_other_types_told() {
    let (db, home) = second(
        "ALTER TABLE fact_diurnes MODIFY volume SMALLINT NOT NULL, MODIFY id_zone TINYINT UNSIGNED NOT NULL;
         INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2024-07-01', 2, 1, 1, 32000);
         ALTER TABLE fact_diurnes_pays MODIFY date DATETIME NOT NULL; ALTER TABLE fact_sejours_duree MODIFY volume DECIMAL(12,2) NOT NULL",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["column-unfit"]);
    let told = told(&json, "column-unfit");
    assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("fact_diurnes_pays.date", "fact_sejours_duree.volume"));
    assert!(told[0].1.starts_with("ALTER TABLE fact_diurnes_pays MODIFY COLUMN date DATE NOT NULL"), "{told:?}");
    db.exec("ALTER TABLE fact_diurnes_pays MODIFY COLUMN date DATE NOT NULL; ALTER TABLE fact_sejours_duree MODIFY COLUMN volume INT NOT NULL");
    adopt(&home, &["--apply"]).expect_code(0);
    let types = "SELECT data_type AS t FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'fact_diurnes'
         AND column_name IN ('id_zone', 'volume')";
    assert_eq!(db.column(types), ["int", "int"]);
    assert_eq!(db.column("SELECT volume FROM fact_diurnes"), ["32000"]);
    assert_eq!(db.scalar("SELECT volume FROM fact_sejours_duree"), "33");
}

/// NULL where nothing can be compared: a mark is definitive, a place is not known once its foreign key lets it be, a volume is nobody's
/// to guess.
#[test]
fn what_is_null_is_given_its_meaning_or_told() {
    let (db, home) = second(
        "ALTER TABLE fact_diurnes MODIFY is_provisional TINYINT(1) NULL, MODIFY volume INT NULL;
         INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
           ('2024-07-01', 1, 1, 1, 20, NULL), ('2024-07-02', 1, 1, 1, NULL, 0);
         ALTER TABLE fact_lieu_nuitee_soir MODIFY id_commune INT NULL,
           ADD CONSTRAINT lieu_commune FOREIGN KEY (id_commune) REFERENCES dim_communes (id_commune) ON DELETE SET NULL;
         INSERT INTO fact_lieu_nuitee_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
           ('2024-07-02', 1, 2, 1, 1, NULL, 'mardi', 13)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["column-refuses", "key-refuses"]);
    let refusing: Vec<String> = told(&json, "column-refuses").into_iter().map(|(place, _)| place).collect();
    assert_eq!(refusing, ["fact_diurnes.volume", "fact_lieu_nuitee_soir.id_commune"]);
    let command = &told(&json, "key-refuses")[0].1;
    assert_eq!(command, "ALTER TABLE fact_lieu_nuitee_soir DROP FOREIGN KEY lieu_commune");
    assert_eq!(db.column("SELECT COALESCE(is_provisional, 9) FROM fact_diurnes ORDER BY date"), ["0", "0"]);
    db.exec(&format!("{command}; DELETE FROM fact_diurnes WHERE volume IS NULL"));
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(db.column("SELECT id_commune FROM fact_lieu_nuitee_soir ORDER BY date"), ["1", "0"]);
    let nullable = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND is_nullable = 'YES' AND table_name = 'fact_diurnes'
         AND column_name IN ('volume', 'is_provisional')";
    assert_eq!(db.scalar(nullable), "0");
}
