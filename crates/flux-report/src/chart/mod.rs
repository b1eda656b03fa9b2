//! Charts as SVG, drawn by hand: for pages, for files, for print. Each says its title and its values in words as well, so that nobody needs
//! to see it. Colours are attributes, those of paper, so that a file of its own is complete; on a page the rules of [`STYLE`] put the
//! variables of its theme in their place. The two series differ in lightness by at least 3:1 and in thickness, and provisional volumes
//! are hatched: nothing is told by hue alone.

mod bars;
mod coverage;
mod daily;
mod pen;
mod ranking;
mod usual;

pub use bars::{Column, Part, columns, history, split};
pub use coverage::{Held, coverage};
pub use daily::{Day, daily};
pub use pen::{Anchor, Drawing, Pen, fitted};
pub use ranking::{Bar, Legend, ranking};
pub use usual::{UsualDay, usual};

/// Rules for a page that holds charts. It must give values to the variables, which [`LIGHT`] and [`DARK`] do.
pub const STYLE: &str = "\
.ch { display: block; width: 100%; height: auto; }
.ch text { font-family: inherit; }
.ch-ink { fill: var(--ink); } .ch-soft { fill: var(--soft); } .ch-on { fill: var(--paper); }
.ch-line { stroke: var(--line); } .ch-axis { stroke: var(--soft); }
.ch-now { fill: var(--now); } .ch-now-line { stroke: var(--now); }
.ch-before { fill: var(--before); stroke: var(--before-edge); }
.ch-other { fill: var(--other); stroke: var(--other-edge); } .ch-other-text { fill: var(--other-ink); }
.ch-band { fill: var(--band); } .ch-feast { fill: var(--other); stroke: var(--other-edge); }
.ch-hatch { stroke: var(--paper); } .ch-paper { fill: var(--paper); }
";

/// Variables of a light page and of print.
pub(crate) const LIGHT: &str = "--ink: #1b2430; --soft: #4d5a68; --line: #d3dae2; --paper: #ffffff; --band: #eef1f5; \
    --now: #1b4f8f; --before: #a9c4e4; --before-edge: #5b86b8; --other: #e8a33d; --other-edge: #96600c; --other-ink: #1b2430;";

/// Variables of a dark page.
pub(crate) const DARK: &str = "--ink: #e7ecf2; --soft: #a9b6c4; --line: #36424f; --paper: #141a21; --band: #1e2731; \
    --now: #8ec1ff; --before: #2c598c; --before-edge: #6e9fd3; --other: #865000; --other-edge: #e8a33d; --other-ink: #ffffff;";

/// What stands in the place of a chart of nothing: axes and a legend would only seem to show something.
fn nothing(title: &str, width: f64) -> Drawing {
    let mut pen = Pen::new();
    pen.text((0.0, 16.0), Anchor::Start, (12.0, "ch-soft"), "Aucune donnée");
    pen.finish((width, 26.0), title, "Aucune donnée.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(theme: &str, name: &str) -> (f64, f64, f64) {
        let from = theme.split(&format!("{name}: #")).nth(1).unwrap();
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&from[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        (part(0), part(2), part(4))
    }

    /// The contrast of WCAG 2.
    fn contrast(theme: &str, a: &str, b: &str) -> f64 {
        let luminance = |name| {
            let (r, g, b) = variable(theme, name);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn series_differ_in_lightness_and_everything_stands_out() {
        for theme in [LIGHT, DARK] {
            for (a, b) in [
                ("--now", "--before"),
                ("--now", "--other"),
                ("--now", "--paper"),
                ("--before-edge", "--paper"),
                ("--other-edge", "--paper"),
            ] {
                assert!(contrast(theme, a, b) >= 3.0, "{a} {b}: {:.2} in {theme}", contrast(theme, a, b));
            }
            for (text, ground) in [
                ("--ink", "--paper"),
                ("--soft", "--paper"),
                ("--soft", "--band"),
                ("--other-ink", "--other"),
                ("--paper", "--now"),
            ] {
                assert!(contrast(theme, text, ground) >= 4.5, "{text} {ground}: {:.2}", contrast(theme, text, ground));
            }
        }
    }
}
