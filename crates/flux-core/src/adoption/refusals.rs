//! What refuses or changes rows behind the tools' back: CHECK constraints, tried with rows as the tools write them, and triggers.

use std::collections::HashMap;

use crate::db::{Database, Flavour, Session};
use crate::domain::calendar::days::weekday_in_sql;
use crate::domain::catalogue::{Dim, Space};
use crate::error::{Error, Result};
use crate::report::{Code, Finding};
use crate::schema::{self, Existing, TableSpec, quoted};
use crate::setup::{self, Preset, rows};

/// A CHECK constraint: table, name, what it says, whether it is part of a column.
type Check = (String, String, String, u8);

/// Constraints that refuse a row which the tools write.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn checks(
    database: &Database,
    session: &mut Session,
    present: &HashMap<String, Existing>,
) -> Result<Vec<Finding>> {
    let sql = match database.flavour() {
        Flavour::MariaDb => {
            "SELECT table_name AS t, constraint_name AS n, check_clause AS c, level = 'Column' AS l \
             FROM information_schema.check_constraints WHERE constraint_schema = DATABASE() ORDER BY 1, 2"
        }
        Flavour::MySql => {
            "SELECT t.table_name AS t, t.constraint_name AS n, c.check_clause AS c, 0 AS l \
             FROM information_schema.table_constraints t JOIN information_schema.check_constraints c \
             ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name \
             WHERE t.constraint_schema = DATABASE() AND t.constraint_type = 'CHECK' AND t.enforced = 'YES' ORDER BY 1, 2"
        }
    };
    let all: Vec<Check> = session.rows("contraintes CHECK", sql, ())?;
    let specs = setup::tables(Preset::All, Space::Production);
    let mut found = Vec::new();
    for checks in all.chunk_by(|one, other| one.0 == other.0) {
        let Some(spec) = checks.first().and_then(|(table, ..)| specs.iter().find(|spec| spec.name == *table)) else {
            continue;
        };
        let (table, Some(existing)) = (&spec.name, present.get(&spec.name)) else { continue };
        let samples = samples(session, spec, existing)?;
        for (_, name, clause, of_column) in checks {
            // MySQL writes texts as they stood between quotes.
            let clause = if database.flavour() == Flavour::MySql { unescaped(clause) } else { clause.clone() };
            let Some(row) = refused(session, spec, (existing, &samples), &clause)? else { continue };
            let message = format!("la contrainte {name} ({clause}) refuse des lignes que les outils écrivent : {row}");
            let action = match spec.columns.iter().find(|column| *of_column != 0 && column.name == name) {
                Some(column) => format!("ALTER TABLE {table} MODIFY COLUMN {name} {}", column.ddl),
                None => format!("ALTER TABLE {table} DROP CONSTRAINT {}", quoted(name)),
            };
            found.push(Finding::attention(Code::CheckRefuses, table, message).action(action));
        }
    }
    Ok(found)
}

/// What backslashes stand before, as it is.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// The first of our rows that a constraint refuses, in words; none where the server cannot be asked.
fn refused(
    session: &mut Session,
    spec: &TableSpec,
    (existing, samples): (&Existing, &[Sample]),
    clause: &str,
) -> Result<Option<String>> {
    let columns: Vec<&String> = existing.columns.iter().collect();
    for chunk in samples.chunks(200) {
        let row = |row: &Sample| {
            let value = |column: &&String| {
                let value =
                    row.values.iter().find(|(name, _)| name == *column).map_or("NULL", |(_, value)| value.as_str());
                let collation = existing.shapes.get(*column).and_then(|shape| shape.collation.as_deref());
                let value = match collation {
                    // A text compares as the column does.
                    Some(collation) => {
                        let charset = collation.split('_').next().unwrap_or_default();
                        let charset = if charset == "uca1400" { "utf8mb4" } else { charset };
                        format!("CONVERT({value} USING {charset}) COLLATE {collation}")
                    }
                    None => value.to_owned(),
                };
                format!("{value} AS {}", quoted(column))
            };
            let text = row.what.replace('\\', "").replace('\'', "’");
            format!("SELECT '{text}' AS flux_ligne, {}", columns.iter().map(value).collect::<Vec<_>>().join(", "))
        };
        let rows: Vec<String> = chunk.iter().map(row).collect();
        let table = quoted(&spec.name);
        let sql = format!(
            "SELECT {table}.flux_ligne FROM ({}) {table} WHERE NOT COALESCE(({clause}), 1) LIMIT 1",
            rows.join(" UNION ALL ")
        );
        match session.first(&format!("contrainte de {}", spec.name), &sql, ()) {
            // It names what a row by itself does not have.
            Err(Error::Sql { source, .. }) => {
                log::info!("{} : CHECK ({clause}) : {source}", spec.name);
                return Ok(None);
            }
            found => {
                if let Some(found) = found? {
                    return Ok(Some(found));
                }
            }
        }
    }
    Ok(None)
}

/// A row as the tools write it: what is odd about it, and its values as SQL.
struct Sample {
    what: String,
    values: Vec<(String, String)>,
}

/// Days that deliveries and exports hold, in all months and on all days of the week.
fn days() -> Vec<String> {
    let months = (-24..=12).map(|month| format!("CURRENT_DATE + INTERVAL {month} MONTH"));
    let days = (0..7).map(|day| format!("CURRENT_DATE - INTERVAL {day} DAY"));
    days.chain(months).chain(["DATE '2019-01-01'".to_owned()]).collect()
}

/// One row as it may be, and others that differ from it in one thing.
fn samples(session: &mut Session, spec: &TableSpec, existing: &Existing) -> Result<Vec<Sample>> {
    let text = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    let mut base: Vec<(String, String)> = Vec::new();
    let mut others: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let dim = crate::domain::catalogue::DIMS.iter().find(|dim| dim.table == spec.name);
    for column in spec.columns.iter().filter(|column| existing.has(column.name)) {
        let name = column.name;
        let mut vary =
            |value: String, what: &str| others.push((format!("{name} = {what}"), vec![(name.into(), value)]));
        let value = match name {
            "date" => {
                days().into_iter().for_each(|day| vary(day.clone(), &day));
                "CURRENT_DATE".to_owned()
            }
            "volume" => {
                [0, 1, 10_000_000].into_iter().for_each(|volume| vary(volume.to_string(), &volume.to_string()));
                "10".to_owned()
            }
            "is_provisional" if spec.name.ends_with("_temp") => "1".to_owned(),
            "is_provisional" => {
                vary("0".into(), "0");
                "1".to_owned()
            }
            "jour_semaine" => weekday_in_sql("CURRENT_DATE"),
            "code_insee" => {
                ["01004", "2A004", "97411"].into_iter().for_each(|code| vary(text(code), code));
                "'15014'".to_owned()
            }
            "annee" => "YEAR(CURRENT_DATE)".to_owned(),
            "mois" => "MONTH(CURRENT_DATE)".to_owned(),
            "trimestre" => "QUARTER(CURRENT_DATE)".to_owned(),
            "semaine" => "WEEK(CURRENT_DATE, 3)".to_owned(),
            "vacances_a" | "vacances_b" | "vacances_c" | "ferie" => {
                vary("1".into(), "1");
                "0".to_owned()
            }
            name if name.starts_with("id_") && spec.name.starts_with("fact_") => {
                let of = Dim::of_id(name).map(Dim::spec);
                let highest: Option<i64> = match of {
                    Some(of) => {
                        let sql = format!("SELECT CAST(COALESCE(MAX({name}), 0) AS SIGNED) FROM {}", of.table);
                        Error::or_nothing(session.rows::<i64>(&format!("lecture de {}", of.table), &sql, ()))?.pop()
                    }
                    None => None,
                };
                let highest = highest.unwrap_or(1).max(1);
                // The next name gets the next number.
                vary((highest + 1).to_string(), &(highest + 1).to_string());
                if of.is_some_and(|of| of.optional) {
                    vary("0".into(), "0");
                }
                highest.to_string()
            }
            _ => continue,
        };
        base.push((name.to_owned(), value));
    }
    if spec.name.starts_with("fact_lieu_") {
        let nowhere = ["id_epci", "id_commune"].map(|name| (name.to_owned(), "0".to_owned()));
        others.push(("lieu non connu".into(), nowhere.into()));
    }
    if let Some(dim) = dim {
        let named = |(name, columns): (String, Vec<(&'static str, mysql::Value)>)| {
            let mut values = vec![(dim.name.to_owned(), text(&name))];
            values.extend(columns.into_iter().map(|(column, value)| (column.to_owned(), value.as_sql(false))));
            (format!("{} = {name}", dim.name), values)
        };
        others.extend(rows::reference_rows(dim.dim).into_iter().map(named));
    }
    let mut samples = Vec::new();
    // A dimension has no ordinary row.
    if dim.is_none() {
        samples.push(Sample { what: "une ligne ordinaire".into(), values: base.clone() });
    }
    for (what, changed) in others {
        let mut values = base.clone();
        values.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
        values.extend(changed);
        samples.push(Sample { what, values });
    }
    Ok(samples)
}

/// Triggers on tables that the tools write to. Only their owner knows what they are for.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn triggers(session: &mut Session) -> Result<Vec<Finding>> {
    let sql = "SELECT event_object_table AS t, trigger_name AS n, CONCAT(action_timing, ' ', event_manipulation) AS w \
               FROM information_schema.triggers WHERE event_object_schema = DATABASE() ORDER BY 1, 2";
    let all: Vec<(String, String, String)> = session.rows("déclencheurs", sql, ())?;
    let ours = all.into_iter().filter(|(table, ..)| schema::is_ours(table));
    let finding = |(table, name, when): (String, String, String)| {
        let message = format!("le déclencheur {name} ({when}) agit sur chaque ligne que les outils écrivent");
        let name = quoted(&name);
        let action =
            format!("lisez-le (SHOW CREATE TRIGGER {name}) ; s'il change ou refuse des lignes : DROP TRIGGER {name}");
        Finding::attention(Code::TriggerActs, table, message).action(action)
    };
    Ok(ours.map(finding).collect())
}
