//! `etat-csv-complet`: is the delivery there, whole and readable? Needs no database.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Former, Tool};
use flux_core::inspect::DeliveryOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "etat-csv-complet",
    about: "État des dix CSV attendus : taille, date, encodage, séparateur, colonnes, lignes, dates couvertes",
    details: "\
Lit : les dix CSV sous data/data_temp/, en entier ; l'historique des imports si la base répond (sinon la colonne
« chargé » reste « ? »). N'écrit rien.
Signale : fichier absent ou en double, en-tête incomplet, lignes qui seront rejetées quelles que soient les
dimensions (date, volume, nombre de champs, guillemets, octets nuls), jours sans ligne dans la période, fichier
qui ne couvre pas les mêmes jours que les autres.
Coût : une lecture de chaque fichier, mémoire constante. Peut être relancé à volonté.
Codes de sortie : 0 tout est là, 1 le dossier n'existe pas, 2 mauvais usage, 3 à regarder.",
    formerly: &[Former { name: "verifier_csv_manquants", arguments: &[] }],
    ..Tool::of::<Args, DeliveryOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    /// Ne consulte pas la base
    #[arg(long)]
    no_db: bool,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for DeliveryOptions {
    fn from(args: Args) -> Self {
        Self { data_dir: args.data_dir, no_db: args.no_db }
    }
}
