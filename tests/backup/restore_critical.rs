//! `restore-critical`: what comes back is what was saved, value by value, or the live tables stay as they were.

use std::fs;
use std::process::Command;

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, Server, TestDb, Tool};
use serde_json::{Value, json};
use support::backup::{all, beside, facts, odd_rows, odd_table, only_backup, prepared, schema};
use support::trouble::{killed_at, wait_for_statement};

const TOOL: &str = "restore-critical";

/// The tool, told to do what it would otherwise only show.
fn acting(home: &Home) -> Tool {
    home.tool(TOOL).arg("--yes")
}

/// Of the line of `fact_nuitees`: rows that come, rows in place, rows lost.
fn planned(json: &Value) -> [&Value; 3] {
    let lines = json["tables"].as_array().unwrap();
    let line = lines.iter().find(|line| line["table"] == "fact_nuitees").unwrap();
    ["rows", "rows_before", "rows_lost"].map(|field| &line[field])
}

#[test]
fn without_yes_a_plan_is_shown_and_nothing_is_written() {
    let (db, home) = prepared(50);
    home.tool("backup-critical").run().expect_code(0);
    db.exec("DELETE FROM fact_nuitees WHERE id > 20");
    let plan = |args: &[&str]| {
        // An --undo would lose the deletion below, and says so.
        let code = if args.contains(&"--undo") { 3 } else { 0 };
        home.tool(TOOL).args(args).run().expect_code(code).expect_stdout("Simulation").expect_stdout("--yes");
        let json = home.tool(TOOL).args(args).arg("--json").run().expect_code(code).json();
        assert_eq!(json["dry_run"], true, "{args:?}");
        json
    };
    for args in [&[][..], &["--dry-run"], &["--yes", "--dry-run"]] {
        assert_eq!(planned(&plan(args)), [&json!(50), &json!(20), &Value::Null], "{args:?}");
        assert_eq!((db.count("fact_nuitees"), beside(&db)), (20, vec![]), "{args:?}");
    }
    acting(&home).run().expect_code(0);
    db.exec("DELETE FROM fact_nuitees WHERE id > 49");
    let kept = beside(&db);
    assert_eq!(planned(&plan(&["--undo"])), [&json!(20), &json!(49), &json!(49)]);
    assert_eq!(planned(&plan(&["--drop-old"])), [&json!(49), &json!(49), &json!(20)]);
    assert_eq!((db.count("fact_nuitees"), beside(&db)), (49, kept));
    let json = acting(&home).args(["--undo", "--json"]).run().expect_code(3).json();
    assert_eq!(support::codes(&json), ["rows-written-since"]);
    assert_eq!(json["findings"][0]["place"], "fact_nuitees");
    assert_eq!((&json["dry_run"], planned(&json)), (&json!(false), [&json!(20), &json!(49), &json!(49)]));
    assert_eq!((db.count("fact_nuitees"), beside(&db)), (20, vec![]));
    let json = home.tool(TOOL).args(["--list", "--json"]).run().expect_code(0).json();
    assert_eq!(json["dry_run"], false, "a list is no simulation");
}

#[test]
fn every_value_comes_back() {
    let (db, home) = prepared(2500);
    odd_table(&db);
    let (odd, nuitees, communes) = (odd_rows(&db), all(&db, "fact_nuitees"), all(&db, "dim_communes"));
    assert!(odd.len() > 200);
    home.tool("backup-critical").arg("--all").run().expect_code(0);
    db.exec("DROP TABLE dim_bizarre");
    db.exec("DELETE FROM fact_nuitees WHERE id > 100");
    db.exec("UPDATE dim_communes SET nom_commune = 'X', code_insee = NULL");
    let json = acting(&home).arg("--json").run().expect_code(0).json();
    assert_eq!(odd_rows(&db), odd);
    assert_eq!(all(&db, "fact_nuitees"), nuitees);
    assert_eq!(all(&db, "dim_communes"), communes);
    let line = json["tables"].as_array().unwrap().iter().find(|t| t["table"] == "fact_nuitees").unwrap();
    assert_eq!((&line["rows"], &line["rows_before"]), (&2500.into(), &100.into()));
    // ids go on after the last one, and constraints hold
    db.exec("INSERT INTO dim_bizarre (texte) VALUES ('suite')");
    assert!(db.scalar("SELECT MAX(id) FROM dim_bizarre").parse::<usize>().unwrap() >= odd.len());
    assert!(db.admin().query_drop("INSERT INTO dim_bizarre (petit) VALUES (121)").is_err());
    // the old ones are kept until told otherwise
    assert_eq!(db.count("fact_nuitees__avant"), 100);
    acting(&home).run().expect_code(1).expect_stderr("--drop-old");
    acting(&home).arg("--drop-old").run().expect_code(0).expect_stdout("fact_nuitees__avant");
    assert_eq!(beside(&db), Vec::<String>::new());
}

#[test]
fn odd_modes_and_time_zones_of_the_server_change_nothing() {
    let Some(server) = Server::dedicated([
        "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT",
        "--default-time-zone=+09:30",
    ]) else {
        return;
    };
    let db = server.new_db();
    let home = Home::new(&db);
    schema(&home);
    odd_table(&db);
    let odd = odd_rows(&db);
    home.tool("backup-critical").arg("--all").run().expect_code(0);
    db.exec("DROP TABLE dim_bizarre");
    acting(&home).env("TZ", "America/St_Johns").run().expect_code(0);
    assert_eq!(odd_rows(&db), odd);
}

#[test]
fn a_backup_is_restored_on_another_server_and_on_one_of_the_other_family() {
    // In the pass on MySQL the other server is of the other family.
    let mariadb = Server::mariadb();
    for (from, to) in [(mariadb.new_db(), TestDb::new()), (TestDb::new(), mariadb.new_db())] {
        let home = Home::new(&from);
        schema(&home);
        facts(&from, 2000);
        odd_table(&from);
        home.tool("backup-critical").arg("--all").run().expect_code(0);
        let target = Home::new(&to);
        // the last one of this database is not asked for by leaving the name out
        acting(&target).arg("--dir").arg(home.join("data/backups")).run().expect_code(1).expect_stderr(to.name());
        acting(&target).arg(only_backup(&home)).arg("--dir").arg(home.join("data/backups")).run().expect_code(0);
        assert_eq!(odd_rows(&to), odd_rows(&from));
        for table in ["fact_nuitees", "dim_communes", "dim_pays", "dim_zones_observation"] {
            assert_eq!(all(&to, table), all(&from, table), "{table}");
        }
        // the tools find their schema again
        target.tool("ensure-schema").arg("--json").run().expect_code(0);
    }
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_touched() {
    let (db, home) = prepared(300);
    home.tool("backup-critical").run().expect_code(0);
    let name = only_backup(&home);
    let folder = home.join("data/backups").join(&name);
    let path = folder.join("fact_nuitees.tsv.gz");
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    db.exec("DELETE FROM fact_nuitees WHERE id > 10");
    for content in [&bad[..], &good[..good.len() - 1], b""] {
        fs::write(&path, content).unwrap();
        acting(&home).arg(&name).run().expect_code(1).expect_stderr("fact_nuitees.tsv.gz");
        home.tool(TOOL).args([&name, "--verify"]).run().expect_code(3).expect_stdout("fact_nuitees");
    }
    fs::write(&path, &good).unwrap();
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    fs::write(folder.join("manifest.json"), manifest.replace("\"rows\": 300", "\"rows\": 299")).unwrap();
    acting(&home).arg(&name).run().expect_code(1).expect_stderr("SHA-256");
    home.tool(TOOL).arg("--list").run().expect_code(3).expect_stdout("✗");
    fs::write(folder.join("manifest.json"), manifest).unwrap();
    assert_eq!((db.count("fact_nuitees"), beside(&db)), (10, vec![]));
    acting(&home).arg(&name).run().expect_code(0);
    assert_eq!(db.count("fact_nuitees"), 300);
}

#[test]
fn verify_and_list_need_no_database() {
    let (_db, home) = prepared(50);
    home.tool("backup-critical").run().expect_code(0);
    let alone = Home::without_db();
    alone.tool(TOOL).args(["--verify", "--dir"]).arg(home.join("data/backups")).run().expect_code(0);
    alone.tool(TOOL).args(["--list", "--dir"]).arg(home.join("data/backups")).run().expect_code(0);
}

/// legacy.md, 21.
#[test]
fn only_restores_what_was_asked() {
    let (db, home) = prepared(50);
    home.tool("backup-critical").run().expect_code(0);
    db.exec("DELETE FROM fact_nuitees; ");
    db.exec("DELETE FROM fact_diurnes");
    acting(&home).args(["--only", "fact_nuitees"]).run().expect_code(0).expect_stdout("1 table restaurée");
    assert_eq!((db.count("fact_nuitees"), db.count("fact_diurnes")), (50, 0));
    acting(&home).args(["--only", "fact_inconnue"]).run().expect_code(2).expect_stderr("fact_inconnue");
    // undo brings the empty table back
    acting(&home).arg("--undo").run().expect_code(0);
    assert_eq!((db.count("fact_nuitees"), beside(&db)), (0, vec![]));
}

#[test]
fn foreign_keys_point_to_the_restored_tables() {
    let (db, home) = prepared(1);
    db.exec("ALTER TABLE dim_periodes ADD CONSTRAINT fk_saison FOREIGN KEY (id_saison) REFERENCES dim_saisons (id)");
    db.exec("INSERT INTO dim_saisons (id, annee, saison, date_debut, date_fin, duree_jours) VALUES (5, 2025, 'ete', '2025-06-21', '2025-09-22', 93)");
    db.exec("INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin, id_saison) VALUES ('x', 'X', 2025, '2025-07-01', '2025-07-02', 5)");
    home.tool("backup-critical").run().expect_code(0);
    acting(&home).args(["--only", "dim_saisons"]).run().expect_code(1).expect_stderr("ajoutez dim_periodes à --only");
    acting(&home).run().expect_code(0);
    acting(&home).arg("--drop-old").run().expect_code(0);
    let parent = db.column(
        "SELECT referenced_table_name AS r FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
    );
    assert_eq!(parent, ["dim_saisons"]);
    assert!(db.conn().query_drop("DELETE FROM dim_saisons").is_err(), "the key holds");
    acting(&home).run().expect_code(0);
}

#[test]
fn the_history_of_the_temporary_tables_in_place_stays() {
    let (db, home) = prepared(1);
    let insert = |hash: &str| {
        db.exec(&format!(
            "INSERT INTO flux_import_history (attempt, run, tool, table_name, file_name, file_path, file_size, file_hash, options,
             dims_hash, status, encoding, lines_read, rows_stored, rows_deleted, duplicates, conflicts, rejected, filtered, started_at,
             finished_at) VALUES ('{hash}', 'r', 't', 'fact_nuitees_temp', 'f', 'p', 1, '{hash}', '', 'd', 'loaded', 'utf-8', 1, 1,
             0, 0, 0, 0, 0, NOW(), NOW())"
        ));
    };
    insert("a");
    home.tool("backup-critical").run().expect_code(0);
    insert("b");
    acting(&home).run().expect_code(0);
    let history = || db.column("SELECT CONCAT_WS(' ', file_hash, status) FROM flux_import_history ORDER BY id");
    assert_eq!(history(), ["a loaded", "b loaded"]);
    acting(&home).arg("--drop-old").run().expect_code(0);
    // Asked for alone, it comes back without its tables: what was loaded since is still there, and so is the line that says so.
    db.exec("UPDATE flux_import_history SET status = 'failed' WHERE file_hash = 'a'");
    acting(&home).args(["--only", "flux_import_history"]).run().expect_code(0);
    assert_eq!(history(), ["a loaded", "b loaded"]);
}

#[test]
fn a_kill_at_any_point_leaves_all_tables_before_or_all_after() {
    let (db, home) = prepared(20_000);
    home.tool("backup-critical").run().expect_code(0);
    db.exec("DELETE FROM fact_nuitees WHERE id > 1000");
    db.exec("DELETE FROM fact_diurnes WHERE id > 1000");
    for passage in (1..).step_by(40) {
        let place = format!("db.statement:{passage}");
        let killed = killed_at(&db, acting(&home), &place);
        let counts = (db.count("fact_nuitees"), db.count("fact_diurnes"));
        assert!(counts == (1000, 1000) || counts == (20_000, 20_000), "{place}: {counts:?}");
        if counts.0 > 1000 || !killed {
            assert!(passage > 30, "only {place}");
            break;
        }
    }
    assert_eq!(db.count("fact_nuitees"), 20_000);
}

#[test]
fn bad_cases_say_what_to_do() {
    let (db, home) = prepared(1);
    acting(&home).run().expect_code(1).expect_stderr("aucune sauvegarde");
    home.tool(TOOL).arg("--list").run().expect_code(0).expect_stdout("Aucune sauvegarde");
    acting(&home).arg("inconnue").run().expect_code(1).expect_stderr("inconnue");
    home.tool(TOOL).args(["--list", "--verify"]).run().expect_code(2);
    home.tool("backup-critical").run().expect_code(0);
    let mut conn = db.conn();
    let lock: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", db.name())).unwrap();
    assert_eq!(lock, Some(1));
    acting(&home).run().expect_code(4);
}

#[test]
fn triggers_that_a_swap_leaves_behind_are_told() {
    let (db, home) = prepared(1);
    let mut admin = db.admin();
    let made = admin
        .query_drop("CREATE TRIGGER t_volume BEFORE INSERT ON fact_nuitees FOR EACH ROW SET NEW.volume = NEW.volume");
    if made.is_err() {
        return flux_test::skip("the server allows no trigger: binary log without trust in functions");
    }
    home.tool("backup-critical").run().expect_code(0);
    acting(&home).run().expect_code(3).expect_stdout("t_volume");
}

/// Writes the manifest of a backup anew, and its sum beside it.
fn forge(home: &Home, name: &str, change: impl Fn(&mut Value)) {
    let folder = home.join("data/backups").join(name);
    let mut manifest: Value = serde_json::from_str(&home.read(folder.join("manifest.json"))).unwrap();
    change(&mut manifest);
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let script = "sed -i '/manifest/d' SHA256SUMS && sha256sum *.gz manifest.json > SHA256SUMS";
    assert!(Command::new("sh").args(["-c", script]).current_dir(&folder).status().unwrap().success());
}

#[test]
fn a_manifest_that_names_no_table_or_one_twice_is_no_backup() {
    let (db, home) = prepared(10);
    home.tool("backup-critical").run().expect_code(0);
    let name = only_backup(&home);
    let whole: Value =
        serde_json::from_str(&home.read(home.join("data/backups").join(&name).join("manifest.json"))).unwrap();
    type Change = fn(&mut Vec<Value>);
    let changes: [Change; 2] = [Vec::clear, |tables| {
        let mut again = tables[2].clone();
        again["table"] = again["table"].as_str().unwrap().to_uppercase().into();
        tables.push(again);
    }];
    for change in changes {
        forge(&home, &name, |manifest| {
            *manifest = whole.clone();
            change(manifest["tables"].as_array_mut().unwrap());
        });
        for args in [&["--verify"][..], &["--yes"]] {
            let json = home.tool(TOOL).args(args).args([&name, "--json"]).run().expect_code(1).json();
            assert_eq!(json["error"]["code"], "backup-damaged", "{json}");
            // A supplier has nothing to do with it.
            assert!(json["error"]["hint"].as_str().unwrap().contains("restore-critical --list"), "{json}");
        }
        home.tool(TOOL).arg("--yes").run().expect_code(1);
        home.tool(TOOL).args(["--list"]).run().expect_code(3);
        assert_eq!(beside(&db), Vec::<String>::new());
    }
}

#[test]
fn a_line_without_end_and_a_pipe_are_refused_when_verified() {
    let (_db, home) = prepared(10);
    home.tool("backup-critical").run().expect_code(0);
    let name = only_backup(&home);
    let folder = home.join("data/backups").join(&name);
    // 300 MB of one line, which take no more than 300 kB compressed.
    let script = "head -c 300000000 /dev/zero | tr '\\0' 'x' | gzip -c > fact_diurnes.tsv.gz";
    assert!(Command::new("sh").args(["-c", script]).current_dir(&folder).status().unwrap().success());
    let file = fs::read(folder.join("fact_diurnes.tsv.gz")).unwrap();
    let sum = Command::new("sha256sum").arg(folder.join("fact_diurnes.tsv.gz")).output().unwrap().stdout;
    forge(&home, &name, |manifest| {
        let tables = manifest["tables"].as_array_mut().unwrap();
        let table = tables.iter_mut().find(|table| table["table"] == "fact_diurnes").unwrap();
        table["bytes"] = file.len().into();
        table["sha256"] = String::from_utf8_lossy(&sum[..64]).into_owned().into();
    });
    let script = format!("ulimit -v 400000; exec '{}' --verify --json", flux_test::bin_dir().join(TOOL).display());
    let json = Tool::program("/bin/bash").home(&home).args(["-c", &script]).run().expect_code(3).json();
    assert_eq!(json["findings"][0]["code"], "backup-damaged", "{json}");
    for file in ["dim_pays.tsv.gz", "manifest.json"] {
        fs::remove_file(folder.join(file)).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join(file)).status().unwrap().success());
        let verify = home.tool(TOOL).args(["--verify", &name]).limit(std::time::Duration::from_secs(20)).run();
        assert!([1, 3].contains(&verify.code), "{verify}");
        home.tool(TOOL).arg("--list").limit(std::time::Duration::from_secs(20)).run().expect_code(3);
    }
}

/// A country that came after the backup, and a day of its visitors in a table that `backup-critical` leaves out.
fn newcomer(db: &TestDb, name: &str) -> u64 {
    let mut conn = db.conn();
    conn.exec_drop("INSERT INTO dim_pays (nom_pays) VALUES (?)", (name,)).unwrap();
    let id = conn.last_insert_id();
    let sql = "INSERT INTO fact_nuitees_pays_temp (date, id_zone, id_provenance, id_categorie, id_pays, volume)
               VALUES ('2025-07-14', 1, 1, 1, ?, 777)";
    conn.exec_drop(sql, (id,)).unwrap();
    id
}

#[test]
fn a_dimension_restored_under_facts_that_stay_keeps_the_names_that_they_use() {
    let (db, home) = prepared(10);
    home.tool("backup-critical").run().expect_code(0);
    let countries = db.count("dim_pays");
    let used = newcomer(&db, "Bordurie");
    db.exec("INSERT INTO dim_pays (nom_pays) VALUES ('Syldavie')");
    let plan = home.tool(TOOL).arg("--json").run().expect_code(3).json();
    assert_eq!(support::codes(&plan), ["dimension-kept"]);
    assert_eq!(db.count("dim_pays"), countries + 2);
    let json = acting(&home).arg("--json").run().expect_code(3).json();
    assert_eq!(support::codes(&json), ["dimension-kept"]);
    let visitors = "SELECT nom_pays FROM fact_nuitees_pays_temp JOIN dim_pays USING (id_pays) WHERE volume = 777";
    assert_eq!((db.column(visitors), db.count("dim_pays")), (vec!["Bordurie".to_owned()], countries + 1));
    // Nor does the id of what nobody used come back under another name.
    assert!(newcomer(&db, "San Theodoros") >= used + 2);
    assert_eq!(db.scalar("SELECT rows_after FROM flux_restores WHERE table_name = 'dim_pays'"), countries.to_string());
}

#[test]
fn an_id_in_use_that_would_lead_to_another_name_is_a_refusal() {
    let (db, home) = prepared(10);
    let used = newcomer(&db, "Bordurie");
    home.tool("backup-critical").run().expect_code(0);
    // The name was removed, and the id given to another one since.
    db.exec(&format!("UPDATE dim_pays SET nom_pays = 'Syldavie' WHERE id_pays = {used}"));
    let before = all(&db, "dim_pays");
    for args in [&["--json"][..], &["--json", "--yes"]] {
        let json = home.tool(TOOL).args(args).run().expect_code(1).json();
        assert!(json["error"]["message"].as_str().unwrap().contains("fact_nuitees_pays_temp"), "{json}");
    }
    assert_eq!((all(&db, "dim_pays"), beside(&db)), (before, vec![]));
    // Another way to write the same name is none, and a name that nobody uses may go.
    db.exec(&format!("UPDATE dim_pays SET nom_pays = 'BORDURIE' WHERE id_pays = {used}"));
    acting(&home).run().expect_code(0);
    assert_eq!(db.scalar(&format!("SELECT nom_pays FROM dim_pays WHERE id_pays = {used}")), "Bordurie");
}

#[test]
fn a_restoration_that_lost_the_lock_swaps_nothing() {
    let (db, home) = prepared(50);
    home.tool("backup-critical").run().expect_code(0);
    db.exec("DELETE FROM fact_nuitees WHERE id > 20");
    // A reader keeps the swap waiting; meanwhile another run takes the lock, as it would from one that gives no sign of life.
    let (mut reader, mut eye) = (db.conn(), db.conn());
    reader.query_drop("START TRANSACTION").unwrap();
    let _: Option<u64> = reader.query_first("SELECT COUNT(*) FROM fact_nuitees").unwrap();
    let running = acting(&home).arg("--json").spawn();
    wait_for_statement(&mut eye, db.name(), "RENAME TABLE");
    let number = db.scalar("SELECT MAX(number) FROM flux_lease");
    db.exec("UPDATE flux_lease SET ended_at = UTC_TIMESTAMP(3), ended = 'expired' WHERE ended_at IS NULL");
    db.exec(&format!("DROP TABLE flux_lease_{number}"));
    reader.query_drop("COMMIT").unwrap();
    let json = running.wait().expect_code(4).json();
    assert_eq!(json["error"]["code"], "lock-lost", "{json}");
    assert_eq!(db.count("fact_nuitees"), 20);
    assert!(beside(&db).iter().all(|table| table.ends_with("__neuf")), "{:?}", beside(&db));
    // The next one clears up, and leaves no table that stands for a lease.
    acting(&home).run().expect_code(0);
    assert_eq!(db.count("fact_nuitees"), 50);
    let left = "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'flux\\_lease\\__%'";
    assert_eq!(db.column(left), [""; 0]);
}
