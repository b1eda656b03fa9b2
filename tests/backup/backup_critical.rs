//! `backup-critical`: whole, consistent, private, and never at the expense of the last good one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, Server, TestDb, Tool};
use support::backup::{dump, only_backup, prepared};
use support::trouble::killed_at;

const TOOL: &str = "backup-critical";

#[test]
fn a_backup_tells_what_it_holds_and_only_its_owner_reads_it() {
    let (db, home) = prepared(500);
    let json = home.tool(TOOL).arg("--json").run().expect_code(0).json();
    let name = only_backup(&home);
    assert!(name.starts_with("critique_"), "{name}");
    let folder = home.join("data/backups").join(&name);
    let manifest: serde_json::Value = serde_json::from_str(&home.read(folder.join("manifest.json"))).unwrap();
    for path in [folder.clone(), folder.join("manifest.json"), folder.join("fact_nuitees.tsv.gz")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
    let table = |name: &str| {
        let tables = manifest["tables"].as_array().unwrap();
        tables.iter().find(|table| table["table"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    let volume: i64 = db.scalar("SELECT SUM(volume) FROM fact_nuitees").parse().unwrap();
    assert_eq!((&table("fact_nuitees")["rows"], &table("fact_nuitees")["volume"]), (&500.into(), &volume.into()));
    assert_eq!(table("dim_departements")["rows"].as_u64(), Some(db.count("dim_departements")));
    assert_eq!(manifest["server_version"], db.scalar("SELECT VERSION()"));
    // 11 dimensions, 10 main tables, our own two; no raw family, no temporary table
    assert_eq!(json["tables"].as_array().unwrap().len(), manifest["tables"].as_array().unwrap().len());
    assert!(manifest["tables"].as_array().unwrap().iter().all(|t| !t["table"].as_str().unwrap().ends_with("_temp")));
    // the sums are those of another program
    let checked = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&folder).status();
    assert!(checked.unwrap().success());
    // and any program reads the rows
    let lines = Command::new("zcat").arg(folder.join("fact_nuitees.tsv.gz")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&lines.stdout).lines().count(), 500);
}

#[test]
fn all_takes_raw_families_and_temporary_tables_too() {
    let (db, home) = prepared(1);
    home.tool(TOOL).arg("--all").run().expect_code(0);
    let folder = home.join("data/backups").join(only_backup(&home));
    for table in db.column("SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE()") {
        // Who holds the lock or looks at the portal is no data.
        assert_eq!(
            folder.join(format!("{table}.tsv.gz")).is_file(),
            !["flux_lease", "flux_portal_sessions"].contains(&table.as_str()),
            "{table}"
        );
    }
}

#[test]
fn all_tables_are_read_at_one_instant_while_others_write() {
    let (db, home) = prepared(3000);
    let total =
        "SELECT SUM(v) FROM (SELECT SUM(volume) v FROM fact_nuitees UNION ALL SELECT SUM(volume) FROM fact_diurnes) t";
    let before: i64 = db.scalar(total).parse().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = db.conn();
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                // moves volume from one table to the other: the total is the same at every instant
                n = n % 3000 + 1;
                let sql = format!(
                    "START TRANSACTION; UPDATE fact_nuitees SET volume = volume - 5 WHERE id = {n};
                     UPDATE fact_diurnes SET volume = volume + 5 WHERE id = {n}; COMMIT"
                );
                sql.split(';').for_each(|statement| conn.query_drop(statement).unwrap());
            }
        });
        let mut moved = false;
        for _ in 0..5 {
            let json = home.tool(TOOL).args(["--json", "--keep", "1"]).run().expect_code(0).json();
            let volume = |name: &str| {
                let tables = json["tables"].as_array().unwrap();
                tables.iter().find(|t| t["table"] == name).unwrap()["volume"].as_i64().unwrap()
            };
            assert_eq!(volume("fact_nuitees") + volume("fact_diurnes"), before);
            moved |= volume("fact_nuitees") != volume("fact_diurnes");
        }
        stop.store(true, Ordering::Relaxed);
        assert!(moved, "the writer wrote");
    });
}

#[test]
fn keep_counts_complete_backups_only() {
    let (_db, home) = prepared(1);
    for _ in 0..3 {
        home.tool(TOOL).run().expect_code(0);
    }
    let names = home.list("data/backups");
    assert_eq!(names.len(), 3, "two in one second have two names");
    // the newest one is damaged, and another program's folder lies there
    fs::remove_file(home.join("data/backups").join(&names[2]).join("dim_pays.tsv.gz")).unwrap();
    home.write("data/backups/autre/fichier", "x");
    let json = home.tool(TOOL).args(["--keep", "2", "--json"]).run().expect_code(0).json();
    assert_eq!(json["removed"].as_array().unwrap().len(), 1, "{json}");
    let left = home.list("data/backups");
    assert!(left.contains(&names[2]) && left.contains(&"autre".to_owned()), "{left:?}");
    assert_eq!(left.len(), 4, "two complete, the damaged one, the other folder: {left:?}");
}

#[test]
fn dry_run_writes_nothing() {
    let (_db, home) = prepared(1);
    home.tool(TOOL).args(["--dry-run", "--keep", "1"]).run().expect_code(0).expect_stdout("fact_nuitees");
    assert!(home.list("data/backups").is_empty());
}

#[test]
fn a_full_disk_is_a_clear_failure_and_leaves_the_last_good_backup() {
    let (_db, home) = prepared(3000);
    home.tool(TOOL).run().expect_code(0);
    let good = only_backup(&home);
    // no file may pass 8 KiB: what a full disk looks like to a program
    let program = flux_test::bin_dir().join(TOOL);
    let script = format!("trap '' XFSZ; ulimit -f 8; exec '{}' --keep 1", program.display());
    let outcome = Tool::program("/bin/bash").home(&home).args(["-c", &script]).run().expect_code(1);
    assert!(outcome.stderr.contains("écriture de"), "{outcome}");
    assert_eq!(only_backup(&home), good);
    home.tool("restore-critical").arg("--verify").run().expect_code(0);
}

#[test]
fn a_kill_leaves_no_backup_and_the_next_run_tidies_up() {
    let (db, home) = prepared(30_000);
    let partial = |home: &Home| home.list("data/backups").into_iter().filter(|name| name.ends_with(".partial")).count();
    for place in ["backup.table:1", "backup.table:2", "backup.table:20", "file.publish:1"] {
        assert!(killed_at(&db, home.tool(TOOL), place), "{place}");
        // It tidies up what the kill before has left, and leaves its own.
        assert_eq!((partial(&home), home.list("data/backups").len()), (1, 1), "{place}");
    }
    let mut running = home.tool(TOOL).fail_at("backup.table:3", "pause").spawn();
    running.wait_paused();
    running.signal("TERM");
    running.resume();
    running.wait().expect_code(1).expect_stderr("interrompu");
    assert_eq!(partial(&home), 0, "a stop tidies up by itself");
    let whole = home.tool(TOOL).args(["--keep", "1"]).run().expect_code(0);
    assert!(whole.peak_rss_kib < 48 * 1024, "{} KiB", whole.peak_rss_kib);
    only_backup(&home);
    home.tool("restore-critical").arg("--verify").run().expect_code(0);
}

#[test]
fn bad_cases_say_what_to_do() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool(TOOL).run().expect_code(1).expect_stderr("aucune table à sauvegarder");
    db.exec("CREATE TABLE dim_pays (id_pays INT PRIMARY KEY, nom_pays VARCHAR(255))");
    home.tool(TOOL).run().expect_code(3).expect_stdout("fact_nuitees").expect_stdout("ensure-schema");
    home.tool(TOOL).args(["--all", "--dump"]).run().expect_code(2);
    home.tool(TOOL).args(["--keep", "0"]).run().expect_code(2);
    home.tool(TOOL).args(["--port", "1"]).run().expect_code(1).expect_stderr("connexion impossible");
    home.write("fichier", "");
    home.tool(TOOL).args(["--dir", "fichier/ici"]).run().expect_code(1).expect_stderr("fichier/ici");
    let user = db.restricted_user(&["INSERT ON {db}.dim_pays"]);
    let run = home.tool(TOOL).env("DB_USERNAME", &user.user).env("DB_PASSWORD", &user.password).run();
    let run = run.expect_code(1);
    assert!(!run.stderr.contains(&user.password), "{run}");
    assert!(home.list("data/backups").iter().all(|name| !name.ends_with(".partial")));
}

#[test]
fn a_link_out_of_the_home_is_not_followed() {
    let (_db, home) = prepared(1);
    let outside = Home::without_db();
    std::os::unix::fs::symlink(outside.path(), home.join("data/backups")).unwrap();
    let before = outside.list("");
    home.tool(TOOL).run().expect_code(1).expect_stderr("hors du dossier de travail");
    assert_eq!(outside.list(""), before);
    home.tool(TOOL).arg("--dir").arg(outside.path()).run().expect_code(0);
}

#[test]
fn a_second_backup_at_the_same_time_is_refused() {
    let (_db, home) = prepared(1);
    let mut first = home.tool(TOOL).fail_at("db.statement", "pause").spawn();
    first.wait_paused();
    home.tool(TOOL).run().expect_code(4);
    first.resume();
    first.wait().expect_code(0);
}

#[test]
fn a_dump_is_whole_and_hides_the_password() {
    let (db, home) = prepared(200);
    let mut running = dump(&home).arg("--json").spawn();
    let mut arguments = String::new();
    while running.is_running() {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            arguments += &String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).unwrap_or_default());
        }
    }
    running.wait().expect_code(0);
    assert!(!arguments.contains(&db.account().password));
    let folder = home.join("data/backups").join(only_backup(&home));
    let text = Command::new("zcat").arg(folder.join("base.sql.gz")).output().unwrap().stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("CREATE TABLE `fact_nuitees`") && text.contains("-- Dump completed"));
    home.tool("restore-critical").arg("--verify").run().expect_code(0);
    home.tool("restore-critical").arg("--list").run().expect_code(0).expect_stdout("dump_");
    let name = only_backup(&home);
    home.tool("restore-critical").arg(name).run().expect_code(1).expect_stderr("zcat");
}

/// An authority `dir/ca.pem` and a certificate of it for `name`, with which a server of our own answers.
fn tls_server(files: &Home, name: &str) -> Option<Server> {
    let script = format!(
        "set -e; new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
         $new -x509 -days 2 -subj /CN=autorite -keyout ca.key -out ca.pem
         $new -subj /CN=serveur -keyout key.pem -out csr.pem
         echo subjectAltName={name} > ext
         openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -days 2 -out cert.pem
         chmod -R a+rX ."
    );
    Tool::program("/bin/sh").home(files).args(["-c", &script]).run().expect_code(0);
    let option = |name: &str, file: &str| format!("--{name}={}", files.join(file).display());
    Server::dedicated([option("ssl-cert", "cert.pem"), option("ssl-key", "key.pem")])
}

#[test]
fn a_dump_checks_the_server_as_strictly_as_the_tool_itself() {
    let files = Home::without_db();
    // Each of these characters means something in an options file.
    let odd = "autorité \"a\\b\" # 1.pem";
    for (name, code) in [("IP:127.0.0.1", 0), ("DNS:ailleurs.invalid", 1)] {
        let Some(server) = tls_server(&files, name) else { return };
        fs::copy(files.join("ca.pem"), files.join(odd)).unwrap();
        let db = server.new_db();
        db.exec("CREATE TABLE dim_pays (id_pays INT PRIMARY KEY)");
        let home = Home::new(&db);
        let authority = files.join(odd).display().to_string();
        let run = |mode: &str| {
            let tool = home.tool(TOOL).args(["--dump", "--json"]).env("DB_SSL_MODE", mode);
            tool.env("DB_SSL_CA", &authority).run()
        };
        // To an account of MySQL's the program gives the password itself, whoever asks.
        run("REQUIRED").expect_code(i32::from(flux_test::is_mysql()));
        // MariaDB's program has no way to check the authority alone: it refuses a server of another name, and says so.
        let only_authority = run("VERIFY_CA");
        let by_name = code == 1
            && String::from_utf8_lossy(&Command::new("mysqldump").arg("--version").output().unwrap().stdout)
                .contains("MariaDB");
        let only_authority = only_authority.expect_code(i32::from(by_name));
        assert!(!by_name || only_authority.stderr.contains("dump a échoué"), "{only_authority}");
        run("VERIFY_IDENTITY").expect_code(code);
        let whole = home.list("data/backups");
        assert!(whole.iter().all(|name| !name.ends_with(".partial")), "{whole:?}");
    }
}

#[test]
fn a_killed_dump_leaves_the_password_nowhere() {
    let (_db, home) = prepared(30_000);
    fs::create_dir(home.join("tmp")).unwrap();
    let started = |home: &Home| {
        let names = home.list("data/backups");
        names.iter().any(|name| home.join("data/backups").join(name).join("base.sql.gz").exists())
    };
    let mut running = dump(&home).env("TMPDIR", home.join("tmp")).spawn();
    while !started(&home) && running.is_running() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    running.kill9();
    let _ = running.wait();
    assert!(started(&home), "the dump had begun");
    assert!(home.list("tmp").is_empty(), "{:?}", home.list("tmp"));
}

/// legacy.md, 9.
#[test]
fn a_backup_is_closed_under_foreign_keys_or_says_where_it_is_not() {
    let (db, home) = prepared(3);
    // Ours come along, however many steps away; a table of the portal is not ours to take.
    db.exec(
        "CREATE TABLE dim_regions (id_region INT PRIMARY KEY) ENGINE=InnoDB;
         CREATE TABLE fact_nuitees_regions (id INT PRIMARY KEY, id_zone INT NOT NULL, id_region INT NOT NULL,
           FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone), FOREIGN KEY (id_region) REFERENCES dim_regions (id_region)) ENGINE=InnoDB;",
    );
    let json = home.tool(TOOL).arg("--json").run().expect_code(0).json();
    let tables: Vec<&str> = json["tables"].as_array().unwrap().iter().map(|t| t["table"].as_str().unwrap()).collect();
    assert!(tables.contains(&"fact_nuitees_regions") && tables.contains(&"dim_regions"), "{tables:?}");
    home.tool("restore-critical").arg("--yes").run().expect_code(0);
    home.tool("restore-critical").args(["--drop-old", "--yes"]).run().expect_code(0);

    db.exec(
        "CREATE TABLE partages (id INT PRIMARY KEY, id_periode INT, FOREIGN KEY (id_periode) REFERENCES dim_periodes (id_periode)) ENGINE=InnoDB",
    );
    let json = home.tool(TOOL).args(["--json", "--keep", "1"]).run().expect_code(3).json();
    assert_eq!(
        (&json["findings"][0]["code"], &json["findings"][0]["place"]),
        (&"backup-open".into(), &"partages".into())
    );
    let json = home.tool("restore-critical").args(["--json", "--verify"]).run().expect_code(3).json();
    assert_eq!(json["findings"][0]["code"], "backup-open", "{json}");
    let refused = home.tool("restore-critical").args(["--yes", "--json"]).run().expect_code(1).json();
    // The backup has not that table: what is advised is SQL that runs, and then suffices.
    let hint = refused["error"]["hint"].as_str().unwrap();
    let (at, end) = (hint.find("ALTER TABLE").expect(hint), hint.rfind('`').unwrap());
    db.exec(&hint[at..=end]);
    home.tool("restore-critical").arg("--yes").run().expect_code(0);
}

/// A complete copy of a backup under another name.
fn copy(home: &Home, from: &str, to: &str) {
    let dir = home.join("data/backups");
    fs::create_dir(dir.join(to)).unwrap();
    for file in home.list(dir.join(from)) {
        fs::copy(dir.join(from).join(&file), dir.join(to).join(&file)).unwrap();
    }
}

#[test]
fn keep_removes_nothing_that_has_a_name_given_by_somebody_else() {
    let (db, home) = prepared(1);
    home.tool(TOOL).run().expect_code(0);
    let name = only_backup(&home);
    let mine = ["critique_avant_migration".to_owned(), format!("{name}-bon"), format!("critique_{}_\u{7}", db.name())];
    mine.iter().for_each(|kept| copy(&home, &name, kept));
    let json = home.tool(TOOL).args(["--keep", "1", "--json"]).run().expect_code(0).json();
    assert_eq!(json["removed"], serde_json::json!([name]), "{json}");
    let left = home.list("data/backups");
    assert!(mine.iter().all(|kept| left.contains(kept)) && left.len() == 4, "{left:?}");
}

#[test]
fn what_another_database_or_server_is_writing_is_left_alone() {
    let (db, home) = prepared(1);
    let dir = home.join("data/backups");
    let partial = |database: &str| dir.join(format!("critique_{database}_20250714T031500Z.partial"));
    // Of a database whose name begins alike; of one of the same name, being written; of this one, left by a run that was killed.
    let other = partial(&format!("{}_prod", db.name()));
    let [running, dead] = ["20250714T031501Z", "20250714T031502Z"]
        .map(|stamp| dir.join(format!("critique_{}_{stamp}.partial", db.name().replace('.', "_"))));
    [&other, &running, &dead].iter().for_each(|path| fs::create_dir_all(path).unwrap());
    let held = fs::File::open(&running).unwrap();
    held.try_lock().unwrap();
    home.tool(TOOL).run().expect_code(0);
    assert_eq!((other.is_dir(), running.is_dir(), dead.is_dir()), (true, true, false));
}

#[test]
fn a_clock_that_was_set_back_costs_no_backup() {
    let (_db, home) = prepared(1);
    home.tool(TOOL).run().expect_code(0);
    let name = only_backup(&home);
    // The same backup as a clock that ran ahead would have dated it, with its sum.
    let folder = home.join("data/backups").join(&name);
    let text = home.read(folder.join("manifest.json"));
    let snapshot =
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["snapshot_at"].as_str().unwrap().to_owned();
    fs::write(folder.join("manifest.json"), text.replace(&snapshot, &format!("2061{}", &snapshot[4..]))).unwrap();
    let script = "sed -i '/manifest/d' SHA256SUMS && sha256sum manifest.json >> SHA256SUMS";
    assert!(Command::new("sh").args(["-c", script]).current_dir(&folder).status().unwrap().success());
    let json = home.tool(TOOL).args(["--keep", "1", "--json"]).run().expect_code(3).json();
    assert_eq!((support::codes(&json), json["removed"].as_array().unwrap().len()), (vec!["backup-doubtful"], 0));
    assert_eq!(home.list("data/backups").len(), 2);
}

#[test]
fn tables_that_keep_their_own_history_are_saved_and_seen() {
    if flux_test::is_mysql() {
        return;
    }
    let (db, home) = prepared(40);
    // One whose period the server hides, one that names it, in the way of older releases.
    db.exec(
        "ALTER TABLE fact_diurnes ADD SYSTEM VERSIONING;
         UPDATE fact_diurnes SET volume = volume + 1;
         CREATE TABLE dim_communes_suivies (id INT PRIMARY KEY, nom VARCHAR(50),
           debut TIMESTAMP(6) GENERATED ALWAYS AS ROW START, fin TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
           PERIOD FOR SYSTEM_TIME (debut, fin)) WITH SYSTEM VERSIONING;
         INSERT INTO dim_communes_suivies (id, nom) VALUES (1, 'Murat'), (2, 'Vic');
         DELETE FROM dim_communes_suivies WHERE id = 2;",
    );
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_diurnes FOR SYSTEM_TIME ALL"), "80");
    let volume = db.scalar("SELECT SUM(volume) FROM fact_diurnes");
    let json = home.tool(TOOL).args(["--all", "--json"]).run().expect_code(0).json();
    assert_eq!(json["without_history"], serde_json::json!(["dim_communes_suivies", "fact_diurnes"]));
    let rows =
        |name: &str| json["tables"].as_array().unwrap().iter().find(|t| t["table"] == name).unwrap()["rows"].clone();
    assert_eq!((rows("fact_diurnes"), rows("dim_communes_suivies")), (40.into(), 1.into()));
    let known = home.tool("tables-info").arg("--json").run().json();
    assert!(known["tables"].as_array().unwrap().iter().any(|table| table["name"] == "fact_diurnes"), "{known}");

    db.exec("DELETE FROM fact_diurnes; DELETE FROM dim_communes_suivies");
    let restored = home.tool("restore-critical").arg("--yes").run();
    assert!([0, 3].contains(&restored.code), "{restored}");
    assert_eq!((db.count("fact_diurnes"), db.scalar("SELECT SUM(volume) FROM fact_diurnes")), (40, volume));
    assert_eq!(db.column("SELECT nom FROM dim_communes_suivies"), ["Murat"]);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'SYSTEM VERSIONED' AND table_name NOT LIKE '%avant'"), "2");
}
