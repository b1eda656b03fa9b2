//! `flux_migrations` and `flux_migration_cells`: what each migration did, by date and zone, written in its transaction. The cells are
//! the plan as well as its record: the statements of [`crate::ledger::rows`] go through them.

use mysql::Value;

use crate::db::{Database, Session, marks};
use crate::error::{Error, Result};
use crate::ledger::ownership::PROGRESS;
use crate::ledger::to_second;
use crate::schema::{TableSpec, column, key, primary, unique};

/// Name of the table of migrations.
pub(crate) const TABLE: &str = "flux_migrations";
/// Name of the table of their cells.
pub(crate) const CELLS: &str = "flux_migration_cells";

const DOING: &str = "écriture de l'historique des migrations";
const READING: &str = "lecture de l'historique des migrations";

/// The tables as they should be.
pub(super) fn specs() -> [TableSpec; 2] {
    let migrations = TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("id", "BIGINT NOT NULL AUTO_INCREMENT"),
            column("attempt", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("tool", "VARCHAR(64) NOT NULL"),
            column("temp_name", "VARCHAR(64) NOT NULL"),
            column("table_name", "VARCHAR(64) NOT NULL"),
            column("first_date", "DATE NULL"),
            column("last_date", "DATE NULL"),
            column("inserted", "BIGINT NOT NULL"),
            column("updated", "BIGINT NOT NULL"),
            column("removed", "BIGINT NOT NULL"),
            column("suspended", "BIGINT NOT NULL"),
            column("blocked", "BIGINT NOT NULL"),
            column("unrecorded", "BIGINT NOT NULL"),
            column("finished_at", "DATETIME(3) NOT NULL"),
            column("undone_at", "DATETIME(3) NULL"),
            column("undone_by", "CHAR(32) CHARACTER SET ascii NULL"),
            column("forgotten_at", "DATETIME(3) NULL"),
        ],
        indexes: vec![
            primary(vec!["id"]),
            unique("uk_attempt", vec!["attempt"]),
            key("k_run", vec!["run"]),
            key("k_table", vec!["table_name", "id"]),
        ],
    };
    let cells = TableSpec {
        name: CELLS.into(),
        columns: vec![
            column("migration", "BIGINT NOT NULL"),
            column("date", "DATE NOT NULL"),
            column("id_zone", "INT NOT NULL"),
            column("is_new", "BOOLEAN NOT NULL"),
            column("withdraws", "BOOLEAN NOT NULL"),
            column("inserted", "BIGINT NOT NULL"),
            column("inserted_volume", "BIGINT NOT NULL"),
            column("inserted_check", "BIGINT NOT NULL"),
            column("updated", "BIGINT NOT NULL"),
            column("removed", "BIGINT NOT NULL"),
        ],
        indexes: vec![primary(vec!["migration", "date", "id_zone"])],
    };
    [migrations, cells]
}

/// What is remembered of the migration of one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Migration<'a> {
    /// Unique to this try; tells after a lost connection whether the commit went through.
    pub(crate) attempt: &'a str,
    /// Shared by all tables of one run.
    pub(crate) run: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) temp: &'a str,
    pub(crate) main: &'a str,
    pub(crate) dates: Option<(String, String)>,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) removed: u64,
    /// Provisional rows that would have been withdrawn, had all lines been read.
    pub(crate) suspended: u64,
    /// Provisional rows of cells that were left as they are, for they would lose too much.
    pub(crate) blocked: u64,
    /// Temporary rows that no recorded import brought.
    pub(crate) unrecorded: u64,
}

/// A date of a zone of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellDone {
    pub(crate) date: String,
    pub(crate) zone: i64,
    /// Main had no provisional rows of it: what was inserted needs no row history.
    pub(crate) is_new: bool,
    /// Whether rows that are gone are withdrawn.
    pub(crate) withdraws: bool,
    pub(crate) inserted: u64,
    pub(crate) inserted_volume: i64,
    /// [`crate::ledger::rows::checksum`] of what was inserted, added up.
    pub(crate) inserted_check: i64,
    pub(crate) updated: u64,
    pub(crate) removed: u64,
}

/// Writes a migration and its cells; gives its id.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn insert(session: &mut Session, migration: &Migration<'_>, cells: &[CellDone]) -> Result<u64> {
    let sql = "INSERT INTO flux_migrations (attempt, run, tool, temp_name, table_name, first_date, last_date, inserted, updated, \
               removed, suspended, blocked, unrecorded, finished_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,UTC_TIMESTAMP(3))";
    let (first, last) = migration.dates.clone().unzip();
    let mut params: Vec<Value> =
        [migration.attempt, migration.run, migration.tool, migration.temp, migration.main].map(Value::from).into();
    params.extend([Value::from(first), last.into()]);
    let Migration { inserted, updated, removed, suspended, blocked, unrecorded, .. } = migration;
    params.extend([inserted, updated, removed, suspended, blocked, unrecorded].map(|count| Value::from(*count)));
    session.exec(DOING, sql, params)?;
    let id = session.conn().last_insert_id();
    for chunk in cells.chunks(session.fitting(500, 120)) {
        let sql = format!(
            "INSERT INTO flux_migration_cells (migration, date, id_zone, is_new, withdraws, inserted, inserted_volume, \
             inserted_check, updated, removed) VALUES {}",
            marks(chunk.len(), 10)
        );
        let mut params: Vec<Value> = Vec::with_capacity(chunk.len() * 10);
        for cell in chunk {
            params.extend([Value::from(id), cell.date.as_str().into(), cell.zone.into()]);
            params.extend([Value::from(cell.is_new), cell.withdraws.into(), cell.inserted.into()]);
            params.extend([Value::from(cell.inserted_volume), cell.inserted_check.into()]);
            params.extend([Value::from(cell.updated), cell.removed.into()]);
        }
        session.exec(DOING, &sql, params)?;
    }
    Ok(id)
}

/// The tool whose migrations only withdraw, on demand.
pub(crate) const WITHDRAWAL: &str = "withdraw-provisional";

/// Writes a withdrawal of the provisional rows of `main` between two dates, with its cells; gives its id.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn insert_withdrawal(session: &mut Session, migration: &Migration<'_>) -> Result<u64> {
    let id = insert(session, migration, &[])?;
    let (first, last) = migration.dates.clone().unwrap_or_default();
    let sql = format!(
        "INSERT INTO flux_migration_cells (migration, date, id_zone, is_new, withdraws, inserted, inserted_volume, inserted_check, \
         updated, removed) SELECT ?, date, id_zone, 0, 1, 0, 0, 0, 0, COUNT(*) FROM {} \
         WHERE is_provisional <> 0 AND date BETWEEN ? AND ? GROUP BY date, id_zone",
        migration.main
    );
    session.exec(DOING, &sql, (id, first, last))?;
    Ok(id)
}

/// A migration that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: u64,
    pub(crate) run: String,
    pub(crate) tool: String,
    pub(crate) temp: String,
    pub(crate) main: String,
    pub(crate) finished_at: String,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) removed: u64,
    /// When it was undone, and when its rows were forgotten.
    pub(crate) undone_at: Option<String>,
    pub(crate) forgotten_at: Option<String>,
}

/// The migrations of the runs whose name begins so, newest first.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn of_runs(session: &mut Session, prefix: &str) -> Result<Vec<Made>> {
    type Fields = (u64, String, String, String, String, String, u64, u64, u64, Option<String>, Option<String>);
    let sql = "SELECT id, run, tool, temp_name, table_name, CAST(finished_at AS CHAR), inserted, updated, removed, CAST(undone_at AS CHAR), \
               CAST(forgotten_at AS CHAR) FROM flux_migrations WHERE LEFT(run, ?) = ? ORDER BY id DESC";
    let rows: Vec<Fields> = session.rows(READING, sql, (prefix.len(), prefix))?;
    let made =
        |(id, run, tool, temp, main, finished_at, inserted, updated, removed, undone_at, forgotten_at): Fields| Made {
            id,
            run,
            tool,
            temp,
            main,
            finished_at: to_second(&finished_at),
            inserted,
            updated,
            removed,
            undone_at,
            forgotten_at,
        };
    Ok(rows.into_iter().map(made).collect())
}

/// When the last migration was made, in UTC.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn last_finished(session: &mut Session) -> Result<Option<String>> {
    let sql = "SELECT CAST(MAX(finished_at) AS CHAR) FROM flux_migrations WHERE undone_at IS NULL AND tool <> ?";
    let last: Option<Option<String>> = session.first(READING, sql, (WITHDRAWAL,))?;
    Ok(last.flatten().as_deref().map(to_second))
}

/// Dates and names of zones that the load `history` brought, that a cleanup took once they were migrated, and of which `main` has no row any
/// more though the last migration that wrote to them left some. Not those of which a raw export has said since that there is nothing, and
/// not dates of which `main` has nothing at all, which [`crate::ledger::dates::gone_from`] tells.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn zones_gone_from(session: &mut Session, history: u64, main: &str) -> Result<Vec<(String, String)>> {
    let sql = format!(
        "SELECT DISTINCT CAST(c.date AS CHAR), z.nom_zone FROM flux_import_dates d JOIN {TABLE} g JOIN {CELLS} c ON c.migration = g.id AND c.date = d.date \
         JOIN dim_zones_observation z ON z.id_zone = c.id_zone \
         WHERE d.history = ? AND d.rows_stored > 0 AND d.cleaned_at IS NOT NULL \
         AND g.table_name = ? AND g.undone_at IS NULL AND c.inserted + c.updated > 0 \
         AND NOT EXISTS (SELECT 1 FROM {main} m WHERE m.date = c.date AND m.id_zone = c.id_zone) \
         AND EXISTS (SELECT 1 FROM {main} m WHERE m.date = c.date) \
         AND NOT EXISTS (SELECT 1 FROM {PROGRESS} p WHERE p.table_name = g.table_name AND p.id_zone = c.id_zone AND p.date = c.date) \
         AND NOT EXISTS (SELECT 1 FROM {TABLE} l JOIN {CELLS} k ON k.migration = l.id AND k.date = c.date AND k.id_zone = c.id_zone \
           WHERE l.table_name = g.table_name AND l.id > g.id AND l.undone_at IS NULL) ORDER BY 1, 2"
    );
    match session.rows(READING, &sql, (history, main)) {
        Err(Error::MissingTable { .. }) => Ok(Vec::new()),
        rows => rows,
    }
}

/// The run of a later migration that wrote to a date and zone of this one and was not undone.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn later(session: &mut Session, made: &Made) -> Result<Option<String>> {
    let sql = "SELECT later.run FROM flux_migrations later WHERE later.table_name = ? AND later.id > ? AND later.undone_at IS NULL \
               AND EXISTS (SELECT 1 FROM flux_migration_cells b JOIN flux_migration_cells a ON a.date = b.date \
               AND a.id_zone = b.id_zone WHERE b.migration = later.id AND a.migration = ?) ORDER BY later.id DESC LIMIT 1";
    session.first(READING, sql, (&made.main, made.id, made.id))
}

/// Rows of the dates and zones of a migration that are still in its temporary table.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn in_temp(session: &mut Session, made: &Made) -> Result<u64> {
    let sql = format!(
        "SELECT COUNT(*) FROM flux_migration_cells c JOIN {} t ON t.date = c.date AND t.id_zone = c.id_zone WHERE c.migration = ?",
        made.temp
    );
    Ok(session.first(READING, &sql, (made.id,))?.unwrap_or(0))
}

/// Remembers that a migration was undone, in the transaction that undoes it.
///
/// # Errors
/// [`Error::Invariant`] where it was undone meanwhile, [`crate::error::Error::Sql`].
pub(crate) fn mark_undone(session: &mut Session, id: u64, by: &str) -> Result<()> {
    let sql =
        "UPDATE flux_migrations SET undone_at = UTC_TIMESTAMP(3), undone_by = ? WHERE id = ? AND undone_at IS NULL";
    if session.exec(DOING, sql, (by, id))? == 1 {
        return Ok(());
    }
    Err(Error::Invariant(format!("la migration {id} a été annulée par une autre exécution")))
}

/// Puts the migrations of `main` in step with a restoration of it to an earlier time, in UTC: those made since are undone by `run`, those
/// undone since are as they were.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_since(session: &mut Session, main: &str, since: &str, run: &str) -> Result<()> {
    let back = "UPDATE flux_migrations SET undone_at = NULL, undone_by = NULL \
                WHERE table_name = ? AND finished_at <= ? AND undone_at > ?";
    let away = "UPDATE flux_migrations SET undone_at = UTC_TIMESTAMP(3), undone_by = ? \
                WHERE table_name = ? AND finished_at > ? AND undone_at IS NULL";
    present(session.exec(DOING, back, (main, since, since)))?;
    present(session.exec(DOING, away, (run, main, since)))
}

/// In `copy`, migrations of an earlier time that were completed by those made since: these are undone by `run` where their table is one of
/// `tables`.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn undo_newer(session: &mut Session, copy: &str, carried: &[u64], tables: &[&str], run: &str) -> Result<()> {
    let sql = format!("UPDATE {copy} SET undone_at = UTC_TIMESTAMP(3), undone_by = ? WHERE undone_at IS NULL");
    super::mark(session, (DOING, &sql), run, (carried, tables))
}

/// Takes back what the restoration `run` undid of the migrations of `main`, once its rows are back.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn redo(session: &mut Session, main: &str, run: &str) -> Result<()> {
    let sql = "UPDATE flux_migrations SET undone_at = NULL, undone_by = NULL WHERE table_name = ? AND undone_by = ?";
    present(session.exec(DOING, sql, (main, run)))
}

/// An older schema keeps no migrations.
fn present(done: Result<u64>) -> Result<()> {
    match done {
        Err(Error::MissingTable { .. }) => Ok(()),
        done => done.map(drop),
    }
}

/// Whether this very run undid a migration: a commit whose answer was lost.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn was_undone(session: &mut Session, id: u64, by: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM flux_migrations WHERE id = ? AND undone_by = ?";
    Ok(session.first::<u8>(READING, sql, (id, by))?.is_some())
}

/// Whether a try that lost its connection had been committed after all.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn was_committed(session: &mut Session, attempt: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM flux_migrations WHERE attempt = ?";
    Ok(session.first::<u8>(READING, sql, (attempt,))?.is_some())
}

/// Rows forgotten at a time.
const FORGET: u32 = 20_000;

/// Forgets the rows of migrations that are older than `days`; that they were made stays known. Gives how many they are.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn forget(database: &Database, days: u32) -> Result<u64> {
    let sql = "SELECT id FROM flux_migrations WHERE forgotten_at IS NULL \
               AND finished_at < UTC_TIMESTAMP() - INTERVAL ? DAY ORDER BY id";
    let old: Vec<u64> = match database.with_session(|session| session.rows(READING, sql, (days,))) {
        Err(Error::MissingTable { .. }) => Vec::new(),
        old => old?,
    };
    for id in &old {
        // By parts, so that no transaction grows with the years. Until the last one the migration counts as known, and its undoing
        // finds that rows are missing.
        for table in [crate::ledger::rows::TABLE, CELLS] {
            let sql = format!("DELETE FROM {table} WHERE migration = ? LIMIT {FORGET}");
            while database.transaction(|session| session.exec(DOING, &sql, (id,)))? > 0 {
                crate::signals::check()?;
            }
        }
        let sql = "UPDATE flux_migrations SET forgotten_at = UTC_TIMESTAMP(3) WHERE id = ?";
        database.transaction(|session| session.exec(DOING, sql, (id,)))?;
    }
    Ok(old.len() as u64)
}
