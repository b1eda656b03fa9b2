//! `scripts/soak-kill MINUTES [SEED]`: tools and their server killed by the clock, for as long as one likes, and what must hold then
//! checked after each kill. Which statement a kill meets is chance, so a failure here is to become a test with a fail point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use flux_test::{Home, Server, TestDb, Tool};
use support::raw::whole_files_only;
use support::trouble::quiet;
use support::versions::{Tables, deliver, each_whole, full, import, mains, temps};
use support::weekly::World;

/// xorshift: the same seed gives the same moments.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// What is reported at the end.
#[derive(Debug, Default)]
struct Count {
    runs: u64,
    kills: u64,
    server_kills: u64,
    checks: u64,
}

struct Soak {
    server: Server,
    chance: Chance,
    count: Count,
}

impl Soak {
    /// Runs the tool, kills it or the server at some moment of a run of `usual`, and says at which.
    fn disturb(&mut self, db: &TestDb, tool: Tool, usual: Duration) -> String {
        let wait = Duration::from_micros(self.chance.below(usual.as_micros() as u64 * 5 / 4));
        let by_server = self.chance.below(6) == 0;
        self.count.runs += 1;
        let running = tool.limit(Duration::from_secs(180)).spawn();
        sleep(wait);
        if by_server {
            self.count.server_kills += 1;
            self.server.kill9();
            self.server.restart();
            let outcome = running.wait();
            assert!([0, 1, 3].contains(&outcome.code), "the server was killed after {wait:?}\n{outcome}");
        } else {
            self.count.kills += u64::from(running.killed());
        }
        quiet(db);
        format!("{wait:?}{}", if by_server { ", server killed" } else { "" })
    }

    /// An undisturbed run, to its end.
    fn complete(&mut self, tool: Tool) -> Duration {
        self.count.runs += 1;
        tool.limit(Duration::from_secs(180)).run().expect_code(0).duration
    }

    fn check(&mut self, found: &Tables, before: &Tables, after: &Tables, place: &str) {
        each_whole(found, before, after, place);
        self.count.checks += 1;
    }

    /// Import, migration and cleanup of one delivery after the other.
    fn weekly(&mut self, world: &World, volume: u32, usual: &mut [Duration; 3]) {
        deliver(world, volume);
        let (before, new) = (temps(world), full(volume));
        let moment = self.disturb(&world.db, import(world), usual[0]);
        self.check(&temps(world), &before, &new, &format!("import, {moment}"));
        usual[0] = self.complete(import(world));
        self.check(&temps(world), &new, &new, "the import after it");

        let before = mains(world);
        let moment = self.disturb(&world.db, world.tool("migrate-temp-to-main"), usual[1]);
        self.check(&mains(world), &before, &new, &format!("migration, {moment}"));
        usual[1] = self.complete(world.tool("migrate-temp-to-main"));
        self.complete(world.tool("verify-migration"));
        self.check(&mains(world), &new, &new, "the migration after it");

        let moment = self.disturb(&world.db, world.tool("cleanup-temp"), usual[2]);
        self.check(&temps(world), &new, &Tables::default(), &format!("cleanup, {moment}"));
        usual[2] = self.complete(world.tool("cleanup-temp"));
        self.check(&mains(world), &new, &new, "the cleanup after it");
    }

    /// The ETL of 66 files into empty tables, killed again and again until it is through.
    fn etl(&mut self) {
        let db = self.server.new_db();
        let world = World { home: Home::new(&db), db };
        self.complete(world.tool("ensure-schema"));
        self.complete(world.tool("generate-sample-data").args(["--raw", "--days", "1", "--from", "2024-07-08"]));
        let only = "Nuitee,Diurne_Departement,SejourDuree_Pays,LieuActivite_Soir,LieuNuitee_Veille_Pays,Nuitee_Pays";
        let etl = || world.tool("populate-facts-full-production").args(["--jobs", "3", "--only", only]);
        for _ in 0..4 {
            self.disturb(&world.db, etl(), Duration::from_millis(800));
            whole_files_only(&world);
            self.count.checks += 1;
        }
        self.complete(etl());
        whole_files_only(&world);
        self.count.checks += 1;
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = arguments.next().and_then(|text| text.parse().ok()).expect("MINUTES");
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64);
    let seed = arguments.next().map_or(clock | 1, |text| text.parse().expect("SEED"));
    println!("soak-kill: {minutes} min, seed {seed}");
    // Durable, as a real server is: what is committed survives.
    let durable = ["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"];
    let server = Server::dedicated(durable).expect("a server of its own");
    let world = World::on(server.new_db());
    let mut soak = Soak { server, chance: Chance(seed), count: Count::default() };
    let mut usual = [Duration::from_millis(500); 3];
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut volume = 1;
    while Instant::now() < end {
        volume += 1;
        soak.weekly(&world, volume, &mut usual);
        if volume.is_multiple_of(5) {
            soak.etl();
        }
    }
    let Count { runs, kills, server_kills, checks } = soak.count;
    println!("soak-kill: {runs} runs, {kills} kills, {server_kills} kills of the server, {checks} checks, none failed");
    assert!(kills > 0 && server_kills > 0 || minutes < 1.0, "nothing was killed");
}
