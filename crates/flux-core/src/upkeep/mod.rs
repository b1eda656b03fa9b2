//! What keeps the installation in order: archives, caches, logs, indexes, security, the facts of old years.

pub mod archive;
pub mod cache;
pub mod cleanup_year;
pub mod logs;
mod proof;
pub mod response;
pub mod security;
