//! How far an import is, for other processes: a thread of the import writes `flux_import_progress` on a connection of its own, twice a
//! second; `check-import-progress` reads it. Whether the import lives is decided by the named lock, which the server takes back with
//! the connection, and by the age of the last sign of life.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use crate::db::{Database, Session};
use crate::error::Result;
use crate::progress::Progress;
use crate::report::{Page, Report, Table, Verdict, bytes, duration, number};
use crate::schema::Existing;

use super::{bar, percent};

/// Name of the table.
pub const TABLE: &str = "flux_import_progress";

/// Time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);
/// Seconds without a sign of life after which an import that still holds the lock is said to be stuck.
const SILENCE: f64 = 15.0;

/// The writing side.
#[derive(Debug)]
pub struct Watch {
    stop: Sender<Verdict>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to tell of run `run`, which has `files` files of `total` bytes. `None` where the table is missing: an import
    /// never fails for want of it.
    pub fn start(
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
            Ok(session) => session,
            Err(error) => {
                log::debug!("avancement non publié : {error}");
                return None;
            }
        };
        let (stop, stopped) = mpsc::channel();
        let (run, progress) = (run.to_owned(), progress.clone());
        let beat = move || {
            loop {
                let verdict = match stopped.recv_timeout(BEAT) {
                    Ok(verdict) => Some(verdict),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => Some(Verdict::Error),
                };
                if let Err(error) = tell(&mut session, &run, &progress, verdict) {
                    log::debug!("avancement non publié : {error}");
                    return;
                }
                if verdict.is_some() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("avancement".into()).spawn(beat).ok()?;
        Some(Self { stop, thread: Some(thread) })
    }

    /// Tells how the run ended.
    pub fn finish(self, verdict: Verdict) {
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
    let doing = "écriture de l'avancement";
    session.exec(doing, "DELETE FROM flux_import_progress WHERE updated_at < UTC_TIMESTAMP() - INTERVAL 90 DAY", ())?;
    let lock = database.lock_holder(session)?;
    session.exec(
        doing,
        "INSERT INTO flux_import_progress (run, step, tool, state, position, total, note, lock_id, started_at, updated_at) \
         VALUES (?, '', ?, 'running', 0, ?, '', ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
        (run, tool, total, lock),
    )?;
    Ok(())
}

fn tell(session: &mut Session, run: &str, progress: &Progress, ended: Option<Verdict>) -> Result<()> {
    let doing = "écriture de l'avancement";
    let mut read = 0;
    for step in progress.steps() {
        let state = if step.finished { "done" } else { "running" };
        let is_file = step.name.contains(".csv");
        if is_file {
            read += step.position;
        }
        let mut params: Vec<mysql::Value> = vec![run.into(), step.name.as_str().into()];
        for _ in 0..2 {
            params.extend([state.into(), step.position.into(), step.total.into(), step.message.as_str().into()]);
        }
        session.exec(
            doing,
            "INSERT INTO flux_import_progress (run, step, tool, state, position, total, note, lock_id, started_at, updated_at) \
             VALUES (?, ?, '', ?, ?, ?, ?, NULL, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE \
             state = ?, position = ?, total = ?, note = ?, updated_at = UTC_TIMESTAMP(3)",
            params,
        )?;
    }
    let state = ended.map_or("running", Verdict::name);
    session.exec(
        doing,
        "UPDATE flux_import_progress SET state = ?, position = ?, updated_at = UTC_TIMESTAMP(3) WHERE run = ? AND step = ''",
        (state, read, run),
    )?;
    Ok(())
}

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// None was ever seen.
    None,
    /// It gives signs of life.
    Running,
    /// It holds the lock, but gives no sign of life.
    Stuck,
    /// It ended without saying how.
    Died,
    /// It ended with nothing to look at.
    Ok,
    /// It ended with something to look at.
    Attention,
    /// It failed.
    Error,
}

/// A step of a running import: a file being read, or its rows being stored.
#[derive(Debug, Serialize)]
pub struct Step {
    name: String,
    state: String,
    /// Bytes read, or rows stored.
    position: u64,
    total: u64,
    /// Lines read, for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
}

/// A file that the run has finished, from the import history.
#[derive(Debug, Serialize)]
pub struct FileDone {
    file: String,
    status: String,
    lines_read: u64,
    stored: u64,
    rejected: u64,
    message: Option<String>,
}

/// Report of `check-import-progress`.
#[derive(Debug, Serialize)]
pub struct ProgressReport {
    state: State,
    import_tool: Option<String>,
    started_at: Option<String>,
    /// Seconds since the last sign of life.
    silent_s: Option<f64>,
    elapsed_s: f64,
    bytes_read: u64,
    bytes_total: u64,
    lines_read: u64,
    lines_per_s: f64,
    percent: f64,
    /// Estimate, while running.
    remaining_s: Option<f64>,
    steps: Vec<Step>,
    files: Vec<FileDone>,
}

/// Reads the progress of the running import, or of the last one. Reads only.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, those of the connection.
pub fn check(database: &Database) -> Result<ProgressReport> {
    let mut session = database.session()?;
    let mut report = ProgressReport {
        state: State::None,
        import_tool: None,
        started_at: None,
        silent_s: None,
        elapsed_s: 0.0,
        bytes_read: 0,
        bytes_total: 0,
        lines_read: 0,
        lines_per_s: 0.0,
        percent: 0.0,
        remaining_s: None,
        steps: Vec::new(),
        files: Vec::new(),
    };
    let doing = "lecture de l'avancement";
    type Head = (String, String, String, u64, u64, Option<u64>, String, f64, f64);
    let head: Option<Head> = session.first(
        doing,
        "SELECT run, tool, state, position, total, lock_id, CAST(started_at AS CHAR), \
         TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(3)) / 1e6, \
         TIMESTAMPDIFF(MICROSECOND, started_at, updated_at) / 1e6 \
         FROM flux_import_progress WHERE step = '' ORDER BY started_at DESC, run LIMIT 1",
        (),
    )?;
    let Some((run, tool, state, position, total, lock_id, started_at, silent, elapsed)) = head else {
        return Ok(report);
    };
    let holder = database.lock_holder(&mut session)?;
    report.state = match state.as_str() {
        "ok" => State::Ok,
        "attention" => State::Attention,
        "error" => State::Error,
        // The lock may be taken again on another connection after a loss; then signs of life decide.
        _ if holder.is_none() => State::Died,
        _ if silent <= SILENCE => State::Running,
        _ if holder == lock_id => State::Stuck,
        _ => State::Died,
    };
    (report.import_tool, report.started_at) = (Some(tool), Some(started_at));
    (report.silent_s, report.elapsed_s) = (Some(silent), elapsed);
    (report.bytes_read, report.bytes_total) = (position, total);
    let steps: Vec<(String, String, u64, u64, String)> = session.rows(
        doing,
        "SELECT step, state, position, total, note FROM flux_import_progress WHERE run = ? AND step <> '' ORDER BY started_at, step",
        (&run,),
    )?;
    report.steps = steps
        .into_iter()
        .map(|(name, state, position, total, note)| Step {
            lines: note.trim_end_matches(" lignes").parse().ok(),
            name,
            state,
            position,
            total,
        })
        .collect();
    let files: Vec<(String, String, u64, u64, u64, Option<String>)> = session.rows(
        "lecture de l'historique des imports",
        "SELECT file_name, status, lines_read, rows_stored, rejected, message FROM flux_import_history WHERE run = ? ORDER BY id",
        (&run,),
    )?;
    report.files = files
        .into_iter()
        .map(|(file, status, lines_read, stored, rejected, message)| FileDone {
            file,
            status,
            lines_read,
            stored,
            rejected,
            message,
        })
        .collect();
    report.estimate();
    Ok(report)
}

impl ProgressReport {
    /// Reading and storing a byte are taken for the same work.
    fn estimate(&mut self) {
        let done = |step: &Step| if step.total == 0 { 1.0 } else { step.position as f64 / step.total as f64 };
        let short = |name: &str| name.split([' ', '.']).next().unwrap_or_default().to_owned();
        let mut work = 0.0;
        for file in self.steps.iter().filter(|step| step.name.contains(".csv")) {
            let size = file.total as f64;
            let stored = self.files.iter().any(|known| known.file == file.name);
            let storing =
                self.steps.iter().find(|step| !step.name.contains(".csv") && short(&step.name) == short(&file.name));
            work += size * done(file) + if stored { size } else { storing.map_or(0.0, |step| size * done(step)) };
        }
        let whole = 2.0 * self.bytes_total as f64;
        let ended = matches!(self.state, State::Ok | State::Attention | State::Error);
        self.percent = if ended && self.state != State::Error {
            100.0
        } else if whole > 0.0 {
            (work * 1000.0 / whole).round().min(1000.0) / 10.0
        } else {
            0.0
        };
        self.lines_read = self
            .steps
            .iter()
            .filter(|step| step.name.contains(".csv"))
            .map(|step| {
                let known = self.files.iter().find(|file| file.file == step.name).map(|file| file.lines_read);
                known.or(step.lines).unwrap_or(0)
            })
            .sum();
        if self.elapsed_s > 0.0 {
            self.lines_per_s = (self.lines_read as f64 / self.elapsed_s).round();
        }
        if self.state == State::Running && work > 0.0 && whole > work {
            self.remaining_s = Some((self.elapsed_s * (whole - work) / work).round());
        }
    }

    fn headline(&self) -> String {
        let tool = self.import_tool.as_deref().unwrap_or("import");
        let since = duration(self.silent_s.unwrap_or(0.0));
        match self.state {
            State::None => "aucun import connu".into(),
            State::Running => format!("{tool} en cours depuis {}", duration(self.elapsed_s)),
            State::Stuck => format!("{tool} tient le verrou mais ne donne plus signe de vie depuis {since}"),
            State::Died => format!("{tool} s'est arrêté sans finir, dernier signe de vie il y a {since}"),
            State::Ok => format!("dernier import ({tool}) terminé il y a {since}, rien à signaler"),
            State::Attention => format!("dernier import ({tool}) terminé il y a {since}, à regarder"),
            State::Error => format!("dernier import ({tool}) en échec il y a {since}"),
        }
    }
}

impl Report for ProgressReport {
    fn render(&self, page: &mut Page) {
        page.verdict(self.verdict(), self.headline());
        if self.state == State::None {
            page.action("lancez `update-temp-tables`");
            return;
        }
        let read = format!("{} lus sur {}", bytes(self.bytes_read), bytes(self.bytes_total));
        page.line(format!("  {} {}", bar(self.percent, 100.0, 30), percent(self.percent, 100.0)));
        let rate = number(self.lines_per_s as u64);
        page.line(format!("  {read}, {} lignes, {rate} lignes/s", number(self.lines_read)));
        if let Some(left) = self.remaining_s {
            page.line(format!("  reste environ {}", duration(left)));
        }
        let mut table = Table::new(&["étape", ">avancement", "", "état"]);
        for step in &self.steps {
            let state = if step.state == "done" { "✓" } else { "…" };
            let share = percent(step.position as f64, step.total as f64);
            table.row([step.name.clone(), share, bar(step.position as f64, step.total as f64, 20), state.into()]);
        }
        if !table.is_empty() && matches!(self.state, State::Running | State::Stuck | State::Died) {
            page.gap();
            page.table(&table);
        }
        let mut table = Table::new(&["fichier", "état", ">lues", ">enregistrées", ">rejets"]);
        for file in &self.files {
            let sign = if file.status == "loaded" { "✓ chargé" } else { "✗ échec" };
            let counts = [number(file.lines_read), number(file.stored), number(file.rejected)];
            table.row([file.file.clone(), sign.into()].into_iter().chain(counts));
        }
        if !table.is_empty() {
            page.gap();
            page.table(&table);
        }
        for file in self.files.iter().filter(|file| file.message.is_some()) {
            page.verdict(Verdict::Error, format!("{} : {}", file.file, file.message.as_deref().unwrap_or_default()));
        }
        match self.state {
            State::Died => page.action("relancez-le : chaque fichier est chargé en entier ou pas du tout"),
            State::Stuck => page.action("attendez encore, sinon arrêtez ce processus (SIGTERM) et relancez"),
            State::Attention | State::Error => page.action("`check-status` dit quoi regarder"),
            _ => {}
        }
    }

    fn verdict(&self) -> Verdict {
        match self.state {
            State::None | State::Running | State::Ok => Verdict::Ok,
            State::Stuck | State::Died | State::Attention | State::Error => Verdict::Attention,
        }
    }
}
