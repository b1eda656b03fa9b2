//! The engine: one file from disk to its table, in the same steps whatever the [`Target`].
//!
//! Opened and hashed → known already? → read, mapped, sorted → counted by slice → guarded → accounted for → late rejects → limits →
//! stored in one transaction with its line of history. Memory is bounded by the sorter; the database sees rows in key order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::csv::Source;
use crate::domain::values::{DateOrder, Day};
use crate::error::{Error, Result};
use crate::files::hash;
use crate::ledger::history::Counts;
use crate::load::mapper::Mapper;
use crate::load::options::OnConflict;
use crate::load::read::{self, LateRules};
use crate::load::rejects::Rejects;
use crate::load::repeated;
use crate::load::report::{FileReport, Status};
use crate::load::sorter::{Sorted, Sorter};
use crate::load::store::Store;
use crate::load::tally::Tally;
use crate::load::target::{Content, Found, Guarded, Job, Target};
use crate::{schema, signals};

/// Takes one file to its table; whatever goes wrong with it is in its report.
pub(crate) fn load<T: Target>(job: &Job<'_>, target: &mut T, report: &mut FileReport) {
    let started = Instant::now();
    if let Err(error) = try_load(job, target, report) {
        report.fail(&error);
        if !job.run.options.dry_run {
            job.remember_failure(report, &error);
        }
    }
    report.duration_s = started.elapsed();
}

fn try_load<T: Target>(job: &Job<'_>, target: &mut T, report: &mut FileReport) -> Result<()> {
    signals::check()?;
    let Some((found, mut rejects)) = find(job, target, report)? else { return Ok(()) };
    let guarded = target.guard(&found, report)?;
    report.counts = account(report.counts, &found.tally, &guarded)?;
    reject_late(job, &found, &guarded, &mut rejects, report)?;
    rejects.finish()?;
    let counts = report.counts;
    if let Some(max) = job.run.options.max_rejects.filter(|max| max.is_exceeded(counts.rejected, counts.lines_read)) {
        return Err(Error::TooManyRejects { rejected: counts.rejected, max: max.to_string() });
    }
    let plan = target.plan(&found, &guarded);
    report.dates = plan.span.map(|(first, last)| (first.to_string(), last.to_string()));
    report.created = found.mapper.names_to_create();
    if job.run.options.dry_run {
        report.counts.deleted = target.would_replace(&found, &plan)?;
        if !T::DEFINITIVE {
            report.read = repeated::cells_of(&found, &guarded, job.run.options.on_conflict)?;
        }
    } else {
        let (deleted, dims_hash) = Store::new(job, target, &found, &guarded, report).run(&plan)?;
        report.counts.deleted = deleted;
        target.stored(&found.content, &dims_hash, report);
    }
    report.status = Status::Loaded;
    if !T::DEFINITIVE && report.counts.stored == 0 {
        report.nothing_stored();
    }
    Ok(())
}

/// Reads, sorts and counts a file; `None` where nothing is to be done with it, for the reason that the report then gives.
fn find<T: Target>(job: &Job<'_>, target: &T, report: &mut FileReport) -> Result<Option<(Found, Rejects)>> {
    // Opened before it is hashed, for the messages about folders and devices.
    let source = Source::open(job.path, &target.required())?;
    let content = Content { hash: hash::blake3(job.path)?, options: target.options() };
    schema::require(&target.table(), &job.run.tables)?;
    let known = target.known(&content)?;
    if let Some(earlier) = known.as_ref().filter(|earlier| earlier.missing() == 0) {
        report.unchanged(earlier);
        return Ok(None);
    }
    if let Some(twin) = target.claim(&content) {
        report.status = Status::Unchanged;
        report.note = Some(format!("même contenu que {twin}"));
        return Ok(None);
    }
    let mapper = target.mapper(&source.header, DateOrder::default())?;
    // Rejected lines are worth another look once the dimensions have changed, or with options that may save them.
    let names = mapper.dims_hash(&mapper.ids(&[]));
    if let Some(earlier) = known.as_ref().filter(|one| one.options == content.options && one.dims_hash == names) {
        report.unchanged(earlier);
        return Ok(None);
    }
    let Pass { mapper, rejects, sorted, rejected } = read_whole(job, target, &content, (source, mapper), report)?;
    let tally = Tally::of(&sorted, mapper.layout(), job.run.options.on_conflict)?;
    report.note_conflicts(&tally.examples);
    let sorted = Arc::new(sorted);
    Ok(Some((Found { content, mapper, sorted, tally, rejected, is_known: known.is_some() }, rejects)))
}

/// Name of the file for the reject file: that of the delivery, whose letters the file system may have changed.
fn file_name(path: &Path, report: &FileReport) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.eq_ignore_ascii_case(&report.file) { report.file.clone() } else { name }
}

/// What one reading of a file gave.
struct Pass {
    mapper: Mapper,
    rejects: Rejects,
    sorted: Sorted,
    /// Rejected lines by their date; under `None` those whose date cannot be read.
    rejected: BTreeMap<Option<Day>, u64>,
}

/// Reads the file, and once more where its dates turn out to be written month first: the order is decided by the whole file.
///
/// # Errors
/// [`Error::BadFile`] where both orders are there; those of the file and of the sorter.
fn read_whole<T: Target>(
    job: &Job<'_>,
    target: &T,
    content: &Content,
    (source, mapper): (Source, Mapper),
    report: &mut FileReport,
) -> Result<Pass> {
    let pass = sort(job, source, content, mapper, report)?;
    let order = pass.mapper.orders().order();
    if order == Ok(DateOrder::default()) {
        return Ok(pass);
    }
    // Its rejects are those of another reading.
    pass.rejects.discard()?;
    report.counts = Counts::default();
    (report.reject_file, report.rejects) = (None, Vec::new());
    let order = order.map_err(Error::BadFile)?;
    let source = Source::open(job.path, &target.required())?;
    let mapper = target.mapper(&source.header, order)?;
    let pass = sort(job, source, content, mapper, report)?;
    report.note = Some("dates lues comme MM/JJ/AAAA : une au moins ne peut être autre chose".to_owned());
    Ok(pass)
}

fn sort(
    job: &Job<'_>,
    mut source: Source,
    content: &Content,
    mut mapper: Mapper,
    report: &mut FileReport,
) -> Result<Pass> {
    let reject_folder = (!job.run.options.dry_run).then_some(job.run.reject_folder.as_path());
    let mut rejects = Rejects::new(&file_name(job.path, report), reject_folder);
    let sorter = Sorter::new(&job.run.scratch, job.run.sort_limit);
    source.show_on(job.run.progress.bytes(&report.file, job.size));
    let read = read::sort_records(source, &content.hash, &mut mapper, &mut rejects, sorter, &mut report.counts);
    report.note_rejects(&rejects);
    report.missed_names = mapper.missed_names();
    report.far_communes = mapper.far_communes();
    report.contradicted = mapper.contradicted();
    report.counts.rejected = rejects.count;
    let read = read?;
    report.encoding = Some(read.encoding.to_owned());
    if report.counts.lines_read == 0 {
        report.note = Some("un en-tête et aucune ligne : rien n'est remplacé".to_owned());
    }
    Ok(Pass { mapper, rejects, sorted: read.sorted, rejected: read.rejected })
}

/// The accounting of a file: every line read is a row, a duplicate, a conflict, a reject or filtered.
///
/// # Errors
/// [`Error::Invariant`] when the sum is not the number of lines read: a fault of this program, and nothing is stored.
fn account(read: Counts, tally: &Tally, guarded: &Guarded) -> Result<Counts> {
    let total = tally.total(|slice| !guarded.refused.contains(slice) && !guarded.foreign.contains(slice));
    let counts = Counts {
        stored: total.rows,
        duplicates: total.duplicates,
        conflicts: total.conflicts,
        rejected: read.rejected + tally.total(|slice| guarded.refused.contains(slice)).lines,
        filtered: read.filtered + tally.total(|slice| guarded.foreign.contains(slice)).lines,
        ..read
    };
    if !counts.balance() {
        return Err(Error::Invariant(format!("{counts:?} ne fait pas le compte")));
    }
    Ok(counts)
}

/// Writes down the lines that only the whole file shows to be rejected.
fn reject_late(
    job: &Job<'_>,
    found: &Found,
    guarded: &Guarded,
    rejects: &mut Rejects,
    report: &mut FileReport,
) -> Result<()> {
    let policy = job.run.options.on_conflict;
    if guarded.refused.is_empty() && (policy != OnConflict::Reject || report.counts.conflicts == 0) {
        return Ok(());
    }
    let rules =
        LateRules { layout: found.mapper.layout(), policy, refused: &guarded.refused, left_out: &guarded.foreign };
    let late = read::late_rejects(&found.sorted, &rules, Sorter::new(&job.run.scratch, job.run.sort_limit / 4))?;
    let written = read::write_late_rejects(job.path, &found.content.hash, &late, rejects);
    report.note_rejects(rejects);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::layout::Slice;
    use crate::load::tally::SliceTally;
    use std::collections::BTreeSet;

    /// Three slices of 10, 20 and 40 lines: a row in four is a duplicate, one line of the last is a conflict.
    fn tally() -> Tally {
        let slice = |rows, lines, duplicates, conflicts| SliceTally {
            rows,
            lines,
            duplicates,
            conflicts,
            ..SliceTally::default()
        };
        let slices = [(1, slice(8, 10, 2, 0)), (2, slice(15, 20, 5, 0)), (3, slice(29, 40, 10, 1))];
        Tally { slices: slices.into_iter().map(|(at, counts)| (Slice(at), counts)).collect(), ..Tally::default() }
    }

    fn slices(of: &[u64]) -> BTreeSet<Slice> {
        of.iter().map(|at| Slice(*at)).collect()
    }

    #[test]
    fn every_line_is_accounted_for_whatever_the_guard_says() {
        let read = Counts { lines_read: 76, rejected: 4, filtered: 2, ..Counts::default() };
        let free = account(read, &tally(), &Guarded::default()).unwrap();
        assert_eq!((free.stored, free.duplicates, free.conflicts, free.rejected, free.filtered), (52, 17, 1, 4, 2));
        let guarded = Guarded { refused: slices(&[1]), foreign: slices(&[2]), done: slices(&[3]) };
        let held = account(read, &tally(), &guarded).unwrap();
        // What a stopped run has stored counts as stored.
        assert_eq!((held.stored, held.duplicates, held.conflicts, held.rejected, held.filtered), (29, 10, 1, 14, 22));
        assert_eq!(guarded.not_sent(), slices(&[1, 2, 3]));
    }

    #[test]
    fn a_line_that_went_missing_is_found_out() {
        let read = Counts { lines_read: 77, rejected: 4, filtered: 2, ..Counts::default() };
        assert!(matches!(account(read, &tally(), &Guarded::default()), Err(Error::Invariant(_))));
    }

    #[test]
    fn the_reject_file_has_the_name_of_the_delivery() {
        let report = |file: &str| FileReport {
            file: file.into(),
            ..FileReport::new(&crate::domain::catalogue::DATASETS[0], String::new())
        };
        assert_eq!(file_name(Path::new("a/Nuitee.CSV"), &report("nuitee.csv")), "nuitee.csv");
        assert_eq!(file_name(Path::new("a/Nuitee_2024B1.csv"), &report("sub/Nuitee_2024B1.csv")), "Nuitee_2024B1.csv");
    }
}
