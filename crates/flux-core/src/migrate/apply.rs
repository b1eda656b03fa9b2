//! The migration: planned by comparison and by what the history knows, applied in one transaction per table, every count checked
//! against the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, MANY_DATES, Reads, Session, on_dates};
use crate::domain::catalogue::Space;
use crate::error::{Error, Failed, Result};
use crate::ledger::dates::Evidence;
use crate::ledger::history::unique_id;
use crate::ledger::migrations::{self, Migration};
use crate::ledger::rows::{Ledgered, Planned};
use crate::ledger::{Lock, dates};
use crate::progress::Progress;
use crate::report::{Done, Finding, Page, Report, Table, Verdict};
use crate::schema::{self, Existing};
use crate::threads;

use crate::migrate::align::{Lead, align};
use crate::migrate::aside;
use crate::migrate::compare::{Cells, Dates, compare, has_breakdown};
use crate::migrate::moves::{Moves, Rules};
use crate::migrate::plan::{Aside, Plan, plan};
use crate::migrate::{Pair, pairs, split};

/// Options of a migration.
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// Tables to migrate; all when empty.
    pub only: Vec<String>,
    /// Replaces definitive rows too.
    pub overwrite_definitive: bool,
    /// Leaves provisional rows whose key is gone.
    pub keep_withdrawn: bool,
    /// Share of its rows or volume, in percent, that a date or a date of a zone may lose; the usual one when `None`.
    pub max_shrink: Option<f64>,
    /// Migrates dates that lose more than that.
    pub force: bool,
    /// Migrates rows that no recorded import brought.
    pub include_unrecorded: bool,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Undoes the migration of this run, named whole or by its first characters, instead of migrating.
    pub undo: Option<String>,
    /// Counts what would be done, writes nothing.
    pub dry_run: bool,
    /// Tables at a time; as many as there are processors, at most four, when `None`.
    pub jobs: Option<usize>,
}

impl MigrateOptions {
    pub(super) fn rules(&self) -> Rules {
        let usual = Rules::default();
        Rules {
            overwrite_definitive: self.overwrite_definitive,
            keep_withdrawn: self.keep_withdrawn,
            max_shrink: if self.force { None } else { self.max_shrink.or(usual.max_shrink) },
            include_unrecorded: self.include_unrecorded,
        }
    }
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Main took what the temporary table holds, or what may be taken of it.
    Migrated,
    /// Main had it all.
    Unchanged,
    /// The temporary table is empty.
    Empty,
    /// Nothing could be taken of what differs.
    Held,
    Failed,
}

/// What became of one pair, and of how many rows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct MigratedTable {
    pub(crate) temp: String,
    pub main: String,
    #[serde(flatten)]
    pub(crate) moves: Moves,
    /// What became of it.
    pub(crate) status: Status,
    /// Dates, and dates of zones, that were left aside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aside: Vec<Aside>,
    #[serde(flatten)]
    pub(crate) failed: Failed,
}

impl MigratedTable {
    fn done(pair: &Pair, Taken { moves, aside }: Taken) -> Self {
        let status = if moves.temp_rows == 0 && aside.is_empty() {
            Status::Empty
        } else if moves.writes() {
            Status::Migrated
        } else if aside.is_empty() && moves.without_breakdown == 0 {
            Status::Unchanged
        } else {
            Status::Held
        };
        Self { temp: pair.temp.clone(), main: pair.main.clone(), moves, status, aside, failed: Failed::default() }
    }

    fn failed(pair: &Pair, error: &Error) -> Self {
        log::info!("{} : {error}", pair.main);
        Self { status: Status::Failed, failed: Failed::from(error), ..Self::done(pair, Taken::default()) }
    }
}

/// Report of a migration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MigrateReport {
    #[serde(rename = "dry_run")]
    pub(crate) done: Done,
    /// Name of the run, by which it can be undone.
    pub(crate) run: String,
    /// The pairs, in the order of the delivery.
    pub(crate) tables: Vec<MigratedTable>,
    /// What was left aside, by table and cause.
    pub(crate) findings: Vec<Finding>,
}

/// A run of a migration.
pub(super) struct Run<'a> {
    pub(super) database: &'a Database,
    pub(super) options: &'a MigrateOptions,
    pub(super) id: String,
    /// The tables as the server has them.
    tables: &'a HashMap<String, Existing>,
    /// What its transactions see of each other's work.
    reads: Reads,
    _lock: Option<Lock>,
}

impl<'a> Run<'a> {
    /// # Errors
    /// [`Error::MissingTable`] on an older schema: nothing is changed that could not be undone.
    pub(super) fn begin(
        database: &'a Database,
        options: &'a MigrateOptions,
        tables: &'a HashMap<String, Existing>,
    ) -> Result<Self> {
        // Of rows that were just written, reading what is committed locks no neighbours: those are another table's, in the ledger.
        let reads = if database.session()?.logs_statements()? { Reads::Snapshot } else { Reads::Committed };
        // The lock first: where older scripts made the database, `adopt-database` is what to run, not `ensure-schema`.
        let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
        if !options.dry_run && !tables.contains_key(migrations::TABLE) {
            return Err(Error::MissingTable { table: migrations::TABLE.into() });
        }
        let id = lock.as_ref().map_or_else(unique_id, |lock| lock.run().to_owned());
        Ok(Self { database, options, id, tables, reads, _lock: lock })
    }

    /// Tables at a time.
    fn jobs(&self) -> usize {
        match self.reads {
            Reads::Snapshot => 1,
            Reads::Committed => self.options.jobs.unwrap_or_else(threads::usual),
        }
    }
}

/// What was done, and what was left.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) moves: Moves,
    pub(super) aside: Vec<Aside>,
}

/// Migrates the temporary tables, some at a time, each in its own transaction; one that fails does not stop the others.
///
/// # Errors
/// Those that concern the run as a whole: connection, lock, unknown name.
pub(crate) fn migrate(database: &Database, options: &MigrateOptions, progress: &Progress) -> Result<MigrateReport> {
    let pairs = pairs(options.space, &options.only)?;
    let existing = schema::existing(&mut database.session()?)?;
    let run = Run::begin(database, options, &existing)?;
    let results = threads::each(&pairs, run.jobs(), |pair| {
        crate::signals::check()?;
        let bar = progress.step(&pair.main);
        let result = migrate_pair(&run, pair);
        bar.finish_and_clear();
        result
    })?;
    let mut tables = Vec::with_capacity(pairs.len());
    let mut findings = Vec::new();
    for (pair, result) in pairs.iter().zip(results) {
        match result {
            Ok(done) => {
                findings.extend(aside::findings(pair, &done.aside, &done.moves));
                tables.push(MigratedTable::done(pair, done));
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) if error.is_locked_out() => return Err(error),
            Err(error) => tables.push(MigratedTable::failed(pair, &error)),
        }
    }
    Ok(MigrateReport { done: Done::unless(options.dry_run), run: run.id, tables, findings })
}

fn migrate_pair(run: &Run<'_>, pair: &Pair) -> Result<Taken> {
    pair.require(run.options.space, run.tables)?;
    let mut done = migrate_dates(run, pair, &Dates::All)?;
    aside::name_zones(&mut run.database.session()?, &mut done.aside)?;
    Ok(done)
}

/// The plan of some dates of a pair.
pub(super) fn planned(session: &mut Session, pair: &Pair, dates: &Dates<'_>, rules: &Rules) -> Result<Plan> {
    let cells = compare(session, pair, dates)?;
    plan_of(session, pair, (dates, &cells), rules)
}

/// The plan of dates that were compared.
pub(super) fn plan_of(
    session: &mut Session,
    pair: &Pair,
    (dates, cells): (&Dates<'_>, &Cells),
    rules: &Rules,
) -> Result<Plan> {
    let evidence = dates::evidence(session, &pair.temp)?;
    let split = split::places(session, pair, cells)?;
    let mut plan = plan(cells, (&evidence, &split), rules);
    if matches!(dates, Dates::All) && !rules.keep_withdrawn {
        let stored = cells.iter().filter(|(_, cell)| cell.temp_rows > 0).map(|((date, _), _)| date.as_str());
        leave_unread(session, pair, (&evidence, &stored.collect()), (&mut plan.moves, &mut plan.aside))?;
    }
    Ok(plan)
}

/// Leaves aside the dates of which the last delivery had lines and the temporary table has no row: every one of them was rejected or kept
/// back. What main holds of them stays.
pub(super) fn leave_unread(
    session: &mut Session,
    pair: &Pair,
    (evidence, stored): (&BTreeMap<String, Evidence>, &BTreeSet<&str>),
    (moves, asides): (&mut Moves, &mut Vec<Aside>),
) -> Result<()> {
    let is_unread = |date: &str, known: &Evidence| known.open && known.missing_lines() > 0 && !stored.contains(date);
    let dates: Vec<String> =
        evidence.iter().filter(|(date, known)| is_unread(date, known)).map(|(date, _)| date.clone()).collect();
    for dates in dates.chunks(MANY_DATES) {
        let (of_dates, values) = on_dates("m", dates);
        let sql = format!(
            "SELECT CAST(m.date AS CHAR), COUNT(*), CAST(SUM(m.volume) AS SIGNED) FROM {} m \
             WHERE {of_dates} AND m.is_provisional <> 0 GROUP BY m.date ORDER BY m.date",
            pair.main
        );
        let rows: Vec<(String, u64, i64)> = session.rows(&format!("comptage de {}", pair.main), &sql, values)?;
        for (date, rows, volume) in rows {
            let Some(known) = evidence.get(&date) else { continue };
            moves.suspended += rows;
            asides.push(Aside::unread(&date, (rows, volume), known));
        }
    }
    Ok(())
}

/// Migrates some dates of a pair in one transaction, or plans it on a dry run.
pub(super) fn migrate_dates(run: &Run<'_>, pair: &Pair, dates: &Dates<'_>) -> Result<Taken> {
    let (database, options) = (run.database, run.options);
    let rules = options.rules();
    if options.dry_run {
        let plan = planned(&mut database.session()?, pair, dates, &rules)?;
        return Ok(Taken { moves: plan.moves, aside: plan.aside });
    }
    let attempt = unique_id();
    let mut last = None;
    let (id, dated) = (&run.id, pair.is_dated(run.tables));
    database.transaction_that(run.reads, |session| {
        // A commit whose answer was lost went through all the same; `last` is that try's plan.
        if last.is_some() && migrations::was_committed(session, &attempt)? {
            return Ok(());
        }
        let lead = if rules.keep_withdrawn { Lead::All } else { Lead::Definitive };
        align(session, pair, dates, lead)?;
        let mut plan = planned(session, pair, dates, &rules)?;
        let kept = plan.kept_dates();
        let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
        if align(session, pair, &Dates::These(&kept), Lead::All)? > 0 {
            plan = planned(session, pair, dates, &rules)?;
        }
        database.announce(&pair.main, plan.moves.inserted + plan.moves.updated + plan.moves.removed);
        apply(session, (pair, dated), &plan, (&attempt, id, database.tool()), rules.overwrite_definitive)?;
        last = Some(Taken { moves: plan.moves, aside: plan.aside });
        Ok(())
    })?;
    last.ok_or_else(|| Error::Invariant(format!("{} : rien n'a été fait", pair.main)))
}

/// Carries a plan out, in the transaction in which it was made. A plan that changes nothing leaves no trace.
fn apply(
    session: &mut Session,
    (pair, dated): (&Pair, bool),
    plan: &Plan,
    (attempt, run, tool): (&str, &str, &str),
    overwrite: bool,
) -> Result<()> {
    let Moves { inserted, updated, removed, suspended, blocked, unrecorded, .. } = plan.moves;
    if !plan.moves.writes() {
        return Ok(());
    }
    let (temp, main) = (pair.temp.as_str(), pair.main.as_str());
    let dates = plan.span();
    let migration =
        Migration { attempt, run, tool, temp, main, dates, inserted, updated, removed, suspended, blocked, unrecorded };
    let id = migrations::insert(session, &migration, &plan.cells)?;
    let (key, columns, whole) = (pair.dataset.key(), pair.dataset.columns(), has_breakdown(pair));
    let ledgered = Ledgered { id, temp, main, key: &key, columns: &columns, whole: &whole, dated };
    let planned = Planned { inserted, inserted_known: plan.inserted_known(), updated, removed, all_new: plan.all_new };
    ledgered.carry_out(session, &planned, overwrite)
}

impl Report for MigrateReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[&["table", "état"][..], &Moves::titles(self.done)].concat());
        for row in &self.tables {
            let (sign, state) = match row.status {
                Status::Failed => (Verdict::Error, "échec"),
                Status::Held => (Verdict::Attention, "laissée"),
                Status::Empty => (Verdict::Ok, "vide"),
                Status::Unchanged => (Verdict::Ok, "à jour"),
                Status::Migrated => {
                    let aside = !row.aside.is_empty() || row.moves.without_breakdown > 0;
                    let sign = if aside { Verdict::Attention } else { Verdict::Ok };
                    (sign, self.done.say("migrée", "à migrer"))
                }
            };
            let subject = [row.main.clone(), format!("{} {state}", sign.sign())];
            table.row(subject.into_iter().chain(row.moves.cells()));
        }
        page.table(&table);
        page.gap();
        for row in &self.tables {
            row.failed.finding(&row.main).iter().for_each(|finding| page.finding(finding));
            if row.moves.kept_withdrawn > 0 {
                let noun = ["ligne retirée par Orange", "lignes retirées par Orange"];
                let lines = self.done.count(row.moves.kept_withdrawn, noun, ["gardée", "gardées"]);
                page.line(format!("  {} : {lines} (--keep-withdrawn)", row.main));
            }
        }
        self.findings.iter().for_each(|finding| page.finding(finding));
        let sum = |count: fn(&MigratedTable) -> u64| self.tables.iter().map(count).sum::<u64>();
        page.conclude(
            self.verdict(),
            format!(
                "{}, {}, {}",
                self.done.count(sum(|t| t.moves.inserted), ["ligne", "lignes"], ["ajoutée", "ajoutées"]),
                self.done.more(sum(|t| t.moves.updated), ["mise à jour", "mises à jour"]),
                self.done.more(sum(|t| t.moves.removed), ["retirée", "retirées"])
            ),
        );
        if self.verdict() == Verdict::Ok && sum(|t| t.moves.temp_rows) > 0 && self.done.really() {
            page.action("contrôlez avec `verify-migration`, puis videz les tables temporaires avec `cleanup-temp`");
        }
        let wrote = self.tables.iter().any(|table| table.moves.writes());
        if wrote && self.done.really() {
            page.line(format!(
                "  exécution {} (`migrate-temp-to-main --undo {}` montre ce qu'une annulation ferait)",
                self.run,
                &self.run[..8]
            ));
        }
    }

    fn verdict(&self) -> Verdict {
        let failed = self.tables.iter().any(|table| table.status == Status::Failed);
        if failed { Verdict::Error } else { crate::report::verdict(&self.findings) }
    }

    fn done(&self) -> Done {
        self.done
    }
}
