//! What the engine asks of a target: where the rows of a file go, and by which rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, MutexGuard};

use chrono::{DateTime, Utc};

use crate::csv::Header;
use crate::db::Session;
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::values::{DateOrder, Day};
use crate::error::{Error, Result};
use crate::ledger::dates::{self, DateCounts};
use crate::ledger::history::{self, Counts, Entry};
use crate::load::layout::Slice;
use crate::load::mapper::Mapper;
use crate::load::report::{Earlier, FileReport};
use crate::load::run::Run;
use crate::load::sorter::Sorted;
use crate::load::tally::Tally;
use crate::schema::TableSpec;

/// One file on its way.
pub(crate) struct Job<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) dataset: &'static Dataset,
    pub(crate) path: &'a Path,
    pub(crate) size: u64,
    pub(crate) begun: DateTime<Utc>,
}

/// What tells one file from another: its bytes, and the options that change what is stored of them.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) hash: blake3::Hash,
    /// As in the history.
    pub(crate) options: String,
}

impl Content {
    /// The hash in hexadecimal, as in the history.
    pub(crate) fn hex(&self) -> String {
        self.hash.to_hex().to_string()
    }
}

/// What a file holds, read, sorted and counted.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) content: Content,
    pub(crate) mapper: Mapper,
    pub(crate) sorted: Arc<Sorted>,
    pub(crate) tally: Tally,
    /// Rejected lines by their date; under `None` those whose date cannot be read.
    pub(crate) rejected: BTreeMap<Option<Day>, u64>,
    /// The same bytes were loaded before, with rejected lines that are worth another look.
    pub(crate) is_known: bool,
}

/// Slices of a file that it may not simply replace.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    /// Not replaced, and their lines rejected: the table would lose too much.
    pub(crate) refused: BTreeSet<Slice>,
    /// Another file's: their lines are passed over.
    pub(crate) foreign: BTreeSet<Slice>,
    /// Stored by a run that was stopped: they count as stored and are not sent again.
    pub(crate) done: BTreeSet<Slice>,
}

impl Guarded {
    /// Slices whose rows are not sent.
    pub(crate) fn not_sent(&self) -> BTreeSet<Slice> {
        [&self.refused, &self.foreign, &self.done].into_iter().flatten().copied().collect()
    }
}

/// What is done with a file.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Slices whose rows are replaced, in order.
    pub(crate) replaced: Vec<Slice>,
    /// Days that `dim_dates` must hold.
    pub(crate) days: BTreeSet<Day>,
    /// First and last day that the file speaks of.
    pub(crate) span: Option<(Day, Day)>,
    /// What the history keeps of each date, where the target replaces by date.
    pub(crate) dates: BTreeMap<Day, DateCounts>,
}

/// Ids of created rows, by dimension in the order of the mapper's parts.
pub(crate) type Created = Vec<(Dim, Vec<u32>)>;

/// Where the rows of a file go, and by which rules.
///
/// The weekly file replaces whole dates of its temporary table and is kept from emptying them; the raw export replaces dates of
/// zones of the main table and is kept from what a later delivery owns.
pub(crate) trait Target {
    /// Whether the rows are definitive ones.
    const DEFINITIVE: bool;

    /// Columns that the header must have, each by its alternatives.
    fn required(&self) -> Vec<&'static [&'static str]>;

    /// The table as it must be.
    fn table(&self) -> TableSpec;

    /// The options that change what is stored, as in the history.
    fn options(&self) -> String;

    /// The load of the same bytes that may make this one needless.
    fn known(&self, content: &Content) -> Result<Option<Earlier>>;

    /// Takes the content for this file; gives the file of this run that has it already.
    fn claim(&self, _content: &Content) -> Option<String> {
        None
    }

    /// How lines are mapped; dates with slashes are in this order.
    fn mapper(&self, header: &Header, order: DateOrder) -> Result<Mapper>;

    /// Says which slices of the file are not simply replaced.
    fn guard(&mut self, found: &Found, report: &mut FileReport) -> Result<Guarded>;

    /// Says what is replaced.
    fn plan(&self, found: &Found, guarded: &Guarded) -> Plan;

    /// On a dry run: how many rows would be replaced.
    fn would_replace(&self, found: &Found, plan: &Plan) -> Result<u64>;

    /// Most rows of one transaction.
    fn most_rows(&self) -> Option<usize> {
        None
    }

    /// Keeps other files of the run from creating rows of dimensions, where this file does.
    fn exclusive(&self, _mapper: &Mapper) -> Option<MutexGuard<'_, ()>> {
        None
    }

    /// Creates the rows of dimensions that the mapper has met and the database lacks.
    fn create(&self, session: &mut Session, mapper: &Mapper) -> Result<Created>;

    /// The rows of [`Target::create`] are committed.
    fn created(&self, _mapper: &Mapper) {}

    /// Deletes what is stored of slices; how many rows.
    fn delete(&self, session: &mut Session, found: &Found, slices: &[Slice], created: &Created) -> Result<u64>;

    /// Notes whose the slices are from now on, in the transaction of their rows.
    fn own(&self, _session: &mut Session, _found: &Found, _slices: &[Slice], _created: &Created) -> Result<()> {
        Ok(())
    }

    /// Whether the slices are this file's by this run: they are taken in the transaction of their rows.
    fn is_owned(&self, _session: &mut Session, _found: &Found, _slices: &[Slice], _created: &Created) -> Result<bool> {
        Ok(false)
    }

    /// The file is stored, with names of that hash.
    fn stored(&self, _content: &Content, _dims_hash: &str, _report: &FileReport) {}
}

/// What a line of history says beside what the report does.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) attempt: &'a str,
    pub(crate) content: &'a Content,
    pub(crate) dims_hash: &'a str,
    pub(crate) counts: Counts,
    pub(crate) dates: &'a BTreeMap<Day, DateCounts>,
}

impl Job<'_> {
    /// Writes the file's line of history, in the transaction of its rows.
    pub(crate) fn remember(&self, session: &mut Session, report: &FileReport, line: &Line<'_>) -> Result<()> {
        let (path, reject_file) = self.paths(report);
        let entry = Entry {
            attempt: line.attempt,
            options: &line.content.options,
            status: "loaded",
            dims_hash: line.dims_hash,
            counts: line.counts,
            file_hash: &line.content.hex(),
            file_size: self.size,
            ..self.entry(report, &path, reject_file.as_deref())
        };
        let id = history::insert(session, &entry)?;
        // A schema of before this table is known by the span of the file and its rejects.
        if !self.run.tables.contains_key(dates::TABLE) {
            log::debug!("{} manque : `ensure-schema` la crée", dates::TABLE);
            return Ok(());
        }
        dates::insert(session, id, &report.table, line.dates)
    }

    /// Leaves a trace of a failure for `check-status`; that it cannot be written is no further failure.
    pub(crate) fn remember_failure(&self, report: &FileReport, error: &Error) {
        if matches!(error, Error::Interrupted) {
            return;
        }
        let (path, reject_file) = self.paths(report);
        let (attempt, message) = (history::unique_id(), error.to_string());
        let entry =
            Entry { attempt: &attempt, message: Some(&message), ..self.entry(report, &path, reject_file.as_deref()) };
        let written =
            self.run.database.session().and_then(|mut session| history::insert(&mut session, &entry).map(drop));
        if let Err(error) = written {
            log::debug!("échec non noté dans l'historique : {error}");
        }
    }

    fn paths(&self, report: &FileReport) -> (String, Option<String>) {
        (self.path.display().to_string(), report.reject_file.as_ref().map(|path| path.display().to_string()))
    }

    fn entry<'a>(&'a self, report: &'a FileReport, path: &'a str, reject_file: Option<&'a str>) -> Entry<'a> {
        Entry {
            attempt: "",
            run: &self.run.id,
            tool: self.run.tool,
            table: &report.table,
            file_name: report.file.rsplit('/').next().unwrap_or(&report.file),
            file_path: path,
            file_size: 0,
            file_hash: "",
            options: "",
            dims_hash: "",
            status: "failed",
            message: None,
            encoding: report.encoding.as_deref().unwrap_or_default(),
            dates: report.dates.clone(),
            counts: report.counts,
            reject_file,
            started_at: self.begun,
        }
    }
}
