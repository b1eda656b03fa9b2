//! Upkeep of zones, tables, files and logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod add_missing_zones;
mod archive_csv;
mod cleanup_temp;
mod improve_response;
mod merge_dimension;
mod merge_zones;
mod merge_zones_killed;
mod rotate_logs;
mod security_cleanup_check;
mod withdraw_provisional;
