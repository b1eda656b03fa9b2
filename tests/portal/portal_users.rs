//! `portal-users`: accounts are added, closed and given other passwords; none is ever shown.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

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
    // Without the table there is nothing to list; the first account makes it.
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
        run(&home, args, stdin).expect_code(2);
    }
    run(&home, &["add", "luc", "--dry-run"], PASSWORD).expect_code(0);
    run(&home, &["passwd", "anne", "--dry-run"], "un autre mot de passe").expect_code(0);
    run(&home, &["disable", "anne", "--dry-run"], "").expect_code(0);
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

/// On a terminal: waits for each prompt, types a line. What was shown, and the exit code.
fn typed((db, home): (&TestDb, &Home), arguments: &str, lines: &[&str]) -> Option<(String, i32)> {
    let mut script = terminal::tool(home, "portal-users", arguments)
        .envs(db.env())
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let (mut keyboard, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let (mut shown, mut buffer) = (Vec::new(), [0; 4_096]);
    for (at, line) in lines.iter().enumerate() {
        while String::from_utf8_lossy(&shown).matches(" : ").count() <= at {
            let read = screen.read(&mut buffer).unwrap();
            assert!(read > 0, "no prompt: {}", String::from_utf8_lossy(&shown));
            shown.extend(&buffer[..read]);
        }
        // The prompt comes just before the terminal stops to echo.
        std::thread::sleep(Duration::from_millis(300));
        keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    screen.read_to_end(&mut shown).unwrap();
    Some((String::from_utf8_lossy(&shown).into_owned(), script.wait().unwrap().code().unwrap()))
}

#[test]
fn on_a_terminal_the_password_is_asked_twice_and_not_shown() {
    let (db, home) = home();
    let Some((shown, code)) = typed((&db, &home), "add anne --role admin", &[PASSWORD, PASSWORD]) else {
        return flux_test::skip("script (util-linux)");
    };
    assert_eq!((code, shown.contains(PASSWORD)), (0, false), "{shown}");
    assert!(shown.contains("Mot de passe : ") && shown.contains("Encore une fois : "), "{shown}");
    let hash = db.scalar("SELECT password FROM users WHERE username = 'anne'");
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    // Two that differ change nothing.
    let (shown, code) = typed((&db, &home), "passwd anne", &["un autre mot de passe", "un autre mot de pase"]).unwrap();
    assert_eq!((code, shown.contains("un autre")), (2, false), "{shown}");
    assert_eq!(db.scalar("SELECT password FROM users WHERE username = 'anne'"), hash);
}
