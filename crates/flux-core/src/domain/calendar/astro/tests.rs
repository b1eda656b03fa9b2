use chrono::NaiveDateTime;

use super::*;

/// What tests-data/README.md says; the columns in its order.
const PYEPHEM: &str = include_str!("../../../../tests-data/equinoxes_1899_2101.csv");
const REFERENCE: &str = include_str!("../../../../tests-data/equinoxes_solstices.csv");

/// Terrestrial time of the equinoxes and solstices of 1996 to 2005: Meeus, *Astronomical Algorithms*, table 27.E,
/// computed there with the complete series.
const MEEUS: [[&str; 4]; 10] = [
    ["1996-03-20T08:04:07", "1996-06-21T02:24:46", "1996-09-22T18:01:08", "1996-12-21T14:06:56"],
    ["1997-03-20T13:55:42", "1997-06-21T08:20:59", "1997-09-22T23:56:49", "1997-12-21T20:08:05"],
    ["1998-03-20T19:55:35", "1998-06-21T14:03:38", "1998-09-23T05:38:15", "1998-12-22T01:57:31"],
    ["1999-03-21T01:46:53", "1999-06-21T19:50:11", "1999-09-23T11:32:34", "1999-12-22T07:44:52"],
    ["2000-03-20T07:36:19", "2000-06-21T01:48:46", "2000-09-22T17:28:40", "2000-12-21T13:38:30"],
    ["2001-03-20T13:31:47", "2001-06-21T07:38:48", "2001-09-22T23:05:32", "2001-12-21T19:22:34"],
    ["2002-03-20T19:17:13", "2002-06-21T13:25:29", "2002-09-23T04:56:28", "2002-12-22T01:15:26"],
    ["2003-03-21T01:00:50", "2003-06-21T19:11:32", "2003-09-23T10:47:53", "2003-12-22T07:04:53"],
    ["2004-03-20T06:49:42", "2004-06-21T00:57:57", "2004-09-22T16:30:54", "2004-12-21T12:42:40"],
    ["2005-03-20T12:34:29", "2005-06-21T06:47:12", "2005-09-22T22:24:14", "2005-12-21T18:36:01"],
];

fn reference_rows(text: &str) -> impl Iterator<Item = (i32, Saison, DateTime<Utc>, Vec<&str>)> {
    text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(';').collect();
        let saison = Saison::from_code(fields[1]).unwrap();
        (fields[0].parse().unwrap(), saison, fields[2].parse().unwrap(), fields[3..].to_vec())
    })
}

/// Seconds by which our terrestrial time is later than `expected`.
fn terrestrial_error(year: i32, saison: Saison, expected: f64) -> f64 {
    solve(year, saison) * SECONDS_PER_DAY - expected
}

#[test]
fn terrestrial_time_against_meeus() {
    for (year, row) in (1996..).zip(MEEUS) {
        for (saison, text) in Saison::ALL.into_iter().zip(row) {
            let expected: NaiveDateTime = text.parse().unwrap();
            let error = terrestrial_error(year, saison, expected.and_utc().timestamp() as f64 - J2000_TIMESTAMP);
            assert!(error.abs() < 12.0, "{year} {saison:?}: {error}");
        }
    }
}

/// Meeus, example 27.a: the June solstice of 1962 is at 21:24:42 of terrestrial time; and example 25.b: at
/// 1992-10-13 00:00 the Sun's apparent longitude is 199° 54′ 21.818″.
#[test]
fn worked_examples() {
    let expected: NaiveDateTime = "1962-06-21T21:24:42".parse().unwrap();
    let error = terrestrial_error(1962, Saison::Ete, expected.and_utc().timestamp() as f64 - J2000_TIMESTAMP);
    assert!(error.abs() < 12.0, "{error}");
    let longitude = apparent_longitude(2_448_908.5 - 2_451_545.0).to_degrees().rem_euclid(360.0);
    let expected = 199.0 + 54.0 / 60.0 + 21.818 / 3600.0;
    assert!((longitude - expected).abs() * 3600.0 < 0.5, "{longitude}");
}

#[test]
fn universal_time_2020_to_2030_against_the_reference() {
    let mut seen = 0;
    for (year, saison, expected, _) in reference_rows(REFERENCE) {
        let error = (instant(year, saison).unwrap() - expected).num_seconds();
        assert!(error.abs() <= 30, "{year} {saison:?}: {error}");
        seen += 1;
    }
    assert_eq!(seen, 44);
}

#[test]
fn universal_time_1900_to_2100_against_pyephem() {
    let mut seen = 0;
    for (year, saison, expected, _) in reference_rows(PYEPHEM) {
        let error = (instant(year, saison).unwrap() - expected).num_seconds();
        assert!(error.abs() <= 60, "{year} {saison:?}: {error}");
        seen += 1;
    }
    assert_eq!(seen, 203 * 4);
}

/// The geometry alone, without the prediction of ΔT.
#[test]
fn terrestrial_time_1900_to_2100_against_pyephem() {
    for (year, saison, expected, rest) in reference_rows(PYEPHEM) {
        let delta_t: f64 = rest[0].parse().unwrap();
        let error = terrestrial_error(year, saison, expected.timestamp() as f64 + delta_t - J2000_TIMESTAMP);
        assert!(error.abs() < 22.0, "{year} {saison:?}: {error}");
    }
}

/// ΔT against the values of Skyfield (IERS, and Stephenson, Morrison and Hohenkerk 2016 before it), as far as the
/// Earth's rotation has been observed.
#[test]
fn delta_t_against_skyfield() {
    for (year, saison, expected, rest) in reference_rows(PYEPHEM).filter(|row| row.0 <= 2025) {
        let fraction = f64::from(year) + (expected.timestamp().rem_euclid(31_557_600)) as f64 / 31_557_600.0;
        let error = delta_t::delta_t(fraction) - rest[1].parse::<f64>().unwrap();
        assert!(error.abs() < 1.6, "{year} {saison:?}: {error}");
    }
}

#[test]
fn years_out_of_range_are_unknown() {
    assert_eq!(instant(1898, Saison::Hiver), None);
    assert_eq!(instant(2102, Saison::Printemps), None);
}
