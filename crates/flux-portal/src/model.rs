//! What an answer is made of, typed, whoever writes it: pages, JSON, CSV, exports.

use flux_core::db::Session;
use flux_core::domain::catalogue::Space;
use flux_core::figures::choices::{Choices, choices};
use flux_core::figures::indicators::{Indicators, indicators};
use flux_core::figures::lengths::{Stays, stays};
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::{self, Mobility};
use flux_core::figures::rankings::{Breakdown, Ranking, ranking};
use flux_core::figures::scope::{Question, Scope, Visitors};
use flux_core::figures::series::{Series, series};
use flux_core::figures::version::Version;

use crate::failure::Failure;

/// An answer of one kind, with what is to be known of it.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    pub(crate) meta: Meta,
}

fn scope(session: &mut Session, question: &Question) -> Result<Scope, Failure> {
    Ok(Scope::find(session, question)??)
}

/// The key figures, with the stays.
///
/// # Errors
/// [`Failure::NotFound`] for a zone or a period, [`Failure::BadRequest`], those of the database; so of all that follow.
pub(crate) fn key_figures(
    session: &mut Session,
    question: &Question,
    version: &Version,
) -> Result<Answer<Indicators>, Failure> {
    let scope = scope(session, question)?;
    let value = indicators(session, &scope)?;
    let meta = Meta::new(&scope, &value.sources, &value.further, &version.to_string());
    Ok(Answer { value, meta })
}

/// A breakdown by origin.
pub(crate) fn origins(
    session: &mut Session,
    question: &Question,
    version: &Version,
    (visitors, breakdown): (Visitors, Breakdown),
) -> Result<Answer<Ranking>, Failure> {
    let scope = scope(session, question)?;
    let value = ranking(session, &scope, visitors, breakdown)?;
    let meta = Meta::new(&scope, std::slice::from_ref(&value.source), &[], &version.to_string());
    Ok(Answer { value, meta })
}

/// Where tourists go in the evening, commune by commune.
pub(crate) fn communes(
    session: &mut Session,
    question: &Question,
    version: &Version,
) -> Result<Answer<Mobility>, Failure> {
    let scope = scope(session, question)?;
    let asked = mobility::Asked {
        period: question.period.clone(),
        reference: question.reference(),
        zone: question.zone.clone(),
        category: "TOURISTE".into(),
        space: Space::Production,
    };
    let value = mobility::between(session, &asked)??;
    let source = value.source(session)?;
    let meta = Meta::new(&scope, &[source], &[], &version.to_string());
    Ok(Answer { value, meta })
}

/// How long tourists stay.
pub(crate) fn lengths(session: &mut Session, question: &Question, version: &Version) -> Result<Answer<Stays>, Failure> {
    let scope = scope(session, question)?;
    let value = stays(session, &scope)?;
    let meta = Meta::new(&scope, std::slice::from_ref(&value.source), &[], &version.to_string());
    Ok(Answer { value, meta })
}

pub(crate) fn days(
    session: &mut Session,
    question: &Question,
    version: &Version,
    visitors: Visitors,
) -> Result<Answer<Series>, Failure> {
    let scope = scope(session, question)?;
    let value = series(session, &scope, visitors)?;
    let meta = Meta::new(&scope, std::slice::from_ref(&value.source), &[], &version.to_string());
    Ok(Answer { value, meta })
}

/// Two answers of one kind face to face; `value` is that of `a` with that of `b` in the place of N−1.
#[derive(Debug)]
pub(crate) struct Faced<T> {
    pub(crate) value: T,
    pub(crate) a: Meta,
    pub(crate) b: Meta,
}

fn faced<T>(a: Answer<T>, b: Answer<T>, against: fn(&T, &T) -> T) -> Faced<T> {
    Faced { value: against(&a.value, &b.value), a: a.meta, b: b.meta }
}

/// A breakdown of two questions.
pub(crate) fn faced_origins(
    session: &mut Session,
    (a, b): (&Question, &Question),
    version: &Version,
    kind: (Visitors, Breakdown),
) -> Result<Faced<Ranking>, Failure> {
    let (a, b) = (origins(session, a, version, kind)?, origins(session, b, version, kind)?);
    Ok(faced(a, b, Ranking::against))
}

/// The communes of two questions.
pub(crate) fn faced_communes(
    session: &mut Session,
    (a, b): (&Question, &Question),
    version: &Version,
) -> Result<Faced<Mobility>, Failure> {
    let (a, b) = (communes(session, a, version)?, communes(session, b, version)?);
    Ok(faced(a, b, Mobility::against))
}

/// The days of two questions.
pub(crate) fn faced_days(
    session: &mut Session,
    (a, b): (&Question, &Question),
    version: &Version,
    visitors: Visitors,
) -> Result<Faced<Series>, Failure> {
    let (a, b) = (days(session, a, version, visitors)?, days(session, b, version, visitors)?);
    Ok(faced(a, b, Series::against))
}

/// What can be asked for.
pub(crate) fn filters(session: &mut Session) -> Result<Choices, Failure> {
    Ok(choices(session)?)
}
