//! The rows behind a figure: those that its definition sums, largest first.

use mysql::{Row, Value};

use crate::db::{Session, marks};
use crate::domain::catalogue::{Dataset, Dim};
use crate::error::{Error, Result};
use crate::figures::daily::Origin;
use crate::figures::feasts::saturday;
use crate::figures::indicators::{Definition, Indicator, Rule};
use crate::figures::period::Period;
use crate::figures::rankings::Breakdowns;
use crate::figures::scope::Scope;

/// Rows of one table that a figure sums. Rows of one zone under several names are one.
#[derive(Debug)]
pub(crate) struct Behind {
    pub(crate) dataset: &'static Dataset,
    period: Period,
    /// Ids of the zone's stored rows, the preferred one first.
    zones: Vec<u32>,
    /// Ids that count, of the other dimensions; those that are not here count whole.
    only: Vec<(Dim, Vec<u32>)>,
}

/// A key behind a figure, with its volume.
#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) date: String,
    /// In the order of the table's key.
    pub(crate) ids: Vec<u32>,
    pub(crate) volume: u64,
    /// What it adds to the whole, by which rows are ordered: the volume, or the nights of its stays.
    pub(crate) weight: u64,
}

/// The largest of them, and what all come to.
#[derive(Debug, Default)]
pub(crate) struct Largest {
    pub(crate) count: u64,
    pub(crate) volume: u64,
    pub(crate) weight: u64,
    pub(crate) rows: Vec<KeyRow>,
}

impl Behind {
    /// The rows of `dataset` behind a figure of N, which is read from it; `None` where there is no day to look at.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn indicator(
        session: &mut Session,
        dataset: &'static Dataset,
        scope: &Scope,
        indicator: &Indicator,
    ) -> Result<Option<Self>> {
        let Definition { rule, visitors, .. } = *indicator.definition;
        let day = |day| Period::interval(day, day);
        let (period, origin) = match rule {
            Rule::Sum(origin) | Rule::MeanStay(origin) => (Some(scope.period().clone()), origin),
            Rule::On(feast) => (feast.year_within(scope.period()).and_then(|year| feast.days(year)), Origin::Total),
            Rule::Peak => (indicator.dates[0].map(day), Origin::Total),
            Rule::Saturday(rank) => (saturday(scope.period(), rank).map(day), Origin::Total),
            Rule::Largest(..) => (Some(scope.period().clone()), Origin::Total),
        };
        let Some(period) = period else { return Ok(None) };
        let provenances = match origin {
            Origin::Total => vec![scope.ids.nonlocal, scope.ids.etranger],
            Origin::Francais => vec![scope.ids.nonlocal],
            Origin::Internationaux => vec![scope.ids.etranger],
        };
        let mut only = vec![(Dim::Categorie, vec![scope.ids.category(visitors)]), (Dim::Provenance, provenances)];
        if let Rule::Largest(breakdown, most) = rule {
            let question = Breakdowns { scope, visitors, breakdown };
            let counted = question.count(session, &period)?;
            let names: Vec<&str> = counted.top(most).into_iter().map(|(name, _)| name).collect();
            only.truncate(1);
            only.push((Dim::Provenance, vec![question.provenance()]));
            only.push((breakdown.dim(), ids_of(session, breakdown.dim(), &names)?));
        }
        Ok(Some(Self { dataset, period, zones: scope.zones().collect(), only }))
    }

    /// The rows of a table that bear these ids.
    pub(crate) fn table(dataset: &'static Dataset, scope: &Scope, only: Vec<(Dim, Vec<u32>)>) -> Self {
        Self { dataset, period: scope.period().clone(), zones: scope.zones().collect(), only }
    }

    fn condition(&self) -> (String, Vec<Value>) {
        let mut sql = format!("f.date BETWEEN ? AND ? AND f.id_zone IN {}", marks(1, self.zones.len()));
        let mut params: Vec<Value> = [self.period.debut, self.period.fin].map(|day| day.to_string().into()).into();
        params.extend(self.zones.iter().map(Value::from));
        for (dim, ids) in &self.only {
            // Of no name at all there are no rows.
            let none = [0];
            let ids = if ids.is_empty() { &none[..] } else { ids };
            sql.push_str(&format!(" AND f.{} IN {}", dim.spec().id, marks(1, ids.len())));
            params.extend(ids.iter().map(Value::from));
        }
        (sql, params)
    }

    /// The largest `limit` rows, and what all of them come to.
    ///
    /// # Errors
    /// [`Error::MissingTable`], [`Error::Sql`].
    pub(crate) fn largest(&self, session: &mut Session, limit: u32) -> Result<Largest> {
        let table = self.dataset.main;
        // An EPCI follows from its commune, a zone's names are one.
        let dims: Vec<Dim> = self.dataset.dims().filter(|dim| *dim != Dim::Zone && *dim != Dim::Epci).collect();
        let columns: Vec<String> = dims.iter().map(|dim| format!("f.{}", dim.spec().id)).collect();
        let stays = dims.contains(&Dim::Duree);
        let join = if stays { " JOIN dim_durees_sejour d ON d.id_duree = f.id_duree" } else { "" };
        let weight = if stays { "f.volume * d.nb_nuits" } else { "f.volume" };
        let (condition, params) = self.condition();
        let keys = format!(
            "SELECT f.date, {columns}, CAST(SUM(f.volume) AS UNSIGNED) AS volume, CAST(SUM({weight}) AS UNSIGNED) AS weight \
             FROM {table} f{join} WHERE {condition} GROUP BY f.date, {columns}",
            columns = columns.join(", ")
        );
        let doing = format!("lecture de {table}");
        let sql = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM(volume), 0) AS UNSIGNED), CAST(COALESCE(SUM(weight), 0) AS UNSIGNED) FROM ({keys}) k"
        );
        let (count, volume, weight) = session.first(&doing, &sql, params.clone())?.unwrap_or((0, 0, 0));
        let mut order: Vec<String> = dims.iter().map(|dim| dim.spec().id.to_owned()).collect();
        let ids = order.join(", ");
        order.insert(0, "weight DESC, date".into());
        let sql = format!(
            "SELECT CAST(date AS CHAR) AS day, volume, weight, {ids} FROM ({keys}) k ORDER BY {} LIMIT {limit}",
            order.join(", ")
        );
        let rows: Vec<Row> = session.rows(&doing, &sql, params)?;
        let rows = rows.iter().map(|row| self.key_row(row)).collect::<Result<_>>()?;
        Ok(Largest { count, volume, weight, rows })
    }

    fn key_row(&self, row: &Row) -> Result<KeyRow> {
        let number = |column: &str| row.get_opt::<u64, _>(column).and_then(std::result::Result::ok);
        let id = |dim: Dim| match dim {
            Dim::Zone => self.zones.first().copied(),
            Dim::Epci => Some(0),
            _ => number(dim.spec().id).and_then(|id| u32::try_from(id).ok()),
        };
        let read = || {
            Some(KeyRow {
                date: row.get_opt::<String, _>("day").and_then(std::result::Result::ok)?,
                ids: self.dataset.dims().map(id).collect::<Option<_>>()?,
                volume: number("volume")?,
                weight: number("weight")?,
            })
        };
        read().ok_or_else(|| Error::Invariant(format!("{} : une valeur inattendue", self.dataset.main)))
    }
}

fn ids_of(session: &mut Session, dim: Dim, names: &[&str]) -> Result<Vec<u32>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let spec = dim.spec();
    let sql = format!("SELECT {} FROM {} WHERE {} IN {}", spec.id, spec.table, spec.name, marks(1, names.len()));
    session.rows(&format!("lecture de {}", spec.table), &sql, names.to_vec())
}
