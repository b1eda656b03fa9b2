//! `update-saisons`: fills `dim_saisons` and `dim_periodes`, and links each period to its season.

use std::process::ExitCode;

use flux_cli::{Former, Tool, WriterArgs};
use flux_core::saisons::SaisonsUpdate;

pub(crate) const TOOL: Tool = Tool {
    name: "update-saisons",
    about: "Remplit dim_saisons et dim_periodes, et lie chaque période à sa saison",
    details: "\
Calcule : les saisons (une saison finit une seconde avant la suivante ; l'hiver appartient à l'année où il commence),
les vacances scolaires des zones A, B et C réunies, les week-ends de Pâques, de l'Ascension et de la Pentecôte, le pont
de mai (du 1er au 8 mai avec les week-ends et les ponts qui s'y ajoutent), l'année complète.
Lit : dim_saisons, dim_periodes, les dates des faits. Aucun réseau.
Écrit : dim_saisons, dim_periodes, flux_periodes, en une transaction, sous le verrou. Les lignes gardent leur
identifiant. Les périodes saisies ou changées à la main sont gardées et dites ; seul leur lien à une saison est tenu
à jour. Une année dont le calendrier scolaire n'est pas publié est dite inconnue, jamais inventée.
Coût : moins d'une seconde. Peut être relancé : une seconde exécution ne change rien.
Codes de sortie : 0 fait, 1 échec sans rien à moitié, 2 mauvais usage, 4 autre exécution en cours.",
    formerly: &[
        Former { name: "cron_update_saisons", arguments: &[] },
        Former { name: "force_update_saisons", arguments: &[] },
    ],
    ..Tool::of::<Args, SaisonsUpdate>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Première année (sinon la première des faits et des périodes, ou 2019 sans eux)
    #[arg(long, value_name = "ANNÉE")]
    from: Option<i32>,
    /// Dernière année (sinon la dernière des faits et des périodes ; sans eux 2030, ou quatre ans après l'année en cours)
    #[arg(long, value_name = "ANNÉE")]
    to: Option<i32>,
    /// Remplace aussi les dates de périodes calculées qui ont été changées à la main
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for SaisonsUpdate {
    fn from(args: Args) -> Self {
        Self { years: (args.from, args.to), overwrite: args.overwrite, dry_run: args.writer.dry_run }
    }
}
