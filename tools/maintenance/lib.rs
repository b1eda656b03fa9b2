//! Tools of the category `maintenance`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

mod add_missing_zones;
mod archive_csv;
mod backup_critical;
mod cleanup_temp;
mod clear_cache_midnight;
mod improve_response;
mod merge_dimension;
mod merge_zones;
mod restore_critical;
mod rotate_logs;
mod security_cleanup_check;
mod withdraw_provisional;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "maintenance",
    purpose: "nettoyer, sauvegarder, entretenir",
    tools: &[
        add_missing_zones::TOOL,
        archive_csv::TOOL,
        backup_critical::TOOL,
        cleanup_temp::TOOL,
        clear_cache_midnight::TOOL,
        improve_response::TOOL,
        merge_dimension::TOOL,
        merge_zones::TOOL,
        restore_critical::TOOL,
        rotate_logs::TOOL,
        security_cleanup_check::TOOL,
        withdraw_provisional::TOOL,
    ],
};
