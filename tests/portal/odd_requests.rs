//! Requests that no browser sends: what is not as HTTP wants it, what others understand otherwise, secrets where they do not belong.

use support::served::{ADMIN, Answer, Served, TOKEN, encoded, shared};

const LIST: &str = "/api/infographie/infographie_departements_touristes?annee=2025&periode=vacances_ete&zone=CABA";

fn raw(served: &Served, head: &str) -> Answer {
    served.raw(format!("{head}Connection: close\r\n\r\n").as_bytes())
}

#[test]
fn a_request_names_one_host_and_its_secret_stays_out_of_addresses_and_logs() {
    let db = shared();
    let mut served = Served::new(db, &[], &[]);
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n", 200),
    ] {
        assert_eq!(raw(&served, head).status, status, "{head}");
    }
    // Which host it is makes no difference: no address is made of it.
    let home = raw(&served, "GET / HTTP/1.1\r\nHost: evil.example\r\n");
    assert_eq!((home.status, home.header("location").as_deref()), (303, Some("/dashboard")));
    // A token in an address lets nobody in, and goes no further.
    for name in ["token", "api_key", "access_token", "jeton", "%74oken", "x"] {
        assert_eq!(served.get(&format!("{LIST}&{name}={TOKEN}")).status, 401, "{name}");
        let to = served.get(&format!("/dashboard?zone=CABA&{name}={ADMIN}")).expect(303).header("location").unwrap();
        assert_eq!(to, format!("/login?redirect={}", encoded("/dashboard?zone=CABA")), "{name}");
        let asked = encoded(&format!("/dashboard?{name}={ADMIN}"));
        let _ = served.get(&format!("/login?redirect={asked}")).expect(200);
    }
    assert_eq!(served.get(&format!("/api/{TOKEN}/etat")).status, 404);
    served.running.signal("TERM");
    let _ = served.running.wait().expect_code(0);
    let written = served.home.read("logs/portail-acces.log") + &served.home.read("logs/portail-audit.log");
    assert!(written.contains("access_token=...") && written.contains("redirect=..."), "{written}");
    assert!(!written.contains(TOKEN) && !written.contains(ADMIN), "{written}");
    // `{"status":"ok"}` has 15 bytes.
    assert!(written.contains("\"GET /healthz HTTP/1.1\" 200 15 \""), "{written}");
}

#[test]
fn one_answer_for_each_request_and_no_second_one_hidden_in_it() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let answers = |bytes: &str| {
        let answer = served.raw(bytes.as_bytes());
        let all = format!("{}\n{}", answer.head, answer.text());
        (answer.status, all.matches("HTTP/1.1 ").count())
    };
    let (host, keyed) = ("Host: x\r\n", format!("X-Api-Key: {TOKEN}\r\n"));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: +5\r\n",
    ] {
        let (status, count) = answers(&format!("POST /login HTTP/1.1\r\n{host}{form}{lengths}\r\n0\r\n\r\n{hidden}"));
        assert!([400, 403].contains(&status) && count == 1, "{lengths}: {status}, {count} answers");
    }
    // What is sent in a row is answered in its order.
    let three = format!(
        "HEAD {LIST} HTTP/1.1\r\n{host}{keyed}\r\n{hidden}\
         GET {LIST}&limit=1 HTTP/1.1\r\n{host}{keyed}Connection: close\r\n\r\n"
    );
    assert_eq!(answers(&three), (200, 3));
    // A compressed form is no form.
    let gzip = format!(
        "POST /login HTTP/1.1\r\n{host}{form}Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\u{1f}abc"
    );
    assert!([400, 403].contains(&answers(&gzip).0));
    for method in ["TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "get"] {
        let answer = raw(&served, &format!("{method} {LIST} HTTP/1.1\r\n{host}{keyed}"));
        assert_eq!((answer.status, answer.header("allow").as_deref()), (405, Some("GET,HEAD")), "{method}");
        assert!(!answer.text().contains(TOKEN), "{method}");
    }
}

#[test]
fn what_a_client_has_is_not_sent_again_however_it_says_so() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let head = format!("GET {LIST} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {TOKEN}\r\n");
    // The state of the data is known for certain some seconds after the last change.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let tag = raw(&served, &head).expect(200).header("etag").unwrap();
    for (said, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"a\", {tag}"), 304),
        (format!("\"a\"\r\nIf-None-Match: {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"a\"".to_owned(), 200),
    ] {
        assert_eq!(raw(&served, &format!("{head}If-None-Match: {said}\r\n")).status, status, "{said}");
    }
    // A part of a list is no list: ranges are not served.
    assert!(raw(&served, &format!("{head}Range: bytes=0-9\r\n")).expect(200).body.len() > 10);
}

#[test]
fn a_feature_that_is_not_served_is_closed_below_every_address_of_it() {
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    for path in ["", "spaces", "members.php", "infographics", "router.php", "autre/encore"] {
        let path = format!("/api/shared-spaces/{path}");
        for method in ["GET", "POST"] {
            assert_eq!(served.send(method, &path, &[], "").status, 401, "{method} {path}");
            assert_eq!(served.send(method, &path, &[("X-Api-Key", ADMIN)], "").status, 403, "{method} {path}");
        }
    }
    assert_eq!(served.get("/api/shared-spaces").status, 401);
}

/// What never becomes a request is answered as any other: in words, with the same headers, once.
#[test]
fn what_is_no_request_is_answered_in_words_too() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let usual = served.get("/api/nulle-part");
    let long = "x".repeat(70_000);
    let many = (0..101).map(|at| format!("X-{at}: y\r\n")).collect::<String>();
    for (head, status, code) in [
        ("FOO\r\n\r\n".to_owned(), 400, "bad-request"),
        ("GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(), 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n".to_owned(), 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: \u{0}\r\n\r\n".to_owned(), 400, "bad-request"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431, "too-large"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n"), 431, "too-large"),
        // After a good one on the same connection.
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nFOO\r\n\r\n".to_owned(), 200, ""),
    ] {
        let answer = served.raw(head.as_bytes());
        let shown = head.get(..40).unwrap_or(&head);
        assert_eq!(answer.status, status, "{shown}");
        let (text, second) = (answer.text(), answer.text().matches("HTTP/1.1 400").count());
        if status == 200 {
            assert!(second == 1 && text.contains("\"bad-request\""), "{text}");
            continue;
        }
        let body = answer.json();
        assert_eq!((&body["code"], second), (&code.into(), 0), "{shown}");
        assert!(body["message"].as_str().is_some_and(|words| words.starts_with("la demande")), "{body}");
        for header in
            ["content-type", "content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"]
        {
            assert_eq!(answer.header(header), usual.header(header), "{shown}: {header}");
        }
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string()), "{shown}");
        assert!(answer.header("date").is_some(), "{}", answer.head);
    }
}
