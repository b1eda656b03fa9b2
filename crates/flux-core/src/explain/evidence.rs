//! What is known of a key: the rows stored for it, and the deliveries that say something of it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::explain::scan::{Hit, Refused};
use crate::ledger::history::Past;
use crate::ledger::rows::{Change, What};
use crate::load::OnConflict;
use crate::report::Finding;

/// What the database knows of a key.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Known {
    /// Its rows, those of the main table first.
    pub(crate) stored: Vec<StoredRow>,
    /// Definitive rows of its date and zone: they replace what is provisional there.
    #[serde(skip)]
    pub(crate) definitive_of_zone: u64,
    /// What migrations have done with it, oldest first.
    pub(crate) changes: Vec<Change>,
    /// What the next migration would leave aside of its date and zone.
    #[serde(skip)]
    pub(crate) aside: Vec<Finding>,
}

/// A row of the key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StoredRow {
    pub(crate) table: String,
    #[serde(skip)]
    pub(crate) main: bool,
    pub(crate) volume: i64,
    /// `None` in a table without the mark.
    pub(crate) provisional: Option<bool>,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
    /// When it was last changed, and by whom, as far as anything tells.
    pub(crate) last_change: Option<Writing>,
    /// Of a place.
    pub(crate) epci: Option<String>,
    /// Of several that are one zone.
    pub(crate) zone: Option<String>,
}

/// A change of a row, or what brought it into a temporary table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Writing {
    /// In UTC.
    pub(crate) at: String,
    /// `None` where no run of ours has written down that it did it; so of the run.
    pub(crate) tool: Option<String>,
    pub(crate) run: Option<String>,
    /// The change of this run was taken back then.
    pub(crate) undone: bool,
}

impl Writing {
    /// The last change of a row that is there: of what migrations did with it, oldest first, and of the table's own columns.
    pub(crate) fn last<'a>(
        changes: impl Iterator<Item = &'a Change>,
        created_at: Option<&str>,
        updated_at: Option<&str>,
    ) -> Option<Self> {
        let mut last: Option<Self> = None;
        for change in changes {
            let written = |at: &str, undone| Self {
                at: at.to_owned(),
                tool: Some(change.tool.clone()),
                run: Some(change.run.clone()),
                undone,
            };
            match (change.change, &change.undone_at) {
                (What::Changed, None) => last = Some(written(&change.at, false)),
                (What::Changed, Some(at)) => last = Some(written(at, true)),
                // A row that came anew after all that.
                (What::Added | What::Withdrawn, None) => last = None,
                (What::Added | What::Withdrawn, Some(_)) => {}
            }
        }
        let last = last.filter(|last| created_at.is_none_or(|created| created <= last.at.as_str()));
        let by_others = updated_at.filter(|at| last.as_ref().is_none_or(|last| last.at.as_str() < *at));
        by_others.map(|at| Self { at: at.to_owned(), tool: None, run: None, undone: false }).or(last)
    }

    /// `migrate-temp-to-main (exécution 0123abcd)`; nothing where it is not known.
    pub(crate) fn by(&self) -> Option<String> {
        let (tool, run) = self.tool.as_ref().zip(self.run.as_ref())?;
        let undone = if self.undone { "annulation de " } else { "" };
        Some(format!("{undone}{tool} (exécution {})", short(run)))
    }
}

/// Enough of a run to name it.
pub(crate) fn short(run: &str) -> &str {
    run.get(..8).unwrap_or(run)
}

/// One load of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Load {
    pub(crate) tool: String,
    pub(crate) at: String,
    pub(crate) status: String,
    options: String,
    reject_file: Option<String>,
}

impl Load {
    pub(crate) fn of(past: &Past) -> Self {
        Self {
            tool: past.tool.clone(),
            at: past.finished_at.clone(),
            status: past.status.clone(),
            options: past.options.clone(),
            reject_file: past.reject_file.clone(),
        }
    }
}

/// A file that says something of the key, or of its date and zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Delivery {
    #[serde(serialize_with = "paths")]
    #[schemars(with = "Vec<String>")]
    pub(crate) places: Vec<PathBuf>,
    pub(crate) raw: bool,
    pub(crate) archived: bool,
    pub(crate) blake3: String,
    /// Change of the file, UTC.
    pub(crate) modified: String,
    pub(crate) loads: Vec<Load>,
    #[serde(skip)]
    pub(crate) first_load: Option<u64>,
    /// The load that counts.
    #[serde(skip)]
    pub(crate) last_load: Option<u64>,
    /// The load that counts stored nothing of the date, and kept its lines back.
    pub(crate) kept_back: bool,
    /// What it stores for the key.
    pub(crate) volume: Option<u64>,
    pub(crate) lines: u64,
    pub(crate) contradictory: bool,
    #[serde(serialize_with = "policy")]
    #[schemars(with = "String")]
    #[serde(rename = "on_conflict")]
    pub(crate) policy: OnConflict,
    pub(crate) of_day_and_zone: u64,
    pub(crate) hits: Vec<Hit>,
    pub(crate) refused_lines: u64,
    #[serde(skip)]
    pub(crate) refused_of_day: u64,
    pub(crate) refused: Vec<Refused>,
}

fn paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.display().to_string()))
}

fn policy<S: Serializer>(policy: &OnConflict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(policy.name())
}

impl Delivery {
    /// Whether it says anything that concerns the key.
    pub(crate) fn speaks(&self) -> bool {
        self.lines > 0 || self.of_day_and_zone > 0 || self.refused_lines > 0
    }

    /// Whether it is a delivery of the key's day and zone, so that what it does not hold is gone. A line of which nobody knows the day shows
    /// nothing of the kind.
    pub(crate) fn is_of_day(&self) -> bool {
        self.lines > 0 || self.of_day_and_zone > 0 || self.refused_of_day > 0
    }

    pub(crate) fn name(&self) -> String {
        self.places.first().map(|path| path.display().to_string()).unwrap_or_default()
    }
}
