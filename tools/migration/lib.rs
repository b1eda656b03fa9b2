//! Tools of the category `migration`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

// The path of what the tools share is the same in the library and in each program.
extern crate self as flux_migration;

mod adopt_database;
mod ensure_schema;
mod migrate_optimized;
mod migrate_sejours_duree;
mod migrate_temp_to_main;
pub mod migration_args;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "migration",
    purpose: "passer des tables temporaires aux tables principales",
    tools: &[
        adopt_database::TOOL,
        ensure_schema::TOOL,
        migrate_optimized::TOOL,
        migrate_sejours_duree::TOOL,
        migrate_temp_to_main::TOOL,
    ],
};
