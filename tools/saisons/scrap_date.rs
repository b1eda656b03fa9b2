//! `scrap-date`: the equinoxes and solstices, computed. Needs neither network nor database.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::saisons::Instants;

pub(crate) const TOOL: Tool = Tool {
    name: "scrap-date",
    about: "Calcule les équinoxes et les solstices, en UTC et à l'heure de Paris",
    details: "\
Calcule : l'instant où la longitude apparente du Soleil atteint 0°, 90°, 180° ou 270° (théorie VSOP87, nutation,
aberration), puis l'heure civile de Paris avec ses règles de chaque année. Années 1900 à 2100.
Précision : quelques secondes jusqu'à aujourd'hui ; ensuite, celle que permet la prévision de la rotation de la Terre.
Lit : rien, ni réseau ni base. N'écrit rien.
Coût : quelques millisecondes. Peut être relancé à volonté.
Codes de sortie : 0 fait, 2 années hors de la plage.",
    ..Tool::of::<Args, Instants>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Première année (sinon 2019)
    #[arg(long, value_name = "ANNÉE")]
    from: Option<i32>,
    /// Dernière année (sinon 2030, ou quatre ans après l'année en cours)
    #[arg(long, value_name = "ANNÉE")]
    to: Option<i32>,
    /// Un CSV séparé par des points-virgules au lieu du tableau
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for Instants {
    fn from(args: Args) -> Self {
        Self { years: (args.from, args.to), csv: args.csv }
    }
}
