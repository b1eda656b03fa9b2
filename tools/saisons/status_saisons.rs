//! `status-saisons`: the state of seasons, periods and calendar in one line. Reads only.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::saisons::SaisonsStatus;

pub(crate) const TOOL: Tool = Tool {
    name: "status-saisons",
    about: "Dit en une ligne si saisons, périodes et calendrier sont à jour",
    details: "\
Lit : dim_saisons, dim_periodes, dim_dates, les dates des faits. N'écrit rien.
Les constats sont ceux de `verifier-saisons`, qui les donne tous ; avec -q, rien n'est dit quand tout va bien.
Coût : quelques secondes au plus (seuls les index sur les dates sont lus). Peut être relancé à volonté.
Codes de sortie : 0 à jour, 1 base ou table absente, 3 à vérifier.",
    ..Tool::of::<Args, SaisonsStatus>()
};

#[derive(Debug, clap::Args)]
struct Args {}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SaisonsStatus {
    fn from(_: Args) -> Self {
        Self
    }
}
