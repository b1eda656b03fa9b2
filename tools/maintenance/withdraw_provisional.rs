//! `withdraw-provisional`: the provisional rows of the main tables taken out, definitive ones untouched.

use std::process::ExitCode;

use chrono::NaiveDate;
use flux_cli::{DestroyerArgs, SpaceArgs, Tool};
use flux_core::upkeep::WithdrawOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "withdraw-provisional",
    about: "Retire les lignes provisoires des tables principales",
    details: "\
Sans --yes : compte et montre ce qui serait retiré, table par table, n'écrit rien.
Avec --yes : retire les lignes provisoires (is_provisional = 1), toutes ou celles de --from à --to ; une transaction
par table, notée dans l'historique des imports. Ce qui est retiré est gardé comme l'est ce qu'une migration change :
--undo EXÉCUTION montre ce qu'une annulation remettrait, --yes l'exécute, sauf où les lignes ont changé depuis. Les lignes définitives ne sont jamais touchées, ni les tables
temporaires. Les livraisons dont les lignes viennent d'être retirées, et que `cleanup-temp` avait vidées, ne comptent
plus comme chargées : `update-temp-tables` peut les recharger. Ce qui attend encore dans une table temporaire
reviendrait à la prochaine migration : c'est dit.
Coût : un comptage par index sur la date, une copie dans l'historique, une suppression. Peut être relancé. Sauvegardez d'abord avec
`backup-critical`.
Codes de sortie : 0 fait (ou plan montré), 1 échec, 2 mauvais usage, 3 des lignes attendent dans une table temporaire,
4 une autre exécution est en cours.",
    ..Tool::of::<Args, WithdrawOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Première date
    #[arg(long, value_name = "AAAA-MM-JJ")]
    from: Option<NaiveDate>,
    /// Dernière date
    #[arg(long, value_name = "AAAA-MM-JJ")]
    to: Option<NaiveDate>,
    /// Seulement ces familles ou tables : Nuitee,fact_diurnes,…
    #[arg(long, value_name = "FAMILLE,…", value_delimiter = ',', value_parser = flux_cli::family(), hide_possible_values = true)]
    only: Vec<&'static str>,
    /// Annule un retrait : son exécution, telle que le rapport et l'historique la nomment (plan, --yes agit)
    #[arg(long, value_name = "EXÉCUTION", conflicts_with_all = ["only", "from", "to", "test"])]
    undo: Option<String>,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for WithdrawOptions {
    fn from(args: Args) -> Self {
        let Args { from, to, only, undo, space, destroyer } = args;
        Self { only, from, to, space: space.space(), undo, dry_run: destroyer.dry_run() }
    }
}
