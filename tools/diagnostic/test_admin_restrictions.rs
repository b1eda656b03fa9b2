//! `test-admin-restrictions`: strangers and ordinary accounts are kept out, and the accounts are in order.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::Tool;

use flux_client::admin::{self, AdminOptions};
use flux_client::http::ClientOptions;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_diagnostic::portal_args::PortalArgs;
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "test-admin-restrictions",
    about: "Vérifie que les API protégées sont fermées et que les comptes sont en ordre",
    details: "\
Essaie les portes du portail (reference/portes.csv, fourni avec les outils, celui du dossier de travail s'il
existe, et --doors) : API d'administration, scripts de tools/, explorateurs, logs/, data/, temp/, .env. D'abord
sans rien, puis avec le jeton (API_TOKEN ou --token-file) ou la session (PORTAL_SESSION ou --session-file) d'un
compte sans droits d'administration. Chaque appel doit être refusé (401, 403, renvoi vers la page de
connexion) ; un script absent est aussi bien. Seuls des GET sans effet sont envoyés.
Un refus du jeton ne compte que si le portail l'accepte ailleurs (api/database/tables_info.php) et répond 403 :
401 veut dire qu'il n'est pas lu à cette adresse, ce qui ne prouve rien.
Lit : la table users de la base du portail : au moins un administrateur actif, aucun mot de passe en clair,
vide ou d'empreinte faible (MD5, SHA-1, SHA-2 rapide, PASSWORD(), bcrypt de coût inférieur à 10).
Les comptes sont désignés par leur numéro ; ni mot de passe, ni empreinte, ni jeton n'apparaît. N'écrit rien.
Coût : une cinquantaine d'appels et une lecture de users. Peut être relancé à volonté.
Codes de sortie : 0 tout est fermé, 1 le portail ne répond pas du tout, 3 un contrôle n'est pas satisfait.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Fichier d'autres portes à essayer : adresse;acces;absence;role
    #[arg(long, value_name = "FICHIER")]
    doors: Option<PathBuf>,
    /// Fichier dont la première ligne est la session d'un compte sans droits (sinon PORTAL_SESSION)
    #[arg(long, value_name = "FICHIER")]
    session_file: Option<PathBuf>,
    #[command(flatten)]
    portal: PortalArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let client = ClientOptions { session_file: self.session_file, ..self.portal.options() };
        admin::check(&context.settings, &AdminOptions { client, doors: self.doors })
    }
}
