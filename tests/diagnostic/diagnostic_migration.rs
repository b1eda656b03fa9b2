//! `diagnostic-migration`: each thing that is missing is found, with its mend.

use flux_test::{Home, Outcome};
use support::diag;

fn findings(outcome: &Outcome) -> Vec<String> {
    let json = outcome.json();
    let text =
        |finding: &serde_json::Value| format!("{} | {} | {}", finding["place"], finding["message"], finding["action"]);
    json["findings"].as_array().unwrap().iter().map(text).collect()
}

fn has(findings: &[String], words: &[&str]) -> bool {
    findings.iter().any(|finding| words.iter().all(|word| finding.contains(word)))
}

#[test]
fn a_complete_database_has_no_error() {
    let db = diag::database();
    let home = Home::new(&db);
    let outcome = home.tool("diagnostic-migration").arg("--json").run();
    // settings of the test server may call for a look; nothing of ours may
    let findings = findings(&outcome);
    assert!(!has(&findings, &["fact_"]) && !has(&findings, &["dim_"]) && !has(&findings, &["droit"]), "{findings:#?}");
    assert!(outcome.code == 0 || outcome.code == 3, "{outcome}");
}

#[test]
fn tables_columns_keys_and_empty_dimensions_are_found() {
    let db = diag::database();
    db.exec(
        "DROP TABLE fact_diurnes_temp; ALTER TABLE fact_nuitees DROP COLUMN is_provisional; DELETE FROM dim_pays;
         ALTER TABLE fact_nuitees_pays DROP INDEX uk_cle; ALTER TABLE fact_sejours_duree DROP INDEX k_date_zone",
    );
    let home = Home::new(&db);
    let outcome = home.tool("diagnostic-migration").arg("--json").run().expect_code(3);
    let findings = findings(&outcome);
    for words in [
        ["fact_diurnes_temp", "n'existe pas", "ensure-schema"],
        ["fact_nuitees\"", "is_provisional", "ensure-schema"],
        ["fact_nuitees_pays\"", "clé", "ensure-schema"],
        ["fact_sejours_duree\"", "index (date, id_zone)", "ensure-schema"],
        ["dim_pays", "vide", "--seed"],
    ] {
        assert!(has(&findings, &words), "{words:?} in {findings:#?}");
    }
}

#[test]
fn rights_that_are_missing_are_named() {
    let db = diag::database();
    let account = db.restricted_user(&["SELECT, INSERT ON {db}.*"]);
    let home = Home::new(&db);
    let outcome = home
        .tool("diagnostic-migration")
        .arg("--json")
        .env("DB_USERNAME", &account.user)
        .env("DB_PASSWORD", &account.password)
        .run()
        .expect_code(3);
    let findings = findings(&outcome);
    assert!(has(&findings, &["droit UPDATE", "GRANT UPDATE"]) && has(&findings, &["droit DELETE"]), "{findings:#?}");
    assert!(!has(&findings, &["droit SELECT"]) && !has(&findings, &["droit INSERT"]), "{findings:#?}");
}

#[test]
fn folders_are_looked_at_even_where_no_server_answers() {
    let home = Home::without_db();
    std::fs::remove_dir(home.data_temp()).unwrap();
    let outcome = home.tool("diagnostic-migration").arg("--json").run().expect_code(3);
    let findings = findings(&outcome);
    assert!(has(&findings, &["data/data_temp", "mkdir -p"]) && has(&findings, &["base", "DB_"]), "{findings:#?}");
    home.tool("diagnostic-migration").arg("--reparer").run().expect_code(2);
}
