//! `clear-cache-midnight`: empties the portal's caches and says how much room that made.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Context, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::upkeep::{self, ClearOptions};
use flux_report::Report;

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
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
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

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    let options = ClearOptions { only: args.category, older_than: args.older_than, dry_run: args.writer.dry_run };
    upkeep::clear_cache(context.settings.home.root(), &options)
}
