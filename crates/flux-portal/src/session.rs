//! Sessions of people: a random secret in a cookie, of which only the hash is stored; and the answer to forged forms.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::failure::Failure;
use crate::net::Client;

/// Name of the cookie of a session.
const SESSION: &str = "flux_portail";
/// Name of the cookie that a form of login is bound to.
const FORM: &str = "flux_formulaire";

/// 256 random bits, in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// # Errors
    /// [`Failure::Internal`] without random numbers.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(Failure::within("nombres aléatoires"))?;
        Ok(Self(hexadecimal(&bytes)))
    }

    /// One that came in a cookie: what is none is nothing.
    fn from_cookie(text: &str) -> Option<Self> {
        let is_one = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned()))
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> String {
        hexadecimal(&blake3::derive_key("flux-outils portail session", self.0.as_bytes()))
    }

    /// What a form must hold that is sent with this cookie: nobody who cannot read the cookie can work it out. Another one each time, so
    /// that it cannot be guessed from the size of compressed pages either.
    ///
    /// # Errors
    /// [`Failure::Internal`] without random numbers.
    pub(crate) fn form_token(&self) -> Result<String, Failure> {
        let nonce = Secret::new()?.0;
        Ok(format!("{nonce}{}", self.seal(&nonce)))
    }

    fn seal(&self, nonce: &str) -> String {
        let key = blake3::derive_key("flux-outils portail formulaire", self.0.as_bytes());
        hexadecimal(blake3::keyed_hash(&key, nonce.as_bytes()).as_bytes())
    }

    /// Whether a form holds one of these.
    pub(crate) fn matches_form(&self, token: &str) -> bool {
        let Some((nonce, seal)) = token.split_at_checked(64) else { return false };
        self.seal(nonce).as_bytes().ct_eq(seal.as_bytes()).into()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cookies that are ours.
#[derive(Clone, Default)]
pub(crate) struct Cookies {
    pub(crate) session: Option<Secret>,
    pub(crate) form: Option<Secret>,
}

impl Cookies {
    /// Those that this client may have got from us: what another host of the domain has set does not count where ours bear [`HOST_ONLY`].
    pub(crate) fn of(headers: &HeaderMap, config: &Config, client: Client) -> Self {
        Self::named(headers, prefix(config, client))
    }

    fn named(headers: &HeaderMap, prefix: &str) -> Self {
        let mut cookies = Self::default();
        for pair in
            headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'))
        {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            match name.strip_prefix(prefix).unwrap_or_default() {
                SESSION => cookies.session = Secret::from_cookie(value).or(cookies.session),
                FORM => cookies.form = Secret::from_cookie(value).or(cookies.form),
                _ => {}
            }
        }
        cookies
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    Session,
    Form,
}

/// A browser takes a name with this prefix from this very host only, over TLS, for the whole of it.
const HOST_ONLY: &str = "__Host-";

/// What the names of our cookies begin with for this client.
fn prefix(config: &Config, client: Client) -> &'static str {
    let plain = Config::plain_cookie(client.address, client.https);
    if !plain && config.base.is_empty() { HOST_ONLY } else { "" }
}

/// The header that sets a cookie, or removes it.
pub(crate) fn set_cookie(config: &Config, client: Client, cookie: Cookie, secret: Option<&Secret>) -> String {
    let (plain, prefix) = (Config::plain_cookie(client.address, client.https), prefix(config, client));
    let name = if cookie == Cookie::Session { SESSION } else { FORM };
    let (value, age) = match secret {
        Some(secret) => (secret.0.as_str(), flux_core::ledger::sessions::LONGEST_S),
        None => ("", 0),
    };
    let path = if config.base.is_empty() { "/" } else { config.base.as_str() };
    let secure = if plain { "" } else { "; Secure" };
    format!("{prefix}{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(text: &str, prefix: &str) -> Cookies {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, text.parse().unwrap());
        Cookies::named(&headers, prefix)
    }

    #[test]
    fn a_secret_is_long_random_and_not_what_is_stored() {
        let (a, b) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert!(a.0.len() == 64 && a.0 != b.0);
        let (first, second) = (a.form_token().unwrap(), a.form_token().unwrap());
        assert!(a.hash() != a.0 && first != second && !first.contains(&a.0));
        assert!(a.matches_form(&first) && a.matches_form(&second) && !b.matches_form(&first));
        for wrong in ["", "é", &first[..64], &first[..127], &"0".repeat(128)] {
            assert!(!a.matches_form(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_a_secret_is_taken_from_a_cookie() {
        let secret = Secret::new().unwrap();
        let found = cookies(&format!("a=b; flux_portail={}; flux_formulaire={}", secret.0, secret.0), "");
        assert!(found.session.is_some_and(|found| found == secret) && found.form.is_some());
        for wrong in ["flux_portail=", "flux_portail=abc", "flux_portail=' OR 1=1", "x"] {
            assert!(cookies(wrong, "").session.is_none(), "{wrong}");
        }
    }

    #[test]
    fn another_host_of_the_domain_sets_no_cookie_of_ours() {
        let (ours, theirs) = (Secret::new().unwrap(), Secret::new().unwrap());
        let both = format!("__Host-flux_portail={}; flux_portail={}; flux_formulaire={}", ours.0, theirs.0, theirs.0);
        let found = cookies(&both, HOST_ONLY);
        assert!(found.session.is_some_and(|found| found == ours) && found.form.is_none());
    }
}
