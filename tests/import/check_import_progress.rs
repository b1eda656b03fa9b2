//! `check-import-progress`: sees a running import from another process, its death, and its end.

use std::time::{Duration, Instant};
use support::diag;

use flux_test::{Home, Outcome, TestDb};
use serde_json::Value;
use support::diag::NUITEE;

fn check(home: &Home, code: i32) -> Value {
    home.tool("check-import-progress").arg("--json").run().expect_code(code).json()
}

fn check_any(home: &Home) -> Value {
    home.tool("check-import-progress").arg("--json").run().json()
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
        assert!(since.elapsed() < Duration::from_secs(60), "the import never came to its rows");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_running_import_is_seen_and_its_end_is_told() {
    let db = diag::database();
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
    let db = diag::database();
    let home = Home::new(&db);
    let blocker = held_up(&db, &home);
    let import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    assert!(import.killed());
    drop(blocker);
    // the server notices the lost connection in a moment, and frees the lock
    let since = Instant::now();
    let json = loop {
        let outcome = home.tool("check-import-progress").arg("--json").run();
        if outcome.code == 3 || since.elapsed() > Duration::from_secs(60) {
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

/// Polls until the tool says so.
fn until(home: &Home, state: &str) -> Outcome {
    let since = Instant::now();
    loop {
        let outcome = home.tool("check-import-progress").arg("--json").run();
        if outcome.json()["state"] == state {
            return outcome;
        }
        assert!(since.elapsed() < Duration::from_secs(90), "never {state}\n{outcome}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_import_that_is_suspended_is_stuck_and_goes_on_when_it_is_woken() {
    let db = diag::database();
    let home = Home::new(&db);
    let blocker = held_up(&db, &home);
    let mut import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    import.signal("STOP");
    // It still holds the lock: suspended for a moment only, it is not said to be stuck.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(check(&home, 0)["state"], "running");
    let json = until(&home, "stuck").expect_code(3).json();
    assert!(json["silent_s"].as_f64().unwrap() > 15.0, "{json}");
    assert_eq!(json["remaining_s"], Value::Null);
    let pid = import.pid();
    let text = home.tool("check-import-progress").run().expect_code(3);
    for word in [format!("kill -CONT {pid}"), format!("kill -9 {pid}"), "relancez `update-temp-tables`".into()] {
        assert!(text.stdout.contains(&word), "{word} expected\n{text}");
    }
    import.signal("CONT");
    assert_eq!(until(&home, "running").code, 0);
    drop(blocker);
    import.wait().expect_code(0);
    assert_eq!(check(&home, 0)["state"], "ok");
}

#[test]
fn a_suspended_import_that_is_killed_is_dead() {
    let db = diag::database();
    let home = Home::new(&db);
    let _blocker = held_up(&db, &home);
    let mut import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    import.signal("STOP");
    import.kill9();
    assert_eq!(import.wait().code, 137);
    until(&home, "died").expect_code(3);
    let text = home.tool("check-import-progress").run().expect_code(3);
    text.expect_stdout("relancez `update-temp-tables`").expect_stdout("est mort");
}

/// It gives signs of life, but waits for a row that another connection holds; its last advance is put three minutes back.
#[test]
fn an_import_that_lives_and_does_not_advance_is_stuck_and_the_statement_is_shown() {
    let db = diag::database();
    let home = Home::new(&db);
    let blocker = held_up(&db, &home);
    let import = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_step(&db);
    // Signs of life come, and are no advance.
    let since = Instant::now();
    loop {
        let json = check(&home, 0);
        let seconds = |name: &str| json[name].as_f64().unwrap();
        if seconds("standstill_s") > seconds("silent_s") + 0.9 {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{json}");
        std::thread::sleep(Duration::from_millis(100));
    }
    db.exec("UPDATE flux_import_progress SET updated_at = updated_at - INTERVAL 3 MINUTE WHERE step <> ''");
    let json = until(&home, "stuck").expect_code(3).json();
    let sql = json["statements"][0]["sql"].as_str().unwrap();
    assert!(sql.contains("fact_nuitees_temp"), "{json}");
    let text = home.tool("check-import-progress").run().expect_code(3);
    text.expect_stdout("n'avance plus depuis").expect_stdout("PROCESSLIST");
    drop(blocker);
    import.wait().expect_code(0);
}

/// 1 000 000 bytes in all: a file of 400 000 is unchanged, one of 100 000 is stored, one of 500 000 is read to a fifth in 20 s.
/// Work: 200 000 of the stored file and 100 000 of the other, 300 000 in 20 s; left: 900 000, so 60 s.
#[test]
fn the_remaining_time_is_that_of_the_work_left_at_the_rate_of_the_work_done() {
    let db = diag::database();
    let home = Home::new(&db);
    db.exec(
        "INSERT INTO flux_import_progress (run, step, tool, state, position, total, unit, lines_read, note, lock_id, started_at, updated_at) VALUES
         ('r', '', 'update-temp-tables', 'running', 200000, 1000000, NULL, NULL, 'processus 1 sur s', NULL, UTC_TIMESTAMP(3) - INTERVAL 20 SECOND, UTC_TIMESTAMP(3)),
         ('r', 'a.csv', '', 'settled', 0, 400000, 'bytes', 0, '', NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)),
         ('r', 'b.csv', '', 'settled', 100000, 100000, 'bytes', 2000, '', NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)),
         ('r', 'b → base', '', 'done', 2000, 2000, 'rows', NULL, '', NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)),
         ('r', 'c.csv', '', 'running', 100000, 500000, 'bytes', 2000, '', NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
    );
    let json = check(&home, 0);
    assert_eq!((&json["state"], &json["remaining_s"]), (&"running".into(), &60.0.into()), "{json}");
    // (800 000 + 200 000 + 100 000) of 2 000 000
    assert_eq!(
        (&json["percent"], &json["lines_read"], &json["lines_per_s"]),
        (&55.0.into(), &4000.into(), &200.0.into())
    );
    db.exec("UPDATE flux_import_progress SET updated_at = UTC_TIMESTAMP(3)");
    home.tool("check-import-progress").run().expect_code(0).expect_stdout("reste environ 6");
    // Almost nothing is done: no guess.
    db.exec("UPDATE flux_import_progress SET position = 0 WHERE step LIKE 'b%'");
    db.exec("UPDATE flux_import_progress SET position = 10000, updated_at = UTC_TIMESTAMP(3) WHERE step = 'c.csv' OR step = ''");
    assert!(check(&home, 0)["remaining_s"].is_null());
}

#[test]
fn an_unchanged_delivery_counts_as_done() {
    let db = diag::database();
    let home = Home::new(&db);
    home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n"));
    for _ in 0..2 {
        home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(0);
    }
    let json = check(&home, 0);
    assert_eq!((&json["steps"][0]["state"], &json["lines_read"]), (&"settled".into(), &0.into()));
    home.tool("check-import-progress").run().expect_code(0).expect_stdout("rien n'était à charger");
}

/// Another holder of the lock that says its name, and one that does not.
#[test]
fn whoever_else_holds_the_lock_is_named() {
    use flux_test::mysql::prelude::Queryable;
    let db = diag::database();
    let home = Home::new(&db);
    db.exec("INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC')");
    let mut zones = db.conn();
    zones.query_drop("START TRANSACTION").unwrap();
    zones.query_drop("SELECT * FROM dim_zones_observation FOR UPDATE").unwrap();
    let merge = home.tool("merge-zones").arg("--yes").spawn();
    let since = Instant::now();
    let json = loop {
        let json = check(&home, 0);
        if json["lock"]["tool"] == "merge-zones" || since.elapsed() > Duration::from_secs(60) {
            break json;
        }
    };
    assert_eq!((&json["state"], &json["lock"]["tool"]), (&"none".into(), &"merge-zones".into()));
    home.tool("check-import-progress").run().expect_code(0).expect_stdout("merge-zones travaille");
    // and the one that comes second says so too
    let second = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run();
    second.expect_code(4).expect_stderr("merge-zones");
    assert!(merge.killed());
    drop(zones);
    let mut other = db.conn();
    let since = Instant::now();
    while other.query_first::<Option<i64>, _>(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap().flatten()
        != Some(1)
    {
        assert!(since.elapsed() < Duration::from_secs(60));
    }
    let json = check(&home, 0);
    assert_eq!(json["lock"], serde_json::json!({"connection": other.connection_id(), "tool": null}));
    home.tool("check-import-progress").run().expect_code(0).expect_stdout("un autre programme (connexion");
}

#[test]
fn a_running_etl_is_seen_and_a_killed_one_is_dead() {
    let db = diag::database();
    let home = Home::new(&db);
    home.tool("generate-sample-data").args(["--raw", "--days", "2", "--from", "2024-07-08"]).run().expect_code(0);
    let mut etl = home.tool("populate-facts-full-production").args(["--jobs", "1"]).spawn();
    let since = Instant::now();
    while !home.join("etl_checkpoint.json").exists() {
        assert!(since.elapsed() < Duration::from_secs(60) && etl.is_running());
        std::thread::sleep(Duration::from_millis(2));
    }
    etl.signal("STOP");
    let json = check(&home, 0);
    assert_eq!(json["lock"]["tool"], "populate-facts-full-production");
    let told = &json["etl"];
    assert_eq!((&told["state"], &told["etl_tool"]), (&"running".into(), &"populate-facts-full-production".into()));
    let (done, total) = (told["files_done"].as_u64().unwrap(), told["files_total"].as_u64().unwrap());
    // 21 families × 11 zones
    assert!(done < 231 && total == 231, "{told}");
    let text = home.tool("check-import-progress").run().expect_code(0);
    text.expect_stdout("populate-facts-full-production en cours")
        .expect_stdout("sur 231")
        .expect_stdout("etl_checkpoint.json");
    // Its file is gone: it runs all the same.
    let checkpoint = home.read("etl_checkpoint.json");
    std::fs::remove_file(home.join("etl_checkpoint.json")).unwrap();
    assert_eq!(check(&home, 0)["etl"]["state"], "starting");
    home.write("etl_checkpoint.json", checkpoint);
    assert!(etl.killed());
    let since = Instant::now();
    while check_any(&home)["etl"]["state"] != "died" {
        assert!(since.elapsed() < Duration::from_secs(60), "the ETL is never dead");
    }
    let text = home.tool("check-import-progress").run().expect_code(3);
    text.expect_stdout("relancez `populate-facts-full-production`");
    home.tool("populate-facts-full-production").run().expect_code(0);
    assert_eq!(check(&home, 0)["etl"], Value::Null);
    // A damaged file is nobody's death.
    home.write("etl_checkpoint.json", "{");
    assert_eq!(check(&home, 0)["etl"], Value::Null);
}

#[test]
fn a_failed_import_an_older_schema_and_a_bad_option() {
    let db = diag::database();
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
