//! A main table that its owner has partitioned by year: it is kept so, and the week and `cleanup-year` go through it.

use serde_json::json;
use support::weekly::{Sane, World};

const PARTITIONS: &str = "SELECT CONCAT_WS(' ', partition_name, partition_description) FROM information_schema.partitions \
     WHERE table_schema = DATABASE() AND table_name = 'fact_nuitees' AND partition_name IS NOT NULL ORDER BY partition_ordinal_position";

fn partitioned() -> World {
    let world = World::whole();
    world.db.exec(
        "ALTER TABLE fact_nuitees DROP PRIMARY KEY, ADD PRIMARY KEY (id, date) PARTITION BY RANGE (YEAR(date))
         (PARTITION p2024 VALUES LESS THAN (2025), PARTITION p2025 VALUES LESS THAN (2026), PARTITION reste VALUES LESS THAN MAXVALUE)",
    );
    world
}

#[test]
fn a_partitioned_table_stays_partitioned_and_takes_the_week() {
    let world = partitioned();
    let before = world.db.column(PARTITIONS);
    assert_eq!(before, ["p2024 2025", "p2025 2026", "reste MAXVALUE"]);
    let json = world.tool("ensure-schema").arg("--json").run().sane().expect_code(0).json();
    assert_eq!(json["changes"], json!([]));
    for volume in [10, 11] {
        let lines = ["2024-12-31", "2025-01-01"].map(|day| format!("{day};Lioran;Local;Touriste;{volume}"));
        world.nights(&lines.each_ref().map(String::as_str));
        world.import_nights(&["--max-shrink", "100"]).expect_code(0);
        world.tool("migrate-temp-to-main").run().sane().expect_code(0);
        world.tool("verify-migration").run().sane().expect_code(0);
    }
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    assert_eq!(world.keys("fact_nuitees", "date, id_zone"), ["2024-12-31 5 11", "2025-01-01 5 11"]);
    assert_eq!(world.db.column(PARTITIONS), before);
}

#[test]
fn a_year_goes_from_its_partition_alone_whatever_the_size_of_the_batches() {
    for batch in ["1", "2", "100"] {
        let world = partitioned();
        world.db.exec(
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2023-12-31', 1, 1, 1, 1),
             ('2024-01-01', 1, 1, 1, 2), ('2024-01-01', 2, 1, 1, 3), ('2024-01-01', 3, 1, 1, 4), ('2024-12-31', 1, 1, 1, 5),
             ('2025-01-01', 1, 1, 1, 6)",
        );
        let args = ["--json", "--year", "2024", "--yes", "--batch-size", batch];
        let json = world.tool("cleanup-year").args(args).run().sane().expect_code(0).json();
        assert_eq!(json["deleted"], json!(4), "batches of {batch}");
        assert_eq!(
            world.keys("fact_nuitees", "date, id_zone"),
            ["2023-12-31 1 1", "2025-01-01 1 6"],
            "batches of {batch}"
        );
    }
}
