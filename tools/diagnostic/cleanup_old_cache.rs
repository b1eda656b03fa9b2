//! `cleanup-old-cache`: removes the portal's caches that are older than a limit.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Context, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::upkeep::{self, CacheAction, CacheOptions};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "cleanup-old-cache",
    about: "Supprime les caches JSON du portail plus vieux qu'une limite (7 jours)",
    details: "\
Comme `cache-admin cleanup --max-age 7j`, pour une tâche planifiée : supprime sous cache/, api/cache/,
api/infographie/cache/, api/infographie/cache_infographie/ et cache_test/ les .json, .cache, .ser, .tmp et .etag
(et leurs .gz) plus vieux que --max-age. --lifetime donne une autre durée à une catégorie. Les liens symboliques ne sont ni suivis ni supprimés. N'a pas besoin de la base.
Coût : un parcours du dossier. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage, 3 un fichier n'a pas pu être supprimé.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Âge à partir duquel un fichier est ancien : 90m, 24h, 7j
    #[arg(long, value_name = "ÂGE", default_value = "7j", visible_alias = "older-than", value_parser = flux_cli::parse_age)]
    max_age: Duration,
    /// Durée propre à une catégorie, par exemple infographie/pays=6h
    #[arg(long, value_name = "CATÉGORIE=ÂGE,…", value_delimiter = ',', value_parser = flux_cli::parse_lifetime)]
    lifetime: Vec<(String, Duration)>,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    let options = CacheOptions {
        action: CacheAction::Cleanup,
        category: None,
        max_age: Some(args.max_age),
        lifetimes: args.lifetime,
        dry_run: args.writer.dry_run,
    };
    upkeep::administer_cache(context.settings.home.root(), &options)
}
