//! What happens to a request: who asks, whether they may, what is kept of earlier answers, what every answer says beside its content.

mod answers;
mod entry;
mod guard;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{any, get, post};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api::{CLOSED, ENDPOINTS};
use crate::caller::Sessions;
use crate::config::{Config, Rate};
use crate::failure::Failure;
use crate::journal::Journal;
use crate::memory::Remembered;
use crate::pages::{FILES, PAGES, assets};
use crate::pool::{Pool, Stamp};
use crate::throttle::Throttle;

/// Bytes of a request's body: the form of login is the largest.
const BODY: usize = 16 * 1_024;
/// How long a request may take in all.
const TIME: Duration = Duration::from_secs(40);
/// Bytes of answers that are kept.
const KEPT: u64 = 32 * 1_024 * 1_024;
/// How long an answer is kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(3_600);
/// Passwords that are checked at the same time: each takes up to 64 MiB where PHP made its hash.
const PASSWORDS: usize = 1;

/// An answer that can be given again.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    content_type: &'static str,
    /// Name of a file, for what is to be saved.
    file: Option<String>,
    /// Title of a page.
    title: Option<String>,
    bytes: Bytes,
    /// Tells it from every other.
    tag: String,
}

/// What was asked, and of which state of the data.
type Key = (String, Stamp);

/// Everything that the handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) pool: Pool,
    kept: Cache<Key, Arc<Kept>>,
    remembered: Remembered,
    sessions: Sessions,
    throttle: Throttle,
    passwords: Semaphore,
    limiter: Option<DefaultKeyedRateLimiter<String>>,
    access: Journal,
    audit: Journal,
}

impl App {
    /// # Errors
    /// When a log cannot be written.
    pub(crate) fn new(config: Config, pool: Pool) -> std::io::Result<Self> {
        let limiter = config.rate.and_then(quota).map(RateLimiter::keyed);
        let secrets = || config.tokens.iter().map(|token| token.secret.clone());
        Ok(Self {
            access: Journal::open(&config.access_log, secrets())?,
            audit: Journal::open(&config.audit_log, secrets())?,
            kept: Cache::builder()
                .max_capacity(KEPT)
                .weigher(|key: &Key, kept: &Arc<Kept>| {
                    u32::try_from(key.0.len() + kept.bytes.len() + 256).unwrap_or(u32::MAX)
                })
                .time_to_idle(IDLE)
                .build(),
            remembered: Remembered::new(),
            sessions: Sessions::new(),
            throttle: Throttle::new(),
            passwords: Semaphore::new(PASSWORDS),
            limiter,
            config,
            pool,
        })
    }

    /// Forgets callers who have long kept to the limit.
    pub(crate) fn tidy(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn quota(rate: Rate) -> Option<Quota> {
    let each = Duration::from_secs(u64::from(rate.seconds.get())) / rate.calls.get();
    Some(Quota::with_period(each)?.allow_burst(NonZeroU32::new(rate.calls.get())?))
}

pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let answer = move |state, who, query, headers| answers::api(endpoint, state, who, query, headers);
        router = router.route(endpoint.path, get(answer)).route(&format!("{}.php", endpoint.path), get(answer));
    }
    for page in PAGES {
        let answer = move |state, who, query| answers::page(page, state, who, query);
        router = router.route(page.path, get(answer)).route(&format!("{}.php", page.path), get(answer));
    }
    for file in FILES {
        router = router
            .route(file.path, get(move |state, who, query, headers| answers::file(file, state, who, query, headers)));
    }
    for asset in assets::ALL {
        router = router.route(asset.path, get(|| async { asset.response() }));
    }
    for path in CLOSED {
        router = router.route(path, any(answers::closed));
    }
    let inner = router
        .route("/", get(entry::home))
        .route("/login", get(entry::form).post(entry::login))
        .route("/login.php", get(entry::form).post(entry::login))
        .route("/logout", post(entry::logout))
        .route("/logout.php", post(entry::logout))
        .fallback(|| async { StatusCode::NOT_FOUND })
        // Within the limit of the body, which bounds what is waited for.
        .layer(middleware::from_fn(guard::arrived))
        .layer(RequestBodyLimitLayer::new(BODY))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .route("/healthz", get(entry::alive))
        .route("/readyz", get(entry::ready));
    let outer = if app.config.base.is_empty() {
        inner
    } else {
        let home = app.config.path("/");
        Router::new()
            .nest(&app.config.base, inner)
            .route(&home, get(entry::home))
            .route("/healthz", get(entry::alive))
            .route("/readyz", get(entry::ready))
    };
    outer
        .with_state(app.clone())
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;
            log::error!("une demande a arrêté son traitement");
            Failure::Internal.into_response()
        }))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME))
        // Around all others: what they answer is worded, dressed and written down as well.
        .layer(middleware::from_fn_with_state(app.clone(), guard::dress))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ask::NAMES;

    fn page() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap()
    }

    fn quoted(text: &str) -> impl Iterator<Item = String> + '_ {
        text.split('`').skip(1).step_by(2).map(str::to_owned)
    }

    /// First cells of the rows between this heading and the next of its kind.
    fn cells(page: &str, heading: &str) -> BTreeSet<String> {
        let section = page.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
        section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .flat_map(|row| quoted(&format!("`{}", row.split(" | ").next().unwrap())).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn the_page_names_every_address_and_no_other() {
        let page = page();
        let headings = page.lines().filter(|line| line.starts_with("### "));
        let mut described: BTreeSet<String> = headings.flat_map(quoted).collect();
        described.extend(cells(&page, "Pages et fichiers"));
        let routes = ENDPOINTS.iter().map(|endpoint| endpoint.path).chain(PAGES.iter().map(|page| page.path));
        let routes = routes.chain(FILES.iter().map(|file| file.path)).chain(assets::ALL.iter().map(|asset| asset.path));
        let routes = routes.chain(["/", "/login", "/logout", "/healthz", "/readyz", "/api/shared-spaces/…"]);
        assert_eq!(described, routes.map(str::to_owned).collect());
    }

    #[test]
    fn the_page_names_every_parameter_and_every_error() {
        let page = page();
        assert_eq!(cells(&page, "Paramètres"), NAMES.map(str::to_owned).into());
        let text = String::new;
        for failure in [
            Failure::BadRequest(text()),
            Failure::Unauthorized,
            Failure::Forbidden(text()),
            Failure::NotFound(text()),
            Failure::NotAllowed,
            Failure::TooSlow,
            Failure::TooLarge,
            Failure::TooMany(1),
            Failure::Unavailable(text()),
            Failure::Internal,
        ] {
            let row = format!("| {} | {} |", failure.status().as_u16(), failure.code());
            assert!(page.contains(&row), "{row}");
        }
    }
}
