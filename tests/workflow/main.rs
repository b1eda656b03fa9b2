//! Several tools in the order in which operators run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod import_hebdo;
mod workflow;
