//! Processes that are killed, servers that are killed, stops on demand, at many points: each table is then wholly as before or wholly
//! as after, and the next run completes it by itself.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Checked, Outcome, Server};
use std::time::Duration;
use support::trouble::{killed_at, quiet, quiet_but_for, wait_for_statement};
use support::versions::{TEMPS, deliver, each_whole, full, import, loads, mains, temps};
use support::weekly::{Sane, World, file};

/// A run that went to its end: every other delivery lacks a zone, which is told.
#[track_caller]
fn done(outcome: Outcome) -> Checked {
    let code = if outcome.code == 3 { 3 } else { 0 };
    outcome.expect_code(code)
}

/// Where a run is killed, and at which passages: each COMMIT, before and after; every third statement; within the rows on their way.
const PLACES: [(&str, usize); 4] = [("db.commit", 1), ("db.committed", 1), ("db.statement", 3), ("load.rows", 1)];

#[test]
fn an_import_that_is_killed_leaves_each_table_before_or_after() {
    let world = World::whole();
    let mut volume = 4;
    deliver(&world, volume);
    done(import(&world).run().sane());
    for (place, step) in PLACES {
        for passage in (1..).step_by(step) {
            let stored = full(volume);
            volume += 1;
            let new = full(volume);
            deliver(&world, volume);
            let before = TEMPS.map(|temp| loads(&world, temp));
            let place = format!("{place}:{passage}");
            let killed = killed_at(&world.db, import(&world), &place);
            let found = temps(&world);
            each_whole(&found, &stored, &new, &place);
            for index in 0..3 {
                // What is remembered as done is done, and nothing else.
                let remembered = loads(&world, TEMPS[index]) - before[index];
                assert_eq!(remembered, u32::from(found[index] == new[index]), "{} at {place}", TEMPS[index]);
            }
            // The next run takes up what is left of it, with nobody's help.
            let json = done(import(&world).arg("--json").run().sane()).json();
            assert_eq!(temps(&world), new, "after the next run, {place}: {json}");
            if !killed {
                // Three files: each is sent, stored and committed.
                assert!(passage > 3, "only {place}");
                break;
            }
        }
    }
}

/// The connection is lost between the COMMIT and its answer: the file is stored, and stored once.
#[test]
fn a_commit_whose_answer_is_lost_is_not_done_twice() {
    let world = World::whole();
    for (passage, volume) in [(1, 2), (2, 3), (3, 4)] {
        deliver(&world, volume);
        let before = TEMPS.map(|temp| loads(&world, temp));
        let outcome = import(&world).fail_at(&format!("db.committed:{passage}"), "error").run().sane();
        done(outcome).expect_stderr("nouvel essai");
        assert_eq!(temps(&world), full(volume));
        assert_eq!(TEMPS.map(|temp| loads(&world, temp)), before.map(|loads| loads + 1));
    }
}

#[test]
fn a_migration_that_is_killed_leaves_each_table_before_or_after() {
    let world = World::whole();
    let load = |volume: u32| {
        deliver(&world, volume);
        done(import(&world).arg("--force").run().sane());
    };
    // Each delivery leaves out a zone of the one before, which the guard would keep.
    let migrate = || world.tool("migrate-temp-to-main").arg("--force");
    let mut volume = 2;
    load(volume);
    migrate().run().sane().expect_code(0);
    for (place, step) in [("db.commit", 1), ("db.committed", 1), ("db.statement", 3)] {
        for passage in (1..).step_by(step) {
            let before = mains(&world);
            volume += 1;
            load(volume);
            let place = format!("{place}:{passage}");
            let killed = killed_at(&world.db, migrate(), &place);
            each_whole(&mains(&world), &before, &temps(&world), &place);
            migrate().run().sane().expect_code(0);
            world.tool("verify-migration").run().sane().expect_code(0);
            if !killed {
                assert!(passage > 3, "only {place}");
                break;
            }
        }
    }
}

#[test]
fn a_cleanup_that_is_killed_leaves_each_table_full_or_empty_and_no_row_is_lost() {
    let world = World::whole();
    let cleanup = || world.tool("cleanup-temp");
    for passage in 1.. {
        deliver(&world, 2);
        done(import(&world).arg("--force").run().sane());
        world.tool("migrate-temp-to-main").run().sane().expect_code(0);
        let full = temps(&world);
        let place = format!("db.statement:{passage}");
        let killed = killed_at(&world.db, cleanup(), &place);
        each_whole(&temps(&world), &full, &Default::default(), &place);
        assert_eq!(mains(&world), full);
        cleanup().run().sane().expect_code(0);
        assert!(TEMPS.iter().all(|temp| world.db.count(temp) == 0));
        if !killed {
            // Three tables, each locked, emptied and noted.
            assert!(passage > 9, "only {place}");
            break;
        }
    }
}

#[test]
fn a_stop_on_demand_is_clean_at_any_point() {
    let world = World::whole();
    let mut volume = 4;
    deliver(&world, volume);
    done(import(&world).run().sane());
    let places = ["db.statement:1", "db.statement:8", "load.rows:1", "load.rows:3", "db.commit:1", "db.committed:2"];
    for (place, signal) in places.into_iter().zip(["TERM", "INT"].into_iter().cycle()) {
        let stored = full(volume);
        volume += 1;
        deliver(&world, volume);
        let mut running = import(&world).fail_at(place, "pause").spawn();
        running.wait_paused();
        running.signal(signal);
        running.resume();
        // There is work left at each of these places.
        let outcome = running.wait().sane().expect_code(1).expect_stderr("interrompu");
        assert!(outcome.duration < Duration::from_secs(30), "{outcome}");
        quiet(&world.db);
        each_whole(&temps(&world), &stored, &full(volume), place);
        done(import(&world).run().sane());
        assert_eq!(temps(&world), full(volume), "{place}");
    }
}

/// The latest moment before the commit: all rows are sent, the line of the history waits. Killed there, nothing of it stays.
#[test]
fn killed_with_all_rows_sent_and_nothing_committed_nothing_stays() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    world.nights(&["2025-07-07;Cantal;Local;Touriste;2", "2025-07-08;Terra Nova;Local;Touriste;3"]);
    let mut holder = world.db.conn();
    let tool =
        || world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--create-missing", "--json"]);
    for signal in ["KILL", "TERM"] {
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop("SELECT * FROM flux_import_history FOR UPDATE").unwrap();
        let mut running = tool().spawn();
        wait_for_statement(&mut world.db.admin(), world.db.name(), "INSERT INTO flux_import_history");
        running.signal(signal);
        if signal == "KILL" {
            assert_eq!(running.wait().code, 137);
            holder.query_drop("COMMIT").unwrap();
        } else {
            // The statement that waits is cancelled: the stop does not wait for the lock.
            running.wait().sane().expect_code(1).expect_stderr("interrompu");
            holder.query_drop("COMMIT").unwrap();
        }
        quiet_but_for(&world.db, holder.connection_id());
        assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"], "{signal}");
        assert_eq!(world.db.count("dim_zones_observation"), 9, "{signal}: the new name goes with the rows");
        assert_eq!(world.db.count("flux_import_history"), 1, "{signal}");
    }
    let json = tool().run().sane().expect_code(0).json();
    assert_eq!(file(&json, "frequentation_nuitee.csv")["stored"], 2);
    assert_eq!(world.db.count("fact_nuitees_temp"), 2);
}

#[test]
fn a_server_that_is_killed_leaves_each_table_before_or_after() {
    // Durable, as a real server is: what is committed survives.
    let durable = ["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"];
    let Some(server) = Server::dedicated(durable) else { return };
    let world = World::on(server.new_db());
    let mut volume = 4;
    deliver(&world, volume);
    done(import(&world).run().sane());
    for place in ["db.statement:1", "load.rows:1", "load.rows:3", "db.commit:1", "db.committed:1", "db.commit:3"] {
        let stored = full(volume);
        volume += 1;
        deliver(&world, volume);
        let mut running = import(&world).limit(Duration::from_secs(90)).fail_at(place, "pause").spawn();
        running.wait_paused();
        server.kill9();
        server.restart();
        running.resume();
        // The server is back when the tool looks for it: done, or failed with nothing half done.
        let outcome = running.wait().sane();
        assert!([0, 1, 3].contains(&outcome.code), "{outcome}");
        quiet(&world.db);
        let found = temps(&world);
        each_whole(&found, &stored, &full(volume), place);
        assert!(outcome.code == 1 || found == full(volume), "done and not stored\n{outcome}");
        done(import(&world).run().sane());
        assert_eq!(temps(&world), full(volume), "{place}");
    }
}
