//! What a finished tool left.

use std::fmt;
use std::ops::Deref;

/// Exit code and output of a process that has ended.
#[derive(Debug)]
#[must_use = "a run whose end nobody looks at proves nothing"]
pub struct Outcome {
    /// Exit code; 128 + number where a signal ended it, as in a shell.
    pub code: i32,
    /// Standard output, bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Largest resident memory seen while it ran, in KiB (sampled; 0 where it ended too soon to be seen).
    pub peak_rss_kib: u64,
    /// How long it ran.
    pub duration: std::time::Duration,
    pub(crate) command: String,
    pub(crate) logs: String,
}

impl Outcome {
    /// Panics with command, exit code, output and logs unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Checked {
        assert!(self.code == code, "exit code {code} expected\n{self}");
        Checked(self)
    }

    /// The JSON document on standard output. Anything beside it there is a failure, and so is a field of a tool's document that
    /// `docs/json.md` does not describe, or not so; the schema of the tool (`flux schema`) must hold, too.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let document: serde_json::Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("stdout is not one JSON document: {e}\n{self}"));
        if let Some(tool) = document["tool"].as_str() {
            assert_eq!(document["version"], 1, "version of the document\n{self}");
            let problems = crate::Described::get().problems(&document);
            assert!(problems.is_empty(), "docs/json.md, section {tool}: {problems:#?}\n{self}");
            let problems = crate::schema::problems(tool, &document);
            assert!(problems.is_empty(), "flux schema {tool}: {problems:#?}\n{self}");
        }
        document
    }

    /// Panics with the full dump unless standard output holds the text.
    #[track_caller]
    pub fn expect_stdout(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} expected on stdout\n{self}");
        self
    }

    /// Panics with the full dump unless standard error holds the text.
    #[track_caller]
    pub fn expect_stderr(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} expected on stderr\n{self}");
        self
    }
}

/// An outcome whose exit code is the expected one, so that nothing more need be done with it.
#[derive(Debug)]
pub struct Checked(Outcome);

impl Checked {
    /// As [`Outcome::expect_stdout`].
    #[track_caller]
    pub fn expect_stdout(self, text: &str) -> Self {
        Self(self.0.expect_stdout(text))
    }

    /// As [`Outcome::expect_stderr`].
    #[track_caller]
    pub fn expect_stderr(self, text: &str) -> Self {
        Self(self.0.expect_stderr(text))
    }
}

impl Deref for Checked {
    type Target = Outcome;

    fn deref(&self) -> &Outcome {
        &self.0
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "=== {}\n=== exit code {} after {:.2?}", self.command, self.code, self.duration)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr), ("logs", &self.logs)] {
            let empty = if text.is_empty() { " (empty)" } else { "" };
            writeln!(f, "=== {name}{empty}\n{}", text.trim_end())?;
        }
        Ok(())
    }
}
