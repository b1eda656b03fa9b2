//! Files that pages need, in the program itself.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use flux_report::look;

use crate::config::Config;

/// A file whose address changes with its content, so that a browser may keep it for good.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    content_type: &'static str,
    made: LazyLock<(String, String)>,
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, make: fn() -> (String, String)) -> Self {
        Self { path, content_type, made: LazyLock::new(make) }
    }

    /// Where a page finds it.
    pub(super) fn address(&self, config: &Config) -> String {
        format!("{}?v={}", config.path(self.path), self.made.1)
    }

    pub(crate) fn response(&self) -> Response {
        let kept = "public, max-age=31536000, immutable";
        ([(header::CONTENT_TYPE, self.content_type), (header::CACHE_CONTROL, kept)], self.made.0.clone())
            .into_response()
    }
}

fn made(text: String) -> (String, String) {
    let tag = blake3::hash(text.as_bytes()).to_hex()[..12].to_owned();
    (text, tag)
}

/// The rules of pages and charts; the dark theme where the reader's system is dark, paper always light.
pub(crate) static STYLE: Asset = Asset::new("/static/portail.css", "text/css; charset=utf-8", || {
    made(look::sheet() + include_str!("../../static/portail.css"))
});

pub(crate) static SCRIPT: Asset = Asset::new("/static/portail.js", "text/javascript; charset=utf-8", || {
    made(include_str!("../../static/portail.js").to_owned())
});

pub(crate) static ICON: Asset =
    Asset::new("/static/portail.svg", "image/svg+xml", || made(include_str!("../../static/portail.svg").to_owned()));

pub(crate) static ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];
