//! What the diagnostic tools find: each module answers one question and returns a typed report. Nothing here writes to the database,
//! but the zone mends ([`add_zones`], [`merge_zones`]), which plan first and apply under the lock.
//!
//! A finding of a check that ran to its end needs a look (exit code 3), however bad it is: code 1 is for checks that could not run.

pub mod add_zones;
pub mod cache;
pub mod check_zones;
pub mod compare_mobility;
pub mod diag_mobility;
pub mod etat_csv;
pub mod html;
pub mod import_progress;
pub mod merge_zones;
pub mod mobility;
pub mod prerequisites;
pub mod scan;
pub mod sejours;
pub mod tables_info;
pub mod validation;
pub mod zone_mapping;
pub mod zones_csv;

use crate::cli::Context;
use crate::db::Database;
use crate::report::{Finding, Page, Verdict};

/// [`Verdict::Attention`] as soon as there is a finding.
pub fn verdict(findings: &[Finding]) -> Verdict {
    if findings.is_empty() { Verdict::Ok } else { Verdict::Attention }
}

/// Findings, or that there are none.
pub fn render_findings(page: &mut Page, findings: &[Finding], nothing: &str) {
    page.gap();
    for finding in findings {
        page.finding(finding);
    }
    if findings.is_empty() {
        page.verdict(Verdict::Ok, nothing);
    }
}

/// The database for tools that can do without: when it is not reachable, the reason why.
pub fn optional_database(context: &Context, unwanted: bool) -> Result<Database, String> {
    if unwanted {
        return Err("base non consultée (--no-db)".into());
    }
    context.database().map_err(|error| {
        log::info!("{error}");
        format!("base non consultée : {error}")
    })
}

/// Rows by date and zone, as a table `(date, id_zone, n)`: both columns lead the keys of every fact table, so the server counts in
/// the order of an index, and what is asked of the few days and zones costs nothing more.
fn days_and_zones(table: &str) -> String {
    format!("(SELECT date, id_zone, COUNT(*) AS n FROM {table} GROUP BY date, id_zone) days_and_zones")
}

/// A bar of at most `width` blocks, an eighth of a block being the smallest step.
pub fn bar(value: f64, most: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most <= 0.0 || value <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// `12,3 %`; `100,0 %` only for the whole.
pub fn percent(part: f64, whole: f64) -> String {
    if whole == 0.0 {
        return "–".into();
    }
    let percent = part * 100.0 / whole;
    let shown = if part < whole { percent.min(99.9) } else { percent };
    format!("{shown:.1} %").replace('.', ",")
}

/// The first `most` of `items`, and how many more there are.
pub fn some_of(items: &[String], most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let list = items.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} … et {more} de plus") }
}

/// Days as ranges: `2025-07-07 → 2025-07-09, 2025-07-12`.
pub fn ranges(days: impl IntoIterator<Item = chrono::NaiveDate>) -> Vec<String> {
    let mut spans: Vec<(chrono::NaiveDate, chrono::NaiveDate)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(day) => *last = day,
            _ => spans.push((day, day)),
        }
    }
    let text = |(first, last): (chrono::NaiveDate, chrono::NaiveDate)| {
        if first == last { first.to_string() } else { format!("{first} → {last}") }
    };
    spans.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_by_eighths_and_never_leave_their_width() {
        assert_eq!(bar(1.0, 1.0, 4), "████");
        assert_eq!(bar(0.5, 1.0, 3), "█▌");
        assert_eq!(bar(0.0, 1.0, 3), "");
        assert_eq!(bar(9.0, 1.0, 2), "██");
        assert_eq!(bar(1.0, 0.0, 2), "");
    }

    #[test]
    fn a_hundred_percent_is_all_of_it() {
        assert_eq!(percent(104_634.0, 104_635.0), "99,9 %");
        assert_eq!(percent(1.0, 1.0), "100,0 %");
        assert_eq!(percent(1.0, 8.0), "12,5 %");
        assert_eq!(percent(0.0, 0.0), "–");
    }

    #[test]
    fn days_in_a_row_are_one_range() {
        let days = ["2025-02-27", "2025-02-28", "2025-03-01", "2025-03-05"].map(|day| day.parse().unwrap());
        assert_eq!(ranges(days), ["2025-02-27 → 2025-03-01", "2025-03-05"]);
    }
}
