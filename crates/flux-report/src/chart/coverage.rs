//! What is there, name by name and day by day.

use crate::chart::pen::{Anchor, Drawing, Pen, fitted};
use crate::plural;

/// How many of the expected parts a day holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Every table that has data at all.
    All,
    /// Some of them.
    Some,
    /// None.
    None,
}

const WIDTH: f64 = 380.0;
// Room for a zone of sixteen capitals.
const LEFT: f64 = 132.0;
const ROW: f64 = 16.0;

fn cell(pen: &mut Pen, at: (f64, f64), size: (f64, f64), held: Held) {
    match held {
        Held::All => pen.rect(at, size, "ch-now"),
        Held::Some => {
            pen.rect(at, size, "ch-now");
            pen.hatch(at, size);
        }
        Held::None => pen.rect((at.0 + 0.5, at.1 + 0.5), (size.0 - 1.0, size.1 - 1.0), "ch-other"),
    }
}

/// A row per name, a column per day.
pub fn coverage(title: &str, days: &[String], rows: &[(String, Vec<Held>)]) -> Drawing {
    let column = ((WIDTH - LEFT) / days.len().max(1) as f64).min(24.0);
    let mut pen = Pen::new();
    for (x, held, text) in [(0.0, Held::All, "tout"), (62.0, Held::Some, "une partie"), (158.0, Held::None, "rien")] {
        cell(&mut pen, (x, 3.0), (16.0, 10.0), held);
        pen.text((x + 21.0, 12.0), Anchor::Start, (11.0, "ch-ink"), text);
    }
    let end = LEFT + column * days.len() as f64;
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        pen.text((LEFT, 32.0), Anchor::Start, (10.5, "ch-soft"), first);
        if days.len() > 1 {
            pen.text((end.max(LEFT + 150.0), 32.0), Anchor::End, (10.5, "ch-soft"), last);
        }
    }
    let mut said = Vec::with_capacity(rows.len());
    for (index, (name, cells)) in rows.iter().enumerate() {
        let y = 38.0 + ROW * index as f64;
        pen.text((LEFT - 6.0, y + 11.0), Anchor::End, (11.0, "ch-ink"), &fitted(name, 11.0, LEFT - 8.0));
        for (place, held) in cells.iter().enumerate() {
            let gap = if column > 6.0 { 1.0 } else { 0.0 };
            cell(&mut pen, (LEFT + column * place as f64, y), (column - gap, ROW - 2.0), *held);
        }
        let whole = cells.iter().filter(|held| **held == Held::All).count() as u64;
        said.push(format!("{name} : {} sur {} en entier", plural(whole, "jour", "jours"), cells.len()));
    }
    let description = if said.is_empty() { "Aucune donnée.".into() } else { format!("{}.", said.join(" ; ")) };
    pen.finish((WIDTH, 40.0 + ROW * rows.len() as f64), title, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_is_said_and_what_lacks_differs_in_more_than_hue() {
        let days = ["2025-07-07".to_owned(), "2025-07-08".to_owned(), "2025-07-09".to_owned()];
        let drawing = coverage("t", &days, &[("CABA".into(), vec![Held::All, Held::Some, Held::None])]);
        assert_eq!(drawing.description, "CABA : 1 jour sur 3 en entier.");
        let svg = drawing.standalone();
        // One of the row and one of the legend.
        assert_eq!((svg.matches("url(#c-h)").count(), svg.matches("class=\"ch-other\"").count()), (2, 2), "{svg}");
        assert!(!coverage("t", &[], &[]).standalone().contains("NaN"));
    }

    #[test]
    fn the_names_of_the_usual_zones_are_not_cut() {
        for name in ["PAYS SAINT FLOUR", "PAYS DE MAURIAC", "PAYS D'AURILLAC"] {
            let drawing = coverage("t", &["2025-07-01".into()], &[(name.to_owned(), vec![Held::All])]);
            assert!(!drawing.standalone().contains('…'), "{name}");
        }
    }
}
