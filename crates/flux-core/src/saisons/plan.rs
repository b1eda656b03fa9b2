//! What has to change in `dim_saisons` and `dim_periodes`, computed from what they hold. Pure: no database.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use chrono::NaiveDateTime;

use crate::domain::calendar::periodes::{Periode, PeriodeKind, periodes_of, season_of};
use crate::domain::calendar::saisons::{Saison, SaisonSpan, saison_of, saisons_of};
use crate::saisons::SaisonKey;
use crate::saisons::store::{Days, PeriodeRow, SaisonRow, Stored};

/// What happens to one season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaisonStep {
    Insert(SaisonSpan),
    /// The row of this id takes new dates.
    Update(SaisonRow, SaisonSpan),
    Keep(SaisonSpan),
}

/// What happens to one computed period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeriodeStep {
    Insert(Periode),
    /// The row takes new days: it still had those that an earlier run wrote, or the overwriting was asked for.
    Update(PeriodeRow, Periode),
    /// Nothing: the row has these days.
    Keep(Periode),
    /// Nothing: people gave the row other days.
    KeepTheirs(PeriodeRow, Periode),
}

/// A link from a period to its season that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkStep {
    pub code: String,
    /// `annee` of the period.
    pub(crate) annee: i32,
    /// The season that it shall have; `None` when none overlaps it.
    pub(crate) saison: Option<SaisonKey>,
}

/// What an update of both tables changes, and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub(crate) struct Plan {
    /// Seasons of the years asked for, and the winter before them.
    pub(crate) saisons: Vec<SaisonStep>,
    /// Computed periods of the years asked for.
    pub(crate) periodes: Vec<PeriodeStep>,
    /// Periods of these years whose school calendar is not known.
    pub(crate) unknown: Vec<(i32, PeriodeKind)>,
    /// Periods of these years that people entered under codes of their own; kept.
    pub(crate) theirs: Vec<PeriodeRow>,
    /// Links that change, of every period in the table.
    pub(crate) links: Vec<LinkStep>,
    /// Days to remember as written by us.
    pub(crate) written: Vec<(PeriodeKind, i32, Days)>,
}

/// Numbers of a [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Counts {
    pub(crate) inserted: usize,
    pub(crate) updated: usize,
    /// Rows that were right.
    pub(crate) unchanged: usize,
}

impl Plan {
    /// The plan for `years`. With `overwrite`, computed days replace those that people gave to a computed code.
    pub(crate) fn new(stored: &Stored, years: RangeInclusive<i32>, overwrite: bool) -> Self {
        let mut plan = Self { saisons: saison_steps(stored, years.clone()), ..Self::default() };
        for year in years.clone() {
            let periodes = periodes_of(year);
            plan.unknown.extend(periodes.unknown.iter().map(|kind| (year, *kind)));
            let known = periodes.known.into_iter().filter(|periode| is_wanted(stored, periode.kind));
            plan.periodes.extend(known.map(|periode| periode_step(stored, periode, overwrite)));
        }
        plan.theirs = stored
            .periodes
            .iter()
            .filter(|row| years.contains(&row.annee) && PeriodeKind::from_code(&row.code).is_none())
            .cloned()
            .collect();
        plan.written = written(stored, &plan.periodes);
        plan.links = links(stored, &plan);
        plan
    }

    /// Numbers of the seasons.
    pub(crate) fn saison_counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in &self.saisons {
            match step {
                SaisonStep::Insert(_) => counts.inserted += 1,
                SaisonStep::Update(..) => counts.updated += 1,
                SaisonStep::Keep(_) => counts.unchanged += 1,
            }
        }
        counts
    }

    /// Numbers of the computed periods, those that people changed aside.
    pub(crate) fn periode_counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in &self.periodes {
            match step {
                PeriodeStep::Insert(_) => counts.inserted += 1,
                PeriodeStep::Update(..) => counts.updated += 1,
                PeriodeStep::Keep(_) => counts.unchanged += 1,
                PeriodeStep::KeepTheirs(..) => {}
            }
        }
        counts
    }

    /// Computed codes whose days people changed, with the computed days.
    pub(crate) fn changed_by_hand(&self) -> impl Iterator<Item = (&PeriodeRow, &Periode)> {
        self.periodes.iter().filter_map(|step| match step {
            PeriodeStep::KeepTheirs(row, periode) => Some((row, periode)),
            _ => None,
        })
    }

    /// Whether applying it would write nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.saisons.iter().all(|step| matches!(step, SaisonStep::Keep(_)))
            && self.periodes.iter().all(|step| matches!(step, PeriodeStep::Keep(_) | PeriodeStep::KeepTheirs(..)))
            && self.links.is_empty()
            && self.written.is_empty()
    }
}

fn saison_steps(stored: &Stored, years: RangeInclusive<i32>) -> Vec<SaisonStep> {
    let rows: HashMap<SaisonKey, SaisonRow> = stored.saisons.iter().map(|row| (row.key, *row)).collect();
    // the winter before runs into the first year, and its holidays belong to it
    let before = saison_of(years.start() - 1, Saison::Hiver);
    let spans = before.into_iter().chain(years.flat_map(saisons_of));
    let step = |span: SaisonSpan| match rows.get(&(span.annee, span.saison)) {
        None => SaisonStep::Insert(span),
        Some(row) if is_right(stored, row, &span) => SaisonStep::Keep(span),
        Some(row) => SaisonStep::Update(*row, span),
    };
    spans.map(step).collect()
}

fn is_right(stored: &Stored, row: &SaisonRow, span: &SaisonSpan) -> bool {
    let agrees = |at: Option<NaiveDateTime>, computed| at.is_some_and(|at| stored.agrees(at, computed));
    agrees(row.debut, span.debut) && agrees(row.fin, span.fin) && row.duree_jours == Some(span.duree_jours)
}

/// Whether a computed period belongs into the list.
pub(crate) fn is_wanted(stored: &Stored, kind: PeriodeKind) -> bool {
    kind != PeriodeKind::AnneeComplete || !stored.leaves_whole_year_out()
}

fn periode_step(stored: &Stored, periode: Periode, overwrite: bool) -> PeriodeStep {
    let code = periode.kind.code();
    let Some(row) = stored.periodes.iter().find(|row| row.annee == periode.annee && row.code == code) else {
        return PeriodeStep::Insert(periode);
    };
    let days = row.days();
    if days == Some((periode.premier_jour, periode.dernier_jour)) {
        return PeriodeStep::Keep(periode);
    }
    let ours = stored.written.get(&(code.to_owned(), periode.annee)).is_some_and(|written| days == Some(*written));
    if ours || overwrite {
        PeriodeStep::Update(row.clone(), periode)
    } else {
        PeriodeStep::KeepTheirs(row.clone(), periode)
    }
}

fn written(stored: &Stored, steps: &[PeriodeStep]) -> Vec<(PeriodeKind, i32, Days)> {
    let mut written = Vec::new();
    for step in steps {
        let (PeriodeStep::Insert(periode) | PeriodeStep::Update(_, periode) | PeriodeStep::Keep(periode)) = step else {
            continue;
        };
        let days = (periode.premier_jour, periode.dernier_jour);
        if stored.written.get(&(periode.kind.code().to_owned(), periode.annee)) != Some(&days) {
            written.push((periode.kind, periode.annee, days));
        }
    }
    written
}

/// Links of all periods, as they will be after the steps, that differ from the stored ones.
pub(super) fn links(stored: &Stored, plan: &Plan) -> Vec<LinkStep> {
    let mut seasons: BTreeMap<SaisonKey, (NaiveDateTime, NaiveDateTime)> =
        stored.saisons.iter().filter_map(|row| Some((row.key, stored.bounds(row)?))).collect();
    for step in &plan.saisons {
        let (SaisonStep::Insert(span) | SaisonStep::Update(_, span) | SaisonStep::Keep(span)) = step;
        seasons.insert((span.annee, span.saison), (span.debut, span.fin));
    }
    let season_for =
        |(first, last): Days| season_of(first, last, seasons.iter().map(|(key, (debut, fin))| (*key, *debut, *fin)));

    let key_of_id: HashMap<u32, SaisonKey> = stored.saisons.iter().map(|row| (row.id, row.key)).collect();
    let mut moved: HashMap<u32, Days> = HashMap::new();
    let mut links = Vec::new();
    for step in &plan.periodes {
        match step {
            PeriodeStep::Insert(periode) => links.push(LinkStep {
                code: periode.kind.code().to_owned(),
                annee: periode.annee,
                saison: season_for((periode.premier_jour, periode.dernier_jour)),
            }),
            PeriodeStep::Update(row, periode) => {
                moved.insert(row.id, (periode.premier_jour, periode.dernier_jour));
            }
            PeriodeStep::Keep(_) | PeriodeStep::KeepTheirs(..) => {}
        }
    }
    for row in &stored.periodes {
        let Some(days) = moved.get(&row.id).copied().or_else(|| row.days()) else { continue };
        let saison = season_for(days);
        // an id that leads nowhere is a wrong link even where no season is found
        let dangling = row.id_saison.is_some_and(|id| !key_of_id.contains_key(&id));
        if dangling || row.id_saison.and_then(|id| key_of_id.get(&id).copied()) != saison {
            links.push(LinkStep { code: row.code.clone(), annee: row.annee, saison });
        }
    }
    links
}

#[cfg(test)]
mod tests;
