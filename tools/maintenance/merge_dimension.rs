//! `merge-dimension`: two rows of one département, country, commune… made one, without losing a visitor.

use std::process::ExitCode;

use flux_cli::{DestroyerArgs, Tool};
use flux_core::domain::catalogue::Dim;
use flux_core::error::{Error, Result};
use flux_core::setup::{MergeOptions, Which};
use flux_core::zones::Rule;

pub(crate) const TOOL: Tool = Tool {
    name: "merge-dimension",
    about: "Réunit deux lignes d'un même département, pays, commune… : déplace les faits de toutes les tables, volumes prouvés",
    details: "\
Lit : la dimension de --dim (zones, provenances, categories, departements, pays, durees, epci, communes) et toutes
les tables de faits (principales, temporaires, _test). Sans --yes, montre le plan et n'écrit rien. Sans --from,
traite chaque nom qui est en plusieurs lignes, celui qui est abîmé allant vers celui qui ne l'est pas. --from-id
rattache aussi des faits dont la ligne n'existe plus. Pour les zones et leurs noms équivalents, voir merge-zones.
Écrit avec --yes, en une seule transaction sous le verrou : déplace les faits, applique la règle aux clés qui
existent des deux côtés, rattache les communes (departements, epci), supprime la ligne vidée. Le volume total par
table et par date est comparé avant et après ; au moindre écart, tout est annulé.
Clés des deux côtés (--on-conflict) : refuse (rien n'est fait), sum (volumes ajoutés), target (garde la ligne qui
reste), source (garde celle qui part). Avec sum, une ligne est provisoire si l'une des deux l'était.
--dim epci --doubles : non pas deux EPCI, mais les lignes d'une même commune (même jour, zone, provenance, catégorie)
sous plusieurs EPCI, un visiteur compté deux fois. La ligne définitive l'emporte sur la provisoire, puis celle dont
l'EPCI est celui des lignes définitives les plus récentes de la commune ; --on-conflict décide des autres volumes.
Coût : une lecture de chaque table qui porte la dimension. Peut être relancé : il n'y a alors plus rien à réunir.
Codes de sortie : 0 réuni ou plan montré, 1 échec (tout annulé), 2 mauvais usage, 3 à décider, 4 autre exécution
en cours.",
    ..Tool::of::<Args, MergeOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Dimension : zones, provenances, categories, departements, pays, durees, epci, communes
    #[arg(long, value_name = "DIMENSION", value_parser = str::parse::<Dim>)]
    dim: Dim,
    /// Nom de la ligne qui part
    #[arg(long, value_name = "NOM", conflicts_with = "from_id")]
    from: Option<String>,
    /// Numéro de la ligne qui part, même si elle n'existe plus
    #[arg(long, value_name = "ID")]
    from_id: Option<u32>,
    /// Nom de la ligne qui reste
    #[arg(long, value_name = "NOM", conflicts_with = "into_id")]
    into: Option<String>,
    /// Numéro de la ligne qui reste
    #[arg(long, value_name = "ID")]
    into_id: Option<u32>,
    /// Réunit les lignes d'une commune qui sont sous plusieurs EPCI (avec --dim epci)
    #[arg(long, conflicts_with_all = ["from", "from_id", "into", "into_id"])]
    doubles: bool,
    /// Règle pour les clés qui existent des deux côtés : refuse, sum, target, source
    #[arg(long, value_name = "RÈGLE", default_value = "refuse", value_parser = flux_cli::word::<Rule>(&["refuse", "sum", "target", "source"]))]
    on_conflict: Rule,
    #[command(flatten)]
    destroyer: DestroyerArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl TryFrom<Args> for MergeOptions {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self> {
        let from = args.from_id.map(Which::Id).or(args.from.map(Which::Name));
        let into = args.into_id.map(Which::Id).or(args.into.map(Which::Name));
        let pair = match (from, into) {
            (Some(from), Some(into)) => Some((from, into)),
            (None, None) => None,
            _ => {
                return Err(Error::Usage(
                    "donnez la ligne qui part (--from, --from-id) et celle qui reste (--into, --into-id)".into(),
                ));
            }
        };
        let dry_run = args.destroyer.dry_run();
        Ok(Self { dim: args.dim, pair, doubles: args.doubles, rule: args.on_conflict, dry_run })
    }
}
