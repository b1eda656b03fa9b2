//! Two questions face to face: periods, zones, or both.

use flux_core::figures::answer::Answer;
use flux_core::figures::choices::Choices;
use flux_core::figures::indicators::{Figure, Indicator, Indicators};
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::{Commune, Mobility};
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::{Question, Visitors};
use flux_core::figures::series::Point;
use flux_report::chart::Legend;
use maud::html;

use crate::api::{Context, face_to_face};
use crate::failure::Failure;
use crate::pages::blocks::{Block, Link, Table, change_of, links, provisional};
use crate::pages::filters::{Filters, visitors, visitors_name};
use crate::pages::origin::Spans;
use crate::pages::{Content, charts, empty, frame, words};

pub(super) fn compare(context: &mut Context<'_>, choices: Choices) -> Result<Content, Failure> {
    let Some(filters) = Filters::of_two(context, choices) else {
        return Ok(empty(context, "Tableau de bord", frame::Place::Dashboard));
    };
    let visitors = visitors(&filters.parameters)?;
    let (first, second) = filters.parameters.two_questions()?;
    let a = context.answer::<Indicators>(&first, ())?;
    let b = context.answer::<Indicators>(&second, ())?;
    let alike = alike(&a.meta, &b.meta);
    let sides = Sides { questions: (&first, &second), visitors };
    let mut blocks = vec![("plein", days_block(context, &filters, &sides)?)];
    for breakdown in [Breakdown::Departements, Breakdown::Regions, Breakdown::Pays] {
        blocks.push(("", origin_block(context, &filters, &sides, breakdown)?));
    }
    if visitors == Visitors::Touristes {
        blocks.push(("", communes_block(context, &filters, &sides)?));
    }
    let list = "/api/analytics/comparison_detailed";
    let file = |format: &str| filters.address_of_two(context, list, &[("format", format)]);
    let body = html! {
        (filters.tabs(context, "comparer"))
        (filters.form_of_two(&context.config.path("/dashboard"), visitors))
        section.apropos aria-label="Ce qui est comparé" {
            @for (side, meta) in [("A", &a.meta), ("B", &b.meta)] {
                p {
                    strong { (side) " : " (words::name(&meta.zone)) } " · " (words::dates(meta.debut, meta.fin)) " · "
                    (words::days_of(meta.jours_avec_donnees, meta.jours)) " avec données"
                    @if provisional(meta) { " · " span.hachure aria-hidden="true" {} " données provisoires" }
                }
            }
            @if !alike {
                p.alerte { "⚠ Les évolutions comparent " (words::days(a.meta.jours_avec_donnees)) " avec données à " (words::days(b.meta.jours_avec_donnees)) " : à lire avec prudence." }
            }
        }
        section.cles aria-labelledby="cles-titre" {
            h2 id="cles-titre" { "Indicateurs" }
            (table(&a, &b).render())
            (links(&[("CSV", file("csv")), ("Excel", file("xlsx"))], "comparaison"))
        }
        div.grille { @for (class, block) in &blocks { (block.render(class)) } }
    };
    let title = format!("Comparer · {}", visitors_name(visitors));
    Ok(Content::page(context, &title, frame::Place::Dashboard, body, String::new()))
}

/// What is held against what.
struct Sides<'a> {
    questions: (&'a Question, &'a Question),
    visitors: Visitors,
}

/// Whether both sides count as many days.
fn alike(a: &Meta, b: &Meta) -> bool {
    a.jours_avec_donnees == b.jours_avec_donnees
}

/// The two sides in a chart.
fn legend(a: &Meta) -> Legend {
    Legend { now: "A".into(), before: "B".into(), provisional: provisional(a) }
}

/// Lists and drawing of two questions.
fn files(context: &Context<'_>, filters: &Filters, (list, drawing): (&str, &str)) -> Vec<Link> {
    vec![
        ("CSV", filters.address_of_two(context, list, &[("format", "csv")])),
        ("Excel", filters.address_of_two(context, list, &[("format", "xlsx")])),
        ("SVG", filters.address_of_two(context, drawing, &[])),
    ]
}

/// What is to be known of two lists before their numbers.
fn said(a: &Meta, b: &Meta) -> Option<String> {
    let days =
        |side, meta: &Meta| format!("{side} : {} avec données", words::days_of(meta.jours_avec_donnees, meta.jours));
    let whole = |meta: &Meta| meta.jours_avec_donnees == meta.jours;
    let alike = alike(a, b);
    let warning = if alike { "" } else { ". ⚠ Évolutions à lire avec prudence" };
    (!alike || !whole(a) || !whole(b)).then(|| format!("{} ; {}{warning}.", days("A", a), days("B", b)))
}

fn days_block<'a>(context: &mut Context<'_>, filters: &Filters, sides: &Sides<'_>) -> Result<Block<'a>, Failure> {
    let visitors = sides.visitors;
    let faced = context.faced::<Vec<Point>>(sides.questions, visitors)?;
    let title = charts::days_title(visitors);
    let chart = |width| charts::days_of(&legend(&faced.a), &faced.value, visitors, width);
    let mut table = Table::new(title, &["Jour de A", ">A", "Jour de B", ">B"]);
    let day = |point: &Point| {
        vec![
            point.date.to_string(),
            words::count(point.n),
            point.date_n1.map_or_else(|| "–".into(), |day| day.to_string()),
            words::count(point.n_1),
        ]
    };
    table.rows = faced.value.iter().map(day).collect();
    let table = table.explained(Spans::sides(&faced.a, &faced.b).days(&faced.value, visitors));
    let more = faced.b.jours.saturating_sub(faced.a.jours);
    Ok(Block {
        id: "jours",
        title,
        charts: vec![("large", chart(980.0)), ("etroit", chart(360.0))],
        tables: vec![table],
        links: files(context, filters, ("/api/analytics/comparison_series", "/graphiques/comparer_jours.svg")),
        note: (more > 0).then(|| format!("B dure {} de plus, sans jour de A en face.", words::days(more))),
    })
}

fn origin_block<'a>(
    context: &mut Context<'_>,
    filters: &Filters,
    sides: &Sides<'_>,
    breakdown: Breakdown,
) -> Result<Block<'a>, Failure> {
    let faced = context.faced::<Ranking>(sides.questions, (sides.visitors, breakdown))?;
    let alike = alike(&faced.a, &faced.b);
    let rows = faced.value.ranked(charts::shown(breakdown));
    let title = charts::title(sides.visitors, breakdown);
    let mut table = Table::new(title, &[charts::column(breakdown), ">A", ">B", ">Évolution", ">Part A", ">Part B"]);
    table.rows = rows.iter().map(|rank| charts::rank_cells(rank, alike).into()).collect();
    let table = table.explained(Spans::sides(&faced.a, &faced.b).ranking((sides.visitors, breakdown), &rows));
    let (id, paths) = match breakdown {
        Breakdown::Departements => {
            ("departements", ("/api/analytics/comparison_departements", "/graphiques/comparer_departements.svg"))
        }
        Breakdown::Regions => ("regions", ("/api/analytics/comparison_regions", "/graphiques/comparer_regions.svg")),
        Breakdown::Pays => ("pays", ("/api/analytics/comparison_pays", "/graphiques/comparer_pays.svg")),
    };
    Ok(Block {
        id,
        title,
        charts: charts::ranks_on_page(title, &legend(&faced.a), &rows),
        tables: vec![table],
        links: files(context, filters, paths),
        note: said(&faced.a, &faced.b),
    })
}

fn communes_block<'a>(context: &mut Context<'_>, filters: &Filters, sides: &Sides<'_>) -> Result<Block<'a>, Failure> {
    let faced = context.faced::<Mobility>(sides.questions, ())?;
    let alike = alike(&faced.a, &faced.b);
    let mut table = Table::new(charts::COMMUNES, &["Commune", ">A", ">B", ">Évolution"]);
    let row = |commune: &Commune| {
        vec![
            commune.label(&words::name(&commune.nom_commune)),
            words::count(commune.total_visiteurs),
            words::count(commune.total_visiteurs_n1),
            change_of(commune.evolution_pct, alike),
        ]
    };
    table.rows = faced.value.ranked(10).into_iter().map(row).collect();
    let table = table.explained(Spans::sides(&faced.a, &faced.b).communes(&faced.value, 10));
    Ok(Block {
        id: "communes",
        title: charts::COMMUNES,
        charts: charts::communes_on_page(&legend(&faced.a), &faced.value, 10),
        tables: vec![table],
        links: files(context, filters, ("/api/analytics/comparison_communes", "/graphiques/comparer_communes.svg")),
        note: said(&faced.a, &faced.b),
    })
}

fn table(a: &Answer<Indicators>, b: &Answer<Indicators>) -> Table {
    let (alike, spans) = (alike(&a.meta, &b.meta), Spans::sides(&a.meta, &b.meta));
    let mut table =
        Table::new("A et B face à face", &["Indicateur", ">A", ">B", ">Évolution de B à A", "Unité", "Remarque"]);
    for (definition, [in_a, in_b]) in face_to_face(&a.value, &b.value) {
        let origins = spans.indicator(definition.id, [in_a.is_some(), in_b.is_some()]);
        let remark = days_of_figure(in_a, in_b);
        let (in_a, in_b) = (in_a.and_then(|row| row.values[0]), in_b.and_then(|row| row.values[0]));
        let change = Figure::change(in_a, in_b);
        table.rows.push(vec![
            definition.indicateur.to_owned(),
            words::figure(in_a),
            words::figure(in_b),
            change_of(change, alike || !definition.spans_the_period),
            definition.unit.to_owned(),
            remark,
        ]);
        table.origins.push(origins);
    }
    table.without_empty_last()
}

/// The days of a figure that is of one day: without them nobody knows which two days are compared.
fn days_of_figure(a: Option<&Indicator>, b: Option<&Indicator>) -> String {
    let day = |side: &str, row: Option<&Indicator>| Some(format!("{side} : le {}", words::date(row?.dates[0]?)));
    [day("A", a), day("B", b)].into_iter().flatten().collect::<Vec<_>>().join(" ; ")
}
