//! Is everything ready and in order: server, rights, prerequisites, tables, the weekly tables, the installation.

pub(crate) mod checks;
mod deliveries;
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
pub use history::HistoryOptions;
pub use import_progress::ImportProgress;
pub use prerequisites::Prerequisites;
pub use server::ServerCheck;
pub use status::StatusOptions;
pub use tables::{TableKind, TableOptions, tables};
