//! `cleanup-temp`: empties the temporary tables once every row of them is proved to be in the main tables.

use std::process::ExitCode;

use flux_cli::{Context, Former, SpaceArgs, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::migrate::{self, CleanupOptions};
use flux_core::report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "cleanup-temp",
    about: "Vide les tables temporaires dont chaque ligne est prouvée migrée",
    details: "\
Lit : les tables temporaires et principales. Écrit : vide les tables temporaires prouvées, et le note
dans l'historique des imports, pour que les mêmes fichiers ne soient pas rechargés.
Une table dont une seule ligne manque à la table principale est gardée, avec la raison.
Une table qui change entre la preuve et le vidage est gardée aussi : elle est verrouillée et comparée avant d'être vidée.
Coût : deux lectures par index, puis un vidage immédiat. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 une table n'a pas pu être lue ou vidée, 3 une table est gardée,
4 une autre exécution est en cours.",
    formerly: &[Former { name: "cleanup_temp_tables", arguments: &[] }],
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : fact_nuitees,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Vide même sans preuve : les lignes non migrées sont perdues
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    let options =
        CleanupOptions { only: args.only, force: args.force, space: args.space.space(), dry_run: args.writer.dry_run };
    migrate::cleanup(&context.database()?, &options)
}
