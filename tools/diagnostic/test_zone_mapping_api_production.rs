//! `test-zone-mapping-api-production`: does every zone name of the portal lead to data?

use std::process::ExitCode;

use flux_cli::{SpaceArgs, Tool};
use flux_client::zones::{self, ZoneOptions};
use flux_core::domain::catalogue::Space;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_diagnostic::portal_args::PortalArgs;
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "test-zone-mapping-api-production",
    about: "Pour chaque nom de zone du portail : la ligne en base, les lignes et dates qu'il y a derrière",
    details: "\
Lit : dim_zones_observation et un index des tables des tableaux de bord (nuitées, diurnes, séjours, mobilité).
N'écrit rien. Sans --zone, essaie chaque nom de la référence et chacun de ses équivalents.
Avec --base-url (ou PORTAL_BASE_URL), demande en plus au portail la mobilité de chaque nom, pour la dernière
année qui a des données ou --year, et compare le total avec celui de la base.
Signale : nom qui ne mène à rien, zone sans donnée, zone sous deux noms, que les chiffres additionnent, zone
que le portail ne connaît pas ou pour laquelle il donne un autre chiffre. La base visée est celle des réglages :
APP_ENV=production pour celle de production.
Coût : un parcours d'index par table ; avec le portail, un appel par nom et une requête par zone. Peut être
relancé à volonté.
Codes de sortie : 0 chaque nom mène à des données, 1 échec (ou portail muet), 2 mauvais usage, 3 à regarder.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces noms
    #[arg(long = "zone", value_name = "NOM,…", value_delimiter = ',')]
    zones: Vec<String>,
    /// Année à demander au portail (sinon la dernière qui a des données)
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(1900..=2100))]
    year: Option<i32>,
    /// Période à demander au portail
    #[arg(long, value_name = "PÉRIODE", default_value = "annee_complete")]
    period: String,
    #[command(flatten)]
    portal: PortalArgs,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let options = ZoneOptions {
            client: self.portal.options(),
            names: self.zones,
            year: self.year,
            period: self.period,
            test: self.space.space() == Space::Test,
        };
        zones::check(&context.settings, &context.database()?, &options)
    }
}
