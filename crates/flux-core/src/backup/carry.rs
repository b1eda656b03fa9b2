//! A restoration that brings the history of its time along: what happened since did happen, and counts as undone. Without its lines nobody
//! would miss a delivery that was loaded, migrated and archived since the snapshot.

use std::collections::{HashMap, HashSet};

use crate::backup::manifest::TableEntry;
use crate::backup::{ddl, snapshot};
use crate::db::{Session, quote};
use crate::error::Result;
use crate::ledger::{dates, history, migrations};

/// Tables whose newer lines are carried along: the column that says of which line of which table they are. What lines depend on comes after
/// them, while it still lacks what is newer. Of a migration that is undone its cells and rows are of no use.
const CARRIED: [(&str, &str, &str); 3] = [
    (dates::TABLE, "history", history::TABLE),
    (history::TABLE, "id", history::TABLE),
    (migrations::TABLE, "id", migrations::TABLE),
];

/// Files of loads newer than the snapshot into tables that are restored.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn newer(session: &mut Session, entries: &[&TableEntry], since: &str) -> Result<Vec<String>> {
    history::loads_newer(session, &names(entries), since)
}

/// Completes the restored history, before the swap; gives the tables that it has written to.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn carry(
    session: &mut Session,
    entries: &[&TableEntry],
    live: &HashSet<String>,
    run: &str,
) -> Result<Vec<&'static str>> {
    let has = |table: &str| live.contains(table) && entries.iter().any(|entry| entry.table == table);
    if !has(history::TABLE) {
        return Ok(Vec::new());
    }
    let mut newer: HashMap<&str, Vec<u64>> = HashMap::new();
    for table in [history::TABLE, migrations::TABLE].into_iter().filter(|table| has(table)) {
        let (here, new) = (quote(table), quote(&ddl::new_name(table)));
        let sql =
            format!("SELECT l.id FROM {here} l LEFT JOIN {new} n ON n.id = l.id WHERE n.id IS NULL ORDER BY l.id");
        newer.insert(table, session.rows(&format!("suite de {table}"), &sql, ())?);
    }
    let mut written = Vec::new();
    for (table, of, parent) in CARRIED.into_iter().filter(|(table, ..)| has(table)) {
        let ids = newer.get(parent).filter(|ids| !ids.is_empty());
        let entry = entries.iter().find(|entry| entry.table == table);
        let Some((ids, entry)) = ids.zip(entry) else { continue };
        let here = snapshot::columns(session, table)?.names;
        let both = entry.columns.iter().filter(|column| here.contains(column)).map(|column| quote(column));
        let columns = both.collect::<Vec<_>>().join(", ");
        for ids in ids.chunks(1000) {
            let ids = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "INSERT INTO {} ({columns}) SELECT {columns} FROM {} WHERE {of} IN ({ids})",
                quote(&ddl::new_name(table)),
                quote(table)
            );
            session.exec(&format!("suite de {table}"), &sql, ())?;
        }
        written.push(table);
    }
    let (of, tables) = (|table: &str| newer.get(table).map(Vec::as_slice).unwrap_or_default(), names(entries));
    history::undo_newer(session, &quote(&ddl::new_name(history::TABLE)), of(history::TABLE), &tables, run)?;
    migrations::undo_newer(session, &quote(&ddl::new_name(migrations::TABLE)), of(migrations::TABLE), &tables, run)?;
    Ok(written)
}

fn names<'a>(entries: &[&'a TableEntry]) -> Vec<&'a str> {
    entries.iter().map(|entry| entry.table.as_str()).collect()
}
