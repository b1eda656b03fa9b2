//! What the integration tests share: databases prepared for a family of tools, and what is done to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Fields and constants that say what they are.
#![allow(missing_docs)]

pub mod archive;
pub mod backup;
pub mod browser;
pub mod diag;
pub mod legacy;
pub mod orange;
pub mod portal;
pub mod raw;
pub mod recipe;
pub mod saisons;
pub mod served;
pub mod snapshot;
pub mod terminal;
pub mod trouble;
pub mod versions;
pub mod way;
pub mod weekly;

/// The codes of a document's findings.
pub fn codes(document: &serde_json::Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap_or_else(|| panic!("no findings: {document}"));
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}
