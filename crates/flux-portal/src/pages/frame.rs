//! What stands around every page.

use flux_core::accounts::Account;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::config::Config;
use crate::failure::Failure;
use crate::pages::Content;
use crate::pages::assets;

/// What differs from reader to reader.
pub(crate) struct Frame<'a> {
    pub(crate) config: &'a Config,
    pub(crate) account: Option<&'a Account>,
    /// What a form must hold.
    pub(crate) form_token: Option<&'a str>,
    /// Nothing around it: it stands in a frame of another page.
    pub(crate) bare: bool,
}

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Dashboard,
    Poster,
    Tables,
    Methodology,
    State,
}

/// The way to the other pages; `query` goes along to those that ask the same.
pub(super) fn ways(config: &Config, place: Place, query: &str) -> Markup {
    let with = |path: &str| {
        let path = config.path(path);
        if query.is_empty() { path } else { format!("{path}?{query}") }
    };
    let all = [
        (Place::Dashboard, "Tableau de bord", with("/dashboard")),
        (Place::Poster, "Infographie", with("/infographie")),
        (Place::Tables, "Tables", with("/tables")),
        (Place::Methodology, "Méthodologie", config.path("/methodologie")),
        (Place::State, "État", config.path("/etat")),
    ];
    html! {
        nav.pages aria-label="Pages" {
            ul { @for (known, title, address) in &all { li { a href=(address) aria-current=[(*known == place).then_some("page")] { (title) } } } }
        }
    }
}

pub(crate) fn frame(frame: &Frame<'_>, content: &Content) -> Markup {
    let config = frame.config;
    html! {
        (DOCTYPE)
        html lang="fr" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (content.title) " – " (config.observatory) }
                link rel="stylesheet" href=(assets::STYLE.address(config));
                link rel="icon" type="image/svg+xml" href=(assets::ICON.address(config));
                script src=(assets::SCRIPT.address(config)) defer {}
            }
            body class=[frame.bare.then_some("nu")] {
                @if !frame.bare {
                    a.saut href="#contenu" { "Aller au contenu" }
                    header {
                        p.marque {
                            a href=(config.path("/dashboard")) {
                                @if let Some(logo) = &config.logo { span.logo aria-hidden="true" { (mark(logo)) } }
                                (config.observatory)
                            }
                        }
                        @if let Some(account) = frame.account {
                            form method="post" action=(config.path("/logout")) {
                                input type="hidden" name="csrf" value=(frame.form_token.unwrap_or_default());
                                span.doux { (account.username) } " " button.discret type="submit" { "Se déconnecter" }
                            }
                        }
                    }
                }
                (content.body)
            }
        }
    }
}

fn mark(logo: &crate::image::Logo) -> Markup {
    let (width, height) = logo.within(120.0, 32.0);
    html! {
        svg width=(format!("{width:.0}")) height=(format!("{height:.0}")) viewBox=(format!("0 0 {} {}", logo.width, logo.height)) { (PreEscaped(&logo.svg)) }
    }
}

/// What is shown in place of a page.
pub(crate) fn failure(config: &Config, failure: &Failure) -> Markup {
    let content = Content {
        title: failure.title().into(),
        body: html! {
            main id="contenu" class="etroite" {
                h1 { (failure.title()) }
                p { (sentence(&failure.message())) }
                p { a href=(config.path("/dashboard")) { "Tableau de bord" } }
            }
        },
    };
    frame(&Frame { config, account: None, form_token: None, bare: false }, &content)
}

/// With a capital and a full stop; no line begins with a sign that belongs to the one before.
fn sentence(text: &str) -> String {
    let text = text.replace(" ;", "\u{a0};").replace(" :", "\u{a0}:").replace("« ", "«\u{a0}").replace(" »", "\u{a0}»");
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_sentence_begins_with_its_punctuation() {
        let told = sentence("la période « noël » n'existe pas ; connues : ete");
        assert_eq!(told, "La période «\u{a0}noël\u{a0}» n'existe pas\u{a0}; connues\u{a0}: ete.");
    }
}
