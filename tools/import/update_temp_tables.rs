//! `update-temp-tables`: the ten CSV files of the weekly delivery into their temporary tables.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Former, LoadArgs, SpaceArgs, Tool, WriterArgs};
use flux_core::error::{Error, Result};
use flux_core::load::{self, ImportOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "update-temp-tables",
    about: "Importe les dix CSV hebdomadaires Flux Vision dans les tables temporaires",
    details: "\
Lit : les dix CSV sous data/data_temp/ (sous-dossiers compris, sans égard à la casse des noms) et les
dimensions. Écrit : les tables temporaires, dim_dates, l'historique des imports, et pour les lignes
refusées logs/rejets/<fichier>_<date>.csv.
Remplace, fichier par fichier, les dates que le fichier contient ; les autres dates restent.
Chaque fichier est chargé en entier ou pas du tout, dans une transaction. Chaque ligne est comptée :
lues = enregistrées + doublons + conflits + rejets + filtrées.
Un fichier déjà chargé et inchangé n'est pas rechargé. Mémoire : moins de 64 Mio quelle que soit la
taille des fichiers. Peut être relancé à volonté, y compris après un arrêt brutal.
Codes de sortie : 0 fait, 1 au moins un fichier a échoué (les autres sont chargés), 3 fait mais à
regarder (rejets, conflits, fichiers absents ou laissés de côté, rien de chargé, dates réduites, zones
disparues, période inattendue), 4 une autre exécution est en cours.",
    formerly: &[
        Former { name: "import_sejours_duree", arguments: &["--only", "duree_sejour"] },
        Former { name: "import_debug", arguments: &["--dry-run", "--verbose"] },
    ],
    ..Tool::of::<Args, ImportOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Ne garde que les lignes de cette année
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: Option<i32>,
    /// Écarte les fichiers plus grands (100M si aucune taille n'est donnée)
    #[arg(long, value_name = "TAILLE", num_args = 0..=1, default_missing_value = "100M", value_parser = flux_cli::parse_size)]
    skip_large: Option<u64>,
    /// Seulement ces fichiers : frequentation_nuitee,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = flux_cli::weekly_file(), hide_possible_values = true)]
    only: Vec<String>,
    /// Charge aussi les fichiers inchangés et remplace les dates réduites
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    load: LoadArgs,
    /// Ajoute les noms inconnus à leur dimension (toutes si rien n'est précisé) : zones,pays,…
    #[arg(long, value_name = "DIMENSION,…", num_args = 0..=1, default_missing_value = "toutes", value_delimiter = ',')]
    create_missing: Vec<String>,
    /// Une date qui perdrait une plus grande part de ses lignes n'est pas remplacée
    #[arg(long, value_name = "N%", default_value = "50%", value_parser = flux_cli::parse_percent)]
    max_shrink: f64,
    /// Admet les dates à venir, rejetées sinon
    #[arg(long)]
    allow_future: bool,
    /// Fichiers chargés en même temps (par défaut, un par processeur, au plus quatre)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: Option<u16>,
    /// Lignes par INSERT
    #[arg(long, value_name = "N", default_value = "2000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl TryFrom<Args> for ImportOptions {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self> {
        let defaults = Self::default();
        Ok(Self {
            data_dir: args.data_dir,
            year: args.year,
            skip_large: args.skip_large,
            only: args.only,
            force: args.force,
            on_conflict: args.load.on_conflict,
            create_missing: load::dimensions_named(&args.create_missing)?,
            max_rejects: args.load.max_rejects,
            max_shrink: args.max_shrink,
            allow_future: args.allow_future,
            jobs: args.jobs.map_or(defaults.jobs, usize::from),
            load_method: args.load.load_method,
            batch_size: args.batch_size as usize,
            space: args.space.space(),
            dry_run: args.writer.dry_run,
        })
    }
}
