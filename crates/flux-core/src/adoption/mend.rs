//! What is done to a database without losing anything, in the order in which it works. Each step is done whole or not at all, is said,
//! and is recorded.

use crate::adoption::{AdoptOptions, Step, capitals, marks};
use crate::db::{Database, Session};
use crate::domain::catalogue::{DIMS, Dim};
use crate::error::{Error, Result};
use crate::ledger::adoption::Origin;
use crate::ledger::{self, Lock, adoption};
use crate::schema::{self, IS_TABLE};
use crate::setup::{self, SetupOptions, names};

/// The command that does all this.
pub(super) const APPLY: &str = "adopt-database --apply";

/// Mends.
///
/// # Errors
/// Those that concern the run as a whole; what one step meets stands in its [`Step`].
pub(super) fn mend(database: &Database, options: AdoptOptions, lock: &Lock) -> Result<Vec<Step>> {
    let mut session = database.session()?;
    let mut steps = Vec::new();
    if !capitals::find(&mut session)?.is_empty() {
        return Ok(steps);
    }
    let origin = adoption::origin(&mut session)?;
    engines(&mut session, &mut steps)?;
    ledger_tables(&mut session, &mut steps)?;
    if origin == Origin::Foreign {
        adoption::begin(&mut session)?;
    }
    names::remember_cut(&mut session)?;
    // A list of names (ENUM) is a text before its letters change, for a server may take one of them for none of the list.
    structure(database, &mut steps)?;
    character_sets(&mut session, &mut steps)?;
    lock.ensure()?;
    let present = schema::existing(&mut session)?;
    if present.contains_key(Dim::Commune.spec().table) {
        let result = database.transaction(names::name_communes);
        push(&mut steps, Dim::Commune.spec().table, "noms donnés d'après le code INSEE", result)?;
        let result = database.transaction(names::place_communes);
        push(&mut steps, Dim::Commune.spec().table, "codes INSEE et départements donnés d'après le nom", result)?;
    }
    for spec in DIMS.iter().filter(|spec| present.contains_key(spec.table)) {
        let result = database.transaction(|session| names::repair(session, spec.dim));
        push(&mut steps, spec.table, "noms abîmés réparés", result)?;
    }
    if let Some(choice) = options.marks.filter(|_| matches!(origin, Origin::Foreign | Origin::Begun)) {
        match marks::decide(database, &present, choice) {
            Ok(flagged) => {
                for (table, rows) in flagged {
                    push(&mut steps, &table, "lignes définitives marquées comme telles", Ok(rows))?;
                }
            }
            Err(error) => push(&mut steps, "is_provisional", "lignes définitives marquées comme telles", Err(error))?,
        }
    }
    lock.ensure()?;
    for step in steps.iter().filter(|step| step.error.is_none()) {
        adoption::record(&mut session, "step", &step.place, &step.what, step.rows)?;
    }
    Ok(steps)
}

/// Adds what a step did, unless there was nothing to do.
fn push(steps: &mut Vec<Step>, place: &str, what: &str, result: Result<u64>) -> Result<()> {
    let step = |rows, error| Step { what: what.to_owned(), place: place.to_owned(), rows, error };
    match result {
        Ok(0) => {}
        Ok(rows) => steps.push(step(rows, None)),
        Err(error @ (Error::Interrupted | Error::Connect { .. })) => return Err(error),
        Err(error) if error.is_locked_out() => return Err(error),
        Err(error) => {
            log::info!("{place} : {error}");
            let hint = error.hint().map_or_else(String::new, |hint| format!(" (→ {hint})"));
            steps.push(step(0, Some(format!("{error}{hint}"))));
        }
    }
    Ok(())
}

/// Does one statement of DDL.
fn alter(session: &mut Session, steps: &mut Vec<Step>, table: &str, what: &str, ddl: &str) -> Result<()> {
    crate::signals::check()?;
    log::info!("{ddl}");
    match schema::alter(session, table, ddl) {
        Ok(()) => {
            steps.push(Step { what: what.to_owned(), place: table.to_owned(), rows: 0, error: None });
            Ok(())
        }
        Err(error) => push(steps, table, what, Err(error)),
    }
}

/// Transactions first: all that follows relies on them.
fn engines(session: &mut Session, steps: &mut Vec<Step>) -> Result<()> {
    for found in schema::unsafe_engines(session)?.into_iter().filter(|found| schema::is_ours(&found.table)) {
        if let Some(ddl) = found.mend() {
            alter(session, steps, &found.table, &format!("{} → InnoDB", found.engine), &ddl)?;
        }
    }
    Ok(())
}

fn ledger_tables(session: &mut Session, steps: &mut Vec<Step>) -> Result<()> {
    let present = schema::existing(session)?;
    for spec in ledger::tables() {
        if let Some(change) = schema::change(&spec, present.get(&spec.name)) {
            change.apply(session, |session| {
                Ok(schema::change(&spec, schema::existing(session)?.get(&spec.name)).is_none())
            })?;
            steps.push(Step { what: change.what, place: change.table, rows: 0, error: None });
        }
    }
    Ok(())
}

/// Dimensions whose names are in a character set that has no place for every name; that of the table is only what new columns get.
pub(super) fn narrow_tables(session: &mut Session) -> Result<Vec<(String, String)>> {
    let sql = format!(
        "SELECT c.table_name AS t, c.column_name AS c, c.collation_name AS n FROM information_schema.columns c \
         JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
         WHERE c.table_schema = DATABASE() AND {IS_TABLE} AND c.collation_name NOT LIKE 'utf8%' \
         AND c.collation_name NOT LIKE 'uca1400%' ORDER BY c.table_name"
    );
    let columns: Vec<(String, String, String)> = session.rows("jeux de caractères", &sql, ())?;
    let is_name = |table: &str, column: &str| {
        DIMS.iter().any(|spec| spec.table == table && spec.name.eq_ignore_ascii_case(column))
    };
    let names = columns.into_iter().filter(|(table, column, _)| is_name(table, column));
    Ok(names.map(|(table, _, collation)| (table, collation)).collect())
}

/// The statement that makes room, also for the wider key, which older row formats do not hold.
pub(super) fn widening(table: &str) -> String {
    format!("ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, ROW_FORMAT=DYNAMIC")
}

fn character_sets(session: &mut Session, steps: &mut Vec<Step>) -> Result<()> {
    for (table, collation) in narrow_tables(session)? {
        alter(session, steps, &table, &format!("{collation} → utf8mb4_unicode_ci"), &widening(&table))?;
    }
    Ok(())
}

/// Tables, columns and keys, as far as the rows allow.
fn structure(database: &Database, steps: &mut Vec<Step>) -> Result<()> {
    let report = setup::carry_out(database, SetupOptions::whole(false))?;
    for change in report.changes {
        steps.push(Step { what: change.what, place: change.table, rows: 0, error: None });
    }
    for failure in report.failures {
        steps.push(Step { what: "structure".into(), place: "ensure-schema".into(), rows: 0, error: Some(failure) });
    }
    Ok(())
}
