//! The ETL on a server that is down, refuses, forbids, waits or breaks off: each file wholly before or wholly after, every line
//! accounted for, a clear message, and a rerun that repairs.

use flux_test::mysql::{Conn, prelude::Queryable};
use flux_test::{Checked, Server, Tool};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::raw::{PLAIN, raw_counts};
use support::trouble::{heavy, kill_sessions, on_a_full_disk, quiet, wait_for_blocked, wait_for_statement};
use support::weekly::{Sane, World, file};

const ETL: &str = "populate-facts-full-production";

/// The files of [`deliver`] with where their rows are.
const PARTS: [(&str, &str, &str); 3] = [
    ("Nuitee_2024B1_A.csv", "fact_nuitees", "id_zone IN (1, 5)"),
    ("Nuitee_2024B1_B.csv", "fact_nuitees", "id_zone IN (7, 9)"),
    ("Diurne_2024B1_A.csv", "fact_diurnes", "id_zone IN (1, 5)"),
];
/// Rows of each of them for one day: two zones, three provenances, three categories.
const ROWS_A_DAY: u32 = 18;

/// Three files of `days` days whose every volume is `volume`, with a category of that version which has to be created.
fn deliver(world: &World, days: u32, volume: u32) {
    for (name, _, _) in PARTS {
        let zones = if name.contains("_B.") { ["Carlades", "Val Truyère"] } else { ["Cantal", "Lioran"] };
        let mut text = PLAIN.to_owned();
        for day in 0..days {
            let date = format!("{}-{:02}-{:02}", 2022 - day / 336, day / 28 % 12 + 1, day % 28 + 1);
            for zone in zones {
                for provenance in ["Local", "NonLocal", "Etranger"] {
                    for categorie in ["Touriste", "Resident", &format!("Essai {volume}")] {
                        text.push_str(&format!("{date};{zone};{provenance};{categorie};{volume}\n"));
                    }
                }
            }
        }
        world.raw_bytes(name, text.as_bytes());
    }
}

/// Rows of each part by volume: one entry is one version of the delivery, two are a mixture.
fn versions(world: &World) -> Vec<BTreeMap<u32, u32>> {
    let of = |(_, table, zones): (&str, &str, &str)| {
        let sql = format!("SELECT volume, COUNT(*) FROM {table} WHERE {zones} GROUP BY volume");
        world.db.rows(&sql).into_iter().map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap())).collect()
    };
    PARTS.into_iter().map(of).collect()
}

fn whole(days: u32, volume: u32) -> Vec<BTreeMap<u32, u32>> {
    vec![BTreeMap::from([(volume, days * ROWS_A_DAY)]); PARTS.len()]
}

/// Every row that history and `flux_etl_progress` speak of is there, and no other.
#[track_caller]
fn records_agree(world: &World) {
    for table in ["fact_nuitees", "fact_diurnes"] {
        let unknown = world.db.scalar(&format!(
            "SELECT COUNT(*) FROM {table} f LEFT JOIN flux_etl_progress p
               ON p.table_name = '{table}' AND p.id_zone = f.id_zone AND p.date = f.date WHERE p.date IS NULL"
        ));
        let empty = world.db.scalar(&format!(
            "SELECT COUNT(*) FROM flux_etl_progress p LEFT JOIN {table} f ON p.id_zone = f.id_zone AND p.date = f.date
             WHERE p.table_name = '{table}' AND f.date IS NULL"
        ));
        assert_eq!((unknown.as_str(), empty.as_str()), ("0", "0"), "{table}");
    }
    // A category is created with the rows that need it: no load has brought one that no load speaks of.
    let brought = world.db.scalar("SELECT COUNT(*) FROM dim_categories_visiteur WHERE nom_categorie LIKE 'ESSAI%'");
    let loads = world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded'");
    assert!(brought.parse::<u32>().unwrap() <= loads.parse().unwrap(), "{brought} categories of {loads} loads");
}

fn tool(world: &World) -> Tool {
    world.tool(ETL).args(["--json", "--jobs", "2"]).limit(Duration::from_secs(120))
}

/// Statement of the failure of a file.
#[track_caller]
fn failure(json: &Value, name: &str, code: &str) -> String {
    let entry = file(json, name);
    assert_eq!((&entry["status"], &entry["code"]), (&json!("failed"), &json!(code)), "{entry}");
    format!("{} {}", entry["error"].as_str().unwrap(), entry["hint"].as_str().unwrap_or_default())
}

#[test]
fn a_connection_that_is_killed_in_any_statement_is_taken_up_again() {
    let world = World::whole();
    let mut holder = world.db.conn();
    let mine = holder.connection_id();
    // Whatever of these tables the ETL comes to first waits, and is killed while it does.
    let tables = ["flux_import_history", "dim_zones_observation", "flux_etl_progress", "dim_dates", "fact_nuitees"];
    for (number, table) in tables.into_iter().enumerate() {
        let volume = 10 + number as u32;
        deliver(&world, 3, volume);
        holder.query_drop(format!("LOCK TABLES {table} WRITE")).unwrap();
        let running = tool(&world).spawn();
        wait_for_blocked(&mut world.db.admin(), world.db.name(), table);
        assert!(kill_sessions(&world, mine) > 0);
        holder.query_drop("UNLOCK TABLES").unwrap();
        running.wait().sane().expect_code(0).expect_stderr("nouvel essai");
        assert_eq!(versions(&world), whole(3, volume), "{table}");
        records_agree(&world);
    }
}

/// Waits on rows, not on tables: the transaction that is killed has done part of its work.
#[test]
fn a_transaction_that_is_killed_is_done_again_from_its_beginning() {
    let world = World::whole();
    deliver(&world, 3, 1);
    world.etl(&[]).expect_code(0);
    let mut holder = world.db.conn();
    let rows = [
        "SELECT * FROM flux_import_history FOR UPDATE",
        "SELECT * FROM fact_nuitees WHERE date = '2022-01-03' FOR UPDATE",
        "SELECT * FROM dim_categories_visiteur FOR UPDATE",
        "SELECT * FROM flux_etl_progress FOR UPDATE",
    ];
    for (number, rows) in rows.into_iter().enumerate() {
        let volume = 20 + number as u32;
        deliver(&world, 3, volume);
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop(rows).unwrap();
        let running = tool(&world).spawn();
        let table = rows.split(' ').nth(3).unwrap();
        for _ in 0..2 {
            wait_for_blocked(&mut world.db.admin(), world.db.name(), table);
            kill_sessions(&world, holder.connection_id());
        }
        holder.query_drop("COMMIT").unwrap();
        let outcome = running.wait().sane().expect_code(0).expect_stderr("nouvel essai");
        for (name, _, _) in PARTS {
            assert_eq!(raw_counts(file(&outcome.json(), name))[..3], [54, 54, 54], "{rows}");
        }
        assert_eq!(versions(&world), whole(3, volume), "{rows}");
        records_agree(&world);
        let loaded = world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded'");
        assert_eq!(loaded, (3 * (number + 2)).to_string(), "each load is recorded once");
    }
}

/// Brings trouble at places spread over a run; each file is then as before or as after, and the rerun completes it.
fn trouble_at_many_places(world: &World, trouble: impl Fn()) {
    let days = 40;
    deliver(world, days, 2);
    world.etl(&["--jobs", "2"]).expect_code(0);
    let mut before = whole(days, 2);
    assert_eq!(versions(world), before);
    let places = [
        "db.statement:1",
        "db.statement:9",
        "load.rows:1",
        "load.rows:2",
        "db.commit:1",
        "db.committed:1",
        "db.commit:3",
    ];
    for (place, volume) in places.into_iter().zip(10..) {
        let after = whole(days, volume);
        deliver(world, days, volume);
        let mut running = tool(world).fail_at(place, "pause").spawn();
        running.wait_paused();
        trouble();
        running.resume();
        let outcome = running.wait().sane();
        assert!([0, 1].contains(&outcome.code), "{outcome}");
        quiet(&world.db);
        let found = versions(world);
        for index in 0..PARTS.len() {
            let part = &found[index];
            assert!(*part == before[index] || *part == after[index], "{} at {place}: {part:?}", PARTS[index].0);
            assert!(outcome.code == 1 || *part == after[index], "done and not stored\n{outcome}");
        }
        records_agree(world);
        let again = tool(world).run().sane().expect_code(0);
        assert_eq!(versions(world), after, "{again}");
        before = after;
    }
}

#[test]
fn connections_killed_at_many_places_leave_each_file_before_or_after() {
    let world = World::whole();
    trouble_at_many_places(&world, || {
        kill_sessions(&world, 0);
    });
}

#[test]
fn a_server_that_is_stopped_and_started_again_leaves_each_file_before_or_after() {
    // Durable, as a real server is: what is committed survives.
    let Some(server) = Server::dedicated(["--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"]) else {
        return;
    };
    let world = World::on(server.new_db());
    let turn = std::cell::Cell::new(0);
    trouble_at_many_places(&world, || {
        if turn.replace(turn.get() + 1) % 2 == 0 {
            server.stop()
        } else {
            server.kill9()
        }
        server.restart();
    });
}

#[test]
fn a_server_that_does_not_come_back_fails_every_file_and_the_rerun_repairs() {
    let Some(server) = Server::dedicated(Vec::<String>::new()) else { return };
    let world = World::on(server.new_db());
    deliver(&world, 3, 1);
    world.etl(&[]).expect_code(0);
    deliver(&world, 3, 2);
    let mut holder = world.db.conn();
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM flux_import_history FOR UPDATE").unwrap();
    let running = tool(&world).spawn();
    wait_for_statement(&mut world.db.admin(), world.db.name(), "INSERT INTO flux_import_history");
    server.kill9();
    let outcome = running.wait().sane().expect_code(1);
    let json = outcome.json();
    for (name, _, _) in PARTS {
        failure(&json, name, "connect");
    }
    let checkpoint: Value = serde_json::from_str(&world.home.read("etl_checkpoint.json")).unwrap();
    assert_eq!((&checkpoint["status"], &checkpoint["totals"]["stored"]), (&json!("failed"), &json!(0)));
    server.restart();
    assert_eq!(versions(&world), whole(3, 1));
    records_agree(&world);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(3, 2));
}

#[test]
fn without_local_infile_and_through_the_smallest_packets_every_row_arrives() {
    for packet in ["16K", "4K"] {
        let Some(server) = Server::dedicated([
            "--local-infile=OFF",
            &format!("--max-allowed-packet={packet}"),
            &format!("--net-buffer-length={packet}"),
        ]) else {
            return;
        };
        let world = World::on(server.new_db());
        // Longer than any batch of dates that is written in one statement.
        let days = 700;
        for volume in [1, 2] {
            deliver(&world, days, volume);
            let json = world.etl(&["--load-method", if volume == 1 { "auto" } else { "insert" }]).expect_code(0).json();
            assert_eq!(json["load_method"], "insert");
            assert_eq!(versions(&world), whole(days, volume), "{packet}");
        }
        records_agree(&world);
        if packet == "4K" {
            // The driver sends files in pieces of that size and their headers.
            continue;
        }
        let json = world.etl(&["--no-resume", "--load-method", "infile"]).expect_code(1).json();
        assert!(failure(&json, PARTS[0].0, "config").contains("local_infile"), "{json}");
        assert_eq!(versions(&world), whole(days, 2));
        world.db.admin().query_drop("SET GLOBAL local_infile = ON").unwrap();
        deliver(&world, days, 3);
        assert_eq!(world.etl(&[]).expect_code(0).json()["load_method"], "infile");
        assert_eq!(versions(&world), whole(days, 3), "{packet}");
    }
}

/// A rival that holds `first` and, once the ETL waits for it, wants `second`, which the ETL has.
fn deadlock(world: &World, first: &str, second: &str, waiting: &str) -> Checked {
    let mut rival = heavy(world);
    rival.query_drop(first).unwrap();
    let running = world.tool(ETL).args(["--jobs", "1", "--only", "Nuitee"]).spawn();
    wait_for_statement(&mut world.db.admin(), world.db.name(), waiting);
    rival.query_drop(second).unwrap();
    rival.query_drop("COMMIT").unwrap();
    running.wait().sane().expect_code(0).expect_stderr("nouvel essai")
}

#[test]
fn a_deadlock_on_rows_or_on_a_dimension_is_tried_again_and_is_no_failure() {
    for (first, second, waiting) in [
        (
            "SELECT * FROM flux_import_history FOR UPDATE",
            "SELECT * FROM fact_nuitees FOR UPDATE",
            "INSERT INTO flux_import_history",
        ),
        (
            "SELECT * FROM fact_nuitees FOR UPDATE",
            "INSERT INTO dim_categories_visiteur (nom_categorie) VALUES ('ESSAI 2')",
            "DELETE FROM fact_nuitees",
        ),
    ] {
        let world = World::whole();
        deliver(&world, 2, 1);
        world.etl(&[]).expect_code(0);
        deliver(&world, 2, 2);
        let outcome = deadlock(&world, first, second, waiting);
        assert_eq!(versions(&world)[..2], whole(2, 2)[..2], "{outcome}");
        assert_eq!(versions(&world)[2], whole(2, 1)[2]);
        let twice = "SELECT COUNT(*) FROM dim_categories_visiteur WHERE nom_categorie = 'ESSAI 2'";
        assert_eq!(world.db.scalar(twice), "1");
        records_agree(&world);
    }
}

#[test]
fn a_lock_wait_timeout_is_tried_again_and_in_the_end_is_a_failure_that_leaves_all_as_it_was() {
    let Some(server) = Server::dedicated(["--innodb-lock-wait-timeout=1"]) else { return };
    let world = World::on(server.new_db());
    deliver(&world, 2, 1);
    world.etl(&[]).expect_code(0);
    let mut holder = world.db.conn();
    for (number, table) in ["fact_nuitees", "dim_categories_visiteur", "flux_etl_progress"].into_iter().enumerate() {
        let volume = 2 + number as u32;
        deliver(&world, 2, volume);
        let hold = |holder: &mut Conn| {
            holder.query_drop("START TRANSACTION").unwrap();
            holder.query_drop(format!("SELECT * FROM {table} FOR UPDATE")).unwrap();
        };
        hold(&mut holder);
        let mut running = tool(&world).spawn();
        // One wait was too long, and it is at the next.
        running.wait_said("nouvel essai");
        holder.query_drop("COMMIT").unwrap();
        running.wait().sane().expect_code(0).expect_stderr("nouvel essai");
        assert_eq!(versions(&world), whole(2, volume), "{table}");
        records_agree(&world);
    }
    // A lock that is never given back.
    let before = versions(&world);
    deliver(&world, 2, 9);
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM fact_nuitees FOR UPDATE").unwrap();
    let json = world.etl(&["--jobs", "1"]).expect_code(1).json();
    failure(&json, PARTS[0].0, "sql");
    holder.query_drop("COMMIT").unwrap();
    assert_eq!(versions(&world)[..2], before[..2]);
    assert_eq!(versions(&world)[2], whole(2, 9)[2], "the other table is loaded");
    records_agree(&world);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(2, 9));
}

#[test]
fn a_server_that_only_reads_and_one_whose_disk_is_full_store_nothing() {
    let Some(server) = Server::dedicated(Vec::<String>::new()) else { return };
    let world = World::on(server.new_db());
    deliver(&world, 2, 1);
    world.etl(&[]).expect_code(0);
    deliver(&world, 2, 2);
    world.db.admin().query_drop("SET GLOBAL read_only = ON").unwrap();
    // Not even the lease can be taken there.
    let json = world.etl(&[]).expect_code(1).json();
    assert_eq!(json["error"]["code"], "sql", "{json}");
    world.db.admin().query_drop("SET GLOBAL read_only = OFF").unwrap();
    assert_eq!(versions(&world), whole(2, 1));
    let brought = "SELECT nom_categorie FROM dim_categories_visiteur WHERE nom_categorie LIKE 'ESSAI%'";
    assert_eq!(world.db.column(brought), ["ESSAI 1"]);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(2, 2));

    // All tables in one file that may not grow: what the server says when its disk is full.
    let Some(server) =
        Server::dedicated(["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M"])
    else {
        return;
    };
    let world = World::on(server.new_db());
    deliver(&world, 2, 1);
    world.etl(&[]).expect_code(0);
    deliver(&world, 3000, 2);
    let json = world.etl(&["--jobs", "1"]).expect_code(1).json();
    let failed: Vec<&Value> =
        json["files"].as_array().unwrap().iter().filter(|file| file["status"] == "failed").collect();
    let full = |file: &&Value| file["code"] == "sql" && file["error"].as_str().unwrap().contains("is full");
    assert!(!failed.is_empty() && failed.iter().all(full), "{json}");
    for (index, (name, _, _)) in PARTS.into_iter().enumerate() {
        let expected = if file(&json, name)["status"] == "failed" { whole(2, 1) } else { whole(3000, 2) };
        assert_eq!(versions(&world)[index], expected[index], "{name}");
    }
    records_agree(&world);
}

#[test]
fn rights_that_lack_are_a_failure_of_their_table_alone() {
    let world = World::whole();
    deliver(&world, 2, 1);
    let mut grants = vec!["SELECT ON {db}.*".to_owned()];
    for table in ["fact_diurnes", "flux_import_history", "flux_etl_progress", "dim_dates", "dim_categories_visiteur"] {
        grants.push(format!("INSERT, UPDATE, DELETE ON {{db}}.{table}"));
    }
    let account = world.db.restricted_user(&grants.iter().map(String::as_str).collect::<Vec<_>>());
    let run = |account: &flux_test::Account| {
        let tool = tool(&world).env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
        let outcome = tool.run().sane();
        assert!(!format!("{outcome}{}", world.home.logs()).contains(&account.password));
        outcome
    };
    let json = run(&account).expect_code(1).json();
    for (name, _, _) in &PARTS[..2] {
        let said = failure(&json, name, "sql");
        assert!(said.contains("fact_nuitees"), "{said}");
    }
    assert_eq!(file(&json, PARTS[2].0)["status"], "loaded");
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (0, 36));
    records_agree(&world);
    // A user who may only read.
    let reader = world.db.restricted_user(&["SELECT ON {db}.*"]);
    deliver(&world, 2, 2);
    let json = run(&reader).expect_code(1).json();
    failure(&json, PARTS[2].0, "sql");
    assert_eq!(world.db.count("fact_nuitees"), 0);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(2, 2));
}

#[test]
fn tables_and_columns_that_lack_fail_their_files_and_name_the_mend() {
    let world = World::whole();
    deliver(&world, 2, 1);
    world.raw(
        "Diurne_Pays_2024B1_A.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Pays;Volume\n",
        &["2024-07-08;Cantal;Etranger;Touriste;Espagne;5"],
    );
    world.db.exec("DROP TABLE fact_diurnes; ALTER TABLE fact_diurnes_pays DROP COLUMN is_provisional");
    let json = world.etl(&[]).expect_code(1).json();
    for (name, code, word) in [
        (PARTS[2].0, "table-missing", "fact_diurnes"),
        ("Diurne_Pays_2024B1_A.csv", "schema-incomplete", "is_provisional"),
    ] {
        let said = failure(&json, name, code);
        assert!(said.contains(word) && said.contains("ensure-schema"), "{said}");
    }
    for (name, _, _) in &PARTS[..2] {
        assert_eq!(raw_counts(file(&json, name))[..2], [36, 36], "one bad table does not stop the others");
    }
    let loaded: Value = serde_json::from_str(&world.home.read("etl_checkpoint.json")).unwrap();
    assert_eq!((&loaded["status"], &loaded["totals"]["stored"]), (&json!("failed"), &json!(72)));
    world.tool("ensure-schema").run().expect_code(0);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(2, 1));
    assert_eq!(world.db.count("fact_diurnes_pays"), 1);
    // Without the tables of the tools themselves nothing is tried.
    for table in ["flux_import_history", "flux_etl_progress", "dim_dates", "dim_zones_observation"] {
        world.db.exec(&format!("RENAME TABLE {table} TO ailleurs"));
        let outcome = world.etl(&["--no-resume"]).expect_code(1);
        assert!(outcome.stdout.contains(table) && outcome.stdout.contains("ensure-schema"), "{outcome}");
        world.db.exec(&format!("RENAME TABLE ailleurs TO {table}"));
        assert_eq!(versions(&world), whole(2, 1), "{table}");
    }
    world.etl(&["--no-resume"]).expect_code(0);
}

#[test]
fn another_run_that_holds_the_lock_is_waited_for_by_nobody() {
    let world = World::whole();
    deliver(&world, 2, 1);
    let mut conn = world.db.conn();
    let _: Option<i64> = conn.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    let started = Instant::now();
    let json = world.etl(&[]).expect_code(4).json();
    assert_eq!(json["error"]["code"], "locked", "{json}");
    assert!(started.elapsed() < Duration::from_secs(30));
    for name in [ETL, "populate-facts-optimized"] {
        world.tool(name).arg("--quiet").run().sane().expect_code(4);
        world.tool(name).arg("--dry-run").run().sane().expect_code(0);
    }
    world.tool("cleanup-year").args(["--year", "2022", "--yes"]).run().sane().expect_code(4);
    assert_eq!(world.db.count("fact_nuitees"), 0);
    assert!(!world.home.join("etl_checkpoint.json").exists());
    drop(conn);
    world.etl(&[]).expect_code(0);
    assert_eq!(versions(&world), whole(2, 1));
}

#[test]
fn a_full_disk_loses_no_line() {
    let world = World::whole();
    let mut lines: Vec<String> =
        (0..3000).map(|i| format!("2024-07-08;Cantal;Local;Touriste;1,{i}5 ou plus")).collect();
    lines.push("2024-07-08;Cantal;Local;Touriste;1".into());
    world.raw("Nuitee_2024B1_rejets.csv", PLAIN, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let json = on_a_full_disk(&world.home, ETL).arg("--json").run().sane().expect_code(1).json();
    failure(&json, "Nuitee_2024B1_rejets.csv", "io");
    assert_eq!(world.db.count("fact_nuitees"), 0, "nothing is loaded whose rejects are lost");
    let json = world.etl(&[]).expect_code(3).json();
    assert_eq!(raw_counts(&json["files"][0])[..6], [3001, 1, 0, 0, 0, 3000]);
    // The same for what does not fit in memory.
    let world = World::whole();
    deliver(&world, 2400, 1);
    let full = on_a_full_disk(&world.home, ETL).args(["--json", "--jobs", "32"]).run().sane().expect_code(1).json();
    failure(&full, PARTS[0].0, "io");
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (0, 0));
    world.etl(&["--jobs", "32"]).expect_code(0);
    assert_eq!(versions(&world), whole(2400, 1));
}

#[test]
fn what_the_table_cannot_take_fails_the_file_whichever_way_it_is_loaded() {
    let world = World::whole();
    deliver(&world, 2, 1);
    world.etl(&[]).expect_code(0);
    world.db.exec("ALTER TABLE fact_nuitees MODIFY volume SMALLINT NOT NULL");
    deliver(&world, 2, 40_000);
    // LOAD DATA only warns, which is refused afterwards; an INSERT is refused by the server.
    for (method, code) in [("infile", "invariant"), ("insert", "sql")] {
        let json = world.etl(&["--load-method", method, "--jobs", "1", "--batch-size", "20"]).expect_code(1).json();
        assert!(failure(&json, PARTS[0].0, code).contains("volume"), "{method}: {json}");
        assert_eq!(versions(&world)[..2], whole(2, 1)[..2], "{method}");
        records_agree(&world);
    }
}
