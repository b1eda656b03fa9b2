//! One content under two names: files of the same columns, nights and days, that are taken for each other load without a rejected line.

use std::borrow::Cow;

use crate::db::Session;
use crate::error::Result;
use crate::inspect::validation::coverage::{Content, Delivered};
use crate::load::repeated::{cells, repeats};
use crate::report::Finding;

/// Compares what the tables of each two such files hold, date by date, zone by zone; of one that is not delivered, its main table.
pub(crate) fn repeated(session: &mut Session, delivered: &Delivered<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (at, one) in delivered.contents.iter().enumerate() {
        let alike = |other: &&Content| other.dataset.breakdown == one.dataset.breakdown;
        for other in delivered.contents[at + 1..].iter().filter(alike) {
            // The one that was just delivered is the doubtful one.
            let (one, other) = if one.cells.is_empty() { (other, one) } else { (one, other) };
            let Some(span) = one.span() else { continue };
            let main = other.dataset.main_table(delivered.options.space);
            let known = if !other.cells.is_empty() {
                Cow::Borrowed(&other.cells)
            } else if delivered.tables.contains(&main) {
                Cow::Owned(cells(session, &main, Some(span))?)
            } else {
                continue;
            };
            findings.extend(repeats(one.dataset, other.dataset, &one.cells, &known));
        }
    }
    Ok(())
}
