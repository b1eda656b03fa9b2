//! Logging in and out, and what says that the portal lives.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use flux_core::accounts::{self, Account};

use crate::app::App;
use crate::app::guard::Who;
use crate::ask::Parameters;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::pages;
use crate::password;
use crate::pool::blocking;
use crate::session::{Cookie, Secret, set_cookie};

type Shared = State<Arc<App>>;

/// `/` leads to the dashboard.
pub(crate) async fn home(State(app): Shared) -> Redirect {
    Redirect::to(&app.config.path("/dashboard"))
}

/// 200 while the process lives.
pub(crate) async fn alive() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response()
}

/// 200 while the database answers, else the failure's status.
pub(crate) async fn ready(State(app): Shared) -> Response {
    match app.pool.stamp().await {
        Ok(_) => alive().await,
        Err(failure) => failure.into_response(),
    }
}

/// The form of login.
pub(crate) async fn form(
    State(app): Shared,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let parameters = Parameters::parse_long(&query.unwrap_or_default())?;
    let redirect = parameters.text("redirect").filter(|path| is_path(path)).map(str::to_owned);
    if matches!(who.caller, Caller::Account(_)) {
        return Ok(Redirect::to(&app.config.path(redirect.as_deref().unwrap_or("/dashboard"))).into_response());
    }
    shown(&app, &who, redirect.as_deref(), None)
}

/// The form, bound to the browser that gets it.
fn shown(
    app: &App,
    who: &Who,
    redirect: Option<&str>,
    problem: Option<(StatusCode, &str)>,
) -> Result<Response, Failure> {
    let secret = who.cookies.form.clone().map_or_else(Secret::new, Ok)?;
    let page = pages::login(&app.config, redirect, &secret.form_token()?, problem.map(|(_, text)| text)).into_string();
    let cookie = set_cookie(&app.config, who.client, Cookie::Form, Some(&secret));
    let status = problem.map_or(StatusCode::OK, |(status, _)| status);
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::SET_COOKIE, cookie.as_str())], page)
        .into_response())
}

/// Whether this is a path of the portal: nothing that leads elsewhere, whatever a browser makes of it.
fn is_path(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('/')
        && !matches!(characters.next(), Some('/' | '\\'))
        && text.chars().all(|c| c.is_ascii_graphic() && c != '\\')
        && !text.split(['?', '#']).next().unwrap_or_default().contains("//")
}

/// A form that was sent from a page of ours, in the same browser.
fn checked(secret: Option<&Secret>, headers: &HeaderMap, form: &Parameters) -> Result<(), Failure> {
    let forged = || Failure::Forbidden("le formulaire a expiré : rechargez la page et recommencez".into());
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return Err(forged());
    }
    let token = form.text("csrf").ok_or_else(forged)?;
    if secret.is_some_and(|secret| secret.matches_form(token)) { Ok(()) } else { Err(forged()) }
}

/// What came by POST.
fn form_of(headers: &HeaderMap, body: &Bytes) -> Result<Parameters, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    if !kind.starts_with(b"application/x-www-form-urlencoded") {
        return Err(Failure::BadRequest("un formulaire est attendu".into()));
    }
    let text = std::str::from_utf8(body).map_err(|_| Failure::BadRequest("le formulaire ne se lit pas".into()))?;
    Parameters::parse_form(text)
}

/// Lets in whoever gives the password of an account.
pub(crate) async fn login(
    State(app): Shared,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let form = form_of(&headers, &body)?;
    checked(who.cookies.form.as_ref(), &headers, &form)?;
    let redirect = form.text("redirect").filter(|path| is_path(path));
    let (Some(name), Some(password)) = (form.text("username"), form.text("password")) else {
        return shown(
            &app,
            &who,
            redirect,
            Some((StatusCode::BAD_REQUEST, "Donnez un identifiant et un mot de passe.")),
        );
    };
    let found = find(&app, name.to_owned()).await?;
    // However its name is spelt, an account is one: the database knows it in other capitals and without its accents.
    let guessed = found.account.as_ref().map_or(name, |account| &account.username);
    // What somebody types where the name belongs may be their password: only names of accounts are written down.
    let told = found.account.as_ref().map_or_else(|| "compte inconnu".to_owned(), |account| account.username.clone());
    let attempt = match app.throttle.begin(guessed, who.client.address) {
        Ok(attempt) => attempt,
        Err(wait) => {
            app.audit(who.client, &told, "connexion refusée : trop d'essais");
            return Err(Failure::TooMany(wait));
        }
    };
    match authenticate(&app, found, password.to_owned()).await {
        Err(failure) => {
            attempt.withdraw();
            Err(failure)
        }
        Ok(None) => {
            app.audit(who.client, &told, "connexion refusée");
            let problem = (StatusCode::UNAUTHORIZED, "Identifiant ou mot de passe incorrect.");
            shown(&app, &who, redirect, Some(problem))
        }
        Ok(Some(account)) => {
            attempt.forgive();
            welcome(&app, &who, account, redirect.unwrap_or("/dashboard")).await
        }
    }
}

/// What a name leads to.
struct Found {
    account: Option<Account>,
    /// The hash of another account, where there is none of that name.
    somebody: Option<String>,
}

async fn find(app: &App, name: String) -> Result<Found, Failure> {
    app.pool
        .run(move |session| {
            let (account, somebody) = accounts::named(session, &name)?;
            Ok(Found { account, somebody })
        })
        .await
}

/// The account, if the password is its. Takes the same time for one that there is not.
async fn authenticate(app: &App, found: Found, password: String) -> Result<Option<Account>, Failure> {
    let _turn = app.passwords.acquire().await.map_err(|_| Failure::Internal)?;
    blocking(move || {
        let Some(account) = found.account else {
            password::verify_nobody(&password, found.somebody.as_deref());
            return Ok(None);
        };
        let right = password::verify(&password, &account.hash);
        Ok((right && account.active).then_some(account))
    })
    .await
}

/// Begins a session: always a new one, whatever the browser had before.
async fn welcome(app: &App, who: &Who, account: Account, path: &str) -> Result<Response, Failure> {
    let secret = Secret::new()?;
    let (hash, before, id) = (secret.hash(), who.cookies.session.as_ref().map(Secret::hash), account.id);
    app.pool.run(move |session| Ok(accounts::log_in(session, before.as_deref(), &hash, id)?)).await?;
    if let Some(before) = &who.cookies.session {
        app.sessions.forget(before);
    }
    app.audit(who.client, &account.username, "connexion");
    let mut response = Redirect::to(&app.config.path(path)).into_response();
    for (cookie, secret) in [(Cookie::Session, Some(&secret)), (Cookie::Form, None)] {
        if let Ok(value) = set_cookie(&app.config, who.client, cookie, secret).parse() {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

pub(crate) async fn logout(
    State(app): Shared,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let form = form_of(&headers, &body)?;
    let secret = who.cookies.session.clone();
    checked(secret.as_ref(), &headers, &form)?;
    if let Some(secret) = secret {
        let hash = secret.hash();
        app.pool.run(move |session| Ok(accounts::log_out(session, &hash)?)).await?;
        app.sessions.forget(&secret);
        app.audit(who.client, &who.caller.name(), "déconnexion");
    }
    let mut response = Redirect::to(&app.config.path("/login")).into_response();
    if let Ok(value) = set_cookie(&app.config, who.client, Cookie::Session, None).parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_portal() {
        for path in ["/", "/dashboard", "/dashboard?annee=2025&zone=PAYS%20D%27AURILLAC", "/a/b?x=//y"] {
            assert!(is_path(path), "{path}");
        }
        for wrong in [
            "",
            "dashboard",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nX: y",
            "/a\t",
            "/é",
            "/a//evil",
            "\\/evil",
            "/ /evil",
            "javascript:alert(1)",
        ] {
            assert!(!is_path(wrong), "{wrong}");
        }
    }
}
