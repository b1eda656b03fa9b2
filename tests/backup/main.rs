//! Saving the critical tables and getting them back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup_critical;
mod restore_critical;
mod restore_history;
