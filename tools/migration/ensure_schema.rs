//! `ensure-schema`: creates what the database lacks; never drops or narrows anything.

use std::process::ExitCode;

use flux_cli::{SpaceArgs, Tool, WriterArgs};
use flux_core::setup::{Keep, Preset, SetupAction, SetupOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "ensure-schema",
    about: "Crée les tables, colonnes et index qui manquent, et les données de référence",
    details: "\
Lit : la structure de la base. Écrit : les tables, colonnes et index absents ; avec --seed, les lignes
absentes des dimensions (zones, provenances, catégories, départements, pays, durées, EPCI, communes).
Rien n'est jamais effacé ni réduit. Une clé qui ignore une ventilation est élargie à la clé naturelle.
Un nom n'est ajouté que si aucune ligne n'y répond, sous un nom équivalent ou abîmé. Une commune sans nom ou sans EPCI les reçoit
(de son code, des faits définitifs, puis de la référence) avant tout ajout.
Le plan est essayé sur les lignes : une clé que des doubles empêchent est dite avec leur nombre et leurs numéros, le reste est fait.
--resolve-duplicates les règle en une transaction : newest (la dernière ligne écrite reste), oldest, sum (volumes ajoutés),
definitive (la définitive reste). Une base née d'anciens scripts passe d'abord par adopt-database.
--drop-test supprime les tables _test (avec --yes) : ce que l'historique en dit est annulé, leurs fichiers peuvent être rechargés.
--partition-by-year partage chaque table principale par année de date (avec --yes ; sans lui : le plan, les tailles, la durée) : la clé
primaire (id) devient (id, date), une partition reste pour ce qui vient avant et après ; `cleanup-year` vide alors une année d'un coup.
Le serveur recopie chaque table en une instruction ; ce qui écrit attend. Une table qui ne s'y prête pas est laissée, avec la raison.
Les années qui viennent ont leur partition au prochain ensure-schema : lancez-le une fois l'an.
Coût : quelques secondes ; un ajout de colonne à une grande table peut prendre quelques minutes.
Peut être relancé à volonté : ce qui existe est laissé tel quel.
Codes de sortie : 0 fait, 1 une table n'a pas pu être changée, 3 fait mais des lignes s'opposent à une clé
ou une table a été laissée, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, SetupOptions>()
};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("planned").args(["drop_test", "partition_by_year"]))]
struct Args {
    /// Tables concernées
    #[arg(long, value_name = "GROUPE", default_value = "all", value_parser = flux_cli::choice::<Preset>(["all", "dims", "facts", "sejours", "lieu", "temp"]))]
    preset: Preset,
    /// Ajoute aux dimensions les données de référence qui manquent
    #[arg(long)]
    seed: bool,
    /// Règle les clés en double : newest, oldest, sum, definitive
    #[arg(long, value_name = "RÈGLE", value_parser = flux_cli::word::<Keep>(&["newest", "oldest", "sum", "definitive"]))]
    resolve_duplicates: Option<Keep>,
    /// Supprime toutes les tables _test, et rien d'autre : montre le plan, --yes agit
    #[arg(long, conflicts_with_all = ["seed", "resolve_duplicates", "preset", "test"])]
    drop_test: bool,
    /// Partage les tables principales par année, et rien d'autre : montre le plan, --yes agit
    #[arg(long, conflicts_with_all = ["seed", "resolve_duplicates", "drop_test"])]
    partition_by_year: bool,
    /// Agit (--drop-test, --partition-by-year) ; sinon l'outil montre seulement son plan
    #[arg(long, requires = "planned")]
    yes: bool,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SetupOptions {
    fn from(args: Args) -> Self {
        let action = match (args.drop_test, args.partition_by_year) {
            (true, _) => SetupAction::DropTest,
            (_, true) => SetupAction::Partition,
            _ => SetupAction::Ensure,
        };
        let planned = args.drop_test || args.partition_by_year;
        Self {
            action,
            preset: args.preset,
            space: args.space.space(),
            seed: args.seed,
            resolve: args.resolve_duplicates,
            dry_run: args.writer.dry_run || (planned && !args.yes),
        }
    }
}
