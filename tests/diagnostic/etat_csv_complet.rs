//! `etat-csv-complet`: works without a database, and says what is wrong with each file.

use flux_test::{Home, Outcome};
use support::diag;
use support::diag::NUITEE;

const TOOL: &str = "etat-csv-complet";

fn run(home: &Home) -> Outcome {
    home.tool(TOOL).arg("--json").run()
}

fn file<'a>(json: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    json["files"].as_array().unwrap().iter().find(|file| file["file"] == name).unwrap()
}

#[test]
fn a_sound_delivery_needs_no_look_and_no_database() {
    let home = Home::without_db();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.1"]).run().expect_code(0);
    let json = run(&home).expect_code(0).json();
    assert_eq!(json["status"], "ok");
    assert_eq!(json["files"].as_array().unwrap().len(), 10);
    let manifest: serde_json::Value = serde_json::from_str(&home.read("data/data_temp/manifest.json")).unwrap();
    for expected in manifest["files"].as_array().unwrap() {
        let found = file(&json, expected["file"].as_str().unwrap());
        assert_eq!(found["lines"], expected["lines"], "{found}");
        assert_eq!(found["volume"], expected["volume"], "{found}");
        assert_eq!(found["dates"], serde_json::json!(["2025-07-07", "2025-07-08"]));
    }
    assert!(json["database"].as_str().unwrap().contains("DB_"));
}

#[test]
fn every_defect_is_named_with_its_line() {
    let home = Home::without_db();
    home.write_csv(
        "frequentation_nuitee.csv",
        format!(
            "{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n2025-02-30;CANTAL;LOCAL;TOURISTE;1\n\
             2025-07-10;CANTAL;LOCAL;TOURISTE;-5\n2025-07-10;CANTAL;LOCAL;7\n2025-07-10;\"CANTAL;LOCAL;TOURISTE;7\n"
        ),
    );
    home.write_csv(
        "sous/FREQUENTATION_JOURNEE.CSV",
        "Date;ZoneObservation;CategorieVisiteur;Volume\n2025-07-07;X;Y;1\n",
    );
    home.write_csv("duree_sejour.csv", "");
    home.write_csv("export_mobilite.csv", b"\x00\x01\x02binaire");
    home.write_csv("a/duree_sejour_fr.csv", NUITEE);
    home.write_csv("b/duree_sejour_fr.csv", NUITEE);
    std::fs::create_dir(home.data_temp().join("duree_sejour_int.csv")).unwrap();
    let outcome = run(&home).expect_code(3);
    let json = outcome.json();

    let nuitee = file(&json, "frequentation_nuitee.csv");
    assert_eq!((&nuitee["lines"], &nuitee["volume"], &nuitee["days"]), (&5.into(), &11.into(), &2.into()));
    assert_eq!(nuitee["missing_days"], serde_json::json!(["2025-07-08 → 2025-07-09"]));
    let problems: Vec<(u64, &str)> = nuitee["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["lines"].as_u64().unwrap(), problem["examples"][0].as_str().unwrap()))
        .collect();
    assert_eq!(
        problems,
        [(1, "ligne 3 : 2025-02-30"), (1, "ligne 4 : -5"), (1, "ligne 5 : 4 champs au lieu de 5"), (1, "ligne 6")]
    );

    let journee = file(&json, "frequentation_journee.csv");
    assert_eq!(journee["missing_columns"], serde_json::json!(["Provenance"]));
    assert_eq!(journee["state"], "unusable");
    for (name, words) in [
        ("duree_sejour.csv", "vide"),
        ("export_mobilite.csv", "octets nuls"),
        ("duree_sejour_fr.csv", "plusieurs fichiers"),
        ("duree_sejour_int.csv", "dossier"),
    ] {
        let error = file(&json, name)["error"].as_str().unwrap();
        assert!(error.contains(words), "{name}: {error}");
    }
    assert_eq!(file(&json, "frequentation_nuitee_fr.csv")["state"], "missing");
}

#[test]
fn a_loaded_file_is_recognised_by_its_content() {
    let db = diag::database();
    let home = Home::new(&db);
    let csv = format!("{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n");
    home.write_csv("frequentation_nuitee.csv", &csv);
    assert_eq!(file(&run(&home).json(), "frequentation_nuitee.csv")["loaded"], false);
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(0);
    assert_eq!(file(&run(&home).json(), "frequentation_nuitee.csv")["loaded"], true);
    home.write_csv("frequentation_nuitee.csv", csv.replace(";10", ";11"));
    assert_eq!(file(&run(&home).json(), "frequentation_nuitee.csv")["loaded"], false);
}

#[test]
fn a_missing_folder_and_a_bad_option_have_their_codes() {
    let home = Home::without_db();
    home.tool(TOOL).args(["--data-dir", "nulle/part"]).run().expect_code(1).expect_stderr("introuvable");
    home.tool(TOOL).arg("--inconnu").run().expect_code(2);
}

#[test]
fn every_other_file_of_the_folder_is_named_for_what_it_is() {
    let home = Home::without_db();
    home.tool("generate-sample-data").args(["--days", "1", "--scale", "0.1"]).run().expect_code(0);
    let nights = home.read("data/data_temp/frequentation_nuitee.csv");
    let files = [
        ("a/onzieme.csv", "x;y\n", "csv"),
        ("frequentation_nuitee (1).csv", nights.as_str(), "copy"),
        ("Nuitee_2024B1_X.csv", nights.as_str(), "raw"),
        ("livraison.xlsx", "PK\x03\x04…", "workbook"),
        ("export.csv", "PK\x03\x04…", "workbook"),
        ("duree_sejour.csv.filepart", "x", "unfinished"),
        ("photo.png", "x", "other"),
        ("lot.zip", "x", "archive"),
    ];
    for (name, content, _) in files {
        home.write_csv(name, content);
    }
    home.write_csv(".gitkeep", "");
    // One of the ten that is a workbook is told once by its own line, and named among the others.
    home.write_csv("duree_sejour.csv", "PK\x03\x04…");
    let json = run(&home).expect_code(3).json();
    let mut found: Vec<(String, String)> = json["unexpected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["file"].as_str().unwrap().into(), one["kind"].as_str().unwrap().into()))
        .collect();
    let mut expected: Vec<(String, String)> =
        files.iter().map(|(name, _, kind)| ((*name).into(), (*kind).into())).collect();
    expected.push(("duree_sejour.csv".into(), "workbook".into()));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(file(&json, "duree_sejour.csv")["error"].as_str().unwrap().contains("classeur"));
    let codes: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "file-unexpected").count(), 9);
}

/// A file of 200 GiB, of which the disk holds the header only.
fn sparse(home: &Home, name: &str) {
    let path = home.write_csv(name, NUITEE);
    std::fs::File::options().write(true).open(path).unwrap().set_len(200 << 30).unwrap();
}

#[test]
fn a_file_of_hundreds_of_gigabytes_is_told_first_and_its_reading_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let home = Home::without_db();
        sparse(&home, "duree_sejour.csv");
        let mut running = home.tool(TOOL).spawn();
        running.wait_said("200,0 Gio");
        let asked = std::time::Instant::now();
        running.signal(signal);
        let outcome = running.wait().expect_code(1).expect_stderr("200,0 Gio").expect_stderr("Ctrl-C");
        // To read all of it takes minutes.
        assert!(asked.elapsed() < std::time::Duration::from_secs(10), "{:?}\n{outcome}", asked.elapsed());
    }
}

/// Puts `name` below so many folders of 240 letters each, from the innermost outward: no path of it can be written out.
fn too_deep(home: &Home, folders: u32, name: &str) {
    let place = |number: u32| home.data_temp().join(number.to_string());
    home.write_csv(&format!("0/{name}"), "x");
    for number in 1..=folders {
        std::fs::create_dir(place(number)).unwrap();
        std::fs::rename(place(number - 1), place(number).join("d".repeat(240))).unwrap();
    }
}

#[test]
fn a_path_that_is_too_long_is_told_and_the_rest_is_read() {
    let home = Home::without_db();
    home.tool("generate-sample-data").args(["--days", "1", "--scale", "0.1"]).run().expect_code(0);
    std::fs::remove_file(home.data_temp().join("duree_sejour.csv")).unwrap();
    too_deep(&home, 18, "duree_sejour.csv");
    home.write_csv("zzz.txt", "x");
    let outcome = run(&home).expect_code(3);
    let json = outcome.json();
    let deep = file(&json, "duree_sejour.csv");
    assert!(deep["path"].as_str().unwrap().len() > 4096, "{deep}");
    assert!(deep["error"].as_str().unwrap().contains("trop long"), "{deep}");
    assert!(
        !outcome.stdout.contains("File name too long") && !outcome.stderr.contains("File name too long"),
        "{outcome}"
    );
    assert_eq!(json["unexpected"][0]["file"], "zzz.txt", "what comes after it is read");
    assert_eq!(file(&json, "duree_sejour_fr.csv")["state"], "present");
}
