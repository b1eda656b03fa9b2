//! Databases as older scripts left them, from `tests/data/legacy/`: our own SQL after the facts of the specification.

use flux_test::{Outcome, TestDb};
use serde_json::Value;

/// A generation, loaded into an empty database.
pub fn database(generation: &str) -> TestDb {
    let db = TestDb::new();
    load(&db, generation);
    db
}

/// The same in a database that is there.
pub fn load(db: &TestDb, generation: &str) {
    if generation == "v2s" {
        load(db, "v2");
    }
    let path = flux_test::repository().join(format!("tests/data/legacy/{generation}.sql"));
    let sql = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    db.exec(&sql);
}

/// Structure and rows of every table, as text: equal before and after what writes nothing.
pub fn everything(db: &TestDb) -> Vec<String> {
    let tables = db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1",
    );
    let mut all = Vec::new();
    for table in tables {
        all.push(db.rows(&format!("SHOW CREATE TABLE `{table}`")).concat().join(" "));
        let mut rows: Vec<String> =
            db.rows(&format!("SELECT * FROM `{table}`")).into_iter().map(|row| row.join("|")).collect();
        rows.sort();
        all.extend(rows);
    }
    all
}

/// The codes of a list of findings, each once, sorted.
pub fn codes(list: &Value) -> Vec<String> {
    let mut codes: Vec<String> =
        list.as_array().into_iter().flatten().map(|f| f["code"].as_str().unwrap_or_default().to_owned()).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// The entry of a code at a place.
#[track_caller]
pub fn found<'a>(json: &'a Value, list: &str, code: &str) -> &'a Value {
    let entries = json[list].as_array().expect(list);
    entries.iter().find(|entry| entry["code"] == code).unwrap_or_else(|| panic!("{code} in {list} of {json}"))
}

/// Fails unless the database refused to be written to because nobody has adopted it.
#[track_caller]
pub fn refused(outcome: Outcome) {
    let outcome = outcome.expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "not-adopted", "{outcome}");
    assert!(outcome.json()["error"]["hint"].as_str().unwrap().contains("adopt-database"), "{outcome}");
}
