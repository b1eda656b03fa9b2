//! The calendar, computed without network: public and school holidays, the rows of `dim_dates`, equinoxes and
//! solstices, and the rows of `dim_saisons` and `dim_periodes`.

pub mod astro;
pub mod days;
pub mod easter;
pub mod holidays;
pub mod paris;
pub mod periodes;
pub mod saisons;
pub mod school;
