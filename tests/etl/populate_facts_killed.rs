//! The ETL killed, stopped and run in parallel: each file wholly stored or not at all, and a rerun repairs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flux_test::{Home, TestDb};
use serde_json::Value;
use support::raw::{FAMILIES, PLAIN};
use support::weekly::{Sane, World};

/// A home with a raw delivery and no row in any dimension, so that every name is created.
fn delivery(days: &str) -> World {
    let db = TestDb::new();
    let world = World { home: Home::new(&db), db };
    world.tool("ensure-schema").run().expect_code(0);
    world.tool("generate-sample-data").args(["--raw", "--days", days, "--from", "2024-07-08"]).run().expect_code(0);
    world
}

/// What the generator says should be stored, by table: rows and volume.
fn expected(world: &World) -> BTreeMap<&'static str, (u64, u64)> {
    let manifest: Value = serde_json::from_str(&world.home.read("data/data_extracted/manifest.json")).unwrap();
    let mut tables = BTreeMap::new();
    for file in manifest["files"].as_array().unwrap() {
        let (_, table) = FAMILIES.into_iter().find(|(family, _)| file["family"] == *family).unwrap();
        let total: &mut (u64, u64) = tables.entry(table).or_default();
        total.0 += file["expected"]["stored"].as_u64().unwrap();
        total.1 += file["expected"]["volume"].as_u64().or_else(|| file["volume"].as_u64()).unwrap();
    }
    tables
}

fn stored(world: &World) -> BTreeMap<&'static str, (u64, u64)> {
    let of = |table: &str| {
        let row =
            world.db.rows(&format!("SELECT COUNT(*), COALESCE(SUM(volume), 0) FROM {table} WHERE is_provisional = 0"));
        (row[0][0].parse().unwrap(), row[0][1].parse().unwrap())
    };
    FAMILIES.into_iter().map(|(_, table)| (table, of(table))).collect()
}

/// No name stands twice, not even under another spelling.
fn names_are_single(world: &World) {
    assert_eq!(world.db.count("dim_zones_observation"), 11);
    assert_eq!(world.db.count("dim_provenances"), 3);
    for (table, name) in
        [("dim_communes", "code_insee"), ("dim_epci", "nom_epci"), ("dim_departements", "nom_departement")]
    {
        let twice = world.db.column(&format!("SELECT {name} FROM {table} GROUP BY {name} HAVING COUNT(*) > 1"));
        assert!(twice.is_empty(), "{table}: {twice:?}");
    }
}

/// Every file that history calls loaded is there to the last row, and no other row is.
fn whole_files_only(world: &World) {
    for (_, table) in FAMILIES {
        let told = world.db.scalar(&format!(
            "SELECT COALESCE(SUM(rows_stored), 0) FROM flux_import_history WHERE table_name = '{table}' AND status = 'loaded'"
        ));
        assert_eq!(told, world.db.count(table).to_string(), "{table}");
    }
}

/// The lock goes with the connection of the killed process, which the server may notice a moment later.
#[track_caller]
fn rerun(world: &World, args: &[&str]) -> Value {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let outcome = world.etl(args);
        if outcome.code != 4 || Instant::now() > limit {
            return outcome.expect_code(0).json();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn parallel_jobs_store_what_one_job_stores_and_create_each_name_once() {
    let one = delivery("1");
    let told = expected(&one);
    let json = one.etl(&["--jobs", "1"]).expect_code(0).json();
    assert_eq!(json["totals"]["files"], 231);
    assert_eq!(stored(&one), told);
    let many = delivery("1");
    let outcome = many.etl(&["--jobs", "8"]).expect_code(0);
    assert!(outcome.peak_rss_kib < 128 * 1024, "{} KiB", outcome.peak_rss_kib);
    assert!(!outcome.stderr.contains("1213"), "a deadlock\n{outcome}");
    for world in [&one, &many] {
        names_are_single(world);
        whole_files_only(world);
    }
    for (_, table) in FAMILIES {
        assert_eq!(many.facts_by_name(table), one.facts_by_name(table), "{table}");
    }
}

#[test]
fn killed_at_many_points_every_file_is_whole_and_the_rerun_completes() {
    let world = delivery("1");
    // Six families of every shape, 66 files, are enough to be killed among.
    let only = [
        "Nuitee",
        "Diurne_Departement",
        "SejourDuree_Pays",
        "LieuActivite_Soir",
        "LieuNuitee_Veille_Pays",
        "Nuitee_Pays",
    ];
    let tables: Vec<&str> = FAMILIES.into_iter().filter(|(family, _)| only.contains(family)).map(|(_, t)| t).collect();
    let told: BTreeMap<_, _> =
        expected(&world).into_iter().map(|(t, sums)| (t, if tables.contains(&t) { sums } else { (0, 0) })).collect();
    let only = only.join(",");
    let loaded =
        || world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded'").parse::<u64>().unwrap();
    let mut met = 0;
    for (more, pause) in [(0, 30), (0, 90), (1, 0), (1, 7), (3, 2), (10, 5), (15, 11), (20, 3)] {
        let goal = loaded() + more;
        let mut running = world.tool("populate-facts-full-production").args(["--jobs", "3", "--only", &only]).spawn();
        while loaded() < goal && running.is_running() {}
        std::thread::sleep(Duration::from_millis(pause));
        met += u64::from(running.is_running() && loaded() > 0);
        running.kill9();
        let _ = running.wait();
        // What the server was doing for the dead process ends or is rolled back.
        std::thread::sleep(Duration::from_millis(150));
        whole_files_only(&world);
    }
    assert!(met > 2, "no kill met the ETL at work");
    rerun(&world, &["--only", &only]);
    assert_eq!(stored(&world), told);
    names_are_single(&world);
    whole_files_only(&world);
    assert_eq!(rerun(&world, &["--only", &only])["totals"]["unchanged"], 66);
}

/// One large file, loaded by batches.
fn large(world: &World) -> usize {
    let mut text = PLAIN.to_owned();
    let mut rows = 0;
    for day in 0..300 {
        let date = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + chrono::Days::new(day);
        for zone in ["Cantal", "Lioran", "Carlades", "Val Truyère"] {
            for provenance in ["Local", "NonLocal", "Etranger"] {
                for categorie in ["Touriste", "Resident", "Excursionniste"] {
                    rows += 1;
                    text.push_str(&format!("{date};{zone};{provenance};{categorie};{rows}\n"));
                }
            }
        }
    }
    world.raw_bytes("Nuitee_2024B1_X.csv", text.as_bytes());
    rows
}

#[test]
fn killed_between_and_within_batches_it_goes_on_where_it_was() {
    let world = World::whole();
    let rows = large(&world);
    let mut partly = false;
    for (more, pause) in [(1, 0), (20, 3), (40, 1), (100, 7), (200, 4)] {
        let goal = world.db.count("flux_etl_progress") + more;
        let mut running = world.tool("populate-facts-full-production").args(["--batch-size", "36"]).spawn();
        while world.db.count("flux_etl_progress") < goal && running.is_running() {}
        std::thread::sleep(Duration::from_millis(pause));
        running.kill9();
        let _ = running.wait();
        std::thread::sleep(Duration::from_millis(150));
        // Dates of zones are whole: nine rows each, and recorded as such.
        let broken = world.db.column("SELECT COUNT(*) FROM fact_nuitees GROUP BY date, id_zone HAVING COUNT(*) <> 9");
        assert!(broken.is_empty(), "{broken:?}");
        let stored = world.db.count("fact_nuitees");
        assert_eq!(world.db.count("flux_etl_progress") * 9, stored);
        partly |= stored > 0 && (stored as usize) < rows;
    }
    assert!(partly, "no kill met the load half-way");
    let before = world.db.scalar("SELECT MAX(id) FROM fact_nuitees WHERE date = '2024-01-01'");
    let json = rerun(&world, &["--batch-size", "5000"]);
    assert_eq!(json["files"][0]["stored"], rows);
    assert_eq!(world.db.count("fact_nuitees"), rows as u64);
    // What was stored before was not stored again.
    assert_eq!(world.db.scalar("SELECT MAX(id) FROM fact_nuitees WHERE date = '2024-01-01'"), before);
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees"), (rows * (rows + 1) / 2).to_string());
    assert_eq!(rerun(&world, &[])["totals"]["unchanged"], 1);
}

#[test]
fn a_killed_replacement_leaves_the_rows_before() {
    let world = World::whole();
    let rows = large(&world);
    world.etl(&[]).expect_code(0);
    let text = world.home.read("data/data_extracted/Nuitee_2024B1_X.csv").replace(";Touriste;", ";Transit;");
    world.db.exec("INSERT INTO dim_categories_visiteur (nom_categorie) VALUES ('TRANSIT')");
    world.raw_bytes("Nuitee_2024B2_X.csv", text.as_bytes());
    let tourists = || world.db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE id_categorie = 1");
    for wait in [30, 60, 90, 120, 160, 220] {
        let mut running = world.tool("populate-facts-full-production").spawn();
        std::thread::sleep(Duration::from_millis(wait));
        running.kill9();
        let _ = running.wait();
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(world.db.count("fact_nuitees"), rows as u64);
        let left: usize = tourists().parse().unwrap();
        assert!(left == rows / 3 || left == 0, "{left} rows of the earlier delivery");
    }
    rerun(&world, &[]);
    assert_eq!(tourists(), "0");
}

#[test]
fn a_signal_stops_it_cleanly() {
    let world = delivery("2");
    let mut running = world.tool("populate-facts-full-production").args(["--jobs", "2"]).spawn();
    std::thread::sleep(Duration::from_millis(400));
    running.signal("TERM");
    let outcome = running.wait().sane();
    assert!(outcome.code == 1 || outcome.code == 0, "{outcome}");
    whole_files_only(&world);
    rerun(&world, &[]);
    assert_eq!(stored(&world), expected(&world));
}
