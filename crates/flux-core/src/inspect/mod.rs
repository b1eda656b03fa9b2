//! What a delivery holds and whether it is complete and plausible.

pub(crate) mod scan;
mod state;
mod strangers;
mod validation;
pub(crate) mod zones_csv;

pub(crate) use strangers::{Stranger, strangers};

pub use state::delivery;
pub use validation::{ValidationOptions, validate};
pub use zones_csv::zones_csv;
