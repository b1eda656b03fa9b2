//! `DB_HOST` with several servers: the first that serves, the next when it fails, and a frozen one that is not waited for.
//!
//! The nodes are ways to one and the same server, which a test can block: what a run finds on the next node is what it left.

use std::time::{Duration, Instant};

use flux_test::mysql::prelude::Queryable;
use flux_test::mysql::{Conn, OptsBuilder};
use flux_test::{Account, Home, Server, TestDb, Tool};
use support::trouble::wait_for_blocked;
use support::way::Way;
use support::weekly::{Sane, World};

fn import(world: &World, hosts: &str) -> Tool {
    let tool = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--jobs", "1", "--json"]);
    tool.env("DB_HOST", hosts).env("DB_TIMEOUT", "2").env("DB_SSL_MODE", "DISABLED")
}

fn world() -> World {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5"]);
    world
}

#[test]
fn a_server_that_is_down_is_passed_over() {
    let world = world();
    let (dead, way) = (Way::dead(), Way::to(&world.db));
    let run = import(&world, &format!("{dead},{way}")).run().sane().expect_code(0);
    assert!(run.stderr.contains(&dead.to_string()), "{run}");
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);
    // Where none is up, the last one says why.
    let json = import(&world, &format!("{dead},{dead}")).run().sane().expect_code(1).json();
    assert_eq!(json["error"]["code"], "connect", "{json}");
}

#[test]
fn a_server_that_is_read_only_is_passed_over() {
    let world = world();
    let Some(other) = Server::dedicated(["--read-only=ON"]) else { return };
    twin(&other, &world.db);
    let (first, way) = (Way::to_server(&other), Way::to(&world.db));
    import(&world, &format!("{first},{way}")).run().sane().expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);
}

#[test]
fn a_run_goes_on_through_the_next_server() {
    let world = world();
    let (first, second) = (Way::to(&world.db), Way::to(&world.db));
    let mut running = import(&world, &format!("{first},{second}")).fail_at("db.commit", "pause").spawn();
    running.wait_paused();
    first.cut();
    running.resume();
    let run = running.wait().sane().expect_code(0);
    assert!(run.stderr.contains(&format!("{second}/")), "{run}");
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);
    assert_eq!(world.db.column("SELECT ended FROM flux_lease"), ["released"]);
    assert_eq!(world.db.count("flux_import_history"), 1);
}

#[test]
fn a_frozen_server_is_left_within_seconds() {
    let world = world();
    let (first, second) = (Way::to(&world.db), Way::to(&world.db));
    let mut running = import(&world, &format!("{first},{second}")).fail_at("db.commit", "pause").spawn();
    running.wait_paused();
    first.freeze();
    running.resume();
    let started = Instant::now();
    let run = running.wait().sane().expect_code(0);
    let waited = started.elapsed();
    assert!(run.stderr.contains("ne répond plus"), "{run}");
    assert!(waited < Duration::from_secs(40), "{waited:?}\n{run}");
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 5"]);
    assert_eq!(world.db.count("flux_import_history"), 1);
}

/// A connection to a server with the account of a test's database.
fn connect(server: &Server, name: &str, account: &Account) -> Conn {
    let (host, port) = server.tcp();
    let opts = OptsBuilder::new().ip_or_hostname(Some(host)).tcp_port(port).db_name(Some(name)).prefer_socket(false);
    Conn::new(opts.user(Some(&account.user)).pass(Some(&account.password))).unwrap()
}

/// The same database and account on another server.
fn twin(server: &Server, db: &TestDb) {
    let mut admin = server.admin();
    let (name, account) = (db.name(), db.account());
    for sql in [
        format!("CREATE DATABASE {name}"),
        format!("CREATE USER '{}'@'%' IDENTIFIED BY '{}'", account.user, account.password),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO '{}'@'%'", account.user),
    ] {
        admin.query_drop(sql).unwrap();
    }
}

#[test]
fn a_stop_cancels_nothing_on_another_server() {
    let (Some(one), Some(other)) = (Server::dedicated::<&str>([]), Server::dedicated::<&str>([])) else { return };
    let db = one.new_db();
    let home = Home::new(&db);
    home.tool("ensure-schema").run().expect_code(0);
    twin(&other, &db);
    let way = Way::to(&db);
    let seasons = home.tool("update-saisons").args(["--from", "2025", "--to", "2025"]).env("DB_HOST", way.to_string());
    // It is within a statement all the time.
    let mut rival = db.conn();
    rival.query_drop("LOCK TABLES dim_saisons WRITE").unwrap();
    let mut running = seasons.env("DB_SSL_MODE", "DISABLED").spawn();
    wait_for_blocked(&mut db.admin(), db.name(), "dim_saisons");
    // From now on the proxy leads elsewhere, where every number that the tool may have is somebody's of the same account.
    way.turn(&other);
    let highest: u64 = db.scalar("SELECT MAX(id) FROM information_schema.processlist").parse().unwrap();
    let mut rivals = vec![connect(&other, db.name(), db.account())];
    while rivals.last().is_some_and(|conn| u64::from(conn.connection_id()) < highest) {
        rivals.push(connect(&other, db.name(), db.account()));
        assert!(rivals.len() < 100, "connection numbers are too far apart");
    }
    let sleep = |mut conn: Conn| std::thread::spawn(move || conn.query_first::<u64, _>("SELECT SLEEP(6)").unwrap());
    let busy: Vec<_> = rivals.into_iter().map(sleep).collect();
    std::thread::sleep(Duration::from_millis(500));
    running.signal("TERM");
    std::thread::sleep(Duration::from_secs(2));
    assert!(running.is_running());
    rival.query_drop("UNLOCK TABLES").unwrap();
    running.wait().sane().expect_code(1);
    for conn in busy {
        assert_eq!(conn.join().unwrap(), Some(0), "a statement of somebody else was cancelled");
    }
}
