//! `migrate-optimized`: batches of dates, revisions and withdrawals included; killed anywhere, it is taken up again.

use flux_test::{Home, TestDb};
use support::diag;
use support::trouble::killed_at;

/// `days` dates of `rows` rows each, of which main holds an older version with rows that are gone and a definitive one.
fn fill(db: &TestDb, days: u32, rows: u32) {
    db.exec(
        "CREATE TABLE n (i INT PRIMARY KEY); INSERT INTO n VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    );
    db.exec(&format!(
        "INSERT INTO fact_lieu_activite_soir_temp
           (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume)
         SELECT '2025-01-01' + INTERVAL d.d DAY, 1, 1, 1, 0, r.r, 'lundi', 10 + r.r
         FROM (SELECT a.i + 10 * b.i AS d FROM n a, n b) d, (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i AS r FROM n a, n b, n c, n d) r
         WHERE d.d < {days} AND r.r < {rows};
         INSERT INTO fact_lieu_activite_soir
           (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional)
         SELECT date, 1, 1, 1, 0, id_commune, 'lundi', 1, 1 FROM fact_lieu_activite_soir_temp WHERE id_commune < 3;
         INSERT INTO fact_lieu_activite_soir
           (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional)
         SELECT DISTINCT date, 1, 1, 1, 0, 99999, 'lundi', 5, 1 FROM fact_lieu_activite_soir_temp;
         UPDATE fact_lieu_activite_soir SET is_provisional = 0, volume = 77 WHERE id_commune = 0;
         INSERT INTO fact_lieu_activite_soir
           (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional)
         VALUES ('2024-06-01', 1, 1, 1, 0, 5, 'lundi', 5, 1)"
    ));
}

/// Date by date: every row of the temporary table, but the definitive one of commune 0; nothing else.
fn assert_migrated(db: &TestDb, days: u32, rows: u32) {
    let (days, rows) = (u64::from(days), u64::from(rows));
    assert_eq!(db.count("fact_lieu_activite_soir"), days * rows + 1);
    let wrong = "SELECT COUNT(*) FROM fact_lieu_activite_soir WHERE date > '2025-01-01' - INTERVAL 1 DAY AND
        volume <> IF(id_commune = 0, 77, 10 + id_commune)";
    assert_eq!(db.scalar(wrong), "0");
    assert_eq!(
        db.scalar("SELECT COUNT(*) FROM fact_lieu_activite_soir WHERE is_provisional = 0 AND id_commune = 0"),
        days.to_string()
    );
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_lieu_activite_soir WHERE date = '2024-06-01'"), "1");
}

#[test]
fn revisions_withdrawals_and_definitive_rows_are_as_in_the_plain_migration() {
    let db = diag::database();
    fill(&db, 5, 20);
    let home = Home::new(&db);
    let run = |extra: &[&str]| {
        home.tool("migrate-optimized").args(["--json", "--include-unrecorded", "--batch-size", "40"]).args(extra).run()
    };
    let dry = run(&["--dry-run"]).expect_code(0).json();
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_lieu_activite_soir"), "21");
    let json = run(&[]).expect_code(0).json();
    assert_eq!(json["totals"], dry["totals"]);
    assert_eq!((&json["batches"], &json["already_done"]), (&3.into(), &0.into()));
    let totals = &json["totals"];
    assert_eq!((&totals["temp_rows"], &totals["inserted"], &totals["updated"]), (&100.into(), &85.into(), &10.into()));
    assert_eq!((&totals["removed"], &totals["kept_definitive"]), (&5.into(), &5.into()));
    assert_migrated(&db, 5, 20);
    let again = run(&[]).expect_code(0).json();
    assert_eq!((&again["already_done"], &again["totals"]["unchanged"]), (&3.into(), &95.into()));
    home.tool("verify-migration").args(["--only", "fact_lieu_activite_soir"]).run().expect_code(0);
    run(&["--overwrite-definitive"]).expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_lieu_activite_soir WHERE volume = 77"), "0");
}

#[test]
fn killed_at_many_points_each_batch_is_whole_and_the_next_run_goes_on() {
    let (days, rows) = (20, 400);
    let db = diag::database();
    fill(&db, days, rows);
    let home = Home::new(&db);
    let run = || home.tool("migrate-optimized").args(["--json", "--include-unrecorded", "--batch-size", "400"]);
    let places =
        ["db.statement:3", "db.commit:1", "db.committed:1", "db.commit:3", "db.committed:4", "db.statement:25"];
    for place in places {
        assert!(killed_at(&db, run(), place), "{place}");
        // every date is as before or as after
        let half =
            "SELECT COUNT(*) FROM (SELECT date FROM fact_lieu_activite_soir WHERE date >= '2025-01-01' GROUP BY date
            HAVING COUNT(*) NOT IN (4, 400)) d";
        assert_eq!(db.scalar(half), "0", "{place}");
    }
    let json = run().run().expect_code(0).json();
    assert_eq!(json["batches"], 20);
    assert_migrated(&db, days, rows);
}

#[test]
fn an_empty_table_a_missing_one_a_lock_and_a_bad_option() {
    use flux_test::mysql::prelude::Queryable;
    let db = diag::database();
    let home = Home::new(&db);
    home.tool("migrate-optimized").run().expect_code(0).expect_stdout("vide");
    home.tool("migrate-optimized").args(["--batch-size", "0"]).run().expect_code(2);
    let mut conn = db.conn();
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap();
    home.tool("migrate-optimized").run().expect_code(4);
    drop(conn);
    db.exec("DROP TABLE fact_lieu_activite_soir");
    home.tool("migrate-optimized").run().expect_code(1).expect_stderr("ensure-schema");
}
