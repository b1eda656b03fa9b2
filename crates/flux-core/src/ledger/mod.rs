//! The tools' own memory in the database, the `flux_*` tables.

pub(crate) mod history;
pub(crate) mod ownership;
pub mod progress;
