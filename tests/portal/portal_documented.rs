//! `docs/api.md` says what is answered: every field of every address, and nothing that is not there. That it names every address,
//! parameter and error, a test beside the routes compares.

use std::collections::BTreeSet;

use flux_test::Described;
use serde_json::Value;
use support::served::{Served, database};

const QUESTION: &str = "annee=2025&periode=vacances_ete&zone=CABA";
const TWO: &str = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2024&periode_b=vacances_ete&zone_b=CANTAL";

/// What an address is asked, so that its answers together have every field.
fn queries(address: &str) -> Vec<&'static str> {
    match address {
        address if address.contains("/analytics/comparison") => vec![TWO],
        address if address.ends_with("_periodes") => vec!["action=all", "action=year&annee=2025", "action=list"],
        "/api/filters/filters_mysql" | "/api/database/tables_info" | "/api/etat" => vec![""],
        _ => vec![QUESTION, "annee=2024&periode=annee_complete&zone=CABA"],
    }
}

fn paths(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(&path, value, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(&format!("{path}[]"), item, found)),
        _ => {}
    }
}

#[test]
fn every_answer_is_as_described() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    // So that `/api/etat` has one to tell.
    let _ = served.home.tool("verify-migration").run().expect_code(0);
    let described = Described::api();
    let mut asked = 0;
    for address in described.tools() {
        if !address.starts_with("/api/") {
            continue;
        }
        let mut found = BTreeSet::new();
        for query in queries(address) {
            let answer = served.api(&format!("{address}?{query}")).expect(200).json();
            assert_eq!(described.problems_in(address, &answer), [""; 0], "{address}?{query}");
            paths("", &answer, &mut found);
            asked += 1;
        }
        // Names of periods and years are keys; what runs is not running here.
        let missing: Vec<&str> = described
            .fields_of(address)
            .filter(|path| !path.contains(".*") && !path.starts_with("en_cours.") && !found.contains(*path))
            .collect();
        assert_eq!(missing, [""; 0], "{address} never answers");
    }
    assert!(asked > 25, "{asked} answers");
}
