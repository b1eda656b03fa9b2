//! `cleanup-old-cache`: removes the portal's caches that are older than a limit.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::{CacheAction, CacheOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "cleanup-old-cache",
    about: "Supprime les caches JSON du portail plus vieux qu'une limite (7 jours)",
    details: "\
Comme `cache-admin cleanup --max-age 7j`, pour une tâche planifiée : supprime sous cache/, api/cache/,
api/infographie/cache/, api/infographie/cache_infographie/ et cache_test/ les .json, .cache, .ser, .tmp et .etag
(et leurs .gz) plus vieux que --max-age. --lifetime donne une autre durée à une catégorie. Les liens symboliques ne sont ni suivis ni supprimés. N'a pas besoin de la base.
Coût : un parcours du dossier. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage, 3 un fichier n'a pas pu être supprimé.",
    ..Tool::of::<Args, CacheOptions>()
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

impl From<Args> for CacheOptions {
    fn from(args: Args) -> Self {
        Self {
            action: CacheAction::Cleanup,
            category: None,
            max_age: Some(args.max_age),
            lifetimes: args.lifetime,
            dry_run: args.writer.dry_run,
        }
    }
}
