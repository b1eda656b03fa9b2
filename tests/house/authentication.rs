//! How a connection begins: kinds of accounts, and servers that are not who they seem. The other end is a program of the test's own where
//! it does what no honest server does.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

use flux_test::{Checked, Home, Outcome, TestDb, is_mysql};
use support::weekly::Sane;

const PASSWORD: &str = "Nuitées 2025";

/// What an impostor does once it knows who is calling.
#[derive(Clone, Copy)]
struct Script {
    /// The kind of account that it claims, and what it wants signed.
    plugin: &'static str,
    challenge: &'static [u8],
    /// Its answers to what comes then, one for each.
    answers: &'static [&'static [u8]],
}

/// A server that answers as its script says, and remembers what it is sent after it has named the kind of account.
struct Impostor {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Impostor {
    fn new(script: Script) -> Self {
        Self::within(None, script)
    }

    /// The same within TLS, where it has a certificate.
    fn within(tls: Option<Arc<ServerConfig>>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up has heard enough.
                let _ = play(stream, tls.clone(), script, &into);
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    /// What `check-status` says of it.
    fn asked(&self, password: &str) -> Checked {
        self.asked_with(password, &[])
    }

    fn asked_with(&self, password: &str, settings: &[(&str, &str)]) -> Checked {
        let home = Home::without_db();
        let tool = home.tool("check-status").arg("--json").env("DB_HOST", "127.0.0.1");
        let tool = settings.iter().fold(tool, |tool, (name, value)| tool.env(name, *value));
        let tool =
            tool.env("DB_PORT", self.port.to_string()).env("DB_USERNAME", "observatoire").env("DB_DATABASE", "flux");
        let tool = if password.is_empty() { tool } else { tool.env("DB_PASSWORD", password) };
        tool.run().sane().expect_code(1)
    }
}

fn play(
    mut stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    script: Script,
    heard: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut greeting = b"\x0a11.8.3-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
    // 41 protocol, transactions, secure connection, database in the answer, kinds of accounts; TLS where there is a certificate.
    greeting.extend(if tls.is_some() { b"\x09\xaa" } else { b"\x09\xa2" });
    greeting.extend(b"\x2d\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0");
    send(&mut stream, 0, &greeting)?;
    let _ = receive(&mut stream)?;
    let Some(tls) = tls else { return after_greeting(&mut stream, 2, script, heard) };
    let mut connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = rustls::Stream::new(&mut connection, &mut stream);
    let _ = receive(&mut stream)?;
    after_greeting(&mut stream, 3, script, heard)
}

fn after_greeting(
    stream: &mut (impl Read + Write),
    sequence: u8,
    script: Script,
    heard: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    let mut switch = vec![0xfe];
    switch.extend(script.plugin.as_bytes());
    switch.push(0);
    switch.extend(script.challenge);
    send(stream, sequence, &switch)?;
    for number in 0..=script.answers.len() {
        let packet = receive(stream)?;
        heard.lock().unwrap().push(packet);
        if let Some(answer) = script.answers.get(number) {
            send(stream, sequence + 2 + 2 * u8::try_from(number).unwrap(), answer)?;
        }
    }
    Ok(())
}

fn send(stream: &mut impl Write, sequence: u8, body: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    stream.write_all(&[&length[..3], &[sequence], body].concat())?;
    stream.flush()
}

fn receive(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; usize::from(head[0]) + 256 * usize::from(head[1])];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Code of the error of a run that failed; it has a next step.
#[track_caller]
fn code(outcome: &Outcome) -> String {
    let json = outcome.json();
    assert!(json["error"]["hint"].is_string(), "{outcome}");
    json["error"]["code"].as_str().unwrap().to_owned()
}

const NONCE: &[u8] = b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
    \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

#[test]
fn an_ed25519_account_signs_and_gives_nothing_away() {
    let server = Impostor::new(Script { plugin: "client_ed25519", challenge: NONCE, answers: &[] });
    let _ = server.asked(PASSWORD);
    // Worked out by another program from RFC 8032, the seed being the SHA-512 of the password as MariaDB has it.
    let signature = "57661b2cb1e467c1e73e6f770f98717841078f21145ea3b36ff3784ccb87a556\
                     dcd46577f5ac99b5636fa3abe7d149d8eb05e86f63d755da8f4dde225133be01";
    let heard: Vec<String> = server.heard()[0].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(heard.concat(), signature);
}

#[test]
fn a_parsec_account_signs_what_both_sides_have_thrown_in_and_gives_nothing_away() {
    // The salt, and how often the password is to be stirred: 2048 times.
    let script =
        Script { plugin: "parsec", challenge: NONCE, answers: &[b"P\x01salt of 18 bytes..", b"\0\0\0\x02\0\0\0"] };
    let server = Impostor::new(script);
    let _ = server.asked(PASSWORD);
    let heard = server.heard();
    assert_eq!(heard[0], b"", "the salt is asked for");
    let (own, signature) = heard[1].split_at(32);
    // Worked out by another program: the public key of PBKDF2-HMAC-SHA512 of the password.
    let key = "163e1b7e37baccb90d42eee26fa99f08f42f4674f99d8a6bc65a966c30fe2920";
    let key: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap()).collect();
    let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let (_, ed25519) = known.mapping.iter().find(|(scheme, _)| *scheme == rustls::SignatureScheme::ED25519).unwrap();
    ed25519[0].verify_signature(&key, &[NONCE, own].concat(), signature).unwrap();
    // What is no such answer, and an account without a password, are errors.
    let answers: [&'static [&'static [u8]]; 3] = [&[b"X\0"], &[b""], &[b"P\x63salt of 18 bytes.."]];
    for script in answers.map(|answers| Script { answers, ..script }) {
        assert_eq!(code(&Impostor::new(script).asked(PASSWORD)), "connect");
    }
    for script in [script, Script { challenge: &NONCE[..7], ..script }] {
        assert_eq!(code(&Impostor::new(script).asked("")), "connect");
    }
    assert_eq!(code(&Impostor::new(Script { challenge: &NONCE[..7], ..script }).asked(PASSWORD)), "connect");
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let script = Script { plugin: "caching_sha2_password", challenge: b"abcdefghijklmnopqrst\0", answers: &[b""] };
    assert_eq!(code(&Impostor::new(script).asked(PASSWORD)), "connect");
    assert_eq!(code(&Impostor::new(Script { answers: &[b"\x01"], ..script }).asked(PASSWORD)), "connect");
}

#[test]
fn the_password_goes_to_nobody_who_offers_a_key() {
    // The demand for the password itself, then a key of the impostor's, should he be asked for one.
    let key: &[u8] =
        b"\x01-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMfZ\n-----END PUBLIC KEY-----\n";
    let answers: &'static [&'static [u8]] = Box::leak(Box::new([&b"\x01\x04"[..], key]));
    let server =
        Impostor::new(Script { plugin: "caching_sha2_password", challenge: b"abcdefghijklmnopqrst\0", answers });
    assert_eq!(code(&server.asked(PASSWORD)), "server-unproved");
    // A proof of the password, of 32 bytes, and a farewell: neither the password nor a request for a key.
    assert!(server.heard().iter().all(|packet| packet.len() == 32 || *packet == [1]), "{:?}", server.heard());
}

/// TLS says that nobody else listens in, and who it is only where somebody vouches for it.
#[test]
fn within_tls_the_password_goes_to_nobody_whose_certificate_was_not_checked() {
    let (files, elsewhere) = (Home::without_db(), Home::without_db());
    let (ca, others) = (files.join("ca.pem"), elsewhere.join("ca.pem"));
    let (Some(tls), Some(_)) = (support::orange::tls(&ca), support::orange::tls(&others)) else {
        return flux_test::skip("openssl is not installed");
    };
    let script = Script {
        plugin: "caching_sha2_password",
        challenge: b"abcdefghijklmnopqrst\0",
        answers: &[b"\x01\x04", b"\0\0\0\x02\0\0\0"],
    };
    let impostor = || Impostor::within(Some(tls.clone()), script);
    let (ca, others) = (ca.display().to_string(), others.display().to_string());
    for settings in [
        &[("DB_SSL_MODE", "REQUIRED")][..],
        &[("DB_SSL_MODE", "PREFERRED")],
        &[("DB_SSL_MODE", "REQUIRED"), ("DB_SSL_CA", &others)],
    ] {
        let server = impostor();
        let outcome = server.asked_with(PASSWORD, settings);
        assert_eq!(code(&outcome), "server-unproved", "{settings:?}");
        assert!(outcome.json()["error"]["hint"].as_str().unwrap().contains("VERIFY_CA"), "{outcome}");
        // A proof of 32 bytes, and nothing after it.
        let heard = server.heard();
        assert!(!heard.is_empty() && heard.iter().all(|packet| packet.len() == 32), "{settings:?} {heard:?}");
    }
    // The authority that was named vouches for this one.
    for mode in ["REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"] {
        let server = impostor();
        let _ = server.asked_with(PASSWORD, &[("DB_SSL_MODE", mode), ("DB_SSL_CA", &ca)]);
        let given = [PASSWORD.as_bytes(), b"\0"].concat();
        assert!(server.heard().contains(&given), "{mode} {:?}", server.heard());
    }
    for plugin in ["mysql_clear_password", "sha256_password"] {
        let server = Impostor::within(Some(tls.clone()), Script { plugin, ..script });
        let outcome = server.asked_with(PASSWORD, &[("DB_SSL_MODE", "REQUIRED")]);
        assert_eq!(code(&outcome), "auth-unsupported", "{plugin}");
        assert!(server.heard().iter().all(|packet| !packet.windows(4).any(|part| part == b"2025")), "{plugin}");
    }
}

#[test]
fn kinds_of_accounts_that_are_unknown_are_named_with_the_statement_that_mends_them() {
    for plugin in ["sha256_password", "dialog", "mysql_clear_password", "auth_gssapi_client"] {
        let server = Impostor::new(Script { plugin, challenge: b"abcdefghijklmnopqrst\0", answers: &[] });
        let outcome = server.asked(PASSWORD);
        assert_eq!(code(&outcome), "auth-unsupported", "{plugin}");
        let error = &outcome.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(plugin), "{outcome}");
        assert!(error["hint"].as_str().unwrap().contains("ALTER USER"), "{outcome}");
        assert!(server.heard().iter().all(|packet| !packet.windows(4).any(|part| part == b"2025")), "{plugin}");
    }
}

#[test]
fn a_server_is_given_the_password_under_the_key_that_was_named_or_within_tls() {
    if !is_mysql() {
        return;
    }
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool("ensure-schema").run().sane().expect_code(0);
    let account = db.restricted_user(&["ALL ON {db}.*"]);
    let (_, key) = db.env().into_iter().find(|(name, _)| *name == "DB_SERVER_PUBLIC_KEY").unwrap();
    // Of a server that remembers no password.
    let run = |key: &str, mode: &str| {
        db.admin_exec("FLUSH PRIVILEGES");
        let tool = home.tool("check-status").arg("--json").env("DB_USERNAME", &account.user);
        let tool = tool.env("DB_PASSWORD", &account.password).env("DB_SSL_MODE", mode);
        tool.env("DB_SERVER_PUBLIC_KEY", key).run().sane()
    };
    assert_eq!(code(&run("", "DISABLED").expect_code(1)), "server-unproved");
    let _ = run(&key, "DISABLED").expect_code(0);
    assert_eq!(code(&run("", "REQUIRED").expect_code(1)), "server-unproved");
    // Who needs the password no more is connected to.
    let _ = run(&key, "DISABLED").expect_code(0);
    let tool = home.tool("check-status").arg("--json").env("DB_USERNAME", &account.user).env("DB_SSL_MODE", "REQUIRED");
    let tool = tool.env("DB_PASSWORD", &account.password).env("DB_SERVER_PUBLIC_KEY", "");
    let _ = tool.run().sane().expect_code(0);
    // Nothing said: on this machine TLS where the account asks for it, and an open line once the server knows it.
    let _ = run("", "").expect_code(0);
    let _ = home
        .tool("backup-critical")
        .args(["--dump", "--json"])
        .env("DB_SERVER_PUBLIC_KEY", "")
        .run()
        .sane()
        .expect_code(0);
    // MariaDB's program would give it to whoever offers a key.
    let version = std::process::Command::new("mysqldump").arg("--version").output().unwrap().stdout;
    if String::from_utf8_lossy(&version).contains("MariaDB") {
        let dump =
            |mode: &str| home.tool("backup-critical").args(["--dump", "--json"]).env("DB_SSL_MODE", mode).run().sane();
        assert_eq!(code(&dump("DISABLED").expect_code(1)), "config");
        assert_eq!(code(&dump("PREFERRED").expect_code(1)), "config");
        assert_eq!(code(&dump("REQUIRED").expect_code(1)), "config");
    }
    // Another one's key: the server cannot read what it is sent.
    let other = flux_test::Tool::program("openssl").home(&home).args(["genrsa", "-out", "k.pem", "2048"]).run();
    let _ = other.expect_code(0);
    let public = ["rsa", "-in", "k.pem", "-pubout", "-out", "p.pem"];
    let _ = flux_test::Tool::program("openssl").home(&home).args(public).run().expect_code(0);
    let refused = run(&home.join("p.pem").display().to_string(), "DISABLED").expect_code(1);
    assert_eq!(code(&refused), "connect");
    home.write("cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    assert_eq!(code(&run(&home.join("cert.pem").display().to_string(), "DISABLED").expect_code(1)), "config");
}
