//! What stands around every page.

use flux_core::accounts::Account;
use maud::{DOCTYPE, Markup, html};

use crate::config::Config;
use crate::failure::Failure;
use crate::pages::Content;

/// What differs from reader to reader.
pub(crate) struct Frame<'a> {
    pub(crate) config: &'a Config,
    pub(crate) account: Option<&'a Account>,
    /// What a form must hold.
    pub(crate) form_token: Option<&'a str>,
}

/// A whole page.
pub(crate) fn frame(frame: &Frame<'_>, content: &Content) -> Markup {
    let config = frame.config;
    html! {
        (DOCTYPE)
        html lang="fr" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (content.title) " – " (config.observatory) }
            }
            body {
                header {
                    p { a href=(config.path("/dashboard")) { (config.observatory) } }
                    @if let Some(account) = frame.account {
                        form method="post" action=(config.path("/logout")) {
                            input type="hidden" name="csrf" value=(frame.form_token.unwrap_or_default());
                            button { "Déconnecter " (account.username) }
                        }
                    }
                }
                main { h1 { (content.title) } (content.body) }
            }
        }
    }
}

/// What is shown in place of a page.
pub(crate) fn failure(config: &Config, failure: &Failure) -> Markup {
    let content = Content {
        title: failure.title().into(),
        body: html! { p { (failure.message()) } p { a href=(config.path("/dashboard")) { "Tableau de bord" } } },
    };
    frame(&Frame { config, account: None, form_token: None }, &content)
}
