//! The tables, derived from the catalogue; what a database lacks of them, and the DDL that adds it. Nothing is dropped or narrowed.

pub(crate) mod partitions;

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Flavour, Session, quote};
use crate::domain::catalogue::{self, DIMS, Dataset, Dim, Kind, Space};
use crate::error::{Error, Result};

/// A column and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: &'static str,
    /// DDL after the name.
    pub(crate) ddl: &'static str,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Name; `PRIMARY` for the primary key.
    pub name: &'static str,
    /// Whether no two rows may agree on it.
    pub(crate) unique: bool,
    pub(crate) columns: Vec<&'static str>,
}

/// A table as it should be.
#[derive(Debug, Clone)]
pub(crate) struct TableSpec {
    /// Name as in the database, the suffix of test tables included.
    pub name: String,
    pub(crate) columns: Vec<Column>,
    /// Indexes, primary key first.
    pub(crate) indexes: Vec<Index>,
}

pub(crate) const fn column(name: &'static str, ddl: &'static str) -> Column {
    Column { name, ddl }
}

const CREATED: Column = column("created_at", "TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP");
const UPDATED: Column = column("updated_at", "TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP");

pub(crate) fn primary(columns: Vec<&'static str>) -> Index {
    Index { name: "PRIMARY", unique: true, columns }
}

pub(crate) fn unique(name: &'static str, columns: Vec<&'static str>) -> Index {
    Index { name, unique: true, columns }
}

pub(crate) fn key(name: &'static str, columns: Vec<&'static str>) -> Index {
    Index { name, unique: false, columns }
}

/// The main table of a dataset.
pub(crate) fn main_table(dataset: &Dataset, space: Space) -> TableSpec {
    let id =
        if dataset.kind == Kind::Sejour { "INT NOT NULL AUTO_INCREMENT" } else { "BIGINT NOT NULL AUTO_INCREMENT" };
    let mut columns = vec![column("id", id)];
    columns.extend(fact_columns(dataset));
    columns.push(column("is_provisional", "BOOLEAN NOT NULL DEFAULT FALSE"));
    columns.extend([CREATED, UPDATED]);
    let mut indexes = vec![
        primary(vec!["id"]),
        unique("uk_cle", dataset.key()),
        key("k_date_zone", vec!["date", "id_zone"]),
        key("k_provisional", vec!["is_provisional"]),
    ];
    // Those of the weekly delivery are what the dashboards read.
    indexes.extend(dataset.weekly_file.map(|_| dashboard_index(dataset)));
    TableSpec { name: dataset.main_table(space), columns, indexes }
}

/// Answers what the dashboards ask, a zone and a category over a range of dates, without a look at the rows. The natural key begins
/// with the date: with it alone, the rows of such a question lie all over the table.
pub(crate) fn dashboard_index(dataset: &Dataset) -> Index {
    let mut columns = vec![Dim::Zone.spec().id, Dim::Categorie.spec().id];
    let others = dataset.key().into_iter().filter(|column| !columns.contains(column)).collect::<Vec<_>>();
    columns.extend(others);
    columns.extend(["volume", "is_provisional"]);
    key("k_zone_categorie", columns)
}

/// The temporary table of a weekly dataset.
pub(crate) fn temp_table(dataset: &Dataset, space: Space) -> TableSpec {
    let mut columns = fact_columns(dataset);
    columns.push(column("is_provisional", "TINYINT(1) NOT NULL DEFAULT 1"));
    TableSpec { name: dataset.temp_table(space), columns, indexes: vec![primary(dataset.key())] }
}

fn fact_columns(dataset: &Dataset) -> Vec<Column> {
    let mut columns = vec![column("date", "DATE NOT NULL")];
    for dim in dataset.dims() {
        let spec = dim.spec();
        columns.push(column(spec.id, if spec.optional { "INT NOT NULL DEFAULT 0" } else { "INT NOT NULL" }));
    }
    if dataset.has_weekday() {
        columns.push(column("jour_semaine", "VARCHAR(10) NOT NULL"));
    }
    columns.push(column("volume", "INT NOT NULL"));
    columns
}

/// The dimensions, shared by both sets of tables.
pub(crate) fn dimension_tables() -> Vec<TableSpec> {
    let mut tables: Vec<TableSpec> = DIMS
        .iter()
        .map(|spec| {
            let mut columns = vec![column(spec.id, "INT NOT NULL AUTO_INCREMENT"), column(spec.name, spec.name_type)];
            columns.extend(spec.extra.iter().map(|(name, ddl)| column(name, ddl)));
            let mut indexes = vec![primary(vec![spec.id])];
            if spec.dim == catalogue::Dim::Commune {
                // Communes of different départements share names; the INSEE code tells them apart.
                indexes.push(unique("uk_insee", vec!["code_insee"]));
                indexes.push(key("k_nom", vec![spec.name]));
            } else {
                indexes.push(unique("uk_nom", vec![spec.name]));
            }
            TableSpec { name: spec.table.into(), columns, indexes }
        })
        .collect();
    tables.push(TableSpec {
        name: "dim_dates".into(),
        columns: vec![
            column("date", "DATE NOT NULL"),
            column("vacances_a", "BOOLEAN NULL"),
            column("vacances_b", "BOOLEAN NULL"),
            column("vacances_c", "BOOLEAN NULL"),
            column("ferie", "BOOLEAN NULL"),
            column("jour_semaine", "VARCHAR(10) NULL"),
            column("mois", "TINYINT NULL"),
            column("annee", "SMALLINT NULL"),
            column("trimestre", "TINYINT NULL"),
            column("semaine", "TINYINT NULL"),
        ],
        indexes: vec![primary(vec!["date"])],
    });
    tables.push(TableSpec {
        name: "dim_saisons".into(),
        columns: vec![
            column("id", "INT NOT NULL AUTO_INCREMENT"),
            column("annee", "SMALLINT NOT NULL"),
            column("saison", "ENUM('printemps','ete','automne','hiver') NOT NULL"),
            column("date_debut", "DATETIME NOT NULL"),
            column("date_fin", "DATETIME NOT NULL"),
            column("duree_jours", "INT NOT NULL"),
            CREATED,
            UPDATED,
        ],
        indexes: vec![primary(vec!["id"]), unique("uk_annee_saison", vec!["annee", "saison"])],
    });
    tables.push(TableSpec {
        name: "dim_periodes".into(),
        columns: vec![
            column("id_periode", "INT NOT NULL AUTO_INCREMENT"),
            column("code_periode", "VARCHAR(50) NOT NULL"),
            column("nom_periode", "VARCHAR(100) NOT NULL"),
            column("annee", "SMALLINT NOT NULL"),
            column("date_debut", "DATETIME NOT NULL"),
            column("date_fin", "DATETIME NOT NULL"),
            column("id_saison", "INT NULL"),
        ],
        indexes: vec![primary(vec!["id_periode"]), unique("uk_code_annee", vec!["code_periode", "annee"])],
    });
    tables
}

impl TableSpec {
    /// The columns and the key that a fact table has, whichever of the dataset's four it is: what [`require`] asks for.
    pub(crate) fn of_fact(table: &str, dataset: &Dataset) -> Self {
        let columns = fact_columns(dataset);
        Self { name: table.to_owned(), columns, indexes: vec![unique("uk_cle", dataset.key())] }
    }

    /// The unique key that tells the rows apart: the last one, for a main table has a number of its own as well.
    pub(crate) fn natural_key(&self) -> Option<&Index> {
        self.indexes.iter().rev().find(|index| index.unique)
    }

    /// The `CREATE TABLE` statement, in InnoDB and utf8mb4.
    pub(crate) fn create(&self) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(|c| format!("  {} {}", c.name, c.ddl)).collect();
        parts.extend(self.indexes.iter().map(|index| format!("  {}", index.definition())));
        format!(
            "CREATE TABLE {} (\n{}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
            self.name,
            parts.join(",\n")
        )
    }
}

#[cfg(test)]
impl TableSpec {
    fn key_columns(&self) -> Vec<String> {
        self.indexes[0].columns.iter().map(|column| (*column).to_owned()).collect()
    }
}

impl Index {
    pub(crate) fn definition(&self) -> String {
        let columns = self.columns.join(", ");
        match (self.name, self.unique) {
            ("PRIMARY", _) => format!("PRIMARY KEY ({columns})"),
            (name, true) => format!("UNIQUE KEY {name} ({columns})"),
            (name, false) => format!("KEY {name} ({columns})"),
        }
    }
}

/// A column as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Its type in full, as DDL writes it: `varchar(10)`, `bigint(20) unsigned`.
    pub(crate) column_type: String,
    /// Its type without length: `varchar`.
    pub(crate) data_type: String,
    pub(crate) nullable: bool,
    /// Whether a row may leave it out: a default, a number of its own, a computed value.
    pub(crate) has_default: bool,
    /// Whether a row that leaves it out gets a day of zeros, which no strict server takes.
    pub(crate) has_zero_default: bool,
    /// Whether the server counts its numbers.
    pub(crate) is_counted: bool,
    /// Whether a foreign key begins or ends here.
    pub(crate) is_linked: bool,
    /// Whether the server works it out by itself: no statement may write it.
    pub(crate) is_generated: bool,
    /// The default of a text column, as DDL writes it.
    text_default: Option<String>,
    /// Of a text column; `None` for every other type.
    pub(crate) collation: Option<String>,
}

/// A table as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Existing {
    /// Column names, in lower case.
    pub(crate) columns: Vec<String>,
    /// The columns by their names in lower case.
    pub(crate) shapes: HashMap<String, Shape>,
    /// Index name → (unique, columns in lower case).
    pub(crate) indexes: HashMap<String, (bool, Vec<String>)>,
}

impl Existing {
    /// Whether it has a column of this name, given in lower case.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| own == column)
    }
}

/// Names of the tables and views of the database.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn names(session: &mut Session) -> Result<HashSet<String>> {
    let sql = "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE()";
    Ok(session.rows::<String>("liste des tables", sql, ())?.into_iter().collect())
}

/// First and last date of a table; `None` where it has no rows.
///
/// # Errors
/// [`Error::Sql`] that says what was being done.
pub(crate) fn span(session: &mut Session, doing: &str, table: &str) -> Result<Option<(String, String)>> {
    let sql = format!("SELECT CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) FROM {table}");
    let ends: Option<(Option<String>, Option<String>)> = session.first(doing, &sql, ())?;
    Ok(ends.and_then(|(first, last)| first.zip(last)))
}

/// The dates of a table that have rows, all or those of a period, in order.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn dates(session: &mut Session, table: &str, period: Option<(&str, &str)>) -> Result<Vec<String>> {
    let (within, values) = match period {
        Some(period) => (" WHERE date BETWEEN ? AND ?", period.into()),
        None => ("", mysql::Params::Empty),
    };
    // The list by itself, so that the server jumps from date to date in the index.
    let sql = format!("SELECT CAST(d.date AS CHAR) FROM (SELECT DISTINCT date FROM {table}{within}) d ORDER BY d.date");
    session.rows(&format!("dates de {table}"), &sql, values)
}

/// Reads columns and indexes of all tables of the database.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn existing(session: &mut Session) -> Result<HashMap<String, Existing>> {
    let mut tables: HashMap<String, Existing> = HashMap::new();
    type Column = (String, String, String, String, u8, u8, u8, String, Option<String>, Option<String>);
    let columns: Vec<Column> = session.rows(
        "lecture des colonnes",
        "SELECT table_name AS t, column_name AS c, CAST(column_type AS CHAR) AS ct, CAST(data_type AS CHAR) AS dt, \
         is_nullable = 'YES' AS n, COALESCE(column_default, 'NULL') <> 'NULL' OR extra LIKE '%auto_increment%' \
         OR LOWER(extra) LIKE '%generated%' AND LOWER(extra) NOT LIKE '%default_generated%' AS d, \
         COALESCE(column_default, '') LIKE '%0000-00-00%' AS z, LOWER(extra) AS ex, collation_name AS co, \
         IF(collation_name IS NULL, NULL, column_default) AS de \
         FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position",
        (),
    )?;
    for (table, column, column_type, data_type, nullable, has_default, zero, extra, collation, default) in columns {
        let shape = Shape {
            column_type,
            data_type: data_type.to_lowercase(),
            nullable: nullable != 0,
            has_default: has_default != 0,
            has_zero_default: zero != 0,
            is_counted: extra.contains("auto_increment"),
            is_linked: false,
            is_generated: extra.contains("generated") && !extra.contains("default_generated"),
            text_default: default.and_then(|text| as_ddl(&text)),
            collation,
        };
        let entry = tables.entry(table).or_default();
        entry.columns.push(column.to_lowercase());
        entry.shapes.insert(column.to_lowercase(), shape);
    }
    let indexes: Vec<(String, String, u8, String)> = session.rows(
        "lecture des index",
        // What begins alike is one for a unique key that takes only the beginning.
        "SELECT table_name AS t, index_name AS i, non_unique AS n, \
         IF(non_unique = 0 AND sub_part IS NOT NULL, CONCAT(column_name, '(', sub_part, ')'), column_name) AS c \
         FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND column_name IS NOT NULL ORDER BY table_name, index_name, seq_in_index",
        (),
    )?;
    for (table, index, non_unique, column) in indexes {
        let entry = tables.entry(table).or_default().indexes.entry(index).or_insert((non_unique == 0, Vec::new()));
        entry.1.push(column.to_lowercase());
    }
    let linked: Vec<(String, String)> = session.rows(
        "lecture des clés étrangères",
        "SELECT table_name AS t, column_name AS c FROM information_schema.key_column_usage \
         WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL \
         UNION SELECT referenced_table_name, referenced_column_name FROM information_schema.key_column_usage \
         WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()",
        (),
    )?;
    for (table, column) in linked {
        let shapes = tables.get_mut(&table).map(|table| &mut table.shapes);
        if let Some(shape) = shapes.and_then(|shapes| shapes.get_mut(&column.to_lowercase())) {
            shape.is_linked = true;
        }
    }
    Ok(tables)
}

/// The default of a text column, of which MySQL tells the text and MariaDB what DDL says.
fn as_ddl(default: &str) -> Option<String> {
    match default {
        "NULL" => None,
        text if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') => Some(text.to_owned()),
        text => Some(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))),
    }
}

/// What makes a table of `information_schema` one that holds rows: MariaDB tells those apart that keep their own history.
pub(crate) const IS_TABLE: &str = "table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')";

/// Lets the server say how large its tables are now.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn fresh_sizes(database: &Database, session: &mut Session) -> Result<()> {
    if database.flavour() == Flavour::MySql {
        // MySQL 8+ answers from a cache of up to a day otherwise.
        session.exec_again("réglage des statistiques", "SET SESSION information_schema_stats_expiry = 0", ())?;
    }
    Ok(())
}

/// Engines whose tables keep their rows when they are converted; of a table that is a view of others (FEDERATED, MERGE, SPIDER…) only
/// its owner knows what to do.
const CONVERTIBLE: [&str; 5] = ["MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE"];

/// A table whose engine knows no transactions.
#[derive(Debug, Clone)]
pub(crate) struct UnsafeEngine {
    pub(crate) table: String,
    pub(crate) engine: String,
}

impl UnsafeEngine {
    /// The statement that converts it; `None` where that could do harm.
    pub(crate) fn mend(&self) -> Option<String> {
        let convertible = CONVERTIBLE.iter().any(|name| name.eq_ignore_ascii_case(&self.engine));
        convertible.then(|| format!("ALTER TABLE {} ENGINE=InnoDB", quoted(&self.table)))
    }
}

/// The tables whose engine, as the server says, knows no transactions.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn unsafe_engines(session: &mut Session) -> Result<Vec<UnsafeEngine>> {
    let sql = format!(
        "SELECT t.table_name AS t, t.engine AS e FROM information_schema.tables t \
         JOIN information_schema.engines e ON e.engine = t.engine \
         WHERE t.table_schema = DATABASE() AND {IS_TABLE} AND COALESCE(e.transactions, 'NO') <> 'YES' \
         ORDER BY t.table_name"
    );
    let tables: Vec<(String, String)> = session.rows("moteurs des tables", &sql, ())?;
    Ok(tables.into_iter().map(|(table, engine)| UnsafeEngine { table, engine }).collect())
}

/// Whether a table bears a name of ours. Others of the base belong to the portal or to people.
pub(crate) fn is_ours(table: &str) -> bool {
    ["dim_", "fact_", "flux_"].iter().any(|prefix| table.starts_with(prefix))
}

/// An identifier of the catalogue as a statement writes it: bare where it needs no quotes.
pub(crate) fn quoted(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

/// What is to be done to one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Change {
    pub table: String,
    pub(crate) what: String,
    pub(crate) ddl: String,
    /// Whether numbers are counted from now on, in columns that foreign keys may lead to.
    #[serde(skip)]
    counts: bool,
    /// What is done to the rows afterwards.
    #[serde(skip)]
    after: Vec<String>,
}

impl Change {
    /// One statement, which counts nothing and leaves nothing to be done to the rows.
    pub(crate) fn plain(table: String, what: String, ddl: String) -> Self {
        Self { table, what, ddl, counts: false, after: Vec::new() }
    }

    /// Whether the table was not there.
    pub(crate) fn is_new(&self) -> bool {
        self.ddl.starts_with("CREATE TABLE")
    }

    /// Does it; `is_done` says whether a connection that was lost has done it.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::TableBusy`]; the table is then as it was.
    pub(crate) fn apply(&self, session: &mut Session, is_done: impl FnMut(&mut Session) -> Result<bool>) -> Result<()> {
        let statements: Vec<&str> = std::iter::once(&self.ddl).chain(&self.after).map(String::as_str).collect();
        session.restructure(is_done, |session| alter_once(session, &self.table, &statements, self.counts))
    }
}

/// Changes a table of older scripts without a change to what its rows say, by a statement that may as well be said twice.
///
/// # Errors
/// [`Error::Sql`], [`Error::TableBusy`]; the table is then as it was.
pub(crate) fn alter(session: &mut Session, table: &str, sql: &str) -> Result<()> {
    session.restructure(|_| Ok(false), |session| alter_once(session, table, &[sql], false))
}

/// Days of zeros, dates that are none and the number 0 stay. With `counts` foreign keys are not looked at, which neither begin nor end
/// otherwise than before.
fn alter_once(session: &mut Session, table: &str, statements: &[&str], counts: bool) -> Result<()> {
    let doing = format!("changement de {table}");
    let mode: String = session.first(&doing, "SELECT @@SESSION.sql_mode", ())?.unwrap_or_default();
    let keys = if counts { ", SESSION foreign_key_checks = 0" } else { "" };
    let lenient = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";
    session.exec_aside(&doing, &format!("SET SESSION sql_mode = '{lenient}'{keys}"), ())?;
    let result = statements.iter().try_for_each(|sql| session.exec(&doing, sql, ()).map(|_| ()));
    let back = format!("SET SESSION sql_mode = '{mode}', SESSION foreign_key_checks = 1");
    let restored = session.exec_aside(&doing, &back, ());
    result?;
    restored.map(|_| ())
}

/// The change that brings a table to its specification; `None` when it lacks nothing.
pub(crate) fn change(spec: &TableSpec, existing: Option<&Existing>) -> Option<Change> {
    change_as_far(spec, existing, &Obstacles::default())
}

/// What the rows of a table do not allow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Obstacles {
    /// Keys that stand twice: no unique key.
    pub(crate) doubled: bool,
    /// Columns of the key that are NULL somewhere.
    pub(crate) empty: Vec<String>,
    /// Rows of one number, or of none, that only people can tell apart: no primary key on it.
    pub(crate) unnumbered: bool,
}

/// [`change`], less what the rows do not allow.
pub(crate) fn change_as_far(spec: &TableSpec, existing: Option<&Existing>, obstacles: &Obstacles) -> Option<Change> {
    let Some(existing) = existing else {
        return Some(Change::plain(spec.name.clone(), "créée".into(), spec.create()));
    };
    let mut actions = Vec::new();
    let mut added = Vec::new();
    let other_primary =
        existing.indexes.contains_key("PRIMARY") && spec.indexes.first().is_some_and(|i| i.columns == ["id"]);
    let widened = widened(spec, existing);
    for (column, action) in relaxed(spec, existing) {
        // One statement changes a column once.
        if !widened.iter().any(|(name, _)| *name == column) {
            added.push(format!("valeur par défaut de {column}"));
            actions.push(action);
        }
    }
    let uncounted = uncounted(spec, existing, obstacles.doubled).filter(|_| !obstacles.unnumbered);
    for (column, action) in widened {
        // These say it themselves.
        let is_id = uncounted.is_some() && spec.columns.first().is_some_and(|first| first.name == column);
        if !is_id && !unsure(spec, existing).contains(&column) {
            added.push(format!("place dans {column}"));
            actions.push(action);
        }
    }
    if let Some(action) = uncounted {
        added.push(format!("numérotation de {}", spec.columns.first().map_or("id", |column| column.name)));
        actions.push(action);
    }
    for column in unsure(spec, existing).into_iter().filter(|name| !obstacles.empty.iter().any(|e| e == name)) {
        let Some(shape) = existing.shapes.get(column) else { continue };
        let wanted = spec.columns.iter().find(|wanted| wanted.name == column);
        let kind = wanted.map_or_else(|| shape.in_full(), |wanted| wanted.type_for(shape));
        let default = value_of_null(spec, column).map_or_else(String::new, |value| format!(" DEFAULT {value}"));
        actions.push(format!("MODIFY COLUMN {column} {kind} NOT NULL{default}"));
        added.push(format!("{column} jamais NULL"));
    }
    let zeros = zeros(spec, existing);
    for (column, action) in &zeros {
        added.push(format!("{column} sans zéros"));
        actions.push(action.clone());
    }
    for column in &spec.columns {
        // Another primary key leaves no place for a number of its own, which nothing needs.
        if other_primary && column.name == "id" {
            continue;
        }
        if !existing.has(column.name) {
            actions.push(format!("ADD COLUMN {} {}", column.name, column.ddl));
            added.push(format!("colonne {}", column.name));
        }
    }
    for index in &spec.indexes {
        if existing.indexes.values().any(|(unique, columns)| index.is_served_by(*unique, columns)) {
            continue;
        }
        if obstacles.unnumbered && index.name == "PRIMARY" {
            continue;
        }
        let primary_id = index.name == "PRIMARY" && index.columns == ["id"];
        if index.unique && obstacles.doubled && !primary_id {
            continue;
        }
        let mut index = index.clone();
        // A key that lacks a breakdown column forbids rows that the natural key allows: it gives way to the wider one.
        for (name, (is_unique, columns)) in &existing.indexes {
            if *is_unique && index.unique && !primary_id && is_strict_subset(columns, &index.columns) {
                match name.as_str() {
                    "PRIMARY" if index.name == "PRIMARY" => actions.push("DROP PRIMARY KEY".into()),
                    "PRIMARY" => {}
                    name => actions.push(format!("DROP INDEX {}", quote(name))),
                }
            }
        }
        let replaces_primary = actions.iter().any(|action| action == "DROP PRIMARY KEY");
        if index.name == "PRIMARY" && existing.indexes.contains_key("PRIMARY") && !replaces_primary {
            // Another primary key is there and stays; the natural key becomes a unique one beside it.
            if index.columns.len() == 1 {
                continue;
            }
            index.name = "uk_cle";
        }
        if existing.indexes.contains_key(index.name) && index.name != "PRIMARY" {
            index.name = spare_name(index.name);
        }
        actions.push(format!("ADD {}", index.definition()));
        added.push(format!("{} ({})", if index.unique { "clé" } else { "index" }, index.columns.join(", ")));
    }
    let mut change = finish(spec, actions, added)?;
    change.after = without_zeros(spec, existing, &zeros);
    Some(change)
}

/// Columns that refuse rows which the tools write, because they ask for a value that these leave out; each with the action that
/// gives one. What the tools know of the days of `dim_dates` is not among them: they give a value for each.
pub(crate) fn relaxed(spec: &TableSpec, existing: &Existing) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for name in &existing.columns {
        let Some(shape) = existing.shapes.get(name) else { continue };
        let wanted = spec.columns.iter().find(|column| column.name == name);
        let is_given = wanted.is_some_and(|column| spec.name == "dim_dates" || column.is_always_given());
        if shape.nullable || shape.has_default || is_given {
            continue;
        }
        let column = quoted(name);
        let alone = existing.indexes.values().any(|(unique, columns)| *unique && columns.as_slice() == [name.clone()]);
        let nulls_come = wanted.is_some_and(|column| !column.ddl.contains("NOT NULL"));
        let action = match shape.data_type.as_str() {
            "enum" => continue,
            "timestamp" => format!("MODIFY COLUMN {column} {} NOT NULL DEFAULT CURRENT_TIMESTAMP", shape.column_type),
            // No value of ours is the number or the code of a row that a foreign key asks for.
            "varchar" | "char" if !alone && !shape.is_linked => format!("ALTER COLUMN {column} SET DEFAULT ''"),
            number if is_number(number) && !alone && !nulls_come && !shape.is_linked => {
                let value = wanted.is_some_and(|column| column.ddl.ends_with("DEFAULT 1"));
                format!("ALTER COLUMN {column} SET DEFAULT {}", u8::from(value))
            }
            _ => format!("MODIFY COLUMN {column} {} NULL", shape.in_full()),
        };
        found.push((name.clone(), action));
    }
    found
}

/// The number of a row that the server does not count, so that no second row could be added without one; with the action that lets it.
fn uncounted(spec: &TableSpec, existing: &Existing, doubled: bool) -> Option<String> {
    let wanted = spec.columns.first().filter(|column| column.ddl.ends_with("AUTO_INCREMENT"))?;
    let shape = existing.shapes.get(wanted.name).filter(|shape| !shape.is_counted && is_number(&shape.data_type))?;
    // What is counted leads a key, be it one that the same statement adds.
    let leads = |columns: &[String]| columns.first().is_some_and(|first| first == wanted.name);
    let has_key = existing.indexes.values().any(|(_, columns)| leads(columns));
    let gets_key = !existing.indexes.contains_key("PRIMARY");
    if !has_key && gets_key && doubled && wanted.name != "id" {
        return None;
    }
    let key = if has_key || gets_key { String::new() } else { format!(", ADD KEY flux_numero ({})", wanted.name) };
    Some(format!("MODIFY COLUMN {} {} NOT NULL AUTO_INCREMENT{key}", wanted.name, wanted.type_for(shape)))
}

/// Times whose default is a day of zeros; with the action that makes NULL of it, which says as much.
fn zeros(spec: &TableSpec, existing: &Existing) -> Vec<(String, String)> {
    let of = |name: &String| {
        let shape = existing.shapes.get(name).filter(|shape| shape.has_zero_default)?;
        let wanted = spec.columns.iter().find(|column| column.name == name);
        let ddl = match wanted {
            Some(column) if column.is_always_given() => return None,
            Some(column) => column.ddl.to_owned(),
            None => format!("{} NULL DEFAULT NULL", shape.column_type),
        };
        Some((name.clone(), format!("MODIFY COLUMN {} {ddl}", quoted(name))))
    };
    existing.columns.iter().filter_map(of).collect()
}

/// What makes NULL of the zeros themselves, and leaves alone when a row was last changed.
fn without_zeros(spec: &TableSpec, existing: &Existing, zeros: &[(String, String)]) -> Vec<String> {
    let mut columns: Vec<&str> = zeros.iter().map(|(column, _)| column.as_str()).collect();
    columns.sort_unstable_by_key(|column| *column != UPDATED.name);
    let set = |column: &str| {
        let kept = column != UPDATED.name && existing.has(UPDATED.name);
        let when = if kept { ", updated_at = updated_at" } else { "" };
        let column = quoted(column);
        format!("UPDATE {} SET {column} = NULL{when} WHERE YEAR({column}) = 0", spec.name)
    };
    columns.into_iter().map(set).collect()
}

/// Whole numbers and texts in a type that has no place for those that will come; with the action that makes room. A column that a foreign key
/// leads to or comes from changes only together with its other end, which its owner does.
fn widened(spec: &TableSpec, existing: &Existing) -> Vec<(&'static str, String)> {
    let narrow = |column: &&Column| {
        let shape = existing.shapes.get(column.name);
        shape.filter(|shape| column.is_narrow(shape) && !shape.is_linked).is_some()
    };
    let of = |column: &Column| {
        let shape = existing.shapes.get(column.name)?;
        let rest = column.ddl.split_once(' ').map_or("", |(_, rest)| rest);
        let (name, wide) = (column.name, column.type_for(shape));
        if column.text_length().is_some() {
            let is_asked = !shape.nullable && (shape.has_default || column.is_always_given());
            let null = if is_asked { "NOT NULL" } else { "NULL" };
            let default = shape.text_default.as_ref().map_or_else(String::new, |text| format!(" DEFAULT {text}"));
            // Older row formats have no place for the key of a longer name.
            let mut action = format!("MODIFY COLUMN {name} {wide} {null}{default}, ROW_FORMAT=DYNAMIC");
            // Of a list of names MySQL would keep the key as one of the first letter.
            let mut keys: Vec<_> =
                existing.indexes.iter().filter(|(_, (_, columns))| columns.iter().any(|own| own == name)).collect();
            keys.retain(|(key, _)| ["enum", "set"].contains(&shape.data_type.as_str()) && *key != "PRIMARY");
            keys.sort();
            for (key, (unique, columns)) in keys {
                let (key, kind) = (quote(key), if *unique { "UNIQUE KEY" } else { "KEY" });
                action.push_str(&format!(", DROP INDEX {key}, ADD {kind} {key} ({})", columns.join(", ")));
            }
            return Some((name, action));
        }
        let rest = if shape.nullable { "NULL" } else { rest };
        Some((name, format!("MODIFY COLUMN {name} {wide} {rest}")))
    };
    spec.columns.iter().filter(narrow).filter_map(of).collect()
}

/// Columns of a fact table that may be NULL where no comparison finds it: those of the natural key, which then tells nothing apart, the
/// volume, and the mark.
pub(crate) fn unsure(spec: &TableSpec, existing: &Existing) -> Vec<&'static str> {
    let Some(natural) = spec.natural_key().filter(|_| spec.name.starts_with("fact_")) else { return Vec::new() };
    let may_be_null = |column: &&&str| existing.shapes.get(**column).is_some_and(|shape| shape.nullable);
    natural.columns.iter().chain(&["volume", MARK]).filter(may_be_null).copied().collect()
}

/// The column that tells provisional rows from definitive ones.
const MARK: &str = "is_provisional";

/// What NULL stands for in a column of a fact table: a place that is not known; in a main table, a row that no import of ours may change.
pub(crate) fn value_of_null(spec: &TableSpec, column: &str) -> Option<&'static str> {
    let wanted = spec.columns.iter().find(|wanted| wanted.name == column)?;
    match wanted.ddl.rsplit_once("DEFAULT ")?.1 {
        "0" | "FALSE" => Some("0"),
        "1" => Some("1"),
        _ => None,
    }
}

/// Whether 0 stands for "not known" in this column.
pub(crate) fn is_optional(spec: &TableSpec, column: &str) -> bool {
    spec.columns.iter().any(|wanted| wanted.name == column && wanted.ddl.ends_with("DEFAULT 0"))
}

fn is_number(data_type: &str) -> bool {
    ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit"].contains(&data_type)
}

impl Shape {
    /// The type with its collation, for a MODIFY that leaves both as they are.
    pub(crate) fn in_full(&self) -> String {
        match &self.collation {
            Some(collation) => {
                let charset = collation.split('_').next().unwrap_or_default();
                // Newer collations of MariaDB go with several character sets and do not name theirs.
                let charset = if charset == "uca1400" { "utf8mb4" } else { charset };
                format!("{} CHARACTER SET {charset} COLLATE {collation}", self.column_type)
            }
            None => self.column_type.clone(),
        }
    }
}

impl Column {
    /// Characters that a text column has place for.
    fn text_length(&self) -> Option<usize> {
        self.ddl.strip_prefix("VARCHAR(")?.split_once(')')?.0.parse().ok()
    }

    /// Whether the column is a number of a row or of visitors, or a text, in a type with no place for those that will come.
    pub(crate) fn is_narrow(&self, shape: &Shape) -> bool {
        if let Some(length) = self.text_length() {
            // Of these it is known how long they get.
            let needed = match self.name {
                "code_insee" => 5,
                "jour_semaine" => 8,
                _ => length,
            };
            return match shape.data_type.as_str() {
                "varchar" | "char" => length_of(&shape.column_type).is_some_and(|length| length < needed),
                // A list of names takes no new one; a text without a length has no key.
                "enum" | "set" | "tinytext" | "text" | "mediumtext" | "longtext" => true,
                _ => false,
            };
        }
        let is_ours = self.name.starts_with("id") || self.name == "volume";
        let is_whole = self.ddl.starts_with("INT ") || self.ddl.starts_with("BIGINT ");
        let narrow: &[&str] =
            if self.name == "volume" { &["mediumint", "smallint", "tinyint"] } else { &["smallint", "tinyint"] };
        is_ours && is_whole && narrow.contains(&shape.data_type.as_str())
    }

    /// The type for a MODIFY that narrows nothing.
    pub(crate) fn type_for(&self, shape: &Shape) -> String {
        match self.ddl.split(' ').next() {
            Some(kind) if self.is_narrow(shape) => {
                Shape { column_type: kind.to_owned(), collation: shape.collation.clone(), ..Shape::default() }.in_full()
            }
            _ => shape.in_full(),
        }
    }

    /// Whether every row that the tools write has a value for it.
    fn is_always_given(&self) -> bool {
        self.ddl.contains("NOT NULL") && !self.ddl.contains("DEFAULT")
    }
}

/// The length in `varchar(25)`.
fn length_of(column_type: &str) -> Option<usize> {
    column_type.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

fn finish(spec: &TableSpec, actions: Vec<String>, added: Vec<String>) -> Option<Change> {
    if actions.is_empty() {
        return None;
    }
    let ddl = format!("ALTER TABLE {}\n  {}", spec.name, actions.join(",\n  "));
    let counts = actions.iter().any(|action| action.starts_with("MODIFY") && action.contains("AUTO_INCREMENT"));
    Some(Change { counts, ..Change::plain(spec.name.clone(), format!("ajout : {}", added.join(", ")), ddl) })
}

impl Index {
    /// Whether an index that is there does the work of this one. A unique key serves with its columns in any order.
    pub(crate) fn is_served_by(&self, unique: bool, columns: &[String]) -> bool {
        if self.unique {
            let mut wanted: Vec<&str> = self.columns.clone();
            let mut found: Vec<&str> = columns.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            found.sort_unstable();
            unique && wanted == found
        } else {
            columns.iter().eq(self.columns.iter())
        }
    }
}

fn is_strict_subset(columns: &[String], of: &[&str]) -> bool {
    columns.len() < of.len() && columns.iter().all(|column| of.contains(&column.as_str()))
}

/// Where the usual name is taken by another index.
fn spare_name(name: &'static str) -> &'static str {
    match name {
        "uk_cle" => "flux_uk_cle",
        "k_date_zone" => "flux_k_date_zone",
        "k_provisional" => "flux_k_provisional",
        "k_zone_categorie" => "flux_k_zone_categorie",
        "uk_nom" => "flux_uk_nom",
        _ => "flux_index",
    }
}

/// Proves that a fact table has the columns and the key that the tools rely on.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::MissingColumn`], [`Error::WrongKey`].
pub(crate) fn require(spec: &TableSpec, tables: &HashMap<String, Existing>) -> Result<()> {
    let Some(existing) = tables.get(&spec.name) else {
        return Err(Error::MissingTable { table: spec.name.clone() });
    };
    for column in &spec.columns {
        let convenience = [CREATED.name, UPDATED.name, "id"].contains(&column.name);
        if !convenience && !existing.has(column.name) {
            return Err(Error::MissingColumn { table: spec.name.clone(), column: column.name.into() });
        }
    }
    match spec.natural_key() {
        Some(index) if !existing.indexes.values().any(|(unique, columns)| index.is_served_by(*unique, columns)) => {
            Err(Error::WrongKey { table: spec.name.clone(), expected: index.columns.join(", ") })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::DATASETS;

    fn dataset(main: &str) -> &'static Dataset {
        DATASETS.iter().find(|dataset| dataset.main == main).unwrap()
    }

    fn existing_of(spec: &TableSpec) -> Existing {
        Existing {
            columns: spec.columns.iter().map(|c| c.name.to_owned()).collect(),
            indexes: spec
                .indexes
                .iter()
                .map(|i| (i.name.to_owned(), (i.unique, i.columns.iter().map(|c| (*c).to_owned()).collect())))
                .collect(),
            ..Existing::default()
        }
    }

    #[test]
    fn a_complete_table_needs_no_change() {
        let facts = DATASETS.iter().map(|dataset| main_table(dataset, Space::Production));
        for spec in dimension_tables().into_iter().chain(facts) {
            assert!(change(&spec, Some(&existing_of(&spec))).is_none(), "{}", spec.name);
        }
    }

    #[test]
    fn an_older_temporary_table_without_its_breakdown_gets_column_and_key() {
        let older = existing_of(&temp_table(dataset("fact_nuitees"), Space::Production));
        let spec = temp_table(dataset("fact_nuitees_pays"), Space::Production);
        let change = change(&spec, Some(&older)).unwrap();
        assert!(change.ddl.contains("ADD COLUMN id_pays INT NOT NULL"), "{}", change.ddl);
        assert!(change.ddl.contains("DROP PRIMARY KEY"), "{}", change.ddl);
        assert!(
            change.ddl.contains("ADD PRIMARY KEY (date, id_zone, id_provenance, id_categorie, id_pays)"),
            "{}",
            change.ddl
        );
    }

    #[test]
    fn a_missing_index_is_added_under_its_name() {
        let spec = main_table(dataset("fact_diurnes"), Space::Test);
        assert_eq!(spec.name, "fact_diurnes_test");
        let mut older = existing_of(&spec);
        older.indexes.remove("k_date_zone");
        let change = change(&spec, Some(&older)).unwrap();
        assert_eq!(change.ddl, "ALTER TABLE fact_diurnes_test\n  ADD KEY k_date_zone (date, id_zone)");
    }

    #[test]
    fn the_index_of_the_dashboards_holds_all_that_they_read_of_a_row() {
        let index = |main| {
            let spec = main_table(dataset(main), Space::Production);
            spec.indexes
                .into_iter()
                .find(|index| index.name == "k_zone_categorie")
                .map(|index| index.columns.join(", "))
        };
        assert_eq!(
            index("fact_lieu_activite_soir").unwrap(),
            "id_zone, id_categorie, date, id_provenance, id_epci, id_commune, volume, is_provisional"
        );
        assert_eq!(index("fact_lieu_nuitee_veille"), None, "no dashboard reads it");
    }

    #[test]
    fn a_temporary_table_with_another_primary_key_gets_the_natural_key_beside_it() {
        let spec = temp_table(dataset("fact_nuitees"), Space::Production);
        let mut older = existing_of(&spec);
        older.columns.push("id".into());
        older.indexes.insert("PRIMARY".into(), (true, vec!["id".into()]));
        let change = change(&spec, Some(&older)).unwrap();
        assert_eq!(
            change.ddl,
            "ALTER TABLE fact_nuitees_temp\n  ADD UNIQUE KEY uk_cle (date, id_zone, id_provenance, id_categorie)"
        );
        older.indexes.insert("uk_cle".into(), (true, spec.key_columns()));
        assert!(super::change(&spec, Some(&older)).is_none());
    }
}
