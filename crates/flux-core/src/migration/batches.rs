//! The migration of one large pair by batches of dates, each its own transaction. What is left to do is read from the tables
//! themselves: a run that was stopped, however hard, is taken up by the next one at the first date that differs.

use mysql::Value;
use serde::Serialize;

use crate::catalogue::Space;
use crate::db::{Database, Lock, Session};
use crate::dims::marks;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::report::{Page, Report, Table, Verdict, duration, number, plural};
use crate::schema;
use crate::signals;

use super::Pair;

/// Dates that one batch may hold, for the length of its statements.
const MAX_DATES: usize = 100;

/// Options of a migration by batches.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Rows of one batch, at least one date.
    pub rows: u64,
    /// Replaces definitive rows too.
    pub overwrite_definitive: bool,
    /// Leaves provisional rows whose key is gone.
    pub keep_withdrawn: bool,
    /// Which tables.
    pub space: Space,
    /// Plans, writes nothing.
    pub dry_run: bool,
}

/// Rows by what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Rows of the temporary table = inserted + updated + unchanged + kept definitive.
    pub temp_rows: u64,
    /// New keys.
    pub inserted: u64,
    /// Keys that took the new volume.
    pub updated: u64,
    /// Keys that were the same.
    pub unchanged: u64,
    /// Provisional rows removed because their key is gone.
    pub removed: u64,
    /// Temporary rows that a definitive one stands in for.
    pub kept_definitive: u64,
}

impl Moves {
    fn add(&mut self, other: &Moves) {
        self.temp_rows += other.temp_rows;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.removed += other.removed;
        self.kept_definitive += other.kept_definitive;
    }

    fn writes(&self) -> bool {
        self.inserted + self.updated + self.removed > 0
    }
}

/// Report of a migration by batches.
#[derive(Debug, Serialize)]
pub struct BatchReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Temporary table.
    pub temp: String,
    /// Main table.
    pub main: String,
    /// Batches in all.
    pub batches: usize,
    /// Batches that had nothing left to do.
    pub already_done: usize,
    /// Rows by what became of them.
    pub totals: Moves,
    /// Rows of the temporary table per second.
    pub rows_per_s: u64,
    #[serde(skip)]
    seconds: f64,
}

/// Migrates one pair by batches of dates.
///
/// # Errors
/// Those of the connection, the lock, and of a batch; batches before it stay done.
pub fn migrate_batches(
    database: &Database,
    pair: &Pair,
    options: &BatchOptions,
    progress: &Progress,
) -> Result<BatchReport> {
    let started = std::time::Instant::now();
    let mut lock = if options.dry_run { None } else { Some(database.lock()?) };
    let mut session = database.session()?;
    pair.require(options.space, &schema::existing(&mut session)?)?;
    let sql = format!("SELECT CAST(date AS CHAR), COUNT(*) FROM {} GROUP BY date ORDER BY date", pair.temp);
    let dates: Vec<(String, u64)> = session.rows(&format!("dates de {}", pair.temp), &sql, ())?;
    drop(session);
    let batches = split(&dates, options.rows);
    let bar = progress.count(&pair.main, dates.iter().map(|(_, rows)| rows).sum());
    let mut totals = Moves::default();
    let mut already_done = 0;
    for batch in &batches {
        signals::check()?;
        let moves = migrate_batch(database, pair, batch, options, &mut lock)?;
        already_done += usize::from(!moves.writes());
        totals.add(&moves);
        bar.inc(moves.temp_rows);
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    Ok(BatchReport {
        dry_run: options.dry_run,
        temp: pair.temp.clone(),
        main: pair.main.clone(),
        batches: batches.len(),
        already_done,
        rows_per_s: (totals.temp_rows as f64 / seconds.max(0.001)) as u64,
        totals,
        seconds,
    })
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

fn migrate_batch(
    database: &Database,
    pair: &Pair,
    dates: &[&str],
    options: &BatchOptions,
    lock: &mut Option<Lock>,
) -> Result<Moves> {
    if options.dry_run {
        return plan(&mut database.session()?, pair, dates, options);
    }
    database.transaction(|session| {
        let moves = plan(session, pair, dates, options)?;
        if moves.writes() {
            apply(session, pair, dates, &moves, options.overwrite_definitive)?;
        }
        if let Some(lock) = lock {
            lock.ensure(database)?;
        }
        Ok(moves)
    })
}

fn params(dates: &[&str]) -> Vec<Value> {
    dates.iter().map(|date| Value::from(*date)).collect()
}

fn plan(session: &mut Session, pair: &Pair, dates: &[&str], options: &BatchOptions) -> Result<Moves> {
    let (temp, main, list) = (&pair.temp, &pair.main, marks(1, dates.len()));
    let doing = format!("comparaison de {temp} et {main}");
    let sql = format!(
        "SELECT COUNT(*), SUM(m.date IS NULL), SUM(m.is_provisional <> 0 AND m.volume <> t.volume), \
         SUM(m.is_provisional <> 0 AND m.volume = t.volume), SUM(m.is_provisional = 0) \
         FROM {temp} t LEFT JOIN {main} m ON {} WHERE t.date IN {list}",
        pair.on_key()
    );
    type Sums = (u64, Option<u64>, Option<u64>, Option<u64>, Option<u64>);
    let (temp_rows, missing, different, same, definitive) =
        session.first::<Sums>(&doing, &sql, params(dates))?.unwrap_or_default();
    let (missing, different, same) = (missing.unwrap_or(0), different.unwrap_or(0), same.unwrap_or(0));
    let definitive = definitive.unwrap_or(0);
    let sql = format!("SELECT COUNT(*) FROM {main} m WHERE m.date IN {list} AND m.is_provisional <> 0");
    let provisional: u64 = session.first(&doing, &sql, params(dates))?.unwrap_or(0);
    let withdrawn = provisional
        .checked_sub(same + different)
        .ok_or_else(|| Error::Invariant(format!("{main} a changé pendant la comparaison, relancez")))?;
    let overwritten = if options.overwrite_definitive { definitive } else { 0 };
    Ok(Moves {
        temp_rows,
        inserted: missing,
        updated: different + overwritten,
        unchanged: same,
        removed: if options.keep_withdrawn { 0 } else { withdrawn },
        kept_definitive: definitive - overwritten,
    })
}

/// Carries a plan out; each statement must change exactly the rows that were planned.
fn apply(session: &mut Session, pair: &Pair, dates: &[&str], plan: &Moves, overwrite: bool) -> Result<()> {
    let (temp, main, on_key, list) = (&pair.temp, &pair.main, pair.on_key(), marks(1, dates.len()));
    let mut run = |what: &str, planned: u64, sql: String| -> Result<()> {
        if planned == 0 {
            return Ok(());
        }
        let done = session.exec(&format!("{what} dans {main}"), &sql, params(dates))?;
        if done == planned {
            return Ok(());
        }
        Err(Error::Invariant(format!("{main} : {what} de {done} lignes au lieu de {planned}")))
    };
    run(
        "retrait",
        plan.removed,
        format!(
            "DELETE m FROM {main} m LEFT JOIN {temp} t ON {on_key} \
             WHERE m.date IN {list} AND t.date IS NULL AND m.is_provisional <> 0"
        ),
    )?;
    let which = if overwrite {
        "(m.is_provisional = 0 OR m.volume <> t.volume)"
    } else {
        "m.is_provisional <> 0 AND m.volume <> t.volume"
    };
    run(
        "mise à jour",
        plan.updated,
        format!(
            "UPDATE {main} m JOIN {temp} t ON {on_key} SET m.volume = t.volume, m.is_provisional = 1 \
             WHERE t.date IN {list} AND {which}"
        ),
    )?;
    let columns = pair.dataset.columns();
    let selected: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
    run(
        "ajout",
        plan.inserted,
        format!(
            "INSERT INTO {main} ({}, is_provisional) SELECT {}, 1 FROM {temp} t LEFT JOIN {main} m ON {on_key} \
             WHERE t.date IN {list} AND m.date IS NULL",
            columns.join(", "),
            selected.join(", ")
        ),
    )
}

impl Report for BatchReport {
    fn render(&self, page: &mut Page) {
        let totals = &self.totals;
        let mut table = Table::new(&[
            "table",
            ">lots",
            ">temporaires",
            ">ajoutées",
            ">revues",
            ">identiques",
            ">retirées",
            ">définitives gardées",
        ]);
        table.row([
            self.main.clone(),
            number(self.batches as u64),
            number(totals.temp_rows),
            number(totals.inserted),
            number(totals.updated),
            number(totals.unchanged),
            number(totals.removed),
            number(totals.kept_definitive),
        ]);
        page.table(&table);
        page.gap();
        if self.batches == 0 {
            page.verdict(Verdict::Ok, format!("{} est vide", self.temp));
            return;
        }
        let would = if self.dry_run { " (essai à blanc : rien n'a été écrit)" } else { "" };
        page.verdict(
            Verdict::Ok,
            format!(
                "{}, dont {} déjà à jour, en {} ({} lignes/s){would}",
                plural(self.batches as u64, "lot", "lots"),
                self.already_done,
                duration(self.seconds),
                number(self.rows_per_s)
            ),
        );
        if !self.dry_run {
            page.action("contrôlez avec `verify-migration --only fact_lieu_activite_soir`");
        }
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
