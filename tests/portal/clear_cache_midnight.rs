//! `clear-cache-midnight`: empties what the portal writes again, nothing else, and never leaves the home folder.

use std::fs;
use std::os::unix::fs::symlink;

use flux_test::Home;

const TOOL: &str = "clear-cache-midnight";

fn filled() -> Home {
    let home = Home::without_db();
    home.write("cache/infographie/a.json", vec![b'x'; 1000]);
    home.write("cache/infographie/2025/ete/b.json", vec![b'x'; 500]);
    home.write("cache/tableaux/c.cache", vec![b'x'; 24]);
    home.write("cache/d.json", "{}");
    home.write("cache/.htaccess", "Deny from all");
    home.write("cache/infographie/index.php", "<?php");
    home
}

#[test]
fn empties_the_caches_and_tells_the_room() {
    let home = filled();
    let json = home.tool(TOOL).arg("--json").run().expect_code(0).json();
    // 1000 + 500 + 24 + 2
    assert_eq!((&json["files"], &json["bytes"], &json["kept"]), (&4.into(), &1526.into(), &2.into()));
    assert_eq!(home.list("cache"), [".htaccess", "infographie", "tableaux"]);
    assert_eq!(home.list("cache/infographie"), ["index.php"]);
    home.tool(TOOL).run().expect_code(0).expect_stdout("0 fichier");
}

#[test]
fn dry_run_shows_and_keeps() {
    let home = filled();
    home.tool(TOOL)
        .arg("--dry-run")
        .run()
        .expect_code(0)
        .expect_stdout("4 fichiers seraient supprimés")
        .expect_stdout("1,5 Kio");
    assert!(home.join("cache/infographie/2025/ete/b.json").exists());
}

#[test]
fn one_category_only() {
    let home = filled();
    let json = home.tool(TOOL).args(["--category", "tableaux", "--json"]).run().expect_code(0).json();
    assert_eq!(json["files"], 1);
    assert!(home.join("cache/infographie/a.json").exists() && home.join("cache/d.json").exists());
    home.tool(TOOL).args(["--category", "inconnue"]).run().expect_code(2);
    home.tool(TOOL).args(["--category", "../data"]).run().expect_code(1).expect_stderr("hors du dossier de travail");
}

#[test]
fn only_old_files_and_a_clock_set_back_makes_nothing_old() {
    let home = filled();
    let set = |path: &str, seconds: i64| {
        let now = std::time::SystemTime::now();
        let delta = std::time::Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { now - delta } else { now + delta };
        fs::File::options().write(true).open(home.join(path)).unwrap().set_modified(time).unwrap();
    };
    set("cache/infographie/a.json", -3 * 3600);
    set("cache/d.json", 5 * 3600);
    let json = home.tool(TOOL).args(["--older-than", "2h", "--json"]).run().expect_code(0).json();
    assert_eq!((&json["files"], &json["bytes"]), (&1.into(), &1000.into()));
    assert!(!home.join("cache/infographie/a.json").exists() && home.join("cache/d.json").exists());
}

#[test]
fn links_are_told_and_not_followed() {
    let outside = Home::without_db();
    outside.write("precieux.json", "{}");
    let home = filled();
    symlink(outside.path(), home.join("cache/infographie/dehors")).unwrap();
    symlink(outside.join("precieux.json"), home.join("cache/lien.json")).unwrap();
    home.tool(TOOL).run().expect_code(3).expect_stdout("dehors").expect_stdout("lien.json");
    assert!(outside.join("precieux.json").exists());
    assert!(!home.join("cache/d.json").exists(), "the rest was emptied");

    let linked = Home::without_db();
    symlink(outside.path(), linked.join("cache")).unwrap();
    linked.tool(TOOL).run().expect_code(1).expect_stderr("hors du dossier de travail");
    assert!(outside.join("precieux.json").exists());
}

#[test]
fn a_missing_or_impossible_cache() {
    let home = Home::without_db();
    home.tool(TOOL).run().expect_code(0).expect_stdout("0 fichier");
    home.write("cache", "un fichier");
    home.tool(TOOL).run().expect_code(1).expect_stderr("pas un dossier");
    home.tool(TOOL).args(["--older-than", "zero"]).run().expect_code(2);
}

#[test]
fn a_folder_that_becomes_a_link_meanwhile_leads_to_no_other_files() {
    for (tool, arguments) in [(TOOL, &[][..]), ("cache-admin", &["purge"]), ("cleanup-old-cache", &["--max-age", "0"])]
    {
        let (home, victim) = (filled(), Home::without_db());
        victim.write("2025/ete/b.json", "précieux");
        victim.write("a.json", "précieux");
        let mut running = home.tool(tool).args(arguments).fail_at("file.remove:2", "pause").spawn();
        running.wait_paused();
        // The second file of all is deep in this folder.
        fs::rename(home.join("cache/infographie"), home.join("ailleurs")).unwrap();
        symlink(victim.path(), home.join("cache/infographie")).unwrap();
        running.resume();
        let outcome = running.wait();
        assert!(victim.join("2025/ete/b.json").exists() && victim.join("a.json").exists(), "{tool}: {outcome}");
        assert!(!home.join("ailleurs/2025/ete/b.json").exists(), "{tool}: {outcome}");
        assert!(!home.join("cache/d.json").exists(), "{tool}: {outcome}");
    }
}
