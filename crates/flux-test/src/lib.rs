//! Test support: a private database server, one database per test, temporary homes, real processes.
//!
//! ```no_run
//! let db = flux_test::TestDb::new();
//! let home = flux_test::Home::new(&db);
//! home.write_csv("frequentation_nuitee.csv", "Date;ZoneObservation;…\n");
//! let outcome = home.tool("update-temp-tables").arg("--json").run().expect_code(0);
//! assert_eq!(outcome.json()["status"], "ok");
//! assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees_temp"), "1");
//! ```
//!
//! **Which server.** By default all test processes of a run share one MariaDB, started by the first that needs it and gone
//! a minute after the last; its data are in memory where there is room. `FLUX_TEST_DB_HOST`, `FLUX_TEST_DB_PORT`, `FLUX_TEST_DB_USER`,
//! `FLUX_TEST_DB_PASSWORD` (or `FLUX_TEST_DB_SOCKET`) name another one, whose user must be allowed to create databases
//! and users: the MySQL pass works that way. [`Server::dedicated`] starts one of the test's own (to be killed, with special
//! settings) of the same family; for MySQL, `FLUX_TEST_MYSQLD` names the program, arguments after it, separated by blanks.
//!
//! **Skips.** A test that lacks something here calls [`skip`] and returns: a line on stderr, under `FLUX_TEST_STRICT=1` a
//! failure.
//!
//! **Which program.** [`Tool`] runs `target/<profile>/flux`, called as the tool. `cargo test -p flux` builds it first.
//!
//! Everything here panics with a full account when something is wrong: it is for tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod db;
mod described;
mod home;
mod instance;
mod outcome;
mod schema;
mod scratch;
mod server;
mod shared;
mod template;
mod tool;

pub use db::{Account, TestDb};
pub use described::Described;
pub use home::Home;
pub use outcome::{Checked, Outcome};
pub use schema::schema_of;
pub use server::{Server, is_mysql};
pub use template::Template;
pub use tool::{Running, Tool, bin_dir};

pub use mysql;

use std::path::PathBuf;

/// `target/<profile>/`, where cargo puts the program: the folder above the `deps/` of the running test.
pub fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("path of the test executable");
    let deps = exe.parent().expect("the test executable lies in a folder");
    let inner = deps.ends_with("deps") || deps.ends_with("examples");
    if inner { deps.parent().expect("it lies in the profile's folder").into() } else { deps.into() }
}

/// Says on stderr why the calling test does not run here; under `FLUX_TEST_STRICT=1` that is a failure.
#[track_caller]
pub fn skip(why: &str) {
    let place = std::panic::Location::caller();
    assert!(std::env::var_os("FLUX_TEST_STRICT").is_none_or(|strict| strict != "1"), "{place}: not run: {why}");
    eprintln!("{place}: skipped: {why}");
}

/// The folder of the workspace's own `Cargo.toml`, with `scripts/` and `docs/`.
pub fn repository() -> PathBuf {
    let crate_dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.ancestors().nth(2).expect("the crate lies in crates/").to_owned()
}

/// `target/flux-test/`, created: servers, their data and their logs.
pub(crate) fn work_dir() -> PathBuf {
    let dir = profile_dir().parent().expect("the profile's folder lies in target/").join("flux-test");
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("cannot create {}: {e}", dir.display()));
    dir
}

/// A name that no other test of this machine uses at the time: process, counter and clock.
pub(crate) fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    format!("{prefix}_{}_{}_{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed), nanos)
}
