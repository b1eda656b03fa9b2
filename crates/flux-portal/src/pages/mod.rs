//! Pages: what the model says, as HTML and drawings. Whatever is written into a page is escaped by the templates.

pub(crate) mod assets;
mod blocks;
mod charts;
mod compare;
mod dashboard;
mod drawings;
mod filters;
mod frame;
mod login;
mod origin;
mod poster;
mod state;
mod tables;
mod words;

use flux_core::figures::rankings::Breakdown;
use maud::{Markup, html};

use crate::api::Context;
use crate::failure::Failure;

pub(crate) use frame::{Frame, failure, frame};
pub(crate) use login::login;

/// What a page shows, without the frame around it, which differs from reader to reader.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) title: String,
    /// Way to the other pages and what the page is about.
    pub(crate) body: Markup,
}

impl Content {
    /// A page with the way to the others; `query` goes along to those that ask the same.
    fn page(context: &Context<'_>, title: &str, place: frame::Place, body: Markup, query: String) -> Self {
        let query = query.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let body = html! { (frame::ways(context.config, place, &query)) main id="contenu" { h1 { (title) } (body) } };
        Self { title: title.to_owned(), body }
    }
}

/// A page where there are no data at all.
fn empty(context: &Context<'_>, title: &str, place: frame::Place) -> Content {
    let body = html! {
        p { "Aucune donnée\u{a0}: rien n'a encore été importé (" code { "update-temp-tables" } ", puis " code { "migrate-temp-to-main" } ")." }
    };
    Content::page(context, title, place, body, String::new())
}

/// A page that is worked out from the database, and kept while the data do not change.
pub(crate) struct Page {
    /// Below the base.
    pub(crate) path: &'static str,
    pub(crate) content: fn(&mut Context<'_>) -> Result<Content, Failure>,
}

/// All pages but the login.
pub(crate) const PAGES: &[Page] = &[
    Page { path: "/dashboard", content: dashboard::dashboard },
    Page { path: "/tdb_comparaison", content: dashboard::dashboard },
    Page { path: "/infographie", content: poster::page },
    Page { path: "/tables", content: tables::page },
    Page { path: "/methodologie", content: state::methodology },
    Page { path: "/etat", content: state::state },
];

/// A file that is worked out from the database, for whoever may see the pages.
pub(crate) struct File {
    /// Below the base.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    /// Whether it is to be saved rather than shown.
    pub(crate) saved: bool,
    pub(crate) bytes: fn(&mut Context<'_>) -> Result<Vec<u8>, Failure>,
}

const SVG: &str = "image/svg+xml";

const fn drawing(path: &'static str, bytes: fn(&mut Context<'_>) -> Result<Vec<u8>, Failure>) -> File {
    File { path, content_type: SVG, saved: false, bytes }
}

pub(crate) const FILES: &[File] = &[
    drawing("/graphiques/jours.svg", drawings::days),
    drawing("/graphiques/departements.svg", |context| drawings::ranking(context, Breakdown::Departements)),
    drawing("/graphiques/regions.svg", |context| drawings::ranking(context, Breakdown::Regions)),
    drawing("/graphiques/pays.svg", |context| drawings::ranking(context, Breakdown::Pays)),
    drawing("/graphiques/communes.svg", drawings::communes),
    drawing("/graphiques/sejours.svg", drawings::stays),
    drawing("/graphiques/provenances.svg", drawings::origins),
    drawing("/graphiques/comparer_jours.svg", drawings::faced_days),
    drawing("/graphiques/comparer_departements.svg", |context| {
        drawings::faced_ranking(context, Breakdown::Departements)
    }),
    drawing("/graphiques/comparer_regions.svg", |context| drawings::faced_ranking(context, Breakdown::Regions)),
    drawing("/graphiques/comparer_pays.svg", |context| drawings::faced_ranking(context, Breakdown::Pays)),
    drawing("/graphiques/comparer_communes.svg", drawings::faced_communes),
    drawing("/infographie.svg", poster::svg),
    File { path: "/infographie.png", content_type: "image/png", saved: false, bytes: poster::png },
    File { path: "/infographie.pdf", content_type: "application/pdf", saved: false, bytes: poster::pdf },
    File { path: "/tables.csv", content_type: "text/csv; charset=utf-8", saved: true, bytes: tables::csv },
    File { path: "/tables.xlsx", content_type: crate::list::XLSX, saved: true, bytes: tables::xlsx },
];
