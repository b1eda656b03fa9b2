//! `analyse-zones-csv`: which zones the delivery names, how often, and where each name leads.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::inspect::ZonesCsvOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "analyse-zones-csv",
    about: "Zones nommées par les CSV, leur nombre de lignes et la zone à laquelle chaque nom mène",
    details: "\
Lit : les dix CSV sous data/data_temp/, en entier, et dim_zones_observation ; sans base joignable, les noms sont
comparés à la référence. N'écrit rien.
Un nom mène à une zone par les mêmes étapes qu'à l'import : majuscules, équivalences, accents et traits d'union
repliés, caractères abîmés. Un nom inconnu ou ambigu est montré avec les plus proches et sa première ligne.
Coût : une lecture de chaque fichier, mémoire constante. Peut être relancé à volonté.
Codes de sortie : 0 chaque nom mène à une zone, 1 le dossier n'existe pas, 2 mauvais usage, 3 à regarder.",
    ..Tool::of::<Args, ZonesCsvOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    /// Montre chaque fichier
    #[arg(long)]
    by_file: bool,
    /// Ne consulte pas la base
    #[arg(long)]
    no_db: bool,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ZonesCsvOptions {
    fn from(args: Args) -> Self {
        Self { data_dir: args.data_dir, no_db: args.no_db, by_file: args.by_file }
    }
}
