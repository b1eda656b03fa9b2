//! What tests of database trouble do to a server and its sessions.

use std::time::{Duration, Instant};

use flux_test::mysql::{self, Conn, prelude::Queryable};
use flux_test::{Home, TestDb, Tool};

use crate::weekly::World;

/// How long a test waits for what must come: a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a connection other than this one is in a statement on `word`.
pub fn wait_for_statement(conn: &mut Conn, db: &str, word: &str) {
    let started = Instant::now();
    while in_statement(conn, db, word).is_none() {
        assert!(started.elapsed() < PATIENCE, "nobody comes to {word}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until a connection other than this one stays in a statement on `word`: somebody's lock holds it. A statement that only names the
/// table (a question to information_schema, say) would be over when its session is killed, which then nobody need notice.
pub fn wait_for_blocked(conn: &mut Conn, db: &str, word: &str) {
    let started = Instant::now();
    let mut seen = (None, started);
    while seen.0.is_none() || seen.1.elapsed() < Duration::from_millis(200) {
        assert!(started.elapsed() < PATIENCE, "nobody waits in {word}");
        std::thread::sleep(Duration::from_millis(10));
        let now = in_statement(conn, db, word);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
    }
}

/// The first session, by number, that is in a statement on `word`, with the statement.
fn in_statement(conn: &mut Conn, db: &str, word: &str) -> Option<(u64, String)> {
    let sql = format!(
        "SELECT id, info FROM information_schema.processlist WHERE db = '{db}' AND info LIKE '%{word}%' AND id <> CONNECTION_ID() AND command <> 'Sleep' ORDER BY id LIMIT 1"
    );
    listed(conn.query_first(sql)).flatten()
}

/// An answer of the server's list of its sessions. MySQL's fails as long as the text of somebody's statement, which it cuts, ends within a
/// character: then it is to be asked again.
fn listed<T>(answer: mysql::Result<T>) -> Option<T> {
    match answer {
        Err(mysql::Error::MySqlError(error)) if error.code == 3854 => None,
        answer => Some(answer.unwrap()),
    }
}

/// Kills every session of the tools, the one that holds their lock included; `mine` stays. Returns how many there were.
pub fn kill_sessions(world: &World, mine: u32) -> usize {
    let mut admin = world.db.admin();
    let sql = format!(
        "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> {mine} AND user = '{}'",
        world.db.name(),
        world.db.account().user
    );
    let ids: Vec<u64> = loop {
        if let Some(ids) = listed(admin.query(&sql)) {
            break ids;
        }
    };
    ids.iter().filter(|id| admin.query_drop(format!("KILL {id}")).is_ok()).count()
}

/// Kills the first session that is in a statement on `word`, if there is one: none that still says who it is.
pub fn kill_in_statement(world: &World, word: &str) -> bool {
    let mut admin = world.db.admin();
    let found = in_statement(&mut admin, world.db.name(), word);
    found.is_some_and(|(id, _)| admin.query_drop(format!("KILL {id}")).is_ok())
}

/// Runs the tool to its end or to this fail point (`db.commit:2`), where it is killed. True when it was.
#[track_caller]
pub fn killed_at(db: &TestDb, tool: Tool, place: &str) -> bool {
    let outcome = tool.fail_at(place, "kill").run();
    assert!([0, 3, 137].contains(&outcome.code), "{place}\n{outcome}");
    quiet(db);
    outcome.code == 137
}

/// Waits until the sessions of killed processes are gone from the server: what they held is then given back.
pub fn quiet(db: &TestDb) {
    quiet_but_for(db, 0);
}

/// The same where the test has a session of its own.
pub fn quiet_but_for(db: &TestDb, mine: u32) {
    let mut admin = db.admin();
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{}' AND user = '{}' AND id <> {mine}",
        db.name(),
        db.account().user
    );
    let started = Instant::now();
    while listed(admin.query_first::<u64, _>(&sql)).flatten() != Some(0) {
        assert!(started.elapsed() < PATIENCE, "sessions of a dead process stay");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A tool whose files cannot grow beyond 64 KiB: writing more fails, as on a full disk.
pub fn on_a_full_disk(home: &Home, name: &str) -> Tool {
    let tool = flux_test::bin_dir().join(name);
    Tool::program("/bin/sh").home(home).args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""]).arg(tool)
}

/// A transaction of a thousand rows, so that the server ends the other one in a deadlock.
pub fn heavy(world: &World) -> Conn {
    world.db.exec("CREATE TABLE ballast (n INT PRIMARY KEY) ENGINE=InnoDB");
    let mut rival = world.db.conn();
    rival.query_drop("START TRANSACTION").unwrap();
    let numbers: Vec<String> = (0..1000).map(|n| format!("({n})")).collect();
    rival.query_drop(format!("INSERT INTO ballast VALUES {}", numbers.join(","))).unwrap();
    rival
}

/// The superuser reads everything, unless that capability is taken away.
pub fn without_privilege(world: &World, name: &str) -> Tool {
    let tool = flux_test::bin_dir().join(name);
    Tool::program("/usr/bin/setpriv")
        .home(&world.home)
        .args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"])
        .arg(tool)
}
