//! A terminal of a given width, which `script` of util-linux makes.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use flux_test::{Home, Outcome, Tool, bin_dir};

/// A command in this home on a terminal of its own; its standard error comes with its output, as it does there.
pub fn on(home: &Home, columns: usize, words: &[&str]) -> Tool {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
    let command = words.iter().map(quoted).collect::<Vec<_>>().join(" ");
    let path = format!("{}:{}", bin_dir().display(), std::env::var("PATH").unwrap_or_default());
    Tool::program("script")
        .home(home)
        .args(["-qec", &format!("stty cols {columns} rows 50; exec {command}"), "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("PATH", path)
}

/// Waits for each question, and types a line.
#[track_caller]
pub fn answered(tool: Tool, lines: &[&str]) -> Outcome {
    let mut running = tool.keyboard().spawn();
    let mut answered = 0;
    for line in lines {
        let asks = |shown: &str| shown.len() > answered && shown.trim_end().ends_with(':');
        running.wait_shown(asks);
        // A question for a password comes just before the terminal stops to echo: until the one who asks waits, at rest.
        let mut rest = 0;
        while rest < 15 && running.is_running() {
            rest = if at_rest(running.pid()) { rest + 1 } else { 0 };
            sleep(Duration::from_millis(20));
        }
        answered = running.shown().len();
        running.types(line);
    }
    running.wait()
}

/// Whether no process below this one runs, or could.
fn at_rest(pid: u32) -> bool {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let below = read(format!("/proc/{pid}/task/{pid}/children"));
    below.split_whitespace().filter_map(|child| child.parse().ok()).all(|child: u32| {
        let stat = read(format!("/proc/{child}/stat"));
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')) && at_rest(child)
    })
}

/// Whether there is such a program.
pub fn is_there() -> bool {
    Command::new("script").arg("--version").output().is_ok()
}

/// What stands on the terminal at the end: no colours, no bars that were drawn and wiped again.
pub fn shown(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    for line in outcome.stdout.split('\n') {
        // What was wiped is in front of the last return that is not the line's end.
        let line = line.trim_end_matches('\r');
        let line = line.rsplit('\r').next().unwrap_or(line);
        lines.push(uncoloured(line));
    }
    lines.join("\n")
}

/// Without escape sequences.
fn uncoloured(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        text.push_str(&part[end..]);
    }
    text
}

/// Lines wider than the terminal, but for those that are one path or one command, which stays whole.
pub fn too_wide(text: &str, columns: usize) -> Vec<&str> {
    let whole = |line: &str| {
        let rest = line
            .trim()
            .trim_start_matches(['→', '✓', '⚠', '✗', '-', '(', ' '])
            .trim_end_matches([' ', ':', ',', '.', ';', ')']);
        !rest.contains(' ') || (rest.matches('`').count() == 2 && rest.starts_with('`') && rest.ends_with('`'))
    };
    text.lines().filter(|line| line.chars().count() > columns && !whole(line)).collect()
}

/// Words of the text that are in no other: what was cut is neither its first nor its second half. Numbers differ from run to run.
pub fn cut<'a>(text: &'a str, known: &str) -> Vec<&'a str> {
    let word = |word: &str| word.chars().any(char::is_alphabetic);
    let bare = |text: &'a str| text.trim_matches(|c: char| "(),.;:`".contains(c));
    let known: BTreeSet<&str> =
        known.split_whitespace().map(|text| text.trim_matches(|c: char| "(),.;:`".contains(c))).collect();
    text.split_whitespace().map(bare).filter(|text| word(text) && !known.contains(text)).collect()
}
