//! Volumes by day against what is usual.

use crate::chart::daily::step;
use crate::chart::pen::{Anchor, Drawing, Pen, text_width};
use crate::number;

/// A day: its name, its volume, and the usual low and high where they are known.
#[derive(Debug, Clone)]
pub struct UsualDay {
    /// Its date.
    pub day: String,
    /// `None` without data.
    pub volume: Option<u64>,
    /// Lowest and highest usual volume; `None` where too few weeks are known.
    pub band: Option<(f64, f64)>,
}

impl UsualDay {
    /// Whether the volume is not usual.
    pub fn stands_out(&self) -> bool {
        let out = |(volume, (low, high)): (u64, (f64, f64))| (volume as f64) < low || volume as f64 > high;
        self.volume.zip(self.band).is_some_and(out)
    }
}

/// A dot per day over the band; those outside are triangles.
pub fn usual(title: &str, days: &[UsualDay]) -> Drawing {
    let (width, height, top, bottom) = (380.0, 210.0, 30.0, 22.0);
    let foot = height - bottom;
    let tall = |day: &UsualDay| day.band.map_or(0.0, |(_, high)| high).max(day.volume.unwrap_or(0) as f64);
    let most = days.iter().map(tall).fold(1.0, f64::max);
    let tick = step(most, 4.0);
    let ticks = (most / tick).ceil();
    let scale = (foot - top) / (ticks * tick);
    let y = |value: f64| foot - value.max(0.0) * scale;
    let left = text_width(&number((ticks * tick) as u64), 10.5) + 8.0;
    let column = (width - left) / days.len().max(1) as f64;
    let x = |index: usize| left + column * (index as f64 + 0.5);
    let mut pen = Pen::new();
    pen.rect((0.5, 3.5), (15.0, 8.0), "ch-before");
    pen.text((21.0, 12.0), Anchor::Start, (11.0, "ch-ink"), "habituel");
    pen.dot((96.0, 8.0), 3.5, "ch-now");
    pen.text((105.0, 12.0), Anchor::Start, (11.0, "ch-ink"), "volume du jour");
    pen.mark((214.0, 12.0), "ch-other", "");
    pen.text((223.0, 12.0), Anchor::Start, (11.0, "ch-ink"), "inhabituel");
    for at in 0..=ticks as u64 {
        let value = at as f64 * tick;
        pen.line((left, y(value)), (width, y(value)), (1.0, if at == 0 { "ch-axis" } else { "ch-line" }));
        pen.text((left - 6.0, y(value) + 3.5), Anchor::End, (10.5, "ch-soft"), &number(value as u64));
    }
    for (index, (low, high)) in days.iter().enumerate().filter_map(|(index, day)| Some((index, day.band?))) {
        pen.rect((x(index) - column / 2.0, y(high)), (column, (y(low) - y(high)).max(1.0)), "ch-before");
    }
    let mut out = Vec::new();
    for (index, day) in days.iter().enumerate() {
        let Some(volume) = day.volume else { continue };
        let said = format!("{} : {}", day.day, number(volume));
        if day.stands_out() {
            pen.mark((x(index), y(volume as f64) + 3.5), "ch-other", &said);
            out.push(said);
        } else {
            pen.dot((x(index), y(volume as f64)), 3.0, "ch-now");
        }
    }
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        pen.text((left, height - 5.0), Anchor::Start, (10.5, "ch-soft"), &first.day);
        pen.text((width, height - 5.0), Anchor::End, (10.5, "ch-soft"), &last.day);
    }
    let description =
        if out.is_empty() { "Rien d'inhabituel.".into() } else { format!("Inhabituels : {}.", out.join(" ; ")) };
    pen.finish((width, height), title, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_usual_is_said_and_has_another_shape() {
        let day = |day: &str, volume, band| UsualDay { day: day.into(), volume, band };
        let days = [
            day("2025-07-07", Some(100), Some((80.0, 120.0))),
            day("2025-07-08", Some(900), Some((80.0, 120.0))),
            day("2025-07-09", None, None),
        ];
        let drawing = usual("t", &days);
        assert_eq!(drawing.description, "Inhabituels : 2025-07-08 : 900.");
        // One of the days and one of the legend.
        let svg = drawing.standalone();
        assert_eq!((svg.matches("<circle").count(), svg.matches("l-4 -7h8z").count()), (2, 2), "{svg}");
        assert!(!usual("t", &[]).standalone().contains("NaN"));
    }
}
