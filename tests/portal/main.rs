//! The tools that talk to the portal, against a portal of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behind_nginx;
mod cache_admin;
mod cleanup_old_cache;
mod clear_cache_midnight;
mod explained;
mod odd_questions;
mod odd_requests;
mod one_figure;
mod pages;
mod php_portal;
mod portal_documented;
mod portal_figures;
mod portal_recipes;
mod portal_under_load;
mod portal_users;
mod reachable;
mod serve_portal;
mod test_admin_restrictions;
mod test_api_mobilite_directe;
mod test_api_simple;
mod test_infographie_apis;
mod test_zone_mapping_api_production;
