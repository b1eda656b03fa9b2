//! `docs/json.md` describes what every tool writes with `--json`; the documents themselves are compared with it wherever a test reads
//! one (`flux_test::Outcome::json`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use flux_test::{Described, Tool, repository, schema_of};
use serde_json::{Map, Value, json};

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

/// Both say the same of every field: one is written, the other comes from the types that are serialised.
#[test]
fn the_schemas_have_the_fields_that_are_described_and_their_types() {
    let described = Described::get();
    let mut wrong = Vec::new();
    // Sections may be of several tools, of which not all have every field.
    let (mut told, mut had) = (BTreeSet::new(), BTreeSet::new());
    for tool in described.tools() {
        let schema = schema_of(tool);
        let mut fields = BTreeMap::<String, BTreeSet<&str>>::new();
        walk("", &schema, &mut fields);
        for (path, kinds) in &fields {
            let kind = written(kinds);
            match described.kind_of(tool, path) {
                None => wrong.push(format!("{tool}: {path} ({kind}) is not described")),
                Some(known) if !kind.is_empty() && kind != known => {
                    wrong.push(format!("{tool}: {path} is {kind}, described as {known}"))
                }
                Some(_) => {}
            }
        }
        for path in described.fields_of(tool) {
            told.insert(path);
            if fields.contains_key(path) {
                had.insert(path);
            }
        }
    }
    wrong.extend(told.difference(&had).map(|path| format!("{path} is in no schema")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_schema_is_of_all_documents_and_a_name_that_has_none_is_refused() {
    let whole = Tool::new("flux").arg("schema").run().expect_code(0);
    let whole: Value = serde_json::from_str(&whole.stdout).unwrap();
    let names =
        whole["anyOf"].as_array().unwrap().iter().map(|schema| schema["properties"]["tool"]["const"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), Described::get().tools());
    Tool::new("flux").args(["schema", "rien"]).run().expect_code(2);
    let one = schema_of("check-status");
    assert_eq!(one["properties"]["version"]["const"], 1);
    assert_eq!(one["required"], json!(["tool", "version", "status", "exit_code", "duration_s"]));
}

/// The fields below a schema with their types, as the documentation writes them.
fn walk(path: &str, schema: &Value, fields: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    // Findings are described once.
    let path = if path.ends_with(".findings[]") { "findings[]" } else { path };
    for choice in choices(schema) {
        walk(path, choice, fields);
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let named =
        schema["properties"].as_object().into_iter().flat_map(Map::iter).map(|(name, field)| (below(name), field));
    // Keys that are years stand under a pattern.
    let patterns = schema["patternProperties"].as_object().into_iter().flat_map(Map::values);
    let any = schema.get("additionalProperties").filter(|field| field.is_object()).into_iter().chain(patterns);
    let any = any.map(|field| (below("*"), field));
    for (place, field) in named.chain(any) {
        fields.entry(place.clone()).or_default().extend(kinds(field));
        walk(&place, field, fields);
    }
    if let Some(items) = schema.get("items") {
        walk(&format!("{path}[]"), items, fields);
    }
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten()
}

/// The types of a field as the documentation writes them.
fn written(kinds: &BTreeSet<&str>) -> String {
    let whole = kinds.contains("nombre").then_some("entier");
    let order = kinds.iter().copied().filter(|kind| *kind != "null" && Some(*kind) != whole);
    order.chain(kinds.get("null").copied()).collect::<Vec<_>>().join(" ou ")
}

fn kinds(schema: &Value) -> BTreeSet<&'static str> {
    let kind = |name: &Value| match name.as_str() {
        Some("string") => "texte",
        Some("integer") => "entier",
        Some("number") => "nombre",
        Some("boolean") => "booléen",
        Some("array") => "liste",
        Some("object") => "objet",
        Some("null") => "null",
        _ => panic!("{schema}"),
    };
    let own = match &schema["type"] {
        Value::Null => vec![],
        Value::Array(names) => names.iter().map(kind).collect(),
        name => vec![kind(name)],
    };
    let constant = schema["const"].as_str().map(|_| "texte").or(schema["const"].as_u64().map(|_| "entier"));
    own.into_iter().chain(constant).chain(choices(schema).flat_map(kinds)).collect()
}
