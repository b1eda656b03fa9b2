//! `cleanup-old-cache`: seven days by default, another limit where told.

use std::time::{Duration, SystemTime};

use flux_test::Home;

#[test]
fn the_limit_decides() {
    let home = Home::without_db();
    for (name, days) in [("a", 1), ("b", 6), ("c", 8)] {
        let path = home.write(format!("cache/infographie/{name}.json"), "{}");
        let at = SystemTime::now() - Duration::from_secs(days * 86_400);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }
    home.tool("cleanup-old-cache").arg("--dry-run").run().expect_code(0).expect_stdout("1 fichier serait supprimé");
    assert_eq!(home.list("cache/infographie").len(), 3);
    home.tool("cleanup-old-cache").run().expect_code(0);
    assert_eq!(home.list("cache/infographie"), ["a.json", "b.json"]);
    home.tool("cleanup-old-cache").args(["--max-age", "2j"]).run().expect_code(0);
    assert_eq!(home.list("cache/infographie"), ["a.json"]);
    home.tool("cleanup-old-cache").args(["--max-age", "vieux"]).run().expect_code(2);
    // quiet: nothing on stdout for cron
    let outcome = home.tool("cleanup-old-cache").arg("-q").run().expect_code(0);
    assert_eq!(outcome.stdout, "");
}
