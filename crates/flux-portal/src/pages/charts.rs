//! The charts of an answer and the tables of the same numbers; whoever shows them, page, file or infographic.

use flux_core::figures::indicators::{Figure, Indicator, Indicators};
use flux_core::figures::lengths::{Stay, Stays};
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::{Commune, Mobility};
use flux_core::figures::rankings::{Breakdown, Rank};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::Point;
use flux_report::chart::{self, Bar, Column, Day, Drawing, Legend, Part};

use crate::pages::blocks::{Table, change, change_of, legend, unequal};
use crate::pages::words;

/// Title of a ranking.
pub(super) fn title(visitors: Visitors, breakdown: Breakdown) -> &'static str {
    match (visitors, breakdown) {
        (Visitors::Touristes, Breakdown::Departements) => "Nuitées par département d'origine",
        (Visitors::Touristes, Breakdown::Regions) => "Nuitées par région d'origine",
        (Visitors::Touristes, Breakdown::Pays) => "Nuitées par pays d'origine",
        (Visitors::Excursionnistes, Breakdown::Departements) => "Excursionnistes par département d'origine",
        (Visitors::Excursionnistes, Breakdown::Regions) => "Excursionnistes par région d'origine",
        (Visitors::Excursionnistes, Breakdown::Pays) => "Excursionnistes par pays d'origine",
    }
}

/// First column of a ranking.
pub(super) fn column(breakdown: Breakdown) -> &'static str {
    match breakdown {
        Breakdown::Departements => "Département",
        Breakdown::Regions => "Région",
        Breakdown::Pays => "Pays",
    }
}

/// Names of a ranking that are shown.
pub(super) fn shown(breakdown: Breakdown) -> usize {
    if breakdown == Breakdown::Departements { 15 } else { 10 }
}

pub(super) const COMMUNES: &str = "Où vont les touristes en soirée";
pub(super) const STAYS: &str = "Durée des séjours";
pub(super) const ORIGINS: &str = "Français et internationaux";

pub(super) fn days_title(visitors: Visitors) -> &'static str {
    match visitors {
        Visitors::Touristes => "Nuitées jour par jour",
        Visitors::Excursionnistes => "Excursionnistes jour par jour",
    }
}

/// Rows above which a ranking stands in two columns on paper: one that is as high as the sheet leaves the one before it half empty.
const HIGH: usize = 12;

/// A ranking as a page holds it, with the classes that say where each drawing is shown.
fn on_page(title: &str, legend: &Legend, bars: &[Bar]) -> Vec<(&'static str, Drawing)> {
    let one = chart::ranking(1, title, legend, bars);
    if bars.len() > HIGH {
        vec![("ecran", one), ("papier", chart::ranking(2, title, legend, bars))]
    } else {
        vec![("", one)]
    }
}

fn rank_bars(rows: &[&Rank]) -> Vec<Bar> {
    let bar =
        |rank: &&Rank| Bar { name: words::name(&rank.nom), now: rank.n, before: rank.n_1, note: note(rank.delta_pct) };
    rows.iter().map(bar).collect()
}

/// Bars of names, of N and N−1 or of two questions.
pub(super) fn ranks(title: &str, legend: &Legend, rows: &[&Rank]) -> Drawing {
    chart::ranking(1, title, legend, &rank_bars(rows))
}

/// The same on a page.
pub(super) fn ranks_on_page(title: &str, legend: &Legend, rows: &[&Rank]) -> Vec<(&'static str, Drawing)> {
    on_page(title, legend, &rank_bars(rows))
}

fn note(value: Option<f64>) -> String {
    value.map(|value| words::change(Some(value))).unwrap_or_default()
}

pub(super) fn ranking_table(caption: &str, breakdown: Breakdown, meta: &Meta, rows: &[&Rank]) -> Table {
    let (n, before) = (format!(">{}", meta.annee), format!(">{}", meta.annee_n1));
    let (share, share_before) = (format!(">Part {}", meta.annee), format!(">Part {}", meta.annee_n1));
    let rank_before = format!(">Rang {}", meta.annee_n1);
    let mut table = Table::new(
        caption,
        &[column(breakdown), &n, &before, ">Évolution", &share, &share_before, ">Rang", &rank_before],
    );
    let place = |rank: Option<usize>| rank.map_or_else(|| "–".into(), |rank| rank.to_string());
    let alike = unequal(meta).is_none();
    let row = |rank: &&Rank| {
        rank_cells(rank, alike).into_iter().chain([rank.rang, rank.rang_n1].map(place)).collect::<Vec<_>>()
    };
    table.rows = rows.iter().map(row).collect();
    table
}

/// Name, the two volumes, the change between totals that are `alike` or not, the two shares.
pub(super) fn rank_cells(rank: &Rank, alike: bool) -> [String; 6] {
    [
        words::name(&rank.nom),
        words::count(rank.n),
        words::count(rank.n_1),
        change_of(rank.delta_pct, alike),
        words::percent(rank.part_pct),
        words::percent(rank.part_pct_n1),
    ]
}

pub(super) fn communes(mobility: &Mobility, meta: &Meta, limit: usize, most: usize) -> Drawing {
    communes_of(&legend(meta), mobility, limit, most)
}

/// The communes of two series, whatever these are called.
pub(super) fn communes_of(legend: &Legend, mobility: &Mobility, limit: usize, most: usize) -> Drawing {
    let mut bars = commune_bars(mobility, limit);
    bars.truncate(most);
    chart::ranking(1, COMMUNES, legend, &bars)
}

/// The same on a page.
pub(super) fn communes_on_page(legend: &Legend, mobility: &Mobility, limit: usize) -> Vec<(&'static str, Drawing)> {
    on_page(COMMUNES, legend, &commune_bars(mobility, limit))
}

fn commune_bars(mobility: &Mobility, limit: usize) -> Vec<Bar> {
    let bar = |row: &Commune| Bar {
        name: row.label(&words::name(&row.nom_commune)),
        now: row.total_visiteurs,
        before: row.total_visiteurs_n1,
        note: note(row.evolution_pct),
    };
    mobility.ranked(limit).into_iter().map(bar).collect()
}

pub(super) fn communes_table(mobility: &Mobility, meta: &Meta, limit: usize) -> Table {
    let mut table = Table::new(
        "Touristes en soirée, par commune",
        &["Commune", "Code INSEE", &format!(">{}", meta.annee), &format!(">{}", meta.annee_n1), ">Évolution", ">Part"],
    );
    table.rows = mobility
        .ranked(limit)
        .into_iter()
        .map(|row| {
            vec![
                row.label(&words::name(&row.nom_commune)),
                row.code_insee.clone().unwrap_or_else(|| "–".into()),
                words::count(row.total_visiteurs),
                words::count(row.total_visiteurs_n1),
                change(row.evolution_pct, meta),
                words::percent(row.total_visiteurs.map(|_| row.part_pct)),
            ]
        })
        .collect();
    table
}

/// French tourists against those from abroad, each in percent of its own stays.
pub(super) fn stays(stays: &Stays) -> Drawing {
    let share = |list: &[Stay], name: &str| list.iter().find(|stay| stay.duree == name).and_then(|stay| stay.part_pct);
    let class = |stay: &Stay| Column {
        label: if stay.duree.to_uppercase().contains("PLUS") {
            format!("{}+", stay.nb_nuits)
        } else {
            stay.nb_nuits.to_string()
        },
        name: words::name(&stay.duree),
        first: share(&stays.francais, &stay.duree),
        second: share(&stays.internationaux, &stay.duree),
    };
    let classes: Vec<Column> = stays.total.iter().map(class).collect();
    chart::columns(STAYS, ("Français", "Internationaux"), "nuits, part des séjours", &classes)
}

pub(super) fn stays_tables(stays: &Stays, meta: &Meta) -> Vec<Table> {
    let (n, before) = (format!(">{}", meta.annee), format!(">{}", meta.annee_n1));
    let (share, share_before) = (format!(">Part {}", meta.annee), format!(">Part {}", meta.annee_n1));
    let table = |caption: &str, list: &[Stay]| {
        let mut table = Table::new(caption, &["Durée", &n, &before, ">Évolution", &share, &share_before]);
        table.rows = list
            .iter()
            .map(|stay| {
                vec![
                    // No line between the number and what it counts.
                    words::name(&stay.duree).replacen(' ', "\u{a0}", 1),
                    words::count(stay.volume),
                    words::count(stay.volume_n1),
                    change(stay.delta_pct, meta),
                    words::percent(stay.part_pct),
                    words::percent(stay.part_pct_n1),
                ]
            })
            .collect();
        table
    };
    vec![
        table("Séjours des Français par durée", &stays.francais),
        table("Séjours des internationaux par durée", &stays.internationaux),
    ]
}

/// The two parts of the visitors.
pub(super) fn origins(figures: &Indicators, visitors: Visitors) -> Drawing {
    let ids = match visitors {
        Visitors::Touristes => ["nuitees_francais", "nuitees_internationaux"],
        Visitors::Excursionnistes => ["excursionnistes_francais", "excursionnistes_internationaux"],
    };
    let part = |name: &str, id: &str| {
        let value = match figure(figures, id).and_then(|row| row.values[0]) {
            Some(Figure::Count(value)) => Some(value),
            _ => None,
        };
        Part { name: name.into(), value }
    };
    chart::split(ORIGINS, &[part("Français", ids[0]), part("Internationaux", ids[1])])
}

/// The change of a figure, with its sign where it hangs on unequal spans.
pub(super) fn figure_change(row: &Indicator, meta: &Meta) -> String {
    let percent = Figure::change(row.values[0], row.values[1]);
    if row.definition.spans_the_period { change(percent, meta) } else { words::change(percent) }
}

pub(super) fn figure<'a>(figures: &'a Indicators, id: &str) -> Option<&'a Indicator> {
    figures.rows.iter().find(|row| row.definition.id == id)
}

/// The years of a figure, the oldest first.
pub(super) fn history(figures: &Indicators, row: &Indicator) -> Drawing {
    let value = |figure: Option<Figure>| {
        figure.map(|figure| match figure {
            Figure::Count(value) => value as f64,
            Figure::Mean(mean) => mean,
        })
    };
    let mut years: Vec<(i32, Option<f64>, String)> = figures
        .annees
        .iter()
        .zip(row.values)
        .map(|(year, figure)| (*year, value(figure), words::figure(figure)))
        .collect();
    // The year to compare with may be any, and may stand twice.
    years.sort_by_key(|(year, ..)| *year);
    years.dedup_by_key(|(year, ..)| *year);
    if let Some(at) = years.iter().position(|(year, ..)| *year == figures.annees[0]) {
        let now = years.remove(at);
        years.push(now);
    }
    chart::history(row.definition.indicateur, &years)
}

pub(super) fn days(series: &[Point], meta: &Meta, visitors: Visitors, width: f64) -> Drawing {
    days_of(&legend(meta), series, visitors, width)
}

/// The days of two series, whatever these are called.
pub(super) fn days_of(legend: &Legend, series: &[Point], visitors: Visitors, width: f64) -> Drawing {
    let day = |point: &Point| Day {
        date: point.date,
        now: point.n,
        before: point.n_1,
        provisional: point.provisoire,
        weekend: point.weekend,
        feast: point.ferie.map(str::to_owned),
    };
    let unit = match visitors {
        Visitors::Touristes => "Nuitées",
        Visitors::Excursionnistes => "Présences",
    };
    chart::daily(days_title(visitors), legend, unit, &series.iter().map(day).collect::<Vec<_>>(), width)
}

pub(super) fn days_table(series: &[Point], meta: &Meta, visitors: Visitors) -> Table {
    let mut table = Table::new(
        days_title(visitors),
        &[
            "Jour",
            "",
            &format!(">{}", meta.annee),
            ">Français",
            ">Internationaux",
            "Jour comparé",
            &format!(">{}", meta.annee_n1),
            "Remarque",
        ],
    );
    table.rows = series
        .iter()
        .map(|point| {
            let mut remarks: Vec<String> = point.ferie.iter().map(|feast| (*feast).to_owned()).collect();
            if !point.vacances.is_empty() {
                remarks.push(format!("vacances {}", point.vacances.join(" ")));
            }
            if point.provisoire {
                remarks.push("provisoire".into());
            }
            vec![
                point.date.to_string(),
                point.jour_semaine.to_owned(),
                words::count(point.n),
                words::count(point.francais),
                words::count(point.internationaux),
                point.date_n1.map_or_else(|| "–".into(), |day| day.to_string()),
                words::count(point.n_1),
                remarks.join(", "),
            ]
        })
        .collect();
    // An empty title is no title.
    table.columns[1] = "Jour de la semaine".into();
    table
}

/// All figures of these visitors, with their years.
pub(super) fn figures_table(figures: &Indicators, visitors: Option<Visitors>, meta: &Meta) -> Table {
    let years: Vec<String> = figures.annees.iter().map(|year| format!(">{year}")).collect();
    let mut table = Table::new(
        "Indicateurs",
        &["Indicateur", &years[0], &years[1], ">Évolution", &years[2], &years[3], &years[4], "Unité", "Remarque"],
    );
    let rows = figures.rows.iter().filter(|row| visitors.is_none_or(|visitors| row.definition.visitors == visitors));
    table.rows = rows
        .map(|row| {
            let value = |at: usize| words::figure(row.values[at]);
            let of_day = row.dates[0].map(|day| format!("le {}", words::date(day)));
            let remark = [of_day, row.remarque.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ; ");
            vec![
                row.definition.indicateur.to_owned(),
                value(0),
                value(1),
                figure_change(row, meta),
                value(2),
                value(3),
                value(4),
                row.definition.unit.to_owned(),
                remark,
            ]
        })
        .collect();
    table.without_empty_last()
}
