//! `manage-periodes`: hand-made rows of `dim_periodes` listed, added, changed, removed, copied.

use std::process::ExitCode;

use chrono::NaiveDate;
use clap::ValueEnum;
use flux_cli::{Tool, WriterArgs};
use flux_core::error::{Error, Result};
use flux_core::saisons::{ManageOptions, PeriodeAction as Action};

pub(crate) const TOOL: Tool = Tool {
    name: "manage-periodes",
    about: "Périodes saisies à la main : list, add, change, remove, copy",
    details: "\
Lit : dim_periodes, dim_saisons. Écrit : une ligne de dim_periodes, en une transaction, sous le verrou.
  manage-periodes list --year 2025
  manage-periodes add --code festival_theatre --name \"Festival de théâtre de rue\" --from 2025-08-20 --to 2025-08-23
  manage-periodes change --code festival_theatre --year 2025 --to 2025-08-24
  manage-periodes copy --code festival_theatre --year 2025 --to-year 2026 --same-weekday
  manage-periodes remove --code festival_theatre --year 2025 --yes
Une période porte l'année où elle commence. Les jours sont contrôlés, les périodes qui en partagent sont dites ; la
saison (id_saison, et la colonne saison là où elle existe) est remplie comme `update-saisons` le ferait. Les colonnes
DATE et DATETIME conviennent toutes deux. Les périodes calculées par `update-saisons` peuvent être changées (elles
sont alors gardées), pas ajoutées ni retirées ici. remove montre seulement ce qu'il ferait, sans --yes.
Coût : moins d'une seconde.
Codes de sortie : 0 fait, 1 échec (période déjà là, absente ou calculée), 2 mauvais usage, 3 aucune saison ne
couvre ces jours, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, ManageOptions>()
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ActionArg {
    List,
    Add,
    Change,
    Remove,
    Copy,
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Que faire
    #[arg(value_name = "ACTION", default_value = "list")]
    action: ActionArg,
    /// Code de la période : festival_theatre
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Année de la période
    #[arg(long, value_name = "ANNÉE")]
    year: Option<i32>,
    /// Nom, pour les personnes
    #[arg(long, value_name = "NOM")]
    name: Option<String>,
    /// Premier jour
    #[arg(long, value_name = "AAAA-MM-JJ")]
    from: Option<NaiveDate>,
    /// Dernier jour
    #[arg(long, value_name = "AAAA-MM-JJ")]
    to: Option<NaiveDate>,
    /// Année de la copie
    #[arg(long, value_name = "ANNÉE")]
    to_year: Option<i32>,
    /// Copie sur les mêmes jours de la semaine, non du mois
    #[arg(long)]
    same_weekday: bool,
    /// Retire vraiment (remove)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl TryFrom<Args> for ManageOptions {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self> {
        let dry_run = args.writer.dry_run || (args.action == ActionArg::Remove && !args.yes);
        Ok(Self { action: action(args)?, dry_run })
    }
}

/// The action, with what it needs; what it has no use for is refused rather than passed over.
fn action(args: Args) -> Result<Action> {
    use ActionArg as A;
    let given = [
        ("--name", args.name.is_some(), &[A::Add, A::Change][..]),
        ("--from", args.from.is_some(), &[A::Add, A::Change]),
        ("--to", args.to.is_some(), &[A::Add, A::Change]),
        ("--year", args.year.is_some(), &[A::List, A::Change, A::Remove, A::Copy]),
        ("--to-year", args.to_year.is_some(), &[A::Copy]),
        ("--same-weekday", args.same_weekday, &[A::Copy]),
        ("--yes", args.yes, &[A::Remove]),
    ];
    let name = args.action.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    if let Some((option, ..)) = given.iter().find(|(_, given, of)| *given && !of.contains(&args.action)) {
        return Err(Error::Usage(format!("{option} ne va pas avec {name}")));
    }
    let missing = |option: &str| Error::Usage(format!("{name} demande {option}"));
    let code = || args.code.clone().ok_or_else(|| missing("--code"));
    let year = || args.year.ok_or_else(|| missing("--year"));
    Ok(match args.action {
        A::List => Action::List { year: args.year, code: args.code },
        A::Add => Action::Add {
            code: code()?,
            name: args.name.clone().ok_or_else(|| missing("--name"))?,
            from: args.from.ok_or_else(|| missing("--from"))?,
            to: args.to.ok_or_else(|| missing("--to"))?,
        },
        A::Change if args.name.is_none() && args.from.is_none() && args.to.is_none() => {
            return Err(missing("--name, --from ou --to"));
        }
        A::Change => {
            Action::Change { code: code()?, year: year()?, name: args.name.clone(), from: args.from, to: args.to }
        }
        A::Remove => Action::Remove { code: code()?, year: year()? },
        A::Copy => Action::Copy {
            code: code()?,
            year: year()?,
            to_year: args.to_year.ok_or_else(|| missing("--to-year"))?,
            same_weekday: args.same_weekday,
        },
    })
}
