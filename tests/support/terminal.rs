//! A terminal of the test's own, which `script` of util-linux makes.

use std::process::{Command, Stdio};

use flux_test::Home;

/// A tool of this home on a terminal. Where there is no `script`, it does not start.
pub fn tool(home: &Home, name: &str, arguments: &str) -> Command {
    let program = flux_test::bin_dir().join(name);
    let call = format!("{} {arguments} --home {}", program.display(), home.path().display());
    let mut command = Command::new("script");
    command.args(["-qec", &call, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    command
}

/// What it shows; `None` without `script`.
pub fn shown(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
