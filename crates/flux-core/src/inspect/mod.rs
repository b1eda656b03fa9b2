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

/// Adds to the report of an import the files of its folder that it does not take.
///
/// # Errors
/// [`crate::error::Error::Interrupted`].
pub fn tell_strangers(report: &mut crate::load::ImportReport) -> crate::error::Result<()> {
    let strangers = strangers(report.folder())?;
    report.beside(strangers.iter().map(|stranger| (stranger.file.clone(), stranger.finding())));
    Ok(())
}
