//! Mobility: the visitors that a zone sends to each commune in the evening. Counted are the rows of `fact_lieu_activite_soir` of a
//! category (`TOURISTE` on the portal), not `LOCAL`, in a known commune, summed over EPCIs and over all stored rows of the zone.
//!
//! `Filter` is the only place of that definition: `compare-mobility-2024-2023` shows it, `diagnostic-mobility` explains it condition by
//! condition, `test-api-mobilite-directe` holds the portal's answer against it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::db::marks;
use crate::domain::catalogue::{Dim, Space};
use crate::domain::communes;
use crate::domain::names::alphabetical;
use crate::error::Result;
use crate::figures::answer::{Against, Figures, Worked};
use crate::figures::change::{Comparison, share};
use crate::figures::period::{self, Period};
use crate::figures::scope::{Question, Scope, Visitors};
use crate::figures::source::{Coverage, Source};
use crate::figures::unknown::Named;
use crate::figures::zone::{Zone, Zones, id_of};

/// A commune in both years.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Commune {
    id_commune: u32,
    /// Name as stored in `dim_communes`.
    pub nom_commune: String,
    /// `None` for a commune that is stored without one.
    pub code_insee: Option<String>,
    /// Communes that Orange counts with it (`reference/communes_orange.csv`).
    #[serde(skip_serializing_if = "is_zero")]
    pub autres_communes: u64,
    /// N; `None` where the period has no data at all.
    pub total_visiteurs: Option<u64>,
    /// N−1; `None` where the reference period is unknown or has no data at all.
    pub total_visiteurs_n1: Option<u64>,
    pub(crate) difference: Option<i64>,
    /// Share of all communes of the period.
    pub part_pct: f64,
    /// `None` for a commune without visitors in the reference period.
    pub evolution_pct: Option<f64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Commune {
    /// Its name for people, given as they read it, with those that are counted with it: `ANDELAT et 3 autres communes`.
    pub fn label(&self, name: &str) -> String {
        match self.autres_communes {
            0 => name.to_owned(),
            1 => format!("{name} et 1 autre commune"),
            others => format!("{name} et {others} autres communes"),
        }
    }

    /// Visitors of the two years, none where there are no data.
    pub(crate) fn volumes(&self) -> (u64, u64) {
        (self.total_visiteurs.unwrap_or(0), self.total_visiteurs_n1.unwrap_or(0))
    }
}

/// The answer for one period.
#[derive(Debug, Clone)]
pub struct Side {
    /// The days that were counted.
    pub period: Period,
    /// Days of the period that hold a counted row.
    pub(crate) days_with_data: u64,
    /// Visitors in all communes; `None` where no day has data, which is not 0.
    pub total: Option<u64>,
    pub(crate) communes: usize,
    /// Part of the total that is provisional.
    provisional: u64,
}

impl Side {
    fn coverage(&self) -> Coverage {
        Coverage { days: self.days_with_data, volume: self.total.unwrap_or(0), provisional: self.provisional }
    }
}

/// The answer: every commune that N or N−1 knows, so that one that fell out is seen; largest of N first.
#[derive(Debug)]
pub struct Mobility {
    /// The zone with all its rows.
    pub zone: Zone,
    /// What was counted.
    pub(crate) filter: Filter,
    /// The period asked for.
    pub n: Side,
    /// The same in the reference year.
    pub n_1: Named<Side>,
    /// Communes with a visit in either period, the largest of the first one first.
    pub communes: Vec<Commune>,
}

impl Mobility {
    fn source(&self, session: &mut Session) -> Result<Source> {
        Source::new(session, self.filter.table, self.n.coverage(), self.n_1.as_ref().ok().map(Side::coverage))
    }

    /// Change of the total.
    pub(crate) fn change(&self) -> Option<f64> {
        Comparison { n: self.n.total, n_1: self.n_1.as_ref().ok().and_then(|side| side.total) }.change()
    }

    /// What the period holds.
    fn counted(&self) -> Counted {
        let visited = |commune: &Commune| {
            let visitors = commune.total_visiteurs.filter(|visitors| *visitors > 0)?;
            Some((commune.id_commune, (commune.nom_commune.clone(), commune.code_insee.clone(), visitors)))
        };
        Counted { side: self.n.clone(), volumes: self.communes.iter().filter_map(visited).collect() }
    }

    /// The communes that are among the `limit` first of N or of N−1.
    pub fn ranked(&self, limit: usize) -> Vec<&Commune> {
        let mut before: Vec<&Commune> = self.communes.iter().filter(|commune| commune.volumes().1 > 0).collect();
        before.sort_by_key(|commune| Reverse(commune.volumes().1));
        before.truncate(limit);
        let ranked_before = |id: u32| before.iter().any(|commune| commune.id_commune == id);
        let chosen = |(rank, commune): &(usize, &Commune)| {
            (*rank < limit && commune.volumes().0 > 0) || ranked_before(commune.id_commune)
        };
        self.communes.iter().enumerate().filter(chosen).map(|(_, commune)| commune).collect()
    }
}

/// Counts the visitors of a category, by any of its names, in a period and in the same one of the reference year.
///
/// # Errors
/// Those of `period::find`; [`crate::error::Error::MissingTable`], [`crate::error::Error::EmptyDimension`],
/// [`crate::error::Error::Sql`].
pub fn between(session: &mut Session, question: &Question, category: &str, space: Space) -> Result<Named<Mobility>> {
    let period = period::find(session, &question.period)?;
    let (period, (zone, filter)) = match (period, Filter::find(session, &question.zone, category, space)?) {
        (Ok(period), Ok(found)) => (period, found),
        (Err(unknown), _) | (_, Err(unknown)) => return Ok(Err(unknown)),
    };
    let before = period::in_year(session, &period, (question.year(), question.reference()))?;
    Ok(Ok(filter.compare(session, zone, period, before)?))
}

impl Against for Mobility {
    fn against(&self, other: &Self) -> Self {
        let communes = join(&self.counted(), Some(&other.counted()));
        let (zone, filter) = (self.zone.clone(), self.filter.clone());
        Self { zone, filter, n: self.n.clone(), n_1: Ok(other.n.clone()), communes }
    }
}

/// Where tourists go in the evening.
impl Figures for Mobility {
    type Of = ();

    fn work_out(session: &mut Session, scope: &Scope, (): ()) -> Result<Named<Worked<Self>>> {
        let local = match id_of(session, Dim::Provenance, "LOCAL")? {
            Ok(local) => local,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let (table, category) = (table(Space::Production), scope.ids.category(Visitors::Touristes));
        let filter = Filter { table, zones: scope.zones().collect(), category, local };
        let before = scope.years[1].period.clone();
        let mobility = filter.compare(session, scope.zone.clone(), scope.period().clone(), before)?;
        let source = mobility.source(session)?;
        Ok(Ok((mobility, vec![source], Vec::new())))
    }
}

/// The table of visitors by commune.
pub(crate) fn table(space: Space) -> &'static str {
    match space {
        Space::Production => "fact_lieu_activite_soir",
        Space::Test => "fact_lieu_activite_soir_test",
    }
}

/// Whom the figure counts, in ids of the database.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// Fact table whose rows count.
    pub(crate) table: &'static str,
    /// Ids of the zone's rows.
    pub(crate) zones: Vec<u32>,
    /// Id of the category.
    pub(crate) category: u32,
    /// Id of the provenance that never counts.
    pub(crate) local: u32,
}

/// Name, INSEE code and volume by id of the commune.
type Volumes = BTreeMap<u32, (String, Option<String>, u64)>;

/// What one period holds.
struct Counted {
    side: Side,
    volumes: Volumes,
}

impl Filter {
    /// Counts a period and the one that it is compared with.
    fn compare(self, session: &mut Session, zone: Zone, period: Period, before: Named<Period>) -> Result<Mobility> {
        let before = match before {
            Ok(before) => Ok(self.count(session, before)?),
            Err(unknown) => Err(unknown),
        };
        let now = self.count(session, period)?;
        let communes = join(&now, before.as_ref().ok());
        let n_1 = before.map(|counted| counted.side);
        Ok(Mobility { zone, filter: self, n: now.side, n_1, communes })
    }

    fn find(session: &mut Session, zone: &str, category: &str, space: Space) -> Result<Named<(Zone, Self)>> {
        let zone = Zones::load(session)?.find(zone);
        let category = id_of(session, Dim::Categorie, category)?;
        let local = id_of(session, Dim::Provenance, "LOCAL")?;
        let table = table(space);
        let filter = |zone: &Zone| Ok(Self { table, zones: zone.ids().collect(), category: category?, local: local? });
        Ok(zone.and_then(|zone| filter(&zone).map(|filter| (zone, filter))))
    }

    /// The definition, each condition with the value of its mark.
    pub(crate) fn conditions(&self) -> [(&'static str, Option<u32>); 4] {
        [
            ("f.id_categorie = ?", Some(self.category)),
            ("f.id_provenance <> ?", Some(self.local)),
            ("f.id_commune <> 0", None),
            ("c.id_commune IS NOT NULL", None),
        ]
    }

    /// `f` and its commune `c`, which is not there where `dim_communes` does not know it.
    pub(crate) fn source(&self) -> String {
        format!("{} f LEFT JOIN dim_communes c ON c.id_commune = f.id_commune", self.table)
    }

    /// The condition on the zone of `f`, with a mark for each of its ids.
    pub(crate) fn of_zone(&self) -> String {
        format!("f.id_zone IN {}", marks(1, self.zones.len()))
    }

    /// The figures of a period, without its communes.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn side(&self, session: &mut Session, period: Period) -> Result<Side> {
        Ok(self.count(session, period)?.side)
    }

    /// What is counted of `f`, the condition on its commune `c`, and the values of the days and of the former.
    fn counted(&self, days: &StoredDays) -> (String, &'static str, Vec<Value>) {
        let conditions = self.conditions();
        let [category, elsewhere, with_commune, known] = conditions.map(|(condition, _)| condition);
        let counted = format!("{} AND {category} AND {elsewhere} AND {with_commune}", self.of_zone());
        let params =
            days.params(self.zones.iter().copied().chain(conditions.into_iter().filter_map(|(_, value)| value)));
        (counted, known, params)
    }

    /// How many of these days hold a counted row.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn days_with_data(&self, session: &mut Session, days: &StoredDays) -> Result<u64> {
        let (counted, known, params) = self.counted(days);
        // By the index of the dashboards, as the sums: no look at the rows.
        let sql = format!(
            "SELECT COUNT(DISTINCT f.date) FROM {} WHERE {} AND {counted} AND {known}",
            self.source(),
            days.condition()
        );
        Ok(session.first(&format!("lecture de {}", self.table), &sql, params)?.unwrap_or_default())
    }

    fn count(&self, session: &mut Session, period: Period) -> Result<Counted> {
        let key = format!("{} {:?} {} {}", self.table, self.zones, self.category, period.span());
        let Visits { days_with_data, provisional, volumes } =
            Arc::unwrap_or_clone(session.once(&key, Visits::bytes, |session| self.read(session, &period))?);
        let total = (days_with_data > 0).then(|| volumes.values().map(|(_, _, volume)| *volume).sum());
        let side = Side { period, days_with_data, total, communes: volumes.len(), provisional };
        Ok(Counted { side, volumes })
    }

    fn read(&self, session: &mut Session, period: &Period) -> Result<Visits> {
        let doing = format!("lecture de {}", self.table);
        let days = StoredDays::of(session, self.table, period)?;
        let (counted, known, params) = self.counted(&days);
        // Summed first: the communes are then looked up once each, and not once for each row.
        let sql = format!(
            "SELECT c.id_commune, c.nom_commune, c.code_insee, CAST(f.volume AS UNSIGNED), CAST(f.provisional AS UNSIGNED) FROM \
             (SELECT f.id_commune, SUM(f.volume) AS volume, SUM(f.volume * f.is_provisional) AS provisional FROM {} f \
             WHERE {} AND {counted} GROUP BY f.id_commune) f LEFT JOIN dim_communes c ON c.id_commune = f.id_commune WHERE {known} AND f.volume > 0",
            self.table,
            days.condition()
        );
        let rows: Vec<(u32, String, Option<String>, u64, u64)> = session.rows(&doing, &sql, params)?;
        let provisional = rows.iter().map(|(.., provisional)| provisional).sum();
        let days_with_data = self.days_with_data(session, &days)?;
        let volumes = rows.into_iter().map(|(id, name, insee, volume, _)| (id, (name, insee, volume))).collect();
        Ok(Visits { days_with_data, provisional, volumes })
    }
}

/// What the table holds of a period.
#[derive(Debug, Clone)]
struct Visits {
    days_with_data: u64,
    /// Part of the volumes that is provisional.
    provisional: u64,
    volumes: Volumes,
}

impl Visits {
    /// Memory that it takes, about.
    fn bytes(&self) -> usize {
        self.volumes.len() * 128
    }
}

fn join(now: &Counted, before: Option<&Counted>) -> Vec<Commune> {
    let mut known = now.volumes.clone();
    for (id, commune) in before.into_iter().flat_map(|before| &before.volumes) {
        known.entry(*id).or_insert_with(|| commune.clone());
    }
    // Without any data a side says nothing of a commune; with data, a commune that it lacks had no visitors.
    let of = |side: Option<&Counted>, id: u32| -> Option<u64> {
        let side = side.filter(|side| side.side.total.is_some())?;
        Some(side.volumes.get(&id).map_or(0, |(_, _, volume)| *volume))
    };
    let whole = now.side.total.unwrap_or(0);
    let commune = |(id, (nom_commune, code_insee, _)): (u32, (String, Option<String>, u64))| {
        let visitors = Comparison { n: of(Some(now), id), n_1: of(before, id) };
        Commune {
            id_commune: id,
            nom_commune,
            autres_communes: communes::counted_with(code_insee.as_deref()),
            code_insee,
            total_visiteurs: visitors.n,
            total_visiteurs_n1: visitors.n_1,
            difference: visitors.difference(),
            part_pct: share(visitors.n.unwrap_or(0), whole),
            evolution_pct: visitors.change(),
        }
    };
    let mut communes: Vec<Commune> = known.into_iter().map(commune).collect();
    // The sort is stable: communes of the same name keep the order of their ids.
    communes.sort_by_cached_key(|commune| (Reverse(commune.volumes()), alphabetical(&commune.nom_commune)));
    communes
}

/// The days of a period that a table holds. Where each is named, the server looks up the other parts of the key for each of them
/// instead of reading all rows between the first and the last.
#[derive(Debug, Clone)]
pub(crate) struct StoredDays(Vec<Value>);

impl StoredDays {
    /// Finds them, jumping from day to day in the index.
    pub(crate) fn of(session: &mut Session, table: &str, period: &Period) -> Result<Self> {
        let sql =
            format!("SELECT CAST(date AS CHAR) FROM (SELECT DISTINCT date FROM {table} WHERE date BETWEEN ? AND ?) d");
        let days: Vec<String> =
            session.rows(&format!("dates de {table}"), &sql, (period.debut.to_string(), period.fin.to_string()))?;
        Ok(Self(days.into_iter().map(Value::from).collect()))
    }

    /// The condition on the date of `f`, with a mark for each of [`StoredDays::params`].
    pub(crate) fn condition(&self) -> String {
        match self.0.len() {
            0 => "FALSE".into(),
            days => format!("f.date IN {}", marks(1, days)),
        }
    }

    /// Values of the marks, followed by others.
    pub(crate) fn params<T: Into<Value>>(&self, others: impl IntoIterator<Item = T>) -> Vec<Value> {
        self.0.iter().cloned().chain(others.into_iter().map(Into::into)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(volumes: &[(u32, u64)]) -> Counted {
        let day = "2025-07-06".parse().unwrap();
        let volumes: BTreeMap<_, _> =
            volumes.iter().map(|(id, volume)| (*id, (format!("C{id}"), None, *volume))).collect();
        let total = (!volumes.is_empty()).then(|| volumes.values().map(|(_, _, volume)| volume).sum());
        let period = Period::interval(day, day);
        let communes = volumes.len();
        let days_with_data = total.map_or(0, |_: u64| 1);
        Counted { side: Side { period, days_with_data, total, communes, provisional: 0 }, volumes }
    }

    /// Id, N, N−1, change, share.
    type Shown = (u32, Option<u64>, Option<u64>, Option<f64>, f64);

    fn shown(communes: &[Commune]) -> Vec<Shown> {
        let fields = |c: &Commune| (c.id_commune, c.total_visiteurs, c.total_visiteurs_n1, c.evolution_pct, c.part_pct);
        communes.iter().map(fields).collect()
    }

    #[test]
    fn the_list_holds_what_either_year_knows() {
        let communes = join(&counted(&[(1, 30), (2, 60)]), Some(&counted(&[(1, 40), (3, 7)])));
        let expected = [
            (2, Some(60), Some(0), None, 66.7),
            (1, Some(30), Some(40), Some(-25.0), 33.3),
            (3, Some(0), Some(7), Some(-100.0), 0.0),
        ];
        assert_eq!(shown(&communes), expected);
    }

    #[test]
    fn equals_stand_as_in_a_french_dictionary() {
        let mut now = counted(&[(1, 5), (2, 5), (3, 5), (4, 9)]);
        for (id, name) in [(1, "YTRAC"), (2, "ÉCHANDELYS"), (3, "EYGURANDE"), (4, "ZONZA")] {
            now.volumes.get_mut(&id).unwrap().0 = name.to_owned();
        }
        let ids: Vec<u32> = join(&now, None).iter().map(|commune| commune.id_commune).collect();
        assert_eq!(ids, [4, 2, 3, 1]);
    }

    #[test]
    fn a_year_without_data_is_not_zero() {
        let expected = [(1, Some(30), None, None, 100.0)];
        assert_eq!(shown(&join(&counted(&[(1, 30)]), Some(&counted(&[])))), expected);
        assert_eq!(shown(&join(&counted(&[(1, 30)]), None)), expected);
        assert_eq!(shown(&join(&counted(&[]), Some(&counted(&[(1, 30)])))), [(1, None, Some(30), None, 0.0)]);
    }

    #[test]
    fn two_answers_face_to_face_show_the_first_periods_of_both() {
        let answer = |now: &[(u32, u64)], before: &[(u32, u64)]| {
            let (now, before) = (counted(now), counted(before));
            let zone = Zone { name: "Z".into(), rows: Vec::new() };
            let communes = join(&now, Some(&before));
            let filter = Filter { table: table(Space::Production), zones: Vec::new(), category: 1, local: 1 };
            Mobility { zone, filter, communes, n: now.side, n_1: Ok(before.side) }
        };
        // What either had a year before is of no concern.
        let faced = answer(&[(1, 30), (2, 60)], &[(9, 5)]).against(&answer(&[(1, 40), (3, 7)], &[(2, 8)]));
        let expected = [
            (2, Some(60), Some(0), None, 66.7),
            (1, Some(30), Some(40), Some(-25.0), 33.3),
            (3, Some(0), Some(7), Some(-100.0), 0.0),
        ];
        assert_eq!(shown(&faced.communes), expected);
    }

    #[test]
    fn both_years_rank() {
        let (now, before) = (counted(&[(1, 50), (2, 40), (3, 30), (4, 1)]), counted(&[(4, 90), (5, 80), (1, 70)]));
        let mobility = Mobility {
            zone: Zone { name: "Z".into(), rows: Vec::new() },
            filter: Filter { table: table(Space::Production), zones: Vec::new(), category: 1, local: 1 },
            communes: join(&now, Some(&before)),
            n: now.side,
            n_1: Ok(before.side),
        };
        let ids = |limit| mobility.ranked(limit).iter().map(|commune| commune.id_commune).collect::<Vec<_>>();
        assert_eq!((ids(1), ids(2)), (vec![1, 4], vec![1, 2, 4, 5]));
        assert_eq!(ids(9), [1, 2, 3, 4, 5]);
    }
}
