//! `validation-complete-import`: complete and plausible, before the migration?

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{SpaceArgs, Tool};
use flux_core::error::Result;
use flux_core::inspect::ValidationOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "validation-complete-import",
    about: "Synthèse avant migration : fichiers, noms résolus, lignes comptées, couverture, dates réduites, volumes inhabituels",
    details: "\
Lit : les dix CSV, l'historique des imports, les tables temporaires et principales, les dimensions. N'écrit que la
page demandée par --html : un seul fichier, sans script ni ressource externe, lisible sur téléphone et imprimable.
Contrôle : dix fichiers sur dix, et que leur contenu est celui qui a été importé ; la part des lignes dont le nom
mène à une ligne de chaque dimension ; lues = enregistrées + doublons + conflits + rejets + filtrées, et que la
table contient bien les lignes enregistrées ; chaque jour × zone × catégorie de la période pour les nuitées et les
diurnes, chaque jour × zone pour les tables ventilées, dont les catégories sont éparses par nature ; les dates qui
perdraient plus de --max-shrink de leurs lignes ; les volumes loin de l'habitude.
Volume inhabituel : par zone et par jour, hors de médiane ± seuil × écart, où la médiane et l'écart (1,4826 × écart
absolu médian, au moins 5 % de la médiane) viennent du même jour de la semaine dans les --weeks semaines d'avant, 4
au moins. Avec le seuil par défaut, 5, une semaine ordinaire ne sort pas de la bande ; 3 est sévère.
Échelle : une semaine nouvelle dont les trois quarts des jour × zone × catégorie sont au moins cinq fois plus grands
(ou plus petits) qu'au même jour des semaines d'avant, une seule suffit : une fête multiplie les touristes de
quelques zones, une autre unité multiplie tout, résidents compris.
Coût : une lecture des CSV et un parcours de chaque table temporaire. Peut être relancé à volonté.
Codes de sortie : 0 prêt à migrer, 1 échec, 2 mauvais usage, 3 à regarder.",
    ..Tool::of::<Args, ValidationOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    /// Écrit une page HTML autonome
    #[arg(long, value_name = "FICHIER")]
    html: Option<PathBuf>,
    /// Part des lignes qu'une date peut perdre sans être signalée
    #[arg(long, value_name = "N%", default_value = "50%", value_parser = flux_cli::parse_percent)]
    max_shrink: f64,
    /// Semaines qui font l'habitude
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(4..=104))]
    weeks: u32,
    /// Écarts au-delà desquels un volume est inhabituel
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = parse_threshold)]
    threshold: f64,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ValidationOptions {
    fn from(args: Args) -> Self {
        Self {
            data_dir: args.data_dir,
            space: args.space.space(),
            max_shrink: args.max_shrink,
            weeks: args.weeks,
            threshold: args.threshold,
            html: args.html,
        }
    }
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    let number = text.trim().replace(',', ".").parse().unwrap_or(-1.0);
    if (0.5..=100.0).contains(&number) { Ok(number) } else { Err("attendu : un nombre de 0,5 à 100".into()) }
}
