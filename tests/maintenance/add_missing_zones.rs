//! `add-missing-zones`: adds what no equivalent name covers, once.

use flux_test::Home;
use support::diag;

#[test]
fn an_older_name_counts_and_a_second_run_adds_nothing() {
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    // A database of these tools, of which only this table is there.
    db.exec("CREATE TABLE flux_schema_version (version INT PRIMARY KEY); INSERT INTO flux_schema_version VALUES (1)");
    let home = Home::new(&db);
    let dry = home.tool("add-missing-zones").args(["--dry-run", "--json"]).run().expect_code(0).json();
    // 11 zones in the reference; CANTAL, CABA and CHÂTAIGNERAIE answer for three
    assert_eq!((&dry["added"], db.count("dim_zones_observation")), (&8.into(), 3));
    let json = home.tool("add-missing-zones").arg("--json").run().expect_code(0).json();
    assert_eq!(json["added"], 8);
    assert_eq!(db.count("dim_zones_observation"), 11);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE nom_zone = 'PAYS D''AURILLAC'"), "0");
    assert_eq!(db.scalar("SELECT nom_zone FROM dim_zones_observation WHERE nom_zone LIKE 'VAL%'"), "VAL TRUYÈRE");
    assert_eq!(home.tool("add-missing-zones").arg("--json").run().expect_code(0).json()["added"], 0);
}

#[test]
fn a_lock_a_missing_table_and_a_bad_option_have_their_codes() {
    use flux_test::mysql::prelude::Queryable;
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    let home = Home::new(&db);
    let mut conn = db.conn();
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap();
    home.tool("add-missing-zones").run().expect_code(4);
    drop(conn);
    db.exec("DROP TABLE dim_zones_observation");
    home.tool("add-missing-zones").run().expect_code(1).expect_stderr("ensure-schema");
    home.tool("add-missing-zones").arg("--oui").run().expect_code(2);
}
