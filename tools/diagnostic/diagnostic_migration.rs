//! `diagnostic-migration`: is everything there that import and migration need?

use std::process::ExitCode;

use flux_cli::{Former, SpaceArgs, Tool};
use flux_core::health::Prerequisites;

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
    ..Tool::of::<Args, Prerequisites>()
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for Prerequisites {
    fn from(args: Args) -> Self {
        Self { space: args.space.space() }
    }
}
