//! `flux list --json`: the tools by category.

use std::time::Instant;

use flux_cli::Category;
use flux_core::error::Result;
use flux_report::Verdict;
use schemars::JsonSchema;
use serde::Serialize;

use crate::tools::{self, CATEGORIES, Link};

/// What the document holds beside the fields of every document.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct List {
    categories: Vec<Listed>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    name: &'static str,
    purpose: &'static str,
    tools: Vec<ListedTool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListedTool {
    name: &'static str,
    about: &'static str,
    version: &'static str,
    installed: bool,
    historical: Vec<String>,
}

impl List {
    fn read() -> Self {
        let tool = |tool: &flux_cli::Tool| ListedTool {
            name: tool.name,
            about: tool.about,
            version: env!("CARGO_PKG_VERSION"),
            installed: matches!(tools::link(tool.name), Link::Own),
            historical: tools::historical(tool),
        };
        let category = |category: &Category| Listed {
            name: category.name,
            purpose: category.purpose,
            tools: category.tools.iter().map(tool).collect(),
        };
        Self { categories: CATEGORIES.iter().map(category).collect() }
    }
}

/// The document.
///
/// # Errors
/// Where it cannot be serialised.
pub(crate) fn document() -> Result<String> {
    let started = Instant::now();
    let list = List::read();
    flux_cli::document("flux", Verdict::Ok, started.elapsed().as_secs_f64(), &list)
}
