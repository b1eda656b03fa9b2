//! The key figures: each with a stable id, one source and one definition, in N and the years it is compared with.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::db::Session;
use crate::error::Result;
use crate::figures::answer::{Figures, Worked};
use crate::figures::change::{Comparison, change_of};
use crate::figures::daily::{Daily, Origin};
use crate::figures::feasts::{Feast, saturday};
use crate::figures::lengths::{self, Lengths, Stays};
use crate::figures::period::Period;
use crate::figures::rankings::{Breakdown, Breakdowns, Counted};
use crate::figures::scope::{Scope, Visitors, YEARS, Year};
use crate::figures::source::{Coverage, Source};
use crate::figures::stays::mean;
use crate::figures::unknown::Named;
use crate::report::plural;

/// How a figure is worked out of what a year holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// All days of the period.
    Sum(Origin),
    /// The days of a feast.
    On(Feast),
    /// The day with the largest volume.
    Peak,
    /// A Saturday of the period.
    Saturday(usize),
    /// The largest names of a breakdown, of each year its own.
    Largest(Breakdown, usize),
    /// Σ(nights × volume) / Σ volume.
    MeanStay(Origin),
}

/// The definition of a figure.
#[derive(Debug)]
pub struct Definition {
    /// Name of the indicator in JSON, which never changes.
    pub id: &'static str,
    /// The number that the old API sends.
    pub numero: f64,
    /// Its name, for people.
    pub indicateur: &'static str,
    /// What exactly is counted, for people.
    pub definition: &'static str,
    /// The fact table that it is worked out from.
    pub table: &'static str,
    /// Unit of its numbers: `nuitées`, `présences` or `nuits`.
    pub unit: &'static str,
    /// Whether it counts all days of the period, so that it hangs on how many of them have data.
    pub spans_the_period: bool,
    /// Whose nights or presences it counts.
    pub visitors: Visitors,
    pub(crate) rule: Rule,
}

const fn nights(
    id: &'static str,
    numero: f64,
    indicateur: &'static str,
    definition: &'static str,
    rule: Rule,
) -> Definition {
    defined((id, numero), indicateur, definition, Visitors::Touristes, rule)
}

const fn presences(
    id: &'static str,
    numero: f64,
    indicateur: &'static str,
    definition: &'static str,
    rule: Rule,
) -> Definition {
    defined((id, numero), indicateur, definition, Visitors::Excursionnistes, rule)
}

const fn defined(
    (id, numero): (&'static str, f64),
    indicateur: &'static str,
    definition: &'static str,
    visitors: Visitors,
    rule: Rule,
) -> Definition {
    let (table, unit) = match rule {
        Rule::Largest(breakdown, _) => (breakdown.table(visitors), visitors.unit()),
        Rule::MeanStay(_) => (lengths::TABLE, "nuits"),
        _ => (visitors.table(), visitors.unit()),
    };
    let spans_the_period = matches!(rule, Rule::Sum(_) | Rule::Largest(..));
    Definition { id, numero, indicateur, definition, table, unit, spans_the_period, visitors, rule }
}

/// All figures, by number.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    nights("nuitees_total", 1.0, "Nuitées totales", "Nuits de tous les touristes, français et internationaux", Rule::Sum(Origin::Total)),
    nights("nuitees_francais", 2.0, "Nuitées françaises", "Nuits des touristes français qui ne résident pas dans la zone", Rule::Sum(Origin::Francais)),
    nights("nuitees_internationaux", 3.0, "Nuitées internationales", "Nuits des touristes venus de l'étranger", Rule::Sum(Origin::Internationaux)),
    nights("nuitees_top15_departements", 4.0, "Nuitées des 15 premiers départements", "Nuits des touristes français venus des 15 départements qui en comptent le plus ; chaque année a les siens", Rule::Largest(Breakdown::Departements, 15)),
    nights("nuitees_top5_pays", 5.0, "Nuitées des 5 premiers pays", "Nuits des touristes venus des 5 pays qui en comptent le plus ; chaque année a les siens", Rule::Largest(Breakdown::Pays, 5)),
    nights("nuitees_weekend_paques", 6.0, "Nuitées du week-end de Pâques", "Du samedi au lundi de Pâques de chaque année", Rule::On(Feast::WeekendPaques)),
    nights("nuitees_1er_mai", 7.0, "Nuitées du 1er mai", "Le 1er mai de chaque année", Rule::On(Feast::PremierMai)),
    nights("nuitees_weekend_ascension", 8.0, "Nuitées du week-end de l'Ascension", "Du jeudi de l'Ascension au dimanche de chaque année", Rule::On(Feast::WeekendAscension)),
    nights("nuitees_weekend_pentecote", 9.0, "Nuitées du week-end de la Pentecôte", "Du samedi au lundi de Pentecôte de chaque année", Rule::On(Feast::WeekendPentecote)),
    presences("pic_excursionnistes", 10.0, "Pic d'excursionnistes", "Le jour de la période qui compte le plus d'excursionnistes", Rule::Peak),
    presences("excursionnistes_francais", 15.0, "Excursionnistes français", "Présences des excursionnistes français qui ne résident pas dans la zone", Rule::Sum(Origin::Francais)),
    presences("excursionnistes_internationaux", 15.5, "Excursionnistes internationaux", "Présences des excursionnistes venus de l'étranger", Rule::Sum(Origin::Internationaux)),
    presences("excursionnistes_total", 16.0, "Excursionnistes", "Présences de tous les excursionnistes, français et internationaux", Rule::Sum(Origin::Total)),
    presences("excursionnistes_2e_samedi", 17.0, "Excursionnistes du 2e samedi", "Le deuxième samedi de la période de chaque année", Rule::Saturday(2)),
    presences("excursionnistes_3e_samedi", 18.0, "Excursionnistes du 3e samedi", "Le troisième samedi de la période de chaque année", Rule::Saturday(3)),
    presences("excursionnistes_weekend_paques", 19.0, "Excursionnistes du week-end de Pâques", "Du samedi au lundi de Pâques de chaque année", Rule::On(Feast::WeekendPaques)),
    presences("excursionnistes_1er_mai", 20.0, "Excursionnistes du 1er mai", "Le 1er mai de chaque année", Rule::On(Feast::PremierMai)),
    presences("excursionnistes_weekend_ascension", 21.0, "Excursionnistes du week-end de l'Ascension", "Du jeudi de l'Ascension au dimanche de chaque année", Rule::On(Feast::WeekendAscension)),
    presences("excursionnistes_weekend_pentecote", 22.0, "Excursionnistes du week-end de la Pentecôte", "Du samedi au lundi de Pentecôte de chaque année", Rule::On(Feast::WeekendPentecote)),
    presences("excursionnistes_14_juillet", 23.0, "Excursionnistes du 14 juillet", "Le 14 juillet de chaque année", Rule::On(Feast::QuatorzeJuillet)),
    presences("excursionnistes_15_aout", 24.0, "Excursionnistes du 15 août", "Le 15 août de chaque année", Rule::On(Feast::QuinzeAout)),
    nights("duree_moyenne_total", 25.0, "Durée moyenne de séjour", "Nuits par séjour, de tous les touristes ; 13 nuits et plus comptent pour 13", Rule::MeanStay(Origin::Total)),
    nights("duree_moyenne_francais", 26.0, "Durée moyenne de séjour des Français", "Nuits par séjour, des touristes français ; 13 nuits et plus comptent pour 13", Rule::MeanStay(Origin::Francais)),
    nights("duree_moyenne_internationaux", 27.0, "Durée moyenne de séjour des internationaux", "Nuits par séjour, des touristes venus de l'étranger ; 13 nuits et plus comptent pour 13", Rule::MeanStay(Origin::Internationaux)),
];

/// A number of a year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Figure {
    /// Nights or presences.
    Count(u64),
    /// Nights per stay, two decimals.
    Mean(f64),
}

impl Figure {
    /// Change of `n` against `before`, in percent; `None` where either is absent, or where there is nothing to change from.
    pub fn change(n: Option<Self>, before: Option<Self>) -> Option<f64> {
        match (n?, before?) {
            (Self::Count(n), Self::Count(before)) => Comparison { n: Some(n), n_1: Some(before) }.change(),
            (Self::Mean(n), Self::Mean(before)) => change_of(n, before),
            _ => None,
        }
    }
}

/// A figure of a year, with what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Value {
    figure: Option<Figure>,
    /// The day, of figures that are of one day.
    date: Option<NaiveDate>,
    /// Days with data, and days that the figure is of, of those that are not of the whole period.
    days: Option<(u64, u64)>,
    /// The period that has this figure when it is asked for by itself.
    asked: Option<Period>,
}

/// A key figure with its history.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// Which figure this is, and how it is worked out.
    pub definition: &'static Definition,
    /// N, N−1 (or the year to compare with), N−2, N−3, N−4; `None` where the year has no data.
    pub values: [Option<Figure>; YEARS],
    /// The day of each, of figures that are of one day.
    pub dates: [Option<NaiveDate>; YEARS],
    /// First and last day of the interval that has the same figure: a feast of another year may lie outside that year's period.
    pub asked: [Option<(NaiveDate, NaiveDate)>; YEARS],
    /// What is to be known before comparing.
    pub remarque: Option<String>,
}

impl Indicator {
    /// Change of N against another of its years, in percent.
    fn change(&self, against: usize) -> Option<f64> {
        Figure::change(self.values[0], *self.values.get(against)?)
    }
}

impl Serialize for Indicator {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let definition = self.definition;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", definition.id)?;
        // 15.5 is the one that is not whole.
        if definition.numero.fract() == 0.0 {
            map.serialize_entry("numero", &(definition.numero as u64))?;
        } else {
            map.serialize_entry("numero", &definition.numero)?;
        }
        map.serialize_entry("indicateur", definition.indicateur)?;
        for (name, value) in ["N", "N_1", "N_2", "N_3", "N_4"].into_iter().zip(&self.values) {
            map.serialize_entry(name, value)?;
        }
        for (name, against) in
            ["evolution_pct", "evolution_pct_N1", "evolution_pct_N2", "evolution_pct_N3"].iter().zip(1..)
        {
            map.serialize_entry(name, &self.change(against))?;
        }
        map.serialize_entry("unite", definition.unit)?;
        map.serialize_entry("remarque", &self.remarque)?;
        if let Some(date) = self.dates[0] {
            map.serialize_entry("date", &date.to_string())?;
            map.serialize_entry("date_N1", &self.dates[1].map(|date| date.to_string()))?;
        }
        map.end()
    }
}

/// The key figures of an answer.
#[derive(Debug, Clone)]
pub struct Indicators {
    /// The years of the columns.
    pub annees: [i32; YEARS],
    /// By number. A feast is there when it lies in the period, a Saturday when the period has it.
    pub rows: Vec<Indicator>,
    /// The stays, which the means are worked out of.
    pub stays: Stays,
}

/// What a year holds, as far as the figures need it.
struct Held {
    period: Option<Period>,
    nights: Arc<Daily>,
    presences: Arc<Daily>,
    stays: Option<Arc<Lengths>>,
    departements: Option<Counted>,
    pays: Option<Counted>,
}

/// They stand on the tables of nights and of presences, in parts on those of the breakdowns and of the stays.
impl Figures for Indicators {
    type Of = ();

    fn work_out(session: &mut Session, scope: &Scope, (): ()) -> Result<Named<Worked<Self>>> {
        let feasts = feasts_of(scope);
        let mut held = Vec::with_capacity(YEARS);
        for year in &scope.years {
            held.push(hold(session, scope, year, &feasts)?);
        }
        let mut rows = Vec::new();
        for definition in DEFINITIONS {
            let feast = match definition.rule {
                Rule::On(feast) => match feasts.iter().find(|(found, _)| *found == feast) {
                    Some((_, year)) => Some(*year),
                    None => continue,
                },
                Rule::Saturday(rank) if saturday(scope.period(), rank).is_none() => continue,
                _ => None,
            };
            let shift = feast.map(|year| year - scope.years[0].year);
            let of_year = |(year, held): (&Year, &Held)| value(definition, held, shift.map(|shift| year.year + shift));
            rows.push(indicator(definition, scope.years.iter().zip(&held).map(of_year).collect()));
        }
        let (stays, sources, further) = described(session, &held)?;
        let annees = [0, 1, 2, 3, 4].map(|at| scope.years[at].year);
        Ok(Ok((Self { annees, rows, stays }, sources, further)))
    }
}

/// The feasts that lie in the period, each with the year that it lies in.
fn feasts_of(scope: &Scope) -> Vec<(Feast, i32)> {
    let of = |definition: &Definition| match definition.rule {
        Rule::On(feast) => Some((feast, feast.year_within(scope.period())?)),
        _ => None,
    };
    DEFINITIONS.iter().filter_map(of).collect()
}

fn hold(session: &mut Session, scope: &Scope, year: &Year, feasts: &[(Feast, i32)]) -> Result<Held> {
    let period = year.period.as_ref().ok();
    let shift = year.year - scope.years[0].year;
    let of_feasts =
        feasts.iter().filter_map(|(feast, in_year)| feast.days(in_year + shift)).flat_map(|days| days.iter());
    let days: BTreeSet<NaiveDate> = period.into_iter().flat_map(Period::iter).chain(of_feasts).collect();
    let count = |session: &mut Session, breakdown| -> Result<Option<Counted>> {
        let question = Breakdowns { scope, visitors: Visitors::Touristes, breakdown };
        period.map(|period| question.count(session, period)).transpose()
    };
    Ok(Held {
        nights: Daily::load(session, scope, Visitors::Touristes, &days)?,
        presences: Daily::load(session, scope, Visitors::Excursionnistes, &days)?,
        stays: period.map(|period| Lengths::count(session, scope, period)).transpose()?,
        departements: count(session, Breakdown::Departements)?,
        pays: count(session, Breakdown::Pays)?,
        period: period.cloned(),
    })
}

fn value(definition: &Definition, held: &Held, feast_year: Option<i32>) -> Value {
    let feast = match definition.rule {
        Rule::On(feast) => feast_year.and_then(|year| feast.days(year)),
        _ => None,
    };
    let asked = feast.clone().or_else(|| held.period.clone());
    Value { asked, ..value_of(definition, held, feast).unwrap_or_default() }
}

fn value_of(definition: &Definition, held: &Held, feast: Option<Period>) -> Option<Value> {
    let daily = match definition.visitors {
        Visitors::Touristes => &held.nights,
        Visitors::Excursionnistes => &held.presences,
    };
    let count = |volume: Option<u64>| volume.map(Figure::Count);
    let on = |days: &Period| Value {
        figure: count(daily.sum(days, Origin::Total)),
        date: (days.days() == 1).then_some(days.debut),
        days: Some((daily.coverage(days).days, days.days())),
        asked: None,
    };
    Some(match definition.rule {
        Rule::Sum(origin) => Value { figure: count(daily.sum(held.period.as_ref()?, origin)), ..Value::default() },
        Rule::On(_) => on(&feast?),
        Rule::Saturday(rank) => {
            let day = saturday(held.period.as_ref()?, rank)?;
            on(&Period::interval(day, day))
        }
        Rule::Peak => {
            let (day, volume) = daily.peak(held.period.as_ref()?, Origin::Total)?;
            Value { figure: Some(Figure::Count(volume)), date: Some(day), ..Value::default() }
        }
        Rule::Largest(breakdown, most) => {
            let counted = if breakdown == Breakdown::Pays { &held.pays } else { &held.departements };
            Value { figure: count(counted.as_ref()?.largest(most)), ..Value::default() }
        }
        Rule::MeanStay(origin) => {
            let mean = mean(&held.stays.as_ref()?.by_nights(origin))?;
            Value { figure: Some(Figure::Mean(mean)), ..Value::default() }
        }
    })
}

fn indicator(definition: &'static Definition, values: Vec<Value>) -> Indicator {
    let mut indicator =
        Indicator { definition, values: [None; YEARS], dates: [None; YEARS], asked: [None; YEARS], remarque: None };
    let mut partial = Vec::new();
    for (at, value) in values.iter().enumerate().take(YEARS) {
        indicator.values[at] = value.figure;
        indicator.dates[at] = value.date;
        indicator.asked[at] = value.asked.as_ref().map(|asked| (asked.debut, asked.fin));
        if let Some((with_data, days)) = value.days.filter(|(with_data, days)| *with_data > 0 && with_data < days) {
            let name = if at == 0 { "N".to_owned() } else { format!("N−{at}") };
            partial.push(format!("{name} : {} avec données sur {days}", plural(with_data, "jour", "jours")));
        }
    }
    indicator.remarque = (!partial.is_empty()).then(|| partial.join(" ; "));
    indicator
}

/// The stays of N and N−1, the tables of nights and presences, and the other tables behind the figures.
fn described(session: &mut Session, held: &[Held]) -> Result<(Stays, Vec<Source>, Vec<Source>)> {
    let none = Lengths::default();
    let stays_of = |at: usize| held.get(at).and_then(|held| held.stays.as_deref());
    let stays = Stays::of(session, stays_of(0).unwrap_or(&none), stays_of(1))?;
    let mut source = |table, of: &dyn Fn(&Held) -> Option<Coverage>| {
        let at = |place: usize| held.get(place).and_then(of);
        Source::new(session, table, at(0).unwrap_or_default(), at(1))
    };
    let daily = |held: &Held, daily: &Daily| Some(daily.coverage(held.period.as_ref()?));
    let sources = vec![
        source(Visitors::Touristes.table(), &|held| daily(held, &held.nights))?,
        source(Visitors::Excursionnistes.table(), &|held| daily(held, &held.presences))?,
    ];
    let tables = [Breakdown::Departements, Breakdown::Pays].map(|breakdown| breakdown.table(Visitors::Touristes));
    let further = vec![
        source(tables[0], &|held| held.departements.as_ref().map(Counted::coverage))?,
        source(tables[1], &|held| held.pays.as_ref().map(Counted::coverage))?,
        stays.source.clone(),
    ];
    Ok((stays, sources, further))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_numbers_are_unique_and_in_order() {
        let ids: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.id).collect();
        assert_eq!((ids.len(), DEFINITIONS.len()), (24, 24));
        assert!(DEFINITIONS.is_sorted_by(|a, b| a.numero < b.numero));
    }

    #[test]
    fn changes_are_against_each_year_and_none_from_nothing() {
        let figures = |values: [Option<u64>; YEARS]| Indicator {
            definition: &DEFINITIONS[11],
            values: values.map(|value| value.map(Figure::Count)),
            dates: [None; YEARS],
            asked: [None; YEARS],
            remarque: None,
        };
        let json = serde_json::to_value(figures([Some(150), Some(100), Some(0), None, Some(300)])).unwrap();
        assert_eq!(json["numero"], 15.5);
        assert_eq!((&json["N"], &json["N_3"]), (&150.into(), &serde_json::Value::Null));
        assert_eq!(json["evolution_pct"], 50.0);
        assert_eq!(
            (&json["evolution_pct_N1"], &json["evolution_pct_N2"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!(json["evolution_pct_N3"], -50.0);
        assert!(json.get("date").is_none());
    }
}
