//! The tables, derived from the catalogue; what a database lacks of them, and the DDL that adds it. Nothing is dropped or narrowed.

use std::collections::HashMap;

use serde::Serialize;

use crate::db::{Session, quote};
use crate::domain::catalogue::{self, DIMS, Dataset, Kind, Space};
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
pub struct TableSpec {
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
    let indexes = vec![
        primary(vec!["id"]),
        unique("uk_cle", dataset.key()),
        key("k_date_zone", vec!["date", "id_zone"]),
        key("k_provisional", vec!["is_provisional"]),
    ];
    TableSpec { name: dataset.main_table(space), columns, indexes }
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
    /// The `CREATE TABLE` statement, in InnoDB and utf8mb4.
    pub fn create(&self) -> String {
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
    fn definition(&self) -> String {
        let columns = self.columns.join(", ");
        match (self.name, self.unique) {
            ("PRIMARY", _) => format!("PRIMARY KEY ({columns})"),
            (name, true) => format!("UNIQUE KEY {name} ({columns})"),
            (name, false) => format!("KEY {name} ({columns})"),
        }
    }
}

/// A table as the server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Existing {
    /// Column names, in lower case.
    pub(crate) columns: Vec<String>,
    /// Index name → (unique, columns in lower case).
    pub(crate) indexes: HashMap<String, (bool, Vec<String>)>,
}

/// Reads columns and indexes of all tables of the database.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn existing(session: &mut Session) -> Result<HashMap<String, Existing>> {
    let mut tables: HashMap<String, Existing> = HashMap::new();
    let columns: Vec<(String, String)> = session.rows(
        "lecture des colonnes",
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = DATABASE() \
         ORDER BY table_name, ordinal_position",
        (),
    )?;
    for (table, column) in columns {
        tables.entry(table).or_default().columns.push(column.to_lowercase());
    }
    let indexes: Vec<(String, String, u8, String)> = session.rows(
        "lecture des index",
        "SELECT table_name AS t, index_name AS i, non_unique AS n, column_name AS c FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND column_name IS NOT NULL ORDER BY table_name, index_name, seq_in_index",
        (),
    )?;
    for (table, index, non_unique, column) in indexes {
        let entry = tables.entry(table).or_default().indexes.entry(index).or_insert((non_unique == 0, Vec::new()));
        entry.1.push(column.to_lowercase());
    }
    Ok(tables)
}

/// What is to be done to one table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Change {
    pub table: String,
    pub(crate) what: String,
    pub(crate) ddl: String,
}

/// The change that brings a table to its specification; `None` when it lacks nothing.
pub(crate) fn change(spec: &TableSpec, existing: Option<&Existing>) -> Option<Change> {
    let Some(existing) = existing else {
        return Some(Change { table: spec.name.clone(), what: "créée".into(), ddl: spec.create() });
    };
    let mut actions = Vec::new();
    let mut added = Vec::new();
    for column in &spec.columns {
        if !existing.columns.iter().any(|name| name == column.name) {
            actions.push(format!("ADD COLUMN {} {}", column.name, column.ddl));
            added.push(format!("colonne {}", column.name));
        }
    }
    for index in &spec.indexes {
        if existing.indexes.values().any(|(unique, columns)| index.is_served_by(*unique, columns)) {
            continue;
        }
        let mut index = index.clone();
        // A key that lacks a breakdown column forbids rows that the natural key allows: it gives way to the wider one.
        for (name, (is_unique, columns)) in &existing.indexes {
            if *is_unique && index.unique && is_strict_subset(columns, &index.columns) {
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
    finish(spec, actions, added)
}

fn finish(spec: &TableSpec, actions: Vec<String>, added: Vec<String>) -> Option<Change> {
    if actions.is_empty() {
        return None;
    }
    let ddl = format!("ALTER TABLE {}\n  {}", spec.name, actions.join(",\n  "));
    Some(Change { table: spec.name.clone(), what: format!("ajout : {}", added.join(", ")), ddl })
}

impl Index {
    /// Whether an index that is there does the work of this one. A unique key serves with its columns in any order.
    fn is_served_by(&self, unique: bool, columns: &[String]) -> bool {
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
        if !convenience && !existing.columns.iter().any(|name| name == column.name) {
            return Err(Error::MissingColumn { table: spec.name.clone(), column: column.name.into() });
        }
    }
    let natural = spec.indexes.iter().rev().find(|index| index.unique);
    match natural {
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
