//! `cache-admin`: counts, cleans and purges caches, and nothing else.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flux_test::Home;
use serde_json::json;

fn aged(path: &Path, hours: u64) {
    let at = SystemTime::now() - Duration::from_secs(hours * 3600);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

/// Two categories, an old and a new file in the first, a broken one in the second, things that are no caches beside.
fn caches() -> Home {
    let home = Home::without_db();
    aged(&home.write("cache/infographie/ancien.json", "{\"a\": 1}"), 48);
    home.write("cache/infographie/2025/nouveau.json", "[1, 2]");
    aged(&home.write("cache/tableaux/vieux.cache", "octets"), 30);
    home.write("cache/tableaux/casse.json", "{\"a\": ");
    home.write("cache/tableaux/.htaccess", "Deny from all");
    aged(&home.write("ailleurs/precieux.json", "{}"), 100);
    symlink(home.join("ailleurs"), home.join("cache/lien")).unwrap();
    symlink(home.join("ailleurs/precieux.json"), home.join("cache/infographie/lien.json")).unwrap();
    home
}

#[test]
fn the_state_is_told_and_a_broken_file_found() {
    let home = caches();
    let json = home.tool("cache-admin").args(["stats", "--json"]).run().expect_code(3).json();
    let first = &json["categories"]["infographie"];
    assert_eq!((&first["files"], &first["bytes"], &first["old"]), (&json!(2), &json!(14), &json!(1)));
    assert_eq!(json["left"], 3);
    assert!(json["findings"][0]["place"].as_str().unwrap().ends_with("casse.json"));
    assert_eq!(json["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn old_files_go_new_ones_and_strangers_stay() {
    let home = caches();
    let dry = home.tool("cache-admin").args(["cleanup", "--dry-run", "--json"]).run().expect_code(0).json();
    assert_eq!((&dry["removed"], &dry["freed_bytes"]), (&json!(2), &json!(14)));
    assert!(home.join("cache/infographie/ancien.json").exists());
    let json =
        home.tool("cache-admin").args(["cleanup", "--category", "infographie", "--json"]).run().expect_code(0).json();
    assert_eq!(json["removed"], 1);
    assert!(!home.join("cache/infographie/ancien.json").exists() && home.join("cache/tableaux/vieux.cache").exists());
    assert!(home.join("cache/infographie/2025/nouveau.json").exists());
}

#[test]
fn a_purge_leaves_links_and_what_they_lead_to() {
    let home = caches();
    home.tool("cache-admin").arg("purge").run().expect_code(0).expect_stdout("4 fichiers supprimés");
    assert_eq!(home.list("cache/tableaux"), [".htaccess"]);
    assert_eq!(home.list("ailleurs"), ["precieux.json"]);
    assert!(std::fs::symlink_metadata(home.join("cache/infographie/lien.json")).is_ok());
}

#[test]
fn no_cache_a_linked_cache_and_bad_usage() {
    let home = Home::without_db();
    home.tool("cache-admin").run().expect_code(0);
    home.tool("cache-admin").args(["purge", "--category", "x"]).run().expect_code(2).expect_stderr("n'existe pas");
    home.tool("cache-admin").arg("effacer").run().expect_code(2);
    home.write("ailleurs/x.json", "{}");
    symlink(home.join("ailleurs"), home.join("cache")).unwrap();
    home.tool("cache-admin").arg("purge").run().expect_code(3).expect_stdout("lien symbolique");
    assert_eq!(home.list("ailleurs"), ["x.json"]);
}
