//! `flux_row_history`: the rows of the main tables that a migration withdrew, changed or added, with what they held before and after.
//! Written first, in the transaction of the migration, by `INSERT … SELECT`; the changes then follow what is written.

use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Session, marks};
use crate::domain::calendar::days::weekday_in_sql;
use crate::domain::catalogue::Dim;
use crate::error::{Error, Result};
use crate::ledger::to_second;
use crate::report::{number, plural};
use crate::schema::{TableSpec, column, primary};

/// Name of the table.
pub(crate) const TABLE: &str = "flux_row_history";

/// The table as it should be. The two ids after the base ones are those of the table's breakdown, in the order of its key; 0 where it
/// has none. `kind` is `w` for a row withdrawn, `c` for one changed, `i` for one added.
pub(super) fn spec() -> TableSpec {
    TableSpec {
        name: TABLE.into(),
        columns: vec![
            column("migration", "BIGINT NOT NULL"),
            column("kind", "CHAR(1) CHARACTER SET ascii NOT NULL"),
            column("date", "DATE NOT NULL"),
            column("id_zone", "INT NOT NULL"),
            column("id_provenance", "INT NOT NULL"),
            column("id_categorie", "INT NOT NULL"),
            column("id_breakdown_1", "INT NOT NULL"),
            column("id_breakdown_2", "INT NOT NULL"),
            column("volume_before", "BIGINT NULL"),
            column("volume_after", "BIGINT NULL"),
            column("provisional_before", "TINYINT NULL"),
        ],
        indexes: vec![primary(vec![
            "migration",
            "kind",
            "date",
            "id_zone",
            "id_provenance",
            "id_categorie",
            "id_breakdown_1",
            "id_breakdown_2",
        ])],
    }
}

/// The key columns as they are called in `flux_row_history`.
const KEY: [&str; 6] = ["date", "id_zone", "id_provenance", "id_categorie", "id_breakdown_1", "id_breakdown_2"];

/// What the ids of a key count in its [`checksum`].
const FACTORS: [i64; 5] = [7, 31, 127, 521, 2053];

/// A number for the key and the volume of a row of `side`, which added up tells whether rows were changed, though their number and volume
/// were not.
pub(crate) fn checksum(side: &str, key: &[&str]) -> String {
    let ids = key.iter().skip(1).zip(FACTORS);
    let ids: Vec<String> = ids.map(|(column, factor)| format!("{side}.{column} * {factor}")).collect();
    format!("({side}.volume + 1) * (({}) % 8191 + 1)", ids.join(" + "))
}

/// [`checksum`] of a row that is at hand: its volume, and its ids in the order of the key.
pub(crate) fn check_of(volume: i64, ids: &[i64]) -> i64 {
    let ids = ids.iter().zip(FACTORS).fold(0i64, |sum, (id, factor)| sum.wrapping_add(id.wrapping_mul(factor)));
    volume.wrapping_add(1).wrapping_mul(ids % 8191 + 1)
}

/// What was done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Added,
    Changed,
    Withdrawn,
}

/// A change of a row that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// Order of the migrations.
    #[serde(skip)]
    pub(crate) migration: u64,
    pub(crate) run: String,
    pub(crate) tool: String,
    /// In UTC.
    pub(crate) at: String,
    pub(crate) change: What,
    pub(crate) volume_before: Option<i64>,
    /// Unknown of a row that came with a date and zone that had none.
    pub(crate) volume_after: Option<i64>,
    pub(crate) provisional_before: Option<bool>,
    /// When it was undone, in UTC.
    pub(crate) undone_at: Option<String>,
    /// Which row of a key that several have: its zone, and the first id of its breakdown; nothing for any.
    #[serde(skip)]
    pub(crate) of: (u32, Option<u32>),
}

const READING: &str = "lecture de l'historique des lignes";

/// What migrations have done with the rows of a key, oldest first. `ids` are those of its columns after the date, nothing for any.
/// Nothing is known on an older schema.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn changes(session: &mut Session, main: &str, date: &str, ids: &[&[u32]]) -> Result<Vec<Change>> {
    let mut changes = match kept_changes(session, main, date, ids) {
        Err(Error::MissingTable { .. }) => return Ok(Vec::new()),
        changes => changes?,
    };
    let zones = ids.first().copied().unwrap_or_default();
    for new in new_cells(session, main, date, zones)? {
        // Of rows that came with a cell only their number is kept: a later change shows that the row was among them.
        let later = |change: &&Change| {
            change.of.0 == new.of.0 && change.migration > new.migration && change.undone_at.is_none()
        };
        if let Some(next) = changes.iter().find(later).filter(|next| next.change != What::Added) {
            changes.push(Change { volume_after: next.volume_before, of: next.of, ..new });
        }
    }
    changes.sort_by_key(|change| change.migration);
    Ok(changes)
}

type Fields =
    (u64, String, String, String, Option<String>, String, Option<i64>, Option<i64>, Option<i64>, u32, Option<u32>);

fn change((migration, run, tool, at, undone_at, kind, before, after, provisional, zone, first): Fields) -> Change {
    Change {
        migration,
        run,
        tool,
        at: to_second(&at),
        change: match kind.as_str() {
            "w" => What::Withdrawn,
            "c" => What::Changed,
            _ => What::Added,
        },
        volume_before: before,
        volume_after: after,
        provisional_before: provisional.map(|mark| mark != 0),
        undone_at: undone_at.as_deref().map(to_second),
        of: (zone, first),
    }
}

const OF_MIGRATION: &str = "m.id, m.run, m.tool, CAST(m.finished_at AS CHAR), CAST(m.undone_at AS CHAR)";
const OF_DATE: &str = "m.table_name = ? AND ? BETWEEN m.first_date AND m.last_date";

fn kept_changes(session: &mut Session, main: &str, date: &str, ids: &[&[u32]]) -> Result<Vec<Change>> {
    let mut sql = format!(
        "SELECT {OF_MIGRATION}, h.kind, h.volume_before, h.volume_after, CAST(h.provisional_before AS SIGNED), \
         h.id_zone, h.id_breakdown_1 \
         FROM flux_migrations m STRAIGHT_JOIN {TABLE} h ON h.migration = m.id \
         WHERE {OF_DATE} AND h.kind IN ('w', 'c', 'i') AND h.date = ?"
    );
    let mut params: Vec<Value> = [main, date, date].map(Value::from).into();
    for (column, ids) in KEY.iter().skip(1).zip(ids).filter(|(_, ids)| !ids.is_empty()) {
        sql.push_str(&format!(" AND h.{column} IN {}", marks(1, ids.len())));
        params.extend(ids.iter().map(Value::from));
    }
    let rows: Vec<Fields> = session.rows(READING, &format!("{sql} ORDER BY m.id"), params)?;
    Ok(rows.into_iter().map(change).collect())
}

/// The migrations that brought a date of these zones of which main had nothing provisional.
fn new_cells(session: &mut Session, main: &str, date: &str, zones: &[u32]) -> Result<Vec<Change>> {
    let sql = format!(
        "SELECT DISTINCT {OF_MIGRATION}, 'i', NULL, NULL, NULL, c.id_zone, NULL FROM flux_migrations m \
         STRAIGHT_JOIN flux_migration_cells c ON c.migration = m.id \
         WHERE {OF_DATE} AND c.date = ? AND c.is_new = 1 AND c.inserted > 0 AND c.id_zone IN {}",
        marks(1, zones.len().max(1))
    );
    let mut params: Vec<Value> = [main, date, date].map(Value::from).into();
    params.extend(zones.iter().map(Value::from));
    if zones.is_empty() {
        params.push(0.into());
    }
    let rows: Vec<Fields> = session.rows(READING, &sql, params)?;
    Ok(rows.into_iter().map(change).collect())
}

/// A migration of one table, while it is carried out or undone.
#[derive(Debug)]
pub(crate) struct Ledgered<'a> {
    /// Id of the migration.
    pub(crate) id: u64,
    pub(crate) temp: &'a str,
    pub(crate) main: &'a str,
    /// Columns of the natural key, `date` and the base ones first.
    pub(crate) key: &'a [&'static str],
    /// Columns that a row fills: the key, what else there is, the volume.
    pub(crate) columns: &'a [&'static str],
    /// Condition on a temporary row `t` that can be migrated.
    pub(crate) whole: &'a str,
    /// Whether main tells when a row was changed (`updated_at`).
    pub(crate) dated: bool,
}

/// Rows that each step must concern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) inserted: u64,
    /// Of these, in cells of which main had provisional rows.
    pub(crate) inserted_known: u64,
    pub(crate) updated: u64,
    pub(crate) removed: u64,
    /// Main has none of the temporary rows: they need not be looked for.
    pub(crate) all_new: bool,
}

impl Ledgered<'_> {
    /// `m.date = t.date AND …`
    fn on_key(&self) -> String {
        self.key.iter().map(|column| format!("m.{column} = t.{column}")).collect::<Vec<_>>().join(" AND ")
    }

    /// `m.date = h.date AND m.id_pays = h.id_breakdown_1 AND …`
    fn on_history(&self) -> String {
        self.key
            .iter()
            .zip(KEY)
            .map(|(column, known)| format!("m.{column} = h.{known}"))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// The key of a row of `side`, as long as that of `flux_row_history`.
    fn key_of(&self, side: &str) -> String {
        let own = self.key.iter().map(|column| format!("{side}.{column}"));
        own.chain(std::iter::repeat("0".to_owned())).take(KEY.len()).collect::<Vec<_>>().join(", ")
    }

    /// The end of a SET list that leaves `updated_at` as it is. When a row took a new volume stands in the history of the migrations. The
    /// first time to be set makes a row longer, which then moves within its full page: three quarters of the cost of a revision. And a
    /// provisional row with a time is what older databases hold for a definitive one.
    fn undated(&self) -> &'static str {
        if self.dated { ", m.updated_at = m.updated_at" } else { "" }
    }

    /// One statement, which must concern exactly `planned` rows.
    fn step(&self, session: &mut Session, what: &str, planned: u64, sql: &str) -> Result<()> {
        if planned == 0 {
            return Ok(());
        }
        let done = session.exec(&format!("{what} dans {}", self.main), sql, (self.id,))?;
        if done == planned {
            return Ok(());
        }
        Err(Error::Invariant(format!("{} : {what} de {done} lignes au lieu de {planned}", self.main)))
    }

    fn record(&self, session: &mut Session, what: &str, planned: u64, select: &str) -> Result<()> {
        let columns = KEY.join(", ");
        let sql = format!(
            "INSERT INTO flux_row_history (migration, kind, {columns}, volume_before, volume_after, provisional_before) {select}"
        );
        self.step(session, what, planned, &sql)
    }

    /// Carries a migration out, cell by cell, once its cells are written.
    ///
    /// # Errors
    /// [`Error::Invariant`] where a statement concerns other rows than `planned`.
    pub(crate) fn carry_out(&self, session: &mut Session, planned: &Planned, overwrite: bool) -> Result<()> {
        let Self { temp, main, whole, .. } = self;
        let on_key = self.on_key();
        // The order is fixed: statistics of a table that was emptied and filled again mislead the optimiser.
        let temp_of_cells =
            format!("flux_migration_cells c STRAIGHT_JOIN {temp} t ON t.date = c.date AND t.id_zone = c.id_zone");
        let withdrawn = format!(
            "SELECT c.migration, 'w', {}, m.volume, NULL, m.is_provisional FROM flux_migration_cells c \
             STRAIGHT_JOIN {main} m ON m.date = c.date AND m.id_zone = c.id_zone LEFT JOIN {temp} t ON {on_key} \
             WHERE c.migration = ? AND c.withdraws = 1 AND t.date IS NULL AND m.is_provisional <> 0",
            self.key_of("m")
        );
        self.record(session, "relevé du retrait", planned.removed, &withdrawn)?;
        let concerned = if overwrite { "(m.is_provisional = 0 OR" } else { "(m.is_provisional <> 0 AND" };
        let changed = format!(
            "SELECT c.migration, 'c', {}, m.volume, t.volume, m.is_provisional FROM {temp_of_cells} \
             STRAIGHT_JOIN {main} m ON {on_key} WHERE c.migration = ? AND {whole} AND {concerned} m.volume <> t.volume)",
            self.key_of("t")
        );
        self.record(session, "relevé de la mise à jour", planned.updated, &changed)?;
        let not_there = format!("LEFT JOIN {main} m ON {on_key} WHERE c.migration = ? AND {whole} AND m.date IS NULL");
        let added = format!(
            "SELECT c.migration, 'i', {}, NULL, t.volume, NULL FROM {temp_of_cells} {not_there} AND c.is_new = 0",
            self.key_of("t")
        );
        self.record(session, "relevé de l'ajout", planned.inserted_known, &added)?;
        let history = format!("flux_row_history h STRAIGHT_JOIN {main} m ON {}", self.on_history());
        let removal = format!("DELETE m FROM {history} WHERE h.migration = ? AND h.kind = 'w'");
        self.step(session, "retrait", planned.removed, &removal)?;
        let update = format!(
            "UPDATE {history} SET m.volume = h.volume_after, m.is_provisional = 1{} WHERE h.migration = ? AND h.kind = 'c'",
            self.undated()
        );
        self.step(session, "mise à jour", planned.updated, &update)?;
        let only_new = if planned.all_new { format!("WHERE c.migration = ? AND {whole}") } else { not_there };
        let addition = format!(
            "INSERT INTO {main} ({}, is_provisional) SELECT {}, 1 FROM {temp_of_cells} {only_new}",
            self.columns.join(", "),
            self.columns.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>().join(", ")
        );
        self.step(session, "ajout", planned.inserted, &addition)
    }

    /// Whether the keys of the table fit into the history.
    pub(crate) fn fits(key: &[&str]) -> bool {
        key.len() <= KEY.len()
    }

    /// Withdraws every provisional row of the cells, once these are written.
    ///
    /// # Errors
    /// [`Error::Invariant`] where there are other rows than `planned`.
    pub(crate) fn withdraw(&self, session: &mut Session, planned: u64) -> Result<()> {
        let main = self.main;
        let withdrawn = format!(
            "SELECT c.migration, 'w', {}, m.volume, NULL, m.is_provisional FROM flux_migration_cells c \
             STRAIGHT_JOIN {main} m ON m.date = c.date AND m.id_zone = c.id_zone \
             WHERE c.migration = ? AND m.is_provisional <> 0",
            self.key_of("m")
        );
        self.record(session, "relevé du retrait", planned, &withdrawn)?;
        let removal = format!(
            "DELETE m FROM flux_row_history h STRAIGHT_JOIN {main} m ON {} WHERE h.migration = ? AND h.kind = 'w'",
            self.on_history()
        );
        self.step(session, "retrait", planned, &removal)
    }

    fn counted(&self, session: &mut Session, sql: &str) -> Result<u64> {
        let doing = format!("contrôle de {} avant annulation", self.main);
        Ok(session.first(&doing, sql, (self.id,))?.unwrap_or(0))
    }

    /// How many rows were inserted where main had some.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn inserted_known(&self, session: &mut Session) -> Result<u64> {
        let sql = "SELECT CAST(COALESCE(SUM(inserted), 0) AS SIGNED) FROM flux_migration_cells WHERE migration = ? AND is_new = 0";
        self.counted(session, sql)
    }

    /// Why the migration can no longer be undone; `None` where main still holds what it left. `planned` is what it did.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn obstacle(&self, session: &mut Session, planned: &Planned) -> Result<Option<String>> {
        let main = self.main;
        let history = format!("flux_row_history h STRAIGHT_JOIN {main} m ON {}", self.on_history());
        let as_left = "m.is_provisional <> 0 AND m.volume = h.volume_after";
        for (kind, expected, what) in
            [('c', planned.updated, "mises à jour"), ('i', planned.inserted_known, "ajoutées")]
        {
            let sql =
                format!("SELECT COUNT(*) FROM {history} WHERE h.migration = ? AND h.kind = '{kind}' AND {as_left}");
            let found = self.counted(session, &sql)?;
            if found != expected {
                let changed = plural(expected.abs_diff(found), "a changé depuis", "ont changé depuis");
                return Ok(Some(format!("lignes {what} ({}) : {changed}", number(expected))));
            }
        }
        let kept = "SELECT COUNT(*) FROM flux_row_history WHERE migration = ? AND kind = 'w'";
        if self.counted(session, kept)? != planned.removed {
            return Ok(Some("les lignes retirées ne sont plus gardées".into()));
        }
        let back = format!("SELECT COUNT(*) FROM {history} WHERE h.migration = ? AND h.kind = 'w'");
        let back = self.counted(session, &back)?;
        if back > 0 {
            return Ok(Some(plural(back, "ligne retirée est revenue depuis", "lignes retirées sont revenues depuis")));
        }
        for (spec, known) in self.key.iter().zip(KEY).filter_map(|(id, known)| Some((Dim::of_id(id)?.spec(), known))) {
            let gone = format!(
                "SELECT COUNT(*) FROM flux_row_history h LEFT JOIN {} d ON d.{} = h.{known} \
                 WHERE h.migration = ? AND h.kind = 'w' AND d.{} IS NULL AND h.{known} <> 0",
                spec.table, spec.id, spec.id
            );
            let gone = self.counted(session, &gone)?;
            if gone > 0 {
                let gone = plural(gone, "ligne retirée désigne", "lignes retirées désignent");
                return Ok(Some(format!("{gone} une ligne de {} qui n'existe plus", spec.table)));
            }
        }
        let changed = format!(
            "SELECT COUNT(*) FROM (SELECT c.date FROM flux_migration_cells c LEFT JOIN {main} m ON m.date = c.date \
             AND m.id_zone = c.id_zone AND m.is_provisional <> 0 WHERE c.migration = ? AND c.is_new = 1 \
             GROUP BY c.date, c.id_zone, c.inserted, c.inserted_check \
             HAVING COUNT(m.date) <> c.inserted OR COALESCE(SUM({}), 0) <> c.inserted_check) changed",
            checksum("m", self.key)
        );
        let changed = self.counted(session, &changed)?;
        let changes = ["date × zone ajoutée a changé depuis", "dates × zones ajoutées ont changé depuis"];
        Ok((changed > 0).then(|| plural(changed, changes[0], changes[1])))
    }

    /// Takes back what the migration did.
    ///
    /// # Errors
    /// [`Error::Invariant`] where a statement concerns other rows than `planned`.
    pub(crate) fn undo(&self, session: &mut Session, planned: &Planned) -> Result<()> {
        let main = self.main;
        let history = format!("flux_row_history h STRAIGHT_JOIN {main} m ON {}", self.on_history());
        let added = format!("DELETE m FROM {history} WHERE h.migration = ? AND h.kind = 'i'");
        self.step(session, "retrait des lignes ajoutées", planned.inserted_known, &added)?;
        let new = format!(
            "DELETE m FROM flux_migration_cells c STRAIGHT_JOIN {main} m ON m.date = c.date AND m.id_zone = c.id_zone \
             WHERE c.migration = ? AND c.is_new = 1 AND m.is_provisional <> 0"
        );
        self.step(session, "retrait des dates ajoutées", planned.inserted - planned.inserted_known, &new)?;
        let changed = format!(
            "UPDATE {history} SET m.volume = h.volume_before, m.is_provisional = h.provisional_before{} \
             WHERE h.migration = ? AND h.kind = 'c'",
            self.undated()
        );
        self.step(session, "retour des volumes", planned.updated, &changed)?;
        let known: Vec<&str> = KEY.iter().take(self.key.len()).copied().collect();
        let others = self.columns.len() - self.key.len() - 1;
        let weekday = format!(", {}", weekday_in_sql("h.date"));
        let withdrawn = format!(
            "INSERT INTO {main} ({}, is_provisional) SELECT h.{}{}, h.volume_before, h.provisional_before \
             FROM flux_row_history h WHERE h.migration = ? AND h.kind = 'w'",
            self.columns.join(", "),
            known.join(", h."),
            weekday.repeat(others)
        );
        self.step(session, "retour des lignes retirées", planned.removed, &withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_of_a_row_at_hand_is_that_of_the_server() {
        // (9 + 1) × ((7 + 2 × 31 + 3 × 127) % 8191 + 1); the second one goes past 8191.
        assert_eq!(check_of(9, &[1, 2, 3]), 4510);
        assert_eq!(check_of(-3, &[15_000, 0, 0]), -2 * ((105_000 - 12 * 8191) + 1));
        assert_eq!(checksum("t", &["date", "id_zone"]), "(t.volume + 1) * ((t.id_zone * 7) % 8191 + 1)");
    }
}
