//! `import-optimized`: everything, forced, with what it cost.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::load::Measured;

use flux_import::import_args::ImportArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "import-optimized",
    about: "Importe de force les dix CSV, pour les gros volumes, et mesure débit et mémoire",
    details: "\
Lit et écrit comme `update-temp-tables --force` : les fichiers inchangés sont rechargés, les dates réduites sont
remplacées. Chaque fichier est chargé en entier ou pas du tout ; mémoire constante quelle que soit leur taille.
Montre en plus les lignes par seconde et le maximum de mémoire résidente de l'outil.
`check-import-progress` suit l'avancement depuis un autre terminal. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 au moins un fichier a échoué (les autres sont chargés), 2 mauvais usage, 3 fait mais à
regarder, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, Measured>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Fichiers chargés en même temps (par défaut, un par processeur, au plus quatre)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: Option<u16>,
    #[command(flatten)]
    import: ImportArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for Measured {
    fn from(args: Args) -> Self {
        let mut options = args.import.options(&[], true);
        if let Some(jobs) = args.jobs {
            options.jobs = usize::from(jobs);
        }
        Self(options)
    }
}
