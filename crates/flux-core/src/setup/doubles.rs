//! Keys that stand twice in a table that older scripts made without one: counted, shown, and settled by a rule that people choose.

use mysql::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::Session;
use crate::db::marks;
use crate::error::{Error, Result};
use crate::report::{Code, Finding, first_of, plural};
use crate::schema::{Existing, TableSpec, is_optional, quoted};

/// Doubled keys shown for a table.
const EXAMPLES: usize = 5;

/// Which of several rows of one key stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The one with the highest number: the one written last.
    Newest,
    /// The one with the lowest number.
    Oldest,
    /// One row, with all volumes added up.
    Sum,
    /// The definitive one; the newest of several, or where there is none.
    Definitive,
}

/// The keys of one table that stand more than once.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Doubles {
    pub(crate) table: String,
    /// Columns that should tell the rows apart.
    key: Vec<String>,
    /// Keys that stand more than once.
    pub(crate) keys: u64,
    /// Of these, those whose rows agree on volume and mark.
    pub(crate) identical: u64,
    pub(crate) different: u64,
    /// Rows beyond the first of each key.
    pub(crate) surplus: u64,
    /// The first of them: key, numbers of the rows, volumes.
    pub(crate) examples: Vec<String>,
    /// The column in which the server counts the rows, where it does.
    #[serde(skip)]
    number: Option<String>,
    /// What tells the rows of a key apart in the table's own key, and nowhere here.
    #[serde(skip)]
    apart: Vec<String>,
}

/// What of a table the statements need to know.
struct Shape<'a> {
    table: &'a str,
    /// Columns of the key that the table has; those that it lacks would be the same everywhere.
    key: Vec<&'a str>,
    /// Whether rows have a number that tells them apart.
    has_id: bool,
    is_fact: bool,
    has_mark: bool,
    has_updated: bool,
    spec: &'a TableSpec,
    existing: &'a Existing,
}

impl<'a> Shape<'a> {
    fn of(spec: &'a TableSpec, existing: &'a Existing) -> Option<Self> {
        let index = spec.natural_key()?;
        let served = existing.indexes.values().any(|(unique, columns)| index.is_served_by(*unique, columns));
        let nullable = index.columns.iter().any(|c| existing.shapes.get(*c).is_some_and(|shape| shape.nullable));
        let is_fact = spec.name.starts_with("fact_");
        if (served && !(is_fact && nullable)) || index.columns.as_slice() == ["id"] {
            return None;
        }
        let key: Vec<&str> = index.columns.iter().copied().filter(|column| existing.has(column)).collect();
        let id = spec.columns.first().map_or("id", |column| column.name);
        let has_id = if is_fact { existing.has("id") } else { existing.has(id) && !key.contains(&id) };
        (!key.is_empty()).then_some(Self {
            table: &spec.name,
            key,
            has_id,
            is_fact,
            has_mark: existing.has("is_provisional"),
            has_updated: existing.has("updated_at"),
            spec,
            existing,
        })
    }

    /// Columns of a unique key of the table that is wider than the natural one.
    fn apart(&self) -> Vec<String> {
        if !self.is_fact {
            return Vec::new();
        }
        let is_wider = |columns: &&Vec<String>| self.key.iter().all(|column| columns.iter().any(|own| own == column));
        let wider =
            self.existing.indexes.values().filter(|(unique, _)| *unique).map(|(_, columns)| columns).find(is_wider);
        let is_further = |column: &&String| !self.key.contains(&column.as_str()) && *column != self.id();
        wider.map(|columns| columns.iter().filter(is_further).cloned().collect()).unwrap_or_default()
    }

    /// Name of the column with the number of a row.
    fn id(&self) -> &str {
        if self.is_fact { "id" } else { self.spec.columns.first().map_or("id", |column| column.name) }
    }

    /// A column of the key as it will be: an unknown place is 0.
    fn value(&self, column: &str, alias: &str) -> String {
        let nullable = self.existing.shapes.get(column).is_some_and(|shape| shape.nullable);
        if nullable && is_optional(self.spec, column) {
            format!("COALESCE({alias}{column}, 0)")
        } else {
            format!("{alias}{column}")
        }
    }

    /// The key as expressions.
    fn values(&self, alias: &str) -> Vec<String> {
        self.key.iter().map(|column| self.value(column, alias)).collect()
    }

    /// Names may be NULL in a dimension, as often as one likes.
    fn condition(&self) -> String {
        if self.is_fact {
            return String::new();
        }
        let named: Vec<String> = self.key.iter().map(|column| format!("{column} IS NOT NULL")).collect();
        format!(" WHERE {}", named.join(" AND "))
    }

    /// `SELECT key…, <what> FROM table GROUP BY key HAVING COUNT(*) > 1`.
    fn groups(&self, what: &str) -> String {
        let values = self.values("");
        let named: Vec<String> = values.iter().enumerate().map(|(at, value)| format!("{value} AS k{at}")).collect();
        format!(
            "SELECT {}, {what} FROM {}{} GROUP BY {} HAVING COUNT(*) > 1",
            named.join(", "),
            self.table,
            self.condition(),
            values.join(", ")
        )
    }

    /// Whether the rows of a key agree.
    fn same(&self) -> String {
        match (self.is_fact, self.has_mark) {
            (true, true) => "MIN(volume) <=> MAX(volume) AND MIN(is_provisional) <=> MAX(is_provisional)".into(),
            (true, false) => "MIN(volume) <=> MAX(volume)".into(),
            (false, _) => "0 = 1".into(),
        }
    }
}

/// Counts the doubled keys of a table that lacks its key; `None` where there are none, or the key is there.
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn count(session: &mut Session, spec: &TableSpec, existing: &Existing) -> Result<Option<Doubles>> {
    let Some(shape) = Shape::of(spec, existing) else { return Ok(None) };
    let doing = format!("recherche de doubles dans {}", spec.name);
    let sql = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(d.same), 0) AS UNSIGNED), CAST(COALESCE(SUM(d.n - 1), 0) AS UNSIGNED) FROM ({}) d",
        shape.groups(&format!("COUNT(*) AS n, {} AS same", shape.same()))
    );
    let (keys, identical, surplus): (u64, u64, u64) = session.first(&doing, &sql, ())?.unwrap_or_default();
    if keys == 0 {
        return Ok(None);
    }
    let mut parts = vec![format!("GROUP_CONCAT(DISTINCT CONCAT_WS(' ', {}))", shape.values("").join(", "))];
    if shape.has_id {
        parts.push(format!("' : {} ', GROUP_CONCAT({id} ORDER BY {id})", shape.id(), id = shape.id()));
    }
    if shape.is_fact {
        parts.push("' : volumes ', GROUP_CONCAT(volume)".into());
    }
    let sql = format!(
        "SELECT CAST(d.text AS CHAR) FROM ({} ORDER BY {} LIMIT {EXAMPLES}) d",
        shape.groups(&format!("CONCAT({}) AS text", parts.join(", "))),
        shape.same()
    );
    let examples: Vec<Option<String>> = session.rows(&doing, &sql, ())?;
    Ok(Some(Doubles {
        table: spec.name.clone(),
        key: shape.key.iter().map(|column| (*column).to_owned()).collect(),
        keys,
        identical,
        different: keys - identical,
        surplus,
        examples: examples.into_iter().flatten().collect(),
        apart: shape.apart(),
        number: existing.shapes.iter().find(|(_, shape)| shape.is_counted).map(|(name, _)| name.clone()),
    }))
}

impl Doubles {
    /// What was found, and the command that settles it.
    pub(crate) fn finding(&self) -> Finding {
        let split = if self.table.starts_with("fact_") {
            format!(
                " ({}, {})",
                plural(self.identical, "identique", "identiques"),
                plural(self.different, "contradictoire", "contradictoires")
            )
        } else {
            String::new()
        };
        let message = format!(
            "{} plusieurs fois{split}, {} de trop : la clé ({}) ne peut pas être posée ; {}",
            plural(self.keys, "clé est là", "clés sont là"),
            plural(self.surplus, "ligne", "lignes"),
            self.key.join(", "),
            first_of(&self.examples, 3, self.keys)
        );
        Finding::attention(Code::DuplicateKeys, &self.table, message).action(self.mend())
    }

    /// The command that settles it.
    pub(crate) fn mend(&self) -> String {
        if !self.apart.is_empty() {
            let columns = self.apart.join(", ");
            return format!(
                "ensure-schema --resolve-duplicates sum, après `backup-critical --all` : ces lignes diffèrent par {columns}"
            );
        }
        if self.table.starts_with("fact_") {
            return "ensure-schema --resolve-duplicates newest (ou oldest, sum, definitive), après `backup-critical --all`".into();
        }
        let dim = crate::domain::catalogue::DIMS.iter().find(|spec| spec.table == self.table);
        match dim {
            Some(spec) => format!("merge-dimension --dim {} montre et réunit ces lignes", spec.plural),
            None => self.keep_first(),
        }
    }

    /// SQL that leaves the first row of each key, and with it whatever foreign keys lead there.
    fn keep_first(&self) -> String {
        let table = &self.table;
        let (number, own) = match &self.number {
            Some(number) => (quoted(number), false),
            None => ("flux_numero".to_owned(), true),
        };
        let same: Vec<String> = self.key.iter().map(|column| format!("d.{column} = e.{column}")).collect();
        let same = same.join(" AND ");
        let mut sql = vec!["SET SESSION sql_mode = '', SESSION foreign_key_checks = 0".to_owned()];
        if own {
            sql.push(format!("ALTER TABLE {table} ADD COLUMN {number} BIGINT NOT NULL AUTO_INCREMENT UNIQUE"));
        }
        sql.push(format!("DELETE d FROM {table} d JOIN {table} e ON {same} AND d.{number} > e.{number}"));
        if own {
            sql.push(format!("ALTER TABLE {table} DROP COLUMN {number}"));
        }
        sql.push("SET SESSION sql_mode = DEFAULT, SESSION foreign_key_checks = 1".to_owned());
        format!("après `backup-critical --all` : {}", sql.join("; "))
    }
}

/// Leaves one row of each doubled key of a fact table, in the transaction of `session`; returns how many rows went. What stays is proved:
/// no key stands twice any more, and a sum has lost no visitor.
///
/// # Errors
/// [`Error::Usage`] where the rule cannot be applied, [`Error::Invariant`] where the proof fails, [`Error::Sql`].
pub(super) fn settle(session: &mut Session, spec: &TableSpec, existing: &Existing, keep: Keep) -> Result<u64> {
    let Some(shape) = Shape::of(spec, existing).filter(|shape| shape.is_fact) else { return Ok(0) };
    let Some(found) = count(session, spec, existing)? else { return Ok(0) };
    let doing = format!("doubles de {}", spec.name);
    let volume = format!("SELECT CAST(COALESCE(SUM(volume), 0) AS SIGNED) FROM {}", spec.name);
    let before: i64 = session.first(&doing, &volume, ())?.unwrap_or(0);
    let gone = if shape.has_id {
        by_number(session, &shape, keep, &doing)?
    } else {
        without_number(session, &shape, keep, &found)?
    };
    let after: i64 = session.first(&doing, &volume, ())?.unwrap_or(0);
    if gone != found.surplus || count(session, spec, existing)?.is_some() || (keep == Keep::Sum && before != after) {
        return Err(Error::Invariant(format!("{} : les doubles ne sont pas réglés comme prévu", spec.name)));
    }
    Ok(gone)
}

fn by_number(session: &mut Session, shape: &Shape<'_>, keep: Keep, doing: &str) -> Result<u64> {
    let kept = match keep {
        Keep::Newest => "MAX(id)",
        Keep::Oldest | Keep::Sum => "MIN(id)",
        Keep::Definitive if shape.has_mark => "COALESCE(MAX(CASE WHEN is_provisional = 0 THEN id END), MAX(id))",
        Keep::Definitive => "MAX(id)",
    };
    let table = shape.table;
    if keep == Keep::Sum {
        // A sum of which one part is provisional is provisional.
        let (mark, set) =
            if shape.has_mark { (", MAX(is_provisional) AS mark", ", t.is_provisional = d.mark") } else { ("", "") };
        // When a row was last changed tells a definitive row from a provisional one in older databases.
        let when = if shape.has_updated { ", t.updated_at = t.updated_at" } else { "" };
        let groups = shape.groups(&format!("{kept} AS kept, SUM(volume) AS total{mark}"));
        session.exec(
            doing,
            &format!("UPDATE {table} t JOIN ({groups}) d ON t.id = d.kept SET t.volume = d.total{set}{when}"),
            (),
        )?;
    }
    let values = shape.values("t.");
    let on: Vec<String> = values.iter().enumerate().map(|(at, value)| format!("{value} <=> d.k{at}")).collect();
    let groups = shape.groups(&format!("{kept} AS kept"));
    session.exec(
        doing,
        &format!("DELETE t FROM {table} t JOIN ({groups}) d ON {} WHERE t.id <> d.kept", on.join(" AND ")),
        (),
    )
}

/// Rows that nothing tells apart: each doubled key is read, taken out whole and put back once.
fn without_number(session: &mut Session, shape: &Shape<'_>, keep: Keep, found: &Doubles) -> Result<u64> {
    if found.different > 0 && keep != Keep::Sum {
        return Err(Error::Usage(format!(
            "{} n'a pas de numéro de ligne : rien ne dit laquelle de deux lignes contradictoires est la plus récente ; seul \
             --resolve-duplicates sum convient à cette table, ou videz-la et réimportez ses fichiers",
            shape.table
        )));
    }
    let doing = format!("doubles de {}", shape.table);
    let written: Vec<&str> = shape
        .existing
        .columns
        .iter()
        .map(String::as_str)
        .filter(|column| !shape.key.contains(column) && !["volume", "created_at", "updated_at"].contains(column))
        .collect();
    let total = if keep == Keep::Sum { "SUM(volume)" } else { "MAX(volume)" };
    let rest: String = written.iter().map(|column| format!(", MAX({column}) AS {column}")).collect();
    let sql = shape.groups(&format!("CAST({total} AS SIGNED) AS total{rest}"));
    let rows: Vec<mysql::Row> = session.rows(&doing, &sql, ())?;
    let values = shape.values("t.");
    let on: Vec<String> = values.iter().enumerate().map(|(at, value)| format!("{value} <=> d.k{at}")).collect();
    let groups = shape.groups("COUNT(*) AS n");
    let sql = format!("DELETE t FROM {} t JOIN ({groups}) d ON {}", shape.table, on.join(" AND "));
    let taken = session.exec(&doing, &sql, ())?;
    let columns = [shape.key.clone(), vec!["volume"], written].concat();
    for chunk in rows.chunks(session.fitting(500, 40 * columns.len())) {
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {}",
            shape.table,
            columns.join(", "),
            marks(chunk.len(), columns.len())
        );
        let params: Vec<Value> = chunk.iter().flat_map(|row| row.clone().unwrap()).collect();
        session.exec(&doing, &sql, params)?;
    }
    Ok(taken - rows.len() as u64)
}
