//! `add-missing-zones`: zones of the reference that the database lacks.

use std::process::ExitCode;

use flux_cli::{Context, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::zones;
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "add-missing-zones",
    about: "Ajoute à dim_zones_observation les zones de la référence qui manquent",
    details: "\
Lit et écrit : dim_zones_observation. Une zone n'est ajoutée que si aucun de ses noms équivalents n'existe déjà :
une base ancienne garde ses anciens noms. Rien n'est renommé ni supprimé.
Coût : quelques millisecondes, une transaction sous le verrou. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage, 4 une autre exécution est en cours.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    zones::add(&context.database()?, args.writer.dry_run)
}
