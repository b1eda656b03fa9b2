//! What a delivery holds and whether it is complete and plausible.

pub(crate) mod scan;
pub mod state;
pub mod validation;
pub mod zones_csv;
