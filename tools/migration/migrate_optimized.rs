//! `migrate-optimized`: `fact_lieu_activite_soir` by batches of dates, taken up where it was stopped.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::migrate::BatchOptions;

use flux_migration::migration_args::MigrationArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "migrate-optimized",
    about: "Migre fact_lieu_activite_soir par lots de dates, pour les gros volumes ; reprend où il s'est arrêté",
    details: "\
Lit : fact_lieu_activite_soir_temp. Écrit : fact_lieu_activite_soir, par lots de dates entières, chacun dans sa
transaction, par les mêmes règles que `migrate-temp-to-main`. Ce qui reste à faire se lit dans les tables mêmes :
après un arrêt, même brutal, une nouvelle exécution reprend au premier lot qui diffère.
Coût : de l'ordre d'un INSERT … SELECT des mêmes lignes ; les verrous ne durent qu'un lot ; mémoire constante.
Peut être relancé à volonté : une seconde fois ne change rien.
Codes de sortie : 0 fait, 1 échec (les lots d'avant sont faits, le lot en cause est annulé), 2 mauvais usage,
3 fait, mais une partie est laissée de côté, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, BatchOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Lignes par lot, une date entière au moins
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: u64,
    #[command(flatten)]
    migration: MigrationArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for BatchOptions {
    fn from(args: Args) -> Self {
        Self { rows: args.batch_size, migration: args.migration.options(Vec::new()) }
    }
}
