//! What a tool is: its own program, the one program, completions, manual pages and documents all derive from it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Command};
use flux_core::error::Error;
use flux_core::task::Task;
use serde_json::Value;

/// A tool: what it is called, what its help says, how it is run.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Name of the command, as operators type it.
    pub name: &'static str,
    /// What it does, in one French line.
    pub about: &'static str,
    /// The specification: what is read, what is written, memory and time cost, whether a rerun is safe.
    pub details: &'static str,
    /// Names of old scripts that are not `name` with underscores.
    pub formerly: &'static [Former],
    /// Name of the log file, without `.log`, where operators know it under another one than `name`.
    pub log: Option<&'static str>,
    /// Whether it makes the home folder, which is then the one that is named or the current one, there or not.
    pub new_home: bool,
    /// Its arguments as clap knows them.
    pub command: fn(&Tool) -> Command,
    /// Does what is asked of it.
    pub run: fn(&Tool, Call<'_>) -> ExitCode,
}

/// What is asked of a tool.
#[derive(Debug)]
pub enum Call<'a> {
    /// To run on a whole command line, the name first.
    Run(Vec<OsString>),
    /// The JSON Schema of its document, put here.
    Schema(&'a mut Value),
}

impl Tool {
    /// A tool whose arguments become a task; the rest is what most tools leave out: no former names, a log of its own name.
    pub const fn of<A, T>() -> Tool
    where
        A: Args + TryInto<T, Error: Into<Error>>,
        T: Task,
    {
        Tool {
            name: "",
            about: "",
            details: "",
            formerly: &[],
            log: None,
            new_home: false,
            command: crate::command::<A>,
            run: crate::run::<A, T>,
        }
    }

    /// The first line of its report: its name and what it does.
    pub(crate) fn subject(&self) -> String {
        let mut about = self.about.chars();
        let first = about.next().map(|c| c.to_lowercase().collect::<String>()).unwrap_or_default();
        format!("{} : {first}{}", self.name, about.as_str())
    }

    /// The JSON Schema of its document.
    pub fn schema(&self) -> Value {
        let mut schema = Value::Null;
        (self.run)(self, Call::Schema(&mut schema));
        schema
    }
}

/// The name of an old script, and the arguments that it stands for.
#[derive(Debug, Clone, Copy)]
pub struct Former {
    /// As the guide writes it, without its extension: `cleanup_2025`.
    pub name: &'static str,
    /// Given to the tool where the caller does not give the first of them.
    pub arguments: &'static [&'static str],
}

/// A category of the operators' guide with its tools.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// What operators type before the tool's name.
    pub name: &'static str,
    /// What its tools are for, in French, without a full stop.
    pub purpose: &'static str,
    /// In alphabetical order.
    pub tools: &'static [Tool],
}
