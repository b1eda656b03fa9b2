//! `test-api-mobilite-directe`: the mobility answer of the portal against the same figures computed by SQL.

use std::process::ExitCode;

use flux_cli::Tool;

use flux_client::mobility;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_diagnostic::portal_args::{PortalArgs, QueryArgs};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "test-api-mobilite-directe",
    about: "Compare la mobilité que donne le portail à celle que donne la base",
    details: "\
Appelle : api/infographie/infographie_communes_excursion.php avec annee, periode, zone et limit.
Demande à la base les mêmes chiffres que compare-mobility-2024-2023 : période et même période de l'année
d'avant, zone et noms équivalents additionnés, catégorie TOURISTE, provenance autre que LOCAL, communes
connues que classe l'une des deux années, de la plus grande à la plus petite. Compare dates, communes, volumes, évolution, ordre et nombre, et
montre chaque écart. À volumes égaux, l'ordre des communes est libre.
Lit : PORTAL_BASE_URL, API_TOKEN et PORTAL_CA dans l'environnement ou .env ; la base. N'écrit rien ;
n'envoie qu'un GET ; le jeton n'apparaît jamais.
Coût : un appel et une somme par index sur deux périodes. Peut être relancé à volonté.
Codes de sortie : 0 égales, 1 le portail ou la base ne répond pas, 3 un écart ou un contrôle non satisfait.",
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
        mobility::check(&context.settings, &context.database()?, &self.query.options(context, self.portal, Vec::new()))
    }
}
