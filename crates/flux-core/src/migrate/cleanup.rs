//! The cleanup: a temporary table is emptied only when every row of it is proved to be in the main table. The rows that are deleted are
//! those that main has at that moment, in one transaction with the mark in the history.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, MANY_DATES, Session, on_dates};
use crate::domain::catalogue::Space;
use crate::error::{Error, Failed, Result};
use crate::ledger::{dates, history, migrations};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, number, plural, ranges, some_of};
use crate::schema::{self, Existing};

use crate::migrate::apply::planned;
use crate::migrate::compare::{Comparison, Dates};
use crate::migrate::moves::{Moves, Rules};
use crate::migrate::plan::{Aside, Plan};
use crate::migrate::{Pair, aside, pairs};
use crate::task::{Context, Task};

/// Options of a cleanup.
#[derive(Debug, Clone)]
pub struct CleanupOptions {
    /// Tables to empty; all when empty.
    pub only: Vec<String>,
    /// Empties without proof: rows that main lacks are lost.
    pub force: bool,
    /// Leaves provisional main rows that the delivery no longer has where they are, as a migration with the same option does.
    pub keep_withdrawn: bool,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Days for which the rows that migrations changed are kept, so that they can be undone.
    pub keep_history: u32,
    /// Proves what would be deleted, and deletes nothing.
    pub dry_run: bool,
}

/// What became of a temporary table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Emptied (on a dry run: would be).
    Cleaned,
    /// Emptied but for dates of which something is left aside.
    Partial,
    Empty,
    /// Left, for lack of proof.
    Kept,
    /// Could not be looked at or emptied.
    Failed,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct CleanedTable {
    temp: String,
    main: String,
    temp_rows: u64,
    /// Rows that main has, or has a definitive one for.
    proved: u64,
    missing: u64,
    different: u64,
    emptied: u64,
    /// Rows of dates of which something is left aside.
    left: u64,
    status: Status,
    /// Whether a migration would change main: else what main lacks is of dates that are left aside.
    #[serde(skip)]
    would_write: bool,
    #[serde(flatten)]
    failed: Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CleanupReport {
    #[serde(rename = "dry_run")]
    done: Done,
    force: bool,
    tables: Vec<CleanedTable>,
    /// What stays, by table and cause.
    findings: Vec<Finding>,
    /// Migrations whose rows are kept no longer.
    forgotten: u64,
}

impl Task for CleanupOptions {
    /// Empties the temporary tables that are proved to be migrated.
    ///
    /// # Errors
    /// Those that concern the run as a whole.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let pairs = pairs(self.space, &self.only)?;
        let lock = if self.dry_run { None } else { Some(crate::ledger::lock(database)?) };
        let run = lock.as_ref().map_or_else(String::new, |lock| lock.run().to_owned());
        let existing = schema::existing(&mut database.session()?)?;
        let (mut tables, mut findings) = (Vec::new(), Vec::new());
        for pair in &pairs {
            crate::signals::check()?;
            match clean(database, pair, (&self, &run), &existing) {
                Ok((table, mut left)) => {
                    aside::name_zones(&mut database.session()?, &mut left.aside)?;
                    findings.extend(aside::findings(pair, &left.aside, &Moves::default()));
                    findings.extend(to_withdraw(pair, &table, &left.to_withdraw));
                    tables.push(table);
                }
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) if error.is_locked_out() => return Err(error),
                Err(error) => {
                    log::info!("{} : {error}", pair.temp);
                    tables.push(CleanedTable {
                        failed: Failed::from(&error),
                        ..CleanedTable::new(pair, &Comparison::default(), Status::Failed, 0)
                    });
                }
            }
        }
        let forgotten = if self.dry_run { 0 } else { migrations::forget(database, self.keep_history)? };
        Ok(CleanupReport { done: Done::unless(self.dry_run), force: self.force, tables, findings, forgotten })
    }
}

impl CleanedTable {
    fn new(pair: &Pair, comparison: &Comparison, status: Status, emptied: u64) -> Self {
        Self {
            temp: pair.temp.clone(),
            main: pair.main.clone(),
            temp_rows: comparison.temp_rows,
            proved: comparison.same + comparison.definitive,
            missing: comparison.missing + comparison.without_breakdown,
            different: comparison.different,
            emptied,
            left: comparison.temp_rows - emptied,
            status,
            would_write: false,
            failed: Failed::default(),
        }
    }
}

/// What a cleanup leaves in its table, and why.
struct Left {
    aside: Vec<Aside>,
    to_withdraw: BTreeMap<String, u64>,
}

/// A delivery that only withdraws rows has nothing that main lacks: without its migration the withdrawal would be lost with it.
fn to_withdraw(pair: &Pair, table: &CleanedTable, dates: &BTreeMap<String, u64>) -> Option<Finding> {
    if dates.is_empty() || table.missing + table.different > 0 || table.status == Status::Cleaned {
        return None;
    }
    let waits = [
        "ligne provisoire que la livraison n'a plus attend son retrait",
        "lignes provisoires que la livraison n'a plus attendent leur retrait",
    ];
    let rows = plural(dates.values().sum(), waits[0], waits[1]);
    let days = some_of(&ranges(dates.keys().filter_map(|date| date.parse().ok())), 5);
    let message = format!("{rows} ({days})");
    let action = "lancez `migrate-temp-to-main`, puis de nouveau `cleanup-temp` (--keep-withdrawn les laisse en base)";
    Some(Finding::attention(Code::WithdrawalPending, &pair.main, message).action(action))
}

fn clean(
    database: &Database,
    pair: &Pair,
    (options, run): (&CleanupOptions, &str),
    existing: &HashMap<String, Existing>,
) -> Result<(CleanedTable, Left)> {
    pair.require(options.space, existing)?;
    let rules = Rules { keep_withdrawn: options.keep_withdrawn, ..Rules::default() };
    if options.dry_run {
        let plan = planned(&mut database.session()?, pair, &Dates::All, &rules)?;
        return Ok(judged(pair, plan, options.force));
    }
    database.transaction(|session| {
        let plan = planned(session, pair, &Dates::All, &rules)?;
        let newest = history::newest(session, &pair.temp)?;
        let settled: Vec<&str> = plan.settled.keys().map(String::as_str).collect();
        let proved = options.force || plan.total.is_migrated();
        if proved && plan.total.temp_rows > 0 && (options.force || !settled.is_empty()) {
            database
                .announce(&pair.temp, if options.force { plan.total.temp_rows } else { plan.settled.values().sum() });
            empty(session, pair, &plan.settled)?;
            let unproved = plan.total.temp_rows - plan.settled.values().sum::<u64>();
            if options.force && unproved > 0 {
                history::note_emptied(session, (database.tool(), run), &pair.temp, unproved)?;
                session.exec(&format!("vidage de {}", pair.temp), &format!("DELETE FROM {}", pair.temp), ())?;
            }
            // Rows thrown away without proof are nowhere: their file must not count as done.
            history::mark_cleaned(session, &pair.temp, &settled, newest)?;
        }
        if options.keep_withdrawn {
            dates::close_unread(session, &pair.temp, newest)?;
        }
        Ok(judged(pair, plan, options.force))
    })
}

/// What a plan makes of a temporary table.
fn judged(pair: &Pair, plan: Plan, force: bool) -> (CleanedTable, Left) {
    let rows = plan.total.temp_rows;
    let settled: u64 = plan.settled.values().sum();
    let (status, emptied) = match () {
        () if rows == 0 => (Status::Empty, 0),
        () if force || settled == rows => (Status::Cleaned, rows),
        () if plan.total.is_migrated() && settled > 0 => (Status::Partial, settled),
        () => (Status::Kept, 0),
    };
    let table =
        CleanedTable { would_write: plan.moves.writes(), ..CleanedTable::new(pair, &plan.total, status, emptied) };
    (table, Left { aside: plan.aside, to_withdraw: plan.to_withdraw })
}

/// Deletes the rows of dates that are proved. What is deleted is what main has at that moment, whatever a snapshot says: that it is
/// all that was proved, and that nothing else is left of these dates, shows that nobody has written meanwhile.
fn empty(session: &mut Session, pair: &Pair, settled: &BTreeMap<String, u64>) -> Result<()> {
    let doing = format!("vidage de {}", pair.temp);
    let changed =
        || Error::Invariant(format!("{} a changé pendant le contrôle et n'est pas vidée, relancez", pair.temp));
    let dates: Vec<String> = settled.keys().cloned().collect();
    for dates in dates.chunks(MANY_DATES) {
        let (of_dates, values) = on_dates("t", dates);
        let sql = format!(
            "DELETE t FROM {} t STRAIGHT_JOIN {} m ON {} WHERE {of_dates} AND (m.is_provisional = 0 OR m.volume = t.volume)",
            pair.temp,
            pair.main,
            pair.on_key()
        );
        let expected: u64 = dates.iter().filter_map(|date| settled.get(date)).sum();
        if session.exec(&doing, &sql, values.clone())? != expected {
            return Err(changed());
        }
        let left = format!("SELECT 1 FROM {} t WHERE {of_dates} LIMIT 1 FOR UPDATE", pair.temp);
        if session.first::<u8>(&doing, &left, values)?.is_some() {
            return Err(changed());
        }
    }
    Ok(())
}

impl Report for CleanupReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["table temporaire", "état", ">lignes", ">prouvées", ">absentes", ">différentes"]);
        for row in &self.tables {
            let (verdict, state) = match row.status {
                Status::Cleaned => (Verdict::Ok, self.done.say("vidée", "à vider")),
                Status::Partial => (Verdict::Attention, self.done.say("vidée en partie", "à vider en partie")),
                Status::Empty => (Verdict::Ok, "déjà vide"),
                Status::Kept => (Verdict::Attention, self.done.say("gardée", "à garder")),
                Status::Failed => (Verdict::Error, "échec"),
            };
            table.row([
                row.temp.clone(),
                format!("{} {state}", verdict.sign()),
                number(row.temp_rows),
                number(row.proved),
                number(row.missing),
                number(row.different),
            ]);
        }
        page.table(&table);
        page.gap();
        for row in &self.tables {
            match row.status {
                Status::Kept if row.would_write && row.missing + row.different > 0 => {
                    let lines = plural(row.missing + row.different, "ligne n'est", "lignes ne sont");
                    let kept = self.done.verb(1, ["gardée", "gardées"]);
                    page.verdict(Verdict::Attention, format!("{} {kept} : {lines} pas dans {}", row.temp, row.main));
                }
                Status::Kept | Status::Partial => {
                    let lines = plural(row.left, "ligne reste", "lignes restent");
                    page.verdict(Verdict::Attention, format!("{} : {lines}, de dates laissées de côté", row.temp));
                }
                Status::Failed => row.failed.finding(&row.temp).iter().for_each(|finding| page.finding(finding)),
                Status::Cleaned | Status::Empty => {}
            }
        }
        self.findings.iter().for_each(|finding| page.finding(finding));
        if self.forgotten > 0 {
            let migrations = plural(self.forgotten, "migration ancienne n'est", "migrations anciennes ne sont");
            page.line(format!("  {migrations} plus annulable (--keep-history)"));
        }
        let cleaned: Vec<&CleanedTable> = self.tables.iter().filter(|row| row.emptied > 0).collect();
        let lines = cleaned.iter().map(|row| row.emptied).sum();
        page.conclude(
            self.verdict(),
            format!(
                "{}, {}",
                self.done.count(cleaned.len() as u64, ["table", "tables"], ["vidée", "vidées"]),
                plural(lines, "ligne", "lignes")
            ),
        );
        let kept = || self.tables.iter().filter(|row| row.status == Status::Kept && row.missing + row.different > 0);
        if kept().any(|row| row.would_write) {
            page.action("lancez `migrate-temp-to-main`, puis de nouveau `cleanup-temp` (--force vide sans preuve)");
        } else if kept().next().is_some() && self.findings.is_empty() {
            page.action("voyez `check-status` : il dit ce que la migration laisse de côté, et que faire");
        }
    }

    fn verdict(&self) -> Verdict {
        let verdict = |row: &CleanedTable| match row.status {
            Status::Cleaned | Status::Empty => Verdict::Ok,
            Status::Kept | Status::Partial => Verdict::Attention,
            Status::Failed => Verdict::Error,
        };
        let found = crate::report::verdict(&self.findings);
        self.tables.iter().map(verdict).max().unwrap_or(Verdict::Ok).max(found)
    }

    fn done(&self) -> Done {
        self.done
    }
}
