//! The shared server, databases on it, and servers of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, Template, TestDb};

#[test]
fn two_databases_do_not_see_each_other() {
    let (one, two) = (TestDb::new(), TestDb::new());
    assert_ne!(one.name(), two.name());
    one.exec("CREATE TABLE t (a INT, b VARCHAR(20)); INSERT INTO t VALUES (1, 'Châtaigneraie'), (2, NULL)");
    assert_eq!(one.rows("SELECT a, b FROM t ORDER BY a"), [["1", "Châtaigneraie"], ["2", "NULL"]]);
    assert_eq!((one.count("t"), one.scalar("SELECT SUM(a) FROM t")), (2, "3".into()));
    assert!(one.has_table("t") && !two.has_table("t"));
    let other = one.name().to_owned();
    let error = two.conn().query_drop(format!("SELECT * FROM `{other}`.t")).unwrap_err();
    assert!(error.to_string().contains("denied"), "{error}");
}

#[test]
fn a_dropped_database_is_gone_though_a_session_holds_a_lock_in_it() {
    let db = TestDb::new();
    let (name, user) = (db.name().to_owned(), db.account().user.clone());
    db.exec("CREATE TABLE t (a INT PRIMARY KEY)");
    let mut session = db.conn();
    session.query_drop("BEGIN; INSERT INTO t VALUES (1)").unwrap();
    drop(db);
    let mut admin = Server::shared().admin();
    let left: Option<String> =
        admin.exec_first("SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?", (name,)).unwrap();
    assert_eq!(left, None);
    let left: Option<String> = admin.exec_first("SELECT user FROM mysql.user WHERE user = ?", (user,)).unwrap();
    assert_eq!(left, None);
}

#[test]
fn a_restricted_user_has_its_rights_and_no_other() {
    let db = TestDb::new();
    db.exec("CREATE TABLE t (a INT)");
    let reader = db.restricted_user(&["SELECT ON {db}.*"]);
    let mut conn = db.conn_as(&reader);
    assert_eq!(conn.query_first::<u32, _>("SELECT COUNT(*) FROM t").unwrap(), Some(0));
    let error = conn.query_drop("INSERT INTO t VALUES (1)").unwrap_err();
    assert!(error.to_string().contains("INSERT command denied"), "{error}");
}

#[test]
fn load_data_local_is_allowed() {
    assert_eq!(TestDb::new().scalar("SELECT @@GLOBAL.local_infile"), "1");
}

#[test]
fn the_sql_mode_is_the_servers_own() {
    assert!(TestDb::new().scalar("SELECT @@sql_mode").contains("STRICT_TRANS_TABLES"));
}

#[test]
fn a_dedicated_server_survives_kill_and_keeps_what_was_committed() {
    let Some(server) = Server::dedicated(["--local-infile=OFF"]) else { return };
    let db = server.new_db();
    db.exec("CREATE TABLE t (a INT PRIMARY KEY)");
    db.exec("INSERT INTO t VALUES (1)");
    let mut open = db.conn();
    open.query_drop("BEGIN; INSERT INTO t VALUES (2)").unwrap();
    server.kill9();
    assert!(open.query_drop("COMMIT").is_err());
    server.restart();
    assert_eq!(db.column("SELECT a FROM t"), ["1"]);
    assert_eq!(db.scalar("SELECT @@local_infile"), "0");
    server.stop();
    assert_eq!(server.pid(), None);
}

#[test]
fn a_template_is_copied_whole_and_nobody_writes_to_it() {
    let make = |db: &TestDb| {
        db.exec(
            "CREATE TABLE parent (id INT AUTO_INCREMENT PRIMARY KEY, nom VARCHAR(20) NOT NULL) ENGINE=InnoDB;
             CREATE TABLE child (id INT PRIMARY KEY, parent INT NOT NULL, twice INT GENERATED ALWAYS AS (id * 2) STORED,
               day DATE NOT NULL, KEY k (day), CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent (id)) ENGINE=InnoDB;
             INSERT INTO parent VALUES (7, 'été'); INSERT INTO child (id, parent, day) VALUES (0, 7, '2025-07-07')",
        );
    };
    let template = Template::new(make, &["INSERT ON {db}.parent"]);
    let copies = [template.copy(), template.copy()];
    for copy in &copies {
        assert_eq!(copy.rows("SELECT id, parent, twice, day FROM child"), [["0", "7", "0", "2025-07-07"]]);
        let orphan =
            copy.conn().query_drop("INSERT INTO child (id, parent, day) VALUES (1, 8, '2025-07-07')").unwrap_err();
        assert!(orphan.to_string().contains("foreign key"), "{orphan}");
        copy.exec("INSERT INTO parent (nom) VALUES ('hiver'); DELETE FROM child");
        assert_eq!(copy.scalar("SELECT MAX(id) FROM parent"), "8");
    }
    assert_eq!((template.db().count("child"), template.db().count("parent")), (1, 1));
    template.db().exec("INSERT INTO parent (nom) VALUES ('allowed')");
    let refused = template.db().conn().query_drop("DELETE FROM child").unwrap_err();
    assert!(refused.to_string().contains("denied"), "{refused}");
    // One that nobody holds any more goes when the next is made; this one stays.
    let mut admin = Server::shared().admin();
    admin.query_drop("CREATE DATABASE flux_kept_of_nobody").unwrap();
    let _other = Template::new(make, &[]);
    let sql =
        "SELECT schema_name AS n FROM information_schema.schemata WHERE schema_name IN ('flux_kept_of_nobody', ?)";
    let left: Vec<String> = admin.exec(sql, (template.db().name(),)).unwrap();
    assert_eq!(left, [template.db().name()]);
}
