//! The form of login.

use maud::{Markup, html};

use crate::config::Config;
use crate::pages::{Content, Frame, frame};

/// The form; `problem` says why it is shown again.
pub(crate) fn login(config: &Config, redirect: Option<&str>, form_token: &str, problem: Option<&str>) -> Markup {
    let body = html! {
        main id="contenu" class="etroite" {
            h1 { "Connexion" }
            @if let Some(problem) = problem { p.alerte role="alert" id="probleme" { (problem) } }
            form.connexion method="post" action=(config.path("/login")) {
                input type="hidden" name="csrf" value=(form_token);
                @if let Some(redirect) = redirect { input type="hidden" name="redirect" value=(redirect); }
                p { label for="username" { "Identifiant" } input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="255" autofocus aria-describedby=[problem.map(|_| "probleme")]; }
                p { label for="password" { "Mot de passe" } input id="password" type="password" name="password" autocomplete="current-password" required maxlength="1024"; }
                p { button type="submit" { "Se connecter" } }
            }
        }
    };
    let around = Frame { config, account: None, form_token: None, bare: false };
    frame(&around, &Content { title: "Connexion".into(), body })
}
