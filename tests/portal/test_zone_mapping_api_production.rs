//! `test-zone-mapping-api-production`: every name of the portal, its row, what stands behind it.

use flux_test::Home;
use serde_json::json;
use support::diag;

#[test]
fn names_rows_and_dates_meet_and_unreachable_facts_are_found() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES
         ('2025-07-01', 1, 1, 1, 5), ('2025-07-03', 1, 1, 1, 5), ('2025-07-02', 4, 1, 1, 5), ('2025-07-02', 2, 1, 1, 5)",
    );
    let home = Home::new(&db);
    let json = home.tool("test-zone-mapping-api-production").arg("--json").run().expect_code(3).json();
    let mapping = |name: &str| json["mappings"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap().clone();
    let cantal = mapping("CANTAL");
    assert_eq!(cantal["tables"]["fact_nuitees"], json!({"rows": 2, "dates": ["2025-07-01", "2025-07-03"]}));
    // older and newer names lead to the preferred row
    assert_eq!((&mapping("CABA")["id_zone"], &mapping("PAYS D'AURILLAC")["id_zone"]), (&json!(4), &json!(4)));
    assert_eq!(mapping("LIORAN")["id_zone"], json!(null));
    let text: Vec<String> = json["findings"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let has = |words: &[&str]| text.iter().any(|finding| words.iter().all(|word| finding.contains(word)));
    // the two rows of the zone are added up, as the figures do, and are to be made one
    let aurillac = json!({"rows": 2, "dates": ["2025-07-02", "2025-07-02"]});
    assert_eq!(mapping("CABA")["tables"]["fact_nuitees"], aurillac);
    assert!(has(&["zone PAYS D'AURILLAC", "1 ligne sous le nom CABA", "merge-zones"]), "{text:#?}");
    assert!(has(&["CHÂTAIGNERAIE", "aucune ligne"]) && has(&["LIORAN", "add-missing-zones"]), "{text:#?}");
}

#[test]
fn chosen_names_a_missing_table_and_an_empty_dimension() {
    let db = diag::database();
    db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 1, 1, 1, 5)");
    let home = Home::new(&db);
    let run = |args: &[&str]| home.tool("test-zone-mapping-api-production").args(args).run();
    run(&["--zone", "cantal"]).expect_code(0);
    run(&["--zone", "cantal,nulle part"]).expect_code(3).expect_stdout("nulle part");
    run(&["--zones"]).expect_code(2);
    db.exec("DROP TABLE fact_diurnes");
    run(&["--zone", "cantal"]).expect_code(3).expect_stdout("fact_diurnes");
    db.exec("DELETE FROM dim_zones_observation");
    run(&[]).expect_code(1).expect_stderr("--seed");
}
