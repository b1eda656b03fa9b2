//! `test-infographie-apis`: the ten endpoints behind the infographics.

use std::process::ExitCode;

use flux_cli::Tool;

use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_diagnostic::portal_args::{PortalArgs, QueryArgs};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "test-infographie-apis",
    about: "Appelle les dix API des infographies et contrôle leurs réponses",
    details: "\
Appelle : api/infographie/infographie_*.php (indicateurs clés, départements, régions et pays des touristes
et des excursionnistes, mobilité, durées de séjour, périodes) avec annee, periode, zone et limit.
Contrôle : le statut HTTP, la durée, le type annoncé, le JSON, les champs attendus et leur genre, et
qu'il y a des lignes. Une réponse vide est signalée.
Lit : PORTAL_BASE_URL, API_TOKEN et PORTAL_CA dans l'environnement ou .env. N'écrit rien ; n'envoie que
des GET ; le jeton n'apparaît jamais. La base n'est pas utilisée.
Coût : dix appels, l'un après l'autre. Peut être relancé à volonté.
Codes de sortie : 0 tout est bon, 1 le portail ne répond pas du tout, 3 un contrôle n'est pas satisfait.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces API : periodes,pays_touristes,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',')]
    only: Vec<String>,
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
        let only = self.only;
        flux_client::check(
            &context.settings,
            &flux_client::infographie(),
            &self.query.options(context, self.portal, only),
        )
    }
}
