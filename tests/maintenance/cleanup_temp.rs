//! `cleanup-temp`: empties what is proved to be migrated, and nothing else.

use std::time::{Duration, Instant};

use flux_test::Outcome;
use flux_test::mysql::prelude::Queryable;
use serde_json::json;
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
fn a_row_that_comes_after_the_proof_is_not_thrown_away() {
    let world = imported();
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let mut other = world.db.conn();
    other.query_drop("START TRANSACTION").unwrap();
    let row = "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-08', 1, 1, 1, 9)";
    other.query_drop(row).unwrap();
    let running = world.tool("cleanup-temp").arg("--json").spawn();
    // The proof does not see the row yet; the tool then waits for the table.
    let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%' AND db = ";
    let begun = Instant::now();
    while world.db.scalar(&format!("{waits}'{}'", world.db.name())) == "0" {
        assert!(begun.elapsed() < Duration::from_secs(30), "the tool never waited for the table");
        std::thread::sleep(Duration::from_millis(20));
    }
    other.query_drop("COMMIT").unwrap();
    let json = running.wait().sane().expect_code(1).json();
    assert_eq!(table(&json, "fact_nuitees_temp")["status"], "failed");
    assert_eq!(table(&json, "fact_diurnes_temp")["status"], "cleaned");
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_nuitees")), (3, 2));
    // The next run sees the row, which nothing has migrated.
    assert_eq!(table(&cleanup(&world, &[]).expect_code(3).json(), "fact_nuitees_temp")["missing"], 1);
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
