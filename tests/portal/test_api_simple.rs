//! `test-api-simple`: three calls, the third only with a token.

use flux_test::Home;
use support::portal::{Portal, html, json, sound};

#[test]
fn three_calls_with_a_token_from_a_file() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    home.write("jeton.txt", "abc123\n");
    home.write(".env", format!("PORTAL_BASE_URL={}/\n", portal.base));
    home.tool("test-api-simple")
        .args(["--token-file", "jeton.txt"])
        .run()
        .expect_code(0)
        .expect_stdout("3 appels corrects sur 3");
    let paths: Vec<String> = portal.requests().into_iter().map(|request| request.path).collect();
    let expected = [
        "/api/infographie/infographie_periodes.php",
        "/api/infographie/infographie_indicateurs_cles.php",
        "/api/database/tables_info.php",
    ];
    assert_eq!(paths, expected);
    assert!(portal.requests().iter().all(|request| request.head.contains("abc123")));
}

#[test]
fn without_a_token_the_inventory_is_not_called() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    let run = home.tool("test-api-simple").args(["--base-url", &portal.base, "--json"]).run().expect_code(3).json();
    assert_eq!(run["calls"].as_array().unwrap().len(), 2);
    assert!(run["findings"][0]["message"].as_str().unwrap().contains("jeton"));
    assert!(portal.requests().iter().all(|request| !request.has_token()));
}

#[test]
fn quiet_says_nothing_when_all_is_well_and_all_when_not() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    let tool =
        |base: &str| home.tool("test-api-simple").args(["-q", "--base-url", base]).env("API_TOKEN", "abc123").run();
    let run = tool(&portal.base).expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    tool(&Portal::always(html(200, "<p>maintenance</p>")).base).expect_code(3).expect_stdout("maintenance");
}

/// A TLS server of openssl on a free port, with a certificate for `name` that ends `days` from now.
struct TlsServer {
    process: std::process::Child,
    port: u16,
}

impl TlsServer {
    /// `None` where there is no openssl.
    fn new(home: &Home, name: &str, days: &str) -> Option<Self> {
        let openssl = |arguments: &[&str]| {
            let output =
                std::process::Command::new("openssl").args(arguments).current_dir(home.path()).output().ok()?;
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(())
        };
        home.write("ext", format!("subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n"));
        let key = [
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "csr.pem",
            "-subj",
        ];
        openssl(&[&key[..], &[&format!("/CN={name}")]].concat())?;
        openssl(&[
            "x509", "-req", "-in", "csr.pem", "-signkey", "key.pem", "-extfile", "ext", "-days", days, "-out",
            "cert.pem",
        ])?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = std::process::Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-cert",
                "cert.pem",
                "-key",
                "key.pem",
                "-www",
                "-accept",
                &format!("127.0.0.1:{port}"),
            ])
            .current_dir(home.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let started = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed().as_secs() < 20, "openssl s_server does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Some(server)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn certificates_that_are_unknown_expired_or_of_another_name() {
    for (name, days, authority, code, message) in [
        // The server's own page is HTML: the certificate was accepted.
        ("localhost", "2", true, 3, "page HTML au lieu de JSON"),
        ("localhost", "2", false, 1, "TLS : le certificat n'est pas signé par une autorité connue"),
        ("localhost", "-1", true, 1, "TLS : le certificat est périmé"),
        ("autre.exemple.fr", "2", true, 1, "TLS : le certificat est celui d'un autre nom"),
    ] {
        let home = Home::without_db();
        let Some(server) = TlsServer::new(&home, name, days) else {
            return flux_test::skip("openssl is not installed");
        };
        let mut tool = home.tool("test-api-simple").args(["--base-url", &format!("https://localhost:{}", server.port)]);
        if authority {
            tool = tool.env("PORTAL_CA", "cert.pem");
        }
        tool.run().expect_code(code).expect_stdout(message);
    }
    let home = Home::without_db();
    home.write("vide.pem", "rien");
    let tool = || home.tool("test-api-simple").args(["--base-url", "https://localhost:1"]);
    tool().env("PORTAL_CA", "vide.pem").run().expect_code(1).expect_stderr("aucun certificat PEM");
    tool().env("PORTAL_CA", "absent.pem").run().expect_code(1).expect_stderr("introuvable");
}

#[test]
fn an_answer_of_millions_of_values_takes_no_memory() {
    for (mebibytes, code) in [(31, "portal-unreachable"), (7, "answer-too-large")] {
        let body = |filler: &str| format!("[{}[]]", filler.repeat((mebibytes << 20) / filler.len()));
        for filler in ["[],", "{\"a\":0},", "\"é\",", "null,"] {
            let portal = Portal::always(json(body(filler)));
            let home = Home::without_db();
            for tool in ["test-api-simple", "test-infographie-apis"] {
                let run = home.tool(tool).args(["--base-url", &portal.base, "--json"]).env("API_TOKEN", "abc123");
                let outcome = run.limit(std::time::Duration::from_secs(120)).run();
                assert!(outcome.peak_rss_kib < 96 << 10, "{tool} {filler}: {} KiB", outcome.peak_rss_kib);
                let found = support::codes(&outcome.json()).iter().all(|found| *found == code);
                assert!(found, "{tool} {filler}: {outcome}");
            }
        }
    }
    // One text, and what is no JSON at all.
    for body in [format!("[\"{}\"]", "a, ".repeat(7 << 18)), "a ".repeat(7 << 19), "[{".repeat(40_000)] {
        let portal = Portal::always(json(body));
        let home = Home::without_db();
        let outcome = home.tool("test-api-simple").args(["--base-url", &portal.base, "--json"]).run();
        assert!(outcome.peak_rss_kib < 96 << 10, "{} KiB", outcome.peak_rss_kib);
    }
}
