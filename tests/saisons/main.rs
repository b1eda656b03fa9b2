//! The calendar of seasons and periods.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod manage_periodes;
mod reset_saisons;
mod scrap_date;
mod status_saisons;
mod update_saisons;
mod verifier_saisons;
