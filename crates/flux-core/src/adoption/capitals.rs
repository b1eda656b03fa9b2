//! Tables that bear our names in other capitals. Where the server tells them apart the tools would make empty ones beside them, and the
//! history would be in nobody's sight.

use crate::db::Session;
use crate::error::Result;
use crate::ledger::adoption;
use crate::report::{Code, Finding};
use crate::schema;

/// What was found, one finding a table. Only its owner knows who else asks for the table by its name.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn find(session: &mut Session) -> Result<Vec<Finding>> {
    let present = schema::names(session)?;
    let mut tables: Vec<&String> = present.iter().filter(|table| adoption::is_in_capitals(table)).collect();
    tables.sort_unstable();
    let finding = |table: &String| {
        let ours = table.to_lowercase();
        let (message, action) = if present.contains(&ours) {
            (
                format!("les outils écrivent dans {ours}, qui est là aussi : ils ne verraient rien de {table}"),
                format!("réunissez leurs lignes dans {ours}, puis donnez à {table} un autre nom"),
            )
        } else {
            let (from, to) = (schema::quoted(table), schema::quoted(&ours));
            (
                format!("les outils cherchent {ours}, et ce serveur distingue les capitales des noms de tables"),
                format!("RENAME TABLE {from} TO {to}, une fois le portail prêt à ce nom"),
            )
        };
        Finding::attention(Code::TableUnfit, table, message).action(action)
    };
    Ok(tables.into_iter().map(finding).collect())
}
