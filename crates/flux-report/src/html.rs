//! Self-contained HTML pages: one file, no script, nothing from elsewhere, readable on a phone and printable, with the look of the portal.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset};
use regex::Regex;

use super::causes::by_cause;
use super::chart::Drawing;
use super::markup::escape;
use super::{Finding, Verdict, date_in_words, look, plural};

/// What only a report has.
const STYLE: &str = "\
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; padding: .5rem 1rem; border-bottom: 1px solid var(--line); }
header p { margin: 0; } main { padding: 0 1rem 2rem; max-width: 62rem; margin: 0 auto; } main > h2 { margin-top: 1.6rem; } h3 { margin-top: .8rem; }
ul { padding-left: 1.1rem; margin: .3rem 0; } li { margin: .3rem 0; overflow-wrap: anywhere; } .figure { max-width: 40rem; }
@media print { @page { size: A4; margin: 12mm; } body { font-size: 10pt; } header, main { padding-left: 0; padding-right: 0; } main { max-width: none; }
  h2, h3 { break-after: avoid; } .ch, tr, li, .court { break-inside: avoid; } .scroll { overflow: visible; } .figure { max-width: 14cm; } details:not([open]), summary { display: none; } }
";

/// Rows of a table that paper keeps together, at most.
const MOST_ROWS_KEPT: usize = 20;

/// Whose page it is, and when it was made by the clock of this machine.
#[derive(Debug, Clone)]
pub struct Edition<'a> {
    /// Name of the observatory.
    pub observatory: &'a str,
    /// The moment.
    pub at: DateTime<FixedOffset>,
}

/// Dates as reports and files write them, perhaps with a time.
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?:\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4})(?:[T \u{a0}]\d\d:\d\d(?::\d\d)?)?\b(?: →)?").ok()
});

/// Text between tags: no date breaks over two lines, no line begins with a colon, and commands stand out.
fn words(text: &str) -> String {
    let safe = escape(text).replace(" : ", "\u{a0}: ").replace(" ; ", "\u{a0}; ");
    let parts: Vec<&str> = safe.split('`').collect();
    let safe = if parts.len() % 2 == 1 { commands(&parts) } else { safe };
    let whole = DATE.as_ref().map(|date| date.replace_all(&safe, "<span class=\"entier\">$0</span>"));
    whole.map(Cow::into_owned).unwrap_or(safe)
}

/// Every other part is a command.
fn commands(parts: &[&str]) -> String {
    let part =
        |(at, text): (usize, &&str)| if at % 2 == 1 { format!("<code>{text}</code>") } else { (*text).to_owned() };
    parts.iter().enumerate().map(part).collect()
}

/// A page under construction.
#[derive(Debug)]
pub struct Document {
    title: String,
    head: String,
    body: String,
    charts: usize,
}

/// Rows under titles; titles that begin with `>` stand over numbers.
#[derive(Debug)]
pub struct Grid<'a> {
    /// What the rows are.
    pub caption: &'a str,
    /// One for each cell of a row.
    pub titles: &'a [&'a str],
    /// Their cells.
    pub rows: &'a [Vec<String>],
}

impl Document {
    /// A page with a title and a line under it.
    pub fn new(title: &str, subtitle: &str, edition: &Edition<'_>) -> Self {
        let (at, day) = (edition.at, date_in_words(edition.at.date_naive()));
        let head = format!(
            "<header><p><strong>{}</strong></p><p>Édité le <time class=\"entier\" datetime=\"{}\">{day} à {}</time></p></header>",
            escape(edition.observatory),
            at.format("%Y-%m-%dT%H:%M%:z"),
            at.format("%-H h %M")
        );
        let body = format!("<h1>{}</h1>\n<p class=\"doux\">{}</p>\n", words(title), words(subtitle));
        Self { title: title.to_owned(), head, body, charts: 0 }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h2>{}</h2>", words(text));
    }

    /// A line with its sign.
    pub fn verdict(&mut self, verdict: Verdict, text: &str) {
        let _ = writeln!(
            self.body,
            "<p class=\"apropos\" data-verdict=\"{}\"><strong>{} {}</strong></p>",
            verdict.name(),
            verdict.sign(),
            words(text)
        );
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", words(text));
    }

    /// Findings by cause, the worst first; what to do is said once for those that have it in common.
    pub fn findings(&mut self, findings: &[Finding]) {
        let mut causes = by_cause(findings);
        causes.sort_by_key(|cause| (std::cmp::Reverse(cause.severity), cause.code));
        for cause in causes {
            let _ = writeln!(
                self.body,
                "<section data-code=\"{}\"><h3>{} {} <span class=\"doux\">({})</span></h3><ul>",
                cause.code.name(),
                cause.severity.sign(),
                escape(&capital(cause.code.meaning())),
                plural(cause.findings.len() as u64, "constat", "constats")
            );
            let shared = cause.common_action().filter(|_| cause.findings.len() > 1);
            for finding in &cause.findings {
                let _ = write!(
                    self.body,
                    "<li><strong>{}</strong>\u{a0}: {}",
                    words(&finding.place),
                    words(&finding.message)
                );
                if let Some(action) = finding.action.as_ref().filter(|_| shared.is_none()) {
                    let _ = write!(self.body, "<br><span class=\"doux\">→ {}</span>", words(action));
                }
                self.body.push_str("</li>\n");
            }
            self.body.push_str("</ul>");
            if let Some(action) = shared {
                let _ = write!(self.body, "<p class=\"doux\">→ {}</p>", words(action));
            }
            self.body.push_str("</section>\n");
        }
    }

    /// A table; the first cell of a row is its name.
    pub fn table(&mut self, grid: &Grid<'_>) {
        let class = |title: &str| if title.starts_with('>') { " class=\"n\"" } else { "" };
        let caption = escape(grid.caption);
        // A table that fits on a page is not torn over two.
        let short = if grid.rows.len() <= MOST_ROWS_KEPT { " court" } else { "" };
        let _ = write!(
            self.body,
            "<div class=\"scroll{short}\" role=\"group\" tabindex=\"0\" aria-label=\"{caption}\"><table><caption>{}</caption><thead><tr>",
            words(grid.caption)
        );
        for title in grid.titles {
            let _ =
                write!(self.body, "<th scope=\"col\"{}>{}</th>", class(title), words(title.trim_start_matches('>')));
        }
        self.body.push_str("</tr></thead><tbody>\n");
        for row in grid.rows {
            self.body.push_str("<tr>");
            for (at, (cell, title)) in row.iter().zip(grid.titles).enumerate() {
                let (open, close) = if at == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
                let _ = write!(self.body, "<{open}{}>{}</{close}>", class(title), words(cell));
            }
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table></div>\n");
    }

    /// A chart, and its values for whoever wants to read them.
    pub fn chart(&mut self, drawing: &Drawing, values: &Grid<'_>) {
        self.charts += 1;
        let _ = writeln!(self.body, "<div class=\"figure\">{}</div>", drawing.inline(&format!("g{}", self.charts)));
        let _ = write!(
            self.body,
            "<details><summary>Tableau<span class=\"cache\"> : {}</span></summary>",
            escape(values.caption)
        );
        self.table(values);
        self.body.push_str("</details>\n");
    }

    /// The page as a file.
    pub fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <style>{}{STYLE}</style>\n</head>\n<body>\n{}\n<main>\n{}</main>\n</body>\n</html>\n",
            escape(&self.title),
            look::sheet(),
            self.head,
            self.body
        )
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::chart::{Bar, Legend, ranking};

    fn page() -> Document {
        let at = DateTime::parse_from_rfc3339("2025-07-14T08:05:59+02:00").unwrap();
        Document::new("<b>", "a & b", &Edition { observatory: "Tourisme <i>", at })
    }

    #[test]
    fn text_cannot_become_markup() {
        let mut page = page();
        let rows = [vec!["<script>alert(1)</script>".to_owned(), "3".to_owned()]];
        let grid = Grid { caption: "<u>", titles: &["x", ">y"], rows: &rows };
        let bar = Bar { name: "<i>\"'".into(), now: Some(3), before: None, note: String::new() };
        let legend = Legend { now: "n".into(), before: String::new(), provisional: false };
        page.chart(&ranking(1, "<u>", &legend, &[bar]), &grid);
        let html = page.finish();
        for tag in ["<script", "<i>", "<b>", "<u>"] {
            assert!(!html.contains(tag), "{tag}: {html}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("a &amp; b") && html.contains("Tourisme &lt;i&gt;"));
        assert!(
            html.contains("<th scope=\"col\" class=\"n\">y</th>") && html.contains("<td class=\"n\">3</td>"),
            "{html}"
        );
        let edited = "datetime=\"2025-07-14T08:05+02:00\">14 juillet 2025 à 8 h 05</time>";
        assert!(html.contains(edited), "{html}");
    }

    #[test]
    fn findings_stand_under_their_cause_the_worst_first_and_say_a_common_action_once() {
        let mut page = page();
        page.findings(&[
            Finding::attention(Code::PeriodEmpty, "2024", "a").action("importez"),
            Finding::error(Code::FileMissing, "x.csv", "b").action("déposez x"),
            Finding::attention(Code::PeriodEmpty, "2023", "c").action("importez"),
        ]);
        let html = page.finish();
        let causes: Vec<&str> =
            html.split("data-code=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(causes, ["file-missing", "period-empty"]);
        assert_eq!((html.matches("→ importez").count(), html.matches("<li>").count()), (1, 3));
    }

    #[test]
    fn lines_do_not_break_within_dates_and_before_colons() {
        let whole = |date: &str| format!("<span class=\"entier\">{date}</span>");
        let span = format!("du {} au {}.", whole("01/03/2024"), whole("2024-04-30"));
        assert_eq!(words("du 01/03/2024 au 2024-04-30."), span);
        assert_eq!(words("2024-04-30 06:07:08"), whole("2024-04-30\u{a0}06:07:08"));
        assert_eq!(words("a : `b` ; c"), "a\u{a0}: <code>b</code>\u{a0}; c");
        let arrow = format!("{} {}", whole("2024-07-06 →"), whole("2024-09-01"));
        assert_eq!(words("2024-07-06 → 2024-09-01"), arrow);
        for other in ["`", "x_2024-04-30.csv", "12024-04-30", "1/3/2024", "2024-04-3"] {
            assert_eq!(words(other), other);
        }
    }

    #[test]
    fn paper_keeps_short_tables_whole() {
        let of = |count: usize| {
            let rows: Vec<Vec<String>> = (0..count).map(|row| vec![row.to_string()]).collect();
            let mut page = page();
            page.table(&Grid { caption: "x", titles: &["y"], rows: &rows });
            page.finish().contains("<div class=\"scroll court\"")
        };
        assert_eq!((of(2), of(60)), (true, false));
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let html = page().finish();
        assert!(!html.contains("http") && !html.contains("src=") && !html.contains("@import"), "{html}");
    }
}
