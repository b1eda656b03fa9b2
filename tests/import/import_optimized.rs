//! `import-optimized`: everything again, with rate and memory.

use flux_test::Home;
use support::diag;
use support::diag::NUITEE;

#[test]
fn unchanged_files_are_loaded_again_and_the_cost_is_told() {
    let db = diag::database();
    let home = Home::new(&db);
    home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n"));
    for _ in 0..2 {
        // nine files are missing
        let json = home.tool("import-optimized").arg("--json").run().expect_code(3).json();
        assert_eq!(json["files"][0]["status"], "loaded");
        assert_eq!(json["totals"]["stored"], 1);
        let memory = json["peak_memory_bytes"].as_u64().unwrap();
        assert!((1 << 20..64 << 20).contains(&memory), "{memory}");
        assert!(json["lines_per_s"].is_u64());
    }
    assert_eq!(db.count("fact_nuitees_temp"), 1);
    home.tool("import-optimized").args(["--jobs", "0"]).run().expect_code(2);
    db.exec("DROP TABLE fact_nuitees_temp");
    home.tool("import-optimized").run().expect_code(1).expect_stdout("ensure-schema");
}
