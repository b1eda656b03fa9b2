//! `flux_adoption`: what was done to a database that older scripts made before the tools write to it, and whether it was done to the end.
//!
//! No writer touches a database that was neither created by these tools nor adopted: [`require`] stands at the writers' lock.

use crate::db::{Database, Session};
use crate::domain::catalogue::{DATASETS, DIMS, Space, fact_tables};
use crate::error::{Error, Result};
use crate::schema::{self, TableSpec, column, primary, quoted};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_adoption";

/// Tools that mend a database on its way to being adopted.
const MENDERS: [&str; 5] = ["adopt-database", "ensure-schema", "merge-dimension", "merge-zones", "restore-critical"];

/// Those of them that promise all or nothing, for which the tables must know transactions. The adoption sees to that before anything else.
const MOVERS: [&str; 2] = ["merge-dimension", "merge-zones"];

/// The first version of the ledger whose tools ask for an adoption.
const FIRST_TO_ADOPT: u32 = 3;

/// Steps that say how far an adoption is; others say what was done.
const BEGUN: &str = "begun";
const ADOPTED: &str = "adopted";
/// A name that was cut off: its table, the name, its number for a count of rows.
const CUT_OFF: &str = "cut-off";

/// Where a database comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// None of the tables holds a row: nothing can be lost.
    Empty,
    /// These tools made it.
    Own,
    /// Others made it, and nobody has looked at it yet.
    Foreign,
    /// Its adoption has begun; something is left to be mended.
    Begun,
    /// Looked at, mended, recorded.
    Adopted,
}

pub(crate) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("id", "BIGINT NOT NULL AUTO_INCREMENT"),
            column("step", "VARCHAR(32) NOT NULL"),
            column("place", "VARCHAR(190) NOT NULL"),
            column("detail", "TEXT NOT NULL"),
            column("changed_rows", "BIGINT NOT NULL DEFAULT 0"),
            column("done_at", "TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP"),
        ],
        indexes: vec![primary(vec!["id"])],
    }
}

/// Where the database comes from.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn origin(session: &mut Session) -> Result<Origin> {
    let doing = "origine de la base";
    let sql = format!("SELECT step FROM {TABLE} WHERE step IN (?, ?) ORDER BY id DESC LIMIT 1");
    let last: Option<String> = if_there(session.first(doing, &sql, (BEGUN, ADOPTED)))?;
    if let Some(step) = last {
        return Ok(if step == ADOPTED { Origin::Adopted } else { Origin::Begun });
    }
    if let Some(version) = first_version(session)? {
        let is_own = version >= FIRST_TO_ADOPT || !has_rows_of_before(session)?;
        return Ok(if is_own { Origin::Own } else { Origin::Foreign });
    }
    for table in schema::names(session)?.into_iter().filter(|table| is_rows_table(&table.to_lowercase())) {
        let row: Option<u8> = session.first(doing, &format!("SELECT 1 FROM {} LIMIT 1", quoted(&table)), ())?;
        if row.is_some() {
            return Ok(Origin::Foreign);
        }
    }
    Ok(Origin::Empty)
}

/// The version of the tools that first wrote to this database, where any did.
fn first_version(session: &mut Session) -> Result<Option<u32>> {
    let sql = format!("SELECT MIN(version) FROM {}", super::VERSIONS);
    let first: Option<Option<u32>> = if_there(session.first("origine de la base", &sql, ()))?;
    Ok(first.flatten())
}

/// Whether facts were there when tools of ours came that asked for no adoption yet: the row that each table began with says it.
fn has_rows_of_before(session: &mut Session) -> Result<bool> {
    for table in DATASETS.iter().map(|dataset| dataset.main_table(Space::Production)) {
        let sql = format!("SELECT created_at < ({}) FROM {table} ORDER BY id LIMIT 1", first_applied());
        let before: Option<Option<u8>> = Error::or_nothing(session.first("origine de la base", &sql, ()))?;
        if before.flatten() == Some(1) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When tools of ours first came, as SQL.
fn first_applied() -> String {
    format!("SELECT MIN(applied_at) FROM {}", super::VERSIONS)
}

/// A condition that leaves out the rows which tools of ours may have written before they asked for an adoption; `None` where they always
/// asked.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn before_us(session: &mut Session, column: &str) -> Result<Option<String>> {
    let asked_for_none = first_version(session)?.is_some_and(|version| version < FIRST_TO_ADOPT);
    Ok(asked_for_none.then(|| format!("{column} < ({})", first_applied())))
}

/// Whether a table, by its name in lower case, holds rows that can be lost.
fn is_rows_table(table: &str) -> bool {
    DIMS.iter().any(|spec| spec.table == table) || fact_tables().any(|(fact, _)| fact == table)
}

/// Whether a table bears a name of ours in other capitals.
pub(crate) fn is_in_capitals(table: &str) -> bool {
    let lower = table.to_lowercase();
    lower != table && is_rows_table(&lower)
}

/// What a table that may not be there answers.
fn if_there<T>(answer: Result<Option<T>>) -> Result<Option<T>> {
    match answer {
        Err(Error::MissingTable { .. }) => Ok(None),
        answer => answer,
    }
}

/// Whether this tool mends a database whose tables are not yet as they should be.
pub(super) fn is_mender(database: &Database) -> bool {
    MENDERS.contains(&database.tool())
}

/// Why nobody but the mending tools writes to a database of this origin.
pub(crate) fn refusal(database: &Database, origin: Origin) -> Option<Error> {
    let begun = match origin {
        Origin::Foreign => false,
        Origin::Begun => true,
        Origin::Empty | Origin::Own | Origin::Adopted => return None,
    };
    Some(Error::NotAdopted { database: database.name().to_owned(), begun })
}

/// Refuses a database that nobody has adopted, and tables that no transaction protects.
///
/// # Errors
/// [`Error::NotAdopted`], [`Error::UnsafeEngine`], [`Error::Sql`].
pub(super) fn require(database: &Database, session: &mut Session) -> Result<()> {
    let mender = is_mender(database);
    let origin = origin(session)?;
    let is_borne = if origin == Origin::Begun { mender } else { database.tool() == "adopt-database" };
    if let Some(error) = refusal(database, origin).filter(|_| !is_borne) {
        return Err(error);
    }
    if mender && !MOVERS.contains(&database.tool()) {
        return Ok(());
    }
    let found = schema::unsafe_engines(session)?.into_iter().find(|found| schema::is_ours(&found.table));
    found.map_or(Ok(()), |found| {
        let mend = found.mend();
        Err(Error::UnsafeEngine { table: found.table, engine: found.engine, mend })
    })
}

/// Begins an adoption: from here on only the tools that mend may write.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn begin(session: &mut Session) -> Result<()> {
    record(session, BEGUN, "", "", 0)
}

/// Ends it: the database is ours as if we had made it.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn complete(session: &mut Session) -> Result<()> {
    record(session, ADOPTED, "", "", 0)
}

/// Remembers something that was done, or decided.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn record(session: &mut Session, step: &str, place: &str, detail: &str, rows: u64) -> Result<()> {
    let sql = format!("INSERT INTO {TABLE} (step, place, detail, changed_rows) VALUES (?, ?, ?, ?)");
    session.exec("écriture de l'adoption", &sql, (step, place, detail, rows))?;
    Ok(())
}

/// Remembers a name that its column had no place for, by its number.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn record_cut_off(session: &mut Session, table: &str, id: u32, name: &str) -> Result<()> {
    if cut_off(session, table)?.iter().any(|(known, cut)| *known == id && cut == name) {
        return Ok(());
    }
    record(session, CUT_OFF, table, name, u64::from(id))
}

/// The names that a table had no place for, by their numbers.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn cut_off(session: &mut Session, table: &str) -> Result<Vec<(u32, String)>> {
    let sql = format!("SELECT changed_rows, detail FROM {TABLE} WHERE step = ? AND place = ?");
    Error::or_nothing(session.rows("lecture de l'adoption", &sql, (CUT_OFF, table)))
}

/// Whether a step was recorded.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn is_recorded(session: &mut Session, step: &str) -> Result<bool> {
    let sql = format!("SELECT 1 FROM {TABLE} WHERE step = ? LIMIT 1");
    Ok(if_there(session.first::<u8>("lecture de l'adoption", &sql, (step,)))?.is_some())
}
