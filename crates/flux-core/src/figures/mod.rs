//! What a number means: period, zone, category, comparison; mobility and stays.

pub mod cause;
pub mod compare;
pub(crate) mod mobility;
pub mod stays;
