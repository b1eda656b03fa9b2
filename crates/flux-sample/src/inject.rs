//! Spoils some lines of a file, spread evenly over it, and keeps account of them.

use std::collections::VecDeque;
use std::io;

use crate::axis;
use crate::defect::{Defect, Effect, Place};
use crate::format::Encoding;
use crate::manifest::{DefectReport, Expected};
use crate::rows::{Row, Slice};
use crate::template::{DATE, Template};
use crate::writer::Writer;

/// Numbers of lines kept for the manifest, per defect.
pub(super) const LISTED: usize = 1000;
/// Repeated lines kept for the end of the file.
const LATE: usize = 10_000;

/// The line defects of one file.
pub(super) struct Injector {
    active: Vec<Active>,
    /// No line before this one is concerned.
    due: u64,
    /// Repeated lines that come back at the end, far from the first of their key.
    late: VecDeque<(usize, String)>,
    ambiguous: Vec<&'static str>,
}

struct Active {
    defect: Defect,
    effect: Effect,
    wanted: u64,
    next: u64,
    step: u64,
    report: DefectReport,
}

impl Active {
    fn record(&mut self, line: u64) {
        self.report.count += 1;
        if self.report.lines.len() < LISTED {
            self.report.lines.push(line);
        }
    }

    fn is_due(&self, line: u64, place: Place) -> bool {
        self.defect.place() == place && self.report.count < self.wanted && self.next <= line
    }
}

impl Injector {
    /// For a file of about `rows` rows, the defects with the number of lines that each is to have.
    pub(super) fn new(defects: &[(Defect, Effect, u64)], rows: u64) -> Self {
        let active = defects.iter().enumerate().map(|(index, &(defect, effect, wanted))| {
            let step = (rows / (wanted + 1)).max(1);
            let report = DefectReport { name: defect.name().to_owned(), effect, count: 0, lines: Vec::new() };
            Active { defect, effect, wanted, next: 2 + step / 2 + index as u64, step, report }
        });
        let active: Vec<_> = active.collect();
        let ambiguous = match defects.iter().any(|(defect, _, _)| *defect == Defect::CommuneAmbigue) {
            true => axis::ambiguous_communes(),
            false => Vec::new(),
        };
        let mut injector = Injector { active, due: 0, late: VecDeque::new(), ambiguous };
        injector.plan_next();
        injector
    }

    /// No line before this one is concerned.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    fn plan_next(&mut self) {
        let waiting = self.active.iter().filter(|active| active.report.count < active.wanted);
        self.due = waiting.map(|active| active.next).min().unwrap_or(u64::MAX);
    }

    /// Writes a row, spoilt if it is some defect's turn, and the lines that are added behind it.
    pub(super) fn write(&mut self, writer: &mut Writer, slice: &Slice, row: &Row) -> io::Result<()> {
        let mut written = false;
        for active in &mut self.active {
            let line = writer.next_line();
            if !written && active.is_due(line, Place::Altered) {
                written = active.alter(writer, slice, row)?;
                if written {
                    active.record(line);
                    active.next += active.step;
                }
            }
        }
        if !written {
            writer.sound(slice, row)?;
        }
        for (index, active) in self.active.iter_mut().enumerate() {
            if !active.is_due(writer.next_line(), Place::Added) {
                continue;
            }
            let turn = active.report.count;
            let line = active.added(&writer.template, &self.ambiguous, slice, row);
            let repeated = matches!(active.effect, Effect::Duplicate | Effect::Conflict);
            active.next += active.step;
            if repeated && turn % 2 == 1 && self.late.len() < LATE {
                active.report.count += 1;
                self.late.push_back((index, line));
            } else {
                active.record(writer.next_line());
                writer.line(&line)?;
            }
        }
        self.plan_next();
        Ok(())
    }

    /// Writes what comes at the end of the file.
    pub(super) fn finish(mut self, writer: &mut Writer, expected: &mut Expected) -> io::Result<Vec<DefectReport>> {
        while let Some((index, line)) = self.late.pop_front() {
            let lines = &mut self.active[index].report.lines;
            if lines.len() < LISTED {
                lines.push(writer.next_line());
            }
            writer.line(&line)?;
        }
        for active in &self.active {
            let count = active.report.count;
            match active.effect {
                Effect::Duplicate => expected.duplicates += count,
                Effect::Conflict => expected.conflicts += count,
                Effect::Rejected => expected.rejected += count,
                Effect::Zero => expected.zero += count,
                Effect::Stored | Effect::Missing | Effect::Unusable => {}
            }
        }
        Ok(self.active.into_iter().map(|active| active.report).collect())
    }
}

impl Active {
    /// Writes the row otherwise, if it lends itself to it.
    fn alter(&mut self, writer: &mut Writer, slice: &Slice, row: &Row) -> io::Result<bool> {
        let template = &writer.template;
        let turn = self.report.count;
        let mut cells = template.cells(slice, row);
        match self.defect {
            Defect::VolumesFormates => {
                let volume = spelt(row.volume, turn);
                *cells.last_mut().unwrap_or(&mut String::new()) = volume;
            }
            Defect::AccentsAbimes => {
                let unicode = template.plan().format.encoding != Encoding::Windows1252;
                let name = cells[template.zone()].clone();
                let Some(damaged) = damaged(&name, turn, unicode) else { return Ok(false) };
                cells[template.zone()] = damaged;
            }
            Defect::EncodagesMeles => {
                let utf8 = matches!(template.plan().format.encoding, Encoding::Utf8 | Encoding::Utf8Bom);
                let line = template.join_row(cells);
                if !utf8 || line.is_ascii() {
                    return Ok(false);
                }
                writer.foreign_line(&line)?;
                return Ok(true);
            }
            _ => return Ok(false),
        }
        let line = template.join_row(cells);
        writer.line(&line)?;
        Ok(true)
    }

    /// The line to add behind a sound row.
    fn added(&self, template: &Template<'_>, ambiguous: &[&str], slice: &Slice, row: &Row) -> String {
        let turn = self.report.count as usize;
        let mut cells = template.cells(slice, row);
        let zone = template.zone();
        let volume = cells.len() - 1;
        match self.defect {
            Defect::ZoneInconnue => cells[zone] = format!("Zone Inconnue {}", turn + 1),
            Defect::CommuneAmbigue => {
                let commune = template.breakdown().end - 1;
                cells[commune] = ambiguous.get(turn % ambiguous.len().max(1)).copied().unwrap_or_default().to_owned();
            }
            Defect::VolumeNegatif => cells[volume] = format!("-{}", row.volume),
            Defect::VolumeDecimal => cells[volume] = format!("{}.5", row.volume),
            Defect::VolumeTextuel => cells[volume] = ["beaucoup", "abc", "N/A", "1e3", "12x"][turn % 5].to_owned(),
            Defect::VolumeEnorme => {
                let numbers = ["2147483648", "99999999999", "123456789012345678901234567890"];
                cells[volume] = numbers[turn % numbers.len()].to_owned();
            }
            Defect::VolumeVide => cells[volume].clear(),
            Defect::VolumeNul => cells[volume] = "0".to_owned(),
            Defect::LignesContradictoires => cells[volume] = (row.volume + 1 + turn as u64).to_string(),
            Defect::LignesIrregulieres if turn.is_multiple_of(2) => {
                cells.remove(zone + 2);
            }
            Defect::LignesIrregulieres => cells.push("de trop".to_owned()),
            Defect::OctetsNuls => cells[zone] = "Can\0\0tal".to_owned(),
            Defect::LigneGeante => cells[zone] = "x".repeat(10 << 20),
            Defect::TrenteFevrier => cells[DATE] = format!("{}-02-30", slice.date.format("%Y")),
            Defect::AnUn => cells[DATE] = "0001-01-01".to_owned(),
            Defect::GuillemetOuvert => {
                let separator = template.plan().format.separator.char().to_string();
                cells[zone].insert(0, '"');
                return cells.join(&separator);
            }
            // A duplicate is the row as it is; the others never come here.
            _ => {}
        }
        template.join_row(cells)
    }
}

/// The same whole number as spreadsheets write it.
fn spelt(volume: u64, turn: u64) -> String {
    let space = match turn % 3 {
        0 => ' ',
        1 => '\u{a0}',
        _ => return format!("{volume}.0"),
    };
    let digits = volume.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(space);
        }
        text.push(digit);
    }
    text
}

/// A name with an accented letter lost, or else an apostrophe; `None` where it has neither.
fn damaged(name: &str, turn: u64, unicode: bool) -> Option<String> {
    if let Some((at, letter)) = name.char_indices().find(|(_, c)| !c.is_ascii()) {
        let lost = if unicode && turn.is_multiple_of(2) { '\u{fffd}' } else { '?' };
        return Some(format!("{}{lost}{}", &name[..at], &name[at + letter.len_utf8()..]));
    }
    name.contains('\'').then(|| name.replace('\'', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_damaged_as_seen_in_the_field() {
        assert_eq!(damaged("Châtaigneraie", 0, true).as_deref(), Some("Ch\u{fffd}taigneraie"));
        assert_eq!(damaged("Val Truyère", 1, true).as_deref(), Some("Val Truy?re"));
        assert_eq!(damaged("Val Truyère", 0, false).as_deref(), Some("Val Truy?re"));
        assert_eq!(damaged("Pays d'Aurillac", 0, true).as_deref(), Some("Pays dAurillac"));
        assert_eq!(damaged("Cantal", 0, true), None);
    }

    #[test]
    fn volumes_are_spelt_as_spreadsheets_do() {
        assert_eq!(spelt(1_234_567, 0), "1 234 567");
        assert_eq!(spelt(1234, 1), "1\u{a0}234");
        assert_eq!(spelt(1234, 2), "1234.0");
        assert_eq!(spelt(999, 0), "999");
    }
}
