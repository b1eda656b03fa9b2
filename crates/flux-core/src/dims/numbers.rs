//! The numbers of the dimensions as the facts use them: rows that are gone, and numbers that must not be given again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims::epci::{Period, within};
use crate::domain::catalogue::{DIMS, Dataset, Dim, DimSpec, fact_tables};
use crate::error::Result;
use crate::report::{Code, Finding, plural, some_of};
use crate::schema::{self, Existing};

/// Facts whose row of a dimension is gone, by number.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Orphans {
    /// The dimension's table.
    pub(crate) table: &'static str,
    pub(crate) ids: Vec<Orphan>,
    /// Whether the dimension could give one of these numbers to a new name.
    pub(crate) reusable: bool,
}

/// One number that facts use and the dimension lacks.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Orphan {
    /// Below 0 where a script wrote that for "not known".
    pub(crate) id: i64,
    pub(crate) rows: u64,
    pub(crate) volume: i64,
    /// Fact tables that use it.
    pub(crate) tables: Vec<String>,
}

/// Which columns of the fact tables present lead to a dimension; test tables share the dimensions.
pub(crate) fn users(spec: &DimSpec, present: &HashMap<String, Existing>) -> Vec<String> {
    let uses = |table: &String| present.get(table).is_some_and(|found| found.has(spec.id));
    fact_tables().map(|(table, _)| table).filter(uses).collect()
}

/// Orphans of one dimension by their numbers.
type Ids = BTreeMap<i64, Orphan>;

/// The highest number that a counter is raised above: that of an INT, which a script without strict mode leaves where one did not fit.
pub(crate) const LAST: i64 = i32::MAX as i64;

/// The numbers of a dimension.
fn stored(session: &mut Session, spec: &DimSpec) -> Result<HashSet<i64>> {
    let sql = format!("SELECT CAST({id} AS SIGNED) FROM {} WHERE {id} IS NOT NULL", spec.table, id = spec.id);
    Ok(session.rows::<i64>(&format!("lecture de {}", spec.table), &sql, ())?.into_iter().collect())
}

/// Counts the rows of a table whose number fulfils `condition` and is not known.
fn add(
    session: &mut Session,
    spec: &DimSpec,
    table: &str,
    (condition, period): (&str, Option<&Period>),
    known: impl Fn(i64) -> bool,
    ids: &mut Ids,
) -> Result<()> {
    let (days, values) = within(period);
    let sql = format!(
        "SELECT CAST({id} AS SIGNED), COUNT(*), CAST(COALESCE(SUM(volume), 0) AS SIGNED) FROM {table} \
         WHERE {id} {condition}{days} GROUP BY {id}",
        id = spec.id
    );
    let used: Vec<(i64, u64, i64)> = session.rows(&format!("lecture de {table}"), &sql, values)?;
    for (id, rows, volume) in used.into_iter().filter(|(id, ..)| !known(*id)) {
        if id == 0 && spec.optional {
            continue;
        }
        let orphan = ids.entry(id).or_insert_with(|| Orphan { id, rows: 0, volume: 0, tables: Vec::new() });
        orphan.rows += rows;
        orphan.volume += volume;
        orphan.tables.push(table.to_owned());
    }
    Ok(())
}

fn of_ids(session: &mut Session, spec: &DimSpec, ids: Ids) -> Result<Option<Orphans>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let next = next_number(session, spec)?;
    let reusable = next.is_some_and(|next| ids.keys().any(|id| *id >= next && *id < LAST));
    Ok(Some(Orphans { table: spec.table, ids: ids.into_values().collect(), reusable }))
}

/// The numbers of all dimensions, against which facts are held a period at a time.
#[derive(Debug)]
pub(crate) struct Known {
    of: HashMap<Dim, HashSet<i64>>,
    /// Numbers that a dimension lacks, with the tables that use them.
    missing: BTreeMap<Dim, BTreeMap<String, BTreeSet<i64>>>,
}

impl Known {
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn load(session: &mut Session, present: &HashMap<String, Existing>) -> Result<Self> {
        let mut of = HashMap::new();
        for spec in DIMS.iter().filter(|spec| present.contains_key(spec.table)) {
            of.insert(spec.dim, stored(session, spec)?);
        }
        Ok(Self { of, missing: BTreeMap::new() })
    }

    /// Holds the facts of a period against the dimensions. Reads the key of the table, two or three times, and no row.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn look_at(
        &mut self,
        session: &mut Session,
        (table, dataset): (&str, &Dataset),
        existing: &Existing,
        period: &Period,
    ) -> Result<()> {
        let dims: Vec<Dim> = dataset.dims().filter(|dim| existing.has(dim.spec().id)).collect();
        let base = |dim: &Dim| crate::domain::catalogue::BASE.contains(dim);
        let place = |dim: &Dim| dim.spec().optional;
        // Numbers that have few values together are asked for together.
        let (base, rest): (Vec<Dim>, Vec<Dim>) = dims.into_iter().partition(base);
        let (places, others): (Vec<Dim>, Vec<Dim>) = rest.into_iter().partition(place);
        for dims in [base, others, places].iter().filter(|dims| !dims.is_empty()) {
            let ids: Vec<&str> = dims.iter().map(|dim| dim.spec().id).collect();
            let sql = format!("SELECT DISTINCT {} FROM {table} WHERE date BETWEEN ? AND ?", ids.join(", "));
            let rows: Vec<mysql::Row> = session.rows(&format!("lecture de {table}"), &sql, period)?;
            for row in rows {
                for (at, dim) in dims.iter().enumerate() {
                    let id = row.get_opt::<Option<i64>, _>(at).and_then(std::result::Result::ok).flatten();
                    let Some(id) = id.filter(|id| *id != 0 || !dim.spec().optional) else { continue };
                    if self.of.get(dim).is_some_and(|known| !known.contains(&id)) {
                        self.missing.entry(*dim).or_default().entry(table.to_owned()).or_default().insert(id);
                    }
                }
            }
        }
        Ok(())
    }

    /// The orphans of what was looked at, with their rows in `period`.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn orphans(&self, session: &mut Session, period: &Period) -> Result<Vec<Orphans>> {
        let mut found = Vec::new();
        for (dim, tables) in &self.missing {
            let mut ids = Ids::new();
            for (table, numbers) in tables {
                let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                let condition = format!("IN ({})", numbers.join(", "));
                add(session, dim.spec(), table, (&condition, Some(period)), |_| false, &mut ids)?;
            }
            found.extend(of_ids(session, dim.spec(), ids)?);
        }
        Ok(found)
    }
}

/// Looks for orphans of the dimensions that are `wanted` and there, those aside of which a number of a table is `told` otherwise. Reads each
/// fact table once per dimension.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn orphans(
    session: &mut Session,
    present: &HashMap<String, Existing>,
    wanted: impl Fn(Dim) -> bool,
    told: impl Fn(Dim, &str, i64) -> bool,
) -> Result<Vec<Orphans>> {
    let mut found = Vec::new();
    for spec in DIMS.iter().filter(|spec| wanted(spec.dim) && present.contains_key(spec.table)) {
        let known = stored(session, spec)?;
        let mut ids = Ids::new();
        for table in users(spec, present) {
            crate::signals::check()?;
            let is_settled = |id| known.contains(&id) || told(spec.dim, &table, id);
            add(session, spec, &table, ("IS NOT NULL", None), is_settled, &mut ids)?;
        }
        found.extend(of_ids(session, spec, ids)?);
    }
    Ok(found)
}

impl Orphans {
    /// What was found, in all facts or in those of a day and after, and what mends it.
    pub(crate) fn finding(&self, since: Option<&str>) -> Finding {
        let rows: u64 = self.ids.iter().map(|orphan| orphan.rows).sum();
        let examples: Vec<String> = self
            .ids
            .iter()
            .map(|orphan| {
                format!("id {} ({}, {})", orphan.id, plural(orphan.rows, "ligne", "lignes"), some_of(&orphan.tables, 2))
            })
            .collect();
        let message = format!(
            "{}{} dont la ligne de {} n'existe plus : {}",
            plural(rows, "fait", "faits"),
            since.map_or_else(String::new, |day| format!(" depuis le {day}")),
            self.table,
            some_of(&examples, 5)
        );
        let dim = DIMS.iter().find(|spec| spec.table == self.table).map_or("zones", |spec| spec.plural);
        let id = self.ids.first().map_or(0, |orphan| orphan.id);
        Finding::attention(Code::OrphanRows, self.table, message).action(match u32::try_from(id) {
            Ok(id) => format!(
                "merge-dimension --dim {dim} --from-id {id} --into NOM les rattache, si vous savez de quoi il s'agit"
            ),
            Err(_) => "rattachez-les à la main, si vous savez de quoi il s'agit".to_owned(),
        })
    }
}

/// The number that a dimension gives to its next row, as the table itself says: the catalogue of the server may be a day old. None of a
/// view, which gives none.
pub(crate) fn next_number(session: &mut Session, spec: &DimSpec) -> Result<Option<i64>> {
    let sql = format!("SHOW CREATE TABLE {}", spec.table);
    let row: Option<mysql::Row> = session.first(&format!("lecture de {}", spec.table), &sql, ())?;
    let text = row.and_then(|row| row.get_opt::<String, _>(1)?.ok()).unwrap_or_default();
    if !text.starts_with("CREATE TABLE") {
        return Ok(None);
    }
    let digits = text.rsplit_once("AUTO_INCREMENT=").map(|(_, rest)| rest);
    let digits = digits.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    Ok(Some(digits.and_then(|digits| digits.parse().ok()).unwrap_or(1)))
}

/// Raises the counters of the dimensions above every number that facts use; gives the tables concerned with their new number.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn raise(session: &mut Session, present: &HashMap<String, Existing>) -> Result<Vec<(&'static str, i64)>> {
    let mut highest: HashMap<Dim, i64> = HashMap::new();
    for (table, dataset) in fact_tables() {
        let Some(existing) = present.get(&table) else { continue };
        crate::signals::check()?;
        let has = |dim: &Dim| existing.has(dim.spec().id);
        let dims: Vec<Dim> = dataset.dims().filter(has).collect();
        let parts: Vec<String> =
            dims.iter().map(|dim| format!("CAST(COALESCE(MAX({}), 0) AS CHAR)", dim.spec().id)).collect();
        if parts.is_empty() {
            continue;
        }
        let sql = format!("SELECT CONCAT_WS(' ', {}) FROM {table}", parts.join(", "));
        let maxima: Option<String> = session.first(&format!("lecture de {table}"), &sql, ())?;
        for (dim, text) in dims.iter().zip(maxima.unwrap_or_default().split(' ')) {
            let id = text.parse().unwrap_or(0);
            if id >= LAST {
                // The highest of the sound ones, which an index that begins otherwise has to be searched for.
                let spec = dim.spec();
                let sql = format!("SELECT COALESCE(MAX({id}), 0) FROM {table} WHERE {id} < {LAST}", id = spec.id);
                let sound: i64 = session.first(&format!("lecture de {table}"), &sql, ())?.unwrap_or(0);
                let held = highest.entry(*dim).or_default();
                *held = sound.max(*held);
                continue;
            }
            let held = highest.entry(*dim).or_default();
            *held = id.max(*held);
        }
    }
    let mut raised = Vec::new();
    for spec in DIMS.iter().filter(|spec| present.contains_key(spec.table)) {
        // A number that was given by hand is one that the server has not counted.
        let sql = format!(
            "SELECT CAST(COALESCE(MAX({id}), 0) AS SIGNED) FROM {} WHERE {id} < {LAST}",
            spec.table,
            id = spec.id
        );
        let own: i64 = session.first(&format!("lecture de {}", spec.table), &sql, ())?.unwrap_or(0);
        let used = highest.get(&spec.dim).copied().unwrap_or(0).max(own);
        if used > 0 && next_number(session, spec)?.is_some_and(|next| next <= used) {
            let sql = format!("ALTER TABLE {} AUTO_INCREMENT = {}", spec.table, used + 1);
            schema::alter(session, spec.table, &sql)?;
            raised.push((spec.table, used + 1));
        }
    }
    Ok(raised)
}
