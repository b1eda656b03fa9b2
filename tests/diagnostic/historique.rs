//! `historique`: what happened, from what every tool has written down.

use serde_json::Value;
use support::raw::PLAIN;
use support::weekly::World;

const TOOL: &str = "historique";

/// A cleanup that is no load has no line of its own: who did it is known all the same, also where several runs wrote within a second.
#[test]
fn a_cleanup_names_its_run_and_its_tool() {
    let world = World::whole();
    let mut runs = Vec::new();
    for day in ["2025-05-05", "2025-05-06"] {
        world.nights(&[&format!("{day};Lioran;LOCAL;TOURISTE;4")]);
        world.import_nights(&[]).expect_code(0);
        world.tool("migrate-temp-to-main").run().expect_code(0);
        world.tool("cleanup-temp").run().expect_code(0);
        runs.push(world.db.scalar("SELECT run FROM flux_lease ORDER BY number DESC LIMIT 1"));
    }
    let cleanups = || {
        let json = world.tool(TOOL).arg("--json").run().expect_code(0).json();
        let all = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "cleanup").cloned();
        all.collect::<Vec<Value>>()
    };
    let told = cleanups();
    assert_eq!(told.len(), 2, "{told:#?}");
    for (event, run) in told.iter().rev().zip(&runs) {
        assert_eq!((event["tool"].as_str(), event["run"].as_str()), (Some("cleanup-temp"), Some(run.as_str())));
    }
    world.tool(TOOL).run().expect_code(0).expect_stdout(&runs[0][..8]);
    // Leases are not kept for ever.
    world.db.exec("DROP TABLE flux_lease");
    assert!(cleanups().iter().all(|event| event["run"].is_null()));
}

/// An import with a rejected line, its migration and cleanup, a file that failed, a restoration.
fn eventful() -> World {
    let world = World::whole();
    world.nights(&[
        "2025-07-07;Cantal;LOCAL;TOURISTE;12",
        "2025-07-09;Cantal;LOCAL;TOURISTE;7",
        "2025-07-08;Atlantide;LOCAL;TOURISTE;1",
    ]);
    world.import_nights(&[]).expect_code(3);
    world.tool("migrate-temp-to-main").run().expect_code(0);
    world.tool("cleanup-temp").arg("--force").run().expect_code(0);
    world.nights(&["trop;peu"]);
    world.import_nights(&["--max-rejects", "0"]).expect_code(1);
    world.tool("backup-critical").run().expect_code(0);
    world.tool("restore-critical").args(["--only", "fact_nuitees", "--yes"]).run().expect_code(0);
    world
}

fn kinds(json: &Value) -> Vec<&str> {
    json["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

#[test]
fn every_kind_is_there_with_its_numbers_and_filters_choose() {
    let world = eventful();
    let json = world.tool(TOOL).arg("--json").run().expect_code(0).json();
    let of = |kind: &str| {
        json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>()
    };
    assert_eq!(json["events"][0]["kind"], "restore", "newest first: {json}");
    assert_eq!((&of("restore")[0]["table"], &of("restore")[0]["status"]), (&"fact_nuitees".into(), &"restore".into()));
    let import = of("import").into_iter().find(|event| event["status"] == "loaded").unwrap();
    let expected = ["2025-07-07", "2025-07-09", "fact_nuitees_temp", "frequentation_nuitee.csv", "update-temp-tables"];
    assert_eq!(
        ["first_date", "last_date", "table", "source", "tool"].map(|field| import[field].as_str().unwrap()),
        expected
    );
    assert_eq!((import["rows"].as_u64(), import["rejected"].as_u64()), (Some(2), Some(1)));
    assert!(of("import").iter().any(|event| event["status"] == "failed" && event["message"].is_string()), "{json}");
    let run = world.db.scalar("SELECT run FROM flux_import_history ORDER BY id LIMIT 1");
    assert_eq!(import["run"], run);

    let filtered = |args: &[&str]| world.tool(TOOL).args(args).arg("--json").run();
    assert_eq!(kinds(&filtered(&["--date", "2025-07-08"]).expect_code(0).json()).last(), Some(&"import"));
    assert!(kinds(&filtered(&["--date", "2025-07-10"]).expect_code(3).json()).is_empty());
    assert!(kinds(&filtered(&["--table", "fact_diurnes"]).expect_code(3).json()).is_empty());
    let nights = filtered(&["--table", "fact_nuitees"]).expect_code(0).json();
    assert!(kinds(&nights).contains(&"import") && kinds(&nights).contains(&"restore"), "{nights}");
    assert!(kinds(&filtered(&["--since", "2031-01-01"]).expect_code(3).json()).is_empty());
    let one = filtered(&["--limit", "1"]).expect_code(0).json();
    assert_eq!((kinds(&one), &one["more"]), (vec!["restore"], &Value::Bool(true)));
    filtered(&["--date", "hier"]).expect_code(2);
    world.tool(TOOL).run().expect_code(0).expect_stdout("2025-07-07 → 2025-07-09");
}

#[test]
fn times_are_local_and_a_base_of_earlier_tools_still_tells_what_it_knows() {
    let world = eventful();
    world.db.exec("DROP TABLE flux_restores");
    world.db.exec("UPDATE flux_import_history SET finished_at = '2025-07-14 22:30:00', cleaned_at = NULL");
    let tool = |args: &[&str]| world.tool(TOOL).args(args).env("TZ", "Europe/Paris").arg("--json").run();
    let json = tool(&["--table", "fact_nuitees", "--since", "2025-07-15"]).expect_code(0).json();
    let import = json["events"].as_array().unwrap().iter().find(|event| event["kind"] == "import").unwrap();
    assert_eq!(
        (&import["at"], &import["local_time"]),
        (&"2025-07-14 22:30:00".into(), &"2025-07-15T00:30:00+02:00".into())
    );
    assert!(!kinds(&json).contains(&"restore"));
    world.db.exec("DROP TABLE flux_import_history");
    assert_eq!(tool(&[]).expect_code(1).json()["error"]["code"], "table-missing");
}

#[test]
fn a_cleanup_that_took_some_dates_tells_those_and_the_rest_comes_later() {
    let world = World::whole();
    let import = |lines: &[&str], imported: i32, migrated: i32| {
        world.nights(lines);
        world.import_nights(&["--max-shrink", "100"]).expect_code(imported);
        let args = ["--max-shrink", "100"];
        world.tool("migrate-temp-to-main").args(args).run().expect_code(migrated);
    };
    let first = "2025-06-02;Lioran;LOCAL;TOURISTE";
    import(&[&format!("{first};4"), "2025-06-02;Lioran;LOCAL;RESIDENT;5", "2025-06-03;Lioran;LOCAL;TOURISTE;6"], 0, 0);
    // Of 2 June a line cannot be read: the day waits, and 3 June goes with the rows of this load, not of the one before as well.
    import(
        &[&format!("{first};beaucoup"), "2025-06-02;Lioran;LOCAL;RESIDENT;5", "2025-06-03;Lioran;LOCAL;TOURISTE;7"],
        3,
        3,
    );
    world.tool("cleanup-temp").run().expect_code(3);
    let cleanups = || -> Vec<(String, String, u64)> {
        let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
        let all = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "cleanup");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.map(|event| (text(&event["first_date"]), text(&event["last_date"]), event["rows"].as_u64().unwrap()))
            .collect()
    };
    let june = |from: u32, to: u32, rows: u64| (format!("2025-06-{from:02}"), format!("2025-06-{to:02}"), rows);
    assert_eq!(cleanups(), [june(3, 3, 1)]);
    // A period that ends before the last day of the base is told by the import.
    import(&[&format!("{first};4"), "2025-06-02;Lioran;LOCAL;RESIDENT;5"], 3, 0);
    world.tool("cleanup-temp").run().expect_code(0);
    assert_eq!(cleanups(), [june(2, 2, 2), june(3, 3, 1)], "newest first");
    // In a database of before the dates of a load, what the loads say.
    world.db.exec("DROP TABLE flux_import_dates");
    assert_eq!(cleanups().len(), 1, "{:?}", cleanups());
}

#[test]
fn what_was_thrown_away_and_what_was_withdrawn_is_told() {
    let world = World::whole();
    world.nights(&["2025-08-04;Lioran;LOCAL;TOURISTE;4", "2025-08-05;Lioran;LOCAL;TOURISTE;5"]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().expect_code(0);
    // One of the two days is no longer as it was migrated.
    world.db.exec("UPDATE fact_nuitees SET volume = 6 WHERE date = '2025-08-05'");
    world.tool("cleanup-temp").arg("--force").run().expect_code(0);
    world.tool("withdraw-provisional").args(["--from", "2025-08-04", "--yes"]).run().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 0);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let told: Vec<[&Value; 6]> = json["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| ["kind", "status", "first_date", "last_date", "rows", "withdrawn"].map(|field| &event[field]))
        .collect();
    let has = |expected: Value| told.iter().any(|event| serde_json::to_value(event).unwrap() == expected);
    assert!(has(serde_json::json!(["cleanup", "emptied", "2025-08-05", "2025-08-05", 1, null])), "{json}");
    assert!(has(serde_json::json!(["cleanup", "done", "2025-08-04", "2025-08-04", 1, null])), "{json}");
    assert!(has(serde_json::json!(["withdrawal", "withdrawn", "2025-08-04", "2025-08-05", 0, 2])), "{json}");
    // It is no try to import anything.
    let status = world.tool("check-status").arg("--json").run().json();
    let nights = status["tables"].as_array().unwrap().iter().find(|row| row["table"] == "fact_nuitees_temp").unwrap();
    assert_ne!(nights["last_import"]["status"], "emptied");
}

#[test]
fn a_year_that_was_cleared_is_told_with_what_went() {
    let world = World::whole();
    world.raw(
        "Nuitee_2023B2_X.csv",
        PLAIN,
        &["2023-12-31;Cantal;Local;Touriste;2", "2024-01-01;Cantal;Local;Touriste;3"],
    );
    world.etl(&[]).expect_code(0);
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2024-05-02', 3, 1, 1, 9)");
    world.tool("cleanup-year").args(["--year", "2024", "--yes", "--batch-size", "1"]).run().expect_code(0);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let fields = ["kind", "status", "tool", "first_date", "last_date", "rows"];
    let told: Vec<Vec<&Value>> =
        json["events"].as_array().unwrap().iter().map(|event| fields.map(|field| &event[field]).to_vec()).collect();
    let expected = serde_json::json!([
        ["cleanup", "cleared", "cleanup-year", "2024-01-01", "2024-05-02", 2],
        ["etl", "cleaned", "populate-facts-full-production", "2023-12-31", "2024-01-01", 2],
    ]);
    assert_eq!(serde_json::to_value(&told).unwrap(), expected, "{json:#}");
    let run = json["events"][0]["run"].as_str().unwrap();
    assert!(world.home.read("logs/cleanup-year.log").contains(run), "the log ends with the same run");
}

#[test]
fn a_date_is_told_the_restorations_of_its_tables() {
    let world = eventful();
    let kinds_of = |date: &str| {
        let json = world.tool(TOOL).args(["--date", date, "--json"]).run().json();
        kinds(&json).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kinds_of("2025-07-07").first().map(String::as_str), Some("restore"));
    assert!(kinds_of("2025-06-01").is_empty());
}

#[test]
fn tables_for_tests_are_pairs_as_well() {
    let world = World::whole();
    world.tool("ensure-schema").args(["--test"]).run().expect_code(0);
    world.nights(&["2025-09-01;Lioran;LOCAL;TOURISTE;4"]);
    world.import_nights(&["--test"]).expect_code(0);
    world.tool("migrate-temp-to-main").arg("--test").run().expect_code(0);
    for name in ["fact_nuitees_test", "fact_nuitees_temp_test"] {
        let json = world.tool(TOOL).args(["--table", name, "--json"]).run().expect_code(0).json();
        assert_eq!(kinds(&json), ["migration", "import"], "{name}");
    }
    world.tool(TOOL).args(["--table", "fact_nuitees"]).run().expect_code(3);
}

#[test]
fn a_migration_that_left_rows_in_place_is_told_as_such() {
    let world = World::whole();
    let import = |lines: &[&str], code: i32| {
        world.nights(lines);
        world.import_nights(&[]).expect_code(code);
        world.tool("migrate-temp-to-main").run().expect_code(code);
    };
    let kept = ["2025-03-03;Carlades;LOCAL;TOURISTE;40", "2025-03-03;Carlades;LOCAL;RESIDENT;5"];
    import(&[kept[0], kept[1], "2025-03-03;Lioran;LOCAL;TOURISTE;6"], 0);
    import(&["2025-03-03;Carlades;LOCAL;TOURISTE;41", kept[1], "2025-03-03;Atlantide;LOCAL;TOURISTE;6"], 3);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let suspended: Vec<&Value> = json["events"].as_array().unwrap().iter().map(|event| &event["suspended"]).collect();
    // Newest first: an import has none to tell, the second migration left the row of Lioran.
    assert!(suspended.contains(&&Value::from(1)), "{json:#}");
    world.tool(TOOL).run().expect_code(0).expect_stdout("⚠ migration").expect_stdout("gardées");
}
