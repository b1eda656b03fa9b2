//! What every chart is drawn with.

use std::fmt::Write;

use crate::markup::escape;

/// Stands in a drawing for what makes its ids its own; no text can hold it.
const OWN: char = '\u{1}';

/// What colours are on paper, by class.
const PAPER: &[(&str, &str)] = &[
    ("ch-ink", "fill=\"#1b2430\""),
    ("ch-soft", "fill=\"#4d5a68\""),
    ("ch-on", "fill=\"#ffffff\""),
    ("ch-line", "stroke=\"#d3dae2\""),
    ("ch-axis", "stroke=\"#4d5a68\""),
    ("ch-now", "fill=\"#1b4f8f\""),
    ("ch-now-line", "stroke=\"#1b4f8f\""),
    ("ch-before", "fill=\"#a9c4e4\" stroke=\"#5b86b8\""),
    ("ch-other", "fill=\"#e8a33d\" stroke=\"#96600c\""),
    ("ch-other-text", "fill=\"#1b2430\""),
    ("ch-band", "fill=\"#eef1f5\""),
    ("ch-feast", "fill=\"#e8a33d\" stroke=\"#96600c\""),
    ("ch-hatch", "stroke=\"#ffffff\""),
    ("ch-paper", "fill=\"#ffffff\""),
];

/// A class with its colour on paper.
fn dressed(class: &str) -> String {
    let paper = PAPER.iter().find(|(known, _)| *known == class).map_or("", |(_, colours)| colours);
    format!("class=\"{class}\" {paper}")
}

/// A finished drawing: lengths in pixels of a page of its natural width.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// Natural width in pixels.
    pub width: f64,
    /// Natural height in pixels.
    pub height: f64,
    /// What it is, in a few words.
    pub title: String,
    /// What it says, in words and numbers.
    pub description: String,
    body: String,
}

impl Drawing {
    /// For a page that holds [`super::STYLE`]; `id` tells it from the other drawings of the page.
    pub fn inline(&self, id: &str) -> String {
        let id = escape(id);
        format!(
            "<svg class=\"ch\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" font-size=\"12\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{}</svg>",
            self.width,
            self.height,
            escape(&self.title),
            escape(&self.description),
            self.body.replace(OWN, &id)
        )
    }

    /// A file of its own, on white.
    pub fn standalone(&self) -> String {
        self.captioned(&[])
    }

    /// The same under its title and these lines, which say what it is of.
    pub fn captioned(&self, lines: &[String]) -> String {
        let mut pen = Pen::default();
        let mut top = 0.0;
        if !lines.is_empty() {
            pen.bold((0.0, 14.0), Anchor::Start, (14.0, "ch-ink"), &fitted(&self.title, 14.0, self.width));
            for line in lines.iter().flat_map(|line| wrapped(line, 11.0, self.width)) {
                top += 15.0;
                pen.text((0.0, 15.0 + top), Anchor::Start, (11.0, "ch-soft"), &line);
            }
            top += 26.0;
        }
        let (width, height, head) = (self.width, self.height + top, pen.body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             role=\"img\" aria-labelledby=\"t d\" font-family=\"Inter, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"12\">\
             <title id=\"t\">{}</title><desc id=\"d\">{}</desc><rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#ffffff\"/>{head}<g transform=\"translate(0 {top:.0})\">{}</g></svg>\n",
            escape(&self.title),
            escape(&self.description),
            self.body.replace(OWN, "c")
        )
    }
}

/// An SVG drawing in the making; lengths are in pixels.
#[derive(Debug, Default)]
pub struct Pen {
    body: String,
    drawings: usize,
}

/// How a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The point is its left end.
    Start,
    /// The point is its middle.
    Middle,
    /// The point is its right end.
    End,
}

impl Pen {
    /// A pen with the hatching of what is provisional.
    pub fn new() -> Self {
        let mut pen = Self::default();
        let _ = write!(
            pen.body,
            "<defs><pattern id=\"{OWN}-h\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <line x1=\"1\" y1=\"0\" x2=\"1\" y2=\"5\" stroke-width=\"1.8\" {}/></pattern></defs>",
            dressed("ch-hatch")
        );
        pen
    }

    /// A rectangle; what is less than nothing wide is not drawn.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        self.titled_rect((x, y), (width, height), class, "");
    }

    /// The same with a text for whoever points at it.
    pub(crate) fn titled_rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str, title: &str) {
        if width <= 0.0 || height <= 0.0 {
            return;
        }
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {}",
            dressed(class)
        );
        if title.is_empty() {
            self.body.push_str("/>");
        } else {
            let _ = write!(self.body, "><title>{}</title></rect>", escape(title));
        }
    }

    /// The hatching over a rectangle.
    pub(crate) fn hatch(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        if width > 0.0 && height > 0.0 {
            let _ = write!(
                self.body,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"url(#{OWN}-h)\"/>"
            );
        }
    }

    /// A field that only tells something to whoever points at it.
    pub(super) fn unseen(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), title: &str) {
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill-opacity=\"0\"><title>{}</title></rect>",
            escape(title)
        );
    }

    /// A text of this size.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, (size, class): (f64, &str), text: &str) {
        let _ = write!(self.body, "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" {}", dressed(class));
        match anchor {
            Anchor::Start => {}
            Anchor::Middle => self.body.push_str(" text-anchor=\"middle\""),
            Anchor::End => self.body.push_str(" text-anchor=\"end\""),
        }
        let _ = write!(self.body, ">{}</text>", escape(text));
    }

    /// As [`Pen::text`], in bold letters.
    pub fn bold(&mut self, at: (f64, f64), anchor: Anchor, style: (f64, &str), text: &str) {
        self.body.push_str("<g font-weight=\"600\">");
        self.text(at, anchor, style, text);
        self.body.push_str("</g>");
    }

    /// A straight line of a width, in pixels, and a class of [`STYLE`](super::STYLE).
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), (width, class): (f64, &str)) {
        let _ = write!(
            self.body,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke-width=\"{width}\" {}/>",
            dressed(class)
        );
    }

    /// A line through points, broken where one is missing.
    pub(crate) fn curve(&mut self, points: &[Option<(f64, f64)>], (width, class): (f64, &str), dashes: &str) {
        let mut path = String::new();
        let mut broken = true;
        for (index, point) in points.iter().enumerate() {
            let Some((x, y)) = point else {
                broken = true;
                continue;
            };
            let _ = write!(path, "{}{x:.1} {y:.1}", if broken { 'M' } else { 'L' });
            // A day between two without data is a dot.
            if broken && points.get(index + 1).is_none_or(Option::is_none) {
                path.push_str("h.1");
            }
            broken = false;
        }
        if path.is_empty() {
            return;
        }
        let _ = write!(
            self.body,
            "<path d=\"{path}\" fill=\"none\" stroke-width=\"{width}\" stroke-linejoin=\"round\" stroke-linecap=\"round\" {}",
            dressed(class)
        );
        if !dashes.is_empty() {
            let _ = write!(self.body, " stroke-dasharray=\"{dashes}\"");
        }
        self.body.push_str("/>");
    }

    /// The area between points and the foot of a plot, in as many pieces as there are gaps.
    pub(super) fn area(&mut self, points: &[Option<(f64, f64)>], foot: f64, class: &str) {
        for piece in points.split(Option::is_none) {
            let piece: Vec<(f64, f64)> = piece.iter().flatten().copied().collect();
            let (Some((first, _)), Some((last, _))) = (piece.first(), piece.last()) else { continue };
            let mut path = format!("M{:.1} {foot:.1}", first - 0.5);
            for (x, y) in &piece {
                let _ = write!(path, "L{x:.1} {y:.1}");
            }
            let _ = write!(
                self.body,
                "<path d=\"{path}L{:.1} {foot:.1}z\" fill-opacity=\".55\" stroke-width=\"1\" stroke-linejoin=\"round\" {}/>",
                last + 0.5,
                dressed(class)
            );
        }
    }

    /// A filled circle around a point, `radius` in pixels.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, class: &str) {
        let _ = write!(self.body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" {}/>", dressed(class));
    }

    /// A small triangle that points down to (x, y).
    pub(crate) fn mark(&mut self, (x, y): (f64, f64), class: &str, title: &str) {
        let _ = write!(
            self.body,
            "<path d=\"M{x:.1} {y:.1}l-4 -7h8z\" {}><title>{}</title></path>",
            dressed(class),
            escape(title)
        );
    }

    /// A finished drawing at (x, y), of this width; the height that it takes.
    pub fn place(&mut self, drawing: &Drawing, (x, y): (f64, f64), width: f64) -> f64 {
        let height = drawing.height * width / drawing.width.max(1.0);
        self.drawings += 1;
        let own = format!("{OWN}-{}", self.drawings);
        let _ = write!(
            self.body,
            "<svg x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" viewBox=\"0 0 {:.0} {:.0}\">{}</svg>",
            drawing.width,
            drawing.height,
            drawing.body.replace(OWN, &own)
        );
        height
    }

    /// An image that is SVG itself, of this natural size, and known to hold nothing but shapes; at (x, y).
    pub fn image(
        &mut self,
        svg: &str,
        (natural_width, natural_height): (f64, f64),
        (x, y): (f64, f64),
        (width, height): (f64, f64),
    ) {
        let _ = write!(
            self.body,
            "<svg x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" viewBox=\"0 0 {natural_width} {natural_height}\">{svg}</svg>"
        );
    }

    /// The drawing of this size in pixels, with what is read aloud in its place.
    pub fn finish(self, (width, height): (f64, f64), title: &str, description: String) -> Drawing {
        Drawing { width, height, title: title.to_owned(), description, body: self.body }
    }
}

/// About how wide a text is, in pixels, without asking a font.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let of = |c: char| match c {
        'i' | 'l' | 'j' | 't' | 'f' | '\'' | '’' | '.' | ',' | ' ' | '\u{202f}' | '\u{a0}' | 'I' | '-' => 0.32,
        'm' | 'w' | 'M' | 'W' => 0.88,
        c if c.is_uppercase() => 0.7,
        c if c.is_ascii_digit() => 0.64,
        _ => 0.58,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// A text in as many lines as it needs; a word that is wider than a line is one of its own.
fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As much of a text as fits.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if text_width(&short, size) + size > width {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_and_ids_stay_apart() {
        let mut pen = Pen::new();
        pen.text((1.0, 2.0), Anchor::Start, (12.0, "ch-ink"), "<script>\u{1}\"&");
        pen.hatch((0.0, 0.0), (5.0, 5.0));
        let inner = pen.finish((10.0, 10.0), "<b>", "a & b".into());
        let mut pen = Pen::new();
        assert_eq!(pen.place(&inner, (0.0, 0.0), 20.0), 20.0);
        pen.place(&inner, (0.0, 20.0), 10.0);
        let outer = pen.finish((20.0, 30.0), "t", "d".into()).inline("x");
        assert!(!outer.contains("<script") && !outer.contains('\u{1}'), "{outer}");
        for id in ["x-h", "x-1-h", "x-2-h"] {
            assert_eq!(outer.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        let own = inner.standalone();
        assert!(own.contains("<title id=\"t\">&lt;b&gt;</title>") && own.contains("url(#c-h)"), "{own}");
    }

    #[test]
    fn a_file_says_what_it_is_of() {
        // About 6.4 a character: two words of five fit into 70, three do not.
        assert_eq!(wrapped("abcde abcde abcde", 11.0, 72.0), ["abcde abcde", "abcde"]);
        let mut pen = Pen::new();
        pen.text((0.0, 10.0), Anchor::Start, (12.0, "ch-ink"), "x");
        let drawing = pen.finish((380.0, 100.0), "Titre", "d".into());
        let svg = drawing.captioned(&["Zone <A>".to_owned(), "jours".to_owned()]);
        // 100, two lines of 15, 26 for the title
        assert!(svg.contains("viewBox=\"0 0 380 156\"") && svg.contains("translate(0 56)"), "{svg}");
        assert!(svg.contains(">Titre</text>") && svg.contains(">Zone &lt;A&gt;</text>"), "{svg}");
        assert!(drawing.standalone().contains("viewBox=\"0 0 380 100\""));
    }

    #[test]
    fn a_curve_is_broken_where_a_day_is_missing() {
        let mut pen = Pen::new();
        pen.curve(&[Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0))], (1.0, "ch-now-line"), "");
        let svg = pen.finish((1.0, 1.0), "", String::new()).standalone();
        assert!(svg.contains("d=\"M0.0 1.0L1.0 2.0M3.0 4.0h.1\""), "{svg}");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(fitted("Paris", 12.0, 100.0), "Paris");
        let cut = fitted("Provence-Alpes-Côte d'Azur", 12.0, 80.0);
        assert!(cut.ends_with('…') && text_width(&cut, 12.0) <= 90.0, "{cut}");
    }
}
