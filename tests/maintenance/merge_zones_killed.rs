//! `merge-zones` killed while its transaction runs, and its server killed: nothing has changed, or all is merged; the next run
//! completes it, and no visitor is lost.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, Server, TestDb, Tool};
use support::diag;
use support::trouble::{killed_at, quiet, wait_for_statement};

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

fn merge(home: &Home) -> Tool {
    home.tool("merge-zones").args(["--yes", "--json", "--on-conflict", "sum"])
}

struct World {
    db: TestDb,
    home: Home,
    /// Everything before and after a merge.
    before: Vec<Vec<Vec<String>>>,
    after: Vec<Vec<Vec<String>>>,
    volumes: Vec<Vec<Vec<String>>>,
}

impl World {
    fn on(db: TestDb) -> Self {
        diag::fill(&db, |_| true);
        let home = Home::new(&db);
        split(&db);
        let (before, volumes) = (state(&db), volumes(&db));
        merge(&home).run().expect_code(0);
        let after = state(&db);
        let world = Self { db, home, before, after, volumes };
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
fn killed_before_any_statement_or_commit_nothing_has_changed_and_after_the_commit_all_is_merged() {
    let world = World::on(TestDb::new());
    let kill = |place: &str| {
        let killed = killed_at(&world.db, merge(&world.home), place);
        let merged = world.is_merged(place);
        if merged {
            split(&world.db);
        }
        (killed, merged)
    };
    assert_eq!(kill("db.commit:1"), (true, false));
    assert_eq!(kill("db.committed:1"), (true, true));
    // Two statements at least for each of the four tables with rows.
    let mut within = 0;
    for passage in 1.. {
        let (killed, merged) = kill(&format!("db.statement:{passage}"));
        within += u32::from(killed && !merged);
        assert!(killed || merged, "neither killed nor done");
        if !killed {
            break;
        }
    }
    assert!(within > 8, "only {within} statements before the commit");
    let json = merge(&world.home).run().expect_code(0).json();
    assert_eq!(json["applied"], true);
    assert!(world.is_merged("the end"));
    world.whole_and_merged();
    merge(&world.home).run().expect_code(0);
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
        let mut tool = merge(&world.home).spawn();
        wait_for_statement(&mut admin, world.db.name(), "DELETE FROM dim_zones_observation");
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
    merge(&world.home).run().expect_code(0);
    assert!(world.is_merged("the end"));
    world.whole_and_merged();
}

#[test]
fn a_server_that_is_killed_in_the_middle_has_changed_nothing_or_all() {
    let Some(server) = Server::dedicated(["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"]) else {
        return;
    };
    let world = World::on(server.new_db());
    for place in ["db.statement:4", "db.statement:9", "db.commit:1", "db.committed:1"] {
        let mut tool = merge(&world.home).fail_at(place, "pause").spawn();
        tool.wait_paused();
        server.kill9();
        server.restart();
        tool.resume();
        let outcome = tool.wait();
        assert!([0, 1].contains(&outcome.code), "{outcome}");
        quiet(&world.db);
        let merged = world.is_merged(place);
        assert!(merged || outcome.code == 1, "done and not merged\n{outcome}");
        merge(&world.home).run().expect_code(0);
        assert!(world.is_merged("the rerun"));
        world.whole_and_merged();
        split(&world.db);
    }
}
