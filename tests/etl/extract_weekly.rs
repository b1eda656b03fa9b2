//! `extract-only --weekly`: the weekly files of an archive, where the import looks for them.

use std::fs;

use flux_test::{Home, Outcome};
use support::archive::{zip, zip_of};
use support::weekly::{BASE, Sane, World, file, text};

/// An archive that holds another one.
fn around(name: &str, inner: &[u8]) -> Vec<u8> {
    zip_of([(name, inner)])
}

fn extract(home: &Home, arguments: &[&str]) -> Outcome {
    home.tool("extract-only").args(["--json", "--weekly"]).args(arguments).run().sane()
}

const LINE: &str = "2025-07-07;Cantal;Local;Touriste;1";

#[test]
fn the_weekly_files_of_an_archive_are_imported_as_if_dropped() {
    let world = World::whole();
    let nights = text(BASE, &[LINE]);
    let content = zip(&[("Livraison/Frequentation_Nuitee.CSV", &nights), ("Livraison/lisez-moi.txt", "x")]);
    world.home.write("data/data_temp/S28.zip", &content);
    // An archive of raw exports is for another run.
    world.home.write("ftp_downloads/brut.zip", zip(&[("Nuitee_2024B1_X.csv", &nights)]));
    let status = world.tool("check-status").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(status["findings"][0]["code"], "file-unexpected");
    assert_eq!(status["unexpected"][0]["kind"], "weekly_archive");
    let dry = extract(&world.home, &["--dry-run"]).expect_code(0).json();
    assert_eq!((dry["archives"].as_array().unwrap().len(), world.home.list("data/data_temp").len()), (1, 1));
    let json = extract(&world.home, &[]).expect_code(0).json();
    let archive = &json["archives"][0];
    assert_eq!(
        (&archive["status"], &archive["files"], &archive["left_out"]),
        (&"extracted".into(), &1.into(), &1.into())
    );
    assert_eq!(world.home.read("data/data_temp/frequentation_nuitee.csv"), nights);
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&json, "frequentation_nuitee.csv")["stored"], 1);
    // A second time there is nothing to do, whatever became of the file.
    fs::remove_file(world.home.join("data/data_temp/frequentation_nuitee.csv")).unwrap();
    let json = extract(&world.home, &[]).expect_code(0).json();
    assert_eq!(json["archives"][0]["status"], "known");
    assert!(!world.home.join("data/data_temp/frequentation_nuitee.csv").exists());
}

/// An archive among the CSVs is told of until it is gone: what the advice says to do must end that.
#[test]
fn an_archive_dropped_among_the_csvs_holds_the_week_up_no_longer_once_it_is_unpacked() {
    let world = World::whole();
    let home = &world.home;
    let week =
        |day: &str| zip(&[("frequentation_journee.csv", &text(BASE, &[&format!("{day};Cantal;Local;Touriste;9")]))]);
    let unexpected = || {
        let status = home.tool("check-status").arg("--json").run().sane().json();
        support::codes(&status).contains(&"file-unexpected")
    };
    let dropped = home.write("data/data_temp/lot/Semaine.zip", week("2025-08-04"));
    assert!(unexpected());
    let json = extract(home, &[dropped.to_str().unwrap()]).expect_code(0).json();
    let place = home.join("ftp_downloads/Semaine.zip");
    assert_eq!(json["archives"][0]["moved_to"], place.to_str().unwrap());
    assert_eq!(
        (dropped.exists(), std::fs::read(&place).unwrap() == week("2025-08-04"), unexpected()),
        (false, true, false)
    );
    // Dropped again, by its relative name; then another week's under the same name, which goes over nothing.
    fs::remove_file(home.join("data/data_temp/frequentation_journee.csv")).unwrap();
    home.write("data/data_temp/Semaine.zip", week("2025-08-04"));
    home.tool("extract-only").args(["--weekly", "data/data_temp/Semaine.zip"]).run().expect_code(0);
    home.write("data/data_temp/Semaine.zip", week("2025-08-11"));
    extract(home, &[]).expect_code(0);
    assert!(!unexpected());
    assert_eq!(
        home.read("data/data_temp/frequentation_journee.csv"),
        text(BASE, &["2025-08-11;Cantal;Local;Touriste;9"])
    );
    let kept: Vec<Vec<u8>> = home
        .list("ftp_downloads")
        .iter()
        .map(|name| fs::read(home.join("ftp_downloads").join(name)).unwrap())
        .collect();
    assert!(
        kept.contains(&week("2025-08-04")) && kept.contains(&week("2025-08-11")) && kept.len() == 3,
        "{}",
        kept.len()
    );
    // Elsewhere an archive stays where it lies.
    let other = home.write("cle/autre.zip", zip(&[("duree_sejour.csv", "x\n")]));
    let json = extract(home, &[other.to_str().unwrap()]).json();
    assert_eq!((json["archives"][0]["moved_to"].is_null(), other.exists()), (true, true));
}

#[test]
fn weekly_files_in_an_archive_within_an_archive_are_found_too() {
    let home = Home::without_db();
    let week = zip(&[("Semaine 34/EXPORT_MOBILITE.CSV", "x\n"), ("Semaine 34/duree_sejour.csv", "y\n")]);
    home.write("data/data_temp/envoi.zip", around("pieces/lot.ZIP", &around("semaine_34.zip", &week)));
    // Raw exports within are for another run.
    home.write("ftp_downloads/brut.zip", around("zones.zip", &zip(&[("Diurne_2024B2_X.csv", "x\n")])));
    let state = home.tool("etat-csv-complet").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(state["unexpected"][0]["kind"], "weekly_archive");
    let json = extract(&home, &[]).expect_code(0).json();
    let archives = json["archives"].as_array().unwrap();
    assert_eq!((archives.len(), &archives[0]["files"]), (1, &2.into()));
    assert_eq!(
        (home.read("data/data_temp/export_mobilite.csv"), home.read("data/data_temp/duree_sejour.csv")),
        ("x\n".into(), "y\n".into())
    );
}

#[test]
fn nothing_is_overwritten_and_nothing_is_guessed() {
    let home = Home::without_db();
    let (old, new) = (text(BASE, &[LINE]), text(BASE, &[LINE, LINE]));
    home.write_csv("frequentation_nuitee.csv", &old);
    let both = home.write("S28.zip", zip(&[("frequentation_nuitee.csv", &new), ("duree_sejour.csv", &new)]));
    let both = both.to_str().unwrap();
    let json = extract(&home, &[both]).expect_code(1).json();
    assert_eq!(json["archives"][0]["code"], "file-unusable");
    assert_eq!(
        (home.read("data/data_temp/frequentation_nuitee.csv"), home.join("data/data_temp/duree_sejour.csv").exists()),
        (old, false)
    );
    extract(&home, &["--force", both]).expect_code(0);
    assert_eq!(home.read("data/data_temp/frequentation_nuitee.csv"), new);
    // The same content is no other version; in a subfolder it would be a second file of that name.
    extract(&home, &["--force", both]).expect_code(0);
    fs::create_dir(home.join("data/data_temp/lot")).unwrap();
    fs::rename(home.join("data/data_temp/duree_sejour.csv"), home.join("data/data_temp/lot/duree_sejour.csv")).unwrap();
    extract(&home, &["--force", both]).expect_code(1);
    for (name, entries) in [
        ("twice.zip", vec![("a/duree_sejour_fr.csv", "x\n"), ("b/Duree_Sejour_FR.csv", "y\n")]),
        ("none.zip", vec![("notes.csv", "x\n")]),
        ("escape.zip", vec![("../duree_sejour_fr.csv", "x\n")]),
    ] {
        let path = home.write(name, zip(&entries));
        extract(&home, &[path.to_str().unwrap()]).expect_code(1);
    }
    assert!(
        !home.join("data/data_temp/duree_sejour_fr.csv").exists() && !home.join("data/duree_sejour_fr.csv").exists()
    );
    let names = home.list("data/data_temp");
    assert!(names.iter().all(|name| name != ".extraction"), "{names:?}");
}

#[test]
fn a_plain_weekly_file_is_taken_once_and_never_over_another() {
    let home = Home::without_db();
    let (old, new) = (text(BASE, &[LINE]), text(BASE, &[LINE, LINE]));
    home.write("ftp_downloads/Frequentation_Nuitee.csv", &old);
    // What is no weekly file, and what lies elsewhere under data/, is for others.
    home.write("ftp_downloads/notes.csv", "x\n");
    home.write("data/data_clean/duree_sejour.csv", "x\n");
    let place = "data/data_temp/frequentation_nuitee.csv";
    let dry = extract(&home, &["--dry-run"]).expect_code(0).json();
    assert_eq!((&dry["archives"][0]["status"], home.join(place).exists()), (&"extracted".into(), false));
    let json = extract(&home, &[]).expect_code(0).json();
    let (list, taken) = (json["archives"].as_array().unwrap(), &json["archives"][0]);
    assert_eq!((list.len(), &taken["status"], &taken["files"]), (1, &"extracted".into(), &1.into()));
    assert_eq!(taken["bytes"], old.len());
    assert_eq!((home.read(place), home.read("ftp_downloads/Frequentation_Nuitee.csv")), (old.clone(), old.clone()));
    // Unchanged, it is not taken again, even once it was imported and put away.
    fs::remove_file(home.join(place)).unwrap();
    assert_eq!(extract(&home, &[]).expect_code(0).json()["archives"][0]["status"], "known");
    assert!(!home.join(place).exists());
    // The next week's, which the download has marked, does not go over a file that is still to be imported.
    home.write_csv("frequentation_nuitee.csv", &old);
    home.write("ftp_downloads/Frequentation_Nuitee_20250722-060000.csv", &new);
    let json = extract(&home, &[]).expect_code(1).json();
    let states: Vec<_> = (0..2).map(|at| json["archives"][at]["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!((states, home.read(place)), (vec!["known".to_owned(), "failed".to_owned()], old));
    assert_eq!(json["archives"][1]["code"], "file-unusable");
    fs::remove_file(home.join(place)).unwrap();
    extract(&home, &[]).expect_code(0);
    assert_eq!(home.read(place), new);
    // Named, it may lie anywhere; a folder that is named gives its archives only.
    let other = home.write("cle/duree_sejour.csv", "y\n");
    assert_eq!(extract(&home, &[home.join("cle").to_str().unwrap()]).json()["archives"].as_array().unwrap().len(), 0);
    extract(&home, &[other.to_str().unwrap()]).expect_code(0);
    assert_eq!(home.read("data/data_temp/duree_sejour.csv"), "y\n");
    assert!(home.list("data/data_temp").iter().all(|name| name != ".extraction"));
}

#[test]
fn the_places_of_older_scripts_are_looked_at_where_ours_are_empty() {
    let home = Home::without_db();
    fs::remove_dir(home.join("data/data_extracted")).unwrap();
    fs::create_dir_all(home.join("fluxvision_automation/data/data_extracted")).unwrap();
    home.write("fluxvision_automation/data/data_zip/brut.zip", zip(&[("Nuitee_2024B1_X.csv", "x\n")]));
    home.tool("extract-only").run().sane().expect_code(0);
    assert_eq!(home.read("fluxvision_automation/data/data_extracted/brut/Nuitee_2024B1_X.csv"), "x\n");
    // As soon as ours hold something they count alone.
    home.write("data/data_extracted/neuf/Nuitee_2024B1_Y.csv", "y\n");
    home.write("data/neuf.zip", zip(&[("Nuitee_2024B1_Y.csv", "y\n")]));
    let json = home.tool("extract-only").arg("--json").run().sane().expect_code(0).json();
    assert_eq!(json["archives"].as_array().unwrap().len(), 1);
    assert!(
        json["output"].as_str().unwrap().ends_with("data/data_extracted")
            && !json["output"].as_str().unwrap().contains("automation")
    );
}
