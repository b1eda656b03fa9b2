//! Man pages, completions and the pages of `docs/outils/`, all from the tools' own clap commands.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use flux_cli::{Category, Tool, examples};
use flux_core::error::{Error, Result};
use flux_core::files;

use crate::tools::{self, CATEGORIES};

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
pub(crate) fn whole(own: Command) -> Command {
    CATEGORIES.iter().fold(own, |command, category| {
        command.subcommand(
            Command::new(category.name)
                .about(category.purpose)
                .disable_help_subcommand(true)
                .subcommands(category.tools.iter().map(tool)),
        )
    })
}

/// A tool's command, with its help text for a man page.
pub(crate) fn tool(tool: &Tool) -> Command {
    let text = flux_cli::paragraphs(tool.details).join("\n\n");
    // clap keeps its texts for the life of the process, which makes one set of pages and ends.
    (tool.command)(tool).long_about(&*text.leak())
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
    // Words stay whole: they would be cut as English ones are.
    let mut text =
        format!(".TH {} 1 \"\" \"flux {version}\" \"Outils Flux Vision\"\n.nh\n.ad l\n", name.to_uppercase());
    text.push_str(&String::from_utf8_lossy(&page).replace(".SH NAME", ".SH NOM").replace("subcommands", "ACTION"));
    if !actions.is_empty() {
        text.push_str(".SH ACTIONS\n");
        for (action, about) in actions {
            let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", action.replace('-', "\\-"), about.replace('\\', "\\\\"));
        }
    }
    text.push_str(&sections_of(&name));
    if name != "flux" {
        text.push_str(".SH VOIR AUSSI\n\\fBflux\\fR(1)\n");
    }
    Ok(text)
}

/// EXEMPLES, FICHIERS, ENVIRONNEMENT and CODES DE SORTIE of a man page.
fn sections_of(name: &str) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('-', "\\-").replace('\'', "\\(aq");
    let entry = |text: &mut String, (head, what): (&str, &str)| {
        let _ = write!(text, ".TP\n\\fB{}\\fR\n{}\n", escaped(head), escaped(what));
    };
    let mut text = String::new();
    if examples::of(name).next().is_some() {
        text.push_str(".SH EXEMPLES\n");
        examples::of(name).for_each(|example| entry(&mut text, example));
    }
    text.push_str(".SH FICHIERS\nSous le dossier de travail :\n");
    let own = tools::all().find(|(_, tool)| tool.name == name).and_then(|(_, tool)| tool.log);
    let (log, whose) = if name == "flux" {
        ("<outil>", "journal de chaque outil")
    } else {
        (own.unwrap_or(name), "journal de cet outil")
    };
    for file in [
        (".env", "réglages et mots de passe, droits 600 (modèle : .env.example)"),
        ("data/data_temp/", "livraison de la semaine"),
        ("data/data_extracted/, data/archive/, data/backups/", "exports bruts, CSV archivés, sauvegardes"),
        (&format!("logs/{log}.log"), whose),
    ] {
        entry(&mut text, file);
    }
    text.push_str(".SH ENVIRONNEMENT\nL\\(aqenvironnement l\\(aqemporte sur .env, les options sur les deux.\n");
    for variable in [
        ("APP_ENV", "local ou production : choisit DB_*_LOCAL ou DB_*_PROD"),
        ("DB_HOST, DB_PORT, DB_SOCKET, DB_DATABASE, DB_USERNAME, DB_PASSWORD", "connexion à la base"),
        ("DB_SSL_MODE, DB_SSL_CA, DB_SERVER_PUBLIC_KEY, DB_TIMEOUT", "chiffrement et délai de la connexion"),
        ("FLUX_HOME", "dossier de travail"),
        ("COLUMNS, NO_COLOR", "largeur des rapports et messages hors d'un terminal ; pas de couleurs"),
    ] {
        entry(&mut text, variable);
    }
    text.push_str(".SH CODES DE SORTIE\n");
    for code in [
        ("0", "fait, rien à regarder"),
        ("1", "échec, rien n'est resté à moitié"),
        ("2", "mauvais usage"),
        ("3", "fait, mais à regarder"),
        ("4", "une autre exécution tient le verrou"),
    ] {
        entry(&mut text, code);
    }
    text
}

/// Writes `docs/outils/`: an index and a page per tool. Files that stand for no tool any more are removed.
pub(crate) fn write_docs(folder: &Path) -> Result<usize> {
    create(folder)?;
    let mut pages = vec![("README.md".to_owned(), index())];
    pages.extend(tools::all().map(|(category, tool)| (format!("{}.md", tool.name), page(category, tool))));
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

/// The tools in the order in which an operator meets them; each stands once.
const WORKFLOW: &[(&str, &[&str])] = &[
    ("set up", &["simple-test", "adopt-database", "ensure-schema", "add-missing-zones", "improve-response"]),
    (
        "seasons",
        &["update-saisons", "status-saisons", "verifier-saisons", "scrap-date", "manage-periodes", "reset-saisons"],
    ),
    ("receive", &["download-deliveries", "extract-only", "etat-csv-complet", "analyse-zones-csv"]),
    (
        "import",
        &[
            "update-temp-tables",
            "import-optimized",
            "import-sejours-duree-fr",
            "import-sejours-duree-int",
            "check-import-progress",
        ],
    ),
    ("check", &["check-status", "check-zones", "validation-complete-import", "diagnostic-migration"]),
    ("migrate", &["migrate-temp-to-main", "migrate-sejours-duree", "migrate-optimized"]),
    (
        "prove and compare",
        &[
            "verify-migration",
            "compare-mobility-2024-2023",
            "diagnostic-mobility",
            "explain-volume",
            "historique",
            "tables-info",
        ],
    ),
    ("clean up and keep", &["cleanup-temp", "archive-csv", "backup-critical", "restore-critical", "rotate-logs"]),
    ("definitive exports", &["populate-facts-full-production", "populate-facts-optimized", "cleanup-year"]),
    ("mend", &["merge-zones", "merge-dimension", "withdraw-provisional"]),
    (
        "portal",
        &[
            "serve-portal",
            "portal-users",
            "test-api-simple",
            "test-api-mobilite-directe",
            "test-infographie-apis",
            "test-zone-mapping-api-production",
            "cache-admin",
            "cleanup-old-cache",
            "clear-cache-midnight",
        ],
    ),
    ("security", &["security-cleanup-check", "test-admin-restrictions"]),
    ("try out", &["generate-sample-data"]),
];

/// The table of the project's README: steps of the work, and their tools with a link to the page of each.
pub(crate) fn table() -> String {
    let mut text = String::from("| step | tools |\n|---|---|\n");
    for (step, tools) in WORKFLOW {
        let links: Vec<String> = tools.iter().map(|name| format!("[`{name}`](docs/outils/{name}.md)")).collect();
        let _ = writeln!(text, "| **{step}** | {} |", links.join(", "));
    }
    text
}

fn index() -> String {
    let mut text = String::from(
        "# Les outils\n\nPages produites par `scripts/gen-docs` à partir de l'aide de chaque outil : ne les modifiez pas à la main.\n",
    );
    for category in CATEGORIES {
        let _ = write!(text, "\n## {} : {}\n\n| outil | rôle |\n|---|---|\n", category.name, category.purpose);
        for tool in category.tools {
            let _ = writeln!(text, "| [`{0}`]({0}.md) | {1} |", tool.name, cell(tool.about));
        }
    }
    text
}

fn page(category: &Category, tool: &Tool) -> String {
    let mut text = format!("# {}\n\n{}.\n\n", tool.name, tool.about.trim_end_matches('.'));
    let command = (tool.command)(tool);
    let operands: String = arguments(&command)
        .filter(|arg| arg.get_long().is_none() && arg.get_short().is_none())
        .map(|arg| format!(" {}", usage(arg)))
        .collect();
    let _ = writeln!(text, "```\n{} [options]{operands}", tool.name);
    let _ = writeln!(text, "flux {} {} [options]{operands}\n```\n", category.name, tool.name);
    let old: Vec<String> = tools::historical(tool).iter().map(|name| format!("`{name}`")).collect();
    if !old.is_empty() {
        let many = if old.len() > 1 { "Noms historiques, acceptés" } else { "Nom historique, accepté" };
        let _ = writeln!(text, "{many} par `flux` : {}.\n", old.join(", "));
    }
    let _ = writeln!(text, "```text\n{}\n```", tool.details.trim());
    if examples::of(tool.name).next().is_some() {
        text.push_str("\n## Exemples\n\n| commande | effet |\n|---|---|\n");
        for (command, purpose) in examples::of(tool.name) {
            let _ = writeln!(text, "| `{}` | {} |", cell(command), cell(purpose));
        }
    }
    options(&mut text, &command);
    text
}

fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// `-q, --quiet`, `--host HÔTE`, `[FICHIER]`
fn usage(arg: &Arg) -> String {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let value = names.join(" ");
    let optional = takes_value && arg.get_num_args().is_some_and(|count| count.min_values() == 0);
    let value = if optional { format!("[{value}]") } else { value };
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    match (names.is_empty(), takes_value) {
        (true, _) if arg.is_required_set() => format!("<{value}>"),
        (true, _) => format!("[{value}]"),
        (false, true) => format!("{} {value}", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

/// One table per heading, in the order of the help.
fn options(text: &mut String, command: &Command) {
    let heading = |arg: &Arg| arg.get_help_heading().unwrap_or("Options").to_owned();
    let mut headings: Vec<String> = Vec::new();
    for arg in arguments(command) {
        if !headings.contains(&heading(arg)) {
            headings.push(heading(arg));
        }
    }
    for title in headings {
        let _ = write!(text, "\n## {title}\n\n| option | effet |\n|---|---|\n");
        for arg in arguments(command).filter(|arg| heading(arg) == title) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {} |", cell(&usage(arg)), cell(&help));
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
    files::replace(path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_its_place_in_the_work() {
        let mut placed: Vec<&str> = WORKFLOW.iter().flat_map(|(_, tools)| tools.iter().copied()).collect();
        let mut known: Vec<&str> = tools::all().map(|(_, tool)| tool.name).collect();
        placed.sort_unstable();
        known.sort_unstable();
        assert_eq!(placed, known);
    }
}
