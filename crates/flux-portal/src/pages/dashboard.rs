//! The dashboard: tourists, excursionists, two questions face to face.

use flux_core::figures::indicators::Indicators;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::Point;
use maud::{Markup, PreEscaped, html};

use crate::api::Context;
use crate::failure::Failure;
use crate::pages::blocks::{Block, Link, about, legend, links, unequal};
use crate::pages::filters::{Filters, visitors_name};
use crate::pages::{Content, charts, compare, empty, frame, origin, words};

pub(super) fn dashboard(context: &mut Context<'_>) -> Result<Content, Failure> {
    let choices = context.choices()?;
    match context.parameters.text("onglet") {
        None | Some("touristes") => of_visitors(context, choices, Visitors::Touristes),
        Some("excursionnistes") => of_visitors(context, choices, Visitors::Excursionnistes),
        Some("comparer") => compare::compare(context, choices),
        Some(_) => Err(Failure::BadRequest("onglet : touristes, excursionnistes ou comparer est attendu".into())),
    }
}

fn of_visitors(
    context: &mut Context<'_>,
    choices: flux_core::figures::choices::Choices,
    visitors: Visitors,
) -> Result<Content, Failure> {
    let Some(filters) = Filters::of(context, choices) else {
        return Ok(empty(context, "Tableau de bord", frame::Place::Dashboard));
    };
    let question = filters.parameters.question()?;
    let figures = context.answer::<Indicators>(&question, ())?;
    let days = context.answer::<Vec<Point>>(&question, visitors)?;
    let meta = &days.meta;
    let name = visitors_name(visitors);
    let mut blocks = vec![(
        "plein",
        Block {
            id: "jours",
            title: charts::days_title(visitors),
            charts: vec![
                ("large", charts::days(&days.value, meta, visitors, 980.0)),
                ("etroit", charts::days(&days.value, meta, visitors, 360.0)),
            ],
            tables: vec![
                charts::days_table(&days.value, meta, visitors)
                    .explained(origin::Spans::years(meta).days(&days.value, visitors)),
            ],
            links: files(context, &filters, "/api/infographie/infographie_series", "/graphiques/jours.svg", visitors),
            note: None,
        },
    )];
    for breakdown in [Breakdown::Departements, Breakdown::Regions, Breakdown::Pays] {
        blocks.push(("", origin_block(context, &filters, visitors, breakdown)?));
    }
    if visitors == Visitors::Touristes {
        blocks.push(("", communes_block(context, &filters)?));
        blocks.push(("", stays_block(context, &filters, &figures.value, &figures.meta)));
    }
    let body = html! {
        (filters.tabs(context, name))
        (filters.form(&context.config.path("/dashboard"), &[("onglet", name)]))
        (about(meta))
        (keys(context, &filters, &figures.value, visitors, meta))
        div.grille { @for (class, block) in &blocks { (block.render(class)) } }
        p { a href=(context.config.path("/methodologie")) { "Définitions et sources" } " · version des données " code { (meta.version_des_donnees) } }
    };
    Ok(Content::page(context, "Tableau de bord", frame::Place::Dashboard, body, filters.address(context, "", &[])))
}

/// The files of a list and the drawing of it.
pub(super) fn files(
    context: &Context<'_>,
    filters: &Filters,
    list: &str,
    drawing: &str,
    visitors: Visitors,
) -> Vec<Link> {
    let visitors = ("visiteurs", visitors_name(visitors));
    vec![
        ("CSV", filters.address(context, list, &[("format", "csv"), visitors])),
        ("Excel", filters.address(context, list, &[("format", "xlsx"), visitors])),
        ("SVG", filters.address(context, drawing, &[visitors])),
    ]
}

/// The large figures, then all.
pub(super) fn keys(
    context: &Context<'_>,
    filters: &Filters,
    figures: &Indicators,
    visitors: Visitors,
    meta: &Meta,
) -> Markup {
    let ids = match visitors {
        Visitors::Touristes => ["nuitees_total", "nuitees_francais", "nuitees_internationaux", "duree_moyenne_total"],
        Visitors::Excursionnistes => [
            "excursionnistes_total",
            "excursionnistes_francais",
            "excursionnistes_internationaux",
            "pic_excursionnistes",
        ],
    };
    let api = "/api/infographie/infographie_indicateurs_cles";
    let mut files: Vec<Link> = [("CSV", "csv"), ("Excel", "xlsx")]
        .map(|(kind, format)| (kind, filters.address(context, api, &[("format", format)])))
        .into();
    let of = [("visiteurs", visitors_name(visitors))];
    files.push(("SVG des provenances", filters.address(context, "/graphiques/provenances.svg", &of)));
    html! {
        section.cles aria-labelledby="cles-titre" {
            h2 id="cles-titre" { "Chiffres clés" }
            ul.cartes {
                @for row in ids.iter().filter_map(|id| charts::figure(figures, id)) {
                    li.carte id=(row.definition.id) {
                        h3 { (row.definition.indicateur) }
                        p.valeur { (words::figure(row.values[0])) " " span.unite { (row.definition.unit) } }
                        @if let Some(day) = row.dates[0] { p { "le " (words::date(day)) } }
                        p { span.evolution { (charts::figure_change(row, meta)) } " · " span.entier { (figures.annees[1]) " : " (words::figure(row.values[1])) } }
                        (origin::disclosure(&origin::indicator(meta, row), row.definition.indicateur))
                        (PreEscaped(charts::history(figures, row).inline(&format!("h-{}", row.definition.id))))
                    }
                }
            }
            (PreEscaped(charts::origins(figures, visitors).inline("provenances")))
            (charts::figures_table(figures, Some(visitors), meta).explained(origin::indicators(meta, figures, Some(visitors))).render())
            (links(&files, "indicateurs"))
        }
    }
}

fn stays_block<'a>(context: &Context<'_>, filters: &Filters, figures: &Indicators, meta: &Meta) -> Block<'a> {
    Block {
        id: "sejours",
        title: charts::STAYS,
        charts: vec![("", charts::stays(&figures.stays))],
        tables: charts::stays_tables(&figures.stays, meta)
            .into_iter()
            .zip(origin::Spans::years(meta).stays(&figures.stays))
            .map(|(table, origins)| table.explained(origins))
            .collect(),
        links: files(
            context,
            filters,
            "/api/infographie/infographie_duree_sejour",
            "/graphiques/sejours.svg",
            Visitors::Touristes,
        ),
        note: Some(format!(
            "Part des séjours de chaque durée\u{a0}; source\u{a0}: {}, {}.",
            figures.stays.source.table,
            words::days_of(figures.stays.source.jours_avec_donnees, meta.jours)
        )),
    }
}

/// Path of the list and of the drawing of a breakdown.
pub(super) fn paths(visitors: Visitors, breakdown: Breakdown) -> (&'static str, &'static str) {
    match (visitors, breakdown) {
        (Visitors::Touristes, Breakdown::Departements) => {
            ("/api/infographie/infographie_departements_touristes", "/graphiques/departements.svg")
        }
        (Visitors::Touristes, Breakdown::Regions) => {
            ("/api/infographie/infographie_regions_touristes", "/graphiques/regions.svg")
        }
        (Visitors::Touristes, Breakdown::Pays) => {
            ("/api/infographie/infographie_pays_touristes", "/graphiques/pays.svg")
        }
        (Visitors::Excursionnistes, Breakdown::Departements) => {
            ("/api/infographie/infographie_departements_excursionnistes", "/graphiques/departements.svg")
        }
        (Visitors::Excursionnistes, Breakdown::Regions) => {
            ("/api/infographie/infographie_regions_excursionnistes", "/graphiques/regions.svg")
        }
        (Visitors::Excursionnistes, Breakdown::Pays) => {
            ("/api/infographie/infographie_pays_excursionnistes", "/graphiques/pays.svg")
        }
    }
}

fn origin_block<'a>(
    context: &mut Context<'_>,
    filters: &Filters,
    visitors: Visitors,
    breakdown: Breakdown,
) -> Result<Block<'a>, Failure> {
    let question = filters.parameters.question()?;
    let answer = context.answer::<Ranking>(&question, (visitors, breakdown))?;
    let rows = answer.value.ranked(charts::shown(breakdown));
    let title = charts::title(visitors, breakdown);
    let (list, drawing) = paths(visitors, breakdown);
    Ok(Block {
        id: match breakdown {
            Breakdown::Departements => "departements",
            Breakdown::Regions => "regions",
            Breakdown::Pays => "pays",
        },
        title,
        charts: charts::ranks_on_page(title, &legend(&answer.meta), &rows),
        tables: vec![
            charts::ranking_table(title, breakdown, &answer.meta, &rows)
                .explained(origin::Spans::years(&answer.meta).ranking((visitors, breakdown), &rows)),
        ],
        links: files(context, filters, list, drawing, visitors),
        note: said(&answer.meta),
    })
}

/// What is to be known of one list.
fn said(meta: &Meta) -> Option<String> {
    let part = (meta.jours_avec_donnees < meta.jours)
        .then(|| format!("{} avec données.", words::days_of(meta.jours_avec_donnees, meta.jours)));
    let said: Vec<String> = [part, unequal(meta).map(|why| format!("⚠ {why}"))].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn communes_block<'a>(context: &mut Context<'_>, filters: &Filters) -> Result<Block<'a>, Failure> {
    let question = filters.parameters.question()?;
    let answer = context.answer::<Mobility>(&question, ())?;
    let list = "/api/infographie/infographie_communes_excursion";
    Ok(Block {
        id: "communes",
        title: charts::COMMUNES,
        charts: charts::communes_on_page(&legend(&answer.meta), &answer.value, 10),
        tables: vec![
            charts::communes_table(&answer.value, &answer.meta, 10)
                .explained(origin::Spans::years(&answer.meta).communes(&answer.value, 10)),
        ],
        links: files(context, filters, list, "/graphiques/communes.svg", Visitors::Touristes),
        note: said(&answer.meta),
    })
}
