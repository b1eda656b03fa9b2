//! What every answer says of itself: the days it used, how many of them have data, until when, how much is provisional.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::figures::period::{day_text, optional_day_text};
use crate::figures::scope::Scope;
use crate::figures::source::Source;

/// The `meta` of an answer. Where it stands on several tables of one weight, it says the worst of them; `sources` has each.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Meta {
    /// Preferred name of the zone.
    pub zone: String,
    /// The stored names behind it, which are summed.
    pub zones: Vec<String>,
    /// Code of the period, or its dates.
    pub periode: String,
    /// Its name, for people.
    pub periode_nom: String,
    /// The year asked for.
    pub annee: i32,
    /// The year that it is compared with.
    pub annee_n1: i32,
    /// First day of the period in N.
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub debut: NaiveDate,
    /// Last day of the period in N.
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    pub fin: NaiveDate,
    /// First day of the reference period; none where that year has no such period.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub debut_n1: Option<NaiveDate>,
    /// Last day of the reference period; `None` where it is unknown.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub fin_n1: Option<NaiveDate>,
    /// Why there is no reference period.
    pub sans_reference: Option<String>,
    /// Days of the period.
    pub jours: u64,
    /// Days of the reference period.
    pub jours_n1: Option<u64>,
    /// Days of the period with data.
    pub jours_avec_donnees: u64,
    /// Days of the reference period with data.
    pub jours_avec_donnees_n1: Option<u64>,
    /// Last date in the tables.
    #[serde(serialize_with = "optional_day_text")]
    #[schemars(with = "Option<String>")]
    pub donnees_jusqu_au: Option<NaiveDate>,
    /// Share of the volume that is provisional.
    pub provisoire_pct: Option<f64>,
    /// The tables behind the answer.
    pub sources: Vec<Source>,
    /// When it was worked out, in UTC.
    pub calcule_le: String,
    /// Changes with every import and migration.
    pub version_des_donnees: String,
}

impl Meta {
    /// Describes an answer that stands on `sources`, and in parts on `further` ones; `version` is the state of the data that it was read
    /// from.
    pub(crate) fn new(scope: &Scope, sources: &[Source], further: &[Source], version: &str) -> Self {
        let (period, before) = (scope.period(), scope.before());
        let now: DateTime<Utc> = Utc::now();
        Self {
            zone: scope.zone.name.clone(),
            zones: scope.zone.rows.iter().map(|(_, name)| name.clone()).collect(),
            periode: period.name().to_owned(),
            periode_nom: period.label.clone(),
            annee: scope.years[0].year,
            annee_n1: scope.years[1].year,
            debut: period.debut,
            fin: period.fin,
            debut_n1: before.map(|before| before.debut),
            fin_n1: before.map(|before| before.fin),
            sans_reference: scope.no_reference().map(ToString::to_string),
            jours: period.days(),
            jours_n1: before.map(|before| before.days()),
            jours_avec_donnees: sources.iter().map(|source| source.jours_avec_donnees).min().unwrap_or(0),
            jours_avec_donnees_n1: sources.iter().filter_map(|source| source.jours_avec_donnees_n1).min(),
            donnees_jusqu_au: sources.iter().filter_map(|source| source.donnees_jusqu_au).min(),
            provisoire_pct: sources.iter().filter_map(|source| source.provisoire_pct).reduce(f64::max),
            sources: sources.iter().chain(further).cloned().collect(),
            calcule_le: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            version_des_donnees: version.to_owned(),
        }
    }
}
