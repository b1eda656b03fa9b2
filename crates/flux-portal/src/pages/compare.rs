//! Two questions face to face: periods, zones, or both.

use flux_core::figures::choices::Choices;
use flux_core::figures::indicators::{DEFINITIONS, Figure, Indicators};
use flux_core::figures::meta::Meta;
use flux_core::figures::rankings::Breakdown;
use flux_core::report::chart::Legend;
use maud::html;

use crate::api::Context;
use crate::failure::Failure;
use crate::model;
use crate::pages::blocks::{Block, Table, links, provisional};
use crate::pages::filters::{Filters, visitors, visitors_name};
use crate::pages::{Content, charts, empty, frame, words};

const BOTH: [&str; 11] = [
    "annee_a",
    "periode_a",
    "debut_a",
    "fin_a",
    "zone_a",
    "annee_b",
    "periode_b",
    "debut_b",
    "fin_b",
    "zone_b",
    "visiteurs",
];

pub(super) fn compare(context: &mut Context<'_>, choices: Choices) -> Result<Content, Failure> {
    let Some(filters) = Filters::of_two(context, choices) else { return Ok(empty(context, "Tableau de bord")) };
    let visitors = visitors(&filters.parameters)?;
    let (first, second) = (filters.parameters.question_of("_a")?, filters.parameters.question_of("_b")?);
    let a = model::key_figures(context.session, &first, context.version)?;
    let b = model::key_figures(context.session, &second, context.version)?;
    let legend = Legend {
        now: format!("A · {}", subject(&a.meta)),
        before: format!("B · {}", subject(&b.meta)),
        provisional: provisional(&a.meta),
    };
    let mut blocks = Vec::new();
    for (id, breakdown) in [("departements", Breakdown::Departements), ("pays", Breakdown::Pays)] {
        let kind = (visitors, breakdown);
        let of_a = model::origins(context.session, &first, context.version, kind)?;
        let of_b = model::origins(context.session, &second, context.version, kind)?;
        let against = of_a.value.against(&of_b.value);
        let rows = against.ranked(if breakdown == Breakdown::Departements { 15 } else { 10 });
        let title = charts::title(visitors, breakdown);
        let mut table = Table::new(title, &[charts::column(breakdown), ">A", ">B", ">Évolution", ">Part A", ">Part B"]);
        table.rows = rows
            .iter()
            .map(|rank| {
                vec![
                    words::name(&rank.nom),
                    words::count(rank.n),
                    words::count(rank.n_1),
                    words::change(rank.delta_pct),
                    words::percent(rank.part_pct),
                    words::percent(rank.part_pct_n1),
                ]
            })
            .collect();
        let short = Legend { now: "A".into(), before: "B".into(), ..legend.clone() };
        let chart = charts::ranks(title, &short, &rows);
        blocks.push(Block { id, title, charts: vec![chart], tables: vec![table], links: Vec::new(), note: None });
    }
    let query = filters.parameters.only(&BOTH);
    let file = |format: &str| {
        format!(
            "{}?{}",
            context.config.path("/api/analytics/comparison_detailed"),
            query.with(&[("format", format)]).query()
        )
    };
    let body = html! {
        (filters.tabs(context, "comparer"))
        (filters.form_of_two(&context.config.path("/dashboard"), visitors))
        section.apropos aria-label="Ce qui est comparé" {
            @for (side, meta) in [("A", &a.meta), ("B", &b.meta)] {
                p {
                    strong { (side) " : " (words::name(&meta.zone)) } " · " (words::dates(meta.debut, meta.fin)) " · "
                    (words::number(meta.jours_avec_donnees)) " jours sur " (words::number(meta.jours)) " avec données"
                    @if provisional(meta) { " · " span.hachure aria-hidden="true" {} " données provisoires" }
                }
            }
            @if a.meta.jours_avec_donnees != b.meta.jours_avec_donnees {
                p.alerte { "⚠ Les évolutions comparent " (words::days(a.meta.jours_avec_donnees)) " avec données à " (words::days(b.meta.jours_avec_donnees)) " : à lire avec prudence." }
            }
        }
        section.cles aria-labelledby="cles-titre" {
            h2 id="cles-titre" { "Indicateurs" }
            (table(&a.value, &b.value, a.meta.jours_avec_donnees == b.meta.jours_avec_donnees).render())
            (links(&[("CSV", file("csv")), ("Excel", file("xlsx"))], "comparaison"))
        }
        div.grille { @for block in &blocks { (block.render("")) } }
    };
    let title = format!("Comparer · {}", visitors_name(visitors));
    Ok(Content::page(context, &title, frame::Place::Dashboard, body, String::new()))
}

fn subject(meta: &Meta) -> String {
    format!("{}, {}", words::name(&meta.zone), meta.annee)
}

/// `alike`: whether both sides count as many days.
fn table(a: &Indicators, b: &Indicators, alike: bool) -> Table {
    let mut table = Table::new("A et B face à face", &["Indicateur", ">A", ">B", ">Évolution de B à A", "Unité"]);
    for definition in DEFINITIONS {
        let of = |side: &Indicators| {
            side.rows.iter().find(|row| row.definition.id == definition.id).map(|row| row.values[0])
        };
        let (in_a, in_b) = (of(a), of(b));
        if in_a.is_none() && in_b.is_none() {
            continue;
        }
        let (in_a, in_b) = (in_a.flatten(), in_b.flatten());
        let change = Figure::change(in_a, in_b);
        table.rows.push(vec![
            definition.indicateur.to_owned(),
            words::figure(in_a),
            words::figure(in_b),
            if alike || !definition.spans_the_period() || change.is_none() {
                words::change(change)
            } else {
                format!("⚠ {}", words::change(change))
            },
            definition.unit().to_owned(),
        ]);
    }
    table
}
