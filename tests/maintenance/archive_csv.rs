//! `archive-csv`: a file leaves its folder only when history and main table prove that it is stored.

use std::process::Command;

use flux_test::{Home, TestDb};
use support::weekly::World;

const TOOL: &str = "archive-csv";
const FILE: &str = "frequentation_nuitee.csv";
const CSV: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume
2025-07-01;CANTAL;LOCAL;TOURISTE;100
2025-07-01;CANTAL;NONLOCAL;TOURISTE;250
2025-07-02;CANTAL;LOCAL;TOURISTE;75
";

fn prepared() -> (TestDb, Home) {
    let World { home, db } = World::seeded();
    home.write_csv(FILE, CSV);
    (db, home)
}

fn import(home: &Home, code: i32) {
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(code);
}

fn migrate(home: &Home) {
    home.tool("migrate-temp-to-main").args(["--only", "fact_nuitees"]).run().expect_code(0);
}

#[track_caller]
fn kept(home: &Home, reason: &str) {
    home.tool(TOOL).run().expect_code(3).expect_stdout(reason);
    assert_eq!(home.list("data/data_temp"), [FILE]);
    assert!(home.list("data/archive").is_empty());
}

#[test]
fn archived_only_once_imported_and_migrated() {
    let (db, home) = prepared();
    kept(&home, "aucun chargement");
    import(&home, 0);
    assert_eq!(db.count("fact_nuitees_temp"), 3);
    kept(&home, "3 lignes ne sont pas dans fact_nuitees");
    migrate(&home);
    home.tool(TOOL).arg("--dry-run").run().expect_code(0).expect_stdout("à archiver");
    assert_eq!(home.list("data/data_temp"), [FILE]);
    let json = home.tool(TOOL).arg("--json").run().expect_code(0).json();
    assert_eq!(json["files"][0]["status"], "archived");
    assert!(home.list("data/data_temp").is_empty());
    let years = home.list("data/archive");
    let days = home.list(format!("data/archive/{}", years[0]));
    assert!(days[0].starts_with(&years[0]) && days[0].len() == 10, "{years:?} {days:?}");
    let dir = home.join("data/archive").join(&years[0]).join(&days[0]);
    let text = Command::new("zcat").arg(dir.join("frequentation_nuitee.csv.gz")).output().unwrap().stdout;
    assert_eq!(String::from_utf8(text).unwrap(), CSV);
    let manifest: serde_json::Value = serde_json::from_str(&home.read(dir.join("manifest.json"))).unwrap();
    let sum = Command::new("sha256sum").arg(dir.join("frequentation_nuitee.csv.gz")).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap();
    assert_eq!(manifest[0]["sha256_gz"].as_str(), sum.split_whitespace().next());
    assert_eq!((&manifest[0]["rows"], &manifest[0]["bytes"]), (&3.into(), &(CSV.len()).into()));
    assert_eq!((&manifest[0]["first_date"], &manifest[0]["last_date"]), (&"2025-07-01".into(), &"2025-07-02".into()));
    home.tool(TOOL).run().expect_code(0).expect_stdout("0 fichier archivé");
}

#[test]
fn after_a_cleanup_the_main_table_is_the_proof() {
    let (db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    home.tool("cleanup-temp").args(["--only", "fact_nuitees"]).run().expect_code(0);
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    db.exec("UPDATE fact_nuitees SET volume = volume + 1 WHERE date = '2025-07-02'");
    kept(&home, "2025-07-02");
    db.exec("UPDATE fact_nuitees SET volume = volume - 1 WHERE date = '2025-07-02'");
    home.tool(TOOL).run().expect_code(0).expect_stdout("archivé");
}

#[test]
fn emptied_by_force_is_no_proof() {
    let (db, home) = prepared();
    import(&home, 0);
    home.tool("cleanup-temp").args(["--only", "fact_nuitees", "--force"]).run().expect_code(0);
    assert_eq!(db.count("fact_nuitees"), 0);
    kept(&home, "⚠ gardé");
}

#[test]
fn emptied_by_hand_is_no_proof() {
    let (db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    db.exec("TRUNCATE TABLE fact_nuitees_temp");
    kept(&home, "a été vidée sans que");
}

#[test]
fn another_content_stays() {
    let (_db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    home.write_csv(FILE, CSV.replace("100", "101"));
    kept(&home, "un autre contenu");
}

#[test]
fn rejected_lines_need_a_decision() {
    let (_db, home) = prepared();
    home.write_csv(FILE, format!("{CSV}2025-07-02;ATLANTIDE;LOCAL;TOURISTE;5\n"));
    import(&home, 3);
    migrate(&home);
    kept(&home, "1 ligne rejetée");
    home.tool(TOOL).arg("--accept-rejects").run().expect_code(0).expect_stdout("archivé");
}

#[test]
fn definitive_rows_stand_for_provisional_ones() {
    let (db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    db.exec("UPDATE fact_nuitees SET is_provisional = 0, volume = 99 WHERE date = '2025-07-01'");
    home.tool(TOOL).run().expect_code(0).expect_stdout("archivé");
}

#[test]
fn equal_sums_are_no_proof() {
    let (db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    home.tool("cleanup-temp").args(["--only", "fact_nuitees"]).run().expect_code(0);
    // As many rows and the same sum of volumes for each date, but 100 and 250 have changed places.
    db.exec("UPDATE fact_nuitees SET volume = 350 - volume WHERE date = '2025-07-01'");
    kept(&home, "2025-07-01");
    db.exec("UPDATE fact_nuitees SET volume = 350 - volume WHERE date = '2025-07-01'");
    let json = home.tool(TOOL).args(["--dry-run", "--json"]).run().expect_code(0).json();
    let expected = serde_json::json!({"dates": 2, "rows": 3, "superseded": 0, "rejected": 0});
    assert_eq!(json["files"][0]["proof"], expected);
}

#[test]
fn two_files_of_one_name_and_links_stay() {
    let (_db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    home.write("data/data_temp/copie/frequentation_nuitee.csv", CSV);
    home.tool(TOOL).run().expect_code(3).expect_stdout("2 fichiers portent ce nom");
    std::fs::remove_file(home.join("data/data_temp/copie/frequentation_nuitee.csv")).unwrap();
    std::fs::rename(home.join("data/data_temp").join(FILE), home.join("ailleurs.csv")).unwrap();
    std::os::unix::fs::symlink(home.join("ailleurs.csv"), home.join("data/data_temp").join(FILE)).unwrap();
    home.tool(TOOL).run().expect_code(3).expect_stdout("vrai fichier");
    assert!(home.join("ailleurs.csv").exists());
}

#[test]
fn an_archive_that_leads_out_or_cannot_be_written_changes_nothing() {
    let (_db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    let outside = Home::without_db();
    std::os::unix::fs::symlink(outside.path(), home.join("data/archive")).unwrap();
    home.tool(TOOL).run().expect_code(1).expect_stderr("hors du dossier de travail");
    std::fs::remove_file(home.join("data/archive")).unwrap();
    home.write("data/archive", "un fichier");
    home.tool(TOOL).run().expect_code(1).expect_stdout("✗ échec");
    assert_eq!(home.list("data/data_temp"), [FILE]);
}

#[test]
fn a_run_cut_short_is_taken_up() {
    let (_db, home) = prepared();
    import(&home, 0);
    migrate(&home);
    home.tool(TOOL).run().expect_code(0);
    // as if the original had not been removed yet, and a copy been begun
    home.write_csv(FILE, CSV);
    let year = home.list("data/archive").remove(0);
    let day = home.list(format!("data/archive/{year}")).remove(0);
    let dir = format!("data/archive/{year}/{day}");
    home.write(format!("{dir}/{FILE}.gz.partial"), "moit");
    home.tool(TOOL).run().expect_code(0);
    assert_eq!(home.list(dir), ["frequentation_nuitee.csv.gz", "manifest.json"]);
    assert!(home.list("data/data_temp").is_empty());
}

#[test]
fn bad_cases() {
    let (db, home) = prepared();
    home.tool(TOOL).args(["--data-dir", "absent"]).run().expect_code(1).expect_stderr("absent");
    home.tool(TOOL).arg("--inconnu").run().expect_code(2);
    db.exec("DROP TABLE fact_nuitees");
    home.tool(TOOL).run().expect_code(1).expect_stdout("ensure-schema");
}
