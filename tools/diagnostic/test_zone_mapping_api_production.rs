//! `test-zone-mapping-api-production`: does every zone name of the portal lead to data?

use std::process::ExitCode;

use flux_cli::{Context, SpaceArgs, Tool};
use flux_core::error::Result;
use flux_core::report::Report;
use flux_core::zones;

pub(crate) const TOOL: Tool = Tool {
    name: "test-zone-mapping-api-production",
    about: "Pour chaque nom de zone du portail : la ligne en base, les lignes et dates qu'il y a derrière",
    details: "\
Lit : dim_zones_observation et un index des tables des tableaux de bord (nuitées, diurnes, séjours, mobilité).
N'écrit rien. Sans --zone, essaie chaque nom de la référence et chacun de ses équivalents.
Signale : nom qui ne mène à rien, zone sans donnée, zone sous deux noms, que les chiffres additionnent. La base visée est celle des réglages : APP_ENV=production pour celle de production.
Coût : un parcours d'index par table. Peut être relancé à volonté.
Codes de sortie : 0 chaque nom mène à des données, 1 échec, 2 mauvais usage, 3 à regarder.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces noms
    #[arg(long = "zone", value_name = "NOM,…", value_delimiter = ',')]
    zones: Vec<String>,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    zones::map(&context.database()?, &args.zones, args.space.space())
}
