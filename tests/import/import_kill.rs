//! Processes that are killed, servers that are killed, stops on demand, at many points: each table is then wholly as before or wholly
//! as after, and the next run completes it by itself.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, Tool};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::trouble::{quiet, wait_for_statement};
use support::weekly::{BASE, FR, Sane, World, ZONES, file};

/// Points per test. The delays are spread over the time that an undisturbed run takes here and now, and a little beyond.
/// The tools are the same on MySQL, where each run takes several times as long.
static POINTS: LazyLock<u32> = LazyLock::new(|| if flux_test::is_mysql() { 8 } else { 20 });
const ONLY: [&str; 2] = ["--only", "frequentation_nuitee,frequentation_nuitee_fr,frequentation_journee"];
const TEMPS: [&str; 3] = ["fact_nuitees_temp", "fact_nuitees_departements_temp", "fact_diurnes_temp"];
const MAINS: [&str; 3] = ["fact_nuitees", "fact_nuitees_departements", "fact_diurnes"];

/// Three files of `days` days; every volume is `volume`. Odd versions lack the last zone, so that rows are withdrawn as well.
fn deliver(world: &World, days: u32, volume: u32) {
    let departements = ["Cantal", "Loire", "Aveyron", "Charente", "Puy-de-Dôme"];
    let zones = &ZONES[..8 - (volume % 2) as usize];
    let mut base = BASE.to_owned();
    let mut fr = FR.to_owned();
    for day in 0..days {
        let date = format!("{}-{:02}-{:02}", 2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        for zone in zones {
            for provenance in ["Local", "NonLocal", "Etranger"] {
                base.push_str(&format!("{date};{zone};{provenance};Touriste;{volume}\n"));
                for departement in departements {
                    fr.push_str(&format!("{date};{zone};{provenance};Touriste;{departement};{volume}\n"));
                }
            }
        }
    }
    world.home.write_csv("frequentation_nuitee.csv", &base);
    world.home.write_csv("frequentation_journee.csv", &base);
    world.home.write_csv("frequentation_nuitee_fr.csv", &fr);
}

/// Rows of a table by volume: one entry is one version of the delivery, two are a mixture.
fn versions(world: &World, table: &str) -> BTreeMap<String, String> {
    world
        .db
        .rows(&format!("SELECT volume, COUNT(*) FROM {table} GROUP BY volume"))
        .into_iter()
        .map(|r| (r[0].clone(), r[1].clone()))
        .collect()
}

/// How many imports of a table the history calls loaded.
fn loads(world: &World, table: &str) -> u32 {
    let sql = format!("SELECT COUNT(*) FROM flux_import_history WHERE table_name = '{table}' AND status = 'loaded'");
    world.db.scalar(&sql).parse().unwrap()
}

/// `point` of [`POINTS`] over a run of `whole`, the last ones after its end.
fn delay(whole: Duration, point: u32) -> Duration {
    whole * point / (*POINTS - 2)
}

fn import(world: &World) -> Tool {
    world.tool("update-temp-tables").args(ONLY).args(["--jobs", "2"])
}

#[test]
fn an_import_that_is_killed_leaves_each_table_before_or_after() {
    let world = World::whole();
    let days = 60;
    deliver(&world, days, 2);
    import(&world).run().sane().expect_code(0);
    deliver(&world, days, 4);
    let whole = import(&world).run().sane().expect_code(0).duration;
    let full = |volume: u32| {
        let rows = days * 3 * (8 - volume % 2);
        [rows, rows * 5, rows].map(|rows| BTreeMap::from([(volume.to_string(), rows.to_string())]))
    };
    let mut stored = full(4);
    let mut cut = 0;
    for point in 0..*POINTS {
        let volume = 10 + point;
        deliver(&world, days, volume);
        let before = TEMPS.map(|temp| loads(&world, temp));
        let mut running = import(&world).spawn();
        std::thread::sleep(delay(whole, point));
        running.kill9();
        cut += u32::from(running.wait().code == 137);
        quiet(&world);
        let new = full(volume);
        for index in 0..3 {
            let found = versions(&world, TEMPS[index]);
            assert!(found == stored[index] || found == new[index], "{} at point {point}: {found:?}", TEMPS[index]);
            // What is remembered as done is done, and nothing else.
            let remembered = loads(&world, TEMPS[index]) - before[index];
            assert_eq!(remembered, u32::from(found == new[index]), "{} at point {point}: {found:?}", TEMPS[index]);
        }
        // The next run takes up what is left of it, with nobody's help.
        let json = import(&world).arg("--json").run().sane().expect_code(0).json();
        for index in 0..3 {
            assert_eq!(versions(&world, TEMPS[index]), new[index], "after the next run, point {point}: {json}");
        }
        stored = new;
    }
    assert!(cut >= 2, "only {cut} of {} runs were cut", *POINTS);
}

#[test]
fn a_migration_that_is_killed_leaves_each_table_before_or_after() {
    let world = World::whole();
    let days = 60;
    let load = |volume: u32| {
        deliver(&world, days, volume);
        import(&world).arg("--force").run().sane().expect_code(0);
    };
    let migrate = || world.tool("migrate-temp-to-main");
    load(2);
    migrate().run().sane().expect_code(0);
    load(3);
    let whole = migrate().run().sane().expect_code(0).duration;
    let mut before: Vec<_> = MAINS.iter().map(|main| versions(&world, main)).collect();
    let mut cut = 0;
    for point in 0..*POINTS {
        load(10 + point);
        let after: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
        let mut running = migrate().spawn();
        std::thread::sleep(delay(whole, point));
        running.kill9();
        cut += u32::from(running.wait().code == 137);
        quiet(&world);
        for index in 0..3 {
            let found = versions(&world, MAINS[index]);
            assert!(found == before[index] || found == after[index], "{} at point {point}: {found:?}", MAINS[index]);
        }
        migrate().run().sane().expect_code(0);
        world.tool("verify-migration").run().sane().expect_code(0);
        before = after;
    }
    assert!(cut >= 2, "only {cut} of {} runs were cut", *POINTS);
}

#[test]
fn a_cleanup_that_is_killed_leaves_each_table_full_or_empty_and_no_row_is_lost() {
    let world = World::whole();
    let cleanup = || world.tool("cleanup-temp");
    let prepare = || {
        deliver(&world, 5, 2);
        import(&world).arg("--force").run().sane().expect_code(0);
        world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    };
    prepare();
    let full: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
    let whole = cleanup().run().sane().expect_code(0).duration;
    let mut cut = 0;
    for point in 0..*POINTS {
        prepare();
        let mut running = cleanup().spawn();
        std::thread::sleep(delay(whole, point));
        running.kill9();
        cut += u32::from(running.wait().code == 137);
        quiet(&world);
        for index in 0..3 {
            let found = versions(&world, TEMPS[index]);
            assert!(found.is_empty() || found == full[index], "{} at point {point}: {found:?}", TEMPS[index]);
            assert_eq!(versions(&world, MAINS[index]), full[index]);
        }
        cleanup().run().sane().expect_code(0);
        assert!(TEMPS.iter().all(|temp| world.db.count(temp) == 0));
    }
    assert!(cut >= 2, "only {cut} of {} runs were cut", *POINTS);
}

#[test]
fn a_stop_on_demand_is_clean_at_any_point() {
    let world = World::whole();
    let days = 60;
    deliver(&world, days, 2);
    import(&world).run().sane().expect_code(0);
    deliver(&world, days, 4);
    let whole = import(&world).run().sane().expect_code(0).duration;
    let mut before: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
    for point in 0..10 {
        deliver(&world, days, 10 + point);
        let mut running = import(&world).spawn();
        std::thread::sleep(whole * point / 9);
        running.signal(if point % 2 == 0 { "TERM" } else { "INT" });
        let outcome = running.wait();
        // Before the handlers stand, the signal ends the process itself.
        assert!([0, 1, 130, 143].contains(&outcome.code) && !outcome.stderr.contains("panicked"), "{outcome}");
        assert!(outcome.duration < whole + Duration::from_secs(5), "{outcome}");
        if outcome.code == 1 {
            assert!(outcome.stderr.contains("interrompu"), "{outcome}");
        }
        quiet(&world);
        let found: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
        import(&world).run().sane().expect_code(0);
        let after: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
        for index in 0..3 {
            assert_eq!(after[index].len(), 1);
            assert!(
                found[index] == before[index] || found[index] == after[index],
                "{} at point {point}: {:?}",
                TEMPS[index],
                found[index]
            );
        }
        before = after;
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
        let mine = holder.connection_id();
        let others = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{}' AND user = '{}' AND id <> {mine}",
            world.db.name(),
            world.db.account().user
        );
        let started = Instant::now();
        while world.db.admin().query_first::<u64, _>(&others).unwrap() != Some(0) {
            assert!(started.elapsed() < Duration::from_secs(30));
        }
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
    let Some(server) = Server::dedicated(["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"]) else {
        return;
    };
    let world = World::on(server.new_db());
    let days = 40;
    deliver(&world, days, 2);
    let whole = import(&world).run().sane().expect_code(0).duration;
    let mut before: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
    let points = 6;
    for point in 0..points {
        let volume = 10 + point;
        deliver(&world, days, volume);
        let running = import(&world).limit(Duration::from_secs(90)).spawn();
        std::thread::sleep(whole * point / (points - 1));
        server.kill9();
        server.restart();
        // The server is back within the tool's own patience, or not: done, or failed with nothing half done.
        let outcome = running.wait().sane();
        assert!([0, 1].contains(&outcome.code), "{outcome}");
        quiet(&world);
        let found: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
        import(&world).run().sane().expect_code(0);
        let after: Vec<_> = TEMPS.iter().map(|temp| versions(&world, temp)).collect();
        for index in 0..3 {
            assert_eq!(after[index].keys().collect::<Vec<_>>(), [&volume.to_string()]);
            assert!(
                found[index] == before[index] || found[index] == after[index],
                "{} at point {point}: {:?}",
                TEMPS[index],
                found[index]
            );
            assert!(outcome.code == 1 || found[index] == after[index], "done and not stored\n{outcome}");
        }
        before = after;
    }
}
