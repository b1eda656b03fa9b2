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
    let category = |name: &str| {
        let category = &json["categories"][name];
        (category["files"].clone(), category["bytes"].clone(), category["old"].clone())
    };
    assert_eq!(category("infographie"), (json!(1), json!(8), json!(1)));
    assert_eq!(category("infographie/2025"), (json!(1), json!(6), json!(0)));
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

/// Caches of today's portal, of its earlier versions and of its tests, each two hours and a half old.
fn places() -> Home {
    let home = Home::without_db();
    for folder in [
        "cache/infographie/pays",
        "cache/infographie/indicateurs_cles",
        "cache/tableau_bord/filters",
        "cache/tableau_bord/pays_touristes/2025",
        "api/cache",
        "api/cache/departements",
        "api/infographie/cache_infographie",
        "cache_test",
    ] {
        let path = home.write(format!("{folder}/a.json"), "[]");
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(SystemTime::now() - Duration::from_secs(9000))
            .unwrap();
    }
    // Neither is a place of caches.
    home.write("api/infographie/donnees.json", "[]");
    home.write("api/periodes.json", "[]");
    home
}

fn left(home: &Home) -> Vec<String> {
    let folders = [
        "infographie/pays",
        "infographie/indicateurs_cles",
        "tableau_bord/filters",
        "tableau_bord/pays_touristes/2025",
    ];
    let inside = folders.map(|folder| (folder.to_owned(), format!("cache/{folder}/a.json")));
    let others = ["api/cache", "api/cache/departements", "api/infographie/cache_infographie", "cache_test"];
    let others = others.map(|folder| (folder.to_owned(), format!("{folder}/a.json")));
    inside.into_iter().chain(others).filter(|(_, path)| home.join(path).exists()).map(|(name, _)| name).collect()
}

/// legacy.md, 21.
#[test]
fn each_category_has_its_lifetime_wherever_the_portal_keeps_it() {
    let home = places();
    let json = home.tool("cache-admin").args(["stats", "--json"]).run().expect_code(0).json();
    // The portal's own: countries 6 h, key figures 2 h, dashboards 1 h; what it does not name 24 h.
    for (category, lifetime, old) in [
        ("infographie/pays", 21_600, 0),
        ("infographie/indicateurs_cles", 7_200, 1),
        ("tableau_bord/filters", 3_600, 1),
        ("tableau_bord/pays_touristes/2025", 3_600, 1),
        ("api/cache/departements", 86_400, 0),
        ("cache_test", 86_400, 0),
    ] {
        let found = &json["categories"][category];
        assert_eq!(
            (&found["files"], &found["lifetime_s"], &found["old"]),
            (&json!(1), &json!(lifetime), &json!(old)),
            "{category}"
        );
    }
    assert_eq!(json["max_age_s"], json!(null));

    home.tool("cache-admin").args(["cleanup", "--lifetime", "tdb_filters=3h,api/cache=1h"]).run().expect_code(0);
    let expected = ["infographie/pays", "tableau_bord/filters", "api/infographie/cache_infographie", "cache_test"];
    assert_eq!(left(&home), expected);
    home.tool("cache-admin").args(["cleanup", "--max-age", "2h"]).run().expect_code(0);
    assert_eq!(left(&home), Vec::<String>::new());
    assert!(home.join("api/infographie/donnees.json").exists() && home.join("api/periodes.json").exists());
    home.tool("cache-admin").args(["cleanup", "--lifetime", "tdb_filters"]).run().expect_code(2);
}

#[test]
fn a_category_takes_those_below_it_and_the_name_that_the_portal_gives_it() {
    let home = places();
    home.tool("cache-admin").args(["purge", "--category", "infographie_pays"]).run().expect_code(0);
    assert!(!left(&home).contains(&"infographie/pays".to_owned()));
    let json =
        home.tool("cache-admin").args(["purge", "--category", "tableau_bord", "--json"]).run().expect_code(0).json();
    assert_eq!(json["removed"], 2);
    let json =
        home.tool("cache-admin").args(["purge", "--category", "api/cache", "--json"]).run().expect_code(0).json();
    assert_eq!(json["removed"], 2);
    assert_eq!(left(&home), ["infographie/indicateurs_cles", "api/infographie/cache_infographie", "cache_test"]);
    // As the folder is seen from the home.
    let named = ["cleanup", "--category", "cache/infographie/indicateurs_cles/", "--dry-run", "--json"];
    assert_eq!(home.tool("cache-admin").args(named).run().expect_code(0).json()["removed"], 1);
    // A name that only begins alike is another one.
    home.tool("cache-admin").args(["purge", "--category", "info"]).run().expect_code(2);
}

#[test]
fn clear_cache_midnight_and_cleanup_old_cache_know_the_same_places() {
    let home = places();
    let json = home
        .tool("clear-cache-midnight")
        .args(["--category", "api/cache,tdb_filters", "--json"])
        .run()
        .expect_code(0)
        .json();
    assert_eq!(json["files"], 3);
    home.tool("clear-cache-midnight").args(["--older-than", "3h"]).run().expect_code(0);
    assert_eq!(left(&home).len(), 5);
    home.tool("cleanup-old-cache").args(["--older-than", "2h", "--lifetime", "cache_test=1j"]).run().expect_code(0);
    assert_eq!(left(&home), ["cache_test"]);
    let json = home.tool("clear-cache-midnight").arg("--json").run().expect_code(0).json();
    assert_eq!(json["files"], 1);
    assert_eq!(left(&home), Vec::<String>::new());
    assert!(home.join("api/infographie/donnees.json").exists());
    // A place that is a link elsewhere is not followed.
    let outside = Home::without_db();
    outside.write("x.json", "{}");
    std::fs::remove_dir_all(home.join("cache_test")).unwrap();
    symlink(outside.path(), home.join("cache_test")).unwrap();
    home.tool("cleanup-old-cache").run().expect_code(3).expect_stdout("cache_test");
    home.tool("clear-cache-midnight").run().expect_code(1);
    assert!(outside.join("x.json").exists());
}
