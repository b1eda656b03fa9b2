//! The JSON addresses: one table of what each answers and who may ask.

mod choices;
mod figures;
mod state;

use flux_core::db::{Database, Session};
use flux_core::figures::answer::{Against, Answer, Figures};
use flux_core::figures::choices::{Choices, choices};
use flux_core::figures::meta::Meta;
use flux_core::figures::rankings::Breakdown;
use flux_core::figures::scope::{Question, Visitors};
use flux_core::figures::version::Version;
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use figures::face_to_face;

use crate::ask::Parameters;
use crate::config::Config;
use crate::failure::Failure;
use crate::list::Row;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever has logged in or has a token; everyone where the portal is public.
    Readers,
    /// Whoever has logged in or has a token.
    Known,
}

/// What an answer is worked out with.
pub(crate) struct Context<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) database: &'a Database,
    pub(crate) config: &'a Config,
    pub(crate) parameters: &'a Parameters,
    pub(crate) version: &'a Version,
}

impl Context<'_> {
    /// Figures of one kind.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for a zone or a period, [`Failure::BadRequest`], those of the database.
    pub(crate) fn answer<T: Figures>(&mut self, question: &Question, of: T::Of) -> Result<Answer<T>, Failure> {
        Ok(T::answer(self.session, question, of, self.version)??)
    }

    /// Those of two questions face to face.
    ///
    /// # Errors
    /// As [`Context::answer`].
    pub(crate) fn faced<T: Against>(&mut self, (a, b): (&Question, &Question), of: T::Of) -> Result<Faced<T>, Failure> {
        let (a, b) = (self.answer::<T>(a, of)?, self.answer::<T>(b, of)?);
        Ok(Faced { value: a.value.against(&b.value), a: a.meta, b: b.meta })
    }

    /// What can be asked for.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn choices(&mut self) -> Result<Choices, Failure> {
        Ok(choices(self.session)?)
    }
}

/// Two answers of one kind face to face; `value` is that of `a` with that of `b` in the place of N−1.
#[derive(Debug)]
pub(crate) struct Faced<T> {
    pub(crate) value: T,
    pub(crate) a: Meta,
    pub(crate) b: Meta,
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) body: Value,
    /// Its list, for spreadsheets.
    pub(crate) rows: Vec<Row>,
}

impl Document {
    /// # Errors
    /// [`Failure::Internal`] for what JSON cannot say.
    fn new(body: Value, rows: &[impl Serialize]) -> Result<Self, Failure> {
        Ok(Self { body, rows: rows.iter().map(row).collect::<Result<_, _>>()? })
    }
}

fn json_of(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(Failure::within("JSON"))
}

fn row(value: &impl Serialize) -> Result<Row, Failure> {
    match json_of(value)? {
        Value::Object(row) => Ok(row),
        other => Ok(json!({"valeur": other}).as_object().cloned().unwrap_or_default()),
    }
}

pub(crate) struct Endpoint {
    /// Below the base, without `.php`.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// Whether it tells of the moment, and is never kept.
    pub(crate) live: bool,
    pub(crate) answer: fn(&mut Context<'_>) -> Result<Document, Failure>,
}

const fn figures(path: &'static str, answer: fn(&mut Context<'_>) -> Result<Document, Failure>) -> Endpoint {
    Endpoint { path, access: Access::Readers, live: false, answer }
}

/// A feature of the old portal that is not served, whatever it is asked.
pub(crate) const CLOSED: [&str; 3] = ["/api/shared-spaces", "/api/shared-spaces/", "/api/shared-spaces/{*function}"];

#[rustfmt::skip]
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    figures("/api/infographie/infographie_indicateurs_cles", figures::key_figures),
    figures("/api/infographie/infographie_departements_touristes", |context| figures::ranking(context, Visitors::Touristes, Breakdown::Departements)),
    figures("/api/infographie/infographie_departements_excursionnistes", |context| figures::ranking(context, Visitors::Excursionnistes, Breakdown::Departements)),
    figures("/api/infographie/infographie_regions_touristes", |context| figures::ranking(context, Visitors::Touristes, Breakdown::Regions)),
    figures("/api/infographie/infographie_regions_excursionnistes", |context| figures::ranking(context, Visitors::Excursionnistes, Breakdown::Regions)),
    figures("/api/infographie/infographie_pays_touristes", |context| figures::ranking(context, Visitors::Touristes, Breakdown::Pays)),
    figures("/api/infographie/infographie_pays_excursionnistes", |context| figures::ranking(context, Visitors::Excursionnistes, Breakdown::Pays)),
    figures("/api/infographie/infographie_communes_excursion", figures::communes),
    figures("/api/infographie/infographie_duree_sejour", figures::lengths),
    figures("/api/infographie/infographie_series", figures::days),
    figures("/api/infographie/infographie_periodes", choices::periods),
    figures("/api/filters/get_periodes", choices::periods),
    figures("/api/filters/filters_mysql", choices::filters),
    figures("/api/legacy/blocks/bloc_a", figures::bloc_a),
    figures("/api/analytics/communes_excursion", figures::communes),
    figures("/api/analytics/comparison_detailed", figures::comparison),
    figures("/api/analytics/comparison_departements", |context| figures::comparison_of(context, Breakdown::Departements)),
    figures("/api/analytics/comparison_regions", |context| figures::comparison_of(context, Breakdown::Regions)),
    figures("/api/analytics/comparison_pays", |context| figures::comparison_of(context, Breakdown::Pays)),
    figures("/api/analytics/comparison_communes", figures::comparison_communes),
    figures("/api/analytics/comparison_series", figures::comparison_series),
    Endpoint { path: "/api/database/tables_info", access: Access::Known, live: true, answer: state::tables },
    Endpoint { path: "/api/etat", access: Access::Readers, live: true, answer: state::state },
];
