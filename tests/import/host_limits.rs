//! Accounts as hosts give them: few connections, few queries an hour, expired, locked; a binary log of statements.

use flux_test::{Account, Home, Server, Tool};
use support::weekly::{Sane, World};

/// The tools of the week with the connection of `account`.
fn tool(world: &World, account: &Account, name: &str) -> Tool {
    world.tool(name).env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password)
}

/// A week in a home, and an account that `limit` limits.
fn limited(limit: &str) -> (World, Account) {
    let world = World::seeded();
    world.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().sane().expect_code(0);
    let account = world.db.restricted_user(&["ALL ON {db}.*"]);
    world.db.admin_exec(&format!("ALTER USER '{}'@'%' {limit}", account.user));
    (world, account)
}

/// Lines of the ten files, each of which is a row.
fn lines(world: &World) -> u64 {
    let lines = |name: &String| world.home.read(format!("data/data_temp/{name}")).lines().count() as u64 - 1;
    world.home.list("data/data_temp").iter().filter(|name| name.ends_with(".csv")).map(lines).sum()
}

fn rows(world: &World, suffix: &str) -> u64 {
    support::weekly::FILES.iter().map(|(_, _, main)| world.db.count(&format!("{main}{suffix}"))).sum()
}

#[test]
fn a_week_goes_through_with_three_connections() {
    let (world, account) = limited("WITH MAX_USER_CONNECTIONS 3");
    let delivered = lines(&world);
    let import = tool(&world, &account, "update-temp-tables").args(["--jobs", "6"]).run().sane().expect_code(0);
    assert!(import.stderr.contains("MAX_USER_CONNECTIONS"), "it is told\n{import}");
    assert_eq!(rows(&world, "_temp"), delivered, "{import}");
    for name in ["check-status", "check-zones", "validation-complete-import", "etat-csv-complet"] {
        let _ = tool(&world, &account, name).run().sane().expect_code(0);
    }
    let names = ["migrate-temp-to-main", "verify-migration", "backup-critical", "cleanup-temp", "archive-csv"];
    for name in names {
        let _ = tool(&world, &account, name).run().sane().expect_code(0);
    }
    assert_eq!((rows(&world, ""), rows(&world, "_temp")), (delivered, 0));
    for name in ["historique", "tables-info", "improve-response", "diagnostic-migration", "simple-test"] {
        let run = tool(&world, &account, name).run().sane();
        assert!([0, 3].contains(&run.code), "{name}: {run}");
    }
    let restore = tool(&world, &account, "restore-critical").arg("--yes").run().sane();
    assert!([0, 3].contains(&restore.code), "{restore}");
    assert_eq!(rows(&world, ""), delivered);
}

/// The code of the error of a run that failed, in JSON, with its next step.
#[track_caller]
fn refused(tool: Tool) -> String {
    let outcome = tool.arg("--json").run().sane().expect_code(1);
    let json = outcome.json();
    assert!(json["error"]["hint"].is_string(), "{outcome}");
    json["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn one_connection_is_too_few_and_told_as_such() {
    let (world, account) = limited("WITH MAX_USER_CONNECTIONS 1");
    let migration = tool(&world, &account, "migrate-temp-to-main").arg("--json").run().sane().expect_code(1);
    assert_eq!(migration.json()["tables"][0]["code"], "connections-exhausted", "{migration}");
    // One cause is told once, with its mend.
    let text = tool(&world, &account, "migrate-temp-to-main").run().sane().expect_code(1);
    assert!(text.stdout.matches("MAX_USER_CONNECTIONS").count() <= 2 && text.stdout.lines().count() < 30, "{text}");
    assert_eq!(rows(&world, ""), 0);
    // What needs one at a time goes on.
    let _ = tool(&world, &account, "verify-migration").run().sane().expect_code(0);
}

#[test]
fn queries_of_an_hour_an_expired_password_and_a_locked_account_have_codes_of_their_own() {
    let cases = [
        ("WITH MAX_QUERIES_PER_HOUR 3", "quota-exhausted"),
        ("PASSWORD EXPIRE", "password-expired"),
        ("ACCOUNT LOCK", "account-locked"),
    ];
    for (limit, code) in cases {
        let (world, account) = limited(limit);
        for name in ["check-status", "update-temp-tables"] {
            assert_eq!(refused(tool(&world, &account, name)), code, "{limit} {name}");
        }
        assert_eq!(rows(&world, "_temp"), 0);
    }
}

#[test]
fn a_binary_log_of_statements_takes_a_week_or_says_why_not() {
    let Some(server) = Server::dedicated(["--log-bin", "--server-id=1", "--binlog-format=STATEMENT"]) else { return };
    let world = World::seeded_on(server.new_db());
    world.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().sane().expect_code(0);
    let delivered = lines(&world);
    for name in ["update-temp-tables", "migrate-temp-to-main", "verify-migration", "cleanup-temp"] {
        let _ = world.tool(name).run().sane().expect_code(0);
    }
    assert_eq!(rows(&world, ""), delivered);
}

/// A log of statements, which an administrator chose while the server ran: the rows are logged where the account may choose that, else
/// the checks of the server tell.
#[test]
fn a_binary_log_of_statements_that_was_set_for_all_is_left_for_one_of_rows_or_told() {
    let Some(server) = Server::dedicated(["--log-bin", "--server-id=1"]) else { return };
    let world = World::seeded_on(server.new_db());
    let account = world.db.restricted_user(&["ALL ON {db}.*"]);
    world.db.admin_exec("SET GLOBAL binlog_format = 'STATEMENT'");
    let (_, own) = world.db.env().into_iter().find(|(name, _)| *name == "DB_USERNAME").unwrap();
    world.db.admin_exec(&format!("GRANT REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO '{own}'@'%'"));
    let week = |days: &str, from: &str| {
        let sample = ["--days", days, "--from", from, "--scale", "0.2"];
        world.tool("generate-sample-data").args(sample).run().sane().expect_code(0);
        for name in ["update-temp-tables", "migrate-temp-to-main", "verify-migration", "cleanup-temp"] {
            let _ = tool(&world, &account, name).run().sane().expect_code(0);
        }
    };
    let is_told = || {
        let checks = tool(&world, &account, "simple-test").arg("--json").run().sane().json();
        checks["findings"].as_array().unwrap().iter().any(|finding| finding["place"] == "binlog_format")
    };
    // Statements that write facts, as the log has them; those that change tables are always statements.
    let logged = || {
        let last = world.db.rows(if server.is_mysql() { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" });
        let events = world.db.rows(&format!("SHOW BINLOG EVENTS IN '{}'", last[0][0]));
        // Beside rows stands, for whoever reads, the statement that they come from.
        let is_note = |event: &&Vec<String>| ["Annotate_rows", "Rows_query"].contains(&event[2].as_str());
        let text = |event: &Vec<String>| event.last().unwrap().to_uppercase();
        let writes =
            |text: &String| ["INSERT", "UPDATE ", "DELETE", "LOAD DATA"].iter().any(|word| text.contains(word));
        events
            .iter()
            .filter(|event| !is_note(event))
            .map(text)
            .filter(|text| text.contains("FACT_") && writes(text))
            .count()
    };
    world.db.admin_exec("FLUSH BINARY LOGS");
    week("2", "2025-07-07");
    assert!(is_told() && logged() > 0, "{}", logged());
    let right = if server.is_mysql() { "SESSION_VARIABLES_ADMIN" } else { "BINLOG ADMIN" };
    world.db.admin_exec(&format!("GRANT {right} ON *.* TO '{}'@'%'", account.user));
    world.db.admin_exec("FLUSH BINARY LOGS");
    week("2", "2025-07-09");
    assert!(!is_told() && logged() == 0, "{}", logged());
    assert_eq!(world.db.scalar("SELECT COUNT(DISTINCT date) FROM fact_nuitees"), "4");
}

#[test]
fn settings_of_the_server_change_nothing_of_a_week() {
    let Some(server) = Server::dedicated::<&str>([]) else { return };
    let db = server.new_db();
    let world = World { home: Home::new(&db), db };
    // A backup of two rows a table, and connections that end with each transaction: what a careful host may set for all.
    for setting in ["sql_select_limit = 2", "completion_type = 'RELEASE'"] {
        world.db.admin_exec(&format!("SET GLOBAL {setting}"));
    }
    world.tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
    assert!(world.db.count("dim_departements") > 90);
    world.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().sane().expect_code(0);
    let delivered = lines(&world);
    for name in ["update-temp-tables", "migrate-temp-to-main", "verify-migration", "cleanup-temp"] {
        let _ = world.tool(name).run().sane().expect_code(0);
    }
    assert_eq!((rows(&world, ""), rows(&world, "_temp")), (delivered, 0));
    let volume = world.db.scalar("SELECT SUM(volume) FROM fact_nuitees");
    let backup = world.tool("backup-critical").arg("--json").run().sane().expect_code(0).json();
    let saved =
        |name: &str| backup["tables"].as_array().unwrap().iter().find(|t| t["table"] == name).unwrap()["rows"].clone();
    assert_eq!(saved("fact_nuitees"), world.db.count("fact_nuitees"));
    assert_eq!(saved("dim_communes"), world.db.count("dim_communes"));
    // The dump's program would have the server's settings.
    assert_eq!(refused(world.tool("backup-critical").arg("--dump")), "config");
    let restore = world.tool("restore-critical").arg("--yes").run().sane();
    assert!([0, 3].contains(&restore.code), "{restore}");
    assert_eq!((rows(&world, ""), world.db.scalar("SELECT SUM(volume) FROM fact_nuitees")), (delivered, volume));
    let _ = world.tool("flux").arg("doctor").run().sane();
    world.db.admin_exec("SET GLOBAL sql_select_limit = DEFAULT");
    let _ = support::backup::dump(&world.home).run().sane().expect_code(0);
}
