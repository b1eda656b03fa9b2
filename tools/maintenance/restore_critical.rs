//! `restore-critical`: proves a backup, restores it beside the live tables, compares, then swaps.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{DestroyerArgs, Tool};
use flux_core::backup::{RestoreAction, RestoreOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "restore-critical",
    about: "Restaure une sauvegarde : contrôle, chargement à côté, comparaison, échange en une fois",
    details: "\
Lit : une sauvegarde de data/backups/ (la dernière complète de cette base si aucune n'est nommée), faite par
`backup-critical` sur MariaDB ou MySQL, et restaurable sur l'un comme sur l'autre. Sans --yes, contrôle tout et
montre le plan : tables, lignes en place, lignes de la sauvegarde, lignes qui seraient perdues ; n'écrit rien.
Écrit avec --yes : les tables de la sauvegarde. Chaque fichier est d'abord vérifié (taille, SHA-256, lignes) ; les
tables sont chargées sous <table>__neuf, relues et comparées valeur par valeur, puis toutes échangées
en une seule instruction. Les tables remplacées restent sous <table>__avant jusqu'à --drop-old ; --undo
les remet en place, et ce qui a été écrit depuis la restauration est perdu : eux aussi montrent leur plan
et n'agissent qu'avec --yes. Avant l'échange, un échec ou un arrêt laisse les tables en service intactes.
flux_import_history n'est pas restaurée si elle a des lignes et que la sauvegarde est sans tables
temporaires : elle décrit celles en place (--only flux_import_history pour l'imposer).
Si une dimension est restaurée sous des tables qui ne le sont pas, les lignes que celles-ci utilisent et que la
sauvegarde n'a pas restent ; un id utilisé qui mènerait à un autre nom fait refuser. Aucun id n'est redonné.
Coût : un chargement et deux lectures de la sauvegarde, mémoire constante. Peut être relancé.
Codes de sortie : 0 fait ou plan montré, 1 échec (rien de changé), 3 sauvegarde abîmée (--verify, --list), déclencheurs
à recréer, chargements plus récents que la sauvegarde (leurs fichiers sont à recharger), lignes de dimension gardées ou tables
écrites depuis (--undo), 4 une autre exécution est en cours.",
    ..Tool::of::<Args, RestoreOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Nom de la sauvegarde (sinon la dernière complète de cette base)
    #[arg(value_name = "SAUVEGARDE")]
    name: Option<String>,
    /// Liste les sauvegardes et leur état
    #[arg(long, group = "action")]
    list: bool,
    /// Vérifie la sauvegarde sans base de données
    #[arg(long, group = "action")]
    verify: bool,
    /// Remet en place les tables d'avant la dernière restauration
    #[arg(long, group = "action")]
    undo: bool,
    /// Supprime les tables gardées par la dernière restauration
    #[arg(long, group = "action")]
    drop_old: bool,
    /// Seulement ces tables
    #[arg(long, value_name = "TABLE,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Dossier des sauvegardes, au lieu de data/backups/
    #[arg(long, value_name = "DOSSIER")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for RestoreOptions {
    fn from(args: Args) -> Self {
        let action = match (args.list, args.verify, args.undo, args.drop_old) {
            (true, ..) => RestoreAction::List,
            (_, true, ..) => RestoreAction::Verify,
            (_, _, true, _) => RestoreAction::Undo,
            (.., true) => RestoreAction::DropOld,
            _ => RestoreAction::Restore,
        };
        Self { action, dir: args.dir, name: args.name, only: args.only, dry_run: args.destroyer.dry_run() }
    }
}
