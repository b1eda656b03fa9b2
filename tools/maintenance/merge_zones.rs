//! `merge-zones`: two rows of one zone made one, without losing a visitor.

use std::process::ExitCode;

use flux_cli::{DestroyerArgs, Tool};
use flux_core::error::{Error, Result};
use flux_core::zones::{MergeOptions, Rule};

pub(crate) const TOOL: Tool = Tool {
    name: "merge-zones",
    about: "Réunit deux lignes d'une même zone : déplace les faits de toutes les tables, volumes prouvés égaux",
    details: "\
Lit : dim_zones_observation et toutes les tables de faits (principales, temporaires, _test). Sans --yes, montre le
plan et n'écrit rien. Sans --from et --into, traite chaque groupe de la référence réparti sur plusieurs lignes :
le premier nom du groupe reste.
Écrit avec --yes, en une seule transaction sous le verrou : déplace les faits, applique la règle aux clés qui
existent des deux côtés, supprime la zone vidée. Le volume total par table et par date est comparé avant et
après ; au moindre écart, tout est annulé.
Clés des deux côtés (--on-conflict) : refuse (rien n'est fait), sum (volumes ajoutés), target (garde la zone qui
reste), source (garde celle qui part). Avec sum, une ligne est provisoire si l'une des deux l'était.
Coût : en proportion des lignes de la zone qui part. Peut être relancé : il n'y a alors plus rien à réunir.
Codes de sortie : 0 réuni ou plan montré, 1 échec (tout annulé), 2 mauvais usage, 3 à décider, 4 autre exécution
en cours.",
    ..Tool::of::<Args, MergeOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Zone qui part
    #[arg(long, value_name = "NOM", requires = "into")]
    from: Option<String>,
    /// Numéro d'une zone dont la ligne n'existe plus : ses faits sont rattachés à --into
    #[arg(long, value_name = "ID", requires = "into", conflicts_with = "from")]
    from_id: Option<u32>,
    /// Zone qui reste
    #[arg(long, value_name = "NOM")]
    into: Option<String>,
    /// Règle pour les clés qui existent des deux côtés
    #[arg(long, value_name = "RÈGLE", default_value = "refuse", value_parser = flux_cli::choice::<Rule>(["refuse", "sum", "target", "source"]))]
    on_conflict: Rule,
    /// Réunit aussi deux zones que la référence ne dit pas équivalentes
    #[arg(long, requires = "from")]
    any_pair: bool,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl TryFrom<Args> for MergeOptions {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self> {
        if args.into.is_some() && args.from.is_none() && args.from_id.is_none() {
            return Err(Error::Usage("donnez aussi la zone qui part : --from ou --from-id".into()));
        }
        Ok(Self {
            pair: args.from.zip(args.into.clone()),
            gone: args.from_id.zip(args.into),
            rule: args.on_conflict,
            any_pair: args.any_pair,
            dry_run: args.destroyer.dry_run(),
        })
    }
}
