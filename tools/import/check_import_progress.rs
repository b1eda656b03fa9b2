//! `check-import-progress`: how far a running import is, or how the last one ended.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::health::ImportProgress;

pub(crate) const TOOL: Tool = Tool {
    name: "check-import-progress",
    about: "Avancement de l'import en cours (fichier, lignes, débit, temps restant) ou issue du dernier",
    details: "\
Lit : flux_import_progress, que l'import tient à jour deux fois par seconde sur une connexion à part, l'historique
des imports, le verrou des outils qui écrivent, et etl_checkpoint.json pour l'ETL. N'écrit rien.
Mort : l'import n'a pas dit sa fin et ne tient plus le verrou. Bloqué : il tient le verrou sans donner signe de vie
depuis 15 secondes (suspendu ?), ou vit sans avancer d'un octet ni d'une ligne depuis 2 minutes (il attend la base).
Le temps restant suppose le rythme tenu jusque-là pour tout ce qui reste ; lire et enregistrer un octet comptent
autant l'un que l'autre, les fichiers inchangés ou écartés comptent pour faits. En dessous de 2 % il n'est pas dit.
Si un autre outil tient le verrou, il est nommé. L'ETL (populate-facts-full-production) n'écrit son avancement
qu'à la fin de chaque fichier ; arrêté sans finir, il est dit mort.
Coût : quelques millisecondes. Peut être relancé à volonté.
Codes de sortie : 0 en cours, ou dernier import sans rien à signaler, 1 échec, 2 mauvais usage, 3 import mort,
bloqué, en échec ou à regarder, ou ETL mort.",
    ..Tool::of::<Args, ImportProgress>()
};

#[derive(Debug, clap::Args)]
struct Args {}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ImportProgress {
    fn from(_: Args) -> Self {
        Self
    }
}
