//! Tools of the category `portal`: one file each, which is also the root of a program of its own.
#![allow(dead_code, reason = "each file has the `main` of its own program, whose build finds what nothing uses")]

mod portal_users;
mod serve_portal;

use flux_cli::Category;

/// The category and its tools.
pub const CATEGORY: Category = Category {
    name: "portal",
    purpose: "servir les tableaux de bord, l'infographie et les API",
    tools: &[portal_users::TOOL, serve_portal::TOOL],
};
