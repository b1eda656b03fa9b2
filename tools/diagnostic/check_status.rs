//! `check-status`: where the weekly import stands, and what to do next.

use std::process::ExitCode;

use flux_cli::{Context, SpaceArgs, Tool};
use flux_core::error::Result;
use flux_core::health;
use flux_core::report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "check-status",
    about: "État des tables temporaires, des fichiers et du dernier import ; que faire ensuite",
    details: "\
Lit : les CSV déposés (pour savoir s'ils sont déjà chargés), l'historique des imports, les tables
temporaires et principales. N'écrit rien.
Coût : une lecture des CSV à la vitesse du disque et une comparaison par index. Peut être relancé à volonté.
Codes de sortie : 0 rien à signaler, 1 base inaccessible, 3 à regarder (table absente, import en échec,
lignes rejetées ou contradictoires).",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    health::status(&context.settings, &context.database()?, args.space.space())
}
