//! `tables-info`: what the database holds.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::health::{TableKind, TableOptions};

pub(crate) const TOOL: Tool = Tool {
    name: "tables-info",
    about: "Inventaire de la base : lignes, tailles, structure de chaque table",
    details: "\
Lit : le catalogue du serveur ; compte les lignes des petites tables, et de toutes avec --stats (dates, volumes,
lignes provisoires et définitives). N'écrit rien.
Types : dim (dimensions), fact (faits), temp (temporaires), system (tout le reste, tables des outils comprises).
Signale les tables, colonnes et index du schéma qui manquent.
Coût : immédiat ; --stats parcourt chaque table. Peut être relancé à volonté.
Codes de sortie : 0 rien ne manque, 1 échec, 2 mauvais usage, 3 à regarder.",
    ..Tool::of::<Args, TableOptions>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Seulement ces types
    #[arg(long = "type", value_name = "TYPE,…", value_delimiter = ',', value_parser = flux_cli::choice::<TableKind>(["dim", "fact", "temp", "system"]))]
    kinds: Vec<TableKind>,
    /// Colonnes et index de chaque table
    #[arg(long)]
    structure: bool,
    /// Compte exactement : lignes, jours, volumes, provisoires et définitives
    #[arg(long)]
    stats: bool,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for TableOptions {
    fn from(args: Args) -> Self {
        Self { kinds: args.kinds, structure: args.structure, stats: args.stats }
    }
}
