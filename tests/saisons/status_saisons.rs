//! `status-saisons`: one line, and the exit code that cron needs.

use flux_test::Home;
use support::saisons::{add_facts, database};

#[test]
fn one_line_when_all_is_well_and_none_when_quiet() {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").run().expect_code(0);
    let run = home.tool("status-saisons").run().expect_code(0).expect_stdout("rien à signaler");
    assert_eq!(run.stdout.lines().count(), 1);
    let quiet = home.tool("status-saisons").arg("-q").run().expect_code(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn one_line_that_names_the_first_finding() {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").run().expect_code(0);
    add_facts(&db, &["2018-07-14"]);
    let run = home.tool("status-saisons").arg("-q").run().expect_code(3).expect_stdout("verifier-saisons");
    assert_eq!(run.stdout.lines().count(), 1);
    let json = home.tool("status-saisons").arg("--json").run().expect_code(3).json();
    assert_eq!(json["status"], "attention");
    assert!(!json["findings"].as_array().unwrap().is_empty());
}

#[test]
fn without_the_table_it_fails_with_the_next_step() {
    let db = database();
    db.exec("DROP TABLE dim_periodes; DROP TABLE dim_saisons");
    let home = Home::new(&db);
    home.tool("status-saisons").run().expect_code(1).expect_stderr("ensure-schema");
    home.tool("status-saisons").arg("--annee").run().expect_code(2);
}
