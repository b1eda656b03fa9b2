//! A curve by day, the year before as an area behind it, weekends and public holidays marked.

use chrono::{Datelike, NaiveDate};

use crate::chart::nothing;
use crate::chart::pen::{Anchor, Drawing, Pen, text_width};
use crate::chart::ranking::Legend;
use crate::{number, plural};

/// Both years' volumes of one day of the year.
#[derive(Debug, Clone)]
pub struct Day {
    /// The day.
    pub date: NaiveDate,
    /// `None` without data: the curve is broken there.
    pub now: Option<u64>,
    /// The day that stands behind it, of the year before.
    pub before: Option<u64>,
    /// Dashed, with a hatched band on the axis.
    pub provisional: bool,
    /// Saturday or Sunday.
    pub weekend: bool,
    /// Name of the public holiday.
    pub feast: Option<String>,
}

const MONTHS: [&str; 12] =
    ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];

/// `14 juil.`
fn short(day: NaiveDate) -> String {
    let number = if day.day() == 1 { "1er".to_owned() } else { day.day().to_string() };
    format!("{number} {}", MONTHS[day.month0() as usize % 12])
}

/// A round step of an axis that has about `lines` of them.
pub(super) fn step(most: f64, lines: f64) -> f64 {
    let raw = (most / lines).max(1.0);
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= raw && *step >= 1.0)
        .unwrap_or(raw)
}

/// What the drawing measures.
struct Plot {
    left: f64,
    top: f64,
    foot: f64,
    day: f64,
    scale: f64,
}

impl Plot {
    fn x(&self, index: usize) -> f64 {
        self.left + self.day * (index as f64 + 0.5)
    }

    fn y(&self, value: u64) -> f64 {
        self.foot - value as f64 * self.scale
    }
}

/// The curve, `width` wide. A day has its values for whoever points at it where there is room.
pub fn daily(title: &str, legend: &Legend, unit: &str, days: &[Day], width: f64) -> Drawing {
    let height = if width > 600.0 { 280.0 } else { 250.0 };
    if days.iter().all(|day| day.now.is_none() && day.before.is_none()) {
        return nothing(title, width);
    }
    let most = days.iter().flat_map(|day| [day.now, day.before]).flatten().max().unwrap_or(0).max(1) as f64;
    let tick = step(most, 4.0);
    let ticks = (most / tick).ceil();
    let left = text_width(&number((ticks * tick) as u64), 10.5) + 8.0;
    let (top, foot) = (48.0, height - 24.0);
    let day = (width - left - 4.0) / days.len().max(1) as f64;
    let plot = Plot { left, top, foot, day, scale: (foot - top) / (ticks * tick) };
    let mut pen = Pen::new();
    heading(&mut pen, legend, days);
    ground(&mut pen, &plot, days, width);
    for at in 0..=ticks as u64 {
        let value = (at as f64 * tick) as u64;
        pen.line((left, plot.y(value)), (width, plot.y(value)), (1.0, if at == 0 { "ch-axis" } else { "ch-line" }));
        pen.text((left - 6.0, plot.y(value) + 3.5), Anchor::End, (10.5, "ch-soft"), &number(value));
    }
    curves(&mut pen, &plot, days);
    dates(&mut pen, &plot, days, height);
    let peak = peak(days);
    if let Some((index, value)) = peak {
        pen.dot((plot.x(index), plot.y(value)), 3.2, "ch-now");
    }
    if width > 600.0 {
        pointed(&mut pen, &plot, days, legend);
    }
    pen.finish((width, height), title, said(days, legend, unit, peak))
}

fn heading(pen: &mut Pen, legend: &Legend, days: &[Day]) {
    legend.draw(pen, (0.0, 12.0));
    let mut x = 0.0;
    if days.iter().any(|day| day.weekend) {
        pen.rect((x, 20.0), (16.0, 11.0), "ch-band");
        pen.text((x + 21.0, 29.0), Anchor::Start, (11.0, "ch-soft"), "week-end");
        x += 88.0;
    }
    if days.iter().any(|day| day.feast.is_some()) {
        pen.mark((x + 6.0, 29.0), "ch-feast", "");
        pen.text((x + 15.0, 29.0), Anchor::Start, (11.0, "ch-soft"), "jour férié");
    }
}

/// Weekends behind everything, feasts above it, the hatching of provisional days.
fn ground(pen: &mut Pen, plot: &Plot, days: &[Day], width: f64) {
    let mut from = None;
    for index in 0..=days.len() {
        let weekend = days.get(index).is_some_and(|day| day.weekend);
        match (from, weekend) {
            (None, true) => from = Some(index),
            (Some(first), false) => {
                let x = plot.left + plot.day * first as f64;
                let wide = (plot.day * (index - first) as f64).min(width - x);
                pen.rect((x, plot.top), (wide, plot.foot - plot.top), "ch-band");
                from = None;
            }
            _ => {}
        }
    }
    for (index, day) in days.iter().enumerate() {
        if let Some(feast) = &day.feast {
            pen.mark((plot.x(index), plot.top - 1.0), "ch-feast", &format!("{} : {feast}", short(day.date)));
        }
    }
}

fn curves(pen: &mut Pen, plot: &Plot, days: &[Day]) {
    let points = |value: fn(&Day) -> Option<u64>| -> Vec<Option<(f64, f64)>> {
        days.iter().enumerate().map(|(index, day)| value(day).map(|value| (plot.x(index), plot.y(value)))).collect()
    };
    pen.area(&points(|day| day.before), plot.foot, "ch-before");
    for (index, day) in days.iter().enumerate() {
        if day.provisional && day.now.is_some() {
            let (at, size) = ((plot.left + plot.day * index as f64, plot.foot - 7.0), (plot.day, 7.0));
            pen.rect(at, size, "ch-now");
            pen.hatch(at, size);
        }
    }
    let now = points(|day| day.now);
    // A day belongs to the dashed part when it is provisional; the two parts meet at its first.
    let sure: Vec<_> = now.iter().zip(days).map(|(point, day)| point.filter(|_| !day.provisional)).collect();
    let unsure: Vec<_> = (0..days.len())
        .map(|index| {
            now[index].filter(|_| days[index].provisional || days.get(index + 1).is_some_and(|day| day.provisional))
        })
        .collect();
    pen.curve(&sure, (2.0, "ch-now-line"), "");
    pen.curve(&unsure, (2.0, "ch-now-line"), "5 3");
}

/// Firsts of months where there are several, else every so many days; none where it would touch the one before.
fn dates(pen: &mut Pen, plot: &Plot, days: &[Day], height: f64) {
    const SIZE: f64 = 10.5;
    let firsts = days.iter().filter(|day| day.date.day() == 1).count() > 2;
    let label = |day: &Day| if firsts { MONTHS[day.date.month0() as usize % 12].to_owned() } else { short(day.date) };
    let widest = days.iter().map(|day| text_width(&label(day), SIZE)).fold(0.0, f64::max);
    let step = (((widest + 8.0) / plot.day).ceil() as usize).max(if firsts { 1 } else { 7 });
    let right = plot.left + plot.day * days.len() as f64;
    let (mut next, mut end) = (0, f64::NEG_INFINITY);
    for (index, day) in days.iter().enumerate() {
        if index < next || (firsts && day.date.day() != 1) {
            continue;
        }
        let label = label(day);
        let half = text_width(&label, SIZE) / 2.0;
        // Beneath its day, and within the drawing.
        let x = plot.x(index).min(right - half).max(half);
        if x - half < end + 4.0 {
            continue;
        }
        pen.line((plot.x(index), plot.foot), (plot.x(index), plot.foot + 4.0), (1.0, "ch-axis"));
        pen.text((x, height - 6.0), Anchor::Middle, (SIZE, "ch-soft"), &label);
        (next, end) = (index + step, x + half);
    }
}

fn pointed(pen: &mut Pen, plot: &Plot, days: &[Day], legend: &Legend) {
    let value = |value: Option<u64>| value.map_or_else(|| "pas de donnée".to_owned(), number);
    for (index, day) in days.iter().enumerate() {
        let feast = day.feast.as_ref().map(|feast| format!(", {feast}")).unwrap_or_default();
        let before = if legend.before.is_empty() {
            String::new()
        } else {
            format!(" ; {} : {}", legend.before, value(day.before))
        };
        let sure = if day.provisional { " (provisoire)" } else { "" };
        let title = format!("{}{feast} : {}{sure}{before}", short(day.date), value(day.now));
        pen.unseen((plot.left + plot.day * index as f64, plot.top), (plot.day, plot.foot - plot.top), &title);
    }
}

/// The day with the largest value, the first of equals.
fn peak(days: &[Day]) -> Option<(usize, u64)> {
    let mut best = None;
    for (index, day) in days.iter().enumerate() {
        if let Some(value) = day.now
            && best.is_none_or(|(_, most)| value > most)
        {
            best = Some((index, value));
        }
    }
    best
}

fn said(days: &[Day], legend: &Legend, unit: &str, peak: Option<(usize, u64)>) -> String {
    let (Some(first), Some(last), Some((at, value))) = (days.first(), days.last(), peak) else {
        return format!("{} : aucune donnée.", legend.now);
    };
    let (with, all) = (days.iter().filter(|day| day.now.is_some()).count() as u64, days.len() as u64);
    let least = days.iter().filter_map(|day| day.now.map(|value| (value, day.date))).min();
    let least = least.map(|(value, day)| format!(", minimum {} le {}", number(value), short(day))).unwrap_or_default();
    let text = format!(
        "{unit} par jour du {} au {} : {} avec données sur {}, maximum {} le {}{least}",
        short(first.date),
        short(last.date),
        plural(with, "jour", "jours"),
        number(all),
        number(value),
        short(days[at].date)
    );
    format!("{}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, now: Option<u64>, before: Option<u64>) -> Day {
        Day { date: date.parse().unwrap(), now, before, provisional: false, weekend: false, feast: None }
    }

    #[test]
    fn steps_are_round() {
        assert_eq!((step(100.0, 4.0), step(99_000.0, 4.0), step(3.0, 4.0), step(1.0, 4.0)), (25.0, 25_000.0, 1.0, 1.0));
    }

    /// Left and right end of each text on the axis of dates.
    fn dates_of(svg: &str, height: f64) -> Vec<(f64, f64)> {
        let foot = format!("y=\"{:.1}\"", height - 6.0);
        let ends = |text: &str| {
            let x: f64 = text.strip_prefix("x=\"")?.split('"').next()?.parse().ok()?;
            let label = text.split('>').nth(1)?.split('<').next()?;
            let half = text_width(label, 10.5) / 2.0;
            (text.contains(&foot) && text.contains("\"middle\"")).then_some((x - half, x + half))
        };
        svg.split("<text ").skip(1).filter_map(ends).collect()
    }

    #[test]
    fn no_date_of_the_axis_touches_the_next_one_or_leaves_the_drawing() {
        let legend = Legend { now: "2025".into(), before: "2024".into(), provisional: false };
        let first: NaiveDate = "2025-07-05".parse().unwrap();
        for (width, height) in [(345.0, 250.0), (960.0, 280.0)] {
            for count in 1..200 {
                let days: Vec<Day> =
                    first.iter_days().take(count).map(|day| self::day(&day.to_string(), Some(80_000), None)).collect();
                let ends = dates_of(&daily("t", &legend, "Nuitées", &days, width).standalone(), height);
                assert!(!ends.is_empty() && ends[0].0 >= 0.0 && ends.last().unwrap().1 <= width, "{count}: {ends:?}");
                assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{count} days, {width} wide: {ends:?}");
            }
        }
    }

    #[test]
    fn a_curve_says_what_it_shows() {
        let mut days = vec![
            day("2025-07-13", Some(10), Some(8)),
            day("2025-07-14", Some(100), None),
            day("2025-07-15", None, Some(9)),
        ];
        days[1].feast = Some("Fête nationale".into());
        days[0].weekend = true;
        let legend = Legend { now: "2025".into(), before: "2024".into(), provisional: false };
        let drawing = daily("t", &legend, "Nuitées", &days, 960.0);
        let expected = "Nuitées par jour du 13 juil. au 15 juil. : 2 jours avec données sur 3, maximum 100 le 14 juil., minimum 10 le 13 juil.";
        assert_eq!(drawing.description, expected);
        let svg = drawing.standalone();
        assert!(svg.contains("14 juil., Fête nationale : 100 ; 2024 : pas de donnée"), "{svg}");
        assert!(svg.contains("ch-band") && svg.contains("jour férié") && !svg.contains("url("));
        days[1].provisional = true;
        assert!(daily("t", &legend, "Nuitées", &days, 360.0).standalone().contains("url(#c-h)"));
        assert!(!daily("t", &legend, "Nuitées", &[], 360.0).standalone().contains("NaN"));
    }
}
