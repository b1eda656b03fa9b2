//! The arithmetic of comparisons and shares: one formula for each, one decimal.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report;

/// A number and the same number a year before; a year without data has none, which is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Comparison {
    /// The year asked for.
    pub(crate) n: Option<u64>,
    pub(crate) n_1: Option<u64>,
}

impl Comparison {
    /// (N − N₁) / N₁ × 100, one decimal. `None` where N₁ is 0 or either year is absent: there is no change from nothing.
    pub(crate) fn change(self) -> Option<f64> {
        let (now, before) = (self.n?, self.n_1.filter(|before| *before > 0)?);
        Some(tenths((now as f64 - before as f64) * 100.0, before as f64))
    }

    /// N − N₁; `None` where either year is absent.
    pub(crate) fn difference(self) -> Option<i64> {
        i64::try_from(i128::from(self.n?) - i128::from(self.n_1?)).ok()
    }
}

/// The change of a number that is not whole, by the same formula.
pub(crate) fn change_of(n: f64, n_1: f64) -> Option<f64> {
    (n_1 > 0.0).then(|| tenths((n - n_1) * 100.0, n_1))
}

/// Percent of the whole breakdown, one decimal; 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { tenths(part as f64 * 100.0, whole as f64) }
}

/// A change as people read it, in percent.
pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or("–".into(), report::change)
}

/// The same, with a warning where the totals are not `alike`.
pub(crate) fn warned(value: Option<f64>, alike: bool) -> String {
    if alike || value.is_none() { percent(value) } else { format!("⚠ {}", percent(value)) }
}

/// A quotient, rounded to one decimal. The factor 10 comes before the division: an exact half stays one and is rounded away from 0.
/// A negative zero is written with its sign: what is added makes it a plain one.
fn tenths(part: f64, whole: f64) -> f64 {
    (part * 10.0 / whole).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: impl Into<Option<u64>>, n_1: impl Into<Option<u64>>) -> Option<f64> {
        Comparison { n: n.into(), n_1: n_1.into() }.change()
    }

    #[test]
    fn a_change_has_one_decimal_and_none_from_nothing() {
        // (1234 - 1000) / 1000; 1 / 3 = 33.333…; -1 / 3; 5 / 10 000 = 0.05 is rounded away from 0, on both sides
        assert_eq!(change(1234, 1000), Some(23.4));
        assert_eq!((change(4, 3), change(2, 3)), (Some(33.3), Some(-33.3)));
        assert_eq!((change(10_005, 10_000), change(9_995, 10_000)), (Some(0.1), Some(-0.1)));
        assert_eq!(change(0, 7), Some(-100.0));
        // -4 / 18 486 is less than half a tenth of a percent: no sign is left
        assert!(change(18_482, 18_486).is_some_and(|change| change == 0.0 && change.is_sign_positive()));
        assert_eq!((change(7, 0), change(0, 0), change(7, None), change(None, 7)), (None, None, None, None));
    }

    #[test]
    fn a_difference_needs_both_years() {
        assert_eq!(Comparison { n: Some(3), n_1: Some(10) }.difference(), Some(-7));
        assert_eq!(Comparison { n: Some(3), n_1: None }.difference(), None);
    }

    #[test]
    fn a_share_is_of_the_whole() {
        assert_eq!((share(1, 3), share(1, 8), share(5, 5), share(0, 0)), (33.3, 12.5, 100.0, 0.0));
    }
}
