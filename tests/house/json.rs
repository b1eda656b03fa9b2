//! `docs/json.md` describes what every tool writes with `--json`; the documents themselves are compared with it wherever a test reads
//! one (`flux_test::Outcome::json`).

use std::collections::BTreeSet;
use std::fs;

use flux_test::{Described, Tool, repository};

#[test]
fn every_tool_has_a_section_and_every_section_a_tool() {
    let names = Tool::new("flux").args(["list", "--names"]).run().expect_code(0);
    let tools: BTreeSet<&str> = names.stdout.lines().chain(["flux", "flux-doctor", "flux-init"]).collect();
    let described = Described::get().tools();
    let lists = (tools.difference(&described).collect::<Vec<_>>(), described.difference(&tools).collect::<Vec<_>>());
    assert_eq!(lists, (vec![], vec![]), "tools without a section, sections without a tool");
}

/// A field that was renamed leaves its old row behind; no source file has its name any more.
#[test]
fn every_field_that_is_described_is_one_of_the_code() {
    let mut words = BTreeSet::new();
    for path in ["crates", "tools"].into_iter().flat_map(|folder| crate::files_below(&repository().join(folder))) {
        if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("described.rs") {
            let text = fs::read_to_string(&path).unwrap();
            words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
    }
    let names = Described::get().fields().map(|(path, _)| path.rsplit('.').next().unwrap_or(path));
    let gone: BTreeSet<&str> = names.filter(|name| *name != "*" && !words.contains(*name)).collect();
    assert_eq!(gone, BTreeSet::new());
}

#[test]
fn keys_are_in_snake_case_and_types_are_those_that_are_explained() {
    for (path, kind) in Described::get().fields() {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.[]*".contains(c);
        assert!(path.chars().all(letters), "{path}");
        let kind = kind.strip_suffix(" ou null").unwrap_or(kind);
        assert!(["texte", "entier", "nombre", "booléen", "liste", "objet"].contains(&kind), "{path}: {kind}");
    }
}
