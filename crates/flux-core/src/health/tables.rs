//! `tables-info`: inventory of the database, from the server's own catalogue; exact counts where asked for or cheap.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::{Database, Session, quote};
use crate::domain::catalogue::Space;
use crate::error::Result;
use crate::health::checks;
use crate::report::render_findings;
use crate::report::{Code, Finding, Page, Report, Table, Verdict, bytes, number, plural};
use crate::schema::{self, IS_TABLE};
use crate::setup::{self, Preset};
use crate::task::{Context, Task};

/// Up to this estimate, rows are counted anyway.
const CHEAP: u64 = 200_000;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// A dimension (`dim_*`).
    Dim,
    /// A main table of facts (`fact_*`).
    Fact,
    /// A temporary table of facts (`fact_*_temp`).
    Temp,
    /// Everything else: the tools' own tables, the portal's.
    System,
}

impl TableKind {
    /// By the name of a table.
    pub(crate) fn of(table: &str) -> Self {
        let plain = table.strip_suffix("_test").unwrap_or(table);
        if plain.starts_with("dim_") {
            TableKind::Dim
        } else if plain.starts_with("fact_") {
            if plain.ends_with("_temp") { TableKind::Temp } else { TableKind::Fact }
        } else {
            TableKind::System
        }
    }

    fn french(self) -> &'static str {
        match self {
            TableKind::Dim => "dimension",
            TableKind::Fact => "faits",
            TableKind::Temp => "temporaire",
            TableKind::System => "système",
        }
    }
}

/// Which tables to list, and how much of each.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// Only these kinds; all when empty.
    pub kinds: Vec<TableKind>,
    /// Lists columns and indexes as well.
    pub structure: bool,
    /// Exact counts, dates, volumes, provisional and definitive rows.
    pub stats: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    nullable: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Index {
    name: String,
    unique: bool,
    columns: Vec<String>,
}

/// What the rows of a fact table hold.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stats {
    dates: Option<(String, String)>,
    days: u64,
    volume: u64,
    provisional: Option<u64>,
    definitive: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Info {
    name: String,
    kind: TableKind,
    /// Exact, or the server's estimate.
    rows: u64,
    exact: bool,
    data_bytes: u64,
    index_bytes: u64,
    engine: Option<String>,
    collation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<Column>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    indexes: Option<Vec<Index>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Inventory {
    database: String,
    server: String,
    tables: Vec<Info>,
    total_bytes: u64,
    findings: Vec<Finding>,
}

impl Task for TableOptions {
    fn run(self, context: &Context) -> Result<impl Report> {
        tables(&context.database()?, &self)
    }
}

/// Takes the inventory. Reads only.
///
/// # Errors
/// Those of the connection.
pub fn tables(database: &Database, options: &TableOptions) -> Result<impl Report + use<>> {
    let mut session = database.session()?;
    schema::fresh_sizes(database, &mut session)?;
    type Row = (String, Option<String>, Option<u64>, Option<u64>, Option<u64>, Option<String>);
    let rows: Vec<Row> = session.rows(
        "inventaire des tables",
        &format!(
            "SELECT table_name AS t, engine AS e, table_rows AS r, data_length AS d, index_length AS i, table_collation AS c \
             FROM information_schema.tables WHERE table_schema = DATABASE() AND {IS_TABLE} ORDER BY table_name"
        ),
        (),
    )?;
    let existing = schema::existing(&mut session)?;
    let mut tables = Vec::new();
    for (name, engine, estimate, data, index, collation) in rows {
        let kind = TableKind::of(&name);
        if !options.kinds.is_empty() && !options.kinds.contains(&kind) {
            continue;
        }
        crate::signals::check()?;
        let estimate = estimate.unwrap_or(0);
        let exact = options.stats || estimate <= CHEAP;
        let has = |column: &str| existing.get(&name).is_some_and(|table| table.has(column));
        let (rows, stats) = if options.stats && has("date") && has("volume") {
            let (rows, stats) = stats(&mut session, &name, has("is_provisional"))?;
            (rows, Some(stats))
        } else if exact {
            (count(&mut session, &name, "")?, None)
        } else {
            (estimate, None)
        };
        let (columns, indexes) = if options.structure {
            (Some(columns(&mut session, &name)?), Some(indexes(existing.get(&name))))
        } else {
            (None, None)
        };
        tables.push(Info {
            kind,
            rows,
            exact,
            data_bytes: data.unwrap_or(0),
            index_bytes: index.unwrap_or(0),
            engine,
            collation,
            columns,
            indexes,
            stats,
            name,
        });
    }
    tables.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let mut findings = Vec::new();
    for spec in setup::tables(Preset::All, Space::Production) {
        let kind = TableKind::of(&spec.name);
        if !options.kinds.is_empty() && !options.kinds.contains(&kind) {
            continue;
        }
        if let Some(change) = schema::change(&spec, existing.get(&spec.name)) {
            let what = if existing.contains_key(&spec.name) { change.what } else { "absente de la base".into() };
            findings.push(Finding::attention(Code::SchemaIncomplete, spec.name, what).action("lancez `ensure-schema`"));
        }
    }
    let ours = |name: &str| tables.iter().any(|table| table.name == name && table.kind != TableKind::System);
    findings.extend(checks::engines(&mut session, Verdict::Attention, &ours)?);
    let total_bytes = tables.iter().map(|table| table.data_bytes + table.index_bytes).sum();
    Ok(Inventory {
        database: database.name().to_owned(),
        server: database.version().to_owned(),
        tables,
        total_bytes,
        findings,
    })
}

fn count(session: &mut Session, table: &str, condition: &str) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {}{condition}", quote(table));
    Ok(session.first(&format!("comptage de {table}"), &sql, ())?.unwrap_or(0))
}

/// Rows and what they hold: only the volumes take a pass over the table itself, the rest comes from its indexes.
fn stats(session: &mut Session, table: &str, provisional: bool) -> Result<(u64, Stats)> {
    let doing = format!("statistiques de {table}");
    let sql = format!("SELECT COUNT(*), CAST(COALESCE(SUM(volume), 0) AS UNSIGNED) FROM {}", quote(table));
    let (rows, volume): (u64, u64) = session.first(&doing, &sql, ())?.unwrap_or_default();
    let sql = format!(
        "SELECT COUNT(*), CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) FROM (SELECT DISTINCT date FROM {}) d",
        quote(table)
    );
    type Days = (u64, Option<String>, Option<String>);
    let (days, first, last): Days = session.first(&doing, &sql, ())?.unwrap_or_default();
    let provisional = provisional.then(|| count(session, table, " WHERE is_provisional <> 0")).transpose()?;
    let definitive = provisional.map(|provisional| rows.saturating_sub(provisional));
    Ok((rows, Stats { dates: first.zip(last), days, volume, definitive, provisional }))
}

fn columns(session: &mut Session, table: &str) -> Result<Vec<Column>> {
    let rows: Vec<(String, String, String)> = session.rows(
        &format!("colonnes de {table}"),
        "SELECT column_name AS c, column_type AS t, is_nullable AS n FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
        (table,),
    )?;
    Ok(rows.into_iter().map(|(name, kind, nullable)| Column { name, kind, nullable: nullable == "YES" }).collect())
}

fn indexes(existing: Option<&schema::Existing>) -> Vec<Index> {
    let found = existing.iter().flat_map(|table| &table.indexes);
    let mut indexes: Vec<Index> = found
        .map(|(name, (unique, columns))| Index { name: name.clone(), unique: *unique, columns: columns.clone() })
        .collect();
    indexes.sort_by(|a, b| (a.name != "PRIMARY", &a.name).cmp(&(b.name != "PRIMARY", &b.name)));
    indexes
}

impl Report for Inventory {
    fn render(&self, page: &mut Page) {
        page.line(format!("Base {} ({})", self.database, self.server));
        let mut table = Table::new(&["table", "?type", ">lignes", ">données", ">index", "?moteur"]);
        for info in &self.tables {
            let about = if info.exact { "" } else { "≈ " };
            table.row([
                info.name.clone(),
                info.kind.french().into(),
                format!("{about}{}", number(info.rows)),
                bytes(info.data_bytes),
                bytes(info.index_bytes),
                info.engine.clone().unwrap_or_default(),
            ]);
        }
        page.table(&table);
        if self.tables.iter().any(|info| !info.exact) {
            page.line("  ≈ : estimation du serveur ; --stats compte exactement");
        }
        self.render_stats(page);
        for info in &self.tables {
            let (Some(columns), Some(indexes)) = (&info.columns, &info.indexes) else { continue };
            page.title(&info.name);
            for column in columns {
                let null = if column.nullable { "NULL" } else { "NOT NULL" };
                // The words of an enumeration may go to the next line.
                let kind = column.kind.replace("','", "', '");
                page.line(format!("  {:<22} {kind:<24} {null}", column.name));
            }
            for index in indexes {
                let unique = if index.unique { "unique " } else { "" };
                page.line(format!("  {unique}{} ({})", index.name, index.columns.join(", ")));
            }
        }
        let count = plural(self.tables.len() as u64, "table", "tables");
        render_findings(page, &self.findings, &format!("{count}, {} ; rien ne manque", bytes(self.total_bytes)));
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}

impl Inventory {
    fn render_stats(&self, page: &mut Page) {
        let mut table = Table::new(&["table", "dates", ">?jours", ">?volume", ">provisoires", ">définitives"]);
        for info in &self.tables {
            let Some(stats) = &info.stats else { continue };
            let count = |rows: Option<u64>| rows.map_or("–".into(), number);
            table.row([
                info.name.clone(),
                stats.dates.as_ref().map_or("–".into(), |(first, last)| format!("{first} → {last}")),
                number(stats.days),
                number(stats.volume),
                count(stats.provisional),
                count(stats.definitive),
            ]);
        }
        if !table.is_empty() {
            page.title("Contenu");
            page.table(&table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_by_what_they_are_for() {
        assert_eq!(TableKind::of("dim_pays"), TableKind::Dim);
        assert_eq!(TableKind::of("fact_nuitees"), TableKind::Fact);
        assert_eq!(TableKind::of("fact_nuitees_temp_test"), TableKind::Temp);
        assert_eq!(TableKind::of("fact_nuitees_test"), TableKind::Fact);
        assert_eq!(TableKind::of("users"), TableKind::System);
    }
}
