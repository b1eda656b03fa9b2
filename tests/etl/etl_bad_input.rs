//! `populate-facts-full-production` on raw exports as they should not be: what can be read is stored, the rest is told, nothing is
//! guessed, and no file stops another.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use support::trouble;

use flux_test::mysql::prelude::Queryable;
use serde_json::{Value, json};
use support::raw::{PLAIN, raw_counts};
use support::weekly::{Sane, World, file};

const GOOD: &str = "2024-07-08;Cantal;Local;Touriste;1";
const GOOD_ROW: &str = "2024-07-08 1 1 1 0 1";

/// Loads a file of that content beside a good one, which must be loaded whatever happens to it.
#[track_caller]
fn beside_a_good_one(content: &[u8], code: i32) -> (World, Value) {
    let world = World::whole();
    world.raw_bytes("Nuitee_2024B1_essai.csv", content);
    world.raw("Diurne_2024B1_bon.csv", PLAIN, &[GOOD]);
    let json = world.etl(&[]).expect_code(code).json();
    assert_eq!(raw_counts(file(&json, "Diurne_2024B1_bon.csv"))[..2], [1, 1], "{json}");
    let entry = file(&json, "Nuitee_2024B1_essai.csv").clone();
    (world, entry)
}

#[test]
fn what_is_no_usable_file_is_refused_with_its_reason() {
    let cases: [(&str, &[u8], &str); 8] = [
        ("empty", b"", "vide"),
        ("blank lines", b"\n\r\n  \n", "vide"),
        ("no volume", b"Date;ZoneObservation;Provenance;CategorieVisiteur\n2024-07-08;Cantal;Local;Touriste\n", "Volume"),
        ("no zone", b"Date;Provenance;CategorieVisiteur;Volume\n2024-07-08;Local;Touriste;1\n", "ZoneObservation"),
        (
            "Volume twice",
            b"Date;ZoneObservation;Provenance;CategorieVisiteur;Volume;volume\n2024-07-08;Cantal;Local;Touriste;1;2\n",
            "deux fois",
        ),
        (
            "ZoneObservation twice",
            b"Date;ZoneObservation;Provenance;CategorieVisiteur;ZoneObservation;Volume\n2024-07-08;Cantal;Local;Touriste;Lioran;1\n",
            "deux fois",
        ),
        ("no separator of the field", b"Date|ZoneObservation|Provenance|CategorieVisiteur|Volume\n2024-07-08|Cantal|Local|Touriste|1\n", "Date"),
        ("a zip", b"PK\x03\x04\x14\0\0\0\x08\0", "archive"),
    ];
    for (what, content, word) in cases {
        let (world, entry) = beside_a_good_one(content, 1);
        assert_eq!((&entry["status"], &entry["stored"]), (&json!("failed"), &json!(0)), "{what}: {entry}");
        assert!(entry["error"].as_str().unwrap().contains(word), "{what}: {entry}");
        assert!(entry["hint"].is_string(), "{what}: {entry}");
        assert_eq!(world.db.count("fact_nuitees"), 0, "{what}");
    }
}

#[test]
fn a_definitive_day_that_is_still_to_come_is_rejected() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &[GOOD, "2024-07-09;Cantal;Local;Touriste;2"]);
    let etl = world.tool("populate-facts-full-production").arg("--json").env("FLUX_TODAY", "2024-07-08");
    let json = etl.run().sane().expect_code(3).json();
    let rejects = &json["files"][0]["rejects"];
    assert_eq!((&rejects[0]["lines"], &rejects[0]["column"]), (&json!(1), &json!("Date")), "{json}");
    assert!(rejects[0]["reason"].as_str().unwrap().contains("à venir"), "{json}");
    assert_eq!(world.nuitees(), [GOOD_ROW]);
}

#[test]
fn a_header_alone_replaces_nothing() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &[GOOD]);
    world.etl(&[]).expect_code(0);
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &[]);
    let json = world.etl(&[]).expect_code(3).json();
    assert_eq!(raw_counts(&json["files"][0]), [0; 9]);
    assert!(json["files"][0]["note"].as_str().unwrap().contains("aucune ligne"), "{json}");
    assert_eq!(world.nuitees(), [GOOD_ROW]);
}

#[test]
fn a_calendar_that_is_missing_partly_there_or_wrong_is_computed() {
    let world = World::whole();
    // 14 July 2024, a Sunday in the school holidays of all zones, which began on 6 July; 11 November, a Monday.
    for (name, header, cells) in [
        ("A", "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n", "2024-07-14;Cantal;Local;Touriste;1"),
        (
            "B",
            "Date;Ferie;ZoneObservation;Provenance;CategorieVisiteur;Volume\n",
            "2024-07-15;;Cantal;Local;Touriste;1",
        ),
        (
            "C",
            "Date;JourDeLaSemaine;VacancesA;ZoneObservation;Provenance;CategorieVisiteur;Volume\n",
            "2024-11-11;mercredi;9;Cantal;Local;Touriste;1",
        ),
    ] {
        world.raw(&format!("Nuitee_2024B1_{name}.csv"), header, &[cells]);
    }
    world.etl(&[]).expect_code(0);
    let days = world.db.column(
        "SELECT CONCAT_WS(' ', date, vacances_a, vacances_b, vacances_c, ferie, jour_semaine) FROM dim_dates ORDER BY date",
    );
    assert_eq!(days, ["2024-07-14 1 1 1 1 dimanche", "2024-07-15 1 1 1 0 lundi", "2024-11-11 0 0 0 1 lundi"]);
}

#[test]
fn two_separators_in_one_file_cost_the_lines_of_the_other() {
    let lines = "2024-07-09,Cantal,Local,Touriste,2\n2024-07-10\tCantal\tLocal\tTouriste\t3\n";
    let (world, entry) = beside_a_good_one(format!("{PLAIN}{GOOD}\n{lines}").as_bytes(), 3);
    assert_eq!(raw_counts(&entry), [3, 1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(world.nuitees(), [GOOD_ROW]);
    assert_eq!(world.reject_files()[0].lines().count(), 3);
}

#[test]
fn ragged_lines_unclosed_quotes_and_binary_lines_cost_themselves_only() {
    let mut content = format!("{PLAIN}{GOOD}\n").into_bytes();
    content.extend_from_slice(b"2024-07-08;Cantal;Local;Resident\n2024-07-08;Cantal;Local;Resident;2;3\n");
    content.extend_from_slice(b"\"2024-07-08;Cantal;Local;Resident;4\n\0\x01\x02\xff\xfe\n");
    content.extend_from_slice(b"2024-07-08;Cantal;Local;Resident;");
    content.resize(content.len() + 3_000_000, b'9');
    content.extend_from_slice(b"\n2024-07-09;Cantal;Local;Touriste;5");
    let (world, entry) = beside_a_good_one(&content, 3);
    assert_eq!(raw_counts(&entry), [7, 2, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(world.nuitees(), [GOOD_ROW, "2024-07-09 1 1 1 0 5"]);
}

#[test]
fn volumes_of_every_spelling_are_whole_numbers_not_stored_or_rejected() {
    let volumes = [
        ("1 234", "stored"),
        ("1\u{a0}234", "stored"),
        ("1234.0", "stored"),
        ("\"7\"", "stored"),
        ("2147483647", "stored"),
        ("0", "nothing"),
        ("-0", "nothing"),
        ("-12", "nothing"),
        ("", "rejected"),
        ("12,5", "rejected"),
        ("1e3", "rejected"),
        ("2147483648", "rejected"),
        ("99999999999999999999", "rejected"),
        ("douze", "rejected"),
        ("--1", "rejected"),
        ("NaN", "rejected"),
    ];
    let mut content = PLAIN.to_owned();
    for (day, (volume, _)) in volumes.iter().enumerate() {
        content.push_str(&format!("2024-07-{:02};Cantal;Local;Touriste;{volume}\n", day + 1));
    }
    let (world, entry) = beside_a_good_one(content.as_bytes(), 3);
    assert_eq!(raw_counts(&entry), [16, 5, 0, 0, 0, 8, 3, 3, 0]);
    assert_eq!(
        world.db.column("SELECT volume FROM fact_nuitees ORDER BY date"),
        ["1234", "1234", "1234", "7", "2147483647"]
    );
}

#[test]
fn dates_that_are_none_are_rejected_and_no_year_is_guessed() {
    let mut content = PLAIN.to_owned();
    for date in ["08/07/2024", "2024-02-30", "30/02/2024", "24-07-08", "0001-01-01", "2024-7-8", "", "2024-07-08T00:00"]
    {
        content.push_str(&format!("{date};Cantal;Local;Touriste;1\n"));
    }
    let (world, entry) = beside_a_good_one(content.as_bytes(), 3);
    let counts = raw_counts(&entry);
    assert_eq!(counts[0], counts[1] + counts[3] + counts[5], "{entry}");
    assert_eq!(world.nuitees(), [GOOD_ROW]);
}

#[test]
fn odd_names_folders_and_links_are_found_or_told() {
    let world = World::whole();
    let good = [
        "NUITEE_2024b1_MAJUSCULES.CSV",
        "Livraison été 2024/Hautes Terres/ nuitee_2024B1_avec espaces.csv",
        "a/b/c/d/e/f/g/h/Nuitee_2024B1_profond.csv",
        "Nuitee_2024B1_CABA0 (1).csv",
    ];
    for (number, name) in good.iter().enumerate() {
        world.raw(name, PLAIN, &[&format!("2024-07-{:02};Cantal;Local;Touriste;{number}1", number + 1)]);
    }
    let folder = world.home.join("data/data_extracted");
    // A folder and a file whose names are no text at all.
    let latin = folder.join(std::ffi::OsStr::from_bytes(b"Ch\xe2taigneraie"));
    std::fs::create_dir(&latin).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"Nuitee_2024B1_CH\xc2T.csv");
    std::fs::write(latin.join(name), format!("{PLAIN}2024-07-05;Cantal;Local;Touriste;41\n")).unwrap();
    // Links: to a file, to a folder, to themselves, to nothing.
    world.home.write("ailleurs/x.csv", format!("{PLAIN}2024-07-06;Cantal;Local;Touriste;51\n"));
    symlink("../../ailleurs/x.csv", folder.join("Nuitee_2024B1_lien.csv")).unwrap();
    symlink("../..", folder.join("boucle")).unwrap();
    symlink(".", folder.join("a/ici")).unwrap();
    symlink("Nuitee_2024B1_rien.csv", folder.join("Nuitee_2024B1_rien.csv")).unwrap();
    let outcome = world.etl(&[]).expect_code(1);
    let json = outcome.json();
    assert_eq!((&json["totals"]["files"], &json["totals"]["loaded"]), (&json!(7), &json!(6)), "{outcome}");
    assert_eq!(file(&json, "Nuitee_2024B1_rien.csv")["status"], "failed");
    let ignored: Vec<(&str, &str)> = json["ignored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["file"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(ignored, [("a/ici", "lien vers un dossier"), ("boucle", "lien vers un dossier")]);
    let expected: Vec<String> = (1..=6).map(|day| format!("2024-07-{day:02} 1 1 1 0 {}", day * 10 - 9)).collect();
    assert_eq!(world.nuitees(), expected);
    std::fs::remove_file(folder.join("Nuitee_2024B1_rien.csv")).unwrap();
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["unchanged"], 6);
}

#[test]
fn folders_and_files_without_read_permission_are_told_and_the_others_loaded() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_bon.csv", PLAIN, &[GOOD]);
    world.raw("ferme/Nuitee_2024B1_X.csv", PLAIN, &["2024-07-09;Cantal;Local;Touriste;2"]);
    let set = |place: &str, mode: u32| {
        let path = world.home.join("data/data_extracted").join(place);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("ferme", 0o000);
    let json = trouble::without_privilege(&world, "populate-facts-full-production").arg("--json").run().sane().json();
    let code = json["exit_code"].clone();
    let ignored = json["ignored"][0].clone();
    set("ferme", 0o755);
    assert_eq!((code, &ignored["file"], &ignored["reason"]), (json!(3), &json!("ferme"), &json!("dossier illisible")));
    assert_eq!(world.nuitees(), [GOOD_ROW]);
    set("ferme/Nuitee_2024B1_X.csv", 0o000);
    let json = trouble::without_privilege(&world, "populate-facts-full-production").arg("--json").run().sane().json();
    set("ferme/Nuitee_2024B1_X.csv", 0o644);
    assert_eq!(json["exit_code"], 1);
    assert!(file(&json, "ferme/Nuitee_2024B1_X.csv")["error"].as_str().unwrap().contains("accès refusé"), "{json}");
    world.etl(&[]).expect_code(0);
    assert_eq!(world.nuitees(), [GOOD_ROW, "2024-07-09 1 1 1 0 2"]);
}

/// Revisions of one period and files of several encodings, together.
#[test]
fn the_same_rows_in_several_deliveries_revisions_and_encodings_count_once() {
    let world = World::whole();
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect() };
    let rows = |volume: u32| {
        format!(
            "{PLAIN}2024-07-08;Châtaigneraie;Local;Touriste;{volume}\n2024-07-09;Châtaigneraie;Local;Touriste;{volume}\n"
        )
    };
    world.raw_bytes("B1/Nuitee_2024B1_X.csv", &latin(&rows(1)));
    world.raw_bytes("B2/Nuitee_2024B2_X.csv", rows(2).as_bytes());
    world.raw_bytes("B10/Nuitee_2024B10_X.csv", format!("\u{feff}{}", rows(10)).as_bytes());
    let json = world.etl(&["--jobs", "4"]).expect_code(0).json();
    assert_eq!(raw_counts(file(&json, "B10/Nuitee_2024B10_X.csv"))[..2], [2, 2]);
    for earlier in ["B1/Nuitee_2024B1_X.csv", "B2/Nuitee_2024B2_X.csv"] {
        assert_eq!(raw_counts(file(&json, earlier)), [2, 0, 0, 0, 0, 0, 2, 0, 2]);
    }
    // A revision of an early one changes nothing, one of the last replaces its rows.
    world.raw_bytes("B2/Nuitee_2024B2_X.csv", rows(3).as_bytes());
    world.etl(&[]).expect_code(0);
    assert_eq!(world.nuitees(), ["2024-07-08 6 1 1 0 10", "2024-07-09 6 1 1 0 10"]);
    world.raw_bytes("B10/Nuitee_2024B10_X.csv", &latin(&rows(11)));
    world.etl(&[]).expect_code(0);
    assert_eq!(world.nuitees(), ["2024-07-08 6 1 1 0 11", "2024-07-09 6 1 1 0 11"]);
    // Another encoding of the same rows is another content, and the same rows.
    world.raw_bytes("B10/Nuitee_2024B10_X.csv", rows(11).as_bytes());
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["loaded"], 1);
    assert_eq!(world.nuitees(), ["2024-07-08 6 1 1 0 11", "2024-07-09 6 1 1 0 11"]);
}

#[test]
fn hundreds_of_files_of_which_some_are_bad() {
    let world = World::whole();
    for number in 0..300u32 {
        let (name, day) = (format!("z{}/y{}/Nuitee_2024B1_{number:03}.csv", number % 7, number % 3), number % 28 + 1);
        let month = number / 28 + 1;
        match number % 10 {
            3 => world.raw_bytes(&name, b""),
            6 => world.raw(&name, PLAIN, &[&format!("pas une ligne, {number}")]),
            _ => world.raw(&name, PLAIN, &[&format!("2024-{month:02}-{day:02};Cantal;Local;Touriste;{}", number + 1)]),
        }
    }
    let json = world.etl(&["--jobs", "4"]).expect_code(1).json();
    let totals = &json["totals"];
    assert_eq!((&totals["files"], &totals["failed"], &totals["loaded"]), (&json!(300), &json!(30), &json!(270)));
    assert_eq!((&totals["lines_read"], &totals["stored"], &totals["rejected"]), (&json!(270), &json!(240), &json!(30)));
    assert_eq!(world.db.count("fact_nuitees"), 240);
    // 1 + … + 300, without the volumes of the bad ones: 4, 14, …, 294 and 7, 17, …, 297.
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees"), (45_150 - 4_470 - 4_560).to_string());
}

#[test]
fn a_file_that_grows_while_it_is_read_is_not_loaded_and_the_next_run_takes_it() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &[GOOD]);
    world.etl(&[]).expect_code(0);
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;2"]);
    // The dimension is locked: the tool has hashed the file and opened it, and waits before it goes on.
    let mut conn = world.db.conn();
    conn.query_drop("LOCK TABLES dim_zones_observation WRITE").unwrap();
    let running = world.tool("populate-facts-full-production").arg("--json").spawn();
    trouble::wait_for_blocked(&mut world.db.admin(), world.db.name(), "dim_zones_observation");
    let both = ["2024-07-08;Cantal;Local;Touriste;2", "2024-07-08;Lioran;Local;Touriste;3"];
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &both);
    conn.query_drop("UNLOCK TABLES").unwrap();
    let json = running.wait().sane().expect_code(1).json();
    assert!(json["files"][0]["error"].as_str().unwrap().contains("changé"), "{json}");
    assert_eq!(world.nuitees(), [GOOD_ROW]);
    world.etl(&[]).expect_code(0);
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 2", "2024-07-08 5 1 1 0 3"]);
}

#[test]
fn more_invented_names_than_there_is_room_for_are_rejected_and_memory_stays_bounded() {
    let world = World::whole();
    let header = "Date;ZoneObservation;Provenance;CategorieVisiteur;EPCI;Commune;Volume\n";
    let long = "très longue commune ".repeat(10);
    for part in 0..2 {
        let mut text = header.to_owned();
        for number in 0..30_000 {
            text.push_str(&format!("2024-07-0{};Cantal;Local;Touriste;;{long}{part} {number};1\n", part + 1));
        }
        world.raw_bytes(&format!("LieuActivite_Soir_2024B1_{part}.csv"), text.as_bytes());
    }
    let outcome = world.etl(&["--jobs", "2"]).expect_code(3);
    assert!(outcome.peak_rss_kib < 128 * 1024, "{} KiB", outcome.peak_rss_kib);
    let totals = outcome.json()["totals"].clone();
    let (stored, rejected) = (totals["stored"].as_u64().unwrap(), totals["rejected"].as_u64().unwrap());
    assert!(stored > 10_000 && rejected > 10_000 && stored + rejected == 60_000, "{totals}");
    assert_eq!(world.db.count("fact_lieu_activite_soir"), stored);
    assert_eq!(world.db.count("dim_communes"), stored + 10);
}
