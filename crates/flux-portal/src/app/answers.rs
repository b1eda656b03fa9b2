//! Answers that are worked out from the database, and given again while the data do not change.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use flux_core::figures::version::Version;

use crate::api::{Access, Context, Endpoint};
use crate::app::guard::{Framed, Who};
use crate::app::{App, Kept};
use crate::ask::{Format, Parameters};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::list;
use crate::pages::{Content, File, Frame, Page, frame};
use crate::unread::JSON;

const CSV: &str = "text/csv; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

type App_ = State<Arc<App>>;

pub(crate) async fn api(
    endpoint: &'static Endpoint,
    State(app): App_,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let known = who.caller.is_known();
    match endpoint.access {
        Access::Readers if known || app.config.public => {}
        Access::Known if known => {}
        _ => return Err(Failure::Unauthorized),
    }
    let parameters = Parameters::parse(&query.unwrap_or_default())?;
    let format = parameters.format()?;
    let kept = kept(&app, endpoint.path, parameters, endpoint.live, move |context| {
        let document = (endpoint.answer)(context)?;
        let name = endpoint.path.rsplit('/').next().unwrap_or_default();
        match format {
            Format::Csv => {
                let bytes = list::csv(&document.rows).map_err(Failure::within("CSV"))?;
                Ok(Made { content_type: CSV, file: Some(format!("{name}.csv")), title: None, bytes })
            }
            Format::Xlsx => {
                let bytes = list::xlsx(&document.rows).map_err(Failure::within("XLSX"))?;
                Ok(Made { content_type: list::XLSX, file: Some(format!("{name}.xlsx")), title: None, bytes })
            }
            Format::Json => {
                Ok(Made { content_type: JSON, file: None, title: None, bytes: document.body.to_string().into_bytes() })
            }
        }
    })
    .await?;
    Ok(given(&kept, &headers))
}

/// What is not served.
pub(crate) async fn closed(Extension(who): Extension<Who>) -> Failure {
    if who.caller.is_known() {
        Failure::Forbidden("les espaces partagés ne sont pas servis par ce portail".into())
    } else {
        Failure::Unauthorized
    }
}

pub(crate) async fn page(
    page: &'static Page,
    State(app): App_,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    if let Some(elsewhere) = to_login(&app, &who, page.path, &query) {
        return Ok(elsewhere);
    }
    let parameters = Parameters::parse(&query)?;
    let embedded = page.path == "/infographie" && parameters.text("embed") == Some("1");
    let kept = kept(&app, page.path, parameters, page.path == "/etat", move |context| {
        let content = (page.content)(context)?;
        Ok(Made {
            content_type: HTML,
            file: None,
            title: Some(content.title),
            bytes: content.body.into_string().into_bytes(),
        })
    })
    .await?;
    let mut response = framed(&app, &who, &kept, embedded)?;
    if embedded {
        response.extensions_mut().insert(Framed);
    }
    Ok(response)
}

/// A file, for whoever may see the pages.
pub(crate) async fn file(
    file: &'static File,
    State(app): App_,
    Extension(who): Extension<Who>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    if let Some(elsewhere) = to_login(&app, &who, file.path, &query) {
        return Ok(elsewhere);
    }
    let kept = kept(&app, file.path, Parameters::parse(&query)?, false, move |context| {
        let name = file.saved.then(|| file.path.trim_start_matches('/').to_owned());
        Ok(Made { content_type: file.content_type, file: name, title: None, bytes: (file.bytes)(context)? })
    })
    .await?;
    Ok(given(&kept, &headers))
}

/// Where a stranger is sent who may not look.
fn to_login(app: &App, who: &Who, path: &str, query: &str) -> Option<Response> {
    if who.caller.is_known() || app.config.public {
        return None;
    }
    // Only what asks for something: no token that somebody has put into the address goes on.
    let query = Parameters::parse(query).unwrap_or_default().query();
    let asked = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let redirect: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    Some(Redirect::to(&format!("{}?redirect={redirect}", app.config.path("/login"))).into_response())
}

/// What a handler has made.
struct Made {
    content_type: &'static str,
    file: Option<String>,
    title: Option<String>,
    bytes: Vec<u8>,
}

/// The answer that is kept, else a new one.
async fn kept(
    app: &Arc<App>,
    path: &'static str,
    parameters: Parameters,
    live: bool,
    make: impl Fn(&mut Context<'_>) -> Result<Made, Failure> + Send + 'static,
) -> Result<Arc<Kept>, Failure> {
    let stamp = app.pool.stamp().await?;
    let key = (format!("{path} {parameters:?}"), stamp.clone());
    if !live && let Some(kept) = app.kept.get(&key) {
        return Ok(kept);
    }
    let shared = app.clone();
    app.pool
        .answer(move |session, pace| {
            // Whoever had the turn before may have made it.
            if !live && let Some(kept) = shared.kept.get(&key) {
                return Ok(kept);
            }
            let (made, known) = session.snapshot(|session| {
                // Once more: the data may have changed since the stamp was read.
                let seen = Version::read(session)?;
                let (memory, known) = shared.remembered.of(&stamp, &seen, pace);
                let made = session.remembering(memory, |session| {
                    make(&mut Context {
                        session,
                        database: &shared.pool.database,
                        config: &shared.config,
                        parameters: &parameters,
                        version: &seen,
                    })
                });
                Ok((made, known))
            })?;
            let made = made?;
            let tag = blake3::hash(&made.bytes).to_hex()[..32].to_owned();
            let bytes = Bytes::from(made.bytes);
            let kept =
                Arc::new(Kept { content_type: made.content_type, file: made.file, title: made.title, bytes, tag });
            if !live && known {
                shared.kept.insert(key, kept.clone());
            }
            Ok(kept)
        })
        .await
}

/// The answer, or that the caller has it already.
fn given(kept: &Kept, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", kept.tag);
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let mut tags = tags.flat_map(|tags| tags.split(',')).map(str::trim);
    let has_it = tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag);
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kept.content_type)], kept.bytes.clone()).into_response()
    };
    let map = response.headers_mut();
    map.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    map.append(header::VARY, HeaderValue::from_static("Authorization, X-Api-Key, Cookie"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        map.insert(header::ETAG, tag);
    }
    if let Some(file) = &kept.file
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\""))
    {
        map.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A page with the frame of its reader.
fn framed(app: &App, who: &Who, kept: &Kept, bare: bool) -> Result<Response, Failure> {
    let form_token = who.cookies.session.as_ref().map(|secret| secret.form_token()).transpose()?;
    let account = match &who.caller {
        Caller::Account(account) => Some(account),
        _ => None,
    };
    // What is kept was made by the templates.
    let body = maud::PreEscaped(String::from_utf8_lossy(&kept.bytes).into_owned());
    let around = Frame { config: &app.config, account, form_token: form_token.as_deref(), bare };
    let title = kept.title.clone().unwrap_or_default();
    let page = frame(&around, &Content { title, body }).into_string();
    Ok(([(header::CONTENT_TYPE, HTML)], page).into_response())
}
