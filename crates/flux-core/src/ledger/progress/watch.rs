//! The writing side: a thread of the import that tells twice a second where it stands, on a connection of its own.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::db::{Database, Session};
use crate::error::Result;
use crate::progress::Progress;
use crate::report::Verdict;
use crate::schema::Existing;

use crate::ledger::progress::TABLE;

/// Time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);

const DOING: &str = "écriture de l'avancement";

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
        if !tables.contains_key(TABLE) {
            log::debug!("{TABLE} n'existe pas : avancement non publié (`ensure-schema` la crée)");
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

/// `processus 1234 sur serveur1`: what an operator needs to find it.
fn process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let place = if host.is_empty() { String::new() } else { format!(" sur {host}") };
    format!("processus {}{place}", std::process::id()).chars().take(255).collect()
}

fn begin(database: &Database, session: &mut Session, tool: &str, run: &str, total: u64) -> Result<()> {
    session.exec(DOING, "DELETE FROM flux_import_progress WHERE updated_at < UTC_TIMESTAMP() - INTERVAL 90 DAY", ())?;
    let lock = database.lock_holder(session)?;
    session.exec(
        DOING,
        "INSERT INTO flux_import_progress (run, step, tool, state, position, total, note, lock_id, started_at, updated_at) \
         VALUES (?, '', ?, 'running', 0, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
        (run, tool, total, process(), lock),
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
        if step.name.contains(".csv") {
            read += step.position;
        }
        let values: [mysql::Value; 4] =
            [state.into(), step.position.into(), step.total.into(), step.message.as_str().into()];
        let mut params: Vec<mysql::Value> = vec![run.into(), step.name.as_str().into()];
        params.extend(values.clone());
        params.extend(values[..2].to_vec());
        params.extend(values);
        // A step's time is that of its last advance. Assignments are made in order: it is decided on the old values.
        session.exec(
            DOING,
            "INSERT INTO flux_import_progress (run, step, tool, state, position, total, note, lock_id, started_at, updated_at) \
             VALUES (?, ?, '', ?, ?, ?, ?, NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE \
             updated_at = IF(state = ? AND position = ?, updated_at, UTC_TIMESTAMP(3)), \
             state = ?, position = ?, total = ?, note = ?",
            params,
        )?;
    }
    let state = ended.map_or("running", Verdict::name);
    // The lock is taken again on another connection after a loss.
    let lock = database.lock_holder(session)?;
    session.exec(
        DOING,
        "UPDATE flux_import_progress SET state = ?, position = ?, lock_id = ?, updated_at = UTC_TIMESTAMP(3) \
         WHERE run = ? AND step = ''",
        (state, read, lock, run),
    )?;
    Ok(())
}
