//! `etl_checkpoint.json`: a mirror of what the database records, for those who watch the ETL. Nothing is ever read from it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use schemars::JsonSchema;
use serde::Serialize;

use crate::files;
use crate::ledger::history::Counts;
use crate::load::report::Status;
use crate::settings::Settings;

use crate::load::raw::report::RawReport;

/// How often the file is written at most.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, JsonSchema)]
struct Document {
    note: &'static str,
    tool: &'static str,
    run: String,
    status: &'static str,
    started_at: String,
    updated_at: String,
    files_total: usize,
    files_done: usize,
    totals: Counts,
    files: Vec<Line>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    file: String,
    table: String,
    status: Status,
    lines_read: u64,
    stored: u64,
}

#[derive(Debug)]
struct State {
    document: Document,
    written: Option<Instant>,
}

fn now() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes the file as files are done.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    state: Mutex<State>,
}

impl Checkpoint {
    pub(crate) fn new(settings: &Settings, tool: &'static str, run: &str, files_total: usize) -> Self {
        let now = now();
        let document = Document {
            note: "copie de flux_import_history, jamais relue : la supprimer ne change rien",
            tool,
            run: run.to_owned(),
            status: "running",
            started_at: now.clone(),
            updated_at: now,
            files_total,
            files_done: 0,
            totals: Counts::default(),
            files: Vec::new(),
        };
        let path = settings.home.root.join("etl_checkpoint.json");
        let checkpoint = Self { path, state: Mutex::new(State { document, written: None }) };
        // At once, so that what an earlier run has left is not taken for this one.
        checkpoint.write(&mut checkpoint.state.lock().unwrap_or_else(PoisonError::into_inner));
        checkpoint
    }

    /// Adds a file that is done.
    pub(crate) fn add(&self, report: &RawReport) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let file = &report.file;
        state.document.files_done += 1;
        state.document.totals.add(&file.counts);
        state.document.files.push(Line {
            file: file.file.clone(),
            table: file.table.clone(),
            status: file.status,
            lines_read: file.counts.lines_read,
            stored: file.counts.stored,
        });
        if state.written.is_none_or(|written| written.elapsed() >= PAUSE) {
            self.write(&mut state);
        }
    }

    /// Writes the final state.
    pub(crate) fn finish(&self, interrupted: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = state.document.files.iter().any(|line| line.status == Status::Failed);
        state.document.status = match (interrupted, failed) {
            (true, _) => "interrupted",
            (_, true) => "failed",
            _ => "done",
        };
        self.write(&mut state);
    }

    /// That it cannot be written is no failure: the database knows.
    fn write(&self, state: &mut State) {
        state.document.updated_at = now();
        state.written = Some(Instant::now());
        let text = serde_json::to_string_pretty(&state.document).unwrap_or_default();
        if let Err(error) = files::replace(&self.path, text.as_bytes()) {
            log::warn!("{error}");
        }
    }
}
