//! `test-admin-restrictions`: closed endpoints, open ones, and the accounts of the portal.

use std::collections::BTreeSet;

use flux_test::{Home, Outcome, TestDb};
use serde_json::Value;
use support::portal::{Portal, Reply, Request, html, json, status};

const USERS: &str = "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50), password VARCHAR(255), \
                     role VARCHAR(20), active TINYINT(1)) ENGINE=InnoDB;";

/// bcrypt of cost 12: 7 characters of prefix and 53 of salt and hash.
fn bcrypt() -> String {
    format!("$2y$12${}", "Kq3".repeat(17) + "ab")
}

fn sound_users(db: &TestDb) {
    db.exec(USERS);
    db.exec(&format!(
        "INSERT INTO users (username, password, role, active) VALUES ('a', '{0}', 'admin', 1), ('b', '{0}', 'user', 1)",
        bcrypt()
    ));
}

fn run(portal: &Portal, home: &Home, token: &str) -> Outcome {
    home.tool("test-admin-restrictions").args(["--base-url", &portal.base]).env("API_TOKEN", token).run()
}

/// The inventory lets a credential in and nobody else; the shared spaces know accounts; everything else is not there.
fn closed(request: &Request) -> Reply {
    match request.path.as_str() {
        "/api/database/tables_info.php" if request.has_token() => json(r#"{"success":true,"tables":[],"count":0}"#),
        path if path.starts_with("/api/") && request.has_token() => status(403, &[]),
        path if path.starts_with("/api/") => status(401, &[]),
        _ => status(404, &[]),
    }
}

fn codes(json: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["findings"].as_array().unwrap().iter().map(|f| (text(&f["code"]), text(&f["place"]))).collect()
}

fn is(json: &Value, code: &str, place: &str) -> bool {
    codes(json).contains(&(code.to_owned(), place.to_owned()))
}

fn attempt<'a>(json: &'a Value, endpoint: &str, caller: &str) -> &'a Value {
    let attempts = json["attempts"].as_array().unwrap();
    attempts.iter().find(|a| a["endpoint"] == endpoint && a["caller"] == caller).unwrap()
}

fn run_json(portal: &Portal, home: &Home, arguments: &[&str]) -> Value {
    home.tool("test-admin-restrictions")
        .args(["--json", "--base-url", &portal.base])
        .args(arguments)
        .env("API_TOKEN", "ordinaire")
        .run()
        .json()
}

#[test]
fn all_closed_and_accounts_in_order() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| closed(request));
    run(&portal, &Home::new(&db), "ordinaire").expect_code(0).expect_stdout("les comptes sont en ordre");
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert_eq!(json["credential_accepted"], true);
    let spaces = attempt(&json, "api/shared-spaces/spaces.php", "ordinary");
    assert_eq!(
        (&spaces["refused"], &spaces["proved"], &spaces["outcome"]),
        (&true.into(), &true.into(), &"refused".into())
    );
    // Doors that nobody should find are tried as a stranger only, and nothing is asked to do anything.
    for request in portal.requests() {
        let nobodys =
            ["/tools/", "/logs/", "/data/", "/temp/", "/.env"].iter().any(|path| request.path.starts_with(path));
        assert!(!(nobodys && request.has_token()), "{request:?}");
        let action = request.query.split('&').find_map(|pair| pair.strip_prefix("action="));
        assert!(action.is_none_or(|action| ["status", "stats"].contains(&action)), "{request:?}");
    }
}

/// legacy.md, 6.
#[test]
fn a_refused_token_proves_nothing_where_it_is_accepted_nowhere_or_not_read() {
    let db = TestDb::new();
    sound_users(&db);
    let home = Home::new(&db);
    // A token that no script knows.
    let nowhere =
        Portal::new(|request, _| if request.path.starts_with("/api/") { status(401, &[]) } else { status(404, &[]) });
    let json = run_json(&nowhere, &home, &[]);
    assert_eq!((&json["credential_accepted"], &json["exit_code"]), (&false.into(), &3.into()));
    assert!(is(&json, "refusal-unproved", "API_TOKEN"), "{json:#}");
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "ordinary")["proved"], false);
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "anonymous")["proved"], true);

    // The shared spaces read sessions, not tokens: 401 to a token says nothing, 403 to the session of an account does.
    let sessions = Portal::new(|request, _| {
        let known = request.head.contains("PORTAIL_SESSION=abc");
        match request.path.as_str() {
            path if path.starts_with("/api/shared-spaces/") => status(if known { 403 } else { 401 }, &[]),
            "/api/database/tables_info.php" => closed(request),
            _ => status(404, &[]),
        }
    });
    let json = run_json(&sessions, &home, &[]);
    assert_eq!((&json["credential_accepted"], &json["exit_code"]), (&true.into(), &3.into()));
    assert!(is(&json, "refusal-unproved", "API_TOKEN"), "{json:#}");
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "ordinary")["proved"], false);
    home.write("session.txt", "abc\n");
    let json = run_json(&sessions, &home, &["--session-file", "session.txt"]);
    assert_eq!((codes(&json), &json["exit_code"]), (BTreeSet::new(), &0.into()), "{json:#}");
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "ordinary")["proved"], true);

    // An inventory that lets everybody in does not show that the token is accepted.
    let open = Portal::new(|request, _| match request.path.as_str() {
        "/api/database/tables_info.php" => json_reply(),
        path if path.starts_with("/api/") => status(403, &[]),
        _ => status(404, &[]),
    });
    let json = run_json(&open, &home, &[]);
    assert_eq!(json["credential_accepted"], false);
    assert!(is(&json, "endpoint-open", "api/database/tables_info.php"), "{json:#}");
}

fn json_reply() -> Reply {
    json(r#"{"success":true,"tables":[{"table_name":"users"}],"count":1}"#)
}

/// legacy.md, 6.
#[test]
fn the_doors_that_stand_open_on_the_real_portal_are_found() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/tools/import/update_temp_tables.php" if request.query == "action=status" => {
            json(r#"{"running":false,"tables":10}"#)
        }
        "/tools/migration/migrate_temp_to_main.php" => {
            html(200, "<form method=\"post\"><button>Lancer</button></form>")
        }
        "/api/maintenance/optimize_database.php" => json(r#"{"success":true,"optimized":12}"#),
        "/cache_admin_unifie.php" => html(200, "<h1>Caches</h1>"),
        "/api/tools/debug_env.php" => json(r#"{"APP_ENV":"production"}"#),
        "/logs/" => html(200, "<title>Index of /logs</title>"),
        "/data/" => html(403, "Forbidden"),
        "/temp/" => status(302, &[("Location", "/login")]),
        // It asks for a password of its own; the portal's login, in front of what is behind it, is no open door.
        "/adminer.php" => {
            html(200, "<form><input name='auth[driver]'><input type=password name='auth[password]'></form>")
        }
        "/phpmyadmin/" => html(200, "<form action=/login><input type=password name=motdepasse></form>"),
        _ => closed(request),
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    let open: Vec<String> =
        codes(&json).into_iter().filter(|(code, _)| code == "endpoint-open").map(|(_, place)| place).collect();
    let expected = [
        "adminer.php",
        "api/maintenance/optimize_database.php",
        "api/tools/debug_env.php",
        "cache_admin_unifie.php",
        "logs/",
        "tools/import/update_temp_tables.php",
        "tools/migration/migrate_temp_to_main.php",
    ];
    assert_eq!(open, expected);
}

#[test]
fn a_portal_that_gives_one_page_for_everything_has_no_open_door_by_that() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match closed(request) {
        Reply::Answer(404, ..) => html(200, "<title>Observatoire</title>"),
        other => other,
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert_eq!((codes(&json), &json["exit_code"]), (BTreeSet::new(), &0.into()), "{json:#}");
}

#[test]
fn doors_are_added_by_a_file_and_a_bad_line_is_named() {
    let db = TestDb::new();
    sound_users(&db);
    let home = Home::new(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/export/tout.php" | "/vieux/phpliteadmin.php" => json("[1]"),
        _ => closed(request),
    });
    home.write("portes.csv", "adresse;acces;absence;role\nexport/tout.php?format=entete;personne;normale;export\n");
    home.write("reference/portes.csv", "vieux/phpliteadmin.php;personne;normale;explorateur\n");
    let json = run_json(&portal, &home, &["--doors", "portes.csv"]);
    assert!(
        is(&json, "endpoint-open", "export/tout.php") && is(&json, "endpoint-open", "vieux/phpliteadmin.php"),
        "{json:#}"
    );
    assert!(portal.requests().iter().any(|request| request.query == "format=entete"));
    home.write("portes.csv", "export/tout.php;tous;normale;export\n");
    let tool = || home.tool("test-admin-restrictions").args(["--base-url", &portal.base]);
    tool().args(["--doors", "portes.csv"]).run().expect_code(1).expect_stderr("portes.csv, ligne 1");
    tool().args(["--doors", "absent.csv"]).run().expect_code(1).expect_stderr("absent.csv");
}

#[test]
fn an_open_endpoint_is_an_error() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/shared-spaces/members.php" if request.has_token() => json(r#"{"success":true,"data":[{"id":1}]}"#),
        "/api/shared-spaces/router.php" => json(r#"{"success":false,"error":"non autorisé"}"#),
        "/api/shared-spaces/spaces.php" if !request.has_token() => status(302, &[("Location", "/login.php")]),
        _ => closed(request),
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert!(is(&json, "endpoint-open", "api/shared-spaces/members.php"), "{json:#}");
    assert!(is(&json, "refusal-unproved", "api/shared-spaces/router.php"), "a refusal with status 200\n{json:#}");
    assert!(
        !codes(&json).iter().any(|(_, place)| place.ends_with("spaces.php")),
        "a login page is a refusal\n{json:#}"
    );
    assert!(!codes(&json).iter().any(|(_, place)| place.ends_with("infographics.php")));
}

#[test]
fn a_missing_endpoint_or_a_html_page_proves_nothing_good() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/shared-spaces/members.php" => status(404, &[]),
        "/api/shared-spaces/router.php" => html(200, "<table><tr><td>données</td></tr></table>"),
        "/api/shared-spaces/spaces.php" => html(200, r#"<form><input type="password"></form>"#),
        _ => closed(request),
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert!(is(&json, "refusal-unproved", "api/shared-spaces/members.php"), "{json:#}");
    assert!(is(&json, "endpoint-open", "api/shared-spaces/router.php"), "{json:#}");
    assert!(is(&json, "refusal-unproved", "api/shared-spaces/spaces.php"), "{json:#}");
}

#[test]
fn weak_and_clear_passwords_are_found_and_never_shown() {
    let db = TestDb::new();
    db.exec(USERS);
    db.exec(
        "INSERT INTO users (username, password, role, active) VALUES ('a', '5f4dcc3b5aa765d61d8327deb882cf99', 'admin', 0), \
         ('b', 'Cantal2024!', 'user', 1), ('c', '', 'user', 1), ('d', NULL, 'user', 1)",
    );
    let portal = Portal::always(status(401, &[]));
    let run = run(&portal, &Home::new(&db), "ordinaire").expect_code(3);
    for secret in ["5f4dcc3b", "Cantal2024!", "ordinaire\""] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}\n{run}");
    }
    let run = run.expect_stdout("aucun administrateur actif").expect_stdout("compte 1 : empreinte MD5");
    run.expect_stdout("compte 2 : mot de passe en clair")
        .expect_stdout("compte 3 : mot de passe vide")
        .expect_stdout("compte 4");
}

#[test]
fn without_token_table_or_database_it_says_what_is_not_checked() {
    let portal = Portal::always(status(401, &[]));
    let db = TestDb::new();
    let home = Home::new(&db);
    let run = home.tool("test-admin-restrictions").args(["--base-url", &portal.base]).run().expect_code(3);
    run.expect_stdout("ni jeton ni session").expect_stdout("la table des comptes n'existe pas");
    let home = Home::without_db();
    run_without(&portal, &home).expect_code(3).expect_stdout("comptes non contrôlés : le réglage DB_USERNAME manque");
}

fn run_without(portal: &Portal, home: &Home) -> Outcome {
    run(portal, home, "ordinaire")
}

#[test]
fn a_portal_that_does_not_answer_is_a_failure() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::always(Reply::Raw(Vec::new()));
    run(&portal, &Home::new(&db), "ordinaire").expect_code(1).expect_stdout("coupée");
    Home::new(&db).tool("test-admin-restrictions").arg("--annee").run().expect_code(2);
}

/// A page for everything is none the less one for naming what was asked for, or for a token that is new each time.
#[test]
fn a_page_for_everything_may_change_a_little() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, calls| match request.path.as_str() {
        path if path.starts_with("/api/") => closed(request),
        path => html(
            200,
            &format!(
                "<h1>Introuvable</h1><p>{path}</p><p>le 28/11/2026 à 10:{calls:02}</p><script nonce=\"a{calls}f9=\">"
            ),
        ),
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert_eq!((codes(&json), &json["exit_code"]), (BTreeSet::new(), &0.into()), "{json:#}");
    assert_eq!(attempt(&json, ".env", "anonymous")["outcome"], "absent");
    // One that says something else is a door.
    let portal = Portal::new(|request, calls| match request.path.as_str() {
        path if path.starts_with("/api/") => closed(request),
        "/logs/" => html(200, "<h1>Index of /logs</h1>"),
        path => html(200, &format!("<h1>Introuvable</h1><p>{path} {calls}</p>")),
    });
    let json = run_json(&portal, &Home::new(&db), &[]);
    let expected = BTreeSet::from([("endpoint-open".to_owned(), "logs/".to_owned())]);
    assert_eq!(codes(&json), expected, "{json:#}");
}

/// Where a firewall refuses whatever is asked, the portal was never asked.
#[test]
fn a_refusal_of_everything_proves_nothing() {
    let db = TestDb::new();
    sound_users(&db);
    let firewall = |request: &Request| html(403, &format!("<h1>403</h1>{} refusé, dossier 7f3a", request.path));
    let portal = Portal::new(move |request, _| if request.has_token() { closed(request) } else { firewall(request) });
    let json = run_json(&portal, &Home::new(&db), &[]);
    assert_eq!((&json["exit_code"], &json["credential_accepted"]), (&3.into(), &true.into()), "{json:#}");
    let codes: Vec<String> = codes(&json).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["refusal-unproved"], "{json:#}");
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "anonymous")["proved"], false);
    assert_eq!(attempt(&json, "api/shared-spaces/spaces.php", "ordinary")["proved"], true);
}

/// A refusal in words, with status 200, is none that proves anything, and no open door either.
#[test]
fn a_refusal_in_words_alone_is_no_open_door() {
    let db = TestDb::new();
    sound_users(&db);
    let replies: [fn() -> Reply; 4] = [
        || json(r#"{"authenticated":false}"#),
        || json(r#"{"message":"Non autorisé : connectez-vous"}"#),
        || json(r#"{"code":403,"data":null}"#),
        || html(200, "<html><h1>Accès interdit</h1></html>"),
    ];
    for reply in replies {
        let portal = Portal::new(move |request, _| match request.path.as_str() {
            "/api/shared-spaces/spaces.php" if !request.has_token() => reply(),
            _ => closed(request),
        });
        let json = run_json(&portal, &Home::new(&db), &[]);
        let expected = BTreeSet::from([("refusal-unproved".to_owned(), "api/shared-spaces/spaces.php".to_owned())]);
        assert_eq!(codes(&json), expected, "{json:#}");
    }
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/shared-spaces/spaces.php" => json(r#"{"spaces":[{"name":"Accès refusé"}],"message":"2 espaces"}"#),
        _ => closed(request),
    });
    assert!(is(&run_json(&portal, &Home::new(&db), &[]), "endpoint-open", "api/shared-spaces/spaces.php"));
}
