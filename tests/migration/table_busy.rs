//! What needs a table for itself waits some seconds for those who use it, lets readers through, and says who it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flux_test::mysql::prelude::Queryable;
use support::weekly::World;

/// A base that lacks an index of `fact_diurnes`, which somebody is reading in a transaction.
fn used() -> (World, flux_test::mysql::Conn, u32) {
    let world = World::whole();
    world.db.exec("ALTER TABLE fact_diurnes DROP COLUMN is_provisional");
    let mut conn = world.db.conn();
    conn.query_drop("START TRANSACTION").unwrap();
    conn.query_drop("SELECT COUNT(*) FROM fact_diurnes").unwrap();
    let id = conn.connection_id();
    (world, conn, id)
}

#[test]
fn an_open_transaction_is_named_and_readers_do_not_wait_for_it_to_end() {
    let (world, _conn, id) = used();
    let done = AtomicBool::new(false);
    let (longest, run) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut conn, mut longest) = (world.db.conn(), Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                conn.query_drop("SELECT COUNT(*) FROM fact_diurnes").unwrap();
                longest = longest.max(started.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            longest
        });
        let run = world.tool("ensure-schema").run();
        done.store(true, Ordering::Relaxed);
        (reader.join().unwrap(), run)
    });
    assert!(run.code == 1 && run.stdout.contains(&format!("KILL {id}")), "{run}");
    assert!(run.stdout.contains(&format!("connexion {id} de ")), "{run}");
    // Three seconds at a time, some more for a machine that is busy.
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    assert!(run.duration < Duration::from_secs(40), "{run}");
}

#[test]
fn what_ends_in_time_is_waited_for() {
    let (world, conn, _) = used();
    let running = world.tool("ensure-schema").spawn();
    std::thread::sleep(Duration::from_secs(6));
    drop(conn);
    running.wait().expect_code(0);
    let index = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'fact_diurnes'
                 AND column_name = 'is_provisional'";
    assert_eq!(world.db.scalar(index), "1");
}

#[test]
fn a_restoration_behind_a_reader_ends_with_a_code_of_its_own_and_changes_nothing() {
    let world = World::whole();
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-14', 1, 1, 1, 5)");
    world.tool("backup-critical").run().expect_code(0);
    world.db.exec("DELETE FROM fact_nuitees");
    let mut conn = world.db.conn();
    conn.query_drop("START TRANSACTION").unwrap();
    conn.query_drop("SELECT COUNT(*) FROM fact_nuitees").unwrap();
    let args = ["--only", "fact_nuitees", "--yes", "--json"];
    let json = world.tool("restore-critical").args(args).run().expect_code(1).json();
    assert_eq!(json["error"]["code"], "table-busy", "{json}");
    assert!(json["error"]["hint"].as_str().unwrap().contains(&format!("KILL {}", conn.connection_id())), "{json}");
    assert_eq!((world.db.count("fact_nuitees"), support::backup::beside(&world.db)), (0, vec![]));
    drop(conn);
    world.tool("restore-critical").args(args).run().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 1);
}
