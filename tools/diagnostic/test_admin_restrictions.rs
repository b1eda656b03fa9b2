//! `test-admin-restrictions`: strangers and ordinary accounts are kept out, and the accounts are in order.

use std::process::ExitCode;

use flux_cli::{Context, Tool};

use flux_client::admin::{self, AdminReport};
use flux_core::error::Result;
use flux_diagnostic::portal_args::PortalArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "test-admin-restrictions",
    about: "Vérifie que les API protégées sont fermées et que les comptes sont en ordre",
    details: "\
Appelle sans jeton : api/shared-spaces/*.php et api/database/tables_info.php ; puis, avec le jeton d'un
compte sans droits d'administration (API_TOKEN ou --token-file), api/shared-spaces/*.php. Chaque appel
doit être refusé (401, 403 ou renvoi vers la page de connexion). Seuls des GET sont envoyés.
Lit : la table users de la base du portail : au moins un administrateur actif, aucun mot de passe en clair,
vide ou d'empreinte faible (MD5, SHA-1, SHA-2 rapide, PASSWORD(), bcrypt de coût inférieur à 10).
Les comptes sont désignés par leur numéro ; ni mot de passe, ni empreinte, ni jeton n'apparaît. N'écrit rien.
Coût : moins de dix appels et une lecture de users. Peut être relancé à volonté.
Codes de sortie : 0 tout est fermé, 1 le portail ne répond pas du tout, 3 un contrôle n'est pas satisfait.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    portal: PortalArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<AdminReport> {
    admin::check(&context.settings, &args.portal.options())
}
