//! `migrate-sejours-duree`: the three tables of stays, then what the main ones hold.

use std::process::ExitCode;

use flux_cli::{Former, Tool};
use flux_core::figures::StaysMigration;

use flux_migration::migration_args::MigrationArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "migrate-sejours-duree",
    about: "Migre les trois tables de durées de séjour et montre leur répartition",
    details: "\
Lit : les trois tables temporaires de séjours. Écrit : fact_sejours_duree, _departements et _pays, chacune dans
une transaction, par les mêmes règles que `migrate-temp-to-main` (révisions reprises, lignes définitives gardées).
Montre ensuite, pour les dates migrées, la répartition par durée, par département ou pays et par région, toutes
zones confondues.
Peut être relancé à volonté : une seconde fois ne change rien.
Codes de sortie : 0 fait, 1 une table a échoué (les autres sont migrées), 2 mauvais usage,
3 fait, mais une partie est laissée de côté, 4 une autre exécution est en cours.",
    formerly: &[
        Former { name: "migrate_sejours_duree_fr", arguments: &["--only", "duree_sejour_fr"] },
        Former { name: "migrate_sejours_duree_int", arguments: &["--only", "duree_sejour_int"] },
    ],
    ..Tool::of::<Args, StaysMigration>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = flux_cli::weekly_file(), hide_possible_values = true)]
    only: Vec<String>,
    #[command(flatten)]
    migration: MigrationArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for StaysMigration {
    fn from(args: Args) -> Self {
        Self(args.migration.options(args.only))
    }
}
