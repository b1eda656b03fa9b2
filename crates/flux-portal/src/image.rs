//! Drawings as images: PNG and PDF with a font of the program's own, and the logo made harmless.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, TextStr};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, WriteOptions, fontdb};

/// Pixels of a side of an image, at most: a logo that says otherwise is no reason to fill the memory.
const LARGEST: f32 = 6_000.0;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../fonts/Inter-Regular.otf").to_vec());
    fonts.load_font_data(include_bytes!("../fonts/Inter-SemiBold.otf").to_vec());
    fonts.set_sans_serif_family("Inter");
    Arc::new(fonts)
});

fn options<'a>() -> Options<'a> {
    Options {
        fontdb: FONTS.clone(),
        font_family: "Inter".into(),
        // No drawing loads a file.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    }
}

fn tree(svg: &str) -> Result<Tree, String> {
    Tree::from_str(svg, &options()).map_err(|error| error.to_string())
}

/// A PNG, `scale` times as large as the drawing.
///
/// # Errors
/// What is wrong with the drawing.
pub(crate) fn png(svg: &str, scale: f32) -> Result<Vec<u8>, String> {
    let tree = tree(svg)?;
    let size = tree.size();
    let side = |length: f32| (length * scale).ceil().clamp(1.0, LARGEST) as u32;
    let mut pixels = Pixmap::new(side(size.width()), side(size.height())).ok_or("une image sans étendue")?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

/// What a document says of itself, beside what is drawn: windows, lists of files and screen readers name it so.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    pub(crate) author: &'a str,
}

/// A PDF of one page of the size of the drawing, its texts as texts.
///
/// # Errors
/// What is wrong with the drawing.
pub(crate) fn pdf(svg: &str, about: &About<'_>) -> Result<Vec<u8>, String> {
    // It has the types of the same crates under its own name.
    let mut options = svg2pdf::usvg::Options { font_family: "Inter".into(), ..svg2pdf::usvg::Options::default() };
    options.fontdb = FONTS.clone();
    let tree = svg2pdf::usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let (drawing, root) =
        svg2pdf::to_chunk(&tree, svg2pdf::ConversionOptions::default()).map_err(|error| format!("{error:?}"))?;
    let mut next = Ref::new(1);
    let [catalog, info, pages, page, content] = std::array::from_fn(|_| next.bump());
    let mut numbers = HashMap::new();
    let drawing = drawing.renumber(|old| *numbers.entry(old).or_insert_with(|| next.bump()));
    let root = numbers.get(&root).copied().ok_or("un dessin sans objet")?;
    // Dots of the drawing are 96 to an inch, points of a page 72.
    let (width, height) = (tree.size().width() * 0.75, tree.size().height() * 0.75);
    let mut pdf = Pdf::new();
    let mut head = pdf.catalog(catalog);
    head.pages(pages).lang(TextStr("fr")).viewer_preferences().display_doc_title(true);
    head.finish();
    pdf.document_info(info).title(TextStr(about.title)).author(TextStr(about.author)).producer(TextStr("flux"));
    pdf.pages(pages).count(1).kids([page]);
    let mut only = pdf.page(page);
    only.parent(pages).media_box(Rect::new(0.0, 0.0, width, height)).contents(content);
    only.resources().x_objects().pair(DRAWING, root);
    only.finish();
    let mut paint = Content::new();
    paint.transform([width, 0.0, 0.0, height, 0.0, 0.0]).x_object(DRAWING);
    pdf.stream(content, &paint.finish());
    pdf.extend(&drawing);
    Ok(pdf.finish())
}

/// What the page calls the drawing.
const DRAWING: Name<'static> = Name(b"dessin");

/// A picture that holds shapes and nothing else: no script, no address, no text of another font.
#[derive(Debug, Clone)]
pub(crate) struct Logo {
    pub(crate) svg: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Logo {
    /// Reads the file; none where there is none. What cannot be drawn is said in the log and left out.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        match Self::parse(&text) {
            Ok(logo) => Some(logo),
            Err(error) => {
                log::warn!("{} : {error} ; le portail se passe de logo", path.display());
                None
            }
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let tree = tree(text)?;
        let writing = WriteOptions { id_prefix: Some("logo".into()), preserve_text: false, ..WriteOptions::default() };
        let size = tree.size();
        Ok(Self { svg: tree.to_string(&writing), width: f64::from(size.width()), height: f64::from(size.height()) })
    }

    /// Width and height within a room.
    pub(crate) fn within(&self, width: f64, height: f64) -> (f64, f64) {
        let scale = (width / self.width).min(height / self.height);
        (self.width * scale, self.height * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"40\" font-family=\"Inter, sans-serif\" font-size=\"20\">\
        <text x=\"5\" y=\"28\">1\u{202f}234 nuitées −3 %</text></svg>";

    #[test]
    fn texts_are_drawn_with_the_font_of_the_program() {
        let png = png(SVG, 1.0).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        let drawn = Pixmap::decode_png(&png).unwrap();
        assert_eq!((drawn.width(), drawn.height()), (200, 40));
        let dark = drawn.pixels().iter().filter(|pixel| pixel.red() < 128).count();
        assert!(dark > 200, "{dark} dark pixels: the text is missing");
        let pdf = pdf(SVG, &About { title: "Été", author: "a" }).unwrap();
        let holds = |text: &[u8]| pdf.windows(text.len()).any(|part| part == text);
        // É, t, é in UTF-16 with its mark, as PDF writes what is not ASCII.
        assert!(
            pdf.starts_with(b"%PDF") && holds(b"Inter") && holds(b"/Title <FEFF00C9007400E9>") && holds(b"/Lang (fr)")
        );
    }

    #[test]
    fn a_logo_holds_shapes_only() {
        let text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" height=\"20\" onload=\"x()\"><script>x()</script>\
            <style>@import url(https://evil.example)</style><image href=\"/etc/passwd\" width=\"9\" height=\"9\"/>\
            <a href=\"https://evil.example\"><rect width=\"80\" height=\"20\" fill=\"red\"/></a></svg>";
        let logo = Logo::parse(text).unwrap();
        assert!(logo.svg.contains("<path"), "{}", logo.svg);
        for wrong in ["script", "evil", "onload", "image", "passwd"] {
            assert!(!logo.svg.contains(wrong), "{wrong} in {}", logo.svg);
        }
        assert_eq!(logo.within(40.0, 40.0), (40.0, 10.0));
        assert!(Logo::parse("no picture").is_err());
    }
}
