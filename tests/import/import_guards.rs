//! What a weekly import is held against before it replaces anything (domain.md §4): the period, the rows that the base holds, and
//! whether anything is stored at all.

use serde_json::{Value, json};
use support::codes;
use support::weekly::{Sane, World, counts, file};

const NIGHTS: &str = "frequentation_nuitee.csv";

fn line(date: &str, zone: &str, volume: u32) -> String {
    format!("{date};{zone};Local;Touriste;{volume}")
}

/// Writes the file with a line for each date and zone.
fn deliver(world: &World, dates: &[&str], zones: &[&str], volume: u32) {
    let lines: Vec<String> =
        dates.iter().flat_map(|date| zones.iter().map(move |zone| line(date, zone, volume))).collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Imports the file, migrates it and empties the temporary table.
fn week(world: &World, dates: &[&str], zones: &[&str]) {
    deliver(world, dates, zones, 10);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn a_period_that_does_not_follow_the_base_is_told_by_import_and_validation() {
    let world = World::whole();
    week(&world, &["2025-05-12", "2025-05-18"], &["Cantal"]);
    for (dates, expected) in [
        (["2025-05-19", "2025-05-25"], false),
        (["2025-05-12", "2025-05-18"], false),
        (["2025-05-05", "2025-05-11"], true),
        (["2025-07-18", "2025-07-24"], true),
        (["2024-05-12", "2024-05-18"], true),
    ] {
        world.db.exec("DELETE FROM fact_nuitees_temp");
        deliver(&world, &dates, &["Cantal"], 11);
        let json = world.import_nights(&[]).sane().json();
        assert_eq!(codes(&json).contains(&"period-unexpected"), expected, "{dates:?}: {json}");
        assert_eq!(json["exit_code"], if expected { 3 } else { 0 }, "{dates:?}");
        assert_eq!(file(&json, NIGHTS)["stored"], 2, "it is told, and stored: {json}");
        let validation = world.tool("validation-complete-import").arg("--json").run().sane().json();
        assert_eq!(codes(&validation).contains(&"period-unexpected"), expected, "{dates:?}: {validation}");
    }
}

#[test]
fn a_date_that_shrank_is_held_against_the_main_table_once_the_temporary_one_is_empty() {
    let world = World::whole();
    week(&world, &["2025-05-12"], &["Cantal", "Lioran", "Carlades", "Haut Cantal", "Hautes Terres"]);
    deliver(&world, &["2025-05-12"], &["Cantal", "Lioran"], 12);
    let json = world.import_nights(&[]).expect_code(3).json();
    let nights = file(&json, NIGHTS);
    assert_eq!(nights["shrunk_dates"], json!([{"date": "2025-05-12", "stored": 5, "incoming": 2}]));
    assert_eq!((&nights["status"], &nights["code"]), (&json!("empty"), &json!("nothing-stored")));
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    // Definitive rows are not the delivery's to lose.
    world.db.exec("UPDATE fact_nuitees SET is_provisional = 0");
    world.import_nights(&["--max-shrink", "49"]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
}

#[test]
fn a_zone_that_is_gone_from_a_date_is_told() {
    let world = World::whole();
    week(&world, &["2025-05-12", "2025-05-13"], &["Cantal", "Lioran", "Carlades"]);
    world.nights(&[
        &line("2025-05-12", "Cantal", 1),
        &line("2025-05-12", "Lioran", 1),
        &line("2025-05-12", "Carlades", 1),
        &line("2025-05-13", "Cantal", 1),
        &line("2025-05-13", "Lioran", 1),
    ]);
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(codes(&json), ["zone-vanished"]);
    let message = json["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("CARLADES") && message.contains("2025-05-13") && !message.contains("LIORAN"), "{message}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 5);
    // The validation tells it as long as nothing is migrated, however often the import has looked.
    world.import_nights(&[]).sane().expect_code(0);
    let json = world.tool("validation-complete-import").arg("--json").run().sane().expect_code(3).json();
    let found = json["findings"].as_array().unwrap();
    let told = found.iter().find(|one| one["code"] == "zone-vanished").unwrap_or_else(|| panic!("{json}"));
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("CARLADES (2025-05-13)") && !message.contains("LIORAN"), "{message}");
    world.import_nights(&["--force"]).expect_code(0);
}

#[test]
fn a_file_of_which_nothing_is_stored_is_not_loaded_however_often_it_is_looked_at() {
    let world = World::whole();
    deliver(&world, &["2025-05-12"], &["Atlantide", "Avalon"], 1);
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(file(&json, NIGHTS)["status"], "empty");
    assert_eq!(counts(file(&json, NIGHTS)), [2, 0, 0, 0, 0, 2, 0]);
    let status = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&status).contains(&"nothing-stored"), "{status}");
    assert!(!status["next"].as_str().unwrap().contains("migrate-temp-to-main"), "{status}");

    deliver(&world, &["2025-05-12"], &["Cantal", "Lioran"], 1);
    for expected in ["empty", "unchanged"] {
        let json = world.import_nights(&["--year", "2019"]).expect_code(3).json();
        let nights = file(&json, NIGHTS);
        assert_eq!((&nights["status"], &nights["code"]), (&json!(expected), &json!("nothing-stored")));
    }
    let json = world.import_nights(&["--year", "2025"]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "loaded");
}

/// What is missing in the base is as missing the second time.
#[test]
fn rejected_lines_are_told_as_long_as_their_file_is_there() {
    let world = World::whole();
    let lines = |volume: &str| {
        world.nights(&["2025-05-12;Carlades;Local;Touriste;7", &format!("2025-05-12;Lioran;Local;Touriste;{volume}")]);
    };
    lines("12,7");
    for (status, code) in [("loaded", json!(null)), ("unchanged", json!("rejected-lines"))] {
        let json = world.import_nights(&[]).expect_code(3).json();
        let nights = file(&json, NIGHTS);
        assert_eq!((&nights["status"], &nights["code"], &json["status"]), (&json!(status), &code, &json!("attention")));
        assert_eq!(world.db.count("fact_nuitees_temp"), 1);
    }
    let told = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().sane().expect_code(3);
    assert!(told.stdout.contains("1 ligne rejetée, voir") && told.stdout.contains("→ corrigez"), "{told}");
    lines("127");
    for status in ["loaded", "unchanged"] {
        assert_eq!(file(&world.import_nights(&[]).expect_code(0).json(), NIGHTS)["status"], status);
    }
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
}

/// legacy.md, 15.
/// Where no volume is chosen, the key has no row, however often one looks; where one is, the second look has nothing to add.
#[test]
fn lines_that_were_refused_for_contradicting_each_other_are_told_each_time() {
    let world = World::new();
    let line = |volume: u32| format!("2025-09-15;Lioran;Etranger;Touriste;{volume}");
    world.nights(&[&line(30), "2025-09-15;Cantal;Local;Resident;4", &line(33), &line(36)]);
    let reject = ["--on-conflict", "reject"];
    for (status, code) in [("loaded", json!(null)), ("unchanged", json!("rejected-lines"))] {
        let json = world.import_nights(&reject).expect_code(3).json();
        let nights = file(&json, "frequentation_nuitee.csv");
        assert_eq!((&nights["status"], &nights["code"]), (&json!(status), &code), "{json:#}");
    }
    let text = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).args(reject).run();
    let place = world.db.scalar("SELECT reject_file FROM flux_import_history ORDER BY id DESC LIMIT 1");
    text.expect_code(3).expect_stdout("3 lignes écartées car contraires").expect_stdout(&place);
    assert_eq!(world.db.count("flux_import_history"), 1);
    for code in [3, 0] {
        world.import_nights(&["--on-conflict", "first"]).expect_code(code);
    }
}

#[test]
fn a_table_that_other_hands_have_changed_is_loaded_again() {
    let world = World::new();
    deliver(&world, &["2025-05-12", "2025-05-13"], &["Cantal", "Lioran"], 8);
    world.import_nights(&[]).expect_code(0);
    let whole = world.stored();
    let status = || file(&world.import_nights(&[]).expect_code(0).json(), NIGHTS)["status"].clone();
    assert_eq!(status(), "unchanged");
    for change in [
        "DELETE FROM fact_nuitees_temp WHERE date = '2025-05-13' AND id_zone = 5",
        "UPDATE fact_nuitees_temp SET volume = 9 WHERE date = '2025-05-12' AND id_zone = 1",
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-05-13', 9, 1, 1, 4)",
        "DELETE FROM fact_nuitees_temp",
    ] {
        world.db.exec(change);
        let json = world.import_nights(&["--max-shrink", "100"]).json();
        assert_eq!(
            (file(&json, NIGHTS)["status"].as_str(), world.stored()),
            (Some("loaded"), whole.clone()),
            "{change}"
        );
        assert_eq!(status(), "unchanged");
    }
    // Rows of another date are not what the file brought.
    world.db.exec("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-01-01', 9, 1, 1, 4)");
    assert_eq!(status(), "unchanged");
}

#[test]
fn a_commit_whose_answer_is_lost_counts_once_and_is_no_failure() {
    for passage in 1..=4 {
        let world = World::new();
        deliver(&world, &["2025-05-12", "2025-05-13"], &["Cantal", "Lioran"], 8);
        world.import_nights(&[]).expect_code(0);
        deliver(&world, &["2025-05-12", "2025-05-13"], &["Cantal", "Lioran", "Carlades"], 9);
        let tool = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--jobs", "1", "--json"]);
        let json = tool.fail_at(&format!("db.committed:{passage}"), "error").run().sane().expect_code(0).json();
        assert_eq!(counts(file(&json, NIGHTS)), [6, 6, 4, 0, 0, 0, 0], "passage {passage}");
        assert_eq!(world.stored().len(), 6);
        let told = world
            .db
            .column("SELECT CONCAT_WS(' ', status, rows_stored, rows_deleted) FROM flux_import_history ORDER BY id");
        assert_eq!(told, ["loaded 4 0", "loaded 6 4"], "passage {passage}");
    }
}

#[test]
fn every_file_of_the_folder_is_named() {
    let world = World::new();
    deliver(&world, &["2025-05-12"], &["Cantal"], 8);
    for name in [
        "frequentation_nuitee (3).csv",
        "livraison.zip",
        "export_mobilite.xlsx",
        "duree_sejour.csv.filepart",
        "onze.csv",
    ] {
        world.home.write(format!("data/data_temp/arrivée/{name}"), "x");
    }
    world.home.write("data/data_temp/note.pdf", "x");
    let json = world.tool("update-temp-tables").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(codes(&json), ["file-unexpected"; 6]);
    let left: Vec<&str> = json["left_out"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
    let validation = world.tool("validation-complete-import").arg("--json").run().sane().json();
    assert!(codes(&validation).contains(&"file-unexpected"), "{validation}");
}

#[test]
fn a_folder_with_an_archive_alone_is_no_empty_one() {
    let world = World::whole();
    world.home.write("data/data_temp/S21.zip", "PK");
    let json = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(codes(&json), ["file-unexpected"]);
    assert!(!json["next"].as_str().unwrap().contains("rien à faire"), "{json}");
}

#[test]
fn tables_emptied_by_other_hands_are_not_taken_for_migrated_ones() {
    let world = World::whole();
    deliver(&world, &["2025-05-12"], &["Cantal"], 8);
    world.import_nights(&[]).expect_code(0);
    world.db.exec("TRUNCATE fact_nuitees_temp");
    let json = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&json).contains(&"tables-empty"), "{json}");
    assert!(json["next"].as_str().unwrap().contains("update-temp-tables"), "{json}");
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 1);
    let zones: Value = World::whole().tool("check-zones").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&zones).contains(&"tables-empty"), "{zones}");
}

#[test]
fn a_line_of_another_year_in_a_week_is_a_period_of_its_own() {
    let world = World::whole();
    week(&world, &["2025-05-12", "2025-05-18"], &["Cantal"]);
    deliver(&world, &["2025-05-19", "2025-05-20", "2024-05-21"], &["Cantal", "Lioran"], 7);
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(codes(&json), ["period-unexpected"]);
    let message = json["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("2024-05-21 → 2024-05-21") && message.contains("362 jours"), "{message}");
    let validation = world.tool("validation-complete-import").arg("--json").run().sane().expect_code(3).json();
    assert!(codes(&validation).contains(&"period-unexpected"), "{validation}");
    // A date that waits in the table since last year is none of the delivery.
    deliver(&world, &["2025-05-19", "2025-05-20", "2025-05-21"], &["Cantal", "Lioran"], 7);
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 8);
    let validation = world.tool("validation-complete-import").arg("--json").run().sane().json();
    assert!(!codes(&validation).contains(&"period-unexpected"), "{validation}");
}

#[test]
fn a_zone_of_a_week_that_other_hands_took_away_is_told_and_loaded_again() {
    let world = World::whole();
    week(&world, &["2025-06-02", "2025-06-03"], &["Cantal", "Lioran"]);
    let nights = || file(&world.import_nights(&[]).sane().json(), NIGHTS).clone();
    let before = world.nuitees();
    world.db.exec("DELETE FROM fact_nuitees WHERE date = '2025-06-02' AND id_zone = 5");
    let json = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    let found = json["findings"].as_array().unwrap();
    let gone = found.iter().find(|one| one["place"] == "fact_nuitees").unwrap_or_else(|| panic!("{json}"));
    assert_eq!(gone["code"], "tables-empty");
    let message = gone["message"].as_str().unwrap();
    assert!(message.contains("LIORAN 2025-06-02") && !message.contains("CANTAL"), "{message}");
    assert_eq!(nights()["status"], "loaded");
    let run = world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(0).json()["run"].clone();
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.nuitees(), before);
    assert_eq!(nights()["status"], "unchanged");
    // What one of its own migrations took back is no other hands'.
    world.tool("migrate-temp-to-main").args(["--undo", run.as_str().unwrap(), "--yes"]).run().sane().expect_code(0);
    let json = world.tool("check-status").arg("--json").run().sane().json();
    let told = json["findings"].as_array().unwrap().iter().any(|one| one["code"] == "tables-empty");
    assert!(!told, "{json}");
}

#[test]
fn a_week_that_is_gone_from_the_main_table_is_told_and_loaded_again() {
    let world = World::whole();
    week(&world, &["2025-06-02", "2025-06-03"], &["Cantal", "Lioran"]);
    let nights = || file(&world.import_nights(&[]).sane().json(), NIGHTS).clone();
    assert_eq!(nights()["status"], "unchanged");
    // An export says that there is nothing of a zone any more.
    world.db.exec(
        "DELETE FROM fact_nuitees WHERE date = '2025-06-03' AND id_zone = 5;
         INSERT INTO flux_etl_progress (table_name, id_zone, date, rows_stored, delivery, run, content)
         VALUES ('fact_nuitees', 5, '2025-06-03', 0, 1, 'x', 'x')",
    );
    assert_eq!(nights()["status"], "unchanged");
    world.db.exec("DELETE FROM fact_nuitees WHERE date = '2025-06-03'");
    for tool in ["check-status", "validation-complete-import"] {
        let json = world.tool(tool).arg("--json").run().sane().expect_code(3).json();
        let found = json["findings"].as_array().unwrap();
        let gone = found.iter().find(|one| one["place"] == "fact_nuitees").unwrap_or_else(|| panic!("{tool}: {json}"));
        assert_eq!(gone["code"], "tables-empty", "{tool}");
        assert!(gone["message"].as_str().unwrap().contains("2025-06-03"), "{tool}: {gone}");
    }
    world.tool("archive-csv").run().sane().expect_code(3);
    let loaded = nights();
    assert_eq!((&loaded["status"], &loaded["stored"]), (&json!("loaded"), &json!(4)));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    world.tool("archive-csv").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 4);
}
