//! `historique`: what happened to the database, newest first.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::health::deliveries::{self, Told};
use crate::ledger::events::{self, Event, Filter, Kind};
use crate::report::{Finding, Page, Report, Table, Verdict, number, plural, verdict};
use crate::task::{Context, Task};

/// Which part of the history to show.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// Only what concerns this date of the data.
    pub date: Option<NaiveDate>,
    /// Only this table, with or without `_temp`.
    pub table: Option<String>,
    /// Only what happened since this day, local time.
    pub since: Option<NaiveDate>,
    /// The most events that are shown, the newest.
    pub limit: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct HistoryReport {
    events: Vec<Line>,
    /// Whether there are older ones.
    more: bool,
    /// Deliveries that `--date` leaves out: their period is not known.
    undated: u64,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    #[serde(flatten)]
    event: Event,
    /// When it ended, in local time with its offset.
    local_time: String,
}

impl Task for HistoryOptions {
    /// Reads the history.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`] in a database that `ensure-schema` has not prepared, [`crate::error::Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let most = self.limit as u64;
        let filter = Filter {
            date: self.date.map(|date| date.to_string()),
            table: self.table,
            since: self.since.and_then(begin),
            most: most + 1,
        };
        let mut session = database.session()?;
        let mut events = events::read(&mut session, &filter)?;
        let Told { undated, findings } = deliveries::add(context, &mut session, &filter, &mut events)?;
        events::sort(&mut events);
        let more = events.len() > self.limit;
        events.truncate(self.limit);
        let line = |event: Event| Line { local_time: local(&event.at), event };
        Ok(HistoryReport { events: events.into_iter().map(line).collect(), more, undated, findings })
    }
}

/// When a local day begins, in UTC.
fn begin(day: NaiveDate) -> Option<String> {
    let midnight = Local.from_local_datetime(&day.and_hms_opt(0, 0, 0)?).earliest()?;
    Some(midnight.with_timezone(&Utc).format("%Y-%m-%d %H:%M:%S").to_string())
}

fn local(at: &str) -> String {
    let time = NaiveDateTime::parse_from_str(at, "%Y-%m-%d %H:%M:%S").map(|time| time.and_utc().with_timezone(&Local));
    time.map_or_else(|_| at.to_owned(), |time: DateTime<Local>| time.format("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

impl Report for HistoryReport {
    fn render(&self, page: &mut Page) {
        self.findings.iter().for_each(|finding| page.finding(finding));
        if self.undated > 0 {
            let of = plural(self.undated, "livraison dont la période", "livraisons dont la période");
            page.line(format!("  {of} n'est pas encore connue : sans --date"));
        }
        if self.events.is_empty() {
            page.conclude(self.verdict(), "l'historique ne contient rien de tel");
            page.action("retirez --date, --table ou --since, ou voyez `check-status`");
            return;
        }
        let kept = self.events.iter().any(|line| line.event.suspended > Some(0));
        let mut titles = vec!["quand", "quoi", "table", "?source", "?période", ">lignes", ">?rejets", ">?retirées"];
        titles.extend(kept.then_some(">?gardées"));
        let mut table = Table::new(&titles);
        for Line { event, local_time } in &self.events {
            let count = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), number);
            let period = match (&event.first_date, &event.last_date) {
                (Some(first), Some(last)) if first == last => first.clone(),
                (Some(first), Some(last)) => format!("{first} → {last}"),
                _ => String::new(),
            };
            let cells = [
                local_time.chars().take(16).collect::<String>().replace('T', " "),
                said(event),
                // An import or a cleanup is of no other table.
                event.table.replace("_temp", ""),
                source(event),
                period,
                count(event.rows),
                count(event.rejected),
                count(event.withdrawn),
            ];
            table.row(cells.into_iter().chain(kept.then(|| count(event.suspended))));
        }
        page.table(&table);
        page.gap();
        self.render_runs(page);
        for Line { event, .. } in self.events.iter().filter(|line| line.event.message.is_some()).take(5) {
            page.line(format!("{} : {}", event.table, event.message.as_deref().unwrap_or_default()));
        }
        let more = if self.more { ", et de plus anciens (--limit, --since)" } else { "" };
        page.conclude(self.verdict(), format!("{}{more}", plural(self.events.len() as u64, "événement", "événements")));
    }

    fn verdict(&self) -> Verdict {
        let found = if self.events.is_empty() { Verdict::Attention } else { Verdict::Ok };
        found.max(verdict(&self.findings))
    }
}

/// Where it came from, with the number of files where there are several.
fn source(event: &Event) -> String {
    let source = event.source.clone().unwrap_or_default();
    match event.files {
        None | Some(1) => source,
        Some(files) => format!("{source} ({})", plural(files, "fichier", "fichiers")),
    }
}

impl HistoryReport {
    /// The runs behind the events, which `--undo` and the logs know by these names.
    fn render_runs(&self, page: &mut Page) {
        let mut runs: Vec<(&str, &Event, u64)> = Vec::new();
        for Line { event, .. } in &self.events {
            let Some(run) = event.run.as_deref() else { continue };
            match runs.iter_mut().find(|(known, ..)| *known == run) {
                Some((.., tables)) => *tables += 1,
                None => runs.push((run, event, 1)),
            }
        }
        if runs.is_empty() {
            return;
        }
        let mut table = Table::new(&["exécution", "outil", ">tables"]);
        for (run, event, tables) in &runs {
            let tool = event.tool.as_deref().unwrap_or(what(event.kind));
            // As the migration names it, and `--undo` takes it.
            table.row([run.chars().take(8).collect(), tool.to_owned(), number(*tables)]);
        }
        page.table(&table);
        if runs.iter().any(|(_, event, _)| event.kind == Kind::Migration && event.status == "done") {
            page.line("  une migration s'annule par `migrate-temp-to-main --undo EXÉCUTION`");
        }
        page.gap();
    }
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Delivery => "livraison",
        Kind::Import => "import",
        Kind::Etl => "ETL",
        Kind::Migration => "migration",
        Kind::Withdrawal => "retrait",
        Kind::Undo => "annulation",
        Kind::Cleanup => "nettoyage",
        Kind::Restore => "restauration",
    }
}

/// What it was and what became of it.
fn said(event: &Event) -> String {
    let what = what(event.kind);
    let undone = match event.kind {
        Kind::Migration | Kind::Restore | Kind::Undo => "annulée",
        _ => "annulé",
    };
    match event.status.as_str() {
        "imported" => format!("✓ {what}"),
        "unpacked" => format!("✓ {what} extraite"),
        "waiting" => format!("⚠ {what} en attente"),
        "gone" => format!("⚠ {what} enlevée"),
        "done" if event.suspended > Some(0) => format!("⚠ {what}"),
        "loaded" | "done" | "restore" | "withdrawn" | "cleared" => format!("✓ {what}"),
        "failed" => format!("✗ {what}"),
        "undone" | "cleaned" => format!("⚠ {what} {undone}"),
        "emptied" => format!("⚠ {what} sans preuve"),
        "undo" => format!("✓ {what} {undone}"),
        "drop-old" => "✓ fin de restauration".to_owned(),
        other => format!("{what} : {other}"),
    }
}
