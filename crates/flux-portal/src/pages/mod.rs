//! Pages: what the model says, as HTML. Whatever is written into a page is escaped by the templates.

mod dashboard;
mod frame;
mod login;

use flux_core::figures::choices::Choices;
use maud::Markup;

use crate::api::Context;
use crate::failure::Failure;

pub(crate) use frame::{Frame, failure, frame};
pub(crate) use login::login;

/// What a page shows, without the frame around it, which differs from reader to reader.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) body: Markup,
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
    Page { path: "/infographie", content: dashboard::dashboard },
    Page { path: "/tables", content: dashboard::dashboard },
    Page { path: "/methodologie", content: dashboard::methodology },
    Page { path: "/etat", content: dashboard::state },
];

/// What is shown where nothing was asked for: the last year with data, all of it, the first zone.
fn usual(choices: &Choices) -> Option<(i32, &'static str, &str)> {
    let year = *choices.annees.first()?;
    Some((year, "annee_complete", choices.zones.first()?.name.as_str()))
}
