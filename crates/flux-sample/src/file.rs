//! Writes one file and says what is in it.

use std::fs;
use std::io;
use std::path::Path;

use crate::defect::{Defect, Effect, Place};
use crate::inject::{Injector, LISTED};
use crate::manifest::{DayTotal, DefectReport, Expected, FileReport, Revision};
use crate::rng::mix;
use crate::rows::Rows;
use crate::sink::Sink;
use crate::template::{Template, VolumeColumn};
use crate::writer::Writer;

/// Writes the file of `rows` at `path`; `place` is how the manifest calls it.
pub(super) fn write(rows: &Rows<'_>, place: String, path: &Path) -> io::Result<FileReport> {
    let plan = rows.plan;
    let mut report = FileReport {
        file: place,
        family: rows.dataset.family.to_owned(),
        table: rows.dataset.main.to_owned(),
        encoding: plan.format.encoding.name().to_owned(),
        separator: plan.format.separator.char().to_string(),
        ..FileReport::default()
    };
    let spoilt = file_defect(rows);
    if let Some(defect) = spoilt {
        let effect = defect.effect(plan.layout);
        report.defects.push(DefectReport { name: defect.name().to_owned(), effect, count: 1, lines: Vec::new() });
    }
    match spoilt {
        Some(Defect::FichierAbsent) => return Ok(report),
        Some(Defect::Dossier) => {
            fs::create_dir_all(path)?;
            return Ok(report);
        }
        _ => {}
    }
    let partial = path.with_extension("csv.partial");
    match write_text(rows, spoilt, &partial, &mut report).and_then(|()| fs::rename(&partial, path)) {
        Ok(()) => Ok(report),
        Err(error) => {
            // The first error is the one to tell.
            let _ = fs::remove_file(&partial);
            Err(error)
        }
    }
}

fn write_text(rows: &Rows<'_>, spoilt: Option<Defect>, path: &Path, report: &mut FileReport) -> io::Result<()> {
    let plan = rows.plan;
    let mut sink = Sink::create(path, &plan.format)?;
    match spoilt {
        Some(Defect::FichierBinaire) => {
            for number in 0..8192u64 {
                sink.raw(&mix(plan.seed ^ number).to_le_bytes())?;
            }
        }
        Some(Defect::FichierVide) => {}
        _ => {
            sink.mark();
            let volume = match spoilt {
                Some(Defect::ColonneManquante) => VolumeColumn::Absent,
                Some(Defect::ColonneDouble) => VolumeColumn::Twice,
                _ => VolumeColumn::Once,
            };
            let template = Template::new(plan, rows.axes, volume);
            sink.line(&template.header())?;
            let mut writer = Writer::new(template, sink);
            if spoilt != Some(Defect::EnteteSeul) {
                write_rows(rows, &mut writer, report)?;
            }
            report.lines = writer.next_line() - 2;
            sink = writer.into_sink();
        }
    }
    (report.bytes, report.blake3) = sink.finish()?;
    report.expected.usable = spoilt.is_none_or(|defect| defect.effect(plan.layout) != Effect::Unusable);
    if !report.expected.usable {
        report.expected = Expected::default();
        report.volume = 0;
        report.dates.clear();
    }
    Ok(())
}

fn write_rows(rows: &Rows<'_>, writer: &mut Writer<'_>, report: &mut FileReport) -> io::Result<()> {
    let defects = line_defects(rows);
    // Counting costs a tenth of writing, and only spoilt files need it.
    let mut injector = Injector::new(&defects, if defects.is_empty() { 0 } else { rows.count() });
    let mut days = vec![DayTotal::default(); rows.plan.days as usize];
    let mut renamed = DefectReport {
        name: Defect::ZonesRenommees.name().to_owned(),
        effect: Effect::Rejected,
        count: 0,
        lines: Vec::new(),
    };
    let changes = rows.walk(|slice, row| {
        if slice.renamed {
            renamed.count += 1;
            if renamed.lines.len() < LISTED {
                renamed.lines.push(writer.next_line());
            }
            return writer.sound(slice, row);
        }
        let day = &mut days[slice.day];
        day.rows += 1;
        day.volume += row.volume;
        if writer.next_line() >= injector.due() { injector.write(writer, slice, row) } else { writer.sound(slice, row) }
    })?;
    report.defects.extend(injector.finish(writer, &mut report.expected)?);
    if rows.renamed > 0 {
        report.expected.rejected += renamed.count;
        report.defects.push(renamed);
    }
    if rows.truncated {
        let (name, effect) = (Defect::DateTronquee.name().to_owned(), Effect::Missing);
        report.defects.push(DefectReport { name, effect, count: changes.truncated, lines: Vec::new() });
    }
    report.expected.stored = days.iter().map(|day| day.rows).sum();
    report.volume = days.iter().map(|day| day.volume).sum();
    let dates = rows.plan.dates().map(|date| date.to_string());
    report.dates = dates.zip(days).filter(|(_, day)| day.rows > 0).collect();
    if rows.plan.revision > 0 {
        let (revised, withdrawn, added) = (changes.revised, changes.withdrawn, changes.added);
        report.revision = Some(Revision { revised, withdrawn, added });
    }
    Ok(())
}

/// The defect of the file as a whole, if it has one.
fn file_defect(rows: &Rows<'_>) -> Option<Defect> {
    let mut planned = rows.plan.defects.iter().filter(|planned| planned.concerns(rows.dataset));
    planned
        .find(|planned| planned.defect.place() == Place::File && !planned.defect.is_of_rows())
        .map(|planned| planned.defect)
}

fn line_defects(rows: &Rows<'_>) -> Vec<(Defect, Effect, u64)> {
    let layout = rows.plan.layout;
    rows.plan
        .defects
        .iter()
        .filter(|planned| planned.defect.place() != Place::File && planned.concerns(rows.dataset))
        .filter(|planned| planned.defect.applies(layout, rows.dataset))
        .map(|planned| (planned.defect, planned.defect.effect(layout), planned.count))
        .collect()
}
