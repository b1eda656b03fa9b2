//! `populate-facts-optimized`: the historical second name of `populate-facts-full-production`.

#[path = "shared/populate.rs"]
mod populate;

use std::process::ExitCode;

use flux_core::cli::{self, Tool};

const TOOL: Tool = Tool { name: "populate-facts-optimized", about: populate::ABOUT, details: populate::DETAILS };

fn main() -> ExitCode {
    cli::main(TOOL, populate::run)
}
