//! `verifier-saisons`: proves seasons, periods and `dim_dates`, and repairs `dim_dates`.

use std::process::ExitCode;

use flux_cli::{Tool, WriterArgs};
use flux_core::saisons::SaisonsCheck;

pub(crate) const TOOL: Tool = Tool {
    name: "verifier-saisons",
    about: "Prouve que saisons, périodes et dates sont justes et couvrent les faits",
    details: "\
Contrôle : saisons contiguës, à moins de 60 s du calcul, présentes pour les années des faits, des périodes, l'année en
cours et la suivante ; périodes présentes pour les années des faits, dates dans l'ordre, liens justes ; calendrier
scolaire connu pour six mois ; dim_dates conforme (vacances, jours fériés, jour, mois, trimestre, semaine ISO) et
complète pour les faits. Chaque constat dit son remède.
Lit : dim_saisons, dim_periodes, dim_dates, les dates des faits (index seuls).
Écrit : rien ; avec --repair, dim_dates, en une transaction, sous le verrou. Où le calendrier scolaire n'est pas connu,
les indicateurs de vacances restent ce qu'ils sont.
Coût : quelques secondes au plus. Peut être relancé à volonté.
Codes de sortie : 0 tout est juste, 1 échec, 3 constats, 4 autre exécution en cours (--repair).",
    ..Tool::of::<Args, SaisonsCheck>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Corrige les lignes fausses de dim_dates et ajoute celles qui manquent
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SaisonsCheck {
    fn from(args: Args) -> Self {
        Self { repair: args.repair, dry_run: args.writer.dry_run }
    }
}
