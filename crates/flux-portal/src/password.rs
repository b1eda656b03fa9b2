//! Passwords: hashes as PHP's `password_hash` writes them (bcrypt, argon2id, argon2i) are understood, new ones are argon2id.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use flux_core::error::{Error, Result};

/// Bytes of a password.
pub const LONGEST: usize = 1_024;
/// Characters of a new one.
pub const SHORTEST: usize = 12;

/// Kibibytes that checking one hash may take: more is no hash that PHP wrote.
const MOST_MEMORY: u32 = 256 * 1_024;
/// Rounds of bcrypt (2^n), for the same reason.
const MOST_COST: u32 = 16;

/// A hash that no password has, for what is compared with nothing.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$cGFzIHVuIG1vdCBkZSBwYXNzZSwgcGVyc29ubmU";

/// The hash of a new password.
///
/// # Errors
/// [`Error::Usage`] for one that is too short or too long; [`Error::Invariant`] without random numbers.
pub fn hash(password: &str) -> Result<String> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return Err(Error::Usage(format!(
            "le mot de passe doit avoir au moins {SHORTEST} caractères (et au plus {LONGEST} octets)"
        )));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| Error::Invariant(format!("argon2 : {error}")))?.to_string())
}

/// Whether a password has this hash. Takes the time that the hash asks for, whatever the password.
pub(crate) fn verify(password: &str, hash: &str) -> bool {
    let hash = hash.trim();
    if password.len() > LONGEST {
        return false;
    }
    if let Some(cost) = hash.strip_prefix("$2").and_then(|rest| rest.get(2..4)) {
        let bearable = cost.parse::<u32>().is_ok_and(|cost| cost <= MOST_COST);
        return bearable && bcrypt::verify(password, hash).unwrap_or(false);
    }
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    let number = |name: &str| parsed.params.get_decimal(name);
    if number("m").is_none_or(|memory| memory > MOST_MEMORY) || number("t").is_none_or(|rounds| rounds > 64) {
        return false;
    }
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
}

/// Takes as long as a wrong password of somebody.
pub(crate) fn verify_nobody(password: &str, hash_of_somebody: Option<&str>) {
    let _ = verify(password, hash_of_somebody.unwrap_or(NOBODY));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `crypt(3)` of the system's libxcrypt; the last is a test vector of crypt_blowfish.
    #[test]
    fn hashes_as_php_writes_them() {
        let php = "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq";
        assert!(verify("rasmuslerdorf", php));
        assert!(!verify("rasmuslerdorg", php));
        assert!(verify("rasmuslerdorf", "$2y$10$abcdefghijklmnopqrstuuEgbDRB5I9WLsNZPLyPus3O95uZTC.ta"));
        assert!(verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    }

    #[test]
    fn a_new_hash_is_argon2id_and_its_own() {
        let (first, second) = (hash("un mot de passe").unwrap(), hash("un mot de passe").unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && first != second, "{first}");
        assert!(verify("un mot de passe", &first) && verify("un mot de passe", &second));
        assert!(!verify("un mot de passe ", &first) && !verify("", &first));
        assert!(hash("court").is_err() && hash(&"x".repeat(2_000)).is_err());
    }

    #[test]
    fn what_is_no_hash_has_no_password() {
        for hash in [
            "",
            "secret",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$2y$31$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq",
            "$argon2id$v=19$m=9999999,t=4,p=1$c2Fsc2Fsc2Fs$aGFzaGhhc2hoYXNo",
            "$2y$",
        ] {
            assert!(!verify("secret", hash) && !verify("", hash), "{hash}");
        }
        assert!(PasswordHash::new(NOBODY).is_ok(), "what takes the time of a hash must be one");
    }
}
