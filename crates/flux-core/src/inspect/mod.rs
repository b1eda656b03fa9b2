//! What a delivery holds and whether it is complete and plausible.

pub(crate) mod scan;
mod state;
mod strangers;
mod validation;
mod zone_names;
pub(crate) mod zones_csv;

pub(crate) use strangers::{Stranger, strangers};

pub use state::delivery;
pub use validation::{ValidationOptions, validate};
pub(crate) use zone_names::{ZoneNames, zone_names};
pub use zones_csv::zones_csv;

use crate::db::Database;
use crate::error::Result;
use crate::load::{self, ImportOptions};
use crate::progress::Progress;
use crate::report::Report;
use crate::settings::Settings;

/// Imports the weekly delivery, and names the files of its folder that the import does not take.
///
/// # Errors
/// Those of [`load::run`].
pub fn import(
    tool: &'static str,
    settings: &Settings,
    database: &Database,
    options: &ImportOptions,
    progress: &Progress,
) -> Result<impl Report + use<>> {
    let mut report = load::run(tool, settings, database, options, progress)?;
    // Who asks for some of the files does not ask about the folder.
    if options.only.is_empty() {
        let strangers = strangers(report.folder())?;
        report.beside(strangers.iter().map(|stranger| (stranger.file.clone(), stranger.finding())));
    }
    Ok(report)
}
