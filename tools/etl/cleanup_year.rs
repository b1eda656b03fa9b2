//! `cleanup-year`: one year's facts deleted from the main tables, by bounded batches.

use std::process::ExitCode;

use flux_cli::{DestroyerArgs, Former, SpaceArgs, Tool};
use flux_core::upkeep::CleanupOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "cleanup-year",
    about: "Supprime les faits d'une année des tables principales",
    details: "\
Sans --yes : compte et montre ce qui serait supprimé, n'écrit rien.
Avec --yes : supprime les lignes de l'année, provisoires et définitives, table par table, par lots dont chacun
est une transaction ; arrêté en route, l'outil relancé continue. Les chargements de l'ETL pour cette année sont
oubliés : `populate-facts-full-production` rechargera les fichiers qui sont encore dans data/data_extracted/.
Où l'année est une partition à elle seule (`ensure-schema --partition-by-year`), la partition est vidée d'un coup (droit DROP ; dans un
groupe de serveurs, ou quand la table est lue sans relâche : par lots, comme ailleurs).
Les tables temporaires, les dimensions et les CSV ne sont pas touchés.
Mémoire constante. Sauvegardez d'abord avec `backup-critical`.
Codes de sortie : 0 fait (ou plan montré), 1 échec, 2 mauvais usage, 4 une autre exécution est en cours.",
    formerly: &[Former { name: "cleanup_2025", arguments: &["--year", "2025"] }],
    ..Tool::of::<Args, CleanupOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// L'année
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: i32,
    /// Seulement ces familles : Nuitee,LieuActivite_Soir,…
    #[arg(long, value_name = "FAMILLE,…", value_delimiter = ',', value_parser = flux_cli::family(), hide_possible_values = true)]
    only: Vec<&'static str>,
    /// Lignes par transaction
    #[arg(long, value_name = "N", default_value = "20000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch_size: u32,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for CleanupOptions {
    fn from(args: Args) -> Self {
        Self {
            year: args.year,
            only: args.only,
            batch_size: args.batch_size as usize,
            space: args.space.space(),
            dry_run: args.destroyer.dry_run(),
        }
    }
}
