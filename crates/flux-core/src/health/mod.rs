//! Is everything ready and in order: server, rights, prerequisites, tables, the weekly tables, the installation.

pub(crate) mod checks;
mod doctor;
mod facts;
pub mod freshness;
mod history;
mod import_progress;
mod prerequisites;
mod server;
mod status;
mod tables;
mod watch;

pub use doctor::doctor;
pub use history::{HistoryOptions, history};
pub use import_progress::import_progress;
pub use prerequisites::prerequisites;
pub use server::server;
pub use status::{StatusOptions, status};
pub use tables::{TableKind, TableOptions, tables};
