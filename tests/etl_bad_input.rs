//! `populate-facts-full-production` on raw exports as they should not be: what can be read is stored, the rest is told, nothing is guessed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/raw.rs"]
mod raw;
#[path = "support/weekly.rs"]
mod weekly;
