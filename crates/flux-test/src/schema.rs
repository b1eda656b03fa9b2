//! Whether a document is as the JSON Schema of its tool says: an independent implementation of the standard is asked.

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// What a tool's document must be like.
struct Checks {
    whole: Validator,
    /// The report alone: what is wrong with it is told better than by a choice of which nothing fits.
    report: Validator,
}

/// The schema that the program under test gives of a tool's document (`flux schema`).
///
/// # Panics
/// Where it gives none.
pub fn schema_of(tool: &str) -> Value {
    let printed = Command::new(crate::bin_dir().join("flux")).args(["schema", tool]).output().expect("flux schema");
    serde_json::from_slice(&printed.stdout)
        .unwrap_or_else(|e| panic!("flux schema {tool}: {e}: {}", String::from_utf8_lossy(&printed.stderr)))
}

/// What is wrong with a document of a tool. Fields that the schema does not name are wrong, too.
pub(crate) fn problems(tool: &str, document: &Value) -> Vec<String> {
    static KNOWN: Mutex<BTreeMap<String, Arc<Checks>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let checks = Arc::clone(known.entry(tool.to_owned()).or_insert_with(|| Arc::new(Checks::of(tool))));
    drop(known);
    let told = |validator: &Validator| {
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let problems: Vec<String> = told(&checks.whole);
    if problems.is_empty() || !document["error"].is_null() {
        problems
    } else {
        [problems, told(&checks.report)].concat()
    }
}

impl Checks {
    fn of(tool: &str) -> Self {
        let mut schema = schema_of(tool);
        let report = schema["anyOf"][0].clone();
        close(&mut schema, false);
        let compiled = |schema: &Value| jsonschema::validator_for(schema).unwrap_or_else(|e| panic!("{tool}: {e}"));
        Self { whole: compiled(&schema), report: compiled(&report) }
    }
}

/// Makes every object a closed one; `part` of them are closed where they are put together.
fn close(schema: &mut Value, part: bool) {
    let Some(fields) = schema.as_object_mut() else { return };
    let whole = fields.contains_key("properties");
    for (name, below) in fields.iter_mut() {
        match name.as_str() {
            "anyOf" | "oneOf" | "allOf" => {
                below.as_array_mut().into_iter().flatten().for_each(|choice| close(choice, part || whole));
            }
            "properties" => {
                below.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|field| close(field, false))
            }
            "items" | "additionalProperties" => close(below, false),
            "prefixItems" => below.as_array_mut().into_iter().flatten().for_each(|item| close(item, false)),
            _ => {}
        }
    }
    if whole && !part && !fields.contains_key("additionalProperties") {
        fields.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_schema_refuses_what_it_does_not_name() {
        let mut schema = json!({
            "properties": {"tool": {"const": "x"}},
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}, "required": ["a"]},
                {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
            ],
        });
        close(&mut schema, false);
        let validator = jsonschema::validator_for(&schema).unwrap();
        for good in [json!({"tool": "x", "a": {"b": 1}}), json!({"tool": "x", "error": "no"})] {
            assert!(validator.is_valid(&good), "{good}");
        }
        for bad in [json!({"tool": "x"}), json!({"tool": "x", "a": {"c": 1}}), json!({"tool": "x", "a": {}, "d": 1})] {
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }
}
