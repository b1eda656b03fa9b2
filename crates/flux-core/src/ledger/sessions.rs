//! `flux_portal_sessions`: who is logged in to the portal. Only the hash of a session's secret is stored: whoever reads the table
//! cannot take a session over.

use crate::db::Session;
use crate::error::Result;
use crate::schema::{TableSpec, column, key, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_portal_sessions";

/// Seconds without a request after which a session ends.
pub(crate) const IDLE_S: u32 = 3_600;
/// Seconds after which it ends in any case.
pub const LONGEST_S: u32 = 12 * 3_600;
/// Seconds between two writes of the last request.
const TOUCH_S: u32 = 60;

const READING: &str = "lecture des sessions du portail";
const WRITING: &str = "écriture des sessions du portail";

/// The table as it should be.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("token_hash", "CHAR(64) CHARACTER SET ascii NOT NULL"),
            column("user_id", "BIGINT NOT NULL"),
            column("created_at", "DATETIME(3) NOT NULL"),
            column("seen_at", "DATETIME(3) NOT NULL"),
        ],
        indexes: vec![primary(vec!["token_hash"]), key("k_user", vec!["user_id"])],
    }
}

/// Begins a session, and forgets those that have ended.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn begin(session: &mut Session, hash: &str, user: u64) -> Result<()> {
    let sql = format!(
        "DELETE FROM flux_portal_sessions WHERE seen_at < UTC_TIMESTAMP(3) - INTERVAL {IDLE_S} SECOND \
         OR created_at < UTC_TIMESTAMP(3) - INTERVAL {LONGEST_S} SECOND"
    );
    session.exec(WRITING, &sql, ())?;
    let sql = "INSERT INTO flux_portal_sessions (token_hash, user_id, created_at, seen_at) \
               VALUES (?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))";
    session.exec(WRITING, sql, (hash, user))?;
    Ok(())
}

/// Whose session this is, while it lasts; the request counts as its last one.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn user_of(session: &mut Session, hash: &str) -> Result<Option<u64>> {
    let sql = format!(
        "SELECT user_id, seen_at < UTC_TIMESTAMP(3) - INTERVAL {TOUCH_S} SECOND FROM flux_portal_sessions \
         WHERE token_hash = ? AND seen_at >= UTC_TIMESTAMP(3) - INTERVAL {IDLE_S} SECOND \
         AND created_at >= UTC_TIMESTAMP(3) - INTERVAL {LONGEST_S} SECOND"
    );
    let Some((user, untouched)) = session.first::<(u64, bool)>(READING, &sql, (hash,))? else { return Ok(None) };
    if untouched {
        let sql = "UPDATE flux_portal_sessions SET seen_at = UTC_TIMESTAMP(3) WHERE token_hash = ?";
        session.exec(WRITING, sql, (hash,))?;
    }
    Ok(Some(user))
}

/// Ends a session.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn end(session: &mut Session, hash: &str) -> Result<()> {
    session.exec(WRITING, "DELETE FROM flux_portal_sessions WHERE token_hash = ?", (hash,))?;
    Ok(())
}

/// Ends all sessions of an account; returns how many.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn end_all(session: &mut Session, user: u64) -> Result<u64> {
    session.exec(WRITING, "DELETE FROM flux_portal_sessions WHERE user_id = ?", (user,))
}
