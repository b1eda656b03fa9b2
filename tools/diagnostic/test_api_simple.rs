//! `test-api-simple`: does the portal answer? Three calls: open, with parameters, with a token.

use std::process::ExitCode;

use flux_cli::Tool;

use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_diagnostic::portal_args::{PortalArgs, QueryArgs};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "test-api-simple",
    about: "Appelle trois API du portail : statut, durée, JSON, champs attendus",
    details: "\
Appelle : infographie_periodes, infographie_indicateurs_cles et, avec un jeton, database/tables_info.
Contrôle : le statut HTTP, la durée, le type annoncé, le JSON, les champs attendus et leur genre. Délai
dépassé, redirection, page HTML au statut 200, limite de débit (429 et son attente), erreur TLS, connexion
refusée ou coupée sont dits chacun pour ce qu'ils sont. Les redirections ne sont pas suivies.
Lit : PORTAL_BASE_URL, API_TOKEN et PORTAL_CA (autorité interne, PEM) dans l'environnement ou .env.
N'écrit rien ; n'envoie que des GET ; le jeton n'apparaît jamais. La base n'est pas utilisée.
Coût : trois appels. Peut être relancé à volonté.
Codes de sortie : 0 tout est bon, 1 le portail ne répond pas du tout, 3 un contrôle n'est pas satisfait.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    portal: PortalArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        flux_client::check(
            &context.settings,
            flux_client::SIMPLE,
            &self.query.options(context, self.portal, Vec::new()),
        )
    }
}
