//! clap in French: headings, defaults, and the usual mistakes.

use std::error::Error as _;
use std::io::{self, IsTerminal, Write};
use std::net::AddrParseError;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError, TryFromIntError};
use std::time::Instant;

use crate::Tool;
use flux_core::error::Error;

use crate::output::{complain, fail, failure, next_step, print, written};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

const TEMPLATE: &str = "{name} {version}\n{about}\n\nUtilisation : {usage}\n\n{all-args}{after-help}\n";

/// The upper bounds of a range that has none.
const UNBOUNDED: [u64; 3] = [u32::MAX as u64, i64::MAX as u64, u64::MAX];

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
        let shown = !arg.is_hide_possible_values_set();
        let choices = list(
            "",
            arg.get_possible_values().iter().filter(|_| shown).map(|value| value.get_name().to_owned()).collect(),
        );
        let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let defaults = list("défaut : ", defaults);
        arg.help(format!("{help}{choices}{defaults}")).hide_default_value(true).hide_possible_values(true)
    })
}

/// The paragraphs of a help text: its source is wrapped for whoever edits it, the terminal and the man page wrap it anew. A line begins
/// a paragraph where a sentence or an option begins after a full stop, and on both sides of an indent.
pub fn paragraphs(details: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in details.trim().lines() {
        let sentence = line.starts_with(char::is_uppercase) || line.starts_with("--");
        match paragraphs.last_mut() {
            Some(last) if !(line.starts_with(' ') || last.starts_with(' ') || sentence && last.ends_with('.')) => {
                last.push(' ');
                last.push_str(line);
            }
            _ => paragraphs.push(line.to_owned()),
        }
    }
    paragraphs
}

/// Prints help, version or what is wrong with the arguments; the exit code, 0 or 2 where the output can be written.
pub(super) fn finish(tool: &Tool, error: &clap::Error, json: bool, started: Instant) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let printed = match fitted(&error.render().to_string()) {
            Some(help) => io::stdout().write_all(help.as_bytes()),
            None => error.print(),
        };
        let printed = printed.and_then(|()| io::stdout().flush());
        return written(printed).map_or_else(|error| fail(tool.name, &error), |()| 0);
    }
    let error = Error::Usage(explain(error));
    complain(tool.name, &error.to_string(), next_step(tool.name, &error).as_deref());
    let seconds = started.elapsed().as_secs_f64();
    let document = if json { failure(tool, &error, seconds) } else { String::new() };
    print(&document).map_or_else(|error| fail(tool.name, &error), |()| 2)
}

/// The help of a narrow terminal, where its usage is too wide: clap wraps everything else.
fn fitted(help: &str) -> Option<String> {
    let usage = help.lines().find(|line| line.starts_with("Utilisation :"))?;
    let wrapped = flux_report::message(usage);
    (io::stdout().is_terminal() && wrapped != usage).then(|| help.replacen(usage, &wrapped, 1))
}

/// What is wrong with the arguments, in French.
pub fn explain(error: &clap::Error) -> String {
    let get = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    // clap marks options that may be repeated.
    let option = |kind| get(kind).trim_end_matches("...").to_owned();
    let argument = option(ContextKind::InvalidArg);
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
            let reason = expected(error);
            format!("{argument} ne peut pas valoir « {value} » : {reason}")
        }
        ErrorKind::MissingRequiredArgument => format!("il manque {argument}"),
        ErrorKind::ArgumentConflict => {
            format!("{argument} ne va pas avec {}", option(ContextKind::PriorArg))
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

/// Why the value was refused: our own parsers say so in French, those of clap and of the libraries in English.
fn expected(error: &clap::Error) -> String {
    let Some(source) = error.source() else { return String::new() };
    if let Some(error) = source.downcast_ref::<ParseIntError>() {
        let large = matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow);
        return if large { "nombre trop grand" } else { "nombre entier attendu" }.into();
    }
    if source.is::<TryFromIntError>() {
        return "nombre trop grand".into();
    }
    if source.is::<ParseFloatError>() {
        return "nombre attendu".into();
    }
    if source.is::<chrono::ParseError>() {
        return "date attendue, AAAA-MM-JJ".into();
    }
    if source.is::<AddrParseError>() {
        return "adresse et port attendus, par exemple 127.0.0.1:8080".into();
    }
    let reason = source.to_string();
    // clap builds this text itself and keeps the bounds to itself.
    let bounds = reason.split_once(" is not in ").and_then(|(_, bounds)| bounds.split_once(".."));
    let bounds = bounds.map(|(least, most)| (least, most.trim_start_matches('=')));
    match bounds {
        Some((least, most)) if most.parse().is_ok_and(|most: u64| UNBOUNDED.contains(&most)) => {
            format!("attendu : au moins {least}")
        }
        Some((least, most)) => format!("attendu : de {least} à {most}"),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the operator reads for `--n VALUE`.
    fn refused(parser: impl Into<clap::builder::ValueParser>, value: &str) -> String {
        let command = Command::new("essai").arg(Arg::new("n").long("n").value_name("N").value_parser(parser.into()));
        explain(&command.try_get_matches_from(["essai", "--n", value]).unwrap_err())
    }

    #[test]
    fn values_are_refused_in_french_with_what_is_expected() {
        let year = || clap::value_parser!(i32).range(2000..=2100);
        assert_eq!(refused(year(), "25"), "--n <N> ne peut pas valoir « 25 » : attendu : de 2000 à 2100");
        assert!(refused(year(), "vingt").ends_with("nombre entier attendu"));
        assert!(refused(clap::value_parser!(u32).range(1..), "0").ends_with("attendu : au moins 1"));
        assert!(refused(clap::value_parser!(u64).range(1..), "0").ends_with("attendu : au moins 1"));
        assert!(refused(clap::value_parser!(u16), "70000").ends_with("attendu : de 0 à 65535"));
        assert!(refused(clap::value_parser!(u64), "99999999999999999999999").ends_with("nombre trop grand"));
        assert!(refused(clap::value_parser!(f64), "beaucoup").ends_with("nombre attendu"));
        assert!(refused(clap::value_parser!(chrono::NaiveDate), "hier").ends_with("date attendue, AAAA-MM-JJ"));
        assert!(refused(clap::value_parser!(std::net::SocketAddr), "ici").ends_with("par exemple 127.0.0.1:8080"));
        assert!(refused(clap::value_parser!(bool), "oui").ends_with("(choix : true, false)"));
    }

    #[test]
    fn options_are_named_as_they_are_typed() {
        let quiet = Arg::new("q").long("quiet").action(ArgAction::SetTrue).conflicts_with("v");
        let command = Command::new("essai").arg(quiet).arg(Arg::new("v").long("verbose").action(ArgAction::Count));
        let error = command.try_get_matches_from(["essai", "--quiet", "--verbose"]).unwrap_err();
        assert_eq!(explain(&error), "--quiet ne va pas avec --verbose");
    }

    #[test]
    fn a_help_text_is_wrapped_by_whoever_shows_it() {
        let text = "Lit : la table\net les fichiers. Rien d'autre.\nÉcrit : rien, sans\n--yes.\n--force : tout.\n  un    deux\n  trois  quatre\nCodes : 0, 1.";
        let expected = [
            "Lit : la table et les fichiers. Rien d'autre.",
            "Écrit : rien, sans --yes.",
            "--force : tout.",
            "  un    deux",
            "  trois  quatre",
            "Codes : 0, 1.",
        ];
        assert_eq!(paragraphs(text), expected);
    }
}
