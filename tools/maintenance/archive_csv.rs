//! `archive-csv`: moves the files of a delivery to the archive once they are proved to be stored.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::upkeep::ArchiveOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "archive-csv",
    about: "Archive les CSV traités, une fois prouvé que la base les contient",
    details: "\
Lit : les dix CSV de data/data_temp/, l'historique des imports, les tables temporaires et principales.
Écrit : data/archive/<année>/<date d'import>/<fichier>.csv.gz et manifest.json (tailles, sommes, lignes, période),
puis supprime l'original après relecture de la copie compressée.
Un fichier n'est archivé que si le dernier chargement de sa table est celui de ce contenu exact, si la
table temporaire est migrée (ou vidée par `cleanup-temp`), et si la table principale a, date par date, les
mêmes nombres de lignes et volumes que le fichier. Sinon il reste en place, avec la raison.
Un arrêt à tout moment laisse l'original ou l'archive complète ; la relance reprend. Mémoire constante.
Codes de sortie : 0 tout est archivé (ou rien à archiver), 1 échec, 3 un fichier est gardé, 4 une autre
exécution est en cours.",
    ..Tool::of::<Args, ArchiveOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Archive aussi les fichiers dont des lignes ont été rejetées
    #[arg(long)]
    accept_rejects: bool,
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ArchiveOptions {
    fn from(args: Args) -> Self {
        Self { data_dir: args.data_dir, accept_rejects: args.accept_rejects, dry_run: args.writer.dry_run }
    }
}
