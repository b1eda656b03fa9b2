//! `populate-facts-optimized`: the historical second name of `populate-facts-full-production`.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_etl::populate;

pub(crate) const TOOL: Tool = populate::tool("populate-facts-optimized");

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}
