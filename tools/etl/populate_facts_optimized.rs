//! `populate-facts-optimized`: the historical second name of `populate-facts-full-production`.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_etl::populate;

pub(crate) const TOOL: Tool = Tool {
    name: "populate-facts-optimized",
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
