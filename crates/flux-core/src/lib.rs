//! The shared library of the Flux Vision tools.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod calendar;
pub mod catalogue;
pub mod cli;
pub mod csv_source;
pub mod db;
pub mod diagnostic;
pub mod dims;
pub mod doctor;
pub mod error;
pub mod etl;
pub mod history;
pub mod import;
pub mod maintenance;
pub mod migration;
pub mod names;
pub mod portal;
pub mod progress;
pub mod reference;
pub mod report;
pub mod saisons;
pub mod sample;
pub mod schema;
pub mod server_check;
pub mod settings;
pub mod setup;
pub mod signals;
pub mod sorter;
pub mod status;
pub mod values;
