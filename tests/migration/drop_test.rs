//! `ensure-schema --drop-test`: the test tables go, and nothing else.

use flux_test::TestDb;
use flux_test::mysql::prelude::Queryable;
use serde_json::json;
use support::weekly::{Sane, World, file};

fn tables(db: &TestDb) -> Vec<String> {
    db.column("SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1")
}

fn import_test(world: &World) -> serde_json::Value {
    world.import_nights(&["--test"]).expect_code(0).json()
}

#[test]
fn the_plan_is_shown_and_yes_drops_the_test_tables_only() {
    let world = World::whole();
    let before = tables(&world.db);
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    // A table of somebody else that is called alike.
    world.db.exec("CREATE TABLE fact_autre_test (n INT)");
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    import_test(&world);
    world.import_nights(&[]).expect_code(0);
    for arguments in [&["--drop-test"][..], &["--drop-test", "--yes", "--dry-run"]] {
        let json = world.tool("ensure-schema").arg("--json").args(arguments).run().sane().expect_code(0).json();
        // 21 main tables and ten temporary ones.
        assert_eq!(
            (json["dropped"].as_array().unwrap().len(), &json["rows"], &json["dry_run"]),
            (31, &json!(1), &json!(true))
        );
    }
    assert_eq!(tables(&world.db).len(), before.len() + 32);
    let json = world.tool("ensure-schema").args(["--json", "--drop-test", "--yes"]).run().sane().expect_code(0).json();
    assert!(json["dropped"].as_array().unwrap().iter().all(|table| table["dropped"] == true));
    world.db.exec("DROP TABLE fact_autre_test");
    assert_eq!(tables(&world.db), before);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"]);
    // What was loaded there can be loaded again; what was loaded here stays loaded.
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    assert_eq!(file(&import_test(&world), "frequentation_nuitee.csv")["status"], "loaded");
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&json, "frequentation_nuitee.csv")["status"], "unchanged");
    for bad in [&["--yes"][..], &["--drop-test", "--seed"], &["--drop-test", "--test"]] {
        world.tool("ensure-schema").args(bad).run().sane().expect_code(2);
    }
}

#[test]
fn a_table_in_use_is_told_after_seconds_and_the_others_go() {
    let world = World::whole();
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    let mut user = world.db.conn();
    user.query_drop("START TRANSACTION").unwrap();
    let _: Vec<u64> = user.query("SELECT id_zone FROM fact_nuitees_test").unwrap();
    let outcome = world.tool("ensure-schema").args(["--json", "--drop-test", "--yes"]).run().sane().expect_code(1);
    let json = outcome.json();
    let kept: Vec<&str> = json["dropped"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["dropped"] == false)
        .map(|one| one["table"].as_str().unwrap())
        .collect();
    assert_eq!(kept, ["fact_nuitees_test"]);
    assert!(outcome.duration.as_secs() < 40, "{:?}", outcome.duration);
    drop(user);
    world.tool("ensure-schema").args(["--drop-test", "--yes"]).run().sane().expect_code(0);
    assert!(tables(&world.db).iter().all(|table| !table.ends_with("_test")));
}
