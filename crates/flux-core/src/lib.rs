//! The shared library of the Flux Vision tools. Each module owns one noun; imports only go down this list, which
//! `tests/house/architecture.rs` enforces.
//!
//! 1. [`signals`], [`error`], `failpoint`, `threads`, [`settings`], [`progress`]
//! 2. [`domain`], `csv`, [`files`]
//! 3. [`db`], `schema`, [`task`], [`ledger`], `dims`, [`accounts`]
//! 4. [`load`], [`saisons`], [`extract`], [`download`], [`migrate`], [`figures`]
//! 5. [`inspect`], [`explain`], [`zones`], [`setup`], [`backup`], [`upkeep`], [`health`], [`adoption`]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod accounts;
pub mod adoption;
pub mod backup;
mod csv;
pub mod db;
pub mod dims;
pub mod domain;
pub mod download;
pub mod error;
pub mod explain;
pub mod extract;
mod failpoint;
pub mod figures;
pub mod files;
pub mod health;
pub mod inspect;
pub mod ledger;
pub mod load;
pub mod migrate;
pub mod progress;
pub mod saisons;
mod schema;
pub mod settings;
pub mod setup;
pub mod signals;
pub mod task;
mod threads;
pub mod upkeep;
pub mod zones;

use flux_report as report;
