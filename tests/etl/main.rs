//! The raw export: archives, the ETL of 21 families, and its cleanup.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cleanup_year;
mod download_broken;
mod download_deliveries;
mod etl_bad_input;
mod etl_database_trouble;
mod etl_doubt;
mod extract_only;
mod extract_weekly;
mod populate_facts;
mod populate_facts_killed;
