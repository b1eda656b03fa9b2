//! `migrate-temp-to-main`: revised volumes, withdrawn rows, definitive rows, and a second run that changes nothing (domain.md §5).

use flux_test::Outcome;
use serde_json::{Value, json};
use support::weekly::{FILES, Sane, World, table};

const TEMP: &str = "fact_nuitees_temp";

/// The rows of these tests are put into the temporary tables by SQL, so that no import is recorded of them, and are few; what is left
/// aside has tests of its own.
const ALL: [&str; 2] = ["--include-unrecorded", "--force"];

fn migrate(world: &World, args: &[&str]) -> Outcome {
    world.tool("migrate-temp-to-main").arg("--json").args(ALL).args(args).run().sane()
}

/// `[temp_rows, inserted, updated, unchanged, removed, kept_definitive]` and the status of `fact_nuitees`.
fn nights(outcome: &Outcome) -> ([u64; 6], String) {
    let json = outcome.json();
    let row = table(&json, TEMP);
    let count = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} in {row}"));
    assert_eq!(row["main"], "fact_nuitees");
    let counts = ["temp_rows", "inserted", "updated", "unchanged", "removed", "kept_definitive"].map(count);
    assert_eq!(counts[0], counts[1] + counts[2] + counts[3] + counts[5], "temporary rows are accounted for: {row}");
    (counts, row["status"].as_str().unwrap().to_owned())
}

/// `date zone volume is_provisional` of each main row.
fn main_rows(world: &World) -> Vec<String> {
    world
        .db
        .column("SELECT CONCAT_WS(' ', date, id_zone, volume, is_provisional) FROM fact_nuitees ORDER BY date, id_zone")
}

fn temp(world: &World, rows: &[(&str, u32, u32)]) {
    world.db.exec("DELETE FROM fact_nuitees_temp");
    for (date, zone, volume) in rows {
        world.db.exec(&format!("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('{date}', {zone}, 1, 1, {volume})"));
    }
}

fn main(world: &World, rows: &[(&str, u32, i64, u8)]) {
    for (date, zone, volume, provisional) in rows {
        world.db.exec(&format!(
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('{date}', {zone}, 1, 1, {volume}, {provisional})"
        ));
    }
}

/// Temporary rows of two dates against main rows of every kind.
///
/// 1: same, 2: revised, 3: new, 4: definitive with another volume, 5: definitive with the same volume; in main alone: 6
/// provisional (withdrawn), 7 definitive, and 8 on a date that the temporary table does not hold.
fn every_case(world: &World) {
    temp(
        world,
        &[
            ("2025-07-07", 1, 10),
            ("2025-07-07", 2, 20),
            ("2025-07-08", 3, 30),
            ("2025-07-07", 4, 40),
            ("2025-07-07", 5, 50),
        ],
    );
    main(
        world,
        &[
            ("2025-07-07", 1, 10, 1),
            ("2025-07-07", 2, 999, 1),
            ("2025-07-07", 4, 444, 0),
            ("2025-07-07", 5, 50, 0),
            ("2025-07-07", 6, 60, 1),
            ("2025-07-07", 7, 70, 0),
            ("2025-07-09", 8, 80, 1),
        ],
    );
}

#[test]
fn every_kind_of_row_ends_as_it_should_and_a_second_run_changes_nothing() {
    let world = World::whole();
    every_case(&world);
    let expected = [
        "2025-07-07 1 10 1",
        "2025-07-07 2 20 1",
        "2025-07-07 4 444 0",
        "2025-07-07 5 50 0",
        "2025-07-07 7 70 0",
        "2025-07-08 3 30 1",
        "2025-07-09 8 80 1",
    ];
    let before = world.dump("fact_nuitees");
    let dry = migrate(&world, &["--dry-run"]).expect_code(0);
    assert_eq!(world.dump("fact_nuitees"), before, "a dry run writes nothing");
    assert_eq!(dry.json()["dry_run"], true);
    let first = migrate(&world, &[]).expect_code(0);
    assert_eq!(nights(&first), ([5, 1, 1, 1, 1, 2], "migrated".into()));
    assert_eq!(nights(&dry).0, nights(&first).0, "the dry run foresaw it");
    assert_eq!(main_rows(&world), expected);
    // The mark that older databases give to definitive rows, and the cost of longer rows.
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE updated_at IS NOT NULL"), "0");

    let untouched = "SELECT CONCAT_WS(' ', id, date, id_zone, volume, is_provisional, created_at, updated_at) FROM fact_nuitees ORDER BY id";
    let before = world.db.column(untouched);
    let second = migrate(&world, &[]).expect_code(0);
    assert_eq!(nights(&second), ([5, 0, 0, 3, 0, 2], "unchanged".into()));
    assert_eq!(world.db.column(untouched), before);
    assert_eq!(world.db.count(TEMP), 5, "the temporary rows stay");
    world.tool("verify-migration").run().sane().expect_code(0);
}

/// More dates than one comparison takes, 1 000 (`MANY_DATES`), with every kind of row on both sides of the seam; then with nothing in main
/// beyond it.
#[test]
fn more_dates_than_one_comparison_takes_are_migrated_alike() {
    for (known, expected) in [(1_500, [1_500, 300, 300, 600, 300, 300]), (1_000, [1_500, 700, 200, 400, 200, 200])] {
        let world = World::whole();
        let insert = |table: &str, columns: &str, rows: Vec<String>| {
            world.db.exec(&format!(
                "INSERT INTO {table} (date, id_zone, id_provenance, id_categorie, {columns}) VALUES {}",
                rows.join(", ")
            ));
        };
        let day = |day: u32, category: u32| format!("'2020-01-01' + INTERVAL {day} DAY, 5, 1, {category}");
        insert(TEMP, "volume", (0..1_500).map(|at| format!("({}, {})", day(at, 1), 10 + at % 7)).collect());
        // By turns: the same, revised, definitive, new, the same beside a row that is withdrawn.
        let rows = (0..known).filter(|at| at % 5 != 3).flat_map(|at| {
            let (volume, provisional) = match at % 5 {
                1 => (99, 1),
                2 => (77, 0),
                _ => (10 + at % 7, 1),
            };
            let row = format!("({}, {volume}, {provisional})", day(at, 1));
            [Some(row), (at % 5 == 4).then(|| format!("({}, 5, 1)", day(at, 2)))].into_iter().flatten()
        });
        insert("fact_nuitees", "volume, is_provisional", rows.collect());
        assert_eq!(nights(&migrate(&world, &[]).expect_code(0)), (expected, "migrated".into()));
        let wrong = format!(
            "SELECT COUNT(*) FROM (SELECT DATEDIFF(date, '2020-01-01') AS day, id_categorie, volume, is_provisional FROM fact_nuitees) m \
             WHERE id_categorie <> 1 OR IF(day % 5 = 2 AND day < {known}, volume <> 77 OR is_provisional <> 0, \
             volume <> 10 + day % 7 OR is_provisional <> 1)"
        );
        assert_eq!((world.db.count("fact_nuitees"), world.db.scalar(&wrong)), (1_500, "0".into()), "{known}");
        world.tool("verify-migration").run().sane().expect_code(0);
    }
}

#[test]
fn definitive_rows_are_overwritten_on_demand_only() {
    let world = World::whole();
    every_case(&world);
    let outcome = migrate(&world, &["--overwrite-definitive"]).expect_code(0);
    assert_eq!(nights(&outcome), ([5, 1, 3, 1, 1, 0], "migrated".into()));
    // A definitive row whose key is not delivered stays; the two that are delivered take volume and state.
    let rows = main_rows(&world);
    for expected in ["2025-07-07 4 40 1", "2025-07-07 5 50 1", "2025-07-07 7 70 0", "2025-07-09 8 80 1"] {
        assert!(rows.contains(&expected.to_owned()), "{expected} in {rows:?}");
    }
    assert_eq!(nights(&migrate(&world, &["--overwrite-definitive"]).expect_code(0)).0, [5, 0, 0, 5, 0, 0]);
}

#[test]
fn withdrawn_rows_are_kept_on_demand() {
    let world = World::whole();
    every_case(&world);
    let outcome = migrate(&world, &["--keep-withdrawn"]).expect_code(0);
    assert_eq!(nights(&outcome).0, [5, 1, 1, 1, 0, 2]);
    assert!(main_rows(&world).contains(&"2025-07-07 6 60 1".to_owned()));
    let again = migrate(&world, &["--keep-withdrawn"]).expect_code(0);
    assert_eq!(nights(&again), ([5, 0, 0, 3, 0, 2], "unchanged".into()));
    assert_eq!(nights(&migrate(&world, &[]).expect_code(0)).0, [5, 0, 0, 3, 1, 2]);
}

#[test]
fn an_empty_temporary_table_withdraws_nothing() {
    let world = World::whole();
    main(&world, &[("2025-07-07", 1, 10, 1)]);
    let outcome = migrate(&world, &[]).expect_code(0);
    assert_eq!(nights(&outcome), ([0; 6], "empty".into()));
    assert_eq!(main_rows(&world), ["2025-07-07 1 10 1"]);
}

#[test]
fn the_whole_key_counts_not_the_row_count() {
    let world = World::whole();
    // As many rows, the same volumes, other keys: provenance and category swapped.
    world.db.exec(
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-07', 1, 1, 2, 5);
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-07-07', 1, 2, 1, 5, 1)",
    );
    assert_eq!(nights(&migrate(&world, &[]).expect_code(0)).0, [1, 1, 0, 0, 1, 0]);
    assert_eq!(world.keys("fact_nuitees", "id_provenance, id_categorie"), ["1 2 5"]);
}

/// One row in each temporary table, by SQL, from the key columns of schema.md.
fn fill_all(world: &World) {
    for (_, temp, _) in FILES {
        let columns = world.db.column(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{temp}'
             AND column_name NOT IN ('date', 'volume', 'is_provisional') ORDER BY ordinal_position"
        ));
        let values: Vec<&str> = columns.iter().map(|c| if c == "jour_semaine" { "'lundi'" } else { "1" }).collect();
        world.db.exec(&format!(
            "INSERT INTO {temp} (date, {}, volume) VALUES ('2025-07-07', {}, 42)",
            columns.join(", "),
            values.join(", ")
        ));
    }
}

#[test]
fn all_ten_tables_are_migrated_with_all_their_columns() {
    let world = World::whole();
    fill_all(&world);
    let json = migrate(&world, &[]).expect_code(0).json();
    let order: Vec<&Value> = json["tables"].as_array().unwrap().iter().map(|t| &t["main"]).collect();
    assert_eq!(order, FILES.map(|f| f.2));
    for (_, temp, main) in FILES {
        assert_eq!((&table(&json, temp)["inserted"], &table(&json, temp)["status"]), (&json!(1), &json!("migrated")));
        assert_eq!(world.dump(main), world.dump(temp), "{main}");
    }
    world.tool("verify-migration").run().sane().expect_code(0);
}

#[test]
fn only_and_test_choose_their_tables() {
    let world = World::whole();
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    fill_all(&world);
    let json = migrate(&world, &["--only", "duree_sejour_fr,fact_nuitees"]).expect_code(0).json();
    assert_eq!(json["tables"].as_array().unwrap().len(), 2);
    let filled: Vec<&str> = FILES.iter().map(|f| f.2).filter(|main| world.db.count(main) > 0).collect();
    assert_eq!(filled, ["fact_nuitees", "fact_sejours_duree_departements"]);
    world.db.exec("INSERT INTO fact_nuitees_temp_test SELECT * FROM fact_nuitees_temp");
    let json = migrate(&world, &["--test"]).expect_code(0).json();
    assert_eq!(table(&json, "fact_nuitees_temp_test")["main"], "fact_nuitees_test");
    assert_eq!((world.db.count("fact_nuitees_test"), world.db.count("fact_diurnes")), (1, 0));
}

#[test]
fn one_failing_table_does_not_stop_the_nine_others() {
    let world = World::whole();
    fill_all(&world);
    world.db.exec("DROP TABLE fact_nuitees_pays; ALTER TABLE fact_diurnes DROP COLUMN is_provisional");
    let outcome = migrate(&world, &[]).expect_code(1);
    let json = outcome.json();
    for (_, temp, main) in FILES {
        let row = table(&json, temp);
        let broken = ["fact_nuitees_pays", "fact_diurnes"].contains(&main);
        assert_eq!(row["status"], if broken { "failed" } else { "migrated" }, "{row}");
        if broken {
            assert!(
                row["error"].as_str().unwrap().contains(main)
                    && row["hint"].as_str().unwrap().contains("ensure-schema"),
                "{row}"
            );
        }
    }
    // What was missing is mended by the hint.
    world.tool("ensure-schema").run().sane().expect_code(0);
    migrate(&world, &[]).expect_code(0);
    world.tool("verify-migration").run().sane().expect_code(0);
}

#[test]
fn a_main_table_that_cannot_take_a_volume_is_left_as_it_was() {
    let world = World::whole();
    temp(&world, &[("2025-07-07", 1, 10), ("2025-07-07", 2, 40_000)]);
    main(&world, &[("2025-07-07", 1, 5, 1), ("2025-07-07", 3, 5, 1)]);
    world.db.exec("ALTER TABLE fact_nuitees MODIFY volume SMALLINT NOT NULL");
    let before = world.dump("fact_nuitees");
    let outcome = migrate(&world, &[]).expect_code(1);
    assert_eq!(nights(&outcome).1, "failed");
    assert_eq!(world.dump("fact_nuitees"), before, "the update and the removal are rolled back with the insertion");
}

#[test]
fn negative_volumes_of_the_past_are_no_panic() {
    let world = World::whole();
    temp(&world, &[("2025-07-07", 1, 10), ("2025-07-07", 2, 20)]);
    main(
        &world,
        &[("2025-07-07", 1, -5, 1), ("2025-07-07", 2, -7, 0), ("2025-07-07", 3, -9, 1), ("2025-07-07", 4, -90, 0)],
    );
    world.tool("check-status").run().sane().expect_code(3);
    world.tool("verify-migration").arg("--json").run().sane().expect_code(3);
    assert_eq!(nights(&migrate(&world, &[]).expect_code(0)).0, [2, 0, 1, 0, 1, 1]);
    assert_eq!(main_rows(&world), ["2025-07-07 1 10 1", "2025-07-07 2 -7 0", "2025-07-07 4 -90 0"]);
    world.tool("verify-migration").arg("--json").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
}

#[test]
fn a_second_run_beside_the_first_is_refused_and_a_dry_run_is_not() {
    let world = World::whole();
    temp(&world, &[("2025-07-07", 1, 10)]);
    let mut conn = world.db.conn();
    use flux_test::mysql::prelude::Queryable;
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    let outcome = migrate(&world, &[]).expect_code(4);
    assert_eq!(outcome.json()["status"], "error");
    let _ = outcome.expect_stderr("une autre exécution");
    migrate(&world, &["--dry-run"]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 0);
    drop(conn);
}

#[test]
fn bad_arguments_are_refused() {
    let world = World::whole();
    for args in [&["--only", "fact_inconnue"][..], &["--year", "2025"], &["fact_nuitees"], &["--only"]] {
        world.tool("migrate-temp-to-main").args(args).run().sane().expect_code(2);
    }
}

#[test]
fn the_text_sums_up_and_names_the_next_step() {
    let world = World::whole();
    every_case(&world);
    let outcome = world.tool("migrate-temp-to-main").args(ALL).run().sane().expect_code(0);
    let _ = outcome.expect_stdout("1 ligne ajoutée, 1 mise à jour, 1 retirée").expect_stdout("verify-migration");
}
