//! A database that is made once per process: many tests read it, others get a copy of their own.

use crate::{Server, TestDb, db};
use mysql::{Conn, prelude::Queryable};
use std::sync::Mutex;

/// Databases of this kind. Their owner holds a lock of the same name as long as its process lives.
const PREFIX: &str = "flux_kept";

/// A database to be held in a `static`: it stays as long as the process. Its own account may only read.
pub struct Template {
    db: TestDb,
    /// For each table, what makes it again and what copies its rows.
    statements: Vec<String>,
}

impl Template {
    /// On the server of the run, as `make` leaves it. What the account may do beside reading is granted as by
    /// [`TestDb::restricted_user`].
    pub fn new(make: impl FnOnce(&TestDb), grants: &[&str]) -> Self {
        let mut owner = Server::shared().admin();
        sweep(&mut owner);
        let name = crate::unique(PREFIX);
        // Before there is anything that a sweep could find.
        owner.query_drop(format!("DO GET_LOCK('{name}', 0)")).expect("the lock of a new name");
        let db = TestDb::named(Server::shared(), name);
        make(&db);
        let statements = statements(&db);
        db.restrict(&[&["SELECT ON {db}.*"], grants].concat());
        static OWNERS: Mutex<Vec<Conn>> = Mutex::new(Vec::new());
        OWNERS.lock().expect("connections of owners").push(owner);
        Self { db, statements }
    }

    /// The database itself, for tests that read it.
    pub fn db(&self) -> &TestDb {
        &self.db
    }

    /// A database of the test's own with the same tables, keys and rows.
    pub fn copy(&self) -> TestDb {
        let copy = TestDb::new();
        let mut conn = copy.admin();
        // Every row was accepted once; tables come in the order of their names.
        let session = "SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'";
        conn.query_drop(session).expect("settings of the session");
        db::all(&mut conn, &self.statements.join(";\n"))
            .unwrap_or_else(|e| panic!("{e} in a copy of {}", self.db.name()));
        copy
    }
}

/// Drops what processes that are gone have left.
fn sweep(conn: &mut Conn) {
    let sql = "SELECT schema_name AS n FROM information_schema.schemata WHERE schema_name LIKE ?";
    let names: Vec<String> =
        conn.exec(sql, (format!("{}\\_%", PREFIX.replace('_', "\\_")),)).expect("names of databases");
    for name in names {
        let free: Option<Option<u8>> =
            conn.query_first(format!("SELECT GET_LOCK('{name}', 0)")).expect("a lock's state");
        if free.flatten() == Some(1) {
            let _ = conn.query_drop(format!("DROP DATABASE IF EXISTS `{name}`"));
            let _ = conn.query_drop(format!("DROP USER IF EXISTS '{name}'@'%'"));
            let _ = conn.query_drop(format!("DO RELEASE_LOCK('{name}')"));
        }
    }
}

fn statements(db: &TestDb) -> Vec<String> {
    let kept = db.name();
    let tables = db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1",
    );
    let mut statements = Vec::new();
    for table in tables {
        statements.push(db.rows(&format!("SHOW CREATE TABLE `{table}`")).swap_remove(0).swap_remove(1));
        if db.count(&table) > 0 {
            let columns = db.column(&format!(
                "SELECT CONCAT('`', column_name, '`') AS c FROM information_schema.columns WHERE table_schema = DATABASE() \
                 AND table_name = '{table}' AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position"
            ));
            let columns = columns.join(", ");
            statements.push(format!("INSERT INTO `{table}` ({columns}) SELECT {columns} FROM `{kept}`.`{table}`"));
        }
    }
    statements
}
