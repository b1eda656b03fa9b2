//! What a table is beside its columns and keys: a view, cut into partitions, of types that have no place for what the tools write.

use std::collections::{HashMap, HashSet};

use crate::db::Session;
use crate::error::Result;
use crate::report::{Code, Finding, some_of};
use crate::schema::partitions::{self, Division};
use crate::schema::{Column, Existing, Index, TableSpec, quoted};

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

/// A foreign key of one column.
#[derive(Debug)]
pub(crate) struct Link {
    table: String,
    column: String,
    name: String,
    parent: String,
    parent_column: String,
    rules: String,
}

/// The foreign keys of the database.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn links(session: &mut Session) -> Result<Vec<Link>> {
    let sql = "SELECT k.table_name AS t, LOWER(k.column_name) AS c, k.constraint_name AS n, k.referenced_table_name AS r, \
               LOWER(k.referenced_column_name) AS rc, CONCAT(' ON DELETE ', x.delete_rule, ' ON UPDATE ', x.update_rule) AS ru \
               FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints x \
               ON x.constraint_schema = k.constraint_schema AND x.constraint_name = k.constraint_name AND x.table_name = k.table_name \
               WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE() ORDER BY 1, 3";
    type Row = (String, String, String, String, String, String);
    let rows: Vec<Row> = session.rows("lecture des clés étrangères", sql, ())?;
    let link = |(table, column, name, parent, parent_column, rules)| Link {
        table,
        column,
        name,
        parent,
        parent_column,
        rules,
    };
    Ok(rows.into_iter().map(link).collect())
}

/// Statements that give both sides of the foreign keys of a column the type of its specification, and the keys back.
fn relinked(spec: &TableSpec, column: &Column, present: &HashMap<String, Existing>, links: &[Link]) -> String {
    let parent = links.iter().find(|link| link.table == spec.name && link.column == column.name);
    let parent =
        parent.map_or((spec.name.as_str(), column.name), |link| (link.parent.as_str(), link.parent_column.as_str()));
    let those = || links.iter().filter(move |link| (link.parent.as_str(), link.parent_column.as_str()) == parent);
    let shape_of = |table: &str, column: &str| present.get(table).and_then(|existing| existing.shapes.get(column));
    // Texts on both sides are of one character set.
    let text = shape_of(parent.0, parent.1).filter(|shape| shape.collation.is_some());
    let kind = text.map(|shape| column.type_for(shape));
    let kind = kind.unwrap_or_else(|| column.ddl.split(' ').next().unwrap_or_default().to_owned());
    let modify = |(table, column): (&str, &str)| {
        let shape = shape_of(table, column);
        let null = if shape.is_some_and(|shape| shape.nullable) { "NULL" } else { "NOT NULL" };
        let counted = if shape.is_some_and(|shape| shape.is_counted) { " AUTO_INCREMENT" } else { "" };
        let default = if shape
            .is_some_and(|shape| shape.has_default && !shape.nullable && !shape.is_counted && shape.collation.is_none())
        {
            " DEFAULT 0"
        } else {
            ""
        };
        format!("ALTER TABLE {} MODIFY COLUMN {} {kind} {null}{default}{counted}", quoted(table), quoted(column))
    };
    let drop =
        those().map(|link| format!("ALTER TABLE {} DROP FOREIGN KEY {}", quoted(&link.table), quoted(&link.name)));
    let sides = std::iter::once(parent).chain(those().map(|link| (link.table.as_str(), link.column.as_str())));
    let add = those().map(|link| {
        let [table, name, column] = [&link.table, &link.name, &link.column].map(|name| quoted(name));
        let (parent, parent_column) = (quoted(&link.parent), quoted(&link.parent_column));
        let rules = &link.rules;
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {parent} ({parent_column}){rules}")
    });
    drop.chain(sides.map(modify)).chain(add).collect::<Vec<_>>().join("; ")
}

/// Columns of a table whose type no statement of ours mends, each with what is wrong and the command of whoever knows better.
pub(crate) fn unfit(spec: &TableSpec, present: &HashMap<String, Existing>, links: &[Link]) -> Vec<Finding> {
    let Some(existing) = present.get(&spec.name) else { return Vec::new() };
    let is_fact = spec.name.starts_with("fact_");
    let mut found = Vec::new();
    for column in &spec.columns {
        let Some(shape) = existing.shapes.get(column.name) else { continue };
        if shape.is_generated {
            found.push(generated(spec, column));
            continue;
        }
        let wanted = column.ddl.split([' ', '(']).next().unwrap_or_default();
        let fits = match (wanted, shape.data_type.as_str()) {
            ("DATE", found) => !is_fact || found == "date",
            ("INT" | "BIGINT", found) if is_fact || column.name.starts_with("id_") => {
                ["int", "bigint", "mediumint"].contains(&found)
            }
            ("VARCHAR", _) => shape.collation.is_some() && !column.is_narrow(shape),
            _ => true,
        };
        if fits || (column.is_narrow(shape) && !shape.is_linked) {
            continue;
        }
        let place = format!("{}.{}", spec.name, column.name);
        let message = format!("est {}, où les outils attendent {wanted}", shape.column_type);
        let action = if shape.is_linked {
            relinked(spec, column, present, links)
        } else {
            let (table, name, ddl) = (&spec.name, column.name, column.ddl);
            format!("ALTER TABLE {table} MODIFY COLUMN {name} {ddl}, si aucune valeur n'y perd")
        };
        found.push(Finding::attention(Code::ColumnUnfit, place, message).action(action));
    }
    found
}

/// Unique keys that forbid two rows which the tools tell apart.
pub(crate) fn forbidding(spec: &TableSpec, existing: &Existing) -> Vec<Finding> {
    let wanted: Vec<&Index> = spec.indexes.iter().filter(|index| index.unique).collect();
    let is_served = |index: &Index| existing.indexes.values().any(|(unique, found)| index.is_served_by(*unique, found));
    let forbids = |name: &str, columns: &[String]| {
        let tells_apart = |index: &&Index| index.columns.iter().all(|column| columns.iter().any(|own| own == column));
        // A number that the server counts is never there twice, and NULL, which a row that says nothing gets, as often as one likes.
        let is_free = |column: &String| {
            existing.shapes.get(column).is_some_and(|shape| {
                let is_ours = spec.columns.iter().any(|wanted| wanted.name == column);
                shape.is_counted || (!is_ours && shape.nullable && !shape.has_default)
            })
        };
        // One that the wider key replaces goes by itself.
        let gives_way = |index: &&Index| {
            (name != "PRIMARY" || index.name == "PRIMARY")
                && !is_served(index)
                && columns.iter().all(|own| index.columns.iter().any(|column| column == own))
        };
        !wanted.iter().any(tells_apart) && !columns.iter().any(is_free) && !wanted.iter().any(gives_way)
    };
    let mut keys: Vec<(&String, &Vec<String>)> = existing
        .indexes
        .iter()
        .filter(|(name, (unique, columns))| *unique && forbids(name, columns))
        .map(|(name, (_, columns))| (name, columns))
        .collect();
    keys.sort();
    let finding = |(name, columns): (&String, &Vec<String>)| {
        let message =
            format!("la clé unique {name} ({}) refuse des lignes que les outils distinguent", columns.join(", "));
        let drop =
            if name == "PRIMARY" { "DROP PRIMARY KEY".to_owned() } else { format!("DROP INDEX {}", quoted(name)) };
        Finding::attention(Code::KeyRefuses, &spec.name, message).action(format!("ALTER TABLE {} {drop}", spec.name))
    };
    keys.into_iter().map(finding).collect()
}

/// A column that the server works out by itself, where the tools write; its values stay.
fn generated(spec: &TableSpec, column: &Column) -> Finding {
    let (table, name, ddl) = (&spec.name, column.name, column.ddl);
    let message = "est calculée par le serveur, qui refuse ce que les outils y écrivent";
    Finding::attention(Code::ColumnUnfit, format!("{table}.{name}"), message).action(format!(
        "ALTER TABLE {table} ADD COLUMN flux_ecrite {ddl}; UPDATE {table} SET flux_ecrite = {name}; \
         ALTER TABLE {table} DROP COLUMN {name}; ALTER TABLE {table} CHANGE COLUMN flux_ecrite {name} {ddl}"
    ))
}
