//! `test-infographie-apis` against a real server: each behaviour has its own message and exit code.

use std::time::Duration;

use flux_test::{Home, Outcome};
use support::portal::{Portal, Reply, html, json, sound, status};

const TOKEN: &str = "jeton-tres-secret-0123456789";

fn run(portal: &Portal, arguments: &[&str]) -> Outcome {
    let home = Home::without_db();
    let run = home
        .tool("test-infographie-apis")
        .args(["--base-url", &portal.base, "--year", "2025", "--period", "vacances_ete"])
        .args(arguments)
        .env("API_TOKEN", TOKEN)
        .run();
    let everything = format!("{}{}{}", run.stdout, run.stderr, home.logs());
    assert!(!everything.contains(TOKEN), "the token is shown\n{run}");
    run
}

/// One endpoint that always gives this reply.
fn one(reply: Reply, arguments: &[&str]) -> Outcome {
    let portal = Portal::always(reply);
    run(&portal, &[&["--only", "periodes"], arguments].concat())
}

#[test]
fn ten_sound_answers() {
    let portal = Portal::new(|request, _| sound(request));
    let json = run(&portal, &["--zone", "PAYS D'AURILLAC", "--json"]).expect_code(0).json();
    assert_eq!(json["status"], "ok");
    assert_eq!(json["calls"].as_array().unwrap().len(), 10);
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
    let requests = portal.requests();
    assert_eq!(requests.len(), 10);
    for request in &requests {
        assert!(request.path.starts_with("/api/infographie/infographie_"), "{request:?}");
        assert!(
            request.query.ends_with("annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC&limit=10"),
            "{request:?}"
        );
        assert!(request.has_token() && request.head.contains(TOKEN));
    }
    run(&portal, &[]).expect_code(0).expect_stdout("10 appels corrects sur 10");
}

#[test]
fn a_wrong_field_in_one_of_ten_is_named() {
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/infographie/infographie_pays_touristes.php" => {
            json(r#"[{"nom_pays":"ITALIE","n_nuitees":"douze","delta_pct":0,"part_pct":1}]"#)
        }
        _ => sound(request),
    });
    let run = run(&portal, &[]).expect_code(3).expect_stdout("9 appels corrects sur 10");
    let run = run.expect_stdout("champ absent : n_nuitees_n1");
    run.expect_stdout("[0].n_nuitees : un nombre entier positif ou nul, ou null attendu, pas « douze »");
}

#[test]
fn statuses_each_have_their_message() {
    one(status(401, &[]), &[]).expect_code(3).expect_stdout("accès refusé (401) malgré le jeton");
    one(status(404, &[]), &[]).expect_code(3).expect_stdout("introuvable (404)");
    one(html(500, "<h1>Fatal error</h1> in x.php"), &[])
        .expect_code(3)
        .expect_stdout("erreur du serveur (500) : Fatal error in x.php");
    one(status(503, &[("Retry-After", "60")]), &[]).expect_code(3).expect_stdout("attente demandée 60 s");
}

#[test]
fn a_redirection_is_said_and_not_followed() {
    let portal = Portal::always(status(302, &[("Location", "/login?next=secret")]));
    let run =
        run(&portal, &["--only", "periodes"]).expect_code(3).expect_stdout("redirection 302 vers /login, non suivie");
    assert!(!run.stdout.contains("next=secret"));
    assert_eq!(portal.requests().len(), 1);
}

#[test]
fn html_with_status_200() {
    let page = "<!DOCTYPE html><title>Erreur interne</title><body><b>Oups</b></body>";
    one(html(200, page), &[])
        .expect_code(3)
        .expect_stdout("page HTML au lieu de JSON, avec le statut 200 : Erreur interne Oups");
}

#[test]
fn a_php_warning_before_the_document() {
    let body = "<br />\n<b>Warning</b>: Undefined variable $db in x.php\n{\"periode\":{\"x\":{}}}";
    one(json(body), &[]).expect_code(3).expect_stdout("du texte précède le JSON : Warning : Undefined variable $db");
}

#[test]
fn json_that_is_cut_invalid_empty_or_of_another_type() {
    one(json(r#"{"periode":{"a":"#), &[]).expect_code(3).expect_stdout("JSON coupé avant la fin");
    one(json(r#"{"periode":oui}"#), &[]).expect_code(3).expect_stdout("JSON invalide (ligne 1, colonne 12)");
    one(json(" \n"), &[]).expect_code(3).expect_stdout("réponse vide (statut 200)");
    one(json(r#"{"periode":{}}"#), &[]).expect_code(3).expect_stdout("correcte mais vide");
    let typed = Reply::Answer(200, vec![("Content-Type", "text/plain".into())], r#"{"periode":{"x":{}}}"#.into());
    one(typed, &[]).expect_code(3).expect_stdout("du JSON, mais annoncé comme « text/plain »");
    one(json(r#"{"error":"Paramètres manquants","message":"zone"}"#), &[])
        .expect_code(3)
        .expect_stdout("l'API signale une erreur : Paramètres manquants (zone)");
}

#[test]
fn a_rate_limit_is_waited_for_when_it_is_short() {
    let portal = Portal::new(|request, number| match number {
        1 => status(429, &[("Retry-After", "1")]),
        _ => sound(request),
    });
    let json = run(&portal, &["--only", "periodes", "--json"]).expect_code(0).json();
    assert_eq!(json["calls"][0]["attempts"], 2);
    let long = one(status(429, &[("Retry-After", "120")]), &["--json"]).expect_code(3);
    assert!(long.duration < Duration::from_secs(20));
    let message = long.json()["findings"][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "limite de débit atteinte (429), le portail demande d'attendre 120 s");
    one(status(429, &[]), &[]).expect_code(3).expect_stdout("sans durée d'attente annoncée");
}

#[test]
fn no_answer_in_time() {
    let run = one(Reply::Silence(Duration::from_secs(20)), &["--timeout", "0.5"]).expect_code(1);
    assert!(run.duration < Duration::from_secs(10));
    run.expect_stdout("pas de réponse complète en 0.5 s");
}

#[test]
fn a_slow_answer_is_reported() {
    let portal = Portal::new(|request, _| {
        std::thread::sleep(Duration::from_millis(300));
        sound(request)
    });
    run(&portal, &["--only", "periodes", "--slow", "0.1"]).expect_code(3).expect_stdout("lent : ");
}

#[test]
fn connections_that_fail() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"periode\"".to_vec();
    one(Reply::Raw(cut), &[]).expect_code(1).expect_stdout("coupée avant la fin");
    one(Reply::Raw(Vec::new()), &[]).expect_code(1).expect_stdout("coupée avant la fin");
    one(Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), &[]).expect_code(1).expect_stdout("pas du HTTP correct");

    let home = Home::without_db();
    let call = |base: &str| home.tool("test-infographie-apis").args(["--only", "periodes", "--base-url", base]).run();
    // A port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    call(&format!("http://{closed}")).expect_code(1).expect_stdout("connexion refusée");
    let portal = Portal::always(json("{}"));
    let tls = portal.base.replace("http://", "https://");
    call(&tls).expect_code(1).expect_stdout("TLS : le serveur ne parle pas TLS sur ce port");
}

#[test]
fn a_portal_that_sends_the_token_back_does_not_get_it_printed() {
    // `run` looks for the token in all output and logs.
    one(html(500, &format!("Bearer {TOKEN} refusé")), &[]).expect_code(3).expect_stdout("Bearer [jeton] refusé");
    one(json(format!(r#"{{"error":"{TOKEN}"}}"#)), &["-v"]).expect_code(3).expect_stdout("[jeton]");
    one(status(302, &[("Location", "/x/jeton-tres-secret-0123456789")]), &["--json"]).expect_code(3);
    one(json(format!(r#"{{"periode":"{TOKEN}"}}"#)), &["-v", "--json"]).expect_code(3);
    let escaped: String = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    one(json(format!(r#"{{"error":"{escaped}"}}"#)), &[]).expect_code(3).expect_stdout("[jeton]");
}

#[test]
fn bad_usage() {
    let home = Home::without_db();
    let tool = || home.tool("test-infographie-apis");
    tool().run().expect_code(1).expect_stderr("PORTAL_BASE_URL");
    tool().args(["--base-url", "observatoire.fr"]).run().expect_code(1).expect_stderr("n'est pas une URL");
    let secret = tool().args(["--base-url", "https://moi:motdepasse@x.fr"]).run().expect_code(1);
    assert!(!format!("{}{}", secret.stdout, secret.stderr).contains("motdepasse"));
    tool().args(["--base-url", "http://127.0.0.1:1", "--only", "meteo"]).run().expect_code(2).expect_stderr("meteo");
    tool().args(["--timeout", "0"]).run().expect_code(2);
    tool().args(["--year", "25"]).run().expect_code(2);
    tool()
        .arg("--base-url")
        .arg("http://127.0.0.1:1")
        .env("API_TOKEN", "deux mots")
        .run()
        .expect_code(1)
        .expect_stderr("API_TOKEN");
}
