//! `reset-saisons`: empties `dim_saisons`, so that `update-saisons` starts afresh.

use std::process::ExitCode;

use flux_cli::{DestroyerArgs, Tool};
use flux_core::saisons::SaisonsReset;

pub(crate) const TOOL: Tool = Tool {
    name: "reset-saisons",
    about: "Vide dim_saisons et retire les liens des périodes",
    details: "\
Lit : dim_saisons, dim_periodes. Sans --yes, montre ce qui serait supprimé et n'écrit rien.
Écrit avec --yes : supprime les lignes de dim_saisons, retire les liens qui y mènent, en une transaction, sous le
verrou. Avec --periodes, supprime aussi les périodes calculées ; celles que des personnes ont saisies ou changées
restent toujours.
Coût : moins d'une seconde. Peut être relancé ; `update-saisons` remplit à nouveau, avec d'autres identifiants.
Codes de sortie : 0 fait ou montré, 1 échec sans rien à moitié, 2 mauvais usage, 4 autre exécution en cours.",
    ..Tool::of::<Args, SaisonsReset>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Première année (sinon toutes)
    #[arg(long, value_name = "ANNÉE")]
    from: Option<i32>,
    /// Dernière année (sinon toutes)
    #[arg(long, value_name = "ANNÉE")]
    to: Option<i32>,
    /// Supprime aussi les périodes que `update-saisons` a écrites
    #[arg(long)]
    periodes: bool,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SaisonsReset {
    fn from(args: Args) -> Self {
        Self { years: (args.from, args.to), periodes: args.periodes, dry_run: args.destroyer.dry_run() }
    }
}
