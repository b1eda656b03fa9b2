//! `populate-facts-optimized`: the historical second name of `populate-facts-full-production`.

#[path = "shared/populate.rs"]
mod populate;

use std::process::ExitCode;

use flux_cli::Tool;

const TOOL: Tool = Tool { name: "populate-facts-optimized", about: populate::ABOUT, details: populate::DETAILS };

fn main() -> ExitCode {
    flux_cli::main(TOOL, populate::run)
}
