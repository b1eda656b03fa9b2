//! What the diagnostics say of deliveries and databases, sound and unsound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod analyse_zones_csv;
mod check_status;
mod check_zones;
mod compare_mobility_2024_2023;
mod diagnostic_bad_csv;
mod diagnostic_bad_database;
mod diagnostic_migration;
mod diagnostic_mobility;
mod etat_csv_complet;
mod explain_volume;
mod failover;
mod historique;
mod tables_info;
mod validation_complete_import;
