//! The lease of the writers: it holds where the server's own lock does not, and who has lost it commits nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flux_test::Running;
use flux_test::mysql::prelude::Queryable;
use support::trouble::quiet;
use support::weekly::{Sane, World};

/// A holder on another server, whose lock this server does not know.
fn elsewhere(world: &World) {
    world.db.exec(
        "INSERT INTO flux_lease (number, run, tool, host, pid, server, connection, commits, taken_at, beat_at) \
         SELECT COALESCE(MAX(number), 0) + 1, REPEAT('a', 32), 'cleanup-temp', 'autre-machine', 4242, 'noeud2:3306#00000000', 7, 0, \
         UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM flux_lease",
    );
}

fn imported() -> World {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5"]);
    world.import_nights(&[]).expect_code(0);
    world
}

/// A migration that stands still at a named place.
fn migration_paused_at(world: &World, place: &str) -> Running {
    let mut paused = world.tool("migrate-temp-to-main").arg("--json").fail_at(place, "pause").spawn();
    paused.wait_paused();
    paused
}

/// Signs of life of whoever holds the lease, each by this statement; ends when the flag is set.
fn beating(world: &World, beat: &'static str, pause: Duration) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let ended = Arc::new(AtomicBool::new(false));
    let (mut conn, stop) = (world.db.conn(), Arc::clone(&ended));
    let beats = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            conn.query_drop(beat).unwrap();
            std::thread::sleep(pause);
        }
    });
    (ended, beats)
}

#[test]
fn a_writer_on_another_server_keeps_all_others_out_while_it_lives() {
    let world = imported();
    elsewhere(&world);
    let beat = "UPDATE flux_lease SET beat_at = UTC_TIMESTAMP(3) WHERE ended_at IS NULL";
    let (ended, beats) = beating(&world, beat, Duration::from_millis(300));
    let started = Instant::now();
    let json = world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(4).json();
    let waited = started.elapsed();
    let seen = world.tool("check-import-progress").arg("--json").run().json();
    ended.store(true, Ordering::Relaxed);
    beats.join().unwrap();
    assert_eq!(json["error"]["code"], "locked", "{json}");
    let message = json["error"]["message"].as_str().unwrap();
    for word in ["cleanup-temp", "processus 4242 sur autre-machine", "noeud2:3306"] {
        assert!(message.contains(word), "{word:?} in {message}");
    }
    // Less than a lease lives.
    assert!(waited < Duration::from_secs(14), "{waited:?}: a living holder shows within seconds");
    let lock = &seen["lock"];
    assert_eq!((&lock["tool"], &lock["server"]), (&"cleanup-temp".into(), &"noeud2:3306".into()), "{lock}");
    assert_eq!((lock["pid"].as_u64(), lock["number"].as_u64()), (Some(4242), Some(2)), "{lock}");
    assert_eq!(world.db.count("fact_nuitees"), 0);
}

#[test]
fn the_lease_of_a_dead_writer_ends_by_itself_and_is_told() {
    let world = imported();
    elsewhere(&world);
    let run = world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert!(run.stderr.contains("verrou repris : cleanup-temp, processus 4242 sur autre-machine"), "{run}");
    assert_eq!(world.db.count("fact_nuitees"), 1);
    let leases = world.db.column("SELECT CONCAT(number, ' ', ended, ' ', commits > 0) FROM flux_lease ORDER BY number");
    assert_eq!(leases, ["1 released 1", "2 expired 0", "3 released 1"]);
}

/// Another server's clock may be behind this one's, by more than a lease lives.
#[test]
fn a_writer_whose_clock_is_late_is_alive_while_it_gives_signs() {
    let world = imported();
    elsewhere(&world);
    let late = "UPDATE flux_lease SET beat_at = UTC_TIMESTAMP(3) - INTERVAL 90 SECOND WHERE ended_at IS NULL";
    world.db.exec(late);
    let (ended, beats) = beating(&world, late, Duration::from_millis(1500));
    let json = world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(4).json();
    ended.store(true, Ordering::Relaxed);
    beats.join().unwrap();
    assert_eq!(json["error"]["code"], "locked", "{json}");
    assert_eq!(world.db.column("SELECT tool FROM flux_lease WHERE ended_at IS NULL"), ["cleanup-temp"]);
}

/// Whoever looks on may itself have stood still.
#[test]
fn who_was_frozen_while_watching_takes_no_living_lease() {
    let world = imported();
    elsewhere(&world);
    let mut watching = world.tool("migrate-temp-to-main").arg("--json").spawn();
    std::thread::sleep(Duration::from_secs(3));
    watching.signal("STOP");
    // For longer than a lease lives; it goes on until the end, in case the other had not come to watch yet.
    let beat = "UPDATE flux_lease SET beat_at = UTC_TIMESTAMP(3) WHERE ended_at IS NULL";
    let (ended, beats) = beating(&world, beat, Duration::from_secs(1));
    std::thread::sleep(Duration::from_secs(16));
    watching.signal("CONT");
    watching.wait().sane().expect_code(4);
    ended.store(true, Ordering::Relaxed);
    beats.join().unwrap();
    assert_eq!(world.db.column("SELECT tool FROM flux_lease WHERE ended_at IS NULL"), ["cleanup-temp"]);
}

/// Its transaction has passed the fence, and may still be committed: nobody can take its lease, and nobody waits for ever.
#[test]
fn a_writer_frozen_before_its_commit_keeps_the_lease_and_commits() {
    let world = imported();
    let mut frozen = migration_paused_at(&world, "db.commit");
    std::thread::sleep(Duration::from_secs(16));
    let started = Instant::now();
    let json = world.tool("cleanup-temp").arg("--json").run().sane().expect_code(4).json();
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(60), "{waited:?}");
    assert_eq!(json["error"]["code"], "locked", "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains("migrate-temp-to-main"), "{json}");
    frozen.resume();
    frozen.wait().sane().expect_code(0);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("flux_migrations")), (1, 1));
}

#[test]
fn who_has_lost_the_lease_commits_nothing() {
    let world = imported();
    let mut running = migration_paused_at(&world, "db.statement:2");
    world.db.exec("UPDATE flux_lease SET ended_at = UTC_TIMESTAMP(3), ended = 'expired' WHERE ended_at IS NULL");
    elsewhere(&world);
    running.resume();
    let json = running.wait().sane().expect_code(4).json();
    assert_eq!(json["error"]["code"], "lock-lost", "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains("cleanup-temp, processus 4242"), "{json}");
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("flux_migrations")), (0, 0));
    // The lease of another stays as it is.
    assert_eq!(world.db.column("SELECT tool FROM flux_lease WHERE ended_at IS NULL"), ["cleanup-temp"]);
}

#[test]
fn a_frozen_writer_gives_way_and_wakes_up_to_nothing() {
    let world = imported();
    let mut frozen = migration_paused_at(&world, "db.statement:2");
    // It lives, as far as one can see.
    world.tool("cleanup-temp").run().sane().expect_code(4);
    std::thread::sleep(Duration::from_secs(16));
    let run = world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert!(run.stderr.contains("ne donne plus signe de vie"), "{run}");
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("flux_migrations")), (1, 1));
    frozen.resume();
    frozen.wait().sane().expect_code(4);
    quiet(&world.db);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("flux_migrations")), (1, 1));
}

#[test]
fn without_the_table_of_leases_one_server_is_written_to_as_before() {
    let world = imported();
    world.db.exec("DROP TABLE flux_lease");
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 1);
    world.tool("ensure-schema").run().sane().expect_code(0);
    world.tool("verify-migration").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.db.column("SELECT tool FROM flux_lease"), ["cleanup-temp"]);
}

/// What is done is not refused for being there already.
#[test]
fn a_commit_that_was_not_answered_is_known_by_the_count_of_the_lease() {
    let world = World::whole();
    world.tool("update-saisons").args(["--from", "2024", "--to", "2026"]).run().sane().expect_code(0);
    let add =
        ["add", "--code", "festival", "--name", "Festival", "--from", "2025-08-20", "--to", "2025-08-23", "--json"];
    world.tool("manage-periodes").args(add).fail_at("db.committed", "error").run().sane().expect_code(0);
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE code_periode = 'festival'"), "1");
}
