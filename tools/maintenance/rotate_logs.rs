//! `rotate-logs`: logs renamed by size or age, compressed later, the oldest removed; no line is lost.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::RotateOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "rotate-logs",
    about: "Fait tourner les journaux par taille ou par âge, et les compresse",
    details: "\
Lit : les *.log de logs/, de api/database/storage/logs/ et du dossier de travail lui-même.
Écrit : renomme un journal trop grand ou trop vieux en <nom>-<date>.log ; un passage suivant le compresse
en .log.gz quand plus aucun programme ne l'a ouvert et qu'il n'a pas changé depuis une minute, et ne le
supprime qu'après relecture de la copie. Un programme qui écrit pendant ce temps ne perd pas une ligne.
Garde les --keep derniers de chaque journal. Les liens ne sont jamais suivis.
N'a pas besoin de la base. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 3 fait mais un fichier n'a pas pu être traité.",
    ..Tool::of::<Args, RotateOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Taille à partir de laquelle un journal tourne (un nombre seul : Mio)
    #[arg(long, value_name = "TAILLE", default_value = "10M", value_parser = flux_cli::parse_size_mio)]
    size: u64,
    /// Âge à partir duquel il tourne (un nombre seul : jours)
    #[arg(long, value_name = "ÂGE", default_value = "7j", alias = "age", value_parser = flux_cli::parse_age)]
    older_than: Duration,
    /// Journaux tournés à garder, pour chaque journal
    #[arg(long, value_name = "N", default_value = "14", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keep: u32,
    /// Fait tourner tous les journaux, et compresse sans attendre
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for RotateOptions {
    fn from(args: Args) -> Self {
        Self {
            size: args.size,
            age: args.older_than,
            keep: args.keep as usize,
            force: args.force,
            dry_run: args.writer.dry_run,
        }
    }
}
