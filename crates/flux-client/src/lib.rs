//! The portal's API, called and judged: reachable, right status, valid JSON, the expected fields, the same volumes as the database.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod admin;
mod doors;
pub mod endpoints;
pub mod http;
mod judge;
pub mod mobility;
pub mod orange;
pub mod zones;

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use flux_core::error::{Error, Result};
use flux_core::settings::Settings;
use flux_core::signals;
use flux_report::{Code, Finding, Page, Report, Table, Verdict, bytes, number, plural, worst};

use endpoints::{Access, Endpoint};
use http::{Client, ClientOptions, Exchange};

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Query {
    /// `annee`
    pub year: i32,
    /// `periode`
    pub period: String,
    /// `zone`
    pub zone: String,
    /// `limit`
    pub limit: u32,
}

impl Query {
    fn parameters(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        let mut parameters: Vec<(&str, String)> =
            endpoint.fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if endpoint.queried {
            parameters.extend([
                ("annee", self.year.to_string()),
                ("periode", self.period.clone()),
                ("zone", self.zone.clone()),
                ("limit", self.limit.to_string()),
            ]);
        }
        parameters
    }
}

/// One call, as reports show it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Call {
    endpoint: Cow<'static, str>,
    role: Cow<'static, str>,
    url: String,
    authenticated: bool,
    status: Option<u16>,
    failure: Option<http::FailureKind>,
    latency_ms: u64,
    attempts: u32,
    content_type: Option<String>,
    bytes: Option<u64>,
    rows: Option<usize>,
    verdict: Verdict,
}

impl Call {
    fn new(endpoint: &Endpoint, exchange: &Exchange, rows: Option<usize>, verdict: Verdict) -> Self {
        Self::of((endpoint.path.into(), endpoint.role.into()), exchange, rows, verdict)
    }

    /// The call of an address and what it serves.
    fn of(
        (endpoint, role): (Cow<'static, str>, Cow<'static, str>),
        exchange: &Exchange,
        rows: Option<usize>,
        verdict: Verdict,
    ) -> Self {
        let answer = exchange.result.as_ref().ok();
        Self {
            endpoint,
            role,
            url: exchange.url.clone(),
            authenticated: exchange.authenticated,
            status: answer.map(|answer| answer.status),
            failure: exchange.result.as_ref().err().map(|failure| failure.kind),
            latency_ms: u64::try_from(exchange.latency.as_millis()).unwrap_or(u64::MAX),
            attempts: exchange.attempts,
            content_type: answer.map(|answer| answer.content_type.clone()),
            bytes: answer.map(|answer| answer.body.len() as u64),
            rows,
            verdict,
        }
    }

    fn answered(&self) -> bool {
        self.status.is_some()
    }

    fn row(&self) -> [String; 5] {
        let status = self.status.map_or_else(|| "—".into(), |status| status.to_string());
        let rows = self.rows.map_or_else(String::new, |rows| number(rows as u64));
        let size = self.bytes.map_or_else(String::new, bytes);
        let name = self.endpoint.rsplit('/').next().unwrap_or_default();
        [format!("{} {name}", self.verdict.sign()), status, format!("{} ms", number(self.latency_ms)), size, rows]
    }
}

fn table(calls: &[Call]) -> Table {
    let mut table = Table::new(&["appel", ">statut", ">durée", ">taille", ">lignes"]);
    for call in calls {
        table.row(call.row());
    }
    table
}

/// 1 when the portal never answered, 3 when something is to be looked at.
fn overall(calls: &[Call], findings: &[Finding]) -> Verdict {
    if !calls.is_empty() && !calls.iter().any(Call::answered) {
        Verdict::Error
    } else if findings.is_empty() {
        Verdict::Ok
    } else {
        Verdict::Attention
    }
}

/// Options of the checks.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// How to reach the portal.
    pub client: ClientOptions,
    /// What to ask for.
    pub query: Query,
    /// Only endpoints of these names.
    pub only: Vec<String>,
    /// Slower answers are reported.
    pub slow: Duration,
}

/// Report of `test-api-simple` and `test-infographie-apis`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PortalReport {
    base_url: String,
    calls: Vec<Call>,
    findings: Vec<Finding>,
}

/// Calls `endpoints` and judges what they answer.
///
/// # Errors
/// [`Error::Config`] for the base URL or the token, [`Error::Usage`] for an unknown name in `only`, [`Error::Interrupted`].
pub fn check(settings: &Settings, endpoints: &[&'static Endpoint], options: &CheckOptions) -> Result<PortalReport> {
    let client = Client::new(settings, &options.client)?;
    let chosen = chosen(endpoints, &options.only)?;
    let mut findings = clear_token(&client);
    let mut calls = Vec::with_capacity(chosen.len());
    for endpoint in chosen {
        signals::check()?;
        log::info!("appel de {}", endpoint.path);
        let authenticated = client.has_token();
        if endpoint.access == Access::Token && !authenticated {
            findings.push(
                Finding::attention(Code::CheckNotDone, endpoint.name(), "non appelé : il demande un jeton")
                    .action("donnez le jeton par API_TOKEN ou --token-file"),
            );
            continue;
        }
        let exchange = client.get(endpoint.path, &options.query.parameters(endpoint), authenticated);
        let mut judgement = judge::judge(&client, endpoint, &exchange);
        judgement.findings.extend(slowness(endpoint, &exchange, options.slow));
        calls.push(Call::new(endpoint, &exchange, judgement.rows, worst(&judgement.findings)));
        findings.append(&mut judgement.findings);
    }
    Ok(PortalReport { base_url: client.base().to_owned(), calls, findings })
}

fn slowness(endpoint: &Endpoint, exchange: &Exchange, slow: Duration) -> Option<Finding> {
    (exchange.result.is_ok() && exchange.latency > slow).then(|| {
        let message =
            format!("lent : {} ms, plus que {} ms", number(exchange.latency.as_millis()), number(slow.as_millis()));
        Finding::attention(Code::PortalSlow, endpoint.name(), message)
            .action("`improve-response` propose les index qui manquent")
    })
}

fn clear_token(client: &Client) -> Vec<Finding> {
    let finding = || {
        Finding::attention(Code::TokenInClear, "API_TOKEN", "le jeton part en clair : l'adresse est en http")
            .action("appelez le portail en https")
    };
    client.token_in_clear().then(finding).into_iter().collect()
}

fn chosen(endpoints: &[&'static Endpoint], only: &[String]) -> Result<Vec<&'static Endpoint>> {
    let named = |endpoint: &&'static Endpoint, name: &str| {
        let name = name.trim().trim_end_matches(".php");
        endpoint.name() == name || endpoint.name().strip_prefix("infographie_") == Some(name)
    };
    for name in only {
        if !endpoints.iter().any(|endpoint| named(endpoint, name)) {
            let known: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name()).collect();
            return Err(Error::Usage(format!("--only : « {name} » n'est pas un appel connu ({})", known.join(", "))));
        }
    }
    let wanted = |endpoint: &&&'static Endpoint| only.is_empty() || only.iter().any(|name| named(endpoint, name));
    Ok(endpoints.iter().filter(wanted).copied().collect())
}

/// The three calls of `test-api-simple`: open, with parameters, with a token.
pub const SIMPLE: &[&Endpoint] = &[&endpoints::PERIODES, &endpoints::INDICATEURS_CLES, &endpoints::TABLES_INFO];

/// The ten calls of `test-infographie-apis`.
pub fn infographie() -> Vec<&'static Endpoint> {
    endpoints::INFOGRAPHIE.iter().collect()
}

impl Report for PortalReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Portail {}", self.base_url));
        if !self.calls.is_empty() {
            page.gap();
            page.table(&table(&self.calls));
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        let good = self.calls.iter().filter(|call| call.verdict == Verdict::Ok).count() as u64;
        let summary = format!("{} sur {}", plural(good, "appel correct", "appels corrects"), self.calls.len());
        page.conclude(self.verdict(), summary);
    }

    fn verdict(&self) -> Verdict {
        overall(&self.calls, &self.findings)
    }
}
