//! What a delivery no longer says of dates that the main tables hold: a zone, a category or a provenance of which every row is gone.
//!
//! The guards of the migration measure dates and zones. A category that is missing everywhere takes too little of each to stop them.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;

use crate::db::Session;
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::inspect::validation::coverage::{Content, Delivered, Names};
use crate::inspect::validation::day;
use crate::load::repeated::Span;
use crate::load::{self, Vanished, ZONES_GONE};

use crate::report::{Code, Finding};

/// Rows and dates below which a category may well come and go.
const FEWEST: u64 = 10;
const FEWEST_DATES: usize = 2;

/// Rows of a date by zone, provenance and category.
struct Held {
    date: NaiveDate,
    /// Zone, provenance, category.
    ids: [u32; 3],
    rows: u64,
}

/// Compares what waits in the temporary tables with the provisional rows of the main ones, on the dates to be migrated. The import tells of
/// zones too, but only once.
pub(crate) fn vanished(
    session: &mut Session,
    delivered: &Delivered<'_>,
    names: &Names,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    for (content, main, _) in delivered.beside_main() {
        let known: HashSet<NaiveDate> = delivered.days(content).into_iter().map(Day::date).collect();
        let dates = content.cells.keys().map(|(date, ..)| *date);
        let dates: BTreeSet<NaiveDate> = dates.filter(|date| known.contains(date)).collect();
        let Some(span) = dates.first().copied().zip(dates.last().copied()) else { continue };
        let mut held = match held(session, &main, span, "AND is_provisional <> 0") {
            // An older table knows no provisional rows.
            Err(Error::MissingColumn { .. }) => continue,
            held => held?,
        };
        held.retain(|one| dates.contains(&one.date));
        let here: HashSet<(NaiveDate, u32)> = content.cells.keys().map(|(date, zone, _)| (*date, *zone)).collect();
        let (held, gone): (Vec<Held>, _) = held.into_iter().partition(|one| here.contains(&(one.date, one.ids[0])));
        zones(content, &gone, names, findings);
        if held.is_empty() {
            continue;
        }
        let now = self::held(session, &content.table, span, "")?;
        kinds(content, &held, &now, names, findings);
    }
    Ok(())
}

fn held(session: &mut Session, table: &str, (first, last): Span, which: &str) -> Result<Vec<Held>> {
    let sql = format!(
        "SELECT CAST(date AS CHAR), id_zone, id_provenance, id_categorie, COUNT(*) FROM {table} \
         WHERE date BETWEEN ? AND ? {which} GROUP BY date, id_zone, id_provenance, id_categorie"
    );
    let period = (first.to_string(), last.to_string());
    let rows: Vec<(String, u32, u32, u32, u64)> = session.rows(&format!("comptage de {table}"), &sql, period)?;
    let held = |(date, zone, provenance, category, rows): (String, u32, u32, u32, u64)| {
        Some(Held { date: day(&date)?, ids: [zone, provenance, category], rows })
    };
    Ok(rows.into_iter().filter_map(held).collect())
}

fn zones(content: &Content, gone: &[Held], names: &Names, findings: &mut Vec<Finding>) {
    let mut by_zone = Vanished::new();
    gone.iter().for_each(|one| add(&mut by_zone, names.zone(one.ids[0]), one));
    findings.extend(tell(content, ZONES_GONE, &by_zone));
}

/// Categories and provenances of which rows are held on several dates, and of which nothing is there now on any of them.
fn kinds(content: &Content, held: &[Held], now: &[Held], names: &Names, findings: &mut Vec<Finding>) {
    let mut gone = Vanished::new();
    for (at, what) in [(1, "provenance"), (2, "catégorie")] {
        let is_there: HashSet<u32> = now.iter().map(|one| one.ids[at]).collect();
        let name = |id| if at == 1 { names.provenance(id) } else { names.category(id) };
        for one in held.iter().filter(|one| !is_there.contains(&one.ids[at])) {
            add(&mut gone, format!("{what} {}", name(one.ids[at])), one);
        }
    }
    gone.retain(|_, (dates, rows)| dates.len() >= FEWEST_DATES && *rows >= FEWEST);
    let what = (Code::CategoryVanished, "n'a plus rien de ce que ces dates ont en base");
    findings.extend(tell(content, what, &gone));
}

fn add(gone: &mut Vanished, name: String, one: &Held) {
    let (dates, rows) = gone.entry(name).or_default();
    dates.insert(one.date);
    *rows += one.rows;
}

fn tell(content: &Content, what: (Code, &str), gone: &Vanished) -> Option<Finding> {
    let finding = load::vanished(&content.table, what, gone)?;
    Some(finding.action("vérifiez auprès du fournisseur avant de migrer"))
}
