//! `populate-facts-full-production`: the raw families into the main tables.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_etl::populate;

pub(crate) const TOOL: Tool = populate::tool("populate-facts-full-production");

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}
