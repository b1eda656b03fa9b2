//! The calendar, computed without network: public and school holidays, the rows of `dim_dates`, equinoxes and
//! solstices, and the rows of `dim_saisons` and `dim_periodes`.

pub(crate) mod astro;
pub(crate) mod days;
pub(crate) mod easter;
pub(crate) mod holidays;
pub(crate) mod paris;
pub(crate) mod periodes;
mod saison;
pub(crate) mod saisons;
pub(crate) mod school;

pub use days::Day;
pub use paris::civil_time;
