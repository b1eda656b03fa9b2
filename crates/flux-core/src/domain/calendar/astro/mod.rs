//! The instants of the equinoxes and solstices, computed.
//!
//! Each is the instant at which the Sun's apparent geocentric longitude is 0°, 90°, 180° or 270°: the longitude of the
//! theory VSOP87 (the terms that matter), with the reduction to the FK5 system, nutation and aberration (J. Meeus,
//! *Astronomical Algorithms*, chapters 22, 25 and 27), in terrestrial time; then universal time by ΔT ([`delta_t`]).
//! Within 12 seconds of the complete theory; the rest of the error, far from today, is that of ΔT.

mod delta_t;
mod series;

use std::f64::consts::PI;

use chrono::{DateTime, Utc};

use crate::domain::calendar::saison::Saison;

/// The years for which instants are computed: those of the project and one on each side, for the neighbours.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1899..=2101;

const SECONDS_PER_DAY: f64 = 86_400.0;
const DAYS_PER_CENTURY: f64 = 36_525.0;
const DAYS_PER_TROPICAL_YEAR: f64 = 365.242_19;
/// Of 2000-01-01 12:00, the origin of time J2000.0, counted from the epoch of [`DateTime::from_timestamp`].
const J2000_TIMESTAMP: f64 = 946_728_000.0;

/// The instant at which `saison` begins in `year`, rounded to the second; `None` outside [`YEARS`].
pub(crate) fn instant(year: i32, saison: Saison) -> Option<DateTime<Utc>> {
    if !YEARS.contains(&year) {
        return None;
    }
    let terrestrial = solve(year, saison);
    let fraction_of_year = 2000.0 + terrestrial / 365.25;
    let universal = terrestrial * SECONDS_PER_DAY - delta_t::delta_t(fraction_of_year);
    DateTime::from_timestamp((J2000_TIMESTAMP + universal).round() as i64, 0)
}

/// Days of terrestrial time since J2000.0 at which the Sun reaches the longitude with which `saison` begins.
fn solve(year: i32, saison: Saison) -> f64 {
    // of the year 2000, to a day; the loop finds the rest
    let (start, longitude) = match saison {
        Saison::Printemps => (78.8, 0.0),
        Saison::Ete => (171.6, 0.5 * PI),
        Saison::Automne => (265.2, PI),
        Saison::Hiver => (355.1, 1.5 * PI),
    };
    let mut days = start + f64::from(year - 2000) * DAYS_PER_TROPICAL_YEAR;
    // the correction shrinks a thirtyfold each time; 20 is far more than the five or so that it takes
    for _ in 0..20 {
        let correction = 58.0 * (longitude - apparent_longitude(days)).sin();
        days += correction;
        if correction.abs() < 1e-7 {
            break;
        }
    }
    days
}

/// The Sun's apparent geocentric longitude in radians, not reduced, at `days` of terrestrial time since J2000.0.
fn apparent_longitude(days: f64) -> f64 {
    let centuries = days / DAYS_PER_CENTURY;
    let millennia = centuries / 10.0;
    let powers = series::L.map(|terms| sum(terms, millennia));
    let heliocentric = polynomial(&powers, millennia) * 1e-8;
    let distance = sum(&series::R, millennia) * 1e-8;
    let (fk5, aberration) = (-0.090_33, -20.489_8 / distance);
    heliocentric + PI + arc_seconds(fk5 + aberration + nutation(centuries))
}

/// Nutation in longitude, in arc seconds.
fn nutation(centuries: f64) -> f64 {
    let arguments = [
        (297.850_36, 445_267.111_480),
        (357.527_72, 35_999.050_340),
        (134.962_98, 477_198.867_398),
        (93.271_91, 483_202.017_538),
        (125.044_52, -1_934.136_261),
    ]
    .map(|(origin, rate): (f64, f64)| (origin + rate * centuries).to_radians());
    let terms = series::NUTATION.iter().map(|(multiples, coefficient, change)| {
        let angle: f64 = multiples.iter().zip(arguments).map(|(multiple, argument)| multiple * argument).sum();
        (coefficient + change * centuries) * angle.sin()
    });
    terms.sum::<f64>() * 1e-4
}

fn sum(terms: &[series::Term], millennia: f64) -> f64 {
    terms.iter().map(|(amplitude, phase, frequency)| amplitude * (phase + frequency * millennia).cos()).sum()
}

fn arc_seconds(angle: f64) -> f64 {
    (angle / 3600.0).to_radians()
}

/// The polynomial of `coefficients`, lowest power first, at `x`.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |value, coefficient| value * x + coefficient)
}

#[cfg(test)]
mod tests;
