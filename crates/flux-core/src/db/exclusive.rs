//! Statements that need a table for themselves: DDL, RENAME, TRUNCATE.
//!
//! One that waits behind an open transaction makes everybody else who comes wait behind itself, readers of the dashboards included. It
//! waits seconds at a time, lets those through that have queued up, and says in the end who stands in its way.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::error::{Error, Result, codes};
use crate::signals;

/// What a try waits, in seconds.
const PATIENCE: u32 = 3;
const TRIES: u32 = 4;
/// Between two tries, for those who have queued up.
const PAUSE: Duration = Duration::from_secs(2);

/// What needs a table for itself begins with one of these.
const WORDS: [&str; 8] = [
    "ALTER TABLE",
    "CREATE TABLE",
    "CREATE INDEX",
    "CREATE UNIQUE",
    "DROP TABLE",
    "DROP INDEX",
    "RENAME TABLE",
    "TRUNCATE",
];

/// Whether a statement needs a table for itself.
pub(super) fn is_exclusive(sql: &str) -> bool {
    let start: String = sql.trim_start().chars().take(16).collect::<String>().to_ascii_uppercase();
    WORDS.iter().any(|word| start.starts_with(word))
}

/// Runs it, waiting no longer than some seconds at a time. `is_ours` knows the connections of this process.
///
/// # Errors
/// [`Error::TableBusy`] where somebody uses the table all the time; [`Error::Interrupted`], [`Error::Sql`].
pub(super) fn run(conn: &mut Conn, doing: &str, sql: &str, is_ours: fn(u64) -> bool) -> Result<()> {
    set_patience(conn, &PATIENCE.to_string())?;
    let result = tries(conn, doing, sql, is_ours);
    // The connection may be given to others. Where it is lost, so is the setting.
    let _ = set_patience(conn, "@@GLOBAL.lock_wait_timeout");
    result
}

fn set_patience(conn: &mut Conn, seconds: &str) -> Result<()> {
    let sql = format!("SET SESSION lock_wait_timeout = {seconds}");
    conn.query_drop(sql).map_err(Error::sql("réglage de l'attente"))
}

fn tries(conn: &mut Conn, doing: &str, sql: &str, is_ours: fn(u64) -> bool) -> Result<()> {
    for attempt in 1.. {
        let error = match conn.query_drop(sql).map_err(Error::sql(doing)) {
            Err(error) if error.has_code(&[codes::LOCK_WAIT_TIMEOUT]) => error,
            result => return result,
        };
        let holders = holders(conn, is_ours);
        let who: Vec<String> = holders.iter().map(Holder::text).collect();
        if attempt == TRIES {
            log::debug!("{error}");
            let connections = holders.iter().map(|holder| holder.id).collect();
            return Err(Error::TableBusy { doing: doing.to_owned(), holders: who, connections });
        }
        log::info!("{doing} : la table est utilisée ({}), nouvel essai", who.join(" ; "));
        signals::sleep(PAUSE)?;
    }
    Err(Error::Interrupted)
}

/// Somebody who may stand in the way.
struct Holder {
    id: u64,
    user: String,
    host: String,
    seconds: i64,
}

impl Holder {
    fn text(&self) -> String {
        format!("connexion {} de {}@{}, depuis {} s", self.id, self.user, self.host, self.seconds)
    }
}

/// Those with an open transaction, the oldest first, as far as this account may see: else the connections of the database.
fn holders(conn: &mut Conn, is_ours: fn(u64) -> bool) -> Vec<Holder> {
    let transactions = "SELECT p.id AS id, p.user AS user, p.host AS host, \
        GREATEST(TIMESTAMPDIFF(SECOND, x.trx_started, CONVERT_TZ(NOW(), @@SESSION.time_zone, 'SYSTEM')), 0) AS age \
        FROM information_schema.innodb_trx x JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id \
        WHERE p.id <> CONNECTION_ID() ORDER BY x.trx_started";
    let connections = "SELECT id AS id, user AS user, host AS host, CAST(time AS SIGNED) AS age FROM information_schema.processlist \
        WHERE db = DATABASE() AND id <> CONNECTION_ID() ORDER BY time DESC";
    for sql in [transactions, connections] {
        // A value that does not fit its type is no reason to panic, as the plain `query` would.
        let Ok(found) = conn.query_opt::<(u64, String, String, i64), _>(sql) else { continue };
        let others = found.into_iter().flatten().filter(|(id, ..)| !is_ours(*id));
        let found: Vec<Holder> =
            others.take(5).map(|(id, user, host, seconds)| Holder { id, user, host, seconds }).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_tables_is_told_from_what_changes_rows() {
        for sql in [
            "ALTER TABLE x ADD y INT",
            "create table x (y INT)",
            "  TRUNCATE TABLE x",
            "RENAME TABLE a TO b",
            "DROP TABLE IF EXISTS x",
        ] {
            assert!(is_exclusive(sql), "{sql}");
        }
        for sql in
            ["INSERT INTO x VALUES (1)", "COMMIT", "SELECT 'DROP TABLE x'", "CREATE TEMPORARY TABLE x (y INT)", "é"]
        {
            assert!(!is_exclusive(sql), "{sql}");
        }
    }
}
