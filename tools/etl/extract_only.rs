//! `extract-only`: zip deliveries unpacked into `data/data_extracted/`. Needs no database.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::extract::ExtractOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "extract-only",
    about: "Décompresse les livraisons zip dans data/data_extracted/",
    details: "\
Lit : les archives nommées, ou celles des dossiers nommés ; sans argument, les *.zip sous data/ et
ftp_downloads/. Écrit : data/data_extracted/<nom de l'archive>/…, archives imbriquées comprises ; n'importe quel
séparateur de chemin, noms accentués (UTF-8 ou page de codes 437).
Une archive est extraite en entier ou pas du tout. Elle est refusée si un nom remonte hors du dossier (..), est
absolu, figure deux fois ou est un lien symbolique, si elle est illisible ou protégée, ou si sa taille une fois
extraite ou le nombre de ses entrées dépasse les limites (bombe). Un fichier d'une extraction antérieure de même nom est remplacé.
Les autres fichiers déjà présents dans le dossier de l'archive (livraison révisée qui en contient moins) restent,
et sont signalés avec la commande pour les enlever : l'ETL les chargerait avec les nouveaux.
--weekly : les dix fichiers de la livraison hebdomadaire que l'archive contient sont déposés dans data/data_temp/, les
autres laissés ; une autre version déjà là refuse l'archive (--force la remplace). Sans argument, seules les archives
qui en contiennent sont prises, et les dix fichiers qui sont sans zip dans ftp_downloads/ (ailleurs, nommez-les) : ils
sont copiés aux mêmes conditions, chaque contenu une seule fois. Une archive qui se trouvait dans data/data_temp/ est
ensuite rangée dans ftp_downloads/ : elle y gênerait l'import.
Sans archive dans data/ ni ftp_downloads/, fluxvision_automation/data/data_zip/ est lu.
L'empreinte de chaque archive est gardée dans data/data_extracted/.extractions.json : une archive déjà extraite
ne l'est pas deux fois, sauf --force. Mémoire constante. Ne se connecte à aucune base.
Codes de sortie : 0 fait, 1 au moins une archive refusée (les autres sont extraites), 2 mauvais usage,
3 fait mais à regarder (autres fichiers dans le dossier d'une archive), 4 une autre extraction est en cours.",
    ..Tool::of::<Args, ExtractOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Archives ou dossiers d'archives
    #[arg(value_name = "ARCHIVE|DOSSIER")]
    sources: Vec<PathBuf>,
    /// Dossier où extraire, au lieu de data/data_extracted/
    #[arg(long, value_name = "DOSSIER")]
    output: Option<PathBuf>,
    /// Taille extraite maximale d'une archive (un nombre seul : Gio)
    #[arg(long, value_name = "TAILLE", default_value = "50G", value_parser = flux_cli::parse_size_gio)]
    max_size: u64,
    /// Rapport maximal entre la taille extraite et celle de l'archive
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u64).range(1..))]
    max_ratio: u64,
    /// Seulement les fichiers de la livraison hebdomadaire, déposés là où l'import les cherche (data/data_temp/)
    #[arg(long)]
    weekly: bool,
    /// Extrait aussi les archives déjà extraites
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ExtractOptions {
    fn from(args: Args) -> Self {
        Self {
            sources: args.sources,
            output: args.output,
            max_size: args.max_size,
            max_ratio: args.max_ratio,
            force: args.force,
            weekly: args.weekly,
            dry_run: args.writer.dry_run,
        }
    }
}
