//! `merge-zones`: two zone rows of one group made one, by the engine that all dimensions share.

use crate::db::Session;
pub use crate::dims::merge::Rule;
use crate::dims::merge::{self, How, Pair, Row};
use crate::domain::catalogue::Dim;
use crate::domain::names::{fold, normalise};
use crate::error::{Error, Result};
use crate::figures::zone::{Zone, Zones};
use crate::report::Report;
use crate::task::{Context, Task};

/// Which zones to merge, and by which rule.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Zone that goes and zone that stays; all split groups of the reference when `None`.
    pub pair: Option<(String, String)>,
    /// Number of a zone whose row is gone, and the zone that takes its facts.
    pub gone: Option<(u32, String)>,
    /// What becomes of keys that exist on both sides.
    pub rule: Rule,
    /// Merges zones that the reference does not hold for the same.
    pub any_pair: bool,
    /// Only show the plan.
    pub dry_run: bool,
}

impl Task for MergeOptions {
    /// Plans the merge and, unless [`MergeOptions::dry_run`], does it.
    ///
    /// # Errors
    /// [`Error::Usage`] for zones that are not there or not the same; [`Error::Invariant`] when volumes do not add up, nothing written.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let how = How { dim: Dim::Zone, rule: self.rule, dry_run: self.dry_run };
        merge::merge(database, how, |session| pairs(session, &self))
    }
}

/// The rows to merge: those named, or every further member of each split group into the preferred one.
fn pairs(session: &mut Session, options: &MergeOptions) -> Result<Vec<Pair>> {
    let zones = Zones::load(session)?;
    if let Some((from, into)) = &options.gone {
        let into = stored(&zones, into)?;
        if let Some(row) = zones.rows().iter().find(|row| row.id == Some(*from)) {
            return Err(Error::Usage(format!("la zone {from} existe ({}) : donnez son nom à --from", row.name)));
        }
        return Ok(vec![((*from, merge::gone(*from)), into)]);
    }
    if let Some((from, into)) = &options.pair {
        let pair = (stored(&zones, from)?, stored(&zones, into)?);
        allowed(&zones, &pair, options.any_pair)?;
        return Ok(vec![pair]);
    }
    let of_group = |mut group: Zone| {
        let into = group.rows.remove(0);
        group.rows.into_iter().map(move |from| (from, into.clone()))
    };
    Ok(zones.groups().into_iter().flat_map(of_group).collect())
}

/// The row that bears exactly this name: here an equivalent is another row.
fn stored(zones: &Zones, name: &str) -> Result<Row> {
    let wanted = normalise(Dim::Zone, name);
    let exact = zones.rows().iter().find(|row| normalise(Dim::Zone, &row.name) == wanted);
    exact.and_then(|row| Some((row.id?, row.name.clone()))).ok_or_else(|| zones.unknown(name).into())
}

/// Two different rows that are one zone, unless any may be merged.
fn allowed(zones: &Zones, (from, into): &Pair, any_pair: bool) -> Result<()> {
    if from.0 == into.0 {
        return Err(Error::Usage("--from et --into désignent la même zone".into()));
    }
    let same_spelling = fold(&normalise(Dim::Zone, &from.1)) == fold(&normalise(Dim::Zone, &into.1));
    let has_both = |group: &Zone| [from, into].iter().all(|row| group.rows.contains(row));
    if any_pair || same_spelling || zones.groups().iter().any(has_both) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} et {} ne sont pas équivalentes dans la référence (--any-pair pour les réunir quand même)",
        from.1, into.1
    )))
}
