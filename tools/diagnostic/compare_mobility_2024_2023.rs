//! `compare-mobility-2024-2023`: visitors by commune in one period of two years.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{Datelike, NaiveDate};
use flux_cli::{Former, SpaceArgs, Tool};
use flux_core::figures::CompareOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "compare-mobility-2024-2023",
    about: "Compare la mobilité d'une période entre deux années, commune par commune",
    details: "\
Lit : fact_lieu_activite_soir, dim_periodes et les dimensions. N'écrit que les fichiers demandés par --csv et --html.
Compte ce que compte le portail : la zone (avec ses noms équivalents), la catégorie, les provenances autres que
LOCAL, les communes connues. La période est un code de dim_periodes, pris dans chacune des deux années, ou
l'intervalle --from/--to, décalé à l'année de référence.
Signale une année sans donnée, des jours manquants, des périodes de longueurs différentes : les totaux ne sont
alors pas comparables. Un 29 février n'est pas une anomalie : il reste dans les totaux, comme sur le portail, et
l'évolution à nombre de jours égal est donnée en plus.
--csv : toutes les communes, séparateur ;. --html : une page autonome avec le graphique.
Coût : un parcours d'index sur les jours comparés. Peut être relancé à volonté.
Codes de sortie : 0 comparé, 1 échec, 2 mauvais usage (zone, période inconnues), 3 comparaison à prendre avec
précaution.",
    formerly: &[Former { name: "analyze_mobility_trends", arguments: &[] }],
    ..Tool::of::<Args, CompareOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Année
    #[arg(long, value_name = "ANNÉE", default_value_t = 2024, value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: i32,
    /// Année de référence
    #[arg(long, value_name = "ANNÉE", default_value_t = 2023, value_parser = clap::value_parser!(i32).range(2000..=2100))]
    reference: i32,
    /// Période : code ou nom de dim_periodes, annee_complete ou une saison
    #[arg(long, value_name = "CODE", default_value = "vacances_ete")]
    period: String,
    /// Premier jour, au lieu d'une période
    #[arg(long, value_name = "AAAA-MM-JJ", requires = "to", conflicts_with = "period")]
    from: Option<NaiveDate>,
    /// Dernier jour
    #[arg(long, value_name = "AAAA-MM-JJ", requires = "from")]
    to: Option<NaiveDate>,
    /// Zone d'observation (sinon celle du département)
    #[arg(long, value_name = "NOM")]
    zone: Option<String>,
    /// Catégorie de visiteurs
    #[arg(long, value_name = "NOM", default_value = "TOURISTE")]
    category: String,
    /// Communes par liste
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Écrit toutes les communes dans ce CSV
    #[arg(long, value_name = "FICHIER")]
    csv: Option<PathBuf>,
    /// Écrit une page HTML autonome
    #[arg(long, value_name = "FICHIER")]
    html: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for CompareOptions {
    fn from(args: Args) -> Self {
        let days = args.from.zip(args.to);
        Self {
            // Days that are given say their year themselves.
            year: days.map_or(args.year, |(from, _)| from.year()),
            reference: args.reference,
            period: args.period,
            days,
            zone: args.zone,
            category: args.category,
            limit: args.limit as usize,
            csv: args.csv,
            html: args.html,
            space: args.space.space(),
        }
    }
}
