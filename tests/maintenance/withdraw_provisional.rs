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
fn a_commit_that_was_not_answered_is_counted_once_and_as_done() {
    let world = filled();
    let tool = world.tool("withdraw-provisional").args(["--json", "--yes", "--to", "2025-07-31", "--only", "Nuitee"]);
    let json = tool.fail_at("db.committed", "error").run().sane().expect_code(0).json();
    assert_eq!((&json["withdrawn"], left(&world, "fact_nuitees")), (&json!(3), "16 52".into()));
    let noted = world.db.column("SELECT rows_deleted FROM flux_import_history WHERE table_name = 'fact_nuitees'");
    assert_eq!(noted, ["3"]);
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
fn what_was_withdrawn_is_kept_and_comes_back() {
    let world = filled();
    let before = ["fact_nuitees", "fact_diurnes"].map(|table| world.dump(table));
    let arguments = ["--json", "--yes", "--from", "2025-07-01", "--to", "2025-07-31"];
    let json = world.tool("withdraw-provisional").args(arguments).run().sane().expect_code(0).json();
    let run = json["run"].as_str().unwrap().to_owned();
    assert_eq!((&json["withdrawn"], &row(&json, "fact_nuitees")["undoable"]), (&json!(4), &json!(true)));
    // Two places follow the commune: such a key has no room in the history.
    assert_eq!(row(&json, "fact_lieu_activite_soir_departement")["undoable"], false);
    let kept = world.db.rows(
        "SELECT m.table_name, h.kind, CAST(h.date AS CHAR), h.id_zone, h.volume_before, COALESCE(h.volume_after, '-'), h.provisional_before \
         FROM flux_row_history h JOIN flux_migrations m ON m.id = h.migration WHERE m.tool = 'withdraw-provisional' ORDER BY 1 DESC, 3",
    );
    let lines: Vec<String> = kept.iter().map(|line| line.join(" ")).collect();
    let expected = |table: &str| [format!("{table} w 2025-07-01 1 2 - 1"), format!("{table} w 2025-07-15 1 8 - 1")];
    assert_eq!(lines, [expected("fact_nuitees"), expected("fact_diurnes")].concat());

    let undo = |more: &[&str]| {
        world.tool("withdraw-provisional").args(["--json", "--undo", &run[..8]]).args(more).run().sane()
    };
    let plan = undo(&[]).expect_code(0).json();
    let states = |json: &Value| -> Vec<(Value, Value)> {
        json["tables"].as_array().unwrap().iter().map(|row| (row["status"].clone(), row["restored"].clone())).collect()
    };
    assert_eq!((&plan["dry_run"], states(&plan)), (&json!(true), vec![(json!("planned"), json!(2)); 2]));
    assert_eq!(left(&world, "fact_nuitees"), "17 53");
    let done = undo(&["--yes"]).expect_code(0).json();
    assert_eq!((&done["undo"], states(&done)), (&json!(run), vec![(json!("undone"), json!(2)); 2]));
    assert_eq!(["fact_nuitees", "fact_diurnes"].map(|table| world.dump(table)), before);
    assert_eq!(states(&undo(&["--yes"]).expect_code(0).json())[0].0, "already");
    assert_eq!(world.db.column("SELECT DISTINCT status FROM flux_import_history"), ["undone"]);
    // A run is undone by the tool that made it.
    world.tool("migrate-temp-to-main").args(["--undo", &run]).run().sane().expect_code(2);
    world.tool("withdraw-provisional").args(["--undo", "0123abcd"]).run().sane().expect_code(2);
}

#[test]
fn rows_that_came_back_by_themselves_are_not_put_back_twice() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Lioran;Local;Touriste;2"]);
    world.import_nights(&[]).expect_code(0);
    for tool in ["migrate-temp-to-main", "cleanup-temp"] {
        world.tool(tool).run().sane().expect_code(0);
    }
    let withdraw = || world.tool("withdraw-provisional").args(["--json", "--yes"]).run().sane().expect_code(0).json();
    let undo = |json: &Value| {
        world
            .tool("withdraw-provisional")
            .args(["--json", "--yes", "--undo", json["run"].as_str().unwrap()])
            .run()
            .sane()
    };
    let first = withdraw();
    let gone = |code: i32| {
        let key = [
            "--table",
            "Nuitee",
            "--date",
            "2025-07-07",
            "--zone",
            "Cantal",
            "--categorie",
            "Touriste",
            "--provenance",
            "Local",
        ];
        world.tool("explain-volume").arg("--json").args(key).run().sane().expect_code(code).json()
    };
    // The operator withdrew it: nothing is wrong with that.
    let json = gone(0);
    assert_eq!((&json["explained"], &json["changes"][1]["tool"]), (&json!(true), &json!("withdraw-provisional")));
    undo(&first).expect_code(0);
    // Its load counts again.
    assert_eq!((&gone(0)["stored"][0]["volume"], world.db.count("fact_nuitees")), (&json!(1), 2));
    assert_eq!(
        file(&world.import_nights(&[]).expect_code(0).json(), "frequentation_nuitee.csv")["status"],
        "unchanged"
    );
    let second = withdraw();
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let json = undo(&second).expect_code(3).json();
    assert_eq!(
        (&json["tables"][0]["status"], &json["findings"][0]["code"]),
        (&json!("refused"), &json!("undo-refused"))
    );
    assert_eq!(world.db.count("fact_nuitees"), 2);
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
