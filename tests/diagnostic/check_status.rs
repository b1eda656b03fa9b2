//! `check-status`: where each table stands and what to do next, through the whole life of a delivery.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use support::weekly::{FILES, Sane, World, table};
use support::{codes, trouble};

const TEMP: &str = "fact_nuitees_temp";

#[track_caller]
fn status(world: &World, code: i32) -> Value {
    world.tool("check-status").arg("--json").run().sane().expect_code(code).json()
}

#[track_caller]
fn next(json: &Value, word: &str) {
    assert!(json["next"].as_str().unwrap().contains(word), "{word:?} expected as the next step: {json}");
}

#[test]
fn each_step_of_a_delivery_names_the_next_one() {
    let world = World::whole();
    let json = status(&world, 0);
    assert_eq!(json["tables"].as_array().unwrap().len(), 10);
    assert_eq!(table(&json, TEMP)["file_state"], "absent");
    assert!(table(&json, TEMP)["last_import"].is_null());
    next(&json, "déposez");

    world.nights(&[
        "2025-07-07;Cantal;Local;Touriste;1",
        "2025-07-08;Cantal;Local;Touriste;2",
        "2025-07-08;Lioran;Local;Touriste;3",
    ]);
    // One file of ten is no delivery, whatever has become of it.
    let json = status(&world, 3);
    assert_eq!(table(&json, TEMP)["file_state"], "new");
    assert_eq!(codes(&json), ["file-missing"]);
    next(&json, "update-temp-tables");
    world.import_nights(&[]).expect_code(0);
    let json = status(&world, 3);
    assert!(!json["next"].as_str().unwrap().contains("migrate-temp-to-main"), "{json}");

    world.others();
    next(&status(&world, 0), "update-temp-tables");
    world.tool("update-temp-tables").run().sane().expect_code(0);
    let json = status(&world, 0);
    let row = table(&json, TEMP);
    let expected = [
        ("file_state", json!("loaded")),
        ("rows", json!(3)),
        ("dates", json!(2)),
        ("first_date", json!("2025-07-07")),
        ("last_date", json!("2025-07-08")),
        ("to_migrate", json!(3)),
        ("migrated", json!(false)),
    ];
    for (name, value) in expected {
        assert_eq!(row[name], value, "{name}: {row}");
    }
    assert_eq!((&row["last_import"]["status"], &row["last_import"]["stored"]), (&json!("loaded"), &json!(3)));
    next(&json, "migrate-temp-to-main");

    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let json = status(&world, 0);
    assert_eq!((&table(&json, TEMP)["to_migrate"], &table(&json, TEMP)["migrated"]), (&json!(0), &json!(true)));
    next(&json, "cleanup-temp");

    world.tool("cleanup-temp").run().sane().expect_code(0);
    let json = status(&world, 0);
    assert_eq!((&table(&json, TEMP)["rows"], &table(&json, TEMP)["file_state"]), (&json!(0), &json!("loaded")));
    next(&json, "archive");

    world.nights(&["2025-07-14;Cantal;Local;Touriste;1"]);
    next(&status(&world, 0), "update-temp-tables");
}

/// Equal tables are told from sums; whatever differs is found, be it that rows, volumes and their number in all are as they were.
#[test]
fn nothing_that_differs_is_taken_for_equal() {
    let world = World::whole();
    let lines: Vec<String> = ["2025-07-07", "2025-07-08"]
        .iter()
        .flat_map(|day| {
            ["Touriste;7", "Resident;9", "Excursionniste;11"].map(|rest| format!("{day};Cantal;Local;{rest}"))
        })
        .collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let seen = || {
        let json = status(&world, 3);
        let nights = table(&json, TEMP).clone();
        (
            nights["rows"].as_u64().unwrap(),
            nights["to_migrate"].as_u64().unwrap(),
            nights["migrated"].as_bool().unwrap(),
        )
    };
    assert_eq!(seen(), (6, 0, true));
    let (one, other) = ("date = '2025-07-08' AND id_categorie = 1", "date = '2025-07-08' AND id_categorie = 2");
    for (change, back, to_migrate, migrated) in [
        // Two volumes change places.
        (
            format!("UPDATE fact_nuitees SET volume = CASE WHEN {one} THEN 9 WHEN {other} THEN 7 ELSE volume END"),
            format!("UPDATE fact_nuitees SET volume = CASE WHEN {one} THEN 7 WHEN {other} THEN 9 ELSE volume END"),
            2,
            false,
        ),
        // A row that is not in the delivery stands for one that is.
        (
            format!("UPDATE fact_nuitees SET id_provenance = 2 WHERE {one}"),
            "UPDATE fact_nuitees SET id_provenance = 1".to_owned(),
            1,
            false,
        ),
        // A definitive row is nobody's difference.
        (
            format!("UPDATE fact_nuitees SET is_provisional = 0 WHERE {one}"),
            "UPDATE fact_nuitees SET is_provisional = 1".to_owned(),
            0,
            true,
        ),
        (
            format!("UPDATE fact_nuitees SET volume = 8 WHERE {one}"),
            format!("UPDATE fact_nuitees SET volume = 7 WHERE {one}"),
            1,
            false,
        ),
    ] {
        world.db.exec(&change);
        assert_eq!(seen(), (6, to_migrate, migrated), "{change}");
        world.db.exec(&back);
        assert_eq!(seen(), (6, 0, true), "{back}");
    }
}

#[test]
fn rejects_conflicts_and_failures_of_the_last_import_are_to_be_looked_at() {
    let world = World::whole();
    world.others();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Atlantide;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(3);
    let json = status(&world, 3);
    let row = &table(&json, TEMP)["last_import"];
    assert_eq!(row["rejected"], 1);
    assert_eq!(codes(&json), ["rejected-lines"]);
    assert!(row["reject_file"].as_str().unwrap().contains("logs/rejets/frequentation_nuitee_"), "{row}");

    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Cantal;Local;Touriste;2"]);
    world.import_nights(&[]).expect_code(3);
    assert_eq!(table(&status(&world, 3), TEMP)["last_import"]["conflicts"], 1);

    world.home.write_csv("frequentation_nuitee.csv", "");
    world.import_nights(&[]).expect_code(1);
    let json = status(&world, 3);
    assert_eq!(table(&json, TEMP)["last_import"]["status"], "failed");
    assert_eq!(table(&json, TEMP)["rows"], 1, "what was there before the failure is there");

    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    status(&world, 0);
}

#[test]
fn rows_that_came_from_nowhere_and_tables_that_lack_are_found() {
    let world = World::whole();
    world.db.exec("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-07', 1, 1, 1, 1)");
    let json = status(&world, 3);
    assert_eq!((codes(&json), &json["findings"][0]["place"]), (vec!["rows-unrecorded"], &json!(TEMP)));
    world.db.exec("DELETE FROM fact_nuitees_temp; DROP TABLE fact_diurnes_temp");
    let json = status(&world, 3);
    assert_eq!((codes(&json), &json["findings"][0]["place"]), (vec!["table-missing"], &json!("fact_diurnes_temp")));
    next(&json, "ensure-schema");
}

#[test]
fn test_looks_at_the_test_tables_and_nothing_is_written() {
    let world = World::whole();
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    world.others();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&["--test"]).expect_code(0);
    let json = world.tool("check-status").args(["--test", "--json"]).run().sane().expect_code(0).json();
    assert_eq!(table(&json, "fact_nuitees_temp_test")["rows"], 1);
    assert_eq!(table(&status(&world, 0), TEMP)["file_state"], "new");
    let account = world.db.restricted_user(&["SELECT ON {db}.*"]);
    let tool = world.tool("check-status").env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    tool.run().sane().expect_code(0);
}

#[test]
fn the_text_shows_all_ten_tables() {
    let world = World::whole();
    world.others();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let outcome = world.tool("check-status").run().sane().expect_code(0);
    for (_, temp, _) in FILES {
        assert!(outcome.stdout.contains(temp), "{temp}\n{outcome}");
    }
    let _ = outcome.expect_stdout("nouveau").expect_stdout("update-temp-tables");
}

#[test]
fn an_unprepared_database_is_a_failure_and_a_bad_argument_bad_usage() {
    let world = World::whole();
    for args in [&["--dry-run"][..], &["fact_nuitees"], &["--limit", "3"]] {
        world.tool("check-status").args(args).run().sane().expect_code(2);
    }
    world.db.exec("DROP TABLE flux_import_history");
    let json = world.tool("check-status").arg("--json").run().sane().expect_code(1).json();
    assert_eq!(json["error"]["code"], "table-missing");
}

#[test]
fn a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let closed = world.home.join("data/data_temp/ferme");
    std::fs::create_dir(&closed).unwrap();
    let set = |mode| std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o000);
    let outcome = trouble::without_privilege(&world, "check-status").arg("--json").run().sane();
    let import = trouble::without_privilege(&world, "update-temp-tables").arg("--json").run().sane();
    set(0o755);
    let json = outcome.expect_code(3).json();
    assert_eq!(table(&json, TEMP)["file_state"], "unreadable");
    assert_eq!(codes(&json), ["io"]);
    assert!(json["findings"][0]["message"].as_str().unwrap().contains("ferme"), "{json}");
    assert_eq!(import.expect_code(1).json()["error"]["code"], "io");
    assert_eq!(world.db.count(TEMP), 0, "nothing is imported of a delivery that may be incomplete");
}

#[test]
fn folders_that_files_pass_through_are_watched() {
    let world = World::whole();
    assert_eq!(status(&world, 0)["watched"], json!([]));
    world.home.write("temp/neuf.tmp", "12345");
    world.home.write("ftp_downloads/vieux.zip", "1234567890");
    world.home.write("ftp_downloads/.telechargements.json", "{}");
    let age = |path: &str, days: u32| {
        let date = format!("{days} days ago");
        let touched =
            std::process::Command::new("touch").args(["-d", &date]).arg(world.home.join(path)).status().unwrap();
        assert!(touched.success());
    };
    age("ftp_downloads/vieux.zip", 400);
    let json = status(&world, 0);
    assert_eq!((&json["watched"][0]["folder"], &json["watched"][0]["bytes"]), (&json!("temp"), &json!(5)));
    assert_eq!((&json["watched"][1]["files"], &json["watched"][1]["oldest_days"]), (&json!(1), &json!(400)));
    age("temp/neuf.tmp", 9);
    assert_eq!(codes(&status(&world, 3)), ["folder-filling"]);
}

#[test]
fn facts_whose_dimension_row_is_gone_are_told_with_their_mend() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_diurnes_pays (date, id_zone, id_provenance, id_categorie, id_pays, volume) VALUES
           ('2019-04-20', 2, 3, 4, 91, 30), ('2019-04-20', 3, 3, 4, 91, 12), ('2019-05-04', 2, 3, 4, 2, 8);
         INSERT INTO fact_lieu_nuitee_veille (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
           ('2019-04-21', 1, 1, 1, 0, 0, 'dimanche', 5), ('2019-04-21', 1, 1, 1, 2, 77, 'dimanche', 6), ('2019-04-22', 1, 9, 1, 55, 2, 'lundi', 7);
         INSERT INTO fact_sejours_duree_temp (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES ('2019-04-21', 1, 1, 6, 20, 5)",
    );
    let json = status(&world, 3);
    assert_eq!(json["facts"], serde_json::json!({ "from": "2019-04-20", "to": "2019-05-04", "complete": true }));
    let orphans = |json: &Value| -> Vec<String> {
        let all = json["findings"].as_array().unwrap().iter();
        all.filter(|found| found["code"] == "orphan-rows")
            .map(|found| found["action"].as_str().unwrap().to_owned())
            .collect()
    };
    let mends: Vec<String> = [
        "provenances --from-id 9",
        "categories --from-id 6",
        "pays --from-id 91",
        "durees --from-id 20",
        "epci --from-id 55",
        "communes --from-id 77",
    ]
    .map(|mend| format!("merge-dimension --dim {mend} "))
    .into();
    let found = orphans(&json);
    assert_eq!(found.len(), mends.len(), "{found:?}");
    assert!(found.iter().zip(&mends).all(|(action, mend)| action.starts_with(mend)), "{found:?}");
    let pays = json["findings"].as_array().unwrap().iter().find(|found| found["place"] == "dim_pays").unwrap();
    assert!(pays["message"].as_str().unwrap().starts_with("2 faits dont"), "{pays}");
    // The doctor says the same.
    let doctor = world.tool("flux").args(["doctor", "--json"]).run().sane().expect_code(3).json();
    let facts = doctor["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "faits").unwrap();
    assert_eq!(orphans(facts), found);
    // The mend that is named works.
    let args = ["--dim", "pays", "--from-id", "91", "--into", "Espagne", "--yes"];
    world.tool("merge-dimension").args(args).run().sane().expect_code(0);
    assert_eq!(orphans(&status(&world, 3)).len(), mends.len() - 1);
    // The tables for tests are a matter of their own.
    world.tool("ensure-schema").arg("--test").run().sane().expect_code(0);
    let json = world.tool("check-status").args(["--test", "--json"]).run().sane().json();
    assert_eq!((orphans(&json), &json["facts"]), (Vec::new(), &Value::Null));
}

#[test]
fn a_delivery_that_is_overdue_is_named_with_the_way_to_it() {
    let world = World::whole();
    let late = |age: &str, code: i32| {
        world.tool("check-status").args(["--max-age", age, "--json"]).run().sane().expect_code(code).json()
    };
    // Nothing was ever delivered.
    let json = late("3j", 3);
    assert_eq!((codes(&json), &json["last_delivery"]), (vec!["delivery-overdue"], &Value::Null));
    world.others();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.tool("update-temp-tables").run().sane().expect_code(0);
    let json = late("3j", 0);
    assert_eq!(json["max_age_s"], 3 * 86_400);
    // It came four days ago, and was loaded again today.
    world.db.exec("UPDATE flux_import_history SET finished_at = finished_at - INTERVAL 4 DAY");
    world.tool("update-temp-tables").arg("--force").run().sane().expect_code(0);
    assert!(world.db.count("flux_import_history") > 10, "loaded again");
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    world.tool("archive-csv").run().sane().expect_code(0);
    let json = late("3j", 3);
    assert_eq!(codes(&json), ["delivery-overdue"]);
    next(&json, "livraison qui tarde");
    late("100h", 0);
    status(&world, 0);
    // It is here, and only waits to be imported.
    world.nights(&["2025-07-14;Cantal;Local;Touriste;1"]);
    let json = late("3j", 3);
    assert!(codes(&json).contains(&"delivery-overdue"), "{json}");
    next(&json, "update-temp-tables");
    world.import_nights(&[]).expect_code(0);
    assert!(
        !codes(&world.tool("check-status").args(["--max-age", "3j", "--json"]).run().json())
            .contains(&"delivery-overdue")
    );
    world.tool("check-status").args(["--max-age", "bientôt"]).run().expect_code(2);
}

#[test]
fn a_file_of_another_size_is_new_without_being_read() {
    let world = World::whole();
    world.others();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.tool("update-temp-tables").run().sane().expect_code(0);
    let path = world.home.data_temp().join("export_mobilite.csv");
    std::fs::File::options().write(true).open(path).unwrap().set_len(200 << 30).unwrap();
    let started = std::time::Instant::now();
    let json = status(&world, 0);
    assert_eq!(table(&json, "fact_lieu_activite_soir_temp")["file_state"], "new");
    assert_eq!(table(&json, TEMP)["file_state"], "loaded");
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn rejected_lines_are_told_as_long_as_their_file_waits_to_be_archived() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;4", "2025-07-08;Utopie;Local;Touriste;5"]);
    world.import_nights(&[]).expect_code(3);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    let status = |code: i32| world.tool("check-status").arg("--json").run().sane().expect_code(code).json();
    let json = status(3);
    assert!(support::codes(&json).contains(&"rejected-lines"), "{json}");
    assert!(json["next"].as_str().unwrap().contains("--accept-rejects"), "{json}");
    world.tool("archive-csv").run().sane().expect_code(3);
    world.tool("archive-csv").arg("--accept-rejects").run().sane().expect_code(0);
    assert!(!support::codes(&status(0)).contains(&"rejected-lines"));
}

#[test]
fn two_deliveries_in_one_folder_are_not_ready_to_be_imported() {
    let world = World::whole();
    for week in ["S30", "S31"] {
        world.home.write_csv(
            &format!("{week}/duree_sejour.csv"),
            "Date;ZoneObservation;Provenance;CategorieVisiteur;DureeSejour;Volume\n",
        );
    }
    let json = status(&world, 3);
    let told = json["findings"].as_array().unwrap().iter().find(|one| one["code"] == "file-unusable").unwrap();
    assert!(told["message"].as_str().unwrap().contains("duree_sejour.csv (2)"), "{told}");
    next(&json, "la plus ancienne d'abord");
    let json = world.import("duree_sejour", &[]).expect_code(1).json();
    assert!(json["files"][0]["hint"].as_str().unwrap().contains("la plus ancienne d'abord"), "{json}");
}
