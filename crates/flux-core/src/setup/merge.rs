//! `merge-dimension`: rows of one dimension that mean the same thing made one, in any dimension.

use crate::db::Session;
use crate::dims::merge::{self, How, Pair, Row, Rule};
use crate::dims::reunite::reunite;
use crate::domain::catalogue::Dim;
use crate::domain::names::normalise;
use crate::error::{Error, Result};
use crate::report::{OneOf, Report};
use crate::setup::names;
use crate::task::{Context, Task};

/// A row, as people name it.
#[derive(Debug, Clone)]
pub enum Which {
    /// By its number; the row itself may be gone.
    Id(u32),
    /// By the name that it bears.
    Name(String),
}

/// Which rows of a dimension `merge-dimension` makes one.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Dimension whose rows are made one.
    pub dim: Dim,
    /// Row that goes and row that stays; all twins and all names of one thing when `None`.
    pub pair: Option<(Which, Which)>,
    /// Not the rows of the dimension, but facts of one commune that stand under several EPCIs.
    pub doubles: bool,
    /// What becomes of keys that exist on both sides.
    pub rule: Rule,
    /// Only show the plan.
    pub dry_run: bool,
}

impl Task for MergeOptions {
    /// Plans the merge and, unless [`MergeOptions::dry_run`], does it.
    ///
    /// # Errors
    /// [`Error::Usage`] for rows that are not there or not told apart; [`Error::Invariant`] when volumes do not add up, nothing written.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        if self.doubles {
            if self.dim != Dim::Epci {
                return Err(Error::Usage("--doubles ne concerne que --dim epci".into()));
            }
            return Ok(OneOf::This(reunite(database, self.rule, self.dry_run)?));
        }
        let how = How { dim: self.dim, rule: self.rule, dry_run: self.dry_run };
        Ok(OneOf::That(merge::merge(database, how, |session| pairs(session, &self))?))
    }
}

fn pairs(session: &mut Session, options: &MergeOptions) -> Result<Vec<Pair>> {
    let Some((from, into)) = &options.pair else {
        let of_twins = |mut rows: names::Twins| {
            let into = rows.remove(0);
            rows.into_iter().map(move |from| (from, into.clone()))
        };
        let damaged = names::damaged(session, options.dim)?;
        let mut several = names::twins(session, &damaged)?;
        // Zones under several of their names are what `merge-zones` is for.
        if options.dim != Dim::Zone {
            several.extend(names::splits(session, options.dim, &several)?);
        }
        return Ok(several.into_iter().flat_map(of_twins).collect());
    };
    let rows: Vec<Row> = names::stored(session, options.dim)?.into_iter().map(|(id, name, _)| (id, name)).collect();
    let from = match from {
        Which::Id(id) if !rows.iter().any(|(known, _)| known == id) => (*id, merge::gone(*id)),
        which => pick(&rows, options.dim, which)?,
    };
    let into = pick(&rows, options.dim, into)?;
    if from.0 == into.0 {
        return Err(Error::Usage("les deux désignent la même ligne".into()));
    }
    if from.0 == 0 && options.dim.spec().optional {
        return Err(Error::Usage("0 veut dire « non connu » : ces faits ne se rattachent pas en bloc".into()));
    }
    Ok(vec![(from, into)])
}

fn pick(rows: &[Row], dim: Dim, which: &Which) -> Result<Row> {
    let table = dim.spec().table;
    let found: Vec<&Row> = match which {
        Which::Id(id) => rows.iter().filter(|(known, _)| known == id).collect(),
        Which::Name(name) => {
            let exact: Vec<&Row> = rows.iter().filter(|(_, stored)| stored == name).collect();
            let wanted = normalise(dim, name);
            let same = |(_, stored): &&Row| normalise(dim, stored) == wanted;
            if exact.is_empty() { rows.iter().filter(same).collect() } else { exact }
        }
    };
    match found.as_slice() {
        [row] => Ok((*row).clone()),
        [] => Err(Error::Usage(match which {
            Which::Id(id) => format!("{table} n'a pas de ligne {id}"),
            Which::Name(name) => format!("{table} n'a pas de ligne « {name} »"),
        })),
        several => {
            let ids: Vec<String> = several.iter().map(|(id, _)| id.to_string()).collect();
            Err(Error::Usage(format!(
                "plusieurs lignes de {table} portent ce nom (id {}) : donnez --from-id et --into-id",
                ids.join(", ")
            )))
        }
    }
}
