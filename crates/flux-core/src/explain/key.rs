//! The key of a fact: which figure is asked about, by the names of the delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{DATASETS, Dataset, Dim, Space};
use crate::domain::names::{Locality, Resolution, Resolver};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::settings::Settings;

/// The dimensions of one dataset, as an import resolves names against them.
#[derive(Debug)]
pub(crate) struct Names {
    resolvers: BTreeMap<Dim, Arc<Resolver>>,
}

/// One part of a key after the date.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Part {
    #[serde(skip)]
    pub(crate) dim: Dim,
    /// Column of the fact tables.
    pub(crate) column: &'static str,
    /// `None` for any: the EPCI of a commune follows from it.
    pub(crate) id: Option<u32>,
    pub(crate) name: Option<String>,
}

/// The natural key of a fact.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) dataset: &'static Dataset,
    pub(crate) day: Day,
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
        Ok(Self { resolvers })
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

    fn find(&self, dim: Dim, text: &str) -> Result<u32> {
        let resolver = self.get(dim)?;
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

/// The option that names a dimension.
fn option_of(dim: Dim) -> &'static str {
    match dim {
        Dim::Zone => "zone",
        Dim::Provenance => "provenance",
        Dim::Categorie => "categorie",
        Dim::Departement => "departement",
        Dim::Pays => "pays",
        Dim::Duree => "duree",
        Dim::Epci => "epci",
        Dim::Commune => "commune",
    }
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
            let spec = dim.spec();
            let text = given.iter().find(|(own, _)| *own == dim).map(|(_, text)| text);
            let id = match text {
                Some(text) => Some(names.find(dim, text)?),
                None if dim == Dim::Epci => None,
                None => return Err(Error::Usage(format!("{} demande --{}", dataset.main, option_of(dim)))),
            };
            Ok(Part { dim, column: spec.id, id, name: id.and_then(|id| names.name_of(dim, id)) })
        };
        Ok(Self { dataset, day, parts: dataset.dims().map(part).collect::<Result<_>>()? })
    }

    /// The key of a line, from its ids; the EPCI is left open where the line does not name it.
    pub(crate) fn of_ids(dataset: &'static Dataset, day: Day, ids: &[u32], names: &Names, raw: bool) -> Self {
        let part = |(dim, id): (Dim, &u32)| {
            let id = (raw || dim != Dim::Epci).then_some(*id);
            Part { dim, column: dim.spec().id, id, name: id.and_then(|id| names.name_of(dim, id)) }
        };
        Self { dataset, day, parts: dataset.dims().zip(ids).map(part).collect() }
    }

    /// Whether these ids are of this key.
    pub(crate) fn fits(&self, ids: impl Iterator<Item = u32>) -> bool {
        self.parts.iter().zip(ids).all(|(part, id)| part.id.is_none_or(|wanted| wanted == id))
    }

    /// The condition of the key on a table, with its values.
    pub(crate) fn condition(&self) -> (String, Vec<mysql::Value>) {
        let known = self.parts.iter().filter_map(|part| Some((part.column, part.id?)));
        let mut sql = String::from("date = ?");
        let mut values = vec![mysql::Value::from(self.day.to_string())];
        for (column, id) in known {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(id.into());
        }
        (sql, values)
    }

    /// For people: `2025-08-15, HAUTE VALLÉE, LOCAL, TOURISTE`.
    pub(crate) fn text(&self) -> String {
        let names = self.parts.iter().filter_map(|part| part.name.clone());
        std::iter::once(self.day.to_string()).chain(names).collect::<Vec<_>>().join(", ")
    }
}
