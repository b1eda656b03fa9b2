//! `analyse-zones-csv`: counts each name and says where it leads, with and without a database.

use flux_test::{Home, TestDb};
use serde_json::{Value, json};
use support::diag;
use support::diag::NUITEE;

fn name<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["names"].as_array().unwrap().iter().find(|found| found["name"] == name).unwrap()
}

fn delivery(home: &Home) {
    home.write_csv(
        "frequentation_nuitee.csv",
        format!(
            "{NUITEE}2025-07-07;Pays d'Aurillac;LOCAL;TOURISTE;10\n2025-07-08;Ch\u{fffd}taigneraie;LOCAL;TOURISTE;1\n\
             2025-07-08;CABBA;LOCAL;TOURISTE;1\n"
        ),
    );
    home.write_csv(
        "frequentation_journee.csv",
        format!("{NUITEE}2025-07-06;Pays d'Aurillac;LOCAL;TOURISTE;10\n2025-07-09;CABBA;LOCAL;TOURISTE;1\n"),
    );
}

#[test]
fn the_database_decides_where_a_name_leads() {
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    let home = Home::new(&db);
    delivery(&home);
    let json = home.tool("analyse-zones-csv").arg("--json").run().expect_code(3).json();
    assert_eq!(json["resolved_against"], "database");
    let caba = name(&json, "Pays d'Aurillac");
    assert_eq!((&caba["zone"], &caba["id_zone"], &caba["lines"]), (&json!("CABA"), &json!(2), &json!(2)));
    assert_eq!(caba["dates"], json!(["2025-07-06", "2025-07-07"]));
    assert_eq!(caba["files"], json!({"frequentation_journee.csv": 1, "frequentation_nuitee.csv": 1}));
    assert_eq!(name(&json, "Ch\u{fffd}taigneraie")["zone"], "CHÂTAIGNERAIE");
    let unknown = name(&json, "CABBA");
    assert_eq!((&unknown["resolution"], &unknown["near"][0]), (&json!("unknown"), &json!("CABA")));
    assert_eq!(unknown["first"], json!(["frequentation_nuitee.csv", 4]));
    assert_eq!(json["absent"], json!(["CANTAL"]));
    assert_eq!(json["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_database_the_reference_serves() {
    let home = Home::without_db();
    delivery(&home);
    let json = home.tool("analyse-zones-csv").args(["--json", "--by-file"]).run().expect_code(3).json();
    assert_eq!(json["resolved_against"], "reference");
    assert_eq!(name(&json, "Pays d'Aurillac")["zone"], "PAYS D'AURILLAC");
    let text = home.tool("analyse-zones-csv").run().expect_code(3);
    assert!(text.stdout.contains("CABBA") && text.stdout.contains("--create-missing"), "{text}");
}

/// The first day: what is missing is said first, once, and what to do about names is what makes the observatory's file.
#[test]
fn a_database_without_zones_is_no_remark() {
    let empty = TestDb::new();
    let home = Home::new(&empty);
    delivery(&home);
    let json = home.tool("analyse-zones-csv").arg("--json").run().expect_code(3).json();
    let first = &json["findings"][0];
    assert_eq!((&first["code"], &json["resolved_against"]), (&json!("table-missing"), &json!("reference")));
    assert!(first["action"].as_str().unwrap().contains("ensure-schema --seed"), "{first}");
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    db.exec("DELETE FROM dim_zones_observation");
    let home = Home::new(&db);
    delivery(&home);
    let json = home.tool("analyse-zones-csv").arg("--json").run().expect_code(3).json();
    assert_eq!(json["findings"][0]["code"], "dimension-empty");
    let text = home.tool("analyse-zones-csv").run().expect_code(3).stdout.clone();
    assert_eq!(text.matches("dim_zones_observation est vide").count(), 1, "{text}");
    let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("`ensure-schema --seed`") && told.contains("`flux init` commence"), "{text}");
    // With a file of its own, a new name goes into that file.
    home.write("reference/zones.csv", "zone;noms_equivalents;visible\nCABA;PAYS D'AURILLAC;oui\nCHÂTAIGNERAIE;;oui\n");
    let text = home.tool("analyse-zones-csv").run().expect_code(3).stdout.clone();
    assert!(text.contains("zone renommée") && !text.contains("flux init"), "{text}");
}

#[test]
fn two_stored_zones_that_a_damaged_name_fits_are_ambiguous() {
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    db.exec("INSERT INTO dim_zones_observation VALUES (10, 'LOIRE'), (11, 'LAIRE')");
    let home = Home::new(&db);
    home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-07-07;L?ire;LOCAL;TOURISTE;10\n"));
    let json = home.tool("analyse-zones-csv").arg("--json").run().expect_code(3).json();
    assert_eq!(name(&json, "L?ire")["resolution"], "ambiguous");
    assert_eq!(name(&json, "L?ire")["near"].as_array().unwrap().len(), 2);
}

#[test]
fn a_bad_option_and_a_missing_folder() {
    let home = Home::without_db();
    home.tool("analyse-zones-csv").arg("--zone").run().expect_code(2);
    home.tool("analyse-zones-csv").args(["--data-dir", "rien"]).run().expect_code(1);
}
