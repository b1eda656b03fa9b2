//! The weekly tools on a server that is down, refuses, forbids, waits or breaks off: a clear message with the right exit code, no
//! secret in it, and nothing half done.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, Outcome, Server, TestDb, Tool};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use support::trouble::{heavy, kill_sessions, on_a_full_disk, wait_for_blocked, wait_for_statement};
use support::weekly;
use support::weekly::{BASE, FILES, Sane, World, file, table};

const NIGHTS: &str = "frequentation_nuitee.csv";
const LINES: [&str; 2] = ["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Lioran;Local;Touriste;2"];

/// The tools of the workflow with arguments under which they need the database.
const TOOLS: [&str; 8] = [
    "update-temp-tables",
    "populate-facts-full-production",
    "check-status",
    "migrate-temp-to-main",
    "verify-migration",
    "cleanup-temp",
    "ensure-schema",
    "simple-test",
];

/// No password of the test may stand in anything that the tool has left.
#[track_caller]
fn no_secret(outcome: &Outcome, home: &Home, secret: &str) {
    let everything = format!("{}{}{}", outcome.stdout, outcome.stderr, home.logs());
    assert!(!everything.contains(secret), "a password is shown\n{outcome}");
}

/// A failure of the whole run, in text and in JSON, of this code, that names `word`.
#[track_caller]
fn fails(tool: impl Fn() -> Tool, home: &Home, secret: &str, code: &str, word: &str) {
    let outcome = tool().args(["-v", "-v"]).run().sane().expect_code(1);
    assert!(outcome.stderr.contains(word), "{word:?} expected\n{outcome}");
    assert!(outcome.stderr.contains("→"), "what to do next\n{outcome}");
    no_secret(&outcome, home, secret);
    let outcome = tool().arg("--json").run().sane().expect_code(1);
    let json = outcome.json();
    assert_eq!(json["error"]["code"], code, "{outcome}");
    assert!(json["error"]["message"].as_str().unwrap().contains(word), "{outcome}");
    assert!(json["error"]["hint"].is_string(), "{outcome}");
    no_secret(&outcome, home, secret);
}

/// A port of this machine on which nobody listens.
fn dead_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_server_that_is_down_a_wrong_password_and_no_database_are_told_apart() {
    let db = TestDb::new();
    let home = Home::new(&db);
    let secret = db.account().password.clone();
    let port = dead_port().to_string();
    for name in TOOLS {
        fails(|| home.tool(name).env("DB_PORT", &port), &home, &secret, "connect", &format!("127.0.0.1:{port}"));
        fails(
            || home.tool(name).env("DB_PASSWORD", "Faux#Mot$De Passe"),
            &home,
            "Faux#Mot$De Passe",
            "connect",
            "Access denied",
        );
        fails(|| home.tool(name).env("DB_DATABASE", "flux_absente"), &home, &secret, "connect", "flux_absente");
        fails(|| home.tool(name).env_remove("DB_DATABASE"), &home, &secret, "config", "DB_DATABASE");
        fails(|| home.tool(name).env("DB_PORT", "trois"), &home, &secret, "config", "DB_PORT");
    }
    fails(
        || home.tool("simple-test").env("DB_HOST", "nulle-part.invalid"),
        &home,
        &secret,
        "connect",
        "nulle-part.invalid",
    );
}

#[test]
fn options_come_before_the_environment_and_the_environment_before_the_file() {
    let db = TestDb::new();
    let home = Home::without_db();
    let (host, port) = db.tcp();
    let account = db.account();
    home.write(
        ".env",
        format!(
            "DB_HOST={host}\nDB_PORT={port}\nDB_DATABASE='{}'\nDB_USERNAME={}\nDB_PASSWORD='{}'\n",
            db.name(),
            account.user,
            account.password
        ),
    );
    home.tool("ensure-schema").run().sane().expect_code(0);
    home.tool("check-status").env("DB_PASSWORD", "faux").run().sane().expect_code(1);
    home.write("secret.txt", format!("{}\n", account.password));
    home.tool("check-status")
        .env("DB_PASSWORD", "faux")
        .args(["--password-file", "secret.txt"])
        .run()
        .sane()
        .expect_code(0);
    home.tool("check-status").args(["--port", &dead_port().to_string()]).run().sane().expect_code(1);
    home.tool("check-status").args(["--database", "flux_absente"]).run().sane().expect_code(1);
    home.tool("check-status")
        .args(["--password-file", "absent.txt"])
        .run()
        .sane()
        .expect_code(1)
        .expect_stderr("absent.txt");
    // From a folder below it, the home is found upward.
    let below = home.join("data/data_temp");
    home.tool("check-status").current_dir(&below).run().sane().expect_code(0);
    assert!(home.logs().contains("check-status.log"));
    let elsewhere = home.tool("check-status").current_dir("/").arg("--home").arg(home.path()).run();
    elsewhere.sane().expect_code(0);
    home.tool("check-status").current_dir("/").env("FLUX_HOME", home.path()).run().sane().expect_code(0);
    home.tool("check-status").args(["--home", "nulle/part"]).run().sane().expect_code(1).expect_stderr("nulle/part");
    // APP_ENV picks the suffix.
    home.write(".env", format!("APP_ENV=production\nDB_HOST_PROD={host}\nDB_PORT_PROD={port}\nDB_NAME_PROD='{}'\nDB_USER_PROD={}\nDB_PASSWORD_PROD='{}'\nDB_PORT_LOCAL=1\n", db.name(), account.user, account.password));
    home.tool("check-status").run().sane().expect_code(0);
    home.tool("check-status").env("APP_ENV", "local").run().sane().expect_code(1);
    if let Some(socket) = db.socket() {
        home.tool("check-status").env("DB_SOCKET", socket).env("DB_HOST", "").run().sane().expect_code(0);
    }
}

#[test]
fn missing_tables_and_columns_fail_their_file_and_name_the_mend() {
    let world = World::whole();
    for (name, _, _) in &FILES[..3] {
        let header = ["", ";NomDepartement", ";Pays"][FILES.iter().position(|f| f.0 == *name).unwrap()];
        let value = ["", ";Loire", ";Espagne"][FILES.iter().position(|f| f.0 == *name).unwrap()];
        world.home.write_csv(name, format!("Date;ZoneObservation;Provenance;CategorieVisiteur{header};Volume\n2025-07-07;Cantal;Local;Touriste{value};1\n"));
    }
    // As the earlier scripts created it: without its breakdown column and with a key that lacks it.
    world.db.exec(
        "DROP TABLE fact_nuitees_temp; DROP TABLE fact_nuitees_departements_temp;
         CREATE TABLE fact_nuitees_departements_temp (date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL,
           volume INT NOT NULL, PRIMARY KEY (date, id_zone, id_provenance, id_categorie));
         INSERT INTO fact_nuitees_departements_temp VALUES ('2024-01-01', 1, 1, 1, 5)",
    );
    let only = "frequentation_nuitee,frequentation_nuitee_fr,frequentation_nuitee_int";
    let json = world.import(only, &[]).expect_code(1).json();
    for (name, code, word) in
        [(FILES[0].0, "table-missing", "fact_nuitees_temp"), (FILES[1].0, "schema-incomplete", "id_departement")]
    {
        let entry = file(&json, name);
        assert_eq!((&entry["status"], &entry["code"]), (&json!("failed"), &json!(code)));
        assert!(entry["error"].as_str().unwrap().contains(word), "{entry}");
        assert!(entry["hint"].as_str().unwrap().contains("ensure-schema"), "{entry}");
    }
    assert_eq!(file(&json, FILES[2].0)["status"], "loaded", "one bad table does not stop the others");
    world.tool("check-status").run().sane().expect_code(3).expect_stdout("ensure-schema");
    world.tool("verify-migration").run().sane().expect_code(1);
    // The mend keeps the rows and widens the key.
    world.tool("ensure-schema").run().sane().expect_code(0);
    // What lies there is of another year, which is told.
    world.import(only, &[]).expect_code(3);
    assert_eq!(world.db.count("fact_nuitees_departements_temp"), 2);
    world.csv(
        FILES[1].0,
        weekly::FR,
        &["2025-07-07;Cantal;Local;Touriste;Loire;1", "2025-07-07;Cantal;Local;Touriste;Aveyron;2"],
    );
    world.import(only, &[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_departements_temp"), 3);
}

#[test]
fn an_empty_dimension_or_database_names_its_mend() {
    let world = World::whole();
    world.nights(&LINES);
    world.db.exec("DELETE FROM dim_provenances");
    let json = world.import_nights(&[]).expect_code(1).json();
    let entry = file(&json, NIGHTS);
    assert_eq!(entry["code"], "dimension-empty");
    assert!(entry["error"].as_str().unwrap().contains("dim_provenances"), "{entry}");
    assert!(entry["hint"].as_str().unwrap().contains("ensure-schema --seed"), "{entry}");

    let db = TestDb::new();
    let home = Home::new(&db);
    home.write_csv(NIGHTS, weekly::text(BASE, &LINES));
    for name in ["update-temp-tables", "check-status", "migrate-temp-to-main", "verify-migration", "cleanup-temp"] {
        let outcome = home.tool(name).run().sane().expect_code(1);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(all.contains("ensure-schema"), "{outcome}");
    }
}

#[test]
fn rights_that_lack_are_a_failure_of_their_table_alone() {
    let world = World::whole();
    world.nights(&LINES);
    world.csv("frequentation_journee.csv", BASE, &LINES);
    let both = "frequentation_nuitee,frequentation_journee";
    let mut grants = vec!["SELECT ON {db}.*".to_owned()];
    for writable in ["fact_diurnes_temp", "flux_import_history", "flux_import_dates", "dim_dates"] {
        grants.push(format!("INSERT, UPDATE, DELETE ON {{db}}.{writable}"));
    }
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let account = world.db.restricted_user(&grants);
    let run = |name: &str, args: &[&str]| {
        let tool = world.tool(name).args(args).arg("--json");
        tool.env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password).run().sane()
    };
    let outcome = run("update-temp-tables", &["--only", both]).expect_code(1);
    let json = outcome.json();
    let entry = file(&json, NIGHTS);
    assert_eq!((&entry["status"], &entry["code"]), (&json!("failed"), &json!("sql")));
    assert!(entry["error"].as_str().unwrap().contains("fact_nuitees_temp"), "{entry}");
    assert!(entry["hint"].is_string(), "{entry}");
    assert_eq!(file(&json, "frequentation_journee.csv")["status"], "loaded");
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (0, 2));
    assert!(!format!("{outcome}").contains(&account.password));

    let json = run("migrate-temp-to-main", &[]).expect_code(1).json();
    let row = table(&json, "fact_diurnes_temp");
    assert_eq!((&row["status"], &row["code"]), (&json!("failed"), &json!("sql")), "{row}");
    assert_eq!(world.db.count("fact_diurnes"), 0);
    run("cleanup-temp", &["--force", "--only", "fact_diurnes"]).expect_code(0);
}

#[test]
fn a_table_without_any_right_is_not_said_to_be_missing_only() {
    let world = World::whole();
    world.nights(&LINES);
    let tables: Vec<String> =
        world.db.column("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()");
    let grants: Vec<String> = tables
        .iter()
        .filter(|table| *table != "fact_nuitees_temp")
        .map(|table| format!("SELECT, INSERT, UPDATE, DELETE ON {{db}}.{table}"))
        .collect();
    let account = world.db.restricted_user(&grants.iter().map(String::as_str).collect::<Vec<_>>());
    let tool = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--json"]);
    let json =
        tool.env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password).run().sane().expect_code(1).json();
    let entry = file(&json, NIGHTS);
    let all = format!("{} {}", entry["error"], entry["hint"]);
    assert!(all.contains("fact_nuitees_temp") && all.contains("droit"), "{entry}");
}

#[test]
fn what_the_table_cannot_take_fails_the_file_whichever_way_it_is_loaded() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    world.db.exec("ALTER TABLE fact_nuitees_temp MODIFY volume SMALLINT NOT NULL");
    world.nights(&["2025-07-07;Cantal;Local;Touriste;2", "2025-07-07;Lioran;Local;Touriste;40000"]);
    // LOAD DATA only warns, which is refused afterwards; an INSERT is refused by the server.
    for (method, code) in [("infile", "invariant"), ("insert", "sql")] {
        let json = world.import_nights(&["--load-method", method]).expect_code(1).json();
        assert_eq!(file(&json, NIGHTS)["code"], code, "{method}: {json}");
        assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"], "{method}");
    }
}

#[test]
fn a_reject_file_that_cannot_be_written_fails_its_file_and_no_other() {
    let world = World::whole();
    world.nights(&["2025-07-07;Atlantide;Local;Touriste;1", LINES[0]]);
    world.csv("frequentation_journee.csv", BASE, &LINES);
    // In place of the folder of the reject files there is a file.
    world.home.write("logs/rejets", "");
    let both = "frequentation_nuitee,frequentation_journee";
    let json = world.import(both, &[]).expect_code(1).json();
    let entry = file(&json, NIGHTS);
    assert_eq!(
        (&entry["status"], &file(&json, "frequentation_journee.csv")["status"]),
        (&json!("failed"), &json!("loaded"))
    );
    assert_eq!(entry["code"], "io", "{entry}");
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_diurnes_temp")), (0, 2));
    let outcome = world.tool("update-temp-tables").args(["--only", both]).run().sane().expect_code(1);
    let first = outcome.stdout.find('→').map(|at| &outcome.stdout[at..]).expect("a next step");
    assert!(first.lines().next().unwrap().contains(NIGHTS), "{outcome}");
    std::fs::remove_file(world.home.join("logs/rejets")).unwrap();
    world.import(both, &[]).expect_code(3);
    assert_eq!(world.db.count("fact_nuitees_temp"), 1);
}

#[test]
fn a_disk_that_is_full_for_the_reject_file_drops_no_line() {
    let world = World::whole();
    let rejected: Vec<String> =
        (0..3000).map(|i| format!("2025-07-07;Atlantide numéro {i};Local;Touriste;1")).collect();
    let lines: Vec<&str> = rejected.iter().map(String::as_str).chain(LINES).collect();
    world.nights(&lines);
    let limited = on_a_full_disk(&world.home, "update-temp-tables").args(["--only", "frequentation_nuitee", "--json"]);
    let json = limited.run().sane().expect_code(1).json();
    let entry = file(&json, NIGHTS);
    assert_eq!((&entry["status"], &entry["code"]), (&json!("failed"), &json!("io")), "{entry}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0, "nothing is loaded whose rejects are lost");
    // Names are unknown in another file too, which is loaded: the first step is about what stopped the import.
    let both = ["--only", "frequentation_nuitee,frequentation_journee"];
    world.csv("frequentation_journee.csv", BASE, &["2025-07-07;Atlantide;Local;Touriste;1", LINES[0]]);
    let outcome = on_a_full_disk(&world.home, "update-temp-tables").args(both).run().sane().expect_code(1);
    let steps: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.trim_start().strip_prefix("→ ")).collect();
    assert!(steps[0].contains("taille permise") && steps[1].contains("--create-missing zones"), "{outcome}");
    world.import_nights(&[]).expect_code(3);
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
}

#[test]
fn a_home_without_write_permission_still_imports() {
    let world = World::whole();
    world.nights(&LINES);
    world.home.write("logs", "");
    let outcome = world.import_nights(&[]).expect_code(0);
    assert!(outcome.stderr.contains("logs"), "that there is no log is said\n{outcome}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
    let mut permissions = std::fs::metadata(world.home.path()).unwrap().permissions();
    permissions.set_mode(0o555);
    std::fs::set_permissions(world.home.path(), permissions).unwrap();
    world.import_nights(&["--force"]).expect_code(0);
}

#[test]
fn another_run_that_holds_the_lock_is_waited_for_by_nobody() {
    let world = World::whole();
    world.nights(&LINES);
    let mut conn = world.db.conn();
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    for name in ["update-temp-tables", "migrate-temp-to-main", "cleanup-temp", "ensure-schema"] {
        let outcome = world.tool(name).arg("--json").run().sane().expect_code(4);
        assert_eq!(outcome.json()["error"]["code"], "locked");
        assert!(outcome.duration < Duration::from_secs(30), "{outcome}");
        let dry = world.tool(name).arg("--dry-run").run().sane();
        assert!([0, 3].contains(&dry.code), "a dry run needs no lock\n{dry}");
    }
    for name in ["check-status", "verify-migration", "simple-test"] {
        let code = world.tool(name).run().sane().code;
        assert!([0, 3].contains(&code), "{name} only reads");
    }
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    // The lock ends with its connection.
    drop(conn);
    world.import_nights(&[]).expect_code(0);
}

#[test]
fn two_runs_at_the_same_time_are_one_run_and_one_refusal() {
    let world = World::whole();
    let lines: Vec<String> = (0..20_000)
        .map(|i| format!("2025-{:02}-{:02};Cantal;Local;Touriste;{}", i / 28 % 12 + 1, i % 28 + 1, i / 336))
        .collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let args = ["--only", "frequentation_nuitee", "--json", "--on-conflict", "last"];
    let runs: Vec<_> = (0..4).map(|_| world.tool("update-temp-tables").args(args).spawn()).collect();
    let codes: Vec<i32> = runs.into_iter().map(|run| run.wait().sane().code).collect();
    assert!(codes.iter().all(|code| [0, 3, 4].contains(code)) && codes.contains(&3), "{codes:?}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 336);
}

/// A server of the test's own, its database prepared.
fn on(server: &Server) -> World {
    World::on(server.new_db())
}

#[test]
fn local_infile_off_falls_back_to_insert_and_a_small_packet_is_respected() {
    let Some(server) = Server::dedicated(["--local-infile=OFF", "--max-allowed-packet=16K", "--net-buffer-length=16K"])
    else {
        return;
    };
    let world = on(&server);
    let lines: Vec<String> = (0..3000)
        .map(|i| format!("{}-{:02}-{:02};Cantal;Local;Touriste;{i}", 2016 + i / 336, i / 28 % 12 + 1, i % 28 + 1))
        .collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(json["load_method"], "insert");
    assert_eq!(world.db.count("fact_nuitees_temp"), 3000);
    let forced = world.import_nights(&["--force", "--load-method", "infile"]).expect_code(1).json();
    assert_eq!(file(&forced, NIGHTS)["code"], "config", "{forced}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 3000);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("verify-migration").run().sane().expect_code(0);
    // `simple-test` says both.
    let report = world.tool("simple-test").arg("--json").run().sane().expect_code(3).json();
    let found = report["findings"].as_array().unwrap().iter().map(|finding| (&finding["code"], &finding["place"]));
    let setting = json!("server-setting");
    for place in ["local_infile", "max_allowed_packet"] {
        assert!(found.clone().any(|found| found == (&setting, &json!(place))), "{report}");
    }
    // The other way to load, through packets as small.
    world.db.admin().query_drop("SET GLOBAL local_infile = ON").unwrap();
    world.db.exec("DELETE FROM fact_nuitees_temp");
    let json = world.import_nights(&["--force"]).expect_code(0).json();
    assert_eq!((json["load_method"].as_str().unwrap() == "insert", world.db.count("fact_nuitees_temp")), (false, 3000));
}

#[test]
fn a_lock_wait_timeout_is_tried_again_and_in_the_end_is_no_failure() {
    let Some(server) = Server::dedicated(["--innodb-lock-wait-timeout=1"]) else { return };
    let world = on(&server);
    world.nights(&LINES);
    world.import_nights(&[]).expect_code(0);
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5"]);
    let mut holder = world.db.conn();
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM fact_nuitees_temp FOR UPDATE").unwrap();
    let mut running = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    // One wait was too long, and it is at the next.
    running.wait_said("nouvel essai");
    holder.query_drop("COMMIT").unwrap();
    running.wait().sane().expect_code(3).expect_stderr("nouvel essai");
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);

    // A lock that is never given back is a failure that leaves all as it was.
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM fact_nuitees_temp FOR UPDATE").unwrap();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;6"]);
    world.import_nights(&[]).expect_code(1);
    holder.query_drop("COMMIT").unwrap();
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 6"]);
}

#[test]
fn a_deadlock_is_tried_again_and_is_no_failure() {
    let world = World::whole();
    world.nights(&LINES);
    world.import_nights(&[]).expect_code(0);
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5", "2025-07-07;Lioran;Local;Touriste;6"]);
    // The heavier transaction survives a deadlock: this one has a thousand rows, the import two.
    let mut rival = heavy(&world);
    // It holds the history, where the import comes last, and then wants the rows that the import has.
    rival.query_drop("SELECT * FROM flux_import_history FOR UPDATE").unwrap();
    let running = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
    wait_for_statement(&mut world.db.admin(), world.db.name(), "INSERT INTO flux_import_history");
    rival.query_drop("SELECT * FROM fact_nuitees_temp FOR UPDATE").unwrap();
    rival.query_drop("COMMIT").unwrap();
    running.wait().sane().expect_code(0).expect_stderr("nouvel essai");
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5", "2025-07-07 5 1 1 6"]);
    assert_eq!(world.db.count("flux_import_history"), 2);
}

#[test]
fn a_connection_that_is_killed_in_the_middle_is_taken_up_again() {
    let world = World::whole();
    world.nights(&LINES);
    let mut holder = world.db.conn();
    for _ in 0..2 {
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop("SELECT * FROM flux_import_history FOR UPDATE").unwrap();
        let running = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--force"]).spawn();
        wait_for_statement(&mut world.db.admin(), world.db.name(), "INSERT INTO flux_import_history");
        kill_sessions(&world, holder.connection_id());
        holder.query_drop("COMMIT").unwrap();
        running.wait().sane().expect_code(0);
        assert_eq!(world.stored().len(), 2);
    }
    assert_eq!(world.db.count("flux_import_history"), 2, "each load is recorded once");
}

#[test]
fn a_connection_that_is_killed_in_any_statement_is_taken_up_again() {
    let world = World::whole();
    let mut holder = world.db.conn();
    // Whatever of these tables the import comes to first waits, and is killed while it does.
    let tables = ["flux_import_history", "dim_zones_observation", "dim_dates", "fact_nuitees_temp"];
    for (number, table) in tables.into_iter().enumerate() {
        // A date of its own, for the calendar is only looked at, not written, once it is known.
        world.nights(&[&format!("2025-07-{:02};Cantal;Local;Touriste;{number}", number + 7)]);
        holder.query_drop(format!("LOCK TABLES {table} WRITE")).unwrap();
        let running = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).spawn();
        wait_for_blocked(&mut world.db.admin(), world.db.name(), table);
        assert!(kill_sessions(&world, holder.connection_id()) > 0);
        holder.query_drop("UNLOCK TABLES").unwrap();
        running.wait().sane().expect_code(0).expect_stderr("nouvel essai");
        assert_eq!(world.stored().len(), number + 1, "{table}");
    }
    assert_eq!(world.db.count("flux_import_history"), 4, "each load is recorded once");
}

#[test]
fn a_server_that_stays_down_is_waited_for_a_minute_by_all_files_together() {
    let Some(server) = Server::dedicated(Vec::<String>::new()) else { return };
    let world = on(&server);
    let (fr, int, mobility) = (weekly::FR, weekly::INT, weekly::MOBILITY);
    let stays = [weekly::STAY, weekly::STAY_FR, weekly::STAY_INT];
    let headers = [BASE, fr, int, BASE, fr, int, mobility, stays[0], stays[1], stays[2]];
    for ((name, _, _), header) in FILES.iter().zip(headers) {
        let value = |column: &str| match column {
            "Date" => "2025-07-07",
            "ZoneObservation" => "Cantal",
            "Provenance" => "Local",
            "CategorieVisiteur" => "Touriste",
            "NomDepartement" => "Loire",
            "Pays" => "Espagne",
            "ZoneMobilite" => "Aurillac",
            "DureeSejour" => "2 nuits",
            _ => "1",
        };
        let line: Vec<&str> = header.trim().split(';').map(value).collect();
        world.csv(name, header, &[&line.join(";")]);
    }
    let import = world.tool("update-temp-tables").args(["--jobs", "5", "--json"]).limit(Duration::from_secs(90));
    let mut running = import.fail_at("load.rows", "pause").spawn();
    running.wait_paused();
    server.kill9();
    running.resume();
    let outcome = running.wait().sane().expect_code(1);
    let json = outcome.json();
    assert!(FILES.iter().all(|(name, _, _)| file(&json, name)["status"] == "failed"), "{outcome}");
    let pauses: Vec<u64> = outcome
        .stderr
        .split("nouvel essai dans ")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect();
    // A file by itself is waited for 0.2 + 0.6 + 1.8 + 5.4 seconds: ten of them would be 80.
    assert!((54_000..=60_000).contains(&pauses.iter().sum::<u64>()), "{pauses:?}\n{outcome}");
    server.restart();
    assert_eq!(world.db.count("flux_import_history"), 0);
    world.tool("update-temp-tables").run().sane().expect_code(0);
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_time_limit() {
    let Some(server) = Server::dedicated(Vec::<String>::new()) else { return };
    let world = on(&server);
    let pid = server.pid().unwrap().to_string();
    let signal =
        |name: &str| assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let mut running = world.tool("simple-test").env("DB_TIMEOUT", "2").spawn();
    let started = Instant::now();
    while running.is_running() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let given_up = !running.is_running();
    signal("-CONT");
    assert!(given_up, "it waits for a server that does not answer");
    running.wait().sane().expect_code(1).expect_stderr("délai");
}
