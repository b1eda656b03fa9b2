//! How the cells of a row become a line.

use std::fmt::Write as _;

use crate::axis::Axis;
use crate::format::{Format, Layout};
use crate::names::{PROVENANCES, ZONES};
use crate::plan::Plan;
use crate::rows::{Row, Slice};
use flux_core::domain::calendar::Day;

/// How often the `Volume` column stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VolumeColumn {
    Once,
    Absent,
    Twice,
}

/// The columns of one file.
pub(super) struct Template<'a> {
    plan: &'a Plan,
    axes: &'a [Axis],
    volume: VolumeColumn,
    /// For each axis and member, its cells with a separator after each.
    joined: Vec<Vec<String>>,
}

/// Position of the cell of the date in a row.
pub(super) const DATE: usize = 0;

impl<'a> Template<'a> {
    pub(super) fn new(plan: &'a Plan, axes: &'a [Axis], volume: VolumeColumn) -> Self {
        let join = |cells: &Vec<String>| {
            let mut text = String::new();
            cells.iter().for_each(|cell| push_cell(&mut text, cell, &plan.format));
            text
        };
        let joined = axes.iter().map(|axis| axis.members.iter().map(|member| join(&member.cells)).collect()).collect();
        Template { plan, axes, volume, joined }
    }

    pub(super) fn plan(&self) -> &Plan {
        self.plan
    }

    /// Position of the cell of the zone.
    pub(super) fn zone(&self) -> usize {
        match self.plan.layout {
            Layout::Weekly => 1,
            Layout::Raw => 6,
        }
    }

    /// Positions of the cells of the breakdowns.
    pub(super) fn breakdown(&self) -> std::ops::Range<usize> {
        let first = self.zone() + 3;
        first..first + self.axes.iter().map(|axis| axis.columns.len()).sum::<usize>()
    }

    /// The names of the columns.
    pub(super) fn header(&self) -> String {
        let mut columns = vec!["Date"];
        if self.plan.layout == Layout::Raw {
            columns.extend(["VacancesA", "VacancesB", "VacancesC", "Ferie", "JourDeLaSemaine"]);
        }
        columns.extend(["ZoneObservation", "Provenance", "CategorieVisiteur"]);
        columns.extend(self.axes.iter().flat_map(|axis| axis.columns.iter().copied()));
        match self.volume {
            VolumeColumn::Once => columns.push("Volume"),
            VolumeColumn::Absent => {}
            VolumeColumn::Twice => columns.extend(["Volume", "Volume"]),
        }
        self.join(&columns)
    }

    /// The cells of a slice, with a separator after each.
    pub(super) fn prefix(&self, slice: &Slice) -> String {
        let mut prefix = String::with_capacity(96);
        self.slice_cells(slice).iter().for_each(|cell| push_cell(&mut prefix, cell, &self.plan.format));
        prefix
    }

    fn slice_cells(&self, slice: &Slice) -> Vec<String> {
        let mut cells = vec![self.plan.format.dates.text(slice.date)];
        if self.plan.layout == Layout::Raw {
            let day = Day::of(slice.date);
            // Beyond the known school calendar the export says nothing.
            let flag = |on: Option<bool>| on.map_or(String::new(), |on| u8::from(on).to_string());
            cells.extend([day.vacances_a, day.vacances_b, day.vacances_c, Some(day.ferie)].map(flag));
            cells.push(day.jour_semaine.to_owned());
        }
        let zone = ZONES[slice.zone].name(self.plan.zones);
        cells.push(if slice.renamed { format!("Secteur {zone}") } else { zone.to_owned() });
        cells.extend([PROVENANCES[slice.provenance], slice.categorie.nom].map(str::to_owned));
        cells
    }

    /// The line of a sound row, behind the prefix of its slice.
    pub(super) fn push_line(&self, line: &mut String, prefix: &str, row: &Row) {
        line.push_str(prefix);
        for (members, &member) in self.joined.iter().zip(&row.members) {
            line.push_str(&members[member]);
        }
        match self.volume {
            VolumeColumn::Once => self.push_number(line, row.volume),
            VolumeColumn::Absent => {
                line.pop();
            }
            VolumeColumn::Twice => {
                self.push_number(line, row.volume);
                line.push(self.plan.format.separator.char());
                self.push_number(line, row.volume);
            }
        }
    }

    fn push_number(&self, line: &mut String, number: u64) {
        if self.plan.format.quoted {
            // Writing to a string cannot fail.
            let _ = write!(line, "\"{number}\"");
            return;
        }
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        line.extend(digits[at..].iter().map(|&digit| char::from(digit)));
    }

    /// The cells of a row one by one, the volume last, for those that are to be spoilt.
    pub(super) fn cells(&self, slice: &Slice, row: &Row) -> Vec<String> {
        let mut cells = self.slice_cells(slice);
        for (axis, &member) in self.axes.iter().zip(&row.members) {
            cells.extend(axis.members[member].cells.iter().cloned());
        }
        cells.push(row.volume.to_string());
        cells
    }

    /// Cells as a line, with the volume as often as the file has it.
    pub(super) fn join_row(&self, mut cells: Vec<String>) -> String {
        match self.volume {
            VolumeColumn::Once => {}
            VolumeColumn::Absent => {
                cells.pop();
            }
            VolumeColumn::Twice => cells.extend(cells.last().cloned()),
        }
        self.join(&cells)
    }

    fn join<S: AsRef<str>>(&self, cells: &[S]) -> String {
        let mut line = String::new();
        cells.iter().for_each(|cell| push_cell(&mut line, cell.as_ref(), &self.plan.format));
        line.pop();
        line
    }
}

/// A cell and the separator behind it, quoted where everything is or where it must be.
fn push_cell(line: &mut String, cell: &str, format: &Format) {
    let separator = format.separator.char();
    if format.quoted || cell.contains([separator, '"']) {
        line.push('"');
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(cell);
    }
    line.push(separator);
}
