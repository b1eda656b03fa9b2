//! Tools of the category `import`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

// The path of what the tools share is the same in the library and in each program.
extern crate self as flux_import;

mod check_import_progress;
pub mod import_args;
mod import_optimized;
mod import_sejours_duree_fr;
mod import_sejours_duree_int;
pub mod stays;
mod update_temp_tables;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "import",
    purpose: "charger les CSV dans les tables temporaires",
    tools: &[
        check_import_progress::TOOL,
        import_optimized::TOOL,
        import_sejours_duree_fr::TOOL,
        import_sejours_duree_int::TOOL,
        update_temp_tables::TOOL,
    ],
};
