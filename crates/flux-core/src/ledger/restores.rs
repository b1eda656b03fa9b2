//! `flux_restores`: what was restored, put back or dropped, table by table.

use mysql::Value;

use crate::db::Session;
use crate::error::{Error, Result};
use crate::schema::{TableSpec, column, key, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_restores";

/// The table as it should be. `action` is `restore`, `undo` or `drop-old`.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("id", "BIGINT NOT NULL AUTO_INCREMENT"),
            column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("tool", "VARCHAR(64) NOT NULL"),
            column("action", "VARCHAR(16) NOT NULL"),
            column("backup", "VARCHAR(255) NULL"),
            column("table_name", "VARCHAR(64) NOT NULL"),
            column("rows_before", "BIGINT NULL"),
            column("rows_after", "BIGINT NULL"),
            column("digest", "VARCHAR(64) CHARACTER SET ascii NULL"),
            column("finished_at", "DATETIME(3) NOT NULL"),
        ],
        indexes: vec![primary(vec!["id"]), key("k_run", vec!["run"]), key("k_table", vec!["table_name", "id"])],
    }
}

/// What became of one table.
#[derive(Debug)]
pub(crate) struct Restored<'a> {
    pub(crate) run: &'a str,
    pub(crate) tool: &'a str,
    /// `restore`, `undo` or `drop-old`.
    pub(crate) action: &'a str,
    /// Name of the backup.
    pub(crate) backup: Option<&'a str>,
    pub(crate) table: &'a str,
    pub(crate) rows_before: Option<u64>,
    pub(crate) rows_after: Option<u64>,
    /// Order-free digest of the rows as they were restored.
    pub(crate) digest: Option<&'a str>,
}

/// Writes one line for each table. A database without the table remembers nothing, which stops no restoration.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn insert(session: &mut Session, tables: &[Restored<'_>]) -> Result<()> {
    let sql = "INSERT INTO flux_restores (run, tool, action, backup, table_name, rows_before, rows_after, digest, finished_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3))";
    for line in tables {
        let params: Vec<Value> = vec![
            line.run.into(),
            line.tool.into(),
            line.action.into(),
            line.backup.into(),
            line.table.into(),
            line.rows_before.into(),
            line.rows_after.into(),
            line.digest.into(),
        ];
        match session.exec("écriture de l'historique des restaurations", sql, params) {
            Err(Error::MissingTable { .. }) => return Ok(()),
            result => result?,
        };
    }
    Ok(())
}

/// The digest of `table` as its last restoration left it; `None` where nothing is known of one.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn digest(session: &mut Session, table: &str) -> Result<Option<String>> {
    let sql = "SELECT digest FROM flux_restores WHERE table_name = ? AND action = 'restore' ORDER BY id DESC LIMIT 1";
    match session.first::<Option<String>>("lecture de l'historique des restaurations", sql, (table,)) {
        Err(Error::MissingTable { .. }) => Ok(None),
        result => Ok(result?.flatten()),
    }
}

/// Run and time, in UTC, of the last restoration of `table`; `None` where nothing is known of one.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn last(session: &mut Session, table: &str) -> Result<Option<(String, String)>> {
    let sql = "SELECT run, CAST(finished_at AS CHAR) FROM flux_restores WHERE table_name = ? AND action = 'restore' ORDER BY id DESC LIMIT 1";
    match session.first("lecture de l'historique des restaurations", sql, (table,)) {
        Err(Error::MissingTable { .. }) => Ok(None),
        result => result,
    }
}
