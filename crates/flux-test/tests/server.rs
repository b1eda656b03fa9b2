//! The shared server, databases on it, and servers of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, TestDb};

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
