//! A connection that is lost at any change of structure, before the server has it or before its answer comes: the tool goes on, and the
//! structure is the one that a run in peace makes.

use flux_test::{Home, TestDb};
use support::weekly::Sane;

/// Columns and indexes of all tables, and how they are divided.
fn structure(db: &TestDb) -> Vec<String> {
    let mut all = db.column(
        "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, COALESCE(column_default, '-')) \
         FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1",
    );
    all.extend(db.column(
        "SELECT CONCAT_WS(' ', table_name, index_name, non_unique, seq_in_index, column_name) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1",
    ));
    all.extend(db.column(
        "SELECT CONCAT_WS(' ', table_name, partition_name, partition_description) \
         FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL ORDER BY 1",
    ));
    all
}

/// Runs the tool with its connection lost at each passage of a place in turn, until none is left; `spoil` gives it something to do. Returns
/// how often it was lost.
fn lost_at_each(tool: &str, args: &[&str], spoil: &[&str], place: &str) -> u32 {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool("ensure-schema").run().sane().expect_code(0);
    let again = || spoil.iter().for_each(|sql| db.exec(sql));
    home.tool(tool).args(args).run().sane().expect_code(0);
    again();
    home.tool(tool).args(args).run().sane().expect_code(0);
    let wanted = structure(&db);
    for passage in 1..=200 {
        again();
        let outcome = home.tool(tool).args(args).fail_at(&format!("{place}:{passage}"), "error").run().sane();
        let was_lost = outcome.stderr.contains("nouvel essai");
        outcome.expect_code(0);
        assert_eq!(structure(&db), wanted, "{tool} {place}:{passage}");
        if !was_lost {
            return passage - 1;
        }
    }
    panic!("{tool} comes to no end");
}

#[test]
fn tables_columns_and_indexes_are_made_over_a_lost_connection() {
    let spoil = [
        "ALTER TABLE fact_diurnes DROP INDEX k_date_zone, DROP COLUMN created_at",
        "DROP TABLE dim_saisons",
        "ALTER TABLE fact_nuitees_pays_temp DROP PRIMARY KEY, DROP COLUMN is_provisional",
    ];
    for place in ["db.statement", "db.changed"] {
        let lost = lost_at_each("ensure-schema", &[], &spoil, place);
        assert!(lost >= 3, "{place}: only {lost} of three changes");
    }
}

#[test]
fn an_index_of_the_dashboards_is_made_over_a_lost_connection() {
    let spoil = [
        "ALTER TABLE fact_sejours_duree DROP INDEX k_zone_categorie",
        "INSERT IGNORE INTO fact_sejours_duree (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES ('2025-02-03', 1, 1, 1, 1, 7)",
    ];
    for place in ["db.statement", "db.changed"] {
        assert!(lost_at_each("improve-response", &["--apply", "--no-cache"], &spoil, place) >= 1, "{place}");
    }
}

#[test]
fn a_division_by_year_is_made_over_a_lost_connection() {
    let spoil = ["ALTER TABLE fact_nuitees DROP PRIMARY KEY, ADD PRIMARY KEY (id) REMOVE PARTITIONING"];
    for place in ["db.statement", "db.changed"] {
        let args = ["--partition-by-year", "--yes", "--preset", "facts"];
        assert!(lost_at_each("ensure-schema", &args, &spoil, place) >= 1, "{place}");
    }
}

#[test]
fn test_tables_are_dropped_over_a_lost_connection() {
    let spoil = ["CREATE TABLE IF NOT EXISTS fact_nuitees_test LIKE fact_nuitees"];
    for place in ["db.statement", "db.changed"] {
        assert!(lost_at_each("ensure-schema", &["--drop-test", "--yes"], &spoil, place) >= 1, "{place}");
    }
}
