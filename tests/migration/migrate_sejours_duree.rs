//! `migrate-sejours-duree`: the three tables of stays and no other, then the spread.

use flux_test::Home;
use support::diag;

#[test]
fn stays_are_migrated_others_stay_where_they_are() {
    let db = diag::database();
    db.exec(
        "INSERT INTO fact_sejours_duree_temp (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES
         ('2025-07-01', 1, 1, 1, 1, 30), ('2025-07-01', 1, 1, 1, 2, 10);
         INSERT INTO fact_sejours_duree (date, id_zone, id_provenance, id_categorie, id_duree, volume, is_provisional) VALUES
         ('2025-07-01', 1, 1, 1, 1, 7, 1), ('2025-01-01', 1, 1, 1, 2, 1000, 0);
         INSERT INTO fact_sejours_duree_pays_temp (date, id_zone, id_provenance, id_categorie, id_pays, id_duree, volume) VALUES
         ('2025-07-01', 1, 3, 1, 2, 1, 5);
         INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 1, 1, 1, 9)",
    );
    let home = Home::new(&db);
    let migrate = || home.tool("migrate-sejours-duree").args(["--json", "--include-unrecorded"]);
    migrate().arg("--dry-run").run().expect_code(0);
    assert_eq!(db.count("fact_sejours_duree"), 2);
    let json = migrate().run().expect_code(0).json();
    assert_eq!(json["tables"].as_array().unwrap().len(), 3);
    assert_eq!((&json["tables"][0]["inserted"], &json["tables"][0]["updated"]), (&1.into(), &1.into()));
    assert_eq!(db.scalar("SELECT SUM(volume) FROM fact_sejours_duree WHERE date = '2025-07-01'"), "40");
    assert_eq!(db.count("fact_nuitees"), 0);
    // only the dates of the delivery count
    let spread = &json["spreads"][0];
    assert_eq!(spread["volume"], 40);
    assert_eq!(spread["durations"][0]["percent"], 75.0);
    assert_eq!(json["spreads"][2]["top"][0]["name"], "ESPAGNE");
    let again = migrate().run().expect_code(0).json();
    assert_eq!(again["tables"][0]["unchanged"], 2);
}

#[test]
fn a_missing_table_and_a_bad_option() {
    let db = diag::database();
    db.exec("DROP TABLE fact_sejours_duree_pays");
    let home = Home::new(&db);
    home.tool("migrate-sejours-duree").run().expect_code(1).expect_stdout("fact_sejours_duree_pays");
    home.tool("migrate-sejours-duree").arg("--tout").run().expect_code(2);
    home.tool("migrate-sejours-duree").args(["--only", "fact_nuitees"]).run().expect_code(2);
}

#[test]
fn one_of_them_alone_also_under_its_old_name() {
    let db = diag::database();
    db.exec(
        "INSERT INTO fact_sejours_duree_temp (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES
         ('2025-07-01', 1, 1, 1, 1, 30);
         INSERT INTO fact_sejours_duree_pays_temp (date, id_zone, id_provenance, id_categorie, id_pays, id_duree, volume) VALUES
         ('2025-07-01', 1, 3, 1, 2, 1, 5)",
    );
    let home = Home::new(&db);
    home.tool("flux").args(["migration", "migrate_sejours_duree_int.php", "--include-unrecorded"]).run().expect_code(0);
    assert_eq!((db.count("fact_sejours_duree"), db.count("fact_sejours_duree_pays")), (0, 1));
}
