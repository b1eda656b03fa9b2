//! `flux_import_progress`: where a running import stands. A thread of the import ([`Watch`]) writes it twice a second, on a connection
//! of its own; other processes read it.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::db::{Database, Session};
use crate::error::Result;
use crate::ledger::{lease, lock};
use crate::progress::{Progress, Unit};
use crate::report::Verdict;
use crate::schema::Existing;

/// Name of the table.
pub(crate) const TABLE: &str = "flux_import_progress";

/// Time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);

const DOING: &str = "écriture de l'avancement";
const READING: &str = "lecture de l'avancement";

/// Tells of a run until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Sender<Verdict>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to tell of run `run`, which has files of `total` bytes together. `None` where the table is missing: an import
    /// never fails for want of it.
    pub(crate) fn start(
        database: &Database,
        tables: &HashMap<String, Existing>,
        progress: &Progress,
        tool: &str,
        run: &str,
        total: u64,
    ) -> Option<Self> {
        if tables.get(TABLE).is_none_or(|table| !table.has("lines_read")) {
            log::debug!("{TABLE} manque ou est ancienne : avancement non publié (`ensure-schema` la met à jour)");
            return None;
        }
        let begun = database.session().and_then(|mut session| {
            begin(database, &mut session, tool, run, total)?;
            Ok(session)
        });
        let mut session = match begun {
            Ok(session) => Some(session),
            Err(error) => {
                log::debug!("avancement non publié : {error}");
                return None;
            }
        };
        let (stop, stopped) = mpsc::channel();
        let (database, run, progress) = (database.clone(), run.to_owned(), progress.clone());
        let beat = move || {
            loop {
                let verdict = match stopped.recv_timeout(BEAT) {
                    Ok(verdict) => Some(verdict),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => Some(Verdict::Error),
                };
                // The import goes on after a lost connection, and so must this: it would be taken for dead.
                let told = session.take().map_or_else(|| database.session(), Ok).and_then(|mut session| {
                    tell(&database, &mut session, &run, &progress, verdict)?;
                    Ok(session)
                });
                session = told.inspect_err(|error| log::debug!("avancement non publié : {error}")).ok();
                if verdict.is_some() {
                    return;
                }
                // The work itself comes first.
                if database.is_short_of_connections()
                    && let Some(unused) = session.take()
                {
                    database.give_back(unused);
                }
            }
        };
        let thread = std::thread::Builder::new().name("avancement".into()).spawn(beat).ok()?;
        Some(Self { stop, thread: Some(thread) })
    }

    /// Tells how the run ended.
    pub(crate) fn finish(self, verdict: Verdict) {
        let _ = self.stop.send(verdict);
    }
}

impl Drop for Watch {
    /// Waits for the last word; a run that was not finished has failed.
    fn drop(&mut self) {
        let _ = self.stop.send(Verdict::Error);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn begin(database: &Database, session: &mut Session, tool: &str, run: &str, total: u64) -> Result<()> {
    session.exec(DOING, "DELETE FROM flux_import_progress WHERE updated_at < UTC_TIMESTAMP() - INTERVAL 90 DAY", ())?;
    let connection = lock::holding_connection(database, session)?;
    session.exec(
        DOING,
        "INSERT INTO flux_import_progress (run, step, tool, state, position, total, note, lock_id, started_at, updated_at) \
         VALUES (?, '', ?, 'running', 0, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
        (run, tool, total, lease::process(std::process::id().into(), &lease::host()), connection),
    )?;
    Ok(())
}

fn tell(
    database: &Database,
    session: &mut Session,
    run: &str,
    progress: &Progress,
    ended: Option<Verdict>,
) -> Result<()> {
    let mut read = 0;
    for step in progress.steps() {
        let state = match (step.settled, step.finished) {
            (true, _) => "settled",
            (false, true) => "done",
            (false, false) => "running",
        };
        if step.unit == Unit::Bytes {
            read += step.position;
        }
        let values: [mysql::Value; 5] =
            [state.into(), step.position.into(), step.total.into(), step.unit.name().into(), step.lines.into()];
        let mut params: Vec<mysql::Value> = vec![run.into(), step.name.as_str().into()];
        params.extend(values.clone());
        params.extend(values[..2].to_vec());
        params.extend(values);
        // A step's time is that of its last advance. Assignments are made in order: it is decided on the old values.
        session.exec(
            DOING,
            "INSERT INTO flux_import_progress (run, step, tool, state, position, total, unit, lines_read, note, lock_id, started_at, updated_at) \
             VALUES (?, ?, '', ?, ?, ?, ?, ?, '', NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE \
             updated_at = IF(state = ? AND position = ?, updated_at, UTC_TIMESTAMP(3)), \
             state = ?, position = ?, total = ?, unit = ?, lines_read = ?",
            params,
        )?;
    }
    let state = ended.map_or("running", Verdict::name);
    // The lock is taken again on another connection after a loss.
    let connection = lock::holding_connection(database, session)?;
    session.exec(
        DOING,
        "UPDATE flux_import_progress SET state = ?, position = ?, lock_id = ?, updated_at = UTC_TIMESTAMP(3) \
         WHERE run = ? AND step = ''",
        (state, read, connection, run),
    )?;
    Ok(())
}

/// The line of a run: its tool, what it says of itself, and its times.
pub(crate) struct Head {
    pub(crate) run: String,
    pub(crate) tool: String,
    /// `running`, or the verdict with which it ended.
    pub(crate) state: String,
    /// Bytes read, and to be read.
    pub(crate) position: u64,
    pub(crate) total: u64,
    /// Connection that held the lock when it last told.
    pub(crate) lock_id: Option<u64>,
    /// The process, in the operators' words.
    pub(crate) note: String,
    pub(crate) started_at: String,
    /// Seconds since the last sign of life.
    pub(crate) silent_s: f64,
    /// Seconds from the beginning to the last sign of life.
    pub(crate) elapsed_s: f64,
    /// Seconds since the last advance.
    pub(crate) standstill_s: f64,
}

/// The run that began last.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn last_run(session: &mut Session) -> Result<Option<Head>> {
    type Row = (String, String, String, u64, u64, Option<u64>, String, String, f64, f64, f64);
    let row: Option<Row> = session.first(
        READING,
        "SELECT run, tool, state, position, total, lock_id, note, CAST(started_at AS CHAR), \
         TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(3)) / 1e6, \
         TIMESTAMPDIFF(MICROSECOND, started_at, updated_at) / 1e6, \
         TIMESTAMPDIFF(MICROSECOND, COALESCE((SELECT MAX(steps.updated_at) FROM flux_import_progress steps \
         WHERE steps.run = head.run AND steps.step <> ''), started_at), UTC_TIMESTAMP(3)) / 1e6 \
         FROM flux_import_progress head WHERE step = '' ORDER BY started_at DESC, run LIMIT 1",
        (),
    )?;
    let head =
        |(run, tool, state, position, total, lock_id, note, started_at, silent_s, elapsed_s, standstill_s): Row| Head {
            run,
            tool,
            state,
            position,
            total,
            lock_id,
            note,
            started_at,
            silent_s,
            elapsed_s,
            standstill_s,
        };
    Ok(row.map(head))
}

/// A step of a run: a file being read, or its rows being stored.
pub(crate) struct Step {
    pub(crate) name: String,
    /// `running`, `done` or `settled`.
    pub(crate) state: String,
    pub(crate) position: u64,
    pub(crate) total: u64,
    pub(crate) unit: Option<Unit>,
    /// Lines read, of a file.
    pub(crate) lines: Option<u64>,
}

/// The steps of a run in the order in which they began.
///
/// # Errors
/// [`crate::error::Error::MissingColumn`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn steps(session: &mut Session, run: &str) -> Result<Vec<Step>> {
    type Row = (String, String, u64, u64, Option<String>, Option<u64>);
    let rows: Vec<Row> = session.rows(
        READING,
        "SELECT step, state, position, total, unit, lines_read FROM flux_import_progress WHERE run = ? AND step <> '' \
         ORDER BY started_at, step",
        (run,),
    )?;
    let step = |(name, state, position, total, unit, lines): Row| Step {
        unit: unit.and_then(|unit| Unit::from_name(&unit)),
        name,
        state,
        position,
        total,
        lines,
    };
    Ok(rows.into_iter().map(step).collect())
}
