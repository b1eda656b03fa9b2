//! Tools of the category `dev`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

mod generate_sample_data;
mod simple_test;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "dev",
    purpose: "essais et données d'exemple",
    tools: &[generate_sample_data::TOOL, simple_test::TOOL],
};
