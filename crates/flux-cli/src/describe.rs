//! A tool's help as data, for the launcher: it holds no tool's arguments itself.

use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use crate::Tool;

/// The JSON behind `--describe`.
pub(super) fn document(tool: Tool, command: &Command) -> String {
    let document = json!({
        "name": tool.name,
        "version": command.get_version().unwrap_or(env!("CARGO_PKG_VERSION")),
        "about": tool.about,
        "details": tool.details,
        "command": described(command),
    });
    format!("{document}\n")
}

fn described(command: &Command) -> Value {
    json!({
        "name": command.get_name(),
        "about": command.get_about().map(ToString::to_string),
        "arguments": command.get_arguments().filter(|arg| !arg.is_hide_set()).map(argument).collect::<Vec<_>>(),
        "actions": command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(described).collect::<Vec<_>>(),
    })
}

fn argument(arg: &Arg) -> Value {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let values: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    json!({
        "id": arg.get_id().as_str(),
        "long": arg.get_long(),
        "short": arg.get_short(),
        "help": arg.get_help().map(ToString::to_string),
        "heading": arg.get_help_heading(),
        "values": if takes_value { values } else { Vec::new() },
        "takes_value": takes_value,
        "optional_value": takes_value && arg.get_num_args().is_some_and(|count| count.min_values() == 0),
        "repeated": matches!(arg.get_action(), ArgAction::Append | ArgAction::Count),
        "required": arg.is_required_set(),
        "choices": arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect::<Vec<_>>(),
        "path": matches!(arg.get_value_hint(), clap::ValueHint::AnyPath | clap::ValueHint::FilePath | clap::ValueHint::DirPath),
    })
}
