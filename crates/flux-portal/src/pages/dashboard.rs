//! The pages of figures.

use flux_core::figures::indicators::{DEFINITIONS, Figure, Indicators};
use flux_core::figures::meta::Meta;
use flux_core::health::freshness::freshness;
use maud::{Markup, html};

use crate::api::Context;
use crate::failure::Failure;
use crate::model;
use crate::pages::{Content, usual};

pub(super) fn dashboard(context: &mut Context<'_>) -> Result<Content, Failure> {
    let choices = model::filters(context.session)?;
    let asked = ["annee", "periode", "zone", "debut", "fin"].iter().any(|name| context.parameters.text(name).is_some());
    let question = match usual(&choices) {
        Some((year, period, zone)) if !asked => {
            context.parameters.with(&[("annee", &year.to_string()), ("periode", period), ("zone", zone)]).question()?
        }
        Some(_) => context.parameters.question()?,
        None => return Ok(Content { title: "Tableau de bord".into(), body: html! { p { "Aucune donnée." } } }),
    };
    let answer = model::key_figures(context.session, &question, context.version)?;
    Ok(Content {
        title: "Tableau de bord".into(),
        body: html! { (about(&answer.meta)) (figures(&answer.value)) p { a href=(context.config.path("/methodologie")) { "Définitions" } } },
    })
}

/// What is to be known before any number.
fn about(meta: &Meta) -> Markup {
    html! {
        p { (meta.zone) ", du " (meta.debut) " au " (meta.fin) " : " (meta.jours_avec_donnees) " jours avec données sur " (meta.jours) "." }
        @if meta.provisoire_pct.is_some_and(|percent| percent > 0.0) { p { "Données provisoires." } }
    }
}

fn number(figure: Option<Figure>) -> String {
    match figure {
        None => "–".into(),
        Some(Figure::Count(count)) => flux_core::report::number(count),
        Some(Figure::Mean(mean)) => format!("{mean:.2}").replace('.', ","),
    }
}

fn figures(indicators: &Indicators) -> Markup {
    html! {
        table {
            caption { "Indicateurs" }
            thead { tr { th scope="col" { "Indicateur" } @for year in indicators.annees { th scope="col" { (year) } } th scope="col" { "Évolution" } } }
            tbody {
                @for row in &indicators.rows {
                    tr {
                        th scope="row" { (row.definition.indicateur) }
                        @for value in row.values { td { (number(value)) } }
                        td { @match row.change(1) { Some(change) => (format!("{change:+.1} %").replace('.', ",")), None => "–" } }
                    }
                }
            }
        }
    }
}

pub(super) fn methodology(_: &mut Context<'_>) -> Result<Content, Failure> {
    let body = html! {
        table {
            caption { "Définition de chaque indicateur" }
            thead { tr { th scope="col" { "Indicateur" } th scope="col" { "Définition" } th scope="col" { "Unité" } th scope="col" { "Table" } } }
            tbody {
                @for definition in DEFINITIONS {
                    tr { th scope="row" { (definition.indicateur) } td { (definition.definition) } td { (definition.unit()) } td { code { (definition.table()) } } }
                }
            }
        }
    };
    Ok(Content { title: "Méthodologie".into(), body })
}

pub(super) fn state(context: &mut Context<'_>) -> Result<Content, Failure> {
    let freshness = freshness(context.database)?;
    let day = freshness.donnees_jusqu_au.map_or_else(|| "–".to_owned(), |day| day.to_string());
    Ok(Content { title: "État des données".into(), body: html! { p { "Données jusqu'au " (day) "." } } })
}
