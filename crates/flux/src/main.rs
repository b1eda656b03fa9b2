//! `flux`: holds every tool and runs the one it is called as, by a link or by its arguments; lists them; makes their completions
//! and man pages; looks at the installation.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod init;
mod list;
mod pages;
mod schema;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use flux_cli::{Call, Category, Tool};
use flux_core::error::{Error, Result};
use flux_core::health;
use flux_core::settings::Settings;
use flux_core::task::{Context, Task};
use flux_report::{Code, Page, Report, plural};

use pages::ShellArg;
use tools::{CATEGORIES, Link};

const DOCTOR: Tool = Tool {
    name: "flux-doctor",
    about: "Contrôle l'installation : dossiers, .env, base, droits, versions",
    details: "\
Lit : le dossier de travail, .env, les dossiers de données, la base (version, droits, schéma, dimensions),
les noms sous lesquels les outils sont installés. Écrit : un fichier d'essai, aussitôt effacé, dans chaque dossier où les outils
écrivent. Chaque constat est suivi de ce qui y remédie.
Coût : une seconde. Peut être relancé à volonté.
Codes de sortie : 0 tout est prêt, 3 quelque chose est à vérifier.",
    ..Tool::of::<DoctorArgs, DoctorArgs>()
};

/// Those that are run by `flux` itself: what follows `flux`, and the tool.
const OWN: [(&str, &Tool); 2] = [("doctor", &DOCTOR), ("init", &init::INIT)];

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
        /// Les noms seuls, un par ligne
        #[arg(long, conflicts_with = "json")]
        names: bool,
    },
    /// Contrôle l'installation : dossiers, .env, base, droits, versions
    Doctor {
        /// Ceux de tous les outils : --home, --json, --quiet, connexion
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Crée le dossier de travail d'un observatoire : dossiers, .env, zones
    Init {
        /// Ceux de `flux init --help`
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
    /// Schéma JSON du document qu'écrit un outil avec --json ; sans outil, de ceux de tous
    Schema {
        /// Outil, `flux-doctor`, `flux-init` ou `flux` (flux list)
        #[arg(value_name = "OUTIL", value_parser = PossibleValuesParser::new(schema::names()), hide_possible_values = true)]
        tool: Option<String>,
    },
    /// Pages de docs/outils/, dans un dossier ; sans dossier, la table du README
    #[command(hide = true)]
    Docs {
        /// Dossier
        #[arg(value_name = "DOSSIER")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct DoctorArgs {}

impl Task for DoctorArgs {
    fn run(self, context: &Context) -> Result<impl Report> {
        Ok(doctor(&context.settings))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let called = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    if let Some(found) = tools::find(&called) {
        return found.run(&arguments[1..]);
    }
    let first = arguments.get(1).and_then(|argument| argument.to_str()).unwrap_or_default();
    if let Some((name, tool)) = OWN.iter().find(|(name, _)| *name == first) {
        let name = OsString::from(format!("flux {name}"));
        let arguments = std::iter::once(name).chain(arguments.iter().skip(2).cloned()).collect();
        return (tool.run)(tool, Call::Run(arguments));
    }
    let own = Cli::command().get_subcommands().any(|action| action.get_name() == first);
    let result = match first {
        "" | "-h" | "--help" | "help" | "aide" => print(&help()),
        "-V" | "--version" => print(&format!("flux {}\n", env!("CARGO_PKG_VERSION"))),
        _ if own => act(&arguments),
        _ => launch(&arguments[1..]),
    };
    result.unwrap_or_else(|error| {
        let hint = error.hint().unwrap_or_else(|| "voyez `flux list` et `flux --help`".into());
        flux_cli::complain("flux", &error.to_string(), Some(&hint));
        ExitCode::from(error.code())
    })
}

/// Runs the tool that the arguments name; a category alone is listed.
fn launch(arguments: &[OsString]) -> Result<ExitCode> {
    let text = |index: usize| arguments.get(index).map(|argument| argument.to_string_lossy().into_owned());
    let first = text(0).unwrap_or_default();
    let category = CATEGORIES.iter().find(|category| category.name == first);
    let (asked, rest) = match category {
        Some(category) => match text(1).filter(|name| !matches!(name.as_str(), "-h" | "--help")) {
            Some(name) => (name, &arguments[2..]),
            None => {
                let mut page = Page::for_stdout();
                list_category(&mut page, category);
                return print(&page.text());
            }
        },
        None => (first, &arguments[1..]),
    };
    let Some(found) = tools::find(&asked) else {
        let near = tools::nearest(&asked);
        let near = if near.is_empty() { String::new() } else { format!(" (vouliez-vous dire {} ?)", near.join(", ")) };
        return Err(Error::Usage(format!("l'outil « {asked} » n'existe pas{near}")));
    };
    match category.filter(|category| category.name != found.category.name) {
        Some(category) => Err(Error::Usage(format!(
            "{} est dans la catégorie {}, pas {}",
            found.tool.name, found.category.name, category.name
        ))),
        None => Ok(found.run(rest)),
    }
}

fn act(arguments: &[OsString]) -> Result<ExitCode> {
    let parsed = own_command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => return print(&error.render().to_string()),
        Err(error) => return Err(Error::Usage(flux_cli::explain(&error))),
    };
    let done = |count: usize, what: &str, many: &str| print(&format!("✓ {}\n", plural(count as u64, what, many)));
    match cli.action {
        Action::List { names: true, .. } => {
            print(&tools::all().map(|(_, tool)| format!("{}\n", tool.name)).collect::<String>())
        }
        Action::List { json: true, .. } => print(&list::document()?),
        Action::List { .. } => {
            let mut page = Page::for_stdout();
            CATEGORIES.iter().for_each(|category| list_category(&mut page, category));
            print(&page.text())
        }
        Action::Completions { shell, dir: None } => {
            print(&String::from_utf8_lossy(&pages::completion(shell, &mut pages::whole(completed()))))
        }
        Action::Completions { shell, dir: Some(dir) } => {
            let commands = commands(pages::whole(completed()));
            done(pages::write_completions(&dir, shell, commands)?, "fichier de complétion", "fichiers de complétion")
        }
        Action::Man { dir } => {
            let own = OWN.iter().map(|(name, tool)| pages::tool(tool).bin_name(format!("flux {name}")));
            let commands = commands(own_command()).into_iter().chain(own).collect();
            done(pages::write_man(&dir, commands)?, "page de manuel", "pages de manuel")
        }
        Action::Schema { tool } => print(&format!("{:#}\n", schema::of(tool.as_deref()))),
        Action::Docs { dir: Some(dir) } => done(pages::write_docs(&dir)?, "page", "pages"),
        Action::Docs { dir: None } => print(&pages::table()),
        Action::Doctor { .. } => Err(Error::Usage("doctor vient en premier".into())),
        Action::Init { .. } => Err(Error::Usage("init vient en premier".into())),
    }
}

/// `flux` without the tools.
fn own_command() -> clap::Command {
    let help = clap::Arg::new("help").short('h').long("help").action(clap::ArgAction::Help).help("Cette aide");
    Cli::command().arg(help.global(true)).override_usage("flux CATÉGORIE OUTIL [ARGUMENTS]")
}

/// The same with all that its own tools take.
fn completed() -> clap::Command {
    OWN.iter()
        .fold(own_command(), |command, (name, tool)| command.mut_subcommand(name, |_| pages::tool(tool).name(*name)))
}

/// `flux` in this form, and each tool by itself.
fn commands(own: clap::Command) -> Vec<clap::Command> {
    std::iter::once(own).chain(tools::all().map(|(_, tool)| pages::tool(tool))).collect()
}

fn list_category(page: &mut Page, category: &Category) {
    page.title(&format!("{} : {}", category.name, category.purpose));
    for tool in category.tools {
        page.line(format!("  {:<34} {}", tool.name, tool.about));
    }
}

fn doctor(settings: &Settings) -> impl Report + use<> {
    let problem = |name: &str| match tools::link(name) {
        Link::Own => None,
        Link::Missing => Some((Code::ToolMissing, "l'outil n'est pas installé".to_owned())),
        Link::Foreign(path) => Some((Code::ToolForeign, format!("{} n'est pas ce programme", path.display()))),
    };
    let installed = tools::all().map(|(_, tool)| (tool.name, problem(tool.name))).collect();
    health::doctor(settings, env!("CARGO_PKG_VERSION"), installed)
}

fn help() -> String {
    let mut page = Page::for_stdout();
    page.line(format!("flux {} : lance et présente les outils Flux Vision", env!("CARGO_PKG_VERSION")));
    page.gap();
    flux_cli::paragraphs(DETAILS).iter().for_each(|paragraph| page.line(paragraph));
    page.title("Aussi :");
    for (usage, what) in [
        ("flux list [--json|--names]", "les outils par catégorie, une ligne chacun"),
        ("flux CATÉGORIE", "ceux d'une catégorie"),
        ("flux doctor [options]", "contrôle l'installation : dossiers, .env, base, droits, versions"),
        ("flux init [options]", "crée le dossier de travail d'un observatoire : dossiers, .env, zones"),
        ("flux completions bash|zsh|fish", "complétions du shell ; --dir DOSSIER : un fichier par commande"),
        ("flux man DOSSIER", "pages de manuel de flux et de tous les outils"),
        ("flux schema [OUTIL]", "schéma JSON du document de --json"),
        ("flux --version, flux --help", "version, cette aide"),
    ] {
        page.line(format!("  {usage:<32} {what}"));
    }
    page.title("Exemples :");
    for (command, purpose) in flux_cli::examples::of("flux") {
        page.line(format!("  {command}"));
        page.line(format!("      {purpose}"));
    }
    let categories: Vec<&str> = CATEGORIES.iter().map(|category| category.name).collect();
    page.gap();
    page.line(format!("Catégories : {}", categories.join(", ")));
    page.text()
}

fn print(text: &str) -> Result<ExitCode> {
    flux_cli::print(text).map(|()| ExitCode::SUCCESS)
}
