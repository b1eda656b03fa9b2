//! What the two imports of stays have in common.

use flux_cli::Context;
use flux_core::error::Result;
use flux_core::figures;
use flux_report::Report;

use crate::import_args::ImportArgs;

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Charge aussi un fichier inchangé et remplace les dates réduites
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    import: ImportArgs,
}

/// Imports the file of this short name, then looks at what its table holds.
pub fn import(file: &str, args: Args, context: &Context) -> Result<impl Report + use<>> {
    let options = args.import.options(&[file], args.force);
    figures::import_stays(context.tool, &context.settings, &context.database()?, &options, &context.progress)
}
