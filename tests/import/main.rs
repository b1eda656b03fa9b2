//! The weekly import, from its inputs to a kill in its midst.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check_import_progress;
mod dates_of_a_load;
mod failover;
mod host_limits;
mod import_bad_input;
mod import_database_trouble;
mod import_guards;
mod import_kill;
mod import_names;
mod import_optimized;
mod import_sejours_duree;
mod import_spreadsheets;
mod supplier_page;
mod update_temp_tables;
mod wrong_delivery;
