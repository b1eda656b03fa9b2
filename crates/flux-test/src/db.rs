//! One database per test.

use crate::Server;
use crate::instance::Address;
use mysql::{Conn, Row, Value, prelude::Queryable};
use std::fs;
use std::path::{Path, PathBuf};

/// A fresh database with a user of its own, who may do everything in it and nothing elsewhere. Both go on drop.
pub struct TestDb {
    address: Address,
    name: String,
    owner: Account,
    others: std::sync::Mutex<Vec<String>>,
    /// The file of the server's public key, which tools need to give a MySQL the password without TLS.
    key: Option<PathBuf>,
}

/// A user of the server.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name (from any host).
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Default for TestDb {
    fn default() -> Self {
        Self::new()
    }
}

impl TestDb {
    /// On the server of the run.
    pub fn new() -> Self {
        Self::on(Server::shared())
    }

    pub(crate) fn on(server: &Server) -> Self {
        Self::named(server, crate::unique("flux_test"))
    }

    pub(crate) fn named(server: &Server, name: String) -> Self {
        let db = Self {
            address: server.address.clone(),
            owner: Account { user: name.clone(), password: crate::unique("Secret") },
            name,
            others: Default::default(),
            key: public_key(server.admin()),
        };
        db.admin_exec(&format!("CREATE DATABASE `{}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", db.name));
        db.create_user(&db.owner);
        db.admin_exec(&format!("GRANT ALL ON `{}`.* TO '{}'@'%'", db.name, db.owner.user));
        db
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its user.
    pub fn account(&self) -> &Account {
        &self.owner
    }

    /// Address and port.
    pub fn tcp(&self) -> (&str, u16) {
        (&self.address.host, self.address.port)
    }

    /// The server's unix socket, where it is known.
    pub fn socket(&self) -> Option<&Path> {
        self.address.socket.as_deref()
    }

    /// The variables by which a tool finds this database.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let mut env = vec![
            ("DB_HOST", self.address.host.clone()),
            ("DB_PORT", self.address.port.to_string()),
            ("DB_DATABASE", self.name.clone()),
            ("DB_USERNAME", self.owner.user.clone()),
            ("DB_PASSWORD", self.owner.password.clone()),
        ];
        env.extend(self.key.iter().map(|key| ("DB_SERVER_PUBLIC_KEY", key.display().to_string())));
        env
    }

    /// A new connection as the database's user.
    pub fn conn(&self) -> Conn {
        self.conn_as(&self.owner)
    }

    /// A new connection to this database as another user.
    pub fn conn_as(&self, account: &Account) -> Conn {
        let opts = self.address.opts(&account.user, &account.password, Some(&self.name));
        Conn::new(opts).unwrap_or_else(|e| panic!("cannot connect to {} as {}: {e}", self.name, account.user))
    }

    /// A connection to this database with all rights of the server (`SET GLOBAL`, `KILL`, `GRANT`).
    pub fn admin(&self) -> Conn {
        let opts = self.address.opts(&self.address.user, &self.address.password, Some(&self.name));
        Conn::new(opts).unwrap_or_else(|e| panic!("cannot connect to {} as administrator: {e}", self.name))
    }

    /// Runs one or more statements (`;` between them), each of which must succeed.
    #[track_caller]
    pub fn exec(&self, sql: &str) {
        all(&mut self.conn(), sql).unwrap_or_else(|e| panic!("{e}\nin: {sql}"));
    }

    /// All rows as text, `NULL` for NULL. The order is the statement's.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let rows: Vec<Row> = self.conn().query(sql).unwrap_or_else(|e| panic!("{e}\nin: {sql}"));
        rows.into_iter().map(|row| row.unwrap().iter().map(text).collect()).collect()
    }

    /// The first column of all rows as text.
    #[track_caller]
    pub fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    /// The single value of a statement that yields one row, as text.
    #[track_caller]
    pub fn scalar(&self, sql: &str) -> String {
        let mut values = self.column(sql);
        assert_eq!(values.len(), 1, "one row expected, not {values:?}, of: {sql}");
        values.swap_remove(0)
    }

    /// Number of rows of a table.
    #[track_caller]
    pub fn count(&self, table: &str) -> u64 {
        self.scalar(&format!("SELECT COUNT(*) FROM `{table}`")).parse().unwrap()
    }

    /// True when the table exists.
    pub fn has_table(&self, table: &str) -> bool {
        let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ";
        self.scalar(&format!("{sql}'{table}'")) == "1"
    }

    /// A user with exactly these rights: `"SELECT ON {db}.*"`, `"INSERT ON {db}.fact_nuitees_temp"`; `{db}` stands for
    /// the quoted name of this database. Without any right it can connect to the server, not to the database.
    pub fn restricted_user(&self, grants: &[&str]) -> Account {
        let mut others = self.others.lock().unwrap();
        let account = Account { user: format!("{}_{}", self.name, others.len()), password: crate::unique("Secret") };
        self.create_user(&account);
        others.push(account.user.clone());
        self.grant(&account, grants);
        account
    }

    /// From now on its own user has these rights alone.
    pub(crate) fn restrict(&self, grants: &[&str]) {
        self.admin_exec(&format!("REVOKE ALL ON `{}`.* FROM '{}'@'%'", self.name, self.owner.user));
        self.grant(&self.owner, grants);
    }

    fn grant(&self, account: &Account, grants: &[&str]) {
        for grant in grants {
            let what = grant.replace("{db}", &format!("`{}`", self.name));
            self.admin_exec(&format!("GRANT {what} TO '{}'@'%'", account.user));
        }
    }

    fn create_user(&self, account: &Account) {
        self.admin_exec(&format!("CREATE USER '{}'@'%' IDENTIFIED BY '{}'", account.user, account.password));
    }

    /// Runs a statement as the administrator of the server.
    #[track_caller]
    pub fn admin_exec(&self, sql: &str) {
        let mut conn = self.address.admin().unwrap_or_else(|e| panic!("cannot connect to the test server: {e}"));
        conn.query_drop(sql).unwrap_or_else(|e| panic!("{e}\nin: {sql}"));
    }

    /// Sessions left behind would hold metadata locks, on which DROP DATABASE waits.
    fn drop_all(&self) -> Result<(), mysql::Error> {
        let mut conn = self.address.admin()?;
        conn.query_drop("SET SESSION lock_wait_timeout = 10")?;
        let users: Vec<String> = self.others.lock().map(|o| o.clone()).unwrap_or_default();
        let users: Vec<&String> = users.iter().chain([&self.owner.user]).collect();
        for user in &users {
            let sessions: Vec<u64> =
                conn.exec("SELECT id FROM information_schema.processlist WHERE user = ?", (user.as_str(),))?;
            for id in sessions {
                let _ = conn.query_drop(format!("KILL {id}"));
            }
        }
        conn.query_drop(format!("DROP DATABASE IF EXISTS `{}`", self.name))?;
        for user in users {
            conn.query_drop(format!("DROP USER IF EXISTS '{user}'@'%'"))?;
        }
        Ok(())
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // The server may be down on purpose; then its data go with it.
        let _ = self.drop_all();
    }
}

/// `query_drop` hears of the first statement's error alone.
pub(crate) fn all(conn: &mut Conn, sql: &str) -> Result<(), mysql::Error> {
    let mut results = conn.query_iter(sql)?;
    while let Some(mut rows) = results.iter() {
        rows.try_for_each(|row| row.map(drop))?;
    }
    Ok(())
}

/// The key of a MySQL, in a file that its text names.
fn public_key(mut conn: Conn) -> Option<PathBuf> {
    let sql = "SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'";
    let (_, key): (String, String) = conn.query_first(sql).expect("the server's public key")?;
    let hash = key.bytes().fold(0u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let path = crate::work_dir().join(format!("key-{hash:x}.pem"));
    if !path.exists() {
        let aside = crate::work_dir().join(crate::unique("key"));
        fs::write(&aside, key).and_then(|()| fs::rename(&aside, &path)).expect("write the server's public key");
    }
    Some(path)
}

fn text(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".into(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    }
}
