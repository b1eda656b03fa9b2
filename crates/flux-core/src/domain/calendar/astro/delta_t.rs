//! ΔT, by which terrestrial time is ahead of universal time.
//!
//! - to 2004: the polynomials of F. Espenak and J. Meeus (*Five Millennium Canon of Solar Eclipses*, NASA TP-2006-214141);
//! - 2005 to 2026: the values that the IERS observed, by year;
//! - later: a prediction, the slope of the same authors' polynomials from the last observed value on. The Earth's
//!   rotation cannot be foretold to better than some ten seconds by 2050 and a minute or two by 2100.

/// ΔT at the beginning of each year from [`FIRST_OBSERVED`], in seconds (IERS, Bulletin A and long-term data).
const OBSERVED: [f64; 22] = [
    64.69, 64.85, 65.15, 65.46, 65.78, 66.07, 66.32, 66.60, 66.91, 67.28, 67.64, 68.10, 68.59, 68.97, 69.22, 69.36,
    69.36, 69.29, 69.20, 69.18, 69.14, 69.11,
];
const FIRST_OBSERVED: f64 = 2005.0;
const LAST_OBSERVED: f64 = FIRST_OBSERVED + (OBSERVED.len() - 1) as f64;

/// ΔT in seconds at `year`, a year with its fraction; meant for 1899 to 2150.
pub(super) fn delta_t(year: f64) -> f64 {
    if year < FIRST_OBSERVED {
        espenak_meeus(year)
    } else if year < LAST_OBSERVED {
        let place = year - FIRST_OBSERVED;
        let index = place as usize;
        let (from, to) = (OBSERVED[index], OBSERVED[index + 1]);
        from + (to - from) * place.fract()
    } else {
        OBSERVED[OBSERVED.len() - 1] + espenak_meeus(year) - espenak_meeus(LAST_OBSERVED)
    }
}

fn espenak_meeus(year: f64) -> f64 {
    let (origin, coefficients): (f64, &[f64]) = if year < 1920.0 {
        (1900.0, &[-2.79, 1.494_119, -0.059_893_9, 0.006_196_6, -0.000_197])
    } else if year < 1941.0 {
        (1920.0, &[21.20, 0.844_93, -0.076_100, 0.002_093_6])
    } else if year < 1961.0 {
        (1950.0, &[29.07, 0.407, -1.0 / 233.0, 1.0 / 2547.0])
    } else if year < 1986.0 {
        (1975.0, &[45.45, 1.067, -1.0 / 260.0, -1.0 / 718.0])
    } else if year < 2005.0 {
        (2000.0, &[63.86, 0.334_5, -0.060_374, 0.001_727_5, 0.000_651_814, 0.000_023_735_99])
    } else if year < 2050.0 {
        (2000.0, &[62.92, 0.322_17, 0.005_589])
    } else {
        let century = (year - 1820.0) / 100.0;
        return -20.0 + 32.0 * century * century - 0.562_8 * (2150.0 - year);
    };
    crate::domain::calendar::astro::polynomial(coefficients, year - origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the *Astronomical Almanac* (page K9) for 1 January.
    #[test]
    fn published_values() {
        for (year, expected) in [
            (1900.0, -2.72),
            (1910.0, 10.46),
            (1920.0, 21.16),
            (1930.0, 24.02),
            (1940.0, 24.33),
            (1950.0, 29.15),
            (1960.0, 33.15),
            (1970.0, 40.18),
            (1980.0, 50.54),
            (1990.0, 56.86),
            (2000.0, 63.83),
            (2010.0, 66.07),
            (2020.0, 69.36),
        ] {
            assert!((delta_t(year) - expected).abs() < 0.5, "{year}: {} for {expected}", delta_t(year));
        }
    }

    #[test]
    fn no_jump_where_one_formula_follows_another() {
        for limit in [1920.0, 1941.0, 1961.0, 1986.0, FIRST_OBSERVED, LAST_OBSERVED, 2050.0] {
            let step = delta_t(limit) - delta_t(limit - 1e-6);
            assert!(step.abs() < 0.5, "{limit}: {step}");
        }
    }
}
