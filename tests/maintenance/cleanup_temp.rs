//! `cleanup-temp`: empties what is proved to be migrated, and nothing else.

use std::time::Duration;

use flux_test::Outcome;
use flux_test::mysql::prelude::Queryable;
use serde_json::json;
use support::trouble::wait_for_statement;
use support::weekly::{BASE, Sane, World, file, table};

const NIGHTS: &str = "frequentation_nuitee.csv";
const BOTH: &str = "frequentation_nuitee,frequentation_journee";

fn cleanup(world: &World, args: &[&str]) -> Outcome {
    world.tool("cleanup-temp").arg("--json").args(args).run().sane()
}

fn imported() -> World {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Lioran;Local;Touriste;2"]);
    world.csv("frequentation_journee.csv", BASE, &["2025-07-07;Cantal;Local;Excursionniste;3"]);
    world.import(BOTH, &[]).expect_code(0);
    world
}

#[test]
fn what_is_migrated_is_emptied_and_its_files_are_not_loaded_again() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let json = cleanup(&world, &[]).expect_code(0).json();
    let row = table(&json, "fact_nuitees_temp");
    assert_eq!(
        (&row["status"], &row["temp_rows"], &row["main"]),
        (&json!("cleaned"), &json!(2), &json!("fact_nuitees"))
    );
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_nuitees")), (0, 2));
    assert_eq!(table(&json, "fact_diurnes_pays_temp")["status"], "empty");
    let again = cleanup(&world, &[]).expect_code(0).json();
    assert_eq!(table(&again, "fact_nuitees_temp")["status"], "empty");
    let json = world.import(BOTH, &[]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "unchanged");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    // A new delivery is.
    world.nights(&["2025-07-14;Cantal;Local;Touriste;1"]);
    world.import(BOTH, &[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-14 1 1 1 1"]);
}

#[test]
fn one_row_without_proof_keeps_its_table_and_no_other() {
    for defect in [
        "DELETE FROM fact_nuitees WHERE id_zone = 5",
        "UPDATE fact_nuitees SET volume = 3 WHERE id_zone = 5",
        "UPDATE fact_nuitees SET id_categorie = 2 WHERE id_zone = 5",
    ] {
        let world = imported();
        world.tool("migrate-temp-to-main").run().sane().expect_code(0);
        world.db.exec(defect);
        let outcome = cleanup(&world, &[]).expect_code(3);
        let json = outcome.json();
        assert_eq!(table(&json, "fact_nuitees_temp")["status"], "kept", "{defect}");
        assert_eq!(table(&json, "fact_diurnes_temp")["status"], "cleaned");
        assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 0), "{defect}");
        let text = world.tool("cleanup-temp").run().sane().expect_code(3);
        let _ = text.expect_stdout("fact_nuitees_temp").expect_stdout("migrate-temp-to-main");
    }
}

#[test]
fn nothing_migrated_nothing_emptied() {
    let world = imported();
    cleanup(&world, &[]).expect_code(3);
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 1));
}

#[test]
fn a_definitive_row_stands_in_for_a_temporary_one() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.db.exec("UPDATE fact_nuitees SET is_provisional = 0, volume = 1000 WHERE id_zone = 5");
    cleanup(&world, &[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn force_empties_without_proof_and_the_delivery_can_then_be_imported_again() {
    let world = imported();
    let json = cleanup(&world, &["--force"]).expect_code(0).json();
    assert_eq!((&json["force"], &table(&json, "fact_nuitees_temp")["status"]), (&json!(true), &json!("cleaned")));
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    // Its rows are nowhere: the file is not one that is known and done.
    world.import(BOTH, &[]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 1));
}

#[test]
fn a_dry_run_empties_nothing_and_says_the_same() {
    let world = imported();
    world.tool("migrate-temp-to-main").args(["--only", "fact_nuitees"]).run().sane().expect_code(0);
    let dry = cleanup(&world, &["--dry-run"]).expect_code(3).json();
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 1));
    let wet = cleanup(&world, &[]).expect_code(3).json();
    assert_eq!(dry["tables"], wet["tables"]);
}

#[test]
fn only_and_test_choose_their_tables() {
    let world = imported();
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    cleanup(&world, &["--test"]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 1));
    cleanup(&world, &["--only", "frequentation_journee"]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (2, 0));
}

#[test]
fn a_user_who_may_not_truncate_deletes() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let account = world.db.restricted_user(&["SELECT, INSERT, UPDATE, DELETE ON {db}.*"]);
    let tool = world.tool("cleanup-temp").env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    tool.run().sane().expect_code(0);
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_nuitees")), (0, 2));
}

#[test]
fn a_row_that_changes_after_the_proof_keeps_its_table() {
    for change in [
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-07', 1, 1, 2, 9)",
        "UPDATE fact_nuitees_temp SET volume = 9 WHERE id_zone = 5",
        "UPDATE fact_nuitees SET volume = 9 WHERE id_zone = 5",
        "DELETE FROM fact_nuitees WHERE id_zone = 5",
    ] {
        let world = imported();
        world.tool("migrate-temp-to-main").run().sane().expect_code(0);
        let mut other = world.db.conn();
        other.query_drop("START TRANSACTION").unwrap();
        other.query_drop(change).unwrap();
        let running = world.tool("cleanup-temp").arg("--json").spawn();
        // The proof does not see the change yet; the tool then waits for the row.
        wait_for_statement(&mut world.db.admin(), world.db.name(), "DELETE t FROM fact_nuitees_temp");
        std::thread::sleep(Duration::from_millis(100));
        other.query_drop("COMMIT").unwrap();
        let json = running.wait().sane().json();
        let row = table(&json, "fact_nuitees_temp");
        assert!(["failed", "kept"].contains(&row["status"].as_str().unwrap()), "{change}: {row}");
        assert_eq!(table(&json, "fact_diurnes_temp")["status"], "cleaned");
        assert!(world.db.count("fact_nuitees_temp") >= 2, "{change}");
        let sql = "SELECT COUNT(*) FROM flux_import_history WHERE table_name = 'fact_nuitees_temp' AND cleaned_at IS NOT NULL";
        assert_eq!(world.db.scalar(sql), "0", "{change}");
        // The next run sees what nothing has migrated.
        assert_eq!(
            table(&cleanup(&world, &[]).expect_code(3).json(), "fact_nuitees_temp")["status"],
            "kept",
            "{change}"
        );
    }
}

#[test]
fn only_the_loads_that_were_proved_are_marked() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    // A load that comes between the proof and the mark, as from another node: its day is not in the table that was proved.
    let mut other = world.db.conn();
    other.query_drop("START TRANSACTION").unwrap();
    other.query_drop("SELECT * FROM fact_nuitees_temp WHERE id_zone = 1 FOR UPDATE").unwrap();
    let running = world.tool("cleanup-temp").arg("--json").spawn();
    wait_for_statement(&mut world.db.admin(), world.db.name(), "DELETE t FROM fact_nuitees_temp");
    world.db.exec(
        "INSERT INTO flux_import_history SELECT NULL, 'a', run, tool, table_name, file_name, file_path, file_size, file_hash, options,
         dims_hash, status, message, encoding, '2025-07-08', '2025-07-08', lines_read, 1, 0, 0, 0, 0, 0, NULL, started_at, finished_at, NULL
         FROM flux_import_history WHERE table_name = 'fact_nuitees_temp';
         INSERT INTO flux_import_dates SELECT MAX(id), 'fact_nuitees_temp', '2025-07-08', 1, 9, 0, 0, NULL FROM flux_import_history;
         INSERT INTO flux_import_dates SELECT MAX(id), 'fact_nuitees_temp', '2025-07-07', 1, 9, 0, 0, NULL FROM flux_import_history",
    );
    other.query_drop("COMMIT").unwrap();
    running.wait().sane().expect_code(0);
    let marks =
        "SELECT CONCAT_WS(' ', id = (SELECT MIN(id) FROM flux_import_history WHERE table_name = 'fact_nuitees_temp'),
                 cleaned_at IS NOT NULL) FROM flux_import_history WHERE table_name = 'fact_nuitees_temp' ORDER BY id";
    assert_eq!(world.db.column(marks), ["1 1", "0 0"]);
    assert_eq!(
        world.db.scalar(
            "SELECT COUNT(*) FROM flux_import_dates WHERE table_name = 'fact_nuitees_temp' AND cleaned_at IS NULL"
        ),
        "2"
    );
}

#[test]
fn a_failure_keeps_its_table_and_the_lock_keeps_all() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.db.exec("DROP TABLE fact_nuitees");
    let json = cleanup(&world, &["--force"]).expect_code(1).json();
    assert_eq!(table(&json, "fact_nuitees_temp")["status"], "failed");
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
    let mut conn = world.db.conn();
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    cleanup(&world, &[]).expect_code(4);
}

#[test]
fn bad_arguments_are_refused() {
    let world = World::whole();
    for args in [&["--only", "dim_pays"][..], &["--yes"], &["fact_nuitees_temp"]] {
        world.tool("cleanup-temp").args(args).run().sane().expect_code(2);
    }
}

#[test]
fn a_delivery_that_only_withdraws_is_not_thrown_away_before_it_has_withdrawn() {
    let world = World::whole();
    let line = |day: u32, zone: &str| format!("2025-10-0{day};{zone};NonLocal;Resident;8");
    let deliver = |lines: &[String]| {
        world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.import_nights(&[]).sane()
    };
    let zones = ["Lioran", "Carlades", "Haut Cantal"];
    let all: Vec<String> = (1..=2).flat_map(|day| zones.map(|zone| line(day, zone))).collect();
    let two = ["Local", "NonLocal"].map(|way| format!("2025-10-02;Lioran;{way};Touriste;3"));
    deliver(&[&all[..], &two[..]].concat()).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    cleanup(&world, &[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 8);
    // The same again, but for one row of 2 October.
    deliver(&[&all[..], &two[..1]].concat()).expect_code(0);
    for dry in [&["--dry-run"][..], &[]] {
        let json = cleanup(&world, dry).expect_code(3).json();
        let row = table(&json, "fact_nuitees_temp");
        let expected = (&json!("partial"), &json!(3), &json!(4));
        assert_eq!((&row["status"], &row["emptied"], &row["left"]), expected, "{row}");
        assert_eq!(support::codes(&json), ["withdrawal-pending"]);
    }
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-10-02"]);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    cleanup(&world, &[]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_nuitees_temp")), (7, 0));
    world.tool("archive-csv").run().sane().expect_code(0);

    // Who keeps withdrawn rows says so of both steps.
    deliver(&all).expect_code(0);
    world.tool("migrate-temp-to-main").arg("--keep-withdrawn").run().sane().expect_code(0);
    cleanup(&world, &[]).expect_code(3);
    cleanup(&world, &["--keep-withdrawn"]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_nuitees_temp")), (7, 0));
}
