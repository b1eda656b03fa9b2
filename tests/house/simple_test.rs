//! `simple-test`: connection, version, rights and settings.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Account, Home, Server, TestDb, is_mysql};
use serde_json::Value;
use support::weekly::{Sane, World};

#[test]
fn it_says_what_the_server_is_and_what_this_user_may_do() {
    let world = World::whole();
    let outcome = world.tool("simple-test").arg("--json").run().sane();
    let json = outcome.json();
    assert_eq!(json["server_version"], Server::shared().version());
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

/// Passwords as PHP takes them from `.env`: what dotenv files of other programs give a meaning to has none.
/// legacy.md, 21.
#[test]
fn a_password_is_read_as_the_portal_reads_it() {
    for (number, password) in ["Abc #123", "Abc$HOME1", "a\\b`c", "l'ete", "x=y;z"].into_iter().enumerate() {
        let db = TestDb::new();
        let user = format!("flux_env_{}_{number}", std::process::id());
        let (name, quoted) = (db.name(), password.replace('\\', "\\\\").replace('\'', "''"));

        let mut admin = Server::shared().admin();
        admin.query_drop(format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{quoted}'")).unwrap();
        admin.query_drop(format!("GRANT ALL ON `{name}`.* TO '{user}'@'%'")).unwrap();
        let home = Home::new(&db);
        let env: String = db
            .env()
            .iter()
            .filter(|(name, _)| !["DB_USERNAME", "DB_PASSWORD"].contains(&&**name))
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        home.write(".env", format!("{env}DB_USERNAME={user}\nDB_PASSWORD={password}\n"));
        let tool = home.tool("simple-test").env("DB_USERNAME", "").env("DB_PASSWORD", "");
        let json = tool.arg("--json").run().json();
        admin.query_drop(format!("DROP USER '{user}'@'%'")).unwrap();
        assert!(json["target"].as_str().is_some_and(|target| target.starts_with(&user)), "{password}: {json:#}");
        assert_eq!(json["environment"], "local");
    }
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

/// Rights that a tool finds missing, by the places of its findings.
fn missing(world: &World, tool: &[&str], account: &Account) -> Vec<String> {
    let run = world.tool(tool[0]).args(&tool[1..]).arg("--json");
    let run = run.env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password).run();
    let json = run.json();
    let findings: Vec<&Value> = match json["checks"].as_array() {
        Some(checks) => checks.iter().flat_map(|check| check["findings"].as_array().unwrap()).collect(),
        None => json["findings"].as_array().unwrap().iter().collect(),
    };
    let places = findings.iter().filter_map(|finding| finding["place"].as_str()?.strip_prefix("droit "));
    let places: Vec<String> = places.map(str::to_owned).collect();
    assert!(places.is_empty() || run.code == 3, "{run}");
    places
}

/// legacy.md, 14.
#[test]
fn every_tool_asks_the_server_for_the_rights_of_the_account() {
    let world = World::whole();
    let name = world.db.name();
    let role = format!("{name}_r");
    let reader = world.db.restricted_user(&["SELECT ON {db}.*"]);
    // What is granted elsewhere, on one table, or under a name that only looks like this one, does not count.
    let elsewhere = world.db.restricted_user(&[
        "SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX ON {db}.*",
        "ALL ON `autre_base`.*",
        &format!("ALL ON `{name}\\_x`.*"),
        "DROP ON {db}.dim_pays",
    ]);
    let escaped = world.db.restricted_user(&[&format!("ALL ON `{}`.*", name.replace('_', "\\_"))]);
    // A pattern fits too, but of two grants the server applies the closer one alone.
    let closest = world.db.restricted_user(&["INSERT ON {db}.*", "ALL ON `%`.*"]);
    let by_role = world.db.restricted_user(&["SELECT ON {db}.*"]);
    let mut admin = world.db.admin();
    let user = format!("'{}'@'%'", by_role.user);
    let towards = if is_mysql() { "TO" } else { "FOR" };
    for sql in [
        format!("CREATE ROLE {role}"),
        format!("GRANT ALL ON `{name}`.* TO {role}"),
        format!("GRANT {role} TO {user}"),
        format!("SET DEFAULT ROLE {role} {towards} {user}"),
    ] {
        admin.query_drop(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let all = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP"];
    let none: [&str; 0] = [];
    let cases: [(&Account, &[&str]); 5] = [
        (&reader, &all[1..]),
        (&elsewhere, &["CREATE", "DROP"]),
        (&escaped, &none),
        (&closest, &["SELECT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP"]),
        (&by_role, &none),
    ];
    for (account, expected) in cases {
        for tool in [&["simple-test"][..], &["diagnostic-migration"], &["flux", "doctor"]] {
            if std::ptr::eq(account, &closest) && tool[0] == "diagnostic-migration" {
                continue; // which cannot read the dimensions then
            }
            assert_eq!(missing(&world, tool, account), expected, "{tool:?} of {}", account.user);
        }
    }
    // What was found is true: the server refuses what is missing.
    let as_closest = world.tool("check-status").env("DB_USERNAME", &closest.user);
    as_closest.env("DB_PASSWORD", &closest.password).run().expect_code(1);
    admin.query_drop(format!("DROP ROLE {role}")).unwrap();
}

/// legacy.md, 13.
#[test]
fn only_tables_that_lose_rows_are_to_be_converted() {
    let world = World::whole();
    world.db.exec("ALTER TABLE fact_nuitees_pays ENGINE=MyISAM; CREATE TABLE portail (a INT) ENGINE=MyISAM");
    for tool in [&["simple-test"][..], &["diagnostic-migration"], &["tables-info"], &["flux", "doctor"]] {
        let json = world.tool(tool[0]).args(&tool[1..]).arg("--json").run().expect_code(3).json().to_string();
        assert_eq!(json.matches("ENGINE=InnoDB").count(), 1, "{tool:?}: {json}");
        assert!(json.contains("ALTER TABLE fact_nuitees_pays ENGINE=InnoDB"), "{tool:?}: {json}");
    }
}
