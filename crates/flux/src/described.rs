//! What a tool says of itself by `--describe`, and the clap command rebuilt from it for man pages and completions.

use clap::{Arg, ArgAction, Command, ValueHint};
use serde::Deserialize;

/// A tool.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) about: String,
    pub(crate) details: String,
    pub(crate) command: Described,
}

/// A command or one of its actions.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) about: Option<String>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) actions: Vec<Described>,
}

/// An option or an operand.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Argument {
    pub(crate) id: String,
    pub(crate) long: Option<String>,
    pub(crate) short: Option<char>,
    pub(crate) help: Option<String>,
    pub(crate) heading: Option<String>,
    pub(crate) values: Vec<String>,
    pub(crate) takes_value: bool,
    pub(crate) optional_value: bool,
    pub(crate) repeated: bool,
    pub(crate) required: bool,
    pub(crate) choices: Vec<String>,
    pub(crate) path: bool,
}

impl Argument {
    /// `-q, --quiet`, `--host HÔTE`, `[FICHIER]`
    pub(crate) fn usage(&self) -> String {
        let value = self.values.join(" ");
        let value = if self.optional_value { format!("[{value}]") } else { value };
        let names: Vec<String> = self
            .short
            .map(|short| format!("-{short}"))
            .into_iter()
            .chain(self.long.as_ref().map(|long| format!("--{long}")))
            .collect();
        match (names.is_empty(), self.takes_value) {
            (true, _) if self.required => format!("<{value}>"),
            (true, _) => format!("[{value}]"),
            (false, true) => format!("{} {value}", names.join(", ")),
            (false, false) => names.join(", "),
        }
    }
}

impl Description {
    /// The clap command.
    pub(crate) fn command(&self) -> Command {
        self.command
            .rebuilt()
            .version(kept(&self.version))
            .about(kept(&self.about))
            .long_about(paragraphs(&self.details).leak() as &'static str)
    }
}

impl Described {
    fn rebuilt(&self) -> Command {
        let mut command = Command::new(kept(&self.name))
            .disable_help_flag(true)
            .disable_version_flag(true)
            .disable_help_subcommand(true)
            .args(self.arguments.iter().map(Argument::rebuilt))
            .subcommands(self.actions.iter().map(Described::rebuilt));
        if let Some(about) = &self.about {
            command = command.about(kept(about));
        }
        command
    }
}

impl Argument {
    fn rebuilt(&self) -> Arg {
        let action = match (self.takes_value, self.repeated) {
            (true, true) => ArgAction::Append,
            (true, false) => ArgAction::Set,
            (false, true) => ArgAction::Count,
            (false, false) => ArgAction::SetTrue,
        };
        let mut arg = Arg::new(kept(&self.id)).action(action).required(self.required);
        if let Some(long) = &self.long {
            arg = arg.long(kept(long));
        }
        if let Some(short) = self.short {
            arg = arg.short(short);
        }
        if let Some(help) = &self.help {
            arg = arg.help(kept(help));
        }
        if let Some(heading) = &self.heading {
            arg = arg.help_heading(kept(heading));
        }
        if self.takes_value {
            arg = arg.hide_possible_values(true).value_names(self.values.iter().map(|value| kept(value)));
            if self.optional_value {
                arg = arg.num_args(0..=1);
            }
            if !self.choices.is_empty() {
                arg = arg.value_parser(self.choices.iter().map(|choice| kept(choice)).collect::<Vec<_>>());
            }
            if self.path
                || ["home", "env_file", "password_file", "token_file", "data_dir", "html", "csv"]
                    .contains(&self.id.as_str())
            {
                arg = arg.value_hint(ValueHint::AnyPath);
            }
        }
        arg
    }
}

/// Sentences that begin a line after a full stop begin a paragraph: man pages fill lines.
fn paragraphs(details: &str) -> String {
    let mut text = String::with_capacity(details.len() + 64);
    for line in details.trim().lines() {
        let begins = text.ends_with('.') && line.chars().next().is_some_and(char::is_uppercase);
        text.push_str(if text.is_empty() {
            ""
        } else if begins {
            "\n\n"
        } else {
            "\n"
        });
        text.push_str(line);
    }
    text
}

/// clap keeps its texts for the life of the process, which makes one set of pages and ends.
fn kept(text: &str) -> &'static str {
    text.to_owned().leak()
}
