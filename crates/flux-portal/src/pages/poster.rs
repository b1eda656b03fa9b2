//! The infographic: one A4 page to be given away, as a page, SVG, PNG and PDF of one drawing.

use flux_core::figures::indicators::{Figure, Indicators};
use flux_core::figures::lengths::Stays;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Ranking};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::Point;
use flux_report::chart::{Anchor, Drawing, Pen, fitted};
use flux_report::day_of_month;
use maud::{PreEscaped, html};

use crate::api::Context;
use crate::config::Config;
use crate::failure::Failure;
use crate::image;
use crate::pages::blocks::{Link, about, legend, links, provisional, unequal};
use crate::pages::dashboard::keys;
use crate::pages::filters::Filters;
use crate::pages::{Content, charts, empty, frame, words};

/// A4 at 96 dots per inch.
const PAGE: (f64, f64) = (794.0, 1_123.0);
const MARGIN: f64 = 36.0;
const WIDTH: f64 = PAGE.0 - 2.0 * MARGIN;
/// Dots of the PNG per dot of the page: 192 per inch.
const SCALE: f32 = 2.0;

struct Poster {
    figures: Indicators,
    days: Vec<Point>,
    departements: Ranking,
    pays: Ranking,
    stays: Stays,
    communes: Mobility,
    meta: Meta,
}

fn gather(context: &mut Context<'_>, filters: &Filters) -> Result<Poster, Failure> {
    let question = filters.parameters.question()?;
    let figures = context.answer::<Indicators>(&question, ())?;
    let days = context.answer::<Vec<Point>>(&question, Visitors::Touristes)?;
    let origins =
        |context: &mut Context<'_>, breakdown| context.answer::<Ranking>(&question, (Visitors::Touristes, breakdown));
    let departements = origins(context, Breakdown::Departements)?.value;
    let pays = origins(context, Breakdown::Pays)?.value;
    let communes = context.answer::<Mobility>(&question, ())?.value;
    Ok(Poster {
        stays: figures.value.stays.clone(),
        figures: figures.value,
        days: days.value,
        departements,
        pays,
        communes,
        meta: figures.meta,
    })
}

fn poster(context: &mut Context<'_>) -> Result<Poster, Failure> {
    let choices = context.choices()?;
    let Some(filters) = Filters::of(context, choices) else { return Err(Failure::NotFound("aucune donnée".into())) };
    gather(context, &filters)
}

fn drawing(context: &mut Context<'_>) -> Result<Drawing, Failure> {
    Ok(poster(context)?.draw(context.config))
}

pub(super) fn svg(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    Ok(drawing(context)?.standalone().into_bytes())
}

pub(super) fn png(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    image::png(&drawing(context)?.standalone(), SCALE).map_err(Failure::within("infographie"))
}

pub(super) fn pdf(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let poster = poster(context)?;
    let title = format!("{} : {}", words::name(&poster.meta.zone), poster.period());
    let about = image::About { title: &title, author: &context.config.observatory };
    image::pdf(&poster.draw(context.config).standalone(), &about).map_err(Failure::within("infographie"))
}

/// The page: the drawing for wide screens and paper, its numbers as text below and on narrow ones.
pub(super) fn page(context: &mut Context<'_>) -> Result<Content, Failure> {
    let choices = context.choices()?;
    let Some(filters) = Filters::of(context, choices) else {
        return Ok(empty(context, "Infographie", frame::Place::Poster));
    };
    let poster = gather(context, &filters)?;
    let drawing = poster.draw(context.config);
    let shown = html! { div.affiche { (PreEscaped(drawing.inline("affiche"))) } };
    if context.parameters.text("embed") == Some("1") {
        let body = html! { main id="contenu" { h1.cache { "Infographie" } (shown) div.seul { (text(context, &filters, &poster)) } } };
        return Ok(Content { title: "Infographie".into(), body });
    }
    let files: Vec<Link> = [("PDF", "/infographie.pdf"), ("PNG", "/infographie.png"), ("SVG", "/infographie.svg")]
        .map(|(kind, path)| (kind, filters.address(context, path, &[])))
        .into();
    let body = html! {
        (filters.form(&context.config.path("/infographie"), &[]))
        (links(&files, "infographie"))
        (shown)
        (text(context, &filters, &poster))
    };
    Ok(Content::page(context, "Infographie", frame::Place::Poster, body, filters.address(context, "", &[])))
}

fn text(context: &Context<'_>, filters: &Filters, poster: &Poster) -> maud::Markup {
    let meta = &poster.meta;
    let departements = poster.departements.ranked(15);
    let pays = poster.pays.ranked(10);
    let mut tables = vec![
        charts::ranking_table(
            charts::title(Visitors::Touristes, Breakdown::Departements),
            Breakdown::Departements,
            meta,
            &departements,
        ),
        charts::ranking_table(charts::title(Visitors::Touristes, Breakdown::Pays), Breakdown::Pays, meta, &pays),
        charts::communes_table(&poster.communes, meta, 10),
    ];
    tables.extend(charts::stays_tables(&poster.stays, meta));
    html! {
        div.texte {
            (about(meta))
            (keys(context, filters, &poster.figures, Visitors::Touristes, meta))
            section.cles aria-labelledby="autres-titre" {
                h2 id="autres-titre" { "Excursionnistes et classements" }
                (charts::figures_table(&poster.figures, Some(Visitors::Excursionnistes), meta).render())
                @for table in &tables { (table.render()) }
            }
        }
    }
}

impl Poster {
    fn draw(&self, config: &Config) -> Drawing {
        let mut pen = Pen::new();
        let mut y = self.head(&mut pen, config);
        for (title, ids) in [
            ("Touristes", ["nuitees_total", "nuitees_francais", "nuitees_internationaux", "duree_moyenne_total"]),
            (
                "Excursionnistes",
                [
                    "excursionnistes_total",
                    "excursionnistes_francais",
                    "excursionnistes_internationaux",
                    "pic_excursionnistes",
                ],
            ),
        ] {
            y = self.row_of_figures(&mut pen, y, title, ids);
        }
        let curve = charts::days(&self.days, &self.meta, Visitors::Touristes, 960.0);
        y = heading(&mut pen, (MARGIN, y), WIDTH, charts::days_title(Visitors::Touristes));
        y += pen.place(&curve, (MARGIN, y), WIDTH) + 14.0;
        let column = (WIDTH - 28.0) / 2.0;
        let right = MARGIN + column + 28.0;
        let legend = legend(&self.meta);
        let mut departements = self.departements.ranked(5);
        departements.truncate(6);
        let mut pays = self.pays.ranked(5);
        pays.truncate(6);
        let left_top =
            heading(&mut pen, (MARGIN, y), column, charts::title(Visitors::Touristes, Breakdown::Departements));
        let drawing =
            charts::ranks(charts::title(Visitors::Touristes, Breakdown::Departements), &legend, &departements);
        let left = left_top + pen.place(&drawing, (MARGIN, left_top), column);
        let right_top = heading(&mut pen, (right, y), column, charts::title(Visitors::Touristes, Breakdown::Pays));
        let drawing = charts::ranks(charts::title(Visitors::Touristes, Breakdown::Pays), &legend, &pays);
        let under = right_top + pen.place(&drawing, (right, right_top), column);
        y = left.max(under) + 12.0;
        let top = heading(&mut pen, (MARGIN, y), column, charts::COMMUNES);
        pen.place(&charts::communes(&self.communes, &self.meta, 5, 6), (MARGIN, top), column);
        let top = heading(&mut pen, (right, y), column, charts::STAYS);
        pen.place(&charts::stays(&self.stays), (right, top), column);
        foot(&mut pen, &self.meta);
        let title = format!(
            "{} : fréquentation touristique {}",
            words::name(&self.meta.zone),
            words::dates(self.meta.debut, self.meta.fin)
        );
        pen.finish(PAGE, &title, self.said())
    }

    fn head(&self, pen: &mut Pen, config: &Config) -> f64 {
        let meta = &self.meta;
        let mut room = WIDTH;
        if let Some(logo) = &config.logo {
            let (width, height) = logo.within(150.0, 62.0);
            pen.image(&logo.svg, (logo.width, logo.height), (PAGE.0 - MARGIN - width, 28.0), (width, height));
            room -= width + 16.0;
        }
        pen.text((MARGIN, 42.0), Anchor::Start, (12.0, "ch-soft"), &fitted(&config.observatory, 12.0, room));
        pen.bold((MARGIN, 72.0), Anchor::Start, (28.0, "ch-ink"), &fitted(&words::name(&meta.zone), 28.0, room));
        pen.text((MARGIN, 94.0), Anchor::Start, (14.0, "ch-ink"), &fitted(&self.period(), 14.0, room));
        let mut known = format!("{} avec données", words::days_of(meta.jours_avec_donnees, meta.jours));
        if provisional(meta) {
            known += &format!(" · données provisoires ({} du volume)", words::percent(meta.provisoire_pct));
        }
        let compared = match (meta.debut_n1, meta.fin_n1) {
            (Some(debut), Some(fin)) => format!("Comparé à {} : {}", meta.annee_n1, words::dates(debut, fin)),
            _ => format!("Rien à comparer en {}", meta.annee_n1),
        };
        let mut y = 114.0;
        pen.text((MARGIN, y), Anchor::Start, (11.0, "ch-soft"), &known);
        y += 15.0;
        pen.text((MARGIN, y), Anchor::Start, (11.0, "ch-soft"), &compared);
        if let Some(why) = unequal(meta) {
            y += 15.0;
            pen.text((MARGIN, y), Anchor::Start, (11.0, "ch-ink"), &format!("⚠ {why}"));
        }
        pen.rect((MARGIN, y + 9.0), (WIDTH, 3.0), "ch-now");
        y + 26.0
    }

    fn row_of_figures(&self, pen: &mut Pen, y: f64, title: &str, ids: [&str; 4]) -> f64 {
        pen.bold((MARGIN, y + 10.0), Anchor::Start, (12.0, "ch-ink"), title);
        let wide = WIDTH / 4.0;
        let present = ids.iter().filter_map(|id| charts::figure(&self.figures, id));
        for (place, row) in present.enumerate() {
            let x = MARGIN + wide * place as f64;
            let day = row.dates[0].map(|day| format!(", {}", day_of_month(day))).unwrap_or_default();
            let name = format!("{}{day}", row.definition.indicateur);
            pen.text((x, y + 27.0), Anchor::Start, (10.5, "ch-soft"), &fitted(&name, 10.5, wide - 8.0));
            let figure = words::figure(row.values[0]);
            // The titles say of all others what is counted.
            let figure = if let Some(Figure::Mean(_)) = row.values[0] { format!("{figure} nuits") } else { figure };
            pen.bold((x, y + 51.0), Anchor::Start, (22.0, "ch-ink"), &figure);
            let before = format!(
                "{} · {} : {}",
                charts::figure_change(row, &self.meta),
                self.figures.annees[1],
                words::figure(row.values[1])
            );
            pen.text((x, y + 67.0), Anchor::Start, (10.5, "ch-soft"), &fitted(&before, 10.5, wide - 6.0));
        }
        y + 84.0
    }

    /// Of which days it is.
    fn period(&self) -> String {
        let meta = &self.meta;
        let dates = words::dates(meta.debut, meta.fin);
        if meta.periode_nom == format!("{} → {}", meta.debut, meta.fin) {
            format!("Fréquentation touristique {dates}")
        } else {
            format!("{} · {dates}", meta.periode_nom)
        }
    }

    /// The large figures in words.
    fn said(&self) -> String {
        let row = |row: &flux_core::figures::indicators::Indicator| {
            format!(
                "{} : {} {} ({}, {} : {})",
                row.definition.indicateur,
                words::figure(row.values[0]),
                row.definition.unit,
                words::change(Figure::change(row.values[0], row.values[1])),
                self.figures.annees[1],
                words::figure(row.values[1])
            )
        };
        format!(
            "{}. Les classements sont dans les tableaux sous le dessin.",
            self.figures.rows.iter().map(row).collect::<Vec<_>>().join(" ; ")
        )
    }
}

fn heading(pen: &mut Pen, (x, y): (f64, f64), width: f64, text: &str) -> f64 {
    pen.bold((x, y + 10.0), Anchor::Start, (12.5, "ch-ink"), text);
    pen.line((x, y + 16.0), (x + width, y + 16.0), (1.0, "ch-line"));
    y + 22.0
}

fn foot(pen: &mut Pen, meta: &Meta) {
    let lines = [
        "Touristes : visiteurs qui passent la nuit dans la zone, comptés en nuitées. Les résidents ne comptent jamais."
            .to_owned(),
        "Excursionnistes : visiteurs d'un jour, comptés en présences.".to_owned(),
        format!(
            "Source : Orange Flux Vision. Données jusqu'au {}. Calculé le {} (version {}).",
            meta.donnees_jusqu_au.map_or_else(|| "–".into(), words::date),
            words::local_date(&meta.calcule_le),
            meta.version_des_donnees
        ),
    ];
    for (line, text) in lines.iter().enumerate() {
        pen.text((MARGIN, PAGE.1 - 42.0 + 12.0 * line as f64), Anchor::Start, (8.8, "ch-soft"), text);
    }
}
