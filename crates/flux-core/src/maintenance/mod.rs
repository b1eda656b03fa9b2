//! What keeps the installation in order: backup and restore, caches, logs, archives, security, indexes.

pub mod archive;
pub mod backup;
pub mod cache;
mod gz;
pub mod logs;
pub mod paths;
pub mod response;
pub mod security;
