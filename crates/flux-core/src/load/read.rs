//! The first stage of the engine: the lines of a file become sorted keys and volumes, or rejected lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::csv::{Lines, OTHER_COUNT, Shape, Source, TOO_LONG};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::ledger::history::Counts;
use crate::load::layout::{Layout, Slice};
use crate::load::mapper::{Mapper, Outcome};
use crate::load::options::OnConflict;
use crate::load::rejects::{Rejection, Rejects};
use crate::load::sorter::{Record, Sorted, Sorter};
use crate::report::plural;

/// What was read of a file.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) sorted: Sorted,
    /// Name of the encoding met.
    pub(crate) encoding: &'static str,
    /// Rejected lines by their date; under `None` those whose date cannot be read.
    pub(crate) rejected: BTreeMap<Option<Day>, u64>,
}

/// Reads, maps and sorts all lines. `counts` tells how far the reading came, even when it fails.
///
/// # Errors
/// [`Error::FileChanged`] when the bytes read are not those of `hash`; those of the file and of the sorter.
pub(crate) fn sort_records(
    source: Source,
    hash: &blake3::Hash,
    mapper: &mut Mapper,
    rejects: &mut Rejects,
    sorter: Sorter,
    counts: &mut Counts,
) -> Result<Reading> {
    let (reading, found) = sort_unhashed(source, mapper, rejects, sorter, counts)?;
    if found == *hash { Ok(reading) } else { Err(Error::FileChanged) }
}

/// [`sort_records`] of whatever the file holds; gives the hash of the bytes read.
///
/// # Errors
/// Those of the file and of the sorter.
pub(crate) fn sort_unhashed(
    mut source: Source,
    mapper: &mut Mapper,
    rejects: &mut Rejects,
    mut sorter: Sorter,
    counts: &mut Counts,
) -> Result<(Reading, blake3::Hash)> {
    let columns = source.header.columns().len();
    let mut rejected: BTreeMap<Option<Day>, u64> = BTreeMap::new();
    while let Some(record) = source.next()? {
        counts.lines_read += 1;
        let line = record.line;
        let mut reject = |reason: &str, column: &str, value: &str, day: Option<Day>| {
            *rejected.entry(day).or_default() += 1;
            rejects.add(&Rejection { line, reason, column, value }, record.bytes)
        };
        match record.shape {
            Shape::Fields(fields) => match mapper.map(record.bytes, line, fields) {
                Outcome::Row { key, volume } => sorter.push(Record { key, volume, line })?,
                Outcome::Filtered | Outcome::NotPositive => counts.filtered += 1,
                Outcome::Rejected { reason, column, value, day } => reject(reason, column, &value, day)?,
            },
            Shape::Count(count) => {
                let fields = plural(count as u64, "champ", "champs");
                reject(OTHER_COUNT, "", &format!("{fields} au lieu de {columns}"), None)?;
            }
            Shape::Broken(reason) => reject(reason, "", "", None)?,
            Shape::TooLong => {
                *rejected.entry(None).or_default() += 1;
                rejects.begin(&Rejection { line, reason: TOO_LONG, column: "", value: "" })?;
                rejects.piece(record.bytes)?;
                // It may be larger than memory: its bytes go to the reject file piece by piece.
                while let Some(piece) = source.rest()? {
                    rejects.piece(piece)?;
                }
                rejects.end()?;
            }
        }
    }
    let (ansi, utf8) = mapper.encodings;
    let encoding = source.encoding().name(ansi, utf8);
    let hash = source.finish()?;
    Ok((Reading { sorted: sorter.finish(), encoding, rejected }, hash))
}

/// Reasons of [`late_rejects`], by the volume of their records.
const LATE: [&str; 2] =
    ["date non remplacée : elle perdrait trop de lignes (--max-shrink)", "volumes contradictoires pour une même clé"];

/// Slices whose lines are looked at again.
#[derive(Debug)]
pub(crate) struct LateRules<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) policy: OnConflict,
    /// Slices of which every line is rejected.
    pub(crate) refused: &'a BTreeSet<Slice>,
    /// Slices of which none is, whatever its lines say.
    pub(crate) left_out: &'a BTreeSet<Slice>,
}

/// Lines that are rejected for what other lines say, in the order of the file: `key` is the line, `volume` the reason.
pub(crate) fn late_rejects(sorted: &Sorted, rules: &LateRules<'_>, mut late: Sorter) -> Result<Sorted> {
    let mut reject = |line: u64, reason: u32| late.push(Record { key: u128::from(line), volume: reason, line });
    // The record before, and whether it opens its key (its rejection then depends on what follows).
    let mut before: Option<(Record, bool)> = None;
    sorted.for_each(|record| {
        let slice = rules.layout.slice(record.key);
        if rules.refused.contains(&slice) {
            before = None;
            return reject(record.line, 0);
        }
        if rules.policy == OnConflict::Reject && !rules.left_out.contains(&slice) {
            match &mut before {
                Some((first, pending)) if first.key == record.key => {
                    if first.volume != record.volume {
                        if std::mem::take(pending) {
                            reject(first.line, 1)?;
                        }
                        reject(record.line, 1)?;
                        first.volume = record.volume;
                    }
                }
                _ => before = Some((record, true)),
            }
        }
        Ok(())
    })?;
    Ok(late.finish())
}

/// Reads the file once more for the raw lines of the late rejects.
pub(crate) fn write_late_rejects(path: &Path, hash: &blake3::Hash, late: &Sorted, rejects: &mut Rejects) -> Result<()> {
    let mut lines = Lines::open(path)?;
    late.for_each(|record| {
        loop {
            let Some(line) = lines.next()? else { return Err(Error::FileChanged) };
            if line.number < record.line {
                continue;
            }
            let reason = LATE[record.volume as usize];
            return rejects.add(&Rejection { line: line.number, reason, column: "", value: "" }, line.bytes);
        }
    })?;
    if lines.into_hash()? != *hash { Err(Error::FileChanged) } else { Ok(()) }
}
