//! Orange's download portal: a list and files behind HTTP Basic. Credentials go to the host of `FLUX_VISION_URL` and to no other.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use crate::http::{self, FailureKind};
use flux_core::download::{Failure, Remote, Response};
use flux_core::error::{Error, Result};
use flux_core::settings::Settings;
use flux_core::signals;

/// Where Orange serves its deliveries.
const DEFAULT_URL: &str = "https://download.flux-vision.orange-business.com/api_file/v1";

/// Redirections followed for one file.
const HOPS: u32 = 5;
/// Pieces of a file that wait in memory between the network and the disk, and their size.
const PIECES: usize = 8;
const PIECE: usize = 64 * 1024;
/// What a connection must bring each second, over [`DRIP_SPAN`] silences, not to be taken for one that is broken.
const LEAST_RATE: u64 = 64;
const DRIP_SPAN: u32 = 5;

/// Orange's portal, with its credentials.
pub struct Orange {
    agent: Agent,
    base: Address,
    list: String,
    credentials: Credentials,
    silence: Duration,
}

/// The value of `Authorization`; without `Display` or `Debug`.
struct Credentials(String);

/// A URL that may be asked.
#[derive(Clone)]
struct Address {
    text: String,
    scheme: String,
    host: String,
    port: u16,
}

impl Orange {
    /// Prepares calls; nothing is sent yet. `silence` is how long the server may send nothing.
    ///
    /// # Errors
    /// [`Error::Config`] for a missing or unusable setting.
    pub fn new(settings: &Settings, silence: Duration) -> Result<Self> {
        let needed =
            |name: &str| settings.get(name).filter(|value| !value.trim().is_empty()).ok_or_else(|| missing(name));
        let url = settings.get("FLUX_VISION_URL").unwrap_or_else(|| DEFAULT_URL.into());
        let base = http::checked_base("FLUX_VISION_URL", DEFAULT_URL, &url)?;
        let base = Address::parse(&base).map_err(|reason| Error::Config {
            message: format!("FLUX_VISION_URL : {reason}"),
            hint: format!("écrivez-la ainsi : {DEFAULT_URL}"),
        })?;
        if base.scheme == "http" && !base.is_loopback() {
            return Err(Error::Config {
                message: "FLUX_VISION_URL est en http : l'identifiant et le mot de passe partiraient en clair".into(),
                hint: "écrivez-la en https".into(),
            });
        }
        let (orga, user) = (needed("FLUX_VISION_ORGA")?, needed("FLUX_VISION_USER")?);
        let password = settings.password("FLUX_VISION_PASSWORD")?.ok_or_else(|| missing("FLUX_VISION_PASSWORD"))?;
        if user.contains(':') || user.chars().any(char::is_control) || password.chars().any(char::is_control) {
            return Err(Error::Config {
                message: "FLUX_VISION_USER ou FLUX_VISION_PASSWORD contient un caractère impossible".into(),
                hint: "recopiez-les ; l'identifiant ne contient pas de deux-points".into(),
            });
        }
        let mut config = Agent::config_builder()
            .proxy(http::proxy_to(&base.host)?)
            .timeout_connect(Some(silence))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("flux-outils/", env!("CARGO_PKG_VERSION")))
            .accept("*/*");
        if let Some(path) = settings.get("FLUX_VISION_CA") {
            let authority = http::authority("FLUX_VISION_CA", &path)?;
            config = config.tls_config(TlsConfig::builder().root_certs(authority).build());
        }
        let list = format!("{}/{}/", base.text.trim_end_matches('/'), http::percent_encoded(orga.trim()));
        let credentials = Credentials(format!("Basic {}", STANDARD.encode(format!("{}:{password}", user.trim()))));
        Ok(Self { agent: config.build().new_agent(), base, list, credentials, silence })
    }

    /// One request, in a thread of its own: what waits here can be stopped.
    fn call(
        &self,
        address: &Address,
        from: u64,
        validator: Option<&str>,
    ) -> std::result::Result<(Head, Pieces), Failure> {
        let mut request = self.agent.get(&address.text);
        if address.same_origin(&self.base) {
            let Credentials(value) = &self.credentials;
            request = request.header(header::AUTHORIZATION, value);
        }
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        // What the server packs would have another length, and no place to go on from.
        request = request.header(header::ACCEPT_ENCODING, "identity");
        let (to, from) = sync_channel(PIECES);
        let (url, silence) = (address.text.clone(), self.silence);
        let spawned = std::thread::Builder::new().name("téléchargement".into()).spawn(move || {
            let result = request.call().map_err(|error| http::failure(&url, silence, error));
            match result {
                Ok(response) => pump(response, &to, &url, silence),
                Err(failure) => drop(to.send(Piece::Failed(failure))),
            }
        });
        if let Err(error) = spawned {
            return Err(unanswered(error.to_string(), "relancez"));
        }
        let mut pieces = Pieces::new(from, self.silence);
        match pieces.next() {
            Ok(Piece::Head(head)) => Ok((head, pieces)),
            Ok(Piece::Failed(failure)) => Err(no_answer(failure)),
            Ok(_) => Err(unanswered("réponse sans en-tête".into(), "relancez")),
            Err(error) => Err(unanswered(error.to_string(), "vérifiez le réseau, puis relancez")),
        }
    }

    fn refused(&self, address: &Address, head: &Head) -> Failure {
        let ours = address.same_origin(&self.base);
        let status = head.status.as_u16();
        let failure = |message: String, action: &str| Failure {
            message,
            action: action.into(),
            answered: true,
            transient: false,
            general: false,
            beyond: false,
            wait: None,
        };
        match status {
            401 if ours => Failure {
                general: true,
                ..failure(
                    "identifiant ou mot de passe refusé (401)".into(),
                    "vérifiez FLUX_VISION_USER et FLUX_VISION_PASSWORD",
                )
            },
            401 | 403 if !ours => failure(
                format!("refusé ({status}) par {}, à qui les identifiants ne sont pas envoyés", address.host),
                "demandez à Orange pourquoi ce fichier est sur un autre serveur",
            ),
            403 => failure(
                "accès refusé (403)".into(),
                "vérifiez FLUX_VISION_ORGA, et les droits de ce compte chez Orange",
            ),
            404 | 410 => failure(
                format!("introuvable ({status})"),
                "vérifiez FLUX_VISION_URL et FLUX_VISION_ORGA ; un fichier peut avoir été retiré",
            ),
            416 => Failure { beyond: true, ..failure("partie demandée hors du fichier (416)".into(), "relancez") },
            429 => Failure {
                transient: true,
                wait: head.wait,
                ..failure("trop de demandes (429)".into(), "relancez plus tard")
            },
            500..=599 => Failure {
                transient: true,
                wait: head.wait,
                ..failure(format!("le serveur est en difficulté ({status})"), "relancez plus tard")
            },
            _ => failure(format!("réponse inattendue ({status})"), "vérifiez FLUX_VISION_URL"),
        }
    }
}

impl Remote for Orange {
    fn list_url(&self) -> &str {
        &self.list
    }

    fn get(&self, url: &str, from: u64, validator: Option<&str>) -> std::result::Result<Response, Failure> {
        let stay =
            |reason: String| Failure { answered: true, ..unanswered(reason, "signalez cette adresse à Orange") };
        let list = Address::parse(&self.list).map_err(stay)?;
        let mut address = list.follow(url).map_err(stay)?;
        for _ in 0..=HOPS {
            // A loopback address is for trials: a portal elsewhere has no business sending anybody there.
            let local = address.is_loopback() && self.base.is_loopback();
            if address.scheme != "https" && !local {
                return Err(stay(format!("adresse sans chiffrement sur {} : rien n'y est demandé", address.host)));
            }
            let (head, body) = self.call(&address, from, validator)?;
            if head.status.is_redirection() && head.status != StatusCode::NOT_MODIFIED {
                let to = head.location.as_deref().ok_or_else(|| stay("redirection sans adresse".into()))?;
                address = address.follow(to).map_err(stay)?;
                continue;
            }
            // All of it, sent as a part of itself, is all of it.
            let whole = head.length.is_some_and(|length| head.range == Some((0, Some(length))));
            let partial = head.status == StatusCode::PARTIAL_CONTENT && !whole;
            let fine = head.status == StatusCode::OK || head.status == StatusCode::PARTIAL_CONTENT && whole;
            if !(fine || partial && from > 0) {
                return Err(self.refused(&address, &head));
            }
            if head.packed {
                return Err(stay("le serveur a compressé le fichier sans y être invité".into()));
            }
            let (from, total) = if partial { head.range.unwrap_or((u64::MAX, None)) } else { (0, head.length) };
            return Ok(Response {
                partial,
                from,
                total,
                validator: head.validator,
                content_type: head.content_type,
                body: Box::new(body),
            });
        }
        Err(stay(format!("plus de {HOPS} redirections")))
    }
}

impl Address {
    /// Of an absolute URL. What a URL may not hold as it is (blanks, accents) is encoded.
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut encoded = String::with_capacity(text.len());
        for byte in text.trim().split('#').next().unwrap_or_default().bytes() {
            if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        let uri: Uri = encoded.parse().map_err(|_| "adresse illisible".to_owned())?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let default = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err("adresse ni http ni https".into()),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("adresse avec un identifiant".into());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("adresse sans serveur")?.to_ascii_lowercase();
        Ok(Self { scheme, host, port: uri.port_u16().unwrap_or(default), text: encoded })
    }

    /// Where `location`, absolute or relative, leads from here.
    fn follow(&self, location: &str) -> std::result::Result<Self, String> {
        let location = location.trim();
        let has_scheme = location
            .split_once("://")
            .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if has_scheme {
            return Self::parse(location);
        }
        let origin = self.text.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        match location {
            rest if rest.starts_with("//") => Self::parse(&format!("{}:{rest}", self.scheme)),
            rest if rest.starts_with('/') => Self::parse(&format!("{origin}{rest}")),
            rest => {
                let path = self.text.split('?').next().unwrap_or_default();
                let folder = path[origin.len()..].rfind('/').map_or(path.len(), |slash| origin.len() + slash);
                Self::parse(&format!("{}/{rest}", &path[..folder]))
            }
        }
    }

    fn same_origin(&self, other: &Self) -> bool {
        (&self.scheme, &self.host, self.port) == (&other.scheme, &other.host, other.port)
    }

    fn is_loopback(&self) -> bool {
        http::is_loopback(&self.host)
    }
}

/// What is needed of the head of an answer.
struct Head {
    status: StatusCode,
    length: Option<u64>,
    /// Offset of the first byte and length of the whole, of a part.
    range: Option<(u64, Option<u64>)>,
    validator: Option<String>,
    content_type: String,
    location: Option<String>,
    wait: Option<Duration>,
    packed: bool,
}

impl Head {
    fn new(status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> Self {
        let text = |name: HeaderName| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        };
        // A weak tag names what is equivalent, not the bytes.
        let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        Self {
            status,
            length,
            range: text(header::CONTENT_RANGE).and_then(|text| range(&text)),
            validator: tag.or_else(|| text(header::LAST_MODIFIED)),
            content_type: content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
            location: text(header::LOCATION),
            wait: http::wait_of(headers),
            packed: text(header::CONTENT_ENCODING).is_some_and(|packed| !packed.eq_ignore_ascii_case("identity")),
        }
    }
}

/// `bytes 100-199/200`: offset and whole length, which may be `*`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = text.strip_prefix("bytes")?.trim().split_once('/')?;
    let (from, _) = span.split_once('-')?;
    Some((from.trim().parse().ok()?, total.trim().parse().ok()))
}

enum Piece {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    Failed(http::Failure),
}

/// Sends an answer on, piece by piece, until its end or until nobody listens.
fn pump(response: ureq::http::Response<Body>, to: &SyncSender<Piece>, url: &str, silence: Duration) {
    let (parts, body) = response.into_parts();
    let head = Head::new(parts.status, &parts.headers, body.content_length());
    if to.send(Piece::Head(head)).is_err() {
        return;
    }
    let mut reader = body.into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let next = match reader.read(&mut piece) {
            Ok(0) => Piece::End,
            Ok(read) => {
                piece.truncate(read);
                Piece::Bytes(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Piece::Failed(http::failure(url, silence, ureq::Error::from(error))),
        };
        let last = !matches!(next, Piece::Bytes(_));
        if to.send(next).is_err() || last {
            return;
        }
    }
}

/// The other end of [`pump`].
struct Pieces {
    from: Receiver<Piece>,
    silence: Duration,
    rest: Vec<u8>,
    at: usize,
    ended: bool,
    /// Time that was waited for bytes, and the bytes that came, since the rate was looked at.
    waited: Duration,
    came: u64,
}

impl Pieces {
    fn new(from: Receiver<Piece>, silence: Duration) -> Self {
        Self { from, silence, rest: Vec::new(), at: 0, ended: false, waited: Duration::ZERO, came: 0 }
    }

    /// The next piece of the body. Bytes that come one by one are no silence, and never end.
    fn more(&mut self) -> io::Result<Piece> {
        let asked = Instant::now();
        let piece = self.next()?;
        self.waited += asked.elapsed();
        if let Piece::Bytes(bytes) = &piece {
            self.came += bytes.len() as u64;
        }
        if self.waited >= self.silence * DRIP_SPAN {
            if self.came < self.waited.as_secs() * LEAST_RATE && matches!(piece, Piece::Bytes(_)) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "le serveur n'envoie presque plus rien"));
            }
            (self.waited, self.came) = (Duration::ZERO, 0);
        }
        Ok(piece)
    }

    fn next(&mut self) -> io::Result<Piece> {
        // The connection has limits of its own; this one is for what they do not see.
        let limit = Instant::now() + self.silence * 3;
        loop {
            if signals::check().is_err() {
                return Err(io::Error::other("arrêt demandé"));
            }
            match self.from.recv_timeout(Duration::from_millis(100)) {
                Ok(piece) => return Ok(piece),
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("le téléchargement s'est arrêté")),
                Err(RecvTimeoutError::Timeout) if Instant::now() > limit => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "le serveur n'envoie plus rien"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.rest.len() && !self.ended {
            match self.more()? {
                Piece::Bytes(bytes) => (self.rest, self.at) = (bytes, 0),
                Piece::Head(_) => {}
                Piece::End => self.ended = true,
                Piece::Failed(failure) => return Err(io::Error::other(failure.message)),
            }
        }
        let count = buffer.len().min(self.rest.len() - self.at);
        buffer[..count].copy_from_slice(&self.rest[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn no_answer(failure: http::Failure) -> Failure {
    let (transient, action) = match failure.kind {
        FailureKind::UnknownHost => (false, "corrigez FLUX_VISION_URL ou le DNS"),
        FailureKind::Refused => {
            (true, "vérifiez FLUX_VISION_URL, et que rien (pare-feu, mandataire) ne bloque la sortie")
        }
        FailureKind::Proxy => {
            (true, "vérifiez HTTPS_PROXY, ALL_PROXY et NO_PROXY, et les droits que demande le mandataire")
        }
        FailureKind::Tls => {
            (false, "vérifiez l'horloge de la machine ; derrière un mandataire, donnez son autorité par FLUX_VISION_CA")
        }
        FailureKind::Protocol => (false, "vérifiez que FLUX_VISION_URL est bien celle du portail d'Orange"),
        _ => (true, "vérifiez le réseau, puis relancez"),
    };
    Failure { transient, ..unanswered(failure.message, action) }
}

fn unanswered(message: String, action: &str) -> Failure {
    Failure {
        message,
        action: action.into(),
        answered: false,
        transient: false,
        general: false,
        beyond: false,
        wait: None,
    }
}

fn missing(name: &str) -> Error {
    Error::Config {
        message: format!("le réglage {name} manque"),
        hint: format!("donnez {name} dans l'environnement ou dans .env (modèle : .env.example)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_followed_as_rfc_3986_says() {
        let base = Address::parse("https://a.fr/api/v1/orga/").unwrap();
        for (location, expected) in [
            ("fichier été.zip", "https://a.fr/api/v1/orga/fichier%20%C3%A9t%C3%A9.zip"),
            ("/x?y=1", "https://a.fr/x?y=1"),
            ("//b.fr/x", "https://b.fr/x"),
            ("https://b.fr:8443/x", "https://b.fr:8443/x"),
            ("x?to=http://c.fr", "https://a.fr/api/v1/orga/x?to=http://c.fr"),
        ] {
            assert_eq!(base.follow(location).unwrap().text, expected);
        }
        assert!(base.follow("ftp://b.fr/x").is_err() && base.follow("https://moi:secret@b.fr/").is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| Address::parse(a).unwrap().same_origin(&Address::parse(b).unwrap());
        assert!(same("https://A.fr/x", "https://a.fr:443/y"));
        assert!(!same("https://a.fr", "http://a.fr") && !same("https://a.fr", "https://a.fr:8443"));
        assert!(!same("https://a.fr", "https://a.fr.evil.com"));
        let loopback = |text: &str| Address::parse(text).unwrap().is_loopback();
        assert!(loopback("http://127.0.0.1:1/") && loopback("http://[::1]/") && loopback("http://localhost/"));
        assert!(!loopback("http://127.0.0.1.evil.com/"));
    }

    #[test]
    fn a_content_range_is_an_offset_and_a_length() {
        assert_eq!(range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(range("bytes 100-199/*"), Some((100, None)));
        assert_eq!(range("bytes */200"), None);
    }
}
