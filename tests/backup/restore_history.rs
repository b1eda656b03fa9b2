//! `restore-critical` and the history of the loads (faults.md E): what was loaded since the snapshot can come back.

use support::codes;
use support::raw::PLAIN;
use support::weekly::{Sane, World, file};

/// Imports one day of two zones, migrates it and empties the temporary table.
fn day(world: &World, date: &str) {
    let lines = ["Cantal", "Lioran"].map(|zone| format!("{date};{zone};Local;Touriste;5"));
    world.nights(&[&lines[0], &lines[1]]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn a_week_that_was_migrated_and_cleaned_since_the_backup_is_loaded_again() {
    let world = World::whole();
    day(&world, "2025-09-01");
    world.tool("backup-critical").run().expect_code(0);
    let json = world.tool("restore-critical").arg("--json").run().sane().expect_code(0).json();
    assert!(codes(&json).is_empty(), "nothing is newer: {json}");
    day(&world, "2025-09-08");
    assert_eq!(world.db.count("fact_nuitees"), 4);
    let plan = world.tool("restore-critical").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(codes(&plan), ["load-undone"]);
    assert_eq!(
        world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'undone'"),
        "0",
        "a plan writes nothing"
    );
    let json = world.tool("restore-critical").args(["--yes", "--json"]).run().sane().expect_code(3).json();
    assert_eq!(codes(&json), ["load-undone"]);
    assert!(json["findings"][0]["message"].as_str().unwrap().contains("frequentation_nuitee.csv"), "{json}");
    assert_eq!(world.db.count("fact_nuitees"), 2);
    let status = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&status).contains(&"load-undone"), "{status}");
    // The file is still in its folder.
    let again = world.import_nights(&[]).sane().json();
    assert_eq!((&again["files"][0]["status"], &again["files"][0]["stored"]), (&"loaded".into(), &2.into()));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 4);
}

/// Two weeks are gone: the newer one, loaded again, does not make good for the older one, and neither does what follows.
#[test]
fn each_week_that_a_restoration_took_is_told_until_it_is_loaded_again() {
    let world = World::whole();
    let archive = || world.tool("archive-csv").run().sane().expect_code(0);
    day(&world, "2025-09-01");
    archive();
    world.tool("backup-critical").run().expect_code(0);
    for date in ["2025-09-08", "2025-09-15"] {
        day(&world, date);
        archive();
    }
    let json = world.tool("restore-critical").args(["--yes", "--json"]).run().sane().expect_code(3).json();
    assert!(json["findings"][0]["message"].as_str().unwrap().starts_with("2 chargements"), "{json}");
    let told = |tool: &str, args: &[&str]| {
        let json = world.tool(tool).args(args).arg("--json").run().sane().json();
        let undone = json["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "load-undone");
        undone.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let from_archive = ["--from-archive", "--only", "fact_nuitees"];
    let days = |told: &[String]| ["09-08", "09-15", "09-22"].map(|day| told.iter().any(|text| text.contains(day)));
    assert_eq!(days(&told("check-status", &[])), [true, true, false]);
    assert_eq!(days(&told("verify-migration", &from_archive)), [true, true, false]);
    // What waits is of a newer week, or one of those.
    let status = |date: &str| {
        let lines = ["Cantal", "Lioran"].map(|zone| format!("{date};{zone};Local;Touriste;5"));
        world.nights(&[&lines[0], &lines[1]]);
        let json = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
        assert_eq!(json["findings"][0]["code"], "load-undone", "what is lost comes first: {json}");
        json["next"].as_str().unwrap().to_owned()
    };
    assert!(status("2025-09-22").contains("de côté"));
    assert!(status("2025-09-08").starts_with("importez"));
    for date in ["2025-09-15", "2025-09-22"] {
        day(&world, date);
        archive();
        assert_eq!(days(&told("check-status", &[])), [true, false, false], "{date}");
        assert_eq!(told("verify-migration", &from_archive).len(), 1, "{date}");
    }
    world.nights(&["2025-09-08;Cantal;Local;Touriste;5", "2025-09-08;Lioran;Local;Touriste;5"]);
    // It lies before the last day of the base.
    world.import_nights(&[]).expect_code(3);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert!(told("check-status", &[]).is_empty() && told("verify-migration", &from_archive).is_empty());
    assert_eq!(world.db.count("fact_nuitees"), 8);
}

#[test]
fn the_etl_loads_again_what_a_restoration_or_other_hands_took_away() {
    let world = World::whole();
    let place = |zone: &str| format!("2024B1/Nuitee_2024B1_{zone}0.csv");
    world.raw(&place("CANTAL"), PLAIN, &["2024-03-04;Cantal;Local;Touriste;7", "2024-03-05;Cantal;Local;Touriste;8"]);
    world.etl(&[]).expect_code(0);
    world.tool("backup-critical").run().expect_code(0);
    world.raw(&place("LIORAN"), PLAIN, &["2024-03-04;Lioran;Local;Touriste;1", "2024-03-05;Lioran;Local;Touriste;2"]);
    world.etl(&[]).expect_code(0);
    let whole = world.nuitees();
    assert_eq!(whole.len(), 4);
    world.tool("restore-critical").args(["--yes", "--json"]).run().sane().expect_code(3);
    assert_eq!(world.nuitees().len(), 2);
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!(file(&json, &place("CANTAL"))["status"], "unchanged");
    assert_eq!((&file(&json, &place("LIORAN"))["status"], world.nuitees()), (&"loaded".into(), whole.clone()));
    // One date of one zone is enough.
    world.db.exec("DELETE FROM fact_nuitees WHERE id_zone = 1 AND date = '2024-03-05'");
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!((&file(&json, &place("CANTAL"))["status"], world.nuitees()), (&"loaded".into(), whole));
    assert_eq!(file(&json, &place("LIORAN"))["status"], "unchanged");
}

#[test]
fn a_commit_of_the_etl_whose_answer_is_lost_counts_once() {
    for passage in 1..=5 {
        let world = World::whole();
        let lines: Vec<String> = (1..=6).map(|day| format!("2024-03-{day:02};Cantal;Local;Touriste;{day}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        world.raw("Nuitee_2024B1_CANTAL0.csv", PLAIN, &lines);
        let tool = world.tool("populate-facts-full-production").args(["--json", "--jobs", "1", "--batch-size", "2"]);
        let json = tool.fail_at(&format!("db.committed:{passage}"), "error").run().sane().expect_code(0).json();
        let found = file(&json, "Nuitee_2024B1_CANTAL0.csv");
        assert_eq!((&found["stored"], &found["deleted"]), (&6.into(), &0.into()), "passage {passage}: {json}");
        assert_eq!(world.nuitees().len(), 6);
    }
}

/// Two days of two zones, of which the second day of the second delivery has a line that nobody can read: it waits, the first is cleaned.
fn half_cleaned(world: &World) {
    let deliver = |volumes: [&str; 4], code: i32| {
        let places =
            [("2025-09-01", "Cantal"), ("2025-09-01", "Lioran"), ("2025-09-02", "Cantal"), ("2025-09-02", "Lioran")];
        let lines: Vec<String> = places
            .iter()
            .zip(volumes)
            .map(|((day, zone), volume)| format!("{day};{zone};Local;Touriste;{volume}"))
            .collect();
        world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.import_nights(&["--max-shrink", "100"]).expect_code(code);
        world.tool("migrate-temp-to-main").args(["--max-shrink", "100"]).run().sane().expect_code(code);
        world.tool("cleanup-temp").run().sane().expect_code(code);
    };
    deliver(["5", "6", "7", "8"], 0);
    world.tool("backup-critical").run().expect_code(0);
    deliver(["15", "16", "17", "dix-huit"], 3);
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-09-02"]);
}

fn nights(world: &World) -> Vec<String> {
    world.keys("fact_nuitees", "date, id_zone")
}

const HALF: [&str; 4] = ["2025-09-01 1 15", "2025-09-01 5 16", "2025-09-02 1 17", "2025-09-02 5 8"];

#[test]
fn a_week_of_which_only_some_dates_were_cleaned_since_is_loaded_again_too() {
    let world = World::whole();
    half_cleaned(&world);
    assert_eq!(nights(&world), HALF);
    // The day that waits is told, and is none that somebody took away.
    let json = world.tool("validation-complete-import").arg("--json").run().sane().expect_code(3).json();
    assert!(!codes(&json).contains(&"rows-unrecorded"), "{json}");
    let json = world.tool("restore-critical").args(["--yes", "--json"]).run().sane().expect_code(3).json();
    assert!(codes(&json).contains(&"load-undone"), "{json}");
    assert_eq!(nights(&world), ["2025-09-01 1 5", "2025-09-01 5 6", "2025-09-02 1 7", "2025-09-02 5 8"]);
    // What is left of the load in the temporary table is still its own.
    let json = world.tool("migrate-temp-to-main").args(["--dry-run", "--json"]).run().sane().expect_code(3).json();
    assert!(!codes(&json).contains(&"rows-unrecorded"), "{json}");
    let json = world.import_nights(&["--max-shrink", "100"]).expect_code(3).json();
    assert_eq!(file(&json, "frequentation_nuitee.csv")["status"], "loaded");
    world.tool("migrate-temp-to-main").args(["--max-shrink", "100"]).run().sane().expect_code(3);
    assert_eq!(nights(&world), HALF);
}

#[test]
fn undoing_a_restoration_forgets_what_was_loaded_since_and_remembers_what_was_before() {
    let world = World::whole();
    day(&world, "2025-09-01");
    world.tool("backup-critical").run().expect_code(0);
    day(&world, "2025-09-08");
    let second = world.home.read("data/data_temp/frequentation_nuitee.csv");
    world.tool("restore-critical").arg("--yes").run().sane().expect_code(3);
    day(&world, "2025-09-15");
    let third = world.home.read("data/data_temp/frequentation_nuitee.csv");
    assert_eq!(world.db.count("fact_nuitees"), 4);
    for args in [&["--undo"][..], &["--undo", "--yes"]] {
        let json = world.tool("restore-critical").args(args).arg("--json").run().sane().expect_code(3).json();
        assert!(codes(&json).contains(&"load-undone"), "{json}");
    }
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees"), ["2025-09-01", "2025-09-08"]);
    let status = |text: &str| {
        world.home.write_csv("frequentation_nuitee.csv", text);
        file(&world.import_nights(&[]).sane().json(), "frequentation_nuitee.csv")["status"].clone()
    };
    assert_eq!((status(&second), status(&third)), ("unchanged".into(), "loaded".into()));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 6);
}

#[test]
fn migrations_that_a_restoration_undid_stay_known_as_such() {
    let world = World::whole();
    day(&world, "2025-09-01");
    world.tool("backup-critical").run().expect_code(0);
    // After the snapshot: the first migration is undone, and another one made.
    let first = world.db.scalar("SELECT run FROM flux_migrations");
    world.tool("migrate-temp-to-main").args(["--undo", &first, "--yes"]).run().sane().expect_code(0);
    day(&world, "2025-09-08");
    let second = world.db.scalar("SELECT run FROM flux_migrations ORDER BY id DESC LIMIT 1");
    let undone = || world.db.column("SELECT CONCAT(run, ' ', undone_at IS NOT NULL) FROM flux_migrations ORDER BY id");
    let state = |one: u8, other: u8| [format!("{first} {one}"), format!("{second} {other}")];
    assert_eq!(undone(), state(1, 0));
    world.tool("restore-critical").arg("--yes").run().sane().expect_code(3);
    assert_eq!((undone(), world.db.count("fact_nuitees")), (state(0, 1).to_vec(), 2));
    let events =
        world.tool("historique").args(["--json", "--table", "fact_nuitees"]).run().sane().expect_code(0).json();
    let migrations = events["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "migration").count();
    assert_eq!(migrations, 2, "{events}");
    let json = world
        .tool("migrate-temp-to-main")
        .args(["--json", "--undo", &second, "--yes"])
        .run()
        .sane()
        .expect_code(0)
        .json();
    assert_eq!(json["tables"][0]["status"], "already");
    let _ = world.tool("restore-critical").args(["--undo", "--yes"]).run().sane();
    assert_eq!(undone()[1], state(0, 0)[1], "what the restoration undid is done again");
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees"), ["2025-09-08"]);
}

/// A backup of everything brings the history of its time along, in which the weeks since are not: they count as undone all the same.
#[test]
fn a_restoration_of_everything_tells_what_was_loaded_since() {
    let world = World::whole();
    day(&world, "2025-10-06");
    world.tool("backup-critical").arg("--all").run().expect_code(0);
    let json = world.tool("restore-critical").arg("--json").run().sane().expect_code(0).json();
    assert!(codes(&json).is_empty(), "nothing is newer: {json}");
    day(&world, "2025-10-13");
    world.tool("archive-csv").run().sane().expect_code(0);
    let plan = world.tool("restore-critical").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(codes(&plan), ["load-undone"]);
    let json = world.tool("restore-critical").args(["--yes", "--json"]).run().sane().expect_code(3).json();
    assert_eq!(codes(&json), ["load-undone"]);
    assert_eq!(world.db.count("fact_nuitees"), 2);
    let status = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&status).contains(&"load-undone"), "{status}");
    let events = || {
        let json = world.tool("historique").args(["--table", "fact_nuitees", "--json"]).run().sane().json();
        let text = |event: &serde_json::Value| {
            ["kind", "status", "first_date"].map(|field| event[field].as_str().unwrap_or("–").to_owned()).join(" ")
        };
        json["events"].as_array().unwrap().iter().map(text).collect::<Vec<_>>()
    };
    let of = |day: &str, what: &[&str]| what.iter().map(|what| format!("{what} {day}")).collect::<Vec<_>>();
    let second = ["undo done", "cleanup done", "migration undone", "import undone", "delivery imported"];
    let first = ["cleanup done", "migration done", "import loaded", "delivery imported"];
    let (second, first) = (of("2025-10-13", &second), of("2025-10-06", &first));
    assert_eq!(events(), [of("–", &["restore restore", "restore restore"]), second, first].concat());
    // What was never undone comes back with the tables of before.
    let undo = world.tool("restore-critical").args(["--undo", "--yes"]).run().sane();
    assert!([0, 3].contains(&undo.code), "{undo}");
    assert_eq!(world.db.count("fact_nuitees"), 4);
    assert!(events().contains(&"import loaded 2025-10-13".to_owned()), "{:?}", events());
}
