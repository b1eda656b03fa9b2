//! `serve-portal` as a server: who may look, what is refused and how, limits, a database that goes and comes, an end in order.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use flux_test::{Home, Outcome, Server, TestDb};
use serde_json::{Value, json};
use support::diag;
use support::served::{ADMIN, Answer, Served, TOKEN, database, encoded, field, fill, pair, read, shared};
use support::trouble::wait_for_blocked;

/// A question that the portal answers.
const FIGURES: &str = "/api/infographie/infographie_indicateurs_cles?annee=2025&periode=vacances_ete&zone=CABA";

const PASSWORD: &str = "un mot de passe assez long";

/// A database without facts, for what is not about figures.
fn empty() -> TestDb {
    let db = TestDb::new();
    diag::fill(&db, |_| true);
    db
}

fn add_user(home: &Home, name: &str, args: &[&str]) -> Outcome {
    home.tool("portal-users").args(["add", name]).args(args).stdin(format!("{PASSWORD}\n")).run()
}

/// A portal with the accounts `anne` (an administrator) and `luc`.
fn with_accounts(db: &TestDb, variables: &[(&str, &str)], args: &[&str]) -> Served {
    let home = Home::new(db);
    add_user(&home, "anne", &["--role", "admin"]).expect_code(0);
    add_user(&home, "luc", &[]).expect_code(0);
    Served::at(home, variables, args)
}

/// The audit log, once it says so: it is written after the answer.
#[track_caller]
fn logged(served: &Served, line: &str) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let log = served.home.read("logs/portail-audit.log");
        if log.contains(line) {
            return log;
        }
        assert!(Instant::now() < until, "{line} is not in\n{log}");
        sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn error(answer: Answer, status: u16, code: &str) -> Value {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json; charset=utf-8"), "{answer:?}");
    let json = answer.json();
    assert_eq!(json["code"], code, "{json}");
    assert!(json["error"].as_str().is_some_and(|text| !text.is_empty()) && json["message"].is_string(), "{json}");
    json
}

#[test]
fn strangers_see_nothing_unless_the_portal_is_public() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    for path in [
        FIGURES,
        "/api/filters/filters_mysql",
        "/api/etat",
        "/api/database/tables_info",
        "/api/shared-spaces/spaces.php",
    ] {
        let answer = served.get(path);
        assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"));
        error(answer, 401, "unauthorized");
    }
    for path in ["/dashboard", "/infographie", "/tables", "/methodologie", "/etat", "/tdb_comparaison"] {
        let answer = served.get(&format!("{path}?annee=2025&zone=A%20B")).expect(303);
        // The query is written anew, so that no token of it goes on.
        let expected = format!("/login?redirect={}", encoded(&format!("{path}?annee=2025&zone=A+B")));
        assert_eq!(answer.header("location").unwrap(), expected);
    }
    drop(served);
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    assert_eq!(served.get(FIGURES).expect(200).json()["status"], "success");
    assert!(served.get("/dashboard").expect(200).text().contains("Nuitées totales"));
    // The inventory and the shared spaces are not for everybody all the same.
    error(served.get("/api/database/tables_info"), 401, "unauthorized");
    error(served.get("/api/shared-spaces/members"), 401, "unauthorized");
}

#[test]
fn tokens_by_two_headers_and_a_wrong_one_is_no_better_than_none() {
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    for headers in
        [[("Authorization", format!("Bearer {TOKEN}"))], [("X-Api-Key", TOKEN.into())], [("X-API-KEY", ADMIN.into())]]
    {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let tables =
            served.send("GET", "/api/database/tables_info.php?type=all&limit=1000", &headers, "").expect(200).json();
        assert_eq!(
            (&tables["success"], &tables["count"]),
            (&json!(true), &json!(tables["tables"].as_array().unwrap().len()))
        );
        let spaces = served.send("GET", "/api/shared-spaces/infographics.php", &headers, "");
        error(spaces, 403, "forbidden");
    }
    for wrong in ["x", "", &TOKEN[1..], &format!("{TOKEN}x"), "jeton-de-lecture-0123456789,jeton"] {
        // Even of a public portal: whoever believes to have a token should be told that it is none.
        error(served.send("GET", FIGURES, &[("X-Api-Key", wrong)], ""), 401, "unauthorized");
    }
    let paged = served.api("/api/database/tables_info?type=dim&limit=2").expect(200).json();
    assert_eq!((&paged["count"], &paged["next_offset"]), (&json!(2), &json!(2)));
    for wrong in ["type=x", "limit=0x", "limit=1001", "offset=-1"] {
        error(served.api(&format!("/api/database/tables_info?{wrong}")), 400, "bad-request");
    }
    let logs = served.home.logs();
    assert!(!logs.contains(TOKEN) && !logs.contains(ADMIN), "a token is written down");
}

#[test]
fn the_projects_own_checks_are_content() {
    let db = database();
    let served = with_accounts(&db, &[], &[]);
    let base = served.base();
    let check = |tool: &str, args: &[&str]| {
        served
            .home
            .tool(tool)
            .args(["--json", "--base-url", &base])
            .args(args)
            .env("API_TOKEN", TOKEN)
            .run()
            .expect_code(0)
            .json()
    };
    for zone in ["CABA", "PAYS D'AURILLAC"] {
        let query = ["--year", "2025", "--period", "vacances_ete", "--zone", zone];
        assert_eq!(check("test-infographie-apis", &query)["calls"].as_array().unwrap().len(), 10);
        assert_eq!(check("test-api-simple", &query)["calls"].as_array().unwrap().len(), 3);
        let mobility = check("test-api-mobilite-directe", &query);
        assert_eq!((&mobility["findings"], &mobility["communes_sql"]), (&json!([]), &json!(3)));
    }
    let admin = check("test-admin-restrictions", &[]);
    assert!(admin["attempts"].as_array().unwrap().iter().all(|attempt| attempt["verdict"] == "ok"), "{admin}");
    // The year before has no such period here, nor the year asked for all of its days.
    let query = ["--year", "2023", "--period", "vacances_ete", "--zone", "CABA"];
    assert_eq!(check("test-infographie-apis", &query)["findings"], json!([]));
}

#[test]
fn each_parameter_that_makes_no_sense_is_refused() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let ask = |query: &str| served.api(&format!("/api/infographie/infographie_departements_touristes.php?{query}"));
    for query in [
        "",
        "annee=2025&periode=vacances_ete",
        "annee=2025&zone=CABA",
        "annee=abc&periode=vacances_ete&zone=CABA",
        "annee=1999&periode=vacances_ete&zone=CABA",
        "debut=2025-07-01&zone=CABA",
        "debut=2025-07-31&fin=2025-07-01&zone=CABA",
        "debut=2025-02-30&fin=2025-03-01&zone=CABA",
        "annee=2025&periode=vacances_ete&zone=CABA&limit=0",
        "annee=2025&periode=vacances_ete&zone=CABA&limit=501",
        "annee=2025&periode=vacances_ete&zone=CABA&compare_annee=20x4",
        "annee=2025&periode=vacances_ete&zone=CABA&format=pdf",
        "annee=2025&periode=vacances_ete&zone=CABA&zone=CANTAL",
        "debut=2019-01-01&fin=2025-01-01&zone=CABA",
    ] {
        error(ask(query), 400, "bad-request");
    }
    let unknown = error(ask("annee=2025&periode=noel&zone=CABA"), 404, "not-found");
    assert!(unknown["message"].as_str().unwrap().contains("vacances_ete"), "{unknown}");
    let unknown = error(ask("annee=2025&periode=vacances_ete&zone=CABBA"), 404, "not-found");
    assert!(unknown["message"].as_str().unwrap().contains("CABA"), "{unknown}");
    // An unknown year has periods of its own, none.
    error(ask("annee=2031&periode=vacances_ete&zone=CABA"), 404, "not-found");
    error(served.api("/api/infographie/infographie_periodes?action=drop"), 400, "bad-request");
    for wrong in ["limit=0", "limit=1001", "offset=-1", "type=vue"] {
        error(served.api(&format!("/api/database/tables_info?{wrong}")), 400, "bad-request");
    }
    error(served.api("/api/infographie/infographie_periodes?action=year"), 400, "bad-request");
    error(served.api("/api/infographie/infographie_periodes?action=year&annee=2022"), 404, "not-found");
    error(
        served.api("/api/analytics/comparison_detailed?annee_a=2025&periode_a=vacances_ete&zone_a=CABA"),
        400,
        "bad-request",
    );
    error(served.api("/api/infographie/nothing"), 404, "not-found");
    error(served.api("/api/../etc/passwd"), 404, "not-found");
    let wrong_method = served.send("POST", FIGURES, &[("Authorization", &format!("Bearer {TOKEN}"))], "x=1");
    assert!(wrong_method.header("allow").is_some_and(|allow| allow.contains("GET")), "{wrong_method:?}");
    error(wrong_method, 405, "method-not-allowed");
}

/// In each parameter: it is text, never SQL, HTML or a header.
#[test]
fn injection_is_text() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let poison = [
        "' OR 1=1 -- ",
        "CABA' UNION SELECT password FROM users -- ",
        "1; DROP TABLE fact_nuitees",
        "\\",
        "%",
        "CABA%",
        "_ABA",
        "\"; SELECT SLEEP(40)",
        "<script>alert(1)</script>",
        "../../.env",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "\u{0}",
        "a\r\nSet-Cookie: x=1",
        "\u{202e}",
        "😀",
        "CABA\u{0}",
    ];
    let usual = [
        ("annee", "2025"),
        ("periode", "vacances_ete"),
        ("zone", "CABA"),
        ("limit", "5"),
        ("compare_annee", "2024"),
        ("format", "json"),
        ("action", "all"),
        ("visiteurs", "touristes"),
    ];
    let before = db.count("fact_nuitees");
    for name in ["annee", "periode", "zone", "limit", "compare_annee", "format", "debut", "fin", "action", "visiteurs"]
    {
        for poison in poison {
            let query: Vec<String> = usual
                .iter()
                .filter(|(known, _)| *known != name)
                .chain([&(name, poison)])
                .map(|(name, value)| format!("{name}={}", encoded(value)))
                .collect();
            for path in ["infographie/infographie_series", "infographie/infographie_periodes"] {
                let started = Instant::now();
                let answer = served.api(&format!("/api/{path}?{}", query.join("&")));
                let ignored = path.ends_with("periodes") && !["annee", "format", "action"].contains(&name);
                let ignored = ignored || (path.ends_with("series") && ["action", "limit"].contains(&name));
                let expected: &[u16] = if ignored && answer.status != 400 { &[200] } else { &[400, 404] };
                assert!(expected.contains(&answer.status), "{path} {name}={poison:?}: {answer:?}");
                assert!(
                    started.elapsed() < Duration::from_secs(30) && answer.header("set-cookie").is_none(),
                    "{answer:?}"
                );
                let text = answer.text();
                assert!(!text.contains("SQL") && !text.contains("SELECT ") || text.contains(poison), "{text}");
                assert!(answer.header("content-type").unwrap().starts_with("application/json"));
            }
        }
    }
    assert_eq!(db.count("fact_nuitees"), before);
    // In a page, what was asked comes back escaped.
    drop(served);
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    let page = served
        .get(&format!("/dashboard?annee=2025&periode=x&zone={}", encoded("<script>alert(1)</script>")))
        .expect(404);
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
}

#[test]
fn a_session_is_new_at_each_login_and_ends_at_logout() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    let first = served.login("anne", PASSWORD);
    let secret = first.split('=').nth(1).unwrap();
    assert_eq!(secret.len(), 64);
    // Only the hash is stored.
    assert_eq!(db.column("SELECT token_hash FROM flux_portal_sessions").len(), 1);
    assert_eq!(db.scalar(&format!("SELECT COUNT(*) FROM flux_portal_sessions WHERE token_hash = '{secret}'")), "0");
    assert_ne!(db.scalar("SELECT COALESCE(last_login, '') FROM users WHERE username = 'anne'"), "");
    let page = served.send("GET", "/dashboard", &[("Cookie", &first)], "").expect(200);

    // Fixation: a session that the browser had before, another's or a made-up one, is not the one after the login.
    let (form, token) = served.form();
    let made_up = format!("flux_portail={}", "a".repeat(64));
    let answer = served
        .post("/login", &format!("{form}; {made_up}"), &[("csrf", &token), ("username", "luc"), ("password", PASSWORD)])
        .expect(303);
    let second = pair(&answer.cookie("flux_portail").unwrap());
    assert!(second != made_up && second != first);
    assert!(served.send("GET", "/dashboard", &[("Cookie", &made_up)], "").status == 303);
    let (form, token) = served.form();
    let again = served
        .post("/login", &format!("{form}; {second}"), &[("csrf", &token), ("username", "luc"), ("password", PASSWORD)])
        .expect(303);
    let third = pair(&again.cookie("flux_portail").unwrap());
    assert_eq!(served.send("GET", "/dashboard", &[("Cookie", &second)], "").status, 303, "the old session lives on");
    assert_eq!(served.send("GET", "/dashboard", &[("Cookie", &third)], "").status, 200);

    // Logging out: not by GET, not without the token, and then for good.
    error_page(served.send("GET", "/logout", &[("Cookie", &first)], ""), 405);
    served.post("/logout", &first, &[("csrf", "x")]).expect(403);
    let answer = served.post("/logout", &first, &[("csrf", &field(&page.text(), "csrf"))]).expect(303);
    assert_eq!(answer.header("location").as_deref(), Some("/login"));
    assert!(answer.cookie("flux_portail").unwrap().contains("Max-Age=0"));
    assert_eq!(served.send("GET", "/dashboard", &[("Cookie", &first)], "").status, 303);
}

#[track_caller]
fn error_page(answer: Answer, status: u16) {
    let answer = answer.expect(status);
    assert!(
        answer.header("content-type").unwrap().starts_with("text/html") && answer.text().contains("<h1>"),
        "{answer:?}"
    );
}

#[test]
fn cookies_and_headers() {
    let db = empty();
    let served = with_accounts(&db, &[("API_TRUST_PROXY", "127.0.0.0/8")], &[]);
    let login = served.try_login("anne", PASSWORD).expect(303);
    let cookie = login.cookie("flux_portail").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "on loopback over http a browser would not send it back: {cookie}");
    for path in ["/login", "/dashboard", "/api/etat", "/nothing", "/healthz"] {
        let answer = served.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe-inline")
                && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options").as_deref(), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy").as_deref(), Some("same-origin"), "{path}");
        assert!(
            answer.header("strict-transport-security").is_none()
                && answer.header("access-control-allow-origin").is_none(),
            "{path}"
        );
        assert!(answer.header("server").is_none(), "{path}");
    }
    // Behind a proxy that speaks TLS and is believed.
    let headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9")];
    let form = served.send("GET", "/login", &headers, "").expect(200);
    let cookie = form.cookie("__Host-flux_formulaire").unwrap();
    assert!(cookie.contains("; Secure") && form.header("strict-transport-security").is_some(), "{cookie}");
    let body = format!("csrf={}&username=anne&password={}", field(&form.text(), "csrf"), encoded(PASSWORD));
    let cookie = pair(&cookie);
    let login =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str()), headers[0], headers[1]];
    let session = served.send("POST", "/login", &login, &body).expect(303).cookie("__Host-flux_portail").unwrap();
    assert!(session.contains("; Secure"), "{session}");
    // A cookie of another host of the domain, which cannot bear the prefix, opens nothing and hides nothing.
    let session = pair(&session);
    let looks =
        |cookie: &str| served.send("GET", "/dashboard", &[("Cookie", cookie), headers[0], headers[1]], "").status;
    let tossed = session.trim_start_matches("__Host-");
    let other = format!("flux_portail={}", "0".repeat(64));
    assert_eq!((looks(&session), looks(tossed), looks(&format!("{session}; {other}"))), (200, 303, 200));
    logged(&served, "203.0.113.9 anne connexion");
}

#[test]
fn a_forged_form_does_nothing() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    let (cookie, token) = served.form();
    let (_, of_another) = served.form();
    let form = |token: &str| format!("csrf={}&username=anne&password={}", encoded(token), encoded(PASSWORD));
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for (headers, body) in [
        (vec![kind], form(&token)),
        (vec![kind, ("Cookie", cookie.as_str())], form(&of_another)),
        (vec![kind, ("Cookie", cookie.as_str())], form("")),
        (vec![kind, ("Cookie", cookie.as_str())], format!("username=anne&password={}", encoded(PASSWORD))),
        (vec![kind, ("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")], form(&token)),
    ] {
        let answer = served.send("POST", "/login", &headers, &body);
        assert!(answer.cookie("flux_portail").is_none(), "{answer:?}");
        error_page(answer, 403);
    }
    error_page(
        served.send("POST", "/login", &[("Content-Type", "text/plain"), ("Cookie", &cookie)], &form(&token)),
        400,
    );
    let right = [kind, ("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(served.send("POST", "/login", &right, &form(&token)).status, 303);
    assert_eq!(db.count("flux_portal_sessions"), 1);
}

#[test]
fn a_redirection_never_leaves_the_portal() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    for (asked, expected) in [
        ("/tables?annee=2025", "/tables?annee=2025"),
        ("//evil.example", "/dashboard"),
        ("/\\evil.example", "/dashboard"),
        ("https://evil.example/", "/dashboard"),
        ("/a\r\nX-Evil: 1", "/dashboard"),
        ("/%0d%0aX-Evil:1", "/%0d%0aX-Evil:1"),
        ("javascript:alert(1)", "/dashboard"),
        ("/\t/evil.example", "/dashboard"),
        ("dashboard", "/dashboard"),
        ("/a//evil.example", "/dashboard"),
    ] {
        let (cookie, token) = served.form();
        let answer = served.post(
            "/login",
            &cookie,
            &[("csrf", &token), ("username", "luc"), ("password", PASSWORD), ("redirect", asked)],
        );
        if answer.status == 400 {
            assert!(asked.chars().any(char::is_control), "{asked:?}");
            continue;
        }
        assert_eq!(answer.clone().expect(303).header("location").as_deref(), Some(expected), "{asked:?}");
        assert!(answer.header("x-evil").is_none());
    }
    let page = served.get("/login?redirect=%2F%2Fevil.example").expect(200).text();
    assert!(!page.contains("evil.example"), "{page}");
}

#[test]
fn five_failures_and_the_door_is_shut() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    for _ in 0..4 {
        assert_eq!(served.try_login("anne", "faux").status, 401);
    }
    // The right password forgives the account, not the address.
    assert_eq!(served.try_login("anne", PASSWORD).status, 303);
    let last = served.try_login("luc", "faux").expect(401);
    assert!(last.text().contains("incorrect") && last.cookie("flux_portail").is_none());
    let shut = served.try_login("luc", PASSWORD).expect(429);
    let wait: u64 = shut.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=901).contains(&wait), "{wait}");
    let audit = logged(&served, "luc connexion refusée : trop d'essais");
    assert!(audit.contains("anne connexion refusée"), "{audit}");
    assert!(!audit.contains("faux") && !audit.contains(PASSWORD));
}

/// Somebody types their password where the name belongs, and later the name of an account in other letters.
#[test]
fn what_is_typed_for_a_name_is_written_down_only_where_it_is_one() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    let typed = "Sésame9-ouvre!toi";
    for _ in 0..2 {
        assert_eq!(served.try_login(typed, "x").status, 401);
    }
    assert_eq!(served.try_login("ANNÉ", "x").status, 401);
    let audit = logged(&served, " anne connexion refusée");
    assert_eq!(audit.matches(" compte inconnu connexion refusée\n").count(), 2, "{audit}");
    for _ in 0..2 {
        let _ = served.try_login(typed, "x");
    }
    assert_eq!(served.try_login(typed, "x").status, 429);
    let audit = logged(&served, " compte inconnu connexion refusée : trop d'essais\n");
    let access = served.home.read("logs/portail-acces.log");
    for part in ["same9", "ouvre", "ANN"] {
        assert!(!audit.contains(part) && !access.contains(part), "{part}:\n{audit}\n{access}");
    }
}

/// The clock of the machine is an hour ahead of UTC in winter, two in summer.
#[test]
fn the_state_is_told_by_the_clock_of_the_machine() {
    let db = TestDb::new();
    diag::fill(&db, |_| true);
    db.exec(
        "INSERT INTO flux_import_history (attempt, run, tool, table_name, file_name, file_path, file_size, file_hash, options, dims_hash, \
         status, encoding, lines_read, rows_stored, rows_deleted, duplicates, conflicts, rejected, filtered, started_at, finished_at) VALUES \
         ('1', '', 'update-temp-tables', 'fact_nuitees_temp', 'x', 'x', 1, '1', '', '', 'loaded', 'UTF-8', 1, 1, 0, 0, 0, 0, 0, \
         '2025-01-05 23:29:00', '2025-01-05 23:30:00')",
    );
    for (zone, told, clock) in [
        ("Europe/Paris", "2025-01-06 00:30:00", "Instants en heure locale."),
        ("UTC", "2025-01-05 23:30:00", "Instants en UTC."),
    ] {
        let served = Served::new(&db, &[("TZ", zone)], &[]);
        let page = served.api("/etat").expect(200).text();
        assert!(page.contains(told) && page.contains(clock), "{zone}: {page}");
        assert_eq!(served.api("/api/etat").expect(200).json()["dernier_import"], "2025-01-05 23:30:00");
    }
}

/// A wrong password from an address of its own, behind a proxy that is trusted: the status, and the seconds until it came.
fn guess(served: &Served, name: &str, from: u32) -> (u16, f64) {
    let from = format!("203.0.113.{from}");
    let form = served.send("GET", "/login", &[("X-Forwarded-For", &from), ("X-Forwarded-Proto", "https")], "");
    let cookie = pair(&form.cookie("__Host-flux_formulaire").unwrap());
    let body = format!("csrf={}&username={}&password=faux", field(&form.text(), "csrf"), encoded(name));
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", &cookie),
        ("X-Forwarded-For", &from),
        ("X-Forwarded-Proto", "https"),
    ];
    let started = Instant::now();
    (served.send("POST", "/login", &headers, &body).status, started.elapsed().as_secs_f64())
}

/// `users` compares without regard to capitals and accents: a guesser with many addresses has no more tries for all that.
#[test]
fn an_account_is_one_however_its_name_is_spelt() {
    let db = empty();
    let served = with_accounts(&db, &[("API_TRUST_PROXY", "127.0.0.0/8")], &[]);
    let guess = |name: &str, from: u32| guess(&served, name, from).0;
    let spelt = ["luc", "LUC", "lùc", "luç", "Lûc", "LÚC"];
    let statuses: Vec<u16> = (1..).zip(spelt).map(|(from, name)| guess(name, from)).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    assert_eq!(guess("anne", 99), 401);
}

#[test]
fn many_guesses_at_once_are_not_more_than_five() {
    let db = empty();
    let served = with_accounts(&db, &[], &[]);
    let (cookie, token) = served.form();
    let statuses: Vec<u16> = scope(|scope| {
        let guess = |n: u32| {
            let (served, cookie, token) = (&served, &cookie, &token);
            scope.spawn(move || {
                served
                    .post(
                        "/login",
                        cookie,
                        &[("csrf", token), ("username", "anne"), ("password", &format!("faux {n}"))],
                    )
                    .status
            })
        };
        let guesses: Vec<_> = (0..20).map(guess).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 15, "{statuses:?}");
}

#[test]
fn passwords_of_the_old_portal_and_accounts_that_are_closed() {
    let db = empty();
    // By crypt(3) of libxcrypt, as PHP's password_hash writes it.
    db.exec(
        "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50) UNIQUE, password VARCHAR(255), role VARCHAR(20), active TINYINT(1), last_login DATETIME NULL);
         INSERT INTO users (username, password, role, active) VALUES
         ('php', '$2y$10$abcdefghijklmnopqrstuuEgbDRB5I9WLsNZPLyPus3O95uZTC.ta', 'user', 1),
         ('ferme', '$2y$10$abcdefghijklmnopqrstuuEgbDRB5I9WLsNZPLyPus3O95uZTC.ta', 'user', 0),
         ('clair', 'rasmuslerdorf', 'user', 1)",
    );
    let served = Served::new(&db, &[], &[]);
    let session = served.login("php", "rasmuslerdorf");
    assert_eq!(served.try_login("ferme", "rasmuslerdorf").status, 401);
    assert_eq!(served.try_login("clair", "rasmuslerdorf").status, 401);
    // Closed while logged in: out within seconds.
    assert_eq!(served.send("GET", "/dashboard", &[("Cookie", &session)], "").status, 200);
    served.home.tool("portal-users").args(["disable", "php"]).run().expect_code(3);
    let until = Instant::now() + Duration::from_secs(30);
    while served.send("GET", "/dashboard", &[("Cookie", &session)], "").status == 200 {
        assert!(Instant::now() < until, "a closed account still looks");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_unknown_account_takes_as_long_as_a_known_one() {
    let db = empty();
    let served = with_accounts(&db, &[("API_TRUST_PROXY", "127.0.0.0/8")], &[]);
    // The shortest of ten: what else the machine does only takes longer.
    let (mut known, mut unknown) = (f64::MAX, f64::MAX);
    for from in 0..10 {
        let pair = if from < 5 { ("anne", "personne") } else { ("luc", "nul") };
        for (name, shortest) in [(pair.0, &mut known), (pair.1, &mut unknown)] {
            let (status, seconds) = guess(&served, name, 2 * from + u32::from(name == pair.1));
            assert_eq!(status, 401, "{name}");
            *shortest = shortest.min(seconds);
        }
    }
    assert!(known > 0.005, "a hash takes longer than that: {known}");
    assert!(
        unknown > known / 3.0 && unknown < known * 3.0,
        "{known} s for a known account, {unknown} s for an unknown one"
    );
}

#[test]
fn calls_are_limited_by_token_and_by_address() {
    let db = empty();
    let variables = [
        ("API_RATE_LIMIT", "5/60"),
        ("PORTAL_PUBLIC", "1"),
        ("API_TRUST_PROXY", "127.0.0.1"),
        ("API_RATE_LIMIT_ALLOWLIST", "198.51.100.7"),
    ];
    let served = Served::new(&db, &variables, &[]);
    let from = |address: &str| served.send("GET", "/api/etat", &[("X-Forwarded-For", address)], "");
    for _ in 0..5 {
        assert_eq!(from("203.0.113.9").status, 200);
    }
    let refused = from("203.0.113.9");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=13).contains(&wait), "{wait}");
    error(refused, 429, "too-many-requests");
    // Another address, a token, an address that is not held to the limit, and the pages.
    assert_eq!(from("203.0.113.10").status, 200);
    assert_eq!(served.api("/api/etat").status, 200);
    (0..8).for_each(|_| assert_eq!(from("198.51.100.7").status, 200));
    assert_eq!(served.send("GET", "/methodologie", &[("X-Forwarded-For", "203.0.113.9")], "").status, 200);
    logged(&served, "203.0.113.9 - GET /api/etat 429");
}

#[test]
fn only_addresses_of_the_list_may_call() {
    let db = empty();
    let served = Served::new(
        &db,
        &[
            ("API_IP_ALLOWLIST", "192.0.2.0/24, 2001:db8::/32"),
            ("API_TRUST_PROXY", "127.0.0.1"),
            ("PORTAL_PUBLIC", "1"),
        ],
        &[],
    );
    let from = |address: &str| served.send("GET", "/api/etat", &[("X-Forwarded-For", address)], "");
    assert_eq!((from("192.0.2.7").status, from("2001:db8::9").status), (200, 200));
    for address in ["203.0.113.9", "192.0.2.7, 203.0.113.9", "127.0.0.1"] {
        error(from(address), 403, "forbidden");
    }
    // A stranger cannot say to be somebody else: without a proxy that is believed the header is nothing.
    let alone = Served::new(&db, &[("API_IP_ALLOWLIST", "192.0.2.0/24"), ("PORTAL_PUBLIC", "1")], &[]);
    error(alone.send("GET", "/api/etat", &[("X-Forwarded-For", "192.0.2.7")], ""), 403, "forbidden");
    // Pages are not APIs.
    assert_eq!(served.get("/methodologie").status, 200);
}

#[test]
fn other_sites_may_ask_only_where_they_are_named() {
    let db = empty();
    let served = Served::new(
        &db,
        &[
            ("PORTAL_CORS_ORIGINS", "https://www.exemple.fr"),
            ("PORTAL_PUBLIC", "1"),
            ("PORTAL_FRAME_ANCESTORS", "https://www.exemple.fr"),
        ],
        &[],
    );
    let with = |method: &str, origin: &str| served.send(method, "/api/etat", &[("Origin", origin)], "");
    assert_eq!(
        with("GET", "https://www.exemple.fr").header("access-control-allow-origin").as_deref(),
        Some("https://www.exemple.fr")
    );
    assert_eq!(with("GET", "https://evil.example").header("access-control-allow-origin"), None);
    let preflight = with("OPTIONS", "https://www.exemple.fr").expect(204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("Authorization"));
    assert!(with("OPTIONS", "https://evil.example").status >= 400);
    // Only the infographic may stand in a frame, and only when it is asked for as such.
    let ancestors = |path: &str| {
        served
            .get(path)
            .header("content-security-policy")
            .unwrap()
            .rsplit("frame-ancestors ")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ancestors("/infographie?embed=1"), "https://www.exemple.fr");
    assert_eq!((ancestors("/infographie"), ancestors("/dashboard?embed=1")), ("'none'".into(), "'none'".into()));
}

#[test]
fn requests_are_bounded() {
    let db = empty();
    let served = Served::new(&db, &[], &[]);
    // 10 MiB to the form of login, announced and then sent.
    let started = Instant::now();
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        10 << 20
    );
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + (10 << 20), b'a');
    assert_eq!(served.raw(&bytes).status, 413);
    let chunked = "POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = chunked.as_bytes().to_vec();
    (0..40).for_each(|_| bytes.extend_from_slice(format!("1000\r\n{}\r\n", "a".repeat(4_096)).as_bytes()));
    bytes.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(served.raw(&bytes).status, 413);
    // A head of 100 kB, a line of 100 kB, 200 headers.
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    assert_eq!(served.raw(long.as_bytes()).status, 431);
    let long = format!("GET /healthz?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    assert!([414, 431].contains(&served.raw(long.as_bytes()).status));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(served.raw(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes()).status, 431);
    for junk in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{0} HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut stream = served.connect();
        let _ = stream.write_all(junk.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let status = read(&mut stream).status;
        assert!([0, 400, 505].contains(&status), "{junk:?}: {status}");
    }
    assert_eq!(served.get("/healthz").expect(200).json(), json!({"status": "ok"}));
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn slow_clients_are_cut_off_and_idle_ones_hold_nobody_up() {
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    let idle: Vec<TcpStream> = (0..1_000).map(|_| served.connect()).collect();
    let mut slow = served.connect();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
    let mut body = served.connect();
    body.write_all(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncsrf=").unwrap();
    let started = Instant::now();
    assert_eq!(served.get(FIGURES).status, 200);
    assert!(started.elapsed() < Duration::from_secs(10), "idle connections hold others up: {:?}", started.elapsed());
    // A form without a length, larger than any, is refused before its end.
    let mut large = served.connect();
    large
        .write_all(b"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let _ = large.write_all(format!("5000\r\n{}\r\n", "x".repeat(0x5000)).as_bytes());
    assert_eq!(read(&mut large).status, 413);
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).expect("cut off, not left hanging");
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    for mut stream in idle {
        let mut byte = [0];
        assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)), "an idle connection is kept");
    }
    let answer = read(&mut body);
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn answers_are_kept_and_never_stale() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let total = |served: &Served| served.api(FIGURES).expect(200).json()["bloc_a"][0]["N"].as_u64().unwrap();
    sleep(Duration::from_secs(4));
    let first = served.api(FIGURES).expect(200);
    let tag = first.header("etag").unwrap();
    let again = served.send("GET", FIGURES, &[("X-Api-Key", TOKEN), ("If-None-Match", &tag)], "").expect(304);
    assert!(again.body.is_empty());
    let kept = served.api(FIGURES).expect(200).json();
    assert_eq!(kept["meta"]["calcule_le"], first.json()["meta"]["calcule_le"], "it was worked out again");
    let before = total(&served);
    // By hand, as no tool would.
    db.exec("UPDATE fact_nuitees SET volume = volume + 1000 WHERE date = '2025-07-05' AND id_zone = 2 AND id_provenance = 2 AND id_categorie = 1");
    sleep(Duration::from_millis(1_200));
    assert_eq!(total(&served), before + 1_000);
    db.exec("UPDATE fact_nuitees SET volume = volume + 500 WHERE date = '2025-07-06' AND id_zone = 4 AND id_provenance = 3 AND id_categorie = 1");
    sleep(Duration::from_millis(1_200));
    assert_eq!(total(&served), before + 1_500);
    let after = served.send("GET", FIGURES, &[("X-Api-Key", TOKEN), ("If-None-Match", &tag)], "").expect(200);
    assert_ne!(after.json()["meta"]["version_des_donnees"], first.json()["meta"]["version_des_donnees"]);
    // Another interval is another answer.
    let other = served
        .api("/api/infographie/infographie_indicateurs_cles?debut=2025-07-05&fin=2025-07-05&zone=CABA")
        .expect(200)
        .json();
    assert_ne!(other["bloc_a"][0]["N"], kept["bloc_a"][0]["N"]);
}

/// Waits for the figures: a server that others keep busy too may not have them within the limit of a statement at once.
#[track_caller]
fn answered(served: &Served, path: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while served.api(path).status != 200 {
        assert!(Instant::now() < until, "it does not come back\n{}", served.home.logs());
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_database_that_goes_away_and_comes_back_needs_no_restart() {
    let Some(server) = Server::dedicated::<&str>([]) else { return };
    let db = server.new_db();
    fill(&db);
    let served = Served::new(&db, &[], &[]);
    assert_eq!(served.api(FIGURES).status, 200);
    assert_eq!(served.get("/readyz").status, 200);
    server.kill9();
    sleep(Duration::from_millis(1_200));
    let away = error(served.api(FIGURES), 503, "unavailable");
    let text = away.to_string();
    assert!(!text.contains("127.0.0.1") && !text.contains("SQL") && !text.contains("Connection"), "{text}");
    let answer = served.get("/readyz");
    assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true));
    assert_eq!(served.get("/healthz").status, 200);
    server.restart();
    answered(&served, FIGURES);
    assert_eq!(served.get("/readyz").status, 200);
}

#[test]
fn a_server_that_hangs_is_not_waited_for_for_ever() {
    let Some(server) = Server::dedicated::<&str>([]) else { return };
    let db = server.new_db();
    fill(&db);
    let served = Served::new(&db, &[], &["--statement-limit", "1"]);
    answered(&served, FIGURES);
    let signal = |name: &str| {
        std::process::Command::new("kill")
            .args([&format!("-{name}"), &server.pid().unwrap().to_string()])
            .status()
            .unwrap()
    };
    signal("STOP");
    sleep(Duration::from_millis(1_200));
    let started = Instant::now();
    error(served.api(FIGURES), 503, "unavailable");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    signal("CONT");
    answered(&served, FIGURES);
}

/// A read that takes too long is ended by the server, and what was asked meanwhile is answered.
#[test]
fn a_long_read_is_ended_by_the_server() {
    let db = database();
    let served = Served::new(&db, &[], &["--statement-limit", "1", "--connections", "2"]);
    answered(&served, FIGURES);
    let mut holder = db.conn();
    // Whoever reads the table waits for its lock.
    mysql_exec(&mut holder, "LOCK TABLES fact_diurnes_pays WRITE");
    let started = Instant::now();
    let answer =
        served.api("/api/infographie/infographie_pays_excursionnistes?annee=2025&periode=vacances_ete&zone=CABA");
    error(answer, 503, "unavailable");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    answered(&served, "/api/infographie/infographie_duree_sejour?annee=2025&periode=vacances_ete&zone=CABA");
    mysql_exec(&mut holder, "UNLOCK TABLES");
    answered(&served, "/api/infographie/infographie_pays_excursionnistes?annee=2025&periode=vacances_ete&zone=CABA");
}

/// What takes too long in all is told as any other failure, with its headers and its line in the log.
#[test]
fn a_request_that_takes_too_long_is_told_so() {
    let db = database();
    let served = Served::new(&db, &[], &["--statement-limit", "120"]);
    let list = "/api/infographie/infographie_departements_excursionnistes";
    let mut holder = db.conn();
    mysql_exec(&mut holder, "LOCK TABLES fact_diurnes_departements WRITE");
    let answer = served.api(&format!("{list}?annee=2025&periode=vacances_ete&zone=CABA"));
    mysql_exec(&mut holder, "UNLOCK TABLES");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    error(answer, 503, "unavailable");
    let until = Instant::now() + Duration::from_secs(10);
    while !served.home.read("logs/portail-acces.log").lines().any(|line| line.contains(list) && line.contains(" 503 "))
    {
        assert!(Instant::now() < until, "it is not in the log");
        sleep(Duration::from_millis(100));
    }
}

fn mysql_exec(conn: &mut flux_test::mysql::Conn, sql: &str) {
    flux_test::mysql::prelude::Queryable::query_drop(conn, sql).unwrap();
}

#[test]
fn a_stop_lets_what_runs_finish() {
    let db = database();
    let mut served = Served::new(&db, &[], &[]);
    let mut holder = db.conn();
    mysql_exec(&mut holder, "LOCK TABLES fact_diurnes_pays WRITE");
    let mut waiting = served.connect();
    let path = "/api/infographie/infographie_pays_excursionnistes?annee=2025&periode=vacances_ete&zone=CABA";
    waiting.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {TOKEN}\r\n\r\n").as_bytes()).unwrap();
    wait_for_blocked(&mut db.admin(), db.name(), "fact_diurnes_pays");
    served.running.signal("TERM");
    let until = Instant::now() + Duration::from_secs(8);
    while TcpStream::connect(&served.address).is_ok() {
        assert!(Instant::now() < until, "it still accepts");
        sleep(Duration::from_millis(20));
    }
    mysql_exec(&mut holder, "UNLOCK TABLES");
    let answer = read(&mut waiting).expect(200);
    assert_eq!(answer.json()["status"], "success");
    let outcome = served.running.wait().expect_code(0);
    assert!(outcome.duration < Duration::from_secs(40));
}

#[test]
fn below_a_path() {
    let db = database();
    let served = with_accounts(&db, &[], &["--base-path", "/portail/"]);
    assert_eq!(served.get("/portail/").expect(303).header("location").as_deref(), Some("/portail/dashboard"));
    assert_eq!(served.get("/portail").expect(303).header("location").as_deref(), Some("/portail/dashboard"));
    assert!(
        served
            .get("/portail/dashboard")
            .expect(303)
            .header("location")
            .unwrap()
            .starts_with("/portail/login?redirect=%2Fdashboard")
    );
    let page = served.get("/portail/login").expect(200);
    assert!(
        page.text().contains("action=\"/portail/login\"")
            && page.cookie("flux_formulaire").unwrap().contains("Path=/portail;")
    );
    let form = [
        ("csrf", field(&page.text(), "csrf")),
        ("username", "luc".into()),
        ("password", PASSWORD.into()),
        ("redirect", "/tables".into()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let login = served.post("/portail/login", &pair(&page.cookie("flux_formulaire").unwrap()), &form).expect(303);
    assert_eq!(login.header("location").as_deref(), Some("/portail/tables"));
    assert_eq!(served.api(&format!("/portail{FIGURES}")).status, 200);
    assert_eq!((served.api(FIGURES).status, served.get("/healthz").status), (404, 200));
}

/// A certificate of its own authority, and its key.
fn certificate(home: &Home) -> bool {
    let args = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    let openssl = std::process::Command::new("openssl").args(args).current_dir(home.path()).output();
    openssl.is_ok_and(|output| output.status.success())
}

#[test]
fn tls_by_itself() {
    let db = shared();
    let home = Home::new(db);
    if !certificate(&home) {
        return flux_test::skip("openssl is not installed");
    }
    let served = Served::at(home, &[], &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let port = served.address.rsplit(':').next().unwrap();
    let check = |base: String| {
        let tool = served.home.tool("test-infographie-apis").args(["--json", "--base-url", &base]);
        tool.args(["--year", "2025", "--period", "vacances_ete", "--zone", "CABA"])
            .env("API_TOKEN", TOKEN)
            .env("PORTAL_CA", "cert.pem")
            .run()
    };
    check(format!("https://localhost:{port}")).expect_code(0);
    // Plain http on that port is no answer, and a client that never shakes hands holds nobody up.
    let _silent = served.connect();
    check(format!("http://127.0.0.1:{port}")).expect_code(1);
    check(format!("https://localhost:{port}")).expect_code(0);
}

#[test]
fn settings_that_make_no_sense_stop_it_at_the_start() {
    let db = empty();
    let home = Home::new(&db);
    for (name, value) in [
        ("API_RATE_LIMIT", "beaucoup"),
        ("API_IP_ALLOWLIST", "192.0.2.0/99"),
        ("API_TRUST_PROXY", "proxy"),
        ("PORTAL_PUBLIC", "peut-être"),
        ("PORTAL_CORS_ORIGINS", "*"),
        ("PORTAL_FRAME_ANCESTORS", "https://a;script-src *"),
    ] {
        let run =
            home.tool("serve-portal").args(["--listen", "127.0.0.1:0", "--json"]).env(name, value).run().expect_code(1);
        assert_eq!(run.json()["error"]["code"], "config", "{name}");
        run.expect_stderr(name);
    }
    let run = |args: &[&str]| home.tool("serve-portal").args(args).run();
    run(&["--base-path", "a b", "--listen", "127.0.0.1:0"]).expect_code(1);
    run(&["--listen", "ici"]).expect_code(2);
    run(&["--tls-cert", "c.pem"]).expect_code(2);
    run(&["--listen", "127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"]).expect_code(1);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    run(&["--listen", &taken.local_addr().unwrap().to_string()]).expect_code(1).expect_stderr("un autre port");
    let elsewhere =
        home.tool("serve-portal").args(["--listen", "127.0.0.1:0", "--json"]).env("DB_PORT", "1").run().expect_code(1);
    assert_eq!(elsewhere.json()["error"]["code"], "connect");
}

#[test]
fn an_account_of_its_own_with_few_rights_is_enough() {
    let db = database();
    let home = Home::new(&db);
    add_user(&home, "anne", &["--role", "admin"]).expect_code(0);
    let tables = db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND (table_name LIKE 'dim\\_%' OR table_name LIKE 'fact\\_%')",
    );
    let mut grants: Vec<String> = tables.iter().map(|table| format!("SELECT ON {{db}}.{table}")).collect();
    grants.extend([
        "SELECT, INSERT, UPDATE, DELETE ON {db}.flux_portal_sessions".into(),
        "SELECT ON {db}.users".into(),
        "UPDATE (last_login) ON {db}.users".into(),
    ]);
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let account = db.restricted_user(&grants);
    let variables = [("DB_USER_PORTAL", account.user.as_str()), ("DB_PASSWORD_PORTAL", account.password.as_str())];
    let served = Served::at(home, &variables, &[]);
    assert_eq!(served.api(FIGURES).status, 200);
    let session = served.login("anne", PASSWORD);
    assert_eq!(served.send("GET", "/dashboard", &[("Cookie", &session)], "").status, 200);
    assert_ne!(db.scalar("SELECT COALESCE(last_login, '') FROM users"), "");
}
