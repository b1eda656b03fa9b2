//! `cleanup-year`: shows its plan, deletes one year by batches, goes on where it was stopped.

use flux_test::mysql::prelude::Queryable;
use serde_json::json;
use support::raw::PLAIN;
use support::trouble;
use support::weekly::{Sane, World};

fn filled() -> World {
    let world = World::whole();
    for table in ["fact_nuitees", "fact_diurnes"] {
        world.db.exec(&format!(
            "INSERT INTO {table} (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
             ('2023-12-31', 1, 1, 1, 1, 0), ('2024-01-01', 1, 1, 1, 2, 0), ('2024-06-15', 1, 1, 1, 3, 1), ('2024-06-15', 2, 1, 1, 4, 0),
             ('2024-12-31', 1, 1, 1, 5, 0), ('2025-01-01', 1, 1, 1, 6, 1)"
        ));
    }
    world
}

#[test]
fn without_yes_the_plan_is_shown_and_nothing_deleted() {
    let world = filled();
    for more in [&[][..], &["--dry-run"], &["--yes", "--dry-run"]] {
        let args = [&["--year", "2024"], more].concat();
        let json = world.tool("cleanup-year").arg("--json").args(args).run().sane().expect_code(0).json();
        assert_eq!((&json["dry_run"], &json["rows"], &json["deleted"]), (&json!(true), &json!(8), &json!(0)));
        let table = json["tables"].as_array().unwrap().iter().find(|t| t["table"] == "fact_nuitees").unwrap().clone();
        assert_eq!((&table["rows"], &table["definitive"], &table["volume"]), (&json!(4), &json!(3), &json!(14)));
    }
    world.tool("cleanup-year").args(["--year", "2024"]).run().expect_code(0).expect_stdout("→");
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (6, 6));
    world.tool("cleanup-year").run().sane().expect_code(2);
    world.tool("cleanup-year").args(["--year", "24"]).run().sane().expect_code(2);
}

#[test]
fn the_year_goes_by_batches_and_the_others_stay() {
    let world = filled();
    let args = ["--json", "--year", "2024", "--yes", "--batch-size", "1", "--only", "Nuitee"];
    let json = world.tool("cleanup-year").args(args).run().sane().expect_code(0).json();
    assert_eq!((&json["deleted"], &json["tables"].as_array().unwrap().len()), (&json!(4), &1));
    assert_eq!(world.db.column("SELECT date FROM fact_nuitees ORDER BY date"), ["2023-12-31", "2025-01-01"]);
    assert_eq!(world.db.count("fact_diurnes"), 6);
    let again = world.tool("cleanup-year").args(args).run().sane().expect_code(0).json();
    assert_eq!(again["deleted"], 0);
}

#[test]
fn what_was_cleaned_is_loaded_again_and_what_was_not_is_not() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.raw("Nuitee_2023B1_X.csv", PLAIN, &["2023-07-08;Cantal;Local;Touriste;2"]);
    world.etl(&[]).expect_code(0);
    let json = world.tool("cleanup-year").args(["--json", "--year", "2024", "--yes"]).run().expect_code(0).json();
    assert_eq!((&json["deleted"], &json["forgotten"]), (&json!(1), &json!(1)));
    assert_eq!(world.nuitees(), ["2023-07-08 1 1 1 0 2"]);
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!((&json["totals"]["loaded"], &json["totals"]["unchanged"]), (&json!(1), &json!(1)));
    assert_eq!(world.nuitees(), ["2023-07-08 1 1 1 0 2", "2024-07-08 1 1 1 0 1"]);
}

#[test]
fn killed_on_the_way_it_goes_on() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume)
         SELECT '2024-03-01' + INTERVAL d.i DAY, z.i, 1, c.i, 1 FROM
         (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i FROM n) d,
         (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n) z,
         (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT i FROM n) c",
    );
    let all = world.db.count("fact_nuitees");
    assert_eq!(all, 3600);
    let cleanup = || {
        let args = ["--year", "2024", "--yes", "--batch-size", "5", "--only", "Nuitee"];
        world.tool("cleanup-year").args(args).limit(std::time::Duration::from_secs(120))
    };
    // The first COMMIT is that of the history, each other one that of a batch.
    let mut left = 3600;
    for (place, batches) in
        [("db.commit:1", 0), ("db.committed:1", 0), ("db.commit:2", 0), ("db.committed:11", 10), ("db.commit:101", 99)]
    {
        assert!(trouble::killed_at(&world.db, cleanup(), place), "{place}");
        left -= 5 * batches;
        assert_eq!(world.db.count("fact_nuitees"), left, "{place}");
    }
    cleanup().run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 0);
}

/// `fact_nuitees` and `fact_diurnes` loaded by the ETL: three days of 2024 and one of 2023 each.
fn loaded() -> (World, [Vec<String>; 2]) {
    let world = World::whole();
    let lines =
        ["2023-12-31", "2024-01-01", "2024-07-08", "2024-12-31"].map(|day| format!("{day};Cantal;Local;Touriste;7"));
    for family in ["Nuitee", "Diurne"] {
        world.raw(&format!("{family}_2024B1_X.csv"), PLAIN, &lines.each_ref().map(String::as_str));
    }
    world.etl(&[]).expect_code(0);
    let stored = both(&world);
    (world, stored)
}

fn both(world: &World) -> [Vec<String>; 2] {
    ["fact_nuitees", "fact_diurnes"].map(|table| world.keys(table, "date, id_zone, id_provenance, id_categorie"))
}

/// Killed while it waits in the second table: what the first one lost, and nothing else, is loaded again.
#[test]
fn killed_between_two_tables_the_etl_brings_back_what_was_deleted() {
    let (world, before) = loaded();
    let mut holder = world.db.conn();
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM fact_diurnes FOR UPDATE").unwrap();
    let running = world.tool("cleanup-year").args(["--year", "2024", "--yes"]).spawn();
    trouble::wait_for_statement(&mut world.db.admin(), world.db.name(), "DELETE FROM fact_diurnes");
    assert!(running.killed());
    holder.query_drop("COMMIT").unwrap();
    drop(holder);
    trouble::quiet(&world.db);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (1, 4));
    world.etl(&[]).expect_code(0);
    assert_eq!(both(&world), before);
    let json =
        world.tool("cleanup-year").args(["--json", "--year", "2024", "--yes"]).run().sane().expect_code(0).json();
    assert_eq!((&json["rows"], &json["deleted"]), (&json!(6), &json!(6)));
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (1, 1));
}

#[test]
fn a_killed_connection_and_a_stop_on_demand_leave_whole_batches() {
    let (world, before) = loaded();
    let mut holder = world.db.conn();
    let args = ["--json", "--year", "2024", "--yes", "--batch-size", "1", "--only", "Nuitee"];
    let hold = "SELECT * FROM fact_nuitees WHERE date = '2024-07-08' FOR UPDATE";
    for signal in [true, false] {
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop(hold).unwrap();
        let mut running = world.tool("cleanup-year").args(args).spawn();
        trouble::wait_for_statement(&mut world.db.admin(), world.db.name(), "DELETE FROM fact_nuitees");
        let due =
            world.db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE date >= '2024-01-01'").parse::<u64>().unwrap();
        if signal {
            running.signal("TERM");
            running.wait().sane().expect_code(1).expect_stderr("interrompu");
            holder.query_drop("COMMIT").unwrap();
            let left = world.db.column("SELECT date FROM fact_nuitees WHERE date <> '2024-01-01' ORDER BY date");
            assert_eq!(left, ["2023-12-31", "2024-07-08", "2024-12-31"], "what was held is there, and all after it");
        } else {
            trouble::kill_sessions(&world, holder.connection_id());
            holder.query_drop("COMMIT").unwrap();
            let json = running.wait().sane().expect_code(0).expect_stderr("nouvel essai").json();
            let told = [&json["rows"], &json["deleted"]].map(|count| count.as_u64().unwrap());
            assert!(told[0] == told[1] && told[0] >= due, "{json}");
        }
    }
    assert_eq!(both(&world), [vec![before[0][0].clone()], before[1].clone()]);
}
