//! `test-admin-restrictions`: closed endpoints, open ones, and the accounts of the portal.

use flux_test::{Home, Outcome, TestDb};
use support::portal::{Portal, Reply, html, json, status};

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

#[test]
fn all_closed_and_accounts_in_order() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| if request.has_token() { status(403, &[]) } else { status(401, &[]) });
    run(&portal, &Home::new(&db), "ordinaire").expect_code(0).expect_stdout("les comptes sont en ordre");
    let requests = portal.requests();
    // Four shared spaces asked twice, the inventory only as a stranger.
    assert_eq!(requests.len(), 9);
    assert_eq!(requests.iter().filter(|request| request.has_token()).count(), 4);
    assert!(requests.iter().all(|request| !request.has_token() || request.path.starts_with("/api/shared-spaces/")));
}

#[test]
fn an_open_endpoint_is_an_error() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/shared-spaces/members.php" if request.has_token() => json(r#"{"success":true,"data":[{"id":1}]}"#),
        "/api/shared-spaces/router.php" => json(r#"{"success":false,"error":"non autorisé"}"#),
        "/api/shared-spaces/spaces.php" => status(302, &[("Location", "/login.php")]),
        _ => status(403, &[]),
    });
    let run = run(&portal, &Home::new(&db), "ordinaire").expect_code(3);
    let run = run.expect_stdout("members : ouvert à un appel non-administrateur");
    let run = run.expect_stdout("router : appel anonyme refusé, mais avec le statut 200");
    assert!(!run.stdout.contains("spaces :"), "a redirection to the login page is a refusal\n{run}");
    assert!(!run.stdout.contains("infographics :"));
}

#[test]
fn a_missing_endpoint_or_a_html_page_proves_nothing_good() {
    let db = TestDb::new();
    sound_users(&db);
    let portal = Portal::new(|request, _| match request.path.as_str() {
        "/api/shared-spaces/members.php" => status(404, &[]),
        "/api/shared-spaces/router.php" => html(200, "<table><tr><td>données</td></tr></table>"),
        "/api/shared-spaces/spaces.php" => html(200, r#"<form><input type="password"></form>"#),
        _ => status(401, &[]),
    });
    let run = run(&portal, &Home::new(&db), "ordinaire").expect_code(3);
    let run = run.expect_stdout("members : appel anonyme : introuvable (404), rien n'est prouvé");
    let run = run.expect_stdout("router : ouvert à un appel anonyme");
    run.expect_stdout("spaces : appel anonyme : page de connexion avec le statut 200");
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
    run.expect_stdout("pas de jeton").expect_stdout("la table des comptes n'existe pas");
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
