//! The key of a fact: which figure is asked about, by the names of the delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Session, marks};
use crate::dims;
use crate::domain::catalogue::{DATASETS, Dataset, Dim, Space};
use crate::domain::names::{Locality, Resolution, Resolver};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::figures::zone::{Zone, Zones};
use crate::settings::Settings;

/// The dimensions of one dataset, as an import resolves names against them.
#[derive(Debug)]
pub(crate) struct Names {
    resolvers: BTreeMap<Dim, Arc<Resolver>>,
    /// Stored rows that are one zone, as the figures count them.
    zones: Vec<Zone>,
}

/// One part of a key after the date.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Part {
    #[serde(skip)]
    pub(crate) dim: Dim,
    /// Column of the fact tables.
    pub(crate) column: &'static str,
    /// `None` for any: the EPCI of a commune follows from it.
    pub(crate) id: Option<u32>,
    /// The same, with the other rows of the same zone; empty for any.
    #[serde(skip)]
    pub(crate) ids: Vec<u32>,
    pub(crate) name: Option<String>,
}

/// The natural key of a fact.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) dataset: &'static Dataset,
    pub(crate) day: Day,
    /// How the day is written in deliveries.
    pub(crate) spellings: [String; 2],
    /// In the order of the table's key.
    pub(crate) parts: Vec<Part>,
}

impl Names {
    pub(crate) fn load(session: &mut Session, settings: &Settings, dataset: &Dataset) -> Result<Self> {
        let locality: Locality = dims::locality(&settings.departement());
        let mut resolvers = BTreeMap::new();
        for dim in dataset.dims() {
            let may_be_empty = dim.spec().optional;
            resolvers.insert(dim, Arc::new(dims::load(session, dim, &locality, may_be_empty)?));
        }
        Ok(Self { resolvers, zones: Zones::load(session)?.groups() })
    }

    /// The ids that stand for one row: those of its zone.
    fn alike(&self, dim: Dim, id: u32) -> Vec<u32> {
        let is_of = |zone: &&Zone| dim == Dim::Zone && zone.rows.iter().any(|(own, _)| *own == id);
        let group = self.zones.iter().find(is_of);
        group.map_or_else(|| vec![id], |zone| zone.ids().collect())
    }

    fn part(&self, dim: Dim, id: Option<u32>) -> Part {
        Part {
            dim,
            column: dim.spec().id,
            id,
            ids: id.map(|id| self.alike(dim, id)).unwrap_or_default(),
            name: id.and_then(|id| self.name_of(dim, id)),
        }
    }

    /// # Errors
    /// [`Error::Invariant`] for a dimension of another dataset.
    pub(crate) fn get(&self, dim: Dim) -> Result<&Arc<Resolver>> {
        self.resolvers.get(&dim).ok_or_else(|| Error::Invariant(format!("dimension {dim} non lue")))
    }

    /// The stored name of an id.
    pub(crate) fn name_of(&self, dim: Dim, id: u32) -> Option<String> {
        let rows = self.resolvers.get(&dim)?.rows();
        rows.iter().find(|row| row.id == Some(id)).map(|row| row.name.clone())
    }

    /// The row of a name in a dimension of the dataset.
    ///
    /// # Errors
    /// [`Error::Usage`] for a dimension of another one, [`Error::Config`] for a name that leads to no row.
    pub(crate) fn of(&self, dataset: &Dataset, dim: Dim, text: &str) -> Result<u32> {
        if !dataset.dims().any(|own| own == dim) {
            return Err(Error::Usage(format!("--{} ne va pas avec {}", option_of(dim), dataset.main)));
        }
        self.find(dim, text)
    }

    /// The row of a commune by its INSEE code: several bear one name.
    fn of_code(&self, dim: Dim, code: &str) -> Option<u32> {
        let rows = self.resolvers.get(&dim)?.rows();
        rows.iter().find(|row| row.insee.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(code)))?.id
    }

    fn find(&self, dim: Dim, text: &str) -> Result<u32> {
        let resolver = self.get(dim)?;
        if let Some(id) = self.of_code(dim, text.trim()) {
            return Ok(id);
        }
        let problem = |message: String, hint: String| Err(Error::Config { message, hint });
        match resolver.resolve(text) {
            Resolution::Found(row) => resolver.rows()[row as usize]
                .id
                .ok_or_else(|| Error::Invariant(format!("{dim} {text} sans identifiant"))),
            Resolution::Unknown => {
                let near = resolver.nearest(text, 3).join(", ");
                problem(
                    format!("{dim} « {text} » : nom inconnu de {}", dim.spec().table),
                    format!("noms proches : {near}"),
                )
            }
            Resolution::Ambiguous(names) => {
                problem(format!("{dim} « {text} » : nom ambigu"), format!("précisez : {}", names.join(", ")))
            }
        }
    }
}

/// The option that names a dimension: its column without the prefix.
fn option_of(dim: Dim) -> &'static str {
    let id = dim.spec().id;
    id.strip_prefix("id_").unwrap_or(id)
}

/// The dataset of a main or temporary table, a family or a weekly file.
///
/// # Errors
/// [`Error::Usage`] with the tables that there are.
pub(crate) fn dataset(text: &str) -> Result<&'static Dataset> {
    let name = text.trim().to_lowercase();
    let name = name.strip_suffix(".csv").unwrap_or(&name);
    let is_named = |dataset: &&Dataset| {
        let weekly = dataset.weekly_file.is_some_and(|file| file.trim_end_matches(".csv") == name);
        weekly
            || dataset.main == name
            || dataset.family.eq_ignore_ascii_case(name)
            || dataset.temp_table(Space::Production) == name
    };
    DATASETS.iter().find(is_named).ok_or_else(|| {
        let tables: Vec<&str> = DATASETS.iter().map(|dataset| dataset.main).collect();
        Error::Usage(format!("la table « {text} » n'est pas une table de faits : {}", tables.join(", ")))
    })
}

impl Key {
    /// The key that these names make.
    ///
    /// # Errors
    /// [`Error::Usage`] where a name is missing or too many, [`Error::Config`] for one that leads to no row.
    pub(crate) fn of_names(
        dataset: &'static Dataset,
        date: NaiveDate,
        given: &[(Dim, String)],
        names: &Names,
    ) -> Result<Self> {
        let day =
            Day::from_date(date).ok_or_else(|| Error::Usage(format!("la date {date} est hors de 2000 à 2100")))?;
        if let Some((dim, _)) = given.iter().find(|(dim, _)| !dataset.dims().any(|own| own == *dim)) {
            return Err(Error::Usage(format!("--{} ne va pas avec {}", option_of(*dim), dataset.main)));
        }
        let part = |dim: Dim| {
            if given.iter().filter(|(own, _)| *own == dim).count() > 1 {
                return Err(Error::Usage(format!("--{} : un seul nom pour une date", option_of(dim))));
            }
            let text = given.iter().find(|(own, _)| *own == dim).map(|(_, text)| text);
            let id = match text {
                Some(text) => Some(names.find(dim, text)?),
                None if dim == Dim::Epci => None,
                None => return Err(Error::Usage(format!("{} demande --{}", dataset.main, option_of(dim)))),
            };
            Ok(names.part(dim, id))
        };
        Ok(Self::new(dataset, day, dataset.dims().map(part).collect::<Result<_>>()?))
    }

    /// The key of a line, from its ids; the EPCI is left open where the line does not name it.
    pub(crate) fn of_ids(dataset: &'static Dataset, day: Day, ids: &[u32], names: &Names, raw: bool) -> Self {
        let part = |(dim, id): (Dim, &u32)| names.part(dim, (raw || dim != Dim::Epci).then_some(*id));
        Self::new(dataset, day, dataset.dims().zip(ids).map(part).collect())
    }

    fn new(dataset: &'static Dataset, day: Day, parts: Vec<Part>) -> Self {
        Self { dataset, day, spellings: [day.to_string(), day.date().format("%d/%m/%Y").to_string()], parts }
    }

    /// Whether these ids are of this key.
    pub(crate) fn fits(&self, ids: &[u32]) -> bool {
        self.parts.iter().zip(ids).all(|(part, id)| part.ids.is_empty() || part.ids.contains(id))
    }

    /// The rows of its zone, which comes first.
    pub(crate) fn zones(&self) -> &[u32] {
        self.parts.first().map(|part| &*part.ids).unwrap_or_default()
    }

    /// The condition of the key on a table, with its values.
    pub(crate) fn condition(&self) -> (String, Vec<mysql::Value>) {
        let mut sql = String::from("date = ?");
        let mut values = vec![mysql::Value::from(self.day.to_string())];
        for part in self.parts.iter().filter(|part| !part.ids.is_empty()) {
            sql.push_str(&format!(" AND {} IN {}", part.column, marks(1, part.ids.len())));
            values.extend(part.ids.iter().map(mysql::Value::from));
        }
        (sql, values)
    }

    /// For people: `2025-08-15, HAUTE VALLÉE, LOCAL, TOURISTE`.
    pub(crate) fn text(&self) -> String {
        let names = self.parts.iter().filter_map(|part| part.name.clone());
        std::iter::once(self.day.to_string()).chain(names).collect::<Vec<_>>().join(", ")
    }
}
