//! What the two imports of stays have in common.

use flux_core::figures::StaysImport;

use crate::import_args::ImportArgs;

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub struct StaysArgs {
    /// Charge aussi un fichier inchangé et remplace les dates réduites
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    import: ImportArgs,
}

impl StaysArgs {
    /// The import of the file of this short name.
    pub fn of(self, file: &str) -> StaysImport {
        StaysImport(self.import.options(&[file], self.force))
    }
}
