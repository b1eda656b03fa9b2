//! `verify-migration`: proves the invariant row by row in both directions and names the offenders.

use flux_test::mysql::prelude::Queryable;
use serde_json::{Value, json};
use support::trouble::kill_in_statement;
use support::weekly::{Sane, World, table};

const TEMP: &str = "fact_nuitees_temp";

fn verify(world: &World, args: &[&str], code: i32) -> Value {
    world.tool("verify-migration").arg("--json").args(args).run().sane().expect_code(code).json()
}

/// Zones 1 to 3 proved; 4 missing; 5 another volume; 6 too many; 7 definitive, with another volume; 8 definitive, not delivered.
fn database() -> World {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES
         ('2025-07-07', 1, 1, 1, 10), ('2025-07-07', 2, 1, 1, 20), ('2025-07-07', 3, 1, 1, 30), ('2025-07-07', 4, 1, 1, 40),
         ('2025-07-07', 5, 1, 1, 50), ('2025-07-07', 7, 1, 1, 70);
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2025-07-07', 1, 1, 1, 10, 1), ('2025-07-07', 2, 1, 1, 20, 1), ('2025-07-07', 3, 1, 1, 30, 1),
         ('2025-07-07', 5, 1, 1, 55, 1), ('2025-07-07', 6, 1, 1, 60, 1), ('2025-07-07', 7, 1, 1, 77, 0), ('2025-07-07', 8, 1, 1, 88, 0),
         ('2025-07-06', 1, 1, 1, 99, 1)",
    );
    world
}

#[test]
fn both_directions_are_counted_and_the_offenders_named() {
    let world = database();
    let json = verify(&world, &[], 3);
    let row = table(&json, TEMP);
    for (name, expected) in [
        ("temp_rows", 6),
        ("temp_volume", 220),
        ("missing", 1),
        ("different", 1),
        ("surplus", 1),
        ("definitive", 1),
        ("main_provisional", 5),
        ("main_provisional_volume", 175),
        ("main_definitive", 2),
        ("main_definitive_volume", 165),
    ] {
        assert_eq!(row[name], expected, "{name}: {row}");
    }
    let key = |zone: &str| json!(["2025-07-07", zone, "LOCAL", "TOURISTE"]);
    assert_eq!(
        row["offenders"],
        json!([
            {"kind": "missing", "key": key("HAUTES TERRES"), "temp_volume": 40, "main_volume": null},
            {"kind": "different", "key": key("LIORAN"), "temp_volume": 50, "main_volume": 55},
            {"kind": "surplus", "key": key("CHÂTAIGNERAIE"), "temp_volume": null, "main_volume": 60},
        ])
    );
    let text = world.tool("verify-migration").run().sane().expect_code(3);
    let _ = text.expect_stdout("HAUTES TERRES").expect_stdout("LIORAN").expect_stdout("CHÂTAIGNERAIE");
}

#[test]
fn each_defect_alone_is_found_and_mended_by_a_migration() {
    let world = database();
    world.tool("migrate-temp-to-main").args(["--include-unrecorded", "--force"]).run().sane().expect_code(0);
    verify(&world, &[], 0);
    for (defect, mend) in [
        (
            "UPDATE fact_nuitees SET volume = volume + 1 WHERE id_zone = 1 AND date = '2025-07-07'",
            "UPDATE fact_nuitees SET volume = volume - 1 WHERE id_zone = 1 AND date = '2025-07-07'",
        ),
        (
            "DELETE FROM fact_nuitees WHERE id_zone = 2",
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-07-07', 2, 1, 1, 20, 1)",
        ),
        (
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-07-07', 9, 1, 1, 0, 1)",
            "DELETE FROM fact_nuitees WHERE id_zone = 9",
        ),
        // As many rows and the same sum of volumes.
        (
            "UPDATE fact_nuitees SET volume = volume + CASE id_zone WHEN 1 THEN 1 ELSE -1 END WHERE id_zone IN (1, 2) AND date = '2025-07-07'",
            "UPDATE fact_nuitees SET volume = volume - CASE id_zone WHEN 1 THEN 1 ELSE -1 END WHERE id_zone IN (1, 2) AND date = '2025-07-07'",
        ),
        (
            "UPDATE fact_nuitees SET id_categorie = 2 WHERE id_zone = 3",
            "UPDATE fact_nuitees SET id_categorie = 1 WHERE id_zone = 3",
        ),
    ] {
        world.db.exec(defect);
        verify(&world, &[], 3);
        world.db.exec(mend);
        verify(&world, &[], 0);
    }
}

#[test]
fn the_index_of_the_dashboards_may_be_hidden_or_gone() {
    let world = database();
    let with = table(&verify(&world, &[], 3), TEMP).clone();
    let hidden = if world.db.scalar("SELECT VERSION()").contains("MariaDB") { "IGNORED" } else { "INVISIBLE" };
    for change in [format!("ALTER INDEX k_zone_categorie {hidden}"), "DROP INDEX k_zone_categorie".to_owned()] {
        world.db.exec(&format!("ALTER TABLE fact_nuitees {change}"));
        assert_eq!(*table(&verify(&world, &[], 3), TEMP), with, "{change}");
    }
}

#[test]
fn limit_bounds_the_list_and_not_the_counts() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume)
         SELECT '2025-07-07', id_zone, id_provenance, id_categorie, 1 FROM dim_zones_observation, dim_provenances, dim_categories_visiteur",
    );
    for (limit, listed) in [("3", 3), ("0", 0), ("1000", 135)] {
        let json = verify(&world, &["--limit", limit], 3);
        let row = table(&json, TEMP);
        assert_eq!(row["missing"], 135);
        assert_eq!(row["offenders"].as_array().map_or(0, Vec::len), listed, "{limit}");
    }
}

#[test]
fn ids_without_a_dimension_row_are_shown_as_they_are() {
    let world = World::whole();
    world.db.exec("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-07', 777, 1, 1, 1)");
    let json = verify(&world, &[], 3);
    assert_eq!(table(&json, TEMP)["offenders"][0]["key"][1], "#777");
}

#[test]
fn nothing_to_compare_is_no_anomaly_and_only_chooses() {
    let world = database();
    let json = verify(&world, &["--only", "duree_sejour"], 0);
    assert_eq!(json["tables"].as_array().unwrap().len(), 1);
    assert_eq!(table(&json, "fact_sejours_duree_temp")["status"], "empty");
    verify(&world, &["--only", "fact_nuitees_temp"], 3);
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    verify(&world, &["--test"], 0);
}

#[test]
fn it_writes_nothing_and_needs_no_right_to() {
    let world = database();
    let account = world.db.restricted_user(&["SELECT ON {db}.*"]);
    let before = (world.dump(TEMP), world.dump("fact_nuitees"));
    let tool = world.tool("verify-migration").env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    tool.run().sane().expect_code(3);
    assert_eq!((world.dump(TEMP), world.dump("fact_nuitees")), before);
}

#[test]
fn a_missing_table_is_a_failure_that_does_not_hide_the_others() {
    let world = database();
    world.db.exec("DROP TABLE fact_diurnes");
    let json = verify(&world, &[], 1);
    assert_eq!(table(&json, "fact_diurnes_temp")["status"], "failed");
    assert_eq!(table(&json, TEMP)["missing"], 1);
}

/// The snapshot cannot be ended on a connection that is gone: that is not what went wrong.
#[test]
fn what_cost_a_comparison_its_connection_is_what_is_reported() {
    let world = database();
    let mut other = world.db.conn();
    other.query_drop("LOCK TABLES fact_nuitees WRITE").unwrap();
    let mut running = world.tool("verify-migration").args(["--only", TEMP, "--json"]).spawn();
    let mut killed = 0;
    // Each try, until there is none left.
    while running.is_running() {
        killed += u32::from(kill_in_statement(&world, "FROM fact_nuitees f"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(killed > 1, "{killed}");
    let json = running.wait().sane().expect_code(1).json();
    let row = table(&json, TEMP);
    let error = row["error"].as_str().unwrap();
    assert!(error.contains("fact_nuitees_temp et fact_nuitees"), "what was being done: {error}");
    assert_eq!(row["status"], "failed");
    other.query_drop("UNLOCK TABLES").unwrap();
    verify(&world, &["--only", TEMP], 3);
}

#[test]
fn bad_arguments_are_refused() {
    let world = World::whole();
    for args in [&["--only", "inconnue"][..], &["--limit", "-1"], &["--limit", "x"], &["--force"]] {
        world.tool("verify-migration").args(args).run().sane().expect_code(2);
    }
}
