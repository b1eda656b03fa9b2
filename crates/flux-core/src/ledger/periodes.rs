//! `flux_periodes`: the periods that `update-saisons` wrote, with the days that it wrote, which tells them from those of people.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::db::Session;
use crate::error::{Error, Result, codes};
use crate::schema::{TableSpec, column, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_periodes";

/// The table as it should be.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("code_periode", "VARCHAR(50) NOT NULL"),
            column("annee", "SMALLINT NOT NULL"),
            column("premier_jour", "DATE NOT NULL"),
            column("dernier_jour", "DATE NOT NULL"),
        ],
        indexes: vec![primary(vec!["code_periode", "annee"])],
    }
}

/// Creates the table in a database that `ensure-schema` has not brought up to date.
///
/// # Errors
/// [`Error::MissingTable`] where this user may not, [`Error::Sql`].
pub(crate) fn create(session: &mut Session) -> Result<()> {
    match session.exec("création de flux_periodes", &spec().create(), ()) {
        Err(error) if error.has_code(codes::ACCESS_DENIED) => Err(Error::MissingTable { table: TABLE.into() }),
        result => result.map(|_| ()),
    }
}

/// First and last day.
type Days = (NaiveDate, NaiveDate);

/// The days that were written last, by code and year.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn written(session: &mut Session) -> Result<HashMap<(String, i32), Days>> {
    let rows: Vec<(String, i32, String, String)> = session.rows(
        "lecture de flux_periodes",
        "SELECT code_periode, CAST(annee AS SIGNED), CAST(premier_jour AS CHAR), CAST(dernier_jour AS CHAR) \
         FROM flux_periodes",
        (),
    )?;
    let row = |(code, annee, first, last): (String, i32, String, String)| {
        Some(((code, annee), (first.parse().ok()?, last.parse().ok()?)))
    };
    Ok(rows.into_iter().filter_map(row).collect())
}

/// Remembers the days of a period.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn remember(session: &mut Session, code: &str, annee: i32, (first, last): Days) -> Result<()> {
    session.exec(
        "écriture de flux_periodes",
        "REPLACE INTO flux_periodes (code_periode, annee, premier_jour, dernier_jour) VALUES (?, ?, ?, ?)",
        (code, annee, first.to_string(), last.to_string()),
    )?;
    Ok(())
}

/// Forgets a period that was deleted.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn forget(session: &mut Session, code: &str, annee: i32) -> Result<()> {
    let sql = "DELETE FROM flux_periodes WHERE code_periode = ? AND annee = ?";
    session.exec("vidage de flux_periodes", sql, (code, annee))?;
    Ok(())
}
