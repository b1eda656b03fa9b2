//! `tables-info`: counts, kinds, structure, and what an older database lacks.

use flux_test::Home;
use serde_json::{Value, json};
use support::diag;

fn table<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["tables"].as_array().unwrap().iter().find(|table| table["name"] == name).unwrap()
}

#[test]
fn rows_dates_volumes_and_provisional_rows_are_counted() {
    let db = diag::database();
    db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2025-07-01', 1, 1, 1, 10, 1), ('2025-07-01', 1, 2, 1, 20, 0), ('2025-07-05', 1, 1, 1, 30, 0)",
    );
    let home = Home::new(&db);
    let json = home.tool("tables-info").args(["--json", "--stats", "--structure"]).run().expect_code(0).json();
    let nuitees = table(&json, "fact_nuitees");
    assert_eq!((&nuitees["kind"], &nuitees["rows"], &nuitees["exact"]), (&json!("fact"), &json!(3), &json!(true)));
    assert_eq!(
        nuitees["stats"],
        json!({"dates": ["2025-07-01", "2025-07-05"], "days": 2, "volume": 60, "provisional": 1, "definitive": 2})
    );
    let columns: Vec<&str> =
        nuitees["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(columns[..5], ["id", "date", "id_zone", "id_provenance", "id_categorie"]);
    assert_eq!(nuitees["indexes"][0], json!({"name": "PRIMARY", "unique": true, "columns": ["id"]}));
    assert_eq!(table(&json, "dim_zones_observation")["rows"], 3);
    assert_eq!(table(&json, "fact_nuitees_temp")["stats"]["dates"], Value::Null);
}

#[test]
fn only_the_kinds_asked_for_are_shown() {
    let db = diag::database();
    db.exec("CREATE TABLE users (id INT PRIMARY KEY)");
    let home = Home::new(&db);
    let json = home.tool("tables-info").args(["--json", "--type", "temp"]).run().expect_code(0).json();
    assert_eq!(json["tables"].as_array().unwrap().len(), 10);
    let json = home.tool("tables-info").args(["--json", "--type", "system,dim"]).run().expect_code(0).json();
    assert!(json["tables"].as_array().unwrap().iter().any(|table| table["name"] == "users"));
    home.tool("tables-info").args(["--type", "vue"]).run().expect_code(2);
}

#[test]
fn what_an_older_database_lacks_is_named() {
    let db = diag::database();
    db.exec("DROP TABLE fact_diurnes; ALTER TABLE fact_nuitees DROP COLUMN is_provisional");
    let home = Home::new(&db);
    let outcome = home.tool("tables-info").args(["--type", "fact", "--stats"]).run().expect_code(3);
    assert!(outcome.stdout.contains("fact_diurnes : absente"), "{outcome}");
    assert!(outcome.stdout.contains("colonne is_provisional"), "{outcome}");
    assert!(outcome.stdout.contains("ensure-schema"), "{outcome}");
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let db = diag::with_tables(|_| false);
    Home::new(&db).tool("tables-info").args(["--port", "1"]).run().expect_code(1).expect_stderr("connexion impossible");
}
