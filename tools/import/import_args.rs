//! Options that the variants of the import have in common.

use std::path::PathBuf;

use flux_cli::{LoadArgs, SpaceArgs, WriterArgs};
use flux_core::load::ImportOptions;

/// Flattened into the arguments of each variant.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// Ne garde que les lignes de cette année
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: Option<i32>,
    #[command(flatten)]
    load: LoadArgs,
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER", alias = "data-path")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

impl ImportArgs {
    /// The options for the files of these short names (all where there is none).
    pub fn options(self, only: &[&str], force: bool) -> ImportOptions {
        ImportOptions {
            data_dir: self.data_dir,
            year: self.year,
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            force,
            on_conflict: self.load.on_conflict,
            max_rejects: self.load.max_rejects,
            load_method: self.load.load_method,
            space: self.space.space(),
            dry_run: self.writer.dry_run,
            ..ImportOptions::default()
        }
    }
}
