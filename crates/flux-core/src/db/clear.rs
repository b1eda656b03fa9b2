//! The password as it is, which goes into no TLS record to a server that has proved nothing. Within TLS the driver gives it to whoever
//! asks, whether the certificate was looked at or not, and has no setting against it; but all that it encrypts passes here.

use std::cell::RefCell;
use std::sync::LazyLock;

use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundOpaqueMessage,
    OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::ring;
use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, ContentType, Error, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

/// What this thread may send to nobody, and whether it was asked for.
#[derive(Debug)]
struct Withheld {
    secret: Vec<u8>,
    asked: bool,
}

thread_local! {
    static WITHHELD: RefCell<Option<Withheld>> = const { RefCell::new(None) };
}

/// Whether the ciphers of the driver are those of this module.
static WATCHED: LazyLock<bool> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    provider.cipher_suites = provider.cipher_suites.into_iter().map(watched).collect();
    provider.install_default().is_ok()
});

/// Takes the ciphers over, before the driver's first connection.
pub(super) fn watch() -> bool {
    *WATCHED
}

/// What `login` gives, and whether the server asked for the password itself: it was hung up on then.
pub(super) fn withholding<T>(password: Option<&str>, login: impl FnOnce() -> T) -> (T, bool) {
    let withheld = password
        .filter(|password| !password.is_empty())
        .map(|password| Withheld { secret: [password.as_bytes(), &[0]].concat(), asked: false });
    WITHHELD.set(withheld);
    let result = login();
    (result, WITHHELD.take().is_some_and(|withheld| withheld.asked))
}

/// Whether these bytes are the password as a packet by itself, with its head of length and number or without.
fn is_withheld(bytes: &[u8]) -> bool {
    WITHHELD.with_borrow_mut(|withheld| {
        let Some(withheld) = withheld else { return false };
        let is = |bytes: &[u8]| bytes == withheld.secret;
        let found = is(bytes) || bytes.get(4..).is_some_and(is);
        withheld.asked |= found;
        found
    })
}

struct Watched(Box<dyn MessageEncrypter>);

impl MessageEncrypter for Watched {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, number: u64) -> Result<OutboundOpaqueMessage, Error> {
        if message.typ == ContentType::ApplicationData && is_withheld(&message.payload.to_vec()) {
            // The end of the connection (close_notify), which no server counts as a wrong password.
            let end = OutboundChunks::Single(&[1, 0]);
            return self.0.encrypt(OutboundPlainMessage { typ: ContentType::Alert, payload: end, ..message }, number);
        }
        self.0.encrypt(message, number)
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        self.0.encrypted_payload_len(length)
    }
}

fn encrypter(of_suite: Box<dyn MessageEncrypter>) -> Box<dyn MessageEncrypter> {
    // A connection that nothing is withheld from costs what it did.
    if WITHHELD.with_borrow(Option::is_some) { Box::new(Watched(of_suite)) } else { of_suite }
}

struct Of13(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Of13 {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        encrypter(self.0.encrypter(key, iv))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

struct Of12(&'static dyn Tls12AeadAlgorithm);

impl Tls12AeadAlgorithm for Of12 {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        encrypter(self.0.encrypter(key, iv, extra))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv, explicit)
    }
}

/// The suite with an eye on what it encrypts; made once in a run, and there for good as suites are.
fn watched(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite {
        SupportedCipherSuite::Tls13(suite) => {
            let common = CipherSuiteCommon { ..suite.common };
            let aead_alg: &'static Of13 = Box::leak(Box::new(Of13(suite.aead_alg)));
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite { common, aead_alg, ..*suite })))
        }
        SupportedCipherSuite::Tls12(suite) => {
            let common = CipherSuiteCommon { ..suite.common };
            let aead_alg: &'static Of12 = Box::leak(Box::new(Of12(suite.aead_alg)));
            SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite { common, aead_alg, ..*suite })))
        }
    }
}
