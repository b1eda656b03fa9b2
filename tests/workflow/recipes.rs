//! The recipes of `docs/incidents.md`, each acted out as the page writes it: its commands, in its order, with the codes that it promises.
//!
//! Acted out elsewhere: the dashboard, authentication and rate limit (`portal/portal_recipes.rs`).

use flux_test::{Home, TestDb};
use serde_json::json;
use support::raw::PLAIN;
use support::recipe::{Recipe, shell};
use support::weekly::{FILES, Sane, World, file};
use support::{codes, trouble};

const NIGHTS: &str = "frequentation_nuitee.csv";

fn recipe(heading: &str) -> Recipe {
    Recipe::of("incidents.md", &format!("## {heading}"))
}

/// A seeded database and a delivery of two days in `data/data_temp/`.
fn delivered() -> (TestDb, Home) {
    let World { home, db } = World::seeded();
    generate(&home, "2025-07-07", "0");
    (db, home)
}

fn generate(home: &Home, from: &str, revision: &str) {
    let what = ["--days", "2", "--scale", "0.2", "--from", from, "--revision", revision, "--force"];
    home.tool("generate-sample-data").args(what).run().expect_code(0);
}

/// The chain of the week, as cron runs it.
#[track_caller]
fn chain(home: &Home, code: i32) -> String {
    let outcome = shell(home, "import-hebdo", &[]);
    assert_eq!(outcome.code, code, "{outcome}");
    outcome.stdout.clone()
}

fn csv(name: &str) -> String {
    format!("data/data_temp/{name}")
}

/// Lines of a file without its header.
fn lines(home: &Home, name: &str) -> u64 {
    home.read(csv(name)).lines().count() as u64 - 1
}

fn all_lines(home: &Home) -> u64 {
    FILES.iter().map(|(name, ..)| lines(home, name)).sum()
}

/// Rows of the ten main tables.
fn all_rows(db: &TestDb) -> u64 {
    FILES.iter().map(|(.., main)| db.count(main)).sum()
}

fn sum(db: &TestDb) -> String {
    db.scalar("SELECT CONCAT(COUNT(*), ' ', SUM(volume)) FROM fact_nuitees")
}

/// The sum of the last field of a CSV.
fn volume(text: &str) -> u64 {
    text.lines().skip(1).map(|line| line.rsplit(';').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn is_archived(home: &Home) -> bool {
    !home.list("data/data_temp").iter().any(|name| name.ends_with(".csv"))
}

#[test]
fn the_scheduled_task_has_not_run() {
    let (db, home) = delivered();
    let before = all_lines(&home);
    chain(&home, 0);
    generate(&home, "2025-07-09", "0");
    let expected = before + all_lines(&home);
    let mut steps = recipe("La tâche planifiée n'est pas passée");
    steps.run(&home, "systemctl", 0);
    steps.run(&home, "historique", 0);
    let status = steps.json(&home, "check-status", 0);
    assert!(status["next"].as_str().unwrap().contains("update-temp-tables"), "{status}");
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "check-status", 0);
    steps.end();
    assert_eq!((all_rows(&db), is_archived(&home)), (expected, true));
}

#[test]
fn half_a_delivery() {
    let (db, home) = delivered();
    let expected = all_lines(&home);
    let late = ["duree_sejour.csv", "duree_sejour_fr.csv", "duree_sejour_int.csv", "export_mobilite.csv"];
    let kept: Vec<String> = late.iter().map(|name| home.read(csv(name))).collect();
    late.iter().for_each(|name| std::fs::remove_file(home.join(csv(name))).unwrap());
    let told = chain(&home, 3);
    assert!(told.contains("file-missing"), "{told}");
    assert_eq!(all_rows(&db), 0, "nothing is migrated");
    let mut steps = recipe("La moitié d'une livraison");
    let state = steps.json(&home, "etat-csv-complet", 3);
    let missing = codes(&state).iter().filter(|code| **code == "file-missing").count();
    assert!(missing >= 1, "{state}");
    let absent = late.iter().filter(|name| file(&state, name)["state"] == "missing").count();
    assert_eq!(absent, 4, "{state}");
    late.iter().zip(kept).for_each(|(name, text)| drop(home.write_csv(name, text)));
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "verify-migration", 0);
    steps.end();
    assert_eq!((all_rows(&db), is_archived(&home)), (expected, true));
}

#[test]
fn a_csv_that_a_spreadsheet_has_saved() {
    let (db, home) = delivered();
    let good = home.read(csv(NIGHTS));
    // 7 July 2025 as a spreadsheet counts days, and a volume in its notation.
    let mut damaged: Vec<String> = good.lines().map(str::to_owned).collect();
    damaged[1] = damaged[1].replace("2025-07-07", "45845");
    let at = damaged[2].rfind(';').unwrap();
    damaged[2].replace_range(at.., ";1,12E+05");
    home.write_csv(NIGHTS, damaged.join("\n") + "\n");
    home.tool("update-temp-tables").run().expect_code(3);
    let mut steps = recipe("Un CSV abîmé par un tableur");
    let status = steps.json(&home, "check-status", 3);
    assert!(codes(&status).contains(&"rejected-lines"), "{status}");
    let shown = steps.run(&home, "head", 0);
    assert!(shown.stdout.contains("45845") && shown.stdout.contains("1,12E+05"), "{shown}");
    assert_eq!(db.count("fact_nuitees_temp"), lines(&home, NIGHTS) - 2);
    home.write_csv(NIGHTS, &good);
    let import = steps.json(&home, "update-temp-tables", 0);
    assert_eq!((&file(&import, NIGHTS)["status"], &file(&import, NIGHTS)["rejected"]), (&json!("loaded"), &json!(0)));
    let status = steps.json(&home, "check-status", 0);
    assert!(status["next"].as_str().unwrap().contains("migrate-temp-to-main"), "{status}");
    steps.end();
    assert_eq!(db.scalar("SELECT SUM(volume) FROM fact_nuitees_temp"), volume(&good).to_string());
}

/// A file that ends between two lines, four that are missing, and somebody who let them through: half a week in the main tables, cleaned,
/// archived.
#[test]
fn half_a_delivery_that_was_migrated() {
    let (db, home) = delivered();
    let expected = all_lines(&home);
    let whole: Vec<(&str, String)> = FILES.iter().map(|(name, ..)| (*name, home.read(csv(name)))).collect();
    let nights = home.read(csv(NIGHTS));
    let half: Vec<&str> = nights.lines().take(nights.lines().count() / 2).collect();
    home.write_csv(NIGHTS, half.join("\n") + "\n");
    for name in ["duree_sejour.csv", "duree_sejour_fr.csv", "duree_sejour_int.csv", "export_mobilite.csv"] {
        std::fs::remove_file(home.join(csv(name))).unwrap();
    }
    let outcome = shell(&home, "import-hebdo --proceed", &[]).expect_code(3);
    assert_eq!(sum(&db), format!("{} {}", half.len() - 1, volume(&half.join("\n"))), "{outcome}");
    assert!(is_archived(&home) && all_rows(&db) < expected);
    let mut steps = recipe("La moitié d'une livraison, déjà migrée");
    let told = steps.run(&home, "historique", 0);
    assert!(told.stdout.contains(&(half.len() - 1).to_string()), "{told}");
    whole.iter().for_each(|(name, text)| drop(home.write_csv(name, text)));
    let state = steps.json(&home, "etat-csv-complet", 0);
    assert!(FILES.iter().all(|(name, ..)| file(&state, name)["state"] != "missing"), "{state}");
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "verify-migration", 0);
    steps.end();
    assert_eq!((all_rows(&db), is_archived(&home)), (expected, true));
    assert_eq!(sum(&db), format!("{} {}", nights.lines().count() - 1, volume(&nights)));
}

/// The days of the week sent again under the name of its nights: every line is readable, and every volume is wrong.
#[test]
fn a_wrong_file_under_the_right_name() {
    let (db, home) = delivered();
    chain(&home, 0);
    let first = sum(&db);
    let redelivered = |revision: &str| {
        generate(&home, "2025-07-07", revision);
        let whole: Vec<(&str, String)> = FILES.iter().map(|(name, ..)| (*name, home.read(csv(name)))).collect();
        let days = home.read(csv("frequentation_journee.csv"));
        home.write_csv(NIGHTS, &days);
        (whole, days)
    };
    let is = |text: &str| format!("{} {}", text.lines().count() - 1, volume(text));

    let (whole, days) = redelivered("1");
    assert!(is(&days) != is(&whole[0].1), "days that are not the nights");
    let told = chain(&home, 3);
    assert!(told.contains("file-repeated"), "{told}");
    assert_eq!(sum(&db), first, "nothing is migrated");
    let mut steps = recipe("Un mauvais fichier sous le bon nom");
    let found = steps.json(&home, "validation-complete-import", 3);
    assert!(codes(&found).contains(&"file-repeated"), "{found}");
    home.write_csv(NIGHTS, &whole[0].1);
    steps.run(&home, "update-temp-tables", 0);
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "verify-migration", 0);
    let right = is(&whole[0].1);
    assert_eq!(sum(&db), right);

    // Somebody lets the next one through.
    let (whole, days) = redelivered("2");
    let outcome = shell(&home, "import-hebdo --proceed", &[]).expect_code(3);
    assert_eq!(sum(&db), is(&days), "{outcome}");
    let log = steps.run(&home, "grep", 0);
    let run = log.stdout.lines().last().unwrap().split("exécution ").nth(1).unwrap().split(' ').next().unwrap();
    let mut steps = steps.with("EXÉCUTION", run);
    steps.run(&home, "migrate-temp-to-main", 0);
    assert_eq!(sum(&db), is(&days), "a plan writes nothing");
    steps.run(&home, "migrate-temp-to-main", 0);
    assert_eq!(sum(&db), right);
    whole.iter().for_each(|(name, text)| drop(home.write_csv(name, text)));
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "verify-migration", 0);
    steps.end();
    assert_eq!((sum(&db), is_archived(&home)), (is(&whole[0].1), true));
}

#[test]
fn a_renamed_zone() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.write("reference/zones.csv", "zone;noms_equivalents;visible\nCANTAL;;oui\nHAUTE VALLÉE;HV;oui\n");
    home.tool("ensure-schema").arg("--seed").run().expect_code(0);
    let world = World { home, db };
    let week = |zone: &str, volume: u32| {
        let line = |zone: &str| format!("2025-07-07;{zone};NonLocal;Touriste;{volume}");
        world.nights(&[&line("Cantal"), &line(zone)]);
    };
    week("Haute Vallée", 40);
    world.import_nights(&[]).expect_code(0);
    for tool in ["migrate-temp-to-main", "cleanup-temp"] {
        world.tool(tool).run().sane().expect_code(0);
    }
    let zone = world.db.scalar("SELECT id_zone FROM dim_zones_observation WHERE nom_zone = 'HAUTE VALLÉE'");
    week("Vallée haute", 50);
    world.others();
    let home = &world.home;
    let told = chain(home, 3);
    assert!(told.contains("rejected-lines"), "{told}");
    let of_zone = format!("SELECT GROUP_CONCAT(volume) FROM fact_nuitees WHERE id_zone = {zone}");
    assert_eq!(world.db.scalar(&of_zone), "40", "what is stored stays");
    let mut steps = recipe("Une zone renommée");
    let names = steps.json(home, "analyse-zones-csv", 3);
    assert!(names.to_string().contains("HAUTE VALLÉE"), "the nearest name: {names}");
    steps.run(home, "sed", 0);
    steps.run(home, "analyse-zones-csv", 0);
    // A delivery as small as this one has days without most categories: that is told and stops nothing.
    let chain = steps.run(home, "import-hebdo", 3);
    steps.end();
    assert_eq!(world.db.scalar(&of_zone), "50", "{chain}");
    assert_eq!(world.db.count("dim_zones_observation"), 2);
}

#[test]
fn a_damaged_redelivery() {
    let (db, home) = delivered();
    let first = all_lines(&home);
    chain(&home, 0);
    let before = sum(&db);
    generate(&home, "2025-07-07", "1");
    let good = home.read(csv(NIGHTS));
    let part: Vec<&str> = good.lines().take(5).collect();
    home.write_csv(NIGHTS, part.join("\n") + "\n");
    let told = chain(&home, 3);
    assert!(told.contains("rejected-lines"), "{told}");
    assert!(told.contains("2025-07-07 n'est pas remplacé : 4 lignes dans le fichier"), "{told}");
    assert_eq!((sum(&db), all_rows(&db)), (before.clone(), first));
    let mut steps = recipe("Une relivraison abîmée");
    let status = steps.json(&home, "check-status", 3);
    assert!(codes(&status).contains(&"rejected-lines"), "{status}");
    steps.run(&home, "historique", 0);
    home.write_csv(NIGHTS, &good);
    steps.run(&home, "import-hebdo", 0);
    steps.run(&home, "verify-migration", 0);
    steps.end();
    assert_eq!(sum(&db), format!("{} {}", good.lines().count() - 1, volume(&good)));
    assert_ne!(sum(&db), before);
}

#[test]
fn a_migration_that_was_a_mistake() {
    let world = World::whole();
    let week = |volume: u32| {
        let line = |zone: &str| format!("2025-07-07;{zone};NonLocal;Touriste;{volume}");
        world.nights(&[&line("Cantal"), &line("Lioran")]);
        world.others();
    };
    let volumes = || world.db.scalar("SELECT GROUP_CONCAT(volume) FROM fact_nuitees");
    week(30);
    world.tool("update-temp-tables").run().sane().expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    week(31);
    world.tool("update-temp-tables").run().sane().expect_code(0);
    let run = world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(0).json()["run"].clone();
    assert_eq!(volumes(), "31,31");
    let home = &world.home;
    let mut steps = recipe("Une migration était une erreur").with("EXÉCUTION", run.as_str().unwrap());
    let told = steps.run(home, "grep", 0);
    assert!(told.stdout.lines().last().unwrap().contains(run.as_str().unwrap()), "{told}");
    steps.run(home, "migrate-temp-to-main", 0);
    assert_eq!(volumes(), "31,31", "a plan writes nothing");
    steps.run(home, "migrate-temp-to-main", 0);
    assert_eq!(volumes(), "30,30");
    week(32);
    steps.run(home, "update-temp-tables", 0);
    steps.run(home, "migrate-temp-to-main", 0);
    steps.run(home, "verify-migration", 0);
    steps.end();
    assert_eq!(volumes(), "32,32");
}

#[test]
fn a_full_disk() {
    let (db, home) = delivered();
    let unknown: String = (0..3000).map(|i| format!("2025-07-07;Atlantide {i};Local;Touriste;1\n")).collect();
    let good = home.read(csv(NIGHTS));
    home.write_csv(NIGHTS, good.clone() + &unknown);
    let full = trouble::on_a_full_disk(&home, "update-temp-tables").arg("--json").run().sane().expect_code(1).json();
    assert_eq!((&file(&full, NIGHTS)["status"], &file(&full, NIGHTS)["code"]), (&json!("failed"), &json!("io")));
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    let mut steps = recipe("Le disque est plein");
    steps.run(&home, "df", 0);
    home.write("cache/infographie/a.json", "{}");
    steps.run(&home, "du", 0);
    steps.run(&home, "rotate-logs", 0);
    steps.run(&home, "cleanup-old-cache", 0);
    let import = steps.json(&home, "update-temp-tables", 3);
    let nights = file(&import, NIGHTS);
    assert_eq!((&nights["status"], &nights["rejected"]), (&json!("loaded"), &json!(3000)));
    assert_eq!(nights["stored"], good.lines().count() - 1);
    steps.run(&home, "check-status", 3);
    steps.end();
}

#[test]
fn the_restore_drill() {
    let (db, home) = delivered();
    chain(&home, 0);
    let other = TestDb::new();
    use flux_test::mysql::prelude::Queryable;
    let user = &db.account().user;
    let mut admin = db.admin();
    let hosts: Vec<String> = admin.query(format!("SELECT host FROM mysql.user WHERE user = '{user}'")).unwrap();
    for host in hosts {
        admin.query_drop(format!("GRANT ALL ON `{}`.* TO '{user}'@'{host}'", other.name())).unwrap();
    }
    let mut steps = recipe("L'exercice de restauration").with("fluxvision_exercice", other.name());
    steps.run(&home, "backup-critical", 0);
    let list = steps.json(&home, "restore-critical", 0);
    let name = home.list("data/backups").pop().unwrap();
    assert!(list.to_string().contains(&name), "{list}");
    let mut steps = steps.with("SAUVEGARDE", &name);
    steps.run(&home, "restore-critical", 0);
    let before = sum(&db);
    steps.run(&home, "restore-critical", 0);
    steps.run(&home, "ensure-schema", 0);
    let rows = |json: serde_json::Value| -> Vec<(String, u64)> {
        let tables = json["tables"].as_array().unwrap();
        let all = tables.iter().map(|t| (t["name"].as_str().unwrap().to_owned(), t["rows"].as_u64().unwrap_or(0)));
        all.filter(|(table, _)| FILES.iter().any(|(.., main)| main == table)).collect()
    };
    let there = rows(steps.json(&home, "tables-info", 0));
    let here = rows(steps.json(&home, "tables-info", 0));
    assert_eq!((there.len(), &there), (10, &here));
    steps.end();
    assert_eq!((sum(&other), sum(&db)), (before.clone(), before));
    assert_eq!(all_rows(&other), all_rows(&db));
}

#[test]
fn rows_are_gone_from_the_database() {
    let (db, home) = delivered();
    chain(&home, 0); // it ends with a backup
    let before = sum(&db);
    db.exec("DELETE FROM fact_nuitees WHERE date = '2025-07-08'");
    let mut steps = recipe("Des lignes ont disparu de la base");
    let proof = steps.json(&home, "verify-migration", 3);
    assert!(codes(&proof).contains(&"archive-differs"), "{proof}");
    steps.run(&home, "restore-critical", 0);
    assert_ne!(sum(&db), before, "a plan writes nothing");
    steps.run(&home, "restore-critical", 0);
    assert_eq!(sum(&db), before);
    steps.run(&home, "verify-migration", 0);
    steps.run(&home, "restore-critical", 0);
    steps.end();
    assert!(!db.has_table("fact_nuitees__avant"));
}

#[test]
fn an_archived_delivery_is_loaded_again() {
    let (db, home) = delivered();
    chain(&home, 0);
    let before = sum(&db);
    db.exec("DELETE FROM fact_nuitees WHERE date = '2025-07-08'");
    let year = home.list("data/archive").pop().unwrap();
    let day = home.list(format!("data/archive/{year}")).pop().unwrap();
    let mut steps = recipe("Recharger une livraison archivée").with("2025/2025-07-14", &format!("{year}/{day}"));
    steps.run(&home, "verify-migration", 3);
    steps.run(&home, "gunzip", 0);
    steps.run(&home, "update-temp-tables", 0);
    steps.run(&home, "migrate-temp-to-main", 0);
    assert_eq!(sum(&db), before);
    steps.run(&home, "verify-migration", 0);
    steps.run(&home, "cleanup-temp", 0);
    steps.run(&home, "archive-csv", 0);
    steps.end();
    assert_eq!((sum(&db), db.count("fact_nuitees_temp"), is_archived(&home)), (before, 0, true));
}

#[test]
fn the_etl_has_failed() {
    let world = World::whole();
    world.raw("2024B1/Nuitee_2024B1_A0.csv", PLAIN, &["2024-03-04;Cantal;Local;Touriste;7"]);
    world.raw("2024B1/Diurne_2024B1_A0.csv", PLAIN, &["2024-03-04;Cantal;Local;Excursionniste;8"]);
    let tool = world.tool("populate-facts-full-production").args(["--jobs", "1"]);
    assert!(trouble::killed_at(&world.db, tool, "db.commit:2"));
    let home = &world.home;
    let mut steps = recipe("L'ETL a échoué");
    steps.run(home, "tail", 0);
    steps.run(home, "simple-test", 0);
    steps.run(home, "populate-facts-full-production", 0);
    let of = |table: &str| world.db.scalar(&format!("SELECT CONCAT(COUNT(*), ' ', SUM(volume)) FROM {table}"));
    assert_eq!((of("fact_nuitees"), of("fact_diurnes")), ("1 7".into(), "1 8".into()));
    let again = steps.json(home, "populate-facts-full-production", 0);
    assert!(again["files"].as_array().unwrap().iter().all(|file| file["status"] == "unchanged"), "{again}");
    steps.end();
}
