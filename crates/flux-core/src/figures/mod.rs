//! What a number means: period, zone, category, comparison; mobility and stays. Each is defined here once, so that no two tools, nor
//! a tool and the portal, answer one question with two numbers. Source: `portal.md` §1.

pub mod cause;
pub(crate) mod change;
pub mod compare;
pub mod mobility;
pub mod period;
pub mod stays;
pub(crate) mod unknown;
pub(crate) mod zone;
