//! Who else holds the lock of the writers, and how far the ETL is.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::lock::Holder;
use crate::report::{Page, Verdict, duration, plural};

/// Whoever holds the lock, in the operators' words.
pub(super) fn name(holder: &Holder) -> String {
    holder.tool.clone().unwrap_or_else(|| format!("un autre programme (connexion {})", holder.connection))
}

pub(super) fn is_etl(holder: &Holder) -> bool {
    holder.tool.as_ref().is_some_and(|tool| tool.starts_with("populate-facts"))
}

/// What `etl_checkpoint.json` says: written at the beginning, when a file is done, once a second at most, and at the end.
#[derive(Debug, Deserialize)]
struct Document {
    tool: String,
    status: String,
    started_at: String,
    updated_at: String,
    files_total: u64,
    files_done: u64,
    totals: Totals,
}

#[derive(Debug, Deserialize)]
struct Totals {
    lines_read: u64,
    stored: u64,
}

/// How far the ETL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EtlState {
    /// It holds the lock.
    Running,
    /// It holds the lock, and its file says nothing of it.
    Starting,
    /// It ended without saying how: nobody, or another tool, holds the lock.
    Died,
}

/// A running ETL, or one that died.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EtlProgress {
    pub(crate) state: EtlState,
    pub(crate) etl_tool: String,
    /// File that it was read from.
    checkpoint: PathBuf,
    files_done: u64,
    files_total: u64,
    lines_read: u64,
    stored: u64,
    elapsed_s: f64,
    /// Seconds since the last file was done.
    silent_s: f64,
}

impl EtlProgress {
    /// `None` when the ETL neither runs nor has died.
    pub(crate) fn read(home: &Path, holder: Option<&Holder>, now: DateTime<Utc>) -> Option<Self> {
        let path = home.join("etl_checkpoint.json");
        let document = crate::files::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Document>(&bytes).ok());
        let running = holder.is_some_and(is_etl);
        // A holder that does not say its name may well be an ETL of an earlier version.
        let unknown = holder.is_some_and(|holder| holder.tool.is_none());
        match document {
            Some(document) if document.status == "running" && !unknown => {
                let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap_or(now);
                let (started, updated) = (time(&document.started_at), time(&document.updated_at));
                let seconds =
                    |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_milliseconds().max(0) as f64 / 1e3;
                Some(Self {
                    state: if running { EtlState::Running } else { EtlState::Died },
                    etl_tool: document.tool,
                    checkpoint: path,
                    files_done: document.files_done,
                    files_total: document.files_total,
                    lines_read: document.totals.lines_read,
                    stored: document.totals.stored,
                    elapsed_s: seconds(started, if running { now } else { updated }),
                    silent_s: seconds(updated, now),
                })
            }
            _ if running => Some(Self {
                state: EtlState::Starting,
                etl_tool: holder.and_then(|holder| holder.tool.clone()).unwrap_or_default(),
                checkpoint: path,
                files_done: 0,
                files_total: 0,
                lines_read: 0,
                stored: 0,
                elapsed_s: 0.0,
                silent_s: 0.0,
            }),
            _ => None,
        }
    }

    pub(crate) fn render(&self, page: &mut Page) {
        let done = format!(
            "{} sur {}, {}, {}",
            plural(self.files_done, "fichier fini", "fichiers finis"),
            self.files_total,
            plural(self.lines_read, "ligne lue", "lignes lues"),
            plural(self.stored, "enregistrée", "enregistrées"),
        );
        let since = duration(self.silent_s);
        match self.state {
            EtlState::Running => {
                page.conclude(Verdict::Ok, format!("{} en cours depuis {}", self.etl_tool, duration(self.elapsed_s)));
                let last = if self.files_done == 0 { String::new() } else { format!(" ; le dernier il y a {since}") };
                page.line(format!("  {done}{last} (etl_checkpoint.json)"));
            }
            EtlState::Starting => {
                page.conclude(Verdict::Ok, format!("{} en cours, avancement inconnu", self.etl_tool));
                page.line("  etl_checkpoint.json, où il l'écrit, manque ou ne se lit pas");
            }
            EtlState::Died => {
                page.conclude(
                    Verdict::Attention,
                    format!("{} s'est arrêté sans finir, dernier signe de vie il y a {since}", self.etl_tool),
                );
                page.line(format!("  {done} (etl_checkpoint.json)"));
                page.action(&format!("relancez `{}` : il reprend où il en était", self.etl_tool));
            }
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        if self.state == EtlState::Died { Verdict::Attention } else { Verdict::Ok }
    }
}
