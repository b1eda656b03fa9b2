//! Self-contained HTML pages with inline SVG: one file, no script, nothing from elsewhere, readable on a phone and printable.

use std::fmt::Write;

use crate::report::{Finding, Verdict, number};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6b7b; --line: #d5dde5; --paper: #fff; --band: #cfe0f3;
  --main: #1f5f9e; --good: #2e7d4f; --warn: #b26a00; --bad: #b3261e; --none: #e9edf1 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a3b1bf; --line: #3a4754; --paper: #151b21; --band: #24405e;
  --main: #7fb2e6; --good: #6cc493; --warn: #e5a94e; --bad: #ef8b83; --none: #2a333c } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.4rem; margin: 0 0 .2rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem }
p { margin: .3rem 0 } .soft { color: var(--soft) } .ok { color: var(--good) } .attention { color: var(--warn) } .error { color: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { padding: .25rem .5rem; text-align: left; border-bottom: 1px solid var(--line) } .n { text-align: right; white-space: nowrap }
svg { min-width: 40rem; max-width: 100%; height: auto; display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--ink) }
ul { padding-left: 1.1rem; margin: .3rem 0 } li { margin: .3rem 0 }
@media print { :root { --ink: #000; --paper: #fff; --soft: #444 } body { max-width: none; padding: 0; font-size: 11pt } h2 { break-after: avoid }
  svg { min-width: 0 } svg, tr, li { break-inside: avoid } .scroll { overflow: visible } }
";

/// `<`, `>`, `&` and quotes made harmless; the spaces within numbers do not break.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' if safe.ends_with(|c: char| c.is_ascii_digit()) && chars.peek().is_some_and(char::is_ascii_digit) => {
                safe.push('\u{a0}');
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => {}
            c => safe.push(c),
        }
    }
    safe
}

/// A page under construction.
#[derive(Debug)]
pub(crate) struct Document {
    title: String,
    body: String,
}

impl Document {
    /// A page with a title and a line under it.
    pub(crate) fn new(title: &str, subtitle: &str) -> Self {
        let body = format!("<h1>{}</h1>\n<p class=\"soft\">{}</p>\n", escape(title), escape(subtitle));
        Self { title: title.to_owned(), body }
    }

    pub(crate) fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
    }

    /// A line with its sign.
    pub(crate) fn verdict(&mut self, verdict: Verdict, text: &str) {
        let _ = writeln!(
            self.body,
            "<p class=\"{}\"><strong>{} {}</strong></p>",
            verdict.name(),
            verdict.sign(),
            escape(text)
        );
    }

    pub(crate) fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
    }

    /// Findings with what to do.
    pub(crate) fn findings(&mut self, findings: &[Finding]) {
        self.body.push_str("<ul>\n");
        for finding in findings {
            let class = finding.severity.name();
            let sign = finding.severity.sign();
            let _ = write!(
                self.body,
                "<li><span class=\"{class}\">{sign}</span> <strong>{}</strong> : {}",
                escape(&finding.place),
                escape(&finding.message)
            );
            if let Some(action) = &finding.action {
                let _ = write!(self.body, "<br><span class=\"soft\">→ {}</span>", escape(action));
            }
            self.body.push_str("</li>\n");
        }
        self.body.push_str("</ul>\n");
    }

    /// A table; titles that begin with `>` stand to the right.
    pub(crate) fn table(&mut self, titles: &[&str], rows: &[Vec<String>]) {
        let class = |title: &str| if title.starts_with('>') { " class=\"n\"" } else { "" };
        self.body.push_str("<div class=\"scroll\"><table><thead><tr>");
        for title in titles {
            let _ = write!(self.body, "<th{}>{}</th>", class(title), escape(title.trim_start_matches('>')));
        }
        self.body.push_str("</tr></thead><tbody>\n");
        for row in rows {
            self.body.push_str("<tr>");
            for (cell, title) in row.iter().zip(titles) {
                let _ = write!(self.body, "<td{}>{}</td>", class(title), escape(cell));
            }
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table></div>\n");
    }

    pub(crate) fn svg(&mut self, svg: &str) {
        let _ = writeln!(self.body, "<div class=\"scroll\">{svg}</div>");
    }

    pub(crate) fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
            escape(&self.title),
            self.body
        )
    }
}

fn open(width: f64, height: f64, label: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">",
        escape(label)
    )
}

/// A pair of horizontal bars per name: the year, and the reference behind it.
pub(crate) fn paired_bars(label: &str, rows: &[(String, u64, u64)]) -> String {
    let (left, right, step) = (190.0, 90.0, 34.0);
    let width = 760.0;
    let most = rows.iter().map(|(_, a, b)| *a.max(b)).max().unwrap_or(0).max(1) as f64;
    let scale = (width - left - right) / most;
    let mut svg = open(width, step * rows.len() as f64 + 8.0, label);
    for (index, (name, year, reference)) in rows.iter().enumerate() {
        let y = index as f64 * step + 6.0;
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{left:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"12\" fill=\"var(--main)\"/>\
             <rect x=\"{left:.0}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" fill=\"var(--band)\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            y + 17.0,
            escape(name),
            *year as f64 * scale,
            y + 13.0,
            *reference as f64 * scale,
            left + *year as f64 * scale + 4.0,
            y + 10.0,
            number(*year),
            left + *reference as f64 * scale + 4.0,
            y + 23.0,
            number(*reference)
        );
    }
    svg.push_str("</svg>");
    svg
}

pub(crate) fn bars(label: &str, rows: &[(String, u64)]) -> String {
    let (left, right, step) = (330.0, 80.0, 20.0);
    let width = 760.0;
    let most = rows.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1) as f64;
    let scale = (width - left - right) / most;
    let mut svg = open(width, step * rows.len() as f64 + 6.0, label);
    for (index, (name, value)) in rows.iter().enumerate() {
        let y = index as f64 * step + 4.0;
        let name: String = name.chars().take(52).collect();
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{left:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"13\" fill=\"var(--main)\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            y + 11.0,
            escape(&name),
            *value as f64 * scale,
            left + *value as f64 * scale + 4.0,
            y + 11.0,
            number(*value)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A calendar of coverage: a row per name, a column per day, each cell `covered` of `expected`.
pub(crate) fn calendar(label: &str, days: &[String], rows: &[(String, Vec<(u64, u64)>)]) -> String {
    let (left, top) = (150.0, 20.0);
    let cell = (610.0 / days.len().max(1) as f64).clamp(3.0, 16.0);
    let (width, height) = (left + cell * days.len() as f64 + 60.0, top + 16.0 * rows.len() as f64 + 6.0);
    let mut svg = open(width, height, label);
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let _ = write!(
            svg,
            "<text x=\"{left:.0}\" y=\"12\">{}</text><text x=\"{:.0}\" y=\"12\" text-anchor=\"end\">{}</text>",
            escape(first),
            (left + cell * days.len() as f64).max(left + 150.0),
            escape(last)
        );
    }
    for (index, (name, cells)) in rows.iter().enumerate() {
        let y = top + 16.0 * index as f64;
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            y + 11.0,
            escape(name)
        );
        for (column, (covered, expected)) in cells.iter().enumerate() {
            let fill = match (covered, expected) {
                (0, 0) => "var(--none)",
                (0, _) => "var(--bad)",
                (covered, expected) if covered >= expected => "var(--good)",
                _ => "var(--warn)",
            };
            let day = days.get(column).map(String::as_str).unwrap_or_default();
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"14\" fill=\"{fill}\"><title>{} {} : {covered} sur {expected}</title></rect>",
                left + cell * column as f64,
                cell - 1.0,
                escape(name),
                escape(day)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A day of [`band_chart`]: name, value, usual low and high where they are known.
pub(crate) type BandDay = (String, Option<u64>, Option<(f64, f64)>);

/// Volumes by day against their usual band.
pub(crate) fn band_chart(label: &str, days: &[BandDay]) -> String {
    let (width, height, left, bottom) = (760.0, 220.0, 70.0, 24.0);
    let high = days.iter().flat_map(|(_, value, band)| [value.unwrap_or(0) as f64, band.map_or(0.0, |(_, high)| high)]);
    let most = high.fold(1.0_f64, f64::max) * 1.05;
    let step = (width - left - 10.0) / days.len().max(1) as f64;
    let x = |index: usize| left + step * (index as f64 + 0.5);
    let y = |value: f64| (height - bottom) - value.max(0.0) / most * (height - bottom - 8.0);
    let mut svg = open(width, height, label);
    for share in [0.0, 0.5, 1.0] {
        let value = most / 1.05 * share;
        let _ = write!(
            svg,
            "<line x1=\"{left:.0}\" x2=\"{width:.0}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"var(--line)\"/>\
             <text x=\"{1:.0}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            left - 6.0,
            y(value) + 4.0,
            number(value as u64)
        );
    }
    for (index, (_, _, band)) in days.iter().enumerate() {
        if let Some((low, high)) = band {
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"var(--band)\"/>",
                x(index) - step / 2.0,
                y(*high),
                step,
                (y(*low) - y(*high)).max(1.0)
            );
        }
    }
    for (index, (day, value, band)) in days.iter().enumerate() {
        let Some(value) = value else { continue };
        let outside = band.is_some_and(|(low, high)| (*value as f64) < low || *value as f64 > high);
        let fill = if outside { "var(--bad)" } else { "var(--main)" };
        let _ = write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{fill}\"><title>{} : {}</title></circle>",
            x(index),
            y(*value as f64),
            escape(day),
            number(*value)
        );
    }
    if let (Some((first, ..)), Some((last, ..))) = (days.first(), days.last()) {
        let _ = write!(
            svg,
            "<text x=\"{left:.0}\" y=\"{0:.0}\">{1}</text><text x=\"{width:.0}\" y=\"{0:.0}\" text-anchor=\"end\">{2}</text>",
            height - 6.0,
            escape(first),
            escape(last)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut page = Document::new("<b>", "a & b");
        page.table(&["x"], &[vec!["<script>alert(1)</script>".into()]]);
        page.svg(&bars("l", &[("<i>\"'".into(), 3)]));
        let html = page.finish();
        assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;script&gt;") && html.contains("a &amp; b"));
    }

    #[test]
    fn numbers_stay_in_one_piece() {
        assert_eq!(escape("de 6 132 à 10 221 le 7 mai"), "de 6\u{a0}132 à 10\u{a0}221 le 7 mai");
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let html = Document::new("t", "s").finish();
        assert!(!html.contains("http") && !html.contains("src=") && !html.contains("@import"), "{html}");
    }

    #[test]
    fn drawings_of_nothing_are_drawings() {
        for svg in [bars("l", &[]), paired_bars("l", &[]), calendar("l", &[], &[]), band_chart("l", &[])] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
        }
    }
}
