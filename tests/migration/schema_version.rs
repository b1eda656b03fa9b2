//! Databases that earlier and later tools have prepared, and what `flux_lease` says of who writes.

use flux_test::Running;
use flux_test::mysql::prelude::Queryable;
use support::trouble::quiet;
use support::weekly::{Sane, World};

const WRITERS: [&str; 6] = [
    "update-temp-tables",
    "migrate-temp-to-main",
    "cleanup-temp",
    "ensure-schema",
    "update-saisons",
    "add-missing-zones",
];

fn nights(world: &World, volume: u32) {
    world.nights(&[&format!("2025-07-07;Cantal;Local;Touriste;{volume}")]);
}

/// The number of the connection that holds the lock of the writers, from the server itself.
fn holder(world: &World) -> String {
    world.db.scalar(&format!("SELECT IS_USED_LOCK('flux:{}')", world.db.name()))
}

/// Leases that are held.
fn held(world: &World) -> u64 {
    world.db.scalar("SELECT COUNT(*) FROM flux_lease WHERE ended_at IS NULL").parse().unwrap()
}

/// What `check-import-progress` says of the lock.
fn lock(world: &World) -> serde_json::Value {
    world.tool("check-import-progress").arg("--json").run().json()["lock"].clone()
}

/// A migration that stands before its commit, with the lock.
fn paused_migration(world: &World) -> Running {
    let mut running = world.tool("migrate-temp-to-main").fail_at("db.commit", "pause").spawn();
    running.wait_paused();
    running
}

#[test]
fn writers_refuse_a_database_of_later_tools_and_readers_do_not() {
    let world = World::whole();
    nights(&world, 5);
    world.db.exec("INSERT INTO flux_schema_version (version) VALUES (99)");
    for name in WRITERS {
        let json = world.tool(name).arg("--json").run().sane().expect_code(1).json();
        assert_eq!(json["error"]["code"], "schema-version", "{name}: {json}");
        assert!(json["error"]["hint"].is_string(), "{name}: {json}");
    }
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("dim_saisons")), (0, 0));
    assert_eq!(held(&world), 0);
    world.tool("verify-migration").run().sane().expect_code(0);
    let dry = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--dry-run"]).run();
    dry.sane().expect_code(0);
    world.db.exec("DELETE FROM flux_schema_version WHERE version = 99");
    world.import_nights(&[]).expect_code(0);
}

/// As the first version of the tools left it.
fn version_1() -> World {
    let world = World::whole();
    world.db.exec(
        "DROP TABLE flux_periodes, flux_lease, flux_import_dates, flux_migrations, flux_migration_cells, flux_row_history, flux_restores,
         flux_verifications;
         ALTER TABLE flux_import_progress DROP COLUMN unit, DROP COLUMN lines_read;
         DELETE FROM flux_schema_version; INSERT INTO flux_schema_version (version) VALUES (1)",
    );
    world
}

#[test]
fn a_database_of_version_1_serves_until_ensure_schema_brings_it_up_to_date() {
    let world = version_1();
    nights(&world, 5);
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);

    // No migration writes without its history.
    let json = world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(1).json();
    assert_eq!(json["error"]["code"], "table-missing", "{json}");
    assert!(json["error"]["hint"].as_str().unwrap().contains("ensure-schema"), "{json}");

    // The lock holds as ever; only the tool is unknown.
    let import = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--force"]);
    let mut running = import.fail_at("db.commit", "pause").spawn();
    running.wait_paused();
    let connection = holder(&world);
    assert_eq!(lock(&world), serde_json::json!({"connection": connection.parse::<u64>().unwrap(), "tool": null}));
    let json = world.tool("ensure-schema").arg("--json").run().sane().expect_code(4).json();
    assert_eq!(json["error"]["code"], "locked");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("connexion {connection} ")) && !message.contains("update-temp"), "{message}");
    running.resume();
    running.wait().sane().expect_code(0);

    // Who may not create what is missing is told who does.
    let account = world.db.restricted_user(&["SELECT, INSERT, UPDATE, DELETE ON {db}.*"]);
    let seasons = world.tool("update-saisons").args(["--from", "2025", "--to", "2025", "--json"]);
    let seasons = seasons.env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    let json = seasons.run().sane().expect_code(1).json();
    assert_eq!(json["error"]["code"], "table-missing", "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains("flux_periodes"), "{json}");
    assert!(json["error"]["hint"].as_str().unwrap().contains("ensure-schema"), "{json}");
    assert_eq!(world.db.count("dim_saisons"), 0);

    world.tool("ensure-schema").run().sane().expect_code(0);
    assert_eq!(world.db.scalar("SELECT MAX(version) FROM flux_schema_version"), "5");
    assert!(world.db.has_table("flux_periodes") && world.db.has_table("flux_lease"));
    world.tool("update-saisons").args(["--from", "2025", "--to", "2025"]).run().sane().expect_code(0);
    // What was loaded meanwhile is known by the span of its file.
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("verify-migration").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 1);
}

#[test]
fn the_lock_says_tool_run_and_process_and_nothing_once_it_is_free() {
    let world = World::whole();
    nights(&world, 5);
    let import = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]);
    let mut running = import.fail_at("db.commit", "pause").spawn();
    running.wait_paused();
    let connection = holder(&world);
    let rows = world.db.rows(
        "SELECT tool, connection, pid, host, run, taken_at <= UTC_TIMESTAMP(3) FROM flux_lease WHERE ended_at IS NULL",
    );
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let [row] = rows.try_into().unwrap();
    let expected = ["update-temp-tables", &connection, &running.pid().to_string(), host.trim()];
    assert_eq!(row[..4], expected);
    assert_eq!(row[5], "1", "{row:?}");
    let message =
        world.tool("cleanup-temp").arg("--json").run().sane().expect_code(4).json()["error"]["message"].clone();
    let message = message.as_str().unwrap();
    let process = format!("processus {} ", running.pid());
    for word in ["update-temp-tables", process.as_str(), &format!("connexion {connection} ")] {
        assert!(message.contains(word), "{word:?} in {message}");
    }
    running.resume();
    running.wait().sane().expect_code(0);
    assert_eq!(held(&world), 0);
    assert_eq!(world.db.column("SELECT run FROM flux_import_history"), [row[4].as_str()]);
}

#[test]
fn what_a_killed_run_left_of_itself_is_not_taken_for_the_next_holder() {
    let world = World::whole();
    nights(&world, 5);
    world.import_nights(&[]).expect_code(0);
    assert!(paused_migration(&world).killed());
    quiet(&world.db);
    assert_eq!(world.db.column("SELECT tool FROM flux_lease WHERE ended_at IS NULL"), ["migrate-temp-to-main"]);
    assert_eq!(lock(&world), serde_json::Value::Null);
    // Another program takes the lock and says nothing.
    let mut other = world.db.conn();
    let sql = format!("SELECT GET_LOCK('flux:{}', 10)", world.db.name());
    let got: Option<i64> = other.query_first(sql).unwrap();
    assert_eq!((got, &lock(&world)["tool"]), (Some(1), &serde_json::Value::Null));
    assert_eq!(lock(&world)["connection"], u64::from(other.connection_id()));
    drop(other);
    quiet(&world.db);
    // The next run of ours takes its place, and says whose.
    let mut running = paused_migration(&world);
    assert_eq!(lock(&world)["connection"].to_string(), holder(&world));
    assert_eq!(world.db.column("SELECT connection FROM flux_lease WHERE ended_at IS NULL"), [holder(&world)]);
    running.resume();
    let run = running.wait().sane().expect_code(0);
    assert!(run.stderr.contains("verrou repris : migrate-temp-to-main, processus "), "{run}");
    assert_eq!(world.db.column("SELECT ended FROM flux_lease ORDER BY number"), ["released", "expired", "released"]);
}
