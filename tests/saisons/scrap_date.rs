//! `scrap-date` needs no database: its values against the reference, its formats, its refusals.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use flux_test::Home;

const REFERENCE: &str = include_str!("../../crates/flux-core/tests-data/equinoxes_solstices.csv");

fn moment(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
}

/// Year and season → instant in Paris, of CSV lines with the columns `annee;saison;instant_utc;instant_paris`.
fn instants(csv: &str) -> HashMap<(String, String), NaiveDateTime> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(';').collect();
        ((fields[0].to_owned(), fields[1].to_owned()), moment(fields[3]))
    };
    csv.lines().skip(1).map(line).collect()
}

#[test]
fn the_csv_is_within_a_minute_of_the_reference() {
    let outcome = Home::without_db().tool("scrap-date").args(["--csv", "--from", "2020", "--to", "2030"]).run();
    let computed = instants(&outcome.expect_code(0).stdout);
    let reference = instants(REFERENCE);
    assert_eq!(computed.len(), 44);
    for (key, expected) in reference {
        let error = (computed[&key] - expected).num_seconds();
        assert!(error.abs() <= 60, "{key:?}: {error}");
    }
}

#[test]
fn json_holds_both_times_and_whole_days() {
    let home = Home::without_db();
    let json = home.tool("scrap-date").args(["--json", "--from", "2025", "--to", "2025"]).run().expect_code(0).json();
    assert_eq!((&json["tool"], &json["status"]), (&"scrap-date".into(), &"ok".into()));
    let winter = &json["saisons"][3];
    assert_eq!(winter["saison"], "hiver");
    // the reference says 2025-12-21T15:02:51Z and 2026-03-20 15:45:53 in Paris
    assert!(winter["instant_utc"].as_str().unwrap().starts_with("2025-12-21T15:0"));
    assert!(winter["instant_paris"].as_str().unwrap().starts_with("2025-12-21 16:0"));
    assert!(winter["date_fin"].as_str().unwrap().starts_with("2026-03-20 15:4"));
    assert_eq!(winter["duree_jours"], 89);
}

#[test]
fn the_table_covers_2019_to_2030_at_least() {
    let text = &Home::without_db().tool("scrap-date").run().expect_code(0).stdout;
    assert!(text.contains("2019-03-20") && text.contains("2030-12-21"), "{text}");
}

#[test]
fn years_that_make_no_sense_are_bad_usage() {
    let home = Home::without_db();
    let run = |args: &[&str]| home.tool("scrap-date").args(args).run();
    run(&["--from", "1899"]).expect_code(2).expect_stderr("de 1900 à 2100");
    run(&["--from", "2030", "--to", "2019"]).expect_code(2).expect_stderr("vient après");
    run(&["--from", "deux mille"]).expect_code(2);
    run(&["--csv", "--json"]).expect_code(2);
}
