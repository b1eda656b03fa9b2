//! `clear-cache-midnight`: empties the portal's caches and says how much room that made.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::ClearOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "clear-cache-midnight",
    about: "Vide les caches des tableaux de bord et dit la place libérée",
    details: "\
Lit et vide : cache/, api/cache/, api/infographie/cache/, api/infographie/cache_infographie/ et cache_test/ du
dossier de travail, par catégorie (leurs sous-dossiers : infographie/pays, ou infographie_pays comme le portail). Ne supprime que ce que le
portail réécrit de lui-même (.json, .cache, .ser, .tmp, .etag, compressés ou non) ; .htaccess, index.php
et les autres fichiers restent. Un lien n'est jamais suivi, rien hors du dossier de travail n'est touché.
N'a pas besoin de la base. Sans effet sur un cache vide. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 3 fait mais un fichier ou un lien n'a pas pu être traité.",
    ..Tool::of::<Args, ClearOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces catégories et celles qu'elles contiennent
    #[arg(long, value_name = "NOM,…", value_delimiter = ',')]
    category: Vec<String>,
    /// Seulement les fichiers écrits il y a plus longtemps : 90m, 24h, 7j
    #[arg(long, value_name = "ÂGE", value_parser = flux_cli::parse_age)]
    older_than: Option<Duration>,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ClearOptions {
    fn from(args: Args) -> Self {
        Self { only: args.category, older_than: args.older_than, dry_run: args.writer.dry_run }
    }
}
