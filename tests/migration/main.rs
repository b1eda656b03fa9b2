//! The schema, and the way from the temporary to the main tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adopt_database;
mod adopt_variants;
mod drop_test;
mod ensure_schema;
mod epci;
mod from_archive;
mod isolation;
mod lease;
mod migrate_optimized;
mod migrate_sejours_duree;
mod migrate_temp_to_main;
mod never_on_doubt;
mod partition_by_year;
mod partitioned;
mod schema_version;
mod structure_lost;
mod table_busy;
mod undo;
mod verify_migration;
