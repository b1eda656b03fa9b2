//! What Flux Vision delivers, as data and pure functions: no files, no database.

pub mod calendar;
pub mod catalogue;
pub(crate) mod communes;
pub mod names;
pub mod reference;
mod spelling;
pub(crate) mod values;
