//! `migrate-temp-to-main --undo RUN`: what a migration did is taken back, unless its rows have changed since.

use serde_json::{Value, json};
use support::weekly::{BASE, Sane, World, table};

const TEMP: &str = "fact_nuitees_temp";

fn migrate(world: &World, args: &[&str], code: i32) -> Value {
    world.tool("migrate-temp-to-main").arg("--json").args(args).run().sane().expect_code(code).json()
}

fn run_of(json: &Value) -> String {
    json["run"].as_str().unwrap().to_owned()
}

/// Everything of a main table but its ids and times.
fn main(world: &World) -> Vec<Vec<String>> {
    world.dump("fact_nuitees")
}

fn deliver(world: &World, lines: &[&str]) {
    world.nights(lines);
    world.import_nights(&["--max-shrink", "100"]).expect_code(0);
}

/// A first delivery is migrated, beside a definitive row; then a second one that revises, withdraws, adds to a day and adds a day.
/// Gives the runs and what main held before the second.
fn two_runs() -> (World, String, String, Vec<Vec<String>>) {
    let world = World::whole();
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-04-01', 9, 3, 4, 77, 0)");
    deliver(
        &world,
        &[
            "2025-04-01;Lioran;Local;Touriste;10",
            "2025-04-01;Lioran;Local;Resident;20",
            "2025-04-01;Lioran;NonLocal;Resident;30",
            "2025-04-01;Lioran;Etranger;Touriste;40",
        ],
    );
    let first = run_of(&migrate(&world, &[], 0));
    let before = main(&world);
    deliver(
        &world,
        &[
            "2025-04-01;Lioran;Local;Touriste;11",
            "2025-04-01;Lioran;Local;Resident;20",
            "2025-04-01;Lioran;NonLocal;Resident;33",
            "2025-04-01;Lioran;NonLocal;Touriste;50",
            "2025-04-02;Lioran;Local;Touriste;60",
            "2025-04-02;Carlades;Local;Touriste;70",
        ],
    );
    let json = migrate(&world, &[], 0);
    let row = table(&json, TEMP);
    assert_eq!((&row["inserted"], &row["updated"], &row["removed"]), (&json!(3), &json!(2), &json!(1)));
    let second = run_of(&json);
    (world, first, second, before)
}

#[test]
fn a_migration_is_planned_then_taken_back_and_can_be_made_again() {
    let (world, first, second, before) = two_runs();
    let after = main(&world);
    let plan = migrate(&world, &["--undo", &second[..6]], 0);
    let row = &plan["tables"][0];
    assert_eq!(
        (&row["main"], &row["status"], &plan["dry_run"]),
        (&json!("fact_nuitees"), &json!("planned"), &json!(true))
    );
    assert_eq!((&row["added"], &row["reverted"], &row["restored"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(main(&world), after, "a plan writes nothing");
    // The older one lies under it.
    let json = migrate(&world, &["--undo", &first, "--yes"], 3);
    assert_eq!(
        (&json["tables"][0]["status"], &json["findings"][0]["code"]),
        (&json!("refused"), &json!("undo-refused"))
    );
    assert_eq!(main(&world), after);
    let json = migrate(&world, &["--undo", &second, "--yes"], 0);
    assert_eq!(json["tables"][0]["status"], "undone");
    assert_eq!(main(&world), before);
    let json = migrate(&world, &["--undo", &second, "--yes"], 0);
    assert_eq!((&json["tables"][0]["status"], main(&world)), (&json!("already"), before.clone()));
    // What is in the temporary tables can be migrated again, and the older run be undone once the newer one is.
    migrate(&world, &[], 0);
    assert_eq!(main(&world), after);
    world.db.exec("UPDATE flux_migrations SET undone_at = NOW(3) WHERE undone_at IS NULL AND id = (SELECT m FROM (SELECT MAX(id) m FROM flux_migrations) x)");
    world.db.exec("DELETE FROM fact_nuitees");
    for row in &before {
        let values: Vec<String> = row.iter().map(|value| format!("'{value}'")).collect();
        world.db.exec(&format!(
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ({})",
            values.join(", ")
        ));
    }
    migrate(&world, &["--undo", &first, "--yes"], 0);
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), ["2025-04-01 9 77"], "the definitive row stays");
}

#[test]
fn a_main_table_that_has_changed_since_is_left_as_it_is() {
    for change in [
        // a revised row, one that was added to a day, one of an added day, and two of them with the same sum
        "UPDATE fact_nuitees SET volume = 12 WHERE volume = 11",
        "DELETE FROM fact_nuitees WHERE volume = 50",
        "UPDATE fact_nuitees SET volume = 61 WHERE volume = 60",
        "UPDATE fact_nuitees SET id_categorie = 3 WHERE volume = 70",
        "UPDATE fact_nuitees SET is_provisional = 0 WHERE volume = 33",
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-04-01', 5, 3, 1, 41, 1)",
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-04-02', 5, 3, 1, 0, 1)",
        "DELETE FROM flux_row_history WHERE kind = 'w'",
    ] {
        let (world, _, second, _) = two_runs();
        world.db.exec(change);
        let before = main(&world);
        let json = migrate(&world, &["--undo", &second], 3);
        assert_eq!(json["tables"][0]["status"], "refused", "{change}");
        let json = migrate(&world, &["--undo", &second, "--yes"], 3);
        assert_eq!((&json["findings"][0]["code"], main(&world)), (&json!("undo-refused"), before), "{change}");
    }
}

#[test]
fn places_get_their_weekday_back_and_each_table_stands_for_itself() {
    let world = World::whole();
    let header = support::weekly::MOBILITY;
    let line = |commune: &str, volume: u32| format!("2025-06-04;Lioran;Local;Touriste;{commune};{volume}");
    let deliver = |lines: &[String], nights: &str| {
        world.csv("export_mobilite.csv", header, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.csv("frequentation_journee.csv", BASE, &[nights]);
        world.import("export_mobilite,frequentation_journee", &[]).expect_code(0);
    };
    deliver(
        &[line("Aurillac", 4), line("Saint-Flour", 5), line("Saint-Georges", 6)],
        "2025-06-04;Lioran;Local;Touriste;1",
    );
    migrate(&world, &[], 0);
    let before = (world.dump("fact_lieu_activite_soir"), world.dump("fact_diurnes"));
    deliver(&[line("Aurillac", 4), line("Saint-Flour", 5)], "2025-06-04;Lioran;Local;Touriste;2");
    let run = run_of(&migrate(&world, &[], 0));
    assert_eq!(world.db.count("fact_lieu_activite_soir"), 2);
    world.db.exec("UPDATE fact_diurnes SET volume = 3");
    let json = migrate(&world, &["--undo", &run, "--yes"], 3);
    let status = |main: &str| {
        let tables = json["tables"].as_array().unwrap();
        tables.iter().find(|row| row["main"] == main).unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((status("fact_lieu_activite_soir"), status("fact_diurnes")), ("undone".into(), "refused".into()));
    assert_eq!(world.dump("fact_lieu_activite_soir"), before.0);
    assert_eq!(world.keys("fact_diurnes", "date, id_zone"), ["2025-06-04 5 3"]);
}

#[test]
fn overwritten_definitive_rows_are_definitive_again() {
    let world = World::whole();
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-04-01', 5, 1, 1, 10, 0), ('2025-04-01', 5, 1, 2, 5, 0)");
    let before = main(&world);
    deliver(&world, &["2025-04-01;Lioran;Local;Touriste;10", "2025-04-01;Lioran;Local;Resident;6"]);
    let run = run_of(&migrate(&world, &["--overwrite-definitive"], 0));
    assert_ne!(main(&world), before);
    migrate(&world, &["--undo", &run, "--yes"], 0);
    assert_eq!(main(&world), before);
}

#[test]
fn rows_of_a_zone_that_was_merged_away_do_not_come_back() {
    let (world, _, second, _) = two_runs();
    world.db.exec("UPDATE dim_zones_observation SET id_zone = 99 WHERE id_zone = 5");
    world.db.exec("UPDATE flux_row_history SET id_zone = 5; DELETE FROM flux_row_history WHERE kind <> 'w'; UPDATE flux_migrations SET updated = 0; UPDATE flux_migration_cells SET inserted = 0, is_new = 0");
    let before = main(&world);
    let json = migrate(&world, &["--undo", &second, "--yes"], 3);
    assert!(json["tables"][0]["reason"].as_str().unwrap().contains("dim_zones_observation"), "{json}");
    assert_eq!(main(&world), before);
}

#[test]
fn what_is_too_old_is_forgotten_and_then_refused() {
    let (world, first, second, _) = two_runs();
    world.db.exec("UPDATE flux_migrations SET finished_at = finished_at - INTERVAL 11 DAY");
    let cleanup = |days: &str| {
        world.tool("cleanup-temp").args(["--json", "--keep-history", days]).run().sane().expect_code(0).json()
    };
    assert_eq!(cleanup("12")["forgotten"], 0);
    assert!(world.db.count("flux_row_history") > 0);
    assert_eq!(cleanup("10")["forgotten"], 2);
    assert_eq!((world.db.count("flux_row_history"), world.db.count("flux_migration_cells")), (0, 0));
    assert_eq!(world.db.count("flux_migrations"), 2, "that they were made stays known");
    for run in [first, second] {
        assert_eq!(migrate(&world, &["--undo", &run, "--yes"], 3)["tables"][0]["status"], "refused");
    }
}

#[test]
fn a_rerun_leaves_no_trace_and_names_are_checked() {
    let (world, _, second, _) = two_runs();
    let counts = || ["flux_migrations", "flux_migration_cells", "flux_row_history"].map(|name| world.db.count(name));
    let before = counts();
    migrate(&world, &[], 0);
    assert_eq!(counts(), before);
    for args in [
        &["--undo", "0000beef"][..],
        &["--undo", "xyz"],
        &["--undo", ""],
        &["--undo", &second, "--only", "fact_nuitees"],
        &["--yes"],
    ] {
        world.tool("migrate-temp-to-main").args(args).run().sane().expect_code(2);
    }
}

#[test]
fn what_was_cleaned_since_can_be_loaded_again_once_its_migration_is_undone() {
    let (world, _, second, before) = two_runs();
    let after = main(&world);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    let plan = migrate(&world, &["--undo", &second], 0);
    // Both deliveries brought 1 April; without the migration their rows of it are in no table that an import would look at.
    assert_eq!((&plan["tables"][0]["status"], &plan["tables"][0]["forgotten"]), (&json!("planned"), &json!(2)));
    let json = migrate(&world, &["--undo", &second, "--yes"], 0);
    assert_eq!((&json["tables"][0]["forgotten"], main(&world)), (&json!(2), before));
    let status = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert!(support::codes(&status).contains(&"load-undone"), "{status}");
    let json = world.import_nights(&["--max-shrink", "100"]).expect_code(0).json();
    assert_eq!(support::weekly::file(&json, "frequentation_nuitee.csv")["status"], "loaded");
    migrate(&world, &[], 0);
    assert_eq!(main(&world), after);
    let events =
        world.tool("historique").args(["--json", "--table", "fact_nuitees"]).run().sane().expect_code(0).json();
    let events = events["events"].as_array().unwrap();
    let undone: Vec<_> = events.iter().filter(|event| event["kind"] == "undo").collect();
    assert_eq!(
        (undone.len(), &undone[0]["source"], &undone[0]["rows"], &undone[0]["withdrawn"]),
        (1, &json!(second), &json!(3), &json!(3))
    );
    assert_eq!(undone[0]["first_date"], "2025-04-01");
}

#[test]
fn what_waits_in_the_temporary_table_stays_loaded() {
    let (world, _, second, _) = two_runs();
    let json = migrate(&world, &["--undo", &second, "--yes"], 0);
    assert_eq!(json["tables"][0]["forgotten"], 0);
    let json = world.import_nights(&["--max-shrink", "100"]).expect_code(0).json();
    assert_eq!(support::weekly::file(&json, "frequentation_nuitee.csv")["status"], "unchanged");
}

#[test]
fn rows_that_a_held_zone_keeps_in_the_temporary_table_are_told_after_the_cleanup_too() {
    let world = World::whole();
    let held = ["Local", "NonLocal", "Etranger"].map(|from| format!("2025-04-01;Lioran;{from};Touriste;10"));
    let other = [
        "2025-04-01;Carlades;Local;Touriste;5",
        "2025-04-01;Carlades;NonLocal;Touriste;6",
        "2025-04-02;Carlades;Local;Touriste;7",
    ];
    deliver(&world, &held.iter().map(String::as_str).chain(other).collect::<Vec<_>>());
    migrate(&world, &[], 0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    let before = main(&world);
    // One of three rows of the Lioran is left: its day is held back and stays where it is, with the rows of the other zone.
    deliver(
        &world,
        &[
            &held[0],
            "2025-04-01;Carlades;Local;Touriste;8",
            "2025-04-01;Carlades;NonLocal;Touriste;6",
            "2025-04-02;Carlades;Local;Touriste;9",
        ],
    );
    let run = run_of(&migrate(&world, &[], 3));
    world.tool("cleanup-temp").run().sane().expect_code(3);
    assert_eq!(world.keys(TEMP, "date, id_zone").len(), 3, "{:?}", world.keys(TEMP, "date, id_zone"));
    let plan = migrate(&world, &["--undo", &run], 0);
    assert_eq!((&plan["tables"][0]["in_temp"], &plan["tables"][0]["status"]), (&json!(2), &json!("planned")), "{plan}");
    let outcome = world.tool("migrate-temp-to-main").args(["--undo", &run, "--yes"]).run().sane().expect_code(0);
    assert_eq!(main(&world), before);
    assert!(outcome.stdout.contains("la prochaine migration les reprendrait"), "{outcome}");
}

/// What stands in the history of rows, read by SQL: table, key, volumes before and after, run, time.
#[test]
fn each_withdrawal_and_each_change_is_written_down_with_its_run() {
    let (world, _, second, _) = two_runs();
    let kept = world.db.column(&format!(
        "SELECT CONCAT_WS(' ', m.table_name, h.kind, h.date, h.id_zone, h.id_provenance, h.id_categorie, \
         COALESCE(h.volume_before, '-'), COALESCE(h.volume_after, '-')) \
         FROM flux_row_history h JOIN flux_migrations m ON m.id = h.migration \
         WHERE m.run = '{second}' AND m.finished_at > UTC_TIMESTAMP() - INTERVAL 1 HOUR ORDER BY h.kind, h.id_provenance, h.id_categorie"
    ));
    let expected = [
        "fact_nuitees c 2025-04-01 5 1 1 10 11",
        "fact_nuitees c 2025-04-01 5 2 2 30 33",
        "fact_nuitees i 2025-04-01 5 2 1 - 50",
        "fact_nuitees w 2025-04-01 5 3 1 40 -",
    ];
    assert_eq!(kept, expected);
}

#[test]
fn what_migrations_changed_is_kept_for_four_hundred_days() {
    let (world, first, second, before) = two_runs();
    let age = |run: &str, days: u32| {
        world.db.exec(&format!(
            "UPDATE flux_migrations SET finished_at = finished_at - INTERVAL {days} DAY WHERE run = '{run}'"
        ));
    };
    age(&first, 401);
    age(&second, 399);
    let json = world.tool("cleanup-temp").arg("--json").run().sane().expect_code(0).json();
    assert_eq!(json["forgotten"], 1);
    assert_eq!(migrate(&world, &["--undo", &first], 3)["tables"][0]["status"], "refused");
    migrate(&world, &["--undo", &second, "--yes"], 0);
    assert_eq!(main(&world), before);
}
