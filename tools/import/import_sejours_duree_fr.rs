//! `import-sejours-duree-fr`: the stays of `duree_sejour_fr.csv`, then what they hold.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::figures::StaysImport;
use flux_import::stays::StaysArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "import-sejours-duree-fr",
    about: "Importe duree_sejour_fr.csv et montre les dix premiers départements et la répartition par durée",
    details: "\
Lit : duree_sejour_fr.csv sous data/data_temp/ et les dimensions. Écrit : fact_sejours_duree_departements_temp, comme
`update-temp-tables --only duree_sejour_fr` : remplacement par dates, tout ou rien, chaque ligne comptée.
Montre ensuite ce que la table contient : les dix premiers départements, la répartition par région et par durée de séjour,
toutes zones confondues (celle du département contient les autres : ce sont les parts qui comptent).
Peut être relancé à volonté : un fichier inchangé n'est pas rechargé (--force pour le recharger).
Codes de sortie : 0 fait, 1 échec sans rien à moitié, 2 mauvais usage, 3 fait mais à regarder (rejets, conflits,
fichier absent), 4 une autre exécution est en cours.",
    ..Tool::of::<Args, StaysImport>()
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    stays: StaysArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for StaysImport {
    fn from(args: Args) -> Self {
        args.stays.of("duree_sejour_fr")
    }
}
