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

/// A day, a month or all of a date is zero: no delivery and no period holds such a row, and none is touched. Until the base is adopted,
/// `check-status` sends nobody to a tool that refuses it.
#[test]
fn dates_that_are_no_day_are_told_and_the_status_leads_to_the_adoption() {
    let (db, home) = second(
        "INSERT INTO fact_sejours_duree (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES
           ('2024-11-00', 2, 2, 1, 1, 21), ('0000-00-00', 2, 2, 1, 1, 30), ('2024-00-30', 2, 2, 1, 2, 4)",
    );
    let status = |code: i32| home.tool("check-status").arg("--json").run().sane().expect_code(code).json();
    refused(home.tool("check-status").arg("--json").run().sane());
    let json = adopt(&home, &[]).expect_code(3).json();
    let note = found(&json, "notes", "date-impossible");
    assert_eq!((note["place"].as_str(), note["count"].as_u64()), (Some("fact_sejours_duree"), Some(3)), "{note}");
    assert!(note["message"].as_str().unwrap().contains("0000-00-00, volume 55"), "{note}");
    let shows = note["action"].as_str().unwrap().split_once(" : ").unwrap().1.replace("SELECT *", "SELECT volume");
    let mut volumes = db.column(&shows);
    volumes.sort();
    assert_eq!(volumes, ["21", "30", "4"]);
    // As it stands while something waits for a decision.
    db.exec("UPDATE fact_nuitees SET is_provisional = 1 WHERE id = 2");
    adopt(&home, &["--apply"]).expect_code(3);
    let json = status(3);
    assert!(json["next"].as_str().unwrap().contains("adopt-database"), "{json}");
    assert!(codes(&json["findings"]).contains(&"not-adopted".to_owned()), "{json}");
    adopt(&home, &["--apply", "--definitive-marks", "flag"]).expect_code(0);
    assert!(!codes(&status(3)["findings"]).contains(&"not-adopted".to_owned()));
    assert_eq!(db.scalar("SELECT SUM(volume) FROM fact_sejours_duree"), "88");
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

/// Older, shorter columns cut names off: what each was is known as long as its column is that short, and stays known.
#[test]
fn names_that_a_short_column_cut_off_are_completed_and_get_no_twin() {
    let (db, home) = second(
        "ALTER TABLE dim_departements MODIFY nom_departement VARCHAR(14) NULL; ALTER TABLE dim_communes MODIFY nom_commune VARCHAR(12) NOT NULL;
         ALTER TABLE dim_pays MODIFY nom_pays VARCHAR(9) NULL;
         INSERT INTO dim_departements (id_departement, nom_departement) VALUES (20, 'LOIRE-ATLANTIQ'), (21, 'INDRE-ET-LOIRE'), (22, 'PYRÉNÉES-ORIEN');
         INSERT INTO dim_communes (id_commune, code_insee, nom_commune, id_departement) VALUES (20, '15141', 'NEUSSARGUES-', 1), (21, '15258', 'VIC-SUR-CERE', 1);
         INSERT INTO dim_pays (id_pays, nom_pays) VALUES (20, 'REPUBLIQU'), (21, 'LUXEMBOUR')",
    );
    let json = adopt(&home, &[]).expect_code(3).json();
    let damaged: Vec<(&str, &str)> = ["findings", "notes"]
        .iter()
        .flat_map(|list| json[*list].as_array().unwrap())
        .filter(|found| found["code"] == "name-damaged")
        .map(|found| (found["place"].as_str().unwrap(), found["message"].as_str().unwrap()))
        .collect();
    let has = |place: &str, words: &[&str]| {
        damaged.iter().any(|(at, message)| *at == place && words.iter().all(|word| message.contains(word)))
    };
    assert!(
        has("dim_departements", &["2 noms", "(id 20) → LOIRE-ATLANTIQUE", "(id 22) → PYRÉNÉES-ORIENTALES"]),
        "{damaged:?}"
    );
    assert!(has("dim_communes", &["1 nom ", "(id 20) → NEUSSARGUES-MOISSAC"]), "{damaged:?}");
    assert!(has("dim_pays", &["1 nom ", "(id 21) → LUXEMBOURG"]), "{damaged:?}");
    // Of several republics nothing says which.
    assert!(has("dim_pays", &["1 nom ", "« REPUBLIQU » (id 20)"]), "{damaged:?}");
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted", "{json:#}");
    // The one that nothing explains is told.
    run(&home, "ensure-schema", &["--seed"]).expect_code(3);
    let named = |table: &str, id: &str, name: &str| {
        db.column(&format!("SELECT {name} FROM {table} WHERE {id} IN (20, 21, 22) ORDER BY {id}"))
    };
    let of_departements = named("dim_departements", "id_departement", "nom_departement");
    assert_eq!(of_departements, ["LOIRE-ATLANTIQUE", "INDRE-ET-LOIRE", "PYRÉNÉES-ORIENTALES"]);
    assert_eq!(named("dim_communes", "id_commune", "nom_commune")[..2], ["NEUSSARGUES-MOISSAC", "VIC-SUR-CERE"]);
    assert_eq!(named("dim_pays", "id_pays", "nom_pays")[..2], ["REPUBLIQU", "LUXEMBOURG"]);
    let once = "SELECT COUNT(*) FROM dim_departements WHERE nom_departement LIKE 'LOIRE-ATLANTIQ%' OR nom_departement LIKE 'PYRÉNÉES-ORIEN%'";
    assert_eq!(db.scalar(once), "2");
    home.write_csv(
        "frequentation_nuitee_fr.csv",
        text(
            FR,
            &[
                "2025-07-14;Cantal;NonLocal;Touriste;Loire-Atlantique;7",
                "2025-07-14;Cantal;NonLocal;Touriste;Indre-et-Loire;8",
            ],
        ),
    );
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee_fr"]).expect_code(0);
    let stored = "SELECT CONCAT_WS(' ', id_departement, volume) FROM fact_nuitees_departements_temp WHERE date = '2025-07-14' ORDER BY 1";
    assert_eq!(db.column(stored), ["20 7", "21 8"]);
}

/// A spreadsheet took a zero, somebody wrote a small letter, or Corsica's number of before 1976: the code is that of one commune all the same, and the seed adds it no twin.
#[test]
fn codes_that_are_written_otherwise_are_put_right() {
    let (db, home) = second(
        "INSERT INTO dim_communes (id_commune, code_insee, nom_commune, id_departement) VALUES (30, '4070', 'DIGNE-LES-BAINS', NULL),
         (31, '2b033', 'BASTIA', NULL), (32, ' 15215', 'SAINT-SIMON', 1), (33, '3185', 'MONTLUCON', 3), (34, '03185', 'MONTLUÇON', 3),
         (35, '20247', '', NULL)",
    );
    let json = adopt(&home, &[]).expect_code(3).json();
    let placed = found(&json, "findings", "commune-unplaced");
    // Two communes of the fixture lack their département too.
    assert_eq!(placed["count"], 6, "{placed}");
    // The two rows of Montluçon are for people to unite.
    let twins = told(&json, "dimension-twins");
    assert_eq!(
        twins,
        [(
            "dim_communes".to_owned(),
            "merge-dimension --dim communes --from-id 33 --into-id 34, puis --yes".to_owned()
        )]
    );
    adopt(&home, &["--apply"]).expect_code(3);
    run(&home, "merge-dimension", &["--dim", "communes", "--yes"]).expect_code(0);
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    let sql = "SELECT CONCAT_WS(' ', id_commune, code_insee) FROM dim_communes WHERE nom_commune IN ('DIGNE-LES-BAINS', 'BASTIA', 'MONTLUÇON', 'PORTO-VECCHIO')
               OR code_insee = '15215' ORDER BY id_commune";
    assert_eq!(db.column(sql), ["30 04070", "31 2B033", "32 15215", "34 03185", "35 2A247"]);
    // In a base that is ours a code may come to be written so as well.
    db.exec("UPDATE dim_communes SET code_insee = '4070' WHERE id_commune = 30");
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(db.column(sql), ["30 04070", "31 2B033", "32 15215", "34 03185", "35 2A247"]);
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
        "INSERT INTO dim_departements (id_departement, nom_departement) VALUES (10, 'FINISTÃƒÂ¨RE'), (11, 'NIÃ¨VRE'), (13, 'DRÃ”ME');
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
            "SELECT nom_departement FROM dim_departements WHERE id_departement IN (10, 11, 13) ORDER BY id_departement"
        ),
        ["FINISTÈRE", "NIÈVRE", "DRÔME"]
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

/// A CHECK is tried with rows as the tools write them: what refuses some of them is told, what refuses none is left.
#[test]
fn checks_that_refuse_what_the_tools_write_are_told_and_others_left() {
    let (db, home) = second(
        "ALTER TABLE fact_diurnes ADD CONSTRAINT du_monde CHECK (volume > 0), ADD CONSTRAINT sense CHECK (volume >= 0 AND id_zone > 0);
         ALTER TABLE fact_nuitees_temp ADD CONSTRAINT annees CHECK (YEAR(date) IN (2023, 2024, 2025));
         ALTER TABLE dim_categories_visiteur ADD CONSTRAINT liste CHECK (nom_categorie IN ('TOURISTE', 'EXCURSIONNISTE', 'RESIDENT', 'l''autre'));
         ALTER TABLE fact_sejours_duree MODIFY volume INT NOT NULL CHECK (volume BETWEEN 1 AND 99999)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["check-refuses"]);
    let told = told(&json, "check-refuses");
    let places: Vec<&str> = told.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["dim_categories_visiteur", "fact_diurnes", "fact_nuitees_temp", "fact_sejours_duree"]);
    assert_eq!(told[1].1, "ALTER TABLE fact_diurnes DROP CONSTRAINT du_monde");
    for (_, command) in &told {
        db.exec(command);
    }
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted");
    home.write_csv("frequentation_journee.csv", text(BASE, &["2026-02-03;Cantal;Local;Touriste;0"]));
    run(&home, "update-temp-tables", &["--only", "frequentation_journee"]).expect_code(0);
    run(&home, "migrate-temp-to-main", &["--only", "fact_diurnes"]).expect_code(0);
    assert_eq!(db.rows("SELECT date, volume FROM fact_diurnes WHERE date > '2026-01-01'"), [["2026-02-03", "0"]]);
}

/// What a trigger does to rows is for its owner to say.
#[test]
fn triggers_are_told_and_stand_in_nobody_s_way() {
    let (_db, home) = second(
        "CREATE TABLE journal_lignes (quand DATETIME, volume INT);
         CREATE TRIGGER espion AFTER INSERT ON fact_diurnes FOR EACH ROW INSERT INTO journal_lignes VALUES (NOW(), NEW.volume);
         CREATE TRIGGER portail BEFORE UPDATE ON users FOR EACH ROW SET NEW.username = LOWER(NEW.username)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    let note = found(&json, "notes", "trigger-acts");
    assert_eq!(note["place"], "fact_diurnes");
    assert!(note["action"].as_str().unwrap().contains("DROP TRIGGER espion"), "{note}");
}

/// Names get the room of the specification and keep what else their column says; rows that nothing numbers get numbers.
#[test]
fn short_names_get_room_and_rows_without_a_number_get_one() {
    let (db, home) = second(
        "ALTER TABLE dim_pays MODIFY nom_pays VARCHAR(25) NULL DEFAULT 'L''INCONNU', ROW_FORMAT=COMPACT;
         ALTER TABLE dim_departements ADD nom_region_2 VARCHAR(9) NULL, MODIFY nom_region VARCHAR(20) NOT NULL;
         ALTER TABLE dim_provenances MODIFY nom_provenance ENUM('LOCAL', 'NONLOCAL', 'ETRANGER') NULL;
         ALTER TABLE fact_lieu_nuitee_soir MODIFY jour_semaine CHAR(5) NOT NULL;
         ALTER TABLE fact_diurnes MODIFY id BIGINT NULL, DROP PRIMARY KEY;
         INSERT INTO fact_diurnes (id, date, id_zone, id_provenance, id_categorie, volume) VALUES (NULL, '2024-07-01', 1, 1, 1, 11),
           (7, '2024-07-02', 1, 1, 1, 12), (7, '2024-07-03', 1, 1, 1, 13), (NULL, '2024-07-04', 1, 1, 1, 14);
         ALTER TABLE dim_durees_sejour MODIFY id_duree INT NULL, DROP PRIMARY KEY;
         INSERT INTO dim_durees_sejour (id_duree, libelle, nb_nuits) VALUES (NULL, '9 NUITS', 9)",
    );
    let before = db.rows("SELECT date, volume FROM fact_diurnes ORDER BY date");
    let stays = db.rows("SELECT id_duree, libelle FROM dim_durees_sejour WHERE id_duree IS NOT NULL ORDER BY 1");
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_pays WHERE nom_pays = 'SAINT-VINCENT-ET-LES-GRENADINES'"), "1");
    let default = "SELECT column_default AS d FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'nom_pays'";
    assert!(db.scalar(default).contains("INCONNU"), "{}", db.scalar(default));
    assert_eq!(
        db.rows("SELECT nom_region FROM dim_departements WHERE nom_departement = 'PYRÉNÉES-ATLANTIQUES'"),
        [["AQUITAINE"]]
    );
    assert_eq!(
        db.column("SELECT nom_provenance FROM dim_provenances ORDER BY id_provenance"),
        ["LOCAL", "NONLOCAL", "ETRANGER"]
    );
    let key = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'dim_provenances' AND column_name = 'nom_provenance' AND non_unique = 0 AND sub_part IS NULL";
    assert_eq!(db.scalar(key), "1");
    let length = "SELECT character_maximum_length AS l FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'fact_lieu_nuitee_soir' AND column_name = 'jour_semaine'";
    assert_eq!(db.scalar(length), "10");
    assert_eq!(db.rows("SELECT date, volume FROM fact_diurnes ORDER BY date"), before);
    assert_eq!(db.scalar("SELECT COUNT(DISTINCT id) FROM fact_diurnes WHERE id > 0"), "4");
    assert!(is_counted(&db, "fact_diurnes", "id") && is_counted(&db, "dim_durees_sejour", "id_duree"));
    for stay in stays {
        assert_eq!(db.scalar(&format!("SELECT libelle FROM dim_durees_sejour WHERE id_duree = {}", stay[0])), stay[1]);
    }
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_durees_sejour WHERE libelle = '9 NUITS'"), "1");
}

/// Two names of one number: nothing says of which the facts speak.
#[test]
fn a_number_that_two_names_share_is_told_with_the_command_that_parts_them() {
    let (db, home) = second(
        "ALTER TABLE dim_zones_observation MODIFY id_zone INT NOT NULL; ALTER TABLE dim_zones_observation DROP PRIMARY KEY;
         INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (2, 'ARTENSE')",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["number-unfit"]);
    let told = told(&json, "number-unfit");
    assert_eq!(told[0].0, "dim_zones_observation.id_zone");
    let command = told[0].1.split(" : ").nth(1).unwrap().split(" ; ").next().unwrap();
    db.exec(&command.replace('…', "ARTENSE"));
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(nights(&db)[0], "2024-07-01 CABA 500 0");
    assert!(is_counted(&db, "dim_zones_observation", "id_zone"));
}

/// The command leaves the first row of a day, and the facts that a foreign key ties to it.
#[test]
fn doubled_days_are_told_with_a_command_that_runs() {
    let link = if flux_test::is_mysql() {
        ""
    } else {
        "; ALTER TABLE dim_dates ADD KEY jour (date); ALTER TABLE fact_nuitees ADD CONSTRAINT jour FOREIGN KEY (date) REFERENCES dim_dates (date) ON DELETE CASCADE"
    };
    let (db, home) = second(&format!(
        "INSERT IGNORE INTO dim_dates (date) SELECT date FROM fact_nuitees; ALTER TABLE dim_dates DROP PRIMARY KEY;
         INSERT INTO dim_dates (date, jour_semaine) VALUES ('2024-07-01', 'mardi'), ('2025-06-01', NULL), ('2025-06-01', 'dimanche') {link}"
    ));
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["duplicate-keys"]);
    let told = told(&json, "duplicate-keys");
    assert_eq!(told[0].0, "dim_dates");
    let (first, command) = told[0].1.split_once(" : ").unwrap();
    assert!(first.contains("backup-critical"), "{told:?}");
    db.exec(command);
    assert_eq!(
        db.rows("SELECT date, jour_semaine FROM dim_dates WHERE date IN ('2024-07-01', '2025-06-01') ORDER BY 1"),
        [["2024-07-01", "Lundi"], ["2025-06-01", "dimanche"]]
    );
    assert_eq!(db.count("fact_nuitees"), 5);
    adopt(&home, &["--apply"]).expect_code(0);
}

/// A commune that only its name tells takes the code that it alone can have; of a name that several bear people say which.
#[test]
fn communes_without_code_or_departement_are_placed_or_told() {
    let (db, home) = second(
        "ALTER TABLE dim_communes MODIFY code_insee VARCHAR(10) NULL;
         INSERT INTO dim_communes (id_commune, code_insee, nom_commune, id_departement) VALUES (50, NULL, 'Arpajon-sur-Cère', NULL),
           (51, NULL, 'Murat', NULL), (52, NULL, 'RESTE DU MONDE', NULL), (53, '15119', 'MASSIAC', NULL), (54, NULL, 'Sainte-Colombe', NULL),
           (55, '15141', 'Neussargues en Pinatelle', NULL)",
    );
    let json = adopt(&home, &[]).expect_code(3).json();
    let told: Vec<String> = told(&json, "commune-unplaced").into_iter().map(|(_, action)| action).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["commune-unplaced"]);
    assert_eq!(found(&json, "findings", "commune-unplaced")["count"], 2);
    assert_eq!(found(&json, "notes", "commune-unplaced")["count"], 1);
    let cantal = db.scalar("SELECT id_departement FROM dim_departements WHERE nom_departement = 'CANTAL'");
    assert_eq!(
        db.rows(
            "SELECT id_commune, code_insee, id_departement FROM dim_communes WHERE id_commune IN (50, 53, 55) ORDER BY 1"
        ),
        [["50", "15012", &cantal], ["53", "15119", &cantal], ["55", "15141", &cantal]]
    );
    db.exec("UPDATE dim_communes SET code_insee = '03191' WHERE id_commune = 51; UPDATE dim_communes SET code_insee = '33390' WHERE id_commune = 54");
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted");
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    let murat = "SELECT c.id_commune, d.nom_departement FROM dim_communes c JOIN dim_departements d USING (id_departement) WHERE nom_commune = 'MURAT' ORDER BY 1";
    assert_eq!(db.rows(murat), [["4", "CANTAL"], ["51", "ALLIER"]]);
}

/// A unique key that is neither the natural one nor wider forbids rows which the tools tell apart; so does one of beginnings of names.
#[test]
fn unique_keys_that_forbid_rows_of_ours_are_told_and_wider_ones_left() {
    let (db, home) = second(
        "ALTER TABLE fact_nuitees ADD UNIQUE KEY un_volume (date, volume), ADD UNIQUE KEY large (date, id_zone, id_provenance, id_categorie, volume);
         ALTER TABLE dim_departements ADD UNIQUE KEY region (nom_region), ADD pays_iso CHAR(2) NULL, ADD UNIQUE KEY iso (pays_iso);
         ALTER TABLE dim_pays DROP INDEX nom_pays, ADD UNIQUE KEY debut (nom_pays(4))",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["key-refuses"]);
    let commands: Vec<String> = told(&json, "key-refuses").into_iter().map(|(_, command)| command).collect();
    let expected = [
        "ALTER TABLE dim_departements DROP INDEX region",
        "ALTER TABLE dim_pays DROP INDEX debut",
        "ALTER TABLE fact_nuitees DROP INDEX un_volume",
    ];
    let mut sorted = commands.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    commands.iter().for_each(|command| db.exec(command));
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_departements WHERE nom_region = 'AUVERGNE'"), "4");
}

/// A dimension behind a view, a list of names in an old character set, numbers that no INT holds, narrow numbers on both sides of a foreign
/// key: each is told with SQL that runs, or mended, and none ends the look.
#[test]
fn odd_dimensions_are_told_with_sql_that_runs_or_mended() {
    let (db, home) = second(
        "RENAME TABLE dim_epci TO epci_du_portail; CREATE VIEW dim_epci AS SELECT id_epci, nom_epci FROM epci_du_portail;
         ALTER TABLE dim_categories_visiteur DROP INDEX nom_categorie, CONVERT TO CHARACTER SET latin1, MODIFY nom_categorie
           ENUM('TOURISTE', 'EXCURSIONNISTE', 'RESIDENT', 'Habituellement présent') CHARACTER SET latin1 NULL;
         INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (4, 'Habituellement présent');
         ALTER TABLE dim_pays MODIFY id_pays BIGINT NOT NULL AUTO_INCREMENT; ALTER TABLE fact_nuitees_pays MODIFY id_pays BIGINT NOT NULL;
         UPDATE dim_pays SET id_pays = 3000000000 WHERE id_pays = 2;
         INSERT INTO fact_nuitees_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES ('2024-07-01', 1, 3, 4, 3000000000, 6);
         ALTER TABLE fact_nuitees_pays ADD CONSTRAINT du_pays FOREIGN KEY (id_pays) REFERENCES dim_pays (id_pays) ON DELETE CASCADE;
         ALTER TABLE dim_durees_sejour MODIFY id_duree SMALLINT NOT NULL AUTO_INCREMENT; ALTER TABLE fact_sejours_duree MODIFY id_duree SMALLINT NOT NULL;
         ALTER TABLE fact_sejours_duree ADD CONSTRAINT de_la_duree FOREIGN KEY (id_duree) REFERENCES dim_durees_sejour (id_duree) ON DELETE CASCADE",
    );
    let stays = db.rows("SELECT date, id_duree, volume FROM fact_sejours_duree ORDER BY id");
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["column-unfit", "number-unfit", "table-unfit"]);
    let number = told(&json, "number-unfit");
    assert_eq!(number[0].0, "dim_pays");
    db.exec(&number[0].1);
    let types = told(&json, "column-unfit");
    assert_eq!(types.len(), 2, "{types:?}");
    assert_eq!(types[0].1, types[1].1, "one command for both sides");
    db.exec(&types[0].1);
    db.exec("DROP VIEW dim_epci; RENAME TABLE epci_du_portail TO dim_epci");
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    assert_eq!(json["origin"], "adopted");
    let rows = "SELECT p.nom_pays, c.nom_categorie, f.volume FROM fact_nuitees_pays f JOIN dim_pays p USING (id_pays) JOIN dim_categories_visiteur c USING (id_categorie) WHERE f.date = '2024-07-01'";
    assert_eq!(db.rows(rows), [["BELGIQUE", "Habituellement présent", "6"]]);
    assert_eq!(db.rows("SELECT date, id_duree, volume FROM fact_sejours_duree ORDER BY id"), stays);
    let rules = "SELECT constraint_name AS n, delete_rule AS r FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE() AND constraint_name IN ('du_pays', 'de_la_duree') ORDER BY 1";
    assert_eq!(db.rows(rules), [["de_la_duree", "CASCADE"], ["du_pays", "CASCADE"]]);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(
        db.scalar("SELECT COUNT(*) FROM dim_categories_visiteur WHERE nom_categorie LIKE 'habituellement pr_sent'"),
        "1"
    );
}

/// Rows of one natural key that the table's own key tells apart are parts of one figure.
#[test]
fn rows_that_a_wider_key_tells_apart_are_to_be_added_up() {
    let (db, home) = second(
        "ALTER TABLE fact_diurnes ADD id_zone_detail INT NOT NULL DEFAULT 0, ADD UNIQUE KEY detail (date, id_zone, id_zone_detail, id_provenance, id_categorie);
         ALTER TABLE fact_diurnes DROP INDEX unique_fact;
         INSERT INTO fact_diurnes (date, id_zone, id_zone_detail, id_provenance, id_categorie, volume) VALUES ('2024-07-01', 1, 4, 1, 1, 30), ('2024-07-01', 1, 9, 1, 1, 12)",
    );
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    let told = told(&json, "duplicate-keys");
    assert!(
        told[0].1.starts_with("ensure-schema --resolve-duplicates sum") && told[0].1.contains("id_zone_detail"),
        "{told:?}"
    );
    run(&home, "ensure-schema", &["--resolve-duplicates", "sum"]).expect_code(0);
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(db.column("SELECT volume FROM fact_diurnes"), ["42"]);
}
