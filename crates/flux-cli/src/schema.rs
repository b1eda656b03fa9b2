//! The JSON Schema of a tool's document, from the type of its report.

use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_report::{Report, Verdict};
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::Tool;
use crate::output::{DOCUMENT_VERSION, Failure};

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of what `tool` writes with `--json`: the report of its task, or why there is none.
pub(crate) fn of<T: Task>(tool: &Tool) -> Value {
    fn of_report<'c, T, R: Report>(tool: &Tool, _: fn(T, &'c Context) -> Result<R>) -> Value {
        of_content::<R>(tool.name, tool.about)
    }
    of_report(tool, T::run)
}

/// The same of any content. It is open: fields may be added without another version.
pub fn of_content<C: JsonSchema>(name: &str, about: &str) -> Value {
    let common = json!({
        "tool": {"const": name},
        "version": {"const": DOCUMENT_VERSION},
        "status": content::<Verdict>(),
        "exit_code": {"type": "integer", "minimum": 0, "maximum": 4},
        "duration_s": {"type": "number", "minimum": 0},
    });
    let required: Vec<String> = common.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    json!({
        "$schema": DIALECT,
        "title": name,
        "description": about,
        "type": "object",
        "properties": common,
        "required": required,
        "anyOf": [content::<C>(), content::<Failure<'_>>()],
    })
}

/// Any document of any of these schemas.
pub fn any_of(schemas: impl IntoIterator<Item = Value>) -> Value {
    json!({"$schema": DIALECT, "title": "flux", "anyOf": schemas.into_iter().collect::<Vec<_>>()})
}

/// What serde writes of a type, every type in its place. What the fields mean is told by the documentation, in the language of those who
/// read it, not by the comments of the code.
fn content<C: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<C>();
    tidy(&mut schema);
    schema.to_value()
}

/// Takes comments away, and makes one list of words of those that stood each with its comment.
fn tidy(schema: &mut Schema) {
    transform_subschemas(&mut tidy, schema);
    schema.remove("title");
    schema.remove("description");
    absent_or_there(schema);
    let Some(words) = schema.get("oneOf").and_then(Value::as_array).and_then(|choices| words(choices)) else { return };
    schema.remove("oneOf");
    schema.insert("type".into(), "string".into());
    schema.insert("enum".into(), words.into());
}

/// A field that may be left out is left out where there is nothing to say: it is never null.
fn absent_or_there(schema: &mut Schema) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = schema.as_object_mut().and_then(|schema| schema.get_mut("properties")).and_then(Value::as_object_mut);
    for (name, field) in fields.into_iter().flatten() {
        if !required.iter().any(|known| known == name) {
            never_null(field);
        }
    }
}

fn never_null(field: &mut Value) {
    for list in ["type", "enum", "anyOf"] {
        let Some(choices) = field.get_mut(list).and_then(Value::as_array_mut) else { continue };
        choices.retain(|choice| !choice.is_null() && choice != "null" && choice != &json!({"type": "null"}));
        let [only] = choices.as_slice() else { continue };
        let only = only.clone();
        match list {
            "type" => field[list] = only,
            "anyOf" => *field = only,
            _ => {}
        }
    }
}

/// The words of a choice between nothing but words.
fn words(choices: &[Value]) -> Option<Vec<Value>> {
    let mut words = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(word), _) if word.is_string() => words.push(word.clone()),
            (None, Some(several)) if several.iter().all(Value::is_string) => words.extend(several.iter().cloned()),
            _ => return None,
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    /// A comment that is nobody's business.
    #[derive(Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is wanted")]
    enum State {
        /// Why.
        New,
        Old,
    }

    #[derive(Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is wanted")]
    struct Content {
        /// How many.
        title: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        state: Option<State>,
    }

    #[test]
    fn types_stand_in_their_place_without_their_comments() {
        let schema = of_content::<Content>("essai", "Essaie");
        let own = &schema["anyOf"][0];
        assert_eq!(own["properties"]["title"]["type"], "integer");
        assert_eq!(own["required"], json!(["title", "state"]));
        assert_eq!(own["properties"]["note"], json!({"type": "string"}));
        let text = schema.to_string();
        assert!(!text.contains("$ref") && !text.contains("How many") && !text.contains("Why"), "{text}");
        assert!(text.contains(r#""enum":["Old","New"]"#) || text.contains(r#""enum":["New","Old"]"#), "{text}");
        assert_eq!(schema["description"], "Essaie");
        assert_eq!(schema["anyOf"][1]["required"], json!(["error"]));
    }
}
