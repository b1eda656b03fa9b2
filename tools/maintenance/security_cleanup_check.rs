//! `security-cleanup-check`: secrets in files, rights, leftovers, `.env`; reads only and never shows a secret.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::upkeep::SecurityOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "security-cleanup-check",
    about: "Cherche les secrets en clair, les droits trop larges et les fichiers oubliés",
    details: "\
Lit : tous les fichiers texte du dossier de travail jusqu'à 2 Mio, sauf .git, target, node_modules, vendor,
cache et les données ; les liens ne sont pas suivis. N'écrit rien. N'a pas besoin de la base.
Cherche : mots de passe, clés et jetons (formes connues, affectations, constantes, comparaisons, chaînes
aléatoires ; pas les empreintes de fichiers), sans jamais les montrer ; fichiers et dossiers que tous peuvent modifier, fichiers sensibles que d'autres peuvent lire ;
explorateurs de base, pages de débogage, copies et exports oubliés ; droits, clés absentes
(API_RATE_LIMIT, API_IP_ALLOWLIST…) et mots de passe faibles de .env.
--rules ajoute des règles, une par ligne : nom = expression rationnelle (le premier groupe est le secret).
Un constat examiné et accepté se note dans .flux-security-allow, une ligne « règle chemin », * vaut tout.
Peut être relancé à volonté.
Codes de sortie : 0 rien trouvé, 1 échec, 3 des constats à regarder.",
    ..Tool::of::<Args, SecurityOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Dossier à examiner, au lieu du dossier de travail
    #[arg(long, value_name = "DOSSIER")]
    path: Option<PathBuf>,
    /// Fichier de règles supplémentaires
    #[arg(long, value_name = "FICHIER")]
    rules: Option<PathBuf>,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SecurityOptions {
    fn from(args: Args) -> Self {
        Self { path: args.path, rules: args.rules }
    }
}
