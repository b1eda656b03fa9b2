//! Is everything ready and in order: server, rights, prerequisites, tables, the weekly tables, the installation.

mod checks;
pub mod doctor;
pub mod import_progress;
pub mod prerequisites;
pub mod server;
pub mod status;
pub mod tables;
