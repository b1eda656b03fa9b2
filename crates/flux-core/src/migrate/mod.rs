//! From the temporary tables to the main ones: migration, its proof, and the cleanup that rests on the proof.
//!
//! All three look at a table pair the same way (`Pair::compare`), so that what the migration promises is what the verification
//! proves and what the cleanup asks for.

mod align;
mod apply;
mod aside;
mod batches;
mod cleanup;
mod compare;
mod moves;
mod plan;
mod split;
mod undo;
mod verify;

use std::collections::HashMap;

pub use apply::MigrateOptions;
pub(crate) use apply::{MigrateReport, migrate};
pub use batches::BatchOptions;
pub use cleanup::CleanupOptions;
pub(crate) use compare::Comparison;
use compare::Dates;
pub(crate) use undo::{Of, undo};
pub use verify::VerifyOptions;
pub(crate) use verify::verify;

use crate::db::Session;
use crate::domain::catalogue::{self, Dataset, Space};
use crate::error::{Error, Result};
use crate::report::Finding;
use crate::schema::{self, Existing};

/// The temporary and the main table of one weekly dataset.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) dataset: &'static Dataset,
    pub(crate) temp: String,
    pub(crate) main: String,
}

/// How a pair stands before a migration.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) comparison: Comparison,
    pub(crate) would_write: bool,
    /// What would be left aside, by cause.
    pub(crate) findings: Vec<Finding>,
}

/// The pairs that `only` names (files, datasets or tables), all when it is empty.
///
/// # Errors
/// [`Error::Usage`] for a name that is none.
pub(crate) fn pairs(space: Space, only: &[String]) -> Result<Vec<Pair>> {
    let wanted = |name: &String| {
        catalogue::weekly_named(name).map(|dataset| dataset.main).ok_or_else(|| {
            let names: Vec<&str> = catalogue::weekly().map(|dataset| dataset.main).collect();
            Error::Usage(format!("« {name} » n'est pas une table ({})", names.join(", ")))
        })
    };
    let wanted = only.iter().map(wanted).collect::<Result<Vec<&str>>>()?;
    let asked = catalogue::weekly().filter(|dataset| wanted.is_empty() || wanted.contains(&dataset.main));
    Ok(asked.map(|dataset| Pair::new(dataset, space)).collect())
}

impl Pair {
    /// The pair of a dataset.
    pub(crate) fn new(dataset: &'static Dataset, space: Space) -> Self {
        Self { dataset, temp: dataset.temp_table(space), main: dataset.main_table(space) }
    }

    /// Proves that both tables have the columns and keys of the catalogue.
    ///
    /// # Errors
    /// [`Error::MissingTable`], [`Error::MissingColumn`], [`Error::WrongKey`].
    pub(crate) fn require(&self, space: Space, tables: &HashMap<String, Existing>) -> Result<()> {
        schema::require(&schema::temp_table(self.dataset, space), tables)?;
        schema::require(&schema::main_table(self.dataset, space), tables)
    }

    /// Whether the main table tells when a row was changed; older ones may not.
    fn is_dated(&self, tables: &HashMap<String, Existing>) -> bool {
        tables.get(&self.main).is_some_and(|table| table.has("updated_at"))
    }

    /// `t.date = m.date AND t.id_zone = m.id_zone AND …`
    fn on_key(&self) -> String {
        let equal: Vec<String> = self.dataset.key().iter().map(|column| format!("m.{column} = t.{column}")).collect();
        equal.join(" AND ")
    }

    /// What a migration would do, and what it would leave aside.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn standing(&self, session: &mut Session) -> Result<Standing> {
        let cells = compare::compare(session, self, &Dates::All)?;
        let mut plan = apply::plan_of(session, self, (&Dates::All, &cells), &moves::Rules::default())?;
        aside::name_zones(session, &mut plan.aside)?;
        let findings = aside::findings(self, &plan.aside, &plan.moves);
        Ok(Standing { comparison: plan.total, would_write: plan.moves.writes(), findings })
    }

    /// What a migration would leave aside of a date in these zones, one finding for each cause.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn aside_of(&self, session: &mut Session, date: &str, zones: &[u32]) -> Result<Vec<Finding>> {
        let mut plan = apply::planned(session, self, &Dates::These(&[date]), &moves::Rules::default())?;
        // Of a date that waits for nothing there is nothing to leave aside.
        if plan.total.temp_rows == 0 {
            return Ok(Vec::new());
        }
        let is_of_zones = |id: i64| zones.iter().any(|zone| i64::from(*zone) == id);
        plan.aside.retain(|aside| aside.id_zone.is_none_or(is_of_zones));
        aside::name_zones(session, &mut plan.aside)?;
        Ok(aside::findings(self, &plan.aside, &plan.moves))
    }

    /// Compares the two tables, for those who look and do not write.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn compare(&self, session: &mut Session) -> Result<Comparison> {
        Ok(compare::total(compare::compare(session, self, &Dates::All)?.values()))
    }
}
