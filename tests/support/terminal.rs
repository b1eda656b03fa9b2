//! A terminal of a given width, which `script` of util-linux makes.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use flux_test::{Home, Outcome, Tool, bin_dir};

/// A tool of this home on a terminal. Where there is no `script`, it does not start.
pub fn tool(home: &Home, name: &str, arguments: &str) -> Command {
    let program = bin_dir().join(name);
    let call = format!("{} {arguments} --home {}", program.display(), home.path().display());
    let mut command = Command::new("script");
    command.args(["-qec", &call, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    command
}

/// What it shows; `None` without `script`.
pub fn screen(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command in this home on a terminal of its own; its standard error comes with its output, as it does there.
#[track_caller]
pub fn run(home: &Home, columns: usize, words: &[&str]) -> Outcome {
    let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
    let command = words.iter().map(quoted).collect::<Vec<_>>().join(" ");
    let path = format!("{}:{}", bin_dir().display(), std::env::var("PATH").unwrap_or_default());
    Tool::program("script")
        .home(home)
        .args(["-qec", &format!("stty cols {columns} rows 50; exec {command}"), "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("PATH", path)
        .run()
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
            .trim_start_matches(['→', '✓', '⚠', '✗', '-', ' '])
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
