//! `add-missing-zones`: zones of the reference that the database lacks.

use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::zones::MissingZones;

pub(crate) const TOOL: Tool = Tool {
    name: "add-missing-zones",
    about: "Ajoute à dim_zones_observation les zones de la référence qui manquent",
    details: "\
Lit et écrit : dim_zones_observation. Une zone n'est ajoutée que si aucun de ses noms équivalents n'existe déjà :
une base ancienne garde ses anciens noms. Rien n'est renommé ni supprimé.
Coût : quelques millisecondes, une transaction sous le verrou. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, MissingZones>()
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for MissingZones {
    fn from(args: Args) -> Self {
        Self { dry_run: args.writer.dry_run }
    }
}
