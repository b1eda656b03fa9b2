//! clap in French: headings, defaults, and the usual mistakes.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use serde_json::json;

use crate::{Tool, envelope, print};
use flux_core::report::Verdict;

const TEMPLATE: &str = "{name} {version} : {about}\n\nUtilisation : {usage}\n\n{all-args}{after-help}\n";

/// French help: template, headings, defaults and choices at the end of each option's text.
pub(super) fn localise(command: Command) -> Command {
    let command = command
        .help_template(TEMPLATE)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .subcommand_help_heading("Actions")
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help_heading("Commun à tous les outils")
                .help("Cette aide (--help : complète)"),
        )
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help_heading("Commun à tous les outils")
                .help("La version"),
        );
    command.mut_args(|arg| {
        let arg = if arg.get_help_heading().is_none() { arg.help_heading("Options") } else { arg };
        let Some(help) = arg.get_help().map(ToString::to_string) else { return arg };
        if !matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
            return arg;
        }
        let list = |label: &str, values: Vec<String>| match values.join(", ") {
            values if values.is_empty() => values,
            values => format!(" [{label}{values}]"),
        };
        let choices = list("", arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect());
        let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let defaults = list("défaut : ", defaults);
        arg.help(format!("{help}{choices}{defaults}")).hide_default_value(true).hide_possible_values(true)
    })
}

/// Prints help, version or what is wrong with the arguments; exit code 0 or 2.
pub(super) fn finish(tool: Tool, error: clap::Error, json: bool, started: Instant) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let message = explain(&error);
    let hint = format!("voyez `{} --help`", tool.name);
    let _ = writeln!(std::io::stderr(), "{} : {message}\n  → {hint}", tool.name);
    if json {
        let document = json!({"error": {"message": message, "hint": hint}});
        print(&envelope(tool.name, Verdict::Error, 2, started.elapsed().as_secs_f64(), document));
    }
    ExitCode::from(2)
}

fn explain(error: &clap::Error) -> String {
    let get = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let argument = get(ContextKind::InvalidArg);
    let value = get(ContextKind::InvalidValue);
    let suggestion = match get(ContextKind::SuggestedArg) {
        text if text.is_empty() => String::new(),
        text => format!(" (vouliez-vous dire {text} ?)"),
    };
    match error.kind() {
        ErrorKind::UnknownArgument => format!("l'option ou l'argument {argument} n'existe pas{suggestion}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} attend une valeur"),
        ErrorKind::InvalidValue => {
            format!("{argument} ne peut pas valoir « {value} » (choix : {})", get(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            let reason = if reason.starts_with("invalid digit") { "nombre attendu".to_owned() } else { reason };
            format!("{argument} ne peut pas valoir « {value} » : {reason}")
        }
        ErrorKind::MissingRequiredArgument => format!("il manque {argument}"),
        ErrorKind::ArgumentConflict => {
            format!("{argument} ne va pas avec {}", get(ContextKind::PriorArg))
        }
        ErrorKind::NoEquals => format!("{argument} s'écrit avec ="),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} n'a pas le bon nombre de valeurs")
        }
        ErrorKind::InvalidSubcommand => {
            format!("l'action « {} » n'existe pas{suggestion}", get(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "il manque une action".to_owned()
        }
        ErrorKind::InvalidUtf8 => "un argument n'est pas en UTF-8".to_owned(),
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}
