//! `populate-facts-full-production`: the 21 raw families into the main tables.

#[path = "shared/populate.rs"]
mod populate;

use std::process::ExitCode;

use flux_cli::Tool;

const TOOL: Tool = Tool { name: "populate-facts-full-production", about: populate::ABOUT, details: populate::DETAILS };

fn main() -> ExitCode {
    flux_cli::main(TOOL, populate::run)
}
