//! Options that all migrations have in common.

use flux_cli::{SpaceArgs, WriterArgs};
use flux_core::migrate::MigrateOptions;

/// Flattened into the arguments of each migration.
#[derive(Debug, clap::Args)]
pub struct MigrationArgs {
    /// Remplace aussi les lignes définitives de même clé
    #[arg(long)]
    overwrite_definitive: bool,
    /// Garde les lignes provisoires dont la clé n'est plus livrée
    #[arg(long)]
    keep_withdrawn: bool,
    /// Part de ses lignes ou de son volume qu'une date, ou une date d'une zone, peut perdre ; au-delà elle reste telle quelle
    #[arg(long, value_name = "N%", default_value = "50%", value_parser = flux_cli::parse_percent)]
    max_shrink: f64,
    /// Migre aussi ce qui perd davantage (--max-shrink)
    #[arg(long)]
    force: bool,
    /// Migre aussi les lignes temporaires qu'aucun import enregistré n'a apportées
    #[arg(long)]
    include_unrecorded: bool,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

impl MigrationArgs {
    /// The options for these tables (all where there is none).
    pub fn options(&self, only: Vec<String>) -> MigrateOptions {
        MigrateOptions {
            only,
            overwrite_definitive: self.overwrite_definitive,
            keep_withdrawn: self.keep_withdrawn,
            max_shrink: Some(self.max_shrink),
            force: self.force,
            include_unrecorded: self.include_unrecorded,
            space: self.space.space(),
            undo: None,
            dry_run: self.writer.dry_run,
            jobs: None,
        }
    }
}
