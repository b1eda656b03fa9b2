//! What operators read, at 80 and 160 columns: representative reports compared with the files under `snapshots/`.

use std::process::Command;

use flux_test::{Home, Tool};
use serde_json::Value;
use support::snapshot::{compare, compare_at};
use support::weekly::{Sane, World};

/// A database with reference data and a home with one week of a delivery, some of it wrong.
fn delivered() -> World {
    let world = World::seeded();
    let sample = ["--from", "2025-07-07", "--days", "7", "--scale", "0.2", "--seed", "7"];
    let defects = [
        "--defect",
        "volume-textuel:3@frequentation_nuitee.csv,30-fevrier:2@export_mobilite.csv,lignes-doubles:4,lignes-contradictoires:1@duree_sejour.csv",
    ];
    world.tool("generate-sample-data").args(sample).args(defects).run().sane().expect_code(0);
    world
}

#[test]
fn the_weekly_workflow() {
    let world = delivered();
    let home = &world.home;
    compare("workflow/generate-sample-data", home, || {
        world.tool("generate-sample-data").args([
            "--from",
            "2025-07-07",
            "--days",
            "2",
            "--output",
            "sample",
            "--force",
        ])
    });
    for width in [80, 160] {
        // The reject files of two imports within one second have different names.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        compare_at("workflow/update-temp-tables", home, &[width], |_| {
            world.tool("update-temp-tables").args(["--force", "--jobs", "1"])
        });
    }
    compare("workflow/etat-csv-complet", home, || world.tool("etat-csv-complet"));
    compare("workflow/check-status", home, || world.tool("check-status"));
    compare("workflow/validation-complete-import", home, || world.tool("validation-complete-import"));
    compare("workflow/verify-migration-before", home, || world.tool("verify-migration").args(["--limit", "2"]));
    compare("workflow/migrate-temp-to-main", home, || world.tool("migrate-temp-to-main").arg("--dry-run"));
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    compare("workflow/verify-migration", home, || world.tool("verify-migration").args(["--limit", "2"]));
    compare("workflow/cleanup-temp", home, || world.tool("cleanup-temp").arg("--dry-run"));
    compare("workflow/check-zones", home, || world.tool("check-zones"));
    compare("workflow/compare-mobility", home, || {
        let years = ["--year", "2025", "--reference", "2024"];
        world.tool("compare-mobility-2024-2023").args(years).args(["--period", "annee_complete", "--limit", "10"])
    });
}

#[test]
fn seasons() {
    let db = support::saisons::database();
    let home = Home::new(&db);
    let years = ["--from", "2023", "--to", "2026"];
    compare("workflow/update-saisons", &home, || home.tool("update-saisons").args(years).arg("--dry-run"));
    compare("workflow/scrap-date", &home, || home.tool("scrap-date").args(years));
    compare("workflow/scrap-date-csv", &home, || home.tool("scrap-date").args(years).arg("--csv"));
}

/// The manifest names a server, a database, an instant and sizes, which differ from run to run: here they are ours.
#[test]
fn backups() {
    let (db, home) = support::backup::prepared(500);
    home.tool("backup-critical").run().expect_code(0);
    let folder = home.join("data/backups").join(support::backup::only_backup(&home));
    let mut manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["database"], db.name());
    manifest["database"] = "fluxvision".into();
    manifest["server_version"] = "11.4.2-MariaDB".into();
    manifest["snapshot_at"] = "2025-07-21 06:30:00".into();
    for table in manifest["tables"].as_array_mut().unwrap() {
        table["bytes"] = 1024.into();
        let file = std::fs::OpenOptions::new().write(true).open(folder.join(table["file"].as_str().unwrap()));
        file.unwrap().set_len(1024).unwrap();
    }
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let sums = "cd \"$1\" && sha256sum $(awk '{print $2}' SHA256SUMS) >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS";
    assert!(Command::new("sh").args(["-c", sums, "sh"]).arg(&folder).status().unwrap().success());
    std::fs::rename(folder, home.join("data/backups/critique_fluxvision_20250721_063000")).unwrap();
    home.write("data/backups/critique_fluxvision_20250714_063000/reste.tmp", "");
    compare("workflow/restore-critical-list", &home, || home.tool("restore-critical").arg("--list"));
}

#[test]
fn an_installation_without_settings() {
    let home = Home::without_db();
    let flux = home.join("bin/flux");
    std::fs::create_dir(home.join("bin")).unwrap();
    std::fs::copy(flux_test::profile_dir().join("flux"), &flux).unwrap();
    for name in home.tool("flux").args(["list", "--names"]).run().stdout.lines() {
        std::os::unix::fs::symlink("flux", home.join("bin").join(name)).unwrap();
    }
    compare("workflow/flux-doctor", &home, || Tool::program(&flux).home(&home).arg("doctor"));
    compare("workflow/flux-import", &home, || home.tool("flux").arg("import"));
    compare("workflow/etat-csv-complet-empty", &home, || home.tool("etat-csv-complet"));
}
