//! The shared library of the Flux Vision tools.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod calendar;
pub mod catalogue;
pub mod reference;
