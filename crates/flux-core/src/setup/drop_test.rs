//! `ensure-schema --drop-test`: the `_test` tables dropped, and what the history says of them undone.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DATASETS, Space};
use crate::error::{Error, Result};
use crate::ledger::history;
use crate::ledger::ownership::{self, PROGRESS};
use crate::report::{Done, Finding, Page, Report, Table, Verdict, number, plural};
use crate::schema;
use crate::signals;

/// Seconds that a DROP waits for those who use the table: whoever comes meanwhile waits behind it.
const PATIENCE: u32 = 10;

#[derive(Debug, Serialize, JsonSchema)]
struct Dropped {
    table: String,
    /// Rows that it held.
    rows: u64,
    dropped: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DropReport {
    #[serde(rename = "dry_run")]
    done: Done,
    dropped: Vec<Dropped>,
    rows: u64,
    findings: Vec<Finding>,
}

/// Drops the test tables, by the names that the catalogue gives them, and no other table.
///
/// # Errors
/// Those of the connection and the lock; a table that cannot be dropped is in the report.
pub(crate) fn drop_test(database: &Database, dry_run: bool) -> Result<impl Report + use<>> {
    let lock = if dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let existing = schema::existing(&mut session)?;
    let temp = |dataset: &'static crate::domain::catalogue::Dataset| {
        dataset.weekly_file.map(|_| dataset.temp_table(Space::Test))
    };
    let names =
        DATASETS.iter().flat_map(|dataset| std::iter::once(dataset.main_table(Space::Test)).chain(temp(dataset)));
    let mut report = DropReport { done: Done::unless(dry_run), dropped: Vec::new(), rows: 0, findings: Vec::new() };
    for table in names.filter(|table| existing.contains_key(table)) {
        signals::check()?;
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let rows: u64 = session.first(&format!("comptage de {table}"), &sql, ())?.unwrap_or_default();
        let mut dropped = Dropped { table, rows, dropped: false };
        if lock.is_some() {
            match drop(&mut session, &dropped.table) {
                Ok(()) => dropped.dropped = true,
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => report.findings.push(error.finding(&dropped.table)),
            }
        }
        report.rows += rows;
        report.dropped.push(dropped);
    }
    // After the tables: what a crash leaves in between is a history of tables that are gone, which the next run sets right.
    if lock.is_some() {
        let own = |table: &str| existing.contains_key(table);
        let gone: Vec<String> = DATASETS
            .iter()
            .flat_map(|dataset| [dataset.main_table(Space::Test), dataset.temp_table(Space::Test)])
            .filter(|table| !report.dropped.iter().any(|kept| kept.table == *table && !kept.dropped))
            .collect();
        database.transaction(|session| gone.iter().try_for_each(|table| forget(session, table, &own)))?;
    }
    Ok(report)
}

fn drop(session: &mut Session, table: &str) -> Result<()> {
    let (doing, sql) = (format!("suppression de {table}"), format!("DROP TABLE IF EXISTS {table}"));
    let drop = |session: &mut Session| {
        session.exec_aside("réglages", &format!("SET SESSION lock_wait_timeout = {PATIENCE}"), ())?;
        session.exec(&doing, &sql, ()).map(|_| ())
    };
    session.restructure(|_| Ok(false), drop)
}

/// Files loaded into a table that is gone are not loaded.
fn forget(session: &mut Session, table: &str, own: &dyn Fn(&str) -> bool) -> Result<()> {
    let (first, last) = ("1000-01-01", "9999-12-31");
    if own(history::TABLE) {
        history::undo(session, table, (first, last), None)?;
    }
    if own(PROGRESS) {
        ownership::forget(session, table, first, last)?;
    }
    Ok(())
}

impl Report for DropReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["table de test", ">lignes"]);
        for dropped in &self.dropped {
            table.row([dropped.table.clone(), number(dropped.rows)]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        let count = self.dropped.iter().filter(|table| table.dropped || !self.done.really()).count() as u64;
        if self.dropped.is_empty() {
            page.conclude(Verdict::Ok, "aucune table de test");
            return;
        }
        let tables = self.done.count(count, ["table de test", "tables de test"], ["supprimée", "supprimées"]);
        page.conclude(self.verdict(), format!("{tables}, {}", plural(self.rows, "ligne", "lignes")));
        if !self.done.really() {
            page.confirm(None);
        }
    }

    fn verdict(&self) -> Verdict {
        if self.findings.is_empty() { Verdict::Ok } else { Verdict::Error }
    }

    fn done(&self) -> Done {
        self.done
    }
}
