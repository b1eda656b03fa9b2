//! `flux_verifications`: what each verification of the main tables came to.

use crate::db::Session;
use crate::error::Result;
use crate::ledger::to_second;
use crate::schema::{TableSpec, column, key, primary};

/// Name of the table.
const TABLE: &str = "flux_verifications";

/// The table as it should be. `verdict` is `ok`, `attention` or `error`; `against` is `temp` or `archive`; `whole` tells whether all
/// tables and dates were asked for.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("id", "BIGINT NOT NULL AUTO_INCREMENT"),
            column("run", "CHAR(32) CHARACTER SET ascii NOT NULL"),
            column("tool", "VARCHAR(64) NOT NULL"),
            column("against", "VARCHAR(16) NOT NULL"),
            column("whole", "BOOLEAN NOT NULL"),
            column("verdict", "VARCHAR(16) NOT NULL"),
            column("finished_at", "DATETIME(3) NOT NULL"),
        ],
        indexes: vec![primary(vec!["id"]), key("k_run", vec!["run"])],
    }
}

/// A verification that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verification {
    pub(crate) run: String,
    pub(crate) tool: String,
    /// `temp` or `archive`.
    pub(crate) against: String,
    /// Of all tables and dates.
    pub(crate) whole: bool,
    /// `ok`, `attention` or `error`.
    pub(crate) verdict: String,
    /// In UTC.
    pub(crate) finished_at: String,
}

/// Remembers a verification that ends now; nothing in a database that later tools have changed.
///
/// # Errors
/// [`crate::error::Error::MissingTable`] on an older schema, [`crate::error::Error::Sql`].
pub(crate) fn record(session: &mut Session, made: &Verification) -> Result<()> {
    super::refuse_later_version(session)?;
    let sql = "INSERT INTO flux_verifications (run, tool, against, whole, verdict, finished_at) VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3))";
    let params = (&made.run, &made.tool, &made.against, made.whole, &made.verdict);
    session.exec("écriture de l'historique des vérifications", sql, params)?;
    Ok(())
}

/// The last one.
///
/// # Errors
/// As [`record`].
pub(crate) fn last(session: &mut Session) -> Result<Option<Verification>> {
    let sql = "SELECT run, tool, against, CAST(whole AS SIGNED), verdict, CAST(finished_at AS CHAR) FROM flux_verifications \
               ORDER BY id DESC LIMIT 1";
    type Fields = (String, String, String, i64, String, String);
    let last: Option<Fields> = session.first("lecture de l'historique des vérifications", sql, ())?;
    Ok(last.map(|(run, tool, against, whole, verdict, finished_at)| Verification {
        run,
        tool,
        against,
        whole: whole != 0,
        verdict,
        finished_at: to_second(&finished_at),
    }))
}
