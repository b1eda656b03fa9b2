//! What only reads goes on through the next server when one fails, wherever that happens.

use std::time::{Duration, Instant};

use flux_test::{Outcome, Tool};
use support::codes;
use support::way::Way;
use support::weekly::{Sane, World};

/// Tools that write nothing, or nothing but what they have found.
const READERS: [&[&str]; 15] = [
    &["check-status"],
    &["verify-migration"],
    &["validation-complete-import"],
    &["historique"],
    &["check-zones"],
    &["verifier-saisons"],
    &["check-import-progress"],
    &["status-saisons"],
    &["diagnostic-migration"],
    &["diagnostic-mobility", "--year", "2025"],
    &["tables-info"],
    &["migrate-temp-to-main", "--dry-run"],
    &["cleanup-temp", "--dry-run"],
    &["withdraw-provisional"],
    &["merge-zones"],
];

/// Of a run's reads, those before which the server is lost.
const PASSAGES: [u32; 7] = [1, 2, 3, 5, 8, 13, 30];

fn world() -> World {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5", "2025-07-08;Lioran;Local;Touriste;3"]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("update-saisons").args(["--from", "2025", "--to", "2025"]).run().sane().expect_code(0);
    world
}

fn through(world: &World, words: &[&str], hosts: &str) -> Tool {
    let tool = world.tool(words[0]).args(&words[1..]).arg("--json");
    tool.env("DB_HOST", hosts).env("DB_TIMEOUT", "2").env("DB_SSL_MODE", "DISABLED")
}

/// How a run ends and what it has found.
fn said(run: &Outcome) -> (i32, Vec<String>) {
    let json = run.json();
    let mut found: Vec<String> = json["error"]["code"].as_str().into_iter().map(str::to_owned).collect();
    if json["findings"].is_array() {
        found.extend(codes(&json).into_iter().map(str::to_owned));
    }
    (run.code, found)
}

#[test]
fn a_read_that_fails_with_its_server_is_read_on_the_next_one() {
    let world = world();
    let mut lost = Vec::new();
    for words in READERS {
        let (first, second) = (Way::to(&world.db), Way::to(&world.db));
        let hosts = format!("{first},{second}");
        let plain = through(&world, words, &hosts).run();
        let mut moved = 0;
        for passage in PASSAGES {
            let run = through(&world, words, &hosts).fail_at(&format!("db.read:{passage}"), "error").run();
            moved += u32::from(run.stderr.contains("nouvel essai"));
            if said(&run) != said(&plain) {
                lost.push(format!("{words:?}, read {passage}\n{plain}\n{run}"));
            }
        }
        if moved == 0 {
            lost.push(format!("{words:?} has read nothing\n{plain}"));
        }
    }
    assert!(lost.is_empty(), "{} runs ended otherwise:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn a_server_that_dies_or_freezes_under_a_read_costs_seconds() {
    let world = world();
    // The last one before the first words on a connection, which is not watched yet.
    for (words, place) in [
        (&["check-status"], "db.read:2"),
        (&["verify-migration"], "db.read:2"),
        (&["historique"], "db.read:2"),
        (&["verify-migration"], "db.dress:2"),
    ] {
        for freeze in [false, true] {
            let (first, second) = (Way::to(&world.db), Way::to(&world.db));
            let mut running = through(&world, words, &format!("{first},{second}")).fail_at(place, "pause").spawn();
            running.wait_paused();
            if freeze {
                first.freeze()
            } else {
                first.cut()
            }
            let started = Instant::now();
            running.resume();
            let run = running.wait().sane();
            let waited = started.elapsed();
            assert!(matches!(run.code, 0 | 3), "{words:?}, frozen {freeze}: {run}");
            assert!(run.stderr.contains(&format!("{second}/")), "{run}");
            assert!(waited < Duration::from_secs(40), "{waited:?}\n{run}");
        }
    }
}
