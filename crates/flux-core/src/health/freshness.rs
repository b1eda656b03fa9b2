//! How fresh the data are: until when, when they last changed, the last import of each weekly file, what is being written now.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{Space, weekly};
use crate::error::{Error, Result, codes};
use crate::figures::period::optional_day_text;
use crate::ledger::verifications::{self, Verification};
use crate::ledger::{history, lock, migrations, progress};

/// A main table of the weekly delivery.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TableFreshness {
    /// Name of the main table.
    pub table: String,
    /// Last date in it; none while it is empty or missing.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub donnees_jusqu_au: Option<NaiveDate>,
    /// When it last changed, in UTC, as far as the server remembers since it was started.
    pub modifiee_le: Option<String>,
    /// When its file was last imported, in UTC.
    pub dernier_import: Option<String>,
    /// How that went: `loaded`, `failed` …
    pub import: Option<String>,
    /// Lines that were rejected.
    pub rejets: Option<u64>,
}

/// What is being written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Running {
    /// The tool, where it says so.
    pub outil: Option<String>,
    /// When it began, in UTC, of imports.
    pub depuis: Option<String>,
    /// How far it is, of imports.
    pub avancement_pct: Option<u64>,
}

/// The last verification of the main tables.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// Id of the run, as `flux_import_history` keeps it.
    pub execution: String,
    /// The tool that made it.
    pub outil: String,
    /// When, in UTC.
    pub le: String,
    /// `ok`, `attention` or `error`.
    pub verdict: String,
    /// Against the archived deliveries, not the temporary tables.
    pub archives: bool,
    /// Whether only some tables or dates were asked for.
    pub partielle: bool,
}

/// How old the figures are, and what is going on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Freshness {
    /// Last date in the main tables: the least of them.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub donnees_jusqu_au: Option<NaiveDate>,
    /// Last import of a file, in UTC.
    pub dernier_import: Option<String>,
    /// Last migration, in UTC.
    pub derniere_migration: Option<String>,
    /// The last verification of the main tables; none where nobody has verified.
    pub derniere_verification: Option<Verified>,
    /// Last change of a main table, in UTC, whoever made it.
    pub derniere_modification: Option<String>,
    /// What is being written now.
    pub en_cours: Option<Running>,
    /// The tables of the weekly delivery, in its order.
    pub tables: Vec<TableFreshness>,
}

/// Looks. Reads only, and no fact.
///
/// # Errors
/// Those of the connection.
pub fn freshness(database: &Database) -> Result<Freshness> {
    let mut session = database.session()?;
    let mut tables = Vec::new();
    for dataset in weekly() {
        let table = dataset.main_table(Space::Production);
        let last = optional(history::last_attempt(&mut session, &dataset.temp_table(Space::Production)))?.flatten();
        tables.push(TableFreshness {
            donnees_jusqu_au: last_date(&mut session, &table)?,
            modifiee_le: changed(&mut session, &table)?,
            dernier_import: last.as_ref().map(|last| last.finished_at.clone()),
            import: last.as_ref().map(|last| last.status.clone()),
            rejets: last.as_ref().map(|last| last.rejected),
            table,
        });
    }
    let freshness = Freshness {
        donnees_jusqu_au: tables.iter().filter_map(|table| table.donnees_jusqu_au).min(),
        dernier_import: tables.iter().filter_map(|table| table.dernier_import.clone()).max(),
        derniere_migration: optional(migrations::last_finished(&mut session))?.flatten(),
        derniere_verification: optional(verifications::last(&mut session))?.flatten().map(verified),
        derniere_modification: tables.iter().filter_map(|table| table.modifiee_le.clone()).max(),
        en_cours: running(database, &mut session)?,
        tables,
    };
    database.give_back(session);
    Ok(freshness)
}

fn verified(last: Verification) -> Verified {
    Verified {
        execution: last.run,
        outil: last.tool,
        le: last.finished_at,
        verdict: last.verdict,
        archives: last.against == "archive",
        partielle: !last.whole,
    }
}

/// A database that is not prepared yet, or does not show it to this user, has nothing to tell.
fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::MissingTable { .. } | Error::MissingColumn { .. }) => Ok(None),
        Err(error) if error.has_code(codes::ACCESS_DENIED) => Ok(None),
        Err(error) => Err(error),
    }
}

fn last_date(session: &mut Session, table: &str) -> Result<Option<NaiveDate>> {
    let sql = format!("SELECT CAST(MAX(date) AS CHAR) FROM {table}");
    let last: Option<Option<Option<String>>> = optional(session.first(&format!("dates de {table}"), &sql, ()))?;
    Ok(last.flatten().flatten().and_then(|day| day.parse().ok()))
}

fn changed(session: &mut Session, table: &str) -> Result<Option<String>> {
    let sql = "SELECT CAST(update_time AS CHAR) AS changed FROM information_schema.tables \
               WHERE table_schema = DATABASE() AND table_name = ?";
    let changed: Option<Option<String>> = session.first(&format!("état de {table}"), sql, (table,))?;
    Ok(changed.flatten())
}

fn running(database: &Database, session: &mut Session) -> Result<Option<Running>> {
    let Some(holder) = lock::holder(database, session)? else { return Ok(None) };
    let import = optional(progress::last_run(session))?.flatten();
    let import = import.filter(|head| head.state == "running" && head.lock_id == Some(holder.connection));
    Ok(Some(Running {
        outil: holder.tool,
        depuis: import.as_ref().map(|head| head.started_at.clone()),
        avancement_pct: import
            .filter(|head| head.total > 0)
            .map(|head| head.position.min(head.total) * 100 / head.total),
    }))
}
