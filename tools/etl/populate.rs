//! Arguments and run of the ETL, which has two names.

use std::path::PathBuf;

use flux_cli::{LoadArgs, SpaceArgs, Tool, WriterArgs};
use flux_core::load::raw::EtlOptions;

const ABOUT: &str = "Charge les familles d'exports bruts définitifs dans les tables principales";

const DETAILS: &str = "\
Lit : les exports bruts famille_AAAABn_….csv sous data/data_extracted/ (sous-dossiers compris). Les autres
fichiers (Semaine, Regions, Age, Geolife, autres familles…) sont comptés et nommés comme ignorés.
Écrit : les tables principales (is_provisional = 0), les dimensions, créées au fil des noms rencontrés,
dim_dates, l'historique des imports, flux_etl_progress ; les lignes refusées dans
logs/rejets/<fichier>_<date>.csv ; etl_checkpoint.json, copie de ce que la base a noté et jamais relue.
Remplace, fichier par fichier, les dates × zones que le fichier contient, provisoires ou définitives. Une
livraison ultérieure (B2) l'emporte sur une antérieure (B1), quel que soit l'ordre de chargement ; entre deux
fichiers de la même livraison chargés ensemble, le dernier dans l'ordre alphabétique l'emporte, et c'est signalé.
Chaque fichier est chargé en entier ou pas du tout, dans une transaction ; avec --batch-size, par tranches de
dates × zones, chacune entière, et la reprise continue où le chargement s'est arrêté.
Chaque ligne est comptée : lues = enregistrées + doublons + conflits + rejets + filtrées ; les filtrées sont
celles de volume ≤ 0 et celles qu'une autre livraison remplace. De deux lignes contradictoires de même clé, la
première compte, sauf --on-conflict.
Un fichier déjà chargé et inchangé n'est pas rechargé. Mémoire : moins de 128 Mio quels que soient les
fichiers. Peut être relancé à volonté, y compris après un arrêt brutal.
Journal : logs/etl_fluxvision_production.log.
Codes de sortie : 0 fait, 1 au moins un fichier a échoué (les autres sont chargés), 3 fait mais à regarder
(rejets, conflits, fichiers qui se recouvrent, dossier illisible, aucun fichier), 4 une autre exécution est en cours.";

/// The tool under one of its names.
pub const fn tool(name: &'static str) -> Tool {
    Tool {
        name,
        about: ABOUT,
        details: DETAILS,
        // Under this name operators know the log.
        log: Some("etl_fluxvision_production"),
        ..Tool::of::<Args, EtlOptions>()
    }
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Dossier des exports, au lieu de data/data_extracted/
    #[arg(long, value_name = "DOSSIER", alias = "data-dir")]
    data_path: Option<PathBuf>,
    /// Seulement ces familles : Nuitee,LieuActivite_Soir,…
    #[arg(long, value_name = "FAMILLE,…", value_delimiter = ',', value_parser = flux_cli::family(), hide_possible_values = true)]
    only: Vec<&'static str>,
    /// Lignes par transaction, pour un serveur qui en limite la taille (sinon, un fichier par transaction)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// Travaille sur les tables `_test`
    #[arg(long, visible_alias = "test-mode")]
    test: bool,
    /// Crée les noms sans leurs accents
    #[arg(long)]
    strip_accents: bool,
    /// Recharge aussi les fichiers inchangés
    #[arg(long, alias = "force")]
    no_resume: bool,
    /// Fichiers chargés en même temps (par défaut, deux par processeur, au plus quatre)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: Option<u16>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

impl From<Args> for EtlOptions {
    fn from(args: Args) -> Self {
        Self {
            data_path: args.data_path,
            only: args.only,
            batch_size: args.batch_size.map(|rows| rows as usize),
            strip_accents: args.strip_accents,
            no_resume: args.no_resume,
            jobs: args.jobs.map(usize::from),
            on_conflict: args.load.on_conflict,
            max_rejects: args.load.max_rejects,
            load_method: args.load.load_method,
            space: SpaceArgs { test: args.test }.space(),
            dry_run: args.writer.dry_run,
        }
    }
}
