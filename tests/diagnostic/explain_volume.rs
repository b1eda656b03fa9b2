//! `explain-volume`: from a figure to its deliveries and lines, and back.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flux_test::Outcome;
use serde_json::{Value, json};
use support::raw::PLAIN;
use support::weekly::{BASE, FR, MOBILITY, Sane, World, text};

const NIGHTS: &str = "data/data_temp/frequentation_nuitee.csv";

fn explain(world: &World, arguments: &[&str]) -> Outcome {
    world.tool("explain-volume").arg("--json").args(arguments).run().sane()
}

/// Of `fact_nuitees`, TOURISTE and LOCAL.
fn nights(world: &World, date: &str, zone: &str) -> Outcome {
    explain(
        world,
        &[
            "--table",
            "fact_nuitees",
            "--date",
            date,
            "--zone",
            zone,
            "--categorie",
            "Touriste",
            "--provenance",
            "Local",
        ],
    )
}

fn codes(json: &Value) -> Vec<&str> {
    json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// Volumes of the deliveries, oldest first.
fn volumes(json: &Value) -> Vec<Value> {
    json["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["volume"].clone()).collect()
}

/// A delivery of nights, imported, migrated, cleaned and archived.
fn week(world: &World, lines: &[&str]) {
    world.nights(lines);
    world.import_nights(&[]).expect_code(0);
    for tool in ["migrate-temp-to-main", "cleanup-temp", "archive-csv"] {
        world.tool(tool).run().sane().expect_code(0);
    }
}

#[test]
fn a_figure_leads_to_its_archived_delivery_and_its_line() {
    let world = World::whole();
    week(&world, &["2025-07-07;Cantal;Local;Touriste;10", "2025-07-07;Lioran;Local;Touriste;20"]);
    week(&world, &["2025-07-07;Lioran;Local;Touriste;21", "2025-07-07;Cantal;Local;Touriste;11"]);
    week(&world, &["2025-07-14;Cantal;Local;Touriste;12"]);
    let json = nights(&world, "2025-07-07", "CANTAL").expect_code(0).json();
    assert_eq!((&json["explained"], &json["stored"][0]["volume"]), (&json!(true), &json!(11)));
    assert_eq!((&json["stored"][0]["provisional"], volumes(&json)), (&json!(true), vec![json!(10), json!(11)]));
    let last = &json["deliveries"][1];
    assert_eq!(
        (&last["hits"][0]["line"], &last["hits"][0]["raw"]),
        (&json!(3), &json!("2025-07-07;Cantal;Local;Touriste;11"))
    );
    assert_eq!((&last["archived"], &last["loads"][0]["tool"]), (&json!(true), &json!("update-temp-tables")));
    assert!(json["explained_by"].as_str().unwrap().ends_with(".csv.gz"));
    // The third archive is of another week: its history says so.
    assert_eq!(json["skipped"], 1);
    // The other way round, from the archive itself.
    let path = last["places"][0].as_str().unwrap();
    let json = explain(&world, &["--csv-line", &format!("{path}:3")]).expect_code(0).json();
    assert_eq!((&json["line"]["volume"], &json["key"]["parts"][0]["name"]), (&json!(11), &json!("CANTAL")));
    let older = json["deliveries"][0]["places"][0].as_str().unwrap();
    let json = explain(&world, &["--csv-line", &format!("{older}:2")]).expect_code(3).json();
    assert_eq!((codes(&json), &json["line"]["volume"]), (vec!["figure-superseded"], &json!(10)));
}

#[test]
fn what_nothing_explains_is_told() {
    let world = World::whole();
    week(&world, &["2025-07-07;Cantal;Local;Touriste;10"]);
    world.db.exec("UPDATE fact_nuitees SET volume = 99");
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((codes(&json), &json["explained"]), (vec!["figure-superseded"], &json!(false)));
    // Without its archive nothing at all speaks of it.
    fs::remove_dir_all(world.home.join("data/archive")).unwrap();
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!(codes(&json), ["figure-unexplained"]);
    let json = nights(&world, "2025-01-01", "Cantal").expect_code(3).json();
    assert_eq!((codes(&json), json["stored"].as_array().unwrap().len()), (vec!["figure-unexplained"], 0));
}

#[test]
fn every_state_before_the_main_table_has_its_words() {
    let world = World::whole();
    let rest = ["2025-07-07;Cantal;Local;Resident;50", "2025-07-07;Cantal;Local;Excursionniste;50"];
    let delivered = |volume: &str| {
        let line = format!("2025-07-07;Cantal;Local;Touriste;{volume}");
        world.nights(&[&rest[..], &[&line]].concat());
    };
    // Not imported.
    delivered("10");
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((volumes(&json), json["deliveries"][0]["loads"].as_array().unwrap().len()), (vec![json!(10)], 0));
    // Not migrated.
    world.import_nights(&[]).expect_code(0);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((&json["stored"][0]["table"], codes(&json)), (&json!("fact_nuitees_temp"), vec!["figure-superseded"]));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    nights(&world, "2025-07-07", "Cantal").expect_code(0);
    // A revision that waits for its migration.
    delivered("15");
    world.import_nights(&[]).expect_code(0);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((codes(&json), volumes(&json)), (vec!["figure-superseded"], vec![json!(15)]));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    // Withdrawn by the supplier.
    world.nights(&rest);
    world.import_nights(&[]).expect_code(0);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((codes(&json), &json["stored"][0]["volume"]), (vec!["figure-superseded"], &json!(15)));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(0).json();
    assert_eq!((&json["explained"], json["stored"].as_array().unwrap().len()), (&json!(true), 0));
}

#[test]
fn rejects_and_contradictions_of_the_key_are_shown_and_no_others() {
    let world = World::whole();
    let lines = [
        "2025-07-07;Cantal;Local;Touriste;10",
        "2025-07-07;Cantal;Local;Touriste;12",
        "2025-07-07;Cantal;Local;Touriste;10",
        "2025-07-07;Cantal;Local;Touriste;douze",
        "2025-07-07;Inconnue;Local;Touriste;13",
        "2025-07-07;Inconnue;Local;Resident;14",
        "32/13/2025;Cantal;Local;Touriste;15",
        "2025-07-08;Cantal;Local;Touriste;seize",
        "2025-07-07;Lioran;Local;Touriste;dix-sept",
    ];
    world.nights(&lines);
    world.import_nights(&["--on-conflict", "last"]).expect_code(3);
    let _ = world.tool("migrate-temp-to-main").run().sane();
    let json = nights(&world, "2025-07-07", "Cantal").json();
    let delivery = &json["deliveries"][0];
    assert_eq!(
        (&delivery["contradictory"], &delivery["on_conflict"], &delivery["volume"]),
        (&json!(true), &json!("last"), &json!(10))
    );
    let refused: Vec<u64> =
        delivery["refused"].as_array().unwrap().iter().map(|line| line["line"].as_u64().unwrap()).collect();
    // Lines 5, 6 and 8 may be of the key; 7 is of another category, 9 of another day, 10 of another zone.
    assert_eq!(refused, [5, 6, 8]);
    let json = explain(&world, &["--csv-line", &format!("{NIGHTS}:6")]).expect_code(3).json();
    assert_eq!((codes(&json), &json["line"]["refused"]["value"]), (vec!["rejected-lines"], &json!("Inconnue")));
    assert_eq!((&json["key"], &json["line"]["volume"]), (&Value::Null, &Value::Null));
    for bad in ["11", "1", "0", "x"] {
        explain(&world, &["--csv-line", &format!("{NIGHTS}:{bad}")]).expect_code(2);
    }
    explain(&world, &["--csv-line", "notes.csv:2"]).expect_code(2);
}

#[test]
fn definitive_figures_lead_to_raw_exports_and_breakdowns_count() {
    let world = World::whole();
    week(&world, &["2025-07-07;Cantal;Local;Touriste;10", "2025-07-07;Cantal;Etranger;Touriste;3"]);
    world.raw(
        "lot/Nuitee_2025B1_X.csv",
        PLAIN,
        &["2025-07-07;Cantal;Local;Touriste;13", "2025-07-07;Cantal;Local;Resident;0"],
    );
    world.etl(&[]).expect_code(0);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(0).json();
    assert_eq!((&json["stored"][0]["volume"], &json["stored"][0]["provisional"]), (&json!(13), &json!(false)));
    assert!(json["explained_by"].as_str().unwrap().ends_with("lot/Nuitee_2025B1_X.csv"));
    assert_eq!(volumes(&json), [json!(10), json!(13)]);
    // What the definitive export does not have any more is explained too.
    let gone = [
        "--table",
        "Nuitee",
        "--date",
        "2025-07-07",
        "--zone",
        "Cantal",
        "--categorie",
        "Touriste",
        "--provenance",
        "Étranger",
    ];
    let json = explain(&world, &gone).expect_code(0).json();
    assert_eq!((&json["explained"], json["stored"].as_array().unwrap().len()), (&json!(true), 0));

    world.csv("frequentation_nuitee_fr.csv", FR, &["2025-07-07;Cantal;NonLocal;Touriste;Puy-de-Dôme;4"]);
    world.csv("export_mobilite.csv", MOBILITY, &["2025-07-07;Cantal;NonLocal;Touriste;Saint-Flour;5"]);
    world.import("frequentation_nuitee_fr,export_mobilite", &[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let key = ["--date", "2025-07-07", "--zone", "Cantal", "--categorie", "Touriste", "--provenance", "NonLocal"];
    let of = |table: &str, option: &str, name: &str| {
        explain(&world, &[&["--table", table, option, name][..], &key].concat())
    };
    let json = of("fact_nuitees_departements", "--departement", "puy de dome").expect_code(0).json();
    assert_eq!(json["stored"][0]["volume"], 4);
    let json = of("fact_lieu_activite_soir_temp", "--commune", "St Flour").expect_code(0).json();
    assert_eq!(
        (&json["stored"][0]["volume"], &json["stored"][0]["epci"]),
        (&json!(5), &json!("SAINT-FLOUR COMMUNAUTÉ"))
    );
    of("fact_lieu_activite_soir", "--commune", "Nulle-Part").expect_code(1);
    of("fact_nuitees", "--pays", "Espagne").expect_code(2);
    explain(&world, &[&["--table", "fact_nuitees_pays"][..], &key].concat()).expect_code(2);
    explain(&world, &[&["--table", "dim_pays"][..], &key].concat()).expect_code(2);
    explain(&world, &[]).expect_code(2);
}

#[test]
fn a_damaged_archive_is_told_and_the_others_are_read() {
    let world = World::whole();
    week(&world, &["2025-07-07;Cantal;Local;Touriste;10"]);
    world.home.write("data/archive/2025/2025-07-09/frequentation_nuitee.csv.gz", b"\x1f\x8bnot gzip");
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    assert_eq!((&json["explained"], codes(&json)), (&json!(true), vec!["file-unreadable"]));
}

#[test]
fn four_hundred_archived_weeks_take_seconds() {
    let world = World::whole();
    week(&world, &["2025-07-07;Cantal;Local;Touriste;10"]);
    let archive = world.home.join("data/archive");
    let hash = world.db.scalar("SELECT file_hash FROM flux_import_history WHERE status = 'loaded'");
    // Weeks before it, each of 20,000 lines, as the archive and the history keep them; one compressed file stands for all.
    let lines: Vec<String> = (0..20_000).map(|n| format!("2017-01-0{};Cantal;Local;Touriste;{n}", n % 7 + 1)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = gzip.stdin.take().unwrap();
    let csv = text(BASE, &lines);
    let writer = std::thread::spawn(move || input.write_all(csv.as_bytes()).unwrap());
    let packed = gzip.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let mut sql = Vec::new();
    for week in 0..400 {
        let folder = archive.join(format!("2017/w{week}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("frequentation_nuitee.csv.gz"), &packed).unwrap();
        let hash = format!("{week:064}");
        let manifest = json!([{"file": "frequentation_nuitee.csv.gz", "original": "x", "bytes": 1, "blake3": hash, "sha256_gz": "", "rows": 1, "imported": "2017-01-08"}]);
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        sql.push(format!("('{week:032}', '', 'update-temp-tables', 'fact_nuitees_temp', 'x', 'x', 1, '{hash}', 'on_conflict=first', '', 'loaded', 'UTF-8', '2017-01-01' + INTERVAL {week} DAY, '2017-01-07' + INTERVAL {week} DAY, 1, 1, 0, 0, 0, 0, 0, NOW(), NOW())"));
    }
    world.db.exec(&format!(
        "INSERT INTO flux_import_history (attempt, run, tool, table_name, file_name, file_path, file_size, file_hash, options, dims_hash, status, encoding, \
         first_date, last_date, lines_read, rows_stored, rows_deleted, duplicates, conflicts, rejected, filtered, started_at, finished_at) VALUES {}",
        sql.join(",")
    ));
    let started = Instant::now();
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(0).json();
    assert_eq!((&json["skipped"], &json["deliveries"][0]["blake3"]), (&json!(400), &json!(hash)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Without the manifests each archive is read: nothing is taken for granted.
    for week in 0..8 {
        fs::remove_file(archive.join(format!("2017/w{week}/manifest.json"))).unwrap();
    }
    let json = nights(&world, "2017-01-03", "Cantal").json();
    assert_eq!(json["deliveries"].as_array().unwrap().len(), 1, "one content in eight places");
    assert_eq!(json["deliveries"][0]["places"].as_array().unwrap().len(), 8);
}
