//! One table of a backup: proved against its manifest, loaded beside the live one, read back and compared.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use mysql::Value;

use crate::backup::manifest::TableEntry;
use crate::backup::rows::{self, Digest};
use crate::backup::snapshot;
use crate::db::{Database, Session, quote};
use crate::error::{Error, Result};
use crate::files::{self, hash};
use crate::progress::Progress;
use crate::report::{bytes, number};
use crate::signals;

/// Most parameters that a prepared statement takes, with some to spare.
const MOST_PARAMS: usize = 60_000;
const MOST_ROWS: usize = 1_000;
const COMMIT_EVERY: u64 = 100_000;
/// Longest line of a file: a row is no longer than what a server takes in one message, which is 1 GiB at most and 64 MiB by default.
const LONGEST_LINE: u64 = 64 << 20;

/// Values as they are in the backup, zero ids and odd dates included, but nothing cut or rounded.
const SQL_MODE: &str = "SET SESSION sql_mode = \
    'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'";

/// Proves size, sum, rows and digest of a table's file.
pub(super) fn verify(dir: &Path, entry: &TableEntry) -> Result<()> {
    verify_file(dir, &entry.file, entry.bytes, &entry.sha256)?;
    let mut digest = Digest::default();
    lines(&dir.join(&entry.file), |line| {
        digest.add(line);
        Ok(())
    })?;
    if (digest.rows, digest.hex()) != (entry.rows, entry.digest.clone()) {
        return Err(Error::BadFile(format!("{} : les lignes ne sont pas celles du manifeste", entry.file)));
    }
    Ok(())
}

/// Proves size and sum of a file.
pub(super) fn verify_file(dir: &Path, file: &str, bytes: u64, sha256: &str) -> Result<()> {
    let path = dir.join(file);
    let metadata = std::fs::symlink_metadata(&path).map_err(Error::io("lecture de", &path))?;
    if !metadata.is_file() || metadata.len() != bytes {
        let found = number(metadata.len());
        return Err(Error::BadFile(format!("{file} : {found} octets au lieu de {}", number(bytes))));
    }
    if hash::sha256(&path)? != sha256 {
        return Err(Error::BadFile(format!("{file} : la somme SHA-256 n'est pas celle du manifeste")));
    }
    Ok(())
}

/// Creates `target` by `ddl`, fills it, and proves that it holds what the backup holds.
pub(super) fn load(
    database: &Database,
    dir: &Path,
    entry: &TableEntry,
    target: &str,
    ddl: &str,
    progress: &Progress,
) -> Result<()> {
    database.retried(|| {
        let mut session = database.session()?;
        session.exec("réglages de restauration", SQL_MODE, ())?;
        session.exec("réglages de restauration", "SET SESSION foreign_key_checks = 0", ())?;
        // Tables of this name may be those of another run by now.
        database.pass(&mut session)?;
        session.exec(&format!("suppression de {target}"), &format!("DROP TABLE IF EXISTS {}", quote(target)), ())?;
        session.exec(&format!("création de {target}"), ddl, ())?;
        fill(&mut session, database, dir, entry, target, progress)?;
        compare(&mut session, database, entry, target, progress)
    })
}

fn fill(
    session: &mut Session,
    database: &Database,
    dir: &Path,
    entry: &TableEntry,
    target: &str,
    progress: &Progress,
) -> Result<()> {
    let doing = format!("chargement de {target}");
    let packet: Option<usize> = session.first("réglages du serveur", "SELECT @@max_allowed_packet", ())?;
    let most_bytes = (packet.unwrap_or(1 << 20) / 2).min(4 << 20);
    let width = entry.columns.len();
    let most_rows = (MOST_PARAMS / width.max(1)).clamp(1, MOST_ROWS);
    let columns: Vec<String> = entry.columns.iter().map(|name| quote(name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", quote(target), columns.join(", "));
    let row = format!("({})", vec!["?"; width].join(", "));
    let bar = progress.count(&entry.table, entry.rows);
    let mut batch = Batch { head, row, values: Vec::new(), rows: 0, bytes: 0 };
    let mut sent = 0u64;
    session.exec(&doing, "START TRANSACTION", ())?;
    lines(&dir.join(&entry.file), |line| {
        if batch.rows > 0 && (batch.rows == most_rows || batch.bytes + line.len() > most_bytes) {
            sent += batch.send(session, &doing)?;
            bar.set_position(sent);
            if sent % COMMIT_EVERY < MOST_ROWS as u64 {
                database.pass(session)?;
                session.exec(&doing, "COMMIT", ())?;
                session.exec(&doing, "START TRANSACTION", ())?;
            }
        }
        batch.values.extend(rows::decode(line, width)?);
        batch.rows += 1;
        batch.bytes += line.len() + 4 * width;
        Ok(())
    })?;
    if batch.rows > 0 {
        batch.send(session, &doing)?;
    }
    database.pass(session)?;
    session.exec(&doing, "COMMIT", ())?;
    bar.finish_and_clear();
    Ok(())
}

struct Batch {
    head: String,
    row: String,
    values: Vec<Value>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn send(&mut self, session: &mut Session, doing: &str) -> Result<u64> {
        signals::check()?;
        let sql = format!("{}{}", self.head, vec![self.row.as_str(); self.rows].join(", "));
        session.exec(doing, &sql, std::mem::take(&mut self.values))?;
        let rows = self.rows as u64;
        (self.rows, self.bytes) = (0, 0);
        Ok(rows)
    }
}

fn compare(
    session: &mut Session,
    database: &Database,
    entry: &TableEntry,
    target: &str,
    progress: &Progress,
) -> Result<()> {
    snapshot::be_patient(session, database.flavour());
    let columns = snapshot::columns(session, target)?;
    if columns.names != entry.columns {
        return Err(Error::Invariant(format!("{target} n'a pas les colonnes de la sauvegarde")));
    }
    let read = snapshot::read(session, target, &columns, progress, |_| Ok(()))?;
    if read.digest.rows != entry.rows {
        let (found, expected) = (number(read.digest.rows), number(entry.rows));
        return Err(Error::Invariant(format!("{target} a {found} lignes, la sauvegarde {expected}")));
    }
    if read.volume != entry.volume {
        return Err(Error::Invariant(format!("{target} n'a pas le volume total de la sauvegarde")));
    }
    if read.digest.hex() != entry.digest {
        return Err(Error::Invariant(format!("les valeurs de {target} ne sont pas celles de la sauvegarde")));
    }
    Ok(())
}

/// Gives each line of a compressed file, without its end.
pub(super) fn lines(path: &Path, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let file = files::open(path).map_err(Error::io("lecture de", path))?;
    let mut reader = BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(BufReader::new(file)));
    let mut line = Vec::with_capacity(256);
    let mut count = 0u64;
    loop {
        line.clear();
        let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line);
        let read = read.map_err(Error::io("décompression de", path))?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == LONGEST_LINE {
            return Err(Error::BadFile(format!("{} : une ligne de plus de {}", path.display(), bytes(LONGEST_LINE))));
        }
        if line.pop() != Some(b'\n') {
            return Err(Error::BadFile(format!("{} : la dernière ligne est coupée", path.display())));
        }
        each(&line)?;
        count += 1;
        if count.is_multiple_of(4096) {
            signals::check()?;
        }
    }
}
