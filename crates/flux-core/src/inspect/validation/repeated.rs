//! One content under two names: files of the same columns, nights and days, that are taken for each other load without a rejected line.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::db::Session;
use crate::error::Result;
use crate::inspect::validation::coverage::{Content, Delivered, cells};
use crate::report::{Code, Finding, number};

/// Rows below which two files may well say the same.
const FEWEST: u64 = 50;

/// Compares what the tables of each two such files hold, date by date, zone by zone; of one that is not delivered, its main table.
pub(crate) fn repeated(session: &mut Session, delivered: &Delivered<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for (at, one) in delivered.contents.iter().enumerate() {
        let alike = |other: &&Content| other.dataset.breakdown == one.dataset.breakdown;
        for other in delivered.contents[at + 1..].iter().filter(alike) {
            // The one that was just delivered is the doubtful one.
            let (one, other) = if one.cells.is_empty() { (other, one) } else { (one, other) };
            let dates: BTreeSet<NaiveDate> = one.cells.keys().map(|(date, ..)| *date).collect();
            let (Some(first), Some(last)) = (dates.first(), dates.last()) else { continue };
            let main = other.dataset.main_table(delivered.options.space);
            let known = if !other.cells.is_empty() {
                Cow::Borrowed(&other.cells)
            } else if delivered.tables.contains(&main) {
                Cow::Owned(cells(session, &main, Some((*first, *last)))?)
            } else {
                continue;
            };
            let shared: BTreeSet<NaiveDate> =
                known.keys().map(|(date, ..)| *date).filter(|date| dates.contains(date)).collect();
            let here = || one.cells.iter().filter(|((date, ..), _)| shared.contains(date));
            let there = known.iter().filter(|((date, ..), _)| shared.contains(date));
            let rows: u64 = here().map(|(_, (rows, _))| rows).sum();
            if rows >= FEWEST && here().eq(there) {
                let name = |content: &Content| content.dataset.weekly_file.unwrap_or(content.dataset.main);
                let (file, twin) = (name(one), name(other));
                let what = format!("dit la même chose que {twin} : {} lignes, les mêmes volumes", number(rows));
                findings.push(
                    Finding::attention(Code::FileRepeated, file, what)
                        .action("demandez au fournisseur lequel des deux est faux, et déposez le bon"),
                );
            }
        }
    }
    Ok(())
}
