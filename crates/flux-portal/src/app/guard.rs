//! Before a request reaches its handler: who asks, and may they. After it: headers, and the logs.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Extension, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::app::App;
use crate::caller::{self, Caller};
use crate::connection::Peer;
use crate::failure::Failure;
use crate::journal::{tame, without_secrets};
use crate::net::Client;
use crate::pages;
use crate::session::Cookies;
use crate::throttle::block;
use crate::unread::{ALWAYS, JSON, ONLY_TLS, POLICY};

/// How long a form may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(15);

/// Who asks, for the handlers.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) client: Client,
    pub(crate) caller: Caller,
    pub(crate) cookies: Cookies,
}

/// What a response is about, for [`dress`].
#[derive(Clone)]
struct Told(Caller);

/// A failure that is to be worded.
#[derive(Clone)]
struct Worded(Failure);

/// Marks an answer that may stand in the frames of others.
#[derive(Clone)]
pub(crate) struct Framed;

impl IntoResponse for Failure {
    /// Worded by [`dress`], which knows whether a program or a person asks.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Worded(self));
        response
    }
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

/// Lets in whoever may, with [`Who`] they are.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Response {
    let (caller, refused) = match admit(&app, client, request.uri().path(), request.headers()).await {
        Ok(caller) => (caller, None),
        Err((caller, failure)) => (caller, Some(failure)),
    };
    let mut response = match refused {
        Some(failure) => failure.into_response(),
        None => {
            let cookies = Cookies::of(request.headers(), &app.config, client);
            request.extensions_mut().insert(Who { client, caller: caller.clone(), cookies });
            next.run(request).await
        }
    };
    response.extensions_mut().insert(Told(caller));
    response
}

async fn admit(app: &App, client: Client, path: &str, headers: &HeaderMap) -> Result<Caller, (Caller, Failure)> {
    let api = is_api(path);
    if api && app.config.allowed.as_ref().is_some_and(|allowed| !allowed.contains(client.address)) {
        return Err((Caller::Anonymous, Failure::Forbidden("cette adresse n'est pas admise".into())));
    }
    let given = caller::token(headers, &app.config.tokens);
    let key = match &given {
        Ok(Some(caller)) => caller.name(),
        _ => block(client.address),
    };
    if api && !app.config.unlimited.contains(client.address) {
        limit(app, &key).map_err(|failure| (given.clone().ok().flatten().unwrap_or(Caller::Anonymous), failure))?;
    }
    match given {
        Ok(Some(caller)) => Ok(caller),
        Ok(None) => account(app, client, headers).await.map_err(|failure| (Caller::Anonymous, failure)),
        Err(failure) => Err((Caller::Anonymous, failure)),
    }
}

fn limit(app: &App, key: &str) -> Result<(), Failure> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    limiter.check_key(&key.to_owned()).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Failure::TooMany(wait.as_secs() + 1)
    })
}

async fn account(app: &App, client: Client, headers: &HeaderMap) -> Result<Caller, Failure> {
    let Some(secret) = Cookies::of(headers, &app.config, client).session else { return Ok(Caller::Anonymous) };
    let account = app.sessions.account(&app.pool, &secret).await?;
    Ok(account.map_or(Caller::Anonymous, Caller::Account))
}

fn is_too_large(error: &axum::Error) -> bool {
    std::iter::successors(error.source(), |error| (*error).source()).any(|error| error.is::<LengthLimitError>())
}

/// Waits for the whole of a form, so that a client who sends it too slowly is told so, and not that we are away.
pub(crate) async fn arrived(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match timeout(ARRIVAL, axum::body::to_bytes(body, usize::MAX)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(error)) if is_too_large(&error) => Failure::TooLarge.into_response(),
        Ok(Err(_)) => Failure::BadRequest("la demande n'est pas arrivée entière".into()).into_response(),
        Err(_) => Failure::TooSlow.into_response(),
    }
}

/// Gives every answer its headers and words, and writes it down.
pub(crate) async fn dress(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let client = Client::of(peer.address, peer.tls, request.headers(), &app.config.proxies);
    request.extensions_mut().insert(client);
    let asked = Asked {
        method: request.method().clone(),
        uri: request.uri().clone(),
        version: format!("{:?}", request.version()),
        path: request.uri().path().strip_prefix(&app.config.base).unwrap_or(request.uri().path()).to_owned(),
        origin: request.headers().get(header::ORIGIN).cloned(),
        referer: text(request.headers(), header::REFERER),
        agent: text(request.headers(), header::USER_AGENT),
    };
    let response = match preflight(&app, &asked) {
        Some(response) => response,
        None if !names_a_host(&request) => {
            Failure::BadRequest("un en-tête Host est attendu, et un seul".into()).into_response()
        }
        None => next.run(request).await,
    };
    let caller = response.extensions().get::<Told>().map_or(Caller::Anonymous, |told| told.0.clone());
    let mut response = worded(&app, &asked, response);
    headers(&app, client, &asked, &mut response);
    write_down(&app, client, &asked, &caller, &response, started);
    response
}

/// As HTTP/1.1 wants it. Which one it is makes no difference.
fn names_a_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// A request, as far as its answer needs it.
struct Asked {
    method: Method,
    uri: Uri,
    version: String,
    /// Below the base.
    path: String,
    origin: Option<HeaderValue>,
    referer: String,
    agent: String,
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map(|value| tame(&String::from_utf8_lossy(value.as_bytes()))).unwrap_or_default()
}

/// The question of a browser whether a page of another site may ask.
fn preflight(app: &App, asked: &Asked) -> Option<Response> {
    if asked.method != Method::OPTIONS || !is_api(&asked.path) || !cors(app, asked) {
        return None;
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, X-Api-Key"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    Some((StatusCode::NO_CONTENT, allowed).into_response())
}

fn cors(app: &App, asked: &Asked) -> bool {
    asked
        .origin
        .as_ref()
        .is_some_and(|origin| app.config.cors.iter().any(|known| known.as_bytes() == origin.as_bytes()))
}

/// A failure in words: for programs as JSON, for people as a page.
fn worded(app: &App, asked: &Asked, response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let ours = response.extensions().get::<Worded>().map(|worded| worded.0.clone());
    // Pages that are shown with such a status are our own; what the layers beneath say is not.
    let failure = match ours {
        Some(failure) => failure,
        None if response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) =>
        {
            return response;
        }
        None => Failure::of_status(status),
    };
    let (old, _) = response.into_parts();
    let body = if is_api(&asked.path) || !asked.uri.path().starts_with(&app.config.base) {
        ([(header::CONTENT_TYPE, JSON)], failure.document()).into_response()
    } else {
        let page = pages::failure(&app.config, &failure).into_string();
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    };
    let mut response = body;
    *response.status_mut() = failure.status();
    for name in [header::ALLOW, header::SET_COOKIE] {
        if let Some(value) = old.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if failure == Failure::Unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if asked.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

fn headers(app: &App, client: Client, asked: &Asked, response: &mut Response) {
    let framed = response.extensions().get::<Framed>().is_some() && !app.config.frames.is_empty();
    let ancestors = if framed { app.config.frames.join(" ") } else { "'none'".to_owned() };
    let cors = cors(app, asked) && is_api(&asked.path);
    let map = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            map.insert(name, value);
        }
    };
    set(header::CONTENT_SECURITY_POLICY, &format!("{POLICY}{ancestors}"));
    for (name, value) in ALWAYS {
        set(HeaderName::from_static(name), value);
    }
    if !framed {
        set(header::X_FRAME_OPTIONS, "DENY");
    }
    if client.https {
        set(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    if !map.contains_key(header::CACHE_CONTROL) {
        map.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !app.config.cors.is_empty() && is_api(&asked.path) {
        map.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if cors && let Some(origin) = &asked.origin {
        map.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

fn write_down(app: &App, client: Client, asked: &Asked, caller: &Caller, response: &Response, started: Instant) {
    let status = response.status();
    // Of what is compressed on its way nobody knows it yet.
    let size = response.body().size_hint().exact().map_or_else(|| "-".to_owned(), |size| size.to_string());
    let target = match asked.uri.query() {
        Some(query) => format!("{}?{}", asked.uri.path(), without_secrets(query)),
        None => asked.uri.path().to_owned(),
    };
    let now = chrono::Utc::now();
    app.access.line(format!(
        "{} - {} [{}] \"{} {} {}\" {} {size} \"{}\" \"{}\"",
        client.address,
        tame(&caller.name()).replace(' ', "_"),
        now.format("%d/%b/%Y:%H:%M:%S +0000"),
        tame(asked.method.as_str()),
        tame(&target),
        asked.version,
        status.as_u16(),
        without_secrets(&asked.referer),
        asked.agent
    ));
    if is_api(&asked.path) {
        let milliseconds = started.elapsed().as_millis();
        app.audit(
            client,
            &caller.name(),
            &format!("{} {} {} {milliseconds} ms", asked.method, tame(&asked.path), status.as_u16()),
        );
    }
}

impl App {
    /// One line of who did what.
    pub(crate) fn audit(&self, client: Client, who: &str, what: &str) {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.audit.line(format!("{now} {} {} {what}", client.address, tame(who)));
    }
}
