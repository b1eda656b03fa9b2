//! `withdraw-provisional`: provisional rows go on demand, definitive ones stay whatever is asked.

use serde_json::{Value, json};
use support::trouble;
use support::weekly::{Sane, World, file};

fn filled() -> World {
    let world = World::whole();
    for table in ["fact_nuitees", "fact_diurnes", "fact_nuitees_test"] {
        if table.ends_with("_test") {
            world.tool("ensure-schema").arg("--test").run().expect_code(0);
        }
        world.db.exec(&format!(
            "INSERT INTO {table} (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
             ('2025-06-30', 1, 1, 1, 1, 1), ('2025-07-01', 1, 1, 1, 2, 1), ('2025-07-01', 2, 1, 1, 4, 0), ('2025-07-15', 1, 1, 1, 8, 1),
             ('2025-08-01', 1, 1, 1, 16, 1), ('2025-08-01', 2, 1, 1, 32, 0)"
        ));
    }
    world
}

fn row<'a>(json: &'a Value, table: &str) -> &'a Value {
    json["tables"].as_array().unwrap().iter().find(|row| row["table"] == table).unwrap()
}

fn left(world: &World, table: &str) -> String {
    world.db.scalar(&format!(
        "SELECT CONCAT(COALESCE(SUM(volume * is_provisional), 0), ' ', COALESCE(SUM(volume), 0)) FROM {table}"
    ))
}

#[test]
fn the_plan_is_shown_and_nothing_is_withdrawn() {
    let world = filled();
    for arguments in [&[][..], &["--dry-run"], &["--yes", "--dry-run"]] {
        let json = world.tool("withdraw-provisional").arg("--json").args(arguments).run().sane().expect_code(0).json();
        assert_eq!((&json["dry_run"], &json["provisional"], &json["withdrawn"]), (&json!(true), &json!(8), &json!(0)));
        let nights = row(&json, "fact_nuitees");
        assert_eq!(nights["volume"], 27);
        assert_eq!((&nights["first_date"], &nights["last_date"]), (&json!("2025-06-30"), &json!("2025-08-01")));
        assert_eq!(nights["definitive_kept"], 2);
    }
    world.tool("withdraw-provisional").run().expect_code(0).expect_stdout("--yes");
    assert_eq!(left(&world, "fact_nuitees"), "27 63");
    for bad in [&["--from", "2025-08-01", "--to", "2025-07-01"][..], &["--from", "hier"], &["--only", "Rien"]] {
        world.tool("withdraw-provisional").args(bad).run().sane().expect_code(2);
    }
}

#[test]
fn only_the_dates_and_tables_that_were_named_lose_their_provisional_rows() {
    let world = filled();
    let arguments = ["--json", "--yes", "--from", "2025-07-01", "--to", "2025-07-31", "--only", "Nuitee"];
    let json = world.tool("withdraw-provisional").args(arguments).run().sane().expect_code(0).json();
    assert_eq!((&json["withdrawn"], json["tables"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!((left(&world, "fact_nuitees"), left(&world, "fact_diurnes")), ("17 53".into(), "27 63".into()));
    // The history says what was done.
    let noted = world.db.rows(
        "SELECT tool, status, rows_deleted, CAST(first_date AS CHAR), CAST(last_date AS CHAR) FROM flux_import_history WHERE table_name = 'fact_nuitees'",
    );
    assert_eq!(noted, [["withdraw-provisional", "withdrawn", "2", "2025-07-01", "2025-07-15"]]);
    let again = world.tool("withdraw-provisional").args(arguments).run().sane().expect_code(0).json();
    assert_eq!(again["withdrawn"], 0);
    let json = world.tool("withdraw-provisional").args(["--json", "--yes"]).run().sane().expect_code(0).json();
    assert_eq!(json["withdrawn"], 6);
    assert_eq!((left(&world, "fact_nuitees"), left(&world, "fact_diurnes")), ("0 36".into(), "0 36".into()));
    assert_eq!(left(&world, "fact_nuitees_test"), "27 63");
    world.tool("withdraw-provisional").args(["--yes", "--test"]).run().sane().expect_code(0);
    assert_eq!(left(&world, "fact_nuitees_test"), "0 36");
}

#[test]
fn what_waits_in_a_temporary_table_is_told_and_what_was_cleaned_can_come_back() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Lioran;Local;Touriste;2"]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let outcome = world.tool("withdraw-provisional").arg("--json").run().sane().expect_code(3);
    let json = outcome.json();
    assert_eq!(
        (&json["findings"][0]["code"], &row(&json, "fact_nuitees")["in_temp"]),
        (&json!("provisional-pending"), &json!(2))
    );
    world.tool("cleanup-temp").run().sane().expect_code(0);
    let unchanged = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&unchanged, "frequentation_nuitee.csv")["status"], "unchanged");
    let json = world.tool("withdraw-provisional").args(["--json", "--yes"]).run().sane().expect_code(0).json();
    assert_eq!((&json["withdrawn"], &row(&json, "fact_nuitees")["forgotten"]), (&json!(2), &json!(1)));
    assert_eq!(world.db.count("fact_nuitees"), 0);
    let loaded = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&loaded, "frequentation_nuitee.csv")["status"], "loaded");
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert_eq!(world.keys("fact_nuitees", "id_zone"), ["1 1", "5 2"]);
}

#[test]
fn killed_anywhere_each_table_is_whole_and_its_history_too() {
    let mut passage = 1;
    loop {
        let world = filled();
        let tool = || world.tool("withdraw-provisional").args(["--yes", "--only", "Nuitee,Diurne"]);
        let killed = trouble::killed_at(&world.db, tool(), &format!("db.commit:{passage}"))
            && trouble::killed_at(&world.db, tool(), "db.committed");
        for table in ["fact_nuitees", "fact_diurnes"] {
            let noted =
                world.db.scalar(&format!("SELECT COUNT(*) FROM flux_import_history WHERE table_name = '{table}'"));
            let expected = if noted == "0" { "27 63" } else { "0 36" };
            assert_eq!(left(&world, table), expected, "{table}, {passage}");
        }
        tool().run().sane().expect_code(0);
        assert_eq!((left(&world, "fact_nuitees"), left(&world, "fact_diurnes")), ("0 36".into(), "0 36".into()));
        if !killed {
            break;
        }
        passage += 1;
    }
    assert!(passage > 1);
}

#[test]
fn a_second_writer_waits_for_no_one() {
    use flux_test::mysql::prelude::Queryable;
    let world = filled();
    let mut other = world.db.conn();
    let _: Option<i64> = other.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    world.tool("withdraw-provisional").arg("--yes").run().sane().expect_code(4);
    world.tool("withdraw-provisional").run().sane().expect_code(0);
}
