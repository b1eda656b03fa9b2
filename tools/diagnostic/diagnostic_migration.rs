//! `diagnostic-migration`: is everything there that import and migration need?

use std::process::ExitCode;

use flux_cli::{Context, Former, SpaceArgs, Tool};
use flux_core::error::Result;
use flux_core::health;
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "diagnostic-migration",
    about: "Contrôle dossiers, droits, tables, colonnes, index et réglages dont la migration a besoin",
    details: "\
Lit : les dossiers de travail, le catalogue et les réglages du serveur, les droits de l'utilisateur. N'écrit rien
dans la base ; l'écriture dans logs/ est éprouvée par un fichier anonyme.
Chaque constat dit quoi faire : commande à lancer, réglage ou droit à demander à l'administrateur.
Une base injoignable est un constat parmi d'autres : les dossiers sont contrôlés quand même.
Coût : moins d'une seconde. Peut être relancé à volonté.
Codes de sortie : 0 tout est en place, 1 échec, 2 mauvais usage, 3 à corriger.",
    formerly: &[Former { name: "diagnostic_chemins_migration", arguments: &[] }],
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
    health::prerequisites(&context.settings, context.database(), args.space.space())
}
