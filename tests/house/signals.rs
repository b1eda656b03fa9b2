//! Signals: the first asks for an orderly end, the second ends, whatever the server does.

use std::process::Command;
use std::time::{Duration, Instant};

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, Server};
use support::trouble::wait_for_blocked;

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_second_signal_ends_at_once_where_the_server_is_frozen() {
    let Some(server) = Server::dedicated::<&str>([]) else { return };
    let (db, pid) = (server.new_db(), server.pid().unwrap());
    let home = Home::new(&db);
    home.tool("ensure-schema").run().expect_code(0);
    // Somebody holds the rows, so that the tool is within a statement when the server freezes.
    let mut rival = db.conn();
    rival.query_drop("LOCK TABLES dim_saisons WRITE, flux_lease WRITE").unwrap();
    let mut running = home.tool("update-saisons").spawn();
    wait_for_blocked(&mut db.admin(), db.name(), "SELECT");
    send("-STOP", pid);
    running.signal("TERM");
    std::thread::sleep(Duration::from_secs(1));
    let started = Instant::now();
    running.signal("TERM");
    let ended = loop {
        if !running.is_running() {
            break true;
        }
        if started.elapsed() > Duration::from_secs(10) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    send("-CONT", pid);
    assert!(ended, "two signals, and it goes on");
    assert_eq!(running.wait().code, 128 + 15);
}
