//! Who asks: nobody known, the holder of a token, somebody who has logged in.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use flux_core::accounts::{self, Account};
use moka::sync::Cache;
use subtle::ConstantTimeEq;

use crate::config::Token;
use crate::failure::Failure;
use crate::pool::Pool;
use crate::session::Secret;

/// How long an account is believed to be what it was: who is shut out of it is out after that.
const BELIEVED: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(crate) enum Caller {
    Anonymous,
    /// Which of the tokens, from 1.
    Token {
        number: usize,
        admin: bool,
    },
    Account(Account),
}

impl Caller {
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Self::Anonymous)
    }

    /// For logs: never a secret.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Anonymous => "-".into(),
            Self::Token { number, admin: false } => format!("jeton-{number}"),
            Self::Token { number, admin: true } => format!("jeton-admin-{number}"),
            Self::Account(account) => account.username.clone(),
        }
    }
}

/// The token of a request: the holder of a wrong one is nobody, which is not the same as giving none.
///
/// # Errors
/// [`Failure::Unauthorized`] for a token that is not known.
pub(crate) fn token(headers: &HeaderMap, tokens: &[Token]) -> Result<Option<Caller>, Failure> {
    let given = headers.get("x-api-key").or_else(|| headers.get(AUTHORIZATION));
    let Some(given) = given else { return Ok(None) };
    let given = given.as_bytes();
    let given = match given.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"bearer ") => &given[7..],
        // Another scheme is somebody else's.
        _ if headers.get("x-api-key").is_none() => return Ok(None),
        _ => given,
    };
    let given = blake3::hash(given.trim_ascii());
    // All are compared, and in constant time: neither which nor how much of it was right can be told from the time.
    let mut found = None;
    for (index, token) in tokens.iter().enumerate() {
        let same: bool = blake3::hash(token.secret.as_bytes()).as_bytes().ct_eq(given.as_bytes()).into();
        if same {
            found = Some(Caller::Token { number: index + 1, admin: token.admin });
        }
    }
    found.map(Some).ok_or(Failure::Unauthorized)
}

/// The accounts of sessions, for as long as they are believed.
pub(crate) struct Sessions(Cache<String, Option<Account>>);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build())
    }

    /// The account of a session, if it lasts and the account may log in.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn account(&self, pool: &Pool, secret: &Secret) -> Result<Option<Account>, Failure> {
        let hash = secret.hash();
        if let Some(account) = self.0.get(&hash) {
            return Ok(account);
        }
        let asked = hash.clone();
        let account = pool.run(move |session| Ok(accounts::of_session(session, &asked)?)).await?;
        self.0.insert(hash, account.clone());
        Ok(account)
    }

    /// Forgets a session that has ended.
    pub(crate) fn forget(&self, secret: &Secret) {
        self.0.invalidate(&secret.hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Vec<Token> {
        let token = |secret: &str, admin| Token { secret: secret.into(), admin };
        vec![token("premier-jeton-0123", false), token("jeton-admin-456789", true)]
    }

    fn found(headers: &[(&'static str, &'static str)]) -> Result<Option<String>, Failure> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Ok(token(&map, &tokens())?.map(|caller| caller.name()))
    }

    #[test]
    fn tokens_come_by_two_headers_and_a_wrong_one_is_refused() {
        assert_eq!(found(&[("authorization", "Bearer premier-jeton-0123")]), Ok(Some("jeton-1".into())));
        assert_eq!(found(&[("authorization", "bearer  jeton-admin-456789 ")]), Ok(Some("jeton-admin-2".into())));
        assert_eq!(found(&[("x-api-key", "premier-jeton-0123")]), Ok(Some("jeton-1".into())));
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&[("authorization", "Basic YTpi")]), Ok(None));
        for wrong in ["premier-jeton-012", "premier-jeton-01234", "", "x"] {
            let mut headers = HeaderMap::new();
            headers.append("x-api-key", wrong.parse().unwrap());
            assert!(token(&headers, &tokens()).is_err(), "{wrong}");
        }
        assert!(token(&HeaderMap::from_iter([("x-api-key".parse().unwrap(), "".parse().unwrap())]), &[]).is_err());
    }
}
