//! From the temporary tables to the main ones: migration, its proof, and the cleanup that rests on the proof.
//!
//! All three look at a table pair the same way (`Pair::compare`), so that what the migration promises is what the verification
//! proves and what the cleanup asks for.

mod apply;
mod batches;
mod cleanup;
mod moves;
mod verify;

use std::collections::HashMap;

use mysql::{Params, Value};
use serde::Serialize;

pub use apply::{MigrateOptions, MigrateReport, migrate};
pub use batches::migrate_batches;
pub use cleanup::{CleanupOptions, cleanup};
pub(crate) use moves::Moves;
pub use verify::{VerifyOptions, verify};

use crate::db::Session;
use crate::db::marks;
use crate::domain::catalogue::{self, Dataset, Space};
use crate::error::{Error, Result};
use crate::schema::{self, Existing};

/// The temporary and the main table of one weekly dataset.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) dataset: &'static Dataset,
    pub(crate) temp: String,
    pub(crate) main: String,
}

/// How the rows of a temporary table compare with those of its main table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// Rows of the temporary table.
    pub(crate) temp_rows: u64,
    /// Their volume. Volumes are signed: older databases may hold negative ones.
    pub(crate) temp_volume: i64,
    /// Rows that main does not have.
    pub(crate) missing: u64,
    /// Rows whose provisional counterpart has another volume.
    pub(crate) different: u64,
    /// Rows whose provisional counterpart is the same.
    pub(crate) same: u64,
    /// Rows whose counterpart is definitive.
    pub(crate) definitive: u64,
    /// Provisional main rows of the same dates that the temporary table does not have.
    pub(crate) surplus: u64,
    /// Provisional main rows of the same dates.
    pub(crate) main_provisional: u64,
    pub(crate) main_provisional_volume: i64,
    /// Definitive main rows of the same dates.
    pub(crate) main_definitive: u64,
    pub(crate) main_definitive_volume: i64,
}

impl Comparison {
    /// For every date of the temporary table, main = temporary, definitive keys aside.
    pub(crate) fn invariant_holds(&self) -> bool {
        self.missing == 0 && self.different == 0 && self.surplus == 0
    }

    /// Every row of the temporary table is in main, or main has a definitive row of its key.
    pub(crate) fn is_migrated(&self) -> bool {
        self.missing == 0 && self.different == 0
    }
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

/// Tells whether a table has changed: its rows and the sum of their checksums.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    rows: u64,
    sum: Option<u64>,
}

/// Which rows of a temporary table are meant.
#[derive(Debug, Clone, Copy)]
enum Dates<'a> {
    All,
    These(&'a [&'a str]),
}

impl Dates<'_> {
    /// Condition on the temporary table `t`.
    fn condition(&self) -> String {
        match self {
            Self::All => "TRUE".into(),
            Self::These(dates) => format!("t.date IN {}", marks(1, dates.len())),
        }
    }

    /// Values of its marks.
    fn params(&self) -> Params {
        match self {
            Self::All => Params::Empty,
            Self::These(dates) => Params::Positional(dates.iter().map(|date| Value::from(*date)).collect()),
        }
    }
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

    /// `t.date = m.date AND t.id_zone = m.id_zone AND …`
    fn on_key(&self) -> String {
        let equal: Vec<String> = self.dataset.key().iter().map(|column| format!("m.{column} = t.{column}")).collect();
        equal.join(" AND ")
    }

    /// What the temporary table holds, in short.
    fn fingerprint(&self, session: &mut Session) -> Result<Fingerprint> {
        let row = [self.dataset.key(), vec!["volume"]].concat().join(", ");
        let sql = format!("SELECT COUNT(*), CAST(SUM(CRC32(CONCAT_WS(',', {row}))) AS UNSIGNED) FROM {}", self.temp);
        let (rows, sum) = session.first(&format!("lecture de {}", self.temp), &sql, ())?.unwrap_or_default();
        Ok(Fingerprint { rows, sum })
    }

    /// The dates as a derived table.
    fn distinct_dates(&self, dates: &Dates<'_>) -> String {
        format!("(SELECT DISTINCT t.date FROM {} t WHERE {})", self.temp, dates.condition())
    }

    /// Compares the two tables in two passes, by index: temporary rows against main, then main rows of the same dates. Keys are
    /// unique on both sides, so what the second pass counts beyond the matches of the first is surplus.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn compare(&self, session: &mut Session) -> Result<Comparison> {
        self.compare_dates(session, &Dates::All)
    }

    /// [`Pair::compare`] for some dates of the temporary table.
    fn compare_dates(&self, session: &mut Session, dates: &Dates<'_>) -> Result<Comparison> {
        let doing = format!("comparaison de {} et {}", self.temp, self.main);
        // Nothing of these dates in main, as after each first delivery: counting is enough.
        let common =
            format!("SELECT 1 FROM {} d JOIN {} m ON m.date = d.date LIMIT 1", self.distinct_dates(dates), self.main);
        if session.first::<u8>(&doing, &common, dates.params())?.is_none() {
            let counted = format!("SELECT COUNT(*), SUM(t.volume) FROM {} t WHERE {}", self.temp, dates.condition());
            let (temp_rows, volume): (u64, Option<i64>) =
                session.first(&doing, &counted, dates.params())?.unwrap_or_default();
            let temp_volume = volume.unwrap_or(0);
            return Ok(Comparison { temp_rows, temp_volume, missing: temp_rows, ..Comparison::default() });
        }
        let forward = format!(
            "SELECT COUNT(*), SUM(t.volume), SUM(m.date IS NULL), SUM(m.is_provisional <> 0 AND m.volume <> t.volume), \
             SUM(m.is_provisional <> 0 AND m.volume = t.volume), SUM(m.is_provisional = 0) \
             FROM {} t LEFT JOIN {} m ON {} WHERE {}",
            self.temp,
            self.main,
            self.on_key(),
            dates.condition()
        );
        type Sums = (u64, Option<i64>, Option<u64>, Option<u64>, Option<u64>, Option<u64>);
        let sums: Option<Sums> = session.first(&doing, &forward, dates.params())?;
        let (temp_rows, volume, missing, different, same, definitive) = sums.unwrap_or_default();
        let mut comparison = Comparison {
            temp_rows,
            temp_volume: volume.unwrap_or(0),
            missing: missing.unwrap_or(0),
            different: different.unwrap_or(0),
            same: same.unwrap_or(0),
            definitive: definitive.unwrap_or(0),
            ..Comparison::default()
        };
        if temp_rows == 0 {
            return Ok(comparison);
        }
        let backward = format!(
            "SELECT m.is_provisional <> 0, COUNT(*), SUM(m.volume) FROM {} m JOIN {} d ON d.date = m.date \
             GROUP BY m.is_provisional <> 0",
            self.main,
            self.distinct_dates(dates)
        );
        let rows: Vec<(u8, u64, Option<i64>)> = session.rows(&doing, &backward, dates.params())?;
        for (provisional, rows, volume) in rows {
            let volume = volume.unwrap_or(0);
            if provisional == 0 {
                (comparison.main_definitive, comparison.main_definitive_volume) = (rows, volume);
            } else {
                (comparison.main_provisional, comparison.main_provisional_volume) = (rows, volume);
            }
        }
        let matched = comparison.same + comparison.different;
        comparison.surplus = comparison
            .main_provisional
            .checked_sub(matched)
            .ok_or_else(|| Error::Invariant(format!("{} a changé pendant la comparaison, relancez", self.main)))?;
        Ok(comparison)
    }
}
