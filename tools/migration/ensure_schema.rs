//! `ensure-schema`: creates what the database lacks; never drops or narrows anything.

use std::process::ExitCode;

use clap::ValueEnum;
use flux_cli::{Context, SpaceArgs, Tool, WriterArgs};
use flux_core::error::Result;
use flux_core::setup::{self, Keep, PartitionOptions, Preset, SchemaTask, SetupOptions};
use flux_report::Report;

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
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PresetArg {
    All,
    Dims,
    Facts,
    Sejours,
    Lieu,
    Temp,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("planned").args(["drop_test", "partition_by_year"]))]
struct Args {
    /// Tables concernées
    #[arg(long, value_name = "GROUPE", default_value = "all")]
    preset: PresetArg,
    /// Ajoute aux dimensions les données de référence qui manquent
    #[arg(long)]
    seed: bool,
    /// Règle les clés en double : newest, oldest, sum, definitive
    #[arg(long, value_name = "RÈGLE", value_parser = str::parse::<Keep>)]
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

fn run(args: Args, context: &Context) -> Result<impl Report + use<>> {
    let preset = match args.preset {
        PresetArg::All => Preset::All,
        PresetArg::Dims => Preset::Dims,
        PresetArg::Facts => Preset::Facts,
        PresetArg::Sejours => Preset::Sejours,
        PresetArg::Lieu => Preset::Lieu,
        PresetArg::Temp => Preset::Temp,
    };
    let (space, dry_run) = (args.space.space(), args.writer.dry_run);
    let task = if args.drop_test {
        SchemaTask::DropTest { dry_run: dry_run || !args.yes }
    } else if args.partition_by_year {
        SchemaTask::Partition(PartitionOptions { preset, space, dry_run: dry_run || !args.yes })
    } else {
        let (seed, resolve) = (args.seed, args.resolve_duplicates);
        SchemaTask::Ensure(SetupOptions { preset, space, seed, resolve, dry_run })
    };
    setup::schema_task(&context.database()?, task, &context.progress)
}
