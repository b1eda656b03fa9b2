//! `ensure-schema --partition-by-year`: the plan, what is made of it, what is refused; and every tool on tables that are divided so.

use std::time::Duration;

use flux_test::Tool;
use flux_test::mysql::prelude::Queryable;
use serde_json::{Value, json};
use support::raw::{FAMILIES, PLAIN};
use support::weekly::{BASE, FILES, MOBILITY, Sane, World};

/// Facts of four years, and of one long ago in another table.
fn filled() -> World {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2022-12-31', 1, 1, 1, 1, 0), ('2023-01-01', 1, 1, 1, 2, 0), ('2024-01-01', 1, 1, 1, 3, 0), ('2024-02-29', 2, 1, 1, 4, 1),
         ('2024-06-15', 3, 1, 1, 5, 0), ('2024-12-31', 1, 1, 1, 6, 0), ('2025-01-01', 1, 1, 1, 7, 1);
         INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume) VALUES ('1999-05-05', 1, 1, 1, 8), ('2024-05-05', 1, 1, 1, 9)",
    );
    world
}

/// On that day in `YEAR`.
fn schema(world: &World, year: u32, args: &[&str]) -> Tool {
    world.tool("ensure-schema").arg("--json").args(args).env("FLUX_TODAY", format!("{year}-08-20"))
}

fn divided(world: &World) -> Value {
    schema(world, 2025, &["--partition-by-year", "--yes"]).run().sane().expect_code(0).json()
}

/// `name bound` of each partition.
fn partitions(world: &World, table: &str) -> Vec<String> {
    world.db.column(&format!(
        "SELECT CONCAT_WS(' ', partition_name, partition_description) FROM information_schema.partitions WHERE table_schema = DATABASE() \
         AND table_name = '{table}' AND partition_name IS NOT NULL ORDER BY partition_ordinal_position"
    ))
}

/// How many rows each partition holds.
fn spread(world: &World, table: &str) -> Vec<String> {
    let names = partitions(world, table);
    let rows = |name: &str| world.db.scalar(&format!("SELECT COUNT(*) FROM {table} PARTITION (`{name}`)"));
    names.iter().map(|part| part.split(' ').next().unwrap()).map(|name| format!("{name} {}", rows(name))).collect()
}

fn of<'a>(json: &'a Value, table: &str) -> &'a Value {
    let tables = json["partitioned"].as_array().unwrap();
    tables.iter().find(|one| one["table"] == table).unwrap_or_else(|| panic!("{table} in {json}"))
}

fn everything(world: &World, table: &str) -> Vec<Vec<String>> {
    world.db.rows(&format!("SELECT * FROM {table} ORDER BY id"))
}

#[test]
fn the_plan_is_shown_and_yes_divides_every_main_table_with_its_rows_as_they_were() {
    let world = filled();
    let tables = ["fact_nuitees", "fact_diurnes"];
    let before = tables.map(|table| everything(&world, table));
    for args in [&["--partition-by-year"][..], &["--partition-by-year", "--yes", "--dry-run"]] {
        let json = schema(&world, 2025, args).run().sane().expect_code(0).json();
        assert_eq!((&json["dry_run"], json["partitioned"].as_array().unwrap().len()), (&json!(true), 21));
        let nights = of(&json, "fact_nuitees");
        assert_eq!(
            (&nights["state"], &nights["years"]),
            (&json!("partitioned"), &json!([2022, 2023, 2024, 2025, 2026]))
        );
        assert!(nights["bytes"].as_u64().unwrap() > 0 && nights["expected_s"].is_u64(), "{nights}");
        assert_eq!(partitions(&world, "fact_nuitees"), [""; 0]);
    }
    let text = world.tool("ensure-schema").arg("--partition-by-year").run().sane().expect_code(0);
    assert!(text.expect_stdout("--yes").expect_stdout("à recopier").code == 0);
    assert_eq!(divided(&world)["dry_run"], false);
    assert_eq!(tables.map(|table| everything(&world, table)), before);
    let bounds = [
        "flux_avant 2022",
        "flux_2022 2023",
        "flux_2023 2024",
        "flux_2024 2025",
        "flux_2025 2026",
        "flux_2026 2027",
        "flux_apres MAXVALUE",
    ];
    assert_eq!(partitions(&world, "fact_nuitees"), bounds);
    assert_eq!(
        spread(&world, "fact_nuitees"),
        ["flux_avant 0", "flux_2022 1", "flux_2023 1", "flux_2024 4", "flux_2025 1", "flux_2026 0", "flux_apres 0"]
    );
    // What lies before 2000 has no year of its own.
    let days = partitions(&world, "fact_diurnes");
    assert_eq!((days.len(), days[0].as_str(), days[1].as_str()), (29, "flux_avant 2000", "flux_2000 2001"));
    let divided_tables = world.db.column(
        "SELECT DISTINCT table_name AS t FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL",
    );
    assert_eq!(divided_tables.len(), 21);
    assert!(FAMILIES.iter().all(|(_, table)| divided_tables.iter().any(|name| name == table)), "{divided_tables:?}");
    let again = divided(&world);
    assert!(again["partitioned"].as_array().unwrap().iter().all(|table| table["state"] == "unchanged"), "{again}");
    for bad in [
        &["--partition-by-year", "--seed"][..],
        &["--partition-by-year", "--drop-test"],
        &["--partition-by-year", "--preset", "temp"],
    ] {
        schema(&world, 2025, bad).run().sane().expect_code(2);
    }
}

#[test]
fn the_years_that_come_are_added_by_ensure_schema_and_earlier_ones_on_demand() {
    let world = filled();
    divided(&world);
    assert_eq!(schema(&world, 2025, &[]).run().sane().expect_code(0).json()["changes"], json!([]));
    // Two years went by without it.
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2027-01-01', 1, 1, 1, 10), ('2028-05-01', 1, 1, 1, 11),
         ('2029-01-01', 1, 1, 1, 12), ('2020-03-01', 1, 1, 1, 13)",
    );
    let before = everything(&world, "fact_nuitees");
    let plan = schema(&world, 2027, &["--dry-run"]).run().sane().expect_code(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 21);
    assert_eq!(spread(&world, "fact_nuitees").last().unwrap(), "flux_apres 3");
    let json = schema(&world, 2027, &[]).run().sane().expect_code(0).json();
    assert_eq!(json["changes"], plan["changes"]);
    let grown = spread(&world, "fact_nuitees");
    assert_eq!(
        (grown[0].as_str(), &grown[6..]),
        ("flux_avant 1", &["flux_2027 1", "flux_2028 1", "flux_apres 1"].map(str::to_owned)[..])
    );
    assert_eq!(schema(&world, 2027, &[]).run().sane().expect_code(0).json()["changes"], json!([]));
    let json = schema(&world, 2027, &["--partition-by-year", "--yes"]).run().sane().expect_code(0).json();
    assert_eq!(of(&json, "fact_nuitees")["years"], json!([2020, 2021]));
    assert_eq!(spread(&world, "fact_nuitees")[..3], ["flux_avant 0", "flux_2020 1", "flux_2021 0"]);
    assert_eq!(everything(&world, "fact_nuitees"), before);
}

#[test]
fn what_the_servers_do_not_allow_is_told_and_the_other_tables_are_done() {
    let world = filled();
    for sql in [
        "ALTER TABLE fact_nuitees ADD CONSTRAINT fk_zone FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone)",
        "ALTER TABLE fact_diurnes ADD UNIQUE KEY uk_autre (id_zone, volume)",
        "ALTER TABLE fact_sejours_duree DROP INDEX uk_cle, MODIFY date DATE NULL",
        "ALTER TABLE fact_nuitees_pays DROP PRIMARY KEY, ADD PRIMARY KEY (id, date) PARTITION BY HASH (YEAR(date)) PARTITIONS 2",
        "DROP TABLE fact_diurnes_pays",
        "ALTER TABLE fact_diurnes_departements DROP PRIMARY KEY, DROP COLUMN id, DROP INDEX uk_cle,
           ADD PRIMARY KEY (id_departement, date, id_zone, id_provenance, id_categorie)",
        "INSERT INTO fact_diurnes_departements (date, id_zone, id_provenance, id_categorie, id_departement, volume) VALUES ('2024-01-01', 1, 1, 1, 1, 4)",
    ] {
        world.db.exec(sql);
    }
    let before = everything(&world, "fact_nuitees");
    let json = schema(&world, 2025, &["--partition-by-year", "--yes"]).run().sane().expect_code(3).json();
    let mut refused: Vec<(&str, &str)> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["place"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    refused.sort();
    let partition = |table| (table, "partition-refused");
    let expected = [
        partition("fact_diurnes"),
        ("fact_diurnes_pays", "table-missing"),
        partition("fact_nuitees"),
        partition("fact_nuitees_pays"),
        partition("fact_sejours_duree"),
    ];
    assert_eq!(refused, expected);
    let states =
        |state: &str| json["partitioned"].as_array().unwrap().iter().filter(|one| one["state"] == state).count();
    assert_eq!((states("partitioned"), states("refused")), (16, 5));
    for table in ["fact_diurnes", "fact_nuitees", "fact_sejours_duree"] {
        assert_eq!(partitions(&world, table), [""; 0], "{table}");
    }
    assert_eq!(everything(&world, "fact_nuitees"), before);
    // An older table whose natural key is its primary key needs no other one.
    assert_eq!(
        spread(&world, "fact_diurnes_departements"),
        ["flux_avant 0", "flux_2024 1", "flux_2025 0", "flux_2026 0", "flux_apres 0"]
    );
    // What stood in the way of one goes, and the table follows.
    world.db.exec("ALTER TABLE fact_nuitees DROP FOREIGN KEY fk_zone");
    let json = schema(&world, 2025, &["--partition-by-year", "--yes"]).run().sane().expect_code(3).json();
    assert_eq!(
        (&of(&json, "fact_nuitees")["state"], json["findings"].as_array().unwrap().len()),
        (&json!("partitioned"), 4)
    );
    assert_eq!(everything(&world, "fact_nuitees"), before);
}

/// What is in the database as its owner sees it: without the numbers of the rows.
fn content(world: &World) -> Vec<(String, Vec<Vec<String>>)> {
    let mains = FAMILIES.iter().map(|(_, table)| *table);
    let temps = FILES.iter().map(|(_, temp, _)| *temp);
    mains.chain(temps).map(|table| (table.to_owned(), world.dump(table))).collect()
}

/// A year of every tool: exports, two deliveries, the second of which changes and withdraws, backup and restoration, a merge of zones.
fn lived(world: &World) {
    let run = |tool: &str, args: &[&str]| {
        let outcome = world.tool(tool).args(args).limit(Duration::from_secs(240)).run().sane();
        assert_eq!(outcome.code, 0, "{outcome}");
    };
    world.db.exec("INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (10, 'CABA')");
    let days = ["2023-12-31", "2024-01-01", "2024-07-08"];
    let lines: Vec<String> = days
        .iter()
        .flat_map(|day| [format!("{day};Cantal;Local;Touriste;7"), format!("{day};Lioran;Local;Touriste;8")])
        .collect();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.etl(&[]).expect_code(0);
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2023-12-31', 10, 1, 1, 5), ('2024-12-30', 10, 1, 1, 6)");
    for round in [0, 1] {
        let mut lines = Vec::new();
        for day in ["2024-12-31", "2025-01-01"] {
            for (at, zone) in ["Cantal", "Lioran", "Carlades", "Haut Cantal"].iter().enumerate() {
                let volume = 10 * (at + 1);
                lines.push(format!("{day};{zone};Local;Touriste;{}", volume + round));
                if at + 1 > round {
                    lines.push(format!("{day};{zone};Local;Resident;{volume}"));
                }
            }
        }
        world.csv("frequentation_nuitee.csv", BASE, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let places =
            ["2024-12-31", "2025-01-01"].map(|day| format!("{day};Cantal;NonLocal;Touriste;Aurillac;{}", 3 + round));
        world.csv("export_mobilite.csv", MOBILITY, &places.each_ref().map(String::as_str));
        run("update-temp-tables", &["--only", "frequentation_nuitee,export_mobilite"]);
        run("migrate-temp-to-main", &[]);
        run("verify-migration", &[]);
        // Eight of the ten files are absent.
        world.tool("check-status").run().sane().expect_code(3);
    }
    run("cleanup-temp", &[]);
    run("backup-critical", &[]);
    world.db.exec("DELETE FROM fact_nuitees WHERE date = '2025-01-01'");
    run("restore-critical", &["--yes"]);
    run("restore-critical", &["--drop-old", "--yes"]);
    run("merge-zones", &["--yes"]);
}

#[test]
fn every_tool_does_the_same_on_divided_tables() {
    let (whole, parts) = (World::whole(), World::whole());
    divided(&parts);
    let bounds = partitions(&parts, "fact_lieu_activite_soir");
    assert_eq!(bounds, ["flux_avant 2025", "flux_2025 2026", "flux_2026 2027", "flux_apres MAXVALUE"]);
    lived(&whole);
    // Dates before the first year have their place; their years follow on demand.
    lived(&parts);
    assert_eq!(content(&whole), content(&parts));
    assert_eq!(
        whole.keys("fact_nuitees", "date, id_zone, id_categorie, is_provisional"),
        [
            "2023-12-31 1 1 0 7",
            "2023-12-31 2 1 0 5",
            "2023-12-31 5 1 0 8",
            "2024-01-01 1 1 0 7",
            "2024-01-01 5 1 0 8",
            "2024-07-08 1 1 0 7",
            "2024-07-08 5 1 0 8",
            "2024-12-30 2 1 0 6",
            "2024-12-31 1 1 1 11",
            "2024-12-31 3 1 1 41",
            "2024-12-31 3 2 1 40",
            "2024-12-31 5 1 1 21",
            "2024-12-31 5 2 1 20",
            "2024-12-31 9 1 1 31",
            "2024-12-31 9 2 1 30",
            "2025-01-01 1 1 1 11",
            "2025-01-01 3 1 1 41",
            "2025-01-01 3 2 1 40",
            "2025-01-01 5 1 1 21",
            "2025-01-01 5 2 1 20",
            "2025-01-01 9 1 1 31",
            "2025-01-01 9 2 1 30"
        ]
    );
    assert_eq!(partitions(&parts, "fact_lieu_activite_soir"), bounds, "a restoration brings the partitions back");
    let json = divided(&parts);
    assert_eq!(of(&json, "fact_nuitees")["years"], json!([2023, 2024]));
    for (world, partition) in [(&whole, Value::Null), (&parts, json!("flux_2024"))] {
        let json =
            world.tool("cleanup-year").args(["--json", "--year", "2024", "--yes"]).run().sane().expect_code(0).json();
        let nights = json["tables"].as_array().unwrap().iter().find(|one| one["table"] == "fact_nuitees").unwrap();
        assert_eq!((&nights["rows"], &nights["deleted"], &nights["partition"]), (&json!(12), &json!(12), &partition));
        world.etl(&[]).expect_code(0);
        world.tool("validation-complete-import").run().sane().expect_code(3);
    }
    assert_eq!(content(&whole), content(&parts));
}

fn cleanup(world: &World, args: &[&str]) -> Tool {
    world.tool("cleanup-year").args(["--json", "--year", "2024", "--only", "Nuitee"]).args(args)
}

const REST: [&str; 3] = ["2022-12-31 1 1", "2023-01-01 1 2", "2025-01-01 1 7"];

#[test]
fn a_year_goes_with_its_partition_at_once() {
    let world = filled();
    divided(&world);
    let json = cleanup(&world, &[]).run().sane().expect_code(0).json();
    assert_eq!(
        (&json["rows"], &json["deleted"], &json["tables"][0]["partition"]),
        (&json!(4), &json!(0), &json!("flux_2024"))
    );
    assert_eq!(world.db.count("fact_nuitees"), 7);
    // Batches of one row would need a transaction each.
    let json = cleanup(&world, &["--yes", "--batch-size", "1"]).run().sane().expect_code(0).json();
    assert_eq!(
        (&json["rows"], &json["deleted"], &json["tables"][0]["partition"]),
        (&json!(4), &json!(4), &json!("flux_2024"))
    );
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), REST);
    assert_eq!(spread(&world, "fact_nuitees")[3], "flux_2024 0");
    let again = cleanup(&world, &["--yes"]).run().sane().expect_code(0).json();
    assert_eq!((&again["rows"], &again["deleted"]), (&json!(0), &json!(0)));
}

#[test]
fn a_reader_or_a_missing_right_makes_the_rows_go_one_by_one() {
    let world = filled();
    divided(&world);
    let mut reader = world.db.conn();
    reader.query_drop("START TRANSACTION").unwrap();
    assert_eq!(reader.query_first::<u64, _>("SELECT COUNT(*) FROM fact_nuitees").unwrap(), Some(7));
    let json = cleanup(&world, &["--yes"]).run().sane().expect_code(0).json();
    assert_eq!((&json["deleted"], &json["tables"][0]["partition"]), (&json!(4), &Value::Null));
    assert_eq!(
        reader.query_first::<u64, _>("SELECT COUNT(*) FROM fact_nuitees").unwrap(),
        Some(7),
        "its snapshot stays"
    );
    drop(reader);
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), REST);
    let world = filled();
    divided(&world);
    let account = world.db.restricted_user(&["SELECT, INSERT, UPDATE, DELETE ON {db}.*"]);
    let tool = cleanup(&world, &["--yes"]).env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    let json = tool.run().sane().expect_code(0).json();
    assert_eq!((&json["deleted"], &json["tables"][0]["partition"]), (&json!(4), &Value::Null));
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), REST);
}

/// Wherever it dies, the year is there or gone, the history knows that its files are to be loaded again, and the next run ends the work.
#[test]
fn killed_anywhere_the_year_is_whole_or_gone_and_the_next_run_goes_on() {
    let mut seen = [0, 0];
    for place in ["db.statement:2", "db.commit:1", "db.statement:5", "db.commit:2", "db.committed:2"] {
        let world = filled();
        divided(&world);
        let died = cleanup(&world, &["--yes"]).fail_at(place, "kill").run();
        assert_eq!(died.code, 137, "{place}\n{died}");
        support::trouble::quiet(&world.db);
        let left = world.db.count("fact_nuitees");
        assert!([3, 7].contains(&left), "{place}: {left}");
        seen[usize::from(left == 3)] += 1;
        cleanup(&world, &["--yes"]).run().sane().expect_code(0);
        assert_eq!(world.keys("fact_nuitees", "date, id_zone"), REST, "{place}");
    }
    assert_eq!(seen, [3, 2]);
}

/// Between the proof that the lease is ours and the statement that empties the partition nobody else can take the lease.
#[test]
fn the_lease_cannot_be_taken_while_a_partition_is_emptied() {
    let world = filled();
    divided(&world);
    let mut paused = cleanup(&world, &["--yes"]).fail_at("db.statement:5", "pause").spawn();
    paused.wait_paused();
    assert_eq!(world.db.count("fact_nuitees"), 7);
    let mut other = world.db.conn();
    other.query_drop("SET SESSION innodb_lock_wait_timeout = 1").unwrap();
    let taken = other.query_drop("UPDATE flux_lease SET ended_at = UTC_TIMESTAMP(3) WHERE ended_at IS NULL");
    let refused = taken.unwrap_err().to_string();
    assert!(refused.contains("1205"), "{refused}");
    paused.resume();
    paused.wait().sane().expect_code(0);
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), REST);
}
