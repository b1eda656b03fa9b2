//! `populate-facts-full-production`: the 21 raw families into the main tables.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_etl::populate;

pub(crate) const TOOL: Tool = Tool {
    name: "populate-facts-full-production",
    about: populate::ABOUT,
    details: populate::DETAILS,
    log: Some(populate::LOG),
    command: flux_cli::command::<populate::Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, populate::run),
    ..Tool::DEFAULT
};

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}
