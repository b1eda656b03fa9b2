//! The question that a page or an API asks, once the database has told what it means: which zone, which days of which years.

use chrono::{Datelike, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::catalogue::Dim;
use crate::error::{Error, Result};
use crate::figures::period::{self, Asked, Period};
use crate::figures::unknown::{Named, Unknown};
use crate::figures::zone::{Zone, Zones, id_of};

/// The year asked for, the one that it is compared with, and three more.
pub(crate) const YEARS: usize = 5;

/// Days that a period may have: three years.
const LONGEST: u64 = 1_096;

/// What an address of the portal asks for: a period, a year to compare with, a zone.
#[derive(Debug, Clone)]
pub struct Question {
    /// The period, with its year.
    pub period: Asked,
    /// The year that it is compared with; the year before where none is given.
    pub compare: Option<i32>,
    /// Zone of observation, under any of its names.
    pub zone: String,
}

impl Question {
    /// The year asked for.
    pub(crate) fn year(&self) -> i32 {
        self.period.year()
    }

    /// The year that it is compared with.
    pub(crate) fn reference(&self) -> i32 {
        self.compare.unwrap_or(self.year() - 1)
    }

    /// N, the reference year, then the second, third and fourth year before N.
    fn years(&self) -> [i32; YEARS] {
        let year = self.year();
        [year, self.reference(), year - 2, year - 3, year - 4]
    }
}

/// Visitors by what they do; each has tables, a category and a unit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visitors {
    /// `TOURISTE`, counted in nights.
    Touristes,
    /// `EXCURSIONNISTE`, counted in presences.
    Excursionnistes,
}

impl Visitors {
    /// Table of the volumes by day.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Touristes => "fact_nuitees",
            Self::Excursionnistes => "fact_diurnes",
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Touristes => "nuitées",
            Self::Excursionnistes => "présences",
        }
    }
}

/// Ids of the names that the definitions speak of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    touriste: u32,
    excursionniste: u32,
    /// French visitors who are not from the zone.
    pub(crate) nonlocal: u32,
    /// Visitors from abroad.
    pub(crate) etranger: u32,
}

impl Ids {
    fn load(session: &mut Session) -> Result<Named<Self>> {
        let touriste = id_of(session, Dim::Categorie, "TOURISTE")?;
        let excursionniste = id_of(session, Dim::Categorie, "EXCURSIONNISTE")?;
        let nonlocal = id_of(session, Dim::Provenance, "NONLOCAL")?;
        let etranger = id_of(session, Dim::Provenance, "ETRANGER")?;
        let all = || {
            Ok(Self { touriste: touriste?, excursionniste: excursionniste?, nonlocal: nonlocal?, etranger: etranger? })
        };
        Ok(all())
    }

    pub(crate) fn category(&self, visitors: Visitors) -> u32 {
        match visitors {
            Visitors::Touristes => self.touriste,
            Visitors::Excursionnistes => self.excursionniste,
        }
    }
}

/// One of the years of an answer: the period there, unless that year has none.
#[derive(Debug, Clone)]
pub(crate) struct Year {
    /// The calendar year, as `dim_periodes` has it.
    pub year: i32,
    /// The same period in it.
    pub period: Named<Period>,
}

/// A question that means something.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The zone with all its stored rows.
    pub(crate) zone: Zone,
    /// N, N−1 (or the year to compare with), N−2, N−3, N−4. The first has a period.
    pub(crate) years: [Year; YEARS],
    pub(crate) ids: Ids,
    period: Period,
}

impl Scope {
    /// Looks up the zone, the period and what it is in the other years.
    ///
    /// # Errors
    /// Those of [`period::find`]; [`Error::Usage`] for a period of more than three years.
    pub(crate) fn find(session: &mut Session, question: &Question) -> Result<Named<Self>> {
        let period = match period::find(session, &question.period)? {
            Ok(period) => period,
            Err(unknown) => return Ok(Err(unknown)),
        };
        if period.days() > LONGEST {
            return Err(Error::Usage(format!("l'intervalle a {} jours, plus que {LONGEST}", period.days())));
        }
        let (zone, ids) = match (Zones::load(session)?.find(&question.zone), Ids::load(session)?) {
            (Ok(zone), Ok(ids)) => (zone, ids),
            (Err(unknown), _) | (_, Err(unknown)) => return Ok(Err(unknown)),
        };
        let [now, others @ ..] = question.years();
        let mut years = vec![Year { year: now, period: Ok(period.clone()) }];
        for year in others {
            years.push(Year { year, period: period::in_year(session, &period, (now, year))? });
        }
        let years = years.try_into().map_err(|_| Error::Invariant("cinq années étaient attendues".into()))?;
        Ok(Ok(Self { zone, years, ids, period }))
    }

    /// The period asked for.
    pub(crate) fn period(&self) -> &Period {
        &self.period
    }

    /// The period that it is compared with; none where the reference year has none.
    pub(crate) fn before(&self) -> Option<&Period> {
        self.years[1].period.as_ref().ok()
    }

    /// Why there is nothing to compare with.
    pub(crate) fn no_reference(&self) -> Option<&Unknown> {
        self.years[1].period.as_ref().err()
    }

    /// Zone, provenance and category of the rows that count these visitors.
    pub(crate) fn keys(&self, visitors: Visitors, provenances: &[u32]) -> Vec<[u32; 3]> {
        let category = self.ids.category(visitors);
        self.zones().flat_map(|zone| provenances.iter().map(move |provenance| [zone, *provenance, category])).collect()
    }

    /// What tells the zone from others, in keys of a memory.
    pub(crate) fn zone_key(&self) -> String {
        format!("{:?}", self.zones().collect::<Vec<_>>())
    }

    /// Ids of the zone's stored rows.
    pub(crate) fn zones(&self) -> impl Iterator<Item = u32> + '_ {
        self.zone.ids()
    }
}

/// The day of the year asked for, in another year: the same date, except for the day that only leap years have.
pub(crate) fn same_date(day: NaiveDate, years: i32) -> Option<NaiveDate> {
    day.with_year(day.year().checked_add(years)?)
}
