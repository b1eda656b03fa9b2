//! The form of login.

use maud::{Markup, html};

use crate::config::Config;
use crate::pages::{Content, Frame, frame};

/// The form; `problem` says why it is shown again.
pub(crate) fn login(config: &Config, redirect: Option<&str>, form_token: &str, problem: Option<&str>) -> Markup {
    let body = html! {
        @if let Some(problem) = problem { p role="alert" { (problem) } }
        form method="post" action=(config.path("/login")) {
            input type="hidden" name="csrf" value=(form_token);
            @if let Some(redirect) = redirect { input type="hidden" name="redirect" value=(redirect); }
            p { label { "Identifiant " input name="username" autocomplete="username" required maxlength="255" autofocus; } }
            p { label { "Mot de passe " input type="password" name="password" autocomplete="current-password" required maxlength="1024"; } }
            p { button { "Se connecter" } }
        }
    };
    frame(&Frame { config, account: None, form_token: None }, &Content { title: "Connexion".into(), body })
}
