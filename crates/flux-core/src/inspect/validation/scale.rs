//! Dates that are in the base already and whose volumes come back on another scale: ten times as large, in thousands. The guards of the
//! migration measure what would be lost; what grows passes them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::inspect::validation::coverage::Beside;
use crate::report::{Code, Finding, plural, ranges, some_of};

/// How often the mean volume of a row goes into the other one, at least. A revision changes some of the rows; it does not multiply the mean by five.
const SCALE: f64 = 5.0;
/// Rows of a date below which a mean says nothing.
const FEWEST: u64 = 10;

/// Compares the mean volume of what waits with that of the provisional rows of the same dates.
pub(crate) fn scaled(Beside { table, now, before }: &Beside) -> Option<Finding> {
    let pairs = before.iter().filter_map(|(date, before)| Some((*date, factor(*before, *now.get(date)?)?)));
    told(table, &pairs.filter(|(_, factor)| is_other_scale(*factor)).collect())
}

/// By how much the mean volume of a row has been multiplied.
fn factor((rows_before, before): (u64, u64), (rows, now): (u64, u64)) -> Option<f64> {
    let enough = rows_before.min(rows) >= FEWEST && before > 0;
    enough.then(|| (now as f64 / rows as f64) / (before as f64 / rows_before as f64))
}

fn is_other_scale(factor: f64) -> bool {
    !(1.0 / SCALE..=SCALE).contains(&factor)
}

fn told(table: &str, jumped: &BTreeMap<NaiveDate, f64>) -> Option<Finding> {
    let mut factors: Vec<f64> = jumped.values().copied().collect();
    factors.sort_by(f64::total_cmp);
    let middle = *factors.get(factors.len() / 2)?;
    let times = match middle < 1.0 {
        true => format!("divisés par {:.1}", 1.0 / middle.max(1e-9)),
        false => format!("multipliés par {middle:.1}"),
    };
    let dates: BTreeSet<NaiveDate> = jumped.keys().copied().collect();
    let message = format!(
        "{} : les volumes déjà en base y seraient {} en moyenne ({})",
        plural(dates.len() as u64, "date change d'échelle", "dates changent d'échelle"),
        times.replace('.', ","),
        some_of(&ranges(dates.into_iter()), 3)
    );
    let finding = Finding::attention(Code::VolumeScaled, table, message);
    Some(finding.action(
        "vérifiez l'unité des volumes auprès du fournisseur avant de migrer ; une livraison corrigée se réimporte",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_that_is_ten_times_as_large_is_on_another_scale_and_few_rows_are_on_none() {
        assert!(is_other_scale(factor((12, 1200), (12, 12_000)).unwrap()));
        assert!(is_other_scale(factor((12, 12_000), (12, 1200)).unwrap()));
        // Twice as many rows of the same kind are no other scale.
        assert!(!is_other_scale(factor((12, 1200), (24, 2600)).unwrap()));
        assert!(!is_other_scale(factor((12, 1200), (12, 5900)).unwrap()));
        assert_eq!((factor((9, 900), (9, 9000)), factor((12, 0), (12, 5))), (None, None));
    }
}
