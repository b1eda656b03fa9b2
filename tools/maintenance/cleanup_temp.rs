//! `cleanup-temp`: empties the temporary tables once every row of them is proved to be in the main tables.

use std::process::ExitCode;

use flux_cli::{Former, SpaceArgs, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::migrate::CleanupOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "cleanup-temp",
    about: "Vide les tables temporaires dont chaque ligne est prouvée migrée",
    details: "\
Lit : les tables temporaires et principales, et l'historique. Écrit : vide les tables temporaires prouvées, et le
note dans l'historique des imports, dans la même transaction : les mêmes fichiers ne seront pas rechargés.
Une table dont une seule ligne manque à la table principale est gardée, avec la raison. Les dates dont un retrait
est suspendu, qui perdraient trop, ou dont la migration retirerait encore des lignes, restent ; les autres dates de
la table partent.
Les lignes effacées sont celles que la table principale a à cet instant : si quelqu'un a écrit entre la preuve et
l'effacement, rien n'est effacé.
Oublie aussi les lignes gardées pour annuler les migrations plus vieilles que --keep-history.
Coût : deux lectures par index, puis un DELETE. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 une table n'a pas pu être lue ou vidée, 3 une table ou des dates sont gardées,
4 une autre exécution est en cours.",
    formerly: &[Former { name: "cleanup_temp_tables", arguments: &[] }],
    ..Tool::of::<Args, CleanupOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : fact_nuitees,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = flux_cli::weekly_file(), hide_possible_values = true)]
    only: Vec<String>,
    /// Vide même sans preuve : les lignes non migrées sont perdues
    #[arg(long)]
    force: bool,
    /// Laisse en base les lignes provisoires que la livraison n'a plus, comme `migrate-temp-to-main --keep-withdrawn`
    #[arg(long)]
    keep_withdrawn: bool,
    /// Âge jusqu'auquel les lignes changées par les migrations sont gardées, pour pouvoir les annuler (un nombre seul : jours)
    #[arg(long, value_name = "ÂGE", default_value = "400j", value_parser = parse_days)]
    keep_history: u32,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for CleanupOptions {
    fn from(args: Args) -> Self {
        Self {
            only: args.only,
            force: args.force,
            keep_withdrawn: args.keep_withdrawn,
            space: args.space.space(),
            keep_history: args.keep_history,
            dry_run: args.writer.dry_run,
        }
    }
}

/// An age of whole days, from one on.
fn parse_days(text: &str) -> Result<u32, String> {
    let days = flux_cli::parse_age(text)?.as_secs() / 86_400;
    u32::try_from(days)
        .ok()
        .filter(|days| *days > 0)
        .ok_or_else(|| "attendu : un jour au moins, par exemple 400j".into())
}
