//! The validation as one HTML page.

use crate::inspect::validation::Validation;
use crate::inspect::validation::usual::Series;
use crate::report::chart::{self, Bar, Held, Legend, UsualDay};
use crate::report::html::{Document, Edition, Grid};
use crate::report::{Report, number};
use crate::report::{percent, some_of};

pub(crate) fn page(report: &Validation, observatory: &str) -> Document {
    let span =
        report.coverage.span.as_ref().map_or("aucune donnée".into(), |(first, last)| format!("{first} → {last}"));
    let edition = Edition { observatory, at: chrono::Local::now().fixed_offset() };
    let mut page = Document::new("Validation de l'import Flux Vision", &span, &edition);
    page.verdict(report.verdict(), &format!("Conclusion : {}", report.conclusion));
    page.heading("Constats, par cause");
    if report.findings.is_empty() {
        page.text("Rien à signaler.");
    } else {
        page.findings(&report.findings);
    }
    page.heading("Fichiers");
    files(&mut page, report);
    if !report.coverage.days.is_empty() {
        page.heading("Couverture par zone et par jour");
        coverage(&mut page, report);
    }
    for series in &report.series {
        usual(&mut page, series);
    }
    if !report.rejects.is_empty() {
        page.heading("Lignes à rejeter, par motif");
        rejects(&mut page, report);
    }
    if !report.resolution.is_empty() {
        page.heading("Résolution des noms");
        resolution(&mut page, report);
    }
    page
}

fn files(page: &mut Document, report: &Validation) {
    let rows: Vec<Vec<String>> = report
        .files
        .iter()
        .map(|file| {
            let counts = file.imported.unwrap_or_default();
            vec![
                file.file.clone(),
                number(file.lines),
                number(counts.stored),
                number(counts.duplicates),
                number(counts.conflicts),
                number(counts.rejected),
                file.state.to_owned(),
            ]
        })
        .collect();
    let titles = ["Fichier", ">Lignes", ">Enregistrées", ">Doublons", ">Conflits", ">Rejets", "En table"];
    page.table(&Grid { caption: "Fichiers de la livraison", titles: &titles, rows: &rows });
}

fn coverage(page: &mut Document, report: &Validation) {
    // Nothing is expected where no table holds anything.
    let held = |(covered, expected): &(u64, u64)| match (covered, expected) {
        (0, _) => Held::None,
        (covered, expected) if covered >= expected => Held::All,
        _ => Held::Some,
    };
    let zones: Vec<(String, Vec<Held>)> =
        report.coverage.calendar.iter().map(|(zone, days)| (zone.clone(), days.iter().map(held).collect())).collect();
    let count = |days: &[Held], wanted| number(days.iter().filter(|day| **day == wanted).count() as u64);
    let rows: Vec<Vec<String>> = zones
        .iter()
        .map(|(zone, days)| {
            vec![zone.clone(), count(days, Held::All), count(days, Held::Some), count(days, Held::None)]
        })
        .collect();
    let caption = "Jours de chaque zone, selon les tables qui les contiennent";
    let titles = ["Zone", ">Dans toutes", ">Dans une partie", ">Dans aucune"];
    let drawing = chart::coverage("Couverture par zone et par jour", &report.coverage.days, &zones);
    page.chart(&drawing, &Grid { caption, titles: &titles, rows: &rows });
}

fn usual(page: &mut Document, series: &Series) {
    let label = format!("{}, {} : volumes par jour et ce qui est habituel", series.table, series.zone);
    let days: Vec<UsualDay> = series
        .days
        .iter()
        .map(|(day, volume, band)| UsualDay { day: day.to_string(), volume: *volume, band: *band })
        .collect();
    let rows: Vec<Vec<String>> = days
        .iter()
        .map(|day| {
            let bound = |bound: Option<f64>| bound.map_or("–".into(), |bound| number(bound.max(0.0).round() as u64));
            vec![
                day.day.clone(),
                day.volume.map_or("–".into(), number),
                bound(day.band.map(|(low, _)| low)),
                bound(day.band.map(|(_, high)| high)),
                if day.stands_out() { "⚠ inhabituel".into() } else { String::new() },
            ]
        })
        .collect();
    page.heading(&label);
    let titles = ["Jour", ">Volume", ">Habituel : de", ">à", "Remarque"];
    page.chart(&chart::usual(&label, &days), &Grid { caption: &label, titles: &titles, rows: &rows });
}

fn rejects(page: &mut Document, report: &Validation) {
    let bar = |reason: &super::Reason| Bar {
        name: reason.reason.clone(),
        now: Some(reason.lines),
        before: None,
        note: String::new(),
    };
    let bars: Vec<Bar> = report.rejects.iter().map(bar).collect();
    let rows: Vec<Vec<String>> =
        report.rejects.iter().map(|reason| vec![reason.reason.clone(), number(reason.lines)]).collect();
    let caption = "Lignes à rejeter par motif";
    let legend = Legend { now: "lignes".into(), before: String::new(), provisional: false };
    let grid = Grid { caption, titles: &["Motif", ">Lignes"], rows: &rows };
    page.chart(&chart::ranking(1, caption, &legend, &bars), &grid);
}

fn resolution(page: &mut Document, report: &Validation) {
    let rows: Vec<Vec<String>> = report
        .resolution
        .iter()
        .map(|resolved| {
            vec![
                resolved.label.to_owned(),
                number(resolved.names as u64),
                percent(resolved.resolved as f64, resolved.lines as f64),
                some_of(&resolved.unresolved, 5),
            ]
        })
        .collect();
    let titles = ["Dimension", ">Noms", ">Lignes résolues", "Inconnus ou ambigus"];
    page.table(&Grid { caption: "Noms retrouvés, par dimension", titles: &titles, rows: &rows });
}
