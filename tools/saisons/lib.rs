//! Tools of the category `saisons`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

mod manage_periodes;
mod reset_saisons;
mod scrap_date;
mod status_saisons;
mod update_saisons;
mod verifier_saisons;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "saisons",
    purpose: "saisons, périodes et calendrier",
    tools: &[
        manage_periodes::TOOL,
        reset_saisons::TOOL,
        scrap_date::TOOL,
        status_saisons::TOOL,
        update_saisons::TOOL,
        verifier_saisons::TOOL,
    ],
};
