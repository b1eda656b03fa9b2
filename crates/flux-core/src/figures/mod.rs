//! What a number means: period, zone, category, comparison; mobility and stays. Each is defined here once, so that no two tools, nor
//! a tool and the portal, answer one question with two numbers. Source: `portal.md` §1.

pub mod answer;
pub(crate) mod behind;
mod beside;
mod cause;
pub(crate) mod change;
pub mod choices;
mod compare;
pub(crate) mod daily;
pub(crate) mod feasts;
pub mod indicators;
pub mod lengths;
pub mod meta;
pub mod mobility;
pub mod period;
pub mod rankings;
pub mod scope;
pub mod series;
pub mod source;
mod stays;
pub mod unknown;
pub mod version;
pub mod zone;

pub use cause::CauseOptions;
pub use compare::CompareOptions;
pub use stays::{StaysImport, StaysMigration};
