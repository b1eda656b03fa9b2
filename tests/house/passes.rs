//! `scripts/test --mysql9` leaves out tests in which no database has a part: whether that is so.

use std::collections::BTreeMap;
use std::fs;

use flux_test::repository;

/// The modules of all programs of tests, by name.
fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for folder in fs::read_dir(repository().join("tests")).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            if file.extension().is_some_and(|extension| extension == "rs") && folder.join("main.rs").exists() {
                modules.insert(name, fs::read_to_string(file).unwrap());
            }
        }
    }
    modules
}

/// The words of a list of the script.
fn list(name: &str) -> Vec<String> {
    let script = fs::read_to_string(repository().join("scripts/test")).unwrap();
    let words = script.split(&format!("\n{name}=(")).nth(1).unwrap().split(')').next().unwrap();
    words.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_the_second_pass_leaves_out_has_no_database() {
    let (modules, left_out) = (modules(), list("without_database"));
    assert!(left_out.len() > 10 && modules.len() > 80, "{left_out:?}");
    for name in left_out {
        let text = modules.get(&name).unwrap_or_else(|| panic!("{name} is no module"));
        for word in ["TestDb", "World", "Server", "Template", "support::served", "support::diag", "support::backup"] {
            assert!(!text.contains(word), "{name} has a database: {word}");
        }
        // The script leaves out whatever holds `name::`.
        let more: Vec<&String> = modules.keys().filter(|other| other.ends_with(&name) && **other != name).collect();
        assert!(more.is_empty(), "{name} is the end of {more:?}");
    }
    for pattern in list("looks") {
        let (name, test) = pattern.split_once("::").unwrap();
        let text = modules.get(name).unwrap_or_else(|| panic!("{pattern} is no module"));
        assert!(text.contains(&format!("fn {test}")), "{pattern} is no test");
    }
}
