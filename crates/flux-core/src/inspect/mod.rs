//! What a delivery holds and whether it is complete and plausible.

pub(crate) mod scan;
mod state;
mod strangers;
mod validation;
mod zone_names;
pub(crate) mod zones_csv;

pub(crate) use strangers::{Stranger, strangers};

pub use state::DeliveryOptions;
pub use validation::ValidationOptions;
pub(crate) use zone_names::{ZoneNames, zone_names};
pub use zones_csv::ZonesCsvOptions;

use crate::error::Result;
use crate::load::{self, ImportOptions};
use crate::report::Report;
use crate::task::{Context, Task};

impl Task for ImportOptions {
    /// Imports the weekly delivery, and names the files of its folder that the import does not take.
    ///
    /// # Errors
    /// Those that concern the run as a whole: connection, lock, folder. What concerns one file stands in its report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let mut report = load::run(context, &context.database()?, &self)?;
        // Who asks for some of the files does not ask about the folder.
        if self.only.is_empty() {
            let strangers = strangers(report.folder())?;
            report.beside(strangers.iter().map(|stranger| (stranger.file.clone(), stranger.finding())));
        }
        Ok(report)
    }
}
