//! `update-saisons`: fills, keeps ids and what people entered, changes nothing the second time.

use flux_test::{Home, TestDb};
use support::saisons::{add_facts, database};

/// Seasons that do not begin the second after the one before ended; after the winter of a year comes the spring of the next.
const BREAKS: &str = "SELECT COUNT(*) FROM dim_saisons a JOIN dim_saisons b
  ON (a.saison < 4 AND b.annee = a.annee AND b.saison = a.saison + 1)
  OR (a.saison = 'hiver' AND b.saison = 'printemps' AND b.annee = a.annee + 1)
  WHERE b.date_debut <> a.date_fin + INTERVAL 1 SECOND";

const SAISONS: &str = "SELECT id, annee, saison, date_debut, date_fin, duree_jours FROM dim_saisons ORDER BY id";
const PERIODES: &str =
    "SELECT id_periode, code_periode, annee, date_debut, date_fin, id_saison FROM dim_periodes ORDER BY id_periode";

fn periode(db: &TestDb, code: &str, annee: i32) -> Vec<String> {
    db.rows(&format!(
        "SELECT p.date_debut, p.date_fin, CONCAT(s.saison, ' ', s.annee) FROM dim_periodes p
         LEFT JOIN dim_saisons s ON s.id = p.id_saison WHERE code_periode = '{code}' AND p.annee = {annee}"
    ))
    .remove(0)
}

#[test]
fn fills_both_tables_and_links_them() {
    let db = database();
    let home = Home::new(&db);
    let run = home.tool("update-saisons").args(["--json", "--from", "2024", "--to", "2025"]).run().expect_code(0);
    let json = run.json();
    // the winter of 2023 runs into 2024
    assert_eq!(json["saisons"]["inserted"], 9);
    assert_eq!(json["periodes"]["inserted"], 20);
    assert_eq!(db.count("dim_saisons"), 9);
    assert_eq!(db.scalar(BREAKS), "0");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_saisons WHERE duree_jours <> DATEDIFF(date_fin, date_debut)"), "0");

    // the ministry's calendar and the season of most days, by hand
    for (code, expected) in [
        ("vacances_hiver", ["2025-02-08 00:00:00", "2025-03-09 23:59:59", "hiver 2024"]),
        ("vacances_paques", ["2025-04-05 00:00:00", "2025-05-04 23:59:59", "printemps 2025"]),
        ("vacances_ete", ["2025-07-05 00:00:00", "2025-08-31 23:59:59", "ete 2025"]),
        ("vacances_toussaint", ["2025-10-18 00:00:00", "2025-11-02 23:59:59", "automne 2025"]),
        ("vacances_noel", ["2025-12-20 00:00:00", "2026-01-04 23:59:59", "hiver 2025"]),
        ("weekend_paques", ["2025-04-19 00:00:00", "2025-04-21 23:59:59", "printemps 2025"]),
        ("weekend_ascension", ["2025-05-29 00:00:00", "2025-06-01 23:59:59", "printemps 2025"]),
        ("weekend_pentecote", ["2025-06-07 00:00:00", "2025-06-09 23:59:59", "printemps 2025"]),
        ("pont_de_mai", ["2025-05-01 00:00:00", "2025-05-11 23:59:59", "printemps 2025"]),
        ("annee_complete", ["2025-01-01 00:00:00", "2025-12-31 23:59:59", "printemps 2025"]),
    ] {
        assert_eq!(periode(&db, code, 2025), expected, "{code}");
    }
}

#[test]
fn a_second_run_changes_nothing_and_a_wider_one_keeps_the_ids() {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").args(["--from", "2024", "--to", "2025"]).run().expect_code(0);
    let (saisons, periodes) = (db.rows(SAISONS), db.rows(PERIODES));
    let again = home.tool("update-saisons").args(["--json", "--from", "2024", "--to", "2025"]).run().expect_code(0);
    assert_eq!(again.json()["saisons"]["unchanged"], 9);
    assert_eq!(again.json()["changes"], serde_json::json!([]));
    assert_eq!((db.rows(SAISONS), db.rows(PERIODES)), (saisons.clone(), periodes.clone()));

    home.tool("update-saisons").args(["--from", "2023", "--to", "2026"]).run().expect_code(0);
    assert_eq!(db.count("dim_saisons"), 17);
    assert!(db.rows(SAISONS).starts_with(&saisons) && db.rows(PERIODES).starts_with(&periodes));
    assert_eq!(db.scalar(BREAKS), "0");
}

#[test]
fn a_wrong_season_is_corrected_under_its_id() {
    let db = database();
    let home = Home::new(&db);
    // as the earlier script left it: fixed dates, the year without a successor ending on 31 December
    db.exec(
        "INSERT INTO dim_saisons (id, annee, saison, date_debut, date_fin, duree_jours) VALUES
         (77, 2025, 'hiver', '2025-12-21 00:00:00', '2025-12-31 23:59:59', 10);
         INSERT INTO dim_periodes (id_periode, code_periode, nom_periode, annee, date_debut, date_fin, id_saison) VALUES
         (88, 'vacances_noel', 'Noël', 2025, '2025-12-20', '2026-01-04', 77)",
    );
    home.tool("update-saisons").args(["--from", "2025", "--to", "2025"]).run().expect_code(0);
    let row = db.rows("SELECT id, DATE(date_debut), DATE(date_fin), duree_jours FROM dim_saisons WHERE saison = 'hiver' AND annee = 2025");
    assert_eq!(row, [["77", "2025-12-21", "2026-03-20", "89"]]);
    assert_eq!(
        db.rows("SELECT id_periode, id_saison FROM dim_periodes WHERE code_periode = 'vacances_noel'"),
        [["88", "77"]]
    );
}

#[test]
fn what_people_entered_or_changed_is_kept_and_told() {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").args(["--from", "2025", "--to", "2025"]).run().expect_code(0);
    db.exec(
        "UPDATE dim_periodes SET date_fin = '2025-05-04 23:59:59' WHERE code_periode = 'pont_de_mai';
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('festival', 'Festival de théâtre de rue', 2025, '2025-08-20', '2025-08-23')",
    );
    let run = home.tool("update-saisons").args(["--json", "--from", "2025", "--to", "2025"]).run().expect_code(0);
    let json = run.json();
    assert_eq!(json["changed_by_hand"][0]["code"], "pont_de_mai");
    assert_eq!(json["changed_by_hand"][0]["computed"][1], "2025-05-11");
    assert_eq!(json["own_periods"][0]["code"], "festival");
    assert_eq!(periode(&db, "pont_de_mai", 2025)[1], "2025-05-04 23:59:59");
    assert_eq!(periode(&db, "festival", 2025)[2], "ete 2025");

    home.tool("update-saisons").args(["--overwrite", "--from", "2025", "--to", "2025"]).run().expect_code(0);
    assert_eq!(periode(&db, "pont_de_mai", 2025)[1], "2025-05-11 23:59:59");
    assert_eq!(periode(&db, "festival", 2025)[0], "2025-08-20 00:00:00");
}

#[test]
fn years_beyond_the_school_calendar_are_said_to_be_unknown() {
    let db = database();
    let home = Home::new(&db);
    let run = home.tool("update-saisons").args(["--json", "--from", "2029", "--to", "2029"]).run().expect_code(0);
    let unknown = &run.json()["unknown"]["2029"];
    assert_eq!(unknown.as_array().unwrap().len(), 5);
    assert_eq!(db.column("SELECT code_periode FROM dim_periodes ORDER BY code_periode").len(), 5);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE code_periode LIKE 'vacances%'"), "0");
    // Easter 2029 is on 1 April
    assert_eq!(periode(&db, "weekend_paques", 2029)[..2], ["2029-03-31 00:00:00", "2029-04-02 23:59:59"]);
}

#[test]
fn the_years_of_the_facts_are_covered_without_being_named() {
    let db = database();
    let home = Home::new(&db);
    add_facts(&db, &["2017-07-14"]);
    home.tool("update-saisons").run().expect_code(0);
    assert_eq!(db.scalar("SELECT MIN(annee) FROM dim_periodes"), "2017");
    assert_eq!(db.scalar("SELECT MIN(annee) FROM dim_saisons"), "2016");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE id_saison IS NULL"), "0");
}

#[test]
fn a_dry_run_writes_nothing() {
    let db = database();
    let home = Home::new(&db);
    let run = home.tool("update-saisons").args(["--json", "--dry-run", "--from", "2025", "--to", "2025"]).run();
    assert_eq!(run.expect_code(0).json()["saisons"]["inserted"], 5);
    assert_eq!((db.count("dim_saisons"), db.count("dim_periodes")), (0, 0));
    assert!(!db.has_table("flux_periodes"));
}

#[test]
fn a_failure_leaves_nothing_half_done() {
    let db = database();
    let home = Home::new(&db);
    // the last step, the link, is what the server refuses
    db.exec("ALTER TABLE dim_periodes DROP FOREIGN KEY dim_periodes_ibfk_1, ADD CONSTRAINT aucun_lien CHECK (id_saison IS NULL)");
    home.tool("update-saisons")
        .args(["--from", "2025", "--to", "2025"])
        .run()
        .expect_code(1)
        .expect_stderr("dim_periodes");
    assert_eq!((db.count("dim_saisons"), db.count("dim_periodes")), (0, 0));
}

#[test]
fn a_missing_table_a_lock_and_bad_years_have_their_codes() {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").args(["--from", "2200"]).run().expect_code(2);
    let mut conn = db.conn();
    use flux_test::mysql::prelude::Queryable;
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap();
    home.tool("update-saisons").run().expect_code(4).expect_stderr("autre exécution");
    drop(conn);
    db.exec("DROP TABLE dim_periodes");
    home.tool("update-saisons").run().expect_code(1).expect_stderr("ensure-schema");
}

#[test]
fn works_on_the_tables_that_ensure_schema_makes() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool("ensure-schema").run().expect_code(0);
    home.tool("update-saisons").run().expect_code(0);
    home.tool("verifier-saisons").run().expect_code(0);
    assert_eq!(db.scalar(BREAKS), "0");
    // nothing of what is made here looks strange to it afterwards
    home.tool("ensure-schema").arg("--dry-run").run().expect_code(0);
}

/// As older scripts left them: days alone, names in capitals, a season in words, labels of their own, no whole year.
const OLDER: &str = "
    DROP TABLE dim_periodes; DROP TABLE dim_saisons;
    CREATE TABLE dim_saisons (id INT AUTO_INCREMENT PRIMARY KEY, annee SMALLINT NOT NULL,
      saison ENUM('PRINTEMPS','ETE','AUTOMNE','HIVER') NOT NULL, date_debut DATE NOT NULL, date_fin DATE NOT NULL, duree_jours INT NOT NULL,
      UNIQUE KEY (annee, saison)) ENGINE=InnoDB;
    CREATE TABLE dim_periodes (id_periode INT AUTO_INCREMENT PRIMARY KEY, code_periode VARCHAR(50) NOT NULL, nom_periode VARCHAR(100) NOT NULL,
      annee SMALLINT NOT NULL, saison VARCHAR(20) NULL, date_debut DATE NOT NULL, date_fin DATE NOT NULL, id_saison INT NULL,
      UNIQUE KEY (code_periode, annee), FOREIGN KEY (id_saison) REFERENCES dim_saisons (id)) ENGINE=InnoDB;
    INSERT INTO dim_saisons (annee, saison, date_debut, date_fin, duree_jours) VALUES (2024, 'ETE', '2024-06-20', '2024-09-22', 94);
    INSERT INTO dim_periodes (code_periode, nom_periode, annee, saison, date_debut, date_fin, id_saison) VALUES
      ('vacances_ete', 'Vacances d''été 2024', 2024, 'ETE', '2024-07-06', '2024-09-01', 1),
      ('pont_de_mai', 'Ponts', 2024, NULL, '2024-05-08', '2024-05-12', NULL)";

/// legacy.md, 11, 12.
#[test]
fn older_tables_keep_their_labels_columns_years_and_days() {
    let db = database();
    let home = Home::new(&db);
    db.exec(OLDER);
    add_facts(&db, &["2025-07-14"]);
    home.tool("update-saisons").run().expect_code(0);
    assert_eq!(
        db.rows("SELECT annee, nom_periode, saison FROM dim_periodes WHERE code_periode = 'vacances_ete' ORDER BY 1"),
        [["2024", "Vacances d'été 2024", "ETE"], ["2025", "Vacances d'été 2025", "ETE"]]
    );
    assert_eq!(
        db.scalar("SELECT nom_periode FROM dim_periodes WHERE code_periode = 'pont_de_mai' AND annee = 2025"),
        "Ponts"
    );
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE code_periode = 'annee_complete'"), "0");
    assert_eq!(db.rows("SELECT MIN(annee), MAX(annee) FROM dim_periodes"), [["2024", "2025"]]);
    assert_eq!(
        db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE saison IS NULL OR saison = '' OR id_saison IS NULL"),
        "0"
    );
    // Summer 2025 began on 21 June.
    assert_eq!(
        db.rows("SELECT date_debut, date_fin FROM dim_saisons WHERE annee = 2025 AND saison = 'ETE'"),
        [["2025-06-21", "2025-09-22"]]
    );
    let before = db.rows("SELECT * FROM dim_periodes ORDER BY 1");
    let again = home.tool("update-saisons").arg("--json").run().expect_code(0).json();
    assert_eq!((&again["saisons"]["inserted"], &again["saisons"]["updated"]), (&0.into(), &0.into()));
    assert_eq!(db.rows("SELECT * FROM dim_periodes ORDER BY 1"), before);
    home.tool("verifier-saisons").arg("--repair").run().expect_code(0);
}
