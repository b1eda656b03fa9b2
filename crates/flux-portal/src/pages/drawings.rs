//! The charts of the dashboard as files of their own.

use flux_core::figures::rankings::Breakdown;

use crate::api::Context;
use crate::failure::Failure;
use crate::model;
use crate::pages::blocks::legend;
use crate::pages::charts;
use crate::pages::dashboard::shown;
use crate::pages::filters::visitors;

pub(super) fn days(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context.parameters)?);
    let answer = model::days(context.session, &question, context.version, visitors)?;
    Ok(charts::days(&answer.value, &answer.meta, visitors, 980.0).standalone().into_bytes())
}

fn ranking(context: &mut Context<'_>, breakdown: Breakdown) -> Result<Vec<u8>, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context.parameters)?);
    let limit = context.parameters.limit(shown(breakdown))?;
    let answer = model::origins(context.session, &question, context.version, (visitors, breakdown))?;
    let rows = answer.value.ranked(limit);
    let drawing = charts::ranks(charts::title(visitors, breakdown), &legend(&answer.meta), &rows);
    Ok(drawing.standalone().into_bytes())
}

pub(super) fn departements(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    ranking(context, Breakdown::Departements)
}

pub(super) fn regions(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    ranking(context, Breakdown::Regions)
}

pub(super) fn pays(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    ranking(context, Breakdown::Pays)
}

pub(super) fn communes(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let (question, limit) = (context.parameters.question()?, context.parameters.limit(10)?);
    let answer = model::communes(context.session, &question, context.version)?;
    Ok(charts::communes(&answer.value, &answer.meta, limit, usize::MAX).standalone().into_bytes())
}

pub(super) fn stays(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let question = context.parameters.question()?;
    let answer = model::lengths(context.session, &question, context.version)?;
    Ok(charts::stays(&answer.value).standalone().into_bytes())
}
