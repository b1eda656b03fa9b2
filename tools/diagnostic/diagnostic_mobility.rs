//! `diagnostic-mobility`: why is the mobility empty?

use std::process::ExitCode;

use flux_cli::{SpaceArgs, Tool};
use flux_core::figures::CauseOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "diagnostic-mobility",
    about: "Cherche pourquoi une requête de mobilité est vide : années, période, zone, catégorie, provenance, communes",
    details: "\
Lit : fact_lieu_activite_soir, sa table temporaire, dim_periodes et les dimensions. N'écrit rien.
Refait la requête du portail pas à pas ; le premier pas qui ne laisse rien est la cause. Montre alors ce qui est
présent à la place (années, zones, catégories) et la commande qui corrige ; dit aussi si les lignes attendent dans
la table temporaire.
Coût : un parcours d'index de la table, quelques secondes pour 10 millions de lignes. Peut être relancé à volonté.
Codes de sortie : 0 la requête a des résultats, 1 échec, 2 mauvais usage, 3 cause trouvée.",
    ..Tool::of::<Args, CauseOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Année
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: i32,
    /// Période : code ou nom de dim_periodes, annee_complete ou une saison
    #[arg(long, value_name = "CODE", default_value = "annee_complete")]
    period: String,
    /// Zone d'observation (sinon celle du département)
    #[arg(long, value_name = "NOM")]
    zone: Option<String>,
    /// Catégorie de visiteurs
    #[arg(long, value_name = "NOM", default_value = "TOURISTE")]
    category: String,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for CauseOptions {
    fn from(args: Args) -> Self {
        let Args { year, period, zone, category, space } = args;
        Self { year, period, zone, category, space: space.space() }
    }
}
