//! `merge-zones` killed while its transaction runs, and its server killed: nothing has changed, or all is merged; the next run
//! completes it, and no visitor is lost.

use std::time::{Duration, Instant};
use support::diag;

use flux_test::mysql::{Conn, prelude::Queryable};
use flux_test::{Checked, Home, Running, Server, TestDb};

/// Four tables with what each row has besides date, zone, provenance and category.
const TABLES: [(&str, &str, &str); 4] = [
    ("fact_nuitees", "", ""),
    ("fact_nuitees_departements", ", id_departement", ", breakdown"),
    ("fact_sejours_duree_pays", ", id_pays, id_duree", ", 1 + breakdown % 2, 1 + breakdown DIV 3"),
    ("fact_lieu_activite_soir", ", id_commune, jour_semaine", ", breakdown, 'lundi'"),
];

/// 250 days × 3 provenances × 2 categories × 3 breakdowns: 4 500 rows of CABA (2), a third of whose keys PAYS D'AURILLAC (4) holds as well.
fn split(db: &TestDb) {
    for (table, columns, values) in TABLES {
        let breakdown = if columns.is_empty() { " AND breakdown = 1" } else { "" };
        db.exec(&format!(
            "TRUNCATE {table};
             INSERT INTO {table} (date, id_zone, id_provenance, id_categorie{columns}, volume)
             WITH RECURSIVE days AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM days WHERE n < 249),
             digits AS (SELECT 1 AS d UNION SELECT 2 UNION SELECT 3)
             SELECT '2024-01-01' + INTERVAL n DAY, zone.z, prov.d, cat.d{values}, 1 + n % 7 + zone.z
             FROM days CROSS JOIN (SELECT 2 AS z UNION SELECT 4) AS zone CROSS JOIN digits AS prov CROSS JOIN digits AS cat
             CROSS JOIN (SELECT d AS breakdown FROM digits) AS more
             WHERE cat.d < 3 AND (zone.z = 2 OR prov.d = 1){breakdown}"
        ));
    }
    db.exec("REPLACE INTO dim_zones_observation (id_zone, nom_zone) VALUES (2, 'CABA'), (4, 'PAYS D''AURILLAC')");
}

/// Every row of the tables, and the zones.
fn state(db: &TestDb) -> Vec<Vec<Vec<String>>> {
    let facts = TABLES.iter().map(|(table, columns, _)| {
        let key = format!("date, id_zone, id_provenance, id_categorie{columns}");
        db.rows(&format!("SELECT {key}, volume FROM {table} ORDER BY {key}"))
    });
    facts.chain([db.rows("SELECT id_zone, nom_zone FROM dim_zones_observation ORDER BY id_zone")]).collect()
}

/// Volume and days of each table: what no merge may change.
fn volumes(db: &TestDb) -> Vec<Vec<Vec<String>>> {
    let sums = |(table, _, _): &(&str, _, _)| {
        db.rows(&format!("SELECT date, SUM(volume) FROM {table} GROUP BY date ORDER BY 1"))
    };
    TABLES.iter().map(sums).collect()
}

fn merge(home: &Home) -> Running {
    home.tool("merge-zones").args(["--yes", "--json", "--on-conflict", "sum"]).spawn()
}

/// Runs it to its end; a killed run's lock goes with its connection, which the server may notice a moment later.
fn rerun(home: &Home) -> Checked {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let outcome = merge(home).wait();
        if outcome.code != 4 || Instant::now() > limit {
            return outcome.expect_code(0);
        }
    }
}

/// Statements that the tool has running on this database.
fn running(admin: &mut Conn, db: &TestDb) -> Vec<String> {
    let sql = "SELECT info FROM information_schema.processlist WHERE db = ? AND user = ? AND info IS NOT NULL";
    admin.exec(sql, (db.name(), &db.account().user)).unwrap()
}

/// True as soon as a statement that begins so runs, false when the tool ends before.
fn meets(admin: &mut Conn, db: &TestDb, tool: &mut Running, statement: &str) -> bool {
    while tool.is_running() {
        if running(admin, db).iter().any(|sql| sql.starts_with(statement)) {
            return true;
        }
    }
    false
}

/// Waits until the sessions of a killed process are gone: what they did is then committed or rolled back.
fn quiet(admin: &mut Conn, db: &TestDb) {
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = ? AND user = ?";
    let started = Instant::now();
    while admin.exec_first::<u64, _, _>(sql, (db.name(), &db.account().user)).unwrap() != Some(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "sessions of a dead process stay");
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct World {
    db: TestDb,
    home: Home,
    /// Everything before and after a merge.
    before: Vec<Vec<Vec<String>>>,
    after: Vec<Vec<Vec<String>>>,
    volumes: Vec<Vec<Vec<String>>>,
    whole: Duration,
}

impl World {
    fn on(db: TestDb) -> Self {
        diag::fill(&db, |_| true);
        let home = Home::new(&db);
        split(&db);
        let (before, volumes) = (state(&db), volumes(&db));
        let whole = rerun(&home).duration;
        let after = state(&db);
        let world = Self { db, home, before, after, volumes, whole };
        world.whole_and_merged();
        split(&world.db);
        assert!(state(&world.db) == world.before);
        world
    }

    /// By hand: 250 days × 3 × 2 keys of a zone (× 3 breakdowns in three tables), all of them those of CABA, none left of it.
    fn whole_and_merged(&self) {
        for ((table, columns, _), rows) in TABLES.iter().zip(&self.after) {
            assert_eq!(rows.len(), if columns.is_empty() { 1500 } else { 4500 }, "{table}");
            assert!(rows.iter().all(|row| row[1] == "4"), "{table}");
        }
        assert!(self.volumes == volumes(&self.db), "visitors are lost");
        assert_eq!(self.db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE id_zone = 2"), "0");
    }

    /// What a killed run left: true when it is all merged, false when nothing has changed.
    fn is_merged(&self, point: &str) -> bool {
        let found = state(&self.db);
        assert!(found == self.before || found == self.after, "half merged, killed at {point}");
        found == self.after
    }
}

#[test]
fn killed_at_many_points_nothing_has_changed_or_all_is_merged() {
    let world = World::on(TestDb::new());
    let mut admin = world.db.admin();
    let (mut within, mut merged) = (0, 0);
    let statements = TABLES.iter().flat_map(|(table, _, _)| {
        [format!("UPDATE {table} a"), format!("DELETE a FROM {table}"), format!("UPDATE {table} SET id_zone")]
    });
    for statement in statements.chain(["DELETE FROM dim_zones".to_owned()]) {
        let mut tool = merge(&world.home);
        let met = meets(&mut admin, &world.db, &mut tool, &statement);
        tool.kill9();
        let _ = tool.wait();
        quiet(&mut admin, &world.db);
        if world.is_merged(&statement) {
            merged += 1;
            split(&world.db);
        } else {
            within += u32::from(met);
        }
    }
    // Most of the statements take long enough to be seen; without that this test would prove nothing.
    assert!(within >= 4, "only {within} kills met the transaction, {merged} runs were through");
    for point in 0..8 {
        let mut tool = merge(&world.home);
        std::thread::sleep(world.whole * point / 7);
        tool.kill9();
        let _ = tool.wait();
        quiet(&mut admin, &world.db);
        if world.is_merged(&format!("point {point}")) {
            split(&world.db);
        }
    }
    let json = rerun(&world.home).json();
    assert_eq!(json["applied"], true);
    assert!(world.is_merged("the end"));
    world.whole_and_merged();
    rerun(&world.home);
    assert!(world.is_merged("a second run"));
}

/// The latest moment: all facts are moved and proved, the row of the zone waits to be deleted.
#[test]
fn killed_or_stopped_with_all_facts_moved_nothing_has_changed() {
    let world = World::on(TestDb::new());
    let mut admin = world.db.admin();
    let mut holder = world.db.conn();
    for signal in ["KILL", "TERM"] {
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop("SELECT * FROM dim_zones_observation WHERE id_zone = 2 FOR UPDATE").unwrap();
        let mut tool = merge(&world.home);
        assert!(meets(&mut admin, &world.db, &mut tool, "DELETE FROM dim_zones_observation"), "{}", tool.wait());
        tool.signal(signal);
        let outcome = tool.wait();
        assert_eq!(outcome.code, if signal == "KILL" { 137 } else { 1 }, "{outcome}");
        holder.query_drop("COMMIT").unwrap();
        let holder_id = holder.connection_id();
        let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = ? AND user = ? AND id <> ?";
        let user = &world.db.account().user;
        while admin.exec_first::<u64, _, _>(sql, (world.db.name(), user, holder_id)).unwrap() != Some(0) {}
        assert!(!world.is_merged(signal), "{signal}: merged though it was never committed");
    }
    rerun(&world.home);
    assert!(world.is_merged("the end"));
    world.whole_and_merged();
}

#[test]
fn a_server_that_is_killed_in_the_middle_has_changed_nothing_or_all() {
    let Some(server) = Server::dedicated(["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"]) else {
        return;
    };
    let world = World::on(server.new_db());
    for statement in ["UPDATE fact_nuitees_departements a", "UPDATE fact_lieu_activite_soir SET id_zone"] {
        let mut admin = world.db.admin();
        let mut tool = merge(&world.home);
        let met = meets(&mut admin, &world.db, &mut tool, statement);
        server.kill9();
        drop(admin);
        server.restart();
        // The server is back within the tool's own patience, or not.
        let outcome = tool.wait();
        assert!([0, 1].contains(&outcome.code) && met, "{outcome}");
        quiet(&mut world.db.admin(), &world.db);
        let merged = world.is_merged(statement);
        assert!(merged || outcome.code == 1, "done and not merged\n{outcome}");
        rerun(&world.home);
        assert!(world.is_merged("the rerun"));
        world.whole_and_merged();
        split(&world.db);
    }
}
