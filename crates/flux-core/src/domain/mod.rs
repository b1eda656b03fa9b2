//! What Flux Vision delivers, as data and pure functions: no files, no database.

pub mod calendar;
pub mod catalogue;
pub mod names;
pub mod reference;
pub(crate) mod values;
