//! The migration of one large pair by batches of dates, each its own transaction. What is left to do is read from the tables
//! themselves: a run that was stopped, however hard, is taken up by the next one at the first date that differs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::ledger;
use crate::report::{Done, Finding, Page, Report, Table, Verdict, duration, number, verdict};
use crate::schema;
use crate::signals;

use crate::migrate::apply::{Run, Taken, leave_unread, migrate_dates};
use crate::migrate::compare::Dates;
use crate::migrate::moves::Moves;
use crate::migrate::plan::Aside;
use crate::migrate::{MigrateOptions, aside, pairs};
use crate::task::{Context, Task};

/// Dates that one batch may hold, for the length of its statements.
const MAX_DATES: usize = 100;

/// Report of a migration by batches.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BatchReport {
    #[serde(rename = "dry_run")]
    pub(crate) done: Done,
    /// Name of the run, by which it can be undone.
    pub(crate) run: String,
    pub(crate) temp: String,
    pub main: String,
    pub(crate) batches: usize,
    /// Batches that had nothing left to do.
    pub(crate) already_done: usize,
    /// Rows by what became of them.
    pub(crate) totals: Moves,
    /// Dates, and dates of zones, that were left aside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aside: Vec<Aside>,
    /// What was left aside, by cause.
    pub(crate) findings: Vec<Finding>,
    /// Rows of the temporary table per second.
    pub(crate) rows_per_s: u64,
    #[serde(skip)]
    seconds: f64,
}

/// The table whose deliveries are large enough for batches.
const TABLE: &str = "fact_lieu_activite_soir";

/// `migrate-optimized`: `fact_lieu_activite_soir` by batches.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// About how many rows a batch has; at least one date.
    pub rows: u64,
    /// Options of the migration.
    pub migration: MigrateOptions,
}

impl Task for BatchOptions {
    /// Migrates the table batch by batch.
    ///
    /// # Errors
    /// Those of the connection, the lock, and of a batch; batches before it stay done.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let started = std::time::Instant::now();
        let pairs = pairs(self.migration.space, &[TABLE.to_owned()])?;
        let pair = pairs.first().ok_or_else(|| Error::Invariant(format!("{TABLE} n'est pas au catalogue")))?;
        let mut session = database.session()?;
        let existing = schema::existing(&mut session)?;
        let run = Run::begin(database, &self.migration, &existing)?;
        pair.require(self.migration.space, &existing)?;
        let sql = format!("SELECT CAST(date AS CHAR), COUNT(*) FROM {} GROUP BY date ORDER BY date", pair.temp);
        let dates: Vec<(String, u64)> = session.rows(&format!("dates de {}", pair.temp), &sql, ())?;
        drop(session);
        let batches = split(&dates, self.rows);
        let bar = context.progress.count(&pair.main, dates.iter().map(|(_, rows)| rows).sum());
        let (mut totals, mut aside) = (Moves::default(), Vec::new());
        let mut already_done = 0;
        for batch in &batches {
            signals::check()?;
            let Taken { moves, aside: left } = migrate_dates(&run, pair, &Dates::These(batch))?;
            aside.extend(left);
            already_done += usize::from(!moves.writes());
            totals.add(&moves);
            bar.inc(moves.temp_rows);
        }
        bar.finish_and_clear();
        let mut session = database.session()?;
        if !self.migration.keep_withdrawn {
            let stored = dates.iter().map(|(date, _)| date.as_str()).collect();
            let evidence = ledger::dates::evidence(&mut session, &pair.temp)?;
            leave_unread(&mut session, pair, (&evidence, &stored), (&mut totals, &mut aside))?;
        }
        aside::name_zones(&mut session, &mut aside)?;
        let findings = aside::findings(pair, &aside, &totals);
        let seconds = started.elapsed().as_secs_f64();
        Ok(BatchReport {
            done: Done::unless(self.migration.dry_run),
            run: run.id,
            temp: pair.temp.clone(),
            main: pair.main.clone(),
            batches: batches.len(),
            already_done,
            rows_per_s: (totals.temp_rows as f64 / seconds.max(0.001)) as u64,
            totals,
            aside,
            findings,
            seconds,
        })
    }
}

/// Dates in order, each batch closed before it would exceed `rows`.
fn split(dates: &[(String, u64)], rows: u64) -> Vec<Vec<&str>> {
    let mut batches: Vec<Vec<&str>> = Vec::new();
    let mut open = 0;
    for (date, count) in dates {
        match batches.last_mut() {
            Some(batch) if open + count <= rows && batch.len() < MAX_DATES => {
                batch.push(date);
                open += count;
            }
            _ => {
                batches.push(vec![date]);
                open = *count;
            }
        }
    }
    batches
}

impl Report for BatchReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[&["table", ">lots"][..], &Moves::titles(self.done)].concat());
        let subject = [self.main.clone(), number(self.batches as u64)];
        table.row(subject.into_iter().chain(self.totals.cells()));
        page.table(&table);
        page.gap();
        if self.batches == 0 && self.findings.is_empty() {
            page.conclude(Verdict::Ok, format!("{} est vide", self.temp));
            return;
        }
        self.findings.iter().for_each(|finding| page.finding(finding));
        page.conclude(
            self.verdict(),
            format!(
                "{}, dont {} déjà à jour, en {} ({} lignes/s)",
                self.done.count(self.batches as u64, ["lot", "lots"], ["traité", "traités"]),
                self.already_done,
                duration(self.seconds),
                number(self.rows_per_s)
            ),
        );
        if self.done.really() {
            page.action(&format!("contrôlez avec `verify-migration --only {TABLE}`"));
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_whole_dates_and_as_many_as_fit() {
        let dates: Vec<(String, u64)> =
            [("a", 40), ("b", 60), ("c", 1), ("d", 500), ("e", 1)].map(|(d, n)| (d.to_owned(), n)).into();
        assert_eq!(split(&dates, 100), [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]);
        assert!(split(&[], 100).is_empty());
    }
}
