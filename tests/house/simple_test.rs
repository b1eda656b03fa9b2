//! `simple-test`: connection, version, rights and settings.

use flux_test::{Home, Server, TestDb, is_mysql};
use support::weekly::{Sane, World};

#[test]
fn it_says_what_the_server_is_and_what_this_user_may_do() {
    let world = World::whole();
    let outcome = world.tool("simple-test").arg("--json").run().sane();
    let json = outcome.json();
    assert_eq!(json["version"], Server::shared().version());
    assert_eq!(json["server"], if is_mysql() { "MySQL" } else { "MariaDB" });
    let settings: Vec<&str> =
        json["settings"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    for name in ["local_infile", "max_allowed_packet", "time_zone", "sql_mode"] {
        assert!(settings.contains(&name), "{name}: {settings:?}");
    }
    assert!(json["privileges"].to_string().contains("ALL PRIVILEGES"), "{json}");
    assert!(json["latency_ms"].is_number());
    let tables = world.db.column("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()");
    assert_eq!(json["tables"].to_string(), tables[0]);
    let text = world.tool("simple-test").run().sane();
    let everything = format!("{outcome}{text}");
    assert!(!everything.contains(&world.db.account().password), "no password, and no hash of one");
    assert!(!everything.contains("IDENTIFIED"), "{everything}");
    let _ = text.expect_stdout(&Server::shared().version()).expect_stdout("max_allowed_packet");
}

#[test]
fn an_empty_database_and_an_unknown_one_are_told_apart() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool("simple-test").run().sane().expect_code(3).expect_stdout("ensure-schema");
    home.tool("simple-test").args(["--database", "flux_absente"]).run().sane().expect_code(1);
    home.tool("simple-test").env("DB_PASSWORD", "faux").run().sane().expect_code(1).expect_stderr("DB_PASSWORD");
}

#[test]
fn help_version_and_bad_arguments() {
    let home = Home::without_db();
    for name in [
        "simple-test",
        "update-temp-tables",
        "check-status",
        "migrate-temp-to-main",
        "verify-migration",
        "cleanup-temp",
        "ensure-schema",
    ] {
        let help = home.tool(name).arg("--help").run().sane().expect_code(0);
        for word in ["Utilisation", "Codes de sortie", "--json", "--home", "--password-file"] {
            assert!(help.stdout.contains(word), "{word} in the help of {name}\n{help}");
        }
        home.tool(name).arg("--version").run().sane().expect_code(0).expect_stdout(name);
        home.tool(name).arg("--inconnu").run().sane().expect_code(2).expect_stderr("--inconnu");
        home.tool(name).args(["-q", "-v"]).run().sane().expect_code(2);
        home.tool(name).args(["--port", "70000"]).run().sane().expect_code(2);
    }
}
