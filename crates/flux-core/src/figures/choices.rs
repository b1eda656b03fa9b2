//! What can be asked for: the years that have data, the periods of each, the zones.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::db::Session;
use crate::domain::names::{alphabetical, fold};
use crate::domain::reference;
use crate::error::Result;
use crate::figures::period::{self, Period};
use crate::figures::scope::Visitors;
use crate::figures::zone::{Zone, Zones};
use crate::schema;

/// Everything that a form of filters offers.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Years with data, the newest first.
    pub annees: Vec<i32>,
    /// Periods of these years, year by year.
    pub periodes: Vec<(i32, Vec<Period>)>,
    /// Zones, by name; those that `zones.csv` hides are not offered, and can be asked for all the same.
    pub zones: Vec<Zone>,
    /// First and last date of the data, where there are any.
    pub dates: Option<(NaiveDate, NaiveDate)>,
}

/// Reads what can be asked for.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub fn choices(session: &mut Session) -> Result<Choices> {
    Ok(Arc::unwrap_or_clone(session.once("choix", Choices::bytes, read)?))
}

impl Choices {
    /// Memory that they take, about.
    fn bytes(&self) -> usize {
        let periods: usize = self.periodes.iter().map(|(_, periods)| periods.len()).sum();
        periods * 128 + self.zones.len() * 256
    }
}

fn read(session: &mut Session) -> Result<Choices> {
    let (mut annees, mut dates) = (BTreeSet::new(), None);
    for table in [Visitors::Touristes, Visitors::Excursionnistes].map(Visitors::table) {
        let doing = format!("dates de {table}");
        let Some((first, last)) = schema::span(session, &doing, table)? else { continue };
        let (Ok(first), Ok(last)) = (first.parse::<NaiveDate>(), last.parse::<NaiveDate>()) else { continue };
        let (earliest, latest) = dates.unwrap_or((first, last));
        dates = Some((first.min(earliest), last.max(latest)));
        // From day to day in the index: the table itself is not read.
        let sql = format!("SELECT DISTINCT YEAR(date) FROM (SELECT DISTINCT date FROM {table}) d");
        annees.extend(session.rows::<i32>(&doing, &sql, ())?);
    }
    let annees: Vec<i32> = annees.into_iter().rev().collect();
    let mut periodes = Vec::with_capacity(annees.len());
    for year in &annees {
        periodes.push((*year, period::of_year(session, *year)?));
    }
    let hidden = reference::hidden_zones();
    let mut zones = Zones::load(session)?.groups();
    zones.retain(|zone| !zone.rows.iter().any(|(_, name)| hidden.contains(&fold(name))));
    zones.sort_by_cached_key(|zone| alphabetical(&zone.name));
    Ok(Choices { annees, periodes, zones, dates })
}

impl Choices {
    /// What is shown where no zone is asked for: that of the whole département, else the first.
    pub fn usual_zone(&self, departement: &str) -> Option<&Zone> {
        let whole = reference::whole_zone(departement);
        let names = reference::zone_names(|group| group.zone == whole);
        self.zones
            .iter()
            .find(|zone| zone.rows.iter().any(|(_, name)| names.contains(&fold(name))))
            .or(self.zones.first())
    }
}
