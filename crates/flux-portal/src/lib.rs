//! The portal: dashboards, infographic and JSON APIs over HTTP, read-only, from the tables that the tools write. The numbers are those of
//! `flux_core::figures`; what is here is how they are asked for, who may, and how they are given.
//!
//! 1. `image`, `config`, `failure`, `net`
//! 2. `courtesy`, `pool`, `memory`, `model`, `ask`
//! 3. [`password`], `throttle`, `session`, `caller`
//! 4. `list`, `api`, `pages`
//! 5. `journal`, `app`, `connection`, [`serve`]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod api;
mod app;
mod ask;
mod caller;
mod config;
mod connection;
mod courtesy;
mod failure;
mod image;
mod journal;
mod list;
mod memory;
mod net;
mod pages;
pub mod password;
mod pool;
mod serve;
mod session;
mod throttle;
mod unread;
pub mod users;

pub use config::Options;
pub use serve::serve;
