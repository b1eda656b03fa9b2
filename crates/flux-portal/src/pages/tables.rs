//! All figures and rankings as tables, and as one list for spreadsheets.

use flux_core::figures::answer::Answer;
use flux_core::figures::indicators::{Figure, Indicators};
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::Visitors;
use maud::html;
use serde_json::{Map, json};

use crate::api::Context;
use crate::failure::Failure;
use crate::list::{self, Row};
use crate::pages::blocks::{Link, Table, about, links};
use crate::pages::filters::Filters;
use crate::pages::{Content, charts, empty, frame, origin, words};

const ALL: [(Visitors, Breakdown); 6] = [
    (Visitors::Touristes, Breakdown::Departements),
    (Visitors::Touristes, Breakdown::Regions),
    (Visitors::Touristes, Breakdown::Pays),
    (Visitors::Excursionnistes, Breakdown::Departements),
    (Visitors::Excursionnistes, Breakdown::Regions),
    (Visitors::Excursionnistes, Breakdown::Pays),
];

fn rankings(context: &mut Context<'_>, filters: &Filters) -> Result<Vec<Answer<Ranking>>, Failure> {
    let question = filters.parameters.question()?;
    ALL.iter().map(|kind| context.answer::<Ranking>(&question, *kind)).collect()
}

pub(super) fn page(context: &mut Context<'_>) -> Result<Content, Failure> {
    let choices = context.choices()?;
    let Some(filters) = Filters::of(context, choices) else {
        return Ok(empty(context, "Tables", frame::Place::Tables));
    };
    let question = filters.parameters.question()?;
    let figures = context.answer::<Indicators>(&question, ())?;
    let rankings = rankings(context, &filters)?;
    let communes = context.answer::<Mobility>(&question, ())?;
    let source = |table: &str, with: u64, days: u64| html! { p.doux { "Source : " code { (table) } ", " (words::days_of(with, days)) "." } };
    let of_meta = |meta: &flux_core::figures::meta::Meta| {
        html! { @for one in &meta.sources { (source(one.table, one.jours_avec_donnees, meta.jours)) } }
    };
    let list = |title: &str, table: &Table, meta: &flux_core::figures::meta::Meta| {
        html! { section.bloc.plein { h2 { (title) } (table.render()) (of_meta(meta)) } }
    };
    let files: Vec<Link> = [("CSV", "/tables.csv"), ("Excel", "/tables.xlsx")]
        .map(|(kind, path)| (kind, filters.address(context, path, &[])))
        .into();
    let body = html! {
        (filters.form(&context.config.path("/tables"), &[]))
        (about(&figures.meta))
        (links(&files, "tous les tableaux"))
        (list("Indicateurs", &charts::figures_table(&figures.value, None, &figures.meta).explained(origin::indicators(&figures.meta, &figures.value, None)), &figures.meta))
        @for ((visitors, breakdown), answer) in ALL.iter().zip(&rankings) {
            @let title = charts::title(*visitors, *breakdown);
            @let rows = answer.value.ranked(charts::shown(*breakdown));
            @let origins = origin::Spans::years(&answer.meta).ranking((*visitors, *breakdown), &rows);
            (list(title, &charts::ranking_table(title, *breakdown, &answer.meta, &rows).explained(origins), &answer.meta))
        }
        (list(charts::COMMUNES, &charts::communes_table(&communes.value, &communes.meta, 10).explained(origin::Spans::years(&communes.meta).communes(&communes.value, 10)), &communes.meta))
        @for (table, origins) in charts::stays_tables(&figures.value.stays, &figures.meta).into_iter().zip(origin::Spans::years(&figures.meta).stays(&figures.value.stays)) {
            @let table = table.explained(origins);
            section.bloc.plein { h2 { (table.caption) } (table.render()) (source(figures.value.stays.source.table, figures.value.stays.source.jours_avec_donnees, figures.meta.jours)) }
        }
    };
    Ok(Content::page(context, "Tables", frame::Place::Tables, body, filters.address(context, "", &[])))
}

/// One list of everything on the page.
fn rows(context: &mut Context<'_>) -> Result<Vec<Row>, Failure> {
    let choices = context.choices()?;
    let Some(filters) = Filters::of(context, choices) else { return Err(Failure::NotFound("aucune donnée".into())) };
    let question = filters.parameters.question()?;
    let figures = context.answer::<Indicators>(&question, ())?;
    let (n, before) = (figures.meta.annee, figures.meta.annee_n1);
    let row = |cells: [serde_json::Value; 8]| -> Row {
        let names = ["tableau", "nom", "n", "n_1", "evolution_pct", "part_pct", "source", "remarque"];
        Map::from_iter(names.into_iter().map(str::to_owned).zip(cells))
    };
    let mut rows = Vec::new();
    for figure in &figures.value.rows {
        rows.push(row([
            json!("Indicateurs"),
            json!(figure.definition.indicateur),
            json!(figure.values[0]),
            json!(figure.values[1]),
            json!(Figure::change(figure.values[0], figure.values[1])),
            json!(null),
            json!(figure.definition.table),
            json!(figure.remarque),
        ]));
    }
    for ((visitors, breakdown), answer) in ALL.iter().zip(rankings(context, &filters)?) {
        for rank in answer.value.ranked(charts::shown(*breakdown)) {
            rows.push(row([
                json!(charts::title(*visitors, *breakdown)),
                json!(rank.nom),
                json!(rank.n),
                json!(rank.n_1),
                json!(rank.delta_pct),
                json!(rank.part_pct),
                json!(answer.meta.sources.first().map(|source| source.table)),
                json!(null),
            ]));
        }
    }
    let communes = context.answer::<Mobility>(&question, ())?;
    for commune in communes.value.ranked(10) {
        rows.push(row([
            json!(charts::COMMUNES),
            json!(commune.label(&commune.nom_commune)),
            json!(commune.total_visiteurs),
            json!(commune.total_visiteurs_n1),
            json!(commune.evolution_pct),
            json!(commune.part_pct),
            json!(communes.meta.sources.first().map(|source| source.table)),
            json!(null),
        ]));
    }
    let stays = &figures.value.stays;
    for (title, list) in
        [("Séjours des Français", &stays.francais), ("Séjours des internationaux", &stays.internationaux)]
    {
        for stay in list {
            rows.push(row([
                json!(title),
                json!(stay.duree),
                json!(stay.volume),
                json!(stay.volume_n1),
                json!(stay.delta_pct),
                json!(stay.part_pct),
                json!(stays.source.table),
                json!(null),
            ]));
        }
    }
    for row in &mut rows {
        row.insert("annee".into(), json!(n));
        row.insert("annee_n1".into(), json!(before));
        row.insert("zone".into(), json!(figures.meta.zone));
        row.insert("debut".into(), json!(figures.meta.debut.to_string()));
        row.insert("fin".into(), json!(figures.meta.fin.to_string()));
    }
    Ok(rows)
}

pub(super) fn csv(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    list::csv(&rows(context)?).map_err(Failure::within("tableaux"))
}

pub(super) fn xlsx(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    list::xlsx(&rows(context)?).map_err(Failure::within("tableaux"))
}
