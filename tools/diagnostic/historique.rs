//! `historique`: what happened to the database, newest first.

use std::process::ExitCode;

use chrono::NaiveDate;
use flux_cli::Tool;
use flux_core::health::HistoryOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "historique",
    about: "Ce qui est arrivé : livraisons, imports, ETL, migrations, nettoyages, restaurations",
    details: "\
Lit : les tables flux_* de la base, où chaque outil note ce qu'il a fait dans la transaction de ses lignes ; pour
les livraisons, aussi ce que `download-deliveries` et `extract-only` ont noté, et ce qui attend dans data/.
N'écrit rien. Une ligne par table et par événement, le plus récent d'abord, à l'heure locale : fichier ou
sauvegarde, période, lignes, rejets, lignes retirées. Ce qu'une base préparée par des outils plus anciens
ne note pas n'y est pas : `ensure-schema` y ajoute ce qui manque.
Livraisons : une ligne par fichier hebdomadaire, par table pour les exports bruts (2024B1), par archive ; « en
attente » tant que rien n'en est importé ou extrait. La période d'une archive ou d'un export brut n'est connue
qu'une fois chargé : avec --date, ces livraisons sont comptées à part.
Coût : immédiat, plus la lecture des fichiers hebdomadaires qui attendent (jusqu'à 1 Gio chacun). Peut être
relancé à volonté.
Codes de sortie : 0 montré, 1 base inaccessible, 3 rien de tel dans l'historique, ou un dossier illisible.",
    ..Tool::of::<Args, HistoryOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ce qui concerne cette date des données
    #[arg(long, value_name = "AAAA-MM-JJ")]
    date: Option<NaiveDate>,
    /// Seulement cette table, avec sa table temporaire
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Seulement depuis ce jour
    #[arg(long, value_name = "AAAA-MM-JJ")]
    since: Option<NaiveDate>,
    /// Nombre d'événements, les plus récents
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for HistoryOptions {
    fn from(args: Args) -> Self {
        let Args { date, table, since, limit } = args;
        Self { date, table, since, limit: limit as usize }
    }
}
