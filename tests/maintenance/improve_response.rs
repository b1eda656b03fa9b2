//! `improve-response`: finds the index that the dashboards lack, creates it, and the server then uses it.

use std::time::{Duration, Instant};

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, TestDb};
use support::backup::{facts, schema};
use support::weekly::{FILES, World};

const TOOL: &str = "improve-response";
const INDEX: &str = "k_zone_categorie";

fn prepared() -> (TestDb, Home) {
    let World { home, db } = World::seeded();
    // As a database of an earlier version has them.
    db.exec(&format!("ALTER TABLE fact_nuitees DROP INDEX {INDEX}; ALTER TABLE fact_diurnes DROP INDEX {INDEX}"));
    facts(&db, 20_000);
    home.write("cache/infographie/a.json", "{}");
    (db, home)
}

fn has_index(db: &TestDb, table: &str) -> bool {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{table}' AND index_name = '{INDEX}'"
    );
    // one row for each column: zone, category, date, provenance, volume, provisional
    db.scalar(&sql) == "6"
}

#[test]
fn proposes_then_creates_and_the_server_uses_it() {
    let (db, home) = prepared();
    let json = home.tool(TOOL).arg("--json").run().expect_code(3).json();
    let table = &json["tables"][0];
    assert_eq!((&table["table"], &table["missing"]["created"]), (&"fact_nuitees".into(), &false.into()));
    assert!(table["missing"]["estimated_bytes"].as_u64().unwrap() > 100_000);
    // tables without rows are left out
    assert_eq!(json["tables"].as_array().unwrap().len(), 2);
    assert!(!has_index(&db, "fact_nuitees"));
    assert!(home.list("cache/infographie").is_empty(), "the caches are emptied");

    let json = home.tool(TOOL).args(["--apply", "--json"]).run().expect_code(0).json();
    assert_eq!(json["tables"][0]["missing"]["created"], true);
    assert!(has_index(&db, "fact_nuitees") && has_index(&db, "fact_diurnes"));

    let json = home.tool(TOOL).arg("--json").run().expect_code(0).json();
    let queries = json["tables"][0]["queries"].as_array().unwrap();
    assert_eq!((&queries[0]["index"], &queries[0]["covering"]), (&INDEX.into(), &true.into()), "{json}");
    // one zone of 50 over 62 days: the natural key would read 50 times as many
    assert!(queries[0]["rows_examined"].as_u64().unwrap() < 500, "{json}");
    home.tool("ensure-schema").run().expect_code(0);
    assert!(has_index(&db, "fact_nuitees"));
}

#[test]
fn dry_run_writes_nothing() {
    let (db, home) = prepared();
    home.tool(TOOL)
        .args(["--apply", "--dry-run"])
        .run()
        .expect_code(0)
        .expect_stdout("ALTER TABLE fact_nuitees ADD KEY");
    assert!(!has_index(&db, "fact_nuitees"));
    assert_eq!(home.list("cache/infographie"), ["a.json"]);
    home.tool(TOOL).args(["--no-cache", "--no-analyze"]).run().expect_code(3);
    assert_eq!(home.list("cache/infographie"), ["a.json"]);
}

/// Ten tables, three questions of each: thirty plans, of which one wants to know whether something is missing.
#[test]
fn the_verdict_stands_first_and_tables_that_are_alike_are_one_line() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    home.tool("update-temp-tables").run().expect_code(0);
    home.tool("migrate-temp-to-main").run().expect_code(0);
    let shown = |arguments: &[&str], code: i32| {
        let tool = home.tool(TOOL).args(arguments).env("COLUMNS", "80");
        tool.run().expect_code(code).stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = shown(&[], 0);
    assert!(whole.iter().take(2).any(|line| line.starts_with("✓ les tableaux de bord ont leurs index")), "{whole:#?}");
    assert!(whole.len() < 24, "{whole:#?}");
    for (.., table) in FILES {
        db.exec(&format!("ALTER TABLE {table} DROP INDEX {INDEX}"));
    }
    let lacking = shown(&[], 3);
    assert!(lacking.iter().take(2).any(|line| line.starts_with("⚠ 10 index manquent aux tableaux")), "{lacking:#?}");
    assert!(lacking.iter().take(4).any(|line| line.contains("improve-response --apply")), "{lacking:#?}");
    assert!(lacking.len() < 32, "{lacking:#?}");
    let all = shown(&["-v"], 3);
    for (.., table) in FILES {
        // The plans of its three questions and the statement.
        let lines = all.iter().filter(|line| line.split([' ', ',']).any(|word| word == table)).count();
        assert!(lines >= 4, "{table}: {all:#?}");
    }
}

#[test]
fn redundant_indexes_are_told_and_kept() {
    let (db, home) = prepared();
    db.exec("ALTER TABLE fact_nuitees ADD KEY k_trop (date)");
    home.tool(TOOL).arg("--apply").run().expect_code(0).expect_stdout("index k_trop inutile");
    let names = db.column("SELECT DISTINCT index_name AS i FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'fact_nuitees'");
    assert!(names.contains(&"k_trop".to_owned()) && names.contains(&"k_date_zone".to_owned()), "{names:?}");
}

#[test]
fn imports_may_go_on_while_an_index_is_made() {
    let (db, home) = prepared();
    // Enough rows for the index to take a moment.
    db.exec(
        "INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume)
         SELECT date, id_zone, id_provenance, more, volume FROM fact_diurnes,
         (WITH RECURSIVE n (more) AS (SELECT 2 UNION ALL SELECT more + 1 FROM n WHERE more < 16) SELECT more FROM n) n",
    );
    let (mut admin, mut writer) = (db.admin(), db.conn());
    let mut making = || -> Option<u64> {
        let sql =
            "SELECT id FROM information_schema.processlist WHERE db = ? AND info LIKE 'ALTER TABLE%fact_diurnes%'";
        admin.exec_first(sql, (db.name(),)).unwrap()
    };
    let mut running = home.tool(TOOL).arg("--apply").spawn();
    // From the first sight of the statement to the last, and the longest that a writer waited meanwhile.
    let (mut first, mut made, mut waited) = (None, Duration::ZERO, Duration::ZERO);
    while running.is_running() {
        let Some(_) = making() else { continue };
        let begun = Instant::now();
        writer.query_drop("UPDATE fact_diurnes SET volume = volume + 1 WHERE id = 1").unwrap();
        waited = waited.max(begun.elapsed());
        made = first.get_or_insert(begun).elapsed();
    }
    running.wait().expect_code(0);
    assert!(has_index(&db, "fact_diurnes"));
    // Shut out, it would have waited for all of it.
    assert!(made > Duration::ZERO && waited * 2 < made, "waited {waited:?} of the {made:?} that the index took");
}

#[test]
fn bad_cases() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool(TOOL).run().expect_code(0).expect_stdout("Aucune table");
    home.tool(TOOL).args(["--port", "1"]).run().expect_code(1);
    home.tool(TOOL).arg("--inconnu").run().expect_code(2);
    schema(&home);
    db.exec(&format!("ALTER TABLE fact_nuitees DROP INDEX {INDEX}"));
    facts(&db, 100);
    let user = db.restricted_user(&["SELECT ON {db}.*"]);
    let run = home.tool(TOOL).arg("--apply").env("DB_USERNAME", &user.user).env("DB_PASSWORD", &user.password).run();
    run.expect_code(1).expect_stdout("fact_nuitees").expect_stdout("en administrateur : GRANT ALTER");
    let mut conn = db.conn();
    let lock: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap();
    assert_eq!(lock, Some(1));
    home.tool(TOOL).arg("--apply").run().expect_code(4);
}
