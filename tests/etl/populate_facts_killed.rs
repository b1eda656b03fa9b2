//! The ETL killed, stopped and run in parallel: each file wholly stored or not at all, and a rerun repairs.

use std::collections::BTreeMap;
use std::time::Duration;

use flux_test::{Home, TestDb, Tool};
use serde_json::Value;
use support::raw::{FAMILIES, PLAIN, whole_files_only};
use support::trouble::killed_at;
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

fn etl(world: &World, args: &[&str]) -> Tool {
    world.tool("populate-facts-full-production").args(args).limit(Duration::from_secs(240))
}

/// Killed at each of these places in turn, each run going on from what the one before has left.
#[track_caller]
fn killed(world: &World, args: &[&str], places: &[&str], check: impl Fn(&str)) {
    for place in places {
        assert!(killed_at(&world.db, etl(world, args), place), "{place}");
        check(place);
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
    let places = [
        "db.statement:9",
        "load.rows:1",
        "db.commit:1",
        "db.committed:1",
        "db.statement:60",
        "load.rows:7",
        "db.commit:9",
        "db.committed:15",
    ];
    killed(&world, &["--jobs", "3", "--only", &only], &places, |_| whole_files_only(&world));
    let loaded = world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded'");
    assert!((10..66).contains(&loaded.parse().unwrap()), "{loaded} files before the last run");
    world.etl(&["--only", &only]).expect_code(0);
    assert_eq!(stored(&world), told);
    names_are_single(&world);
    whole_files_only(&world);
    assert_eq!(world.etl(&["--only", &only]).expect_code(0).json()["totals"]["unchanged"], 66);
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
    let places =
        ["db.commit:1", "db.committed:2", "load.rows:20", "db.statement:90", "db.committed:60", "db.commit:70"];
    killed(&world, &["--batch-size", "36"], &places, |place| {
        // Dates of zones are whole: nine rows each, and recorded as such.
        let broken = world.db.column("SELECT COUNT(*) FROM fact_nuitees GROUP BY date, id_zone HAVING COUNT(*) <> 9");
        assert!(broken.is_empty(), "{place}: {broken:?}");
        assert_eq!(world.db.count("flux_etl_progress") * 9, world.db.count("fact_nuitees"), "{place}");
    });
    let stored = world.db.count("fact_nuitees");
    assert!(stored > 36 && stored < rows as u64, "{stored} of {rows} rows");
    let before = world.db.scalar("SELECT MAX(id) FROM fact_nuitees WHERE date = '2024-01-01'");
    let json = world.etl(&["--batch-size", "5000"]).expect_code(0).json();
    assert_eq!(json["files"][0]["stored"], rows);
    assert_eq!(world.db.count("fact_nuitees"), rows as u64);
    // What was stored before was not stored again.
    assert_eq!(world.db.scalar("SELECT MAX(id) FROM fact_nuitees WHERE date = '2024-01-01'"), before);
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees"), (rows * (rows + 1) / 2).to_string());
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["unchanged"], 1);
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
    killed(&world, &[], &["db.statement:2", "db.statement:5", "load.rows:1", "load.rows:2", "db.commit:1"], |place| {
        assert_eq!(world.db.count("fact_nuitees"), rows as u64, "{place}");
        let left: usize = tourists().parse().unwrap();
        assert!(left == rows / 3 || left == 0, "{place}: {left} rows of the earlier delivery");
    });
    world.etl(&[]).expect_code(0);
    assert_eq!(tourists(), "0");
}

#[test]
fn a_signal_stops_it_cleanly() {
    let world = delivery("2");
    let mut running = etl(&world, &["--jobs", "2"]).fail_at("load.rows:5", "pause").spawn();
    running.wait_paused();
    running.signal("TERM");
    running.resume();
    running.wait().sane().expect_code(1);
    whole_files_only(&world);
    world.etl(&[]).expect_code(0);
    assert_eq!(stored(&world), expected(&world));
}
