//! Columns: a spread of two series, a few years; and one bar in parts.

use crate::chart::nothing;
use crate::chart::pen::{Anchor, Drawing, Pen, text_width};
use crate::chart::ranking::value;

/// A class of a spread, in percent of each series.
#[derive(Debug, Clone)]
pub struct Column {
    /// Below the columns: short.
    pub label: String,
    /// The same in words: `1 nuit`.
    pub name: String,
    /// `None` without data.
    pub first: Option<f64>,
    /// Of the second series.
    pub second: Option<f64>,
}

fn tenth(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.1} %").replace('.', ","))
}

/// Two series of shares by class, side by side; `axis` says what the classes are.
pub fn columns(title: &str, (first, second): (&str, &str), axis: &str, classes: &[Column]) -> Drawing {
    let (width, height, top, bottom, left) = (380.0, 230.0, 30.0, 34.0, 34.0);
    if classes.iter().all(|class| class.first.is_none() && class.second.is_none()) {
        return nothing(title, width);
    }
    let most = classes.iter().flat_map(|class| [class.first, class.second]).flatten().fold(0.0_f64, f64::max).max(1.0);
    let tick = if most > 50.0 {
        20.0
    } else if most > 20.0 {
        10.0
    } else {
        5.0
    };
    let scale = (height - top - bottom) / (most / tick).ceil() / tick;
    let foot = height - bottom;
    let mut pen = Pen::new();
    pen.rect((0.0, 3.0), (16.0, 9.0), "ch-now");
    pen.text((21.0, 12.0), Anchor::Start, (11.0, "ch-ink"), first);
    let x = 21.0 + text_width(first, 11.0) + 18.0;
    pen.rect((x, 3.5), (16.0, 8.0), "ch-other");
    pen.text((x + 21.0, 12.0), Anchor::Start, (11.0, "ch-ink"), second);
    let mut at = 0.0;
    while at <= (most / tick).ceil() * tick {
        let y = foot - at * scale;
        pen.line((left, y), (width, y), (1.0, "ch-line"));
        pen.text((left - 5.0, y + 3.5), Anchor::End, (10.0, "ch-soft"), &format!("{at:.0} %"));
        at += tick;
    }
    let step = (width - left) / classes.len().max(1) as f64;
    let bar = (step * 0.4).min(22.0);
    let mut said = Vec::new();
    for (index, class) in classes.iter().enumerate() {
        let middle = left + step * (index as f64 + 0.5);
        let (a, b) = (class.first.unwrap_or(0.0) * scale, class.second.unwrap_or(0.0) * scale);
        let title = format!("{} : {first} {}, {second} {}", class.name, tenth(class.first), tenth(class.second));
        pen.titled_rect((middle - bar, foot - a), (bar, a), "ch-now", &title);
        pen.titled_rect((middle + 0.5, foot - b + 0.5), (bar - 1.0, b - 0.5), "ch-other", &title);
        pen.text((middle, foot + 13.0), Anchor::Middle, (10.5, "ch-ink"), &class.label);
        said.push(title);
    }
    pen.text(((width + left) / 2.0, height - 6.0), Anchor::Middle, (10.5, "ch-soft"), axis);
    pen.finish((width, height), title, format!("{}.", said.join(" ; ")))
}

/// The years of a figure, the oldest first; the last is the one that counts. Values with what is written for them.
pub fn history(title: &str, years: &[(i32, Option<f64>, String)]) -> Drawing {
    let (width, height, foot) = (220.0, 64.0, 50.0);
    let most = years.iter().filter_map(|(_, value, _)| *value).fold(0.0_f64, f64::max);
    let step = width / years.len().max(1) as f64;
    let mut pen = Pen::new();
    for (index, (year, value, _)) in years.iter().enumerate() {
        let last = index + 1 == years.len();
        let middle = step * (index as f64 + 0.5);
        match value {
            Some(value) if most > 0.0 => {
                let tall = (value / most * (foot - 4.0)).max(1.0);
                let (class, inset) = if last { ("ch-now", 0.0) } else { ("ch-before", 0.5) };
                pen.rect((middle - 14.0 + inset, foot - tall + inset), (28.0 - 2.0 * inset, tall - inset), class);
            }
            _ => pen.text((middle, foot - 3.0), Anchor::Middle, (11.0, "ch-soft"), "–"),
        }
        pen.text(
            (middle, height - 2.0),
            Anchor::Middle,
            (11.0, if last { "ch-ink" } else { "ch-soft" }),
            &year.to_string(),
        );
    }
    pen.line((0.0, foot), (width, foot), (1.0, "ch-axis"));
    let said: Vec<String> = years.iter().map(|(year, _, text)| format!("{year} : {text}")).collect();
    pen.finish((width, height), title, format!("{}.", said.join(" ; ")))
}

/// A part of a whole.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name in the legend.
    pub name: String,
    /// `None` without data.
    pub value: Option<u64>,
}

/// A whole of two parts.
pub fn split(title: &str, parts: &[Part; 2]) -> Drawing {
    let (width, height) = (380.0, 62.0);
    if parts.iter().all(|part| part.value.is_none()) {
        return nothing(title, width);
    }
    let whole: u64 = parts.iter().filter_map(|part| part.value).sum();
    let share = |part: &Part| part.value.filter(|_| whole > 0).map(|value| value as f64 * 100.0 / whole as f64);
    let mut pen = Pen::new();
    let first = share(&parts[0]).unwrap_or(0.0) / 100.0 * width;
    if whole > 0 {
        pen.rect((0.0, 20.0), (first, 20.0), "ch-now");
        pen.rect((first + 1.5, 20.5), (width - first - 2.0, 19.0), "ch-other");
    }
    for (part, x, anchor) in [(&parts[0], 0.0, Anchor::Start), (&parts[1], width, Anchor::End)] {
        pen.text((x, 13.0), anchor, (12.0, "ch-ink"), &part.name);
        pen.text((x, 56.0), anchor, (12.0, "ch-ink"), &format!("{} · {}", value(part.value), tenth(share(part))));
    }
    let said = parts.iter().map(|part| format!("{} {} ({})", part.name, value(part.value), tenth(share(part))));
    pen.finish((width, height), title, format!("{}.", said.collect::<Vec<_>>().join(" ; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_parts_are_said() {
        let class =
            |label: &str, first, second| Column { label: label.into(), name: format!("{label} nuit"), first, second };
        let drawing = columns("t", ("Français", "Internationaux"), "nuits", &[class("1", Some(40.0), None)]);
        assert_eq!(drawing.description, "1 nuit : Français 40,0 %, Internationaux –.");
        // 166 pixels for 40 % in steps of 10 %
        assert!(drawing.standalone().contains("height=\"166.0\""), "{}", drawing.standalone());
        let part = |name: &str, value| Part { name: name.into(), value };
        let drawing = split("t", &[part("A", Some(3)), part("B", Some(1))]);
        assert_eq!(drawing.description, "A 3 (75,0 %) ; B 1 (25,0 %).");
        assert!(drawing.standalone().contains("width=\"285.0\""));
        for empty in
            [columns("t", ("a", "b"), "x", &[]), split("t", &[part("A", None), part("B", None)]), history("t", &[])]
        {
            assert!(!empty.standalone().contains("NaN"), "{empty:?}");
        }
        let years = [(2024, None, "–".to_owned()), (2025, Some(5.0), "5".to_owned())];
        assert_eq!(history("t", &years).description, "2024 : – ; 2025 : 5.");
    }
}
