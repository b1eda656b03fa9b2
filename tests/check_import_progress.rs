//! `check-import-progress`: sees a running import from another process, its death, and its end.

#[path = "support/diag.rs"]
mod support;

use std::time::{Duration, Instant};

use flux_test::{Home, TestDb};
use serde_json::Value;
use support::NUITEE;

fn check(home: &Home, code: i32) -> Value {
    home.tool("check-import-progress").arg("--json").run().expect_code(code).json()
}

/// A delivery that is held up: another transaction keeps the dates of the table locked.
fn held_up(db: &TestDb, home: &Home) -> flux_test::mysql::Conn {
    use flux_test::mysql::prelude::Queryable;
    home.write_csv(
        "frequentation_nuitee.csv",
        format!("{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n2025-07-08;CANTAL;LOCAL;TOURISTE;10\n"),
    );
    let mut conn = db.conn();
    conn.query_drop("START TRANSACTION").unwrap();
    conn.query_drop(
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-07', 1, 1, 1, 1)",
    )
    .unwrap();
    conn
}

/// Waits until the import stores its rows.
fn wait_for_step(db: &TestDb) {
    let since = Instant::now();
    while db.scalar("SELECT COUNT(*) FROM flux_import_progress WHERE step LIKE '%base'") == "0" {
        assert!(since.elapsed() < Duration::from_secs(20), "the import never came to its rows");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_running_import_is_seen_and_its_end_is_told() {
    let db = support::database();
    let home = Home::new(&db);
    assert_eq!(check(&home, 0)["state"], "none");
    let blocker = held_up(&db, &home);
    let import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    let json = check(&home, 0);
    assert_eq!((&json["state"], &json["import_tool"]), (&"running".into(), &"update-temp-tables".into()));
    assert_eq!(json["lines_read"], 2);
    // the file is read, its rows are not stored: half of the work
    assert_eq!(json["percent"], 50.0);
    assert_eq!(json["bytes_read"], json["bytes_total"]);
    drop(blocker);
    import.wait().expect_code(0);
    let json = check(&home, 0);
    assert_eq!((&json["state"], &json["percent"]), (&"ok".into(), &100.0.into()));
    assert_eq!((&json["files"][0]["status"], &json["files"][0]["stored"]), (&"loaded".into(), &2.into()));
}

#[test]
fn an_import_that_was_killed_is_said_to_be_dead() {
    let db = support::database();
    let home = Home::new(&db);
    let blocker = held_up(&db, &home);
    let mut import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    import.kill9();
    import.wait();
    drop(blocker);
    // the server notices the lost connection in a moment, and frees the lock
    let since = Instant::now();
    let json = loop {
        let outcome = home.tool("check-import-progress").arg("--json").run();
        if outcome.code == 3 || since.elapsed() > Duration::from_secs(20) {
            break outcome.expect_code(3).json();
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(json["state"], "died");
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    // the next run repairs by itself
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(0);
    assert_eq!(check(&home, 0)["state"], "ok");
}

#[test]
fn a_failed_import_an_older_schema_and_a_bad_option() {
    let db = support::database();
    let home = Home::new(&db);
    home.write_csv("frequentation_nuitee.csv", "");
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(1);
    let json = check(&home, 3);
    assert_eq!((&json["state"], &json["files"][0]["status"]), (&"error".into(), &"failed".into()));
    db.exec("DROP TABLE flux_import_progress");
    home.tool("check-import-progress").run().expect_code(1).expect_stderr("ensure-schema");
    home.tool("check-import-progress").arg("--suivre").run().expect_code(2);
    // an import goes without it
    home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n"));
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(0);
}
