//! Recipes of the operators' pages, run as they are written there.

use flux_test::{Checked, Home, Outcome, Tool, bin_dir, repository};
use std::os::unix::fs::PermissionsExt;

use crate::weekly::Sane;

/// The text of a page of `docs/`.
#[track_caller]
pub fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

/// The commands of every `sh` block of a text, comments and empty lines left out, continued lines joined.
pub fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let (mut inside, mut begun) = (false, String::new());
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        let line = line.split(" #").next().unwrap().trim();
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            begun.push_str(part);
        } else {
            commands.push(format!("{begun}{line}"));
            begun.clear();
        }
    }
    commands
}

/// Runs a command line as an operator does at this home; `systemctl` is a stand-in, `import-hebdo` the script of the repository.
#[track_caller]
pub fn shell(home: &Home, command: &str, env: &[(&str, &str)]) -> Outcome {
    let bin = bin_dir().display();
    let chain = repository().join("scripts/import-hebdo");
    let stand_ins = [
        ("systemctl", "#!/bin/sh\necho systemctl \"$@\"\n".to_owned()),
        ("import-hebdo", format!("#!/bin/sh\nexec {} --bin {bin} \"$@\"\n", chain.display())),
    ];
    for (name, text) in stand_ins {
        let path = home.write(format!("bin/{name}"), text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{bin}:/usr/bin:/bin", home.join("bin").display());
    let tool = Tool::program("/bin/bash").home(home).args(["-c", command]).limit(std::time::Duration::from_secs(120));
    let tool = env.iter().fold(tool, |tool, (name, value)| tool.env(name, value));
    tool.env("PATH", path).env("FLUX_HOME", home.path()).run()
}

/// A recipe whose steps a test takes one by one, in the order of the page.
pub struct Recipe {
    left: std::vec::IntoIter<String>,
}

impl Recipe {
    /// The commands beneath the heading of this level and text, up to the next heading of the level.
    #[track_caller]
    pub fn of(name: &str, heading: &str) -> Self {
        let text = page(name);
        let level = heading.split(' ').next().unwrap();
        let below = text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading} in {name}"));
        let commands = commands(below.split(&format!("\n{level} ")).next().unwrap());
        assert!(!commands.is_empty(), "{heading} has no command");
        Self { left: commands.into_iter() }
    }

    /// The same with something of the page's example put in the place of another.
    pub fn with(self, from: &str, to: &str) -> Self {
        let left: Vec<String> = self.left.map(|command| command.replace(from, to)).collect();
        Self { left: left.into_iter() }
    }

    /// Every command that is left.
    pub fn all(self) -> Vec<String> {
        self.left.collect()
    }

    #[track_caller]
    fn next(&mut self, expected: &str) -> String {
        let command = self.left.next().unwrap_or_else(|| panic!("the page ends before {expected}"));
        assert!(command.split(' ').next() == Some(expected), "the page says « {command} », not {expected}");
        command
    }

    /// Runs the next command, which must be a call of this tool and end with this code.
    #[track_caller]
    pub fn run(&mut self, home: &Home, tool: &str, code: i32) -> Checked {
        shell(home, &self.next(tool), &[]).expect_code(code)
    }

    /// The same, for its document.
    #[track_caller]
    pub fn json(&mut self, home: &Home, tool: &str, code: i32) -> serde_json::Value {
        shell(home, &format!("{} --json", self.next(tool)), &[]).sane().expect_code(code).json()
    }

    /// Nothing of the page is left.
    #[track_caller]
    pub fn end(mut self) {
        assert_eq!(self.left.next(), None, "a command of the page that is not acted out");
    }
}
