//! `check-zones`: the zones of the database, of its facts and of the delivery.

use std::process::ExitCode;

use flux_cli::{SpaceArgs, Tool};
use flux_core::zones::CheckOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "check-zones",
    about: "Contrôle les zones : lignes et années par table, doublons, orphelines, noms inconnus des CSV",
    details: "\
Lit : dim_zones_observation, un index de chaque table de faits, et les CSV de la livraison. N'écrit rien.
Signale : identifiant orphelin dans les faits (✗), groupe d'équivalents réparti sur plusieurs lignes, zone sans
donnée, année absente pour une zone alors que d'autres l'ont, zone de la référence absente, nom de CSV qui ne
mène à rien (avec les noms proches). Chaque constat nomme la commande qui le corrige.
Coût : un parcours d'index par table, quelques secondes pour 10 millions de lignes. Peut être relancé à volonté.
Codes de sortie : 0 rien à signaler, 1 échec, 2 mauvais usage, 3 à regarder.",
    ..Tool::of::<Args, CheckOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Montre aussi chaque table de chaque zone
    #[arg(long)]
    details: bool,
    /// Ne lit pas les CSV
    #[arg(long)]
    no_csv: bool,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for CheckOptions {
    fn from(args: Args) -> Self {
        Self { space: args.space.space(), csv: !args.no_csv, details: args.details }
    }
}
