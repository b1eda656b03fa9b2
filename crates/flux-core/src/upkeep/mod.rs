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

pub use archive::{ArchiveOptions, archive};
pub use archived::{ArchivedOptions, verify_migration};
pub use cache::{CacheAction, CacheOptions, ClearOptions, administer_cache, clear_cache};
pub use cleanup_year::{CleanupOptions, cleanup_year};
pub use logs::{RotateOptions, rotate_logs};
pub use response::{ResponseOptions, improve_response};
pub use security::{SecurityOptions, security};
pub use withdraw::{WithdrawOptions, withdraw_or_undo};
