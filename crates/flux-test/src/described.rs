//! What `docs/json.md` says of a tool's JSON document, `docs/api.md` of an answer of the portal, and whether a document is as they say.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Paths of fields, as `files[].table`, each with its type as the document writes it.
type Fields = BTreeMap<String, String>;

/// The sections of such a page: fields by tool, or by address; those that all have stand under the empty name.
#[derive(Debug)]
pub struct Described(BTreeMap<String, Fields>);

impl Described {
    /// The tools', as the repository has them.
    pub fn get() -> &'static Self {
        static DESCRIBED: OnceLock<Described> = OnceLock::new();
        DESCRIBED.get_or_init(|| Self::read("docs/json.md"))
    }

    /// The portal's.
    pub fn api() -> &'static Self {
        static DESCRIBED: OnceLock<Described> = OnceLock::new();
        DESCRIBED.get_or_init(|| Self::read("docs/api.md"))
    }

    fn read(page: &str) -> Self {
        let path = crate::repository().join(page);
        Self::parse(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// A heading names the tools of its table, in backquotes; a row names fields in its first cell and their type in its second.
    fn parse(text: &str) -> Self {
        let mut sections = BTreeMap::<String, Fields>::new();
        let mut tools = BTreeSet::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix('#') {
                tools = quoted(heading);
                if heading.contains("Champs communs") {
                    tools.insert("");
                }
            } else if let Some((names, rest)) = line.strip_prefix("| `").and_then(|_| line[2..].split_once(" | ")) {
                let kind = rest.split(" | ").next().unwrap_or_default();
                for tool in &tools {
                    let fields = sections.entry((*tool).to_owned()).or_default();
                    fields.extend(quoted(names).into_iter().map(|name| (name.to_owned(), kind.to_owned())));
                }
            }
        }
        Self(sections)
    }

    /// Paths of one section.
    pub fn fields_of(&self, section: &str) -> impl Iterator<Item = &str> {
        self.0.get(section).into_iter().flatten().map(|(path, _)| path.as_str())
    }

    /// The type of a field of a section, or of those that all have.
    pub fn kind_of(&self, section: &str, path: &str) -> Option<&str> {
        [section, ""].iter().find_map(|name| self.0.get(*name)?.get(path)).map(String::as_str)
    }

    /// Tools, or addresses, with a section.
    pub fn tools(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).filter(|tool| !tool.is_empty()).collect()
    }

    /// Every path of every section, with its type.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().flatten().map(|(path, kind)| (path.as_str(), kind.as_str()))
    }

    /// What a document has that its section does not say, or says otherwise.
    pub fn problems(&self, document: &Value) -> Vec<String> {
        self.problems_in(document["tool"].as_str().unwrap_or_default(), document)
    }

    /// The same of the document of this section.
    pub fn problems_in(&self, section: &str, document: &Value) -> Vec<String> {
        let sections = [section, ""].map(|name| self.0.get(name));
        let mut problems = BTreeSet::new();
        look("", document, &|path| sections.iter().flatten().find_map(|fields| fields.get(path)), &mut problems);
        problems.into_iter().collect()
    }
}

fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn look<'a>(path: &str, value: &Value, known: &impl Fn(&str) -> Option<&'a String>, problems: &mut BTreeSet<String>) {
    // Findings are alike wherever they stand, and so is what an answer says of itself.
    let path = match path {
        path if path.ends_with(".findings[]") => "findings[]",
        path if path.ends_with(".meta") => "meta",
        path => path,
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let by_name = below(name);
                let any = below("*");
                let (place, kind) = match (known(&by_name), known(&any)) {
                    (Some(kind), _) => (by_name, kind),
                    (None, Some(kind)) => (any, kind),
                    (None, None) => {
                        problems.insert(format!("{by_name} is not described"));
                        continue;
                    }
                };
                if !is_a(value, kind) {
                    problems.insert(format!("{place} is described as {kind}, not {value}"));
                }
                look(&place, value, known, problems);
            }
        }
        Value::Array(items) => {
            let place = format!("{path}[]");
            items.iter().filter(|item| item.is_object()).for_each(|item| look(&place, item, known, problems));
        }
        _ => {}
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    let (kind, nullable) = kind.strip_suffix(" ou null").map_or((kind, false), |kind| (kind, true));
    match value {
        Value::Null => nullable,
        Value::Bool(_) => kind == "booléen",
        Value::Number(number) => kind == "nombre" || (kind == "entier" && !number.is_f64()),
        Value::String(_) => kind == "texte",
        Value::Array(_) => kind == "liste",
        Value::Object(_) => kind == "objet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "\
## Champs communs
| champ | type | contenu |
|---|---|---|
| `tool` | texte | nom |
| `findings[].code` | texte | code |
### `one`, `two`
| `files` | liste | fichiers |
| `files[].name`, `files[].path` | texte ou null | nom |
| `files[].findings` | liste | constats |
| `years` | objet | années |
| `years.*` | entier | lignes |
### `two`
| `share` | nombre | part |
## Codes
| `years` | une clé de code |
";

    fn problems(document: Value) -> Vec<String> {
        Described::parse(TEXT).problems(&document)
    }

    #[test]
    fn a_document_as_described_has_no_problem() {
        let files = json!([{"name": "a", "path": null, "findings": [{"code": "x"}]}]);
        let document = json!({"tool": "two", "files": files, "years": {"2024": 3}, "share": 0.5});
        assert_eq!(problems(document), [""; 0]);
        assert_eq!(Described::parse(TEXT).tools(), BTreeSet::from(["one", "two"]));
    }

    #[test]
    fn fields_of_another_tool_unknown_ones_and_other_types_are_named() {
        assert_eq!(problems(json!({"tool": "one", "share": 1})), ["share is not described"]);
        let nested = json!({"tool": "one", "files": [{"size": 1, "findings": [{"file": "a"}]}]});
        assert_eq!(problems(nested), ["files[].size is not described", "findings[].file is not described"]);
        let wrong = json!({"tool": "one", "files": null, "years": {"2024": 0.5}});
        assert_eq!(
            problems(wrong),
            ["files is described as liste, not null", "years.* is described as entier, not 0.5"]
        );
    }
}
