//! What keeps the installation in order: backup and restore, caches, logs, archives, security, indexes.

pub mod backup;
pub mod cache;
pub mod logs;
pub mod paths;
