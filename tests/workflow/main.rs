//! Several tools in the order in which operators run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commits_lost;
mod dry_run;
mod import_hebdo;
mod recipes;
mod reports;
mod second_observatory;
mod workflow;
