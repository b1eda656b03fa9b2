//! `diagnostic-mobility`: why is the mobility empty?

use std::process::ExitCode;

use flux_cli::{Context, SpaceArgs, Tool};
use flux_core::error::Result;
use flux_core::figures::{self, CauseOptions};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "diagnostic-mobility",
    about: "Cherche pourquoi une requête de mobilité est vide : années, période, zone, catégorie, provenance, communes",
    details: "\
Lit : fact_lieu_activite_soir, sa table temporaire, dim_periodes et les dimensions. N'écrit rien.
Refait la requête du portail pas à pas ; le premier pas qui ne laisse rien est la cause. Montre alors ce qui est
présent à la place (années, zones, catégories) et la commande qui corrige ; dit aussi si les lignes attendent dans
la table temporaire.
Coût : un parcours d'index de la table, quelques secondes pour 10 millions de lignes. Relançable à volonté.
Codes de sortie : 0 la requête a des résultats, 1 échec, 2 mauvais usage, 3 cause trouvée.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
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

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    let options = CauseOptions {
        year: args.year,
        period: args.period,
        zone: context.zone(args.zone),
        category: args.category,
        space: args.space.space(),
    };
    figures::explain(&context.database()?, &options)
}
