//! What keeps the installation in order: archives, caches, logs, indexes, security, the facts of old years.

mod archive;
mod archived;
mod cache;
mod cleanup_year;
mod logs;
mod proof;
mod response;
mod security;
mod withdraw;

pub use archive::ArchiveOptions;
pub use cache::{CacheAction, CacheOptions, ClearOptions};
pub use cleanup_year::CleanupOptions;
pub use logs::RotateOptions;
pub use response::ResponseOptions;
pub use security::SecurityOptions;
pub use withdraw::WithdrawOptions;
