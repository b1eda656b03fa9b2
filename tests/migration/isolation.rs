//! The isolation of the tools' sessions, whatever the server's own is, and what tables that are migrated side by side see of each other.

use std::time::{Duration, Instant};

use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, Tool};
use support::weekly::{BASE, Sane, World};

/// The levels of the transactions that are open on this database by the account of the tools.
fn levels(world: &World) -> Vec<String> {
    // The server looks at its transactions ten times a second at most, and shows what it saw last.
    std::thread::sleep(Duration::from_millis(200));
    let sql = format!(
        "SELECT t.trx_isolation_level FROM information_schema.innodb_trx t
         JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = '{}'",
        world.db.name()
    );
    world.db.admin().query(sql).unwrap()
}

/// The same while a tool stands at this place.
fn levels_at(world: &World, place: &str, tool: Tool) -> Vec<String> {
    let mut running = tool.fail_at(place, "pause").spawn();
    running.wait_paused();
    let found = levels(world);
    running.resume();
    running.wait().sane().expect_code(0);
    found
}

#[test]
fn imports_and_proofs_read_one_snapshot_whatever_the_server_is_set_to() {
    let Some(server) = Server::dedicated(["--transaction-isolation=READ-COMMITTED"]) else { return };
    let world = World::on(server.new_db());
    let mut plain = world.db.conn();
    plain.query_drop("START TRANSACTION").unwrap();
    plain.query_drop("SELECT * FROM dim_zones_observation FOR UPDATE").unwrap();
    assert_eq!(levels(&world), ["READ COMMITTED"], "what a session of this server has by itself");
    plain.query_drop("COMMIT").unwrap();

    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let import = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]);
    assert_eq!(levels_at(&world, "db.commit", import), ["REPEATABLE READ"]);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    // The second statement ends the snapshot in which the first pair was compared.
    let proof = world.tool("verify-migration").args(["--only", "fact_nuitees"]);
    assert_eq!(levels_at(&world, "db.statement:2", proof), ["REPEATABLE READ"]);
}

#[test]
fn a_table_is_revised_beside_one_that_has_to_wait_whichever_was_begun_first() {
    let world = World::whole();
    let deliver = |volume: &str| {
        world.nights(&[&format!("2025-07-07;Cantal;Local;Touriste;{volume}")]);
        world.csv("frequentation_journee.csv", BASE, &[&format!("2025-07-07;Cantal;Local;Touriste;{volume}")]);
        world.import("frequentation_nuitee,frequentation_journee", &[]).expect_code(0);
    };
    let migrate = || world.tool("migrate-temp-to-main").args(["--only", "fact_nuitees,fact_diurnes", "--jobs", "2"]);
    let volume = |table: &str| world.db.scalar(&format!("SELECT volume FROM {table}"));
    deliver("1");
    migrate().run().sane().expect_code(0);
    // The changes of either stand beside each other in one table of the history, written before the row that is waited for.
    for (revision, held, free) in [("2", "fact_nuitees", "fact_diurnes"), ("3", "fact_diurnes", "fact_nuitees")] {
        deliver(revision);
        let before = volume(held);
        let mut other = world.db.conn();
        other.query_drop("START TRANSACTION").unwrap();
        // Its rows may be read for the history, and not be changed.
        other.query_drop(format!("SELECT * FROM {held} LOCK IN SHARE MODE")).unwrap();
        let running = migrate().spawn();
        let patience = Instant::now() + Duration::from_secs(40);
        while volume(free) != revision {
            assert!(Instant::now() < patience, "{free} waits for {held}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(volume(held), before, "{held} is changed once the other lets it go");
        other.query_drop("COMMIT").unwrap();
        running.wait().sane().expect_code(0);
        assert_eq!(volume(held), revision);
    }
}
