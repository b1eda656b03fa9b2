//! The charts of the dashboard as files of their own.

use flux_core::figures::indicators::Indicators;
use flux_core::figures::lengths::Stays;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::{Question, Visitors};
use flux_core::figures::series::Point;
use flux_report::chart::Legend;

use crate::api::Context;
use crate::failure::Failure;
use crate::pages::blocks::{legend, provisional, unequal};
use crate::pages::filters::visitors;
use crate::pages::{charts, words};

/// What a file that stands alone is of.
fn caption(meta: &Meta) -> Vec<String> {
    let known = format!("{} avec données", words::days_of(meta.jours_avec_donnees, meta.jours));
    let mut lines = vec![words::name(&meta.zone), words::dates(meta.debut, meta.fin), known];
    lines.extend(unequal(meta).map(|why| format!("⚠ {why}")));
    lines
}

fn caption_of_two(a: &Meta, b: &Meta) -> Vec<String> {
    let side = |name: &str, meta: &Meta| {
        let (zone, days) = (words::name(&meta.zone), words::days_of(meta.jours_avec_donnees, meta.jours));
        [format!("{name} : {zone}, {}", words::dates(meta.debut, meta.fin)), format!("{days} avec données")]
    };
    [side("A", a), side("B", b)].concat()
}

pub(super) fn days(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context.parameters)?);
    let answer = context.answer::<Vec<Point>>(&question, visitors)?;
    Ok(charts::days(&answer.value, &answer.meta, visitors, 980.0).captioned(&caption(&answer.meta)).into_bytes())
}

pub(super) fn ranking(context: &mut Context<'_>, breakdown: Breakdown) -> Result<Vec<u8>, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context.parameters)?);
    let limit = context.parameters.limit(charts::shown(breakdown))?;
    let answer = context.answer::<Ranking>(&question, (visitors, breakdown))?;
    let rows = answer.value.ranked(limit);
    let drawing = charts::ranks(charts::title(visitors, breakdown), &legend(&answer.meta), &rows);
    Ok(drawing.captioned(&caption(&answer.meta)).into_bytes())
}

pub(super) fn communes(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (question, limit) = (context.parameters.question()?, context.parameters.limit(10)?);
    let answer = context.answer::<Mobility>(&question, ())?;
    Ok(charts::communes(&answer.value, &answer.meta, limit, usize::MAX).captioned(&caption(&answer.meta)).into_bytes())
}

pub(super) fn origins(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context.parameters)?);
    let answer = context.answer::<Indicators>(&question, ())?;
    Ok(charts::origins(&answer.value, visitors).captioned(&caption(&answer.meta)).into_bytes())
}

pub(super) fn stays(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let question = context.parameters.question()?;
    let answer = context.answer::<Stays>(&question, ())?;
    Ok(charts::stays(&answer.value).captioned(&caption(&answer.meta)).into_bytes())
}

fn of_two(context: &Context<'_>) -> Result<(Question, Question, Visitors), Failure> {
    let (a, b) = context.parameters.two_questions()?;
    Ok((a, b, visitors(context.parameters)?))
}

/// A file stands alone: it says what the two sides are.
fn of_sides(a: &Meta, b: &Meta) -> Legend {
    let side = |name: &str, meta: &Meta| format!("{name} : {}, {}", words::name(&meta.zone), meta.annee);
    Legend { now: side("A", a), before: side("B", b), provisional: provisional(a) }
}

pub(super) fn faced_days(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (a, b, visitors) = of_two(context)?;
    let faced = context.faced::<Vec<Point>>((&a, &b), visitors)?;
    let drawing = charts::days_of(&of_sides(&faced.a, &faced.b), &faced.value, visitors, 980.0);
    Ok(drawing.captioned(&caption_of_two(&faced.a, &faced.b)).into_bytes())
}

pub(super) fn faced_ranking(context: &mut Context<'_>, breakdown: Breakdown) -> Result<Vec<u8>, Failure> {
    let (a, b, visitors) = of_two(context)?;
    let limit = context.parameters.limit(charts::shown(breakdown))?;
    let faced = context.faced::<Ranking>((&a, &b), (visitors, breakdown))?;
    let rows = faced.value.ranked(limit);
    let drawing = charts::ranks(charts::title(visitors, breakdown), &of_sides(&faced.a, &faced.b), &rows);
    Ok(drawing.captioned(&caption_of_two(&faced.a, &faced.b)).into_bytes())
}

pub(super) fn faced_communes(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (a, b, _) = of_two(context)?;
    let limit = context.parameters.limit(10)?;
    let faced = context.faced::<Mobility>((&a, &b), ())?;
    let drawing = charts::communes_of(&of_sides(&faced.a, &faced.b), &faced.value, limit, usize::MAX);
    Ok(drawing.captioned(&caption_of_two(&faced.a, &faced.b)).into_bytes())
}
