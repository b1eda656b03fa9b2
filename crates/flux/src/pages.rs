//! Man pages, completions and the pages of `docs/outils/`, all from what the tools say of themselves.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use flux_core::error::{Error, Result};
use flux_core::files::{self, Durability};

use crate::described::{Argument, Described, Description};
use crate::tools::{self, Category};

/// The shells that completions are made for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShellArg {
    Bash,
    Zsh,
    Fish,
}

impl ShellArg {
    fn shell(self) -> Shell {
        match self {
            ShellArg::Bash => Shell::Bash,
            ShellArg::Zsh => Shell::Zsh,
            ShellArg::Fish => Shell::Fish,
        }
    }

    /// The name under which the shell looks for the completion of a command.
    fn file_name(self, command: &str) -> String {
        match self {
            ShellArg::Bash => command.to_owned(),
            ShellArg::Zsh => format!("_{command}"),
            ShellArg::Fish => format!("{command}.fish"),
        }
    }
}

/// The launcher's command with all tools below it.
pub(crate) fn whole(own: Command, described: &[(Category, Vec<Description>)]) -> Command {
    described.iter().fold(own, |command, (category, tools)| {
        let tools = tools.iter().map(Description::command);
        command.subcommand(
            Command::new(category.name).about(category.purpose).disable_help_subcommand(true).subcommands(tools),
        )
    })
}

/// The completion script of one command.
pub(crate) fn completion(shell: ShellArg, command: &mut Command) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell.shell(), command, name, &mut script);
    script
}

/// Writes one completion file per command into `folder`, named as the shell expects.
pub(crate) fn write_completions(folder: &Path, shell: ShellArg, commands: Vec<Command>) -> Result<usize> {
    let count = commands.len();
    create(folder)?;
    for mut command in commands {
        let path = folder.join(shell.file_name(command.get_name()));
        write(&path, &completion(shell, &mut command))?;
    }
    Ok(count)
}

/// Writes one man page per command into `folder`.
pub(crate) fn write_man(folder: &Path, commands: Vec<Command>) -> Result<usize> {
    let count = commands.len();
    create(folder)?;
    for command in commands {
        let name = command.get_name().to_owned();
        write(&folder.join(format!("{name}.1")), man(command)?.as_bytes())?;
    }
    Ok(count)
}

fn man(command: Command) -> Result<String> {
    let name = command.get_name().to_owned();
    let version = command.get_version().unwrap_or_default().to_owned();
    let actions: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|action| !action.is_hide_set())
        .map(|action| (action.get_name().to_owned(), action.get_about().map(ToString::to_string).unwrap_or_default()))
        .collect();
    let man = Man::new(command);
    let mut page = Vec::new();
    let sections = [
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for render in sections {
        render(&man, &mut page).map_err(Error::io("écriture de la page de", &name))?;
    }
    // The title by hand: without a date, which would change at each build, the generator leaves its field out.
    let mut text = format!(".TH {} 1 \"\" \"flux {version}\" \"Outils Flux Vision\"\n", name.to_uppercase());
    text.push_str(&String::from_utf8_lossy(&page).replace(".SH NAME", ".SH NOM").replace("subcommands", "ACTION"));
    if !actions.is_empty() {
        text.push_str(".SH ACTIONS\n");
        for (action, about) in actions {
            let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", action.replace('-', "\\-"), about.replace('\\', "\\\\"));
        }
    }
    if name != "flux" {
        text.push_str(".SH VOIR AUSSI\n\\fBflux\\fR(1)\n");
    }
    Ok(text)
}

/// Writes `docs/outils/`: an index and a page per tool. Files that stand for no tool any more are removed.
pub(crate) fn write_docs(folder: &Path, described: &[(Category, Vec<Description>)]) -> Result<usize> {
    create(folder)?;
    let mut pages = vec![("README.md".to_owned(), index(described))];
    for (category, tools) in described {
        pages.extend(tools.iter().map(|tool| (format!("{}.md", tool.name), page(category, tool))));
    }
    let entries = fs::read_dir(folder).map_err(Error::io("lecture de", folder))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") && !pages.iter().any(|(page, _)| *page == name) {
            fs::remove_file(entry.path()).map_err(Error::io("suppression de", entry.path()))?;
        }
    }
    for (name, text) in &pages {
        write(&folder.join(name), text.as_bytes())?;
    }
    Ok(pages.len())
}

fn index(described: &[(Category, Vec<Description>)]) -> String {
    let mut text = String::from(
        "# Les outils\n\nPages produites par `scripts/gen-docs` à partir de l'aide de chaque outil : ne les modifiez pas à la main.\n",
    );
    for (category, tools) in described {
        let _ = write!(text, "\n## {} : {}\n\n| outil | rôle |\n|---|---|\n", category.name, category.purpose);
        for tool in tools {
            let _ = writeln!(text, "| [`{0}`]({0}.md) | {1} |", tool.name, cell(&tool.about));
        }
    }
    text
}

fn page(category: &Category, tool: &Description) -> String {
    let mut text = format!("# {}\n\n{}.\n\n", tool.name, tool.about.trim_end_matches('.'));
    let old: Vec<String> = tools::historical(&tool.name).iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(text, "```\n{} [options]{}", tool.name, operands(&tool.command));
    let _ = writeln!(text, "flux {} {} [options]{}\n```\n", category.name, tool.name, operands(&tool.command));
    if !old.is_empty() {
        let _ = writeln!(text, "Nom historique, accepté par `flux` : {}.\n", old.join(", "));
    }
    let _ = writeln!(text, "```text\n{}\n```", tool.details.trim());
    for action in &tool.command.actions {
        let about = action.about.as_deref().unwrap_or_default();
        let _ = write!(text, "\n## Action `{}`\n\n{about}\n", action.name);
        options(&mut text, &action.arguments, "###");
    }
    options(&mut text, &tool.command.arguments, "##");
    text
}

fn operands(command: &Described) -> String {
    let operands = command.arguments.iter().filter(|arg| arg.long.is_none() && arg.short.is_none());
    let action = if command.actions.is_empty() { "" } else { " ACTION" };
    operands.fold(action.to_owned(), |text, arg| format!("{text} {}", arg.usage()))
}

/// One table per heading, in the order of the help.
fn options(text: &mut String, arguments: &[Argument], level: &str) {
    let mut headings: Vec<&str> = Vec::new();
    for argument in arguments {
        let heading = argument.heading.as_deref().unwrap_or("Options");
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = write!(text, "\n{level} {heading}\n\n| option | effet |\n|---|---|\n");
        for argument in arguments.iter().filter(|arg| arg.heading.as_deref().unwrap_or("Options") == heading) {
            let help = argument.help.as_deref().unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {} |", cell(&argument.usage()), cell(help));
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("création de", folder))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    files::replace(path, content, Durability::Cache)
}
