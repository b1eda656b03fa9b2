//! `check-import-progress`: how far a running import is, or how the last one ended.

use std::process::ExitCode;

use flux_core::cli::{self, Context, Tool};
use flux_core::diagnostic::import_progress::{self, ProgressReport};
use flux_core::error::Result;

const TOOL: Tool = Tool {
    name: "check-import-progress",
    about: "Avancement de l'import en cours (fichier, lignes, débit, temps restant) ou issue du dernier",
    details: "\
Lit : flux_import_progress, que l'import tient à jour deux fois par seconde sur une connexion à part, l'historique
des imports et le verrou des outils qui écrivent. N'écrit rien.
Un import qui ne tient plus le verrou et n'a pas dit sa fin est mort ; un import qui le tient sans donner signe de
vie depuis 15 secondes est dit bloqué. Le temps restant est une estimation : lire et enregistrer un octet y
comptent autant l'un que l'autre.
Coût : quelques millisecondes. Peut être relancé à volonté.
Codes de sortie : 0 en cours, ou dernier import sans rien à signaler, 1 échec, 2 mauvais usage, 3 import mort,
bloqué, en échec ou à regarder.",
};

#[derive(Debug, clap::Args)]
struct Args {}

fn main() -> ExitCode {
    cli::main(TOOL, run)
}

fn run(_: Args, context: &Context) -> Result<ProgressReport> {
    import_progress::check(&context.database()?)
}
