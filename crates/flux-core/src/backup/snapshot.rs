//! Reading tables in one consistent snapshot, into compressed files, in constant memory.

use std::path::Path;

use mysql::Value;
use mysql::prelude::Queryable;

use crate::backup::manifest::{Manifest, TableEntry};
use crate::backup::rows::{self, Digest, Form};
use crate::db::{Flavour, Session, quote};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::files::gz::Sink;
use crate::progress::Progress;
use crate::signals;

/// Columns of a table that hold values of their own: generated ones are computed again.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) forms: Vec<Form>,
}

/// The stored columns of `table`, in order.
pub(super) fn columns(session: &mut Session, table: &str) -> Result<Columns> {
    let sql = "SELECT column_name AS n, data_type AS t, COALESCE(generation_expression, '') AS g \
               FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position";
    let found: Vec<(String, String, String)> =
        session.rows(&format!("lecture des colonnes de {table}"), sql, (table,))?;
    let stored = found.into_iter().filter(|(_, _, generated)| generated.is_empty());
    let (names, forms): (Vec<_>, Vec<_>) = stored.map(|(name, kind, _)| (name, Form::of(&kind))).unzip();
    if names.is_empty() {
        return Err(Error::MissingTable { table: table.into() });
    }
    Ok(Columns { names, forms })
}

/// The server's time, UTC.
fn server_time(session: &mut Session) -> Result<String> {
    let now: Option<String> =
        session.first("heure du serveur", "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')", ())?;
    now.ok_or_else(|| Error::Invariant("le serveur ne donne pas son heure".into()))
}

/// A slow disk must not make the server cut the rows off.
pub(super) fn be_patient(session: &mut Session, flavour: Flavour) {
    let _ = session.exec("délai d'écriture", "SET SESSION net_write_timeout = 600", ());
    if flavour == Flavour::MySql {
        let _ = session.exec("délai d'exécution", "SET SESSION max_execution_time = 0", ());
    } else {
        let _ = session.exec("délai d'exécution", "SET SESSION max_statement_time = 0", ());
    }
}

/// Copies one table into `dir`.
pub(super) fn copy(session: &mut Session, table: &str, dir: &Path, progress: &Progress) -> Result<TableEntry> {
    // Rolling back to the savepoint gives the table's metadata lock back, so that others may change it again.
    session.exec("instantané", "SAVEPOINT flux_table", ())?;
    let ddl: Option<(String, String)> =
        session.first(&format!("structure de {table}"), &format!("SHOW CREATE TABLE {}", quote(table)), ())?;
    let (_, ddl) = ddl.ok_or_else(|| Error::MissingTable { table: table.into() })?;
    let columns = columns(session, table)?;
    let file = format!("{table}.tsv.gz");
    let path = dir.join(&file);
    let mut sink = Sink::new(&path)?;
    let read = read(session, table, &columns, progress, |line| sink.write(line))?;
    let (bytes, sha256) = sink.finish()?;
    session.exec("instantané", "ROLLBACK TO SAVEPOINT flux_table", ())?;
    Ok(TableEntry {
        table: table.into(),
        file,
        rows: read.digest.rows,
        volume: read.volume,
        bytes,
        sha256,
        digest: read.digest.hex(),
        columns: columns.names,
        ddl,
    })
}

/// What was read of a table.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) digest: Digest,
    pub(super) volume: Option<i64>,
}

/// Reads all rows of a table, each as a line with its end, in constant memory.
pub(super) fn read(
    session: &mut Session,
    table: &str,
    columns: &Columns,
    progress: &Progress,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<Read> {
    let doing = || format!("lecture de {table}");
    failpoint::hit("backup.table")?;
    let bar = progress.step(table);
    let list: Vec<String> = columns.names.iter().map(|name| quote(name)).collect();
    let sql = format!("SELECT {} FROM {}", list.join(", "), quote(table));
    let volume_at = columns.names.iter().position(|name| name.eq_ignore_ascii_case("volume"));
    let mut read = Read { digest: Digest::default(), volume: volume_at.map(|_| 0) };
    let mut line = Vec::with_capacity(256);
    // Prepared, so that numbers come as numbers: the text of a FLOAT loses digits.
    for row in session.conn().exec_iter(sql, ()).map_err(Error::sql(doing()))? {
        let values = row.map_err(Error::sql(doing()))?.unwrap();
        line.clear();
        rows::encode(&values, &columns.forms, &mut line);
        read.digest.add(&line);
        line.push(b'\n');
        each(&line)?;
        if let Some((volume, value)) = read.volume.as_mut().zip(volume_at.and_then(|at| values.get(at))) {
            *volume = volume.saturating_add(whole(value));
        }
        if read.digest.rows.is_multiple_of(4096) {
            signals::check()?;
            bar.set_message(format!("{} lignes", crate::report::number(read.digest.rows)));
        }
    }
    bar.finish_and_clear();
    Ok(read)
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::UInt(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        _ => 0,
    }
}

/// Copies `tables` into `dir` and writes the manifest.
pub(super) fn take(
    session: &mut Session,
    flavour: Flavour,
    tables: &[String],
    dir: &Path,
    progress: &Progress,
    mut manifest: Manifest,
) -> Result<Manifest> {
    be_patient(session, flavour);
    // Names between backticks whatever the server's own setting.
    session.exec("réglages de sauvegarde", "SET SESSION sql_quote_show_create = 1", ())?;
    session.snapshot(|session| {
        manifest.snapshot_at = server_time(session)?;
        for table in tables {
            signals::check()?;
            log::info!("sauvegarde de {table}");
            let entry = copy(session, table, dir, progress)?;
            manifest.rows += entry.rows;
            manifest.volume = manifest.volume.saturating_add(entry.volume.unwrap_or(0));
            manifest.tables.push(entry);
        }
        Ok(())
    })?;
    manifest.write(dir)?;
    Ok(manifest)
}
