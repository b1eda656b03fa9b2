//! `portal-users`: accounts are added, closed and given other passwords; none is ever shown.

use flux_test::{Home, Outcome, TestDb};
use serde_json::{Value, json};
use support::{diag, terminal};

const PASSWORD: &str = "un mot de passe assez long";

fn home() -> (TestDb, Home) {
    let db = TestDb::new();
    diag::fill(&db, |_| true);
    let home = Home::new(&db);
    (db, home)
}

fn run(home: &Home, args: &[&str], stdin: &str) -> Outcome {
    let outcome = home.tool("portal-users").arg("--json").args(args).stdin(stdin).run();
    let everything = format!("{}{}{}", outcome.stdout, outcome.stderr, home.logs());
    assert!(stdin.trim().is_empty() || !everything.contains(stdin.trim()), "a password is shown\n{outcome}");
    assert!(!everything.contains("$argon2id$"), "a hash is shown\n{outcome}");
    outcome
}

fn names(json: &Value) -> Vec<(String, String, bool, bool)> {
    let account = |row: &Value| {
        (
            row["username"].as_str().unwrap().into(),
            row["role"].as_str().unwrap().into(),
            row["admin"] == true,
            row["active"] == true,
        )
    };
    json["accounts"].as_array().unwrap().iter().map(account).collect()
}

#[test]
fn accounts_from_the_first_to_the_last_step() {
    let (db, home) = home();
    // Without the table there is nothing to list; the first account makes it, a dry run does not.
    let missing = run(&home, &["list"], "").expect_code(1).json();
    assert_eq!(missing["error"]["code"], "table-missing");
    assert!(missing["error"]["hint"].as_str().unwrap().contains("portal-users add"), "{missing}");
    let would = run(&home, &["add", "eve", "--role", "admin", "--dry-run"], PASSWORD).expect_code(0).json();
    assert_eq!((names(&would), &would["dry_run"]), (vec![("eve".into(), "admin".into(), true, true)], &json!(true)));
    assert_eq!(run(&home, &["list"], "").expect_code(1).json()["error"]["code"], "table-missing");
    let added = run(&home, &["add", "luc"], &format!("{PASSWORD}\n")).expect_code(3).json();
    assert_eq!(added["findings"][0]["code"], "no-administrator");
    let added = run(&home, &["add", "anne", "--role", "admin"], PASSWORD).expect_code(0).json();
    assert_eq!(
        names(&added),
        [("anne".into(), "admin".into(), true, true), ("luc".into(), "user".into(), false, true)]
    );
    let hash = db.scalar("SELECT password FROM users WHERE username = 'anne'");
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");

    db.exec("INSERT INTO flux_portal_sessions VALUES (REPEAT('a', 64), (SELECT id FROM users WHERE username = 'luc'), UTC_TIMESTAMP(), UTC_TIMESTAMP())");
    let changed = run(&home, &["passwd", "LUC"], "un autre mot de passe\n").expect_code(0).json();
    assert_eq!(changed["sessions_ended"], 1);
    assert_eq!(db.count("flux_portal_sessions"), 0);
    assert_ne!(db.scalar("SELECT password FROM users WHERE username = 'luc'"), hash);

    let role = run(&home, &["role", "luc", "--role", "admin"], "").expect_code(0).json();
    assert_eq!(names(&role)[1], ("luc".into(), "admin".into(), true, true));
    run(&home, &["disable", "luc"], "").expect_code(0);
    let last = run(&home, &["disable", "anne"], "").expect_code(3).json();
    assert_eq!(last["findings"][0]["code"], "no-administrator");
    let back = run(&home, &["enable", "anne"], "").expect_code(0).json();
    assert_eq!(
        names(&back),
        [("anne".into(), "admin".into(), true, true), ("luc".into(), "admin".into(), true, false)]
    );
    assert_eq!(run(&home, &["list"], "").expect_code(0).json()["accounts"], back["accounts"]);
}

#[test]
fn what_will_not_do_changes_nothing() {
    let (db, home) = home();
    run(&home, &["add", "anne", "--role", "admin"], PASSWORD).expect_code(0);
    let before = db.rows("SELECT * FROM users");
    for (args, stdin) in [
        (&["add", "anne"][..], PASSWORD),
        (&["add", "luc"], "court"),
        (&["add", "luc"], ""),
        (&["add", "a b"], PASSWORD),
        (&["add"], PASSWORD),
        (&["passwd", "personne"], PASSWORD),
        (&["passwd", "anne"], "court"),
        (&["disable", "personne"], ""),
        (&["role", "anne"], ""),
        (&["role", "anne", "--role", "a b"], ""),
        (&["list", "--role", "x"], ""),
        (&["add", "anne';--"], PASSWORD),
        (&["bannir", "anne"], ""),
    ] {
        // What is wrong, and what to do next.
        let refused = run(&home, args, stdin).expect_code(2).json();
        assert!(refused["error"]["hint"].is_string(), "{refused}");
    }
    // A dry run ends as the change would.
    let would = run(&home, &["add", "luc", "--dry-run"], PASSWORD).expect_code(0).json();
    let expected = [("anne".into(), "admin".into(), true, true), ("luc".into(), "user".into(), false, true)];
    assert_eq!(names(&would), expected);
    run(&home, &["add", "anne", "--dry-run"], PASSWORD).expect_code(2);
    run(&home, &["passwd", "anne", "--dry-run"], "un autre mot de passe").expect_code(0);
    let would = run(&home, &["disable", "anne", "--dry-run"], "").expect_code(3).json();
    assert_eq!(names(&would), [("anne".into(), "admin".into(), true, false)]);
    let would = run(&home, &["role", "anne", "--role", "lecteur", "--dry-run"], "").expect_code(3).json();
    assert_eq!(names(&would), [("anne".into(), "lecteur".into(), false, true)]);
    assert_eq!(db.rows("SELECT * FROM users"), before);
}

#[test]
fn the_columns_of_an_older_portal() {
    let (db, home) = home();
    db.exec(
        "CREATE TABLE users (user_id INT AUTO_INCREMENT PRIMARY KEY, login VARCHAR(50) UNIQUE NOT NULL, password_hash VARCHAR(255) NOT NULL,
         is_admin TINYINT NOT NULL DEFAULT 0, status ENUM('active', 'inactive') NOT NULL DEFAULT 'inactive', email VARCHAR(100) NULL)",
    );
    run(&home, &["add", "anne", "--role", "admin"], PASSWORD).expect_code(0);
    run(&home, &["add", "luc"], PASSWORD).expect_code(0);
    run(&home, &["disable", "luc"], "").expect_code(0);
    let rows = db.rows("SELECT login, is_admin, status FROM users ORDER BY login");
    assert_eq!(rows, [["anne", "1", "active"], ["luc", "0", "inactive"]]);
    // A column that wants what nobody gave.
    db.exec("ALTER TABLE users ADD service VARCHAR(20) NOT NULL");
    let run = run(&home, &["add", "eve"], PASSWORD).expect_code(1);
    assert_eq!(run.json()["error"]["code"], "config");
    assert_eq!(db.count("users"), 2);
    assert_eq!(json!(db.column("SELECT login FROM users ORDER BY 1")), json!(["anne", "luc"]));
}

#[test]
fn on_a_terminal_the_password_is_asked_twice_and_not_shown() {
    let (db, home) = home();
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let typed = |words: &[&str], lines: &[&str]| {
        let words = [&["portal-users"][..], words].concat();
        terminal::answered(terminal::on(&home, 80, &words), lines)
    };
    let run = typed(&["add", "anne", "--role", "admin"], &[PASSWORD, PASSWORD]).expect_code(0);
    let shown = &run.stdout;
    assert!(!shown.contains(PASSWORD), "{run}");
    assert!(shown.contains("Mot de passe : ") && shown.contains("Encore une fois : "), "{run}");
    let hash = db.scalar("SELECT password FROM users WHERE username = 'anne'");
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    // Two that differ change nothing.
    let run = typed(&["passwd", "anne"], &["un autre mot de passe", "un autre mot de pase"]).expect_code(2);
    assert!(!run.stdout.contains("un autre"), "{run}");
    assert_eq!(db.scalar("SELECT password FROM users WHERE username = 'anne'"), hash);
}
