//! `flux`: finds and runs the tools that lie beside it; lists them; makes their completions and man pages; looks at the installation.
//!
//! It holds no tool's arguments: each tool describes itself (`--describe`), and its binary takes this process's place.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod described;
mod pages;
mod tools;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use flux_cli::{Context, Tool};
use flux_core::error::{Error, Result};
use flux_core::health::doctor::{self, DoctorReport};
use flux_core::report::{Page, plural};
use serde_json::json;

use pages::ShellArg;

const DOCTOR: Tool = Tool {
    name: "flux-doctor",
    about: "Contrôle l'installation : dossiers, .env, base, droits, versions",
    details: "\
Lit : le dossier de travail, .env, les dossiers de données, la base (version, droits, schéma, dimensions),
les binaires installés. Écrit : un fichier d'essai, aussitôt effacé, dans chaque dossier où les outils
écrivent. Chaque constat est suivi de ce qui y remédie.
Coût : une seconde. Peut être relancé à volonté.
Codes de sortie : 0 tout est prêt, 3 quelque chose est à revoir.",
};

const DETAILS: &str = "\
Lancer un outil : flux CATÉGORIE OUTIL [arguments], par exemple `flux import update-temp-tables --year 2025`.
La catégorie peut être omise. Les noms historiques sont acceptés : `flux import update_temp_tables`,
`flux update_temp_tables.php`, `flux tools/import/update_temp_tables.php`.
Le code de sortie est celui de l'outil.";

#[derive(Debug, Parser)]
#[command(name = "flux", version, about = "Lance et présente les outils Flux Vision", long_about = DETAILS)]
#[command(disable_help_subcommand = true, disable_help_flag = true, disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Les outils par catégorie, une ligne chacun
    List {
        /// Un document JSON
        #[arg(long)]
        json: bool,
    },
    /// Contrôle l'installation : dossiers, .env, base, droits, versions
    Doctor {
        /// Ceux de tous les outils : --home, --json, --quiet, connexion
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Complétions du shell, sur la sortie standard ou, pour tous les outils, dans un dossier
    Completions {
        /// Shell
        shell: ShellArg,
        /// Un fichier par commande dans ce dossier
        #[arg(long, value_name = "DOSSIER", value_hint = clap::ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Pages de manuel de flux et de tous les outils, dans un dossier
    Man {
        /// Dossier
        #[arg(value_name = "DOSSIER", value_hint = clap::ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// Pages de docs/outils/, dans un dossier
    #[command(hide = true)]
    Docs {
        /// Dossier
        #[arg(value_name = "DOSSIER")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct DoctorArgs {}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let first = arguments.get(1).and_then(|argument| argument.to_str()).unwrap_or_default();
    match first {
        "doctor" => {
            let own = std::iter::once("flux doctor".into()).chain(arguments.iter().skip(2).cloned()).collect();
            return flux_cli::main_from(DOCTOR, own, |_: DoctorArgs, context: &Context| Ok(doctor(context)));
        }
        "" | "-h" | "--help" | "help" | "aide" => return print(&help()),
        "-V" | "--version" => return print(&format!("flux {}\n", env!("CARGO_PKG_VERSION"))),
        _ => {}
    }
    let own = Cli::command().get_subcommands().any(|action| action.get_name() == first);
    let result = if own { act(&arguments) } else { launch(&arguments[1..]) };
    match result {
        Ok(code) => code,
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "voyez `flux list` et `flux --help`".into());
            let _ = writeln!(std::io::stderr(), "flux : {error}\n  → {hint}");
            ExitCode::from(error.code())
        }
    }
}

/// Gives way to the tool. Comes back only when it cannot be started.
fn launch(arguments: &[OsString]) -> Result<ExitCode> {
    let text = |index: usize| arguments.get(index).map(|argument| argument.to_string_lossy().into_owned());
    let first = text(0).unwrap_or_default();
    let category = tools::categories().into_iter().find(|category| category.name == first);
    let (asked, rest) = match category {
        Some(category) => match text(1).filter(|name| !matches!(name.as_str(), "-h" | "--help")) {
            Some(name) => (name, &arguments[2..]),
            None => {
                let mut page = Page::for_stdout();
                list_category(&mut page, &category);
                return Ok(print(page.text()));
            }
        },
        None => (first, &arguments[1..]),
    };
    let Some(tool) = tools::find(&asked) else {
        let near = tools::nearest(&asked);
        let near = if near.is_empty() { String::new() } else { format!(" (vouliez-vous dire {} ?)", near.join(", ")) };
        return Err(Error::Usage(format!("l'outil « {asked} » n'existe pas{near}")));
    };
    if let Some(category) = category.filter(|category| category.name != tool.category) {
        return Err(Error::Usage(format!(
            "{} est dans la catégorie {}, pas {}",
            tool.name, tool.category, category.name
        )));
    }
    let path = tools::path(tool.name)?;
    // Arguments of the caller win over those that an old name stands for.
    let given = |option: &str| rest.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(option));
    let implied = if tool.implied.first().is_some_and(|option| given(option)) { &[][..] } else { tool.implied };
    let error = Command::new(&path).args(implied).args(rest).exec();
    Err(Error::Config {
        message: format!("{} ne peut pas être lancé : {error}", path.display()),
        hint: "réinstallez les outils : `scripts/install`, ou le paquet Debian ; `flux doctor` contrôle l'installation"
            .into(),
    })
}

fn act(arguments: &[OsString]) -> Result<ExitCode> {
    let parsed = own_command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {
            let _ = error.print();
            return Ok(ExitCode::SUCCESS);
        }
        Err(_) => return Err(Error::Usage("arguments de flux incorrects".into())),
    };
    let done = |count: usize, what: &str, many: &str| Ok(print(&format!("✓ {}\n", plural(count as u64, what, many))));
    match cli.action {
        Action::List { json } => list(json),
        Action::Completions { shell, dir: None } => {
            let script = pages::completion(shell, &mut pages::whole(own_command(), &tools::describe_all()?));
            Ok(print(&String::from_utf8_lossy(&script)))
        }
        Action::Completions { shell, dir: Some(dir) } => {
            done(pages::write_completions(&dir, shell, commands()?)?, "fichier de complétion", "fichiers de complétion")
        }
        Action::Man { dir } => done(pages::write_man(&dir, manuals()?)?, "page de manuel", "pages de manuel"),
        Action::Docs { dir } => done(pages::write_docs(&dir, &tools::describe_all()?)?, "page", "pages"),
        Action::Doctor { .. } => Err(Error::Usage("doctor vient en premier".into())),
    }
}

/// `flux` without the tools.
fn own_command() -> clap::Command {
    let help = clap::Arg::new("help").short('h').long("help").action(clap::ArgAction::Help).help("Cette aide");
    Cli::command().arg(help.global(true)).override_usage("flux CATÉGORIE OUTIL [ARGUMENTS]")
}

/// `flux` with all tools below it, and each tool by itself.
fn commands() -> Result<Vec<clap::Command>> {
    let described = tools::describe_all()?;
    let tools = described.iter().flat_map(|(_, tools)| tools.iter().map(described::Description::command));
    Ok(std::iter::once(pages::whole(own_command(), &described)).chain(tools).collect())
}

/// The same for man pages: the launcher's own does not repeat the tools'.
fn manuals() -> Result<Vec<clap::Command>> {
    let mut commands = commands()?;
    commands[0] = own_command();
    Ok(commands)
}

fn list(json: bool) -> Result<ExitCode> {
    if json {
        let tool = |name: &&str| match tools::describe(name) {
            Ok(tool) => {
                json!({"name": name, "about": tool.about, "version": tool.version, "installed": true, "historical": tools::historical(name)})
            }
            Err(_) => json!({"name": name, "installed": false, "historical": tools::historical(name)}),
        };
        let categories: Vec<_> = tools::categories()
            .iter()
            .map(|category| json!({"name": category.name, "purpose": category.purpose, "tools": category.tools.iter().map(tool).collect::<Vec<_>>()}))
            .collect();
        return Ok(print(&format!(
            "{:#}\n",
            json!({"tool": "flux", "status": "ok", "exit_code": 0, "categories": categories})
        )));
    }
    let mut page = Page::for_stdout();
    for category in tools::categories() {
        list_category(&mut page, &category);
    }
    Ok(print(page.text()))
}

fn list_category(page: &mut Page, category: &tools::Category) {
    page.title(&format!("{} : {}", category.name, category.purpose));
    for name in category.tools {
        let about = tools::describe(name).map_or_else(|_| "✗ non installé".to_owned(), |tool| tool.about);
        page.line(format!("  {name:<34} {about}"));
    }
}

fn doctor(context: &Context) -> DoctorReport {
    let installed = tools::categories().into_iter().flat_map(|category| category.tools).map(|name| {
        let version = tools::describe(name).map(|tool| tool.version).map_err(|error| error.to_string());
        ((*name).to_owned(), version)
    });
    doctor::examine(&context.settings, env!("CARGO_PKG_VERSION"), installed.collect())
}

fn help() -> String {
    let mut text = format!(
        "flux {} : lance et présente les outils Flux Vision\n\n{DETAILS}\n\nAussi :\n",
        env!("CARGO_PKG_VERSION")
    );
    for (usage, what) in [
        ("flux list [--json]", "les outils par catégorie, une ligne chacun"),
        ("flux CATÉGORIE", "ceux d'une catégorie"),
        ("flux doctor [options]", "contrôle l'installation : dossiers, .env, base, droits, versions"),
        ("flux completions bash|zsh|fish", "complétions du shell ; --dir DOSSIER : un fichier par commande"),
        ("flux man DOSSIER", "pages de manuel de flux et de tous les outils"),
        ("flux --version, flux --help", "version, cette aide"),
    ] {
        text.push_str(&format!("  {usage:<32} {what}\n"));
    }
    let categories: Vec<&str> = tools::categories().iter().map(|category| category.name).collect();
    text.push_str(&format!("\nCatégories : {}\n", categories.join(", ")));
    text
}

/// A reader that went away (`| head`) is no reason to fail.
fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    ExitCode::SUCCESS
}
