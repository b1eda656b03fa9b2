//! Rows to the server, and the one transaction that replaces the dates of a file.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mysql::{LocalInfileHandler, Value};

use crate::db::Session;
use crate::db::marks;
use crate::domain::calendar::days::weekday_name;
use crate::domain::catalogue::Dataset;
use crate::domain::values::Day;
use crate::error::{Error, Result, codes};
use crate::failpoint;
use crate::load::sorter::Sorted;
use crate::signals;

use crate::load::layout::{Layout, RowText, Slice};
use crate::load::options::{LoadMethod, OnConflict};
use crate::load::tally::for_each_group;

/// Rows in key order, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) sorted: Arc<Sorted>,
    pub(crate) layout: Layout,
    pub(crate) policy: OnConflict,
    /// Slices that are not replaced.
    pub(crate) kept_back: Arc<BTreeSet<Slice>>,
    /// The keys to send: all, or those of one batch.
    pub(crate) keys: RangeInclusive<u128>,
    /// Whether the rows are definitive ones, for a main table.
    pub(crate) definitive: bool,
    pub(crate) ids: Arc<Vec<Option<Vec<u32>>>>,
    pub(crate) with_weekday: bool,
    /// Rows sent so far, for the progress bar.
    pub(crate) bar: indicatif::ProgressBar,
}

impl Rows {
    /// Gives day, ids and volume of every row to store.
    pub(crate) fn for_each(&self, mut take: impl FnMut(Day, &[u32], u32) -> Result<()>) -> Result<()> {
        let mut values = vec![0u32; self.ids.len()];
        let mut rows = 0u64;
        for_each_group(&self.sorted, self.keys.clone(), |group| {
            let Some(volume) = group.volume(self.policy)? else { return Ok(()) };
            if !self.kept_back.is_empty() && self.kept_back.contains(&self.layout.slice(group.key)) {
                return Ok(());
            }
            let day = self.layout.unpack(group.key, &mut values);
            for (value, ids) in values.iter_mut().zip(self.ids.iter()) {
                if let Some(ids) = ids {
                    *value = ids[*value as usize];
                }
            }
            rows += 1;
            if rows.is_multiple_of(8192) {
                signals::check()?;
                self.bar.set_position(rows);
            }
            take(day, &values, volume)
        })
    }
}

/// LOAD DATA LOCAL where the server allows it.
pub(crate) fn choose_method(session: &mut Session, wanted: LoadMethod) -> Result<LoadMethod> {
    if wanted != LoadMethod::Auto {
        return Ok(wanted);
    }
    let allowed: Option<u8> = session.first("lecture de local_infile", "SELECT @@GLOBAL.local_infile", ())?;
    if allowed == Some(1) {
        return Ok(LoadMethod::Infile);
    }
    log::info!("le serveur interdit LOAD DATA LOCAL : chargement par INSERT");
    Ok(LoadMethod::Insert)
}

/// Deletes the rows of `dates`; returns how many.
pub(crate) fn delete_dates(session: &mut Session, table: &str, dates: &[Day]) -> Result<u64> {
    let mut deleted = 0;
    for chunk in dates.chunks(200) {
        let sql = format!("DELETE FROM {table} WHERE date IN {}", marks(1, chunk.len()));
        deleted += session.exec(&format!("remplacement des dates de {table}"), &sql, date_params(chunk))?;
    }
    Ok(deleted)
}

/// Rows that are stored for each of `dates`.
pub(crate) fn stored_by_date(session: &mut Session, table: &str, dates: &[Day]) -> Result<Vec<(Day, u64)>> {
    let mut stored = Vec::new();
    for chunk in dates.chunks(200) {
        let sql = format!(
            "SELECT CAST(date AS CHAR), COUNT(*) FROM {table} WHERE date IN {} GROUP BY date",
            marks(1, chunk.len())
        );
        let rows: Vec<(String, u64)> =
            session.rows(&format!("comptage des dates de {table}"), &sql, date_params(chunk))?;
        stored.extend(rows.into_iter().filter_map(|(date, count)| Some((Day::from_date(date.parse().ok()?)?, count))));
    }
    Ok(stored)
}

fn date_params(dates: &[Day]) -> Vec<Value> {
    dates.iter().map(|day| Value::from(day.to_string())).collect()
}

/// Sends all rows; returns how many the server stored. Warnings are errors.
pub(crate) fn send(
    session: &mut Session,
    dataset: &Dataset,
    table: &str,
    rows: &Rows,
    method: LoadMethod,
    batch: usize,
) -> Result<u64> {
    match method {
        LoadMethod::Insert => send_inserts(session, dataset, table, rows, batch),
        LoadMethod::Infile | LoadMethod::Auto => match send_infile(session, dataset, table, rows) {
            Err(error) if method == LoadMethod::Infile && error.has_code(codes::LOCAL_INFILE_REFUSED) => {
                Err(Error::Config {
                    message: "le serveur interdit LOAD DATA LOCAL".into(),
                    hint: "laissez --load-method auto, ou en administrateur : SET GLOBAL local_infile = ON".into(),
                })
            }
            result => result,
        },
    }
}

/// One statement, whose text is written while the server reads it; the driver sends it in packets of 4 KiB, a size that cannot be set.
///
/// Not in MariaDB's way of filling an empty table in bulk (`unique_checks` and `foreign_key_checks` off): it sorts what comes in key order
/// already, which took 1.7 times as long for tables that have their primary key only, and the DELETE before it rules it out anyway.
fn send_infile(session: &mut Session, dataset: &Dataset, table: &str, rows: &Rows) -> Result<u64> {
    let sent = Arc::new(AtomicU64::new(0));
    let failure: Arc<Mutex<Option<Error>>> = Arc::default();
    let handler = {
        let (rows, sent, failure) = (rows.clone(), sent.clone(), failure.clone());
        LocalInfileHandler::new(move |_, stream| {
            write_text(&rows, stream, &sent).map_err(|error| {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                std::io::Error::other("lecture interrompue")
            })
        })
    };
    let columns = dataset.columns().join(", ");
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'flux' INTO TABLE {table} CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '' \
         LINES TERMINATED BY '\\n' ({columns}){}",
        if rows.definitive { " SET is_provisional = 0" } else { "" }
    );
    session.conn().set_local_infile_handler(Some(handler));
    let result = session.exec(&format!("chargement de {table}"), &sql, ());
    session.conn().set_local_infile_handler(None);
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let stored = result?;
    refuse_warnings(session, table)?;
    equal(sent.load(Ordering::Relaxed), stored, table)
}

fn write_text(rows: &Rows, stream: &mut impl Write, sent: &AtomicU64) -> Result<()> {
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut row = RowText::new();
    let mut count = 0;
    let mut weekday = (Day(0), "");
    // An error of the stream means that the connection is gone.
    let gone = |error: std::io::Error| Error::Sql { doing: "envoi des lignes".into(), source: Box::new(error.into()) };
    rows.for_each(|day, ids, volume| {
        row.begin(day);
        for id in ids {
            row.number(*id);
        }
        if rows.with_weekday {
            if weekday.0 != day {
                weekday = (day, weekday_name(day.date()));
            }
            row.text(weekday.1);
        }
        row.number(volume);
        buffer.extend_from_slice(row.finish());
        count += 1;
        if buffer.len() > 60 * 1024 {
            failpoint::hit("load.rows")?;
            stream.write_all(&buffer).map_err(gone)?;
            buffer.clear();
        }
        Ok(())
    })?;
    failpoint::hit("load.rows")?;
    stream.write_all(&buffer).map_err(gone)?;
    sent.store(count, Ordering::Relaxed);
    Ok(())
}

/// Placeholders that one prepared statement may have.
const MAX_PLACEHOLDERS: usize = 65_535;
/// Generous size of one value in a message to the server.
const BYTES_PER_VALUE: usize = 24;

fn send_inserts(session: &mut Session, dataset: &Dataset, table: &str, rows: &Rows, batch: usize) -> Result<u64> {
    let mut columns = dataset.columns();
    if rows.definitive {
        columns.push("is_provisional");
    }
    let packet: Option<u64> = session.first("lecture de max_allowed_packet", "SELECT @@max_allowed_packet", ())?;
    let fitting = packet.unwrap_or(1 << 20) as usize / 2 / (columns.len() * BYTES_PER_VALUE);
    let batch = batch.min(MAX_PLACEHOLDERS / columns.len()).min(fitting).max(1);
    let names = columns.join(", ");
    let statement = |rows: usize| format!("INSERT INTO {table} ({names}) VALUES {}", marks(rows, columns.len()));
    let full = statement(batch);
    let doing = format!("chargement de {table}");
    let (mut sent, mut stored) = (0, 0);
    let mut params: Vec<Value> = Vec::with_capacity(batch * columns.len());
    let mut pending = 0;
    rows.for_each(|day, ids, volume| {
        params.push(day.to_string().into());
        params.extend(ids.iter().map(|id| Value::from(*id)));
        if rows.with_weekday {
            params.push(weekday_name(day.date()).into());
        }
        params.push(volume.into());
        if rows.definitive {
            params.push(0.into());
        }
        pending += 1;
        if pending == batch {
            let values = std::mem::replace(&mut params, Vec::with_capacity(batch * columns.len()));
            stored += session.exec(&doing, &full, values)?;
            refuse_warnings(session, table)?;
            sent += pending as u64;
            pending = 0;
        }
        Ok(())
    })?;
    if pending > 0 {
        stored += session.exec(&doing, &statement(pending), params)?;
        refuse_warnings(session, table)?;
        sent += pending as u64;
    }
    equal(sent, stored, table)
}

fn equal(sent: u64, stored: u64, table: &str) -> Result<u64> {
    if sent == stored {
        return Ok(stored);
    }
    Err(Error::Invariant(format!("{table} : lignes envoyées {sent}, enregistrées {stored}")))
}

fn refuse_warnings(session: &mut Session, table: &str) -> Result<()> {
    let count = session.conn().warnings();
    if count == 0 {
        return Ok(());
    }
    let first: Option<(String, u16, String)> =
        session.first("lecture des avertissements", "SHOW WARNINGS LIMIT 1", ())?;
    let text = first.map_or_else(String::new, |(_, code, text)| format!(" : {text} (erreur {code})"));
    Err(Error::Invariant(format!("{table} : avertissements du serveur, {count}{text}")))
}
