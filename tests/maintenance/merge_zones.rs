//! `merge-zones`: all facts move, volumes stay, conflicts are decided by rule, a failure leaves everything as it was.

use flux_test::{Home, TestDb};
use support::diag;

/// CABA (2) and PAYS D'AURILLAC (4) both hold facts; one key stands on both sides.
fn split() -> TestDb {
    let db = diag::database();
    diag::add_test_tables(&db);
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2025-07-01', 2, 1, 1, 10, 0), ('2025-07-01', 4, 1, 1, 3, 1), ('2025-07-01', 2, 2, 1, 20, 0),
         ('2025-07-02', 2, 1, 1, 30, 0), ('2025-07-02', 1, 1, 1, 40, 0);
         INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 2, 1, 1, 7);
         INSERT INTO fact_sejours_duree_pays (date, id_zone, id_provenance, id_categorie, id_pays, id_duree, volume) VALUES
         ('2025-07-01', 2, 3, 1, 1, 1, 5), ('2025-07-01', 4, 3, 1, 2, 1, 6);
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume)
         VALUES ('2025-07-01', 2, 3, 1, 1, 'mardi', 8);
         INSERT INTO fact_diurnes_test (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 2, 1, 1, 9)",
    );
    db
}

const FACTS: &str = "SELECT date, id_zone, id_provenance, volume, is_provisional FROM fact_nuitees ORDER BY 1, 2, 3";

#[test]
fn without_yes_the_plan_is_shown_and_nothing_moves() {
    let db = split();
    let home = Home::new(&db);
    let before = db.rows(FACTS);
    let json = home.tool("merge-zones").args(["--json", "--on-conflict", "sum"]).run().expect_code(0).json();
    assert_eq!((&json["applied"], &json["dry_run"]), (&false.into(), &true.into()));
    let merge = &json["merges"][0];
    assert_eq!((&merge["from"][1], &merge["into"][1]), (&"CABA".into(), &"PAYS D'AURILLAC".into()));
    let tables = merge["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 5);
    let nuitees = tables.iter().find(|table| table["table"] == "fact_nuitees").unwrap();
    assert_eq!((&nuitees["rows"], &nuitees["volume"], &nuitees["conflicts"]), (&3.into(), &60.into(), &1.into()));
    assert_eq!(nuitees["examples"][0], "2025-07-01 id_provenance 1 id_categorie 1 : 10 / 3");
    assert_eq!(db.rows(FACTS), before);
}

#[test]
fn a_conflict_without_a_rule_moves_nothing() {
    let db = split();
    let home = Home::new(&db);
    let before = db.rows(FACTS);
    home.tool("merge-zones").arg("--yes").run().expect_code(3).expect_stdout("--on-conflict");
    assert_eq!(db.rows(FACTS), before);
    assert_eq!(db.count("dim_zones_observation"), 4);
}

#[test]
fn the_sum_keeps_every_visitor_of_every_table() {
    let db = split();
    let home = Home::new(&db);
    home.tool("merge-zones").args(["--yes", "--on-conflict", "sum"]).run().expect_code(0);
    let expected = [
        ["2025-07-01", "4", "1", "13", "1"],
        ["2025-07-01", "4", "2", "20", "0"],
        ["2025-07-02", "1", "1", "40", "0"],
        ["2025-07-02", "4", "1", "30", "0"],
    ];
    assert_eq!(db.rows(FACTS), expected);
    assert_eq!(db.rows("SELECT id_zone, volume FROM fact_nuitees_temp"), [["4", "7"]]);
    assert_eq!(
        db.rows("SELECT id_zone, id_pays, volume FROM fact_sejours_duree_pays ORDER BY 2"),
        [["4", "1", "5"], ["4", "2", "6"]]
    );
    assert_eq!(db.scalar("SELECT id_zone FROM fact_lieu_activite_soir"), "4");
    assert_eq!(db.scalar("SELECT id_zone FROM fact_diurnes_test"), "4");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE nom_zone = 'CABA'"), "0");
    // a second run has nothing left to do
    home.tool("merge-zones").arg("--yes").run().expect_code(0).expect_stdout("aucune zone");
}

#[test]
fn one_side_is_kept_where_told_and_the_other_way_round() {
    for (rule, kept) in [("target", ["4", "1", "3", "1"]), ("source", ["4", "1", "10", "0"])] {
        let db = split();
        let home = Home::new(&db);
        home.tool("merge-zones").args(["--yes", "--on-conflict", rule]).run().expect_code(0);
        let rows = db.rows("SELECT id_zone, id_provenance, volume, is_provisional FROM fact_nuitees WHERE date = '2025-07-01' ORDER BY 2");
        assert_eq!(rows[0], kept, "{rule}");
        assert_eq!(rows[1], ["4", "2", "20", "0"]);
    }
    // and the zone that goes can be the preferred one
    let db = split();
    let home = Home::new(&db);
    let args = ["--yes", "--on-conflict", "sum", "--from", "Pays d'Aurillac", "--into", "CABA"];
    home.tool("merge-zones").args(args).run().expect_code(0);
    assert_eq!(db.scalar("SELECT SUM(volume) FROM fact_nuitees WHERE id_zone = 2"), "63");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE id_zone = 4"), "0");
}

#[test]
fn a_failure_in_the_last_table_rolls_everything_back() {
    let db = split();
    let home = Home::new(&db);
    let before = db.rows(FACTS);
    // the sum does not fit the column
    db.exec(
        "INSERT INTO fact_sejours_duree_pays (date, id_zone, id_provenance, id_categorie, id_pays, id_duree, volume) VALUES
         ('2025-07-09', 2, 3, 1, 1, 1, 2000000000), ('2025-07-09', 4, 3, 1, 1, 1, 2000000000)",
    );
    home.tool("merge-zones")
        .args(["--yes", "--on-conflict", "sum"])
        .run()
        .expect_code(1)
        .expect_stderr("fact_sejours_duree_pays");
    assert_eq!(db.rows(FACTS), before);
    assert_eq!(db.count("dim_zones_observation"), 4);
}

#[test]
fn zones_that_are_not_the_same_and_names_that_are_not_there_are_refused() {
    let db = split();
    let home = Home::new(&db);
    let run = |from: &str, into: &str| home.tool("merge-zones").args(["--yes", "--from", from, "--into", into]).run();
    run("CANTAL", "CABA").expect_code(2).expect_stderr("équivalentes");
    run("CABBA", "CANTAL").expect_code(2).expect_stderr("CABA");
    run("CABA", "CABA").expect_code(2);
    home.tool("merge-zones").args(["--from", "CABA"]).run().expect_code(2);
    home.tool("merge-zones").args(["--on-conflict", "peut-être"]).run().expect_code(2);
}

#[test]
fn rows_in_a_table_of_others_stop_the_merge() {
    let db = split();
    db.exec("CREATE TABLE objectifs (id_zone INT, cible INT); INSERT INTO objectifs VALUES (2, 100)");
    let home = Home::new(&db);
    let merge = |code| {
        home.tool("merge-zones").args(["--yes", "--json", "--on-conflict", "sum"]).run().expect_code(code).json()
    };
    let json = merge(3);
    assert_eq!(
        (&json["findings"][0]["code"], &json["findings"][0]["place"]),
        (&"merge-blocked".into(), &"objectifs".into())
    );
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE id_zone = 2"), "3");
    // What is advised is SQL that runs, and then suffices.
    let action = json["findings"][0]["action"].as_str().unwrap();
    db.exec(&action[action.find("UPDATE").expect(action)..]);
    assert_eq!(
        (db.column("SELECT id_zone FROM objectifs"), merge(0)["findings"].as_array().map(Vec::len)),
        (vec!["4".into()], Some(0))
    );
}

/// A zone under two names over a year and a half, both on every day of the first 200, and on these alone with one key on both sides.
#[test]
fn days_of_both_names_are_compared_and_days_of_one_are_moved() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume)
         WITH RECURSIVE days AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM days WHERE n < 499)
         SELECT '2023-01-01' + INTERVAL n DAY, 2, p, 1, 10 FROM days, (SELECT 1 AS p UNION SELECT 2) provenances
         UNION ALL SELECT '2023-01-01' + INTERVAL n DAY, 4, p, 1, 3 FROM days, (SELECT 2 AS p UNION SELECT 3) provenances WHERE n < 200
         UNION ALL SELECT '2025-01-01' + INTERVAL n DAY, 4, 1, 1, 1 FROM days WHERE n < 5",
    );
    let home = Home::new(&db);
    let merge = |args: &[&str]| home.tool("merge-zones").arg("--json").args(args).run().expect_code(0).json();
    let plan = &merge(&["--on-conflict", "target"])["merges"][0]["tables"][0];
    let figures = ["rows", "volume", "conflicts", "identical", "dropped"].map(|field| plan[field].as_u64().unwrap());
    assert_eq!(figures, [1000, 10_000, 200, 0, 2000]);
    assert_eq!(plan["examples"][0], "2023-01-01 id_provenance 2 id_categorie 1 : 10 / 3");
    merge(&["--yes", "--on-conflict", "target"]);
    // By day: 10 + 3 + 3 on the first 200, 10 + 10 on 300, 1 on the last 5.
    let by_day = "SELECT COUNT(*), n, volume FROM (SELECT COUNT(*) AS n, SUM(volume) AS volume FROM fact_nuitees \
                  WHERE id_zone = 4 GROUP BY date) days GROUP BY n, volume ORDER BY 1";
    assert_eq!(db.rows(by_day), [["5", "1", "1"], ["200", "3", "16"], ["300", "2", "20"]]);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE id_zone <> 4"), "0");
}

/// Volumes add up with or without a row that counts nobody; it must not be left under a number that is nobody's.
#[test]
fn a_row_that_stays_where_it_was_stops_the_merge() {
    let db = split();
    db.exec(
        "INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-03', 2, 1, 1, 0), ('2025-07-03', 2, 2, 1, 5);
         CREATE TRIGGER keep BEFORE UPDATE ON fact_diurnes FOR EACH ROW SET NEW.id_zone = IF(OLD.volume = 0, OLD.id_zone, NEW.id_zone)",
    );
    let home = Home::new(&db);
    let before = db.rows(FACTS);
    home.tool("merge-zones")
        .args(["--yes", "--on-conflict", "sum"])
        .run()
        .expect_code(1)
        .expect_stderr("fact_diurnes : lignes ou volume changent à ces dates : 2025-07-03 : 1 ligne au lieu de 2");
    assert_eq!((db.rows(FACTS), db.count("dim_zones_observation")), (before, 4));
}
