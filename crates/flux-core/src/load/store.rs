//! The last stage of the engine: the transactions that replace what is stored by what a file holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use indicatif::ProgressBar;

use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::ledger::dates::DateCounts;
use crate::ledger::history::{self, Counts};
use crate::load::layout::Slice;
use crate::load::options::OnConflict;
use crate::load::report::FileReport;
use crate::load::send::{self, Rows};
use crate::load::tally::{ALL, Tally};
use crate::load::target::{Created, Found, Guarded, Job, Line, Plan, Target};
use crate::{db, dims};

/// What the transactions of one file need.
pub(crate) struct Store<'a, T> {
    job: &'a Job<'a>,
    target: &'a T,
    found: &'a Found,
    report: &'a FileReport,
    rows: Rows,
    bar: ProgressBar,
}

/// What one transaction did.
#[derive(Debug, Default)]
struct Outcome {
    deleted: u64,
    dims_hash: String,
    created: Created,
}

impl<'a, T: Target> Store<'a, T> {
    pub(crate) fn new(
        job: &'a Job<'a>,
        target: &'a T,
        found: &'a Found,
        guarded: &Guarded,
        report: &'a FileReport,
    ) -> Self {
        let bar = job.run.progress.count(&format!("{} → base", job.dataset.short_name()), report.counts.stored);
        let rows = Rows {
            definitive: T::DEFINITIVE,
            with_weekday: job.dataset.has_weekday(),
            bar: bar.clone(),
            ..rows(found, guarded, job.run.options.on_conflict, Vec::new())
        };
        Self { job, target, found, report, rows, bar }
    }

    /// Stores the file. Returns the rows replaced and the hash of the names.
    pub(crate) fn run(&self, plan: &Plan) -> Result<(u64, String)> {
        let days = plan.days.iter().map(|day| day.date()).collect();
        self.job.run.database.with_session(|session| dims::fill_dates(session, &days))?;
        let result = self.batches(&plan.replaced, &plan.dates);
        self.bar.finish_and_clear();
        result
    }

    /// One transaction, or one for each batch; the last one writes the line of history, so that what is half stored is not taken for
    /// a file that was loaded.
    fn batches(&self, slices: &[Slice], dates: &BTreeMap<Day, DateCounts>) -> Result<(u64, String)> {
        let mapper = &self.found.mapper;
        // Held over the first transaction on purpose: until its names are committed, another file that looks for them would create
        // them a second time. Files that create nothing do not wait.
        let mut exclusive = self.target.exclusive(mapper);
        let mut known: Option<Created> = None;
        let limit = self.job.run.database.most_rows();
        let most = self.target.most_rows().into_iter().chain(limit).min();
        let batches = batches(&self.found.tally, slices, most);
        if batches.len() > 1 && limit.is_some() && limit == most {
            // It is to be seen, not only looked up: a file is otherwise stored whole or not at all.
            log::warn!(
                "{} : {} transactions, chaque date entière, le groupe n'en prend pas de plus grande ; après un arrêt, relancez",
                self.report.table,
                batches.len()
            );
        }
        let (mut deleted, mut dims_hash) = (0, String::new());
        for (index, batch) in batches.iter().enumerate() {
            let is_last = index + 1 == batches.len();
            let outcome = self.batch(batch, known.as_ref(), is_last.then_some((deleted, dates)))?;
            deleted += outcome.deleted;
            dims_hash = outcome.dims_hash;
            if known.replace(outcome.created).is_none() {
                self.target.created(mapper);
                exclusive = None;
            }
        }
        drop(exclusive);
        Ok((deleted, dims_hash))
    }

    /// One transaction. `known` are the ids of names that an earlier one created; `last` is how many rows those before have deleted
    /// and what is remembered of the dates, where this is the last one.
    fn batch(
        &self,
        slices: &[Slice],
        known: Option<&Created>,
        last: Option<(u64, &BTreeMap<Day, DateCounts>)>,
    ) -> Result<Outcome> {
        let run = self.job.run;
        let attempt = history::unique_id();
        let mut result = Outcome::default();
        let mut tried = false;
        let stored = run.database.transaction(|session| {
            // A commit whose answer was lost went through all the same; `result` is that try's.
            if std::mem::replace(&mut tried, true) && self.is_committed(session, &attempt, slices, &result)? {
                return Ok(());
            }
            let created = match known {
                Some(created) => created.clone(),
                None => self.target.create(session, &self.found.mapper)?,
            };
            let ids = self.found.mapper.ids(&created);
            let dims_hash = self.found.mapper.dims_hash(&ids);
            let deleted = self.target.delete(session, self.found, slices, &created)?;
            self.send(session, slices, ids)?;
            self.target.own(session, self.found, slices, &created)?;
            if let Some((before, dates)) = last {
                let counts = Counts { deleted: before + deleted, ..self.report.counts };
                let content = &self.found.content;
                let line = Line { attempt: &attempt, content, dims_hash: &dims_hash, counts, dates };
                self.job.remember(session, self.report, &line)?;
            }
            result = Outcome { deleted, dims_hash, created };
            Ok(())
        });
        match stored {
            Ok(()) => Ok(result),
            // Neither was the last answer a refusal: what is stored is told as stored.
            Err(error) if tried && (error.leaves_doubt() || error.is_conflict()) => {
                let asked = run.database.session();
                match asked.and_then(|mut session| self.is_committed(&mut session, &attempt, slices, &result)) {
                    Ok(true) => Ok(result),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a try of the batch was committed: its line of history is there, or it owns what it stored.
    fn is_committed(
        &self,
        session: &mut db::Session,
        attempt: &str,
        slices: &[Slice],
        result: &Outcome,
    ) -> Result<bool> {
        Ok(history::was_committed(session, attempt)?
            || self.target.is_owned(session, self.found, slices, &result.created)?)
    }

    /// Sends the rows of slices that follow each other.
    fn send(&self, session: &mut db::Session, slices: &[Slice], ids: Vec<Option<Vec<u32>>>) -> Result<()> {
        let (Some(first), Some(end)) = (slices.first(), slices.last()) else { return Ok(()) };
        let (run, table) = (self.job.run, &self.report.table);
        let keys = self.found.mapper.layout().keys(*first, *end);
        let rows = Rows { ids: Arc::new(ids), keys, ..self.rows.clone() };
        let expected: u64 = slices.iter().map(|slice| rows_of(&self.found.tally, slice)).sum();
        let stored = send::send(session, self.job.dataset, table, &rows, run.method, run.options.batch_size)?;
        if stored != expected {
            return Err(Error::Invariant(format!("{table} : lignes attendues {expected}, enregistrées {stored}")));
        }
        Ok(())
    }
}

/// The rows of a file, with the ids behind the packed values of its key.
pub(crate) fn rows(found: &Found, guarded: &Guarded, policy: OnConflict, ids: Vec<Option<Vec<u32>>>) -> Rows {
    Rows {
        sorted: found.sorted.clone(),
        layout: found.mapper.layout().clone(),
        policy,
        kept_back: Arc::new(guarded.not_sent()),
        keys: ALL,
        definitive: false,
        ids: Arc::new(ids),
        with_weekday: false,
        bar: ProgressBar::hidden(),
    }
}

fn rows_of(tally: &Tally, slice: &Slice) -> u64 {
    tally.slices.get(slice).map_or(0, |counts| counts.rows)
}

/// Slices by transaction: all at once unless `most` bounds the rows. A slice is never split.
fn batches<'s>(tally: &Tally, slices: &'s [Slice], most: Option<usize>) -> Vec<&'s [Slice]> {
    let Some(most) = most else { return vec![slices] };
    let mut batches = Vec::new();
    let (mut from, mut held) = (0, 0);
    for (index, slice) in slices.iter().enumerate() {
        let rows = rows_of(tally, slice);
        if index > from && held + rows > most as u64 {
            batches.push(&slices[from..index]);
            (from, held) = (index, 0);
        }
        held += rows;
    }
    batches.push(&slices[from..]);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::SliceTally;

    #[test]
    fn a_batch_never_splits_a_slice_and_there_is_always_one() {
        let rows = [3, 3, 9, 1];
        let counts = |rows| SliceTally { rows, lines: rows, ..SliceTally::default() };
        let slices: Vec<Slice> = (0..4).map(Slice).collect();
        let tally = Tally { slices: slices.iter().copied().zip(rows.map(counts)).collect(), ..Tally::default() };
        let sizes = |most| batches(&tally, &slices, most).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(None), [4]);
        assert_eq!(sizes(Some(6)), [2, 1, 1]);
        assert_eq!(sizes(Some(1)), [1, 1, 1, 1]);
        // A file without rows still writes its line of history.
        assert_eq!(batches(&tally, &[], Some(6)).len(), 1);
    }
}
