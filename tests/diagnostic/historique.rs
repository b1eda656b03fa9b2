//! `historique`: what happened, from what every tool has written down.

use serde_json::{Value, json};
use support::archive::zip;
use support::orange::{self, LIST, entry_with, served};
use support::portal::Portal;
use support::raw::PLAIN;
use support::weekly::{BASE, World, text};

const TOOL: &str = "historique";

/// A cleanup that is no load has no line of its own: who did it is known all the same, also where several runs wrote within a second.
#[test]
fn a_cleanup_names_its_run_and_its_tool() {
    let world = World::whole();
    let mut runs = Vec::new();
    for day in ["2025-05-05", "2025-05-06"] {
        world.nights(&[&format!("{day};Lioran;LOCAL;TOURISTE;4")]);
        world.import_nights(&[]).expect_code(0);
        world.tool("migrate-temp-to-main").run().expect_code(0);
        world.tool("cleanup-temp").run().expect_code(0);
        runs.push(world.db.scalar("SELECT run FROM flux_lease ORDER BY number DESC LIMIT 1"));
    }
    let cleanups = || {
        let json = world.tool(TOOL).arg("--json").run().expect_code(0).json();
        let all = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "cleanup").cloned();
        all.collect::<Vec<Value>>()
    };
    let told = cleanups();
    assert_eq!(told.len(), 2, "{told:#?}");
    for (event, run) in told.iter().rev().zip(&runs) {
        assert_eq!((event["tool"].as_str(), event["run"].as_str()), (Some("cleanup-temp"), Some(run.as_str())));
    }
    world.tool(TOOL).run().expect_code(0).expect_stdout(&runs[0][..8]);
    // Leases are not kept for ever.
    world.db.exec("DROP TABLE flux_lease");
    assert!(cleanups().iter().all(|event| event["run"].is_null()));
}

/// The fields of the deliveries among the events, newest first.
fn deliveries(json: &Value, fields: &[&str]) -> Vec<Value> {
    let events = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "delivery");
    events.map(|event| fields.iter().map(|field| event[field].clone()).collect()).collect()
}

/// A delivery that nobody has imported is an event of its own, and stays one whatever is done with it.
#[test]
fn a_weekly_delivery_is_told_before_it_is_imported_and_after_it_is_archived() {
    let world = World::whole();
    let told = |args: &[&str]| world.tool(TOOL).args(args).arg("--json").run();
    world.csv(
        "sous-dossier/Duree_Sejour.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;DureeSejour;Volume\n",
        &["2025-10-07;Lioran;Local;Touriste;2 Nuits;3", "2025-10-06;Lioran;Local;Touriste;2 Nuits;oui"],
    );
    world.nights(&["2025-10-06;Cantal;Local;Touriste;12", "2025-10-08;Cantal;Local;Touriste;13"]);
    let fields = ["table", "source", "status", "first_date", "last_date", "rows", "files"];
    let nights = json!(["fact_nuitees_temp", "frequentation_nuitee.csv", "waiting", "2025-10-06", "2025-10-08", 2, 1]);
    let stays = json!([
        "fact_sejours_duree_temp",
        "sous-dossier/Duree_Sejour.csv",
        "waiting",
        "2025-10-06",
        "2025-10-07",
        2,
        1
    ]);
    let all = deliveries(&told(&[]).expect_code(0).json(), &fields);
    assert!(all.len() == 2 && all.contains(&nights) && all.contains(&stays), "{all:#?}");
    world.tool(TOOL).run().expect_code(0).expect_stdout("⚠ livraison en attente");
    assert_eq!(deliveries(&told(&["--date", "2025-10-08"]).json(), &fields), std::slice::from_ref(&nights));
    assert_eq!(deliveries(&told(&["--table", "fact_sejours_duree"]).json(), &fields), [stays]);
    told(&["--date", "2025-10-09"]).expect_code(3);
    told(&["--since", "2031-01-01"]).expect_code(3);

    world.import_nights(&[]).expect_code(0);
    let of_nights = |world: &World| {
        let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
        deliveries(&json, &["source", "status", "first_date", "last_date", "rows"])
    };
    let taken = json!(["frequentation_nuitee.csv", "imported", "2025-10-06", "2025-10-08", 2]);
    assert_eq!(of_nights(&world), std::slice::from_ref(&taken));
    // Once more, it is the same delivery; corrected by the supplier, it is another.
    world.import_nights(&["--force"]).expect_code(0);
    assert_eq!(of_nights(&world), std::slice::from_ref(&taken));
    world.tool("migrate-temp-to-main").run().expect_code(0);
    world.tool("cleanup-temp").run().expect_code(0);
    // The file that is not imported stays.
    world.tool("archive-csv").run().expect_code(3);
    assert!(!world.home.join("data/data_temp/frequentation_nuitee.csv").exists());
    world.nights(&["2025-10-08;Cantal;Local;Touriste;14"]);
    let waits = json!(["frequentation_nuitee.csv", "waiting", "2025-10-08", "2025-10-08", 1]);
    assert_eq!(of_nights(&world), [waits, taken]);
    assert_eq!(deliveries(&told(&["--limit", "1"]).expect_code(0).json(), &["status"]), [json!(["waiting"])]);
}

#[test]
fn what_was_downloaded_is_told_until_it_is_unpacked_and_loaded() {
    let raw = text(PLAIN, &["2024-07-08;Cantal;Local;Touriste;10"]);
    let files = [
        ("Nuitee_2024B1_Cantal.csv", raw.as_str()),
        ("Nuitee_2024B1_Lioran.csv", &raw.replace("Cantal", "Lioran")),
        ("Diurne_2024B1_Cantal.csv", &raw),
    ];
    let archive = zip(&files);
    let portal = Portal::new(move |request, _| match request.path.as_str() {
        LIST => orange::list(request, &[entry_with("Livraison B1 2024.zip", "/f/1", json!({}))]),
        _ => served(&archive).whole(request),
    });
    let world = World::whole();
    orange::tool(&world.home, &portal).run().expect_code(0);
    let fields = ["source", "status", "tool", "table", "files"];
    let told = |args: &[&str]| {
        let json = world.tool(TOOL).args(args).arg("--json").run().json();
        (deliveries(&json, &fields), json["undated"].as_u64().unwrap())
    };
    let named = |status: &str, files: Value| json!(["Livraison B1 2024.zip", status, "download-deliveries", "", files]);
    let waiting = named("waiting", Value::Null);
    assert_eq!(told(&[]).0, std::slice::from_ref(&waiting));
    // What it holds is known by the names within; what period it is of is not, and that is said.
    assert_eq!(told(&["--table", "fact_diurnes"]).0, [waiting]);
    assert!(told(&["--table", "fact_nuitees_pays"]).0.is_empty());
    assert_eq!(told(&["--date", "2024-07-08"]), (Vec::new(), 1));
    world.tool(TOOL).args(["--date", "2024-07-08"]).run().expect_code(3).expect_stdout("1 livraison dont la période");

    world.tool("extract-only").run().expect_code(0);
    let group = |table: &str, status: &str, files: u64| json!(["2024B1", status, null, table, files]);
    let all = told(&[]).0;
    let unpacked = named("unpacked", 3.into());
    let expected = [unpacked.clone(), group("fact_nuitees", "waiting", 2), group("fact_diurnes", "waiting", 1)];
    assert!(all.len() == 3 && expected.iter().all(|event| all.contains(event)), "{all:#?}");
    world.etl(&["--only", "Nuitee"]).expect_code(0);
    std::fs::remove_file(world.home.join("ftp_downloads/Livraison B1 2024.zip")).unwrap();
    let all = told(&[]).0;
    let expected = [unpacked.clone(), group("fact_nuitees", "imported", 2), group("fact_diurnes", "waiting", 1)];
    assert!(all.len() == 3 && expected.iter().all(|event| all.contains(event)), "{all:#?}");
    let nights = told(&["--table", "fact_nuitees"]).0;
    assert!(nights.len() == 2 && nights.contains(&unpacked), "the unpacked files are there: {nights:#?}");
    assert_eq!(told(&["--date", "2024-07-08"]), (vec![group("fact_nuitees", "imported", 2)], 2));
}

/// Nobody has downloaded this one: it was put there. A weekly file that came through the download is one delivery, not two.
#[test]
fn what_was_put_there_by_hand_and_what_came_on_two_ways() {
    let nights = text(BASE, &["2025-11-03;Cantal;Local;Touriste;5"]);
    let content = nights.clone();
    let portal = Portal::new(move |request, _| match request.path.as_str() {
        LIST => orange::list(request, &[entry_with("Frequentation_Nuitee.csv", "/f/1", json!({}))]),
        _ => served(content.as_bytes()).whole(request),
    });
    let world = World::whole();
    world.home.write("data/data_zip/B2.zip", zip(&[("Nuitee_2024B2_X.csv", &text(PLAIN, &[]))]));
    orange::tool(&world.home, &portal).run().expect_code(0);
    let told = || {
        let json = world.tool(TOOL).arg("--json").run().expect_code(0).json();
        deliveries(&json, &["source", "status", "tool", "rows"])
    };
    let by_hand = json!(["B2.zip", "waiting", null, null]);
    let plain = json!(["Frequentation_Nuitee.csv", "waiting", "download-deliveries", null]);
    let all = told();
    assert!(all.len() == 2 && all.contains(&by_hand) && all.contains(&plain), "{all:#?}");
    std::fs::remove_file(world.home.join("data/data_zip/B2.zip")).unwrap();
    world.home.write("data/data_temp/frequentation_nuitee.csv", &nights);
    let [one] = told().try_into().unwrap_or_else(|all| panic!("{all:#?}"));
    assert_eq!((&one[1], &one[3]), (&json!("waiting"), &json!(1)));
    world.import_nights(&[]).expect_code(0);
    let [one] = told().try_into().unwrap_or_else(|all| panic!("{all:#?}"));
    assert_eq!((&one[1], &one[2]), (&json!("imported"), &json!("download-deliveries")));
    // Before it was imported it came.
    let events = world.tool(TOOL).arg("--json").run().json();
    assert_eq!(kinds(&events), ["import", "delivery"]);
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_the_rest_is_shown() {
    let world = eventful();
    // What is too large to be read is there all the same, of a period that nobody knows.
    let path = world.home.write("data/data_temp/duree_sejour.csv", "Date;ZoneObservation\n");
    std::fs::File::options().write(true).open(path).unwrap().set_len(200 << 30).unwrap();
    let json = world.tool(TOOL).args(["--table", "fact_sejours_duree", "--json"]).run().expect_code(0).json();
    assert_eq!(deliveries(&json, &["status", "rows", "files"]), [json!(["waiting", null, 1])]);
    std::fs::remove_dir_all(world.home.join("data/data_temp")).unwrap();
    world.home.write("data/data_temp", "un fichier");
    let json = world.tool(TOOL).arg("--json").run().expect_code(3).json();
    assert_eq!(json["findings"][0]["place"], "livraisons", "{json:#}");
    assert!(kinds(&json).contains(&"migration"));
}

/// An import with a rejected line, its migration and cleanup, a file that failed, a restoration.
fn eventful() -> World {
    let world = World::whole();
    world.nights(&[
        "2025-07-07;Cantal;LOCAL;TOURISTE;12",
        "2025-07-09;Cantal;LOCAL;TOURISTE;7",
        "2025-07-08;Atlantide;LOCAL;TOURISTE;1",
    ]);
    world.import_nights(&[]).expect_code(3);
    world.tool("migrate-temp-to-main").run().expect_code(0);
    world.tool("cleanup-temp").arg("--force").run().expect_code(0);
    world.nights(&["trop;peu"]);
    world.import_nights(&["--max-rejects", "0"]).expect_code(1);
    world.tool("backup-critical").run().expect_code(0);
    world.tool("restore-critical").args(["--only", "fact_nuitees", "--yes"]).run().expect_code(0);
    world
}

fn kinds(json: &Value) -> Vec<&str> {
    json["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

#[test]
fn every_kind_is_there_with_its_numbers_and_filters_choose() {
    let world = eventful();
    let json = world.tool(TOOL).arg("--json").run().expect_code(0).json();
    let of = |kind: &str| {
        json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>()
    };
    assert_eq!(json["events"][0]["kind"], "restore", "newest first: {json}");
    assert_eq!((&of("restore")[0]["table"], &of("restore")[0]["status"]), (&"fact_nuitees".into(), &"restore".into()));
    let import = of("import").into_iter().find(|event| event["status"] == "loaded").unwrap();
    let expected = ["2025-07-07", "2025-07-09", "fact_nuitees_temp", "frequentation_nuitee.csv", "update-temp-tables"];
    assert_eq!(
        ["first_date", "last_date", "table", "source", "tool"].map(|field| import[field].as_str().unwrap()),
        expected
    );
    assert_eq!((import["rows"].as_u64(), import["rejected"].as_u64()), (Some(2), Some(1)));
    assert!(of("import").iter().any(|event| event["status"] == "failed" && event["message"].is_string()), "{json}");
    let run = world.db.scalar("SELECT run FROM flux_import_history ORDER BY id LIMIT 1");
    assert_eq!(import["run"], run);

    let filtered = |args: &[&str]| world.tool(TOOL).args(args).arg("--json").run();
    assert_eq!(kinds(&filtered(&["--date", "2025-07-08"]).expect_code(0).json()).last(), Some(&"delivery"));
    assert!(kinds(&filtered(&["--date", "2025-07-10"]).expect_code(3).json()).is_empty());
    assert!(kinds(&filtered(&["--table", "fact_diurnes"]).expect_code(3).json()).is_empty());
    let nights = filtered(&["--table", "fact_nuitees"]).expect_code(0).json();
    assert!(kinds(&nights).contains(&"import") && kinds(&nights).contains(&"restore"), "{nights}");
    assert!(kinds(&filtered(&["--since", "2031-01-01"]).expect_code(3).json()).is_empty());
    let one = filtered(&["--limit", "1"]).expect_code(0).json();
    assert_eq!((kinds(&one), &one["more"]), (vec!["restore"], &Value::Bool(true)));
    filtered(&["--date", "hier"]).expect_code(2);
    world.tool(TOOL).run().expect_code(0).expect_stdout("2025-07-07 → 2025-07-09");
}

#[test]
fn times_are_local_and_a_base_of_earlier_tools_still_tells_what_it_knows() {
    let world = eventful();
    world.db.exec("DROP TABLE flux_restores");
    world.db.exec("UPDATE flux_import_history SET finished_at = '2025-07-14 22:30:00', cleaned_at = NULL");
    let tool = |args: &[&str]| world.tool(TOOL).args(args).env("TZ", "Europe/Paris").arg("--json").run();
    let json = tool(&["--table", "fact_nuitees", "--since", "2025-07-15"]).expect_code(0).json();
    let import = json["events"].as_array().unwrap().iter().find(|event| event["kind"] == "import").unwrap();
    assert_eq!(
        (&import["at"], &import["local_time"]),
        (&"2025-07-14 22:30:00".into(), &"2025-07-15T00:30:00+02:00".into())
    );
    assert!(!kinds(&json).contains(&"restore"));
    world.db.exec("DROP TABLE flux_import_history");
    assert_eq!(tool(&[]).expect_code(1).json()["error"]["code"], "table-missing");
}

#[test]
fn a_cleanup_that_took_some_dates_tells_those_and_the_rest_comes_later() {
    let world = World::whole();
    let import = |lines: &[&str], imported: i32, migrated: i32| {
        world.nights(lines);
        world.import_nights(&["--max-shrink", "100"]).expect_code(imported);
        let args = ["--max-shrink", "100"];
        world.tool("migrate-temp-to-main").args(args).run().expect_code(migrated);
    };
    let first = "2025-06-02;Lioran;LOCAL;TOURISTE";
    import(&[&format!("{first};4"), "2025-06-02;Lioran;LOCAL;RESIDENT;5", "2025-06-03;Lioran;LOCAL;TOURISTE;6"], 0, 0);
    // Of 2 June a line cannot be read: the day waits, and 3 June goes with the rows of this load, not of the one before as well.
    import(
        &[&format!("{first};beaucoup"), "2025-06-02;Lioran;LOCAL;RESIDENT;5", "2025-06-03;Lioran;LOCAL;TOURISTE;7"],
        3,
        3,
    );
    world.tool("cleanup-temp").run().expect_code(3);
    let cleanups = || -> Vec<(String, String, u64)> {
        let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
        let all = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "cleanup");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.map(|event| (text(&event["first_date"]), text(&event["last_date"]), event["rows"].as_u64().unwrap()))
            .collect()
    };
    let june = |from: u32, to: u32, rows: u64| (format!("2025-06-{from:02}"), format!("2025-06-{to:02}"), rows);
    assert_eq!(cleanups(), [june(3, 3, 1)]);
    // A period that ends before the last day of the base is told by the import.
    import(&[&format!("{first};4"), "2025-06-02;Lioran;LOCAL;RESIDENT;5"], 3, 0);
    world.tool("cleanup-temp").run().expect_code(0);
    assert_eq!(cleanups(), [june(2, 2, 2), june(3, 3, 1)], "newest first");
    // In a database of before the dates of a load, what the loads say.
    world.db.exec("DROP TABLE flux_import_dates");
    assert_eq!(cleanups().len(), 1, "{:?}", cleanups());
}

#[test]
fn what_was_thrown_away_and_what_was_withdrawn_is_told() {
    let world = World::whole();
    world.nights(&["2025-08-04;Lioran;LOCAL;TOURISTE;4", "2025-08-05;Lioran;LOCAL;TOURISTE;5"]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().expect_code(0);
    // One of the two days is no longer as it was migrated.
    world.db.exec("UPDATE fact_nuitees SET volume = 6 WHERE date = '2025-08-05'");
    world.tool("cleanup-temp").arg("--force").run().expect_code(0);
    world.tool("withdraw-provisional").args(["--from", "2025-08-04", "--yes"]).run().expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 0);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let told: Vec<[&Value; 6]> = json["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| ["kind", "status", "first_date", "last_date", "rows", "withdrawn"].map(|field| &event[field]))
        .collect();
    let has = |expected: Value| told.iter().any(|event| serde_json::to_value(event).unwrap() == expected);
    assert!(has(serde_json::json!(["cleanup", "emptied", "2025-08-05", "2025-08-05", 1, null])), "{json}");
    assert!(has(serde_json::json!(["cleanup", "done", "2025-08-04", "2025-08-04", 1, null])), "{json}");
    assert!(has(serde_json::json!(["withdrawal", "withdrawn", "2025-08-04", "2025-08-05", 0, 2])), "{json}");
    // It is no try to import anything.
    let status = world.tool("check-status").arg("--json").run().json();
    let nights = status["tables"].as_array().unwrap().iter().find(|row| row["table"] == "fact_nuitees_temp").unwrap();
    assert_ne!(nights["last_import"]["status"], "emptied");
}

#[test]
fn a_year_that_was_cleared_is_told_with_what_went() {
    let world = World::whole();
    world.raw(
        "Nuitee_2023B2_X.csv",
        PLAIN,
        &["2023-12-31;Cantal;Local;Touriste;2", "2024-01-01;Cantal;Local;Touriste;3"],
    );
    world.etl(&[]).expect_code(0);
    world.db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2024-05-02', 3, 1, 1, 9)");
    world.tool("cleanup-year").args(["--year", "2024", "--yes", "--batch-size", "1"]).run().expect_code(0);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let fields = ["kind", "status", "tool", "first_date", "last_date", "rows"];
    let told: Vec<Vec<&Value>> =
        json["events"].as_array().unwrap().iter().map(|event| fields.map(|field| &event[field]).to_vec()).collect();
    let expected = serde_json::json!([
        ["cleanup", "cleared", "cleanup-year", "2024-01-01", "2024-05-02", 2],
        ["etl", "cleaned", "populate-facts-full-production", "2023-12-31", "2024-01-01", 2],
        ["delivery", "imported", null, "2023-12-31", "2024-01-01", null],
    ]);
    assert_eq!(serde_json::to_value(&told).unwrap(), expected, "{json:#}");
    let run = json["events"][0]["run"].as_str().unwrap();
    assert!(world.home.read("logs/cleanup-year.log").contains(run), "the log ends with the same run");
}

#[test]
fn a_date_is_told_the_restorations_of_its_tables() {
    let world = eventful();
    let kinds_of = |date: &str| {
        let json = world.tool(TOOL).args(["--date", date, "--json"]).run().json();
        kinds(&json).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kinds_of("2025-07-07").first().map(String::as_str), Some("restore"));
    assert!(kinds_of("2025-06-01").is_empty());
}

#[test]
fn tables_for_tests_are_pairs_as_well() {
    let world = World::whole();
    world.tool("ensure-schema").args(["--test"]).run().expect_code(0);
    world.nights(&["2025-09-01;Lioran;LOCAL;TOURISTE;4"]);
    world.import_nights(&["--test"]).expect_code(0);
    world.tool("migrate-temp-to-main").arg("--test").run().expect_code(0);
    for name in ["fact_nuitees_test", "fact_nuitees_temp_test"] {
        let json = world.tool(TOOL).args(["--table", name, "--json"]).run().expect_code(0).json();
        assert_eq!(kinds(&json), ["migration", "import", "delivery"], "{name}");
    }
    world.tool(TOOL).args(["--table", "fact_nuitees"]).run().expect_code(3);
}

#[test]
fn a_migration_that_left_rows_in_place_is_told_as_such() {
    let world = World::whole();
    let import = |lines: &[&str], code: i32| {
        world.nights(lines);
        world.import_nights(&[]).expect_code(code);
        world.tool("migrate-temp-to-main").run().expect_code(code);
    };
    let kept = ["2025-03-03;Carlades;LOCAL;TOURISTE;40", "2025-03-03;Carlades;LOCAL;RESIDENT;5"];
    import(&[kept[0], kept[1], "2025-03-03;Lioran;LOCAL;TOURISTE;6"], 0);
    import(&["2025-03-03;Carlades;LOCAL;TOURISTE;41", kept[1], "2025-03-03;Atlantide;LOCAL;TOURISTE;6"], 3);
    let json = world.tool(TOOL).args(["--table", "fact_nuitees", "--json"]).run().expect_code(0).json();
    let suspended: Vec<&Value> = json["events"].as_array().unwrap().iter().map(|event| &event["suspended"]).collect();
    // Newest first: an import has none to tell, the second migration left the row of Lioran.
    assert!(suspended.contains(&&Value::from(1)), "{json:#}");
    world.tool(TOOL).run().expect_code(0).expect_stdout("⚠ migration").expect_stdout("gardées");
}
