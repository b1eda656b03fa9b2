//! `backup-critical`: one consistent, compressed, proved copy of the critical tables, while imports go on.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::backup::{BackupOptions, Kind};

pub(crate) const TOOL: Tool = Tool {
    name: "backup-critical",
    about: "Sauvegarde les tables critiques dans un instantané cohérent, compressé et vérifiable",
    details: "\
Lit : les dimensions, les dix tables principales de la livraison hebdomadaire et les tables flux_*
(sauf flux_lease, qui tient le verrou) ; avec --all, toutes les tables dim_*, fact_* et flux_* ; avec --dump, toute la base par mariadb-dump ou
mysqldump (le mot de passe ne paraît dans aucun argument).
Écrit : un dossier sous data/backups/, lisible par son seul propriétaire, avec un fichier compressé par
table, manifest.json (lignes, volumes, SHA-256, serveur, heure, structure) et SHA256SUMS. Il porte
« .partial » tant qu'il n'est pas complet sur le disque : un arrêt ou un disque plein laisse les
sauvegardes précédentes intactes.
Les imports peuvent continuer : toutes les tables sont lues au même instant. Mémoire constante.
--keep N ne compte que les sauvegardes complètes de même sorte et de même base, les plus récentes.
Les fichiers .tsv.gz se relisent aussi par LOAD DATA (CHARACTER SET utf8mb4) ; `restore-critical` fait mieux.
Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec (rien de changé), 3 fait mais une table attendue manque, 4 une autre
sauvegarde est en cours.",
    ..Tool::of::<Args, BackupOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Toutes les tables dim_*, fact_* et flux_*
    #[arg(long, conflicts_with = "dump")]
    all: bool,
    /// Toute la base, par mariadb-dump ou mysqldump
    #[arg(long)]
    dump: bool,
    /// Ne garde que les N dernières sauvegardes complètes de cette sorte
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    keep: Option<u32>,
    /// Dossier des sauvegardes, au lieu de data/backups/
    #[arg(long, value_name = "DOSSIER")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for BackupOptions {
    fn from(args: Args) -> Self {
        let kind = match (args.all, args.dump) {
            (_, true) => Kind::Dump,
            (true, false) => Kind::Complet,
            (false, false) => Kind::Critique,
        };
        Self { kind, dir: args.dir, keep: args.keep, dry_run: args.writer.dry_run }
    }
}
