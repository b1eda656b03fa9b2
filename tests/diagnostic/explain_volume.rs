//! `explain-volume`: from a figure to its deliveries and lines, and back.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flux_test::Outcome;
use serde_json::{Value, json};
use support::codes;
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
    // So it is where a line was rejected of which the date is known, between two dates that it has; not where nobody knows the date.
    let gap = ["2025-07-01;Cantal;Local;Touriste;1", "2025-07-21;Cantal;Local;Touriste;2"];
    for (rejected, skipped, read) in
        [("2025-07-21;Cantal;Local;Touriste;x", 2, 0), ("2025-13-45;Cantal;Local;Touriste;3", 2, 1)]
    {
        world.nights(&[&gap[..], &[rejected]].concat());
        world.import_nights(&["--allow-future"]).expect_code(3);
        let _ = world.tool("migrate-temp-to-main").run().sane();
        let _ = world.tool("cleanup-temp").arg("--force").run().sane();
        let _ = world.tool("archive-csv").arg("--accept-rejects").run().sane();
        assert!(!world.home.join(NIGHTS).exists());
        let json = nights(&world, "2025-07-07", "CANTAL").json();
        assert_eq!((&json["skipped"], &json["explained"]), (&json!(skipped), &json!(true)), "{json:#}");
        assert_eq!(json["deliveries"].as_array().unwrap().len(), 2 + read);
    }
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

fn changes(json: &Value) -> Vec<(Value, Value, Value)> {
    let all = json["changes"].as_array().unwrap().iter();
    all.map(|one| (one["change"].clone(), one["volume_before"].clone(), one["volume_after"].clone())).collect()
}

const LIORAN: [&str; 10] = [
    "--table",
    "fact_nuitees",
    "--date",
    "2025-07-07",
    "--zone",
    "Lioran",
    "--categorie",
    "Touriste",
    "--provenance",
    "Local",
];

const OTHERS: [&str; 3] = [
    "2025-07-07;Cantal;Local;Touriste;10",
    "2025-07-07;Cantal;Local;Resident;50",
    "2025-07-07;Lioran;Local;Resident;90",
];

#[test]
fn a_suspended_withdrawal_is_told_as_such_and_what_a_migration_did_is_known() {
    let world = World::whole();
    let lioran =
        |volume: &str| [&OTHERS[..], &[&format!("2025-07-07;Lioran;Local;Touriste;{volume}")]].concat().join("\n");
    let migrate = |code| world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(code).json();
    world.nights(&[&lioran("20")]);
    world.import_nights(&[]).expect_code(0);
    migrate(0);
    world.nights(&[&lioran("21")]);
    world.import_nights(&[]).expect_code(0);
    let changed = migrate(0);
    // Gone from the third delivery, of which a line cannot be read.
    world.nights(&[&OTHERS[..], &["2025-07-07;Inconnue;Local;Touriste;21"]].concat());
    world.import_nights(&[]).expect_code(3);
    migrate(3);
    let json = nights(&world, "2025-07-07", "Lioran").expect_code(3).json();
    assert_eq!((codes(&json), &json["explained"]), (vec!["withdrawal-suspended"], &json!(false)));
    assert_eq!(json["stored"][0]["volume"], 21);
    let known = [("added", Value::Null, json!(20)), ("changed", json!(20), json!(21))];
    let known = known.map(|(change, before, after)| (json!(change), before, after));
    assert_eq!(changes(&json), known);
    let last = &json["changes"][1];
    assert_eq!((&last["run"], &last["tool"]), (&changed["run"], &json!("migrate-temp-to-main")));
    assert_eq!((&last["provisional_before"], &last["undone_at"]), (&json!(true), &Value::Null));
    // The row tells its last change, though its own columns do not.
    let [main, temp] = [0, 1].map(|at| json["stored"].get(at).map(|row| row["last_change"].clone()));
    let main = main.unwrap();
    assert_eq!((&main["run"], &main["tool"], &main["undone"]), (&changed["run"], &last["tool"], &json!(false)));
    assert_eq!((&main["at"], &json["stored"][0]["updated_at"], temp), (&last["at"], &Value::Null, None));
    let shown = world.tool("explain-volume").args(LIORAN).run().sane().expect_code(3);
    let run = &changed["run"].as_str().unwrap()[..8];
    assert!(shown.stdout.contains(&format!("par migrate-temp-to-main (exécution {run})")), "{shown}");
    // What the delivery says alike is explained all the same.
    nights(&world, "2025-07-07", "Cantal").expect_code(0);
    // Read whole, it withdraws.
    world.nights(&OTHERS);
    world.import_nights(&[]).expect_code(0);
    migrate(0);
    let json = nights(&world, "2025-07-07", "Lioran").expect_code(0).json();
    assert_eq!(
        (&json["explained"], changes(&json).last().unwrap()),
        (&json!(true), &(json!("withdrawn"), json!(21), Value::Null))
    );
    // An undone change is told, and no longer counts.
    let run = &json["changes"][2]["run"].as_str().unwrap()[..12];
    world.tool("migrate-temp-to-main").args(["--undo", run, "--yes"]).run().sane().expect_code(0);
    let json = nights(&world, "2025-07-07", "Lioran").expect_code(3).json();
    assert_eq!((codes(&json), json["changes"][2]["undone_at"].is_string()), (vec!["figure-superseded"], true));
}

#[test]
fn a_row_tells_when_and_by_which_run_it_was_last_written() {
    let world = World::whole();
    let migrate = || world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(0).json();
    let lioran = |volume: &str| {
        world.nights(&[&OTHERS[..], &[&format!("2025-07-07;Lioran;Local;Touriste;{volume}")]].concat());
        world.import_nights(&[]).expect_code(0).json()
    };
    let stored = || nights(&world, "2025-07-07", "Lioran").json()["stored"].clone();
    let import = lioran("20");
    migrate();
    // Never changed since it came; the temporary row came with a load.
    let rows = stored();
    assert_eq!((&rows[0]["table"], &rows[0]["last_change"]), (&json!("fact_nuitees"), &Value::Null));
    let temp = &rows[1]["last_change"];
    assert_eq!((&temp["tool"], &temp["undone"]), (&json!("update-temp-tables"), &json!(false)));
    assert_eq!(temp["run"].as_str().unwrap(), world.db.scalar("SELECT run FROM flux_import_history WHERE id = 1"));
    assert_eq!(import["totals"]["stored"], 4);
    lioran("21");
    let first = migrate();
    lioran("22");
    let second = migrate();
    assert_eq!(stored()[0]["last_change"]["run"], second["run"]);
    // Taken back: written at that moment, by the undoing of that run.
    let run = second["run"].as_str().unwrap();
    world.tool("migrate-temp-to-main").args(["--undo", run, "--yes"]).run().sane().expect_code(0);
    let row = stored()[0].clone();
    assert_eq!((&row["volume"], &row["last_change"]["run"]), (&json!(21), &second["run"]));
    assert_eq!(row["last_change"]["undone"], true);
    // Of a row under another name of its zone, only its own changes count.
    world.db.exec("UPDATE fact_nuitees SET volume = 23, updated_at = '2037-01-01 10:00:00' WHERE volume = 21");
    let row = stored()[0].clone();
    assert_eq!(row["last_change"], json!({"at": "2037-01-01 10:00:00", "tool": null, "run": null, "undone": false}));
    assert_ne!(first["run"], second["run"]);
    // Withdrawn and come back, it is a new row, which nothing has changed.
    world.db.exec("UPDATE fact_nuitees SET volume = 21, updated_at = NULL WHERE volume = 23");
    world.nights(&OTHERS);
    world.import_nights(&[]).expect_code(0);
    migrate();
    lioran("24");
    migrate();
    let row = stored()[0].clone();
    assert_eq!((&row["volume"], &row["last_change"]), (&json!(24), &Value::Null));
}

#[test]
fn a_region_is_the_sum_of_its_departements() {
    let world = World::whole();
    world.db.exec(
        "UPDATE dim_departements SET nom_nouvelle_region = 'AUVERGNE-RHÔNE-ALPES' WHERE id_departement IN (1, 2, 8);
         UPDATE dim_departements SET nom_nouvelle_region = 'OCCITANIE' WHERE id_departement = 3;
         INSERT INTO dim_departements (id_departement, nom_departement, nom_nouvelle_region) VALUES (20, 'CUMUL', 'AUVERGNE-RHÔNE-ALPES')",
    );
    let lines = [
        "2025-07-07;Cantal;NonLocal;Touriste;Puy-de-Dôme;4",
        "2025-07-07;Cantal;NonLocal;Touriste;Loire;6",
        "2025-07-07;Cantal;NonLocal;Touriste;Aveyron;100",
        "2025-07-07;Cantal;NonLocal;Touriste;Cumul;1000",
        "2025-07-07;Lioran;NonLocal;Touriste;Loire;10000",
        "2025-07-08;Cantal;NonLocal;Touriste;Loire;7",
    ];
    world.csv("frequentation_nuitee_fr.csv", FR, &lines);
    world.import("frequentation_nuitee_fr", &[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let common = ["--table", "fact_nuitees_departements", "--zone", "Cantal", "--categorie", "Touriste"];
    let ask = |arguments: &[&str]| explain(&world, &[&common[..], &["--provenance", "NonLocal"], arguments].concat());
    let week = ["--debut", "2025-07-07", "--fin", "2025-07-13"];
    for name in ["AUVERGNE-RHÔNE-ALPES", "Auvergne Rhone Alpes"] {
        let json = ask(&[&["--region", name][..], &week].concat()).expect_code(0).json();
        // 4 + 6 + 7
        assert_eq!((&json["figure"]["value"], &json["rows_total"]), (&json!(17), &json!(3)), "{name}");
        assert_eq!(json["figure"]["unit"], "nuitées");
    }
    let json = ask(&["--region", "Auvergne-Rhône-Alpes", "--date", "2025-07-07"]).expect_code(0).json();
    assert_eq!((&json["figure"]["value"], &json["rows"][0]["explained"]), (&json!(10), &json!(true)));
    assert_eq!(json["rows"][0]["deliveries"][0]["hits"][0]["line"], 3);
    ask(&["--region", "Auvergne", "--date", "2025-07-07"]).expect_code(1);
    ask(&["--region", "Occitanie", "--departement", "Aveyron", "--date", "2025-07-07"]).expect_code(2);
    let nights = ["--table", "fact_nuitees", "--zone", "Cantal", "--categorie", "Touriste", "--date", "2025-07-07"];
    explain(&world, &[&nights[..], &["--region", "Occitanie"]].concat()).expect_code(2);
}

#[test]
fn of_communes_of_one_name_the_code_says_which() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
         ('2025-07-07', 1, 2, 1, 2, 3, 'lundi', 5), ('2025-07-07', 1, 2, 1, 0, 4, 'lundi', 8)",
    );
    let key = ["--table", "fact_lieu_activite_soir", "--zone", "Cantal", "--categorie", "Touriste", "--provenance"];
    for (commune, volume) in [("Saint-Georges", 5), ("15188", 5), ("16321", 8)] {
        let arguments = [&key[..], &["NonLocal", "--date", "2025-07-07", "--commune", commune]].concat();
        // Exit 3: no file holds them.
        let json = explain(&world, &arguments).expect_code(3).json();
        assert_eq!(json["stored"][0]["volume"], volume, "{commune}");
    }
}

#[test]
fn a_date_that_the_import_kept_back_leaves_the_delivery_before_it() {
    let world = World::whole();
    let zones = ["Cantal", "Lioran", "Hautes Terres", "Haut Cantal", "Carlades", "Val Truyère"];
    let lines: Vec<String> = zones.iter().map(|zone| format!("2025-07-07;{zone};Local;Touriste;10")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    week(&world, &lines);
    world.nights(&["2025-07-07;Cantal;Local;Touriste;11"]);
    world.import_nights(&[]).expect_code(3);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(0).json();
    assert_eq!((volumes(&json), &json["stored"][0]["volume"]), (vec![json!(10), json!(11)], &json!(10)));
    assert_eq!(
        (&json["deliveries"][0]["kept_back"], &json["deliveries"][1]["kept_back"]),
        (&json!(false), &json!(true))
    );
    assert!(json["explained_by"].as_str().unwrap().ends_with(".csv.gz"));
}

#[test]
fn zones_are_found_under_every_name_and_a_split_one_is_told() {
    let world = World::whole();
    week(
        &world,
        &[
            "2025-07-07;CABA;Local;Touriste;10",
            "2025-07-07;CABA;Local;Touriste;10",
            "2025-07-07;Cantal;Local;Touriste;7",
        ],
    );
    for name in ["CABA", "Pays d'Aurillac", "PAYS DAURILLAC"] {
        let json = nights(&world, "2025-07-07", name).expect_code(0).json();
        // A line that says the same twice is one row.
        assert_eq!((volumes(&json), &json["deliveries"][0]["lines"]), (vec![json!(10)], &json!(2)), "{name}");
        assert_eq!(
            (&json["deliveries"][0]["contradictory"], &json["stored"][0]["zone"]),
            (&json!(false), &Value::Null)
        );
    }
    // Its row is given another of its names.
    world.db.exec("UPDATE dim_zones_observation SET nom_zone = 'CABA' WHERE id_zone = 2");
    nights(&world, "2025-07-07", "Pays d'Aurillac").expect_code(0);
    // An older import had it under a row of its own: the portal adds the two.
    world.db.exec("INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (20, 'PAYS D''AURILLAC')");
    let json = nights(&world, "2025-07-07", "CABA").expect_code(0).json();
    assert_eq!(json["stored"][0]["zone"], "CABA");
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-07-07', 20, 1, 1, 4, 1)",
    );
    let json = nights(&world, "2025-07-07", "CABA").expect_code(3).json();
    let rows: Vec<_> = json["stored"].as_array().unwrap().iter().map(|row| (&row["zone"], &row["volume"])).collect();
    assert_eq!(rows, [(&json!("CABA"), &json!(10)), (&json!("PAYS D'AURILLAC"), &json!(4))]);
    assert_eq!(codes(&json), ["figure-superseded", "zone-split"]);
}

#[test]
fn a_former_commune_leads_to_the_row_of_today() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement, id_epci) VALUES (11, 'NEUSSARGUES-MOISSAC', '15141', 1, 2)",
    );
    world.csv("export_mobilite.csv", MOBILITY, &["2025-07-07;Cantal;NonLocal;Touriste;Neussargues en Pinatelle;5"]);
    world.import("export_mobilite", &[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let key =
        ["--table", "fact_lieu_activite_soir", "--date", "2025-07-07", "--zone", "Cantal", "--categorie", "Touriste"];
    for name in ["Neussargues en Pinatelle", "Neussargues-Moissac"] {
        let json = explain(&world, &[&key[..], &["--provenance", "NonLocal", "--commune", name]].concat())
            .expect_code(0)
            .json();
        assert_eq!(
            (&json["stored"][0]["volume"], &json["key"]["parts"].as_array().unwrap().last().unwrap()["name"]),
            (&json!(5), &json!("NEUSSARGUES-MOISSAC"))
        );
        assert_eq!(json["deliveries"][0]["hits"][0]["line"], 2);
    }
}

#[test]
fn the_order_of_day_and_month_is_that_of_the_whole_file() {
    let world = World::whole();
    let lines = [
        "07/08/2025;Cantal;Local;Touriste;10",
        "2025-07-09;Cantal;Local;Touriste;12",
        "07/13/2025;Cantal;Local;Touriste;11",
    ];
    world.nights(&lines);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    for (date, volume) in [("2025-07-08", 10), ("2025-07-09", 12), ("2025-07-13", 11)] {
        let json = nights(&world, date, "Cantal").expect_code(0).json();
        assert_eq!(volumes(&json), [json!(volume)], "{date}");
    }
    let json = nights(&world, "2025-08-07", "Cantal").expect_code(3).json();
    assert_eq!(volumes(&json), [] as [Value; 0]);
    let json = explain(&world, &["--csv-line", &format!("{NIGHTS}:2")]).expect_code(0).json();
    assert_eq!((&json["key"]["date"], &json["line"]["volume"]), (&json!("2025-07-08"), &json!(10)));
    // Without the line that decides, the day comes first.
    world.nights(&lines[..2]);
    let json = explain(&world, &["--csv-line", &format!("{NIGHTS}:2")]).expect_code(3).json();
    assert_eq!(json["key"]["date"], "2025-08-07");
}

#[test]
fn a_line_that_is_no_line_may_be_of_the_key_whose_day_it_bears() {
    let world = World::whole();
    world.nights(&[
        "2025-07-07;Cantal;Local;Touriste;10;5",
        "2025-07-08;Cantal;Local;Touriste;10;5",
        "2025-07-08;Lioran;Local;Touriste;10",
    ]);
    world.import_nights(&[]).expect_code(3);
    let json = nights(&world, "2025-07-07", "Cantal").expect_code(3).json();
    let refused = &json["deliveries"][0]["refused"];
    assert_eq!((refused.as_array().unwrap().len(), &refused[0]["line"]), (1, &json!(2)));
    assert_eq!(codes(&json), ["figure-superseded"]);
}

#[test]
fn a_figure_of_a_period_leads_to_its_largest_rows_and_their_deliveries() {
    let world = World::whole();
    week(
        &world,
        &[
            "2025-07-07;Cantal;NonLocal;Touriste;10",
            "2025-07-07;Cantal;Etranger;Touriste;3",
            "2025-07-07;Cantal;Local;Touriste;1000",
            "2025-07-08;Cantal;NonLocal;Touriste;20",
            "2025-07-08;Lioran;NonLocal;Touriste;4000",
            "2025-07-20;Cantal;NonLocal;Touriste;5000",
        ],
    );
    let ask = |arguments: &[&str]| {
        explain(&world, &[&["--zone", "Cantal", "--debut", "2025-07-07", "--fin", "2025-07-13"], arguments].concat())
    };
    let json = ask(&["--indicateur", "nuitees_total", "--limit", "2"]).expect_code(0).json();
    assert_eq!(
        (&json["figure"]["value"], &json["rows_total"], &json["rows_volume"]),
        (&json!(33), &json!(3), &json!(33))
    );
    let rows: Vec<_> = json["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["key"]["date"], &row["volume"], &row["explained"]))
        .collect();
    assert_eq!(
        rows,
        [(&json!("2025-07-08"), &json!(20), &json!(true)), (&json!("2025-07-07"), &json!(10), &json!(true))]
    );
    // 20 / 33
    assert_eq!(
        (&json["rows"][0]["part_pct"], &json["rows"][0]["deliveries"][0]["hits"][0]["line"]),
        (&json!(60.6), &json!(5))
    );
    let json = ask(&["--table", "Nuitee", "--provenance", "NonLocal,Etranger", "--categorie", "Touriste"])
        .expect_code(0)
        .json();
    assert_eq!((&json["figure"]["value"], json["rows"].as_array().unwrap().len()), (&json!(33), 3));
    // What is wrong with a row is wrong with the figure.
    world.db.exec("UPDATE fact_nuitees SET volume = 21 WHERE volume = 20");
    let json = ask(&["--indicateur", "nuitees_total"]).expect_code(3).json();
    assert_eq!((&json["figure"]["value"], codes(&json)), (&json!(34), vec!["figure-superseded"]));
    let json = ask(&["--indicateur", "nuitees_top5_pays"]).expect_code(3).json();
    assert_eq!((&json["figure"]["value"], codes(&json)), (&Value::Null, vec!["figure-unexplained"]));
    for bad in [
        &["--indicateur", "nuitees_1er_mai"][..],
        &["--indicateur", "rien"],
        &["--indicateur", "nuitees_total", "--pays", "Espagne"],
        &["--indicateur", "nuitees_total", "--annee", "2025", "--periode", "ete"],
        &["--table", "fact_nuitees", "--pays", "Espagne"],
        &["--table", "fact_nuitees", "--date", "2025-07-07"],
    ] {
        ask(bad).expect_code(2);
    }
    explain(&world, &["--indicateur", "nuitees_total", "--zone", "Cantal", "--annee", "2025", "--periode", "nulle"])
        .expect_code(2);
    explain(&world, &["--indicateur", "nuitees_total", "--zone", "Cantal"]).expect_code(2);
}
