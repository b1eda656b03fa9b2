//! Settings of the portal, read and judged once, at its start: what makes no sense stops it there.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use flux_core::error::{Error, Result};
use flux_core::settings::Settings;
use flux_report::plural;

use crate::image::Logo;
use crate::net::Networks;

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Path below which everything is served.
    pub base_path: String,
    /// Certificate chain and key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections to the database.
    pub connections: usize,
    /// How long the server may work on one statement.
    pub statement_limit: Duration,
}

/// So many calls in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) calls: NonZeroU32,
    pub(crate) seconds: NonZeroU32,
}

/// A token that lets call the APIs.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) admin: bool,
}

/// Everything that the handlers need to know.
pub(crate) struct Config {
    /// Without a slash at its end; empty at the root.
    pub(crate) base: String,
    /// Pages and figures for everyone.
    pub(crate) public: bool,
    pub(crate) tokens: Vec<Token>,
    /// Who may call the APIs at all; everyone where there is none.
    pub(crate) allowed: Option<Networks>,
    pub(crate) rate: Option<Rate>,
    /// Who is not held to the rate.
    pub(crate) unlimited: Networks,
    /// Proxies that are believed.
    pub(crate) proxies: Networks,
    pub(crate) cors: Vec<String>,
    pub(crate) frames: Vec<String>,
    pub(crate) observatory: String,
    /// Code of its own département.
    pub(crate) departement: String,
    /// `portail/logo.svg` of the home.
    pub(crate) logo: Option<Logo>,
    pub(crate) audit_log: PathBuf,
    pub(crate) access_log: PathBuf,
}

/// Calls of one token or address, unless told otherwise.
const RATE: (u32, u32) = (600, 60);

impl Config {
    /// # Errors
    /// [`Error::Config`] for a value that makes no sense.
    pub(crate) fn new(settings: &Settings, options: &Options) -> Result<Self> {
        let list = |name: &str| -> Vec<String> {
            let text = settings.get(name).unwrap_or_default();
            text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let networks = |name: &str| {
            Networks::parse(&list(name)).map_err(|item| {
            let hint = "donnez des adresses ou des réseaux IPv4 ou IPv6, séparés par des virgules : 192.0.2.7, 2001:db8::/32";
            bad(format!("{name} : « {item} » n'est pas une adresse"), hint)
        })
        };
        let allowed = networks("API_IP_ALLOWLIST")?;
        let home = settings.home.root.clone();
        let audit_log = settings.get("API_AUDIT_LOG").map(|path| home.join(path)).unwrap_or_else(|| {
            let of_the_guide = home.join("api/database/storage/logs");
            if of_the_guide.is_dir() {
                of_the_guide.join("portail.log")
            } else {
                settings.home.logs().join("portail-audit.log")
            }
        });
        Ok(Self {
            base: base_path(&options.base_path)?,
            public: flag(settings, "PORTAL_PUBLIC")?,
            tokens: tokens(&list("API_TOKENS"), &list("ADMIN_API_TOKENS")),
            allowed: (!allowed.is_empty()).then_some(allowed),
            rate: rate(settings.get("API_RATE_LIMIT").as_deref())?,
            unlimited: networks("API_RATE_LIMIT_ALLOWLIST")?,
            proxies: networks("API_TRUST_PROXY")?,
            cors: origins("PORTAL_CORS_ORIGINS", list("PORTAL_CORS_ORIGINS"))?,
            frames: origins("PORTAL_FRAME_ANCESTORS", list("PORTAL_FRAME_ANCESTORS"))?,
            observatory: settings.observatory(),
            departement: settings.departement(),
            logo: Logo::read(&home.join("portail/logo.svg")),
            access_log: settings.home.logs().join("portail-acces.log"),
            audit_log,
        })
    }

    /// A path of the portal, as a browser must ask for it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Whether a client at this address and over this scheme may get a cookie that plain http carries.
    pub(crate) fn plain_cookie(address: IpAddr, https: bool) -> bool {
        !https && address.is_loopback()
    }
}

fn bad(message: String, hint: impl Into<String>) -> Error {
    Error::Config { message, hint: hint.into() }
}

fn flag(settings: &Settings, name: &str) -> Result<bool> {
    match settings.get(name).as_deref().map(str::trim) {
        None | Some("0" | "false" | "non" | "off" | "no") => Ok(false),
        Some("1" | "true" | "oui" | "on" | "yes") => Ok(true),
        Some(other) => Err(bad(format!("{name} vaut « {other} »"), "donnez 1 ou 0")),
    }
}

/// `/`, `/portail` … as a prefix of paths.
fn base_path(text: &str) -> Result<String> {
    let base = text.trim().trim_end_matches('/');
    let segment = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
    };
    if base.is_empty() || (base.starts_with('/') && base[1..].split('/').all(segment)) {
        Ok(base.to_owned())
    } else {
        Err(bad(format!("--base-path : « {text} » n'est pas un chemin"), "écrivez-le ainsi : /portail"))
    }
}

/// `120/60`: calls / seconds; `120` stands for a minute, `0` for no limit.
fn rate(text: Option<&str>) -> Result<Option<Rate>> {
    let wrong = |text: &str| {
        bad(
            format!("API_RATE_LIMIT vaut « {text} »"),
            "écrivez appels/secondes, par exemple 120/60 ; 0 pour aucune limite",
        )
    };
    let (calls, seconds) = match text {
        None => RATE,
        Some(text) => {
            let (calls, seconds) = text.split_once('/').unwrap_or((text, "60"));
            let number = |part: &str| part.trim().parse::<u32>().map_err(|_| wrong(text));
            (number(calls)?, number(seconds)?)
        }
    };
    match (NonZeroU32::new(calls), NonZeroU32::new(seconds)) {
        (None, _) => Ok(None),
        (Some(calls), Some(seconds)) => Ok(Some(Rate { calls, seconds })),
        (_, None) => Err(wrong(text.unwrap_or_default())),
    }
}

fn tokens(ordinary: &[String], admin: &[String]) -> Vec<Token> {
    let token = |admin: bool| move |secret: &String| Token { secret: secret.clone(), admin };
    let tokens: Vec<Token> = ordinary.iter().map(token(false)).chain(admin.iter().map(token(true))).collect();
    let short = tokens.iter().filter(|token| token.secret.len() < 16).count();
    if short > 0 {
        let count = plural(short as u64, "jeton", "jetons");
        log::warn!(
            "{count} de API_TOKENS ou ADMIN_API_TOKENS de moins de 16 caractères, à remplacer (`openssl rand -hex 32`)"
        );
    }
    tokens
}

/// Origins as a browser writes them: scheme, host, perhaps a port, nothing else. They go into headers.
fn origins(name: &str, list: Vec<String>) -> Result<Vec<String>> {
    let is_origin = |text: &str| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]*".contains(&b))
    };
    match list.iter().find(|text| !is_origin(text)) {
        Some(wrong) => {
            Err(bad(format!("{name} : « {wrong} » n'est pas une origine"), "écrivez-la ainsi : https://www.exemple.fr"))
        }
        None => Ok(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let parsed = |text| rate(text).ok().map(|rate| rate.map(|rate| (rate.calls.get(), rate.seconds.get())));
        assert_eq!(parsed(Some("120/30")), Some(Some((120, 30))));
        assert_eq!((parsed(Some("60")), parsed(Some("0"))), (Some(Some((60, 60))), Some(None)));
        assert_eq!(parsed(None), Some(Some(RATE)));
        for wrong in ["x", "10/0", "-1", "10/s", "/"] {
            assert_eq!(parsed(Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn base_paths() {
        let parsed = |text| base_path(text).ok();
        assert_eq!(
            (parsed("/"), parsed(""), parsed("/a/b/")),
            (Some(String::new()), Some(String::new()), Some("/a/b".into()))
        );
        for wrong in ["a", "//a", "/a//b", "/..", "/a?b", "/é", "/a b"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn origins_hold_nothing_that_a_header_would_mind() {
        let parsed = |text: &str| origins("x", vec![text.to_owned()]).is_ok();
        assert!(parsed("https://www.exemple.fr") && parsed("http://localhost:8080") && parsed("https://*.exemple.fr"));
        for wrong in ["*", "exemple.fr", "https://", "https://a/b", "https://a;script-src *", "https://a\r\nX: y"] {
            assert!(!parsed(wrong), "{wrong}");
        }
    }
}
