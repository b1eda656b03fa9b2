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
            space: self.space.space(),
            dry_run: self.writer.dry_run,
        }
    }
}
