//! Running programs: environment, output, time limit, signals, the account of a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flux_test::{Home, TestDb, Tool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

fn sh(script: &str) -> Tool {
    Tool::program("/bin/sh").args(["-c", script])
}

/// The message of the panic that `f` must cause.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("a panic was expected"),
        Err(payload) => payload.downcast::<String>().map(|s| *s).expect("a formatted message"),
    }
}

#[test]
fn code_and_output_are_those_of_the_process() {
    let outcome = sh("echo '{\"status\": \"ok\"}'; echo non >&2; exit 3").run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (3, "non\n"));
    assert_eq!(outcome.expect_code(3).json()["status"], "ok");
}

#[test]
fn the_environment_is_only_what_the_home_gives() {
    let db = TestDb::new();
    let home = Home::new(&db);
    let out = &sh("env; pwd").home(&home).env("APP_ENV", "production").run().expect_code(0).stdout;
    let names: Vec<&str> = out.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    for name in
        ["PATH", "TZ", "LANG", "HOME", "DB_HOST", "DB_PORT", "DB_DATABASE", "DB_USERNAME", "DB_PASSWORD", "APP_ENV"]
    {
        assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name} in {names:?}");
    }
    assert!(!names.iter().any(|n| n.starts_with("CARGO") || n.starts_with("FLUX")), "{names:?}");
    assert_eq!(out.lines().last(), home.path().canonicalize().unwrap().to_str());
}

#[test]
fn a_failure_is_told_in_full_without_the_password() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.write("logs/sh.log", "ligne du journal\n");
    let message = panic_of(|| sh("echo sortie; echo erreur >&2; exit 1").home(&home).run().expect_code(0));
    for part in ["exit code 0 expected", "sh -c echo sortie", "exit code 1", "sortie", "erreur", "ligne du journal"] {
        assert!(message.contains(part), "{part:?} in: {message}");
    }
    assert!(!message.contains(&db.account().password), "{message}");
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let start = Instant::now();
    let message = panic_of(|| sh("echo avant; sleep 60 & sleep 60").limit(Duration::from_millis(300)).run());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(message.contains("time limit of 300ms") && message.contains("avant"), "{message}");
}

#[test]
fn signals_reach_the_program() {
    let home = Home::without_db();
    let mut running = sh("trap 'exit 7' TERM; : >ready; while :; do sleep 0.05; done").home(&home).spawn();
    while !home.join("ready").exists() {
        assert!(running.is_running());
    }
    running.signal("TERM");
    assert_eq!(running.wait().code, 7);
    let mut running = sh("exec sleep 60").spawn();
    running.kill9();
    assert_eq!(running.wait().code, 137);
}

#[test]
fn memory_is_seen() {
    let outcome = sh("x=$(head -c 30000000 /dev/zero | tr '\\0' a); sleep 0.2; echo ${#x}").run().expect_code(0);
    assert_eq!(outcome.stdout, "30000000\n");
    assert!(outcome.peak_rss_kib > 29_000 && outcome.peak_rss_kib < 300_000, "{}", outcome.peak_rss_kib);
}

#[test]
fn a_tool_that_does_not_exist_is_named() {
    assert!(panic_of(|| Tool::new("no-such-tool")).contains("no-such-tool is no tool"));
}
