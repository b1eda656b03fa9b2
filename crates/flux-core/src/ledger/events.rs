//! What happened to the database, from all that the ledger keeps: deliveries, imports, ETL, migrations, cleanups, restorations.

use mysql::Row;
use mysql::prelude::FromValue;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::{Error, Result, codes};
use crate::ledger::{dates, lease};
use crate::schema;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Files of the supplier that came, whatever became of them.
    Delivery,
    /// A weekly file into a temporary table.
    Import,
    /// A raw export into a main table.
    Etl,
    /// A temporary table into its main table.
    Migration,
    /// Provisional rows taken out of a main table on demand.
    Withdrawal,
    /// A migration or a withdrawal taken back.
    Undo,
    /// A temporary table emptied, or a year of a main one.
    Cleanup,
    /// A table restored, put back or dropped.
    Restore,
}

/// One of them, for one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Event {
    /// When it ended, UTC: `2025-07-14 06:30:00`.
    pub(crate) at: String,
    pub(crate) kind: Kind,
    pub(crate) tool: Option<String>,
    pub(crate) run: Option<String>,
    pub(crate) table: String,
    /// File or name of the delivery, or name of the backup.
    pub(crate) source: Option<String>,
    /// `loaded`, `failed`, `done`, `undone`, or what was done with a restored table; of a delivery, how far it came.
    pub(crate) status: String,
    pub(crate) first_date: Option<String>,
    pub(crate) last_date: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) rejected: Option<u64>,
    pub(crate) withdrawn: Option<u64>,
    /// Rows that a migration left in place, for lines that could not be read or dates that would lose too much.
    pub(crate) suspended: Option<u64>,
    /// Files of a delivery.
    pub(crate) files: Option<u64>,
    pub(crate) message: Option<String>,
    /// Content of the only file of a delivery.
    #[serde(skip)]
    pub(crate) hash: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only those whose period holds this date (`2025-07-14`).
    pub(crate) date: Option<String>,
    /// Only those of this table.
    pub(crate) table: Option<String>,
    /// Only those since this moment, UTC.
    pub(crate) since: Option<String>,
    /// Most of each source.
    pub(crate) most: u64,
}

/// Each content that an import has taken, by its first load; of raw exports each delivery of a table, as all of its files. Whatever became of
/// the rows since: the files came.
const DELIVERIES: &str = "SELECT MIN(started_at) AS done_at, 'delivery' AS kind, NULL AS tool, NULL AS run, table_name, MIN(file_name) AS source, \
    'imported' AS status, MIN(first_date) AS first_date, MAX(last_date) AS last_date, MAX(lines_read) AS rows_stored, NULL AS rejected, \
    NULL AS withdrawn, NULL AS suspended, NULL AS message, 1 AS files, file_hash AS hash FROM flux_import_history \
    WHERE file_hash <> '' AND tool NOT LIKE 'populate%' GROUP BY table_name, file_hash \
    UNION ALL SELECT MIN(started_at), 'delivery', NULL, NULL, table_name, SUBSTRING_INDEX(options, 'livraison=', -1), 'imported', MIN(first_date), \
    MAX(last_date), NULL, NULL, NULL, NULL, NULL, COUNT(DISTINCT file_hash), NULL FROM flux_import_history \
    WHERE file_hash <> '' AND tool LIKE 'populate%' GROUP BY table_name, SUBSTRING_INDEX(options, 'livraison=', -1)";

const IMPORTS: &str = "SELECT finished_at AS done_at, CASE WHEN tool LIKE 'populate%' THEN 'etl' WHEN tool = 'withdraw-provisional' THEN 'withdrawal' \
    WHEN status IN ('emptied', 'cleared') THEN 'cleanup' ELSE 'import' END AS kind, tool, run, table_name, file_name AS source, status, first_date, last_date, \
    IF(status IN ('emptied', 'cleared'), rows_deleted, rows_stored) AS rows_stored, rejected, IF(tool = 'withdraw-provisional', rows_deleted, NULL) AS withdrawn, \
    NULL AS suspended, message, NULL AS files, NULL AS hash FROM flux_import_history";

/// Of each date that a cleanup took, the rows of the load that the table held: an older one of the same date was replaced by it.
const CLEANUPS: &str = "SELECT d.cleaned_at AS done_at, 'cleanup' AS kind, NULL AS tool, NULL AS run, d.table_name, NULL AS source, 'done' AS status, \
    MIN(d.date) AS first_date, MAX(d.date) AS last_date, CAST(SUM(d.rows_stored) AS UNSIGNED) AS rows_stored, NULL AS rejected, \
    NULL AS withdrawn, NULL AS suspended, NULL AS message, NULL AS files, NULL AS hash FROM flux_import_dates d WHERE d.cleaned_at IS NOT NULL AND d.rows_stored > 0 \
    AND NOT EXISTS (SELECT 1 FROM flux_import_dates n WHERE n.table_name = d.table_name AND n.date = d.date AND n.history > d.history \
    AND n.cleaned_at = d.cleaned_at) GROUP BY d.table_name, d.cleaned_at";

/// Of loads that are older than the dates of a load, or in a database that lacks them. The cleanup of a year has its own line, and is
/// named in the loads that it took back.
const CLEANUPS_OF_LOADS: &str = "SELECT cleaned_at AS done_at, 'cleanup' AS kind, NULL AS tool, NULL AS run, table_name, NULL AS source, 'done' AS status, \
    MIN(first_date) AS first_date, MAX(last_date) AS last_date, CAST(SUM(rows_stored) AS UNSIGNED) AS rows_stored, NULL AS rejected, \
    NULL AS withdrawn, NULL AS suspended, NULL AS message, NULL AS files, NULL AS hash FROM flux_import_history h WHERE h.cleaned_at IS NOT NULL AND {} \
    AND NOT (h.status = 'cleaned' AND h.tool LIKE 'populate%' AND h.message IS NOT NULL) GROUP BY table_name, cleaned_at";

/// Withdrawals on demand have their line among the imports.
const MIGRATIONS: &str = "SELECT finished_at AS done_at, 'migration' AS kind, tool, run, table_name, temp_name AS source, \
    IF(undone_at IS NULL, 'done', 'undone') AS status, first_date, last_date, inserted + updated AS rows_stored, NULL AS rejected, \
    removed AS withdrawn, suspended + blocked AS suspended, NULL AS message, NULL AS files, NULL AS hash FROM flux_migrations WHERE tool <> 'withdraw-provisional'";

/// Rows that came back and rows that went: those that the migration withdrew or changed, and those that it had added.
const UNDOINGS: &str = "SELECT undone_at AS done_at, 'undo' AS kind, tool, undone_by AS run, table_name, run AS source, 'done' AS status, \
    first_date, last_date, removed + updated AS rows_stored, NULL AS rejected, inserted AS withdrawn, NULL AS suspended, NULL AS message, NULL AS files, NULL AS hash FROM flux_migrations \
    WHERE undone_at IS NOT NULL";

const RESTORES: &str = "SELECT finished_at AS done_at, 'restore' AS kind, tool, run, table_name, backup AS source, action AS status, \
    NULL AS first_date, NULL AS last_date, rows_after AS rows_stored, NULL AS rejected, NULL AS withdrawn, NULL AS suspended, NULL AS message, NULL AS files, NULL AS hash FROM flux_restores";

/// What the filter lets through, in no order. Of tables that an older schema lacks nothing is known.
///
/// # Errors
/// [`Error::MissingTable`] without the history of imports, [`Error::Sql`].
pub(crate) fn read(session: &mut Session, filter: &Filter) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let dated = schema::names(session)?.contains(dates::TABLE);
    let without_dates = match dated {
        true => "NOT EXISTS (SELECT 1 FROM flux_import_dates d WHERE d.history = h.id AND d.cleaned_at IS NOT NULL)",
        false => "1 = 1",
    };
    let of_loads = CLEANUPS_OF_LOADS.replace("{}", without_dates);
    let sources = [
        (DELIVERIES, true),
        (IMPORTS, true),
        (CLEANUPS, false),
        (&of_loads, true),
        (MIGRATIONS, false),
        (UNDOINGS, false),
        (RESTORES, false),
    ];
    for (source, needed) in sources {
        // A restoration is of a whole table, whatever its dates.
        let whole = Filter { date: None, ..filter.clone() };
        match from(session, source, if source == RESTORES { &whole } else { filter }) {
            Ok(found) => events.extend(found),
            Err(Error::MissingTable { .. }) if !needed => {}
            Err(error) if !needed && error.has_code(codes::ACCESS_DENIED) => {}
            Err(error) => return Err(error),
        }
    }
    if filter.date.is_some() {
        keep_restores_of(&mut events);
    }
    name_cleanups(session, &mut events)?;
    Ok(events)
}

/// Puts the newest first.
pub(crate) fn sort(events: &mut [Event]) {
    events.sort_by(|one, other| other.at.cmp(&one.at));
    // Milliseconds are for the order.
    events.iter_mut().for_each(|event| event.at.truncate(19));
}

impl Event {
    /// A delivery of which no more is known.
    pub(crate) fn delivery((at, table): (String, &str), source: String, status: &str) -> Self {
        Self {
            at,
            kind: Kind::Delivery,
            tool: None,
            run: None,
            table: table.to_owned(),
            source: Some(source),
            status: status.to_owned(),
            first_date: None,
            last_date: None,
            rows: None,
            rejected: None,
            withdrawn: None,
            suspended: None,
            files: None,
            message: None,
            hash: None,
        }
    }
}

/// Of restorations, those of tables that something else has happened to.
fn keep_restores_of(events: &mut Vec<Event>) {
    let others = events.iter().filter(|event| event.kind != Kind::Restore);
    let tables: Vec<String> = others.map(|event| pair_of(&event.table)[0].clone()).collect();
    events.retain(|event| event.kind != Kind::Restore || tables.contains(&event.table));
}

/// A main table and its temporary one, which are one subject, from either name.
pub(crate) fn pair_of(name: &str) -> [String; 2] {
    let (name, end) = name.strip_suffix("_test").map_or((name, ""), |name| (name, "_test"));
    let name = name.strip_suffix("_temp").unwrap_or(name);
    [format!("{name}{end}"), format!("{name}_temp{end}")]
}

/// What was cleaned says when; who did it is whoever held the lease then, as long as leases are kept.
fn name_cleanups(session: &mut Session, events: &mut [Event]) -> Result<()> {
    let mut nameless: Vec<&mut Event> =
        events.iter_mut().filter(|event| event.kind == Kind::Cleanup && event.run.is_none()).collect();
    let Some(first) = nameless.iter().map(|event| event.at.clone()).min() else { return Ok(()) };
    let writers = lease::written_since(session, &first)?;
    for event in &mut nameless {
        if let Some(writer) = writers.iter().find(|writer| writer.wrote_at(&event.at)) {
            (event.tool, event.run) = (Some(writer.tool.clone()), Some(writer.run.clone()));
        }
    }
    Ok(())
}

fn from(session: &mut Session, source: &str, filter: &Filter) -> Result<Vec<Event>> {
    let names = filter.table.as_deref().map(pair_of);
    let (mut conditions, mut params) = (vec!["1 = 1"], Vec::new());
    if let Some([main, temp]) = &names {
        conditions.push("table_name IN (?, ?)");
        params.extend([main, temp]);
    }
    if let Some(date) = &filter.date {
        conditions.push("? BETWEEN first_date AND last_date");
        params.push(date);
    }
    if let Some(since) = &filter.since {
        conditions.push("done_at >= ?");
        params.push(since);
    }
    let sql = format!(
        "SELECT CAST(done_at AS CHAR) AS done_at, kind, tool, run, table_name, source, status, CAST(first_date AS CHAR) AS first_date, \
         CAST(last_date AS CHAR) AS last_date, rows_stored, rejected, withdrawn, suspended, message, files, hash FROM ({source}) e \
         WHERE {} ORDER BY e.done_at DESC LIMIT {}",
        conditions.join(" AND "),
        filter.most
    );
    let params: Vec<mysql::Value> = params.into_iter().map(mysql::Value::from).collect();
    let params = if params.is_empty() { mysql::Params::Empty } else { params.into() };
    let rows: Vec<Row> = session.rows("lecture de l'historique", &sql, params)?;
    Ok(rows.into_iter().map(event).collect())
}

fn event(row: Row) -> Event {
    fn get<T: FromValue>(row: &Row, column: &str) -> Option<T> {
        row.get_opt::<Option<T>, _>(column).and_then(std::result::Result::ok).flatten()
    }
    let text = |column: &str| get::<String>(&row, column);
    Event {
        at: text("done_at").unwrap_or_default(),
        kind: match text("kind").as_deref() {
            Some("delivery") => Kind::Delivery,
            Some("etl") => Kind::Etl,
            Some("migration") => Kind::Migration,
            Some("withdrawal") => Kind::Withdrawal,
            Some("undo") => Kind::Undo,
            Some("cleanup") => Kind::Cleanup,
            Some("restore") => Kind::Restore,
            _ => Kind::Import,
        },
        tool: text("tool"),
        run: text("run"),
        table: text("table_name").unwrap_or_default(),
        source: text("source"),
        status: text("status").unwrap_or_default(),
        first_date: text("first_date"),
        last_date: text("last_date"),
        rows: get(&row, "rows_stored"),
        rejected: get(&row, "rejected"),
        withdrawn: get(&row, "withdrawn"),
        suspended: get(&row, "suspended"),
        files: get(&row, "files"),
        message: text("message"),
        hash: text("hash"),
    }
}
