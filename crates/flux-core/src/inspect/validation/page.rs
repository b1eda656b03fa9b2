//! The validation as one HTML page.

use crate::inspect::validation::Validation;
use crate::report::html::{self, BandDay, Document};
use crate::report::{Report, number};
use crate::report::{percent, some_of};

pub(crate) fn page(report: &Validation) -> Document {
    let span =
        report.coverage.span.as_ref().map_or("aucune donnée".into(), |(first, last)| format!("{first} → {last}"));
    let mut page = Document::new("Validation de l'import Flux Vision", &span);
    page.verdict(report.verdict(), &format!("Conclusion : {}", report.conclusion));
    page.heading("Constats");
    if report.findings.is_empty() {
        page.text("Rien à signaler.");
    } else {
        page.findings(&report.findings);
    }
    page.heading("Fichiers");
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
    page.table(&["fichier", ">lignes", ">enregistrées", ">doublons", ">conflits", ">rejets", "en table"], &rows);
    if !report.coverage.days.is_empty() {
        page.heading("Couverture par zone et par jour");
        page.text("Vert : toutes les tables ; orange : une partie ; rouge : aucune.");
        page.svg(&html::calendar("Couverture par zone et par jour", &report.coverage.days, &report.coverage.calendar));
    }
    for series in &report.series {
        let label = format!("{}, {} : volumes par jour et bande habituelle", series.table, series.zone);
        let days: Vec<BandDay> =
            series.days.iter().map(|(day, volume, band)| (day.to_string(), *volume, *band)).collect();
        page.heading(&label);
        page.svg(&html::band_chart(&label, &days));
    }
    if !report.rejects.is_empty() {
        page.heading("Lignes à rejeter, par motif");
        let rows: Vec<(String, u64)> =
            report.rejects.iter().map(|reason| (reason.reason.clone(), reason.lines)).collect();
        page.svg(&html::bars("Lignes à rejeter par motif", &rows));
    }
    if !report.resolution.is_empty() {
        page.heading("Résolution des noms");
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
        page.table(&["dimension", ">noms", ">lignes résolues", "inconnus ou ambigus"], &rows);
    }
    page
}
