//! `check-zones`: finds splits, orphans, gaps, and names of CSVs that lead nowhere; names the mend of each.

use flux_test::Home;
use serde_json::{Value, json};
use support::diag;
use support::diag::NUITEE;
use support::weekly::Sane;

fn messages(json: &Value) -> Vec<String> {
    let text = |finding: &Value| {
        format!(
            "{} | {} | {}",
            finding["place"].as_str().unwrap(),
            finding["message"].as_str().unwrap(),
            finding["action"].as_str().unwrap_or_default()
        )
    };
    json["findings"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn each_defect_is_found_with_its_rows() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES
         ('2024-07-01', 1, 1, 1, 5), ('2025-07-01', 1, 1, 1, 5), ('2025-07-01', 2, 1, 1, 5), ('2025-07-02', 4, 1, 1, 5),
         ('2025-07-02', 99, 1, 1, 5), ('2025-07-03', 99, 1, 1, 5)",
    );
    let home = Home::new(&db);
    home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-07-07;Inconnue;LOCAL;TOURISTE;10\n"));
    let json = home.tool("check-zones").arg("--json").run().expect_code(3).json();
    let messages = messages(&json);
    let has = |words: &[&str]| messages.iter().any(|message| words.iter().all(|word| message.contains(word)));
    assert!(has(&["id_zone 99", "2 lignes", "fact_nuitees (2)"]), "{messages:#?}");
    assert!(has(&["PAYS D'AURILLAC (id 4, 1 ligne), CABA (id 2, 1 ligne)", "merge-zones"]), "{messages:#?}");
    // The two rows of a split group are one zone, which has no 2024.
    assert!(has(&["zone PAYS D'AURILLAC", "rien en 2024", "fact_nuitees"]), "{messages:#?}");
    assert!(!has(&["zone CABA", "rien en"]), "{messages:#?}");
    assert!(has(&["CHÂTAIGNERAIE", "aucune ligne"]), "{messages:#?}");
    assert!(has(&["« Inconnue »", "frequentation_nuitee.csv ligne 2"]), "{messages:#?}");
    assert!(has(&["VAL TRUYÈRE", "add-missing-zones"]), "{messages:#?}");
    let cantal = json["zones"].as_array().unwrap().iter().find(|zone| zone["name"] == "CANTAL").unwrap();
    assert_eq!(cantal["tables"]["fact_nuitees"]["years"], json!({"2024": 1, "2025": 1}));
    assert_eq!(cantal["tables"]["fact_nuitees"]["dates"], json!(["2024-07-01", "2025-07-01"]));
}

#[test]
fn a_sound_database_has_nothing_to_say() {
    let db =
        diag::with_tables(|table| ["dim_zones_observation", "fact_nuitees", "flux_import_history"].contains(&table));
    db.exec("DELETE FROM dim_zones_observation");
    let home = Home::new(&db);
    home.tool("add-missing-zones").run().expect_code(0);
    db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume)
         SELECT '2025-07-01', id_zone, 1, 1, 5 FROM dim_zones_observation",
    );
    let outcome = home.tool("check-zones").args(["--json", "--no-csv"]).run().expect_code(0);
    assert_eq!(outcome.json()["zones"].as_array().unwrap().len(), 11);
    // the tables that an older schema lacks are told, and are no failure
    assert_eq!(outcome.json()["missing_tables"].as_array().unwrap().len(), 30);
}

#[test]
fn an_empty_and_a_missing_dimension_say_what_to_do() {
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    db.exec("DELETE FROM dim_zones_observation");
    let home = Home::new(&db);
    home.tool("check-zones").run().expect_code(3).expect_stdout("ensure-schema --seed");
    db.exec("DROP TABLE dim_zones_observation");
    home.tool("check-zones").run().expect_code(1).expect_stderr("ensure-schema");
    home.tool("check-zones").arg("--zone").run().expect_code(2);
    Home::without_db().tool("check-zones").run().expect_code(1);
}

/// legacy.md, 16.
#[test]
fn facts_whose_row_is_gone_are_found_in_every_dimension() {
    let db = diag::database();
    let home = Home::new(&db);
    db.exec(
        "INSERT INTO fact_nuitees_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES ('2025-07-01', 1, 3, 1, 90, 5);
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
         ('2025-07-01', 1, 2, 1, 0, 0, 'mardi', 3), ('2025-07-01', 1, 2, 1, 0, 800, 'mardi', 4)",
    );
    let json = home.tool("check-zones").args(["--json", "--no-csv"]).run().expect_code(3).json();
    let orphans: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "orphan-rows")
        .map(|finding| finding["place"].as_str().unwrap())
        .collect();
    assert_eq!(orphans, ["dim_pays", "dim_communes"], "0 is a place that is not known");
}

/// legacy.md, 18.
#[test]
fn zones_that_are_no_more_are_nobody_s_worry() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (5, 'CCSA'), (6, 'RESTE DEPARTEMENT'), (7, 'PAYS SALERS');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES
         ('2021-07-01', 1, 1, 1, 5), ('2025-07-01', 1, 1, 1, 5), ('2021-07-01', 3, 1, 1, 5), ('2025-07-01', 3, 1, 1, 5),
         ('2021-07-01', 5, 1, 1, 5), ('2025-07-01', 2, 1, 1, 5)",
    );
    let home = Home::new(&db);
    let json = home.tool("check-zones").args(["--json", "--no-csv"]).run().expect_code(3).json();
    let findings = json["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "zone-without-data");
    let mut places: Vec<&str> = findings.map(|finding| finding["place"].as_str().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, ["zone CABA", "zone PAYS SALERS"]);
}

/// legacy.md, 18. One zone under a name of before and one of today is one zone, wherever it is looked at.
#[test]
fn a_zone_of_before_is_the_one_of_today() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (5, 'HAUTES TERRES COMMUNAUTE');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2021-07-01', 5, 1, 1, 5)",
    );
    let home = Home::new(&db);
    let places = || -> Vec<String> {
        let json = home.tool("check-zones").args(["--json", "--no-csv"]).run().sane().json();
        let told = messages(&json).into_iter();
        told.filter(|line| line.contains("HAUTES TERRES")).collect()
    };
    // Alone it stands for the zone, and nobody is to do anything about it.
    assert_eq!(places(), Vec::<String>::new());
    db.exec("INSERT INTO dim_zones_observation VALUES (6, 'HAUTES TERRES')");
    let told = places();
    assert!(told.len() == 1 && told[0].contains("merge-zones"), "{told:#?}");
    home.tool("merge-zones").arg("--yes").run().sane().expect_code(0);
    assert_eq!(db.rows("SELECT id_zone, volume FROM fact_nuitees"), [["6", "5"]]);
    assert_eq!(places(), Vec::<String>::new());
}
