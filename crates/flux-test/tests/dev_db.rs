//! `scripts/dev-db`, in a copy of its folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flux_test::mysql::{Conn, OptsBuilder, prelude::Queryable};
use flux_test::{Home, Outcome, Tool};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A checkout that holds nothing but the script; the database goes with it.
struct Checkout(Home);

impl Checkout {
    fn new() -> Self {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
        let home = Home::without_db();
        // The server's account must get through, as in an ordinary checkout.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["dev-db", "lib/common.sh"] {
            home.write(Path::new("scripts").join(name), fs::read(scripts.join(name)).unwrap());
        }
        Self(home)
    }

    fn dev_db(&self, command: &str) -> Outcome {
        Tool::program("/bin/bash").home(&self.0).arg("scripts/dev-db").arg(command).run()
    }

    /// The variables of a file of `NAME=value` lines.
    fn variables(&self, file: &str) -> HashMap<String, String> {
        let text = self.0.read(file);
        text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// A connection as the tools would make it.
    fn connect(&self, file: &str) -> Conn {
        let vars = self.variables(file);
        let opts = OptsBuilder::new()
            .socket(Some(&vars["DB_SOCKET"]))
            .user(Some(&vars["DB_USERNAME"]))
            .pass(Some(&vars["DB_PASSWORD"]))
            .db_name(Some(&vars["DB_DATABASE"]));
        Conn::new(opts).unwrap()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = self.dev_db("reset");
    }
}

#[test]
fn start_is_repeatable_keeps_the_data_and_hides_the_password() {
    let checkout = Checkout::new();
    checkout.dev_db("env").expect_code(1).expect_stderr("scripts/dev-db start");
    checkout.dev_db("start").expect_code(0);
    assert_eq!(fs::metadata(checkout.0.join(".env")).unwrap().permissions().mode() & 0o777, 0o600);
    let password = checkout.variables(".env")["DB_PASSWORD"].clone();
    assert!(password.len() >= 24, "{password}");
    let commands = Tool::program("/bin/sh").args(["-c", "cat /proc/[0-9]*/cmdline"]).run().stdout;
    assert!(commands.contains("mariadbd") && !commands.contains(&password));

    let mut conn = checkout.connect(".env");
    conn.query_drop("CREATE TABLE t (a INT); INSERT INTO t VALUES (5)").unwrap();
    let (local_infile, networking): (u8, u8) =
        conn.query_first("SELECT @@local_infile, NOT @@skip_networking").unwrap().unwrap();
    assert_eq!((local_infile, networking), (1, 0));
    drop(conn);

    let again = checkout.dev_db("start").expect_code(0);
    assert!(again.stderr.is_empty(), "{again}");
    checkout.dev_db("stop").expect_code(0);
    checkout.dev_db("stop").expect_code(0);
    fs::remove_file(checkout.0.join(".env")).unwrap();
    checkout.dev_db("start").expect_code(0);
    assert_eq!(checkout.variables(".env")["DB_PASSWORD"], password);
    assert_eq!(checkout.connect(".env").query_first("SELECT a FROM t").unwrap(), Some(5));

    checkout.dev_db("reset").expect_code(0);
    assert!(!checkout.0.join(".env").exists() && !checkout.0.join(".dev/db").exists());
}

#[test]
fn a_dotenv_of_somebody_else_is_left_alone_and_a_killed_server_starts_again() {
    let checkout = Checkout::new();
    checkout.0.write(".env", "DB_HOST=production\n");
    checkout.dev_db("start").expect_code(0).expect_stderr("⚠ .env existe");
    assert_eq!(checkout.0.read(".env"), "DB_HOST=production\n");
    let exports = &checkout.dev_db("env").expect_code(0).expect_stdout("export DB_DATABASE='fluxvision'\n").stdout;
    assert!(exports.lines().all(|line| line.starts_with("export ")), "{exports}");

    checkout.connect(".dev/env").query_drop("CREATE TABLE t (a INT); INSERT INTO t VALUES (7)").unwrap();
    let pid = checkout.0.read(".dev/db/mariadb.pid").trim().to_owned();
    Tool::program("/bin/sh").args(["-c", "kill -9 $1", "sh", &pid]).run().expect_code(0);
    checkout.dev_db("start").expect_code(0);
    assert_eq!(checkout.connect(".dev/env").query_first("SELECT a FROM t").unwrap(), Some(7));
    checkout.dev_db("reset").expect_code(0);
    assert_eq!(checkout.0.read(".env"), "DB_HOST=production\n");
}

#[test]
fn an_unknown_command_is_bad_usage() {
    let checkout = Checkout::new();
    checkout.dev_db("restart").expect_code(2).expect_stderr("usage");
}
