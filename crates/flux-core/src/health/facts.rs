//! What the facts lead to, newest first, as far back as a few seconds allow: rows of dimensions that are gone, places under two EPCIs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims::epci::{self, Period};
use crate::dims::numbers::Known;
use crate::domain::catalogue::{Dataset, Space, tables_of};
use crate::error::Result;
use crate::report::Finding;
use crate::schema::{self, Existing};

/// How long the look may take. What was not reached, `adopt-database` and `check-zones` read.
const BUDGET: Duration = Duration::from_secs(1);
/// Days of the first step; each next one is twice as long.
const FIRST_STEP: u64 = 7;

/// What was looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Looked {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whether these are all the facts.
    pub(crate) complete: bool,
}

/// What was looked at, `None` where there are no facts, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) looked: Option<Looked>,
    pub(crate) findings: Vec<Finding>,
}

/// Looks at the main and temporary tables of a space. Reads keys by their dates.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn look(session: &mut Session, existing: &HashMap<String, Existing>, space: Space) -> Result<Facts> {
    let mut tables = Vec::new();
    for (table, dataset) in tables_of(space) {
        let Some(found) = existing.get(&table) else { continue };
        let span = schema::span(session, &format!("lecture de {table}"), &table)?;
        let span = span.and_then(|(first, last)| first.parse().ok().zip(last.parse().ok()));
        tables.extend(span.map(|(first, last)| Table { name: table, dataset, existing: found, first, last }));
    }
    let ends = tables.iter().map(|table| table.first).min().zip(tables.iter().map(|table| table.last).max());
    let Some((first, last)) = ends else { return Ok(Facts::default()) };
    let mut known = Known::load(session, existing)?;
    let (started, mut to, mut days) = (Instant::now(), last, FIRST_STEP);
    let from = loop {
        let from = to.checked_sub_days(Days::new(days - 1)).map_or(first, |from| from.max(first));
        let step = Instant::now();
        for table in tables.iter().filter(|table| table.last >= from && table.first <= to) {
            crate::signals::check()?;
            let period = (from.to_string(), to.to_string());
            known.look_at(session, (&table.name, table.dataset), table.existing, &period)?;
        }
        // The next step is twice as long.
        if from == first || started.elapsed() + step.elapsed() * 2 > BUDGET {
            break from;
        }
        (to, days) = (from.pred_opt().unwrap_or(first), days * 2);
    };
    let period = (from.to_string(), last.to_string());
    let complete = from == first;
    let since = if complete { None } else { Some(period.0.as_str()) };
    let orphans = known.orphans(session, &period)?;
    let mut findings: Vec<Finding> = orphans.iter().map(|orphans| orphans.finding(since)).collect();
    findings.extend(doubled(session, &tables, &period)?);
    Ok(Facts { looked: Some(Looked { from: period.0, to: period.1, complete }), findings })
}

/// A fact table that has rows, with its first and last day.
struct Table<'a> {
    name: String,
    dataset: &'static Dataset,
    existing: &'a Existing,
    first: NaiveDate,
    last: NaiveDate,
}

fn doubled(session: &mut Session, tables: &[Table<'_>], period: &Period) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for Table { name, dataset, existing, .. } in tables {
        if epci::concerns(dataset) && epci::is_told(existing) {
            crate::signals::check()?;
            findings.extend(epci::doubled(session, name, dataset, Some(period))?.map(|found| found.finding()));
        }
    }
    Ok(findings)
}
