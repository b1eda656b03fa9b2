//! Dimensions that are restored under facts that are not: every id that those use must lead to the name that it leads to now.
//!
//! An older dimension lacks the names that came since. The facts that are not restored would lose them, and the next new name would take
//! their ids: visitors of one country would become another's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use mysql::Value;

use crate::backup::manifest::TableEntry;
use crate::backup::{ddl, load, rows};
use crate::db::{Session, quote};
use crate::domain::catalogue::{DIMS, DimSpec};
use crate::domain::names::normalise;
use crate::error::{Error, Result};
use crate::report::some_of;
use crate::schema::IS_TABLE;

/// Rows of a dimension, newer than the backup, that stay: facts that are not restored use them.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) table: String,
    id: &'static str,
    ids: Vec<u64>,
    pub(super) names: Vec<String>,
}

/// What stays of each dimension that is restored.
///
/// # Errors
/// [`Error::Config`] where an id that stays in use would lead to another name.
pub(super) fn kept(
    session: &mut Session,
    dir: &Path,
    entries: &[&TableEntry],
    live: &HashSet<String>,
) -> Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for dim in DIMS {
        let Some(entry) = entries.iter().find(|entry| entry.table == dim.table && live.contains(dim.table)) else {
            continue;
        };
        let now = names_in_place(session, dim)?;
        let saved = names_saved(dir, entry, dim)?;
        let moved: BTreeMap<u64, &String> = now
            .iter()
            .filter(|(id, name)| saved.get(id).is_none_or(|old| !is_same(dim, old, name)))
            .map(|(id, name)| (*id, name))
            .collect();
        if moved.is_empty() {
            continue;
        }
        let mut used: BTreeMap<u64, String> = BTreeMap::new();
        for table in users(session, dim, entries)? {
            for id in uses(session, &table, dim.id, moved.keys())? {
                used.entry(id).or_insert_with(|| table.clone());
            }
        }
        if let Some((id, table)) = used.iter().find(|(id, _)| saved.contains_key(id)) {
            return Err(other_name(dim, *id, &saved[id], moved[id], table));
        }
        // A name that the backup gives to another id cannot stand there twice.
        let known: HashMap<String, u64> = saved.iter().map(|(id, name)| (normalise(dim.dim, name), *id)).collect();
        if let Some((id, table)) = used.iter().find(|(id, _)| known.contains_key(&normalise(dim.dim, moved[id]))) {
            return Err(Error::Config {
                message: format!(
                    "{} : {table} désigne « {} » par l'id {id}, la sauvegarde par un autre",
                    dim.table, moved[id]
                ),
                hint: way_out(table),
            });
        }
        if !used.is_empty() {
            let names = used.keys().map(|id| moved[id].clone()).collect();
            kept.push(Kept { table: dim.table.to_owned(), id: dim.id, ids: used.into_keys().collect(), names });
        }
    }
    Ok(kept)
}

fn other_name(dim: &DimSpec, id: u64, saved: &str, now: &str, table: &str) -> Error {
    Error::Config {
        message: format!(
            "{} : l'id {id} est « {saved} » dans la sauvegarde et « {now} » en place, où {table}, qui n'est pas restaurée, l'utilise",
            dim.table
        ),
        hint: way_out(table),
    }
}

fn way_out(table: &str) -> String {
    format!(
        "restaurez une sauvegarde qui contient aussi {table} (`backup-critical --all`), ou seulement les tables voulues (--only)"
    )
}

/// Copies the rows that stay beside the restored ones, before the swap.
///
/// # Errors
/// [`Error::Sql`]; [`Error::Invariant`] where not all of them come.
pub(super) fn keep(session: &mut Session, kept: &Kept, columns: &[String]) -> Result<()> {
    let Kept { table, id, ids, names } = kept;
    let doing = format!("maintien de lignes de {table}");
    // Ids of the server's own counting are not taken for "give a new one".
    session.exec(&doing, "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')", ())?;
    let columns = columns.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let ids_text = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let new = quote(&ddl::new_name(table));
    let sql =
        format!("INSERT INTO {new} ({columns}) SELECT {columns} FROM {} WHERE {id} IN ({ids_text})", quote(table));
    let copied = session.exec(&doing, &sql, ())?;
    session.exec_aside(&doing, "SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_AUTO_VALUE_ON_ZERO', '')", ())?;
    if copied != ids.len() as u64 {
        return Err(Error::Invariant(format!("{table} : {} n'ont pu être gardées", some_of(names, 3))));
    }
    Ok(())
}

/// A restored table counts on from where the one in place has come: an id that was given once is not given again.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn count_on(session: &mut Session, table: &str) -> Result<()> {
    let new = ddl::new_name(table);
    let (before, after) = (counter(session, table)?, counter(session, &new)?);
    if let Some(before) = before.filter(|before| after.is_none_or(|after| after < *before)) {
        let sql = format!("ALTER TABLE {} AUTO_INCREMENT = {before}", quote(&new));
        session.exec(&format!("compteur de {new}"), &sql, ())?;
    }
    Ok(())
}

/// The id that the next row gets; `None` where rows bring their own, or none was given yet. Not from the catalogue, whose numbers MySQL
/// keeps for a day.
fn counter(session: &mut Session, table: &str) -> Result<Option<u64>> {
    let sql = format!("SHOW CREATE TABLE {}", quote(table));
    let ddl: Option<(String, String)> = session.first(&format!("structure de {table}"), &sql, ())?;
    let options =
        ddl.and_then(|(_, ddl)| ddl.rsplit_once("\n)").map(|(_, options)| options.to_owned())).unwrap_or_default();
    let number =
        options.split_once(" AUTO_INCREMENT=").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect());
    Ok(number.and_then(|number: String| number.parse().ok()))
}

fn is_same(dim: &DimSpec, one: &str, other: &str) -> bool {
    one == other || normalise(dim.dim, one) == normalise(dim.dim, other)
}

fn names_in_place(session: &mut Session, dim: &DimSpec) -> Result<HashMap<u64, String>> {
    let sql = format!("SELECT {} AS id, COALESCE({}, '') AS name FROM {}", dim.id, dim.name, dim.table);
    Ok(session.rows(&format!("lecture de {}", dim.table), &sql, ())?.into_iter().collect())
}

fn names_saved(dir: &Path, entry: &TableEntry, dim: &DimSpec) -> Result<HashMap<u64, String>> {
    let at = |column: &str| entry.columns.iter().position(|name| name.eq_ignore_ascii_case(column));
    let (Some(id), Some(name)) = (at(dim.id), at(dim.name)) else { return Ok(HashMap::new()) };
    let text = |value: &Value| match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let mut names = HashMap::new();
    load::lines(&dir.join(&entry.file), |line| {
        let values = rows::decode(line, entry.columns.len())?;
        if let Ok(id) = text(&values[id]).parse() {
            names.insert(id, text(&values[name]));
        }
        Ok(())
    })?;
    Ok(names)
}

/// Tables that are not restored and have a column of the dimension's ids.
fn users(session: &mut Session, dim: &DimSpec, entries: &[&TableEntry]) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT c.table_name AS t FROM information_schema.columns c JOIN information_schema.tables b \
         ON b.table_schema = c.table_schema AND b.table_name = c.table_name AND {IS_TABLE} \
         WHERE c.table_schema = DATABASE() AND c.column_name = ? ORDER BY c.table_name"
    );
    let mut tables: Vec<String> = session.rows("lecture des tables de faits", &sql, (dim.id,))?;
    tables.retain(|table| !ddl::is_beside(table) && !entries.iter().any(|entry| entry.table == *table));
    tables.retain(|table| !table.starts_with("flux_") && table != dim.table);
    Ok(tables)
}

fn uses<'a>(session: &mut Session, table: &str, column: &str, ids: impl Iterator<Item = &'a u64>) -> Result<Vec<u64>> {
    let ids: Vec<String> = ids.map(u64::to_string).collect();
    let sql = format!("SELECT DISTINCT {column} AS id FROM {} WHERE {column} IN ({})", quote(table), ids.join(", "));
    session.rows(&format!("lecture de {table}"), &sql, ())
}
