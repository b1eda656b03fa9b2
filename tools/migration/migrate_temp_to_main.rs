//! `migrate-temp-to-main`: the rows of the temporary tables into the main ones.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::migrate::MigrateOptions;

use flux_migration::migration_args::MigrationArgs;

pub(crate) const TOOL: Tool = Tool {
    name: "migrate-temp-to-main",
    about: "Migre les dix tables temporaires vers les tables principales",
    details: "\
Lit : les tables temporaires. Écrit : les tables principales, chacune dans une transaction.
Une clé connue prend le nouveau volume, une nouvelle clé est ajoutée, une ligne provisoire dont la clé
n'est plus livrée (aux dates de la table temporaire) est retirée. Les lignes définitives sont gardées,
sauf --overwrite-definitive. Temporaires = ajoutées + mises à jour + identiques + définitives gardées.
Une ligne n'est retirée que s'il est établi qu'Orange l'a retirée :
  - une date dont des lignes ont été rejetées ou retenues à l'import ne retire rien (« suspendu ») ;
  - une date, ou une date d'une zone, qui perdrait plus que --max-shrink de ses lignes ou de son volume
    reste telle quelle, en entier ; --force la migre ;
  - des lignes qu'aucun import enregistré n'a apportées ne changent rien, sauf --include-unrecorded ;
  - des lignes sans ventilation (département, pays ou durée 0) sont signalées et ne sont pas migrées.
Chaque ligne retirée ou mise à jour est gardée dans l'historique : --undo EXÉCUTION montre ce qu'une annulation
rendrait, --yes l'exécute, sauf où les lignes ont changé depuis.
Coût : de l'ordre d'un INSERT … SELECT des mêmes lignes, deux au plus si tout est revu ; mémoire constante.
Peut être relancé à volonté : une seconde fois ne change rien.
Codes de sortie : 0 fait, 1 une table a échoué (les autres sont migrées), 3 fait, mais une partie est laissée de
côté, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, MigrateOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces tables (ou fichiers) : fact_nuitees,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = flux_cli::weekly_file(), hide_possible_values = true)]
    only: Vec<String>,
    #[command(flatten)]
    migration: MigrationArgs,
    /// Tables migrées en même temps (par défaut, une par processeur, au plus quatre)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: Option<u16>,
    /// Annule une migration : son exécution, telle que le rapport et l'historique la nomment (plan, --yes agit)
    #[arg(long, value_name = "EXÉCUTION", conflicts_with_all = ["only", "overwrite_definitive", "keep_withdrawn", "force", "include_unrecorded", "test"])]
    undo: Option<String>,
    /// Agit, au lieu de montrer ce qui serait annulé
    #[arg(long, requires = "undo")]
    yes: bool,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for MigrateOptions {
    fn from(args: Args) -> Self {
        let options = args.migration.options(args.only);
        let dry_run = options.dry_run || (args.undo.is_some() && !args.yes);
        Self { undo: args.undo, dry_run, jobs: args.jobs.map(usize::from), ..options }
    }
}
