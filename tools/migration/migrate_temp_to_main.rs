//! `migrate-temp-to-main`: the rows of the temporary tables into the main ones.

use std::process::ExitCode;

use flux_cli::{Context, Tool};
use flux_core::error::Result;
use flux_core::migrate::{self, MigrateReport};

use flux_migration::migration_args::MigrationArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "migrate-temp-to-main",
    about: "Migre les dix tables temporaires vers les tables principales",
    details: "\
Lit : les tables temporaires. Écrit : les tables principales, chacune dans une transaction.
Une clé connue prend le nouveau volume, une nouvelle clé est ajoutée, une ligne provisoire dont la clé
n'est plus livrée (aux dates de la table temporaire) est retirée. Les lignes définitives sont gardées,
sauf --overwrite-definitive. Temporaires = ajoutées + revues + identiques + définitives gardées.
Coût : de l'ordre d'un INSERT … SELECT des mêmes lignes ; mémoire constante.
Peut être relancé à volonté : une seconde fois ne change rien.
Codes de sortie : 0 fait, 1 une table a échoué (les autres sont migrées), 4 une autre exécution est en cours.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : fact_nuitees,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    migration: MigrationArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<MigrateReport> {
    migrate::migrate(&context.database()?, &args.migration.options(args.only), &context.progress)
}
