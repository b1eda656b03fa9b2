//! Rows that were written definitive and still bear the mark of provisional ones: older scripts never kept it right. A true provisional
//! row was inserted once and never changed; one that was changed had taken a definitive volume.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::{Database, Session};
use crate::domain::catalogue::{DATASETS, Space};
use crate::error::Result;
use crate::ledger::adoption;
use crate::schema::Existing;
use std::collections::HashMap;

/// What becomes of the rows that bear the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Marks {
    /// They are definitive: flagged 0.
    Flag,
    /// They are provisional as they say.
    Keep,
}

/// Under which the decision is remembered.
const DECIDED: &str = "marks";

/// The mark: provisional, and changed since. A time of zeros says as little as NULL; where the column admits neither, a row that was
/// changed says so by another time than that of its creation.
fn condition(session: &mut Session, existing: &Existing) -> Result<String> {
    let never_null = existing.shapes.get("updated_at").is_some_and(|shape| !shape.nullable);
    let after = if never_null && existing.has("created_at") { " AND updated_at <> created_at" } else { "" };
    let before_us = adoption::before_us(session, "updated_at")?.map_or_else(String::new, |sql| format!(" AND {sql}"));
    Ok(format!("is_provisional <> 0 AND updated_at > '1970-01-02'{after}{before_us}"))
}

/// Rows of one main table that bear the mark.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) volume: i64,
    pub(super) first: String,
    pub(super) last: String,
}

/// Counts them; nothing once it was decided what they are.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn marked(session: &mut Session, present: &HashMap<String, Existing>) -> Result<Vec<Marked>> {
    let mut found = Vec::new();
    if adoption::is_recorded(session, DECIDED)? {
        return Ok(found);
    }
    for table in DATASETS.iter().map(|dataset| dataset.main_table(Space::Production)) {
        let Some(existing) = present.get(&table) else { continue };
        if !existing.has("is_provisional") || !existing.has("updated_at") {
            continue;
        }
        let condition = condition(session, existing)?;
        let sql = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM(volume), 0) AS SIGNED), COALESCE(CAST(MIN(date) AS CHAR), ''), \
             COALESCE(CAST(MAX(date) AS CHAR), '') FROM {table} WHERE {condition}"
        );
        let row: Option<(u64, i64, String, String)> = session.first(&format!("lecture de {table}"), &sql, ())?;
        let (rows, volume, first, last) = row.unwrap_or_default();
        if rows > 0 {
            found.push(Marked { table, rows, volume, first, last });
        }
    }
    Ok(found)
}

/// Carries the decision out in one transaction, and remembers it; gives the tables with the rows that were flagged.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn decide(
    database: &Database,
    present: &HashMap<String, Existing>,
    marks: Marks,
) -> Result<Vec<(String, u64)>> {
    database.transaction(|session| {
        let mut flagged = Vec::new();
        for found in marked(session, present)? {
            if marks == Marks::Flag {
                let Some(existing) = present.get(&found.table) else { continue };
                let condition = condition(session, existing)?;
                let sql =
                    format!("UPDATE {} SET is_provisional = 0, updated_at = updated_at WHERE {condition}", found.table);
                let rows = session.exec(&format!("marques de {}", found.table), &sql, ())?;
                flagged.push((found.table, rows));
            }
        }
        let detail = if marks == Marks::Flag { "flag" } else { "keep" };
        adoption::record(session, DECIDED, "", detail, flagged.iter().map(|(_, rows)| rows).sum())?;
        Ok(flagged)
    })
}
