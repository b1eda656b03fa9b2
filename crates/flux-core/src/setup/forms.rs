//! What a table is beside its columns and keys: a view, cut into partitions, of types that have no place for what the tools write.

use std::collections::{HashMap, HashSet};

use crate::db::Session;
use crate::error::Result;
use crate::report::{Code, Finding, some_of};
use crate::schema::partitions::{self, Division};
use crate::schema::{Existing, TableSpec};

/// The forms of the tables of a database.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    views: HashSet<String>,
    divisions: HashMap<String, Division>,
}

impl Forms {
    /// Reads them.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn read(session: &mut Session) -> Result<Self> {
        let sql = "SELECT table_name AS t FROM information_schema.views WHERE table_schema = DATABASE()";
        let views: Vec<String> = session.rows("lecture des vues", sql, ())?;
        Ok(Self { views: views.into_iter().collect(), divisions: partitions::divisions(session)? })
    }

    /// What keeps a table from being brought to its specification.
    pub(crate) fn hindrance(&self, spec: &TableSpec, existing: Option<&Existing>) -> Option<Finding> {
        self.view(&spec.name).or_else(|| self.partition(spec, existing?))
    }

    /// A view in the place of a table: its owner knows what stands behind it.
    pub(super) fn view(&self, table: &str) -> Option<Finding> {
        self.views.contains(table).then(|| {
            let message = "est une vue : les outils écrivent dans une table de ce nom".to_owned();
            Finding::attention(Code::TableUnfit, table, message).action(format!(
                "remplacez la vue par la table qu'elle montre : DROP VIEW {table}, puis RENAME TABLE … TO {table}"
            ))
        })
    }

    /// A table that is cut by a column outside its natural key, which a server then refuses to make unique.
    pub(super) fn partition(&self, spec: &TableSpec, existing: &Existing) -> Option<Finding> {
        // Every natural key holds the date.
        let Division::Other { by, .. } = self.divisions.get(&spec.name)? else { return None };
        let key = spec.natural_key()?;
        if existing.indexes.values().any(|(unique, columns)| key.is_served_by(*unique, columns)) {
            return None;
        }
        let words = by.to_lowercase();
        let words: HashSet<&str> = words.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let is_outside = |column: &&String| words.contains(column.as_str()) && !key.columns.contains(&column.as_str());
        let outside: Vec<String> = existing.columns.iter().filter(is_outside).cloned().collect();
        (!outside.is_empty()).then(|| {
            let message = format!(
                "partitionnée par {} : la clé ({}) ne peut pas être posée",
                some_of(&outside, 3),
                key.columns.join(", ")
            );
            Finding::attention(Code::TableUnfit, &spec.name, message)
                .action(format!("ALTER TABLE {} REMOVE PARTITIONING, ou une partition par date", spec.name))
        })
    }
}

/// Columns of a table whose type no statement of ours mends, each with what is wrong and the command of whoever knows better.
pub(crate) fn unfit(spec: &TableSpec, existing: &Existing) -> Vec<Finding> {
    let is_fact = spec.name.starts_with("fact_");
    let mut found = Vec::new();
    for column in &spec.columns {
        let Some(shape) = existing.shapes.get(column.name) else { continue };
        let wanted = column.ddl.split([' ', '(']).next().unwrap_or_default();
        let fits = match (wanted, shape.data_type.as_str()) {
            ("DATE", found) => !is_fact || found == "date",
            ("INT" | "BIGINT", found) if is_fact || column.name.starts_with("id_") => {
                ["int", "bigint", "mediumint"].contains(&found)
            }
            _ => true,
        };
        if fits || (column.is_narrow(shape) && !shape.is_linked) {
            continue;
        }
        let place = format!("{}.{}", spec.name, column.name);
        let message = format!("est {}, où les outils attendent {wanted}", shape.column_type);
        let linked = if shape.is_linked { ", des deux côtés de sa clé étrangère" } else { "" };
        found.push(Finding::attention(Code::ColumnUnfit, place, message).action(format!(
            "ALTER TABLE {} MODIFY COLUMN {} {}{linked}, si aucune valeur n'y perd",
            spec.name, column.name, column.ddl
        )));
    }
    found
}
