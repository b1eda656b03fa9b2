//! `flux schema`: the JSON Schemas of the tools' documents.

use flux_cli::Tool;
use serde_json::Value;

use crate::list::List;
use crate::{OWN, tools};

/// `flux list` writes a document, too.
const LIST: &str = "flux";

fn all() -> impl Iterator<Item = &'static Tool> {
    tools::all().map(|(_, tool)| tool).chain(OWN.iter().map(|(_, tool)| *tool))
}

/// Everything that has a schema.
pub(crate) fn names() -> Vec<&'static str> {
    all().map(|tool| tool.name).chain([LIST]).collect()
}

fn list() -> Value {
    flux_cli::schema_of::<List>(LIST, "Les outils par catégorie")
}

/// The schema of one of the names, or one of any document.
pub(crate) fn of(name: Option<&str>) -> Value {
    match name {
        Some(name) => all().find(|tool| tool.name == name).map_or_else(list, Tool::schema),
        None => flux_cli::any_of(all().map(Tool::schema).chain([list()])),
    }
}
