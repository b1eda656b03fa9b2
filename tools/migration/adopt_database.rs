//! `adopt-database`: a database of older scripts looked at, mended and recorded, before any tool writes to it.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::adoption::{AdoptOptions, Marks};

pub(crate) const TOOL: Tool = Tool {
    name: "adopt-database",
    about: "Examine une base née d'anciens scripts, répare ce qui ne perd rien et l'enregistre comme adoptée",
    details: "\
Lit : toute la base (structure, clés, dimensions, faits). Sans --apply, n'écrit rien : chaque constat vient avec son
nombre, des exemples et la commande qui le règle ; à la fin, « prête » ou l'ordre dans lequel régler.
Écrit avec --apply, sous le verrou, chaque étape entière ou pas du tout : moteurs et jeux de caractères, tables,
colonnes et clés que les lignes permettent, numéros que le serveur ne compte pas ou qui manquent de place, noms de
communes d'après leur code, noms abîmés, numérotation des dimensions au-dessus des faits. Rien n'est effacé ; jours de
zéros et numéros 0 restent tels quels, un horodatage de zéros devient NULL. Ce que seul le propriétaire peut juger est
dit avec sa commande : tables en capitales, vues, partitions, types, numéros 0 ou négatifs. Quand plus rien ne
s'oppose, l'adoption est enregistrée : les autres outils refusent d'écrire avant. Les doubles et les lignes jumelles
demandent un choix : ensure-schema --resolve-duplicates, merge-dimension, merge-zones.
Les lignes provisoires qui ont été mises à jour sont des volumes définitifs mal marqués : --definitive-marks flag les
marque définitives, keep les laisse ; sans ce choix, l'adoption attend.
Coût : chaque table de faits est lue une fois par dimension ; une clé ajoutée à une grande table prend des minutes.
Peut être relancé à volonté.
Codes de sortie : 0 prête, 1 une étape a échoué (rien n'en reste), 3 à régler, 4 une autre exécution est en cours.",
    ..Tool::of::<Args, AdoptOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Répare ce qui ne perd rien, et enregistre l'adoption quand plus rien ne s'y oppose
    #[arg(long)]
    apply: bool,
    /// Lignes provisoires qui ont été mises à jour : flag (définitives), keep (provisoires)
    #[arg(long, value_name = "CHOIX", num_args = 0..=1, default_missing_value = "flag", requires = "apply", value_parser = flux_cli::word::<Marks>(&["flag", "keep"]))]
    definitive_marks: Option<Marks>,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for AdoptOptions {
    fn from(args: Args) -> Self {
        Self { apply: args.apply, marks: args.definitive_marks }
    }
}
