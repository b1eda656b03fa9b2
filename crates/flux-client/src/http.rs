//! One GET to the portal: what came back, or why nothing did, in the operators' words. The token is never in any text.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, ProxyBuilder, ProxyProtocol, http};

use flux_core::error::{Error, Result};
use flux_core::settings::{Settings, read_given};

/// Larger answers are not read: those of the portal have some hundred kilobytes at most.
const MAX_BODY: u64 = 8 << 20;

/// How to reach the portal.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Base URL; otherwise `PORTAL_BASE_URL`.
    pub base_url: Option<String>,
    /// File whose first line is the bearer token; otherwise `API_TOKEN`.
    pub token_file: Option<std::path::PathBuf>,
    /// File whose first line is the session of an account, `NAME=value` or the value alone; otherwise `PORTAL_SESSION`.
    pub session_file: Option<std::path::PathBuf>,
    /// Limit for one call in all.
    pub timeout: Duration,
    /// Longest wait that a 429 may ask for; beyond it, the call is not repeated.
    pub max_wait: Duration,
}

/// The portal as HTTP reaches it, with its token and its time limit.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<Token>,
    session: Option<Token>,
    timeout: Duration,
    max_wait: Duration,
}

/// Name of the portal's session cookie, where only its value is given.
const SESSION_COOKIE: &str = "PORTAIL_SESSION";

/// The bearer token; without `Display`, and hidden in `Debug`.
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// An answer of whatever status.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` without its parameters, lower case.
    pub content_type: String,
    /// Where a redirection leads, without its query.
    pub location: Option<String>,
    /// The wait that a 429 or 503 asks for.
    pub retry_after: Option<Duration>,
    /// The whole body, as bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The time limit passed.
    Timeout,
    /// The host's name is unknown.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// The proxy on the way to it does not let through.
    Proxy,
    /// TLS: certificate or protocol.
    Tls,
    /// The connection ended in the middle of the answer.
    Cut,
    /// What came is not HTTP.
    Protocol,
    /// The answer is too large.
    TooLarge,
    /// Something else.
    Other,
}

/// A call without an answer.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// What happened, in one French sentence.
    pub message: String,
    /// The next step, as an order to the operator.
    pub action: &'static str,
}

/// A call, with or without an answer.
#[derive(Debug)]
pub struct Exchange {
    /// The URL; it never holds the token.
    pub url: String,
    /// Whether the token was sent.
    pub authenticated: bool,
    /// Time from the request to the end of the body, of the last attempt.
    pub latency: Duration,
    /// Calls made: 2 after a wait for a 429.
    pub attempts: u32,
    /// What came back.
    pub result: std::result::Result<Answer, Failure>,
}

impl Client {
    /// Prepares calls; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a missing or unusable base URL, token or authority file.
    pub fn new(settings: &Settings, options: &ClientOptions) -> Result<Self> {
        let base =
            options.base_url.clone().or_else(|| settings.get("PORTAL_BASE_URL")).ok_or_else(|| Error::Config {
                message: "l'adresse du portail manque".into(),
                hint: "donnez --base-url ou PORTAL_BASE_URL, par exemple https://observatoire.exemple.fr".into(),
            })?;
        let base = checked_base("l'adresse du portail", "https://observatoire.exemple.fr", &base)?;
        let token = secret(settings, options.token_file.as_deref(), "API_TOKEN")?;
        let session = secret(settings, options.session_file.as_deref(), "PORTAL_SESSION")?
            .map(|Token(text)| Token(if text.contains('=') { text } else { format!("{SESSION_COOKIE}={text}") }));
        let mut config = Agent::config_builder()
            .proxy(proxy_to(host_of(&base))?)
            .timeout_global(Some(options.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("flux-outils/", env!("CARGO_PKG_VERSION")))
            .accept("application/json");
        if let Some(path) = settings.get("PORTAL_CA") {
            config = config.tls_config(TlsConfig::builder().root_certs(authority("PORTAL_CA", &path)?).build());
        }
        Ok(Self {
            agent: config.build().new_agent(),
            base,
            token,
            session,
            timeout: options.timeout,
            max_wait: options.max_wait,
        })
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether there is a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether there is a token or a session.
    pub(crate) fn has_credential(&self) -> bool {
        self.has_token() || self.session.is_some()
    }

    /// Whether the token would travel unprotected over a network.
    pub fn token_in_clear(&self) -> bool {
        self.base.starts_with("http://") && self.has_credential() && !is_loopback(host_of(&self.base))
    }

    /// GET with the token and the session, where there are any and `authenticated` says so. Repeated once after the wait of a 429.
    pub fn get(&self, path: &str, query: &[(&str, String)], authenticated: bool) -> Exchange {
        let url = self.url(path, query);
        let authenticated = authenticated && self.has_credential();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let started = Instant::now();
            let result = self.call(&url, authenticated);
            let latency = started.elapsed();
            let wait = result.as_ref().ok().filter(|answer| answer.status == 429).and_then(|answer| answer.retry_after);
            if let Some(wait) = wait.filter(|wait| attempts == 1 && *wait <= self.max_wait) {
                log::info!("{path} : limite de débit, nouvel essai dans {} s", wait.as_secs());
                // A stop that is asked for ends the wait; the answer stays what it was.
                if flux_core::signals::sleep(wait).is_ok() {
                    continue;
                }
            }
            let result = result.map_err(|failure| Failure { message: self.without_token(&failure.message), ..failure });
            return Exchange { url, authenticated, latency, attempts, result };
        }
    }

    fn url(&self, path: &str, query: &[(&str, String)]) -> String {
        let mut url = format!("{}/{path}", self.base);
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&percent_encoded(value));
        }
        url
    }

    fn call(&self, url: &str, authenticated: bool) -> std::result::Result<Answer, Failure> {
        let mut request = self.agent.get(url);
        if let Some(Token(token)) = self.token.as_ref().filter(|_| authenticated) {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(Token(session)) = self.session.as_ref().filter(|_| authenticated) {
            request = request.header("Cookie", session);
        }
        let fail = |error| failure(url, self.timeout, error);
        let mut response = request.call().map_err(fail)?;
        let header = |name: http::HeaderName| {
            let value = response.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        };
        let content_type = header(http::header::CONTENT_TYPE).unwrap_or_default();
        let content_type =
            self.without_token(content_type.split(';').next().unwrap_or_default()).trim().to_ascii_lowercase();
        let location = header(http::header::LOCATION)
            .map(|location| self.without_token(location.split(['?', '#']).next().unwrap_or_default()));
        let retry_after = wait_of(response.headers());
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(fail)?;
        Ok(Answer { status, content_type, location, retry_after, body })
    }

    /// Text of the portal, should it send the token back, as it is or as JSON writes it.
    pub fn without_token(&self, text: &str) -> String {
        let session = self.session.as_ref().and_then(|Token(text)| text.split_once('=')).map(|(_, value)| value);
        let token = self.token.as_ref().map(|Token(text)| text.as_str());
        let hide = |text: String, (secret, name): (&str, &str)| {
            text.replace(secret, name).replace(&secret.replace('/', "\\/"), name)
        };
        let secrets =
            token.map(|token| (token, "[jeton]")).into_iter().chain(session.map(|value| (value, "[session]")));
        secrets.filter(|(secret, _)| !secret.is_empty()).fold(text.to_owned(), hide)
    }

    /// The strings of a document, likewise: JSON has many ways to write one.
    pub fn document_without_token(&self, document: Value) -> Value {
        match document {
            Value::String(text) => Value::String(self.without_token(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.document_without_token(value)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (self.without_token(&name), self.document_without_token(value)))
                .collect(),
            other => other,
        }
    }
}

/// Host of a base URL, an IPv6 address in its brackets.
fn host_of(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The proxy of the environment. None on the way to this machine: what is sent there in clear is not meant to leave it.
///
/// # Errors
/// [`Error::Config`] for a proxy that cannot be used: to go round it unasked is no better than to fail.
pub(crate) fn proxy_to(host: &str) -> Result<Option<Proxy>> {
    if is_loopback(host) {
        return Ok(None);
    }
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    // What is meant for https before what is meant for all.
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
    let Some((name, value)) = names.into_iter().find_map(|name| Some((name, set(&name)?))) else { return Ok(None) };
    let without = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| set(&name)).unwrap_or_default();
    proxy_of(name, value.trim(), &without, host)
}

/// The proxy that a variable names, `without` for the hosts that are reached directly. Its address may hold a password and is not shown.
fn proxy_of(name: &str, value: &str, without: &str, host: &str) -> Result<Option<Proxy>> {
    let unusable = |reason: &str| Error::Config {
        message: format!("{name} {reason}"),
        hint: format!(
            "donnez un mandataire HTTP (http://mandataire:3128) dans HTTPS_PROXY, ou mettez {host} dans NO_PROXY"
        ),
    };
    let unreadable = |_| unusable("n'est pas l'adresse d'un mandataire");
    let exceptions =
        |builder| without.split(',').map(str::trim).fold(builder, |builder: ProxyBuilder, host| builder.no_proxy(host));
    let here: http::Uri =
        format!("http://{host}/").parse().map_err(|_| unusable("ne se lit pas avec cette adresse"))?;
    if exceptions(Proxy::builder(ProxyProtocol::Http)).build().is_ok_and(|proxy| proxy.is_no_proxy(&here)) {
        return Ok(None);
    }
    let proxy = Proxy::new(value).map_err(unreadable)?;
    if !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(unusable("nomme un mandataire SOCKS, que cet outil ne sait pas emprunter"));
    }
    let mut builder = exceptions(Proxy::builder(proxy.protocol())).host(proxy.host()).port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    builder.build().map(Some).map_err(unreadable)
}

/// Why a call has no answer. `timeout` is the limit that was set for it.
pub(crate) fn failure(url: &str, timeout: Duration, error: ureq::Error) -> Failure {
    use FailureKind as K;
    let new = |kind, message: String, action| Failure { kind, message, action };
    let tls = |reason: String| {
        new(
            K::Tls,
            format!("TLS : {}", tls_reason(&reason)),
            "vérifiez le certificat du portail, l'horloge de la machine, ou donnez l'autorité interne par PORTAL_CA",
        )
    };
    let limit = timeout.as_secs_f64();
    match error {
        ureq::Error::Timeout(_) => new(
            K::Timeout,
            format!("pas de réponse complète en {limit} s"),
            "regardez la charge du serveur et ses journaux, ou relevez --timeout",
        ),
        ureq::Error::HostNotFound => unknown_host(),
        ureq::Error::ConnectionFailed => refused(),
        ureq::Error::ConnectProxyFailed(reason) => {
            new(K::Proxy, proxy_reason(&reason), "vérifiez HTTPS_PROXY, ALL_PROXY et NO_PROXY")
        }
        ureq::Error::BodyExceedsLimit(_) => new(
            K::TooLarge,
            format!("réponse de plus de {} Mio, non lue", MAX_BODY >> 20),
            "baissez --limit ou regardez ce que l'API renvoie",
        ),
        ureq::Error::Rustls(error) => tls(error.to_string()),
        ureq::Error::Tls(reason) => tls(reason.to_owned()),
        ureq::Error::Protocol(error) => new(
            K::Protocol,
            format!("la réponse n'est pas du HTTP correct ({error})"),
            "vérifiez que l'adresse est bien celle du portail, en http ou https",
        ),
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => refused(),
            // What the system says of a name has no kind of its own.
            _ if error.to_string().starts_with("failed to lookup address") => unknown_host(),
            std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => new(
                K::Timeout,
                format!("pas de réponse complète en {limit} s"),
                "regardez la charge du serveur et ses journaux, ou relevez --timeout",
            ),
            std::io::ErrorKind::InvalidData if url.starts_with("https://") => tls(error.to_string()),
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe => new(
                K::Cut,
                "la connexion a été coupée avant la fin de la réponse".into(),
                "regardez les journaux du serveur web et de PHP",
            ),
            _ => new(K::Other, error.to_string(), "vérifiez le réseau et l'adresse du portail"),
        },
        other => new(K::Other, other.to_string(), "vérifiez le réseau et l'adresse du portail"),
    }
}

fn unknown_host() -> Failure {
    Failure {
        kind: FailureKind::UnknownHost,
        message: "le nom du serveur est inconnu".into(),
        action: "corrigez l'adresse (--base-url, PORTAL_BASE_URL) ou le DNS",
    }
}

/// Why a proxy did not let through, as the library has it: `proxy server responded 407/…`.
fn proxy_reason(reason: &str) -> String {
    let status = reason.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 3);
    match status {
        Some(status) => format!("le mandataire ne laisse pas passer ({status})"),
        None => "le mandataire ne laisse pas passer".to_owned(),
    }
}

/// Bytes that are read of the file of a token.
const LONGEST_SECRET: u64 = 64 << 10;

/// A token or a session: the first line of `file`, else the setting `name`.
fn secret(settings: &Settings, file: Option<&std::path::Path>, name: &str) -> Result<Option<Token>> {
    let text = match file {
        Some(path) => {
            let content = read_given(path, "lecture du jeton dans", LONGEST_SECRET)?;
            let text = String::from_utf8_lossy(&content);
            Some(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        None => settings.get(name).map(|text| text.trim().to_owned()),
    };
    let text = text.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Error::Config {
            message: format!("le jeton ({name}) contient une espace, un accent ou un caractère de contrôle"),
            hint: "recopiez le jeton, sur une seule ligne et sans guillemets".into(),
        });
    }
    Ok(text.map(Token))
}

fn refused() -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: "connexion refusée : rien n'écoute à cette adresse".into(),
        action: "vérifiez l'adresse et le port, et que le serveur web tourne",
    }
}

/// A base URL without its last slash. `name` is what the operator calls it, `example` a right one.
///
/// # Errors
/// [`Error::Config`] when it is none, or holds a secret.
pub(crate) fn checked_base(name: &str, example: &str, text: &str) -> Result<String> {
    let bad = |message: String| Error::Config {
        message,
        hint: format!("écrivez-la ainsi : {example}, avec le dossier s'il y en a un"),
    };
    let base = text.trim().trim_end_matches('/');
    let authority = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    let authority = authority.map(|rest| rest.split('/').next().unwrap_or_default());
    match authority {
        // What stands before @ is a password: it is not shown.
        Some(authority) if authority.contains('@') => {
            Err(bad(format!("{name} contient un identifiant ou un mot de passe")))
        }
        Some(authority) if !authority.is_empty() && !base.contains(['?', '#', ' ']) => Ok(base.to_owned()),
        _ => Err(bad(format!(
            "{name} « {} » n'est pas une URL http ou https",
            base.split('?').next().unwrap_or_default()
        ))),
    }
}

/// The certificates of the file that the setting `name` names.
///
/// # Errors
/// [`Error::Io`], [`Error::Config`].
pub(crate) fn authority(name: &str, path: &str) -> Result<RootCerts> {
    let pem = std::fs::read(path).map_err(Error::io("lecture de l'autorité de certification", path))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Error::Config {
            message: format!("{path} ({name}) ne contient aucun certificat PEM"),
            hint: "donnez le fichier de l'autorité interne, au format PEM".into(),
        });
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn tls_reason(text: &str) -> String {
    let known = [
        ("UnknownIssuer", "le certificat n'est pas signé par une autorité connue"),
        ("Expired", "le certificat est périmé"),
        ("NotValidYet", "le certificat n'est pas encore valable"),
        ("certificate expired", "le certificat est périmé"),
        ("not valid yet", "le certificat n'est pas encore valable"),
        ("not valid for name", "le certificat est celui d'un autre nom"),
        ("NotValidForName", "le certificat est celui d'un autre nom"),
        ("InvalidContentType", "le serveur ne parle pas TLS sur ce port"),
        ("corrupt message", "le serveur ne parle pas TLS sur ce port"),
        ("HandshakeFailure", "aucune version ni aucun chiffrement en commun"),
        ("ProtocolVersion", "aucune version de TLS en commun"),
    ];
    known
        .iter()
        .find(|(part, _)| text.contains(part))
        .map_or_else(|| text.to_owned(), |(_, reason)| (*reason).to_owned())
}

/// `Retry-After`: seconds, or a date, which counts from the `Date` of the answer, for the clock here may be wrong.
pub(crate) fn wait_of(headers: &http::HeaderMap) -> Option<Duration> {
    let text = |name: http::HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let wait = text(http::header::RETRY_AFTER)?;
    if let Ok(seconds) = wait.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text| chrono::DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
    let sent = text(http::header::DATE).and_then(moment).unwrap_or_else(chrono::Utc::now);
    let seconds = (moment(wait)? - sent).num_seconds();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// RFC 3986, of the UTF-8 bytes.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_with_an_apostrophe_an_accent_and_spaces_is_encoded() {
        // percent-encoding of the UTF-8 bytes, RFC 3986
        assert_eq!(percent_encoded("PAYS D'AURILLAC"), "PAYS%20D%27AURILLAC");
        assert_eq!(percent_encoded("VAL TRUYÈRE"), "VAL%20TRUY%C3%88RE");
        assert_eq!(percent_encoded("a&b=c"), "a%26b%3Dc");
    }

    #[test]
    fn a_base_url_has_a_scheme_a_host_and_no_secret() {
        let checked = |text: &str| checked_base("l'adresse", "https://exemple.fr", text);
        assert_eq!(checked("https://x.fr/portail/ ").unwrap(), "https://x.fr/portail");
        for bad in ["x.fr", "ftp://x.fr", "https://", "https:///api", "https://x.fr/?a=b", ""] {
            assert!(checked(bad).is_err(), "{bad}");
        }
        let error = checked("https://admin:s3cret@x.fr").unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |headers: &[(http::HeaderName, &str)]| {
            wait_of(&headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
        };
        let after = |text: &str| wait(&[(http::header::RETRY_AFTER, text)]);
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!((after("soon"), after("-5"), wait(&[])), (None, None, None));
        // By the server's clock: it is 2015 there.
        let sent = (http::header::DATE, "Wed, 21 Oct 2015 07:27:15 GMT");
        let waits = [sent, (http::header::RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT")];
        assert_eq!(wait(&waits), Some(Duration::from_secs(45)));
    }
}
