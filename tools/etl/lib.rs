//! Tools of the category `etl`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

// The path of what the tools share is the same in the library and in each program.
extern crate self as flux_etl;

mod cleanup_year;
mod download_deliveries;
mod extract_only;
pub mod populate;
mod populate_facts_full_production;
mod populate_facts_optimized;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "etl",
    purpose: "les exports bruts dans les tables principales",
    tools: &[
        cleanup_year::TOOL,
        download_deliveries::TOOL,
        extract_only::TOOL,
        populate_facts_full_production::TOOL,
        populate_facts_optimized::TOOL,
    ],
};
