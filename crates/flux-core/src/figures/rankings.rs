//! Where visitors come from: départements, regions, countries, in N and N−1.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Session, marks};
use crate::domain::catalogue::Dim;
use crate::domain::names::{alphabetical, fold};
use crate::error::{Error, Result};
use crate::figures::answer::{Against, Figures, Worked};
use crate::figures::change::{Comparison, share};
use crate::figures::period::Period;
use crate::figures::scope::{Scope, Visitors};
use crate::figures::source::{Coverage, Source, days_with_data};
use crate::figures::unknown::Named;

/// What visitors are broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakdown {
    /// French visitors by département.
    Departements,
    /// French visitors by region of today: départements summed.
    Regions,
    /// Visitors from abroad by country.
    Pays,
}

impl Breakdown {
    pub(crate) const fn dim(self) -> Dim {
        match self {
            Self::Departements | Self::Regions => Dim::Departement,
            Self::Pays => Dim::Pays,
        }
    }

    /// Table of the volumes by day.
    pub(crate) const fn table(self, visitors: Visitors) -> &'static str {
        match (visitors, self.dim()) {
            (Visitors::Touristes, Dim::Pays) => "fact_nuitees_pays",
            (Visitors::Touristes, _) => "fact_nuitees_departements",
            (Visitors::Excursionnistes, Dim::Pays) => "fact_diurnes_pays",
            (Visitors::Excursionnistes, _) => "fact_diurnes_departements",
        }
    }
}

/// One name of a ranking, in both years.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Rank {
    /// Name of the département or country, as stored.
    pub nom: String,
    /// N; `None` where the period has no data at all.
    pub n: Option<u64>,
    /// N−1; `None` where the reference period is unknown or has no data at all.
    pub n_1: Option<u64>,
    /// `None` for a name without visitors in the reference period.
    pub delta_pct: Option<f64>,
    /// Share of the whole breakdown of N.
    pub part_pct: Option<f64>,
    /// Share of the whole breakdown of N−1.
    pub part_pct_n1: Option<f64>,
    /// Place in N, from 1; `None` without visitors.
    pub rang: Option<usize>,
    /// Place in N−1, from 1; `None` without visitors.
    pub rang_n1: Option<usize>,
}

/// The whole breakdown, largest of N first.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Every name that N or N−1 knows.
    pub rows: Vec<Rank>,
    /// Visitors of the whole breakdown in N, names that are not shown included.
    pub total: Option<u64>,
    /// The same in N−1.
    pub total_n1: Option<u64>,
    now: Counted,
}

impl Ranking {
    /// The names that are among the `limit` first of N or of N−1, so that one that fell out is seen.
    pub fn ranked(&self, limit: usize) -> Vec<&Rank> {
        let among = |rank: Option<usize>| rank.is_some_and(|rank| rank <= limit);
        self.rows.iter().filter(|row| among(row.rang) || among(row.rang_n1)).collect()
    }
}

impl Against for Ranking {
    /// The same names beside those of another period or zone, which stands in the place of N−1.
    fn against(&self, other: &Self) -> Self {
        Self {
            rows: join(&self.now, Some(&other.now)),
            total: self.total,
            total_n1: other.total,
            now: self.now.clone(),
        }
    }
}

impl Figures for Ranking {
    /// Whose visitors, and by what.
    type Of = (Visitors, Breakdown);

    fn work_out(session: &mut Session, scope: &Scope, (visitors, breakdown): Self::Of) -> Result<Named<Worked<Self>>> {
        let question = Breakdowns { scope, visitors, breakdown };
        let now = question.count(session, scope.period())?;
        let before = scope.before().map(|period| question.count(session, period)).transpose()?;
        let table = breakdown.table(visitors);
        let source = Source::new(session, table, now.coverage, before.as_ref().map(|before| before.coverage))?;
        let ranking = Self {
            rows: join(&now, before.as_ref()),
            total: now.total(),
            total_n1: before.as_ref().and_then(Counted::total),
            now,
        };
        Ok(Ok((ranking, vec![source], Vec::new())))
    }
}

pub(crate) struct Breakdowns<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) visitors: Visitors,
    pub(crate) breakdown: Breakdown,
}

/// What one period holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    coverage: Coverage,
    volumes: BTreeMap<String, u64>,
}

impl Counted {
    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// `None` where no day has data, which is not 0.
    fn total(&self) -> Option<u64> {
        (self.coverage.days > 0).then_some(self.coverage.volume)
    }

    /// The `count` largest names with their volumes; equals by the alphabet.
    pub(crate) fn top(&self, count: usize) -> Vec<(&str, u64)> {
        let mut names: Vec<(&str, u64)> = self.volumes.iter().map(|(name, volume)| (name.as_str(), *volume)).collect();
        names.sort_by_cached_key(|(name, volume)| (Reverse(*volume), alphabetical(name)));
        names.truncate(count);
        names
    }

    /// Sum of the `count` largest.
    pub(crate) fn largest(&self, count: usize) -> Option<u64> {
        self.total()?;
        Some(self.top(count).iter().map(|(_, volume)| volume).sum())
    }
}

/// `CUMUL` and the empty name are sums of the others.
fn is_total(name: &str) -> bool {
    let name = fold(name);
    name.is_empty() || name == "CUMUL"
}

/// What the table of a breakdown holds of a period.
#[derive(Debug)]
struct Stored {
    /// Days with data.
    days: u64,
    /// Name, region of today, volume, provisional part of it.
    rows: Vec<(String, String, u64, u64)>,
}

impl Stored {
    /// Memory that it takes, about.
    fn bytes(&self) -> usize {
        self.rows.len() * 112
    }
}

/// Ids of the départements of a region of today, as a ranking puts them together: by its name as stored, else whatever its case and accents.
///
/// # Errors
/// [`Error::Config`] for a name that leads to no region, or to several; [`Error::Sql`].
pub(crate) fn departements_of(session: &mut Session, region: &str) -> Result<Vec<u32>> {
    let spec = Dim::Departement.spec();
    let sql = format!(
        "SELECT {}, {}, nom_nouvelle_region FROM {} WHERE TRIM(nom_nouvelle_region) <> '' ORDER BY 1",
        spec.id, spec.name, spec.table
    );
    let mut rows: Vec<(u32, String, String)> = session.rows(&format!("lecture de {}", spec.table), &sql, ())?;
    rows.retain(|(_, own, _)| !is_total(own));
    let problem = |message: &str, names: BTreeSet<&String>, hint: &str| {
        let names = names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Err(Error::Config { message: format!("région « {region} » : {message}"), hint: format!("{hint} : {names}") })
    };
    let exact = rows.iter().any(|(.., name)| name == region);
    let is_meant = |name: &str| if exact { name == region } else { fold(name) == fold(region) };
    let names: BTreeSet<&String> = rows.iter().map(|(.., name)| name).filter(|name| is_meant(name)).collect();
    match names.len() {
        0 => {
            problem("nom inconnu de dim_departements", rows.iter().map(|(.., name)| name).collect(), "régions en base")
        }
        1 => Ok(rows.iter().filter(|(.., name)| is_meant(name)).map(|(id, ..)| *id).collect()),
        _ => problem("nom ambigu", names, "précisez"),
    }
}

impl Breakdowns<'_> {
    /// Whom the breakdown counts.
    pub(crate) fn provenance(&self) -> u32 {
        if self.breakdown == Breakdown::Pays { self.scope.ids.etranger } else { self.scope.ids.nonlocal }
    }

    /// Visitors of a period by name.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn count(&self, session: &mut Session, period: &Period) -> Result<Counted> {
        // Regions are read with their départements, by the same statement.
        let key = format!("{} {} {}", self.breakdown.table(self.visitors), self.scope.zone_key(), period.span());
        let stored = session.once(&key, Stored::bytes, |session| self.read(session, period))?;
        let mut found = Counted::default();
        found.coverage.days = stored.days;
        for (own, region, volume, provisional) in &stored.rows {
            if is_total(own) {
                continue;
            }
            found.coverage.volume += volume;
            found.coverage.provisional += provisional;
            let name = if self.breakdown == Breakdown::Regions { region } else { own };
            // A département of no known region counts in the whole, and in no region.
            if *volume > 0 && !name.trim().is_empty() {
                *found.volumes.entry(name.clone()).or_default() += volume;
            }
        }
        Ok(found)
    }

    fn read(&self, session: &mut Session, period: &Period) -> Result<Stored> {
        let (scope, spec, table) = (self.scope, self.breakdown.dim().spec(), self.breakdown.table(self.visitors));
        let region = if self.breakdown == Breakdown::Pays { "''" } else { "COALESCE(d.nom_nouvelle_region, '')" };
        let days: Vec<NaiveDate> = period.iter().collect();
        let counted = format!(
            "f.date IN {} AND f.id_zone IN {} AND f.id_provenance = ? AND f.id_categorie = ?",
            marks(1, days.len()),
            marks(1, scope.zone.rows.len())
        );
        let provenance = self.provenance();
        let mut params: Vec<Value> = days.iter().map(|day| day.to_string().into()).collect();
        params.extend(scope.zones().map(Value::from));
        params.extend([provenance, scope.ids.category(self.visitors)].map(Value::from));
        let doing = format!("lecture de {table}");
        // Summed first: the names are then looked up once each, and not once for each row.
        let sql = format!(
            "SELECT d.{own}, {region}, CAST(f.volume AS UNSIGNED), CAST(f.provisional AS UNSIGNED) FROM \
             (SELECT f.{id}, SUM(f.volume) AS volume, SUM(f.volume * f.is_provisional) AS provisional FROM {table} f \
             WHERE {counted} GROUP BY f.{id}) f JOIN {dim} d ON d.{id} = f.{id}",
            own = spec.name,
            id = spec.id,
            dim = spec.table
        );
        let rows = session.rows(&doing, &sql, params)?;
        let days = days_with_data(session, table, period, &scope.keys(self.visitors, &[provenance]))?;
        Ok(Stored { days, rows })
    }
}

fn join(now: &Counted, before: Option<&Counted>) -> Vec<Rank> {
    let (places, places_before) = (places(&now.volumes), before.map(|before| self::places(&before.volumes)));
    let names = now.volumes.keys().chain(before.into_iter().flat_map(|before| before.volumes.keys()));
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.sort_by_cached_key(|name| alphabetical(name));
    // Without any data a side says nothing of a name; with data, a name that it lacks had no visitors.
    let of = |side: Option<&Counted>, name: &str| -> Option<u64> {
        let side = side.filter(|side| side.total().is_some())?;
        Some(side.volumes.get(name).copied().unwrap_or(0))
    };
    let part = |volume: Option<u64>, side: Option<&Counted>| Some(share(volume?, side?.total()?));
    let rank = |name: &String| {
        let volumes = Comparison { n: of(Some(now), name), n_1: of(before, name) };
        Rank {
            nom: name.clone(),
            n: volumes.n,
            n_1: volumes.n_1,
            delta_pct: volumes.change(),
            part_pct: part(volumes.n, Some(now)),
            part_pct_n1: part(volumes.n_1, before),
            rang: places.get(name.as_str()).copied(),
            rang_n1: places_before.as_ref().and_then(|places| places.get(name.as_str()).copied()),
        }
    };
    let mut rows: Vec<Rank> = names.into_iter().map(rank).collect();
    // As their places say; who has none after them. The sort is stable: equals stay in the order of the alphabet.
    rows.sort_by_key(|row| (row.rang.is_none(), row.rang, Reverse(row.n_1)));
    rows
}

/// Place of each name, the largest first; equals by the alphabet.
fn places(volumes: &BTreeMap<String, u64>) -> BTreeMap<&str, usize> {
    let mut order: Vec<(&str, u64)> = volumes.iter().map(|(name, volume)| (name.as_str(), *volume)).collect();
    order.sort_by_cached_key(|(name, volume)| (Reverse(*volume), alphabetical(name)));
    order.into_iter().zip(1..).map(|((name, _), place)| (name, place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(volumes: &[(&str, u64)], unnamed: u64) -> Counted {
        let volumes: BTreeMap<String, u64> = volumes.iter().map(|(name, v)| ((*name).to_owned(), *v)).collect();
        let volume = volumes.values().sum::<u64>() + unnamed;
        Counted { coverage: Coverage { days: u64::from(volume > 0), volume, provisional: 0 }, volumes }
    }

    #[test]
    fn shares_are_of_the_whole_and_both_years_rank() {
        let now = counted(&[("A", 60), ("B", 30), ("C", 30)], 30);
        let before = counted(&[("D", 40), ("B", 20)], 0);
        let rows = join(&now, Some(&before));
        let shown: Vec<_> = rows.iter().map(|r| (r.nom.as_str(), r.n, r.n_1, r.delta_pct, r.part_pct)).collect();
        // 60 / 150, 30 / 150; (30 − 20) / 20; 40 → 0
        let expected = [
            ("A", Some(60), Some(0), None, Some(40.0)),
            ("B", Some(30), Some(20), Some(50.0), Some(20.0)),
            ("C", Some(30), Some(0), None, Some(20.0)),
            ("D", Some(0), Some(40), Some(-100.0), Some(0.0)),
        ];
        assert_eq!(shown, expected);
        let places: Vec<_> = rows.iter().map(|row| (row.rang, row.rang_n1)).collect();
        assert_eq!(places, [(Some(1), None), (Some(2), Some(2)), (Some(3), None), (None, Some(1))]);
        assert_eq!((now.largest(2), now.largest(9), counted(&[], 0).largest(2)), (Some(90), Some(120), None));
    }

    /// By code point, « É » comes after « Z ».
    #[test]
    fn equals_stand_as_in_a_french_dictionary() {
        let names = ["ÎLE-DE-FRANCE", "ISÈRE", "ESSONNE", "EURE", "ÉTATS", "HAUT-RHIN", "HAUTE-LOIRE"];
        let counted = counted(&names.map(|name| (name, 7)), 0);
        let sorted = ["ESSONNE", "ÉTATS", "EURE", "HAUTE-LOIRE", "HAUT-RHIN", "ÎLE-DE-FRANCE", "ISÈRE"];
        assert_eq!(counted.top(7).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), sorted);
        let rows = join(&counted, Some(&counted));
        assert_eq!(rows.iter().map(|row| row.nom.as_str()).collect::<Vec<_>>(), sorted);
        let places: Vec<_> = rows.iter().map(|row| (row.rang, row.rang_n1)).collect();
        assert_eq!(places, (1..=7).map(|place| (Some(place), Some(place))).collect::<Vec<_>>());
    }

    /// Whatever the year before was.
    #[test]
    fn rows_stand_as_their_places_say() {
        let rows =
            join(&counted(&[("A", 5), ("B", 5)], 0), Some(&counted(&[("B", 9), ("A", 1), ("C", 2), ("D", 3)], 0)));
        let shown: Vec<_> = rows.iter().map(|row| (row.nom.as_str(), row.rang)).collect();
        assert_eq!(shown, [("A", Some(1)), ("B", Some(2)), ("D", None), ("C", None)]);
    }

    #[test]
    fn a_year_without_data_is_null() {
        let rows = join(&counted(&[("A", 60)], 0), Some(&counted(&[], 0)));
        assert_eq!((rows[0].n_1, rows[0].delta_pct, rows[0].part_pct_n1), (None, None, None));
    }

    #[test]
    fn sums_of_the_others_are_no_names() {
        assert!(is_total("Cumul") && is_total("") && is_total("  ") && !is_total("CUMULUS"));
    }
}
