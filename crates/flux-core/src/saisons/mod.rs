//! `dim_saisons`, `dim_periodes` and `dim_dates` in the database: what they hold, what the calendar says, and the plan
//! that leads from one to the other.
//!
//! Periods that people entered or changed are kept. To tell them from our own of an earlier run, the days that were
//! written last are kept in `flux_periodes`: a row that still has them is ours and follows a corrected calendar, a row
//! that has others is theirs.

mod check;
pub(crate) mod dates;
mod manage;
mod plan;
mod report;
mod reset;
pub(crate) mod store;
mod tools;
mod update;

use crate::domain::calendar::saisons::Saison;

pub use manage::{ManageOptions, PeriodeAction};
pub use tools::{Instants, SaisonsCheck, SaisonsReset, SaisonsStatus, SaisonsUpdate};

/// Season of one year, as the unique key of `dim_saisons` names it.
type SaisonKey = (i32, Saison);
