//! `check-import-progress`: how far a running import is, or how the last one ended, from what it tells in `flux_import_progress` twice a
//! second. Whether it lives is decided by the named lock, which the server takes back with the connection, and by the age of the last
//! sign of life and of the last advance.

mod others;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::Result;
use crate::ledger::lock::{self, Holder};
use crate::ledger::{history, progress};
use crate::progress::Unit;
use crate::report::{Page, Report, Table, Verdict, bytes, duration, number, plural};

use crate::report::{bar, percent};
use crate::task::{Context, Task};

use others::EtlProgress;

/// Seconds without a sign of life after which an import that still holds the lock is reported as stuck.
const SILENCE: f64 = 15.0;
/// Seconds without any advance after which an import that gives signs of life is reported as stuck: a commit may take its time.
const STANDSTILL: f64 = 120.0;
/// Seconds within which a sign of life counts though the lock is in other hands: it may have been taken again just now.
const CHANGEOVER: f64 = 3.0;
/// Share of the work below which the remaining time would be a guess.
const TOO_EARLY: f64 = 0.02;

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// None was ever seen.
    #[default]
    None,
    /// It gives signs of life.
    Running,
    /// It holds the lock, but gives no sign of life, or does not advance.
    Stuck,
    /// It ended without saying how.
    Died,
    /// It ended with nothing to look at.
    Ok,
    /// It ended with something to look at.
    Attention,
    Error,
}

/// A step of a running import: a file being read, or its rows being stored.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Step {
    name: String,
    state: String,
    /// Bytes read, or rows stored.
    position: u64,
    total: u64,
    /// A file being read, not rows being stored.
    #[serde(skip)]
    is_file: bool,
    /// Lines read, for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
}

impl From<progress::Step> for Step {
    fn from(step: progress::Step) -> Self {
        let is_file = step.unit == Some(Unit::Bytes);
        Self {
            name: step.name,
            state: step.state,
            position: step.position,
            total: step.total,
            is_file,
            lines: step.lines,
        }
    }
}

/// A statement that the server has been running for this database.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Statement {
    connection: u64,
    seconds: u64,
    sql: String,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ProgressReport {
    state: State,
    import_tool: Option<String>,
    /// `processus 1234 sur serveur1`
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    started_at: Option<String>,
    /// Seconds since the last sign of life.
    silent_s: Option<f64>,
    /// Seconds since the last advance, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    standstill_s: Option<f64>,
    elapsed_s: f64,
    bytes_read: u64,
    bytes_total: u64,
    lines_read: u64,
    lines_per_s: f64,
    percent: f64,
    remaining_s: Option<f64>,
    steps: Vec<Step>,
    files: Vec<history::FileDone>,
    /// What the server is busy with, when the import does not advance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statements: Vec<Statement>,
    /// Who holds the lock in place of this import.
    lock: Option<Holder>,
    etl: Option<EtlProgress>,
}

/// `check-import-progress`.
#[derive(Debug, Clone, Copy)]
pub struct ImportProgress;

impl Task for ImportProgress {
    /// Reads the progress of the running import, or of the last one, and of the ETL of this home. Reads only.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`] on an older schema, those of the connection.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let mut session = database.session()?;
        let mut report = ProgressReport::default();
        let head = progress::last_run(&mut session)?;
        let holder = lock::holder(database, &mut session)?;
        report.etl = EtlProgress::read(&context.settings.home.root, holder.as_ref(), chrono::Utc::now());
        let Some(head) = head else {
            report.lock = holder;
            return Ok(report);
        };
        report.started_at = Some(head.started_at.clone());
        (report.silent_s, report.standstill_s, report.elapsed_s) =
            (Some(head.silent_s), Some(head.standstill_s), head.elapsed_s);
        (report.bytes_read, report.bytes_total) = (head.position, head.total);
        report.steps = progress::steps(&mut session, &head.run)?.into_iter().map(Step::from).collect();
        report.files = history::of_run(&mut session, &head.run)?;
        let own = |holder: &Holder| {
            Some(holder.connection) == head.lock_id && holder.tool.as_ref().is_none_or(|tool| *tool == head.tool)
        };
        report.state = report.state_of(&head, holder.as_ref().is_some_and(own));
        report.lock = holder.filter(|holder| !own(holder));
        if !matches!(report.state, State::Running | State::Stuck) {
            report.standstill_s = None;
        }
        if report.state == State::Stuck {
            report.read_statements(&mut session)?;
        }
        report.import_tool = Some(head.tool);
        report.process = Some(head.note).filter(|note| !note.is_empty());
        report.estimate();
        Ok(report)
    }
}

impl ProgressReport {
    fn read_statements(&mut self, session: &mut Session) -> Result<()> {
        let rows: Vec<(u64, u64, String)> = session.rows(
            "lecture des requêtes en cours",
            "SELECT id, CAST(GREATEST(time, 0) AS UNSIGNED), LEFT(info, 120) FROM information_schema.processlist \
             WHERE db = DATABASE() AND info IS NOT NULL AND command NOT IN ('Sleep', 'Daemon') AND id <> CONNECTION_ID() \
             ORDER BY time DESC, id LIMIT 5",
            (),
        )?;
        let statement = |(connection, seconds, sql): (u64, u64, String)| Statement {
            connection,
            seconds,
            sql: sql.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        self.statements = rows.into_iter().map(statement).collect();
        Ok(())
    }

    fn state_of(&self, head: &progress::Head, holds_lock: bool) -> State {
        let silent = self.silent_s.unwrap_or(0.0);
        match head.state.as_str() {
            "ok" => State::Ok,
            "attention" => State::Attention,
            "error" => State::Error,
            _ if !holds_lock && silent > CHANGEOVER => State::Died,
            _ if silent > SILENCE || self.standstill_s.unwrap_or(0.0) > STANDSTILL => State::Stuck,
            _ => State::Running,
        }
    }

    /// Reading and storing a byte are taken for the same work. The rate is that of the work really done: files that were left out
    /// or unchanged cost nothing, and say nothing of those to come.
    fn estimate(&mut self) {
        let done = |step: &Step| if step.total == 0 { 1.0 } else { step.position as f64 / step.total as f64 };
        let short = |name: &str| name.split([' ', '.']).next().unwrap_or_default().to_owned();
        let (mut work, mut settled) = (0.0, 0.0);
        for file in self.steps.iter().filter(|step| step.is_file) {
            let size = file.total as f64;
            let storing = self.steps.iter().find(|step| !step.is_file && short(&step.name) == short(&file.name));
            let own = size * done(file) + storing.map_or(0.0, |step| size * done(step));
            work += own;
            settled += if file.state == "settled" { 2.0 * size - own } else { 0.0 };
        }
        let whole = 2.0 * self.bytes_total as f64;
        self.percent = if matches!(self.state, State::Ok | State::Attention) {
            100.0
        } else if whole > 0.0 {
            ((work + settled) * 1000.0 / whole).round().min(1000.0) / 10.0
        } else {
            0.0
        };
        let lines = |step: &Step| {
            let known = self.files.iter().find(|file| file.file == step.name).map(|file| file.lines_read);
            known.or(step.lines).unwrap_or(0)
        };
        self.lines_read = self.steps.iter().filter(|step| step.is_file).map(lines).sum();
        if self.elapsed_s > 0.0 {
            self.lines_per_s = (self.lines_read as f64 / self.elapsed_s).round();
        }
        let left = whole - work - settled;
        if self.state == State::Running && left > 0.0 && work >= TOO_EARLY * (work + left) {
            self.remaining_s = Some((self.elapsed_s * left / work).round());
        }
    }

    fn headline(&self) -> String {
        let tool = self.import_tool.as_deref().unwrap_or("import");
        let ago = |seconds: Option<f64>| duration(seconds.unwrap_or(0.0));
        let since = ago(self.silent_s);
        let process = self.process.as_ref().map_or_else(String::new, |process| format!(" ({process})"));
        match self.state {
            State::None => "aucun import connu".into(),
            State::Running => format!("{tool} en cours depuis {}{process}", duration(self.elapsed_s)),
            State::Stuck if self.is_silent() => {
                format!("{tool} tient le verrou mais ne donne plus signe de vie depuis {since}{process}")
            }
            State::Stuck => format!("{tool} vit mais n'avance plus depuis {}{process}", ago(self.standstill_s)),
            State::Died => format!("{tool} est mort sans finir, dernier signe de vie il y a {since}{process}"),
            State::Ok => format!("dernier import ({tool}) terminé il y a {since}, rien à signaler"),
            State::Attention => format!("dernier import ({tool}) terminé il y a {since}, à regarder"),
            State::Error => format!("dernier import ({tool}) en échec il y a {since}"),
        }
    }

    fn is_silent(&self) -> bool {
        self.silent_s.unwrap_or(0.0) > SILENCE
    }

    fn actions(&self, page: &mut Page) {
        let tool = self.import_tool.as_deref().unwrap_or("update-temp-tables");
        let pid = self.process.as_deref().and_then(|process| process.split(' ').nth(1)).unwrap_or("PID");
        let safe = "chaque fichier est chargé en entier ou pas du tout";
        match self.state {
            State::None if self.lock.is_none() => page.action("lancez `update-temp-tables`"),
            State::Died => page.action(&format!("relancez `{tool}` : {safe}")),
            State::Stuck if self.is_silent() => {
                page.action(&format!("suspendu ? `kill -CONT {pid}` le fait repartir"));
                page.action(&format!("sinon `kill -9 {pid}`, puis relancez `{tool}` : {safe}"));
            }
            State::Stuck => {
                page.action(
                    "il attend sans doute une autre connexion : `SHOW FULL PROCESSLIST` dit laquelle travaille",
                );
                page.action(&format!("sinon `kill {pid}`, puis relancez `{tool}` : {safe}"));
            }
            State::Attention | State::Error => page.action("`check-status` dit quoi regarder"),
            _ => {}
        }
    }

    fn render_steps(&self, page: &mut Page) {
        let mut table = Table::new(&["étape", ">avancement", "", "état"]);
        for step in &self.steps {
            let (done, most) = (step.position as f64, step.total as f64);
            let untouched = step.state == "settled" && step.position == 0;
            let share = if untouched { "–".into() } else { percent(done, most) };
            let state = match step.state.as_str() {
                _ if untouched => "✓ rien à charger",
                "running" => "…",
                _ => "✓",
            };
            table.row([step.name.clone(), share, bar(done, most, 20), state.into()]);
        }
        if !table.is_empty() {
            page.gap();
            page.table(&table);
        }
        for statement in &self.statements {
            let since = duration(statement.seconds as f64);
            page.line(format!(
                "  requête en cours depuis {since} (connexion {}) : {}",
                statement.connection, statement.sql
            ));
        }
    }
}

impl Report for ProgressReport {
    fn render(&self, page: &mut Page) {
        if let Some(etl) = &self.etl {
            etl.render(page);
        }
        match &self.lock {
            Some(holder) if !(others::is_etl(holder) && self.etl.is_some()) => {
                let what =
                    format!("{} travaille : il tient le verrou, un import devrait attendre", others::name(holder));
                page.conclude(Verdict::Ok, what);
            }
            _ => {}
        }
        page.conclude(self.import_verdict(), self.headline());
        if self.state == State::None {
            self.actions(page);
            return;
        }
        let lines = plural(self.lines_read, "ligne", "lignes");
        let rate = number(self.lines_per_s as u64);
        if matches!(self.state, State::Running | State::Stuck | State::Died) {
            page.line(format!("  {} {}", bar(self.percent, 100.0, 30), percent(self.percent, 100.0)));
            let read = format!("{} lus sur {}", bytes(self.bytes_read), bytes(self.bytes_total));
            page.line(format!("  {read}, {lines}, {rate} lignes/s"));
            match self.remaining_s {
                Some(left) => page.line(format!("  reste environ {}, à ce rythme", duration(left))),
                None if self.state == State::Running => page.line("  temps restant : trop tôt pour le dire"),
                None => {}
            }
            self.render_steps(page);
        } else if self.lines_read > 0 {
            page.line(format!("  lu : {lines} en {}, {rate} lignes/s", duration(self.elapsed_s)));
        } else {
            page.line("  rien n'était à charger");
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
        self.actions(page);
    }

    fn verdict(&self) -> Verdict {
        self.import_verdict().max(self.etl.as_ref().map_or(Verdict::Ok, EtlProgress::verdict))
    }
}

impl ProgressReport {
    fn import_verdict(&self) -> Verdict {
        match self.state {
            State::None | State::Running | State::Ok => Verdict::Ok,
            State::Stuck | State::Died | State::Attention | State::Error => Verdict::Attention,
        }
    }
}
