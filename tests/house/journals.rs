//! The logs: what a run did, on which base, under which id; nobody's name forges a line, and nobody's folder gets one by chance.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use flux_test::{Home, Tool};
use support::weekly::{BASE, World};

#[test]
fn a_log_ends_with_verdict_numbers_findings_base_and_run() {
    let world = World::new();
    let csv = format!(
        "{BASE}2025-07-07;Cantal;LOCAL;TOURISTE;12\n2025-07-07;Cantal;NONLOCAL;TOURISTE;30\n2025-07-07;Atlantide;LOCAL;TOURISTE;9\n"
    );
    world.home.write_csv("frequentation_nuitee.csv", csv);
    // Neither form on stdout changes what is kept.
    for form in ["--json", "--quiet"] {
        world.home.tool("update-temp-tables").args(["--force", form]).run().expect_code(3);
        let log = world.home.read("logs/update-temp-tables.log");
        let run: String = world.db.scalar("SELECT run FROM flux_import_history ORDER BY id DESC LIMIT 1");
        let last = log.lines().last().unwrap();
        for part in ["code 3", &run, world.db.name()] {
            assert!(last.contains(part), "{part}: {last}");
        }
        let begin = log.rfind("début").unwrap();
        let body = &log[begin..];
        let row = body.lines().find(|line| line.contains("frequentation_nuitee")).unwrap_or_else(|| panic!("{body}"));
        // Three lines read, two stored, one rejected.
        assert!([" 3 ", " 2 ", " 1 "].iter().all(|count| row.contains(count)), "{row}");
        assert!(body.contains("Atlantide"), "{body}");
    }
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM fact_nuitees_temp"), "2");
}

/// The last line of a log names the run that the history knows.
#[test]
fn a_migration_its_undoing_and_a_withdrawal_are_one_run_in_log_and_history() {
    let world = World::whole();
    world.nights(&["2025-02-10;Carlades;LOCAL;TOURISTE;8"]);
    world.import_nights(&[]).expect_code(0);
    let last = |tool: &str| world.home.read(format!("logs/{tool}.log")).lines().last().unwrap().to_owned();
    world.tool("migrate-temp-to-main").run().expect_code(0);
    let run = world.db.scalar("SELECT run FROM flux_migrations");
    assert!(last("migrate-temp-to-main").contains(&run), "{run}: {}", last("migrate-temp-to-main"));
    world.tool("migrate-temp-to-main").args(["--undo", &run[..8], "--yes"]).run().expect_code(0);
    let by = world.db.scalar("SELECT undone_by FROM flux_migrations");
    assert!(last("migrate-temp-to-main").contains(&by), "{by}: {}", last("migrate-temp-to-main"));
    world.tool("migrate-temp-to-main").run().expect_code(0);
    world.tool("withdraw-provisional").args(["--only", "Nuitee", "--yes"]).run().expect_code(3);
    let run = world.db.scalar("SELECT run FROM flux_import_history WHERE status = 'withdrawn'");
    assert!(last("withdraw-provisional").contains(&run), "{run}: {}", last("withdraw-provisional"));
}

#[test]
fn a_newline_in_a_name_forges_no_line() {
    let home = Home::without_db();
    let forged = "2031-01-02T03:04:05+00:00 [1] INFO fin : code 0";
    let name = format!("livraison\n{forged}\n\u{1b}[2K");
    home.write(format!("{name}/x.txt"), "x");
    let run = home.tool("etat-csv-complet").args(["--no-db", "--data-dir", &name]).run();
    assert!(!run.stdout.lines().chain(run.stderr.lines()).any(|line| line.starts_with(forged)), "{run}");
    let logs = home.logs();
    assert!(logs.contains("livraison") && !logs.contains('\u{1b}'), "{logs}");
    assert!(!logs.lines().any(|line| line.starts_with("2031")), "{logs}");
}

#[test]
fn a_tool_started_by_chance_makes_no_folder_there_and_one_that_was_named_does() {
    let place = Home::without_db();
    fs::remove_dir_all(place.join("data")).unwrap();
    let tool = || Tool::new("scrap-date").args(["--from", "2024", "--to", "2024"]).current_dir(place.path());
    tool().run().expect_code(0);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    tool().arg("--home").arg(place.path()).run().expect_code(0);
    assert!(place.path().join("logs/scrap-date.log").is_file());
}

#[test]
fn a_log_of_root_is_told_with_the_chown_and_a_link_is_not_followed() {
    let home = Home::without_db();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    home.tool("scrap-date").args(["--from", "2024", "--to", "2024"]).run().expect_code(0);
    if fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap() != 0 {
        return flux_test::skip("only root has files that others cannot write to");
    }
    let scrap = flux_test::bin_dir().join("scrap-date");
    let other = Tool::program("/usr/bin/setpriv").home(&home).args(["--reuid=1", "--clear-groups"]).arg(scrap);
    let run = other.args(["--from", "2024", "--to", "2024"]).run().expect_code(0);
    let logs = home.join("logs");
    for part in ["root", "chown -R", &logs.display().to_string()] {
        assert!(run.stderr.contains(part), "{part}\n{run}");
    }
    let precious = home.write("precieux", "x");
    fs::remove_file(logs.join("scrap-date.log")).unwrap();
    symlink(&precious, logs.join("scrap-date.log")).unwrap();
    let run = home.tool("scrap-date").args(["--from", "2024", "--to", "2024"]).run().expect_code(0);
    assert!(run.stderr.contains("lien"), "{run}");
    assert_eq!(home.read("precieux"), "x");
}
