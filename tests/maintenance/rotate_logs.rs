//! `rotate-logs`: by size or age, compressed, without losing a line of what is being written.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flux_test::Home;

const TOOL: &str = "rotate-logs";

/// All text of a log and what was rotated of it, by zcat.
fn everything(home: &Home, dir: &str, stem: &str) -> String {
    let mut text = String::new();
    for name in home.list(dir).into_iter().filter(|name| name.starts_with(stem)) {
        let path = home.join(dir).join(&name);
        if name.ends_with(".gz") {
            let output = Command::new("zcat").arg(path).output().unwrap();
            assert!(output.status.success(), "{name}");
            text += &String::from_utf8(output.stdout).unwrap();
        } else {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn by_size_then_compressed_by_the_next_run() {
    let home = Home::without_db();
    let big = "ligne\n".repeat(200_000);
    home.write("logs/import.log", &big);
    home.write("logs/petit.log", "ligne\n");
    home.write("api/database/storage/logs/api.log", &big);
    home.write("etl_fluxvision_api.log", &big);
    let json = home.tool(TOOL).args(["--size", "1", "--json"]).run().expect_code(0).json();
    assert_eq!(json["actions"].as_array().unwrap().len(), 3, "{json}");
    assert!(!home.join("logs/import.log").exists() && home.join("logs/petit.log").exists());
    // renamed a moment ago: a writer that opened it before may still be there
    home.tool(TOOL).args(["--size", "1"]).run().expect_code(0).expect_stdout("en attente");
    home.tool(TOOL).args(["--size", "1", "--force"]).run().expect_code(0).expect_stdout("compressé");
    let names = home.list("logs");
    assert!(names.iter().any(|name| name.starts_with("import-2") && name.ends_with("Z.log.gz")), "{names:?}");
    assert_eq!(everything(&home, "logs", "import"), big);
    assert_eq!(everything(&home, "api/database/storage/logs", "api"), big);
}

#[test]
fn by_the_age_of_the_first_line() {
    let home = Home::without_db();
    home.write("logs/vieux.log", "2025-01-01T00:00:00+00:00 INFO début\n");
    home.write("logs/php.log", "[2025-01-01 00:00:00] début\n");
    home.write("logs/futur.log", "2999-01-01T00:00:00+00:00 horloge déréglée\n");
    home.write("logs/sans_date.log", "début\n");
    home.write("logs/vide.log", "");
    home.tool(TOOL).run().expect_code(0);
    for (name, there) in [("vieux", false), ("php", false), ("futur", true), ("sans_date", true), ("vide", true)] {
        assert_eq!(home.join(format!("logs/{name}.log")).exists(), there, "{name}");
    }
}

#[test]
fn a_log_in_use_loses_no_line() {
    let home = Home::without_db();
    let path = home.write("logs/continu.log", "");
    let stop = AtomicBool::new(false);
    let lines = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut count = 0u32;
            // opens the log anew now and then, as a program does that is started again, and keeps it open in between
            while !stop.load(Ordering::Relaxed) {
                let mut file = File::options().create(true).append(true).open(&path).unwrap();
                for _ in 0..500 {
                    writeln!(file, "ligne {count}").unwrap();
                    count += 1;
                    if count.is_multiple_of(50) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
            count
        });
        for _ in 0..15 {
            home.tool(TOOL).args(["--force", "--keep", "1000"]).run().expect_code(0);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    home.tool(TOOL).args(["--force", "--keep", "1000"]).run().expect_code(0);
    let text = everything(&home, "logs", "continu");
    let mut seen: Vec<u32> = text.lines().map(|line| line.trim_start_matches("ligne ").parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen.len() as u32, lines);
    assert!(seen.into_iter().eq(0..lines));
    assert!(home.list("logs").iter().filter(|name| name.starts_with("continu") && name.ends_with(".gz")).count() > 3);
}

#[test]
fn a_file_that_is_open_is_not_compressed() {
    let home = Home::without_db();
    let path = home.write("logs/ouvert.log", "début\n");
    let mut file = File::options().append(true).open(path).unwrap();
    home.tool(TOOL).arg("--force").run().expect_code(0);
    home.tool(TOOL).arg("--force").run().expect_code(0).expect_stdout("en attente");
    writeln!(file, "encore").unwrap();
    drop(file);
    home.tool(TOOL).arg("--force").run().expect_code(0);
    assert_eq!(everything(&home, "logs", "ouvert"), "début\nencore\n");
    assert!(home.list("logs").iter().any(|name| name.starts_with("ouvert") && name.ends_with(".log.gz")));
}

#[test]
fn the_oldest_go_and_other_files_stay() {
    let home = Home::without_db();
    for month in 1..=5 {
        home.write(format!("logs/a-20250{month}01T000000Z.log.gz"), "");
        home.write(format!("logs/b-20250{month}01T000000Z.log.gz"), "");
    }
    home.write("logs/a-notes.txt", "");
    home.write("logs/rejets/a_2025.csv", "");
    let run = home.tool(TOOL).args(["--keep", "2", "--dry-run"]).run().expect_code(0);
    assert!(run.stdout.contains("6 seraient supprimés"), "{run}");
    assert_eq!(home.list("logs").iter().filter(|name| name.ends_with(".gz")).count(), 10);
    home.tool(TOOL).args(["--keep", "2"]).run().expect_code(0);
    let left: Vec<String> = home.list("logs").into_iter().filter(|name| name.starts_with("a-")).collect();
    assert_eq!(left, ["a-20250401T000000Z.log.gz", "a-20250501T000000Z.log.gz", "a-notes.txt"]);
    assert!(home.join("logs/rejets/a_2025.csv").exists());
}

#[test]
fn links_are_told_and_not_followed() {
    let outside = Home::without_db();
    outside.write("x.log", "2020-01-01 précieux\n");
    let home = Home::without_db();
    fs::create_dir_all(home.join("logs")).unwrap();
    symlink(outside.join("x.log"), home.join("logs/lien.log")).unwrap();
    fs::create_dir_all(home.join("api/database/storage")).unwrap();
    symlink(outside.path(), home.join("api/database/storage/logs")).unwrap();
    home.tool(TOOL).arg("--force").run().expect_code(3).expect_stdout("logs/lien.log").expect_stdout("hors du dossier");
    assert_eq!(outside.read("x.log"), "2020-01-01 précieux\n");
}

#[test]
fn a_killed_run_leaves_nothing_that_the_next_does_not_mend() {
    let home = Home::without_db();
    home.write("logs/a-20250101T000000Z.log", "tout\n");
    home.write("logs/a-20250101T000000Z.log.gz.partial", "moit");
    home.tool(TOOL).arg("--force").run().expect_code(0);
    assert_eq!(everything(&home, "logs", "a-"), "tout\n");
    assert!(home.list("logs").iter().all(|name| !name.ends_with(".partial")));
    home.tool(TOOL).args(["--size", "0"]).run().expect_code(2);
}

#[test]
fn a_folder_that_becomes_a_link_meanwhile_leads_to_no_other_files() {
    // The rename of a live log, then the compression of a rotated one.
    for (name, left) in [("a.log", "a-2"), ("a-20250101T000000Z.log", "a-20250101T000000Z.log.gz")] {
        let (home, victim) = (Home::without_db(), Home::without_db());
        home.write(format!("logs/{name}"), "2025-01-01 tout\n");
        victim.write(name, "2025-01-01 précieux\n");
        let mut running = home.tool(TOOL).arg("--force").fail_at("file.publish", "pause").spawn();
        running.wait_paused();
        fs::rename(home.join("logs"), home.join("ailleurs")).unwrap();
        symlink(victim.path(), home.join("logs")).unwrap();
        running.resume();
        let outcome = running.wait();
        assert_eq!(victim.list("."), [name, "data"].map(str::to_owned), "{outcome}");
        assert_eq!(victim.read(name), "2025-01-01 précieux\n", "{outcome}");
        let names = home.list("ailleurs");
        assert!(
            names.iter().any(|found| found.starts_with(left)) && !names.iter().any(|found| found == name),
            "{names:?}"
        );
    }
}
