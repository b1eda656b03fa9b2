//! `improve-response`: the indexes that the dashboards' queries need, fresh statistics, empty caches.

use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::ResponseOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "improve-response",
    about: "Accélère les tableaux de bord : index, statistiques, caches",
    details: "\
Lit : pour chaque table principale qui a des lignes, le plan (EXPLAIN) des requêtes des tableaux de bord
(une zone et une catégorie sur une période, par ventilation ou par jour ; toutes les zones sur une période),
et les index en place avec leur taille.
Propose l'index qui manque, avec sa taille estimée, et signale ceux qui font double emploi (aucun n'est
supprimé). --apply crée les index manquants sans bloquer les lectures ni les écritures.
Écrit aussi, sauf --no-analyze et --no-cache : les statistiques des tables (ANALYZE), le vidage de cache/.
Coût : quelques secondes ; la création d'un index lit la table. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 3 un index manque, 4 une autre exécution est en cours (--apply).",
    ..Tool::of::<Args, ResponseOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Crée les index manquants
    #[arg(long)]
    apply: bool,
    /// Laisse les statistiques comme elles sont
    #[arg(long)]
    no_analyze: bool,
    /// Laisse les caches comme ils sont
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ResponseOptions {
    fn from(args: Args) -> Self {
        let Args { apply, no_analyze, no_cache, writer } = args;
        Self { apply, no_analyze, no_cache, dry_run: writer.dry_run }
    }
}
