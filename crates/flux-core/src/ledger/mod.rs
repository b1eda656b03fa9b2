//! The tools' own memory in the database, the `flux_*` tables: their definition, their version, and the only SQL on them.

pub(crate) mod adoption;
pub(crate) mod dates;
pub(crate) mod events;
pub(crate) mod history;
pub(crate) mod lease;
pub(crate) mod lock;
pub(crate) mod migrations;
pub(crate) mod ownership;
pub(crate) mod periodes;
pub(crate) mod progress;
pub(crate) mod restores;
pub(crate) mod rows;
pub mod sessions;
pub(crate) mod verifications;

use mysql::Value;

use crate::db::{Database, Session, marks};
use crate::error::{Error, Result};
use crate::schema::{TableSpec, column, key, primary, unique};

pub(crate) use lock::Lock;

/// Version of the tables described here. Version 2 adds `flux_periodes`, and the typed columns of `flux_import_progress`; version 3
/// adds `flux_lock` and `flux_adoption`, version 4 `flux_import_dates`, `flux_migrations`, `flux_migration_cells`, `flux_row_history`,
/// `flux_restores` and the rows of `flux_etl_progress`; version 5 adds `flux_verifications`, and `flux_lease`, which says more than
/// `flux_lock` did and takes its place: tools of before cannot write beside those that know it.
const VERSION: u32 = 5;

/// A time of the server, which has fractions, to the second.
fn to_second(time: &str) -> String {
    time.chars().take(19).collect()
}

/// Runs an UPDATE whose one value is `note` on the lines of these numbers that are of these tables.
fn mark(session: &mut Session, (doing, sql): (&str, &str), note: &str, (ids, tables): (&[u64], &[&str])) -> Result<()> {
    for ids in ids.chunks(1000) {
        let sql = format!("{sql} AND id IN {} AND table_name IN {}", marks(1, ids.len()), marks(1, tables.len()));
        let mut params = vec![Value::from(note)];
        params.extend(ids.iter().map(Value::from));
        params.extend(tables.iter().map(|table| Value::from(*table)));
        session.exec(doing, &sql, params)?;
    }
    Ok(())
}

/// Table of the versions that a database has had.
const VERSIONS: &str = "flux_schema_version";

/// Remembers that the database has the tables of this version, or of a later one. An older version needs no step of its own:
/// `ensure-schema` adds what the tables lack.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn record_version(session: &mut Session) -> Result<()> {
    let sql =
        format!("INSERT INTO {VERSIONS} (version) VALUES (?) ON DUPLICATE KEY UPDATE version = {VERSIONS}.version");
    session.exec_again("écriture de la version du schéma", &sql, (VERSION,))
}

/// Takes the lock of the writers, on a database that these tools know how to write to. There is no other way to it.
///
/// # Errors
/// [`Error::Locked`] when another run holds it, [`Error::SchemaVersion`] where later tools have been at work, [`Error::NotAdopted`] where
/// older scripts have and nobody has looked, [`Error::UnsafeEngine`] where a table of ours knows no transactions.
pub(crate) fn lock(database: &Database) -> Result<Lock> {
    Lock::take(database)
}

/// Whether a run holds the lock of the writers, on this server or on another one.
///
/// # Errors
/// [`Error::Sql`].
pub fn is_writing(database: &Database, session: &mut Session) -> Result<bool> {
    Ok(lock::holding_connection(database, session)?.is_some())
}

/// Refuses a database that later tools have changed: what they keep there, these do not know.
///
/// # Errors
/// [`Error::SchemaVersion`] for a later version, [`Error::Sql`].
fn refuse_later_version(session: &mut Session) -> Result<()> {
    let found: Result<Option<Option<u32>>> =
        session.first("lecture de la version du schéma", &format!("SELECT MAX(version) FROM {VERSIONS}"), ());
    match found {
        Ok(Some(Some(found))) if found > VERSION => Err(Error::SchemaVersion { found, known: VERSION }),
        // Nothing was ever recorded: `ensure-schema` has not been here yet.
        Ok(_) | Err(Error::MissingTable { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The ledger's tables, part of every preset.
pub(crate) fn tables() -> Vec<TableSpec> {
    let mut tables = vec![
        TableSpec {
            name: VERSIONS.into(),
            columns: vec![
                column("version", "INT NOT NULL"),
                column("applied_at", "TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP"),
            ],
            indexes: vec![primary(vec!["version"])],
        },
        TableSpec {
            name: history::TABLE.into(),
            columns: vec![
                column("id", "BIGINT NOT NULL AUTO_INCREMENT"),
                column("attempt", "CHAR(32) CHARACTER SET ascii NOT NULL"),
                column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
                column("tool", "VARCHAR(64) NOT NULL"),
                column("table_name", "VARCHAR(64) NOT NULL"),
                column("file_name", "VARCHAR(255) NOT NULL"),
                column("file_path", "TEXT NOT NULL"),
                column("file_size", "BIGINT NOT NULL"),
                column("file_hash", "CHAR(64) CHARACTER SET ascii NOT NULL"),
                column("options", "VARCHAR(255) NOT NULL"),
                column("dims_hash", "CHAR(64) CHARACTER SET ascii NOT NULL"),
                column("status", "VARCHAR(16) NOT NULL"),
                column("message", "TEXT NULL"),
                column("encoding", "VARCHAR(32) NOT NULL"),
                column("first_date", "DATE NULL"),
                column("last_date", "DATE NULL"),
                column("lines_read", "BIGINT NOT NULL"),
                column("rows_stored", "BIGINT NOT NULL"),
                column("rows_deleted", "BIGINT NOT NULL"),
                column("duplicates", "BIGINT NOT NULL"),
                column("conflicts", "BIGINT NOT NULL"),
                column("rejected", "BIGINT NOT NULL"),
                column("filtered", "BIGINT NOT NULL"),
                column("reject_file", "TEXT NULL"),
                column("started_at", "DATETIME(3) NOT NULL"),
                column("finished_at", "DATETIME(3) NOT NULL"),
                column("cleaned_at", "DATETIME(3) NULL"),
            ],
            indexes: vec![
                primary(vec!["id"]),
                unique("uk_attempt", vec!["attempt"]),
                key("k_table", vec!["table_name", "id"]),
                key("k_run", vec!["run"]),
            ],
        },
        TableSpec {
            name: progress::TABLE.into(),
            columns: vec![
                column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
                column("step", "VARCHAR(190) NOT NULL"),
                column("tool", "VARCHAR(64) NOT NULL"),
                column("state", "VARCHAR(16) NOT NULL"),
                column("position", "BIGINT NOT NULL"),
                column("total", "BIGINT NOT NULL"),
                column("note", "VARCHAR(255) NOT NULL"),
                column("unit", "VARCHAR(8) NULL"),
                column("lines_read", "BIGINT NULL"),
                column("lock_id", "BIGINT NULL"),
                column("started_at", "DATETIME(3) NOT NULL"),
                column("updated_at", "DATETIME(3) NOT NULL"),
            ],
            indexes: vec![primary(vec!["run", "step"]), key("k_step", vec!["step", "started_at"])],
        },
        TableSpec {
            name: ownership::PROGRESS.into(),
            columns: vec![
                column("table_name", "VARCHAR(64) CHARACTER SET ascii NOT NULL"),
                column("id_zone", "INT NOT NULL"),
                column("date", "DATE NOT NULL"),
                column("delivery", "INT NOT NULL"),
                column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
                column("content", "CHAR(64) CHARACTER SET ascii NOT NULL"),
                column("rows_stored", "BIGINT NULL"),
            ],
            indexes: vec![primary(vec!["table_name", "id_zone", "date"])],
        },
        dates::spec(),
        periodes::spec(),
        lease::spec(),
        restores::spec(),
        adoption::spec(),
        rows::spec(),
        sessions::spec(),
        verifications::spec(),
    ];
    tables.extend(migrations::specs());
    tables
}
