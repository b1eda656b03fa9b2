//! The launcher, installation, schedule, documentation and development tools.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod documents;
mod flux;
mod flux_doctor;
mod flux_init;
mod generate_sample_data;
mod install;
mod journals;
mod json;
mod observatory;
mod schedule;
mod signals;
mod simple_test;
mod terminal;
