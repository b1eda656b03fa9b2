//! How long tourists stay: the spread by length of stay and its mean, in N and N−1.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Session, marks};
use crate::error::Result;
use crate::figures::answer::{Figures, Worked};
use crate::figures::change::{Comparison, share};
use crate::figures::daily::Origin;
use crate::figures::period::Period;
use crate::figures::scope::{Scope, Visitors};
use crate::figures::source::{Coverage, Source, days_with_data};
use crate::figures::unknown::Named;

/// Table of the lengths of stay.
pub(crate) const TABLE: &str = "fact_sejours_duree";

/// A length of stay in both years.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stay {
    /// `1 NUIT` … `13 NUITS ET PLUS`.
    pub duree: String,
    /// Number of nights, the least one of the last class.
    pub nb_nuits: u32,
    /// N; `None` where the period has no data at all.
    pub volume: Option<u64>,
    /// N−1; `None` where the reference period is unknown or has no data at all.
    pub volume_n1: Option<u64>,
    /// Share of all stays of N.
    pub part_pct: Option<f64>,
    /// Share of all stays of N−1.
    pub part_pct_n1: Option<f64>,
    /// `None` without stays in the reference period.
    pub delta_pct: Option<f64>,
}

/// The spreads of an answer.
#[derive(Debug, Clone)]
pub struct Stays {
    /// French tourists, by length of stay.
    pub francais: Vec<Stay>,
    /// Tourists from abroad, by length of stay.
    pub internationaux: Vec<Stay>,
    /// Both together, by length of stay.
    pub total: Vec<Stay>,
    /// The table behind them.
    pub source: Source,
}

/// The spreads of N and N−1.
impl Figures for Stays {
    type Of = ();

    fn work_out(session: &mut Session, scope: &Scope, (): ()) -> Result<Named<Worked<Self>>> {
        let now = Lengths::count(session, scope, scope.period())?;
        let before = scope.before().map(|period| Lengths::count(session, scope, period)).transpose()?;
        let stays = Self::of(session, &now, before.as_deref())?;
        let source = stays.source.clone();
        Ok(Ok((stays, vec![source], Vec::new())))
    }
}

impl Stays {
    pub(crate) fn of(session: &mut Session, now: &Lengths, before: Option<&Lengths>) -> Result<Self> {
        let source = Source::new(session, TABLE, now.coverage, before.map(|before| before.coverage))?;
        let of = |origin| join(now, before, origin);
        Ok(Self {
            francais: of(Origin::Francais),
            internationaux: of(Origin::Internationaux),
            total: of(Origin::Total),
            source,
        })
    }
}

/// Nights, rank, id: the order of the lengths.
type Class = (u32, u32, u32);

/// What one period holds.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    pub(crate) coverage: Coverage,
    /// Name, French volume, volume from abroad.
    classes: BTreeMap<Class, (String, u64, u64)>,
}

impl Lengths {
    /// Stays of a period by length.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn count(session: &mut Session, scope: &Scope, period: &Period) -> Result<Arc<Self>> {
        let key = format!("{TABLE} {} {}", scope.zone_key(), period.span());
        session.once(&key, Self::bytes, |session| Self::read(session, scope, period))
    }

    /// Memory that it takes, about.
    fn bytes(&self) -> usize {
        self.classes.len() * 128
    }

    fn read(session: &mut Session, scope: &Scope, period: &Period) -> Result<Self> {
        let (days, ids): (Vec<NaiveDate>, _) = (period.iter().collect(), scope.ids);
        let counted = format!(
            "f.date IN {} AND f.id_zone IN {} AND f.id_provenance IN (?, ?) AND f.id_categorie = ?",
            marks(1, days.len()),
            marks(1, scope.zone.rows.len())
        );
        let mut params: Vec<Value> = days.iter().map(|day| day.to_string().into()).collect();
        params.extend(scope.zones().map(Value::from));
        params.extend([ids.nonlocal, ids.etranger, ids.category(Visitors::Touristes)].map(Value::from));
        let doing = format!("lecture de {TABLE}");
        let sql = format!(
            "SELECT d.id_duree, d.libelle, d.nb_nuits, COALESCE(d.ordre, d.nb_nuits), f.id_provenance, \
             CAST(f.volume AS UNSIGNED), CAST(f.provisional AS UNSIGNED) FROM \
             (SELECT f.id_duree, f.id_provenance, SUM(f.volume) AS volume, SUM(f.volume * f.is_provisional) AS provisional \
             FROM {TABLE} f WHERE {counted} GROUP BY f.id_duree, f.id_provenance) f \
             JOIN dim_durees_sejour d ON d.id_duree = f.id_duree"
        );
        type Row = (u32, String, u32, u32, u32, u64, u64);
        let rows: Vec<Row> = session.rows(&doing, &sql, params)?;
        let mut lengths = Self::default();
        let keys = scope.keys(Visitors::Touristes, &[ids.nonlocal, ids.etranger]);
        lengths.coverage.days = days_with_data(session, TABLE, period, &keys)?;
        for (id, name, nights, rank, provenance, volume, provisional) in rows {
            let class = lengths.classes.entry((rank, nights, id)).or_insert_with(|| (name, 0, 0));
            if provenance == ids.etranger {
                class.2 += volume;
            } else {
                class.1 += volume;
            }
            lengths.coverage.volume += volume;
            lengths.coverage.provisional += provisional;
        }
        Ok(lengths)
    }

    fn has_data(&self) -> bool {
        self.coverage.days > 0
    }

    fn volume(&self, class: &Class, origin: Origin) -> u64 {
        self.classes.get(class).map_or(0, |(_, francais, internationaux)| match origin {
            Origin::Total => francais + internationaux,
            Origin::Francais => *francais,
            Origin::Internationaux => *internationaux,
        })
    }

    fn whole(&self, origin: Origin) -> u64 {
        self.classes.keys().map(|class| self.volume(class, origin)).sum()
    }

    /// Volumes by number of nights.
    pub(crate) fn by_nights(&self, origin: Origin) -> Vec<(u32, u64)> {
        self.classes.keys().map(|class| (class.1, self.volume(class, origin))).collect()
    }
}

fn join(now: &Lengths, before: Option<&Lengths>, origin: Origin) -> Vec<Stay> {
    let mut classes: BTreeMap<Class, &str> = BTreeMap::new();
    for (class, (name, ..)) in [Some(now), before].into_iter().flatten().flat_map(|side| &side.classes) {
        classes.entry(*class).or_insert(name);
    }
    let of = |side: Option<&Lengths>, class: &Class| Some(side.filter(|side| side.has_data())?.volume(class, origin));
    let part = |volume: Option<u64>, side: Option<&Lengths>| Some(share(volume?, side?.whole(origin)));
    let stay = |(class, name): (&Class, &&str)| {
        let volumes = Comparison { n: of(Some(now), class), n_1: of(before, class) };
        Stay {
            duree: (*name).to_owned(),
            nb_nuits: class.1,
            volume: volumes.n,
            volume_n1: volumes.n_1,
            part_pct: part(volumes.n, Some(now)),
            part_pct_n1: part(volumes.n_1, before),
            delta_pct: volumes.change(),
        }
    };
    let shown = |stay: &Stay| stay.volume.unwrap_or(0) > 0 || stay.volume_n1.unwrap_or(0) > 0;
    classes.iter().map(stay).filter(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(classes: &[(u32, u64, u64)]) -> Lengths {
        let class =
            |(nights, f, i): &(u32, u64, u64)| ((*nights, *nights, *nights), (format!("{nights} NUITS"), *f, *i));
        let volume = classes.iter().map(|(_, f, i)| f + i).sum();
        let coverage = Coverage { days: classes.len() as u64, volume, provisional: 0 };
        Lengths { coverage, classes: classes.iter().map(class).collect() }
    }

    #[test]
    fn lengths_stand_in_their_order_with_their_shares() {
        let rows =
            join(&lengths(&[(2, 30, 1), (1, 10, 0)]), Some(&lengths(&[(2, 20, 0), (13, 5, 0)])), Origin::Francais);
        let shown: Vec<_> = rows.iter().map(|s| (s.nb_nuits, s.volume, s.volume_n1, s.part_pct, s.delta_pct)).collect();
        let expected = [
            (1, Some(10), Some(0), Some(25.0), None),
            (2, Some(30), Some(20), Some(75.0), Some(50.0)),
            (13, Some(0), Some(5), Some(0.0), Some(-100.0)),
        ];
        assert_eq!(shown, expected);
        // nobody from abroad stays one night, in either year
        let abroad = join(&lengths(&[(2, 30, 1), (1, 10, 0)]), None, Origin::Internationaux);
        assert_eq!((abroad.len(), abroad[0].nb_nuits, abroad[0].volume_n1), (1, 2, None));
    }
}
