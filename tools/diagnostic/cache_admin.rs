//! `cache-admin`: the portal's JSON caches, looked at or removed.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::{CacheAction, CacheOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "cache-admin",
    about: "Caches JSON du portail : état, nettoyage des anciens, purge, par catégorie",
    details: "\
Lit : les fichiers sous cache/, api/cache/, api/infographie/cache/, api/infographie/cache_infographie/ et
cache_test/, par catégorie (le dossier qui les contient : infographie/departements, tableau_bord/filters…).
stats : nombre, taille, âge, JSON abîmés. Supprime : cleanup les fichiers plus vieux que la durée de leur
catégorie (celle du portail : 6 h pour infographie/pays, 1 h pour tableau_bord… ; 24 h pour les autres), que
--lifetime change pour une catégorie et --max-age pour toutes ; purge tous les fichiers. Seuls les .json,
.cache, .ser, .tmp et .etag (et leurs .gz) sont touchés ; les liens symboliques ne sont ni suivis ni supprimés,
rien hors de ces dossiers n'est atteint. --category prend aussi les catégories qu'elle contient, et les noms du
portail (infographie_pays, tdb_filters). Le portail refait un cache supprimé à la prochaine demande. N'a pas
besoin de la base. Coût : un parcours des dossiers. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage (catégorie inconnue), 3 à regarder (fichier abîmé, droits).",
    ..Tool::of::<Args, CacheOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Que faire
    #[arg(value_name = "ACTION", default_value = "stats", value_parser = flux_cli::choice::<CacheAction>(["stats", "cleanup", "purge"]))]
    action: CacheAction,
    /// Seulement cette catégorie et celles qu'elle contient
    #[arg(long, value_name = "NOM")]
    category: Option<String>,
    /// Âge à partir duquel un fichier est ancien, au lieu de la durée de sa catégorie : 90m, 24h, 7j
    #[arg(long, value_name = "ÂGE", visible_alias = "older-than", value_parser = flux_cli::parse_age)]
    max_age: Option<Duration>,
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
            action: args.action,
            category: args.category,
            max_age: args.max_age,
            lifetimes: args.lifetime,
            dry_run: args.writer.dry_run,
        }
    }
}
