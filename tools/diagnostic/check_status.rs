//! `check-status`: where the weekly import stands, and what to do next.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{SpaceArgs, Tool};
use flux_core::health::StatusOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "check-status",
    about: "État des tables temporaires, des fichiers et du dernier import ; que faire ensuite",
    details: "\
Lit : les CSV déposés (pour savoir s'ils sont déjà chargés), l'historique des imports, les tables
temporaires et principales. N'écrit rien. Avec --max-age, dit aussi les fichiers dont la dernière livraison est plus ancienne.
Coût : une lecture des CSV à la vitesse du disque et une comparaison par index. Peut être relancé à volonté.
Codes de sortie : 0 rien à signaler, 1 base inaccessible, 3 à regarder (table absente, import en échec,
lignes rejetées ou contradictoires, livraison plus ancienne que --max-age).",
    ..Tool::of::<Args, StatusOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Âge de la dernière livraison au-delà duquel la suivante est en retard (code 3) : 10j, 240h
    #[arg(long, value_name = "ÂGE", value_parser = flux_cli::parse_age)]
    max_age: Option<Duration>,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for StatusOptions {
    fn from(args: Args) -> Self {
        Self { space: args.space.space(), max_age: args.max_age }
    }
}
