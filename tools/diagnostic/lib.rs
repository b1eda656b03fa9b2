//! Tools of the category `diagnostic`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

// The path of what the tools share is the same in the library and in each program.
extern crate self as flux_diagnostic;

mod analyse_zones_csv;
mod cache_admin;
mod check_status;
mod check_zones;
mod cleanup_old_cache;
mod compare_mobility_2024_2023;
mod diagnostic_migration;
mod diagnostic_mobility;
mod etat_csv_complet;
mod explain_volume;
mod historique;
pub mod portal_args;
mod tables_info;
mod test_admin_restrictions;
mod test_api_mobilite_directe;
mod test_api_simple;
mod test_infographie_apis;
mod test_zone_mapping_api_production;
mod validation_complete_import;
mod verify_migration;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "diagnostic",
    purpose: "vérifier la qualité et la cohérence des données, et le portail",
    tools: &[
        analyse_zones_csv::TOOL,
        cache_admin::TOOL,
        check_status::TOOL,
        check_zones::TOOL,
        cleanup_old_cache::TOOL,
        compare_mobility_2024_2023::TOOL,
        diagnostic_migration::TOOL,
        diagnostic_mobility::TOOL,
        etat_csv_complet::TOOL,
        explain_volume::TOOL,
        historique::TOOL,
        tables_info::TOOL,
        test_admin_restrictions::TOOL,
        test_api_mobilite_directe::TOOL,
        test_api_simple::TOOL,
        test_infographie_apis::TOOL,
        test_zone_mapping_api_production::TOOL,
        validation_complete_import::TOOL,
        verify_migration::TOOL,
    ],
};
