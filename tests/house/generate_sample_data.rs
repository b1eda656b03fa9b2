//! `generate-sample-data`, the real binary.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use flux_sample::Defect;
use flux_test::{Home, Tool};

const TOOL: &str = "generate-sample-data";

fn tool(home: &Home) -> Tool {
    home.tool(TOOL)
}

/// A delivery that takes no time.
const SMALL: [&str; 4] = ["--days", "2", "--scale", "0.2"];

#[test]
fn ten_files_and_a_manifest_stand_in_data_temp() {
    let home = Home::without_db();
    let outcome = tool(&home).args(SMALL).run().expect_code(0);
    let outcome = outcome.expect_stdout("Livraison d'essai du 2025-07-07 au 2025-07-08 (2 jours, graine 1");
    assert!(outcome.stdout.contains("✓ 10 fichiers, "), "{outcome}");
    assert_eq!(
        home.list("data/data_temp"),
        [
            "duree_sejour.csv",
            "duree_sejour_fr.csv",
            "duree_sejour_int.csv",
            "export_mobilite.csv",
            "frequentation_journee.csv",
            "frequentation_journee_fr.csv",
            "frequentation_journee_int.csv",
            "frequentation_nuitee.csv",
            "frequentation_nuitee_fr.csv",
            "frequentation_nuitee_int.csv",
            "manifest.json",
        ]
    );
}

#[test]
fn the_json_counts_what_is_in_the_files() {
    let home = Home::without_db();
    let outcome = tool(&home).args(SMALL).arg("--json").run().expect_code(0);
    let json = outcome.json();
    assert_eq!((&json["tool"], &json["status"], &json["exit_code"]), (&TOOL.into(), &"ok".into(), &0.into()));
    let files = json["files"].as_array().unwrap();
    assert_eq!(files.len(), 10);
    for file in files {
        let name = file["file"].as_str().unwrap();
        let text = home.read(Path::new("data/data_temp").join(name));
        assert_eq!(text.lines().count() as u64 - 1, file["lines"].as_u64().unwrap(), "{name}");
        let volume: u64 = text.lines().skip(1).map(|l| l.rsplit(';').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(Some(volume), file["volume"].as_u64(), "{name}");
        assert_eq!(file["expected"]["stored"], file["lines"], "{name}");
    }
}

#[test]
fn a_second_call_gives_the_same_and_a_revision_does_not() {
    let home = Home::without_db();
    let file = "data/data_temp/frequentation_nuitee_fr.csv";
    tool(&home).args(SMALL).run().expect_code(0);
    let first = home.read(file);
    tool(&home).args(SMALL).run().expect_code(0);
    assert_eq!(home.read(file), first);
    let revised = tool(&home).args(SMALL).args(["--revision", "1", "--json"]).run().expect_code(0).json();
    assert_ne!(home.read(file), first);
    assert!(revised["files"][1]["revision"]["revised"].as_u64().unwrap() > 0);
}

#[test]
fn chosen_defects_are_there_and_told() {
    let home = Home::without_db();
    let outcome = tool(&home)
        .args(SMALL)
        .args(["--defect", "volume-negatif:2@duree_sejour.csv,fichier-absent", "--defect", "30-fevrier:1"])
        .run()
        .expect_code(0)
        .expect_stdout("volume-negatif");
    assert_eq!(home.read("data/data_temp/duree_sejour.csv").matches(";-").count(), 2, "{outcome}");
    assert_eq!(home.read("data/data_temp/export_mobilite.csv").matches("\n2025-02-30;").count(), 1);
    assert!(!home.join("data/data_temp/frequentation_nuitee_fr.csv").exists());
}

#[test]
fn raw_families_go_to_data_extracted() {
    let home = Home::without_db();
    let arguments = ["--raw", "--days", "1", "--scale", "0.1", "--zones", "old", "--encoding", "windows-1252"];
    tool(&home).args(arguments).run().expect_code(0).expect_stdout("44 fichiers à ignorer");
    let files = crate::files_below(&home.join("data/data_extracted"));
    // 21 families and 4 that are to be ignored, for each of 11 zones, and the manifest.
    assert_eq!(files.len(), 25 * 11 + 1);
    assert!(files.iter().any(|file| file.ends_with("LieuActivite_Veille_Pays_2025B1_CABA0.csv")));
    let place = home.join("data/data_extracted/2025B1/Châtaigneraie/Nuitee_2025B1_CHATAIGNERAIE0.csv");
    let bytes = fs::read(place).unwrap();
    assert!(bytes.windows(14).any(|window| window == b"Ch\xe2taigneraie;"));
}

#[test]
fn a_real_delivery_is_not_lost() {
    let home = Home::without_db();
    home.write_csv("Duree.csv", "autre chose");
    home.write_csv("duree_sejour.csv", "livraison réelle");
    tool(&home).args(SMALL).run().expect_code(1).expect_stderr("duree_sejour.csv").expect_stderr("→ choisissez");
    assert_eq!(home.read("data/data_temp/duree_sejour.csv"), "livraison réelle");
    assert_eq!(home.list("data/data_temp"), ["Duree.csv", "duree_sejour.csv"], "nothing was written");
    tool(&home).args(SMALL).arg("--force").run().expect_code(0);
    assert!(home.read("data/data_temp/duree_sejour.csv").starts_with("Date;"));
    assert_eq!(home.read("data/data_temp/Duree.csv"), "autre chose");
}

#[test]
fn a_folder_that_cannot_be_is_a_clear_failure() {
    let home = Home::without_db();
    home.write("fichier", "");
    tool(&home).args(SMALL).args(["--output", "fichier/ici"]).run().expect_code(1).expect_stderr("fichier/ici");
}

#[test]
fn bad_arguments_are_refused_and_write_nothing() {
    let home = Home::without_db();
    for (arguments, message) in [
        (&["--encoding", "latin9"][..], "au choix : utf-8, utf-8-bom, windows-1252, utf-16le"),
        (&["--defect", "volume-positif"], "volume-negatif"),
        (&["--defect", "zone-inconnue:trois"], "nombre de lignes"),
        (&["--defect", "zone-inconnue@ailleurs.csv"], "ne s'applique pas à ailleurs.csv"),
        (&["--days", "0"], "0 jours"),
        (&["--from", "2025-02-30"], "2025-02-30"),
        (&["--scale", "0"], "échelle"),
        (&["--scale", "2", "--rows", "10"], "ne va pas avec"),
    ] {
        tool(&home).args(arguments).run().expect_code(2).expect_stderr(message);
    }
    assert!(home.list("data/data_temp").is_empty());
}

#[test]
fn the_help_names_every_defect() {
    let home = Home::without_db();
    let outcome = tool(&home).arg("--help").run().expect_code(0);
    for defect in Defect::ALL {
        assert!(outcome.stdout.contains(defect.name()), "{defect}\n{outcome}");
    }
}

#[test]
fn memory_does_not_grow_with_the_length() {
    let home = Home::without_db();
    let outcome = tool(&home).args(["--rows", "1000000", "--days", "60"]).limit(Duration::from_secs(180)).run();
    let outcome = outcome.expect_code(0);
    assert!(outcome.peak_rss_kib < 48 * 1024, "{} KiB\n{outcome}", outcome.peak_rss_kib);
}

#[test]
fn a_stop_leaves_whole_files_that_the_next_run_may_replace() {
    let home = Home::without_db();
    // Long enough for the nine files that follow the first, which is the smallest.
    let mut running = tool(&home).args(["--days", "1000"]).limit(Duration::from_secs(120)).spawn();
    let started = Instant::now();
    while !home.join("data/data_temp/frequentation_nuitee.csv").exists() {
        assert!(running.is_running() && started.elapsed() < Duration::from_secs(110), "no file yet");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal("TERM");
    running.wait().expect_code(1).expect_stderr("interrompu");
    let left = home.list("data/data_temp");
    assert!(left.iter().all(|name| name.ends_with(".csv") || name == "manifest.json"), "{left:?}");
    tool(&home).args(SMALL).run().expect_code(0);
}
