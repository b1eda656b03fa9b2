//! What the facts lead to, newest first, as far back as a few seconds allow: rows of dimensions that are gone, places under two EPCIs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use serde::Serialize;

use crate::db::Session;
use crate::dims::epci::{self, Period};
use crate::dims::numbers::Known;
use crate::domain::catalogue::{self, DATASETS, Dataset, Space};
use crate::error::Result;
use crate::report::Finding;
use crate::schema::Existing;

/// How long the look may take. What was not reached, `adopt-database` and `check-zones` read.
const BUDGET: Duration = Duration::from_secs(3);
/// Days of the first step; each next one is twice as long.
const FIRST_STEP: u64 = 7;

/// What was looked at.
#[derive(Debug, Clone, Serialize)]
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
    let mains = DATASETS.iter().map(|dataset| (dataset.main_table(space), dataset));
    let temps = catalogue::weekly().map(|dataset| (dataset.temp_table(space), dataset));
    let mut tables: Vec<(String, &Dataset, &Existing)> = mains
        .chain(temps)
        .filter_map(|(table, dataset)| existing.get(&table).map(|found| (table, dataset, found)))
        .collect();
    let spans = spans(session, &tables)?;
    let days = || spans.values().flat_map(|(first, last)| [*first, *last]);
    let Some((first, last)) = days().min().zip(days().max()) else { return Ok(Facts::default()) };
    tables.retain(|(table, ..)| spans.contains_key(table));
    let mut known = Known::load(session, existing)?;
    let (started, mut to, mut days) = (Instant::now(), last, FIRST_STEP);
    let from = loop {
        let from = to.checked_sub_days(Days::new(days - 1)).map_or(first, |from| from.max(first));
        let step = Instant::now();
        for (table, dataset, existing) in &tables {
            crate::signals::check()?;
            if spans.get(table).is_none_or(|(first, last)| *last < from || *first > to) {
                continue;
            }
            known.look_at(session, (table, dataset), &existing.columns, &(from.to_string(), to.to_string()))?;
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

/// First and last day of each table that has any.
fn spans(
    session: &mut Session,
    tables: &[(String, &Dataset, &Existing)],
) -> Result<HashMap<String, (NaiveDate, NaiveDate)>> {
    let mut spans = HashMap::new();
    for (table, ..) in tables {
        let sql = format!("SELECT CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) FROM {table}");
        let ends: Option<(Option<String>, Option<String>)> = session.first(&format!("lecture de {table}"), &sql, ())?;
        let (first, last) = ends.unwrap_or_default();
        let day = |text: Option<String>| text.and_then(|text| text.parse::<NaiveDate>().ok());
        spans.extend(day(first).zip(day(last)).map(|span| (table.clone(), span)));
    }
    Ok(spans)
}

fn doubled(
    session: &mut Session,
    tables: &[(String, &'static Dataset, &Existing)],
    period: &Period,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (table, dataset, existing) in tables {
        if epci::concerns(dataset) && epci::is_told(existing) {
            crate::signals::check()?;
            findings.extend(epci::doubled(session, table, dataset, Some(period))?.map(|found| found.finding()));
        }
    }
    Ok(findings)
}
