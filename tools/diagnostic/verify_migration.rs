//! `verify-migration`: proves that main = temporary, row by row, in both directions.

use std::process::ExitCode;

use chrono::NaiveDate;

use flux_cli::{SpaceArgs, Tool};
use flux_core::migrate::VerifyOptions;

pub(crate) const TOOL: Tool = Tool {
    name: "verify-migration",
    about: "Prouve ligne à ligne que les tables principales contiennent la livraison",
    details: "\
Lit : les tables temporaires et principales. Note son verdict (flux_verifications), que le portail montre, si le
compte peut l'écrire ; n'écrit rien d'autre.
Pour chaque date de la table temporaire, principale = temporaire, lignes définitives à part : lignes
absentes, volumes différents et lignes provisoires en trop sont comptés, et les premières clés listées.
Ce que la migration laisse de côté (retraits suspendus, dates qui perdraient trop, lignes d'aucun import, lignes
sans ventilation) est nommé, et n'est pas prouvé tant qu'il reste.
--from-archive compare chaque date de la table principale au CSV archivé qui l'a apportée en dernier, lu comme à
l'import avec les noms d'aujourd'hui : la preuve reste possible après `cleanup-temp`.
Coût : deux lectures par index ; mémoire constante. Peut être relancé à volonté.
Codes de sortie : 0 prouvé (ou rien à comparer), 1 une table n'a pas pu être lue, 3 des écarts,
ou quelque chose est laissé de côté.",
    ..Tool::of::<Args, VerifyOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : fact_nuitees,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = flux_cli::weekly_file(), hide_possible_values = true)]
    only: Vec<String>,
    /// Clés listées par table et par sorte d'écart
    #[arg(long, value_name = "N", default_value = "20")]
    limit: u32,
    /// Prouve les tables principales par les CSV archivés (data/archive/), après `cleanup-temp` aussi
    #[arg(long)]
    from_archive: bool,
    /// Seulement ces dates (AAAA-MM-JJ,…)
    #[arg(long, value_name = "DATE,…", value_delimiter = ',', requires = "from_archive")]
    date: Vec<NaiveDate>,
    #[command(flatten)]
    space: SpaceArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for VerifyOptions {
    fn from(args: Args) -> Self {
        let archived = args.from_archive.then_some(args.date);
        Self { only: args.only, space: args.space.space(), limit: args.limit, archived }
    }
}
