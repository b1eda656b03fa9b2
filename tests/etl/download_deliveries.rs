//! `download-deliveries`: what is listed, what is fetched, and under which name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use flux_test::{Home, Tool};
use serde_json::{Value, json};
use support::codes;
use support::orange::{self, BASIC, LIST, PASSWORD, entry, entry_with, header, served, zip};
use support::portal::{Portal, Reply, Request, html, status};

fn statuses(json: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    json["files"].as_array().unwrap().iter().map(|file| (text(&file["file_name"]), text(&file["status"]))).collect()
}

fn names(json: &Value) -> BTreeSet<String> {
    statuses(json).into_iter().map(|(name, _)| name).collect()
}

/// What is in `ftp_downloads/` for everybody to see.
fn visible(home: &Home) -> Vec<String> {
    home.list("ftp_downloads").into_iter().filter(|name| !name.starts_with('.')).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Five files of three deliveries, each of whose content is `zip(100)`.
fn catalogue(request: &Request) -> Reply {
    let delivery = |code: &str, name: &str, modified: &str| json!({"delivery_code_ref": code, "delivery_name": name, "file_last_modified_date": modified});
    let entries = [
        entry_with("Nuitee_2019B1.zip", "/f/1", delivery("L1", "B1 2019", "2020-01-10T08:00:00+01:00")),
        entry_with("Diurne_2024B1.zip", "/f/2", delivery("L7", "B1 2024", "2024-09-01T08:00:00+02:00")),
        entry_with("Nuitee_2024B1.zip", "/f/3", delivery("L7", "B1 2024", "2024-09-02T08:00:00+02:00")),
        entry_with("Carte.pdf", "/f/4", delivery("L7", "B1 2024", "2024-09-02T08:00:00+02:00")),
        entry_with(
            "Puy.zip",
            "/f/5",
            json!({"study_code_ref": "E2", "study_name": "Puy-de-Dôme été", "delivery_name": "Livraison spéciale", "file_last_modified_date": "2025-01-01T00:00:00Z"}),
        ),
    ];
    match request.path.as_str() {
        LIST => orange::list(request, &entries),
        _ => served(&zip(100)).whole(request),
    }
}

#[test]
fn new_files_are_fetched_once_and_other_kinds_are_said() {
    let portal = Portal::new(|request, _| catalogue(request));
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).run().expect_code(0);
    let json = outcome.json();
    assert_eq!((json["totals"]["fetched"].as_u64(), json["listed"].as_u64()), (Some(4), Some(5)));
    assert_eq!(json["other_kinds"], json!(["Carte.pdf"]));
    assert_eq!(visible(&home), ["Diurne_2024B1.zip", "Nuitee_2019B1.zip", "Nuitee_2024B1.zip", "Puy.zip"]);
    assert_eq!(fs::read(home.join("ftp_downloads/Puy.zip")).unwrap(), zip(100));
    // The hash, by an independent program where there is one.
    if let Ok(output) = Command::new("b3sum").arg("--no-names").arg(home.join("ftp_downloads/Puy.zip")).output() {
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), json["files"][0]["blake3"].as_str().unwrap());
    }
    let before = portal.requests().len();
    assert_eq!(before, 5);
    let again = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!(again["totals"]["known"], 4);
    assert_eq!(portal.requests().len(), before + 1, "only the list is asked for again");
    // Silent for cron while there is nothing to look at.
    let quiet = orange::tool(&home, &portal).arg("--quiet").run().expect_code(0);
    assert_eq!(quiet.stderr, "");
    let all = orange::tool(&home, &portal).arg("--all-kinds").arg("--dry-run").run().expect_code(0).json();
    assert_eq!(all["totals"]["new"], 1);
    assert_eq!(portal.requests().len(), before + 3);
    // Credentials are neither shown nor kept.
    let kept = Command::new("grep").args(["-r", PASSWORD]).arg(home.path()).output().unwrap();
    assert!(!outcome.stdout.contains(PASSWORD) && !outcome.stderr.contains(PASSWORD) && kept.stdout.is_empty());
}

#[test]
fn files_are_chosen_by_study_year_name_and_age() {
    let portal = Portal::new(|request, _| catalogue(request));
    let home = Home::without_db();
    let listed = |arguments: &[&str]| {
        names(&orange::tool(&home, &portal).arg("--list").args(arguments).run().expect_code(0).json())
    };
    assert_eq!(listed(&["--year", "2019"]), set(&["Nuitee_2019B1.zip"]));
    // The delivery's name holds no year: the date counts.
    assert_eq!(listed(&["--year", "2025"]), set(&["Puy.zip"]));
    assert_eq!(listed(&["--study", "puy de dome"]), set(&["Puy.zip"]));
    assert_eq!(listed(&["--study", "E1", "--only", "nuitee*"]), set(&["Nuitee_2019B1.zip", "Nuitee_2024B1.zip"]));
    assert_eq!(listed(&["--latest", "2"]), set(&["Puy.zip", "Diurne_2024B1.zip", "Nuitee_2024B1.zip"]));
    assert_eq!(listed(&["--only", "*.pdf", "--all-kinds"]), set(&["Carte.pdf"]));
    assert!(!home.join("ftp_downloads").exists(), "a list writes nothing");
    assert!(portal.requests().iter().all(|request| request.path == LIST));
}

/// What an operator asked for and will never get is told, on every kind of run; a year that has not come yet is not.
#[test]
fn what_is_not_offered_at_all_is_told() {
    let portal = Portal::new(|request, _| catalogue(request));
    let home = Home::without_db();
    let run = |arguments: &[&str], code| orange::tool(&home, &portal).args(arguments).run().expect_code(code).json();
    for arguments in [&["--study", "Aveyron"][..], &["--study", "E3", "--list"], &["--study", "E7", "--dry-run"]] {
        let json = run(arguments, 3);
        assert_eq!((codes(&json), json["files"].as_array().unwrap().len()), (vec!["nothing-offered"], 0), "{json:#}");
        let action = json["findings"][0]["action"].as_str().unwrap();
        assert!(action.contains("E1 (Cantal tourisme)") && action.contains("E2 (Puy-de-Dôme été)"), "{action}");
    }
    // Of this study there are only pictures.
    let atlas = || entry_with("Atlas.pdf", "/f/6", json!({"study_code_ref": "E9", "study_name": "Atlas"}));
    let pictures = Portal::new(move |request, _| orange::list(request, &[atlas()]));
    let of_pictures = |arguments: &[&str], code| {
        orange::tool(&home, &pictures)
            .args(["--study", "atlas", "--list"])
            .args(arguments)
            .run()
            .expect_code(code)
            .json()
    };
    assert_eq!(codes(&of_pictures(&[], 3)), ["nothing-offered"]);
    assert_eq!(of_pictures(&["--all-kinds"], 0)["findings"], json!([]));
    assert_eq!(run(&["--study", "e2", "--list"], 0)["files"].as_array().unwrap().len(), 1);
    assert_eq!(run(&["--study", "E2", "--year", "2031"], 0)["findings"], json!([]));
    // A word of nothing but signs would be a part of every name.
    for bad in [&["--study", ""][..], &["--study", " - "], &["--only", ""], &["--only", "*.zip,"]] {
        orange::tool(&home, &portal).args(bad).run().expect_code(2);
    }
    let empty = Portal::always(support::portal::json("[]"));
    let json = orange::tool(&home, &empty).arg("--quiet").run().expect_code(3).json();
    assert_eq!((codes(&json), &json["listed"]), (vec!["nothing-offered"], &json!(0)));
}

#[test]
fn names_of_strangers_lead_nowhere_and_twins_keep_apart() {
    let portal = Portal::new(|request, _| match request.path.as_str() {
        LIST if header(request, "authorization") == Some(BASIC) => {
            let twin = json!({"delivery_code_ref": "L8", "delivery_name": "B2 2024"});
            let entries = json!([
                entry("../../../evil.zip", "/f/1", "2024-01-05T00:00:00Z"),
                entry("..\\..\\evil.zip", "/f/2", "2024-01-04T00:00:00Z"),
                entry(".bashrc.zip", "/f/3", "2024-01-03T00:00:00Z"),
                entry("Nuitee.zip", "/f/4", "2024-01-02T00:00:00Z"),
                entry_with("NUITEE.ZIP", "/f/5", twin),
                {"file_name": "sans adresse.zip"},
            ]);
            // A byte that is no UTF-8, as a damaged name has it, and a raw line feed.
            let mut body = entries.to_string().into_bytes();
            let damaged = b",{\"file_name\":\"Ch\xe2taigneraie\n.zip\",\"url\":\"/f/6\"}]";
            body.pop();
            body.extend_from_slice(damaged);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            Reply::Raw([head.as_bytes(), &body].concat())
        }
        // Each file is another one.
        path => served(&zip(path.as_bytes()[3] as usize)).whole(request),
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(3).json();
    assert_eq!(codes(&json), ["delivery-not-fetched"], "the entry without an address: {json:#}");
    let here = visible(&home);
    assert_eq!(here.len(), 6, "{here:?}");
    assert!(here.contains(&"bashrc.zip".into()) && here.contains(&"Châtaigneraie .zip".into()), "{here:?}");
    assert_eq!(here.iter().filter(|name| name.to_lowercase().starts_with("nuitee")).count(), 2, "{here:?}");
    assert_eq!(here.iter().filter(|name| name.contains("evil")).count(), 2, "{here:?}");
    let outside = fs::read_dir(home.path().parent().unwrap()).unwrap().flatten();
    assert!(outside.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("evil")));
    let again = orange::tool(&home, &portal).run().expect_code(3).json();
    assert_eq!(again["totals"]["known"], 6);
}

/// Entries that only their addresses tell apart are files of their own; an entry that stands twice is one, an older version none.
#[test]
fn what_only_its_address_tells_apart_is_another_file() {
    let portal = Portal::new(|request, _| match request.path.as_str() {
        LIST => {
            let named = |url: &str| entry("Semaine.csv", url, "2025-08-15T10:30:00Z");
            let older = entry("Semaine.csv", "/f/9", "2025-08-01T10:30:00Z");
            orange::list(request, &[named("/f/1"), named("/f/2"), named("/f/1"), named("/f/3"), older])
        }
        path => served(format!("{path}\n").as_bytes()).whole(request),
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!((&json["listed"], &json["totals"]["fetched"]), (&json!(3), &json!(3)));
    let mut content: Vec<String> =
        visible(&home).iter().map(|name| home.read(format!("ftp_downloads/{name}"))).collect();
    content.sort();
    assert_eq!(content, ["/f/1\n", "/f/2\n", "/f/3\n"]);
    let before = portal.requests().len();
    assert_eq!(orange::tool(&home, &portal).run().expect_code(0).json()["totals"]["known"], 3);
    assert_eq!(portal.requests().len(), before + 1);
}

#[test]
fn a_file_that_changed_comes_beside_the_old_one() {
    let portal = Portal::new(|request, number| match request.path.as_str() {
        // Runs: first version; second; the same content under a newer date.
        LIST => {
            let date = ["2025-08-15T10:30:00+02:00", "2025-08-22T10:30:00+02:00", "2025-08-29T10:30:00+02:00"];
            let run = if number <= 1 {
                0
            } else if number <= 3 {
                1
            } else {
                2
            };
            orange::list(request, &[entry("Nuitee.zip", "/f/1", date[run])])
        }
        _ => served(&zip(if number <= 2 { 50 } else { 60 })).whole(request),
    });
    let home = Home::without_db();
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    let json = orange::tool(&home, &portal).run().expect_code(3).json();
    assert_eq!(codes(&json), ["delivery-changed"]);
    assert_eq!(json["files"][0]["replaces"], "Nuitee.zip");
    assert_eq!(visible(&home), ["Nuitee.zip", "Nuitee_20250822-083000.zip"]);
    assert_eq!(fs::read(home.join("ftp_downloads/Nuitee.zip")).unwrap(), zip(50));
    assert_eq!(fs::read(home.join("ftp_downloads/Nuitee_20250822-083000.zip")).unwrap(), zip(60));
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!(json["totals"]["known"], 1, "the same content under a newer date");
    assert_eq!(visible(&home).len(), 2);
}

#[test]
fn what_was_unpacked_and_removed_is_not_fetched_again() {
    let portal = Portal::new(|request, _| match request.path.as_str() {
        LIST => orange::list(request, &[entry("Nuitee.zip", "/f/1", "2025-08-15T10:30:00+02:00")]),
        _ => served(&zip(50)).whole(request),
    });
    let home = Home::without_db();
    let run = || orange::tool(&home, &portal).run().expect_code(0).json();
    run();
    fs::remove_file(home.join("ftp_downloads/Nuitee.zip")).unwrap();
    assert_eq!(run()["totals"]["fetched"], 1, "lost before it was unpacked");
    let _ = home.tool("extract-only").run().expect_code(0);
    fs::remove_file(home.join("ftp_downloads/Nuitee.zip")).unwrap();
    assert_eq!(run()["totals"]["known"], 1);
    let forced = orange::tool(&home, &portal).arg("--force").run().expect_code(0).json();
    assert_eq!(forced["totals"]["fetched"], 1);
    // A file of the same name and length that is another one stays, and the offered one comes beside it.
    fs::write(home.join("ftp_downloads/Nuitee.zip"), vec![b'x'; zip(50).len()]).unwrap();
    assert_eq!(run()["totals"]["fetched"], 1);
    assert_eq!(fs::read(home.join("ftp_downloads/Nuitee.zip")).unwrap(), vec![b'x'; zip(50).len()]);
    assert_eq!(fs::read(home.join("ftp_downloads/Nuitee_B1-2024.zip")).unwrap(), zip(50));
}

#[test]
fn credentials_follow_no_redirection_to_another_host() {
    let other = Portal::new(|request, _| served(&zip(70)).whole(request));
    let there = format!("{}/stockage/x", other.base);
    let portal = Portal::new(move |request, _| match request.path.as_str() {
        LIST => orange::list(
            request,
            &[
                entry("a.zip", "/f/away", "2025-08-15T10:30:00Z"),
                entry("b.zip", "/f/here", "2025-08-14T10:30:00Z"),
                entry("c.zip", &there, "2025-08-13T10:30:00Z"),
                entry("d.zip", "/f/clear", "2025-08-12T10:30:00Z"),
                entry("e.zip", "/f/loop", "2025-08-11T10:30:00Z"),
            ],
        ),
        "/f/away" => status(302, &[("Location", &there)]),
        "/f/here" => status(307, &[("Location", "../final")]),
        "/f/clear" => status(302, &[("Location", "http://orange.invalid/x")]),
        "/f/loop" => status(302, &[("Location", "/f/loop")]),
        _ if header(request, "authorization") == Some(BASIC) => served(&zip(80)).whole(request),
        _ => status(401, &[]),
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(3).json();
    let expected =
        [("a.zip", "fetched"), ("b.zip", "fetched"), ("c.zip", "fetched"), ("d.zip", "failed"), ("e.zip", "failed")];
    assert_eq!(statuses(&json), expected.map(|(name, status)| (name.to_owned(), status.to_owned())));
    let seen = other.requests();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| header(request, "authorization").is_none()), "{seen:?}");
    assert!(portal.requests().iter().all(|request| header(request, "authorization") == Some(BASIC)));
}

#[test]
fn a_portal_that_refuses_is_told_with_its_code() {
    let home = Home::without_db();
    let refused = |reply: Reply| {
        let portal = Portal::always(reply);
        let outcome = orange::tool(&home, &portal).run().expect_code(1);
        assert!(outcome.json()["error"]["hint"].is_string() && !outcome.stderr.contains(PASSWORD));
        (outcome.json()["error"]["code"].as_str().unwrap().to_owned(), portal.requests().len())
    };
    let said = |code: &str, requests| (code.to_owned(), requests);
    assert_eq!(refused(status(401, &[])), said("portal-refused", 1));
    assert_eq!(refused(status(403, &[])), said("portal-refused", 1));
    assert_eq!(refused(status(404, &[])), said("portal-refused", 1));
    assert_eq!(refused(html(200, "<html>Maintenance</html>")), said("portal-refused", 1));
    assert_eq!(refused(support::portal::json("{\"error\":\"no\"}")), said("portal-refused", 1));
    assert_eq!(refused(support::portal::json("[{\"file_name\":\"a.zip\"")), said("portal-refused", 1));
    assert_eq!(refused(status(500, &[])), said("portal-refused", 4));
    // A wait that is too long is not waited for.
    assert_eq!(refused(status(429, &[("Retry-After", "3600")])), said("portal-refused", 1));
    assert_eq!(refused(Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec())).0, "portal-unreachable");
    let closed = Portal::always(status(200, &[]));
    let outcome = orange::tool(&home, &closed).env("FLUX_VISION_URL", "http://127.0.0.1:9").run().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "portal-unreachable");
}

#[test]
fn busy_servers_are_asked_again() {
    let portal = Portal::new(|request, number| match (request.path.as_str(), number) {
        (_, 1) => status(503, &[]),
        (_, 2) => status(429, &[("Retry-After", "1")]),
        (LIST, _) => orange::list(request, &[entry("a.zip", "/f/1", "2025-08-15T10:30:00Z")]),
        (_, 4) => status(500, &[]),
        (_, 5) => status(429, &[]),
        _ => served(&zip(70)).whole(request),
    });
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(outcome.json()["totals"]["fetched"], 1);
    assert!(outcome.duration.as_secs_f64() > 1.0, "the wait that was asked for");
}

#[test]
fn settings_are_needed_and_a_clear_connection_is_refused() {
    let portal = Portal::new(|request, _| catalogue(request));
    let home = Home::without_db();
    for name in ["FLUX_VISION_ORGA", "FLUX_VISION_USER", "FLUX_VISION_PASSWORD"] {
        let outcome = orange::tool(&home, &portal).env_remove(name).run().expect_code(1);
        assert_eq!(outcome.json()["error"]["code"], "config");
        assert!(outcome.json()["error"]["message"].as_str().unwrap().contains(name));
    }
    for url in
        ["http://orange.invalid/v1", "http://127.0.0.1.evil.invalid/", "https://moi:secret@orange.invalid", "orange.fr"]
    {
        let outcome = orange::tool(&home, &portal).env("FLUX_VISION_URL", url).run().expect_code(1);
        assert_eq!(outcome.json()["error"]["code"], "config", "{url}");
    }
    let _ = orange::tool(&home, &portal).args(["--year", "25"]).run().expect_code(2);
    let _ = orange::tool(&home, &portal).args(["--list", "--dry-run"]).run().expect_code(2);
    assert!(portal.requests().is_empty());
    // The password from a file, and from .env.
    let file = home.write("orange.txt", format!("{PASSWORD}\n"));
    let tool = orange::tool(&home, &portal).env_remove("FLUX_VISION_PASSWORD");
    let _ = tool.arg("--list").arg("--password-file").arg(file).run().expect_code(0);
    home.write(".env", format!("FLUX_VISION_PASSWORD='{PASSWORD}'\n"));
    let _ = orange::tool(&home, &portal).env_remove("FLUX_VISION_PASSWORD").arg("--list").run().expect_code(0);
}

#[test]
fn https_is_spoken_with_an_authority_of_ones_own() {
    let home = Home::without_db();
    let ca = home.write("tls/ca.pem", "");
    let Some(tls) = orange::tls(&ca) else { return flux_test::skip("openssl is not installed") };
    let portal = Portal::secure(tls, |request, _| catalogue(request));
    let json = orange::tool(&home, &portal).env("FLUX_VISION_CA", &ca).run().expect_code(0).json();
    assert_eq!(json["totals"]["fetched"], 4);
    let outcome = orange::tool(&home, &portal).arg("--list").run().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "portal-unreachable");
    assert!(
        portal.requests().iter().filter(|request| request.path == LIST).count() == 1,
        "nothing is sent to a stranger"
    );
}

/// What is sent to this machine in clear does not go through a proxy; to another one it does, encrypted, without the credentials.
#[test]
fn a_proxy_is_not_told_what_stays_on_this_machine() {
    let proxy = Portal::always(status(407, &[]));
    let portal = Portal::new(|request, _| catalogue(request));
    let home = Home::without_db();
    let through = |tool: Tool| tool.env("HTTPS_PROXY", &proxy.base).env("http_proxy", &proxy.base);
    let json = through(orange::tool(&home, &portal)).arg("--list").run().expect_code(0).json();
    assert_eq!((json["listed"].as_u64(), proxy.requests().len()), (Some(5), 0));
    let away = through(orange::tool(&home, &portal)).env("FLUX_VISION_URL", "https://orange.invalid/v1").arg("--list");
    let error = away.run().expect_code(1).json()["error"].clone();
    assert_eq!(error["code"], "portal-unreachable");
    assert!(error["message"].as_str().unwrap().contains("407") && error["hint"].as_str().unwrap().contains("NO_PROXY"));
    let seen = proxy.requests();
    assert!(!seen.is_empty() && seen.iter().all(|request| header(request, "authorization").is_none()), "{seen:?}");
}

/// What cannot be used is not gone round in silence, and its password is not shown.
#[test]
fn a_proxy_that_cannot_be_used_is_refused_by_its_name() {
    let home = Home::without_db();
    let portal = Portal::new(|request, _| catalogue(request));
    let away = || orange::tool(&home, &portal).env("FLUX_VISION_URL", "https://orange.invalid/v1").arg("--list");
    for (name, value) in [
        ("all_proxy", "socks5h://agent:s3cret-mandataire@mandataire.invalid:1080"),
        ("ALL_PROXY", "socks4://mandataire.invalid"),
        ("HTTPS_PROXY", "ftp://agent:s3cret-mandataire@mandataire.invalid"),
        ("https_proxy", "http://"),
    ] {
        let outcome = away().env(name, value).run().expect_code(1);
        let error = outcome.json()["error"].clone();
        let said = error["message"].as_str().unwrap();
        assert!(error["code"] == "config" && said.starts_with(name), "{outcome}");
        assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("s3cret-mandataire"), "{outcome}");
        // The host is meant to be reached directly: it is asked for, and its name is unknown.
        let direct = away().env(name, value).env("NO_PROXY", "intranet.exemple.fr, .invalid").run().expect_code(1);
        assert_eq!(direct.json()["error"]["code"], "portal-unreachable", "{direct}");
        let here = orange::tool(&home, &portal).arg("--list").env(name, value).run().expect_code(0);
        assert_eq!(here.json()["listed"], 5);
    }
    // That of https comes before that of all.
    let proxy = Portal::always(status(407, &[]));
    let both = away().env("ALL_PROXY", "socks5://mandataire.invalid").env("HTTPS_PROXY", &proxy.base);
    let _ = both.run().expect_code(1);
    assert_ne!(proxy.requests().len(), 0);
}

/// One letter, two ways to write it: names look alike and are alike, patterns find both, and neither takes the other's place.
#[test]
fn accents_are_the_same_however_they_are_written() {
    let portal = Portal::new(|request, _| match request.path.as_str() {
        LIST => orange::list(
            request,
            &[
                entry("Nuit\u{e9}e.zip", "/f/1", "2025-08-15T10:30:00Z"),
                entry("Nuite\u{301}e.zip", "/f/2", "2025-08-14T10:30:00Z"),
                entry("Diurne.zip", "/f/3", "2025-08-13T10:30:00Z"),
            ],
        ),
        path => served(&zip(path.as_bytes()[3] as usize)).whole(request),
    });
    let home = Home::without_db();
    for pattern in ["nuit\u{e9}e*", "Nuite\u{301}e"] {
        let listed = orange::tool(&home, &portal).args(["--list", "--only", pattern]).run().expect_code(0).json();
        assert_eq!(listed["files"].as_array().unwrap().len(), 2, "{pattern}");
    }
    orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(visible(&home), ["Diurne.zip", "Nuit\u{e9}e.zip", "Nuit\u{e9}e_B1-2024.zip"]);
    assert_eq!(orange::tool(&home, &portal).run().expect_code(0).json()["totals"]["known"], 3);
}

#[test]
fn a_list_of_two_thousand_entries_is_no_burden() {
    let entries: Vec<Value> = (0..2000)
        .map(|n| {
            let fields = json!({"delivery_code_ref": format!("L{}", n / 10), "file_last_modified_date": format!("{}-01-01T00:00:00Z", 1900 + n / 10)});
            entry_with(&format!("Fichier_{n}.zip"), &format!("/f/{n}"), fields)
        })
        .collect();
    let portal = Portal::new(move |request, _| match request.path.as_str() {
        LIST => orange::list(request, &entries),
        _ => served(&zip(20)).whole(request),
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).arg("--list").run().expect_code(0).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 2000);
    let outcome = orange::tool(&home, &portal).args(["--latest", "3"]).run().expect_code(0);
    assert_eq!(outcome.json()["totals"]["fetched"], 30);
    assert!(visible(&home).contains(&"Fichier_1999.zip".to_owned()));
}
