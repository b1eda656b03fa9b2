//! The isolation of the tools' sessions, on a server whose own is weaker.

use std::time::Duration;

use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, Tool};
use support::weekly::{Sane, World};

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
fn writers_and_proofs_read_one_snapshot_whatever_the_server_is_set_to() {
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
    assert_eq!(levels_at(&world, "db.commit", world.tool("migrate-temp-to-main")), ["REPEATABLE READ"]);
    // The second statement ends the snapshot in which the first pair was compared.
    let proof = world.tool("verify-migration").args(["--only", "fact_nuitees"]);
    assert_eq!(levels_at(&world, "db.statement:2", proof), ["REPEATABLE READ"]);
}
