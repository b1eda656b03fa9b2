//! Horizontal bars by name, the year above the one before.

use crate::chart::nothing;
use crate::chart::pen::{Anchor, Drawing, Pen, fitted, text_width};
use crate::number;

/// A name of the ranking with its volumes of both years.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Shown as it is.
    pub name: String,
    /// `None` without data, which is not 0.
    pub now: Option<u64>,
    /// The same a year before.
    pub before: Option<u64>,
    /// What follows the value of the year before: a change, in words.
    pub note: String,
}

/// What the two series are called, and whether the first is provisional.
#[derive(Debug, Clone)]
pub struct Legend {
    /// `2025`
    pub now: String,
    /// `2024`; empty where there is nothing to compare with.
    pub before: String,
    /// Whether any of it is provisional: hatched, and said so.
    pub provisional: bool,
}

impl Legend {
    /// Draws it in a line of which the text stands on `y`; where it ends.
    pub(super) fn draw(&self, pen: &mut Pen, (mut x, y): (f64, f64)) -> f64 {
        let size = 11.0;
        pen.rect((x, y - 9.0), (16.0, 9.0), "ch-now");
        if self.provisional {
            pen.hatch((x, y - 9.0), (16.0, 9.0));
        }
        let now = if self.provisional { format!("{} (provisoire)", self.now) } else { self.now.clone() };
        pen.text((x + 21.0, y), Anchor::Start, (size, "ch-ink"), &now);
        x += 21.0 + text_width(&now, size) + 16.0;
        if !self.before.is_empty() {
            pen.rect((x, y - 7.0), (16.0, 5.0), "ch-before");
            pen.text((x + 21.0, y), Anchor::Start, (size, "ch-ink"), &self.before);
            x += 21.0 + text_width(&self.before, size) + 16.0;
        }
        x
    }
}

pub(super) fn value(value: Option<u64>) -> String {
    value.map_or_else(|| "–".into(), number)
}

const WIDTH: f64 = 380.0;
/// Where the numbers end, and how much room they have.
const NUMBERS: f64 = 116.0;
const STEP: f64 = 36.0;
/// Between two columns of bars.
const GUTTER: f64 = 48.0;

/// The bars, in the order given, in so many columns, one beside the other, each read from top to bottom.
pub fn ranking(columns: usize, title: &str, legend: &Legend, rows: &[Bar]) -> Drawing {
    let columns = columns.max(1);
    let width = WIDTH * columns as f64 + GUTTER * (columns - 1) as f64;
    if rows.is_empty() {
        return nothing(title, width);
    }
    let high = rows.len().div_ceil(columns);
    let most = rows.iter().flat_map(|row| [row.now, row.before]).flatten().max().unwrap_or(0).max(1) as f64;
    let room = WIDTH - NUMBERS;
    let length = |value: Option<u64>| value.unwrap_or(0) as f64 / most * room;
    let mut pen = Pen::new();
    legend.draw(&mut pen, (0.0, 12.0));
    let mut said = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let (column, line) = (index / high, index % high);
        let (x, y) = ((WIDTH + GUTTER) * column as f64, 24.0 + STEP * line as f64);
        let now = value(row.now);
        pen.text((x, y + 11.0), Anchor::Start, (12.0, "ch-ink"), &fitted(&row.name, 12.0, room));
        pen.bold((x + WIDTH, y + 11.0), Anchor::End, (12.0, "ch-ink"), &now);
        pen.rect((x, y + 16.0), (length(row.now), 9.0), "ch-now");
        if legend.provisional {
            pen.hatch((x, y + 16.0), (length(row.now), 9.0));
        }
        if !legend.before.is_empty() {
            // An edge is drawn around a shape: it stays within its length.
            pen.rect((x + 0.5, y + 26.5), (length(row.before) - 1.0, 4.0), "ch-before");
            pen.text((x + WIDTH, y + 25.0), Anchor::End, (10.5, "ch-soft"), &note(row));
        }
        let before =
            if legend.before.is_empty() { String::new() } else { format!(" ({} : {})", legend.before, note(row)) };
        said.push(format!("{} {now}{before}", row.name));
    }
    let description = format!("{} : {}.", legend.now, said.join(" ; "));
    pen.finish((width, 26.0 + STEP * high as f64), title, description)
}

fn note(row: &Bar) -> String {
    if row.note.is_empty() { value(row.before) } else { format!("{} · {}", value(row.before), row.note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_said_and_drawn_to_scale() {
        let bar = |name: &str, now, before| Bar { name: name.into(), now, before, note: "+1 %".into() };
        let legend = Legend { now: "2025".into(), before: "2024".into(), provisional: true };
        let drawing = ranking(1, "t", &legend, &[bar("A", Some(2_000), Some(1_000)), bar("B", Some(500), None)]);
        assert_eq!(drawing.description, "2025 : A 2 000 (2024 : 1 000 · +1 %) ; B 500 (2024 : – · +1 %).");
        let svg = drawing.standalone();
        // the whole room is 264 wide: 2 000 takes it, 500 a quarter; 1 000 half, less its edge
        for width in
            ["width=\"264.0\" height=\"9.0\"", "width=\"66.0\" height=\"9.0\"", "width=\"131.0\" height=\"4.0\""]
        {
            assert!(svg.contains(width), "{width}: {svg}");
        }
        assert!(svg.contains("(provisoire)") && svg.contains("url(#c-h)"));
        // Two columns: the second begins where the first and the space between them end, on the same line.
        let names = ["A", "B", "C"].map(|name| bar(name, Some(1), None));
        let two = ranking(2, "t", &legend, &names);
        assert_eq!((two.width, two.height), (808.0, 98.0));
        let svg = two.standalone();
        assert!(svg.contains("<text x=\"0.0\" y=\"71.0\"") && svg.contains("<text x=\"428.0\" y=\"35.0\""), "{svg}");
        let plain = Legend { now: "2025".into(), before: String::new(), provisional: false };
        let empty = ranking(1, "t", &plain, &[]).standalone();
        assert!(
            empty.contains(">Aucune donnée</text>") && !empty.contains("NaN") && !empty.contains("url("),
            "{empty}"
        );
    }
}
