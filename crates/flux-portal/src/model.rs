//! What an answer is made of, typed, whoever writes it: pages, JSON, CSV, exports.

use flux_core::db::Session;
pub(crate) use flux_core::figures::answer::Answer;
use flux_core::figures::choices::{Choices, choices};
use flux_core::figures::indicators::Indicators;
use flux_core::figures::lengths::Stays;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::{Question, Visitors};
use flux_core::figures::series::Series;
use flux_core::figures::version::Version;

use crate::failure::Failure;

/// The key figures, with the stays.
///
/// # Errors
/// [`Failure::NotFound`] for a zone or a period, [`Failure::BadRequest`], those of the database; so of all that follow.
pub(crate) fn key_figures(
    session: &mut Session,
    question: &Question,
    version: &Version,
) -> Result<Answer<Indicators>, Failure> {
    Ok(question.answer(session, (), version)??)
}

/// A breakdown by origin.
pub(crate) fn origins(
    session: &mut Session,
    question: &Question,
    version: &Version,
    kind: (Visitors, Breakdown),
) -> Result<Answer<Ranking>, Failure> {
    Ok(question.answer(session, kind, version)??)
}

/// Where tourists go in the evening, commune by commune.
pub(crate) fn communes(
    session: &mut Session,
    question: &Question,
    version: &Version,
) -> Result<Answer<Mobility>, Failure> {
    Ok(question.answer(session, (), version)??)
}

/// How long tourists stay.
pub(crate) fn lengths(session: &mut Session, question: &Question, version: &Version) -> Result<Answer<Stays>, Failure> {
    Ok(question.answer(session, (), version)??)
}

/// The volumes day by day.
pub(crate) fn days(
    session: &mut Session,
    question: &Question,
    version: &Version,
    visitors: Visitors,
) -> Result<Answer<Series>, Failure> {
    Ok(question.answer(session, visitors, version)??)
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
